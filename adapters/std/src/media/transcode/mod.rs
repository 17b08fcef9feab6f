//! Pictures that RFC 2435 has no place for: progressive, 4:4:4, 4:4:0 and CMYK ones.
//!
//! Without the feature `transcode`, there is neither decoder nor encoder, and none is transcoded.
#[cfg(feature = "transcode")]
mod convert;
#[cfg(feature = "transcode")]
mod workspace;

#[cfg(feature = "transcode")]
pub(super) use convert::transcode;
use pinhole::codec::jpeg::JpegErrorKind;

/// Why a picture cannot be transcoded.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub(super) enum TranscodeError {
    #[error("there is not enough memory for it")]
    #[cfg_attr(not(feature = "transcode"), allow(dead_code))]
    NoMemory,
    #[cfg(feature = "transcode")]
    #[error("it cannot be decoded: {0}")]
    Decode(String),
    #[cfg(feature = "transcode")]
    #[error("the picture has {0}x{1} pixels, more than are transcoded")]
    TooLarge(usize, usize),
    #[cfg(feature = "transcode")]
    #[error("the frame is too large once it is transcoded")]
    TooLong,
    #[cfg(feature = "transcode")]
    #[error("it cannot be encoded: {0}")]
    Encode(String),
    #[cfg(not(feature = "transcode"))]
    #[error("this program was built without transcoding")]
    NotBuilt,
}

/// Whether transcoding may help a picture that is refused for `reason`. Always false without the
/// feature `transcode`.
pub(super) const fn may_help(reason: JpegErrorKind) -> bool {
    cfg!(feature = "transcode")
        && matches!(
            reason,
            JpegErrorKind::Progressive
                | JpegErrorKind::QuantPrecision16
                | JpegErrorKind::Components(4)
                | JpegErrorKind::Sampling { .. }
                | JpegErrorKind::SeveralScans
                | JpegErrorKind::UnequalChromaTables
        )
}

/// Returns an error: there is no decoder.
#[cfg(not(feature = "transcode"))]
pub(super) const fn transcode(_: &[u8]) -> Result<Vec<u8>, TranscodeError> {
    Err(TranscodeError::NotBuilt)
}
