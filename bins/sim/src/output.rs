//! Standard output.
use std::fmt::Display;
use std::io::{self, ErrorKind, Write};

/// Writes a line. That nobody wants to know it is no failure.
///
/// # Errors
/// It cannot be written.
pub(crate) fn say(line: impl Display) -> io::Result<()> {
    match writeln!(io::stdout(), "{line}") {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}
