//! JPEG files to pixels. What is missing of a file is filled from the picture before.
use crate::model::Picture;
use pinhole::codec::jpeg::{Area, JpegInfo, Missing, mend, mend_max_len};
use pinhole::frame::Frame;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

/// The largest picture that is decoded: 256 MiB of pixels. A JPEG header of a few bytes can ask
/// for sixty times as much.
const MAX_PIXELS: usize = 1 << 26;

/// The most pixels for each byte of a file: an empty MCU of 16 x 16 takes 32 bits (ITU-T T.81, K.3).
const MAX_PIXELS_PER_BYTE: usize = 64;

/// Decodes the frames of one track.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    /// The last picture. It shares its pixels with the picture on the screen.
    before: Picture,
    /// A file with grey MCUs in place of those that are missing.
    filled: Vec<u8>,
}

impl Decoder {
    /// Decodes a frame into `picture`, whose buffer is used again. Areas that are known to be missing
    /// show the picture before, or grey if that had another size.
    ///
    /// # Errors
    /// The frame is no JPEG file, or is too large.
    pub(super) fn decode(&mut self, frame: &Frame<'_>, picture: &mut Picture) -> Result<(), String> {
        match self.fill(frame) {
            Some((info, missing, len)) => {
                decode(self.filled.get(..len).unwrap_or_default(), picture)?;
                if (picture.width, picture.height) == (self.before.width, self.before.height) {
                    let (from, width) = (&self.before.pixels, picture.width as usize);
                    missing.areas(&info).for_each(|area| copy(area, from, picture.pixels_mut(), width));
                }
            }
            None => decode(frame.data, picture)?,
        }
        self.before.clone_from(picture);
        Ok(())
    }

    /// Makes a whole file of an incomplete frame. Returns the file's length, and what is missing;
    /// `None` if the frame has to be decoded as it is.
    fn fill(&mut self, frame: &Frame<'_>) -> Option<(JpegInfo, Missing, usize)> {
        if frame.missing.is_empty() {
            return None;
        }
        let info = JpegInfo::locate(frame.data)?;
        let missing = Missing::locate(frame.data, &info, frame.missing)?;
        self.filled.resize(mend_max_len(&info, &missing, frame.data.len()), 0);
        let filled = mend(frame.data, &info, &missing, &mut self.filled);
        let len = filled.inspect_err(|error| tracing::debug!(%error, "a frame cannot be filled")).ok()?;
        Some((info, missing, len))
    }
}

/// Decodes a JPEG file into `picture`, whose buffer is used again. Of a file whose scan is damaged
/// or ends early, decodes what can be decoded.
fn decode(data: &[u8], picture: &mut Picture) -> Result<(), String> {
    let options = DecoderOptions::default().set_strict_mode(false).jpeg_set_out_colorspace(ColorSpace::RGBA);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(data), options);
    decoder.decode_headers().map_err(|error| error.to_string())?;
    let (width, height) = decoder.dimensions().ok_or("no dimensions")?;
    let pixels = width.saturating_mul(height);
    if !(1..=MAX_PIXELS).contains(&pixels) {
        return Err(format!("{width}x{height} is more than is decoded"));
    }
    if pixels / MAX_PIXELS_PER_BYTE > data.len() {
        return Err(format!("{width}x{height} is more than {} bytes can hold", data.len()));
    }
    let buffer = picture.pixels_mut();
    buffer.resize(pixels, 0);
    decoder.decode_into(bytemuck::cast_slice_mut(buffer)).map_err(|error| error.to_string())?;
    // The decoder's own BGRA is not vectorised; this is.
    for pixel in buffer {
        let [r, g, b, _] = pixel.to_ne_bytes();
        *pixel = u32::from_be_bytes([0, r, g, b]);
    }
    (picture.width, picture.height) = (width as u32, height as u32);
    Ok(())
}

/// Copies an area from one picture to another of the same `width`.
fn copy(area: Area, from: &[u32], to: &mut [u32], width: usize) {
    for row in usize::from(area.y)..usize::from(area.y) + usize::from(area.height) {
        let start = row * width + usize::from(area.x);
        let columns = start..start + usize::from(area.width);
        if let (Some(to), Some(from)) = (to.get_mut(columns.clone()), from.get(columns)) {
            to.copy_from_slice(from);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::fake::ORANGE;
    use pinhole::codec::jpeg::{RecodeOptions, recode, recode_max_len};
    use pinhole::frame::{ByteRange, Flags, Integrity};
    use std::sync::Arc;

    const GREY: u32 = 0x0080_8080;

    /// Changes the size in the SOF segment, which follows marker, length and precision.
    fn with_size(file: &[u8], width: u16, height: u16) -> Vec<u8> {
        let sof = file.windows(2).position(|marker| marker == [0xff, 0xc0]).unwrap();
        let mut file = file.to_vec();
        file[sof + 5..sof + 7].copy_from_slice(&height.to_be_bytes());
        file[sof + 7..sof + 9].copy_from_slice(&width.to_be_bytes());
        file
    }

    fn is_orange(pixel: u32) -> bool {
        let [none, r, g, b] = pixel.to_be_bytes();
        none == 0 && r > 0xf8 && g.abs_diff(0x80) < 8 && b < 8
    }

    #[test]
    fn pixels_are_0rgb_in_a_reused_buffer() {
        let mut picture = Picture { pixels: Arc::new(vec![7; 9999]), ..Picture::default() };
        decode(ORANGE, &mut picture).unwrap();
        assert_eq!((picture.width, picture.height, picture.pixels.len()), (32, 16, 512));
        assert!(picture.pixels.iter().all(|pixel| is_orange(*pixel)), "{:08x}", picture.pixels[0]);
    }

    #[test]
    fn a_short_scan_decodes_in_part() {
        let mut picture = Picture::default();
        // The header says twice the height.
        decode(&with_size(ORANGE, 32, 32), &mut picture).unwrap();
        assert_eq!(picture.pixels.len(), 1024);
        assert!(picture.pixels[..256].iter().all(|pixel| is_orange(*pixel)));
    }

    #[test]
    fn other_bytes_are_refused() {
        let mut picture = Picture::default();
        for file in [&[][..], b"GET / HTTP/1.0", &[0xff, 0xd8], &ORANGE[..40]] {
            assert!(decode(file, &mut picture).is_err(), "{file:02x?}");
        }
    }

    #[test]
    fn a_header_cannot_demand_all_memory() {
        let mut picture = Picture::default();
        for (width, height) in [(16_000, 16_000), (65_535, 65_535), (8_000, 8_000), (0, 16)] {
            assert!(decode(&with_size(ORANGE, width, height), &mut picture).is_err(), "{width}x{height}");
            assert_eq!(picture.pixels.capacity(), 0);
        }
    }

    struct File {
        data: Vec<u8>,
        info: JpegInfo,
        missing: [ByteRange; 1],
    }

    /// The orange picture, with a restart interval for each of its two MCUs.
    fn with_intervals() -> File {
        let mut data = vec![0; recode_max_len(ORANGE.len())];
        let done = recode(ORANGE, &mut data, RecodeOptions { restart_interval: Some(1) }).unwrap();
        data.truncate(done.len);
        File { data, info: done.info, missing: [ByteRange::default()] }
    }

    /// Removes the second restart interval.
    fn right_half_missing(file: &mut File) -> Frame<'_> {
        let File { data, info, missing } = file;
        let scan = info.scan as usize;
        let marker = data[scan..].windows(2).position(|pair| pair == [0xFF, 0xD0]).unwrap();
        let (start, end) = (scan + marker + 2, scan + info.scan_len as usize);
        data[start..end].fill(0);
        *missing = [ByteRange::new(start as u32, end as u32)];
        let flags = Flags::INTRA.with_integrity(Integrity::Partial);
        Frame { flags, missing, ..whole(data) }
    }

    fn whole(data: &[u8]) -> Frame<'_> {
        Frame::intra(data, 0, 0)
    }

    fn corners(decoder: &mut Decoder, frame: &Frame<'_>) -> (u32, u32) {
        let mut picture = Picture::default();
        decoder.decode(frame, &mut picture).unwrap();
        assert_eq!((picture.width, picture.height), (32, 16));
        (picture.pixels[0], picture.pixels[31])
    }

    #[test]
    fn missing_areas_show_the_picture_before() {
        let (mut file, mut decoder) = (with_intervals(), Decoder::default());
        let frame = right_half_missing(&mut file);
        let (left, right) = corners(&mut decoder, &frame);
        assert_eq!(right, GREY, "there is no picture before");
        let complete = with_intervals();
        assert_eq!(corners(&mut decoder, &whole(&complete.data)), (left, left));
        assert_eq!(corners(&mut decoder, &frame), (left, left));
        assert_eq!(corners(&mut decoder, &frame), (left, left), "filled areas count as shown");
    }

    #[test]
    fn another_size_fills_no_area() {
        let (mut file, mut decoder) = (with_intervals(), Decoder::default());
        let complete = with_intervals();
        corners(&mut decoder, &whole(&complete.data));
        decoder.before.width = 16;
        decoder.before.height = 32;
        assert_eq!(corners(&mut decoder, &right_half_missing(&mut file)).1, GREY);
    }

    #[test]
    fn a_frame_that_cannot_be_filled_is_decoded() {
        let mut file = with_intervals();
        let mut broken = right_half_missing(&mut file);
        let before_the_scan = [ByteRange::new(0, 1)];
        broken.missing = &before_the_scan;
        corners(&mut Decoder::default(), &broken);
    }
}
