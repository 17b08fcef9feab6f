//! Frames that have left the cache.
use pinhole::frame::{ByteRange, Flags, Frame};

/// A frame copied out of the cache. Its buffer is allocated once and filled again and again.
#[derive(Debug, Default)]
pub(crate) struct FrameBuffer {
    data: Vec<u8>,
    missing: Vec<ByteRange>,
    /// Time and duration in ticks, and the flags; `None` before the first frame.
    about: Option<(u64, u32, Flags)>,
}

impl FrameBuffer {
    /// Replaces the contents by a copy of `frame`.
    pub(crate) fn copy_from(&mut self, frame: &Frame<'_>) {
        let &Frame { data, time, duration, flags, missing } = frame;
        self.data.clear();
        self.data.extend_from_slice(data);
        self.missing.clear();
        self.missing.extend_from_slice(missing);
        self.about = Some((time, duration, flags));
    }

    /// Returns the copied frame; `None` if the buffer was never filled.
    pub(crate) fn frame(&self) -> Option<Frame<'_>> {
        let (time, duration, flags) = self.about?;
        Some(Frame { data: &self.data, time, duration, flags, missing: &self.missing })
    }
}
