//! What is wrong with a file, in words.
use super::super::super::foreign::Command;
use super::super::super::memory::{self, NoMemory};
use super::super::super::normalise::{MAX_FRAME, NormaliseOptions};
use super::super::super::problem::Problem;
use super::super::chunks::Chunks;
use super::super::containers::{Refused, Told};
use super::super::open_file::OpenFile;
use super::SOI;
use pinhole::codec::jpeg::{self, JpegError};
use pinhole::media::{MediaErrorKind, ReadError};
use std::fmt;
use std::io;
use std::path::Path;

pub(super) const TOO_LARGE: &str = "the frame is too large";
/// The most bytes of an HTTP status line that are told.
const STATUS_LINE: usize = 100;
pub(super) const NO_FRAME: &str = "there is no frame in it that can be served";
pub(super) const EMPTY: &str = "the file is empty";

/// Why a frame cannot be sent.
pub(super) enum Unfit {
    Io(io::Error),
    /// Neither it nor any later one has room.
    NoMemory,
    Jpeg(JpegError),
    TooLate,
    TooLarge,
    Empty,
    /// It is this, and no JPEG picture.
    Foreign(&'static str),
}

impl From<NoMemory> for Unfit {
    fn from(_: NoMemory) -> Self {
        Self::NoMemory
    }
}

impl Unfit {
    /// Returns whether there is no point in going on with the file.
    pub(super) const fn is_of_all(&self) -> bool {
        matches!(self, Self::NoMemory)
    }

    pub(super) fn of_frame(&self, path: &Path, number: u64, start: u64, how: NormaliseOptions) -> Problem {
        match self {
            Self::Io(error) => Problem::frame(path, number, start, error),
            Self::NoMemory => Problem::frame(path, number, start, NoMemory),
            Self::Jpeg(error) => Problem::left_out(path, number, start, &(*error).into(), how),
            Self::TooLate => Problem::frame(path, number, start, "there are too many frames before it"),
            Self::TooLarge => Problem::frame(path, number, start, TOO_LARGE),
            Self::Empty => Problem::file(path, EMPTY),
            Self::Foreign(name) => Problem::frame(
                path,
                number,
                start,
                format_args!("this is {name}, and no JPEG; it is left out"),
            ),
        }
    }
}

/// Returns what there is to tell about the first frame of a file, if it is two fields of an interlaced picture:
/// two pictures of the same size, one after the other. Only the first of them is served.
pub(super) fn second_field(path: &Path, file: &OpenFile, at: u64, len: u32) -> Option<Problem> {
    let mut data = Vec::new();
    memory::resize(&mut data, len as usize).ok()?;
    file.read_exact(&mut data, at).ok()?;
    let first = jpeg::inspect(&data).ok()?;
    let rest = data.get(first.len..)?;
    let start = first.len + rest.windows(SOI.len()).position(|pair| pair == SOI)?;
    let second = jpeg::inspect(data.get(start..)?).ok()?;
    let (width, height) = (first.info.width, first.info.height);
    if (width, height) != (second.info.width, second.info.height) {
        return None;
    }
    let command = Command(path);
    let reason = format!(
        "the frames of this file are two fields each, and only the first one is served, {width}x{height}; this \
         command makes whole pictures of them: {command}"
    );
    Some(file.locate(Problem::frame(path, 0, at.saturating_add(start as u64), reason)))
}

/// Returns what there is to tell about a file whose content comes in chunks, the first of them at `at`.
pub(super) fn about_chunks(path: &Path, at: u64, chunks: &Chunks) -> impl Iterator<Item = Problem> {
    let header = (at > 0).then(|| Problem::frame(path, 0, 0, MediaErrorKind::Junk { len: at }));
    let damage = chunks.damaged_at().map(|at| {
        let reason = "an HTTP chunk should begin or end here; what follows is read as if it were in none";
        Problem { at: Some(at), ..Problem::file(path, reason) }
    });
    header.into_iter().chain(damage)
}

/// Returns why nothing of a file is served that begins with `first`.
pub(super) fn not_opened(path: &Path, first: &[u8], error: ReadError<io::Error>) -> Problem {
    let command = Command(path);
    match error {
        ReadError::Media(error)
            if error.reason == MediaErrorKind::Unrecognised && first.starts_with(b"HTTP/") =>
        {
            let line = first.split(|byte| byte.is_ascii_control()).next().unwrap_or_default();
            let status = String::from_utf8_lossy(line.get(..STATUS_LINE).unwrap_or(line));
            let reason = format!(
                "this is the answer of a web server without a video in it, \"{status}\"; check the address that it \
                 was asked for"
            );
            Problem::frame(path, 0, 0, reason)
        }
        ReadError::Media(error) if error.reason == MediaErrorKind::Unrecognised => {
            let reason = format!(
                "this is no Motion-JPEG: there is neither a JPEG picture (FF D8 FF) nor an AVI file in its \
                 first {} MiB; if it is another kind of video, this command makes Motion-JPEG of it: {command}",
                MAX_FRAME >> 20
            );
            Problem::frame(path, 0, 0, reason)
        }
        ReadError::Media(error) if matches!(error.reason, MediaErrorKind::OtherCodec { .. }) => {
            let reason = format!("{}; this command makes Motion-JPEG of it: {command}", error.reason);
            Problem { at: Some(error.at), ..Problem::file(path, reason) }
        }
        ReadError::Media(error) => Problem { at: Some(error.at), ..Problem::file(path, error.reason) },
        ReadError::Io(error) => Problem::file(path, error),
    }
}

/// Returns what a file is that is known to be no Motion-JPEG.
pub(super) fn foreign(path: &Path, name: &str) -> Problem {
    no_motion_jpeg(path, format_args!("this is {name}"))
}

fn no_motion_jpeg(path: &Path, what: impl fmt::Display) -> Problem {
    let command = Command(path);
    let reason = format!("{what}, and no Motion-JPEG; this command makes Motion-JPEG of it: {command}");
    Problem::frame(path, 0, 0, reason)
}

/// Returns why nothing of a container is served, which is called `name`.
pub(super) fn refused(path: &Path, name: &str, refused: Refused) -> Problem {
    match refused {
        Refused::Io(error) => Problem::file(path, error),
        Refused::Codec(codec) => no_motion_jpeg(path, format_args!("this is {name} with {codec} video")),
        Refused::NoVideo => Problem::frame(path, 0, 0, format_args!("this is {name} without video")),
        Refused::Unfinished(_) => {
            let reason = format!(
                "this is {name} that was not finished: it has no \"moov\" box, which says where its frames are"
            );
            Problem::file(path, reason)
        }
        Refused::Damaged(Told { at, reason }) => {
            let command = Command(path);
            let reason = format!(
                "this is {name} that cannot be read: {reason}; this command may make Motion-JPEG of it: {command}"
            );
            Problem { at, ..Problem::file(path, reason) }
        }
    }
}

/// Returns what there is to tell about a file whose tables are missing, but not its frames.
pub(super) fn without_times(path: &Path) -> Problem {
    let reason = "the file was not finished: it has no \"moov\" box, which has the times of its frames; they are \
                  found one after the other, and played as files without a clock are";
    Problem::file(path, reason)
}

/// Returns what there is to tell about a container that is served.
pub(super) fn told(path: &Path, told: Told) -> Problem {
    Problem { at: told.at, ..Problem::file(path, told.reason) }
}
