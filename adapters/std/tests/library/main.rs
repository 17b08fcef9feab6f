//! Libraries of files and directories.
mod formats;
mod odd_files;
mod pictures;
mod prepared;

use pinhole::frame::{Frame, FrameId, FrameStore, Miss, Seek, TrackId};
use pinhole::sdp::FrameRate;
use pinhole::time::MediaTime;
use pinhole_std::media::{Library, NormaliseOptions, Playback};
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

#[test]
fn pictures_are_played_in_the_order_of_their_numbers() {
    let scratch = Scratch::new("pictures");
    let frames = frames();
    for (n, frame) in frames.iter().take(12).enumerate() {
        scratch.file(&format!("frame{}.jpg", n + 1), frame);
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
fn hidden_files_of_a_directory_are_counted_and_not_served() {
    let scratch = Scratch::new("hidden");
    let frames = frames();
    let clip = scratch.file(".b.mjpeg", &frames[0]);
    let hidden = vec![scratch.file("._a.jpg", &frames[1]), clip.clone()];
    scratch.file("a.jpg", &frames[2]);
    let served = library(&scratch.0, false);
    assert_eq!(served.problems(), []);
    assert_eq!(served.mounted().map(|m| m.frames).collect::<Vec<_>>(), [Some(1)]);
    let [ignored] = served.ignored() else { panic!("{:?}", served.ignored()) };
    assert_eq!((ignored.count, &ignored.paths), (2, &hidden));
    // Whoever names it wants it.
    assert_eq!(library(&clip, false).mounted().map(|m| m.mount).collect::<Vec<_>>(), [".b"]);
}

#[test]
fn a_picture_of_a_directory_may_have_bytes_before_it() {
    let scratch = Scratch::new("before");
    let frames = frames();
    for (n, before) in
        (0..).zip([&b""[..], b"\xEF\xBB\xBF", b"\r\n", &[0x55; 5000], b"HTTP/1.1 200 OK\r\n\r\n"])
    {
        scratch.file(&format!("{n}.jpg"), &[before, &frames[n]].concat());
    }
    let served = library(&scratch.0, false);
    for (n, data) in (0..).zip(&frames[..5]) {
        assert_eq!(served.load(T, FrameId(n)).expect("it is served").data, &data[..], "{n}");
    }
    let said: Vec<_> = served.problems().iter().map(ToString::to_string).collect();
    assert_eq!(said.len(), 4, "{said:?}");
    assert!(said[2].contains("3.jpg: frame 0, byte 0: ") && said[2].contains("5000 bytes"), "{said:?}");
}

#[test]
fn a_picture_that_is_none_is_named_for_what_it_is() {
    let scratch = Scratch::new("named");
    scratch.file("a.jpg", b"");
    scratch.file("b.jpg", b"\x89PNG\r\n\x1A\n\0\0\0\x0DIHDR");
    scratch.file("c.jpg", b"a text without a picture");
    scratch.file("d.jpg", &frames()[0]);
    let served = library(&scratch.0, false);
    assert_eq!(served.mounted().map(|m| m.frames).collect::<Vec<_>>(), [Some(1)]);
    let said: Vec<_> = served.problems().iter().map(ToString::to_string).collect();
    for (file, what) in [
        ("a.jpg", "the file is empty"),
        ("b.jpg", "this is a PNG picture, and no JPEG"),
        ("c.jpg", "does not start as a JPEG does"),
    ] {
        assert!(said.iter().any(|line| line.contains(file) && line.contains(what)), "{file}: {said:?}");
    }
    assert_eq!(said.len(), 3, "{said:?}");
}

#[test]
fn a_medium_is_refused_whose_every_picture_is_cut() {
    let scratch = Scratch::new("cut");
    let frames = frames();
    let cut = |n: usize| &frames[n][..frames[n].len() / 2];
    scratch.file("1.jpg", cut(0));
    scratch.file("2.jpg", cut(1));
    let file = Scratch::new("cut-file");
    for path in [&scratch.0, &file.file("clip.mjpeg", &[cut(0), &[0xFF, 0xD9]].concat())] {
        let served = with(path, false, NormaliseOptions::default());
        assert!(served.is_empty(), "{path:?}");
        let said: Vec<_> = served.problems().iter().map(ToString::to_string).collect();
        assert!(said[0].contains("data ends before the picture does"), "{said:?}");
        assert!(!said[0].contains("changed"), "{said:?}");
        assert!(said.last().unwrap().contains("no frame in it that can be served"), "{said:?}");
    }
    // One good picture is enough, and what is said of the others is true.
    scratch.file("3.jpg", &frames[2]);
    let served = with(&scratch.0, false, NormaliseOptions::default());
    assert_eq!(served.mounted().map(|m| m.frames).collect::<Vec<_>>(), [Some(3)]);
    assert!(served.load(T, FrameId(0)).is_err() && served.load(T, FrameId(2)).is_ok());
}

#[test]
fn an_answer_without_a_video_is_told_with_its_status() {
    let scratch = Scratch::new("answer");
    let answer = "HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\n\r\n<html>";
    let served = library(&scratch.file("a.multipart", answer.as_bytes()), false);
    let [problem] = served.problems() else { panic!("{:?}", served.problems()) };
    let reason = &problem.reason;
    assert!(reason.contains("\"HTTP/1.1 404 Not Found\"") && !reason.contains("ffmpeg"), "{problem}");
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
