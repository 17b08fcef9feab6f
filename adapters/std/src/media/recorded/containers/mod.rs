//! Containers that say in tables where their frames are, and when each is shown: Matroska, MP4 and QuickTime.
//!
//! Nothing of a frame is read here. The other formats, whose frames are found one after the other, are those of
//! [`pinhole::media::FrameReader`].
mod bytes;
mod codecs;
#[cfg(any(test, feature = "simulation"))]
pub(super) mod making;
mod matroska;
mod mp4;
mod samples;
#[cfg(test)]
mod tests;
mod timing;

use super::super::foreign::Container;
use super::super::memory::NoMemory;
use super::files::ReadAt;
use super::scan::Meter;
use bytes::Bytes;
use std::fmt;
use std::io;

pub(in super::super) use timing::{Timing, Unit};

/// The most frames of a file. They are those of three days at 30 frames per second.
const MAX_SAMPLES: usize = 1 << 23;
/// The most tracks of a file that are looked at.
const MAX_TRACKS: usize = 256;

/// The Motion-JPEG of a file.
#[derive(Debug)]
pub(super) struct Video {
    /// The frames, in the order in which they are shown.
    pub(super) samples: Vec<Sample>,
    pub(super) timing: Timing,
    /// The end of the video, in slots of the timing.
    pub(super) slots: u64,
    /// What is not served, or not as it should be.
    pub(super) problems: Vec<Told>,
    /// The number of tracks with audio.
    pub(super) audio: usize,
}

/// A frame: where it is in the file, and when it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sample {
    /// Bytes from the start of the file.
    pub(super) at: u64,
    pub(super) len: u32,
    /// Its number in its track, counted from 0.
    pub(super) number: u32,
    /// The time at which it is shown. It is in units of the container first, and in slots of [`Timing`] in a
    /// [`Video`].
    pub(super) time: u64,
}

/// Something to tell of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Told {
    /// The offset in bytes from the start of the file, if it is known.
    pub(super) at: Option<u64>,
    /// A clause in English.
    pub(super) reason: String,
}

impl Told {
    fn of(reason: impl Into<String>) -> Self {
        Self { at: None, reason: reason.into() }
    }

    fn at(at: u64, reason: impl Into<String>) -> Self {
        Self { at: Some(at), reason: reason.into() }
    }
}

/// Why nothing of a file is served.
#[derive(Debug)]
pub(super) enum Refused {
    Io(io::Error),
    /// The codec of the video.
    Codec(String),
    /// There is no video in it.
    NoVideo,
    /// It does not have what its frames are found by. They may begin at this offset.
    Unfinished(u64),
    Damaged(Told),
}

impl From<NoMemory> for Refused {
    fn from(error: NoMemory) -> Self {
        Self::Io(error.into())
    }
}

impl From<io::Error> for Refused {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Tells that one of several video tracks is served.
fn about_tracks(videos: usize, number: impl fmt::Display) -> Told {
    Told::of(format!(
        "there are {videos} video tracks, and the first with Motion-JPEG, track {number}, is served"
    ))
}

/// Returns up to `len` bytes of a file, from `at` on, or what can be read of them. Blocks.
pub(super) fn peek(file: &dyn ReadAt, at: u64, len: usize, meter: &Meter<'_>) -> Vec<u8> {
    Bytes::new(file, u64::MAX, meter).vec(at, len).unwrap_or_default()
}

/// Finds the frames of a file of `len` bytes. Blocks.
///
/// # Errors
/// Why nothing of it is served.
pub(super) fn find(
    container: Container,
    file: &dyn ReadAt,
    len: u64,
    meter: &Meter<'_>,
) -> Result<Video, Refused> {
    let mut bytes = Bytes::new(file, len, meter);
    match container {
        Container::Matroska => matroska::find(&mut bytes),
        Container::Mp4 => mp4::find(&mut bytes),
    }
}
