//! Errors of re-coding: why a picture cannot be re-coded, and at which byte.
use super::bits::OutputFull;
use super::error::{JpegError, JpegErrorKind};
use super::huffman::NoToken;
use core::fmt;

/// The error that a picture cannot be re-coded: the reason, and the offset of the part of the source that
/// causes it. If the reason is [`RecodeErrorKind::OutputFull`], try again with a longer buffer. Otherwise
/// leave the picture out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct RecodeError {
    /// The offset of the faulty part, in bytes from the start of the source, which is `src` of
    /// [`recode`](super::recode()). If the fault is in the scan (the entropy-coded data), the offset may be
    /// wrong by a few bytes.
    pub at: usize,
    /// The reason why the picture cannot be re-coded.
    pub reason: RecodeErrorKind,
}

/// Why [`recode`](super::recode()) cannot re-code a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum RecodeErrorKind {
    /// RTP/JPEG cannot carry a picture of this kind, not even re-coded. The reason is that of
    /// [`inspect`](super::inspect()).
    Jpeg(JpegErrorKind),
    /// The scan (the entropy-coded data) ends before all MCUs (minimum coded units) of the picture have
    /// come: the picture is cut short.
    EndsEarly,
    /// The scan has bits that are no code of the picture's Huffman table: the picture is damaged.
    BadCode,
    /// The scan uses this symbol of the picture's Huffman table, and the standard tables have no code for
    /// the symbol. No baseline picture needs such a symbol.
    BadSymbol(u8),
    /// A run of zero coefficients goes past the end of its block of 64: the picture is damaged.
    RunPastEnd,
    /// The DC coefficient of a block is coded as its difference from that of another block, and the
    /// difference is more than 2047 in size. The standard tables have no code for that: the picture is
    /// damaged.
    DcRange,
    /// A restart marker is missing from the scan: another marker, or the end, is in its place. The
    /// picture is damaged.
    RestartMarker {
        /// The code (the byte after FF) of the restart marker that should be there: D0 to D7,
        /// hexadecimal.
        expected: u8,
        /// The code (the byte after FF) of the marker that is there; `None` if the data ends without one.
        found: Option<u8>,
    },
    /// The output buffer is too short for the re-coded file. Try again with a longer buffer.
    OutputFull,
}

impl RecodeErrorKind {
    /// Makes an error of this reason, at byte `at` of the source.
    pub(super) const fn at(self, at: usize) -> RecodeError {
        RecodeError { at, reason: self }
    }
}

impl From<JpegError> for RecodeError {
    fn from(error: JpegError) -> Self {
        RecodeErrorKind::Jpeg(error.reason).at(error.at)
    }
}

impl From<OutputFull> for RecodeErrorKind {
    fn from(_: OutputFull) -> Self {
        Self::OutputFull
    }
}

impl From<NoToken> for RecodeErrorKind {
    fn from(missing: NoToken) -> Self {
        match missing {
            NoToken::Code => Self::BadCode,
            NoToken::Symbol(symbol) => Self::BadSymbol(symbol),
        }
    }
}

impl fmt::Display for RecodeErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Jpeg(reason) => reason.fmt(f),
            Self::EndsEarly => f.write_str("the picture's data ends before the picture does"),
            Self::BadCode => f.write_str("the picture's data has bits that are no Huffman code"),
            Self::BadSymbol(symbol) => {
                write!(f, "the picture's data has symbol {symbol:02X}, which is not baseline")
            }
            Self::RunPastEnd => f.write_str("a run of coefficients goes past the end of its block"),
            Self::DcRange => f.write_str("two DC coefficients differ by more than 2047"),
            Self::RestartMarker { expected, found: Some(found) } => {
                write!(f, "marker FF {found:02X} stands where FF {expected:02X} should be")
            }
            Self::RestartMarker { expected, found: None } => {
                write!(f, "restart marker FF {expected:02X} is missing")
            }
            Self::OutputFull => f.write_str("the re-coded picture does not fit its buffer"),
        }
    }
}

impl fmt::Display for RecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "byte {}: {}", self.at, self.reason)
    }
}

impl core::error::Error for RecodeErrorKind {}
impl core::error::Error for RecodeError {}
