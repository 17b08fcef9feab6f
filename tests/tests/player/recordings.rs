//! Recordings that the user starts and stops.
use crate::{Button, NOTICE, RECORD, RED, ROW, TEXT, WHITE, button};
use pinhole_tests::clip::Clip;
use pinhole_tests::peer::{Peer, available};
use pinhole_tests::stage::Stage;
use pinhole_tests::{undisturbed, watch};
use std::thread;
use std::time::Duration;

#[test]
fn r_records_what_is_watched_of_a_clip() {
    if !available(&[Peer::Ffmpeg, Peer::Display]) {
        return;
    }
    let _turn = undisturbed();
    let clip = watch::ffmpeg_file(&Clip::sample().plain);
    let stage = Stage::set(&["--fps", "5"]);
    let window = stage.display.window();
    let files = || {
        let entries = std::fs::read_dir(stage.directory.path()).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect::<Vec<_>>()
    };
    // All of it has arrived by then, and a part was watched.
    window.press("End");
    window.wait_title(|title| title.starts_with("ended - "));
    window.press("Home");
    window.wait_title(|title| title.starts_with("rtsp://"));
    window.wait_title(|title| title.starts_with("ended - "));
    window.press("Home");
    window.wait_title(|title| title.starts_with("rtsp://"));
    window.press("r");
    stage.wait("there is a file", || (files().len() == 1).then_some(()));
    thread::sleep(Duration::from_secs(3));
    window.press("r");
    stage.wait("what was recorded is told", || (window.picture().count(NOTICE, WHITE) > TEXT).then_some(()));
    let seen = stage.wait("the file is complete", || {
        let seen = watch::ffmpeg_any(&files()[0]);
        (seen.len() > 5).then_some(seen)
    });
    watch::assert_consecutive(&seen, &clip, "the recording");
    assert!(seen.len() < 45, "{} frames of three seconds", seen.len());
    stage.quit("q");
}

#[test]
fn r_records_until_it_is_pressed_again() {
    if !available(&[Peer::Display]) {
        return;
    }
    let _turn = undisturbed();
    let stage = Stage::set(&["--loop"]);
    let window = stage.display.window();
    let file = || {
        let entry = std::fs::read_dir(stage.directory.path()).unwrap().next()?.unwrap();
        Some((entry.path(), entry.metadata().unwrap().len()))
    };
    // The button becomes red, too.
    let mark = || window.picture().count((RECORD - 18, ROW - 18, 36, 36), RED) > 40;
    let notice = || window.picture().count(NOTICE, WHITE) > TEXT;
    window.press("r");
    stage.wait("the mark is there", || mark().then_some(()));
    stage.wait("frames are written", || file().filter(|(_, size)| *size > 500_000));
    window.press("r");
    stage.wait("the mark is gone", || (!mark() && button(&window) != Button::Hidden).then_some(()));
    let (path, size) = file().unwrap();
    assert_eq!(path.extension(), Some("avi".as_ref()));
    thread::sleep(Duration::from_secs(1));
    assert_eq!(file().unwrap(), (path.clone(), size), "nothing more is written");

    stage.wait("the notice is gone", || (!notice()).then_some(()));
    std::fs::remove_file(path).unwrap();
    std::fs::remove_dir(stage.directory.path()).unwrap();
    window.press("r");
    stage.wait("it is told that nothing can be written here", || notice().then_some(()));
    assert!(!mark());
    stage.quit("q");
}
