//! Frames are read and re-coded beside the event loops: whatever one client asks for, no other waits.
use pinhole_tests::clip::{Clip, TempDir};
use pinhole_tests::dialogue::Dialogue;
use pinhole_tests::rtp::Rtp;
use pinhole_tests::server::Server;
use pinhole_tests::undisturbed;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);
/// Frames are so far apart that a busy machine is in time for each.
const INTERVAL: Duration = Duration::from_millis(200);
/// Pipelined requests: they are 34 kB.
const PLAYS: usize = 400;

/// Plays a stream until `stop`; the longest time from one whole frame to the next.
fn longest_gap(server: SocketAddr, url: &str, stop: &AtomicBool) -> Duration {
    let mut dialogue = Dialogue::connect(server);
    dialogue.set_up_tcp(url);
    dialogue.request("PLAY", url, &[]).ok();
    let (mut last, mut longest) = (None, Duration::ZERO);
    while !stop.load(Ordering::Relaxed) {
        let (channel, packet) = dialogue.interleaved(10 * SECOND).expect("the stream goes on");
        if channel == 0 && Rtp::parse(&packet).marker {
            let now = Instant::now();
            longest = longest.max(last.map_or(Duration::ZERO, |last| now - last));
            last = Some(now);
        }
    }
    longest
}

/// Asks for frames all over a clip, with requests that follow each other without a wait. Returns the
/// time until the frame of the last one came.
fn seek_around(server: SocketAddr, url: &str, seconds: f64) -> Duration {
    let mut dialogue = Dialogue::connect(server);
    dialogue.set_up_tcp(url);
    let session = dialogue.session.clone().expect("a session");
    let start = Instant::now();
    let requests = (0..PLAYS).map(|n| {
        // A step that leads to another frame each time.
        let npt = n as f64 * 0.618_034 * seconds % seconds;
        format!("PLAY {url} RTSP/1.0\r\nCSeq: {n}\r\nSession: {session}\r\nRange: npt={npt:.2}-\r\n\r\n")
    });
    let requests: String = requests.collect();
    // The replies have to be read meanwhile.
    let mut sending = dialogue.stream().try_clone().expect("a TCP socket");
    let writing = thread::spawn(move || std::io::Write::write_all(&mut sending, requests.as_bytes()));
    let replies: Vec<_> = (0..PLAYS).map(|_| dialogue.reply().ok()).collect();
    writing.join().unwrap().expect("the server reads");
    let wanted = replies.last().expect("a reply").rtp_info("rtptime");
    loop {
        let (channel, packet) = dialogue.interleaved(10 * SECOND).expect("the frame comes");
        if channel == 0 && Rtp::parse(&packet).timestamp == wanted {
            return start.elapsed();
        }
    }
}

#[test]
fn a_client_that_seeks_all_the_time_stalls_nobody() {
    let _turn = undisturbed();
    let directory = TempDir::new();
    let (steady, large) = (Clip::sample(), Clip::large(&directory).times(20, &directory));
    let options = ["--loop", "--threads", "1", "--cache", "16MiB", "--fps", "5"];
    let server = Server::with(&options, &[&steady.path, &large.path]);
    let (address, url) = (server.address(), server.url(steady.mount()));
    // A machine that is busy with other things may miss two intervals, but hardly thrice.
    let mut gaps = Vec::new();
    for _ in 0..3 {
        let stop = AtomicBool::new(false);
        let gap = thread::scope(|scope| {
            let watching = scope.spawn(|| longest_gap(address, &url, &stop));
            thread::sleep(SECOND);
            let took = seek_around(address, &server.url(large.mount()), large.frames as f64 / 5.0);
            thread::sleep(SECOND);
            stop.store(true, Ordering::Relaxed);
            assert!(took < 5 * SECOND, "the last frame came after {took:?}");
            watching.join().unwrap()
        });
        gaps.push(gap);
        if gap < 2 * INTERVAL {
            return;
        }
    }
    panic!("the other client's longest gaps: {gaps:?}");
}

/// Plays a whole clip; the payloads of each frame.
fn frames(server: &Server, url: &str, headers: &[(&str, &str)]) -> Vec<Vec<u8>> {
    let mut dialogue = Dialogue::connect(server.address());
    dialogue.set_up_tcp(url);
    dialogue.request("PLAY", url, headers).ok();
    let (mut frames, mut open) = (Vec::new(), Vec::new());
    while let Some((channel, packet)) = dialogue.interleaved(SECOND) {
        if channel == 0 {
            let packet = Rtp::parse(&packet);
            open.extend_from_slice(&packet.payload);
            if packet.marker {
                frames.push(std::mem::take(&mut open));
            }
        }
    }
    frames
}

#[test]
fn a_broken_frame_is_passed_over_in_both_directions() {
    let directory = TempDir::new();
    let clip = std::fs::read(Clip::sample().path).unwrap();
    let starts: Vec<usize> =
        (0..clip.len() - 4).filter(|at| clip[*at..].starts_with(&[0xFF, 0xD8, 0xFF, 0xE0])).collect();
    let frame = |n: usize| &clip[starts[n]..starts[n + 1]];
    // The scan ends halfway, which only re-coding finds out.
    let broken = [&frame(7)[..frame(7).len() / 2], &[0xFF, 0xD9]].concat();
    let before: Vec<u8> = (0..7).flat_map(frame).copied().collect();
    let after: Vec<u8> = (8..20).flat_map(frame).copied().collect();
    let path = directory.file("broken.mjpeg", &[before, broken, after].concat());
    let server = Server::start(&[&path]);
    let url = server.url("broken");
    let forwards = frames(&server, &url, &[("Speed", "16")]);
    let mut backwards = frames(&server, &url, &[("Speed", "16"), ("Scale", "-1")]);
    assert_eq!((forwards.len(), backwards.len()), (19, 19));
    backwards.reverse();
    assert!(forwards == backwards);
}
