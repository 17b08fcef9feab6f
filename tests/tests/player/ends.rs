//! The end of a clip, however it is come to: the last picture, and that it has ended.
use crate::{CLIP, CONTROLS, MARGIN, SIZE, TRACK};
use pinhole_tests::clip::Clip;
use pinhole_tests::display::Window;
use pinhole_tests::peer::{Peer, available};
use pinhole_tests::server::Server;
use pinhole_tests::stage::Stage;
use pinhole_tests::{undisturbed, watch};

/// The last picture is shown, dimmed by the message that the medium has ended.
#[track_caller]
fn assert_ended(stage: &Stage, window: &Window<'_>, frames: &[Vec<u8>], why: &str) {
    window.wait_title(|title| title.starts_with("ended - "));
    let rows = CLIP.1 / 3;
    let dimmed = |frame: &Vec<u8>| frame.iter().map(|value| (u32::from(*value) * 103 / 255) as u8).collect();
    let dimmed: Vec<Vec<u8>> = frames.iter().map(dimmed).collect();
    stage.wait(&format!("{why}: the last picture is shown"), || {
        let picture = window.picture_scaled(CLIP.0, CLIP.1);
        (watch::closest(&picture.part(0, 0, CLIP.0, rows), &dimmed).0 == frames.len() - 1).then_some(())
    });
}

#[test]
fn every_way_to_the_end_shows_the_last_picture() {
    if !available(&[Peer::Ffmpeg, Peer::Display]) {
        return;
    }
    let _turn = undisturbed();
    let frames = watch::frames(&Clip::sample());
    // Twelve seconds; a cache of 200 KB has room for one or two.
    for options in [&["--transport", "udp"][..], &["--transport", "tcp"], &["--cache", "200k"]] {
        let server = Server::with(&["--fps", "5"], &[Clip::sample().path]);
        let stage = Stage::watching(server, Clip::sample().mount(), options);
        let window = stage.display.window();
        let ended = |why: &str| assert_ended(&stage, &window, &frames, &format!("{options:?}, {why}"));
        let plays = || window.wait_title(|title| title.starts_with("rtsp://"));
        // Nothing of the end is cached.
        window.press("End");
        ended("End");
        window.press("Left");
        plays();
        for _ in 0..3 {
            window.press("Right");
        }
        ended("Right near the end");
        window.press("Home");
        plays();
        window.point(MARGIN + 200, TRACK);
        window.drag((MARGIN + 100, TRACK), (SIZE.0 - 2, TRACK));
        ended("the timeline's right end");
        window.press("Home");
        plays();
        window.press("space");
        window.wait_title(|title| title.starts_with("paused - "));
        window.press("End");
        stage.wait("the last picture is shown while paused", || {
            let picture = window.picture_scaled(CLIP.0, CLIP.1);
            let rows = CLIP.1 - CONTROLS.div_ceil(2);
            let shown = watch::closest(&picture.part(0, 0, CLIP.0, rows), &frames).0;
            (shown == frames.len() - 1).then_some(())
        });
        window.press("space");
        ended("after a pause");
        stage.quit("q");
    }
    let server = Server::with(&["--fps", "5"], &[Clip::sample().path]);
    let stage = Stage::watching(server, Clip::sample().mount(), &["--start", "11.7"]);
    assert_ended(&stage, &stage.display.window(), &frames, "it began there");
    stage.quit("q");
}

#[test]
fn a_clip_plays_to_its_end_after_its_end_was_seen() {
    if !available(&[Peer::Ffmpeg, Peer::Display]) {
        return;
    }
    let _turn = undisturbed();
    let frames = watch::frames(&Clip::sample());
    let stage = Stage::set(&["--fps", "15"]);
    let window = stage.display.window();
    for key in ["End", "Home"] {
        window.press(key);
    }
    window.wait_title(|title| title.starts_with("rtsp://"));
    assert_ended(&stage, &window, &frames, "all of it was played");
    stage.quit("q");
}
