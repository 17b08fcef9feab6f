//! A live source with few frame buffers.
use crate::clip::Clip;
use pinhole::codec::jpeg::TRACK;
use pinhole::frame::{FrameEnd, FrameId, FramePool, PoolSlot, Want};
use pinhole::time::Instant;

/// The newest frames of a clip that is repeated for ever, in a pool of buffers.
#[derive(Debug)]
pub(crate) struct PooledClip {
    pub(crate) pool: FramePool<Vec<PoolSlot>, Vec<u8>>,
    /// The picture that comes next.
    next: FrameId,
}

impl PooledClip {
    /// Creates a source with so many buffers of `longest` bytes.
    pub(crate) fn new(longest: usize, buffers: usize) -> Self {
        let pool = FramePool::new(TRACK, vec![PoolSlot::EMPTY; buffers], vec![0; buffers * longest]);
        Self { pool, next: FrameId(0) }
    }

    /// Writes the newest picture of `clip` into the pool, if it is not there yet. Returns false if there was no
    /// buffer for it.
    pub(crate) fn update(&mut self, now: Instant, clip: &Clip, wanted: impl Iterator<Item = Want>) -> bool {
        let newest = clip.live(now).newest();
        if newest < self.next {
            return true;
        }
        self.next = newest.next();
        self.pool.hold(now, wanted);
        let (Some(lease), Ok(frame)) = (self.pool.lease(), clip.repeated(newest)) else { return false };
        self.pool.buffer_mut(&lease)[..frame.data.len()].copy_from_slice(frame.data);
        self.pool.commit(lease, frame.time, FrameEnd::intra(frame.data.len(), frame.duration));
        true
    }
}
