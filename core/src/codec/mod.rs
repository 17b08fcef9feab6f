//! Codecs, which say what the bytes of a frame are. Each codec is a variant of [`Codec`]. A codec has a
//! module here if its frames have to be inspected or changed, or if it has parameters. Codecs know
//! neither RTP nor RTSP.
#[cfg(feature = "jpeg")]
pub mod jpeg;
#[cfg(feature = "pcm")]
pub mod pcm;

#[cfg(feature = "jpeg")]
pub(crate) use jpeg::{Found, Splitter};

/// The codec of the frames that files can hold, as people call it.
#[cfg(feature = "jpeg")]
pub(crate) const IN_FILES: &str = "Motion-JPEG";
/// The first bytes of each frame that files can hold.
#[cfg(feature = "jpeg")]
pub(crate) const FRAME_START: [u8; 2] = jpeg::START;

/// Whether a frame that files can hold may begin with these bytes.
#[cfg(feature = "jpeg")]
pub(crate) const fn may_start_frame(bytes: [u8; 4]) -> bool {
    jpeg::may_start(bytes)
}

/// The codec of a track: what the bytes of its frames are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Codec {
    /// Motion-JPEG: each frame is one JPEG file, from SOI (FF D8) to EOI (FF D9), of a kind that RTP can
    /// carry; see [`jpeg`]. The clock of the track has 90,000 ticks per second.
    #[cfg(feature = "jpeg")]
    Jpeg,
    /// PCM audio: each frame is a run of samples; see [`pcm`]. The clock of the track has one tick per
    /// sampling instant.
    #[cfg(feature = "pcm")]
    Pcm(pcm::Pcm),
}

#[cfg(feature = "jpeg")]
impl Codec {
    /// Returns the codec that has this four-character code in files, in upper or lower case; `None` if its
    /// frames cannot be read from files.
    pub fn of_fourcc(code: [u8; 4]) -> Option<Self> {
        jpeg::FOURCC.contains(&code.map(|byte| byte.to_ascii_uppercase())).then_some(Self::Jpeg)
    }
}
