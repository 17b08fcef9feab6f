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
}
