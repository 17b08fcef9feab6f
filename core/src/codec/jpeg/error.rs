//! Why a JPEG cannot be carried, and where in it.
use core::fmt;

/// What is wrong with a JPEG file, and at which byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct JpegError {
    /// Bytes from the start of the data to what is wrong.
    pub at: usize,
    /// What is wrong there.
    pub reason: JpegErrorKind,
}

/// Why RFC 2435 cannot carry a JPEG file, not even re-coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum JpegErrorKind {
    /// The data does not start with SOI.
    NotJpeg,
    /// The data ends before the scan starts.
    Truncated,
    /// There is something else where a marker should be.
    NotMarker,
    /// A marker segment is too short, or too long, for what it has to hold.
    SegmentLength,
    /// A marker, of this code, that may not stand here.
    Misplaced(u8),
    /// A progressive process (SOF2).
    Progressive,
    /// Arithmetic coding.
    Arithmetic,
    /// A lossless process.
    Lossless,
    /// A hierarchical process.
    Hierarchical,
    /// Samples of this many bits instead of 8.
    Precision(u8),
    /// A quantisation table of 16-bit values.
    QuantPrecision16,
    /// This many components instead of 3: grey has 1, CMYK 4.
    Components(u8),
    /// Sampling factors that are neither 4:2:2 nor 4:2:0, as the file has them: horizontal
    /// factor in the upper four bits, vertical in the lower.
    Sampling {
        /// Luma.
        y: u8,
        /// Blue-difference chroma.
        cb: u8,
        /// Red-difference chroma.
        cr: u8,
    },
    /// A width or height of zero.
    ZeroSize,
    /// The components are not interleaved in one scan.
    SeveralScans,
    /// A table that a component asks for was not defined.
    MissingTable,
    /// The two chroma components have different quantisation tables: a frame carries only one
    /// for both (RFC 2435, 4.2).
    UnequalChromaTables,
    /// A Huffman table with more codes than can be told apart.
    HuffmanTable,
    /// So many restart intervals that 14 bits cannot number them (RFC 2435, 3.1.7).
    TooManyIntervals(u32),
}

impl JpegErrorKind {
    pub(super) const fn at(self, at: usize) -> JpegError {
        JpegError { at, reason: self }
    }
}

impl fmt::Display for JpegErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NotJpeg => f.write_str("the data does not start as a JPEG does (FF D8)"),
            Self::Truncated => f.write_str("the data ends before the picture starts"),
            Self::NotMarker => f.write_str("there is no marker where one should be"),
            Self::SegmentLength => f.write_str("the length of a marker segment does not fit its content"),
            Self::Misplaced(code) => write!(f, "marker FF {code:02X} may not stand here"),
            Self::Progressive => f.write_str("progressive JPEG cannot be carried"),
            Self::Arithmetic => f.write_str("arithmetic coding cannot be carried"),
            Self::Lossless => f.write_str("lossless JPEG cannot be carried"),
            Self::Hierarchical => f.write_str("hierarchical JPEG cannot be carried"),
            Self::Precision(bits) => write!(f, "samples have {bits} bits; only 8 can be carried"),
            Self::QuantPrecision16 => f.write_str("a quantisation table has 16-bit values"),
            Self::Components(n) => write!(f, "the picture has {n} components instead of 3"),
            Self::Sampling { y, cb, cr } => {
                write!(f, "sampling {y:02X}, {cb:02X}, {cr:02X} is neither 4:2:2 nor 4:2:0")
            }
            Self::ZeroSize => f.write_str("the width or the height is zero"),
            Self::SeveralScans => f.write_str("the picture is spread over several scans"),
            Self::MissingTable => f.write_str("a table is used that was not defined"),
            Self::UnequalChromaTables => {
                f.write_str("the two chroma components have different quantisation tables")
            }
            Self::HuffmanTable => f.write_str("a Huffman table is invalid"),
            Self::TooManyIntervals(n) => write!(f, "{n} restart intervals are more than 16383"),
        }
    }
}

impl fmt::Display for JpegError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "byte {}: {}", self.at, self.reason)
    }
}

impl core::error::Error for JpegErrorKind {}
impl core::error::Error for JpegError {}
