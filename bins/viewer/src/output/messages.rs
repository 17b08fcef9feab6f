//! Messages on standard error, for which nobody waits.
use pinhole_log::Log;
use std::sync::OnceLock;

/// The log of the program.
static LOG: OnceLock<Log> = OnceLock::new();

/// Has all messages written to `log`. Without it, as in tests, they go nowhere.
pub(crate) fn print_to(log: Log) {
    // Fails only if there is one already.
    let _ = LOG.set(log);
}

/// Prints one line to standard error, after the name of the program, without waiting.
pub(crate) fn print_message(line: &str) {
    if let Some(log) = LOG.get() {
        log.complain(&line);
    }
}
