//! [`FrameRing`]: the frames of one track in fixed storage. On a server a live source writes them and
//! sessions read them; on a client a receiver writes them and a player reads them.
#[cfg(test)]
mod tests;
mod time_ranges;

use super::{
    ByteRange, Flags, Frame, FrameEnd, FrameId, FrameSink, FrameStore, Full, Integrity, Miss, Seek, TrackId,
    TrackInfo,
};
use crate::storage;
use zerocopy::{FromBytes, IntoBytes};

pub use time_ranges::{TimeRange, TimeRanges};

/// The room that a [`FrameRing`] needs to describe one frame. Give the ring an array of slots, one for each
/// frame that it is to hold at once. The values that the slots have at first do not matter: use
/// [`Self::EMPTY`] or the default.
#[derive(Clone, Copy, Debug)]
pub struct Slot {
    start: usize,
    len: usize,
    /// The number of bytes of all frames before this one, modulo the range of the type.
    before: usize,
    /// The first frame of its [`TimeRange`], which may be gone.
    first_in_range: u64,
    time: u64,
    duration: u32,
    flags: Flags,
    /// How many [`ByteRange`]s follow the frame's bytes in the storage.
    missing: u8,
}

impl Slot {
    /// A slot without a frame, to fill an array of slots with, also in a `static`.
    pub const EMPTY: Self = Self {
        start: 0,
        len: 0,
        before: 0,
        first_in_range: 0,
        time: 0,
        duration: 0,
        flags: Flags::INTRA,
        missing: 0,
    };
}

impl Default for Slot {
    fn default() -> Self {
        Self::EMPTY
    }
}

/// The frame that is being written.
#[derive(Clone, Copy, Debug)]
struct Open {
    /// The offset in the storage at which the frame starts: the end of the newest frame, or 0.
    start: usize,
    len: usize,
    time: u64,
}

/// A ring of the newest frames of one track, in storage that the caller provides. A ring is a [`FrameSink`]
/// for the code that writes frames, and a [`FrameStore`] for the code that reads frames. For several
/// tracks, use a slice of rings: the index is the number of the track. A single ring ignores the number of
/// the track.
///
/// Frames have consecutive numbers, and the bytes of each are in one piece. The ring is bounded by its
/// bytes and by its slots: the oldest frames are evicted to make room for the newest. Frames that
/// [`FrameRing::keep_from`] protects are not evicted: if only protected frames are left, writing fails with
/// [`Full`]. Writing a frame that is larger than the storage also fails with [`Full`].
///
/// `S` and `B` may be arrays, `Vec`s, or `&mut` slices of [`Slot`] and of bytes.
///
/// ```
/// use pinhole::codec::jpeg;
/// use pinhole::frame::{Frame, FrameId, FrameRing, FrameStore, Slot, TrackId};
///
/// let mut ring = FrameRing::new(jpeg::TRACK, [Slot::EMPTY; 4], [0u8; 100]);
/// for n in 0..5u64 {
///     ring.push(&Frame::intra(&[n as u8; 40], n * 3_600, 3_600))?;
/// }
/// assert_eq!(ring.frames(), FrameId(3)..FrameId(5));
/// assert_eq!(ring.frame(TrackId::default(), FrameId(4)).unwrap().data, [4; 40]);
/// # Ok::<(), pinhole::frame::Full>(())
/// ```
#[derive(Debug)]
pub struct FrameRing<S, B> {
    info: TrackInfo<'static>,
    slots: S,
    bytes: B,
    first: u64,
    next: u64,
    open: Option<Open>,
    /// The offset in the storage at which the next frame starts.
    head: usize,
    /// The number of bytes of all frames so far, modulo the range of the type.
    written: usize,
    keep_from: u64,
    ended: bool,
}

impl<S: AsRef<[Slot]> + AsMut<[Slot]>, B: AsRef<[u8]> + AsMut<[u8]>> FrameRing<S, B> {
    /// Makes an empty ring for a track. Its first frame gets the number 0. `slots` bounds how many frames the
    /// ring holds, and `bytes` bounds how many bytes these frames have together. What both contain at first
    /// does not matter. A ring without slots or without bytes can hold no frame: all writing fails with
    /// [`Full`].
    pub fn new(info: TrackInfo<'static>, slots: S, bytes: B) -> Self {
        Self {
            info,
            slots,
            bytes,
            first: 0,
            next: 0,
            open: None,
            head: 0,
            written: 0,
            keep_from: u64::MAX,
            ended: false,
        }
    }

    /// Sets the codec and clock of the track, for a ring that was made before the codec and clock were
    /// known. If they differ from the ring's present codec and clock, all frames in the ring and the open
    /// frame are dropped, and the end that [`Self::end`] marked is forgotten; the numbers of frames
    /// continue. Otherwise nothing happens.
    pub fn set_info(&mut self, info: TrackInfo<'static>) {
        if self.info != info {
            self.info = info;
            self.restart(FrameId(self.next));
        }
    }

    /// Returns the codec and clock of the ring's track.
    pub const fn track_info(&self) -> TrackInfo<'static> {
        self.info
    }

    /// Returns the newest finished frame; `None` if the ring is empty.
    pub fn newest_frame(&self) -> Option<Frame<'_>> {
        self.frame(TrackId::default(), FrameId(self.next.checked_sub(1)?)).ok()
    }

    /// Returns the numbers of the frames that can be read. The range starts with the number of the oldest
    /// frame, and ends before the number that the next frame will get. If the ring has no frames, the range
    /// is empty.
    pub fn frames(&self) -> core::ops::Range<FrameId> {
        FrameId(self.first)..FrameId(self.next)
    }

    /// Returns how many finished frames are in the ring and can be read.
    pub fn frame_count(&self) -> usize {
        self.next.saturating_sub(self.first) as usize
    }

    /// Returns the number of the ring's slots: the most frames that the ring can hold at once. If the
    /// frames are too large for the storage, the ring holds fewer.
    pub fn slot_count(&self) -> usize {
        self.slots.as_ref().len()
    }

    /// Returns how many bytes of the storage the finished frames take, with their lists of missing ranges.
    /// The open frame does not count.
    pub fn bytes_used(&self) -> usize {
        self.bytes_from(FrameId(self.first))
    }

    /// Returns how many bytes of the storage the finished frames from number `id` on take, with their lists
    /// of missing ranges. If `id` is after the newest frame, the result is 0. If `id` is before the oldest
    /// frame, all frames count.
    pub fn bytes_from(&self, id: FrameId) -> usize {
        let id = id.0.max(self.first);
        let slot = if id < self.next { self.slot(id) } else { None };
        slot.map_or(0, |slot| self.written.wrapping_sub(slot.before))
    }

    /// Returns the size of the storage in bytes. Not all of the storage can be used at once. A frame is in
    /// one piece: if the next frame does not fit at the end of the storage, the bytes there stay unused.
    pub fn capacity(&self) -> usize {
        self.bytes.as_ref().len()
    }

    /// Protects all frames from number `id` on from being evicted. Use this to keep the frames that a
    /// reader still needs. If only protected frames are left and there is no room, writing fails with
    /// [`Full`]. To make room, call this with a later `id`: each call replaces the call before. In a new
    /// ring, and after a call with `FrameId(u64::MAX)`, no frame is protected. Protected frames are dropped
    /// all the same by [`Self::restart`], and by [`Self::set_info`] with another codec or clock.
    pub fn keep_from(&mut self, id: FrameId) {
        self.keep_from = id.0;
    }

    /// Empties the ring, drops the open frame, and forgets the end that [`Self::end`] marked. The next frame
    /// gets the number `id`. Call this when the source of the frames has jumped to another place. The number
    /// that was given to [`Self::keep_from`] stays in force.
    pub fn restart(&mut self, id: FrameId) {
        (self.first, self.next, self.head) = (id.0, id.0, 0);
        (self.open, self.ended) = (None, false);
    }

    /// Returns what was written of the open frame; empty if no frame is open.
    pub fn open_data(&self) -> &[u8] {
        let open = self.open.and_then(|open| self.bytes.as_ref().get(open.start..)?.get(..open.len));
        open.unwrap_or_default()
    }

    /// Marks the end of the track. Call this when the source has no more frames. If a reader then asks for
    /// a frame after the newest one, the reader gets [`Miss::End`] instead of [`Miss::NotYet`]. Frames can
    /// still be added after this call. [`Self::restart`] takes the mark away.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// Appends a copy of a whole frame, with its time, duration, flags and missing ranges. An open frame is
    /// dropped.
    ///
    /// # Errors
    /// Returns [`Full`] if the frame is larger than the storage: no later call can change that. Returns
    /// [`Full`] also if frames that [`Self::keep_from`] protects leave no room. The frame is not added: drop
    /// it, or try again after another [`Self::keep_from`]. Older frames may have been evicted all the same.
    pub fn push(&mut self, frame: &Frame<'_>) -> Result<(), Full> {
        self.begin(0, frame.time)?;
        if let Err(full) = self.write_at(0, 0, frame.data) {
            self.abandon(0);
            return Err(full);
        }
        let Frame { duration, flags, missing, .. } = *frame;
        self.finish(0, FrameEnd { len: frame.data.len(), duration, flags, missing });
        Ok(())
    }

    fn slot(&self, id: u64) -> Option<&Slot> {
        self.slots.as_ref().get(self.slot_of(id))
    }

    /// The number of the slot that a frame has; 0 in a ring without slots.
    // Inlined, a division of 64 bits takes much of a microcontroller's flash.
    #[cfg_attr(target_pointer_width = "32", inline(never))]
    fn slot_of(&self, id: u64) -> usize {
        id.checked_rem(self.slot_count() as u64).unwrap_or(0) as usize
    }

    fn oldest(&self) -> Option<&Slot> {
        if self.first < self.next { self.slot(self.first) } else { None }
    }

    fn newest(&self) -> Option<&Slot> {
        if self.first < self.next { self.slot(self.next.wrapping_sub(1)) } else { None }
    }

    /// Returns the newest frame at which decoding can begin; the number of the next frame if there is none.
    fn newest_sync(&self) -> FrameId {
        let mut id = self.next;
        // The loop is bounded by the slots, and decoding can begin at the newest frame of most codecs.
        while id > self.first {
            id = id.wrapping_sub(1);
            if self.slot(id).is_some_and(|slot| slot.flags.sync) {
                return FrameId(id);
            }
        }
        FrameId(self.next)
    }

    fn evict_oldest(&mut self) -> Result<(), Full> {
        if self.first >= self.next || self.first >= self.keep_from {
            return Err(Full);
        }
        self.first = self.first.wrapping_add(1);
        Ok(())
    }

    /// Makes `need` bytes free from the start of the open frame, which may move to the start of the storage.
    ///
    /// Frames are stored in the order of their numbers, so only the oldest can be in the way. The loop
    /// ends, as each round evicts a frame or wraps, which happens once.
    fn make_room(&mut self, open: &mut Open, need: usize) -> Result<(), Full> {
        let capacity = self.capacity();
        if need > capacity {
            return Err(Full);
        }
        loop {
            let ahead = self.oldest().map(|slot| slot.start).filter(|&start| start >= open.start);
            if open.start.saturating_add(need) <= ahead.unwrap_or(capacity) {
                return Ok(());
            }
            if ahead.is_some() {
                self.evict_oldest()?;
                continue;
            }
            while self.oldest().is_some_and(|slot| slot.start < need) {
                self.evict_oldest()?;
            }
            storage::move_to_front(self.bytes.as_mut(), open.start, open.len);
            open.start = 0;
        }
    }
}

impl<S: AsRef<[Slot]> + AsMut<[Slot]>, B: AsRef<[u8]> + AsMut<[u8]>> FrameRing<S, B> {
    /// Stores the missing ranges after the bytes of the open frame. Returns false if there is no room for
    /// the ranges, or if there are too many.
    fn put_missing(&mut self, open: &mut Open, ranges: &[u8]) -> bool {
        ranges.len() <= ByteRange::MAX * size_of::<ByteRange>()
            && self.make_room(open, open.len.saturating_add(ranges.len())).is_ok()
            && storage::put(self.bytes.as_mut(), open.start.saturating_add(open.len), ranges)
    }
}

impl<S: AsRef<[Slot]> + AsMut<[Slot]>, B: AsRef<[u8]> + AsMut<[u8]>> FrameSink for FrameRing<S, B> {
    fn describe(&mut self, _: u8, info: TrackInfo<'_>) {
        self.set_info(TrackInfo::new(info.codec, info.clock_rate));
    }

    fn begin(&mut self, _: u8, time: u64) -> Result<(), Full> {
        self.open = None;
        if self.next.wrapping_sub(self.first) >= self.slot_count() as u64 {
            self.evict_oldest()?;
        }
        self.open = Some(Open { start: self.head, len: 0, time });
        Ok(())
    }

    fn write_at(&mut self, _: u8, at: usize, bytes: &[u8]) -> Result<(), Full> {
        let mut open = self.open.ok_or(Full)?;
        let need = at.checked_add(bytes.len()).ok_or(Full)?.max(open.len);
        let room = self.make_room(&mut open, need);
        // The place is kept even if there is no room, as the frame may have moved.
        self.open = Some(open);
        room?;
        let hole = open.start.saturating_add(open.len)..open.start.saturating_add(at);
        if let Some(hole) = self.bytes.as_mut().get_mut(hole) {
            hole.fill(0);
        }
        if !storage::put(self.bytes.as_mut(), open.start.saturating_add(at), bytes) {
            return Err(Full);
        }
        self.open = Some(Open { len: need, ..open });
        Ok(())
    }

    fn finish(&mut self, _: u8, end: FrameEnd<'_>) {
        let Some(mut open) = self.open.take() else { return };
        open.len = open.len.min(end.len);
        let (mut flags, mut missing) = (end.flags, end.missing.as_bytes());
        if !missing.is_empty() && !self.put_missing(&mut open, missing) {
            (flags.integrity, missing) = (Integrity::Damaged, &[]);
        }
        let Open { start, len, time } = open;
        let first_in_range = match self.newest() {
            Some(newest) if newest.goes_on_at(time, self.info.clock_rate) => newest.first_in_range,
            _ => self.next,
        };
        let taken = len.saturating_add(missing.len());
        let index = self.slot_of(self.next);
        if let Some(slot) = self.slots.as_mut().get_mut(index) {
            let (before, duration, missing) = (self.written, end.duration, end.missing.len() as u8);
            let missing = if taken > len { missing } else { 0 };
            *slot = Slot { start, len, before, first_in_range, time, duration, flags, missing };
            self.written = self.written.wrapping_add(taken);
            self.head = start.saturating_add(taken);
            self.next = self.next.wrapping_add(1);
        }
    }

    fn abandon(&mut self, _: u8) {
        self.open = None;
    }
}

impl<S: AsRef<[Slot]> + AsMut<[Slot]>, B: AsRef<[u8]> + AsMut<[u8]>> FrameStore for FrameRing<S, B> {
    fn info(&self, _: TrackId) -> Option<TrackInfo<'_>> {
        Some(self.info)
    }

    fn frame(&self, _: TrackId, id: FrameId) -> Result<Frame<'_>, Miss> {
        if id.0 < self.first {
            return Err(Miss::Overrun { newest: self.newest_sync() });
        }
        if id.0 >= self.next {
            return Err(if self.ended { Miss::End } else { Miss::NotYet });
        }
        let slot = self.slot(id.0).ok_or(Miss::End)?;
        let (data, rest) = self
            .bytes
            .as_ref()
            .get(slot.start..)
            .and_then(|bytes| bytes.split_at_checked(slot.len))
            .unwrap_or_default();
        let missing = <[ByteRange]>::ref_from_prefix_with_elems(rest, usize::from(slot.missing));
        let missing = missing.map_or(&[][..], |(ranges, _)| ranges);
        Ok(Frame { data, time: slot.time, duration: slot.duration, flags: slot.flags, missing })
    }

    /// Finds the frame by halving, so the frames must be in the order of their times. If time has jumped back
    /// within the ring, the result may be another frame; use [`FrameRing::find`] then.
    fn seek(&self, _: TrackId, to: Seek) -> Result<FrameId, Miss> {
        let time = match to {
            Seek::Live => return Ok(self.newest_sync()),
            Seek::To(time) => time.to_ticks(self.info.clock_rate),
        };
        let (mut low, mut high) = (self.first, self.next);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.slot(middle) {
                Some(slot) if slot.time < time => low = middle + 1,
                _ => high = middle,
            }
        }
        Ok(FrameId(low))
    }
}
