//! The viewer's memory: what its cache takes, and no more, however long it runs.
use pinhole_tests::clip::Clip;
use pinhole_tests::server::Server;
use pinhole_tests::{Transport, undisturbed, viewer};
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
