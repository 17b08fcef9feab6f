//! Media: frames, where they come from ([`FrameStore`]), where they go ([`FrameSink`]), and a ring of
//! them that is both ([`FrameRing`]). A codec's inner structure is not known here.
mod clock;
mod ring;
mod track;

pub use clock::ClockReference;
pub use ring::{FrameRing, Slot, TimeRange, TimeRanges};
pub use track::{TrackId, TrackInfo};

use crate::time::MediaTime;
use zerocopy::little_endian::U32;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// A frame's number in its track. Consecutive frames have consecutive numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct FrameId(pub u64);

impl FrameId {
    /// Returns the number of the frame after this one.
    pub const fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }
}

/// One access unit of a track: a picture, or a run of samples. Borrowed from a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The coded bytes, in the form that the track's [`Codec`](crate::codec::Codec) describes.
    pub data: &'a [u8],
    /// When the frame is shown: ticks of the track's clock ([`TrackInfo::clock_rate`]) since the
    /// medium's start.
    pub time: u64,
    /// For how many ticks the frame is shown; 0 if that is not known.
    pub duration: u32,
    /// Whether other frames are needed to decode this one, or need it, and whether all of it is there.
    pub flags: Flags,
    /// The parts of `data` that were lost, in ascending order and without overlap. Not empty exactly if
    /// the integrity is [`Integrity::Partial`].
    pub missing: &'a [ByteRange],
}

impl<'a> Frame<'a> {
    /// Makes a complete frame that can be decoded on its own and that no other frame needs.
    pub const fn intra(data: &'a [u8], time: u64, duration: u32) -> Self {
        Self { data, time, duration, flags: Flags::INTRA, missing: &[] }
    }

    /// Returns when the frame is shown, to the nearest microsecond. `clock_rate` is the track's.
    pub const fn media_time(&self, clock_rate: u32) -> MediaTime {
        MediaTime::from_ticks(self.time, clock_rate)
    }
}

/// What a sender may do with a frame, and how much of it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Flags {
    /// Decoding can begin at this frame: no earlier frame is needed for it, or for those after it.
    pub sync: bool,
    /// No other frame needs this one, so that it can be left out alone.
    pub droppable: bool,
    /// How much of the frame is there.
    pub integrity: Integrity,
}

impl Flags {
    /// The flags of a complete frame of a codec without references between frames, such as Motion-JPEG
    /// or PCM.
    pub const INTRA: Self = Self { sync: true, droppable: true, integrity: Integrity::Complete };

    /// Returns these flags with another integrity.
    pub const fn with_integrity(self, integrity: Integrity) -> Self {
        Self { integrity, ..self }
    }
}

/// How much of a frame is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Integrity {
    /// Every byte.
    Complete,
    /// Every byte but those of [`Frame::missing`], whose values mean nothing. A decoder can go on after
    /// each missing range.
    Partial,
    /// Not every byte, and it is not known which are missing. Bytes that never came are zero.
    Damaged,
}

impl Integrity {
    /// Returns whether every byte is there.
    pub const fn is_complete(self) -> bool {
        matches!(self, Self::Complete)
    }
}

/// A range of a frame's bytes, from `start` to before `end`. Stored as eight bytes without alignment.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct ByteRange {
    start: U32,
    end: U32,
}

impl ByteRange {
    /// The most ranges that one frame can have: what is missing beyond that is joined to the last.
    pub const MAX: usize = 8;

    /// Makes the range from byte `start` to before byte `end`.
    pub const fn new(start: u32, end: u32) -> Self {
        Self { start: U32::new(start), end: U32::new(end) }
    }

    /// Returns the first byte, counted from the frame's start.
    pub const fn start(&self) -> u32 {
        self.start.get()
    }

    /// Returns the byte after the last, counted from the frame's start.
    pub const fn end(&self) -> u32 {
        self.end.get()
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for ByteRange {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "{}..{}", self.start(), self.end());
    }
}

/// Why a store does not have a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Miss {
    /// The frame is not there yet. The reader asks again when the store has changed.
    NotYet,
    /// The frame was there and is gone, because newer ones took its place. The reader may go on at
    /// `newest`.
    Overrun {
        /// The newest frame at which decoding can begin.
        newest: FrameId,
    },
    /// This frame can never be had: it cannot be read, decoded or carried. The reader passes over it, in
    /// the direction in which it plays.
    Unusable,
    /// There is no such frame, and none will come: the track ends before it.
    End,
}

/// Where in a medium to go, the same place for all of its tracks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Seek {
    /// The newest frame at which decoding can begin.
    Live,
    /// The first frame at this time or after it.
    To(MediaTime),
}

/// Where a server's frames come from: a ring, a mapped file, a clip in flash.
///
/// One store serves every medium, track and session of a server. It is passed to each poll, and finds
/// the medium by [`TrackId::media`].
///
/// A store answers at once: it returns what it has, or a [`Miss`] that says why not. It does not read,
/// decode or wait. What it has to prepare, it prepares elsewhere, from what sessions want next
/// ([`ServerConn::wanted`](crate::server::ServerConn::wanted)). As long as a frame can be had, its
/// number stands for the same bytes.
pub trait FrameStore {
    /// Returns the codec and clock of a track; `None` if there is no such track.
    fn info(&self, track: TrackId) -> Option<TrackInfo<'_>>;

    /// Returns frame `id` of a track.
    ///
    /// # Errors
    /// A [`Miss`], which says whether to wait, jump, pass over the frame, or end.
    fn frame(&self, track: TrackId, id: FrameId) -> Result<Frame<'_>, Miss>;

    /// Returns the number of the frame at a place. For [`Seek::To`] after the last frame, that is the
    /// number that the next frame would have.
    ///
    /// # Errors
    /// [`Miss::NotYet`] if the place is not known yet, [`Miss::End`] if there is no such track.
    fn seek(&self, track: TrackId, to: Seek) -> Result<FrameId, Miss>;

    /// Returns when frame `id` is shown, in ticks of the track's clock. A store that knows times of frames
    /// whose bytes it does not have yet overrides this.
    ///
    /// # Errors
    /// As [`Self::frame`].
    fn time(&self, track: TrackId, id: FrameId) -> Result<u64, Miss> {
        self.frame(track, id).map(|frame| frame.time)
    }

    /// Returns which wall clock time one time of the track was at its source, if the source said so.
    fn clock(&self, _track: TrackId) -> Option<ClockReference> {
        None
    }
}

/// What a receiver says of a frame that ends.
#[derive(Clone, Copy, Debug)]
pub struct FrameEnd<'a> {
    /// Bytes of the frame. What was written after this many is dropped.
    pub len: usize,
    /// For how many ticks the frame is shown; 0 if that is not known.
    pub duration: u32,
    /// Whether other frames are needed to decode this one, or need it, and whether all of it came.
    pub flags: Flags,
    /// As [`Frame::missing`]; at most [`ByteRange::MAX`] ranges.
    pub missing: &'a [ByteRange],
}

impl FrameEnd<'static> {
    /// Makes the end of a complete frame of `len` bytes that can be decoded on its own and that no other
    /// frame needs.
    pub const fn intra(len: usize, duration: u32) -> Self {
        Self { len, duration, flags: Flags::INTRA, missing: &[] }
    }
}

/// There is no room for a frame, and none can be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Full;

/// Where received frames go, piece by piece, each directly to its place.
///
/// A track has at most one frame open: `begin`, any number of `write_at`, then `finish` or `abandon`.
pub trait FrameSink {
    /// Says what the frames of a track are, before the first one and whenever that changes. Does nothing by
    /// default, for sinks that know.
    fn describe(&mut self, _track: u8, _info: TrackInfo<'_>) {}

    /// Opens a frame that is shown at `time`, in ticks of the track's clock. A frame of the track that is
    /// still open is abandoned.
    ///
    /// # Errors
    /// [`Full`] if there is no room for another frame, or the frame is not wanted.
    fn begin(&mut self, track: u8, time: u64) -> Result<(), Full>;

    /// Writes `bytes` at `at` bytes from the open frame's start, in any order, also over what was written
    /// before. Bytes before `at` that were never written become zero.
    ///
    /// # Errors
    /// [`Full`] if the frame would be larger than the sink can hold, or if none is open.
    fn write_at(&mut self, track: u8, at: usize, bytes: &[u8]) -> Result<(), Full>;

    /// Closes the open frame, which can be read from now on. Does nothing if none is open.
    fn finish(&mut self, track: u8, end: FrameEnd<'_>);

    /// Drops the open frame, if there is one.
    fn abandon(&mut self, track: u8);
}

/// A store for each track of one medium: the index is the track.
impl<S: FrameStore> FrameStore for [S] {
    fn info(&self, track: TrackId) -> Option<TrackInfo<'_>> {
        self.get(usize::from(track.track))?.info(track)
    }

    fn frame(&self, track: TrackId, id: FrameId) -> Result<Frame<'_>, Miss> {
        self.get(usize::from(track.track)).ok_or(Miss::End)?.frame(track, id)
    }

    fn seek(&self, track: TrackId, to: Seek) -> Result<FrameId, Miss> {
        self.get(usize::from(track.track)).ok_or(Miss::End)?.seek(track, to)
    }

    fn time(&self, track: TrackId, id: FrameId) -> Result<u64, Miss> {
        self.get(usize::from(track.track)).ok_or(Miss::End)?.time(track, id)
    }

    fn clock(&self, track: TrackId) -> Option<ClockReference> {
        self.get(usize::from(track.track))?.clock(track)
    }
}

/// A sink for each track: the index is the track.
impl<K: FrameSink> FrameSink for [K] {
    fn describe(&mut self, track: u8, info: TrackInfo<'_>) {
        if let Some(sink) = self.get_mut(usize::from(track)) {
            sink.describe(track, info);
        }
    }

    fn begin(&mut self, track: u8, time: u64) -> Result<(), Full> {
        self.get_mut(usize::from(track)).ok_or(Full)?.begin(track, time)
    }

    fn write_at(&mut self, track: u8, at: usize, bytes: &[u8]) -> Result<(), Full> {
        self.get_mut(usize::from(track)).ok_or(Full)?.write_at(track, at, bytes)
    }

    fn finish(&mut self, track: u8, end: FrameEnd<'_>) {
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
