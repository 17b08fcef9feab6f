//! Codecs: what the bytes of a frame are. Each codec is a module here and a variant of [`Codec`]; it
//! knows neither RTP nor RTSP.
pub mod jpeg;

/// How the frames of a track are coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Codec {
    /// Motion-JPEG: each frame is one JPEG file, from SOI to EOI, of a kind that RFC 2435 can carry
    /// ([`jpeg::inspect`]). Its clock has 90,000 ticks a second.
    Jpeg,
}
