//! The viewer watches stock servers, and the server of its own kind.
use pinhole_tests::clip::{Clip, TempDir};
use pinhole_tests::peer::{Peer, available};
use pinhole_tests::relay::Relay;
use pinhole_tests::server::{GstServer, Server};
use pinhole_tests::{Transport, undisturbed, viewer, watch};
use std::process::Command;
use std::time::{Duration, Instant};

#[test]
fn the_viewer_gets_each_frame_over_udp_and_tcp() {
    let clips = [Clip::sample(), Clip::course()];
    let server = Server::of(&clips.each_ref());
    for clip in &clips {
        for transport in Transport::ALL {
            let report = viewer::watch(&server.url(clip.mount()), transport, &[]);
            report.assert_whole(clip.frames);
            assert_eq!(report.text("transport"), transport.to_string());
            assert_eq!([report.number("width"), report.number("height")], [512, 288]);
        }
    }
}

#[test]
fn the_viewer_gets_foreign_clips() {
    if !available(&[Peer::Ffmpeg, Peer::Gstreamer]) {
        return;
    }
    let _turn = undisturbed();
    let directory = TempDir::new();
    let clips = [Clip::own_huffman(&directory), Clip::large(&directory), Clip::yuv422(&directory)];
    let server = Server::of(&clips.each_ref());
    for clip in &clips {
        for transport in Transport::ALL {
            viewer::watch(&server.url(clip.mount()), transport, &[]).assert_whole(clip.frames);
        }
    }
}

#[test]
fn the_viewer_plays_from_gst_rtsp_server() {
    if !available(&[Peer::Ffmpeg, Peer::GstServer]) {
        return;
    }
    let directory = TempDir::new();
    let clip = Clip::avi(&directory);
    let server = GstServer::start(&clip);
    for transport in Transport::ALL {
        viewer::watch(&server.url, transport, &[]).assert_whole(clip.frames);
    }
}

#[test]
fn blocked_udp_falls_back_to_tcp() {
    if !available(&[Peer::Ffmpeg, Peer::GstServer]) {
        return;
    }
    let directory = TempDir::new();
    let clip = Clip::avi(&directory);
    let server = GstServer::start(&clip);
    let relay = Relay::start(server.address(), 1_000_000);
    let done = viewer::run_viewer(&["--json", &relay.url(&server.url)]);
    let report = viewer::report(&done);
    assert_eq!(report.text("transport"), "tcp");
    report.assert_whole(clip.frames);
}

#[test]
fn auto_takes_udp_where_it_works() {
    let clip = Clip::sample();
    let server = Server::of(&[&clip]);
    let done = viewer::run_viewer(&["--json", "--transport", "auto", &server.url(clip.mount())]);
    assert_eq!(viewer::report(&done).text("transport"), "udp");
}

#[test]
fn the_snapshot_is_the_last_picture() {
    if !available(&[Peer::Ffmpeg]) {
        return;
    }
    let directory = TempDir::new();
    let clip = Clip::sample();
    let server = Server::of(&[&clip]);
    let snapshot = directory.path().join("last.png");
    let option = ["--snapshot", snapshot.to_str().unwrap()];
    viewer::watch(&server.url(clip.mount()), Transport::Tcp, &option).assert_whole(clip.frames);
    let shown = watch::pixels(&snapshot);
    let difference: Vec<f64> =
        watch::frames(&clip).iter().map(|frame| watch::mean_difference(&shown, frame)).collect();
    // Decoders may round differently, and upsample the chroma each in its way.
    assert!(difference[clip.frames - 1] < 3.0, "the last frame differs by {}", difference[clip.frames - 1]);
    assert!(difference[0] > 3.0, "the first frame cannot be told from the last");
}

#[test]
fn the_pictures_are_those_of_the_clip() {
    if !available(&[Peer::Ffmpeg]) {
        return;
    }
    let _turn = undisturbed();
    let directory = TempDir::new();
    let clip = Clip::sample();
    let server = Server::of(&[&clip]);
    let url = server.url(clip.mount());
    let file = directory.path().join("pictures.y4m");
    let option = ["--pictures", file.to_str().unwrap()];
    viewer::watch(&url, Transport::Tcp, &option).assert_whole(clip.frames);
    let (shown, frames) = (watch::pixels(&file), watch::frames(&clip));
    let shown: Vec<_> = shown.chunks(frames[0].len()).collect();
    assert_eq!(shown.len(), clip.frames);
    let right = shown.iter().zip(&frames).filter(|(shown, frame)| watch::mean_difference(shown, frame) < 3.0);
    // A busy machine may show one late for once.
    let right = right.count();
    assert!(right + 3 >= clip.frames, "only {right} are in their places");

    // Standard output is theirs, and the report's place is standard error.
    let done = viewer::run_viewer(&["--json", "--pictures", "-", &url]);
    assert!(done.stdout.starts_with("YUV4MPEG2 W512 H288 F30000:1000 "), "{}", &done.stdout[..80]);
    let report: serde_json::Value = serde_json::from_str(done.stderr.lines().last().unwrap()).unwrap();
    assert_eq!((done.status.code(), report["frames_complete"].as_u64()), (Some(0), Some(60)));

    let nowhere = viewer::run_viewer(&["--pictures", "/nonexistent/a.y4m", &url]);
    assert_eq!(nowhere.status.code(), Some(1));
    assert!(nowhere.stderr.contains("cannot write /nonexistent/a.y4m: "), "{}", nowhere.stderr);
}

#[test]
fn a_duration_ends_an_endless_stream() {
    let _turn = undisturbed();
    let clip = Clip::sample();
    let server = Server::with(&["--loop"], &[&clip.path]);
    let start = Instant::now();
    let report = viewer::watch(&server.url(clip.mount()), Transport::Udp, &["--duration", "4"]);
    assert!(start.elapsed() >= Duration::from_secs(4));
    // Twice the clip is 4 s; a little less fits between the first picture and the end.
    let frames = report.number("frames_complete");
    assert!((95..=130).contains(&frames), "{frames} frames in 4 s at 30 frames a second");
}

#[test]
fn standard_input_is_a_camera() {
    if !available(&[Peer::Ffmpeg]) {
        return;
    }
    let mut camera = Command::new("ffmpeg");
    camera.args(["-nostdin", "-v", "error", "-re", "-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25"]);
    let server = Server::of_camera(camera.args(["-t", "30", "-f", "mjpeg", "-"]));
    for transport in Transport::ALL {
        let report = viewer::watch(&server.url("live"), transport, &["--duration", "2"]);
        let frames = report.number("frames_complete");
        assert!((30..=60).contains(&frames), "{frames} frames in 2 s at 25 frames a second over {transport}");
        assert_eq!(report.number("frames_damaged"), 0, "{transport}");
    }
}

#[test]
fn without_a_url_the_viewer_serves_itself() {
    let report = viewer::report(&viewer::run_viewer(&["--json", "--duration", "1"]));
    assert!(report.number("frames_complete") > 0);
    assert_eq!(report.number("frames_damaged"), 0);
}
