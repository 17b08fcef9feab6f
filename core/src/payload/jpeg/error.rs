//! Why a JPEG packet is of no use.
use super::header;
use crate::frame::Full;
use core::fmt;

/// Why a packet was not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum DepacketizeError {
    /// Its payload cannot be read.
    Payload(header::Error),
    /// It is further on in the frame than lost packets explain.
    Hole {
        /// Where it says that it belongs.
        offset: u32,
        /// Where the data before it ends.
        expected: u32,
    },
    /// It overlaps what is there.
    Overlap {
        /// Where it says that it belongs.
        offset: u32,
        /// Where the data before it ends.
        expected: u32,
    },
    /// It has another size, type, Q or restart interval than its frame.
    Changed,
    /// The quantisation tables that this Q names have not come.
    NoTables {
        /// Q.
        q: u8,
    },
    /// The frame is larger than RFC 2435 can say, and nothing else says how large.
    NoDimensions,
    /// The sink has no room for the frame.
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
            Self::NoDimensions => f.write_str("JPEG frame of unknown size"),
            Self::Full => f.write_str("no room for the JPEG frame"),
        }
    }
}

impl core::error::Error for DepacketizeError {}
