//! Seek, Scale and Speed: to any second of a clip, and faster, slower and backwards through it.
use pinhole_tests::clip::{Clip, TempDir};
use pinhole_tests::dialogue::Dialogue;
use pinhole_tests::peer::{Peer, available};
use pinhole_tests::rtp::Rtp;
use pinhole_tests::server::Server;
use pinhole_tests::{Transport, undisturbed, viewer, watch};
use std::time::{Duration, Instant};

/// The sample clip has 30 frames a second, for two seconds.
const RATE: usize = 30;

#[test]
fn ffmpeg_seeks_to_a_second() {
    if !available(&[Peer::Ffmpeg]) {
        return;
    }
    let _turn = undisturbed();
    let clip = Clip::sample();
    let server = Server::of(&[&clip]);
    let file = watch::ffmpeg_file(&clip.plain);
    for transport in Transport::ALL {
        for (second, frame) in [(1.0, RATE), (0.5, RATE / 2)] {
            let seen = watch::ffmpeg_from(&server.url(clip.mount()), transport, second);
            watch::assert_same(&seen, &file[frame..].to_vec(), &format!("from {second} s over {transport}"));
        }
    }
}

#[test]
fn gstreamer_seeks_and_plays_faster() {
    // Its library comes with that of the server.
    if !available(&[Peer::Gstreamer, Peer::GstServer]) {
        return;
    }
    let _turn = undisturbed();
    let clip = Clip::sample();
    let server = Server::of(&[&clip]);
    let rest = watch::gstreamer_file(&clip.plain)[RATE..].to_vec();
    let every_other: Vec<_> = rest.iter().step_by(2).cloned().collect();
    for transport in Transport::ALL {
        for (rate, skip, expected) in [(1.0, false, &rest), (2.0, false, &rest), (2.0, true, &every_other)] {
            let seen = watch::gstreamer_from(&server.url(clip.mount()), transport, 1.0, rate, skip);
            watch::assert_same(&seen, expected, &format!("at {rate}, {skip}, over {transport}"));
        }
    }
}

#[test]
fn the_viewer_starts_at_a_second() {
    let clip = Clip::sample();
    let server = Server::of(&[&clip]);
    for transport in Transport::ALL {
        let report = viewer::watch(&server.url(clip.mount()), transport, &["--start", "1.5"]);
        report.assert_whole(RATE / 2);
        assert_eq!(report.fraction("start"), 1.5);
    }
}

#[test]
fn a_start_after_the_end_fails() {
    let clip = Clip::sample();
    let server = Server::of(&[&clip]);
    let url = server.url(clip.mount());
    let path = clip.path.to_str().unwrap();
    for (start, told) in [("100", "100"), ("1m30s", "90"), ("2", "2")] {
        for media in [&url, path] {
            let done = viewer::run_viewer(&["--start", start, media]);
            let beyond = format!("--start {told} is beyond the end: the medium is 2.00 s long");
            done.assert_says(1, &[media, &beyond]);
            assert!(!done.stderr.contains("457") && done.stdout.is_empty(), "{done:?}");
        }
    }
}

#[test]
fn the_viewer_plays_fast_and_backwards() {
    if !available(&[Peer::Ffmpeg]) {
        return;
    }
    let _turn = undisturbed();
    let clip = Clip::sample();
    let server = Server::of(&[&clip]);
    let pictures = watch::frames(&clip);
    let directory = TempDir::new();
    for (scale, frames, last, took) in
        [("4", 15, 56, 500), ("-1", 60, 0, 2_000), ("0.5", 60, 59, 4_000), ("-4", 15, 3, 500)]
    {
        for transport in Transport::ALL {
            let snapshot = directory.path().join("last.png");
            let options = ["--scale", scale, "--snapshot", snapshot.to_str().unwrap()];
            let start = Instant::now();
            let report = viewer::watch(&server.url(clip.mount()), transport, &options);
            let elapsed = start.elapsed();
            report.assert_whole(frames);
            assert_eq!(report.fraction("scale").to_string(), scale);
            let rate = if scale == "0.5" { 15.0 } else { 30.0 };
            assert!((report.fraction("fps") - rate).abs() < 0.5, "{} at {scale}", report.fraction("fps"));
            let least = Duration::from_millis(took);
            assert!((least..least + Duration::from_secs(3)).contains(&elapsed), "{elapsed:?} at {scale}");
            let shown = watch::pixels(&snapshot);
            let difference = |n: usize| watch::mean_difference(&shown, &pictures[n]);
            assert!(difference(last) < 3.0, "{scale}: the last picture is not frame {last}");
            assert!(difference(30) > 3.0, "{scale}: frames cannot be told apart");
        }
    }
}

#[test]
fn speed_fills_the_cache() {
    let _turn = undisturbed();
    let clip = Clip::sample();
    let server = Server::of(&[&clip]);
    for (transport, asked, used) in [(Transport::Udp, "9", 4.0), (Transport::Tcp, "9", 9.0)] {
        let start = Instant::now();
        let report = viewer::watch(&server.url(clip.mount()), transport, &["--speed", asked]);
        assert!(start.elapsed() >= Duration::from_millis(1_900), "it is shown too fast over {transport}");
        report.assert_whole(clip.frames);
        assert_eq!(report.fraction("speed"), used);
        assert!((report.fraction("fps") - 30.0).abs() < 0.5);
    }
}

#[test]
fn scale_4_sends_every_fourth_frame() {
    let clip = Clip::sample();
    let server = Server::of(&[&clip]);
    let url = server.url(clip.mount());
    let frames = |headers: &[(&str, &str)]| {
        let mut dialogue = Dialogue::connect(server.address());
        dialogue.set_up_tcp(&url);
        dialogue.request("PLAY", &url, headers).ok();
        let packets = std::iter::from_fn(|| dialogue.interleaved(Duration::from_millis(700)));
        let packets = packets.filter(|(channel, _)| *channel == 0).map(|(_, packet)| Rtp::parse(&packet));
        let (mut frames, mut open) = (Vec::new(), Vec::new());
        for packet in packets {
            open.push(packet.payload);
            if packet.marker {
                frames.push(std::mem::take(&mut open));
            }
        }
        frames
    };
    // At the highest speed, so that it does not take long.
    let whole = frames(&[("Speed", "16")]);
    let fast = frames(&[("Speed", "16"), ("Scale", "4")]);
    let back = frames(&[("Speed", "16"), ("Scale", "-1")]);
    assert_eq!(whole.len(), clip.frames);
    assert_eq!(fast, whole.iter().step_by(4).cloned().collect::<Vec<_>>());
    assert_eq!(back, whole.iter().rev().cloned().collect::<Vec<_>>());
}
