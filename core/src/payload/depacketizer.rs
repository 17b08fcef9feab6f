//! [`Depacketizer`]: from the packets of any payload format to frames.
use super::jpeg;
use crate::codec::Codec;
use crate::frame::FrameSink;
use crate::rtp;
use core::fmt;

/// Builds the frames of one track from its RTP packets, in a caller-provided [`FrameSink`].
///
/// It buffers nothing: what a packet carries is written directly to its place in the frame.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Depacketizer {
    /// RFC 2435.
    Jpeg(jpeg::Depacketizer),
}

/// What became of the frames of a track.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct DepacketizerCounters {
    /// Frames of which everything came.
    pub complete: u64,
    /// Frames that were finished although something of them is missing.
    pub damaged: u64,
    /// Frames that were dropped although something of them came, because too much is missing.
    pub abandoned: u64,
    /// Frames that the sink had no room for, or did not want.
    pub unstored: u64,
    /// Packets that were dropped because they contradict others of their frame.
    pub refused: u64,
}

impl DepacketizerCounters {
    /// No frames.
    pub(crate) const ZERO: Self = Self { complete: 0, damaged: 0, abandoned: 0, unstored: 0, refused: 0 };
}

/// What became of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Pushed {
    /// It was stored in its frame, which goes on.
    Stored,
    /// It was stored, and its frame is finished.
    Finished {
        /// Whether everything of the frame came.
        complete: bool,
    },
    /// It was dropped, because its frame was abandoned, or it ended a frame without any data.
    Skipped,
}

/// Why a packet was not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum DepacketizeError {
    /// It is not what RFC 2435 says, or does not fit the packets before it.
    Jpeg(jpeg::DepacketizeError),
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
        }
    }
}

impl core::error::Error for DepacketizeError {}

impl Depacketizer {
    /// Makes a depacketizer for a track. `dimensions` are the width and height in pixels, as the session
    /// description tells them (`a=x-dimensions`), for payload formats that cannot say them.
    pub const fn new(codec: Codec, dimensions: Option<(u16, u16)>) -> Self {
        match codec {
            Codec::Jpeg => Self::Jpeg(jpeg::Depacketizer::new(dimensions)),
        }
    }

    /// Takes in the next packet in the order of sequence numbers. `gap` is how many packets were lost just
    /// before it, and `time` when its frame is shown, in ticks of the track's clock.
    ///
    /// # Errors
    /// Why the packet was not stored. Its frame is abandoned if it had not begun or if there is no room
    /// for it, and is marked as not complete otherwise. The next packet can be pushed in any case.
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
        }
    }

    /// Finishes the open frame as not complete, if there is one: the source has gone, another source or
    /// sequence begins, or nothing has come for long.
    pub fn finish_open<K: FrameSink + ?Sized>(&mut self, track: u8, sink: &mut K) {
        match self {
            Self::Jpeg(jpeg) => jpeg.finish_open(track, sink),
        }
    }

    /// Forgets the open frame without counting it, because all of it will come again. The sink drops it
    /// when the next frame begins.
    pub fn forget_open(&mut self) {
        match self {
            Self::Jpeg(jpeg) => jpeg.forget_open(),
        }
    }

    /// Returns whether a frame was begun whose end has not come.
    pub const fn has_open(&self) -> bool {
        match self {
            Self::Jpeg(jpeg) => jpeg.has_open(),
        }
    }

    /// Returns what became of the frames.
    pub const fn counters(&self) -> DepacketizerCounters {
        match self {
            Self::Jpeg(jpeg) => jpeg.counters(),
        }
    }
}
