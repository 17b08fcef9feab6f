//! JPEG files to pixels. What is missing of a file is filled from the picture before.
use super::Error;
use crate::model::Picture;
use crate::pixels::{PixelBuffer, PixelPool};
use pinhole::codec::jpeg::{self, Area, JpegInfo, Missing, mend, mend_max_len};
use pinhole::frame::{Frame, Integrity};
use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

/// The largest picture that is decoded: 256 MiB of pixels. A JPEG header of a few bytes can ask
/// for sixty times as much. The pool of the pictures' pixels bounds them further.
const MAX_PIXELS: usize = 1 << 26;

/// The most pixels for each byte of a file: an empty MCU of 16 x 16 takes 32 bits (ITU-T T.81, K.3).
const MAX_PIXELS_PER_BYTE: usize = 64;

/// How the header of a scan of three components begins, and its length.
const SCAN_OF_ALL: ([u8; 5], usize) = ([0xFF, 0xDA, 0, 12, 3], 14);

/// Decodes the frames of one track.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    /// The last picture. It shares its pixels with the picture on the screen.
    before: Picture,
    /// A file with grey MCUs in place of those that are missing.
    filled: Vec<u8>,
}

impl Decoder {
    /// Decodes a frame into `picture`, whose pixels are replaced by others from the pool. Waits until other
    /// pictures leave room. Areas that are known to be missing show the picture before, or grey if that had
    /// another size.
    ///
    /// # Errors
    /// The frame is no JPEG file, or is too large.
    pub(super) fn decode(
        &mut self,
        frame: &Frame<'_>,
        pool: &PixelPool,
        picture: &mut Picture,
    ) -> Result<(), Error> {
        let filled = self.fill(frame);
        let data = match &filled {
            Some((.., len)) => self.filled.get(..*len).unwrap_or_default(),
            None => frame.data,
        };
        let before = &mut self.before;
        let Decoded { width, height, mut pixels } = decode(data, pool, || *before = Picture::default())?;
        if let Some((info, missing, _)) = filled
            && (width, height) == (before.width, before.height)
        {
            let copy = |area| copy(area, &before.pixels, &mut pixels, width as usize);
            missing.areas(&info).for_each(copy);
        } else if frame.flags.integrity == Integrity::Damaged
            && (width, height) == (before.width, before.height)
            && let Ok(extent) = jpeg::extent(frame.data)
        {
            // Without restart markers, all after the fault is lost.
            let copy = |area| copy(area, &before.pixels, &mut pixels, width as usize);
            extent.missing_areas().for_each(copy);
        }
        (picture.width, picture.height, picture.pixels) = (width, height, pixels.into());
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

struct Decoded {
    width: u32,
    height: u32,
    pixels: PixelBuffer,
}

/// Decodes a JPEG file into a buffer from the pool. Of a file whose scan is damaged or ends early, decodes
/// what can be decoded. If there is no buffer, calls `make_room`, and waits for one.
fn decode(data: &[u8], pool: &PixelPool, make_room: impl FnOnce()) -> Result<Decoded, Error> {
    // What bounds pictures is their pixels.
    let side = usize::from(u16::MAX);
    let options = DecoderOptions::default().set_max_width(side).set_max_height(side);
    let options = options.set_strict_mode(false).jpeg_set_out_colorspace(ColorSpace::RGBA);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(data), options);
    decoder.decode_headers().map_err(|error| broken(&error))?;
    let (width, height) = decoder.dimensions().ok_or_else(|| Error::Broken("it has no size".to_owned()))?;
    let pixels = width.saturating_mul(height);
    if !(1..=MAX_PIXELS).contains(&pixels) {
        return Err(Error::Broken(format!("{width}x{height} is more than is decoded")));
    }
    if pixels / MAX_PIXELS_PER_BYTE > data.len() {
        return Err(Error::Broken(format!("{width}x{height} is more than {} bytes can hold", data.len())));
    }
    let (count, working) = (pixels, working_bytes(data, &decoder));
    let (width, height) = (width as u32, height as u32);
    let too_large = |why| Error::TooLarge { width, height, why };
    let mut pixels = match pool.try_take(count, working).map_err(too_large)? {
        Some(pixels) => pixels,
        None => {
            make_room();
            pool.take(count, working).map_err(too_large)?
        }
    };
    decoder.decode_into(bytemuck::cast_slice_mut(&mut pixels)).map_err(|error| broken(&error))?;
    // The decoder's own BGRA is not vectorised; this is.
    for pixel in &mut *pixels {
        let [r, g, b, _] = pixel.to_ne_bytes();
        *pixel = u32::from_be_bytes([0, r, g, b]);
    }
    Ok(Decoded { width, height, pixels })
}

/// Returns how much memory the decoder takes besides the pixels. Of a file whose first scan has all there is,
/// it decodes row after row. Of all others, such as progressive ones, it keeps the coefficients of two bytes.
fn working_bytes(data: &[u8], decoder: &JpegDecoder<ZCursor<&[u8]>>) -> usize {
    let scan = JpegInfo::locate(data).and_then(|info| (info.scan as usize).checked_sub(SCAN_OF_ALL.1));
    if scan.is_some_and(|scan| data.get(scan..).is_some_and(|scan| scan.starts_with(&SCAN_OF_ALL.0))) {
        return 0;
    }
    let Some(info) = decoder.info() else { return usize::MAX };
    // Each side is a multiple of an MCU of at most four blocks.
    let [width, height] = [info.width, info.height].map(|side| usize::from(side).next_multiple_of(32));
    width.saturating_mul(height).saturating_mul(usize::from(info.components)).saturating_mul(2)
}

/// Tells why a file is not decoded. The decoder's own words are for its developers, and go to the log.
fn broken(error: &DecodeErrors) -> Error {
    tracing::debug!(%error, "the decoder refuses a file");
    let reason = match error {
        DecodeErrors::IllegalMagicBytes(_) => "it does not start as a JPEG file does",
        DecodeErrors::ZeroError => "its width or height is 0",
        DecodeErrors::ExhaustedData | DecodeErrors::IoErrors(_) => "its data ends too early",
        DecodeErrors::Unsupported(_) => {
            "it is neither a baseline nor a progressive JPEG file with Huffman codes"
        }
        DecodeErrors::DqtError(_) => "its quantization tables are damaged",
        DecodeErrors::HuffmanDecode(_) => "its Huffman tables are damaged",
        DecodeErrors::SofError(_) => "the header of its frame is damaged",
        DecodeErrors::SosError(_) => "the header of its scan is damaged",
        _ => "it is damaged",
    };
    Error::Broken(reason.to_owned())
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
    use pinhole::frame::{ByteRange, Flags};

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

    fn pool() -> PixelPool {
        PixelPool::for_cache(1)
    }

    fn decoded(file: &[u8]) -> Result<Decoded, Error> {
        decode(file, &pool(), || panic!("there is room"))
    }

    #[test]
    fn pixels_are_0rgb_in_a_reused_buffer() {
        let pool = pool();
        pool.take(600, 0).unwrap().fill(7);
        let picture = decode(ORANGE, &pool, || panic!("there is room")).unwrap();
        assert_eq!((picture.width, picture.height, picture.pixels.len()), (32, 16, 512));
        assert!(picture.pixels.iter().all(|pixel| is_orange(*pixel)), "{:08x}", picture.pixels[0]);
    }

    #[test]
    fn a_short_scan_decodes_in_part() {
        // The header says twice the height.
        let picture = decoded(&with_size(ORANGE, 32, 32)).unwrap();
        assert_eq!(picture.pixels.len(), 1024);
        assert!(picture.pixels[..256].iter().all(|pixel| is_orange(*pixel)));
    }

    #[test]
    fn other_bytes_are_refused() {
        for file in [&[][..], b"GET / HTTP/1.0", &[0xff, 0xd8], &ORANGE[..40]] {
            assert!(decoded(file).is_err(), "{file:02x?}");
        }
    }

    #[test]
    fn a_refusal_is_in_plain_words() {
        let told = |file: &[u8]| decoded(file).err().map(|error| error.to_string());
        assert_eq!(told(b"GET / HTTP/1.0").as_deref(), Some("it does not start as a JPEG file does"));
        assert_eq!(told(&with_size(ORANGE, 0, 16)).as_deref(), Some("its width or height is 0"));
    }

    #[test]
    fn a_picture_may_be_as_wide_as_a_header_can_say() {
        let mut file = with_size(ORANGE, 65_000, 16);
        file.resize(65_000 * 16 / MAX_PIXELS_PER_BYTE + 1, 0);
        let picture = decoded(&file).unwrap();
        assert_eq!((picture.width, picture.height), (65_000, 16));
        assert!(is_orange(picture.pixels[0]));
    }

    #[test]
    fn a_header_cannot_demand_all_memory() {
        for (width, height) in [(16_000, 16_000), (65_535, 65_535), (8_000, 8_000), (0, 16)] {
            let refused = decoded(&with_size(ORANGE, width, height));
            assert!(matches!(refused, Err(Error::Broken(_))), "{width}x{height}");
        }
    }

    /// A picture of so many pixels each way, of which one MCU is there: the file is long enough for all.
    fn large(side: u16) -> Vec<u8> {
        let mut file = with_size(ORANGE, side, side);
        file.resize(usize::from(side).pow(2) / MAX_PIXELS_PER_BYTE + 1, 0);
        file
    }

    #[test]
    fn a_picture_that_is_too_large_says_so() {
        let Err(error) = decoded(&large(4000)) else { panic!("it is decoded") };
        let said = "a picture of 4000x4000 is too large: it takes 62 MiB of memory; with --cache 245MiB it would be shown";
        assert_eq!(error.to_string(), said);
    }

    #[test]
    fn files_whose_coefficients_are_kept_count_more() {
        let working = |file: &[u8]| {
            let mut decoder = JpegDecoder::new(ZCursor::new(file));
            decoder.decode_headers().unwrap();
            working_bytes(file, &decoder)
        };
        assert_eq!(working(ORANGE), 0);
        let mut progressive = ORANGE.to_vec();
        let sof = progressive.windows(2).position(|marker| marker == [0xff, 0xc0]).unwrap();
        progressive[sof + 1] = 0xc2;
        assert_eq!(working(&progressive), 32 * 32 * 3 * 2);
        let mut in_scans = ORANGE.to_vec();
        let sos = in_scans.windows(2).position(|marker| marker == [0xff, 0xda]).unwrap();
        in_scans.splice(sos + 2..sos + 11, [0, 8, 1, 1, 0]);
        assert_eq!(working(&in_scans), 32 * 32 * 3 * 2);
    }

    #[test]
    fn the_picture_before_makes_room_for_the_next() {
        let (pool, mut decoder) = (pool(), Decoder::default());
        let shown = pool.take(2048 * 2048 * 2, 0).unwrap();
        let mut picture = Picture::default();
        decoder.decode(&whole(&large(2800)), &pool, &mut picture).unwrap();
        drop(picture);
        let mut next = Picture::default();
        decoder.decode(&whole(&large(2048)), &pool, &mut next).unwrap();
        assert_eq!((next.width, shown.len()), (2048, 1 << 23));
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
        decoder.decode(frame, &pool(), &mut picture).unwrap();
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
