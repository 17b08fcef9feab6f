//! [`FrameRing`]: one track's frames in fixed storage. A live source writes it and sessions read
//! it; a client writes it and a player reads it.
mod spans;
#[cfg(test)]
mod tests;

use crate::frame::{Frame, FrameEnd, FrameId, FrameSink, FrameStore, Full, Miss, Seek, TrackId};
use crate::storage;
use crate::time::MediaTime;

pub use spans::{Span, Spans};

/// What the ring knows of one frame. The caller provides an array of them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Slot {
    start: usize,
    len: usize,
    /// Bytes of all frames before it, modulo the size of the number.
    before: usize,
    /// The first frame of its [`Span`], which may be gone.
    run: u64,
    pts: MediaTime,
    end: Option<FrameEnd>,
}

impl Slot {
    /// A slot without a frame, as statics need it.
    pub const EMPTY: Self = Self { start: 0, len: 0, before: 0, run: 0, pts: MediaTime::ZERO, end: None };
}

/// The frame that is being written.
#[derive(Clone, Copy, Debug)]
struct Open {
    /// Where the newest one ends, or 0.
    start: usize,
    len: usize,
    pts: MediaTime,
}

/// Frames with consecutive numbers, each contiguous, in storage of the caller's; bounded by bytes
/// and by slots. The oldest make room for the newest, down to [`FrameRing::keep_from`].
///
/// `S` and `B` may be arrays, `Vec`s, or `&mut` slices of [`Slot`] and of bytes.
///
/// ```
/// use pinhole::frame::{Format, FrameEnd, FrameId, FrameStore, Integrity, TrackId};
/// use pinhole::codec::jpeg::{JpegInfo, Sampling};
/// use pinhole::frame::{FrameRing, Slot};
/// use pinhole::time::{Duration, MediaTime};
///
/// let mut ring = FrameRing::new([Slot::default(); 4], [0u8; 100]);
/// # let info = JpegInfo::of_size(8, 8, Sampling::Yuv420);
/// let integrity = Integrity::Complete;
/// let end = FrameEnd { format: Format::Jpeg(info), duration: Duration::from_millis(40), integrity };
/// for n in 0..5u64 {
///     ring.push(MediaTime::from_micros(n * 40_000), &[n as u8; 40], end)?;
/// }
/// assert_eq!(ring.span(), FrameId(3)..FrameId(5));
/// assert_eq!(ring.frame(TrackId::default(), FrameId(4)).unwrap().data, [4; 40]);
/// # Ok::<(), pinhole::frame::Full>(())
/// ```
#[derive(Debug)]
pub struct FrameRing<S, B> {
    slots: S,
    bytes: B,
    first: u64,
    next: u64,
    open: Option<Open>,
    /// Where the next frame starts.
    head: usize,
    /// Bytes of all frames so far, modulo the size of the number.
    written: usize,
    keep_from: u64,
    ended: bool,
}

impl<S: AsRef<[Slot]> + AsMut<[Slot]>, B: AsRef<[u8]> + AsMut<[u8]>> FrameRing<S, B> {
    /// An empty ring whose first frame will be number 0.
    pub fn new(slots: S, bytes: B) -> Self {
        Self {
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

    /// The frames that can be read: from the oldest to before the second number.
    pub fn span(&self) -> core::ops::Range<FrameId> {
        FrameId(self.first)..FrameId(self.next)
    }

    /// How many frames can be read.
    pub fn frame_count(&self) -> usize {
        self.next.saturating_sub(self.first) as usize
    }

    /// How many frames there can be, however small they are.
    pub fn slot_count(&self) -> usize {
        self.slots.as_ref().len()
    }

    /// Bytes that the finished frames take.
    pub fn bytes_used(&self) -> usize {
        self.bytes_from(FrameId(self.first))
    }

    /// Bytes that the finished frames from `id` on take.
    pub fn bytes_from(&self, id: FrameId) -> usize {
        let id = id.0.max(self.first);
        let slot = if id < self.next { self.slot(id) } else { None };
        slot.map_or(0, |slot| self.written.wrapping_sub(slot.before))
    }

    /// Bytes that frames can take. Not all of them are used: what is behind the newest frame stays
    /// empty where the next one does not fit there.
    pub fn capacity(&self) -> usize {
        self.bytes.as_ref().len()
    }

    /// Nothing from `id` on is evicted: writing is refused with [`Full`] instead, and can be tried
    /// again. Without this call, any frame may be; so it is again with the largest number.
    pub fn keep_from(&mut self, id: FrameId) {
        self.keep_from = id.0;
    }

    /// Empties the ring; the next frame will be `id`. For a source that seeks.
    pub fn restart(&mut self, id: FrameId) {
        (self.first, self.next, self.head) = (id.0, id.0, 0);
        (self.open, self.ended) = (None, false);
    }

    /// Says that no frame follows: readers get [`Miss::End`] after the newest.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// Appends a whole frame.
    ///
    /// # Errors
    /// [`Full`] when it is larger than the ring, or what is kept leaves no room.
    pub fn push(&mut self, pts: MediaTime, data: &[u8], end: FrameEnd) -> Result<(), Full> {
        self.begin(0, pts)?;
        if let Err(full) = self.write_at(0, 0, data) {
            self.abandon(0);
            return Err(full);
        }
        self.finish(0, end);
        Ok(())
    }

    fn slot(&self, id: u64) -> Option<&Slot> {
        let slots = self.slots.as_ref();
        let index = id.checked_rem(slots.len() as u64)?;
        slots.get(index as usize)
    }

    fn oldest(&self) -> Option<&Slot> {
        if self.first < self.next { self.slot(self.first) } else { None }
    }

    fn newest(&self) -> Option<&Slot> {
        if self.first < self.next { self.slot(self.next.wrapping_sub(1)) } else { None }
    }

    fn evict_oldest(&mut self) -> Result<(), Full> {
        if self.first >= self.next || self.first >= self.keep_from {
            return Err(Full);
        }
        self.first = self.first.wrapping_add(1);
        Ok(())
    }

    /// Makes `need` bytes free from the open frame's start, which may move to the storage's start.
    ///
    /// Frames lie in the order of their numbers, so only the oldest can be in the way. The loop
    /// ends: each round evicts a frame, or wraps, which happens once.
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

impl<S: AsRef<[Slot]> + AsMut<[Slot]>, B: AsRef<[u8]> + AsMut<[u8]>> FrameSink for FrameRing<S, B> {
    fn begin(&mut self, _: u8, pts: MediaTime) -> Result<(), Full> {
        self.open = None;
        if self.next.wrapping_sub(self.first) >= self.slot_count() as u64 {
            self.evict_oldest()?;
        }
        self.open = Some(Open { start: self.head, len: 0, pts });
        Ok(())
    }

    fn write_at(&mut self, _: u8, at: usize, bytes: &[u8]) -> Result<(), Full> {
        let mut open = self.open.ok_or(Full)?;
        let need = at.checked_add(bytes.len()).ok_or(Full)?.max(open.len);
        let room = self.make_room(&mut open, need);
        // Kept even when there is no room: the frame may have moved on the way.
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

    fn finish(&mut self, _: u8, end: FrameEnd) {
        let Some(Open { start, len, pts }) = self.open.take() else { return };
        let run =
            self.newest().filter(|newest| newest.goes_on_at(pts)).map_or(self.next, |newest| newest.run);
        let slots = self.slots.as_mut();
        let index = self.next.checked_rem(slots.len() as u64).unwrap_or(0);
        if let Some(slot) = slots.get_mut(index as usize) {
            *slot = Slot { start, len, before: self.written, run, pts, end: Some(end) };
            self.written = self.written.wrapping_add(len);
            self.head = start.saturating_add(len);
            self.next = self.next.wrapping_add(1);
        }
    }

    fn abandon(&mut self, _: u8) {
        self.open = None;
    }
}

impl<S: AsRef<[Slot]> + AsMut<[Slot]>, B: AsRef<[u8]> + AsMut<[u8]>> FrameStore for FrameRing<S, B> {
    fn frame(&self, _: TrackId, id: FrameId) -> Result<Frame<'_>, Miss> {
        if id.0 < self.first {
            return Err(Miss::Overrun { resume: FrameId(self.next.saturating_sub(1).max(self.first)) });
        }
        if id.0 >= self.next {
            return Err(if self.ended { Miss::End } else { Miss::NotYet });
        }
        let slot = self.slot(id.0).ok_or(Miss::End)?;
        let FrameEnd { format, duration, integrity } = slot.end.ok_or(Miss::End)?;
        let data = self.bytes.as_ref().get(slot.start..).and_then(|b| b.get(..slot.len)).unwrap_or(&[]);
        Ok(Frame { data, format, pts: slot.pts, duration, integrity })
    }

    /// By halving: the frames are taken to be in the order of their times.
    fn seek(&self, _: TrackId, to: Seek) -> FrameId {
        let time = match to {
            Seek::Live => return FrameId(self.next.saturating_sub(1).max(self.first)),
            Seek::To(time) => time,
        };
        let (mut low, mut high) = (self.first, self.next);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.slot(middle) {
                Some(slot) if slot.pts < time => low = middle + 1,
                _ => high = middle,
            }
        }
        FrameId(low)
    }
}
