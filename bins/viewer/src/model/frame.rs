//! Frames that have left the cache.
use pinhole::codec::Codec;
use pinhole::frame::{ByteRange, Flags, Frame};

/// A frame copied out of the cache. Its buffers are allocated once and filled again and again.
#[derive(Debug, Default)]
pub(crate) struct FrameBuffer {
    data: Vec<u8>,
    missing: Vec<ByteRange>,
    /// All of the frame but its bytes; `None` if the buffer was never filled.
    about: Option<About>,
}

#[derive(Clone, Copy, Debug)]
struct About {
    codec: Codec,
    time: u64,
    duration: u32,
    flags: Flags,
}

impl FrameBuffer {
    /// Replaces the contents by a copy of `frame`, which is of a track with this codec.
    pub(crate) fn copy_from(&mut self, frame: &Frame<'_>, codec: Codec) {
        let &Frame { data, time, duration, flags, missing } = frame;
        self.data.clear();
        self.data.extend_from_slice(data);
        self.missing.clear();
        self.missing.extend_from_slice(missing);
        self.about = Some(About { codec, time, duration, flags });
    }

    /// Returns the copied frame and its codec; `None` if the buffer was never filled.
    pub(crate) fn frame(&self) -> Option<(Frame<'_>, Codec)> {
        let About { codec, time, duration, flags } = self.about?;
        Some((Frame { data: &self.data, time, duration, flags, missing: &self.missing }, codec))
    }
}
