//! Errors: why RTP cannot carry a JPEG file, and at which byte.
use core::fmt;

/// The error that RTP cannot carry a JPEG file: the reason, and the offset of the part that causes it.
/// Leave the picture out, or have it encoded in another way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct JpegError {
    /// The offset of the faulty part, in bytes from the start of the inspected data.
    pub at: usize,
    /// The reason why the file cannot be carried.
    pub reason: JpegErrorKind,
}

/// Why RFC 2435 cannot carry a JPEG file. [`recode`](super::recode()) does not help either, except with
/// [`Self::TooManyIntervals`]. Leave the picture out, or have it encoded in another way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum JpegErrorKind {
    /// The data does not start with an SOI marker (FF D8), so it is not a JPEG file.
    NotJpeg,
    /// The data ends before the scan (the entropy-coded data) starts. If data ends within the scan, that
    /// is no error.
    Truncated,
    /// The bytes after a segment are not a marker. A marker is the byte FF and a code byte other than 00.
    NotMarker,
    /// The length that a marker segment gives is too short for what the segment has to hold.
    SegmentLength,
    /// A marker stands where it is not allowed. The field is the marker's code: the byte after FF. For
    /// example, there is a second frame header, or an EOI before the scan.
    Misplaced(u8),
    /// The picture is coded progressively (SOF2) and not as baseline.
    Progressive,
    /// The picture uses arithmetic coding and not Huffman coding (SOF9 to SOF15, DAC).
    Arithmetic,
    /// The picture is coded losslessly (SOF3, or JPEG-LS).
    Lossless,
    /// The picture is coded hierarchically (SOF5 to SOF7, DHP, EXP).
    Hierarchical,
    /// The samples have this many bits. Only samples of 8 bits can be carried.
    Precision(u8),
    /// A quantisation table has 16-bit values. Only 8-bit values can be carried.
    QuantPrecision16,
    /// The picture has this many colour components, and only 1 and 3 can be carried. For example, a CMYK
    /// picture has 4.
    Components(u8),
    /// The sampling is neither 4:2:2 nor 4:2:0. Each field holds the sampling factors of one component as
    /// in the file: the horizontal factor in the upper four bits, the vertical factor in the lower four.
    Sampling {
        /// The sampling factors of luma: the horizontal one in the upper four bits, the vertical one in the
        /// lower four bits.
        y: u8,
        /// The sampling factors of the blue-difference chroma component: the horizontal one in the upper four
        /// bits, the vertical one in the lower four bits.
        cb: u8,
        /// The sampling factors of the red-difference chroma component: the horizontal one in the upper four
        /// bits, the vertical one in the lower four bits.
        cr: u8,
    },
    /// The width or the height of the picture is 0.
    ZeroSize,
    /// The components are spread over several scans instead of interleaved in one.
    SeveralScans,
    /// A colour component uses a quantisation table that the file does not define, or a table whose
    /// number baseline JPEG does not have. If only standard Huffman tables are left out, that is no
    /// error: see [`Huffman::Missing`](super::Huffman::Missing).
    MissingTable,
    /// The two chroma components have different quantisation tables. RTP/JPEG carries one table for both
    /// (RFC 2435, 4.2).
    UnequalChromaTables,
    /// A Huffman table lists more codes than its code lengths allow, or has a number other than 0 or 1.
    HuffmanTable,
    /// The picture has this many restart intervals, and RTP/JPEG can number only 16,383 (RFC 2435,
    /// 3.1.7). To make the picture one that can be carried, call [`recode`](super::recode()) with a
    /// longer [`RecodeOptions::restart_interval`](super::RecodeOptions::restart_interval), so that there
    /// are fewer intervals.
    TooManyIntervals(u32),
}

impl JpegErrorKind {
    /// Makes an error of this reason, at byte `at`.
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
            Self::Components(n) => write!(f, "the picture has {n} components instead of 1 or 3"),
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
