//! [`Depacketizer`]: builds frames from the RTP packets of any payload format.
#[cfg(feature = "jpeg")]
use super::jpeg;
#[cfg(feature = "pcm")]
use super::pcm;
use crate::codec::Codec;
use crate::frame::FrameSink;
use crate::rtp;
use core::fmt;

/// Builds the frames of one track from its RTP packets, in a caller-provided [`FrameSink`]. [`Self::new`]
/// chooses the payload format.
///
/// It buffers no data: the payload of a packet is written directly to its place in the frame.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant, reason = "a track keeps it for the whole session, without an allocator")]
#[non_exhaustive]
pub enum Depacketizer {
    /// The payload format of JPEG (RFC 2435).
    #[cfg(feature = "jpeg")]
    Jpeg(jpeg::Depacketizer),
    /// The payload format of PCM audio (RFC 3551).
    #[cfg(feature = "pcm")]
    Pcm(pcm::Depacketizer),
}

/// Counts what became of the frames and packets of a track, since its depacketizer was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct DepacketizerCounters {
    /// Frames that came completely.
    pub complete: u64,
    /// Frames that were finished in the sink although parts of them are missing.
    pub damaged: u64,
    /// Frames that were dropped, because their first packet could not be used or too little of them came.
    pub abandoned: u64,
    /// Frames that the sink refused, because it had no room or did not want them.
    pub unstored: u64,
    /// Packets that were dropped because they are malformed, or contradict earlier packets of their
    /// frame.
    pub refused: u64,
}

impl DepacketizerCounters {
    /// All counts are 0.
    pub(crate) const ZERO: Self = Self { complete: 0, damaged: 0, abandoned: 0, unstored: 0, refused: 0 };
}

/// What [`Depacketizer::push`] did with a packet that is no error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Pushed {
    /// The packet was stored in its frame, of which more is to come. A frame before it may have been
    /// finished, if its last packet had no marker.
    Stored,
    /// The packet was the last one of its frame, and the frame is finished: it can be read from the sink.
    Finished {
        /// Whether the frame came completely. Otherwise the sink knows from its
        /// [`FrameEnd`](crate::frame::FrameEnd) what is missing.
        complete: bool,
    },
    /// The packet was dropped without an error, because its frame was abandoned before, or because the
    /// packet or the frame has no data.
    Skipped,
}

/// Why a packet was not stored in its frame. Go on with the next packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum DepacketizeError {
    /// The payload is not as RFC 2435 says, does not fit the packets before it, or the sink has no room.
    #[cfg(feature = "jpeg")]
    Jpeg(jpeg::DepacketizeError),
    /// The payload is not as RFC 3551 says, or the sink has no room.
    #[cfg(feature = "pcm")]
    Pcm(pcm::DepacketizeError),
}

#[cfg(feature = "jpeg")]
impl From<jpeg::DepacketizeError> for DepacketizeError {
    fn from(error: jpeg::DepacketizeError) -> Self {
        Self::Jpeg(error)
    }
}

impl fmt::Display for DepacketizeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            #[cfg(feature = "jpeg")]
            Self::Jpeg(error) => error.fmt(f),
            #[cfg(feature = "pcm")]
            Self::Pcm(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for DepacketizeError {}

impl Depacketizer {
    /// Makes a depacketizer for a track. `dimensions` are the width and the height in pixels from the
    /// session description (`a=x-dimensions`), for payload formats that cannot always express them. If
    /// the session description has none, pass `None`; see [`jpeg::Depacketizer::new`] for what becomes of
    /// too large pictures then.
    pub const fn new(codec: Codec, dimensions: Option<(u16, u16)>) -> Self {
        match codec {
            #[cfg(feature = "jpeg")]
            Codec::Jpeg => Self::Jpeg(jpeg::Depacketizer::new(dimensions)),
            #[cfg(feature = "pcm")]
            Codec::Pcm(pcm) => Self::Pcm(pcm::Depacketizer::new(pcm)),
        }
    }

    /// Takes the next packet and writes its data to `sink`. Pass the packets in the order of their
    /// sequence numbers, each once. `track` is the number of the track, which `sink` gets with each call.
    /// `gap` is the number of packets that were lost just before this one; 0 if there were none. `time`
    /// is when the packet's frame is shown, in ticks of the track's clock.
    ///
    /// # Errors
    /// Returns the reason why the packet was not stored. For JPEG, see [`jpeg::Depacketizer::push`] for
    /// what becomes of its frame. For PCM audio, a packet is a whole frame, which is dropped. Go on with
    /// the next packet in any case.
    pub fn push<K: FrameSink + ?Sized>(
        &mut self,
        track: u8,
        packet: &rtp::Packet<&[u8]>,
        gap: u16,
        time: u64,
        sink: &mut K,
    ) -> Result<Pushed, DepacketizeError> {
        match self {
            #[cfg(feature = "jpeg")]
            Self::Jpeg(jpeg) => Ok(jpeg.push(track, packet, gap, time, sink)?),
            #[cfg(feature = "pcm")]
            Self::Pcm(pcm) => pcm.push(track, packet, time, sink).map_err(DepacketizeError::Pcm),
        }
    }

    /// Finishes the open frame in `sink`, if there is one, as not complete; otherwise does nothing. Call
    /// this when the source has left, when another source or sequence of packets begins, or when nothing
    /// has come for long. `track` is the number that was passed to [`Self::push`].
    pub fn finish_open<K: FrameSink + ?Sized>(&mut self, track: u8, sink: &mut K) {
        match self {
            #[cfg(feature = "jpeg")]
            Self::Jpeg(jpeg) => jpeg.finish_open(track, sink),
            #[cfg(feature = "pcm")]
            Self::Pcm(_) => (),
        }
    }

    /// Forgets the open frame, if there is one, without counting it. Call this when all of the frame will
    /// come again. The sink drops the frame when the next one begins.
    pub fn forget_open(&mut self) {
        match self {
            #[cfg(feature = "jpeg")]
            Self::Jpeg(jpeg) => jpeg.forget_open(),
            #[cfg(feature = "pcm")]
            Self::Pcm(_) => (),
        }
    }

    /// Returns whether a frame was begun whose end has not come yet. PCM audio never has such a frame, as
    /// each packet is one.
    pub const fn has_open(&self) -> bool {
        match self {
            #[cfg(feature = "jpeg")]
            Self::Jpeg(jpeg) => jpeg.has_open(),
            #[cfg(feature = "pcm")]
            Self::Pcm(_) => false,
        }
    }

    /// Returns the counts of frames and packets since the depacketizer was made.
    pub const fn counters(&self) -> DepacketizerCounters {
        match self {
            #[cfg(feature = "jpeg")]
            Self::Jpeg(jpeg) => jpeg.counters(),
            #[cfg(feature = "pcm")]
            Self::Pcm(pcm) => pcm.counters(),
        }
    }
}
