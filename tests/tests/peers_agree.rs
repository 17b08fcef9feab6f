//! The referees, held against each other without Pinhole: where this fails, the machine or the
//! harness is at fault, and no other test here means anything.
use pinhole_tests::capture::Capture;
use pinhole_tests::clip::{Clip, TempDir};
use pinhole_tests::peer::{Peer, available};
use pinhole_tests::server::GstServer;
use pinhole_tests::{Transport, watch};

#[test]
fn ffmpeg_sees_what_gst_rtsp_server_serves() {
    if !available(&[Peer::Ffmpeg, Peer::GstServer]) {
        return;
    }
    let directory = TempDir::new();
    let clip = Clip::avi(&directory);
    let server = GstServer::start(&clip);
    let file = watch::ffmpeg_file(&clip.plain);
    assert_eq!(file.len(), clip.frames);
    watch::assert_same(&watch::ffmpeg_stream(&server.url, Transport::Tcp), &file, "ffmpeg");
}

#[test]
fn gstreamer_sees_what_gst_rtsp_server_serves() {
    if !available(&[Peer::Ffmpeg, Peer::Gstreamer, Peer::GstServer]) {
        return;
    }
    let directory = TempDir::new();
    let clip = Clip::avi(&directory);
    let server = GstServer::start(&clip);
    let file = watch::gstreamer_file(&clip.plain);
    assert_eq!(file.len(), clip.frames);
    // Over UDP that server sends a frame in one burst, and a busy machine loses some of it.
    watch::assert_same(&watch::gstreamer_stream(&server.url, Transport::Tcp), &file, "GStreamer");
}

#[test]
fn tshark_dissects_what_stock_peers_say() {
    if !available(&[Peer::Ffmpeg, Peer::Tshark, Peer::GstServer]) {
        return;
    }
    let directory = TempDir::new();
    let clip = Clip::avi(&directory);
    let server = GstServer::start(&clip);
    for transport in Transport::ALL {
        let capture = Capture::start(server.address().port());
        watch::ffmpeg_stream(&server.url, transport);
        let recording = capture.finish();
        assert!(recording.count("rtsp.method == \"PLAY\"") > 0, "{transport}");
        assert_eq!(recording.markers(), clip.frames, "{transport}");
        assert!(recording.count("rtcp.pt == 200") > 0, "{transport}");
    }
}
