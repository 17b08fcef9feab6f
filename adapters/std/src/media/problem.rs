//! Faults of media, with their places.
use super::normalise::{Fault, NormaliseOptions};
use pinhole::text::Count;
use std::fmt;
use std::path::{Path, PathBuf};

/// The most faults of one file that are kept. A file that is no video has thousands.
const MAX_PROBLEMS: usize = 8;

/// A fault of a medium: what could not be served, and why. It is displayed as one line with all of its
/// parts.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// The path of the file or directory. For a live input or a test pattern, the name under which it was
    /// added, which is no path.
    pub path: PathBuf,
    /// The number of the frame in the file or the live input, counted from 0. Frames that were left out are
    /// counted, too. For a picture of a directory, [`Self::path`] names the picture, and this number is 0 or
    /// the place of the picture among the pictures of the directory, counted from 0. `None` if the problem is
    /// one of the whole file or input.
    pub frame: Option<u64>,
    /// The offset of the fault in bytes from the start of the file or the live input. `None` if the offset
    /// is not known.
    pub at: Option<u64>,
    /// The reason why the frame or file cannot be served: a clause in English, without the path.
    pub reason: String,
    /// Is true if [`NormaliseOptions::transcode`] is off and the frame could perhaps be served with this
    /// option on. False if that option is on, would not help, or is not compiled in.
    pub transcode: bool,
}

impl Problem {
    pub(super) fn file(path: &Path, reason: impl fmt::Display) -> Self {
        Self { path: path.to_owned(), frame: None, at: None, reason: reason.to_string(), transcode: false }
    }

    pub(super) fn frame(path: &Path, frame: u64, at: u64, reason: impl fmt::Display) -> Self {
        Self { frame: Some(frame), at: Some(at), ..Self::file(path, reason) }
    }

    /// Creates the problem of a frame that is left out. It starts at offset `start`.
    pub(super) fn left_out(
        path: &Path,
        frame: u64,
        start: u64,
        fault: &Fault,
        how: NormaliseOptions,
    ) -> Self {
        let reason = format!("{}; the frame is left out", fault.reason);
        let transcode = fault.transcoding_may_help(how);
        Self { transcode, ..Self::frame(path, frame, start.saturating_add(fault.at as u64), reason) }
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

/// Collects the faults of one file, of which only the first are kept.
#[derive(Debug, Default)]
pub(super) struct Problems {
    kept: Vec<Problem>,
    more: usize,
}

impl Problems {
    pub(super) fn push(&mut self, problem: Problem) {
        if self.kept.len() < MAX_PROBLEMS {
            self.kept.push(problem);
        } else {
            self.more += 1;
        }
    }

    pub(super) fn extend(&mut self, problems: impl IntoIterator<Item = Problem>) {
        problems.into_iter().for_each(|problem| self.push(problem));
    }

    /// Returns the faults, with their number if there were more.
    pub(super) fn of(mut self, path: &Path) -> Vec<Problem> {
        if self.more > 0 {
            self.kept.push(Problem::file(
                path,
                Count(self.more, "more fault like these", "more faults like these").to_string(),
            ));
        }
        self.kept
    }
}
