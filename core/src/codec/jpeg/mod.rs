//! JPEG as RFC 2435 can carry it: what is in a file, and how to make one fit.
//!
//! A sender calls [`inspect`] on each frame, and [`recode()`] on those that need it, or that are to
//! get restart markers ([`strip_interval`]). A receiver puts a [`Header`] before the scan that came
//! in packets, and fills with [`mend()`] what is [`Missing`] of it.
mod bits;
mod copy;
mod error;
mod header;
mod huffman;
mod inspect;
mod mend;
mod missing;
mod recode;
mod scan;
pub(crate) mod segments;
pub(crate) mod strips;
mod tables;
mod translate;

pub use error::{JpegError, JpegErrorKind};
pub use header::Header;
pub(crate) use header::{FRAME_HEADER_LEN, frame_header};
pub use inspect::{Huffman, Inspected, McuShape, inspect};
pub use mend::{MendError, mend, mend_max_len};
pub use missing::{Area, Missing, MissingRange};
pub use recode::{RecodeError, RecodeErrorKind, RecodeOptions, Recoded, recode, recode_max_len};
pub use strips::strip_interval;
pub use tables::quantisers;

/// How the chroma is sampled (RFC 2435, 4.1: the types it defines).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Sampling {
    /// 4:2:2, one chroma sample for two pixels across: RTP/JPEG type 0.
    Yuv422,
    /// 4:2:0, one chroma sample for two by two pixels: RTP/JPEG type 1.
    Yuv420,
}

/// Where a packetizer finds what it needs in a JPEG file that RFC 2435 can carry: baseline, the
/// standard Huffman tables, 8-bit quantisation tables, one scan.
///
/// All offsets are bytes from the start of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct JpegInfo {
    /// Pixels across.
    pub width: u16,
    /// Pixels down.
    pub height: u16,
    /// How the chroma is sampled.
    pub sampling: Sampling,
    /// MCUs between restart markers; 0: there are none.
    pub restart_interval: u16,
    /// Where the luma table's 64 bytes are, in zigzag order.
    pub luma_table: u32,
    /// Where the chroma table's 64 bytes are; may be the same.
    pub chroma_table: u32,
    /// Where the entropy-coded segment starts, restart markers and all.
    pub scan: u32,
    /// Its length, without the EOI marker.
    pub scan_len: u32,
}

impl JpegInfo {
    /// A picture of which only the size and the sampling are known, such as a test's: a frame of
    /// it can be stored and looked up, but not packetised.
    pub const fn of_size(width: u16, height: u16, sampling: Sampling) -> Self {
        let (restart_interval, luma_table, chroma_table, scan, scan_len) = (0, 0, 0, 0, 0);
        Self { width, height, sampling, restart_interval, luma_table, chroma_table, scan, scan_len }
    }
}
