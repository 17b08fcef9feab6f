//! [`Depacketizer`]: builds frames from the RTP packets of any payload format.
#[cfg(feature = "jpeg")]
use super::jpeg;
#[cfg(feature = "pcm")]
use super::pcm;
use crate::codec::Codec;
use crate::frame::FrameSink;
use crate::rtp;
use core::fmt;

/// Builds the frames of one track from its RTP packets, in a caller-provided [`FrameSink`]. There is one
/// variant for each payload format; [`Self::new`] chooses it by the codec.
///
/// A depacketizer buffers no data: the payload of each packet is written directly to its place in the frame
/// in the sink.
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
    /// The number of frames that came completely.
    pub complete: u64,
    /// The number of frames that were finished in the sink although parts of them are missing: those that
    /// are not [`Integrity::Complete`](crate::frame::Integrity::Complete).
    pub damaged: u64,
    /// The number of frames that were dropped because their first packet could not be used, or because too
    /// little of them came.
    pub abandoned: u64,
    /// The number of frames that the sink refused, because it had no room for them or did not want them.
    pub unstored: u64,
    /// The number of packets that were dropped because they were malformed, or because they contradicted
    /// earlier packets of their frame.
    pub refused: u64,
}

impl DepacketizerCounters {
    /// All counts are 0.
    pub(crate) const ZERO: Self = Self { complete: 0, damaged: 0, abandoned: 0, unstored: 0, refused: 0 };
}

/// What [`Depacketizer::push`] did with a packet, if it returned no error. Go on with the next packet in
/// each case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Pushed {
    /// The packet was stored, and its frame is still open. If the frame before was still open, because no
    /// packet with a marker bit had ended it, this packet has also finished that frame in the sink.
    Stored,
    /// The packet was the last one of its frame, and the frame is finished: the frame can be read from the
    /// sink.
    Finished {
        /// Whether the frame came completely. If not, the [`FrameEnd`](crate::frame::FrameEnd) that the
        /// sink got says what is known of the missing parts.
        complete: bool,
    },
    /// The packet was dropped, and this is not an error. Either the packet's frame was dropped before; or
    /// the packet or its whole frame has no data; or the sink had no room for the end of the frame, and the
    /// frame is dropped.
    Skipped,
}

/// Why a packet was not stored in its frame. Go on with the next packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum DepacketizeError {
    /// The payload is not as RFC 2435 says, or it does not fit the earlier packets of its frame, or the
    /// sink has no room.
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

impl DepacketizeError {
    /// Returns true if the sink had no room for the frame, or did not want it.
    pub const fn is_full(&self) -> bool {
        match self {
            #[cfg(feature = "jpeg")]
            Self::Jpeg(error) => matches!(error, jpeg::DepacketizeError::Full),
            #[cfg(feature = "pcm")]
            Self::Pcm(error) => matches!(error, pcm::DepacketizeError::Full),
        }
    }
}

impl Depacketizer {
    /// Makes a depacketizer for a track of this codec. `dimensions` are the width and the height in pixels
    /// from the session description (`a=x-dimensions`); pass `None` if the session description has none.
    /// For JPEG, the dimensions are needed if pictures are too large for RFC 2435; see
    /// [`jpeg::Depacketizer::new`]. For PCM audio, the dimensions are ignored.
    pub const fn new(codec: Codec, dimensions: Option<(u16, u16)>) -> Self {
        match codec {
            #[cfg(feature = "jpeg")]
            Codec::Jpeg => Self::Jpeg(jpeg::Depacketizer::new(dimensions)),
            #[cfg(feature = "pcm")]
            Codec::Pcm(pcm) => Self::Pcm(pcm::Depacketizer::new(pcm)),
        }
    }

    /// Takes the next packet and writes its data to `sink`. Pass the packets in the order of their sequence
    /// numbers, each once. `track` is the number of the track, counted from 0, which is passed on to each
    /// call of `sink`. `gap` is the number of packets that were lost just before this packet; 0 if there
    /// were none. `time` says when the packet's frame is shown, in ticks of the track's clock.
    ///
    /// # Errors
    /// Returns the reason why the packet was not stored. In any case, go on with the next packet. For
    /// JPEG, the packet's frame is either dropped or goes on without the packet; see
    /// [`jpeg::Depacketizer::push`]. For PCM audio, each packet is a whole frame, and that frame is
    /// dropped.
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

    /// Finishes the open frame in `sink`, as not complete. If no frame is open, does nothing. Call this
    /// if the source has left, if another source or sequence of packets begins, or if nothing has come
    /// for long. `track` is the number that was passed to [`Self::push`].
    pub fn finish_open<K: FrameSink + ?Sized>(&mut self, track: u8, sink: &mut K) {
        match self {
            #[cfg(feature = "jpeg")]
            Self::Jpeg(jpeg) => jpeg.finish_open(track, sink),
            #[cfg(feature = "pcm")]
            Self::Pcm(_) => (),
        }
    }

    /// Forgets the open frame without counting it. If no frame is open, does nothing. Call this if all
    /// packets of the frame will come again. The sink keeps the open frame until the next frame begins, and
    /// drops it then.
    pub fn forget_open(&mut self) {
        match self {
            #[cfg(feature = "jpeg")]
            Self::Jpeg(jpeg) => jpeg.forget_open(),
            #[cfg(feature = "pcm")]
            Self::Pcm(_) => (),
        }
    }

    /// Returns whether a frame is open: a packet of it was stored, and its end has not come yet. For PCM
    /// audio this is always false, because each packet is a whole frame.
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
