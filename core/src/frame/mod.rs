//! Frames of media: where a sender gets them ([`FrameStore`]), where a receiver puts them
//! ([`FrameSink`]), and a ring that is both ([`FrameRing`]). This module knows nothing of what codecs
//! write into a frame.
mod clock;
mod ring;
mod track;

pub use clock::ClockReference;
pub use ring::{FrameRing, Slot, TimeRange, TimeRanges};
pub use track::{TrackId, TrackInfo};

use crate::time::MediaTime;
use zerocopy::little_endian::U32;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The number of a frame in its track. Consecutive frames have consecutive numbers. It is not a sequence
/// number of packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct FrameId(pub u64);

impl FrameId {
    /// Returns the number of the frame after this one.
    pub const fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }
}

/// One frame of a track, borrowed from a store: a picture, or a run of audio samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The coded bytes, in the form that the track's [`Codec`](crate::codec::Codec) describes.
    pub data: &'a [u8],
    /// When the frame is shown, in ticks of the track's clock ([`TrackInfo::clock_rate`]) since the
    /// medium's start.
    pub time: u64,
    /// How long the frame is shown, in ticks of the track's clock; 0 if that is not known.
    pub duration: u32,
    /// Whether the frame can be decoded on its own, whether others need it, and whether it is complete.
    pub flags: Flags,
    /// The ranges of `data` that were lost, in ascending order and without overlap. There are some if the
    /// integrity is [`Integrity::Partial`], and none otherwise.
    pub missing: &'a [ByteRange],
}

impl<'a> Frame<'a> {
    /// Makes a complete frame that can be decoded on its own and that no other frame needs.
    pub const fn intra(data: &'a [u8], time: u64, duration: u32) -> Self {
        Self { data, time, duration, flags: Flags::INTRA, missing: &[] }
    }

    /// Returns when the frame is shown, rounded to a microsecond. `clock_rate` is that of the track, in
    /// ticks per second.
    pub const fn media_time(&self, clock_rate: u32) -> MediaTime {
        MediaTime::from_ticks(self.time, clock_rate)
    }
}

/// Properties of a frame that decide what a sender may leave out, and whether the frame is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Flags {
    /// Whether decoding can begin at this frame: neither it nor any later frame needs an earlier one.
    pub sync: bool,
    /// Whether no other frame needs this one to be decoded, so that a sender can leave it out alone.
    pub droppable: bool,
    /// How much of the frame's data is there: all, all but known ranges, or an unknown part.
    pub integrity: Integrity,
}

impl Flags {
    /// The flags of a complete frame whose codec has no references between frames, such as Motion-JPEG or
    /// PCM.
    pub const INTRA: Self = Self { sync: true, droppable: true, integrity: Integrity::Complete };

    /// Whether the frame needs no other frame, and no other frame needs it.
    pub const fn is_intra(self) -> bool {
        self.sync && self.droppable
    }

    /// Returns a copy of these flags with `integrity` in place of their own.
    pub const fn with_integrity(self, integrity: Integrity) -> Self {
        Self { integrity, ..self }
    }
}

/// How much of a frame's data is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Integrity {
    /// Every byte of the frame is there.
    Complete,
    /// Every byte is there except those in [`Frame::missing`], whose values mean nothing. A decoder can
    /// continue after each missing range.
    Partial,
    /// Some bytes are missing, and it is not known which. Bytes that never came are 0.
    Damaged,
}

impl Integrity {
    /// Whether every byte of the frame is there.
    pub const fn is_complete(self) -> bool {
        matches!(self, Self::Complete)
    }
}

/// A range of bytes of a frame, from `start` to before `end`. It is stored as eight bytes without
/// alignment.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct ByteRange {
    start: U32,
    end: U32,
}

impl ByteRange {
    /// The most missing ranges of one frame. If more is missing, the last range covers the rest.
    pub const MAX: usize = 8;

    /// Makes the range from byte `start` to before byte `end`.
    pub const fn new(start: u32, end: u32) -> Self {
        Self { start: U32::new(start), end: U32::new(end) }
    }

    /// Returns the offset of the first byte from the start of the frame.
    pub const fn start(&self) -> u32 {
        self.start.get()
    }

    /// Returns the offset after the last byte from the start of the frame.
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

/// Why a [`FrameStore`] does not return a frame, and what its reader has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Miss {
    /// The frame is not there yet. The reader waits, and asks again when the store has changed.
    NotYet,
    /// The frame was there and is gone, because newer ones took its place. The reader continues at
    /// `newest`.
    Overrun {
        /// The newest frame at which decoding can begin.
        newest: FrameId,
    },
    /// The frame can never be had, because it cannot be read, decoded or carried. The reader skips it, in
    /// the direction in which it plays.
    Unusable,
    /// There is no such frame and none will come, because the track ends before it. The reader stops.
    End,
}

/// A place in a medium, for all of its tracks alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Seek {
    /// The live edge of the medium: the newest frame at which decoding can begin.
    Live,
    /// The first frame that is shown at this time or after it.
    To(MediaTime),
}

/// A source of frames: a ring, a mapped file, a clip in flash.
///
/// One store serves all media, tracks and sessions of a server. It is passed to each poll, and finds the
/// medium by [`TrackId::media`].
///
/// A store answers at once: it returns a frame, or a [`Miss`] that says why not. It must not read files,
/// decode or wait. If frames have to be prepared, that happens elsewhere, by what sessions want next
/// ([`ServerConn::wanted`](crate::server::ServerConn::wanted)). As long as a frame can be had, its number
/// must stand for the same bytes.
pub trait FrameStore {
    /// Returns the codec and clock of a track; `None` if there is no such track.
    fn info(&self, track: TrackId) -> Option<TrackInfo<'_>>;

    /// Returns frame `id` of a track.
    ///
    /// # Errors
    /// Returns a [`Miss`] if the frame cannot be had now. It says whether to wait, to jump, to skip the
    /// frame, or to stop.
    fn frame(&self, track: TrackId, id: FrameId) -> Result<Frame<'_>, Miss>;

    /// Returns the number of the frame at a place. For a time after the last frame, that is the number
    /// which the next frame would have.
    ///
    /// # Errors
    /// Returns [`Miss::NotYet`] if the place is not known yet, and [`Miss::End`] if there is no such track.
    fn seek(&self, track: TrackId, to: Seek) -> Result<FrameId, Miss>;

    /// Returns when frame `id` is shown, in ticks of the track's clock. By default it looks at the frame. A
    /// store that knows the times of frames before it has their bytes overrides this.
    ///
    /// # Errors
    /// Returns a [`Miss`] if the time is not known.
    fn time(&self, track: TrackId, id: FrameId) -> Result<u64, Miss> {
        self.frame(track, id).map(|frame| frame.time)
    }

    /// Returns one moment on the wall clock of the track's source and on the track's clock; `None` if the
    /// source has given none, as by default.
    fn clock(&self, _track: TrackId) -> Option<ClockReference> {
        None
    }
}

/// What [`FrameSink::finish`] says about a frame: its length, duration and flags, and what is missing.
#[derive(Clone, Copy, Debug)]
pub struct FrameEnd<'a> {
    /// The length of the frame in bytes. Bytes that were written after it are dropped.
    pub len: usize,
    /// How long the frame is shown, in ticks of the track's clock; 0 if that is not known.
    pub duration: u32,
    /// Whether the frame can be decoded on its own, whether others need it, and whether it is complete.
    pub flags: Flags,
    /// The ranges of the frame that were lost, as in [`Frame::missing`]; at most [`ByteRange::MAX`].
    pub missing: &'a [ByteRange],
}

impl FrameEnd<'static> {
    /// Makes the end of a complete frame of `len` bytes that can be decoded on its own and that no other
    /// frame needs.
    pub const fn intra(len: usize, duration: u32) -> Self {
        Self { len, duration, flags: Flags::INTRA, missing: &[] }
    }
}

/// The error that a sink has no room for a frame and cannot make any, or does not want the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Full;

/// A destination of received frames, which are written piece by piece, each directly to its place.
///
/// A track has at most one open frame: `begin`, any number of `write_at`, then `finish` or `abandon`.
pub trait FrameSink {
    /// Takes the codec and clock of a track, before its first frame and whenever they change. By default
    /// this does nothing, for sinks that know them.
    fn describe(&mut self, _track: u8, _info: TrackInfo<'_>) {}

    /// Opens a frame that is shown at `time`, in ticks of the track's clock. A frame of the track that is
    /// still open is abandoned.
    ///
    /// # Errors
    /// Returns [`Full`] if there is no room for another frame, or if the sink does not want the frame. The
    /// frame is not open then.
    fn begin(&mut self, track: u8, time: u64) -> Result<(), Full>;

    /// Writes `bytes` at offset `at` of the open frame. Pieces may come in any order and may overwrite
    /// earlier ones. Bytes before `at` that were never written become 0.
    ///
    /// # Errors
    /// Returns [`Full`] if the frame would be longer than the sink can hold, or if no frame is open.
    fn write_at(&mut self, track: u8, at: usize, bytes: &[u8]) -> Result<(), Full>;

    /// Closes the open frame, which can be read from now on. Does nothing if no frame is open.
    fn finish(&mut self, track: u8, end: FrameEnd<'_>);

    /// Drops the open frame, if there is one.
    fn abandon(&mut self, track: u8);
}

/// A slice of stores is the store of one medium: the index is the number of the track.
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

/// A slice of sinks is the sink of one presentation: the index is the number of the track.
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
