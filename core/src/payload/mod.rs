//! RTP payload formats, both directions of each in one place: frames are cut into packets by a
//! [`Packetizer`], and put together again by a [`Depacketizer`]. A payload format is a module, and an arm
//! in each function here.
mod depacketizer;
pub mod jpeg;

pub use depacketizer::{DepacketizeError, Depacketizer, DepacketizerCounters, Pushed};

use crate::codec::Codec;
use crate::frame::{Frame, TrackInfo};
use crate::rtp;

/// Bytes of the largest RTP header extension, without its head, in words of 4.
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

/// How far a frame is cut. It means nothing but to its payload format, to which it spares a scan from the
/// frame's start for each packet. The default is the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// Where the unit starts that is being cut, such as a NAL unit; 0 for formats without units.
    pub(crate) unit: u32,
    /// How far the unit is cut.
    pub(crate) at: u32,
}

impl Cursor {
    /// The start of a frame.
    pub(crate) const START: Self = Self { unit: 0, at: 0 };

    pub(crate) const fn is_start(&self) -> bool {
        self.unit == 0 && self.at == 0
    }
}

/// Which part of a frame a packet carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fragment {
    /// Where it starts.
    pub(crate) at: Cursor,
    /// Bytes of the header extension.
    pub(crate) extension: usize,
    /// Bytes of the payload, with its header.
    pub(crate) payload: usize,
    /// Where the next fragment starts; `None` after the last.
    pub(crate) next: Option<Cursor>,
    /// The RTP marker bit, for which each payload format has its own rule.
    pub(crate) marker: bool,
    /// How many sequence numbers are left out after this packet, for what is missing of the frame.
    pub(crate) skip_after: u16,
}

/// A frame that is cut into payloads of one size. What the payloads have in common is worked out once.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Packetizer<'a> {
    Jpeg(jpeg::Packetizer<'a>),
}

impl<'a> Packetizer<'a> {
    /// Cuts a frame into payloads of at most `room` bytes each, with their extension. Returns `None` if the
    /// frame can never be sent: it is not what its track says, is empty, or is longer than the payload
    /// format can say.
    pub(crate) fn new(info: &TrackInfo<'a>, frame: &Frame<'a>, room: usize) -> Option<Self> {
        match info.codec {
            Codec::Jpeg => jpeg::Packetizer::new(frame, room).map(Self::Jpeg),
        }
    }

    /// Returns how many fragments there are from the frame's start, or an estimate where to count them
    /// would need a scan: it decides how packets are spread over time, and nothing else.
    pub(crate) fn count(&self) -> u32 {
        match self {
            Self::Jpeg(packetizer) => packetizer.count(),
        }
    }

    /// Returns the fragment that starts at `at`; `None` beyond the frame.
    pub(crate) fn fragment(&self, at: Cursor) -> Option<Fragment> {
        match self {
            Self::Jpeg(packetizer) => packetizer.fragment(at),
        }
    }

    /// Returns the header extension of a fragment, if it has one.
    pub(crate) fn extension(&self, fragment: &Fragment) -> Option<Extension> {
        match self {
            Self::Jpeg(packetizer) => packetizer.extension(fragment),
        }
    }

    /// Writes the payload header of a fragment to the front of `out`. Returns its length, or `None` if it
    /// does not fit.
    pub(crate) fn emit_head(&self, fragment: &Fragment, out: &mut [u8]) -> Option<usize> {
        match self {
            Self::Jpeg(packetizer) => packetizer.emit_head(fragment, out),
        }
    }

    /// Returns the parts of the frame that follow the payload header, in order.
    pub(crate) fn parts(&self, fragment: &Fragment) -> Option<[&'a [u8]; 3]> {
        match self {
            Self::Jpeg(packetizer) => packetizer.parts(fragment),
        }
    }
}

/// The payload type that this end gives to a codec: the static one (RFC 3551, 6), if there is one.
pub(crate) const fn payload_type(codec: Codec) -> u8 {
    match codec {
        Codec::Jpeg => 26,
    }
}
