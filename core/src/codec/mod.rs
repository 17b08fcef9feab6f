//! Codecs, which say what the bytes of a frame are. Each codec is a variant of [`Codec`]. A codec has a
//! module here if its frames have to be inspected or changed, or if it has parameters. Codecs know
//! neither RTP nor RTSP.
pub mod jpeg;
#[cfg(feature = "pcm")]
pub mod pcm;

/// The codec of a track: what the bytes of its frames are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Codec {
    /// Motion-JPEG: each frame is one JPEG file, from SOI (FF D8) to EOI (FF D9), of a kind that RTP can
    /// carry; see [`jpeg`]. The clock of the track has 90,000 ticks per second.
    Jpeg,
    /// PCM audio: each frame is a run of samples; see [`pcm`]. The clock of the track has one tick per
    /// sampling instant.
    #[cfg(feature = "pcm")]
    Pcm(pcm::Pcm),
}
