//! Files on the viewer's command line: they are played one after the other, without a server to start.
use pinhole_tests::clip::{Clip, TempDir};
use pinhole_tests::display::Display;
use pinhole_tests::peer::{Peer, available};
use pinhole_tests::stage::{quit, wait};
use pinhole_tests::{undisturbed, viewer};
use serde_json::Value;

/// A directory with copies of the sample clip.
fn clips(names: &[&str]) -> TempDir {
    let directory = TempDir::new();
    for name in names {
        directory.file(name, &std::fs::read(Clip::sample().path).unwrap());
    }
    directory
}

fn path(directory: &TempDir, name: &str) -> String {
    directory.path().join(name).to_str().unwrap().to_owned()
}

fn reports(stdout: &str) -> Vec<Value> {
    stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn files_and_directories_are_played_one_after_the_other() {
    let one = clips(&["a b é#?.mjpeg"]);
    let more = clips(&["a.mjpeg", "b.mjpeg"]);
    let first = path(&one, "a b é#?.mjpeg");
    let done = viewer::run_viewer(&["--json", &first, more.path().to_str().unwrap()]);
    assert_eq!((done.status.code(), &*done.stderr), (Some(0), ""), "{done:?}");
    let reports = reports(&done.stdout);
    let names: Vec<_> = reports.iter().map(|report| report["url"].as_str().unwrap()).collect();
    assert_eq!(names, [first, path(&more, "a"), path(&more, "b")]);
    for report in &reports {
        assert_eq!((&report["frames_complete"], &report["frames_missing"]), (&60.into(), &0.into()));
        assert_eq!(report["transport"], "tcp");
    }
}

#[test]
fn a_file_without_a_clock_has_the_rate_that_is_asked_for() {
    let directory = clips(&["a.mjpeg"]);
    let options = ["--json", "--fps", "60", &path(&directory, "a.mjpeg")];
    let report = viewer::report(&viewer::run_viewer(&options));
    report.assert_whole(60);
    assert_eq!(report.fraction("fps"), 60.0);
    viewer::run_viewer(&["--fps", "60", "rtsp://127.0.0.1/b"]).assert_says(2, &["--fps is for files"]);
}

#[test]
fn a_file_that_cannot_be_played_is_named_and_passed_over() {
    let directory = clips(&["a.mjpeg", "b.mjpeg"]);
    directory.file("notes.txt", b"no video");
    let names = ["a.mjpeg", "notes.txt", "b.mjpeg"].map(|name| path(&directory, name));
    let [a, notes, b] = names.each_ref().map(String::as_str);
    let done = viewer::run_viewer(&["--json", a, notes, b]);
    done.assert_says(1, &[notes, "not all could be played"]);
    assert_eq!(reports(&done.stdout).len(), 2);
    let alone = viewer::run_viewer(&[notes]);
    alone.assert_says(1, &[notes]);
    assert_eq!(alone.stderr.lines().count(), 1, "{}", alone.stderr);
    viewer::run_viewer(&["/nonexistent/a.avi"]).assert_says(2, &["no such file", "rtsp://"]);
    let both = [a, "rtsp://127.0.0.1/b", "--record", "c.avi"];
    viewer::run_viewer(&both).assert_says(2, &["--record and --pictures write one medium"]);
    viewer::run_viewer(&[a, b, "--record", "c.avi"]).assert_says(2, &["--record"]);
}

#[test]
fn frames_that_cannot_be_shown_are_counted_and_files_with_one_name_are_all_played() {
    let clip = std::fs::read(Clip::sample().path).unwrap();
    let starts: Vec<_> =
        clip.windows(3).enumerate().filter(|(_, bytes)| *bytes == [0xFF, 0xD8, 0xFF]).collect();
    let frame = |n: usize| &clip[starts[n].0..starts[n + 1].0];
    let cut = |n: usize| [&frame(n)[..frame(n).len() / 2], &[0xFF, 0xD9]].concat();
    let directory = TempDir::new();
    directory.file("x.mjpeg", &[frame(0), &cut(1), frame(2), &cut(3), frame(4)].concat());
    directory.file("x.mjpg", &[frame(0), frame(1), frame(2)].concat());
    let done = viewer::run_viewer(&["--json", directory.path().to_str().unwrap()]);
    assert_eq!((done.status.code(), &*done.stderr), (Some(0), ""), "{done:?}");
    let reports = reports(&done.stdout);
    let told: Vec<_> =
        reports.iter().map(|report| (&report["frames_complete"], report["errors"][0].as_str())).collect();
    let [(first, Some(lost)), (second, None)] = told[..] else { panic!("{told:?}") };
    assert_eq!((first, second), (&3.into(), &3.into()));
    for word in ["2 frames cannot be shown", "x.mjpeg: frame ", "byte ", "data ends before"] {
        assert!(lost.contains(word), "{lost}");
    }
    let done = viewer::run_viewer(&[&path(&directory, "x.mjpeg")]);
    assert!(done.stdout.contains("2 frames cannot be shown"), "{}", done.stdout);
}

#[test]
fn what_rtp_does_not_carry_is_played_from_a_file() {
    if !available(&[Peer::Ffmpeg]) {
        return;
    }
    let directory = TempDir::new();
    let file = path(&directory, "444.avi");
    let source = "testsrc2=size=320x240:rate=25:duration=1";
    let mut ffmpeg = std::process::Command::new("ffmpeg");
    ffmpeg.args(["-nostdin", "-v", "error", "-f", "lavfi", "-i", source, "-pix_fmt", "yuvj444p"]);
    assert!(ffmpeg.args(["-c:v", "mjpeg", &file]).status().unwrap().success());
    let report = viewer::report(&viewer::run_viewer(&["--json", &file]));
    report.assert_whole(25);
    assert_eq!(report.text("url"), file);
}

#[test]
fn a_window_goes_from_file_to_file() {
    if !available(&[Peer::Display]) {
        return;
    }
    let _turn = undisturbed();
    let directory = clips(&["a.mjpeg"]);
    let clip = std::fs::read(Clip::sample().path).unwrap();
    for name in ["b.mjpeg", "c.mjpeg"] {
        // Long enough for whatever happens meanwhile.
        directory.file(name, &clip.repeat(60));
    }
    let names = ["a.mjpeg", "b.mjpeg", "c.mjpeg"].map(|name| path(&directory, name));
    let [a, b, c] = names.each_ref().map(String::as_str);
    let display = Display::start();
    let viewer = viewer::start_on(display.name(), &[a, b, c]);
    let window = display.window();
    let is_shown = |name: &str| {
        window.wait_title(|title| title.starts_with(&format!("{name} - 512x288 - ")));
    };
    // The first one ends, and the next begins, in the same window.
    is_shown(b);
    for (key, name) in [("n", c), ("Prior", b), ("Next", c), ("n", c)] {
        window.press(key);
        is_shown(name);
    }
    window.press("space");
    wait(&viewer, "the last is paused", || window.title().starts_with("paused - ").then_some(()));
    assert!(window.title().contains(c), "{}", window.title());
    quit(viewer, &window, "q");
}
