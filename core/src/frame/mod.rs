//! Frames of media: where a sender gets frames from ([`FrameStore`]), where a receiver puts frames
//! ([`FrameSink`]), and two that are both: a ring ([`FrameRing`]) and a pool of equal buffers ([`FramePool`]). This module knows nothing of what codecs write
//! into a frame.
mod clock;
mod pool;
mod ring;
#[cfg(test)]
mod tests;
mod track;
mod want;

pub use clock::ClockReference;
pub use pool::{FramePool, Lease, PoolSlot};
pub use ring::{FrameRing, Slot, TimeRange, TimeRanges};
pub use track::{TrackId, TrackInfo};
pub use want::Want;

use crate::time::MediaTime;
use core::fmt;
use zerocopy::little_endian::U32;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The number of a frame in its track. Consecutive frames have consecutive numbers. A frame keeps its
/// number as long as it is in its store. The number has nothing to do with the sequence numbers of RTP
/// packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct FrameId(pub u64);

impl FrameId {
    /// Returns the number of the frame after this one. After `u64::MAX` it begins again at 0.
    pub const fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }
}

/// One frame of a track, borrowed from a store: a picture, or a run of audio samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The coded bytes of the whole frame, in the form that the track's [`Codec`](crate::codec::Codec)
    /// describes.
    pub data: &'a [u8],
    /// When the frame begins to be shown, in ticks of the track's clock ([`TrackInfo::clock_rate`]). The
    /// ticks are counted from the medium's start; for a live medium, from any moment that is the same for all
    /// of its frames.
    pub time: u64,
    /// How long the frame is shown, in ticks of the track's clock; 0 if that is not known.
    pub duration: u32,
    /// Says whether the frame can be decoded on its own, whether other frames need it, and whether it is
    /// complete.
    pub flags: Flags,
    /// The ranges of [`Self::data`] that were lost, in ascending order and without overlap. The slice is
    /// empty unless the integrity in [`Self::flags`] is [`Integrity::Partial`].
    ///
    /// `data` has its full length all the same. In a missing range, `data` holds other bytes than the
    /// sender's: do not use them. A frame has at most [`ByteRange::MAX`] ranges. If more parts were lost,
    /// the last range reaches to the end of the last lost part. That range then also covers bytes that
    /// came.
    pub missing: &'a [ByteRange],
}

impl<'a> Frame<'a> {
    /// Makes a complete frame that can be decoded on its own and that no other frame needs, such as a JPEG or
    /// a run of PCM samples. `time` and `duration` are in ticks of the track's clock, as in [`Self::time`]
    /// and [`Self::duration`].
    pub const fn intra(data: &'a [u8], time: u64, duration: u32) -> Self {
        Self { data, time, duration, flags: Flags::INTRA, missing: &[] }
    }

    /// Returns when the frame begins to be shown, rounded to the nearest microsecond. `clock_rate` is
    /// [`TrackInfo::clock_rate`] of the frame's track, in ticks per second; if it is 0, the result is
    /// [`MediaTime::ZERO`].
    pub const fn media_time(&self, clock_rate: u32) -> MediaTime {
        MediaTime::from_ticks(self.time, clock_rate)
    }
}

/// Properties of a frame. By these flags, a sender decides which frames it may leave out, and a reader
/// learns whether the frame is complete. For codecs without references between frames, use [`Self::INTRA`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Flags {
    /// Is true if decoding can begin at this frame: neither this frame nor any later frame needs a frame
    /// before this one. After a start, after a jump, and after leaving out a frame that others need, a
    /// sender sends no frame before the next sync frame.
    pub sync: bool,
    /// Is true if no other frame needs this one to be decoded: a sender can leave out this frame alone. If it
    /// is false, and a sender leaves this frame out, the sender must also leave out all frames up to the next
    /// sync frame.
    pub droppable: bool,
    /// Says how much of the frame's data is there: all, all but known ranges, or an unknown part.
    pub integrity: Integrity,
}

impl Flags {
    /// The flags of a complete frame whose codec has no references between frames, such as Motion-JPEG or
    /// PCM.
    pub const INTRA: Self = Self { sync: true, droppable: true, integrity: Integrity::Complete };

    /// Returns true if the frame needs no other frame, and no other frame needs it. The integrity does not
    /// matter.
    pub const fn is_intra(self) -> bool {
        self.sync && self.droppable
    }

    /// Returns a copy of these flags with `integrity` in place of their own.
    pub const fn with_integrity(self, integrity: Integrity) -> Self {
        Self { integrity, ..self }
    }
}

/// How much of a frame's data is there. Packet loss makes frames that are not [`Self::Complete`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Integrity {
    /// Every byte of the frame is there.
    Complete,
    /// Every byte of the frame is there, except the bytes in the ranges of [`Frame::missing`]. A decoder
    /// can continue after each missing range.
    Partial,
    /// Some bytes of the frame were lost, and it is not known which ones. The places of the lost bytes in
    /// [`Frame::data`] hold bytes without meaning, usually 0, and bytes that were lost at the end of the
    /// frame may be left out. A decoder may fail on the frame or show a wrong picture. Either skip the
    /// frame, or use a decoder that copes with such frames.
    Damaged,
}

impl Integrity {
    /// Returns true if every byte of the frame is there; false for a partial and for a damaged frame.
    pub const fn is_complete(self) -> bool {
        matches!(self, Self::Complete)
    }
}

/// A range of bytes of one frame that was lost, from `start` to before `end`. [`Frame::missing`] lists such
/// ranges. In memory, a range takes eight bytes and needs no alignment.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct ByteRange {
    start: U32,
    end: U32,
}

impl ByteRange {
    /// The most missing ranges that are kept of one frame: [`Frame::missing`] is never longer. If more
    /// parts of a frame were lost, the receiver lets the last range reach to the end of the last lost part.
    /// That range then also covers bytes that came.
    pub const MAX: usize = 8;

    /// Makes the range from byte `start` to before byte `end`, both counted from the start of the frame. Pass
    /// a `start` less than `end`; this is not checked.
    pub const fn new(start: u32, end: u32) -> Self {
        Self { start: U32::new(start), end: U32::new(end) }
    }

    /// Returns the offset of the range's first byte, counted from the start of the frame.
    pub const fn start(&self) -> u32 {
        self.start.get()
    }

    /// Returns the offset of the first byte after the range, counted from the start of the frame.
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
/// [`Sender`](crate::rtp::Sender) and the connections of a server do this by themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Miss {
    /// The frame is not there yet, but may come. Wait, and ask for the same frame again when the store has
    /// changed.
    NotYet,
    /// The frame was there and is gone, because newer frames took its place. When playing forwards, continue
    /// at `newest`. When playing backwards, stop.
    Overrun {
        /// The number of the newest frame at which decoding can begin. If the store has no such frame, this
        /// is the number of the next frame to come.
        newest: FrameId,
    },
    /// The frame can never be had, because it cannot be read, decoded or carried. Skip this frame. When
    /// playing forwards, ask for the next frame. When playing backwards, ask for the frame before.
    Unusable,
    /// There is no such frame, and none will come: the track ends before it, or there is no such track. Stop
    /// reading.
    End,
}

/// A place in a medium, which applies to all of its tracks. [`FrameStore::seek`] finds the frame of a track
/// at this place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Seek {
    /// The live edge of the medium: its newest frame at which decoding can begin. A store of a recorded
    /// medium, which has no live edge, may take its first frame.
    Live,
    /// The first frame that begins to be shown at this time or later. A frame that began earlier and is
    /// still shown at this time does not count.
    To(MediaTime),
}

/// A source of frames: a ring, a mapped file, a clip in flash. [`FrameRing`] and [`FramePool`] implement this trait for
/// live frames. Implement this trait yourself to serve frames from elsewhere.
///
/// One store serves all media, tracks and sessions of a server. Pass the store to each poll of the server;
/// the store finds the medium by [`TrackId::media`]. A slice of stores serves the tracks of one medium.
///
/// A store must answer at once: it returns a frame, or a [`Miss`] that says why not. The store must not
/// read files, decode or wait, because all sessions would wait with the store. If frames have to be
/// prepared, do that elsewhere, for the frames that sessions want next
/// ([`ServerConn::wanted`](crate::server::ServerConn::wanted)). As long as the store has a frame, it must
/// return the same bytes for the frame's number. Otherwise clients get frames that are mixed from two.
pub trait FrameStore {
    /// Returns the codec and clock of a track; `None` if there is no such track.
    fn info(&self, track: TrackId) -> Option<TrackInfo<'_>>;

    /// Returns frame `id` of a track.
    ///
    /// # Errors
    /// Returns a [`Miss`] if the frame cannot be had now. The [`Miss`] says whether the reader has to wait,
    /// to jump, to skip the frame, or to stop. For an unknown track, return [`Miss::End`].
    fn frame(&self, track: TrackId, id: FrameId) -> Result<Frame<'_>, Miss>;

    /// Returns the number of the track's frame at the place `to`. For a time after the last frame, return the
    /// number that the next frame would have: reading that frame then returns [`Miss::NotYet`] or
    /// [`Miss::End`].
    ///
    /// # Errors
    /// Returns [`Miss::NotYet`] if the place is not known yet: the sender asks again later. Returns
    /// [`Miss::End`] if there is no such track: the sender stops.
    fn seek(&self, track: TrackId, to: Seek) -> Result<FrameId, Miss>;

    /// Returns when frame `id` of a track begins to be shown, in ticks of the track's clock, as in
    /// [`Frame::time`]. The provided method reads the frame for this. If a store knows the times of frames
    /// before it has their bytes, override this method.
    ///
    /// # Errors
    /// Returns a [`Miss`] if the time is not known. The [`Miss`] says what the reader has to do.
    fn time(&self, track: TrackId, id: FrameId) -> Result<u64, Miss> {
        self.frame(track, id).map(|frame| frame.time)
    }

    /// Returns one moment on two clocks: the wall clock of the track's source, and the track's clock. With
    /// the moments of several tracks, a reader can show these tracks in step. Returns `None` if the source
    /// has given no such moment: the track cannot be shown in step with others then. The provided method
    /// always returns `None`.
    fn clock(&self, _track: TrackId) -> Option<ClockReference> {
        None
    }
}

/// What [`FrameSink::finish`] says about a frame that was written: its length, duration and flags, and what
/// is missing.
#[derive(Clone, Copy, Debug)]
pub struct FrameEnd<'a> {
    /// The length of the frame in bytes, from its first byte at offset 0. Bytes that were written beyond
    /// this length are dropped. If fewer bytes were written, a [`FrameRing`] stores only the written bytes.
    pub len: usize,
    /// How long the frame is shown, in ticks of the track's clock; 0 if that is not known.
    pub duration: u32,
    /// Says whether the frame can be decoded on its own, whether other frames need it, and whether it is
    /// complete.
    pub flags: Flags,
    /// The ranges of the frame that were lost, in ascending order and without overlap; at most
    /// [`ByteRange::MAX`]. If there are more ranges, or if a [`FrameRing`] has no room for the ranges, the
    /// ring stores the frame as [`Integrity::Damaged`] without any ranges.
    pub missing: &'a [ByteRange],
}

impl FrameEnd<'static> {
    /// Makes the end of a complete frame of `len` bytes that can be decoded on its own and that no other
    /// frame needs. `duration` is in ticks of the track's clock; 0 if that is not known.
    pub const fn intra(len: usize, duration: u32) -> Self {
        Self { len, duration, flags: Flags::INTRA, missing: &[] }
    }
}

/// The error of a [`FrameSink`] that does not take a frame or a piece of a frame. Either the sink has no room
/// and cannot make any, or it does not want the frame; the error does not tell which. Drop the frame, and go
/// on with the next frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Full;

/// A destination of received frames, which are written piece by piece, each directly to its place.
/// [`FrameRing`] implements this trait. Implement this trait yourself to put frames elsewhere.
///
/// Each frame goes through `begin`, any number of `write_at`, then `finish` or `abandon`. A track has at most
/// one open frame, but several tracks can have an open frame at the same time.
///
/// `track` is the number of the track in its presentation, counted from 0 in the order of the session
/// description ([`TrackId::track`]). A slice of sinks uses `track` as an index: for a track beyond the end
/// of the slice, `begin` and `write_at` fail and the other calls do nothing. A single [`FrameRing`] ignores
/// `track`.
pub trait FrameSink {
    /// Takes the codec and clock of the track with the number `track`, counted from 0. A receiver calls
    /// this before the first frame of a track, and again before the first frame of another source. If the
    /// codec or clock changes, frames that came before are of the old kind; a [`FrameRing`] drops them. The
    /// provided method does nothing. Use the provided method if the sink knows the codec and clock of its
    /// tracks.
    fn describe(&mut self, _track: u8, _info: TrackInfo<'_>) {}

    /// Opens a frame of the track with the number `track`, counted from 0. The frame begins to be shown at
    /// `time`, in ticks of the track's clock, as in [`Frame::time`]. If another frame of the track is still
    /// open, that frame is abandoned, also if this call fails. Next, write the frame with
    /// [`Self::write_at`], and close it with [`Self::finish`] or [`Self::abandon`].
    ///
    /// # Errors
    /// Returns [`Full`] if there is no room for another frame, or if the sink does not want this one. No
    /// frame of the track is open then: drop the data of this frame, and call `begin` again for the next
    /// frame.
    fn begin(&mut self, track: u8, time: u64) -> Result<(), Full>;

    /// Writes `bytes` into the open frame of the track with the number `track`, counted from 0. `at` is the
    /// offset of the first of these bytes, in bytes from the start of the frame. Pieces may come in any
    /// order, and a piece may overwrite earlier pieces. Bytes before `at` that were never written become 0.
    ///
    /// # Errors
    /// Returns [`Full`] if the frame would be longer than the sink can hold, or if the track has no open
    /// frame. The bytes are not written; what was written before stays. Call [`Self::abandon`] then, and go
    /// on with the next frame.
    fn write_at(&mut self, track: u8, at: usize, bytes: &[u8]) -> Result<(), Full>;

    /// Closes the open frame of the track with the number `track`, counted from 0. From now on, readers can
    /// read the frame. `end` says how long the frame is and what is missing from it. If the track has no open
    /// frame, nothing happens.
    fn finish(&mut self, track: u8, end: FrameEnd<'_>);

    /// Drops the open frame of the track with the number `track`, counted from 0, and all that was written of
    /// it. If the track has no open frame, nothing happens.
    fn abandon(&mut self, track: u8);

    /// Takes note that data of the track with the number `track`, counted from 0, could not be used, and of the
    /// `reason`, for people. If the data was the first of its frame, the frame is lost, and this method is called
    /// once for that frame. Otherwise the frame misses the data. Of packets that belong to no frame, such as those
    /// of another payload type, only the first in a row is reported. This method is not called for data that the
    /// sink itself has refused with [`Full`]. The provided method does nothing.
    fn refused(&mut self, _track: u8, _reason: &dyn fmt::Display) {}
}

/// A reference to a store is a store.
impl<S: FrameStore + ?Sized> FrameStore for &S {
    fn info(&self, track: TrackId) -> Option<TrackInfo<'_>> {
        (**self).info(track)
    }

    fn frame(&self, track: TrackId, id: FrameId) -> Result<Frame<'_>, Miss> {
        (**self).frame(track, id)
    }

    fn seek(&self, track: TrackId, to: Seek) -> Result<FrameId, Miss> {
        (**self).seek(track, to)
    }

    fn time(&self, track: TrackId, id: FrameId) -> Result<u64, Miss> {
        (**self).time(track, id)
    }

    fn clock(&self, track: TrackId) -> Option<ClockReference> {
        (**self).clock(track)
    }
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

    fn refused(&mut self, track: u8, reason: &dyn fmt::Display) {
        if let Some(sink) = self.get_mut(usize::from(track)) {
            sink.refused(track, reason);
        }
    }
}
