//! Frames that outlive a turn.
use super::live::LiveFrame;
#[cfg(feature = "pattern")]
use super::pattern::Pattern;
use super::recorded::CachedFrame;
#[cfg(feature = "pattern")]
use pinhole::frame::{FrameId, FrameStore as _, TrackId};
use std::fmt;
use std::sync::Arc;

/// A frame of a library that stays in memory for as long as it is held, even if the cache or the live input has
/// dropped it. Its bytes are shared, not copied.
pub(crate) struct HeldFrame(pub(super) Held);

pub(super) enum Held {
    Recorded(CachedFrame),
    Live(Arc<LiveFrame>),
    #[cfg(feature = "pattern")]
    Pattern(Arc<Pattern>, TrackId, FrameId),
}

impl HeldFrame {
    /// Returns the frame's bytes: a JPEG file, which may lack the standard Huffman tables.
    pub(crate) fn data(&self) -> &[u8] {
        match &self.0 {
            Held::Recorded(frame) => frame,
            Held::Live(frame) => frame.data(),
            #[cfg(feature = "pattern")]
            Held::Pattern(pattern, track, id) => pattern.frame(*track, *id).map_or(&[], |frame| frame.data),
        }
    }
}

impl fmt::Debug for HeldFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("HeldFrame").field(&self.data().len()).finish()
    }
}
