//! [`FramePool`]: the frames of one live track in buffers of equal size, as a camera's DMA has them.
#[cfg(test)]
mod tests;

use super::{
    Flags, Frame, FrameEnd, FrameId, FrameSink, FrameStore, Full, Integrity, Miss, Seek, TrackId, TrackInfo,
    Want,
};
use crate::storage;
use crate::time::Instant;

/// The state of one buffer of a [`FramePool`]. Give the pool an array of them, one for each buffer. The values
/// that they have at first do not matter: use [`Self::EMPTY`] or the default.
#[derive(Clone, Copy, Debug)]
pub struct PoolSlot {
    state: State,
    id: u64,
    len: usize,
    time: u64,
    duration: u32,
    flags: Flags,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Free,
    Leased,
    /// A frame that nobody is in the middle of.
    Frame,
    /// A frame that a session has begun.
    Held,
}

impl PoolSlot {
    /// The state of a free buffer, to fill an array with, also in a `static`.
    pub const EMPTY: Self =
        Self { state: State::Free, id: 0, len: 0, time: 0, duration: 0, flags: Flags::INTRA };

    const fn has_frame(&self) -> bool {
        matches!(self.state, State::Frame | State::Held)
    }
}

impl Default for PoolSlot {
    fn default() -> Self {
        Self::EMPTY
    }
}

/// A buffer of a [`FramePool`] that is being written. Pass it to [`FramePool::commit`] when the frame is
/// complete, or to [`FramePool::release`] to give the buffer back. If it is dropped, the pool has one buffer
/// less for ever.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a lease that is dropped keeps its buffer for ever"]
pub struct Lease(usize);

/// The frames of one live track, in buffers of equal size. A frame is written in place, by a sensor's DMA or by
/// a program, and read in place by any number of sessions.
///
/// A session that is slower than the video is in the middle of a frame while newer ones come.
/// [`Self::hold`] protects that frame until it is sent, or for as long as the session's frames may be late
/// ([`Want::held_until`]). So a slow session gets fewer frames, each of them whole. In a
/// [`FrameRing`](super::FrameRing), which drops its oldest frames, it may get none.
///
/// [`Self::lease`] takes the buffer of the oldest frame that is not held. With two buffers more than there are
/// sessions, it always finds one besides the newest frame. With fewer buffers, it may take the newest frame, or
/// find no buffer: only if all buffers are held or leased.
///
/// Frames have consecutive numbers in the order in which they are committed. To serve several tracks, use a slice
/// of pools: the index is the number of the track. A single pool ignores the number of the track. `S` and `B` may
/// be arrays, `Vec`s, or `&mut` slices of [`PoolSlot`] and of bytes.
///
/// ```
/// use pinhole::codec::jpeg;
/// use pinhole::frame::{FrameEnd, FrameId, FramePool, FrameStore, PoolSlot, TrackId};
///
/// let mut pool = FramePool::new(jpeg::TRACK, [PoolSlot::EMPTY; 3], [0u8; 3 * 100]);
/// // As often as the sensor has a picture; before, `pool.hold(now, server.wanted())`.
/// let lease = pool.lease().expect("nobody holds a frame");
/// pool.buffer_mut(&lease)[..4].copy_from_slice(b"JPEG");
/// pool.commit(lease, 0, FrameEnd::intra(4, 3_600));
/// assert_eq!(pool.frame(TrackId::default(), FrameId(0)).unwrap().data, b"JPEG");
/// ```
#[derive(Debug)]
pub struct FramePool<S, B> {
    info: TrackInfo<'static>,
    slots: S,
    bytes: B,
    next: u64,
    /// The frame that is written by [`FrameSink`], and its time.
    open: Option<(Lease, u64)>,
    ended: bool,
}

impl<S: AsRef<[PoolSlot]> + AsMut<[PoolSlot]>, B: AsRef<[u8]> + AsMut<[u8]>> FramePool<S, B> {
    /// Makes a pool without frames. The first frame gets the number 0. `bytes` is divided evenly: each of
    /// `slots` has a buffer of [`Self::buffer_len`] bytes.
    pub fn new(info: TrackInfo<'static>, mut slots: S, bytes: B) -> Self {
        slots.as_mut().fill(PoolSlot::EMPTY);
        Self { info, slots, bytes, next: 0, open: None, ended: false }
    }

    /// Returns the length of each buffer in bytes: the length of the longest frame.
    pub fn buffer_len(&self) -> usize {
        self.bytes.as_ref().len().checked_div(self.slots.as_ref().len()).unwrap_or(0)
    }

    /// Protects the frames that readers are in the middle of. Call this before each [`Self::lease`] with what the
    /// sessions of the track want: [`Server::wanted`] of an adapter or
    /// [`ServerConn::wanted`](crate::server::ServerConn::wanted), if the server has several media those of this one
    /// only. Each call replaces the call before. A frame that takes longer to send than its session's frames may be late is not protected.
    ///
    /// [`Server::wanted`]: crate::server::ServerConn::wanted
    pub fn hold(&mut self, now: Instant, wants: impl IntoIterator<Item = Want>) {
        for slot in self.slots.as_mut() {
            if slot.state == State::Held {
                slot.state = State::Frame;
            }
        }
        for want in wants {
            if want.held_until.is_some_and(|until| now < until)
                && let Some(index) = self.find(want.frame)
                && let Some(slot) = self.slots.as_mut().get_mut(index)
            {
                slot.state = State::Held;
            }
        }
    }

    /// Takes a buffer to write the next frame into: a free one, or that of the oldest frame that is not held,
    /// which is gone then. Returns `None` if all buffers are held or leased: leave the picture out, or write over
    /// the one that is being written. Several buffers can be leased at a time, as a double-buffered DMA needs.
    // Inlined, it takes more flash.
    #[cfg_attr(target_pointer_width = "32", inline(never))]
    pub fn lease(&mut self) -> Option<Lease> {
        let slots = self.slots.as_mut().iter_mut().enumerate();
        let usable = slots.filter(|(_, slot)| matches!(slot.state, State::Free | State::Frame));
        // False comes before true: a free buffer before any frame.
        let (index, slot) = usable.min_by_key(|(_, slot)| (slot.state == State::Frame, slot.id))?;
        slot.state = State::Leased;
        Some(Lease(index))
    }

    /// Returns the bytes of a leased buffer. They lie at the same place until the lease ends, so a DMA can write
    /// to them in the meantime. What they contain at first is an older frame's.
    pub fn buffer_mut(&mut self, lease: &Lease) -> &mut [u8] {
        let len = self.buffer_len();
        let start = lease.0.saturating_mul(len);
        self.bytes.as_mut().get_mut(start..).and_then(|bytes| bytes.get_mut(..len)).unwrap_or_default()
    }

    /// Makes what was written to a leased buffer the newest frame, and returns the number of the frame. `time` is
    /// when the frame begins to be shown, in ticks of the track's clock. If [`FrameEnd::len`] is greater than the
    /// buffer, or the frame misses parts, the frame is [`Integrity::Damaged`]: a pool keeps no list of what is
    /// missing.
    pub fn commit(&mut self, lease: Lease, time: u64, end: FrameEnd<'_>) -> FrameId {
        let FrameEnd { len, duration, mut flags, missing } = end;
        let most = self.buffer_len();
        if len > most || !missing.is_empty() {
            flags.integrity = Integrity::Damaged;
        }
        let id = FrameId(self.next);
        if let Some(slot) = self.slots.as_mut().get_mut(lease.0) {
            *slot = PoolSlot { state: State::Frame, id: id.0, len: len.min(most), time, duration, flags };
            self.next = id.next().0;
        }
        id
    }

    /// Gives a leased buffer back. What was written to it is dropped.
    pub fn release(&mut self, lease: Lease) {
        if let Some(slot) = self.slots.as_mut().get_mut(lease.0) {
            slot.state = State::Free;
        }
    }

    /// Returns the newest frame; `None` if the pool has none.
    pub fn newest_frame(&self) -> Option<Frame<'_>> {
        self.frame(TrackId::default(), FrameId(self.next.checked_sub(1)?)).ok()
    }

    /// Marks the end of the track, as [`FrameRing::end`](super::FrameRing::end) does.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// Returns the number of the buffer that has a frame.
    fn find(&self, id: FrameId) -> Option<usize> {
        self.slots.as_ref().iter().position(|slot| slot.has_frame() && slot.id == id.0)
    }

    /// Returns the number of the newest frame at which decoding can begin; that of the next frame if there is none.
    fn newest_sync(&self) -> FrameId {
        let syncs = self.slots.as_ref().iter().filter(|slot| slot.has_frame() && slot.flags.sync);
        FrameId(syncs.map(|slot| slot.id).max().unwrap_or(self.next))
    }
}

/// What is written goes to a leased buffer, piece by piece. If there is no buffer, `begin` returns [`Full`].
impl<S: AsRef<[PoolSlot]> + AsMut<[PoolSlot]>, B: AsRef<[u8]> + AsMut<[u8]>> FrameSink for FramePool<S, B> {
    fn describe(&mut self, _: u8, info: TrackInfo<'_>) {
        self.info = TrackInfo::new(info.codec, info.clock_rate);
    }

    fn begin(&mut self, track: u8, time: u64) -> Result<(), Full> {
        self.abandon(track);
        let lease = self.lease().ok_or(Full)?;
        if let Some(slot) = self.slots.as_mut().get_mut(lease.0) {
            slot.len = 0;
        }
        self.open = Some((lease, time));
        Ok(())
    }

    fn write_at(&mut self, _: u8, at: usize, bytes: &[u8]) -> Result<(), Full> {
        let (Lease(index), _) = self.open.as_ref().ok_or(Full)?;
        let lease = Lease(*index);
        let Some(written) = self.slots.as_mut().get_mut(lease.0).map(|slot| &mut slot.len) else {
            return Err(Full);
        };
        let from = *written;
        *written = from.max(at.saturating_add(bytes.len()));
        let buffer = self.buffer_mut(&lease);
        if let Some(hole) = buffer.get_mut(from..at) {
            hole.fill(0);
        }
        if storage::put(buffer, at, bytes) { Ok(()) } else { Err(Full) }
    }

    fn finish(&mut self, _: u8, end: FrameEnd<'_>) {
        if let Some((lease, time)) = self.open.take() {
            let written = self.slots.as_ref().get(lease.0).map_or(0, |slot| slot.len);
            self.commit(lease, time, FrameEnd { len: end.len.min(written), ..end });
        }
    }

    fn abandon(&mut self, _: u8) {
        if let Some((lease, _)) = self.open.take() {
            self.release(lease);
        }
    }
}

impl<S: AsRef<[PoolSlot]> + AsMut<[PoolSlot]>, B: AsRef<[u8]> + AsMut<[u8]>> FrameStore for FramePool<S, B> {
    fn info(&self, _: TrackId) -> Option<TrackInfo<'_>> {
        Some(self.info)
    }

    fn frame(&self, _: TrackId, id: FrameId) -> Result<Frame<'_>, Miss> {
        if id.0 >= self.next {
            return Err(if self.ended { Miss::End } else { Miss::NotYet });
        }
        let found = self.find(id).and_then(|index| Some((index, self.slots.as_ref().get(index)?)));
        let Some((index, slot)) = found else { return Err(Miss::Overrun { newest: self.newest_sync() }) };
        let start = index.saturating_mul(self.buffer_len());
        let data = self.bytes.as_ref().get(start..).and_then(|bytes| bytes.get(..slot.len));
        let data = data.unwrap_or_default();
        Ok(Frame { data, time: slot.time, duration: slot.duration, flags: slot.flags, missing: &[] })
    }

    fn seek(&self, _: TrackId, to: Seek) -> Result<FrameId, Miss> {
        let Seek::To(time) = to else { return Ok(self.newest_sync()) };
        let time = time.to_ticks(self.info.clock_rate);
        let later = self.slots.as_ref().iter().filter(|slot| slot.has_frame() && slot.time >= time);
        Ok(FrameId(later.map(|slot| slot.id).min().unwrap_or(self.next)))
    }
}
