//! `--transcode`: what RTP cannot carry, seen by a stock client all the same.
use pinhole_tests::clip::{Clip, TempDir};
use pinhole_tests::dialogue::Dialogue;
use pinhole_tests::peer::{Peer, available};
use pinhole_tests::process::run;
use pinhole_tests::server::Server;
use pinhole_tests::{Transport, watch};
use std::process::Command;
use std::time::Duration;

/// Ten frames of the sample clip as progressive pictures, in a directory.
fn progressive(directory: &TempDir) -> std::path::PathBuf {
    let pictures = directory.path().join("progressive");
    std::fs::create_dir(&pictures).unwrap();
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-nostdin", "-v", "error", "-f", "mjpeg", "-i"]).arg(Clip::sample().plain);
    ffmpeg.args(["-frames:v", "10", "-q:v", "2"]).arg(pictures.join("%03d.jpg"));
    let mut mogrify = Command::new("mogrify");
    mogrify.args(["-interlace", "JPEG"]).args((1..=10).map(|n| pictures.join(format!("{n:03}.jpg"))));
    for command in [&mut ffmpeg, &mut mogrify] {
        let done = run(command, Duration::from_secs(60)).expect("the tool runs");
        assert!(done.status.success(), "{}", done.stderr);
    }
    pictures
}

#[test]
fn progressive_pictures_need_transcode() {
    if !available(&[Peer::Ffmpeg, Peer::Display]) {
        return;
    }
    let directory = TempDir::new();
    let pictures = progressive(&directory);
    let refusing = Server::start(&[pictures.as_os_str(), Clip::sample().path.as_os_str()]);
    assert_eq!(
        Dialogue::connect(refusing.address()).request("DESCRIBE", &refusing.url("progressive"), &[]).status,
        404
    );
    let said = refusing.stop("TERM").stderr;
    assert!(said.contains("progressive") && said.contains("--transcode"), "{said}");

    let server = Server::with(&["--transcode"], &[&pictures]);
    let serving = &server.wait_events("serving", 1, Duration::from_secs(10))[0];
    assert_eq!((&serving["frames"], &serving["transcoded"]), (&10.into(), &10.into()));
    let one = directory.path().join("one.png");
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-nostdin", "-v", "error", "-rtsp_transport", "tcp", "-i", &server.url("progressive")]);
    let done = run(ffmpeg.args(["-frames:v", "1"]).arg(&one), Duration::from_secs(30)).unwrap();
    assert!(done.status.success(), "{}", done.stderr);
    let off = watch::mean_difference(&watch::pixels(&one), &watch::pixels(&pictures.join("001.jpg")));
    assert!(off < 2.0, "{off}");
    assert_eq!(watch::ffmpeg_stream(&server.url("progressive"), Transport::Tcp).len(), 10);
    assert_eq!(server.stop("TERM").stderr, "");
}

#[test]
fn live_input_is_transcoded_too() {
    if !available(&[Peer::Ffmpeg]) {
        return;
    }
    let camera = |options: &[&str]| {
        let mut camera = Command::new("ffmpeg");
        camera.args(["-nostdin", "-v", "error", "-re", "-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25"]);
        camera.args(["-pix_fmt", "yuvj444p", "-t", "30", "-f", "mjpeg", "-"]);
        Server::of_camera_with(options, &mut camera)
    };
    let server = camera(&["--transcode"]);
    let (size, _) = watch::ffmpeg_start(&server.url("live"), Transport::Tcp, 10);
    assert_eq!(size, (320, 240));
    server.stop("TERM");
    let server = camera(&[]);
    let trouble = &server.wait_events("input_trouble", 1, Duration::from_secs(10))[0];
    let problem = trouble["problem"].as_str().unwrap();
    assert!(problem.contains("live: frame 0") && problem.contains("sampling"), "{problem}");
    assert!(server.stop("TERM").stderr.contains("--transcode"));
}
