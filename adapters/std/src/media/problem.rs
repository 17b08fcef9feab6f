//! What is wrong with a medium, and where.
use std::fmt;
use std::path::{Path, PathBuf};

/// Something that could not be served: what, where and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file or directory.
    pub path: PathBuf,
    /// The frame, counted from 0, if it is about one.
    pub frame: Option<u64>,
    /// Bytes from the start of the file, if that is known.
    pub at: Option<u64>,
    /// What is wrong.
    pub reason: String,
}

impl Problem {
    pub(super) fn file(path: &Path, reason: impl fmt::Display) -> Self {
        Self { path: path.to_owned(), frame: None, at: None, reason: reason.to_string() }
    }

    pub(super) fn frame(path: &Path, frame: u64, at: u64, reason: impl fmt::Display) -> Self {
        Self { path: path.to_owned(), frame: Some(frame), at: Some(at), reason: reason.to_string() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.path.display())?;
        if let Some(frame) = self.frame {
            write!(f, "frame {frame}, ")?;
        }
        if let Some(at) = self.at {
            write!(f, "byte {at}: ")?;
        }
        f.write_str(&self.reason)
    }
}
