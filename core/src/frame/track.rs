//! Tracks of a medium: their numbers, and what is the same for all frames of a track.
use crate::codec::Codec;

/// Names a track: a medium of the application, and a track in it. Pass it to a
/// [`FrameStore`](super::FrameStore) to say from which track you want a frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct TrackId {
    /// The application's own number for the medium. The application has given this number in its answer to
    /// SETUP; the core only passes it on to the [`FrameStore`](super::FrameStore).
    pub media: u16,
    /// The number of the track in the medium, counted from 0 in the order of the session description.
    pub track: u8,
}

/// The properties that all frames of a track share: its codec, its clock and the parameters of its decoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct TrackInfo<'a> {
    /// The codec, which says what the bytes of a frame are.
    pub codec: Codec,
    /// The clock rate of the track in ticks per second, such as 90,000 for video. Times of frames
    /// ([`Frame::time`](super::Frame::time)) and RTP timestamps count these ticks. It must not be 0: every
    /// time that is converted with a rate of 0 becomes 0.
    pub clock_rate: u32,
    /// What a decoder must know before the first frame, in the form that the codec defines. It is empty for
    /// codecs that need nothing, such as JPEG and PCM.
    pub parameters: &'a [u8],
}

impl TrackInfo<'static> {
    /// Makes the description of a track whose codec needs no parameters. `clock_rate` is in ticks per second,
    /// and must not be 0 (see [`Self::clock_rate`]).
    pub const fn new(codec: Codec, clock_rate: u32) -> Self {
        Self { codec, clock_rate, parameters: &[] }
    }
}
