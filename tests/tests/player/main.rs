//! The viewer's controls, by real keys and a real pointer, as they look on the screen.
mod ends;
mod recordings;

use pinhole_tests::clip::Clip;
use pinhole_tests::display::{Picture, Window};
use pinhole_tests::peer::{Peer, available};
use pinhole_tests::server::Server;
use pinhole_tests::stage::{self, Stage};
use pinhole_tests::{undisturbed, watch};
use std::thread;
use std::time::Duration;

/// The sample clip's pixels across and down.
const CLIP: (usize, usize) = (512, 288);
/// The window that it opens: twice its size.
const SIZE: (usize, usize) = (1024, 576);
/// The row of buttons, from the left: one frame back, play and pause, one frame forward.
const ROW: usize = SIZE.1 - 30;
const BACK: usize = 36;
const TOGGLE: usize = 72;
const FORWARD: usize = 108;
/// The buttons at its right end: record, save the picture, the keys, the whole screen.
const RECORD: usize = SIZE.0 - 144;
const SNAPSHOT: usize = SIZE.0 - 108;
const KEYS: usize = SIZE.0 - 72;
const WHOLE_SCREEN: usize = SIZE.0 - 36;
/// The badge of a live stream, of which this is the right end, is before them.
const BADGE_END: usize = SIZE.0 - 176;
/// Beside the timeline.
const MARGIN: usize = 24;
/// The rows at the bottom that the controls cover.
const CONTROLS: usize = 104;
/// The middle of the timeline.
const TRACK: usize = SIZE.1 - 60;
/// Text and icons.
const WHITE: u32 = 0xf2_f2f2;
/// The part of the timeline that was played, and titles.
const ORANGE: u32 = 0xff_8c1e;
/// A part that was played, or skipped, and is not cached.
const ORANGE_GONE: u32 = 0x96_5a24;
/// The knob of the timeline.
const KNOB: u32 = 0xf8_f4f0;
/// The badge of a live stream at its edge, and behind it.
const RED: u32 = 0xcc_2a2e;
const GREY: u32 = 0x5a_5a62;
/// Where the figures are.
const FIGURES: (usize, usize, usize, usize) = (16, 16, 500, 120);
/// Where a line is shown for some seconds.
const NOTICE: (usize, usize, usize, usize) = (300, SIZE.1 - 160, 424, 50);
/// A line of text has more pixels of exactly its colour. Most of its edges are smooth.
const TEXT: usize = 30;
/// Where a part of the list of keys is, both beside the figures and in the middle.
const HELP: (usize, usize, usize, usize) = (560, 100, 180, 300);

/// What the button in the middle shows: two bars, a triangle, or nothing, where it is hidden.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Button {
    Pause,
    Play,
    Hidden,
}

fn button(window: &Window<'_>) -> Button {
    let picture = window.picture();
    // A bar is left of the middle, and nothing in it; a triangle is at both.
    match (picture.pixel(TOGGLE - 4, ROW) == WHITE, picture.pixel(TOGGLE, ROW) == WHITE) {
        (true, false) => Button::Pause,
        (true, true) => Button::Play,
        _ => Button::Hidden,
    }
}

/// Where the played part of the timeline ends, if it is shown: the knob covers its last pixels.
fn played(picture: &Picture) -> Option<usize> {
    (0..picture.size.0).rev().find(|x| matches!(picture.pixel(*x, TRACK), ORANGE | ORANGE_GONE))
}

#[test]
fn clicks_pause_and_play() {
    if !available(&[Peer::Display]) {
        return;
    }
    let _turn = undisturbed();
    let stage = Stage::set(&["--loop"]);
    let window = stage.display.window();
    stage.wait("nothing covers the picture", || (button(&window) == Button::Hidden).then_some(()));
    window.point(300, 300);
    window.point(TOGGLE, ROW);
    stage.wait("the pointer brings the controls", || (button(&window) == Button::Pause).then_some(()));
    window.click(TOGGLE, ROW);
    window.wait_title(|title| title.starts_with("paused - "));
    stage.wait("the button shows that it plays", || (button(&window) == Button::Play).then_some(()));
    thread::sleep(Duration::from_secs(4));
    assert_eq!(button(&window), Button::Play, "the controls stay while the picture is held");
    window.click(TOGGLE, ROW);
    window.wait_title(|title| !title.starts_with("paused - "));
    stage.wait("rest hides them", || (button(&window) == Button::Hidden).then_some(()));
    window.click(500, 200);
    window.wait_title(|title| title.starts_with("paused - "));
    stage.quit("q");
}

#[test]
fn clicks_without_a_moment_between_press_and_release_count() {
    if !available(&[Peer::Display]) {
        return;
    }
    let _turn = undisturbed();
    let stage = Stage::set(&["--loop"]);
    let window = stage.display.window();
    for expected in [true, false, true, false] {
        window.tap(TOGGLE, ROW, 1, 1);
        window.wait_title(|title| title.starts_with("paused - ") == expected);
    }
    // Of three at once, none is lost either.
    window.tap(TOGGLE, ROW, 1, 3);
    window.wait_title(|title| title.starts_with("paused - "));
    stage.quit("q");
}

#[test]
fn the_wheel_seeks() {
    if !available(&[Peer::Display]) {
        return;
    }
    let _turn = undisturbed();
    // Thirty seconds.
    let stage = Stage::set(&["--fps", "2"]);
    let window = stage.display.window();
    window.press("space");
    window.wait_title(|title| title.starts_with("paused - "));
    window.press("Home");
    let stands_at = |seconds: usize| {
        let expected = MARGIN + (SIZE.0 - 2 * MARGIN) * seconds / 30;
        stage.wait(&format!("the knob is at {seconds} s"), || {
            // The knob covers all of a short part.
            let at = played(&window.picture()).unwrap_or(MARGIN);
            (at.abs_diff(expected) < 16).then_some(())
        });
    };
    stands_at(0);
    for (button, notches, seconds) in [(4, 2, 10), (5, 1, 5), (4, 1, 10)] {
        window.tap(300, 300, button, notches);
        stands_at(seconds);
    }
    stage.quit("q");
}

#[test]
fn the_window_fills_the_screen_and_comes_back() {
    if !available(&[Peer::Display]) {
        return;
    }
    let _turn = undisturbed();
    let stage = Stage::set(&["--loop"]);
    let window = stage.display.window();
    let is = |size: (usize, usize), why: &str| {
        stage.wait(&format!("by {why}, the window is of {size:?}"), || {
            (window.picture().size == size).then_some(())
        });
    };
    let screen = (1280, 1024);
    for (enter, leave) in [("f", "f"), ("F11", "Escape"), ("f", "F11")] {
        window.press(enter);
        is(screen, enter);
        window.press(leave);
        is(SIZE, leave);
    }
    window.tap(400, 200, 1, 2);
    is(screen, "a double click");
    thread::sleep(Duration::from_secs(1));
    assert!(!window.title().starts_with("paused - "), "a double click is not two clicks");
    window.tap(400, 200, 1, 2);
    is(SIZE, "another one");
    window.tap(WHOLE_SCREEN, ROW, 1, 1);
    is(screen, "the button");
    // What is open is closed afterwards.
    window.press("h");
    window.press("Escape");
    is(SIZE, "Escape");
    window.press("Escape");
    stage.quit("Escape");
}

#[test]
fn z_crops_the_picture_to_fill_the_window() {
    if !available(&[Peer::Display]) {
        return;
    }
    let _turn = undisturbed();
    let stage = Stage::set(&["--loop"]);
    let window = stage.display.window();
    window.resize(1000, 300);
    let has_bars = || {
        let picture = window.picture();
        let bar = picture.part(0, 0, 100, 150);
        (picture.size == (1000, 300)).then(|| bar.iter().all(|value| *value == 0))
    };
    stage.wait("there are bars", || has_bars().filter(|bars| *bars));
    window.press("z");
    stage.wait("there are none", || has_bars().filter(|bars| !*bars));
    window.press("z");
    stage.wait("there are bars again", || has_bars().filter(|bars| *bars));
    stage.quit("q");
}

#[test]
fn buttons_record_and_save_and_tell_the_keys() {
    if !available(&[Peer::Display]) {
        return;
    }
    let _turn = undisturbed();
    let stage = Stage::set(&["--loop"]);
    let window = stage.display.window();
    let has = |extension: &str| {
        let entries = std::fs::read_dir(stage.directory.path()).unwrap();
        let mut paths = entries.map(|entry| entry.unwrap().path());
        paths.any(|path| path.extension().is_some_and(|of| of == extension)).then_some(())
    };
    window.tap(SNAPSHOT, ROW, 1, 1);
    stage.wait("the picture is saved", || has("png"));
    window.tap(RECORD, ROW, 1, 1);
    stage.wait("it is recorded", || has("avi"));
    window.tap(RECORD, ROW, 1, 1);
    window.tap(KEYS, ROW, 1, 1);
    stage.wait("the keys are told", || (window.picture().count(HELP, WHITE) > TEXT).then_some(()));
    stage.quit("q");
}

#[test]
fn messages_are_on_a_plate_over_a_bright_picture() {
    if !available(&[Peer::Display]) {
        return;
    }
    let _turn = undisturbed();
    let Stage { viewer, server, display, directory: _directory } = Stage::set(&["--loop"]);
    let window = display.window();
    window.wait_title(|title| title.contains("30.00 fps"));
    server.stop("KILL");
    // In the middle of the window, most is as dark as the plate.
    stage::wait(&viewer, "the message is on a plate", || {
        let part = window.picture().part(SIZE.0 / 2 - 60, SIZE.1 / 2 - 20, 120, 40);
        let dark = part.chunks(3).filter(|rgb| rgb.iter().all(|value| *value < 0x40)).count();
        (dark * 2 > part.len() / 3).then_some(())
    });
    stage::quit(viewer, &window, "q");
}

#[test]
fn escape_closes_overlays_first() {
    if !available(&[Peer::Display]) {
        return;
    }
    let _turn = undisturbed();
    let stage = Stage::set(&["--loop"]);
    let window = stage.display.window();
    let open = || {
        let picture = window.picture();
        // In pictures this white is rare.
        [FIGURES, HELP].map(|area| picture.count(area, WHITE) > 2 * TEXT)
    };
    let is = |expected: [bool; 2]| {
        stage.wait(&format!("figures and keys are shown: {expected:?}"), || {
            (open() == expected).then_some(())
        });
    };
    is([false, false]);
    // All of this is on the plate.
    let plate = (16, 16, 280, 110);
    let before = brightness(&window.picture(), plate);
    window.press("s");
    is([true, false]);
    assert!(brightness(&window.picture(), plate) < before * 0.7, "a plate darkens the picture");
    window.press("F1");
    is([true, true]);
    window.press("h");
    is([true, false]);
    window.press("h");
    is([true, true]);
    window.press("Escape");
    is([true, false]);
    window.press("Escape");
    is([false, false]);
    stage.quit("Escape");
}

#[test]
fn the_knob_goes_on_along_the_timeline() {
    if !available(&[Peer::Display]) {
        return;
    }
    let _turn = undisturbed();
    // Twelve seconds.
    let stage = Stage::set(&["--fps", "5"]);
    let window = stage.display.window();
    window.point(300, 300);
    window.point(301, 300);
    let first = stage.wait("the controls are there", || played(&window.picture()));
    window.point(300, 300);
    stage.wait("the knob has moved", || (played(&window.picture())? > first + 10).then_some(()));
    stage.quit("q");
}

#[test]
fn a_window_of_one_pixel_recovers() {
    if !available(&[Peer::Display]) {
        return;
    }
    let _turn = undisturbed();
    let stage = Stage::set(&["--loop"]);
    let window = stage.display.window();
    for key in ["s", "h", "space"] {
        window.press(key);
    }
    for size in [(1, 1), (50, 20), (1100, 700), SIZE] {
        window.resize(size.0, size.1);
        stage.wait(&format!("the window is of {size:?}"), || (window.picture().size == size).then_some(()));
    }
    stage.wait("all of it is there again", || {
        let picture = window.picture();
        [FIGURES, HELP].iter().all(|area| picture.count(*area, WHITE) > 2 * TEXT).then_some(())
    });
    stage.quit("q");
}

#[test]
fn p_saves_the_picture_without_overlays() {
    if !available(&[Peer::Display]) {
        return;
    }
    let _turn = undisturbed();
    let stage = Stage::set(&["--loop"]);
    let window = stage.display.window();
    window.press("space");
    window.wait_title(|title| title.starts_with("paused - "));
    window.press("p");
    let saved = stage.wait("there is a file", || {
        let mut entries = std::fs::read_dir(stage.directory.path()).unwrap();
        let name = entries.next()?.unwrap().file_name().into_string().unwrap();
        window.picture().count(NOTICE, WHITE).gt(&TEXT).then_some(name)
    });
    let time = saved.strip_prefix("pinhole-").and_then(|rest| rest.strip_suffix(".png")).unwrap();
    assert!(time.len() == 15 && time.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-'), "{saved}");
    let path = stage.directory.path().join(&saved);
    let png = std::fs::read(path).unwrap();
    // The header's width and height.
    assert_eq!(png[16..24], [0, 0, 2, 0, 0, 0, 1, 32], "it has the stream's size");
    stage.quit("q");
}

#[test]
fn steps_and_drags_reach_their_frames() {
    if !available(&[Peer::Ffmpeg, Peer::Display]) {
        return;
    }
    let _turn = undisturbed();
    let frames = watch::frames(&Clip::sample());
    let stage = Stage::set(&["--fps", "5"]);
    let window = stage.display.window();
    // All but what the controls cover, in the clip's size.
    let rows = CLIP.1 - CONTROLS.div_ceil(2);
    let shown = || {
        let picture = window.picture_scaled(CLIP.0, CLIP.1);
        watch::closest(&picture.part(0, 0, CLIP.0, rows), &frames).0
    };
    let shows = |frame: usize, why: &str| {
        stage.wait(&format!("{why}, frame {frame} is shown"), || (shown() == frame).then_some(()));
    };
    stage.wait("some frames were played", || (shown() >= 5).then_some(()));
    window.press("space");
    window.wait_title(|title| title.starts_with("paused - "));
    // The last picture that was due may just be on its way.
    let held = stage.wait("the picture stands", || {
        let seen = shown();
        thread::sleep(Duration::from_millis(400));
        (shown() == seen).then_some(seen)
    });
    window.press("period");
    shows(held + 1, "by a key");
    window.click(FORWARD, ROW);
    shows(held + 2, "by the button");
    window.press("comma");
    shows(held + 1, "back by a key");
    window.click(BACK, ROW);
    shows(held, "back by the button");

    // Three quarters of the timeline, of sixty frames.
    let to = MARGIN + (SIZE.0 - 2 * MARGIN) * 3 / 4;
    window.drag((MARGIN + 100, TRACK), (to, TRACK));
    shows(45, "dragged");
    let played = stage.wait("the timeline is there", || played(&window.picture()));
    assert!(played.abs_diff(to) < 20, "the knob is at {played}, not at {to}");
    window.press("Home");
    shows(0, "at the start");
    stage.quit("q");
}

#[test]
fn the_timeline_has_the_times_of_the_medium_at_any_scale() {
    if !available(&[Peer::Display]) {
        return;
    }
    let _turn = undisturbed();
    let (left, right) = (MARGIN, SIZE.0 - MARGIN);
    for (scale, begins, ends) in [("2", left, right), ("-1", right, left)] {
        let server = Server::with(&["--fps", "5"], &[Clip::sample().path]);
        let stage = Stage::watching(server, Clip::sample().mount(), &["--scale", scale]);
        let window = stage.display.window();
        window.point(300, 300);
        window.point(301, 300);
        // At the left end, the knob covers all that was played.
        let knob = || {
            let picture = window.picture();
            let there = (0..SIZE.0).any(|x| picture.pixel(x, TRACK) == KNOB);
            there.then(|| played(&picture).unwrap_or(left))
        };
        let first = stage.wait("the controls are there", knob);
        assert!(first.abs_diff(begins) < 480, "at scale {scale}, it begins at {first}");
        let towards = |x: usize| if ends > begins { x > first + 10 } else { x + 10 < first };
        stage.wait("the knob has moved", || {
            window.point(300, 300);
            window.point(301, 300);
            knob().filter(|x| towards(*x))
        });
        window.wait_title(|title| title.starts_with("ended - "));
        let last = stage.wait("the controls are there at the end", knob);
        assert!(last.abs_diff(ends) < 60, "at scale {scale}, it ends at {last}");
        stage.quit("q");
    }
}

#[test]
fn a_held_live_stream_falls_behind() {
    if !available(&[Peer::Display]) {
        return;
    }
    let _turn = undisturbed();
    let stage = Stage::of(Server::with(&["--pattern", "1024x576@15"], &[""; 0]), "pattern");
    let window = stage.display.window();
    let badge = |colour| window.picture().count((BADGE_END - 140, ROW - 12, 140, 24), colour) > 300;
    window.point(300, 300);
    window.point(301, 300);
    stage.wait("the badge is red at the edge", || badge(RED).then_some(()));
    window.press("space");
    window.wait_title(|title| title.starts_with("paused - "));
    stage.wait("the badge is grey", || badge(GREY).then_some(()));
    thread::sleep(Duration::from_secs(2));
    window.press("space");
    window.wait_title(|title| !title.starts_with("paused - "));
    assert!(badge(GREY), "it goes on where it was held");
    window.press("l");
    stage.wait("it is at the edge again", || badge(RED).then_some(()));
    window.press("Left");
    stage.wait("five seconds, or as many as there are, behind it", || badge(GREY).then_some(()));
    window.point(BADGE_END - 30, ROW - 1);
    window.click(BADGE_END - 30, ROW);
    stage.wait("a click on the badge goes there, too", || badge(RED).then_some(()));
    stage.quit("q");
}

#[test]
fn a_lost_server_dims_the_picture() {
    if !available(&[Peer::Display]) {
        return;
    }
    let _turn = undisturbed();
    let Stage { viewer, server, display, directory: _directory } = Stage::set(&["--loop"]);
    let window = display.window();
    let above = (0, 150, SIZE.0, SIZE.1 - 260);
    let wait = |what: &str, is: &dyn Fn(&Picture) -> bool| {
        stage::wait(&viewer, what, || is(&window.picture()).then_some(()));
    };
    window.wait_title(|title| title.contains("30.00 fps"));
    let bright = brightness(&window.picture(), above);
    server.stop("KILL");
    wait("a message is over the dimmed picture", &|picture| {
        brightness(picture, above) < bright * 0.7 && picture.count(above, WHITE) > 300
    });
    window.press("comma");
    wait("a step back shows the picture as it was", &|picture| brightness(picture, above) > bright * 0.85);
    stage::quit(viewer, &window, "q");
}

fn brightness(picture: &Picture, (x, y, width, height): (usize, usize, usize, usize)) -> f64 {
    let part = picture.part(x, y, width, height);
    part.iter().map(|value| f64::from(*value)).sum::<f64>() / part.len() as f64
}
