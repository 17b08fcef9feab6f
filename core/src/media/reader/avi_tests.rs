//! Tests of AVI files.
use super::super::slice::SliceReader;
use super::tests::{A, B, error, span, walk};
use super::*;
use crate::sdp::FrameRate;
use crate::time::MediaTime;
use proptest::prelude::*;
use std::vec;
use std::vec::Vec;

const MAX: u32 = 10_000;

fn chunk(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let padding = &[0][..body.len() % 2];
    [name, &(body.len() as u32).to_le_bytes()[..], body, padding].concat()
}

fn list(name: &[u8; 4], kind: &[u8; 4], parts: &[Vec<u8>]) -> Vec<u8> {
    chunk(name, &[kind, &parts.concat()[..]].concat())
}

/// The headers of a stream: its kind, the code in the one and in the other header, and its clock.
fn stream(kind: &[u8; 4], handler: &[u8; 4], code: &[u8; 4], rate: u32, scale: u32) -> Vec<u8> {
    let clock = [scale.to_le_bytes(), rate.to_le_bytes()].concat();
    let header = [&kind[..], handler, &[0; 12], &clock, &[0; 28]].concat();
    let format = [&[0; 16], &code[..], &[0; 20]].concat();
    list(b"LIST", b"strl", &[chunk(b"strh", &header), chunk(b"strf", &format)])
}

fn headers(streams: &[Vec<u8>]) -> Vec<u8> {
    let main = chunk(b"avih", &[&40_000u32.to_le_bytes()[..], &[0; 52]].concat());
    list(b"LIST", b"hdrl", &[&[main], streams].concat())
}

fn mjpeg() -> Vec<u8> {
    headers(&[stream(b"vids", b"MJPG", b"MJPG", 25, 1)])
}

/// A file with one stream and these chunks.
fn avi(movi: &[Vec<u8>]) -> Vec<u8> {
    list(b"RIFF", b"AVI ", &[mjpeg(), list(b"LIST", b"movi", movi)])
}

fn frame(data: &[u8]) -> Vec<u8> {
    chunk(b"00dc", data)
}

fn open_file(file: &[u8]) -> Result<FrameReader<SliceReader<'_>, [u8; 48]>, MediaErrorKind> {
    FrameReader::new(SliceReader::new(file), [0; 48], MAX).map_err(|error| match error {
        ReadError::Media(error) => error.reason,
        ReadError::Io(error) => panic!("{error}"),
    })
}

/// Where `data` is in `file` for the `n`th time, as the reader says it.
fn place(file: &[u8], data: &[u8], n: usize) -> Result<FrameSpan, MediaError> {
    let mut at = file.windows(data.len()).enumerate().filter(|(_, part)| *part == data);
    span(at.nth(n).expect("the file has it").0, data)
}

fn at(file: &[u8], name: &[u8]) -> usize {
    file.windows(name.len()).position(|part| part == name).expect("the file has it")
}

#[test]
fn frames_between_sound_and_indexes() {
    let sound = chunk(b"01wb", &[7; 33]);
    let movi = [
        chunk(b"ix00", &[0; 24]),
        frame(A),
        sound.clone(),
        list(b"LIST", b"rec ", &[frame(B), sound]),
        chunk(b"JUNK", &[0xFF; 11]),
        chunk(b"00db", A),
    ];
    let mut file = avi(&movi);
    file.extend(chunk(b"idx1", &[0xAB; 48]));
    assert_eq!(walk(&file, MAX), [place(&file, A, 0), place(&file, B, 0), place(&file, A, 1)]);
}

#[test]
fn further_lists_of_opendml_follow() {
    let more = list(b"RIFF", b"AVIX", &[list(b"LIST", b"movi", &[frame(B)])]);
    let file = [avi(&[frame(A)]), chunk(b"idx1", &[0; 16]), more].concat();
    assert_eq!(walk(&file, MAX), [place(&file, A, 0), place(&file, B, 0)]);
}

#[test]
fn the_first_motion_jpeg_stream_is_read() {
    let streams = [
        stream(b"auds", b"MJPG", b"MJPG", 8000, 1),
        stream(b"vids", b"H264", b"H264", 50, 1),
        stream(b"vids", b"\0\0\0\0", b"mjpg", 30_000, 1001),
    ];
    let movi = [chunk(b"01dc", A), chunk(b"02dc", B), chunk(b"00wb", A)];
    let file = list(b"RIFF", b"AVI ", &[headers(&streams), list(b"LIST", b"movi", &movi)]);
    assert_eq!(walk(&file, MAX), [place(&file, B, 0)]);
    let clock = open_file(&file).unwrap().clock().unwrap();
    assert_eq!(clock.frame_rate(), FrameRate(29_970));
    assert_eq!(clock.pts(30_000), MediaTime::from_micros(1_001_000_000));
}

/// As from recorders that write AVI1 with the handler alone, and a clock of zero.
#[test]
fn the_files_clock_replaces_a_missing_one() {
    for (rate, scale) in [(0, 0), (25, 0), (0, 1)] {
        let headers = headers(&[stream(b"vids", b"AVI1", b"\0\0\0\0", rate, scale)]);
        let file = list(b"RIFF", b"AVI ", &[headers, list(b"LIST", b"movi", &[frame(A)])]);
        assert_eq!(walk(&file, MAX), [place(&file, A, 0)]);
        assert_eq!(open_file(&file).unwrap().clock().unwrap().frame_rate(), FrameRate(25_000));
    }
}

#[test]
fn other_codecs_are_named() {
    let movi = list(b"LIST", b"movi", &[frame(A)]);
    let of = |streams: &[Vec<u8>]| list(b"RIFF", b"AVI ", &[headers(streams), movi.clone()]);
    let h264 = of(&[stream(b"vids", b"H264", b"H264", 25, 1)]);
    assert_eq!(open_file(&h264).unwrap_err(), MediaErrorKind::OtherCodec { code: *b"H264" });
    let sound = of(&[stream(b"auds", b"\0\0\0\0", b"\0\0\0\0", 25, 1)]);
    assert_eq!(open_file(&sound).unwrap_err(), MediaErrorKind::NoVideo);
    assert_eq!(open_file(b"RIFF\xFF\xFF\xFF\xFFAVI ").unwrap_err(), MediaErrorKind::NoVideo);
}

#[test]
fn an_avi_file_may_begin_anywhere() {
    let file = avi(&[frame(A), chunk(b"01wb", &[7; 33]), frame(B), frame(A)]);
    for rubbish in [&b"\0"[..], b"\r\n", &A[A.len() / 2..], b"HTTP/1.0 200 OK\r\n\r\n"] {
        let file = [rubbish, &file].concat();
        let junk = error(0, 0, MediaErrorKind::Junk { len: rubbish.len() as u64 });
        let expected = [junk, place(&file, A, 0), place(&file, B, 0), place(&file, A, 1)];
        assert_eq!(walk(&file, MAX), expected);
        assert_eq!(open_file(&file).unwrap().clock().unwrap().frame_rate(), FrameRate(25_000));
    }
}

/// As ffmpeg writes where frames are missing.
#[test]
fn empty_chunks_count_as_frames() {
    let file = avi(&[frame(A), frame(b""), frame(b""), frame(B), frame(b"")]);
    let mut reader = open_file(&file).unwrap();
    let mut numbers = Vec::new();
    while reader.next().unwrap().is_some() {
        numbers.push(reader.slots() - 1);
    }
    assert_eq!((&numbers[..], reader.slots()), (&[0, 3][..], 5));
}

/// As a recorder leaves it that lost its power: no size was filled in, and there is no index.
#[test]
fn sizes_of_lists_are_not_needed() {
    let mut file = avi(&[frame(A), frame(B)]);
    for name in [&b"RIFF"[..], b"movi"] {
        let size = if name == b"movi" { at(&file, name) - 4 } else { 4 };
        file[size..size + 4].fill(0);
    }
    assert_eq!(walk(&file, MAX), [place(&file, A, 0), place(&file, B, 0)]);
}

#[test]
fn padding_may_be_missing() {
    let odd = [A, &[0]].concat();
    let odd = if A.len() % 2 == 1 { A } else { &odd };
    let unpadded = |data: &[u8]| [b"00dc", &(data.len() as u32).to_le_bytes()[..], data].concat();
    let file = avi(&[unpadded(odd), unpadded(B), unpadded(odd), unpadded(B)]);
    let expected = [place(&file, odd, 0), place(&file, B, 0), place(&file, odd, 1), place(&file, B, 1)];
    assert_eq!(walk(&file, MAX), expected);
}

#[test]
fn a_wrong_frame_size_costs_no_frame() {
    let whole = avi(&[frame(A), frame(B), frame(A)]);
    let size = at(&whole, b"00dc") + 4;
    for told in [0, 1, 300, A.len() as u32 - 2, A.len() as u32 + 40, 1 << 30, u32::MAX] {
        let mut file = whole.clone();
        file[size..size + 4].copy_from_slice(&told.to_le_bytes());
        let wrong = MediaErrorKind::WrongLength { told, found: A.len() as u32 };
        let expected =
            [error(size - 4, 0, wrong), place(&file, A, 0), place(&file, B, 0), place(&file, A, 1)];
        assert_eq!(walk(&file, MAX), expected, "{told}");
    }
}

#[test]
fn a_wrong_chunk_size_costs_no_frame() {
    let whole = avi(&[frame(A), chunk(b"01wb", &[7; 100]), frame(B), frame(A)]);
    let sound = at(&whole, b"01wb");
    for told in [0u32, 3, 99, 102, 5000, u32::MAX] {
        let mut file = whole.clone();
        file[sound + 4..sound + 8].copy_from_slice(&told.to_le_bytes());
        let all = walk(&file, MAX);
        let frames: Vec<_> = all.iter().copied().filter(Result::is_ok).collect();
        assert_eq!(frames, [place(&file, A, 0), place(&file, B, 0), place(&file, A, 1)], "{told}");
        if told != 99 {
            assert_eq!(all[1], error(sound, 1, MediaErrorKind::Junk { len: 108 }), "{told}");
        }
    }
}

#[test]
fn too_large_frames_are_skipped() {
    let file = avi(&[frame(A), frame(B)]);
    let expected = [error(at(&file, A), 0, MediaErrorKind::TooLarge), place(&file, B, 0)];
    assert_eq!(walk(&file, B.len() as u32), expected);
}

#[test]
fn a_truncated_chunk_is_an_error() {
    let file = avi(&[frame(A), frame(B), chunk(b"01wb", &[7; 100])]);
    let in_frame = &file[..at(&file, B) + 700];
    assert_eq!(
        walk(in_frame, MAX),
        [place(&file, A, 0), error(in_frame.len(), 1, MediaErrorKind::Truncated)]
    );
    let in_sound = &file[..file.len() - 50];
    let sound = at(&file, b"01wb");
    let expected = [place(&file, A, 0), place(&file, B, 0), error(sound, 2, MediaErrorKind::TruncatedChunk)];
    assert_eq!(walk(in_sound, MAX), expected);
}

/// A file like those that there are, and what goes before its frames.
fn parts() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let part = prop_oneof![
        4 => prop_oneof![Just(A), Just(B)].prop_map(frame),
        1 => Just(frame(b"")),
        1 => (0usize..60).prop_map(|len| chunk(b"01wb", &vec![7; len])),
        1 => (0usize..60).prop_map(|len| chunk(b"JUNK", &vec![0; len])),
    ];
    prop::collection::vec(part, 0..6)
}

fn good(all: Vec<Result<FrameSpan, MediaError>>) -> Vec<FrameSpan> {
    all.into_iter().flatten().collect()
}

proptest! {
    #[test]
    fn a_truncated_file_keeps_its_first_frames(
        parts in parts(),
        cut in any::<prop::sample::Index>(),
    ) {
        let file = avi(&parts);
        let whole = walk(&file, MAX);
        prop_assert!(whole.iter().all(Result::is_ok));
        let frames = parts.iter().filter(|part| part.starts_with(b"00dc") && part.len() > 8).count();
        prop_assert_eq!(whole.len(), frames);
        let (whole, cut) = (good(whole), cut.index(file.len()));
        let seen = good(walk(&file[..cut], MAX));
        let expected = whole.iter().take_while(|frame| frame.at + u64::from(frame.len) <= cut as u64);
        prop_assert!(seen.iter().eq(expected), "cut at {}", cut);
    }

    #[test]
    fn a_damaged_file_yields_frames_in_order(
        parts in parts(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
    ) {
        let mut file = avi(&parts);
        for (at, byte) in damage {
            let at = at.index(file.len());
            file[at] = byte;
        }
        let mut end = 0;
        for span in good(walk(&file, MAX)) {
            prop_assert!(span.at >= end);
            end = span.at + u64::from(span.len);
        }
        prop_assert!(end <= file.len() as u64);
    }

    #[test]
    fn arbitrary_chunks_come_to_an_end(data in prop::collection::vec(any::<u8>(), 0..300)) {
        walk(&[&b"RIFF\0\0\0\0AVI "[..], &data].concat(), 100);
        walk(&[&b"RIFF\0\0\0\0AVI "[..], &mjpeg(), &data].concat(), 100);
    }
}
