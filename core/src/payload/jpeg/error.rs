//! Errors of the JPEG depacketizer.
use super::header;
use crate::frame::Full;
use core::fmt;

/// Why an RTP/JPEG packet was not stored in its frame. Go on with the next packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum DepacketizeError {
    /// The payload headers cannot be read. The error says why.
    Payload(header::Error),
    /// The fragment (the part of the scan in the packet) starts too far behind the data that came before.
    /// The few packets that were lost cannot have carried so many bytes.
    Hole {
        /// The offset of the fragment's first byte, in bytes from the start of the scan, as the packet
        /// says.
        offset: u32,
        /// The offset at which the data received so far ends, in bytes from the start of the scan.
        expected: u32,
    },
    /// The fragment (the part of the scan in the packet) overlaps data that was received before. If it only
    /// repeats the fragment before, that is no error.
    Overlap {
        /// The offset of the fragment's first byte, in bytes from the start of the scan, as the packet
        /// says.
        offset: u32,
        /// The offset at which the data received so far ends, in bytes from the start of the scan.
        expected: u32,
    },
    /// The packet has another size, type, Q or restart interval than the earlier packets of its frame.
    Changed,
    /// The packet names quantisation tables by its Q value, and these tables have not come. For example,
    /// the first packet of the frame was lost. Frames with this Q can be stored as soon as the tables
    /// have come.
    NoTables {
        /// The Q value of the packet.
        q: u8,
    },
    /// The packets carry whole JPEG files, and the packet with the start of the file is missing.
    NoHeader,
    /// The picture is larger than RFC 2435 can express, and neither a header extension nor the session
    /// description gives its size. All pictures of this size are dropped.
    NoDimensions,
    /// The [`FrameSink`](crate::frame::FrameSink) has no room for the frame, or does not want it.
    /// The frame is dropped: go on with the next packet.
    Full,
}

impl From<Full> for DepacketizeError {
    fn from(_: Full) -> Self {
        Self::Full
    }
}

impl fmt::Display for DepacketizeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Payload(error) => error.fmt(f),
            Self::Hole { offset, expected } => {
                write!(
                    f,
                    "JPEG fragment at byte {offset} of the scan after byte {expected}, without such a loss"
                )
            }
            Self::Overlap { offset, expected } => {
                write!(f, "JPEG fragment at byte {offset} of the scan, which had come to byte {expected}")
            }
            Self::Changed => f.write_str("JPEG fragment of another size or coding than its frame"),
            Self::NoTables { q } => write!(f, "JPEG frame with Q {q}, for which no tables have come"),
            Self::NoHeader => f.write_str("JPEG file whose first packet is missing"),
            Self::NoDimensions => f.write_str(
                "JPEG frame of unknown size: it is 0x0 in the packets, and the session description has no \
                 x-dimensions",
            ),
            Self::Full => f.write_str("no room for the JPEG frame"),
        }
    }
}

impl core::error::Error for DepacketizeError {}
