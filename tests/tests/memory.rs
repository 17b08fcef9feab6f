//! The viewer's memory: what its cache takes, and no more, however long it runs.
use pinhole_tests::clip::{Clip, TempDir};
use pinhole_tests::server::Server;
use pinhole_tests::{Transport, undisturbed, viewer};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

/// The cache, and what is told to the viewer.
const CACHE: (u64, &str) = (8 << 20, "8MiB");
/// Eight times as fast as a camera, so that the cache is full soon: 6.5 MB a second.
const FPS: &str = "240";
/// How often it is looked at.
const EVERY: Duration = Duration::from_millis(250);
/// How often the cache is filled while it is looked at.
const ROUNDS: u64 = 4;

#[test]
fn memory_is_steady_after_the_cache_wraps() {
    let _turn = undisturbed();
    let clip = Clip::sample();
    let bytes = std::fs::metadata(&clip.path).unwrap().len();
    let frame = bytes / clip.frames as u64;
    let wrap = Duration::from_secs_f64(CACHE.0 as f64 / (frame * FPS.parse::<u64>().unwrap()) as f64);
    let server = Server::with(&["--loop", "--fps", FPS], &[&clip.path]);
    for transport in Transport::ALL {
        let url = server.url(clip.mount());
        let viewer = viewer::start_with(&url, transport, &["--cache", CACHE.1, "--no-decode"]);
        let Some(first) = viewer.memory("VmRSS") else { return };
        // Connecting, and half a round more.
        thread::sleep(Duration::from_millis(500) + wrap * 3 / 2);
        let wrapped = viewer.memory("VmRSS").unwrap();
        assert!(wrapped > first.min(CACHE.0), "{wrapped} bytes: the cache is not in use");
        let end = Instant::now() + wrap * ROUNDS as u32;
        let mut most = wrapped;
        while Instant::now() < end {
            thread::sleep(EVERY);
            most = most.max(viewer.memory("VmRSS").unwrap());
        }
        assert!(most * 100 <= wrapped * 102, "{transport}: {wrapped} bytes have become {most}");
        viewer.signal("INT");
        let report = viewer::report(&viewer.finish(Duration::from_secs(10)));
        let played = report.number("bytes");
        assert!(played > CACHE.0 * ROUNDS, "{transport}: {played} bytes are not {ROUNDS} rounds: {report:?}");
        let whole = report.number("frames_complete") * frame;
        assert!(whole * 10 > played * 9, "{transport}: {report:?}");
    }
}

/// Makes a grey picture of so many pixels each way, a multiple of 16, and writes it `frames` times to a clip.
fn large_clip(directory: &TempDir, side: u16, frames: usize) -> PathBuf {
    let sample = std::fs::read(Clip::sample().path).unwrap();
    let find = |marker: [u8; 2]| sample.windows(2).position(|bytes| bytes == marker).unwrap();
    let (size, scan) = (find([0xff, 0xc0]) + 5, find([0xff, 0xda]) + 14);
    let mut file = sample[..scan].to_vec();
    file[size..size + 4].copy_from_slice(&[side.to_be_bytes(), side.to_be_bytes()].concat());
    // An MCU without any coefficient, by the standard Huffman tables (ITU-T T.81, K.3): the difference of DC
    // is 0, and no AC follows, in each of its six blocks.
    let empty = [0b0010_1000, 0b1010_0010, 0b1000_1010, 0b0000_0000];
    file.extend(empty.repeat((usize::from(side) / 16).pow(2)));
    file.extend([0xff, 0xd9]);
    directory.file(&format!("grey{side}.mjpeg"), &file.repeat(frames))
}

#[test]
fn pictures_take_their_share_of_memory_and_no_more() {
    let _turn = undisturbed();
    let directory = TempDir::new();
    // 16 MiB of pixels.
    let server = Server::with(&["--loop", "--fps", "30"], &[&large_clip(&directory, 2048, 10)]);
    let url = server.url("grey2048");
    let pictures = ["--cache", CACHE.1, "--duration", "6", "--pictures", "/dev/null"];
    for options in [&pictures[..], &pictures[..4]] {
        let (report, peak) = viewer::watch_closely(&url, Transport::Tcp, options, Duration::from_secs(60));
        assert!(report.number("frames_shown") > 0, "{report:?}");
        // The frames in the cache, four pictures, and the program itself.
        let most = CACHE.0 + (64 << 20) + (40 << 20);
        assert!(peak.is_none_or(|peak| peak < most), "{peak:?} bytes with {options:?}: {report:?}");
    }
}

#[test]
fn a_picture_that_is_too_large_costs_a_line() {
    let _turn = undisturbed();
    let directory = TempDir::new();
    let server = Server::with(&["--loop", "--fps", "10"], &[&large_clip(&directory, 8192, 2)]);
    for pictures in [&[][..], &["--pictures", "/dev/null"]] {
        let options = [&["--cache", CACHE.1, "--duration", "4"], pictures].concat();
        let mut viewer = viewer::start_with(&server.url("grey8192"), Transport::Tcp, &options);
        let mut peak = None;
        while viewer.is_alive() {
            peak = viewer.memory("VmHWM").or(peak);
            thread::sleep(Duration::from_millis(5));
        }
        let done = viewer.finish(Duration::from_secs(60));
        assert!(!done.status.success(), "{done:?}");
        let said = "a picture of 8192x8192 is too large: it takes 256 MiB of memory; with --cache 1";
        let lines = done.stderr.lines().filter(|line| line.contains(said));
        // Once at once, and once more as the reason why nothing was shown.
        assert_eq!(lines.count(), 2, "{}", done.stderr);
        assert!(peak.is_none_or(|peak| peak < CACHE.0 + (60 << 20)), "{peak:?} bytes with {pictures:?}");
    }
}
