//! RTP payload formats, with both directions of each in one place: a `Packetizer` splits frames into the
//! payloads of RTP packets, and a [`Depacketizer`] builds frames from them again.
//!
//! [`Sender`](crate::rtp::Sender) and [`Receiver`](crate::rtp::Receiver) use both. You need this module
//! only if you take RTP packets apart without a [`Receiver`](crate::rtp::Receiver).
//!
//! Each payload format is a module here, and an arm in each function of the two enums.
#![cfg_attr(
    not(feature = "jpeg"),
    allow(unused_variables, reason = "not every payload format needs each argument")
)]
mod depacketizer;
#[cfg(feature = "jpeg")]
pub mod jpeg;
#[cfg(feature = "pcm")]
pub mod pcm;

pub use depacketizer::{DepacketizeError, Depacketizer, DepacketizerCounters, Pushed};

use crate::codec::Codec;
use crate::frame::{Frame, TrackInfo};
use crate::rtp;

/// The length of the longest RTP header extension in bytes, without its head; a multiple of 4.
#[cfg(feature = "jpeg")]
pub(crate) const EXTENSION_MAX: usize = jpeg::EXTENSION_LEN;
#[cfg(not(feature = "jpeg"))]
pub(crate) const EXTENSION_MAX: usize = 0;

/// An RTP header extension (RFC 3550, 5.3.1): its profile and its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extension {
    profile: u16,
    data: [u8; EXTENSION_MAX],
}

impl Extension {
    /// Returns the extension as it is emitted.
    pub(crate) const fn repr(&self) -> rtp::ExtensionRepr<'_> {
        rtp::ExtensionRepr { profile: self.profile, data: &self.data }
    }
}

/// A place in a frame: the start of a fragment. Only the payload format knows its meaning. It saves a
/// scan from the start of the frame for each packet. The default is the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// The offset of the current unit, such as a NAL unit, in the frame; 0 for formats without units.
    pub(crate) unit: u32,
    /// The offset in that unit, in bytes.
    pub(crate) at: u32,
}

impl Cursor {
    /// The start of a frame.
    pub(crate) const START: Self = Self { unit: 0, at: 0 };

    /// Whether this is the start of a frame.
    pub(crate) const fn is_start(&self) -> bool {
        self.unit == 0 && self.at == 0
    }
}

/// The part of a frame that one packet carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fragment {
    /// The start of the fragment.
    pub(crate) at: Cursor,
    /// The length of the RTP header extension in bytes; 0 without one.
    pub(crate) extension: usize,
    /// The length of the payload in bytes, with the payload header.
    pub(crate) payload: usize,
    /// The start of the next fragment; `None` after the last.
    pub(crate) next: Option<Cursor>,
    /// The RTP marker bit, for which each payload format has its own rule.
    pub(crate) marker: bool,
    /// The packet's RTP time, in ticks after the frame's: 0 for formats whose frames have one time.
    pub(crate) ticks: u32,
    /// How many sequence numbers are left out after this packet, because bytes of the frame are missing
    /// there. A receiver then knows of the gap.
    pub(crate) skip_after: u16,
}

/// Splits a frame into payloads of equal length. It is made anew each time a sender looks a frame up.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Packetizer<'a> {
    #[cfg(feature = "jpeg")]
    Jpeg(jpeg::Packetizer<'a>),
    #[cfg(feature = "pcm")]
    Pcm(pcm::Packetizer<'a>),
}

impl<'a> Packetizer<'a> {
    /// Makes a packetizer for a frame. A payload and its header extension take at most `room` bytes
    /// together. Returns `None` if the frame can never be sent: it is not coded as its track says, is
    /// empty, or is longer than the payload format allows.
    pub(crate) fn new(info: &TrackInfo<'a>, frame: &Frame<'a>, room: usize) -> Option<Self> {
        match info.codec {
            #[cfg(feature = "jpeg")]
            Codec::Jpeg => jpeg::Packetizer::new(frame, room).map(Self::Jpeg),
            #[cfg(feature = "pcm")]
            Codec::Pcm(pcm) => pcm::Packetizer::new(pcm, frame, room).map(Self::Pcm),
        }
    }

    /// Returns the number of fragments of the frame. It may be an estimate if counting would need a scan,
    /// as it only decides how packets are spread over time.
    pub(crate) fn count(&self) -> u32 {
        match self {
            #[cfg(feature = "jpeg")]
            Self::Jpeg(packetizer) => packetizer.count(),
            #[cfg(feature = "pcm")]
            Self::Pcm(packetizer) => packetizer.count(),
        }
    }

    /// Returns the fragment that starts at `at`; `None` after the end of the frame.
    pub(crate) fn fragment(&self, at: Cursor) -> Option<Fragment> {
        match self {
            #[cfg(feature = "jpeg")]
            Self::Jpeg(packetizer) => packetizer.fragment(at),
            #[cfg(feature = "pcm")]
            Self::Pcm(packetizer) => packetizer.fragment(at),
        }
    }

    /// Returns the header extension of a fragment, if it has one.
    pub(crate) fn extension(&self, fragment: &Fragment) -> Option<Extension> {
        match self {
            #[cfg(feature = "jpeg")]
            Self::Jpeg(packetizer) => packetizer.extension(fragment),
            #[cfg(feature = "pcm")]
            Self::Pcm(_) => None,
        }
    }

    /// Writes the payload header of a fragment to the front of `out`. Returns its length in bytes; `None`
    /// if it does not fit.
    pub(crate) fn emit_head(&self, fragment: &Fragment, out: &mut [u8]) -> Option<usize> {
        match self {
            #[cfg(feature = "jpeg")]
            Self::Jpeg(packetizer) => packetizer.emit_head(fragment, out),
            #[cfg(feature = "pcm")]
            Self::Pcm(_) => Some(0),
        }
    }

    /// Returns the parts of the frame that follow the payload header, in order.
    pub(crate) fn parts(&self, fragment: &Fragment) -> Option<[&'a [u8]; 3]> {
        match self {
            #[cfg(feature = "jpeg")]
            Self::Jpeg(packetizer) => packetizer.parts(fragment),
            #[cfg(feature = "pcm")]
            Self::Pcm(packetizer) => packetizer.parts(fragment),
        }
    }
}

/// Returns the payload type that a sender uses for a track: the static one (RFC 3551, 6), if there is
/// one, and otherwise a dynamic one.
pub(crate) const fn payload_type(info: &TrackInfo<'_>) -> u8 {
    match info.codec {
        #[cfg(feature = "jpeg")]
        Codec::Jpeg => 26,
        #[cfg(feature = "pcm")]
        Codec::Pcm(pcm) => pcm::payload_type(pcm, info.clock_rate),
    }
}
