//! Where loaders get frames from.
use super::super::normalise::{NormaliseOptions, Normaliser};
use super::super::problem::Problem;
use pinhole::frame::FrameId;
use std::fmt;

/// A recorded track, as the loaders see it.
pub(super) trait Source: fmt::Debug + Send + Sync {
    /// Returns the place in the file of frame `id`; `None` if there is no such frame.
    fn locate(&self, id: FrameId) -> Option<u32>;

    /// Returns whether the frame at place `n` has to be loaded before it can be borrowed. This is
    /// not so for one that lies in a mapped file as it is sent, nor for one that is unusable.
    fn needs_loading(&self, n: u32) -> bool;

    /// Reads and normalises the frame at place `n`. Returns `None` if it can be borrowed where it
    /// lies. Blocks.
    ///
    /// # Errors
    /// Why the frame cannot be sent. If [`Self::needs_loading`] is false from then on, that is for
    /// ever; else the frame could not be read this time.
    fn load(&self, n: u32, tools: &mut Tools) -> Result<Option<Box<[u8]>>, Problem>;
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
