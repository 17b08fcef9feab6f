use super::*;
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use pinhole::codec::jpeg::{JpegInfo, RecodeOptions, inspect, recode, recode_max_len};
use pinhole::frame::{ByteRange, Flags};
use pinhole::media::{FrameReader, SliceReader};
use pinhole::time::Duration;
use std::sync::atomic::{AtomicU32, Ordering};

const INTERVAL: u64 = 40_000;

/// A directory that goes with the test.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("pinhole-record-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A picture of one colour, with a restart interval for each of its MCUs.
fn picture(width: u16, shade: u8) -> (Vec<u8>, JpegInfo) {
    let mut plain = Vec::new();
    let mut encoder = Encoder::new(&mut plain, 80);
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    encoder.encode(&vec![shade; usize::from(width) * 16 * 3], width, 16, ColorType::Rgb).unwrap();
    let mut data = vec![0; recode_max_len(plain.len())];
    let done = recode(&plain, &mut data, RecodeOptions { restart_interval: Some(1) }).unwrap();
    data.truncate(done.len);
    (data, done.info)
}

fn frame((data, _): &(Vec<u8>, JpegInfo), number: u64) -> Frame<'_> {
    let interval = Duration::from_micros(INTERVAL).to_ticks(TRACK.clock_rate) as u32;
    Frame::intra(data, ticks(number * INTERVAL), interval)
}

fn ticks(micros: u64) -> u64 {
    Duration::from_micros(micros).to_ticks(TRACK.clock_rate)
}

/// The frames of a file, each with its place in time.
fn read(path: &Path) -> Vec<(u64, Vec<u8>)> {
    let file = fs::read(path).unwrap();
    let mut reader = FrameReader::new(SliceReader::new(&file), [0; 64], 1 << 20).unwrap();
    let mut frames = Vec::new();
    while let Some(span) = reader.next().unwrap() {
        let data = file[span.at as usize..][..span.len as usize].to_vec();
        frames.push((reader.slots() - 1, data));
    }
    frames
}

#[test]
fn an_avi_file_has_each_frame_at_its_time() {
    let directory = Directory::new();
    let path = directory.file("a.avi");
    let mut recorder = Recorder::create(&path).unwrap();
    let numbers = [0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 13, 14];
    let pictures: Vec<_> = numbers.iter().map(|n| picture(32, *n as u8 * 16)).collect();
    for (picture, n) in pictures.iter().zip(numbers) {
        // It need not start at zero.
        recorder.write(&frame(picture, 1000 + n)).unwrap();
    }
    recorder.finish().unwrap();
    let expected: Vec<_> = numbers.into_iter().zip(pictures.iter().map(|(data, _)| data.clone())).collect();
    assert_eq!(read(&path), expected);
    let recorded = recorder.recorded();
    assert_eq!((&recorded.files[..], recorded.frames), (&[path.clone()][..], 12));
    assert_eq!(recorded.bytes, fs::metadata(&path).unwrap().len());
    let file = fs::read(&path).unwrap();
    let reader = FrameReader::new(SliceReader::new(&file), [0; 64], 1 << 20).unwrap();
    assert_eq!(reader.clock().unwrap().fraction(), (25, 1));
}

#[test]
fn another_size_starts_another_avi_file() {
    let directory = Directory::new();
    fs::write(directory.file("a.b-2.avi"), "taken").unwrap();
    let pictures: Vec<_> = [32, 32, 48, 48, 48, 32].map(|width| picture(width, 99)).into();
    let record = |name: &str| {
        let mut recorder = Recorder::create(&directory.file(name)).unwrap();
        for (n, picture) in (0..).zip(&pictures) {
            recorder.write(&frame(picture, n)).unwrap();
        }
        recorder.finish().unwrap();
        recorder.recorded()
    };
    let in_avi = record("a.b.avi");
    assert_eq!(in_avi.files, ["a.b.avi", "a.b-3.avi", "a.b-4.avi"].map(|name| directory.file(name)));
    assert_eq!(in_avi.files.iter().map(|file| read(file).len()).collect::<Vec<_>>(), [2, 3, 1]);
    assert_eq!(in_avi.frames, 6);
    let in_mjpeg = record("a.MJPG");
    let all: Vec<_> = pictures.iter().flat_map(|(data, _)| data.clone()).collect();
    assert_eq!(fs::read(&in_mjpeg.files[0]).unwrap(), all);
}

#[test]
fn a_faster_source_starts_another_avi_file() {
    let directory = Directory::new();
    let mut recorder = Recorder::create(&directory.file("a.avi")).unwrap();
    let picture = picture(32, 1);
    let at = |micros| Frame { time: ticks(micros), ..frame(&picture, 0) };
    (0..10).for_each(|n| recorder.write(&at(n * 200_000)).unwrap());
    (0..90).for_each(|n| recorder.write(&at(2_000_000 + n * INTERVAL)).unwrap());
    recorder.finish().unwrap();
    let clocks: Vec<_> = recorder
        .recorded()
        .files
        .iter()
        .map(|file| {
            let file = fs::read(file).unwrap();
            FrameReader::new(SliceReader::new(&file), [0; 64], 1 << 20).unwrap().clock().unwrap().fraction()
        })
        .collect();
    assert_eq!(clocks, [(5, 1), (25, 1)]);
    assert_eq!(recorder.recorded().frames, 100);
}

#[test]
fn too_many_sizes_end_the_recording() {
    let directory = Directory::new();
    let mut recorder = Recorder::create(&directory.file("a.avi")).unwrap();
    let pictures = [picture(32, 1), picture(48, 1)];
    let written = (0..1000).try_for_each(|n| recorder.write(&frame(&pictures[n as usize % 2], n)));
    assert!(matches!(written, Err(RecordError::TooManyFiles(_))), "{written:?}");
    assert_eq!((recorder.recorded().files.len(), recorder.recorded().frames), (MAX_FILES, 100));
    // What follows is not written, and no further error.
    recorder.write(&frame(&pictures[0], 0)).unwrap();
    recorder.finish().unwrap();
    assert_eq!(recorder.recorded().frames, 100);
}

#[test]
fn partial_frames_are_mended() {
    let directory = Directory::new();
    let mut recorder = Recorder::create(&directory.file("a.mjpeg")).unwrap();
    let (mut data, info) = picture(48, 200);
    let whole = data.clone();
    let second = data.windows(2).position(|pair| pair == [0xFF, 0xD0]).unwrap();
    let third = data.windows(2).position(|pair| pair == [0xFF, 0xD1]).unwrap();
    data[second + 2..third].fill(0);
    let range = [ByteRange::new((second + 2) as u32, (third + 2) as u32)];
    for integrity in [Integrity::Complete, Integrity::Damaged, Integrity::Partial] {
        let data = if integrity.is_complete() { &whole } else { &data };
        let missing = if integrity == Integrity::Partial { &range[..] } else { &[] };
        let flags = Flags::INTRA.with_integrity(integrity);
        recorder.write(&Frame { data, flags, missing, ..frame(&(vec![], info), 0) }).unwrap();
    }
    recorder.finish().unwrap();
    let recorded = recorder.recorded();
    assert_eq!((recorded.frames, recorded.mended, recorded.left_out), (2, 1, 1));
    let frames = read(&recorded.files[0]);
    assert_eq!(frames[0].1, whole);
    assert_eq!(inspect(&frames[1].1).unwrap().info.restart_interval, 1);
}

#[test]
fn errors_name_the_file_and_a_remedy() {
    let directory = Directory::new();
    let says = |path: &Path| Recorder::create(path).unwrap_err().to_string();
    let named = says(&directory.file("clip.mp4"));
    assert!(named.contains("clip.mp4") && named.contains(".avi"), "{named}");
    let nowhere = says(&directory.file("none/clip.avi"));
    assert!(nowhere.contains("none/clip.avi") && nowhere.contains("directory that exists"), "{nowhere}");
    let precious = directory.file("precious.avi");
    fs::write(&precious, "precious").unwrap();
    let exists = says(&precious);
    assert!(exists.contains("precious.avi exists"), "{exists}");
    assert_eq!(fs::read(&precious).unwrap(), b"precious");
    let full = RecordError::Write { path: precious, source: ErrorKind::StorageFull.into() }.to_string();
    assert!(full.contains("precious.avi") && full.contains("make room"), "{full}");
}

#[test]
fn an_empty_recording_leaves_no_file() {
    let directory = Directory::new();
    for name in ["a.avi", "a.mjpeg"] {
        let mut recorder = Recorder::create(&directory.file(name)).unwrap();
        recorder.finish().unwrap();
        assert_eq!(recorder.recorded(), Recorded::default());
        assert!(!directory.file(name).exists());
    }
}

/// The file system is what a process that was killed leaves behind: whatever it had written.
#[test]
fn an_unfinished_file_can_be_read() {
    let directory = Directory::new();
    for (name, waiting) in [("a.avi", 9), ("a.mjpeg", 1)] {
        let path = directory.file(name);
        let mut recorder = Recorder::create(&path).unwrap();
        for n in 0..40 {
            recorder.write(&frame(&picture(32, n), u64::from(n))).unwrap();
            let written = u64::from(n) + 1;
            if written < waiting {
                continue;
            }
            assert_eq!(recorder.recorded().frames, written);
            let all: Vec<_> = (0..=n).map(|n| (u64::from(n), picture(32, n).0)).collect();
            assert_eq!(read(&path), all);
        }
    }
}
