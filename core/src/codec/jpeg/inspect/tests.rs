use super::*;
use proptest::prelude::*;
use std::vec::Vec;

static FFMPEG_420: &[u8] = include_bytes!("../testdata/ffmpeg-420-default.jpg");
static FFMPEG_420_OPTIMAL: &[u8] = include_bytes!("../testdata/ffmpeg-420-optimal.jpg");
static FFMPEG_422: &[u8] = include_bytes!("../testdata/ffmpeg-422-default.jpg");
static CJPEG_420: &[u8] = include_bytes!("../testdata/cjpeg-420-q75.jpg");
static CJPEG_422_RESTART: &[u8] = include_bytes!("../testdata/cjpeg-422-restart-row.jpg");

fn reason(file: &[u8]) -> Kind {
    inspect(file).unwrap_err().reason
}

/// The offsets of the first segment with this code and of the one after it.
fn span(file: &[u8], code: u8) -> core::ops::Range<usize> {
    let mut segments = Segments::new(file, 2);
    let segment = core::iter::from_fn(|| segments.next().ok()).find(|s| s.code == code).unwrap();
    segment.at..segment.body_at + segment.body.len()
}

/// The file without the segments with this code.
fn without(file: &[u8], code: u8) -> Vec<u8> {
    let span = span(file, code);
    [&file[..span.start], &file[span.end..]].concat()
}

/// The file with `bytes` before the first segment with this code.
fn with(file: &[u8], before: u8, bytes: &[u8]) -> Vec<u8> {
    let at = span(file, before).start;
    [&file[..at], bytes, &file[at..]].concat()
}

/// The file with one byte of a segment, counted from its marker, replaced.
fn patched(file: &[u8], code: u8, offset: usize, byte: u8) -> Vec<u8> {
    let at = span(file, code).start + offset;
    let mut file = file.to_vec();
    file[at] = byte;
    file
}

#[test]
fn ffmpeg_default_tables_need_no_recoding() {
    let found = inspect(FFMPEG_420).unwrap();
    assert_eq!((found.info.width, found.info.height), (64, 48));
    assert_eq!(found.info.sampling, Sampling::Yuv420);
    assert_eq!((found.huffman, found.mcu), (Huffman::Standard, McuShape::Standard));
    assert!(found.eoi && !found.needs_recode());
    assert_eq!(found.len, FFMPEG_420.len());
    // One table serves luma and chroma.
    assert_eq!(found.info.luma_table, found.info.chroma_table);
    assert_eq!((found.info.scan + found.info.scan_len) as usize, FFMPEG_420.len() - 2);
    assert_eq!(&FFMPEG_420[found.info.scan as usize - 3..][..3], [0, 63, 0]);
}

#[test]
fn ffmpeg_optimal_tables_need_recoding() {
    let found = inspect(FFMPEG_420_OPTIMAL).unwrap();
    assert_eq!(found.huffman, Huffman::Custom);
    assert!(found.needs_recode());
}

#[test]
fn tall_mcus_need_recoding() {
    let found = inspect(FFMPEG_422).unwrap();
    assert_eq!((found.info.sampling, found.mcu), (Sampling::Yuv422, McuShape::Tall));
    assert_eq!(found.huffman, Huffman::Standard);
    assert!(found.needs_recode());
}

#[test]
fn libjpeg_422_needs_no_recoding() {
    let found = inspect(CJPEG_422_RESTART).unwrap();
    assert_eq!((found.info.sampling, found.mcu), (Sampling::Yuv422, McuShape::Standard));
    assert_eq!(found.info.restart_interval, 5);
    assert_eq!(found.info.chroma_table, found.info.luma_table + 69);
    assert!(!found.needs_recode());
}

#[test]
fn damage_in_the_scan_is_carried() {
    let whole = inspect(FFMPEG_420).unwrap();
    let mut damaged = FFMPEG_420.to_vec();
    // No code has sixteen ones.
    damaged[whole.info.scan as usize + 10..][..6].copy_from_slice(&[0xFF, 0, 0xFF, 0, 0xFF, 0]);
    assert_eq!(inspect(&damaged), Ok(whole));
    assert!(!whole.needs_recode());
    let (mut out, options) = ([0; 1 << 14], super::super::RecodeOptions::default());
    let error = super::super::recode(&damaged, &mut out, options).unwrap_err();
    assert_eq!(error.reason, super::super::RecodeErrorKind::BadCode);
}

/// T.81 does not say which identifiers components have. Some cameras count from 0. Of a file
/// without a JFIF header, libjpeg takes the letters R, G, B as RGB, but such files are hardly
/// ever subsampled.
#[test]
fn components_may_have_any_identifiers() {
    let whole = inspect(FFMPEG_420).unwrap();
    for ids in [[0, 1, 2], *b"RGB"] {
        let mut file = FFMPEG_420.to_vec();
        let (sof, sos) = (span(&file, marker::SOF0).start, span(&file, marker::SOS).start);
        for (nth, id) in ids.into_iter().enumerate() {
            file[sof + 10 + 3 * nth] = id;
            file[sos + 5 + 2 * nth] = id;
        }
        assert_eq!(inspect(&file), Ok(whole));
        file[sos + 5] = 9;
        assert_eq!(reason(&file), Kind::MissingTable);
    }
}

#[test]
fn missing_tables_are_the_standard_ones() {
    let found = inspect(&without(FFMPEG_420, marker::DHT)).unwrap();
    assert_eq!(found.huffman, Huffman::Missing);
    assert!(!found.needs_recode());
}

#[test]
fn bytes_after_eoi_are_ignored() {
    let padded = [CJPEG_420, &[0; 512]].concat();
    assert_eq!(inspect(&padded), inspect(CJPEG_420));
}

#[test]
fn without_eoi_the_next_frame_ends_the_scan() {
    let whole = inspect(CJPEG_420).unwrap();
    let cut = &CJPEG_420[..CJPEG_420.len() - 2];
    let expected = Inspected { eoi: false, len: cut.len(), ..whole };
    assert_eq!(inspect(cut), Ok(expected));
    assert_eq!(inspect(&[cut, CJPEG_420].concat()), Ok(expected));
    assert_eq!(inspect(&[cut, &[0xFF]].concat()).map(|i| i.eoi), Ok(false));
}

#[test]
fn an_exif_thumbnail_is_skipped() {
    let exif = [&[0xFF, 0xE1, 0x07, 0x07][..], CJPEG_420].concat();
    assert_eq!(CJPEG_420.len() + 2, 0x0707);
    let found = inspect(&with(FFMPEG_420, marker::DQT, &exif)).unwrap();
    assert_eq!((found.info.width, found.len), (64, FFMPEG_420.len() + exif.len()));
}

#[test]
fn a_restart_interval_may_be_zero() {
    let file = with(CJPEG_420, marker::SOS, &[0xFF, marker::DRI, 0, 4, 0, 0]);
    assert_eq!(inspect(&file).unwrap().info.restart_interval, 0);
}

#[test]
fn the_height_may_follow_the_scan() {
    let file = patched(&patched(CJPEG_420, marker::SOF0, 5, 0), marker::SOF0, 6, 0);
    assert_eq!(inspect(&file), Err(Kind::ZeroSize.at(span(&file, marker::SOF0).start)));
    let (scan, eoi) = file.split_at(file.len() - 2);
    let file = [scan, &[0xFF, marker::DNL, 0, 4, 0, 44], eoi].concat();
    let found = inspect(&file).unwrap();
    assert_eq!((found.info.height, found.eoi, found.len), (44, true, file.len()));
}

#[test]
fn two_chroma_tables_must_be_equal() {
    let dqt = span(CJPEG_420, marker::DQT).start + 69;
    let mut third = CJPEG_420[dqt..dqt + 69].to_vec();
    third[4] = 2;
    let file = patched(&with(CJPEG_420, marker::SOF0, &third), marker::SOF0, 18, 2);
    assert!(inspect(&file).is_ok());
    third[5] += 1;
    let file = patched(&with(CJPEG_420, marker::SOF0, &third), marker::SOF0, 18, 2);
    assert_eq!(reason(&file), Kind::UnequalChromaTables);
}

#[test]
fn segments_may_come_in_any_order() {
    let plain = inspect(CJPEG_420).unwrap().info;
    // JFIF after the tables, a comment with markers in it, fill bytes, and SOF before DQT.
    let jfif = CJPEG_420[span(CJPEG_420, marker::APP0)].to_vec();
    let file = with(&without(CJPEG_420, marker::APP0), marker::SOF0, &jfif);
    let file = with(&file, marker::SOF0, &[0xFF, marker::COM, 0, 6, 0xFF, marker::SOI, 0xFF, marker::EOI]);
    let file = with(&file, marker::DHT, &[0xFF; 5]);
    let sof = file[span(&file, marker::SOF0)].to_vec();
    let found = inspect(&with(&without(&file, marker::SOF0), marker::DQT, &sof)).unwrap();
    assert_eq!((found.info.width, found.info.height), (plain.width, plain.height));
    assert_eq!((found.info.scan_len, found.eoi), (plain.scan_len, true));
}

#[test]
fn only_one_frame_header_before_the_scan() {
    let sof = CJPEG_420[span(CJPEG_420, marker::SOF0)].to_vec();
    let twice = with(CJPEG_420, marker::SOS, &sof);
    let at = span(CJPEG_420, marker::SOS).start;
    assert_eq!(inspect(&twice), Err(Kind::Misplaced(marker::SOF0).at(at)));
    let late = without(CJPEG_420, marker::SOF0);
    let sos = span(&late, marker::SOS);
    let late = [&late[..sos.end], &sof, &late[sos.end..]].concat();
    assert_eq!(inspect(&late), Err(Kind::Misplaced(marker::SOS).at(sos.start)));
}

#[test]
fn refusals_name_their_reason() {
    assert_eq!(reason(include_bytes!("../testdata/cjpeg-progressive.jpg")), Kind::Progressive);
    assert_eq!(reason(include_bytes!("../testdata/cjpeg-arithmetic.jpg")), Kind::Arithmetic);
    let yuv444 = Kind::Sampling { y: 0x11, cb: 0x11, cr: 0x11 };
    assert_eq!(reason(include_bytes!("../testdata/cjpeg-444.jpg")), yuv444);
    let yuv440 = Kind::Sampling { y: 0x12, cb: 0x11, cr: 0x11 };
    assert_eq!(reason(include_bytes!("../testdata/cjpeg-440.jpg")), yuv440);
    let sof = |offset, byte| reason(&patched(CJPEG_420, marker::SOF0, offset, byte));
    assert_eq!(sof(1, marker::SOF3), Kind::Lossless);
    assert_eq!(sof(1, marker::SOF5), Kind::Hierarchical);
    assert_eq!(sof(4, 12), Kind::Precision(12));
    assert_eq!(sof(9, 2), Kind::Components(2));
    assert_eq!(sof(9, 4), Kind::Components(4));
    assert_eq!(sof(12, 3), Kind::MissingTable);
    assert_eq!(reason(&patched(CJPEG_420, marker::DQT, 4, 0x10)), Kind::QuantPrecision16);
    assert_eq!(reason(&patched(CJPEG_420, marker::SOS, 4, 1)), Kind::SeveralScans);
    assert_eq!(reason(&patched(CJPEG_420, marker::SOS, 6, 0x22)), Kind::MissingTable);
    // Three codes of one bit, in place of three of the five of three bits.
    let overfull = patched(&patched(CJPEG_420, marker::DHT, 5, 3), marker::DHT, 7, 2);
    assert_eq!(reason(&overfull), Kind::HuffmanTable);
    assert_eq!(reason(&without(CJPEG_420, marker::SOF0)), Kind::Misplaced(marker::SOS));
    let twice = [&CJPEG_420[..CJPEG_420.len() - 2], &CJPEG_420[span(CJPEG_420, marker::SOS)]].concat();
    assert_eq!(reason(&twice), Kind::SeveralScans);
}

#[test]
fn damage_in_the_header_has_its_offset() {
    assert_eq!(inspect(b"RIFF"), Err(Kind::NotJpeg.at(0)));
    assert_eq!(inspect(&CJPEG_420[..100]), Err(Kind::Truncated.at(100)));
    assert_eq!(inspect(&[0xFF, 0xD8, 0xFF, 0xE0, 0, 1]), Err(Kind::SegmentLength.at(4)));
    assert_eq!(inspect(&[0xFF, 0xD8, 0x00]), Err(Kind::NotMarker.at(2)));
    assert_eq!(inspect(&[0xFF, 0xD8, 0xFF, 0xD9]), Err(Kind::Misplaced(marker::EOI).at(2)));
}

#[test]
fn more_than_16383_intervals_are_refused() {
    let large = |interval| {
        let mut file = [0; super::super::Header::MAX_LEN];
        let (luma, chroma) = ([1; 64], [1; 64]);
        let header = super::super::Header {
            width: 16 * 129,
            height: 16 * 127,
            sampling: Sampling::Yuv420,
            restart_interval: interval,
            luma: &luma,
            chroma: &chroma,
        };
        header.emit(&mut file).unwrap();
        file
    };
    assert!(inspect(&large(1)).is_ok_and(|found| found.info.restart_interval == 1));
    let mut file = large(1);
    let sof = span(&file, marker::SOF0).start;
    file[sof + 7..][..2].copy_from_slice(&(16 * 130u16).to_be_bytes());
    assert_eq!(reason(&file), Kind::TooManyIntervals(130 * 127));
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(data in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = inspect(&data);
        let _ = inspect(&[&[0xFF, 0xD8, 0xFF][..], &data].concat());
    }

    #[test]
    fn a_damaged_file_never_panics(at in 0usize..1797, byte in any::<u8>(), cut in 0usize..1797) {
        let mut file = CJPEG_420.to_vec();
        file[at] = byte;
        let _ = inspect(&file[..cut]);
        if let Ok(found) = inspect(&file) {
            prop_assert!((found.info.scan + found.info.scan_len) as usize <= found.len);
            prop_assert!(found.len <= file.len());
        }
    }
}
