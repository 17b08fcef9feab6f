//! Containers, and what is before the frames or is none.
use crate::pictures::{pixels, uncarriable};
use crate::{Scratch, T, frames, library, micros};
use pinhole::frame::{FrameId, FrameStore, Miss, Seek};
use pinhole_std::media::Library;
use std::fs;

/// An AVI file of 10 frames a second with these chunks; an empty one repeats the frame before.
fn avi(chunks: &[&[u8]]) -> Vec<u8> {
    let chunk = |name: &[u8; 4], body: &[u8]| {
        [name, &(body.len() as u32).to_le_bytes()[..], body, &[0][..body.len() % 2]].concat()
    };
    let clock = [1u32.to_le_bytes(), 10u32.to_le_bytes()].concat();
    let header = chunk(b"strh", &[b"vidsMJPG", &[0; 12][..], &clock, &[0; 28]].concat());
    let frames: Vec<u8> = chunks.iter().flat_map(|data| chunk(b"00dc", data)).collect();
    let lists =
        [chunk(b"LIST", &[b"strl", &header[..]].concat()), chunk(b"LIST", &[b"movi", &frames[..]].concat())];
    chunk(b"RIFF", &[b"AVI ", &lists.concat()[..]].concat())
}

#[test]
fn an_avi_file_keeps_its_own_clock() {
    let scratch = Scratch::new("avi");
    let frames = frames();
    let path = scratch.file("clip.avi", &avi(&[&frames[0], &frames[1], b"", b"", &frames[2]]));
    let library = library(&path, true);
    assert_eq!(library.problems(), []);
    for (n, data, at) in [(0, 0, 0), (1, 1, 100_000), (2, 2, 400_000), (3, 0, 500_000), (4, 1, 600_000)] {
        let frame = library.load(T, FrameId(n)).unwrap();
        assert_eq!((frame.data, micros(&frame)), (&frames[data][..], at));
        assert_eq!(library.seek(T, Seek::To(frame.media_time(90_000))), Ok(FrameId(n)));
    }
}

#[test]
fn an_avi_file_of_another_codec_is_refused() {
    let scratch = Scratch::new("codec");
    let mut content = avi(&[&frames()[0]]);
    let code = content.windows(4).position(|w| w == b"MJPG").unwrap();
    content[code..code + 4].copy_from_slice(b"H264");
    // The second header is where the codec is told for certain.
    let format = [b"strf", &40u32.to_le_bytes()[..], &[0; 16], b"H264", &[0; 20]].concat();
    let strh_end = code - 4 + 56;
    content.splice(strh_end..strh_end, format);
    let library = library(&scratch.file("clip.avi", &content), false);
    let [problem] = library.problems().first_chunk().unwrap();
    assert!(problem.reason.contains("the video is H264"), "{problem}");
    assert!(problem.reason.contains("-c:v mjpeg -pix_fmt yuvj420p -q:v 4 "), "{problem}");
    assert!(problem.reason.ends_with("clip.mjpeg.avi"), "{problem}");
}

#[test]
fn two_fields_in_a_chunk_are_told() {
    let scratch = Scratch::new("fields");
    let frames = frames();
    let command = "-c:v mjpeg -pix_fmt yuvj420p -q:v 4";
    for padding in [&b""[..], &[0; 3], &[0xFF; 20]] {
        let pair = |n: usize| [&frames[n], padding, &frames[n + 1]].concat();
        let path = scratch.file("clip.avi", &avi(&[&pair(0), &pair(2)]));
        let library = library(&path, false);
        let [problem] = library.problems() else { panic!("{:?}", library.problems()) };
        assert!(problem.reason.contains("two fields") && problem.reason.contains("512x288"), "{problem}");
        assert!(problem.reason.contains(command), "{problem}");
        let second = fs::read(&path).unwrap().windows(frames[1].len()).position(|part| part == frames[1]);
        assert_eq!((problem.frame, problem.at), (Some(0), second.map(|at| at as u64)));
        for n in 0..2 {
            let frame = library.load(T, FrameId(n)).unwrap();
            assert!(pixels(frame.data) == pixels(&frames[2 * n as usize]));
        }
    }
    // A preview after the picture is no field.
    let (_, _, picture) = uncarriable().swap_remove(1);
    let other = library(&scratch.file("other.avi", &avi(&[&[&frames[0][..], &picture].concat()])), false);
    assert_eq!(other.problems(), []);
}

#[test]
fn a_multipart_file_has_no_problems() {
    let scratch = Scratch::new("multipart");
    let frames = frames();
    let part = |data: &[u8]| [b"--frame\r\nContent-Type: image/jpeg\r\n\r\n", data, b"\r\n"].concat();
    let path = scratch.file("camera.multipart", &[part(&frames[0]), part(&frames[1])].concat());
    let library = library(&path, false);
    assert_eq!(library.problems(), []);
    assert_eq!(library.load(T, FrameId(1)).unwrap().data, frames[1]);
    assert_eq!(library.load(T, FrameId(2)).unwrap_err(), Miss::End);
}

/// An HTTP response that comes in chunks of these lengths, over and over.
fn chunked(body: &[u8], lens: &[usize]) -> Vec<u8> {
    let mut message = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    let mut rest = body;
    for len in lens.iter().cycle() {
        let (data, later) = rest.split_at((*len).min(rest.len()));
        message.extend([format!("{:x}\r\n", data.len()).as_bytes(), data, b"\r\n"].concat());
        rest = later;
        if data.is_empty() {
            break;
        }
    }
    message
}

/// The sum of the bytes that were passed over, and where the first of them are.
fn passed_over(library: &Library) -> (Option<u64>, String) {
    let [problem] = library.problems() else { panic!("{:?}", library.problems()) };
    (problem.at, problem.reason.clone())
}

#[test]
fn what_is_before_the_frames_is_passed_over_and_named() {
    let scratch = Scratch::new("rubbish");
    let frames = frames();
    let part = |data: &[u8]| [b"--x\r\nContent-Type: image/jpeg\r\n\r\n", data, b"\r\n"].concat();
    let (two, parts) = (frames[..2].concat(), [part(&frames[0]), part(&frames[1])].concat());
    let cut = &frames[2][frames[2].len() / 2..];
    for (what, rubbish, rest) in [
        ("a line end", &b"\r\n"[..], &two),
        ("a byte", b"\0", &two),
        ("a frame that is cut", cut, &two),
        ("a byte order mark", b"\xEF\xBB\xBF", &parts),
        ("a status line", b"HTTP/1.1 200 OK\r\nServer: x\r\n\r\n", &parts),
        (
            "fields",
            b"Content-Type: image/jpeg\r\n\r\n",
            &[&two[..frames[0].len()], b"\r\n", &part(&frames[1])].concat(),
        ),
        ("a byte before AVI", b"\0", &avi(&[&frames[0], &frames[1]])),
    ] {
        let library = library(&scratch.file("clip.mjpeg", &[rubbish, rest].concat()), false);
        assert_eq!(library.load(T, FrameId(0)).unwrap().data, frames[0], "{what}");
        assert_eq!(library.load(T, FrameId(1)).unwrap().data, frames[1], "{what}");
        assert_eq!(library.load(T, FrameId(2)).unwrap_err(), Miss::End, "{what}");
        let reason = match rubbish.len() {
            1 => "1 byte belongs to no frame".to_owned(),
            len => format!("{len} bytes belong to no frame"),
        };
        assert_eq!(passed_over(&library), (Some(0), reason), "{what}");
    }
}

#[test]
fn a_response_in_chunks_is_served() {
    let scratch = Scratch::new("chunks");
    let frames = frames();
    let part = |data: &[u8]| [b"--x\r\nContent-Type: image/jpeg\r\n\r\n", data, b"\r\n"].concat();
    let parts: Vec<u8> = frames.iter().flat_map(|frame| part(frame)).collect();
    let concatenated = frames.concat();
    let file = avi(&frames.iter().map(|frame| &frame[..]).collect::<Vec<_>>());
    for body in [&parts, &concatenated, &file] {
        for lens in [&[700][..], &[1, 40_000, 3], &[65_536], &[10_000_000]] {
            let library = library(&scratch.file("clip.bin", &chunked(body, lens)), false);
            for (n, frame) in (0..).zip(&frames) {
                assert!(library.load(T, FrameId(n)).unwrap().data == *frame, "{n}, {lens:?}");
            }
            assert_eq!(library.mounted().map(|m| m.frames).collect::<Vec<_>>(), [Some(60)]);
            let reason = "47 bytes belong to no frame".to_owned();
            assert_eq!(passed_over(&library), (Some(0), reason));
        }
    }
}

#[test]
fn faults_in_chunks_are_told_by_their_place_in_the_file() {
    let scratch = Scratch::new("chunk-faults");
    let mut frames = frames();
    frames.truncate(4);
    let sof = frames[1].windows(2).position(|w| w == [0xFF, 0xC0]).unwrap();
    frames[1][sof + 1] = 0xC2;
    let mut file = chunked(&frames.concat(), &[700]);
    let at = file.windows(2).position(|w| w == [0xFF, 0xC2]).unwrap() as u64;
    // The framing is damaged in the last frame.
    file.truncate(file.len() - 7);
    file.extend(b"xyz");
    let library = library(&scratch.file("clip.bin", &file), false);
    assert_eq!(library.mounted().map(|m| m.frames).collect::<Vec<_>>(), [Some(3)]);
    let said: Vec<_> = library.problems().iter().map(ToString::to_string).collect();
    let [header, chunk, progressive, rest] = &said[..] else { panic!("{said:?}") };
    assert!(header.contains("frame 0, byte 0: 47 bytes belong to no frame"), "{header}");
    assert!(chunk.contains(&format!("byte {}: an HTTP chunk should", file.len() - 3)), "{chunk}");
    let progressive_at = library.problems()[2].at.unwrap();
    assert!(progressive.contains("progressive") && progressive_at.abs_diff(at) <= 4, "{progressive}, {at}");
    assert!(rest.contains("3 bytes belong to no frame"), "{rest}");
}

#[test]
fn what_is_no_motion_jpeg_is_named_with_a_command() {
    let scratch = Scratch::new("foreign");
    let how = "-an -c:v mjpeg -pix_fmt yuvj420p -q:v 4";
    for (name, content, what) in [
        ("clip.flv", &b"FLV\x01\x01\0\0\0\x09"[..], "this is an FLV file"),
        (
            "clip.mkv",
            b"\x1A\x45\xDF\xA3\x8B\x42\x82\x88matroska",
            "this is a Matroska file that cannot be read: it describes no tracks; ",
        ),
        ("clip.h264", b"\0\0\0\x01\x67\x64\0\x1F\xAC", "this is H.264 video"),
        ("clip.mjpeg", b"\x89PNG\r\n\x1A\n\0\0\0\x0DIHDR", "this is a PNG picture"),
        ("clip.txt", b"Once upon a time", "this is no Motion-JPEG"),
    ] {
        let path = scratch.file(name, content);
        let library = library(&path, false);
        let [problem] = library.problems() else { panic!("{:?}", library.problems()) };
        let output = path.with_extension("avi");
        let command = format!("ffmpeg -i {} {how} {}", path.display(), output.display());
        assert!(problem.reason.starts_with(what) && problem.reason.ends_with(&command), "{problem}");
    }
    // There is no command for this.
    let unfinished = library(&scratch.file("clip.mp4", b"\0\0\0\x10ftypisom\0\0\x02\0"), false);
    let [problem] = unfinished.problems() else { panic!("{:?}", unfinished.problems()) };
    assert!(problem.reason.starts_with("this is an MP4 file that was not finished"), "{problem}");
}
