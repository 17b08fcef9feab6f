//! Libraries of files and directories.
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use pinhole::codec::jpeg::{self, Sampling};
use pinhole::frame::{Frame, FrameId, FrameStore, Miss, Seek, TrackId};
use pinhole::sdp::FrameRate;
use pinhole::time::MediaTime;
use pinhole_std::media::{
    Library, NormaliseOptions, Playback, PrepareError, PrepareOptions, Progress, prepare,
};
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

const T: TrackId = TrackId { media: 0, track: 0 };

fn sample() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../video/bunny288.mjpeg")
}

/// A directory that goes when this does.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("pinhole-library-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).expect("a directory can be made");
        Self(path)
    }

    fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, content).expect("a file can be written");
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn library(path: &Path, repeat: bool) -> Library {
    with(path, repeat, NormaliseOptions { restart_intervals: false, ..NormaliseOptions::default() })
}

fn with(path: &Path, repeat: bool, normalising: NormaliseOptions) -> Library {
    let mut library = Library::with(Playback { frame_rate: FrameRate(25_000), repeat }, normalising, 1 << 30);
    library.add_path(path);
    library
}

/// The time of a frame in microseconds.
fn micros(frame: &Frame<'_>) -> u64 {
    frame.media_time(90_000).as_micros()
}

/// The frames of the sample, by the marker that each starts with.
fn frames() -> Vec<Vec<u8>> {
    let file = fs::read(sample()).expect("the sample is there");
    let mut starts: Vec<usize> = file
        .windows(4)
        .enumerate()
        .filter(|(_, w)| *w == [0xFF, 0xD8, 0xFF, 0xE0])
        .map(|(at, _)| at)
        .collect();
    starts.push(file.len());
    starts.windows(2).map(|pair| file[pair[0]..pair[1]].to_vec()).collect()
}

#[test]
fn a_file_is_served_at_a_steady_rate() {
    let library = library(&sample(), false);
    assert_eq!(library.problems(), []);
    let frames = frames();
    for (n, data) in (0..).zip(&frames) {
        let frame = library.load(T, FrameId(n)).expect("it is there");
        assert_eq!((frame.data, micros(&frame)), (&data[..], n * 40_000));
    }
    assert_eq!(library.load(T, FrameId(60)).unwrap_err(), Miss::End);
    assert_eq!(library.seek(T, Seek::To(MediaTime::from_micros(1_000_000))), Ok(FrameId(25)));
    assert_eq!(library.seek(T, Seek::To(MediaTime::from_micros(999_999))), Ok(FrameId(25)));
    assert_eq!(library.load(TrackId { media: 1, track: 0 }, FrameId(0)).unwrap_err(), Miss::End);
}

#[test]
fn a_medium_that_repeats_goes_on_in_time() {
    let library = library(&sample(), true);
    let (first, again) = (library.load(T, FrameId(3)).unwrap(), library.load(T, FrameId(123)).unwrap());
    assert_eq!(first.data, again.data);
    assert_eq!(micros(&again), 123 * 40_000);
    assert_eq!(library.seek(T, Seek::To(again.media_time(90_000))), Ok(FrameId(123)));
}

#[test]
fn frames_after_one_left_out_keep_their_time() {
    let scratch = Scratch::new("left-out");
    let mut parts = frames();
    parts.truncate(4);
    // A baseline frame that says it is progressive.
    let sof = parts[1].windows(2).position(|w| w == [0xFF, 0xC0]).unwrap();
    parts[1][sof + 1] = 0xC2;
    let at = parts[0].len() + sof;
    let library = library(&scratch.file("clip.mjpeg", &parts.concat()), false);
    let [problem] = library.problems() else { panic!("{:?}", library.problems()) };
    assert_eq!(problem.frame, Some(1));
    assert!(problem.at.unwrap().abs_diff(at as u64) <= 4, "{problem}");
    assert!(problem.to_string().contains("clip.mjpeg: frame 1, byte "), "{problem}");
    assert!(problem.reason.contains("progressive"), "{problem}");
    let next = library.load(T, FrameId(1)).unwrap();
    assert_eq!((next.data, micros(&next)), (&parts[2][..], 80_000));
}

#[test]
fn a_truncated_file_is_served_to_its_end() {
    let scratch = Scratch::new("short");
    let frames = frames();
    let mut content = frames[..3].concat();
    content.truncate(content.len() - 1000);
    let library = library(&scratch.file("short.mjpeg", &content), false);
    assert_eq!(library.problems().len(), 1);
    assert_eq!(library.load(T, FrameId(1)).unwrap().data, frames[1]);
    assert_eq!(library.load(T, FrameId(2)).unwrap_err(), Miss::End);
}

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

#[test]
fn pictures_are_played_by_name() {
    let scratch = Scratch::new("pictures");
    let frames = frames();
    for (n, frame) in frames.iter().take(12).enumerate() {
        scratch.file(&format!("{n:03}.jpg"), frame);
    }
    let notes = scratch.file("notes.txt", b"no picture");
    let deeper = scratch.0.join("deeper.avi");
    fs::create_dir(&deeper).unwrap();
    let library = library(&scratch.0, false);
    assert_eq!(library.problems(), []);
    let [ignored] = library.ignored() else { panic!("{:?}", library.ignored()) };
    assert_eq!((&ignored.directory, ignored.count, &ignored.paths), (&scratch.0, 2, &vec![deeper, notes]));
    for (n, data) in (0..).zip(&frames[..12]) {
        assert_eq!(library.load(T, FrameId(n)).unwrap().data, &data[..]);
    }
    assert_eq!(library.load(T, FrameId(12)).unwrap_err(), Miss::End);
    let name = scratch.0.file_name().unwrap().to_str().unwrap().to_owned();
    assert_eq!(library.mounted().map(|m| m.mount).collect::<Vec<_>>(), [name]);
}

#[test]
fn files_without_video_are_problems() {
    let scratch = Scratch::new("bad");
    for (path, why) in [
        (scratch.file("empty.mjpeg", b""), "empty"),
        (scratch.file("text.mjpeg", b"Once upon a time there was a stream."), "no Motion-JPEG"),
        (scratch.0.join("missing.mjpeg"), "No such file"),
    ] {
        let library = library(&path, false);
        assert!(library.is_empty());
        let [problem] = library.problems() else { panic!("{:?}", library.problems()) };
        assert_eq!(problem.path, path);
        assert!(problem.reason.contains(why), "{problem}");
    }
}

#[test]
fn two_files_of_one_name_are_not_mixed_up() {
    let scratch = Scratch::new("twice");
    let frame = frames().swap_remove(0);
    let mut library = library(&scratch.file("clip.mjpeg", &frame), false);
    library.add_path(&scratch.file("clip.mjpg", &frame));
    assert_eq!(library.mounted().count(), 1);
    let said = library.problems()[0].to_string();
    assert!(
        said.contains("clip.mjpg: /clip is served already: it is ") && said.contains("clip.mjpeg; "),
        "{said}"
    );
}

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
fn pixels(data: &[u8]) -> Vec<u8> {
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
fn uncarriable() -> Vec<(&'static str, &'static str, Vec<u8>)> {
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

#[test]
fn prepared_files_are_served_as_they_are() {
    let scratch = Scratch::new("prepared");
    let mut content = frames();
    content[3] = uncarriable().swap_remove(0).2;
    let (input, output) = (scratch.file("clip.mjpeg", &content.concat()), scratch.0.join("out.avi"));
    for transcode in [false, true] {
        let normalising = NormaliseOptions { transcode, ..NormaliseOptions::default() };
        let options = PrepareOptions { normalising, frame_rate: FrameRate(25_000), replace: true };
        let mut last = Progress { done: 0, frames: 0 };
        let prepared = prepare(&input, &output, options, |progress| {
            last = progress;
            ControlFlow::Continue(())
        });
        let prepared = prepared.unwrap();
        let (frames, left_out) = (60 - u64::from(!transcode), u64::from(!transcode));
        assert_eq!((prepared.frames, prepared.changed, prepared.left_out), (frames, frames, left_out));
        assert_eq!((last.done, last.frames), (frames, frames));
        assert_eq!(prepared.bytes, fs::metadata(&output).unwrap().len());

        let (direct, prepared) = (with(&input, false, normalising), with(&output, false, normalising));
        assert_eq!(prepared.problems(), []);
        let mounted = prepared.mounted().map(|m| (m.frames, m.recoded, m.transcoded)).collect::<Vec<_>>();
        assert_eq!(mounted, [(Some(frames), 0, 0)]);
        for n in (0..frames).map(FrameId) {
            let (one, other) = (direct.load(T, n).unwrap(), prepared.load(T, n).unwrap());
            assert_eq!((one.data, one.time, one.duration), (other.data, other.time, other.duration), "{n:?}");
        }
    }
}

/// An element of Matroska.
fn element(id: &[u8], body: &[u8]) -> Vec<u8> {
    [id, &(1 << 56 | body.len() as u64).to_be_bytes(), body].concat()
}

#[test]
fn frames_that_are_far_apart_do_not_fill_the_disk() {
    let scratch = Scratch::new("apart");
    let made = |last: u64| {
        let cluster = |time: u64| {
            let block = [&[0x81, 0, 0, 0x80], &frames()[0][..]].concat();
            let parts = [element(&[0xE7], &time.to_be_bytes()), element(&[0xA3], &block)];
            element(&[0x1F, 0x43, 0xB6, 0x75], &parts.concat())
        };
        let track = [element(&[0xD7], &[1]), element(&[0x83], &[1]), element(&[0x86], b"V_MJPEG")];
        let tracks = element(&[0x16, 0x54, 0xAE, 0x6B], &element(&[0xAE], &track.concat()));
        let segment = [tracks, cluster(0), cluster(41), cluster(last)].concat();
        let ebml = element(&[0x1A, 0x45, 0xDF, 0xA3], &element(&[0x42, 0x82], b"matroska"));
        let input = scratch.file("in.mkv", &[ebml, element(&[0x18, 0x53, 0x80, 0x67], &segment)].concat());
        let how = NormaliseOptions::default();
        let options = PrepareOptions { normalising: how, frame_rate: FrameRate(25_000), replace: true };
        prepare(&input, &scratch.0.join("out.avi"), options, |_| ControlFlow::Continue(()))
    };
    assert_eq!(made(60_000).unwrap().frames, 3);
    let Err(PrepareError::Nothing(problems)) = made(40 * 24 * 3_600_000) else { panic!("it is written") };
    assert!(problems[0].reason.contains("so far apart"), "{problems:?}");
}

#[test]
fn a_stopped_preparation_leaves_no_file() {
    let scratch = Scratch::new("broken-off");
    let options = |replace| PrepareOptions {
        normalising: NormaliseOptions::default(),
        frame_rate: FrameRate(25_000),
        replace,
    };
    let output = scratch.file("out.avi", b"old");
    let broken = prepare(&sample(), &output, options(true), |_| ControlFlow::Break(()));
    assert!(matches!(broken, Err(PrepareError::BrokenOff)), "{broken:?}");
    let exists = prepare(&sample(), &output, options(false), |_| ControlFlow::Continue(()));
    assert!(matches!(exists, Err(PrepareError::Exists(_))), "{exists:?}");
    assert_eq!(fs::read(&output).unwrap(), b"old");
    assert_eq!(fs::read_dir(&scratch.0).unwrap().count(), 1);
}

/// A FIFO that nobody writes to.
#[cfg(unix)]
fn fifo(path: &Path) {
    let made = std::process::Command::new("mkfifo").arg(path).status().expect("mkfifo is there");
    assert!(made.success());
}

/// Runs `work` on a thread, and fails if it takes very long.
fn in_time<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, done) = std::sync::mpsc::channel();
    std::thread::spawn(move || sender.send(work()));
    done.recv_timeout(std::time::Duration::from_secs(100)).expect("it comes to an end")
}

#[cfg(unix)]
#[test]
fn a_directory_is_what_its_regular_files_are() {
    use std::os::unix::fs::symlink;
    let scratch = Scratch::new("odd");
    let frame = frames().swap_remove(0);
    let clip = scratch.file("clip.mjpeg", &frame);
    fifo(&scratch.0.join("a.mjpeg"));
    // Directories that lead to themselves, and one of another name for the same file.
    for name in ["b.avi", "c.avi", "d.jpg"] {
        symlink(".", scratch.0.join(name)).unwrap();
    }
    fs::hard_link(&clip, scratch.0.join("same.mjpeg")).unwrap();
    symlink("nowhere", scratch.0.join("gone.mjpeg")).unwrap();
    fs::create_dir(scratch.0.join("deeper")).unwrap();
    scratch.file("deeper/other.mjpeg", &frame);
    let path = scratch.0.clone();
    let library = in_time(move || library(&path, false));
    assert_eq!(library.mounted().map(|m| m.mount).collect::<Vec<_>>(), ["clip"]);
    let said: Vec<_> = library.problems().iter().map(ToString::to_string).collect();
    let says = |file: &str, what: &str| {
        assert!(said.iter().any(|line| line.contains(file) && line.contains(what)), "{file}: {said:?}");
    };
    says("a.mjpeg", "no regular file");
    says("gone.mjpeg", "No such file");
    says("same.mjpeg", "the same file");
    assert_eq!(said.len(), 3, "{said:?}");
}

#[test]
fn a_file_that_is_mostly_hole_is_searched_for_a_while_only() {
    let scratch = Scratch::new("sparse");
    let path = scratch.file("sparse.mjpeg", &frames()[..2].concat());
    fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(200 << 30).unwrap();
    let (library, told) = in_time(move || {
        let (mut library, mut told) = (Library::new(Playback::default()), Vec::new());
        library.add_path_with(&path, |indexing| told.push((indexing.done, indexing.of, indexing.frames)));
        (library, told)
    });
    assert_eq!(library.mounted().map(|m| m.frames).collect::<Vec<_>>(), [Some(2)]);
    let said = library.problems().last().expect("that is a problem").to_string();
    assert!(said.contains("was not searched"), "{said}");
    assert!(told.windows(2).all(|pair| pair[0].0 < pair[1].0), "{told:?}");
    assert!(told.iter().all(|(done, of, frames)| done < of && *frames <= 2), "{told:?}");
}

#[cfg(unix)]
#[test]
fn a_picture_may_be_replaced_by_anything() {
    let scratch = Scratch::new("replaced");
    let frames = frames();
    let paths = [0, 1, 2].map(|n| scratch.file(&format!("{n}.jpg"), &frames[n]));
    let library = library(&scratch.0, false);
    fs::remove_file(&paths[0]).unwrap();
    fifo(&paths[0]);
    fs::write(&paths[1], b"no picture any more").unwrap();
    fs::write(&paths[2], &frames[9]).unwrap();
    in_time(move || {
        for n in 0..2 {
            assert_eq!(library.load(T, FrameId(n)).unwrap_err(), Miss::Unusable);
        }
        // A longer one is read in full.
        assert_eq!(library.load(T, FrameId(2)).unwrap().data, &frames[9][..]);
    });
}
