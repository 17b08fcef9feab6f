//! A track of a medium: which one it is, and what is the same for all of its frames.
use crate::codec::Codec;

/// Which track of which medium.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct TrackId {
    /// The application's own number for the medium, which it gives in its answer to SETUP. The core only
    /// passes it back.
    pub media: u16,
    /// The track in the medium, counted from 0 in the order of the session description.
    pub track: u8,
}

/// What is the same for all frames of a track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct TrackInfo<'a> {
    /// What the bytes of a frame are.
    pub codec: Codec,
    /// Ticks a second of the frames' times and of RTP timestamps, in Hz.
    pub clock_rate: u32,
    /// What a decoder must know before the first frame, in the form that the codec says; empty for codecs
    /// that need nothing.
    pub parameters: &'a [u8],
}

impl TrackInfo<'static> {
    /// A track of a codec that needs no parameters.
    pub const fn new(codec: Codec, clock_rate: u32) -> Self {
        Self { codec, clock_rate, parameters: &[] }
    }
}
