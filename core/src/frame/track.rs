//! Tracks of a medium: their numbers, and what is the same for all frames of a track.
use crate::codec::Codec;

/// Names a track of a medium.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct TrackId {
    /// The application's own number for the medium, from its answer to SETUP. The core only passes it on
    /// to the store.
    pub media: u16,
    /// The number of the track in the medium, counted from 0 in the order of the session description.
    pub track: u8,
}

/// The properties that all frames of a track share: codec, clock and parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct TrackInfo<'a> {
    /// The codec, which says what the bytes of a frame are.
    pub codec: Codec,
    /// The clock rate of the track in ticks per second. Times of frames and RTP timestamps count these
    /// ticks.
    pub clock_rate: u32,
    /// What a decoder must know before the first frame, in the form that the codec defines; empty for
    /// codecs that need nothing.
    pub parameters: &'a [u8],
}

impl TrackInfo<'static> {
    /// Describes a track whose codec needs no parameters.
    pub const fn new(codec: Codec, clock_rate: u32) -> Self {
        Self { codec, clock_rate, parameters: &[] }
    }
}
