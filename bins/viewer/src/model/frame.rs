//! Frames that have left the cache.
use pinhole::frame::{Format, Frame, Integrity};
use pinhole::time::{Duration, MediaTime};

/// A frame copied out of the cache. Its buffer is allocated once and filled again and again.
#[derive(Debug, Default)]
pub(crate) struct FrameBuffer {
    data: Vec<u8>,
    about: Option<(Format, MediaTime, Duration, Integrity)>,
}

impl FrameBuffer {
    /// Replaces the contents by a copy of `frame`.
    pub(crate) fn copy_from(&mut self, frame: &Frame<'_>) {
        let &Frame { data, format, pts, duration, integrity } = frame;
        self.data.clear();
        self.data.extend_from_slice(data);
        self.about = Some((format, pts, duration, integrity));
    }

    /// Returns the copied frame; `None` if the buffer was never filled.
    pub(crate) fn frame(&self) -> Option<Frame<'_>> {
        let (format, pts, duration, integrity) = self.about?;
        Some(Frame { data: &self.data, format, pts, duration, integrity })
    }
}
