//! Files that change while they are served: that costs their own sessions, which are told, and nobody else.
use pinhole_tests::clip::{Clip, TempDir};
use pinhole_tests::dialogue::Dialogue;
use pinhole_tests::rtp::Rtp;
use pinhole_tests::server::Server;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(30);
/// Frames that are more than any cache or buffer on the way has of a clip.
const PLAYED: usize = 40;
/// The packet type of a BYE (RFC 3550, 6.6).
const BYE: u8 = 203;

/// What is done to a file, and whether its sessions end.
type Change = (&'static str, fn(&Path, &Path), bool);

const CHANGES: [Change; 6] = [
    ("truncated", |path, _| OpenOptions::new().write(true).open(path).unwrap().set_len(100).unwrap(), true),
    ("emptied", |path, _| drop(fs::File::create(path).unwrap()), true),
    ("overwritten", |path, other| assert!(fs::copy(other, path).unwrap() > 0), true),
    (
        "replaced",
        |path, other| {
            let new = path.with_extension("new");
            fs::copy(other, &new).unwrap();
            fs::rename(new, path).unwrap();
        },
        false,
    ),
    (
        "appended to",
        |path, _| {
            OpenOptions::new().append(true).open(path).unwrap().write_all(&[b'x'; 100_000]).unwrap();
        },
        false,
    ),
    ("deleted", |path, _| fs::remove_file(path).unwrap(), false),
];

/// One viewer over TCP.
struct Viewer(Dialogue);

impl Viewer {
    fn play(server: &Server, mount: &str) -> Self {
        let (mut dialogue, url) = (Dialogue::connect(server.address()), server.url(mount));
        dialogue.set_up_tcp(&url);
        dialogue.request("PLAY", &url, &[]).ok();
        Self(dialogue)
    }

    /// Waits for so many frames. Returns `false` if BYE comes before.
    fn goes_on(&mut self, frames: usize) -> bool {
        let mut seen = 0;
        while seen < frames {
            let (channel, packet) = self.0.interleaved(LIMIT).expect("the stream goes on");
            seen += usize::from(channel == 0 && Rtp::parse(&packet).marker);
            if channel == 1 && packets(&packet).any(|kind| kind == BYE) {
                return false;
            }
        }
        true
    }

    /// Waits for BYE.
    fn ends(&mut self) {
        let end = Instant::now() + LIMIT;
        while self.goes_on(1) {
            assert!(Instant::now() < end, "the session does not end");
        }
    }
}

/// The types of the packets in a compound (RFC 3550, 6.1).
fn packets(mut compound: &[u8]) -> impl Iterator<Item = u8> {
    std::iter::from_fn(move || {
        let [_, kind, high, low, ..] = *compound else { return None };
        let len = 4 * (usize::from(u16::from_be_bytes([high, low])) + 1);
        compound = compound.get(len..).unwrap_or_default();
        Some(kind)
    })
}

/// Waits until so many sessions have ended, and checks that each was told the medium and the file.
fn assert_named(server: &Server, sessions: usize, mount: &str, path: &Path) {
    for event in server.wait_events("ended", sessions, LIMIT) {
        let problem = event["problem"].as_str().unwrap_or_default();
        assert!(event["mount"] == mount && problem.contains(&*path.to_string_lossy()), "{event}");
    }
}

/// Makes all changes to a file that `make` creates, whose mount is `victim`.
fn change(make: impl Fn(&TempDir) -> std::path::PathBuf) {
    let directory = TempDir::new();
    let other = Clip::course();
    for (what, change, ends) in CHANGES {
        let path = make(&directory);
        // A cache of two frames or so: nobody plays on from what was read before.
        let mut server = Server::with(&["--loop", "--fps", "60", "--cache", "30KiB"], &[&path, &other.path]);
        let mut viewers = [0, 1].map(|_| Viewer::play(&server, "victim"));
        let mut bystander = Viewer::play(&server, other.mount());
        for viewer in viewers.iter_mut().chain([&mut bystander]) {
            assert!(viewer.goes_on(5), "{what}");
        }
        change(&path, &other.path);
        for viewer in &mut viewers {
            match ends {
                true => viewer.ends(),
                false => assert!(viewer.goes_on(2 * PLAYED), "{what}"),
            }
        }
        assert!(bystander.goes_on(PLAYED), "{what}");
        assert!(server.is_alive(), "{what}");
        if ends {
            assert_named(&server, 2, "victim", &path);
        }
        let said = server.stop("TERM").stderr;
        assert_eq!(
            said.contains("victim") && said.contains("sessions that play it end"),
            ends,
            "{what}: {said}"
        );
        let _ = fs::remove_file(&path);
    }
}

#[test]
fn a_file_that_is_served_as_it_is_may_change() {
    // Without restart markers to add, each frame is sent as it lies in the file.
    change(|directory| {
        let made = directory.path().join("victim.avi");
        let status = std::process::Command::new(pinhole_tests::process::binary("pinhole-server"))
            .arg("prepare")
            .args([&Clip::sample().path, &made])
            .stdout(std::process::Stdio::null())
            .status();
        assert!(status.unwrap().success());
        made
    });
}

#[test]
fn a_file_that_is_re_coded_may_change() {
    change(|directory| directory.file("victim.mjpeg", &fs::read(Clip::sample().path).unwrap()));
}

#[test]
fn a_clip_without_one_good_frame_ends() {
    let directory = TempDir::new();
    let good = fs::read(Clip::sample().path).unwrap();
    // Each scan is nothing but stuffed FF bytes: headers are all that is read before a frame is wanted.
    let mut starts: Vec<usize> =
        (0..good.len() - 2).filter(|at| good[*at..].starts_with(&[0xFF, 0xD8, 0xFF])).collect();
    starts.push(good.len());
    let mut hostile = Vec::new();
    for pair in starts.windows(2) {
        let frame = &good[pair[0]..pair[1]];
        let scan = frame.windows(2).position(|marker| marker == [0xFF, 0xDA]).unwrap();
        let scan = scan + 2 + usize::from(u16::from_be_bytes([frame[scan + 2], frame[scan + 3]]));
        hostile.extend_from_slice(&frame[..scan]);
        hostile.extend([0xFF, 0x00].repeat((frame.len() - scan) / 2));
        hostile.extend([0xFF, 0xD9]);
    }
    // More than are tried before a medium is added.
    let path = directory.file("hostile.mjpeg", &hostile.repeat(5));
    let other = Clip::course();
    for cache in ["64KiB", "64MiB"] {
        let server = Server::with(&["--loop", "--cache", cache], &[&path, &other.path]);
        let mut bystander = Viewer::play(&server, other.mount());
        let mut watching = Vec::new();
        for _ in 0..3 {
            let url = server.url("hostile");
            let mut dialogue = Dialogue::connect(server.address());
            dialogue.set_up_tcp(&url);
            dialogue.request("PLAY", &url, &[]).ok();
            watching.push(dialogue);
            assert!(bystander.goes_on(10));
        }
        assert_named(&server, 3, "hostile", &path);
        let said = server.stop("TERM").stderr;
        assert!(said.lines().count() < 20, "{said}");
        assert!(said.contains("its frames cannot be loaded any more"), "{said}");
    }
}
