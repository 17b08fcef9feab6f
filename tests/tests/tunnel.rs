//! RTSP over HTTP: other programs watch the server, and the viewer and the server watch others.
use pinhole_tests::clip::{Clip, TempDir};
use pinhole_tests::peer::{Peer, available};
use pinhole_tests::process::poll;
use pinhole_tests::server::{GstServer, Server, camera_at};
use pinhole_tests::{Transport, fake, undisturbed, viewer, watch};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);

/// Starts a server with pages. Returns the URLs of a clip at both of its ports, without their schemes.
fn serve(options: &[&str], clip: &Clip) -> (Server, [String; 2]) {
    let server = Server::with(&[&["--http", "127.0.0.1:0"], options].concat(), &[&clip.path]);
    let urls = [server.address(), server.http()].map(|address| format!("{address}/{}", clip.mount()));
    (server, urls)
}

#[test]
fn gstreamer_sees_each_frame_over_http() {
    if !available(&[Peer::Ffmpeg, Peer::Gstreamer]) {
        return;
    }
    let _turn = undisturbed();
    let clip = Clip::sample();
    let (_server, urls) = serve(&[], &clip);
    let file = watch::gstreamer_file(&clip.plain);
    for url in urls {
        let seen = watch::gstreamer_tunnel(&format!("rtsph://{url}"));
        watch::assert_same(&seen, &file, &url);
    }
}

#[test]
fn ffmpeg_sees_each_frame_over_http() {
    if !available(&[Peer::Ffmpeg]) {
        return;
    }
    let _turn = undisturbed();
    let clip = Clip::sample();
    let (_server, urls) = serve(&[], &clip);
    let file = watch::ffmpeg_file(&clip.plain);
    for url in urls {
        watch::assert_same(&watch::ffmpeg_tunnel(&format!("rtsp://{url}")), &file, &url);
    }
}

#[test]
fn the_viewer_gets_each_frame_over_http() {
    let clip = Clip::sample();
    let (_server, urls) = serve(&[], &clip);
    for url in urls {
        viewer::watch(&format!("rtsph://{url}"), Transport::Tcp, &[]).assert_whole(clip.frames);
        let done = viewer::run_viewer(&["--json", "--transport", "http", &format!("rtsp://{url}")]);
        viewer::report(&done).assert_whole(clip.frames);
    }
    // A file is played through a server of the viewer's own.
    let file = clip.path.to_str().unwrap();
    let done = viewer::run_viewer(&["--json", "--transport", "http", file]);
    viewer::report(&done).assert_whole(clip.frames);
}

#[test]
fn the_viewer_plays_from_gst_rtsp_server_over_http() {
    if !available(&[Peer::Ffmpeg, Peer::GstServer]) {
        return;
    }
    let directory = TempDir::new();
    let clip = Clip::avi(&directory);
    let server = GstServer::start(&clip);
    let url = server.url.replacen("rtsp:", "rtsph:", 1);
    viewer::watch(&url, Transport::Tcp, &[]).assert_whole(clip.frames);
}

#[test]
fn sources_are_pulled_over_http() {
    let _turn = undisturbed();
    let clip = Clip::sample();
    let (camera, urls) = serve(&["--loop"], &clip);
    let plain = format!("plain=rtsp://{}", urls[0]);
    let tunnelled: Vec<_> = (1..).zip(&urls).map(|(n, url)| format!("cam{n}=rtsph://{url}")).collect();
    let by_option = Server::with(&["--source-transport", "http"], &[&plain]);
    let by_scheme = Server::with(&[], &tunnelled);
    for url in [by_option.url("plain"), by_scheme.url("cam1"), by_scheme.url("cam2")] {
        let report = viewer::watch(&url, Transport::Udp, &["--duration", "3"]);
        assert!(report.number("frames_complete") > 60, "{report:?}");
        assert_eq!([report.number("frames_missing"), report.number("packets_lost")], [0, 0], "{report:?}");
    }
    let opened = camera.wait_events("opened", 3, LIMIT);
    assert!(opened.iter().all(|event| event["transport"] == "tcp"), "{opened:?}");
}

#[test]
fn gst_rtsp_server_is_a_source_over_http() {
    if !available(&[Peer::Ffmpeg, Peer::GstServer]) {
        return;
    }
    let _turn = undisturbed();
    let directory = TempDir::new();
    let clip = Clip::avi(&directory);
    let gst = GstServer::start(&clip);
    let url = gst.url.replacen("rtsp:", "rtsph:", 1);
    let server = Server::with(&[], &[format!("cam={url}")]);
    // The clip is two seconds long, and comes anew.
    let report = viewer::watch(&server.url("cam"), Transport::Tcp, &["--duration", "2"]);
    assert!(report.number("frames_complete") > 20, "{report:?}");
    server.wait_events("source_connected", 1, LIMIT);
}

#[test]
fn the_viewer_connects_again_over_http() {
    let _turn = undisturbed();
    let (clip, address) = (Clip::sample(), fake::nobody());
    let camera = camera_at(address, &clip);
    let url = format!("rtsph://{address}/{}", clip.mount());
    let directory = TempDir::new();
    let file = directory.path().join("seen.mjpeg");
    let options = ["-v", "--record", file.to_str().expect("a path in UTF-8")];
    let viewer = viewer::start_with(&url, Transport::Tcp, &options);
    // A viewer that has seen no frame yet does not connect again.
    let has_seen = || file.metadata().is_ok_and(|file| file.len() > 0).then_some(());
    poll(LIMIT, has_seen).unwrap_or_else(|| panic!("{viewer}\nhas seen nothing"));
    camera.signal("KILL");
    let camera = camera_at(address, &clip);
    camera.wait_stdout(LIMIT, |lines| lines.iter().any(|line| line.contains("\"opened\"")).then_some(()));
    viewer.signal("TERM");
    let report = viewer::report(&viewer.finish(LIMIT));
    assert!(report.number("reconnects") >= 1, "{report:?}");
}

#[test]
fn a_server_that_has_no_tunnels_is_told_so() {
    let rtsp = "RTSP/1.0 505 RTSP Version not supported\r\nCSeq: 1\r\n\r\n";
    for (answer, word) in [
        (rtsp, "does not speak HTTP at this port"),
        ("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "refuses RTSP over HTTP with status 404"),
    ] {
        let url = format!("rtsph://u:s3cret@{}/x", fake::server("", answer));
        let done = viewer::run_viewer(&["--no-reconnect", &url]);
        assert_eq!(done.status.code(), Some(1));
        assert!(done.stderr.contains(word) && !done.stderr.contains("s3cret"), "{}", done.stderr);
        let server = Server::with(&[], &[format!("cam={url}")]);
        let mut dialogue = pinhole_tests::dialogue::Dialogue::connect(server.address());
        assert_eq!(dialogue.request("DESCRIBE", &server.url("cam"), &[]).status, 503);
        let lost = server.wait_events("source_lost", 1, LIMIT);
        assert!(lost[0]["reason"].as_str().unwrap().contains(word), "{lost:?}");
        assert!(!server.stop("TERM").stdout.contains("s3cret"));
    }
}
