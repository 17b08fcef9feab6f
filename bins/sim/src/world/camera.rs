//! A camera with few frame buffers.
use crate::clip::Clip;
use pinhole::codec::jpeg::TRACK;
use pinhole::frame::{FrameEnd, FrameId, FramePool, PoolSlot, Want};
use pinhole::time::Instant;

/// The frames of a clip that is repeated for ever, in a pool of buffers.
pub(super) struct Camera {
    pub(super) pool: FramePool<Vec<PoolSlot>, Vec<u8>>,
    /// The picture that comes next.
    next: FrameId,
}

impl Camera {
    /// Creates a camera with so many buffers of `longest` bytes.
    pub(super) fn new(longest: usize, buffers: usize) -> Self {
        let pool = FramePool::new(TRACK, vec![PoolSlot::EMPTY; buffers], vec![0; buffers * longest]);
        Self { pool, next: FrameId(0) }
    }

    /// Writes the newest picture of `clip` into the pool, if it is not there yet. Returns when the next one comes.
    pub(super) fn update(
        &mut self,
        now: Instant,
        clip: &Clip,
        wanted: impl Iterator<Item = Want>,
    ) -> Instant {
        let live = clip.live(now);
        if live.newest() >= self.next {
            self.pool.hold(now, wanted);
            if let (Some(lease), Ok(frame)) = (self.pool.lease(), clip.repeated(live.newest())) {
                self.pool.buffer_mut(&lease)[..frame.data.len()].copy_from_slice(frame.data);
                self.pool.commit(lease, frame.time, FrameEnd::intra(frame.data.len(), frame.duration));
            }
            self.next = live.newest().next();
        }
        live.next_at()
    }
}
