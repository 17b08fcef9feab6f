//! [`Depacketizer`]: builds frames from the RTP packets of any payload format.
use super::jpeg;
#[cfg(feature = "pcm")]
use super::pcm;
use crate::codec::Codec;
use crate::frame::FrameSink;
use crate::rtp;
use core::fmt;

/// Builds the frames of one track from its RTP packets, in a caller-provided [`FrameSink`].
///
/// It buffers no data: the payload of a packet is written directly to its place in the frame.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant, reason = "a track keeps it for the whole session, without an allocator")]
#[non_exhaustive]
pub enum Depacketizer {
    /// The payload format of JPEG (RFC 2435).
    Jpeg(jpeg::Depacketizer),
    /// The payload format of PCM audio (RFC 3551).
    #[cfg(feature = "pcm")]
    Pcm(pcm::Depacketizer),
}

/// Counts what became of the frames and packets of a track.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct DepacketizerCounters {
    /// Frames that came completely.
    pub complete: u64,
    /// Frames that were finished although parts of them are missing.
    pub damaged: u64,
    /// Frames that were dropped although parts of them came, because too much is missing.
    pub abandoned: u64,
    /// Frames that the sink refused, because it had no room or did not want them.
    pub unstored: u64,
    /// Packets that were dropped because they contradict other packets of their frame.
    pub refused: u64,
}

impl DepacketizerCounters {
    /// All counts are 0.
    pub(crate) const ZERO: Self = Self { complete: 0, damaged: 0, abandoned: 0, unstored: 0, refused: 0 };
}

/// What [`Depacketizer::push`] did with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Pushed {
    /// The packet was stored in its frame, of which more is to come.
    Stored,
    /// The packet was stored, and its frame is finished.
    Finished {
        /// Whether the frame came completely.
        complete: bool,
    },
    /// The packet was dropped, because its frame was abandoned or has no data.
    Skipped,
}

/// Why a packet was not stored in its frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum DepacketizeError {
    /// The payload is not as RFC 2435 says, or does not fit the packets before it.
    Jpeg(jpeg::DepacketizeError),
    /// The payload is not as RFC 3551 says, or the sink has no room.
    #[cfg(feature = "pcm")]
    Pcm(pcm::DepacketizeError),
}

impl From<jpeg::DepacketizeError> for DepacketizeError {
    fn from(error: jpeg::DepacketizeError) -> Self {
        Self::Jpeg(error)
    }
}

impl fmt::Display for DepacketizeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Jpeg(error) => error.fmt(f),
            #[cfg(feature = "pcm")]
            Self::Pcm(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for DepacketizeError {}

impl Depacketizer {
    /// Makes a depacketizer for a track. `dimensions` are the width and the height in pixels from the
    /// session description (`a=x-dimensions`), for payload formats that cannot express them.
    pub const fn new(codec: Codec, dimensions: Option<(u16, u16)>) -> Self {
        match codec {
            Codec::Jpeg => Self::Jpeg(jpeg::Depacketizer::new(dimensions)),
            #[cfg(feature = "pcm")]
            Codec::Pcm(pcm) => Self::Pcm(pcm::Depacketizer::new(pcm)),
        }
    }

    /// Takes the next packet, in the order of sequence numbers, and writes its data to `sink`. `gap` is the
    /// number of packets that were lost just before it, and `time` is when its frame is shown, in ticks of
    /// the track's clock.
    ///
    /// # Errors
    /// Returns the reason why the packet was not stored. If the frame had not begun, or the sink has no
    /// room for it, the frame is abandoned; otherwise it will not be complete. The next packet can be
    /// pushed in any case.
    pub fn push<K: FrameSink + ?Sized>(
        &mut self,
        track: u8,
        packet: &rtp::Packet<&[u8]>,
        gap: u16,
        time: u64,
        sink: &mut K,
    ) -> Result<Pushed, DepacketizeError> {
        match self {
            Self::Jpeg(jpeg) => Ok(jpeg.push(track, packet, gap, time, sink)?),
            #[cfg(feature = "pcm")]
            Self::Pcm(pcm) => pcm.push(track, packet, time, sink).map_err(DepacketizeError::Pcm),
        }
    }

    /// Finishes the open frame, if there is one, as not complete. For when the source has left, another
    /// source or sequence of packets begins, or nothing has come for long.
    pub fn finish_open<K: FrameSink + ?Sized>(&mut self, track: u8, sink: &mut K) {
        match self {
            Self::Jpeg(jpeg) => jpeg.finish_open(track, sink),
            #[cfg(feature = "pcm")]
            Self::Pcm(_) => (),
        }
    }

    /// Forgets the open frame without counting it, because all of it will come again. The sink drops the
    /// frame when the next one begins.
    pub fn forget_open(&mut self) {
        match self {
            Self::Jpeg(jpeg) => jpeg.forget_open(),
            #[cfg(feature = "pcm")]
            Self::Pcm(_) => (),
        }
    }

    /// Whether a frame was begun whose end has not come yet.
    pub const fn has_open(&self) -> bool {
        match self {
            Self::Jpeg(jpeg) => jpeg.has_open(),
            #[cfg(feature = "pcm")]
            Self::Pcm(_) => false,
        }
    }

    /// Returns the counts of frames and packets so far.
    pub const fn counters(&self) -> DepacketizerCounters {
        match self {
            Self::Jpeg(jpeg) => jpeg.counters(),
            #[cfg(feature = "pcm")]
            Self::Pcm(pcm) => pcm.counters(),
        }
    }
}
