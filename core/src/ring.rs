//! [`FrameRing`]: one track's frames in fixed storage. A live source writes it and sessions read
//! it; a client writes it and a player reads it.
use crate::frame::{Frame, FrameEnd, FrameId, FrameSink, FrameStore, Full, Miss, Seek, TrackId};
use crate::storage;
use crate::time::MediaTime;

/// What the ring knows of one frame. The caller provides an array of them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Slot {
    start: usize,
    len: usize,
    pts: MediaTime,
    end: Option<FrameEnd>,
}

/// Frames with consecutive numbers, each contiguous, in storage of the caller's; bounded by bytes
/// and by slots. The oldest make room for the newest, down to [`FrameRing::keep_from`].
///
/// `S` and `B` may be arrays, `Vec`s, or `&mut` slices of [`Slot`] and of bytes.
///
/// ```
/// use pinhole::frame::{Format, FrameEnd, FrameId, FrameStore, Integrity, TrackId};
/// use pinhole::jpeg::{JpegInfo, Sampling};
/// use pinhole::ring::{FrameRing, Slot};
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
    /// The frame being written: it starts where the newest one ends, or at 0.
    open: Option<Slot>,
    /// Where the next frame starts.
    head: usize,
    keep_from: u64,
    ended: bool,
}

impl<S: AsRef<[Slot]> + AsMut<[Slot]>, B: AsRef<[u8]> + AsMut<[u8]>> FrameRing<S, B> {
    /// An empty ring whose first frame will be number 0.
    pub fn new(slots: S, bytes: B) -> Self {
        Self { slots, bytes, first: 0, next: 0, open: None, head: 0, keep_from: u64::MAX, ended: false }
    }

    /// The frames that can be read: from the oldest to before the second number.
    pub fn span(&self) -> core::ops::Range<FrameId> {
        FrameId(self.first)..FrameId(self.next)
    }

    /// Bytes that the finished frames take.
    pub fn bytes_used(&self) -> usize {
        (self.first..self.next).filter_map(|id| self.slot(id)).map(|slot| slot.len).sum()
    }

    /// Nothing from `id` on is evicted: writing is refused with [`Full`] instead, and can be tried
    /// again. Without this call, any frame may be.
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
    fn make_room(&mut self, open: &mut Slot, need: usize) -> Result<(), Full> {
        let capacity = self.bytes.as_ref().len();
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
        if self.next.wrapping_sub(self.first) >= self.slots.as_ref().len() as u64 {
            self.evict_oldest()?;
        }
        self.open = Some(Slot { start: self.head, len: 0, pts, end: None });
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
        self.open = Some(Slot { len: need, ..open });
        Ok(())
    }

    fn finish(&mut self, _: u8, end: FrameEnd) {
        let Some(open) = self.open.take() else { return };
        let slots = self.slots.as_mut();
        let index = self.next.checked_rem(slots.len() as u64).unwrap_or(0);
        if let Some(slot) = slots.get_mut(index as usize) {
            *slot = Slot { end: Some(end), ..open };
            self.head = open.start.saturating_add(open.len);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Format, Integrity};
    use crate::jpeg::{JpegInfo, Sampling};
    use crate::time::Duration;
    use proptest::prelude::*;
    use std::collections::VecDeque;
    use std::vec;
    use std::vec::Vec;

    const T: TrackId = TrackId { media: 0, track: 0 };
    const END: FrameEnd = FrameEnd {
        format: Format::Jpeg(JpegInfo::of_size(16, 16, Sampling::Yuv420)),
        duration: Duration::from_millis(40),
        integrity: Integrity::Complete,
    };

    fn at(n: u64) -> MediaTime {
        MediaTime::from_micros(n * 40_000)
    }

    #[test]
    fn a_frame_larger_than_the_ring_is_refused_and_costs_no_other() {
        let mut ring = FrameRing::new([Slot::default(); 4], [0u8; 64]);
        ring.push(at(0), &[1; 40], END).unwrap();
        assert_eq!(ring.push(at(1), &[2; 65], END), Err(Full));
        assert_eq!(ring.frame(T, FrameId(0)).unwrap().data, [1; 40]);
        ring.push(at(1), &[3; 24], END).unwrap();
        assert_eq!(ring.span(), FrameId(0)..FrameId(2));
    }

    #[test]
    fn what_is_kept_is_not_evicted_and_writing_can_be_tried_again() {
        let mut ring = FrameRing::new([Slot::default(); 4], [0u8; 64]);
        for n in 0..2 {
            ring.push(at(n), &[n as u8; 30], END).unwrap();
        }
        ring.keep_from(FrameId(0));
        assert_eq!(ring.push(at(2), &[2; 30], END), Err(Full));
        assert_eq!(ring.frame(T, FrameId(0)).unwrap().data, [0; 30]);
        ring.keep_from(FrameId(1));
        ring.push(at(2), &[2; 30], END).unwrap();
        assert_eq!(ring.frame(T, FrameId(1)).unwrap().data, [1; 30]);
        assert_eq!(ring.frame(T, FrameId(0)).unwrap_err(), Miss::Overrun { resume: FrameId(2) });
    }

    #[test]
    fn a_hole_reads_as_zeros_not_as_an_old_frame() {
        let mut ring = FrameRing::new([Slot::default(); 2], [0u8; 32]);
        ring.push(at(0), &[0xAA; 32], END).unwrap();
        ring.begin(0, at(1)).unwrap();
        ring.write_at(0, 8, &[1; 4]).unwrap();
        ring.write_at(0, 0, &[2; 2]).unwrap();
        ring.finish(0, END);
        assert_eq!(ring.frame(T, FrameId(1)).unwrap().data, [2, 2, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1]);
    }

    #[test]
    fn without_slots_nothing_can_be_written() {
        let mut ring = FrameRing::new(Vec::<Slot>::new(), [0u8; 32]);
        assert_eq!(ring.push(at(0), &[1], END), Err(Full));
        assert_eq!(ring.frame(T, FrameId(0)).unwrap_err(), Miss::NotYet);
    }

    #[test]
    fn the_end_is_told_after_the_newest_frame() {
        let mut ring = FrameRing::new([Slot::default(); 2], [0u8; 32]);
        ring.push(at(0), &[1], END).unwrap();
        ring.end();
        assert!(ring.frame(T, FrameId(0)).is_ok());
        assert_eq!(ring.frame(T, FrameId(1)).unwrap_err(), Miss::End);
        ring.restart(FrameId(9));
        assert_eq!(ring.frame(T, FrameId(9)).unwrap_err(), Miss::NotYet);
    }

    #[derive(Clone, Debug)]
    enum Op {
        Push(Vec<usize>),
        Abandon(usize),
        Keep(u64),
        Restart,
    }

    fn op() -> impl Strategy<Value = Op> {
        prop_oneof![
            8 => prop::collection::vec(0usize..40, 0..4).prop_map(Op::Push),
            1 => (0usize..120).prop_map(Op::Abandon),
            1 => (0u64..6).prop_map(Op::Keep),
            1 => Just(Op::Restart),
        ]
    }

    proptest! {
        /// Whatever is still in the span reads as it was written.
        #[test]
        fn frames_are_never_torn(ops in prop::collection::vec(op(), 0..120), slots in 1usize..7, cap in 1usize..100) {
            let mut ring = FrameRing::new(vec![Slot::default(); slots], vec![0u8; cap]);
            let mut model: VecDeque<(u64, Vec<u8>)> = VecDeque::new();
            let (mut next, mut tag) = (0u64, 0u8);
            for op in ops {
                match op {
                    Op::Push(parts) => {
                        let mut data = Vec::new();
                        let mut ok = ring.begin(0, at(next)).is_ok();
                        for n in parts {
                            tag = tag.wrapping_add(1);
                            ok = ok && ring.write_at(0, data.len(), &vec![tag; n]).is_ok();
                            data.extend(vec![tag; n]);
                        }
                        if ok {
                            ring.finish(0, END);
                            model.push_back((next, data));
                            next += 1;
                        } else {
                            ring.abandon(0);
                        }
                    }
                    Op::Abandon(n) => {
                        if ring.begin(0, at(next)).is_ok() {
                            let _ = ring.write_at(0, 0, &vec![0xEE; n]);
                        }
                        ring.abandon(0);
                    }
                    Op::Keep(back) => ring.keep_from(FrameId(next.saturating_sub(back))),
                    Op::Restart => {
                        next += 3;
                        ring.restart(FrameId(next));
                        model.clear();
                    }
                }
                let span = ring.span();
                prop_assert_eq!(span.end, FrameId(next));
                while model.front().is_some_and(|(id, _)| *id < span.start.0) {
                    model.pop_front();
                }
                prop_assert_eq!(model.len() as u64, span.end.0 - span.start.0);
                prop_assert_eq!(ring.bytes_used(), model.iter().map(|(_, d)| d.len()).sum::<usize>());
                for (id, data) in &model {
                    let frame = ring.frame(T, FrameId(*id)).unwrap();
                    prop_assert_eq!(frame.data, &data[..]);
                    prop_assert_eq!(ring.seek(T, Seek::To(frame.pts)), FrameId(*id));
                }
            }
        }
    }
}
