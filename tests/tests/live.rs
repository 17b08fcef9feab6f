//! Live input that stalls, changes its size or is damaged, and who watches it.
use pinhole_tests::clip::{Clip, TempDir};
use pinhole_tests::peer::{Peer, available};
use pinhole_tests::process::run;
use pinhole_tests::server::Server;
use pinhole_tests::{Transport, viewer};
use std::io::Write;
use std::process::Command;
use std::thread;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(10);

/// The frames of concatenated JPEG without thumbnails.
fn split(clip: &[u8]) -> Vec<&[u8]> {
    let mut starts: Vec<usize> =
        (0..clip.len() - 2).filter(|at| clip[*at..].starts_with(&[0xff, 0xd8, 0xff])).collect();
    starts.push(clip.len());
    starts.windows(2).map(|pair| &clip[pair[0]..pair[1]]).collect()
}

#[test]
fn a_viewer_survives_a_stall() {
    let clip = std::fs::read(Clip::sample().path).unwrap();
    let frames = split(&clip);
    let (server, mut camera) = Server::of_pipe(&[]);
    let mut send = |frames: &[&[u8]]| {
        for frame in frames {
            camera.write_all(frame).unwrap();
            thread::sleep(Duration::from_millis(40));
        }
    };
    send(&frames[..5]);
    let watching = viewer::start(&server.url("live"), Transport::Tcp);
    server.wait_events("opened", 1, SOON);
    send(&frames[5..20]);
    thread::sleep(Duration::from_secs(3));
    send(&frames[20..40]);
    drop(camera);
    let report = viewer::report(&watching.finish(Duration::from_secs(30)));
    assert!(report.number("frames_complete") >= 30, "{report:?}");
    assert_eq!(report.number("frames_damaged"), 0, "{report:?}");
    assert_eq!(server.wait_events("opened", 1, SOON).len(), 1, "the viewer came once");
}

#[test]
fn a_size_change_is_followed() {
    if !available(&[Peer::Ffmpeg]) {
        return;
    }
    let directory = TempDir::new();
    let clip = |size: &str, sampling: &str| {
        let path = directory.path().join(size);
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args([
            "-nostdin",
            "-v",
            "error",
            "-f",
            "lavfi",
            "-i",
            &format!("testsrc2=size={size}:rate=25"),
        ]);
        ffmpeg.args(["-pix_fmt", sampling, "-frames:v", "50", "-f", "mjpeg"]);
        assert!(run(ffmpeg.arg(&path), Duration::from_secs(30)).unwrap().status.success());
        std::fs::read(path).unwrap()
    };
    let (small, large) = (clip("320x240", "yuvj420p"), clip("640x480", "yuvj422p"));
    for transport in Transport::ALL {
        let (server, mut camera) = Server::of_pipe(&[]);
        let mut send = |clip: &[u8]| {
            for frame in split(clip) {
                camera.write_all(frame).unwrap();
                thread::sleep(Duration::from_millis(40));
            }
        };
        send(&small[..small.len() / 10]);
        let watching = viewer::start(&server.url("live"), transport);
        server.wait_events("opened", 1, SOON);
        send(&small);
        send(&large);
        drop(camera);
        let report = viewer::report(&watching.finish(Duration::from_secs(30)));
        assert_eq!([report.number("width"), report.number("height")], [640, 480], "{transport}");
        assert_eq!(report.number("frames_damaged"), 0, "{transport}: {report:?}");
        assert!(report.number("frames_complete") >= 80, "{transport}: {report:?}");
        let formats = server.wait_events("input_format", 2, SOON);
        let told: Vec<_> = formats.iter().map(|f| (f["width"].as_u64(), f["sampling"].as_str())).collect();
        assert_eq!(told, [(Some(320), Some("4:2:0")), (Some(640), Some("4:2:2"))]);
    }
}

#[test]
fn garbage_costs_only_itself() {
    let clip = std::fs::read(Clip::sample().path).unwrap();
    let frames = split(&clip);
    let (server, mut camera) = Server::of_pipe(&["-v"]);
    for frame in &frames[..3] {
        camera.write_all(frame).unwrap();
        camera.write_all(b"no frame at all").unwrap();
    }
    camera.write_all(&frames[3][..frames[3].len() / 2]).unwrap();
    drop(camera);
    let trouble = || server.wait_events("input_ended", 1, SOON).len();
    assert_eq!(trouble(), 1);
    let told = server.wait_events("input_trouble", 1, SOON);
    let sum = |name: &str| told.iter().filter_map(|event| event[name].as_u64()).sum::<u64>();
    assert_eq!((sum("junk_bytes"), sum("frames_left_out"), sum("frames_dropped")), (45, 1, 0), "{told:?}");
}
