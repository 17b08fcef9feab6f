//! Tests of all containers but AVI.
use super::super::slice::SliceReader;
use super::*;
use proptest::prelude::*;
use std::format;
use std::vec;
use std::vec::Vec;

pub(super) static A: &[u8] = include_bytes!("../../codec/jpeg/testdata/ffmpeg-420-optimal.jpg");
pub(super) static B: &[u8] = include_bytes!("../../codec/jpeg/testdata/cjpeg-420-optimal-restart3.jpg");

/// Returns everything that the reader finds in a file: locations of frames, and errors.
pub(super) fn walk(file: &[u8], max_frame: u32) -> Vec<Result<FrameSpan, MediaError>> {
    let mut reader = match FrameReader::new(SliceReader::new(file), [0; 48], max_frame) {
        Ok(reader) => reader,
        Err(ReadError::Media(error)) => return vec![Err(error)],
        Err(error) => panic!("{error}"),
    };
    let mut all = Vec::new();
    loop {
        match reader.next() {
            Ok(Some(span)) => {
                let mut frame = vec![0; span.len as usize];
                assert_eq!(reader.read_frame(span, &mut frame), Ok(frame.len()));
                assert_eq!(frame, file[span.at as usize..][..frame.len()]);
                all.push(Ok(span));
            }
            Ok(None) => return all,
            Err(ReadError::Media(error)) => all.push(Err(error)),
            Err(error) => panic!("{error}"),
        }
        assert!(all.len() <= file.len() + 1, "the reader does not come to an end");
    }
}

pub(super) fn span(at: usize, frame: &[u8]) -> Result<FrameSpan, MediaError> {
    Ok(FrameSpan { at: at as u64, len: frame.len() as u32 })
}

pub(super) fn error(at: usize, frame: u64, reason: MediaErrorKind) -> Result<FrameSpan, MediaError> {
    Err(MediaError { at: at as u64, frame, reason })
}

/// Returns a frame after its length in five digits.
fn prefixed(frame: &[u8]) -> Vec<u8> {
    [format!("{:05}", frame.len()).as_bytes(), frame].concat()
}

#[test]
fn concatenated_frames() {
    assert_eq!(walk(&[A, B].concat(), 10_000), [span(0, A), span(A.len(), B)]);
}

#[test]
fn length_prefixed_frames() {
    let file = [prefixed(A), prefixed(B)].concat();
    assert_eq!(walk(&file, 10_000), [span(5, A), span(A.len() + 10, B)]);
}

#[test]
fn junk_is_reported_and_skipped() {
    let file = [A, b"junk", B, b"more"].concat();
    let end = A.len() + 4 + B.len();
    let expected = [
        span(0, A),
        error(A.len(), 1, MediaErrorKind::Junk { len: 4 }),
        span(A.len() + 4, B),
        error(end, 2, MediaErrorKind::Junk { len: 4 }),
    ];
    assert_eq!(walk(&file, 10_000), expected);
}

#[test]
fn a_truncated_frame_is_an_error() {
    let truncated = |end, frame| error(end, frame, MediaErrorKind::Truncated);
    let file = [A, &B[..700]].concat();
    assert_eq!(walk(&file, 10_000), [span(0, A), truncated(file.len(), 1)]);
    let file = [prefixed(A), prefixed(B)[..700].to_vec()].concat();
    assert_eq!(walk(&file, 10_000), [span(5, A), truncated(file.len(), 1)]);
    assert_eq!(walk(&A[..20], 10_000), [truncated(20, 0)]);
}

#[test]
fn too_large_frames_are_reported_and_skipped() {
    let max = B.len() as u32;
    let file = [A, B].concat();
    assert_eq!(walk(&file, max), [error(0, 0, MediaErrorKind::TooLarge), span(A.len(), B)]);
    let file = [prefixed(A), prefixed(B)].concat();
    assert_eq!(walk(&file, max), [error(5, 0, MediaErrorKind::TooLarge), span(A.len() + 10, B)]);
}

#[test]
fn a_wrong_length_costs_no_frame() {
    for told in [10, A.len() - 1, A.len() + 7, 99_999] {
        let file = [format!("{told:05}").as_bytes(), A, &prefixed(B)].concat();
        let found = A.len() as u32;
        let wrong = MediaErrorKind::WrongLength { told: told as u32, found };
        assert_eq!(walk(&file, 10_000), [error(0, 0, wrong), span(5, A), span(A.len() + 10, B)]);
    }
}

#[test]
fn a_missing_length_costs_no_frame() {
    let file = [&prefixed(A)[..], b"12x45", B, &prefixed(A)].concat();
    let second = 5 + A.len();
    let expected = [
        span(5, A),
        error(second, 1, MediaErrorKind::NoLength),
        span(second + 5, B),
        span(second + 5 + B.len() + 5, A),
    ];
    assert_eq!(walk(&file, 10_000), expected);
}

#[test]
fn unknown_formats_are_refused() {
    for file in [&b""[..], b"GIF89a", b"28473", b"\xFF\xD8\xFF", b"--x\r\n\r\n"] {
        assert_eq!(walk(file, 10_000), [error(0, 0, MediaErrorKind::Unrecognised)]);
    }
}

#[test]
fn rubbish_before_the_frames_is_reported_once() {
    let tail = &A[A.len() / 2..];
    let id3 = [&b"ID3\x04\0\0\0\0\0\x64"[..], &[0; 100]].concat();
    let status = b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: 1199\r\n\r\n";
    for rubbish in [&b"\0"[..], b"\r\n", b"\xEF\xBB\xBF", tail, &id3, &[0; 2000], status] {
        let (len, junk) = (rubbish.len(), error(0, 0, MediaErrorKind::Junk { len: rubbish.len() as u64 }));
        let file = [rubbish, A, B].concat();
        assert_eq!(walk(&file, 10_000), [junk, span(len, A), span(len + A.len(), B)]);
        let file = [rubbish, b".", &prefixed(A), &prefixed(B)].concat();
        let junk = error(0, 0, MediaErrorKind::Junk { len: len as u64 + 1 });
        assert_eq!(walk(&file, 10_000), [junk, span(len + 6, A), span(len + A.len() + 11, B)]);
    }
}

#[test]
fn headers_before_the_first_part_are_reported_once() {
    let part = b"\r\n--x\r\nContent-Type: image/jpeg\r\n\r\n";
    let cut = [&A[A.len() / 2..], b"\r\n"].concat();
    for (first, junk) in [
        (&b"Content-Type: image/jpeg\r\nContent-Length: 1199\r\n\r\n"[..], 50),
        (b"Content-Length: 1199\nContent-Type: image/jpeg\n\n", 47),
        (b"HTTP/1.0 200 OK\r\n\r\n--x\r\nContent-Type: image/jpeg\r\n\r\n", 19),
        (b"x\r\nContent-Type: image/jpeg\r\n\r\n", 31),
        (&[&cut, &part[2..]].concat(), cut.len()),
    ] {
        let file = [first, A, part, B].concat();
        let second = first.len() + A.len() + part.len();
        let junk = error(0, 0, MediaErrorKind::Junk { len: junk as u64 });
        assert_eq!(walk(&file, 10_000), [junk, span(first.len(), A), span(second, B)]);
    }
}

#[test]
fn the_search_for_a_start_has_a_bound() {
    let far = |len: usize| [&vec![7; len][..], A].concat();
    let most = 10_000 + SEARCH_MORE as usize;
    let junk = error(0, 0, MediaErrorKind::Junk { len: most as u64 - 10 });
    assert_eq!(walk(&far(most - 10), 10_000), [junk, span(most - 10, A)]);
    // The buffer may reach a little further.
    assert_eq!(walk(&far(most + 100), 10_000), [error(0, 0, MediaErrorKind::Unrecognised)]);
}

#[test]
fn a_response_in_chunks_is_refused() {
    let header = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let file = [&header[..], b"4af\r\n", A, b"\r\n0\r\n\r\n"].concat();
    assert_eq!(walk(&file, 10_000), [error(header.len(), 0, MediaErrorKind::Chunks)]);
}

/// Axis cameras end each part with a line break and give its length; others do not.
#[test]
fn part_headers_are_no_damage() {
    let axis = b"--myboundary\r\nContent-Type: image/jpeg\r\nContent-Length: 1199\r\n\r\n";
    let bare = b"\r\n--myboundary\r\nContent-Type: image/jpeg\r\n\r\n";
    let end = b"\r\n--myboundary--\r\n";
    let file = [axis, A, bare, B, end].concat();
    let second = axis.len() + A.len() + bare.len();
    assert_eq!(walk(&file, 10_000), [span(axis.len(), A), span(second, B)]);
    let cut = &file[..second + 700];
    let truncated = error(cut.len(), 1, MediaErrorKind::Truncated);
    assert_eq!(walk(cut, 10_000), [span(axis.len(), A), truncated]);
    let too_large = error(0, 0, MediaErrorKind::TooLarge);
    assert_eq!(walk(&file, B.len() as u32), [too_large, span(second, B)]);
}

#[test]
fn long_part_headers_are_junk() {
    let file = [b"--b\r\n\r\n", A, &[b'x'; 5000], B].concat();
    let junk = error(7 + A.len(), 1, MediaErrorKind::Junk { len: 5000 });
    assert_eq!(walk(&file, 10_000), [span(7, A), junk, span(7 + A.len() + 5000, B)]);
}

#[test]
fn short_buffers_are_refused() {
    let mut reader = FrameReader::new(SliceReader::new(A), [0; 64], 10_000).unwrap();
    let span = reader.next().unwrap().unwrap();
    let too_large = MediaError { at: 0, frame: 1, reason: MediaErrorKind::TooLarge };
    assert_eq!(reader.read_frame(span, &mut [0; 100]), Err(ReadError::Media(too_large)));
}

proptest! {
    #[test]
    fn damage_in_a_scan_costs_no_frame(
        with_lengths in any::<bool>(),
        at in 700usize..A.len() - 2,
        byte in 0u8..0xFF,
    ) {
        prop_assume!(A[at - 1] != 0xFF);
        let mut damaged = A.to_vec();
        damaged[at] = byte;
        let joined = |frame: &[u8]| if with_lengths { prefixed(frame) } else { frame.to_vec() };
        let whole = [joined(A), joined(B)].concat();
        let file = [joined(&damaged), joined(B)].concat();
        prop_assert_eq!(walk(&file, 10_000), walk(&whole, 10_000));
    }

    #[test]
    fn a_damaged_file_yields_frames_in_order(
        with_lengths in any::<bool>(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    ) {
        let joined = |frame: &[u8]| if with_lengths { prefixed(frame) } else { frame.to_vec() };
        let mut file = [joined(A), joined(B), joined(A), joined(B)].concat();
        for (at, byte) in damage {
            let at = at.index(file.len());
            file[at] = byte;
        }
        let mut end = 0;
        for span in walk(&file, 10_000).into_iter().flatten() {
            prop_assert!(span.at >= end);
            end = span.at + u64::from(span.len);
        }
        prop_assert!(end <= file.len() as u64);
    }

    #[test]
    fn arbitrary_files_come_to_an_end(data in prop::collection::vec(any::<u8>(), 0..300)) {
        walk(&data, 100);
        walk(&[&b"00012\xFF\xD8"[..], &data].concat(), 100);
        walk(&[&b"\xFF\xD8\xFF"[..], &data].concat(), 100);
    }
}
