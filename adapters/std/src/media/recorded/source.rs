//! Where loaders get frames from.
use super::super::normalise::{NormaliseOptions, Normaliser};
use pinhole::frame::FrameId;
use std::fmt;

/// A recorded track, as the loaders see it.
pub(super) trait Source: fmt::Debug + Send + Sync {
    /// Returns the place in the file of frame `id`; `None` if there is no such frame.
    fn locate(&self, id: FrameId) -> Option<u32>;

    /// Returns whether the frame at place `n` can be loaded, if it is not in the cache. This is not so for
    /// one that is known to be unusable, nor for one that could not be read a short time ago.
    fn needs_loading(&self, n: u32) -> bool;

    /// Reads and normalises the frame at place `n`. Returns `None` if it cannot be sent, for which
    /// [`Self::needs_loading`] is false from then on, or for a while. Blocks.
    fn load(&self, n: u32, tools: &mut Tools) -> Option<Box<[u8]>>;

    /// Notes that [`Self::load`] has panicked for the frame at place `n`, so that
    /// [`Self::needs_loading`] is false from then on.
    fn panicked(&self, n: u32);

    /// Returns the disk that frames are read from: if it hangs, they all do.
    fn device(&self) -> u64;
}

/// The bytes of memory that stay for the next frame: those of a large one of ordinary cameras.
const KEPT: usize = 1 << 20;

/// What one thread loads with. The memory is used again for each frame.
#[derive(Debug)]
pub(super) struct Tools {
    /// The frame as it is in the file.
    pub(super) buffer: Vec<u8>,
    pub(super) normaliser: Normaliser,
}

impl Tools {
    pub(super) const fn new(how: NormaliseOptions) -> Self {
        Self { buffer: Vec::new(), normaliser: Normaliser::new(how) }
    }

    /// Frees memory that a large frame took: few come after it, and there are many threads.
    pub(super) fn shed(&mut self) {
        self.buffer.clear();
        self.buffer.shrink_to(KEPT);
        self.normaliser.shrink_to(KEPT);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_of_large_frames_is_given_back() {
        let mut tools = Tools::new(NormaliseOptions::default());
        tools.buffer = vec![1; 16 * KEPT];
        tools.shed();
        assert!(tools.buffer.capacity() <= 2 * KEPT);
        tools.buffer = Vec::with_capacity(KEPT / 2);
        let kept = tools.buffer.as_ptr();
        tools.shed();
        assert_eq!(tools.buffer.as_ptr(), kept);
    }
}
