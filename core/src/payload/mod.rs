//! Cutting frames into RTP payloads. A payload format is a module, and an arm in each function
//! here.
mod jpeg;
#[cfg(test)]
mod tests;

use crate::frame::{Format, Frame};
use crate::wire::rtp;

/// The largest payload header: main, restart and quantisation table headers of RTP/JPEG.
pub(crate) const HEADER_MAX: usize = 16;

/// Bytes of the largest RTP header extension, without its head: a JPEG frame header, in words of 4.
pub(crate) const EXTENSION_MAX: usize = jpeg::EXTENSION_LEN;

/// What goes into an RTP header extension (RFC 3550, 5.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extension {
    profile: u16,
    data: [u8; EXTENSION_MAX],
}

impl Extension {
    pub(crate) const fn repr(&self) -> rtp::ExtensionRepr<'_> {
        rtp::ExtensionRepr { profile: self.profile, data: &self.data }
    }
}

/// One packet's payload, as slices of the frame behind a header of its own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fragment<'a> {
    /// Part of the RTP header, for packets that have one.
    pub(crate) extension: Option<Extension>,
    pub(crate) header: [u8; HEADER_MAX],
    pub(crate) header_len: usize,
    /// What follows the header, in order.
    pub(crate) parts: [&'a [u8]; 3],
    /// Where the next fragment starts; `None` after the last.
    pub(crate) next: Option<u32>,
}

/// The static payload type of a format (RFC 3551, 6).
pub(crate) const fn payload_type(format: &Format) -> u8 {
    match format {
        Format::Jpeg(_) => 26,
    }
}

/// The payload that starts at `offset`, which takes at most `room` bytes with its extension.
///
/// `None` where there is none: the format's own offsets do not reach so far, or the frame is not
/// what its format says.
pub(crate) fn fragment<'a>(frame: &Frame<'a>, offset: u32, room: usize) -> Option<Fragment<'a>> {
    match &frame.format {
        Format::Jpeg(info) => jpeg::fragment(info, frame.data, offset, room),
    }
}

/// How many fragments a frame makes; 0 if it cannot be sent: it is not what its format says, is
/// empty, or is longer than the payload format's offsets reach.
pub(crate) fn count(frame: &Frame<'_>, room: usize) -> u32 {
    match &frame.format {
        Format::Jpeg(info) => jpeg::count(info, frame.data, room),
    }
}
