//! The viewer's window: what is on the screen, and what keys and sizes do to it.
use pinhole_tests::clip::Clip;
use pinhole_tests::display::{Display, LIMIT, Picture, Window};
use pinhole_tests::peer::{Peer, available};
use pinhole_tests::server::Server;
use pinhole_tests::stage::{Stage, quit, wait};
use pinhole_tests::{undisturbed, viewer, watch};
use std::thread;
use std::time::{Duration, Instant};

/// Frames a second that the server sends.
const RATE: f64 = 30.0;
/// The sample clip's pixels across and down.
const SIZE: (usize, usize) = (512, 288);
/// How far a picture may differ from the frame that it shows: decoders round differently, upsample
/// the chroma each in its way, and a window of twice the size is scaled down again.
const CLOSE: f64 = 4.0;
/// How far a picture is at least from a black one.
const BRIGHT: f64 = 30.0;
/// How many rows at the bottom of the window the controls take while the picture is held.
const CONTROLS: usize = 104;
/// For how long a picture that is held is looked at.
const HELD: Duration = Duration::from_millis(500);

#[test]
fn without_a_url_a_sample_repeats() {
    if !available(&[Peer::Ffmpeg, Peer::Display]) {
        return;
    }
    let _turn = undisturbed();
    let frames = watch::frames(&Clip::sample());
    let display = Display::start();
    let viewer = viewer::start_on(display.name(), &[]);
    let window = display.window();
    let look = || closest(&window.picture_scaled(SIZE.0, SIZE.1).rgb, &frames);
    wait(&viewer, "the window shows the clip", || look().is_close().then_some(()));
    let mut before = 0;
    wait(&viewer, "the clip starts over", || {
        // The display takes a picture in pieces, and one that is looked at in between is torn.
        let seen = std::iter::repeat_with(look)
            .take(3)
            .reduce(|seen, next| if seen.is_close() { seen } else { next });
        let seen = seen.expect("it is looked at three times");
        assert!(seen.is_close(), "what is shown is no frame of the clip: {seen:?}");
        let starts_over = seen.frame + 10 < before;
        before = seen.frame;
        starts_over.then_some(())
    });
    quit(viewer, &window, "q");
}

#[test]
fn space_holds_and_esc_quits() {
    if !available(&[Peer::Display]) {
        return;
    }
    let _turn = undisturbed();
    let stage = Stage::set(&["--loop"]);
    let url = stage.server.url(Clip::sample().mount());
    stage.server.wait_events("opened", 1, LIMIT);
    let opened = Instant::now();
    let window = stage.display.window();
    let figures = window.wait_title(|title| fps(title).is_some_and(|fps| (fps - RATE).abs() < 1.0));
    assert!(figures.starts_with(&format!("{url} - 512x288 - ")), "{figures}");

    window.press("space");
    window.wait_title(|title| title.starts_with("paused - "));
    // The last picture that was due may just be on its way.
    stage.wait("the picture stands", || stands(&window).then_some(()));
    // Long enough for the frames that come meanwhile to be most of all.
    thread::sleep(Duration::from_secs(3));
    assert!(stands(&window), "the picture does not stand any more");

    window.press("space");
    window.wait_title(|title| !title.starts_with("paused - "));
    let before = window.picture();
    stage.wait("the picture goes on", || (window.picture() != before).then_some(()));
    let server = stage.quit("Escape");

    let closed = server.wait_events("closed", 1, LIMIT);
    let opened = opened.elapsed();
    assert_eq!(closed[0]["why"], "the client tore it down");
    let sent = closed[0]["frames"].as_f64().unwrap();
    // What is live is gone when it is not fetched at its time.
    assert!(sent >= (opened.as_secs_f64() - 1.5) * RATE, "{sent} frames sent in {opened:?}");
}

#[test]
fn a_resized_window_has_black_bars() {
    if !available(&[Peer::Ffmpeg, Peer::Display]) {
        return;
    }
    let _turn = undisturbed();
    let frames = watch::frames(&Clip::sample());
    let stage = Stage::set(&["--loop"]);
    let window = stage.display.window();
    // After the last there is one more change, from the smallest size that there is.
    for size in [(1000, 288), (512, 600), (1, 1), (512, 288)] {
        window.resize(size.0, size.1);
        stage.wait(&format!("a window of {size:?} shows the clip"), || {
            let picture = window.picture();
            (picture.size == size && is_letterboxed(&picture, &frames, 0)).then_some(())
        });
    }
    stage.quit("q");
}

#[test]
fn a_held_picture_is_redrawn() {
    if !available(&[Peer::Ffmpeg, Peer::Display]) {
        return;
    }
    let _turn = undisturbed();
    let frames = watch::frames(&Clip::sample());
    let stage = Stage::set(&["--loop"]);
    let window = stage.display.window();
    window.press("space");
    window.wait_title(|title| title.starts_with("paused - "));
    window.resize(512, 400);
    let shows_the_clip = || is_letterboxed(&window.picture(), &frames, CONTROLS).then_some(());
    stage.wait("the resized window shows the clip", shows_the_clip);
    window.hide_and_show();
    stage.wait("the window that was hidden shows the clip", shows_the_clip);
    assert!(window.title().starts_with("paused - "));
    stage.quit("q");
}

// Elsewhere a window needs no X display.
#[cfg(all(unix, not(target_os = "macos")))]
#[test]
fn a_missing_display_is_no_failure() {
    let clip = Clip::sample();
    let server = Server::of(&[&clip]);
    let url = server.url(clip.mount());
    for display in ["", ":59000", "nonsense"] {
        let done = viewer::start_on(display, &[&url]).finish(LIMIT);
        assert_eq!(done.status.code(), Some(0), "DISPLAY='{display}': {done:?}");
        assert!(done.stderr.contains("no window can be opened"), "DISPLAY='{display}': {done:?}");
        assert!(done.stdout.contains("60 frames complete"), "DISPLAY='{display}': {done:?}");
    }
}

/// The frame that a picture shows.
#[derive(Clone, Copy, Debug)]
struct Seen {
    frame: usize,
    difference: f64,
    brightness: f64,
}

impl Seen {
    fn is_close(&self) -> bool {
        self.difference < CLOSE && self.brightness > BRIGHT
    }
}

fn closest(rgb: &[u8], frames: &[Vec<u8>]) -> Seen {
    let (frame, difference) = watch::closest(rgb, frames);
    Seen { frame, difference, brightness: watch::mean_difference(rgb, &vec![0; rgb.len()]) }
}

/// The clip in its own size is in the middle of the picture, and the rest is black, but for the last
/// rows, which are covered. Where there is no room for it, anything is good.
fn is_letterboxed(picture: &Picture, frames: &[Vec<u8>], covered: usize) -> bool {
    let (Some(right), Some(below)) = (picture.size.0.checked_sub(SIZE.0), picture.size.1.checked_sub(SIZE.1))
    else {
        return true;
    };
    let (x, y) = (right / 2, below / 2);
    let (width, height) = (picture.size.0, picture.size.1 - covered);
    let end = height.min(y + SIZE.1);
    let bars = [
        picture.part(0, 0, x, height),
        picture.part(width - (right - x), 0, right - x, height),
        picture.part(0, 0, width, y),
        picture.part(0, end, width, height - end),
    ];
    let black = bars.iter().flatten().all(|value| *value == 0);
    black && closest(&picture.part(x, y, SIZE.0, end - y), frames).is_close()
}

/// The window shows the same for some time, above the controls.
fn stands(window: &Window<'_>) -> bool {
    let look = || {
        let picture = window.picture();
        picture.part(0, 0, picture.size.0, picture.size.1 - CONTROLS)
    };
    let before = look();
    thread::sleep(HELD);
    look() == before
}

/// The rate in a title.
fn fps(title: &str) -> Option<f64> {
    let (before, _) = title.split_once(" fps")?;
    before.rsplit(' ').next()?.parse().ok()
}
