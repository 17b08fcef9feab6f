//! How many frames a client is sent, of those that there are: fewer where it cannot take them all,
//! and all where it can.
use pinhole::rtp::SenderConfig;
use pinhole_tests::clip::{Clip, TempDir};
use pinhole_tests::dialogue::{Dialogue, UdpPair};
use pinhole_tests::late::{self, Received};
use pinhole_tests::peer::{Peer, available};
use pinhole_tests::process::run;
use pinhole_tests::relay::Relay;
use pinhole_tests::rtp::Rtp;
use pinhole_tests::server::Server;
use pinhole_tests::{Transport, undisturbed, viewer};
use serde_json::Value;
use std::io::Write;
use std::net::SocketAddr;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

const NO_MEDIA: [&str; 0] = [];
const SECOND: Duration = Duration::from_secs(1);

/// A TCP client that tells how far the medium has come.
struct Watch {
    dialogue: Dialogue,
    first: Option<(Instant, u32)>,
    /// The newest frame: when it came whole, since the first one, and when it is shown.
    came: Duration,
    shown: Duration,
    frames: u32,
    /// The longest step from one frame to the next.
    largest_step: Duration,
    bytes: usize,
}

impl Watch {
    fn start(address: SocketAddr, url: &str) -> Self {
        // What the client's system holds is old by the time that a client reads it.
        let mut dialogue = Dialogue::connect(address).with_buffer(1 << 15);
        dialogue.set_up_tcp(url);
        dialogue.request("PLAY", url, &[]).ok();
        let none = Duration::ZERO;
        Self { dialogue, first: None, came: none, shown: none, frames: 0, largest_step: none, bytes: 0 }
    }

    /// Reads for so long, no faster than `rate` bytes a second.
    #[track_caller]
    fn read(&mut self, span: Duration, rate: usize) {
        let (start, before) = (Instant::now(), self.bytes);
        while start.elapsed() < span {
            let (channel, packet) = self.dialogue.interleaved(10 * SECOND).expect("the stream goes on");
            self.bytes += packet.len();
            let due = Duration::from_secs_f64((self.bytes - before) as f64 / rate as f64);
            thread::sleep(due.saturating_sub(start.elapsed()));
            if channel == 0 {
                self.take(&Rtp::parse(&packet));
            }
        }
    }

    fn take(&mut self, packet: &Rtp) {
        let (at, timestamp) = *self.first.get_or_insert((Instant::now(), packet.timestamp));
        if packet.marker {
            let shown = SECOND.mul_f64(f64::from(packet.timestamp.wrapping_sub(timestamp)) / 90_000.0);
            self.largest_step = self.largest_step.max(shown - self.shown);
            (self.came, self.shown, self.frames) = (at.elapsed(), shown, self.frames + 1);
        }
    }

    /// How far the medium is behind the wall clock.
    fn lag(&self) -> Duration {
        self.came.saturating_sub(self.shown)
    }

    /// Ends the session, and returns what the server says of it.
    fn end(mut self, server: &Server, url: &str) -> Value {
        self.dialogue.request("TEARDOWN", url, &[]).ok();
        server.wait_events("closed", 1, 10 * SECOND).swap_remove(0)
    }
}

#[test]
fn loss_thins_frames_until_it_ends() {
    let _turn = undisturbed();
    let clip = Clip::sample();
    let server = Server::with(&["--loop"], &[&clip.path]);
    let stubborn = Server::with(&["--loop", "--no-adapt"], &[&clip.path]);
    let lossy = |server: &Server| {
        let relay = Relay::start(server.address(), 200_000);
        let url = relay.url(&server.url(clip.mount()));
        (relay, url)
    };
    let (relay, url) = lossy(&server);
    let (_other_relay, other_url) = lossy(&stubborn);
    let watching = thread::spawn(move || viewer::watch(&url, Transport::Udp, &["--duration", "25"]));
    let other = thread::spawn(move || viewer::watch(&other_url, Transport::Udp, &["--duration", "5"]));

    server.wait_events("opened", 1, 10 * SECOND);
    let began = Instant::now();
    let rates = |server: &Server, count, limit| {
        let told = server.wait_events("adapted", count, limit);
        told.iter().map(|event| event["one_in"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(rates(&server, 3, 10 * SECOND), [2, 4, 8]);
    relay.lose(0);
    let lost = relay.lost();
    assert_eq!(rates(&server, 6, 20 * SECOND), [2, 4, 8, 4, 2, 1]);
    let took = began.elapsed();
    let report = watching.join().unwrap();
    assert_eq!(relay.lost(), lost);
    let closed = server.wait_events("closed", 1, 10 * SECOND).swap_remove(0);
    let [sent, thinned, skipped] =
        ["frames", "frames_thinned", "frames_skipped"].map(|name| closed[name].as_u64().unwrap());
    assert!(thinned > 50 && skipped == 0, "{closed} after {took:?}");
    assert!((sent + thinned).abs_diff(25 * 30) < 45, "{closed}");
    // What was left out is not missing to the viewer, but for the first frames of each rate.
    let [complete, damaged, missing] =
        ["frames_complete", "frames_damaged", "frames_missing"].map(|name| report.number(name));
    assert!((complete + damaged + missing).abs_diff(sent) < 20, "{report:?} of {closed}");

    other.join().unwrap();
    let closed = stubborn.wait_events("closed", 1, 10 * SECOND).swap_remove(0);
    assert_eq!((closed["frames_thinned"].as_u64(), closed["frames"].as_u64() > Some(120)), (Some(0), true));
}

#[test]
fn a_slow_client_keeps_real_time() {
    let _turn = undisturbed();
    let server = Server::with(&["--pattern", "640x360@240"], &NO_MEDIA);
    let url = server.url("pattern");
    let mut watch = Watch::start(server.address(), &url);
    let rate = 800_000;
    watch.read(4 * SECOND, rate);
    let lag = watch.lag();
    watch.largest_step = Duration::ZERO;
    watch.read(6 * SECOND, rate);
    let rate = f64::from(watch.frames) / watch.came.as_secs_f64();
    assert!(rate < 150.0, "{rate} frames a second are no test: the machine takes all of them");
    assert!(watch.lag().abs_diff(lag) < Duration::from_millis(250), "{lag:?}, then {:?}", watch.lag());
    assert!(watch.lag() < SECOND, "{:?}", watch.lag());
    assert!(watch.largest_step < Duration::from_millis(500), "{:?}", watch.largest_step);
    let closed = watch.end(&server, &url);
    assert!(closed["frames_skipped"].as_u64() > Some(500), "{closed}");
    assert_eq!(closed["frames_thinned"].as_u64(), Some(0), "{closed}");
}

#[test]
fn a_stopped_reader_resumes_live() {
    let _turn = undisturbed();
    let server = Server::with(&["--pattern", "640x360@30"], &NO_MEDIA);
    let url = server.url("pattern");
    let other = Watch::start(server.address(), &url);
    let other = thread::spawn(move || {
        let mut other = other;
        other.read(8 * SECOND, usize::MAX);
        other
    });
    let mut watch = Watch::start(server.address(), &url);
    watch.read(SECOND, usize::MAX);
    thread::sleep(5 * SECOND);
    watch.read(SECOND, usize::MAX);
    assert!(watch.lag() < Duration::from_millis(300), "{:?}", watch.lag());
    assert!(watch.largest_step > 2 * SECOND, "{:?} were left out", watch.largest_step);

    let other = other.join().unwrap();
    assert!(other.largest_step < Duration::from_millis(34), "{:?}", other.largest_step);
    assert!(other.lag() < Duration::from_millis(300), "{:?}", other.lag());
    let closed = watch.end(&server, &url);
    assert!(closed["frames_skipped"].as_u64() > Some(60), "{closed}");
}

#[test]
fn a_fast_source_keeps_true_time() {
    let _turn = undisturbed();
    let clip = std::fs::read(Clip::sample().path).unwrap();
    let (server, mut camera) = Server::of_pipe(&[]);
    let url = server.url("live");
    camera.write_all(&clip).unwrap();
    let feeding = thread::spawn(move || while camera.write_all(&clip).is_ok() {});
    let mut watch = Watch::start(server.address(), &url);
    watch.read(2 * SECOND, 4_000_000);
    let lag = watch.lag();
    watch.read(4 * SECOND, 4_000_000);
    assert!(lag < SECOND && watch.lag() < SECOND, "{lag:?}, then {:?}", watch.lag());
    assert!(watch.frames > 100, "{}", watch.frames);
    let memory = server.peak_memory().unwrap_or_default();
    assert!(memory < 128 << 20, "{memory} bytes");
    drop(server);
    feeding.join().unwrap();
}

/// So many frames of a test picture, of about as many bytes as HD cameras make of theirs.
fn camera_like(directory: &TempDir, size: &str, quality: u32, frames: u32) -> Clip {
    let plain = directory.path().join("camera.mjpeg");
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-nostdin", "-v", "error", "-y", "-f", "lavfi"]);
    ffmpeg.args(["-i", &format!("testsrc2=size={size}:rate=30,noise=alls=12:allf=t")]);
    ffmpeg.args(["-pix_fmt", "yuvj420p", "-huffman", "default", "-q:v", &quality.to_string()]);
    ffmpeg.args(["-frames:v", &frames.to_string()]).arg(&plain);
    assert!(run(&mut ffmpeg, 60 * SECOND).unwrap().status.success());
    Clip { path: plain.clone(), plain, frames: frames as usize }
}

/// Checks that a receiver that reads 2 ms late loses nothing of a medium in a second. A busy machine may hold up the
/// receiver, or the server between two quanta, for longer than is good for them, so this is tried again and again. A
/// server that sends a frame at once loses some of each, whenever that is tried.
#[track_caller]
fn assert_nothing_lost(server: &Server, mount: &str, what: &str) {
    let url = server.url(mount);
    let watch = || late::watch(server.address(), &url, Duration::from_millis(2), SECOND);
    assert_once(what, watch, |received| received.lost == 0 && received.whole > 20);
}

/// Watches again and again, until what is received is right.
#[track_caller]
fn assert_once(what: &str, watch: impl Fn() -> Received, is_right: impl Fn(&Received) -> bool) {
    let mut tried = Vec::new();
    while tried.len() < 40 && !tried.last().is_some_and(&is_right) {
        tried.push(watch());
    }
    assert!(tried.last().is_some_and(&is_right), "{what}: {tried:?}");
}

#[test]
fn late_readers_lose_no_frame() {
    if !available(&[Peer::Ffmpeg]) {
        return;
    }
    let _turn = undisturbed();
    for (size, quality, len) in [("1920x1080", 8, 160_000), ("2560x1440", 8, 250_000)] {
        let directory = TempDir::new();
        let clip = camera_like(&directory, size, quality, 30);
        let frame = std::fs::metadata(&clip.path).unwrap().len() / 30;
        assert!(frame > len, "{frame} bytes a frame of {size} are too easy");
        let server = Server::with(&["--loop"], &[&clip.path]);
        // Frames are made ready when they are first asked for, which is not what this is about.
        late::watch(server.address(), &server.url(clip.mount()), Duration::ZERO, 2 * SECOND);
        assert_nothing_lost(&server, clip.mount(), size);
    }
}

/// Writes frames to a camera's pipe, 30 in each second, over and over until nobody reads them.
fn feed(mut camera: impl Write, clip: &[u8]) {
    let mut starts: Vec<_> =
        (0..clip.len() - 2).filter(|at| clip[*at..].starts_with(&[0xff, 0xd8, 0xff])).collect();
    starts.push(clip.len());
    let begun = Instant::now();
    for (n, span) in starts.windows(2).cycle().enumerate() {
        let due = Duration::from_secs_f64(n as f64 / 30.0);
        thread::sleep(due.saturating_sub(begun.elapsed()));
        if camera.write_all(&clip[span[0]..span[1]]).is_err() {
            return;
        }
    }
}

#[test]
fn late_readers_lose_no_live_frame() {
    if !available(&[Peer::Ffmpeg]) {
        return;
    }
    let _turn = undisturbed();
    let directory = TempDir::new();
    let clip = std::fs::read(camera_like(&directory, "1920x1080", 8, 30).path).unwrap();
    let frame = clip.len() as u64 / 30;
    // More than the receiver's buffer holds.
    assert!(frame > 160_000, "{frame} bytes a frame are too easy");
    let (server, camera) = Server::of_pipe(&[]);
    let feeding = thread::spawn(move || feed(camera, &clip));
    assert_nothing_lost(&server, "live", "live");
    drop(server);
    feeding.join().unwrap();
}

#[test]
fn late_readers_that_announce_a_large_buffer_are_sent_live_frames_at_once() {
    if !available(&[Peer::Ffmpeg]) {
        return;
    }
    let _turn = undisturbed();
    for (size, most) in [("1920x1080", 250_000), ("2560x1440", 480_000)] {
        let directory = TempDir::new();
        // FFmpeg's noise, and so a picture's bytes, depends on the processor.
        let at = |quality| std::fs::read(camera_like(&directory, size, quality, 30).path).unwrap();
        let clip = (4..=31).map(at).find(|clip| clip.len() / 30 <= most).expect("a quality");
        let frame = clip.len() / 30;
        assert!(
            frame > SenderConfig::DEFAULT_LIVE_BURST as usize,
            "{frame} bytes a frame of {size} are sent at once to everybody"
        );
        let (server, camera) = Server::of_pipe(&[]);
        let feeding = thread::spawn(move || feed(camera, &clip));
        let url = server.url("live");
        let late = Duration::from_millis(2);
        let watch = || late::watch_announced(server.address(), &url, late, SECOND, 4 << 20);
        // Where the system grants less, less leaves at once.
        let fits = frame * 11 / 10 < granted(4 << 20) / 2;
        assert_once(size, watch, |received| {
            received.lost == 0 && received.whole > 20 && (received.at_once > 20 || !fits)
        });
        drop(server);
        feeding.join().unwrap();
    }
}

/// Returns the length of the receive buffer that the system grants who asks for `bytes`, as it counts.
fn granted(bytes: usize) -> usize {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let socket = socket2::SockRef::from(&socket);
    socket.set_recv_buffer_size(bytes).unwrap();
    socket.recv_buffer_size().unwrap()
}

/// A client that is sent a stream by UDP, and never looks at it.
fn bystander(server: &Server, url: &str) -> (Dialogue, UdpPair) {
    let mut dialogue = Dialogue::connect(server.address());
    let pair = UdpPair::bind();
    dialogue.set_up(url, &pair.transport());
    dialogue.request("PLAY", url, &[]).ok();
    (dialogue, pair)
}

#[test]
fn fifty_viewers_cost_no_hd_frame() {
    const FRAMES: usize = 240;
    if !available(&[Peer::Ffmpeg]) {
        return;
    }
    let _turn = undisturbed();
    let directory = TempDir::new();
    let clip = camera_like(&directory, "1920x1080", 8, 30);
    let server = Server::with(&["--loop"], &[&clip.path]);
    let url = server.url(clip.mount());
    // What they are sent is dropped in their sockets' buffers, for the machine is one and small.
    let others: Vec<_> = (0..50).map(|_| bystander(&server, &url)).collect();
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-nostdin", "-v", "warning", "-rtsp_transport", "udp", "-i", &url]);
    // Not decoded: when ffmpeg starts to, it does not read for longer than its buffer holds.
    ffmpeg.args(["-frames:v", &FRAMES.to_string(), "-c", "copy", "-f", "framecrc", "-"]);
    let done = run(&mut ffmpeg, 60 * SECOND).unwrap();
    assert!(done.status.success(), "{}", done.stderr);
    let times = done.stdout.lines().filter(|line| !line.starts_with('#'));
    let times: Vec<i64> = times.map(|l| l.split(',').nth(2).unwrap().trim().parse().unwrap()).collect();
    assert_eq!(times.len(), FRAMES);
    // In units of 1/90,000 s.
    assert!(times.windows(2).all(|pair| pair[1] - pair[0] == 3_000), "{times:?}\n{}", done.stderr);
    drop(others);
}
