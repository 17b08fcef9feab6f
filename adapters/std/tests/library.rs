//! What a library makes of files, directories and live input.
use pinhole::frame::{Format, FrameId, FrameStore, Miss, Seek, TrackId};
use pinhole::jpeg;
use pinhole::time::MediaTime;
use pinhole::wire::sdp::FrameRate;
use pinhole_std::media::{Library, Normalising, Playback};
use std::fs;
use std::path::{Path, PathBuf};

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
    with(path, repeat, Normalising { strips: false, ..Normalising::default() })
}

fn with(path: &Path, repeat: bool, normalising: Normalising) -> Library {
    let mut library = Library::with(Playback { frame_rate: FrameRate(25_000), repeat }, normalising, 1 << 30);
    library.add_path(path);
    library
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
fn a_file_is_served_in_place_at_a_steady_rate_and_ends() {
    let library = library(&sample(), false);
    assert_eq!(library.problems(), []);
    let frames = frames();
    for (n, data) in (0..).zip(&frames) {
        let frame = library.frame(T, FrameId(n)).expect("it is there");
        assert_eq!((frame.data, frame.pts.as_micros()), (&data[..], n * 40_000));
    }
    assert_eq!(library.frame(T, FrameId(60)).unwrap_err(), Miss::End);
    assert_eq!(library.seek(T, Seek::To(MediaTime::from_micros(1_000_000))), FrameId(25));
    assert_eq!(library.seek(T, Seek::To(MediaTime::from_micros(999_999))), FrameId(25));
    assert_eq!(library.frame(TrackId { media: 1, track: 0 }, FrameId(0)).unwrap_err(), Miss::End);
}

#[test]
fn a_medium_that_repeats_goes_on_in_time() {
    let library = library(&sample(), true);
    let (first, again) = (library.frame(T, FrameId(3)).unwrap(), library.frame(T, FrameId(123)).unwrap());
    assert_eq!(first.data, again.data);
    assert_eq!(again.pts.as_micros(), 123 * 40_000);
    assert_eq!(library.seek(T, Seek::To(again.pts)), FrameId(123));
}

#[test]
fn a_frame_that_cannot_be_carried_is_left_out_and_keeps_its_time() {
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
    let next = library.frame(T, FrameId(1)).unwrap();
    assert_eq!((next.data, next.pts.as_micros()), (&parts[2][..], 80_000));
}

#[test]
fn a_file_that_is_cut_short_is_served_as_far_as_it_goes() {
    let scratch = Scratch::new("short");
    let frames = frames();
    let mut content = frames[..3].concat();
    content.truncate(content.len() - 1000);
    let library = library(&scratch.file("short.mjpeg", &content), false);
    assert_eq!(library.problems().len(), 1);
    assert_eq!(library.frame(T, FrameId(1)).unwrap().data, frames[1]);
    assert_eq!(library.frame(T, FrameId(2)).unwrap_err(), Miss::End);
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
fn an_avi_file_is_served_by_its_own_clock_and_keeps_the_time_of_dropped_frames() {
    let scratch = Scratch::new("avi");
    let frames = frames();
    let path = scratch.file("clip.avi", &avi(&[&frames[0], &frames[1], b"", b"", &frames[2]]));
    let library = library(&path, true);
    assert_eq!(library.problems(), []);
    for (n, data, micros) in [(0, 0, 0), (1, 1, 100_000), (2, 2, 400_000), (3, 0, 500_000), (4, 1, 600_000)] {
        let frame = library.frame(T, FrameId(n)).unwrap();
        assert_eq!((frame.data, frame.pts.as_micros()), (&frames[data][..], micros));
        assert_eq!(library.seek(T, Seek::To(frame.pts)), FrameId(n));
    }
}

#[test]
fn an_avi_file_of_another_codec_is_named_with_it() {
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
}

#[test]
fn a_multipart_file_is_served_without_a_word_on_its_headers() {
    let scratch = Scratch::new("multipart");
    let frames = frames();
    let part = |data: &[u8]| [b"--frame\r\nContent-Type: image/jpeg\r\n\r\n", data, b"\r\n"].concat();
    let path = scratch.file("camera.multipart", &[part(&frames[0]), part(&frames[1])].concat());
    let library = library(&path, false);
    assert_eq!(library.problems(), []);
    assert_eq!(library.frame(T, FrameId(1)).unwrap().data, frames[1]);
    assert_eq!(library.frame(T, FrameId(2)).unwrap_err(), Miss::End);
}

#[test]
fn single_pictures_are_played_in_the_order_of_their_names() {
    let scratch = Scratch::new("pictures");
    let frames = frames();
    for (n, frame) in frames.iter().take(12).enumerate() {
        scratch.file(&format!("{n:03}.jpg"), frame);
    }
    scratch.file("notes.txt", b"no picture");
    let library = library(&scratch.0, false);
    assert_eq!(library.problems(), []);
    for (n, data) in (0..).zip(&frames[..12]) {
        assert_eq!(library.frame(T, FrameId(n)).unwrap().data, &data[..]);
    }
    assert_eq!(library.frame(T, FrameId(12)).unwrap_err(), Miss::End);
    let name = scratch.0.file_name().unwrap().to_str().unwrap().to_owned();
    assert_eq!(library.mounted().map(|m| m.mount).collect::<Vec<_>>(), [name]);
}

#[test]
fn what_holds_no_video_is_named_with_the_reason() {
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
    assert!(library.problems()[0].reason.contains("/clip is served already"));
}

#[test]
fn tables_of_the_files_own_are_re_coded_when_they_are_asked_for() {
    // Optimised tables: the picture is one of the core's test pictures.
    let picture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../core/src/jpeg/testdata");
    let custom = fs::read_dir(picture)
        .expect("the core's test pictures are there")
        .filter_map(|entry| fs::read(entry.ok()?.path()).ok())
        .find(|data| jpeg::inspect(data).is_ok_and(|found| found.needs_recode()))
        .expect("one of them has tables of its own");
    let scratch = Scratch::new("recode");
    let library = library(&scratch.file("own.mjpeg", &custom), false);
    assert_eq!(library.mounted().map(|m| m.recoded).sum::<u64>(), 1);
    let frame = library.frame(T, FrameId(0)).unwrap();
    let found = jpeg::inspect(frame.data).unwrap();
    assert!(!found.needs_recode());
    assert_eq!(frame.format, Format::Jpeg(found.info));
}
