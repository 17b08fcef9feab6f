//! Messages on standard error.
use std::io::{self, Write};

/// Prints one line to standard error. Does nothing if that is closed.
pub(crate) fn print_message(line: &str) {
    let _ = writeln!(io::stderr(), "pinhole-viewer: {line}");
}
