//! Messages on standard error, for which nobody waits.
use pinhole_log::{Log, Output, Rate};
use std::sync::OnceLock;

/// The log of the program.
static LOG: OnceLock<Log> = OnceLock::new();

/// How many lines about a stream's ups and downs are printed in ten seconds.
const EVENTS: Rate<'_> = Rate { kind: "stream", label: "changes of the stream", peer: None, lines: 10 };

/// Has all messages written to `log`. Without it, as in tests, they go nowhere.
pub(crate) fn print_to(log: Log) {
    // Fails only if there is one already.
    let _ = LOG.set(log);
}

/// Prints one line about what a stream does, after the time and the name of the program. As a stream may do
/// that again and again, the lines are bounded.
pub(crate) fn print_event(line: &str) {
    if let Some(log) = LOG.get() {
        log.offer(Output::Err, EVENTS, || line.to_owned());
    }
}

/// Prints one line to standard error, after the name of the program, without waiting.
pub(crate) fn print_message(line: &str) {
    if let Some(log) = LOG.get() {
        log.complain(&line);
    }
}
