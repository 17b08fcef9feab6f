//! Pictures that RFC 2435 has no place for, decoded and encoded anew as baseline 4:2:0.
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use pinhole::codec::jpeg::JpegErrorKind;
use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

/// Of 100: what is lost cannot be seen.
const QUALITY: u8 = 95;
/// A few bytes can ask for 65535x65535 pixels; this is 8192x8192.
const MAX_PIXELS: usize = 1 << 26;
const MAX_SIDE: usize = 65_535;
/// Chroma that has no colour.
const NO_COLOUR: u8 = 128;

/// Why a picture cannot be transcoded.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub(super) enum TranscodeError {
    #[error("it cannot be decoded: {0}")]
    Decode(String),
    #[error("the picture has {0}x{1} pixels, more than are transcoded")]
    TooLarge(usize, usize),
    #[error("it cannot be encoded: {0}")]
    Encode(String),
}

impl From<DecodeErrors> for TranscodeError {
    fn from(error: DecodeErrors) -> Self {
        Self::Decode(error.to_string())
    }
}

/// Whether a picture that is refused for this may be one that can be transcoded.
pub(super) const fn may_help(reason: JpegErrorKind) -> bool {
    matches!(
        reason,
        JpegErrorKind::Progressive
            | JpegErrorKind::QuantPrecision16
            | JpegErrorKind::Components(1 | 3)
            | JpegErrorKind::Sampling { .. }
            | JpegErrorKind::SeveralScans
            | JpegErrorKind::UnequalChromaTables
    )
}

/// Decodes a picture and encodes it as baseline 4:2:0 with the standard Huffman tables.
///
/// # Errors
/// What is in the way: the decoder does not know it, or it is damaged or too large.
pub(super) fn transcode(data: &[u8]) -> Result<Vec<u8>, TranscodeError> {
    let options =
        DecoderOptions::default().set_max_width(MAX_SIDE).set_max_height(MAX_SIDE).set_strict_mode(true);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(data), options);
    decoder.decode_headers()?;
    let (width, height) = decoder.dimensions().unwrap_or_default();
    if width.saturating_mul(height) > MAX_PIXELS {
        return Err(TranscodeError::TooLarge(width, height));
    }
    let (decoded, coded) = match decoder.input_colorspace() {
        Some(ColorSpace::Luma) => (ColorSpace::Luma, ColorType::Ycbcr),
        // What was stored so is neither converted nor rounded on the way.
        Some(ColorSpace::YCbCr) => (ColorSpace::YCbCr, ColorType::Ycbcr),
        _ => (ColorSpace::RGB, ColorType::Rgb),
    };
    decoder.set_options(options.jpeg_set_out_colorspace(decoded));
    let mut pixels = decoder.decode()?;
    if decoded == ColorSpace::Luma {
        pixels = pixels.iter().flat_map(|luma| [*luma, NO_COLOUR, NO_COLOUR]).collect();
    }
    let mut jpeg = Vec::new();
    let mut encoder = Encoder::new(&mut jpeg, QUALITY);
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    let side = |side| u16::try_from(side).map_err(|_| TranscodeError::TooLarge(width, height));
    encoder
        .encode(&pixels, side(width)?, side(height)?, coded)
        .map_err(|error| TranscodeError::Encode(error.to_string()))?;
    Ok(jpeg)
}
