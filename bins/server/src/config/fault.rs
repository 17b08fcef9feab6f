//! What is wrong in a configuration, and where.
use std::fmt::Display;
use std::path::Path;

/// How many faults are told at most. Each takes a walk through the text.
const MOST: usize = 50;

/// Something wrong in the text of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// The byte at which it begins.
    pub(super) at: usize,
    pub(super) text: String,
}

impl Fault {
    pub(super) fn new(at: usize, text: impl Into<String>) -> Self {
        Self { at, text: text.into() }
    }
}

/// Returns a line for each fault, in the order of the text, with its line and column in it.
pub(super) fn told(path: &Path, text: &str, mut faults: Vec<Fault>) -> Vec<String> {
    faults.sort_by_key(|fault| fault.at);
    let more = faults.len().saturating_sub(MOST);
    faults.truncate(MOST);
    let mut told: Vec<_> =
        faults.iter().map(|fault| format!("{}: {}", place(path, text, fault.at), fault.text)).collect();
    if more > 0 {
        told.push(format!("{}: and {more} more", path.display()));
    }
    told
}

/// Returns a place in a file as compilers write it: the file, the line, and the character in it.
pub(super) fn place(path: &Path, text: &str, at: usize) -> impl Display {
    let before = text.get(..text.floor_char_boundary(at)).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = 1 + before.bytes().filter(|byte| *byte == b'\n').count();
    let column = 1 + before.get(line_start..).map_or(0, |line| line.chars().count());
    format!("{}:{line}:{column}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_counts_lines_and_characters() {
        let text = "a = 1\n\u{fc}b = 2\n";
        for (at, expected) in
            [(0, "F:1:1"), (5, "F:1:6"), (6, "F:2:1"), (7, "F:2:1"), (8, "F:2:2"), (99, "F:3:1")]
        {
            assert_eq!(place(Path::new("F"), text, at).to_string(), expected, "{at}");
        }
    }

    #[test]
    fn the_number_of_faults_is_bounded() {
        let faults = (0..MOST + 3).rev().map(|at| Fault::new(at, "wrong")).collect();
        let told = told(Path::new("F"), &"\n".repeat(MOST + 3), faults);
        assert_eq!(told.len(), MOST + 1);
        assert_eq!((told[0].as_str(), told[MOST].as_str()), ("F:1:1: wrong", "F: and 3 more"));
    }
}
