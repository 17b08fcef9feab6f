//! Decodes pictures, and encodes them anew as baseline 4:2:0.
use super::super::memory::{self, NoMemory};
use super::super::normalise::MAX_FRAME;
use super::TranscodeError;
use super::workspace::Workspace;
use jpeg_encoder::{ColorType, Encoder, EncodingError, JfifWrite, SamplingFactor};
use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

/// The encoder's quality, of 100. The loss cannot be seen.
const QUALITY: u8 = 95;
/// The most pixels of a picture: 8192x8192. A few bytes can claim 65535x65535.
///
/// A fuzz target tries thousands of pictures a second, and so smaller ones.
const MAX_PIXELS: usize = if cfg!(fuzzing) { 1 << 16 } else { 1 << 26 };
const MAX_SIDE: usize = 65_535;
/// Bytes for each pixel that decoding and encoding take: one of a grey one, and three of any.
const PIXEL: usize = 4;
/// The same for each pixel of a component, whose coefficients are kept where they come in several scans.
const COEFFICIENT: usize = 2;
/// Sides are multiples of this where coefficients are kept.
const ALIGNED: usize = 64;
/// A chroma sample without colour.
const NO_COLOUR: u8 = 128;

impl From<NoMemory> for TranscodeError {
    fn from(_: NoMemory) -> Self {
        Self::NoMemory
    }
}

impl From<DecodeErrors> for TranscodeError {
    fn from(error: DecodeErrors) -> Self {
        Self::Decode(error.to_string())
    }
}

/// Decodes a picture and encodes it as baseline 4:2:0 with the standard Huffman tables.
///
/// # Errors
/// The decoder does not know the picture, or the picture is damaged or too large.
pub(in super::super) fn transcode(data: &[u8]) -> Result<Vec<u8>, TranscodeError> {
    let options =
        DecoderOptions::default().set_max_width(MAX_SIDE).set_max_height(MAX_SIDE).set_strict_mode(true);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(data), options);
    decoder.decode_headers()?;
    let (width, height) = decoder.dimensions().unwrap_or_default();
    if width.saturating_mul(height) > MAX_PIXELS {
        return Err(TranscodeError::TooLarge(width, height));
    }
    let components = decoder.input_colorspace().map_or(4, |space| space.num_components().max(1));
    let area = width.next_multiple_of(ALIGNED).saturating_mul(height.next_multiple_of(ALIGNED));
    // Neither decoder nor encoder can do without, or say so.
    let _claim = Workspace::of_process().claim(area.saturating_mul(PIXEL + COEFFICIENT * components))?;
    let (decoded, coded) = match decoder.input_colorspace() {
        Some(ColorSpace::Luma) => (ColorSpace::Luma, ColorType::Ycbcr),
        // Neither converted nor rounded on the way.
        Some(ColorSpace::YCbCr) => (ColorSpace::YCbCr, ColorType::Ycbcr),
        _ => (ColorSpace::RGB, ColorType::Rgb),
    };
    decoder.set_options(options.jpeg_set_out_colorspace(decoded));
    let mut pixels = decoder.decode()?;
    if decoded == ColorSpace::Luma {
        pixels = pixels.iter().flat_map(|luma| [*luma, NO_COLOUR, NO_COLOUR]).collect();
    }
    let mut jpeg = Output { file: Vec::new(), failed: None };
    let mut encoder = Encoder::new(&mut jpeg, QUALITY);
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    let side = |side| u16::try_from(side).map_err(|_| TranscodeError::TooLarge(width, height));
    let encoded = encoder.encode(&pixels, side(width)?, side(height)?, coded);
    match (encoded, jpeg.failed) {
        (Ok(()), _) => Ok(jpeg.file),
        (Err(_), Some(failed)) => Err(failed),
        (Err(error), None) => Err(TranscodeError::Encode(error.to_string())),
    }
}

/// What is encoded so far, no longer than a frame may be.
struct Output {
    file: Vec<u8>,
    /// Why it is not whole.
    failed: Option<TranscodeError>,
}

impl JfifWrite for &mut Output {
    fn write_all(&mut self, bytes: &[u8]) -> Result<(), EncodingError> {
        let fits = self.file.len() + bytes.len() <= MAX_FRAME as usize;
        self.failed = match fits.then(|| memory::extend(&mut self.file, bytes)) {
            Some(Ok(())) => return Ok(()),
            Some(Err(NoMemory)) => Some(TranscodeError::NoMemory),
            None => Some(TranscodeError::TooLong),
        };
        Err(EncodingError::Write(String::new()))
    }
}
