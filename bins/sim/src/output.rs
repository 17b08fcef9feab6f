//! Standard output.
use std::fmt::Display;
use std::io::{self, ErrorKind, Write};

/// Writes a line. A closed pipe is not an error.
///
/// # Errors
/// Returns the error of writing.
pub(crate) fn say(line: impl Display) -> io::Result<()> {
    match writeln!(io::stdout(), "{line}") {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}
