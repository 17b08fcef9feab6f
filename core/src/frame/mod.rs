//! What flows: frames, where they come from ([`FrameStore`]) and where they go ([`FrameSink`]).
mod clock;
mod ring;

pub use clock::ClockReference;
pub use ring::{FrameRing, Slot, Span, Spans};

use crate::codec::jpeg::{JpegInfo, Missing};
use crate::time::{Duration, MediaTime};

/// A frame's number in its track. Consecutive frames have consecutive numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct FrameId(pub u64);

impl FrameId {
    /// The frame after this one.
    pub const fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }
}

/// Which track of which medium.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct TrackId {
    /// The application's own number for the medium, given when it answers SETUP. The core only
    /// hands it back.
    pub media: u16,
    /// The track in it, from 0, in the order of the session description.
    pub track: u8,
}

/// How a frame is coded, with what a packetizer must know of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Format {
    /// A whole JPEG interchange file, of a kind that RFC 2435 can carry.
    Jpeg(JpegInfo),
}

/// One access unit, lent by a store.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// The coded bytes; `format` says what they are.
    pub data: &'a [u8],
    /// What the bytes are.
    pub format: Format,
    /// When it is to be shown.
    pub pts: MediaTime,
    /// For how long; zero where that is not known.
    pub duration: Duration,
    /// What of it was lost on the way.
    pub integrity: Integrity,
}

impl<'a> Frame<'a> {
    /// A JPEG file of which nothing is missing, shown at `pts` for `duration`.
    pub const fn jpeg(data: &'a [u8], info: JpegInfo, pts: MediaTime, duration: Duration) -> Self {
        Self { data, format: Format::Jpeg(info), pts, duration, integrity: Integrity::Complete }
    }
}

/// How much of a frame is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Integrity {
    /// Every byte.
    Complete,
    /// All but some restart intervals of a JPEG frame: see [`mend`](crate::codec::jpeg::mend()).
    Strips(Missing),
    /// Not all, and it is not known what is missing: bytes that never came read as zeros.
    Damaged,
}

impl Integrity {
    /// Whether every byte is there.
    pub const fn is_complete(&self) -> bool {
        matches!(self, Self::Complete)
    }
}

/// Why a store has no such frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Miss {
    /// It is not there yet.
    NotYet,
    /// It was there and is gone; the reader may go on at `resume`.
    Overrun {
        /// The newest frame that can be read.
        resume: FrameId,
    },
    /// There is none, and none will come.
    End,
}

/// Where in a track to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Seek {
    /// The newest frame.
    Live,
    /// The first frame at this time, or after it.
    To(MediaTime),
}

/// Where a server's frames come from: a ring, a mapped file, a clip in flash.
///
/// One store serves every medium, track and session of a server: it is lent at each poll, and
/// finds the medium by [`TrackId::media`].
pub trait FrameStore {
    /// Frame `id` of a track.
    ///
    /// # Errors
    /// A [`Miss`], which says whether to wait, to jump or to end.
    fn frame(&self, track: TrackId, id: FrameId) -> Result<Frame<'_>, Miss>;

    /// The number of the frame to go on from.
    fn seek(&self, track: TrackId, to: Seek) -> FrameId;
}

/// What is known of a frame once it has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct FrameEnd {
    /// What its bytes are.
    pub format: Format,
    /// For how long it is to be shown; zero where that is not known.
    pub duration: Duration,
    /// What of it came.
    pub integrity: Integrity,
}

/// There is no room, and none can be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Full;

/// Where received frames go, piece by piece, each straight to its place.
///
/// A track has at most one frame open: `begin`, any `write_at`, then `finish` or `abandon`.
pub trait FrameSink {
    /// Opens a frame. One that is still open is abandoned.
    ///
    /// # Errors
    /// [`Full`] when there is no room for another frame.
    fn begin(&mut self, track: u8, pts: MediaTime) -> Result<(), Full>;

    /// Writes `bytes` at `at` bytes from the open frame's start. A hole before `at` that was
    /// never written reads as zeros.
    ///
    /// # Errors
    /// [`Full`] when the frame would be larger than the sink can hold, or none is open.
    fn write_at(&mut self, track: u8, at: usize, bytes: &[u8]) -> Result<(), Full>;

    /// Closes the open frame; it can be read from now on.
    fn finish(&mut self, track: u8, end: FrameEnd);

    /// Drops the open frame, if there is one.
    fn abandon(&mut self, track: u8);
}

/// A store for each track: the index is the track.
impl<S: FrameStore> FrameStore for [S] {
    fn frame(&self, track: TrackId, id: FrameId) -> Result<Frame<'_>, Miss> {
        self.get(usize::from(track.track)).ok_or(Miss::End)?.frame(track, id)
    }

    fn seek(&self, track: TrackId, to: Seek) -> FrameId {
        self.get(usize::from(track.track)).map_or(FrameId(0), |store| store.seek(track, to))
    }
}

/// A sink for each track: the index is the track.
impl<K: FrameSink> FrameSink for [K] {
    fn begin(&mut self, track: u8, pts: MediaTime) -> Result<(), Full> {
        self.get_mut(usize::from(track)).ok_or(Full)?.begin(track, pts)
    }

    fn write_at(&mut self, track: u8, at: usize, bytes: &[u8]) -> Result<(), Full> {
        self.get_mut(usize::from(track)).ok_or(Full)?.write_at(track, at, bytes)
    }

    fn finish(&mut self, track: u8, end: FrameEnd) {
        if let Some(sink) = self.get_mut(usize::from(track)) {
            sink.finish(track, end);
        }
    }

    fn abandon(&mut self, track: u8) {
        if let Some(sink) = self.get_mut(usize::from(track)) {
            sink.abandon(track);
        }
    }
}
