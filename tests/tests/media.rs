//! The containers that other programs write, served and watched.
use pinhole_tests::clip::{Clip, TempDir};
use pinhole_tests::dialogue::Dialogue;
use pinhole_tests::peer::{Peer, available};
use pinhole_tests::rtp::Rtp;
use pinhole_tests::server::Server;
use pinhole_tests::{Transport, undisturbed, viewer, watch};
use std::process::Command;
use std::time::Duration;

#[test]
fn avi_files_are_seen_frame_by_frame() {
    if !available(&[Peer::Ffmpeg]) {
        return;
    }
    let _turn = undisturbed();
    let directory = TempDir::new();
    let clips = [Clip::sample(), Clip::tall_422(&directory)].map(|clip| clip.in_avi(&directory, 25));
    let server = Server::of(&clips.each_ref());
    for clip in &clips {
        let file = watch::ffmpeg_file(&clip.plain);
        assert_eq!(file.len(), clip.frames);
        for transport in Transport::ALL {
            let what = format!("{} over {transport}", clip.mount());
            watch::assert_same(&watch::ffmpeg_stream(&server.url(clip.mount()), transport), &file, &what);
            viewer::watch(&server.url(clip.mount()), transport, &[]).assert_whole(clip.frames);
        }
    }
    assert_eq!(server.stop("TERM").stderr, "");
}

#[test]
fn an_avi_file_plays_at_its_own_rate() {
    if !available(&[Peer::Ffmpeg]) {
        return;
    }
    let directory = TempDir::new();
    let clip = Clip::sample().in_avi(&directory, 25);
    let server = Server::with(&["--fps", "50"], &[&clip.path]);
    let url = server.url(clip.mount());
    let mut dialogue = Dialogue::connect(server.address());
    let description = dialogue.request("DESCRIBE", &url, &[]).ok().body;
    for line in ["a=framerate:25", "a=range:npt=0-2.4"] {
        assert!(description.contains(line), "no {line} in {description}");
    }
    dialogue.set_up_tcp(&url);
    dialogue.request("PLAY", &url, &[]).ok();
    let packets = std::iter::from_fn(|| dialogue.interleaved(Duration::from_secs(10)));
    let rtp = packets.filter(|(channel, _)| *channel == 0).map(|(_, packet)| Rtp::parse(&packet));
    let times: Vec<u32> = rtp.filter(|rtp| rtp.marker).map(|rtp| rtp.timestamp).take(10).collect();
    assert_eq!(times.len(), 10);
    for pair in times.windows(2) {
        assert_eq!(pair[1].wrapping_sub(pair[0]), 90_000 / 25, "{times:?}");
    }
}

#[test]
fn multipart_files_are_seen_frame_by_frame() {
    if !available(&[Peer::Ffmpeg]) {
        return;
    }
    let directory = TempDir::new();
    let clip = Clip::sample().in_multipart(&directory);
    let server = Server::of(&[&clip]);
    viewer::watch(&server.url(clip.mount()), Transport::Tcp, &[]).assert_whole(clip.frames);
    assert_eq!(server.stop("TERM").stderr, "");
}

#[test]
fn standard_input_may_be_multipart() {
    if !available(&[Peer::Ffmpeg]) {
        return;
    }
    let mut camera = Command::new("ffmpeg");
    camera.args(["-nostdin", "-v", "error", "-re", "-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25"]);
    let server = Server::of_camera(camera.args(["-t", "30", "-f", "mpjpeg", "-"]));
    let report = viewer::watch(&server.url("live"), Transport::Tcp, &["--duration", "1"]);
    assert!(report.number("frames_complete") > 0);
    assert_eq!(report.number("frames_damaged"), 0);
    assert_eq!(server.stop("TERM").stderr, "");
}
