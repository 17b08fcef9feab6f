//! Checks, re-codes and repairs JPEG pictures, so that RTP can carry them as RFC 2435 says.
//!
//! # What RFC 2435 can carry
//! RTP/JPEG packets hold the *scan* of a picture (its entropy-coded data), its size, its sampling and its
//! two quantisation tables. The receiver fills in the rest. So a picture can be carried if it is baseline
//! JPEG with three components of 8 bits in one interleaved scan, sampled 4:2:2 or 4:2:0, with one
//! quantisation table of 8-bit values for luma and one for both chroma components, and coded with the
//! standard Huffman tables (ITU-T T.81, Annex K). This library handles pictures of up to 65,535 x 65,535
//! pixels. Without the extension of ONVIF, RTP can carry only pictures of up to 2,040 x 2,040 pixels.
//!
//! # Restart intervals
//! A JPEG picture is a sequence of *MCUs* (minimum coded units), in rows from the top left: areas of 16x8
//! pixels in 4:2:2 and of 16x16 in 4:2:0. A decoder that misses bytes cannot find the next MCU. With
//! *restart markers* in the scan, a decoder can: a marker, numbered 0 to 7 and again from 0, stands after
//! each n MCUs, and the decoder starts anew there. The n MCUs are a *restart interval*; the number n is in
//! the file's DRI segment, and is 0 where there are no markers. A lost packet then costs a few restart
//! intervals instead of the rest of the picture.
//!
//! # Use
//! - A sender calls [`inspect`] on each picture. If [`Inspected::needs_recode`] returns true, the sender
//!   calls [`recode()`]. The sender can also call [`recode()`] to put restart markers in;
//!   [`restart_interval_for`] says how far apart.
//! - [`check`] finds the whole picture in what a sensor has written to a buffer, or says why there is none.
//! - A receiver writes a [`Header`] before the scan that came in packets. If restart intervals are
//!   [`Missing`], [`mend()`] puts grey ones in their place, for decoders that need whole files.
//! - [`Splitter`] finds the pictures in a stream of bytes, such as that of a camera on a serial line.
//!
//! Offsets and lengths are bytes, sizes of pictures are pixels, and restart intervals are MCUs.
mod bits;
mod check;
mod coder;
mod copy;
mod error;
mod extent;
mod header;
mod huffman;
mod huffman_spec;
mod inspect;
mod locate;
mod mend;
mod missing;
mod recode;
mod recode_error;
pub(crate) mod restart;
mod scan;
pub(crate) mod segments;
mod splitter;
mod tables;
mod translate;

pub use check::{CheckError, CheckErrorKind, check};
pub use error::{JpegError, JpegErrorKind};
pub use extent::{Extent, extent};
pub use header::Header;
pub(crate) use header::{FRAME_HEADER_LEN, frame_header};
pub use inspect::{Huffman, Inspected, McuShape, inspect};
pub use mend::{MendError, mend, mend_max_len};
pub use missing::{Area, Missing, MissingRange};
pub use recode::{RecodeOptions, Recoded, recode, recode_max_len};
pub use recode_error::{RecodeError, RecodeErrorKind};
pub use restart::restart_interval_for;
pub(crate) use segments::restart_marker;
pub use splitter::{Found, Splitter};
pub use tables::quantisers;

use super::Codec;
use crate::frame::TrackInfo;
use segments::marker;

/// The four-character codes of Motion-JPEG in file formats, in upper case.
pub(super) const FOURCC: [[u8; 4]; 6] = [*b"MJPG", *b"JPEG", *b"AVI1", *b"AVI2", *b"DMB1", *b"MJPA"];
/// The first bytes of each frame: the SOI marker.
pub(crate) const START: [u8; 2] = [0xFF, marker::SOI];

/// Whether a file may begin with these bytes: SOI, and a marker that may follow it.
pub(super) const fn may_start([a, b, c, code]: [u8; 4]) -> bool {
    a == 0xFF && b == marker::SOI && c == 0xFF && matches!(code, 0xC0..=0xCF | marker::SOS..=0xFF)
}

/// The description of a Motion-JPEG track, with the clock that RFC 2435 prescribes (3.1): 90,000 ticks
/// per second.
pub const TRACK: TrackInfo<'static> = TrackInfo::new(Codec::Jpeg, 90_000);

/// How many pixels share a chroma sample (RFC 2435, 4.1). RTP/JPEG has only these two; pictures of
/// another sampling cannot be carried, not even after [`recode()`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Sampling {
    /// 4:2:2: each chroma sample covers 2x1 pixels. RTP/JPEG calls this sampling type 0. An MCU (minimum
    /// coded unit) is 16x8 pixels.
    Yuv422,
    /// 4:2:0: each chroma sample covers 2x2 pixels. RTP/JPEG calls this sampling type 1. An MCU (minimum
    /// coded unit) is 16x16 pixels.
    Yuv420,
}

/// Describes a JPEG file that RFC 2435 can carry (see [the module](self)): its size, its sampling, and
/// where its tables and its scan (the entropy-coded data) are. [`JpegInfo::locate`] and [`inspect`]
/// return it.
///
/// All offsets are in bytes from the start of the file: its SOI marker has offset 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct JpegInfo {
    /// The picture's width in pixels.
    pub width: u16,
    /// The picture's height in pixels.
    pub height: u16,
    /// How many pixels share a chroma sample.
    pub sampling: Sampling,
    /// The number of MCUs (minimum coded units) in each restart interval; 0 if the scan has no restart
    /// markers. The last interval of the picture may have fewer MCUs.
    pub restart_interval: u16,
    /// The offset of the values of the luma quantisation table, in bytes from the start of the file. The
    /// values are 64 bytes in zigzag order.
    pub luma_table: u32,
    /// The offset of the values of the quantisation table of both chroma components, in bytes from the
    /// start of the file. The values are 64 bytes in zigzag order. If luma and chroma have one table, this
    /// offset equals `luma_table`.
    pub chroma_table: u32,
    /// The offset of the first byte of the scan, in bytes from the start of the file (the SOI marker). The
    /// scan is the entropy-coded data with its restart markers; it begins directly after the SOS segment.
    pub scan: u32,
    /// The length of the scan in bytes, with its restart markers. The EOI marker at the end of the file is
    /// not counted.
    pub scan_len: u32,
}

impl JpegInfo {
    /// Makes the description of a picture of which only the size in pixels and the sampling are known. The
    /// restart interval is 0: no restart markers. The offsets and lengths of the tables and the scan are 0
    /// as well, which is not their true value. Set them before code reads the tables or the scan by them.
    pub const fn of_size(width: u16, height: u16, sampling: Sampling) -> Self {
        let (restart_interval, luma_table, chroma_table, scan, scan_len) = (0, 0, 0, 0, 0);
        Self { width, height, sampling, restart_interval, luma_table, chroma_table, scan, scan_len }
    }
}
