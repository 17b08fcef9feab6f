//! Pictures that are changed before they are sent, and those that cannot be.
use crate::{Scratch, T, frames, library, micros, sample, with};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use pinhole::codec::jpeg::{self, Sampling};
use pinhole::frame::{FrameId, Miss};
use pinhole_std::media::NormaliseOptions;
use std::fs;
use std::path::Path;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

#[test]
fn custom_huffman_tables_are_re_coded() {
    // Optimised tables: the picture is one of the core's test pictures.
    let picture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../core/src/codec/jpeg/testdata");
    let custom = fs::read_dir(picture)
        .expect("the core's test pictures are there")
        .filter_map(|entry| fs::read(entry.ok()?.path()).ok())
        .find(|data| jpeg::inspect(data).is_ok_and(|found| found.needs_recode()))
        .expect("one of them has tables of its own");
    let scratch = Scratch::new("recode");
    let library = library(&scratch.file("own.mjpeg", &custom), false);
    assert_eq!(library.mounted().map(|m| m.recoded).sum::<u64>(), 1);
    let frame = library.load(T, FrameId(0)).unwrap();
    assert!(!jpeg::inspect(frame.data).unwrap().needs_recode());
}

/// The pixels of a JPEG, as YCbCr.
pub(crate) fn pixels(data: &[u8]) -> Vec<u8> {
    let options = DecoderOptions::default().jpeg_set_out_colorspace(ColorSpace::YCbCr);
    JpegDecoder::new_with_options(ZCursor::new(data), options).decode().unwrap()
}

#[test]
fn restart_intervals_fit_the_packets() {
    let mut intervals = Vec::new();
    for max_packet in [1400, 9000] {
        let library = with(&sample(), false, NormaliseOptions { max_packet, ..NormaliseOptions::default() });
        assert_eq!(library.mounted().map(|m| (m.recoded, m.transcoded)).collect::<Vec<_>>(), [(60, 0)]);
        let frame = library.load(T, FrameId(7)).unwrap();
        let info = jpeg::inspect(frame.data).unwrap().info;
        assert_eq!(pixels(frame.data), pixels(&frames()[7]));
        let is_restart = |pair: &&[u8]| matches!(pair, [0xFF, 0xD0..=0xD7]);
        let mean = info.scan_len as usize / (frame.data.windows(2).filter(is_restart).count() + 1);
        assert!((200..max_packet.into()).contains(&mean), "{mean} bytes an interval for {max_packet}");
        intervals.push(info.restart_interval);
        assert_eq!(library.cached(), frame.data.len());
    }
    assert!(intervals[0] < intervals[1], "{intervals:?}");
}

/// Pictures that RFC 2435 cannot carry: what they are, a word of the reason, and the file.
pub(crate) fn uncarriable() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let (width, height) = (160, 120);
    let gradient: Vec<u8> =
        (0..height).flat_map(|y| (0..width).flat_map(move |x| [x as u8, y as u8, (x + y) as u8])).collect();
    let cmyk: Vec<u8> = gradient.as_chunks::<3>().0.iter().flat_map(|[c, m, y]| [*c, *m, *y, 20]).collect();
    let encode = |color, sampling, progressive| {
        let mut jpeg = Vec::new();
        let mut encoder = Encoder::new(&mut jpeg, 95);
        encoder.set_sampling_factor(sampling);
        encoder.set_progressive(progressive);
        let data = if color == ColorType::Rgb || color == ColorType::Ycbcr { &gradient } else { &cmyk };
        encoder.encode(data, width, height, color).unwrap();
        jpeg
    };
    vec![
        ("progressive", "progressive", encode(ColorType::Ycbcr, SamplingFactor::F_2_2, true)),
        ("4:4:4", "sampling", encode(ColorType::Ycbcr, SamplingFactor::F_1_1, false)),
        ("4:4:0", "sampling", encode(ColorType::Ycbcr, SamplingFactor::F_1_2, false)),
        ("CMYK", "component", encode(ColorType::Cmyk, SamplingFactor::F_1_1, false)),
        ("YCCK", "component", encode(ColorType::CmykAsYcck, SamplingFactor::F_1_1, false)),
        ("RGB, progressive", "progressive", encode(ColorType::Rgb, SamplingFactor::F_1_1, true)),
    ]
}

#[test]
fn uncarriable_pictures_are_transcoded() {
    let scratch = Scratch::new("transcode");
    for (what, reason, picture) in uncarriable() {
        let path = scratch.file("clip.mjpeg", &[&frames()[0][..], &picture].concat());
        let refused = with(&path, false, NormaliseOptions::default());
        let [problem] = refused.problems() else { panic!("{what}: {:?}", refused.problems()) };
        assert!(problem.transcode && problem.reason.contains(reason), "{what}: {problem}");

        let library = with(&path, false, NormaliseOptions { transcode: true, ..NormaliseOptions::default() });
        assert_eq!(library.problems(), [], "{what}");
        assert_eq!(library.mounted().map(|m| m.transcoded).sum::<u64>(), 1, "{what}");
        let frame = library.load(T, FrameId(1)).unwrap();
        let found = jpeg::inspect(frame.data).unwrap();
        assert!(!found.needs_recode() && found.info.sampling == Sampling::Yuv420, "{what}");
        let decoder = |data| JpegDecoder::new(ZCursor::new(data)).decode().unwrap();
        let (from, to) = (decoder(&picture[..]), decoder(frame.data));
        assert_eq!(from.len(), to.len(), "{what}");
        let off = from.iter().zip(&to).map(|(a, b)| u64::from(a.abs_diff(*b))).sum::<u64>();
        assert!(off < 4 * from.len() as u64, "{what}: {off} of {}", from.len());
    }
}

#[test]
fn grey_pictures_are_served_without_loss() {
    let scratch = Scratch::new("grey");
    for (width, height, interval) in
        [(160, 120, 0), (161, 119, 0), (8, 8, 0), (24, 40, 1), (40, 24, 5), (48, 30, 4)]
    {
        let samples: Vec<u8> =
            (0..u32::from(width) * u32::from(height)).map(|n| (n * n / 77) as u8).collect();
        let mut grey = Vec::new();
        let mut encoder = Encoder::new(&mut grey, 80);
        encoder.set_restart_interval(interval);
        encoder.encode(&samples, width, height, ColorType::Luma).unwrap();
        let path = scratch.file("clip.mjpeg", &[&grey[..], &grey].concat());
        for restart_intervals in [false, true] {
            let normalising = NormaliseOptions { restart_intervals, ..NormaliseOptions::default() };
            let library = with(&path, false, normalising);
            assert_eq!(library.problems(), []);
            let what = format!("{width}x{height}, {interval}");
            assert_eq!(
                library.mounted().map(|m| (m.size, m.recoded)).collect::<Vec<_>>(),
                [(Some((width, height)), 2)]
            );
            let frame = library.load(T, FrameId(1)).unwrap();
            let found = jpeg::inspect(frame.data).unwrap();
            assert!(!found.needs_recode() && found.info.sampling == Sampling::Yuv422, "{what}");
            let options = DecoderOptions::default().jpeg_set_out_colorspace(ColorSpace::Luma);
            let luma = JpegDecoder::new_with_options(ZCursor::new(&grey), options).decode().unwrap();
            let seen = pixels(frame.data);
            let (seen, _) = seen.as_chunks::<3>();
            assert!(seen.iter().map(|pixel| pixel[0]).eq(luma), "{what}");
            assert!(seen.iter().all(|[_, cb, cr]| [*cb, *cr] == [128; 2]), "{what}");
        }
    }
}

#[test]
fn a_transcoded_medium_has_a_size() {
    let scratch = Scratch::new("transcode-all");
    let (_, _, picture) = uncarriable().swap_remove(0);
    let path = scratch.file("clip.mjpeg", &picture);
    let library = with(&path, false, NormaliseOptions { transcode: true, ..NormaliseOptions::default() });
    assert_eq!(library.mounted().map(|m| m.size).collect::<Vec<_>>(), [Some((160, 120))]);
}

#[test]
fn a_damaged_scan_makes_a_frame_unusable() {
    let scratch = Scratch::new("late-damage");
    let mut parts = frames();
    parts.truncate(3);
    // The scan ends halfway, with an EOI as if that were all.
    let half = parts[1].len() / 2;
    parts[1].truncate(half);
    parts[1].extend([0xFF, 0xD9]);
    let library = with(&scratch.file("clip.mjpeg", &parts.concat()), false, NormaliseOptions::default());
    assert!(library.load(T, FrameId(0)).is_ok());
    assert_eq!(library.load(T, FrameId(1)).unwrap_err(), Miss::Unusable);
    assert_eq!(micros(&library.load(T, FrameId(2)).unwrap()), 80_000);
}

#[test]
fn a_picture_whose_last_bits_are_missing_is_served() {
    let scratch = Scratch::new("bits");
    let whole = &frames()[5];
    // OpenCV loses up to 31 bits.
    let cut = [&whole[..whole.len() - 5], &[0xFF, 0xD9]].concat();
    let library =
        with(&scratch.file("cut.mjpeg", &[whole, &cut[..]].concat()), false, NormaliseOptions::default());
    assert_eq!(library.problems(), []);
    let seen = [0, 1].map(|n| pixels(library.load(T, FrameId(n)).unwrap().data));
    let row = 3 * 512;
    let at = |picture: &[u8], y: usize, x: usize| picture[y * row + 3 * x];
    let differs = |y: usize| (0..512).any(|x| at(&seen[0], y, x) != at(&seen[1], y, x));
    let lowest = (0..288).find(|y| differs(*y));
    assert!(lowest.is_none_or(|y| y >= 288 - 17), "{lowest:?}");
    // Half a picture is left out.
    let half = [&whole[..whole.len() / 2], &[0xFF, 0xD9]].concat();
    let library = with(&scratch.file("half.mjpeg", &half), false, NormaliseOptions::default());
    assert_eq!(library.load(T, FrameId(0)).unwrap_err(), Miss::End);
}

#[test]
fn very_long_headers_are_read() {
    let scratch = Scratch::new("headers");
    let mut picture = frames().swap_remove(0);
    // A comment of 60,000 bytes behind SOI.
    picture.splice(2..2, [&[0xFF, 0xFE, 0xEA, 0x62][..], &vec![b'x'; 60_000]].concat());
    let library = library(&scratch.file("clip.mjpeg", &picture), false);
    assert_eq!(library.problems(), []);
    assert_eq!(library.load(T, FrameId(0)).unwrap().data, picture);
}
