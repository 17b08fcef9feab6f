//! Cutting frames into RTP payloads. A payload format is a module, and an arm in each function
//! here.
pub mod jpeg;

use crate::frame::{Format, Frame};
use crate::rtp;

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

/// Which part of a frame a packet carries, and how long that makes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) offset: u32,
    /// Bytes of the header extension.
    pub(crate) extension: usize,
    /// Bytes of the payload, with its header.
    pub(crate) payload: usize,
    /// Where the next fragment starts; `None` after the last.
    pub(crate) next: Option<u32>,
}

/// A frame that is cut into payloads of one size: what they have in common is worked out once.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cut<'a> {
    Jpeg(jpeg::Cut<'a>),
}

impl<'a> Cut<'a> {
    /// Payloads take at most `room` bytes with their extension. `None` for a frame that cannot be
    /// sent: it is not what its format says, is empty, or is longer than the payload format's
    /// offsets reach.
    pub(crate) fn new(frame: &Frame<'a>, room: usize) -> Option<Self> {
        match &frame.format {
            Format::Jpeg(info) => jpeg::Cut::new(info, frame.data, room).map(Self::Jpeg),
        }
    }

    /// How many fragments there are from the frame's start.
    pub(crate) fn count(&self) -> u32 {
        match self {
            Self::Jpeg(cut) => cut.count(),
        }
    }

    /// What a packet carries from `offset` on; `None` beyond the frame.
    pub(crate) fn span(&self, offset: u32) -> Option<Span> {
        match self {
            Self::Jpeg(cut) => cut.span(offset),
        }
    }

    /// What belongs into the header extension of the packet at `offset`, if it has one.
    pub(crate) fn extension(&self, offset: u32) -> Option<Extension> {
        match self {
            Self::Jpeg(cut) => cut.extension(offset),
        }
    }

    /// Writes the payload header of the packet at `offset` to the front of `out`, and says how long
    /// it is; `None` if it is longer than `out`.
    pub(crate) fn emit_head(&self, offset: u32, out: &mut [u8]) -> Option<usize> {
        match self {
            Self::Jpeg(cut) => cut.emit_head(offset, out),
        }
    }

    /// The parts of the frame that follow the payload header, in order.
    pub(crate) fn parts(&self, span: &Span) -> Option<[&'a [u8]; 3]> {
        match self {
            Self::Jpeg(cut) => cut.parts(span),
        }
    }

    /// The static payload type (RFC 3551, 6).
    pub(crate) const fn payload_type(&self) -> u8 {
        match self {
            Self::Jpeg(_) => 26,
        }
    }
}
