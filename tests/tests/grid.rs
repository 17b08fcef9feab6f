//! Several streams in one window: each with its own session, state and place.
use pinhole_tests::clip::TempDir;
use pinhole_tests::display::{Display, Picture, Window};
use pinhole_tests::peer::{Peer, available};
use pinhole_tests::process::Running;
use pinhole_tests::server::Server;
use pinhole_tests::stage::{quit, wait};
use pinhole_tests::{clip::Clip, undisturbed, viewer};
use serde_json::Value;

/// The window that opens for several streams.
const SIZE: (usize, usize) = (1024, 576);

/// A viewer of several streams, and its display.
struct Grid {
    viewer: Running,
    display: Display,
    _directory: TempDir,
}

impl Grid {
    fn of(media: &[&str]) -> Self {
        let (display, directory) = (Display::start(), TempDir::new());
        let viewer = viewer::start_in(directory.path(), display.name(), media);
        Self { viewer, display, _directory: directory }
    }

    fn wait(&self, what: &str, is: impl Fn(&Picture) -> bool) {
        let window = self.display.early_window();
        wait(&self.viewer, what, || is(&window.picture()).then_some(()));
    }

    fn quit(self, key: &str) {
        let Self { viewer, display, _directory } = self;
        quit(viewer, &display.early_window(), key);
    }
}

/// The mean brightness of the upper half of a cell of two by two, where no state is told.
fn brightness(picture: &Picture, cell: usize) -> f64 {
    let (x, y) = (cell % 2 * SIZE.0 / 2, cell / 2 * SIZE.1 / 2);
    let part = picture.part(x + 16, y + 16, SIZE.0 / 2 - 32, SIZE.1 / 8);
    part.iter().map(|value| f64::from(*value)).sum::<f64>() / part.len() as f64
}

fn shows_all(window: &Window<'_>) -> bool {
    window.title().contains(" streams - ")
}

#[test]
fn several_streams_are_a_grid_and_trouble_of_one_disturbs_no_other() {
    if !available(&[Peer::Display]) {
        return;
    }
    let _turn = undisturbed();
    let good = Server::with(&["--loop"], &[Clip::sample().path]);
    let bad = Server::with(&["--loop"], &[Clip::sample().path]);
    let clip = Clip::sample().path.display().to_string();
    let urls = [good.url(Clip::sample().mount()), bad.url(Clip::sample().mount())];
    let grid = Grid::of(&[&urls[0], &urls[1], &clip]);
    grid.wait("three cells have pictures, and the last has none", |picture| {
        picture.size == SIZE
            && (0..3).all(|cell| brightness(picture, cell) > 40.0)
            && brightness(picture, 3) < 1.0
    });
    let window = grid.display.early_window();
    let bright = brightness(&window.picture(), 1);
    bad.stop("KILL");
    grid.wait("the second is dimmed, and the first is not", |picture| {
        brightness(picture, 1) < bright * 0.7 && brightness(picture, 0) > 40.0
    });
    let before = window.picture();
    grid.wait("the first goes on", |picture| picture.part(16, 16, 300, 150) != before.part(16, 16, 300, 150));
    grid.quit("q");
}

#[test]
fn a_click_or_a_number_shows_one_alone_and_controls_are_for_it() {
    if !available(&[Peer::Display]) {
        return;
    }
    let _turn = undisturbed();
    let server = Server::with(&["--loop"], &[Clip::sample().path]);
    let url = server.url(Clip::sample().mount());
    let grid = Grid::of(&[&url, &url, &url, &url, &url]);
    grid.wait("there are pictures", |picture| {
        let part = picture.part(400, 60, 200, 60);
        part.iter().map(|value| u32::from(*value)).sum::<u32>() > 40 * 200 * 60 * 3
    });
    let window = grid.display.early_window();
    assert!(shows_all(&window), "{}", window.title());
    let is_alone = |title: &str| title.contains(" - 512x288 - ");
    window.click(500, 100);
    window.wait_title(is_alone);
    window.press("space");
    window.wait_title(|title| title.starts_with("paused - "));
    window.press("Escape");
    wait(&grid.viewer, "all are shown", || shows_all(&window).then_some(()));
    // The second is held, and no other.
    window.press("1");
    window.wait_title(|title| is_alone(title) && !title.starts_with("paused - "));
    window.press("2");
    window.wait_title(|title| title.starts_with("paused - "));
    window.click(500, 100);
    wait(&grid.viewer, "a click shows all", || shows_all(&window).then_some(()));
    grid.quit("Escape");
}

#[test]
fn hidden_streams_are_hardly_decoded_and_go_on_when_they_are_shown() {
    if !available(&[Peer::Display]) {
        return;
    }
    let _turn = undisturbed();
    let server = Server::with(&["--loop"], &[Clip::sample().path]);
    let url = server.url(Clip::sample().mount());
    let grid = Grid::of(&["--json", &url, &url, &url]);
    let has_pictures = |picture: &Picture| (0..3).all(|cell| brightness(picture, cell) > 40.0);
    grid.wait("there are pictures", |picture| picture.size == SIZE && has_pictures(picture));
    let window = grid.display.early_window();
    window.press("1");
    window.wait_title(|title| title.contains(" - 512x288 - "));
    std::thread::sleep(std::time::Duration::from_secs(8));
    window.press("Escape");
    wait(&grid.viewer, "all are shown", || shows_all(&window).then_some(()));
    let second = |picture: &Picture| picture.part(SIZE.0 / 2 + 16, 16, 300, 150);
    let before = window.picture();
    grid.wait("the second goes on", |picture| second(picture) != second(&before));
    window.press("q");
    let done = grid.viewer.finish(std::time::Duration::from_secs(60));
    assert_eq!(done.status.code(), Some(0), "{done:?}");
    let lines = done.stdout.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let shown: Vec<_> = lines.map(|report| report["frames_shown"].as_u64().unwrap()).collect();
    assert!(shown.len() == 3 && shown[1..].iter().all(|hidden| hidden + 40 < shown[0]), "{shown:?}");
}

#[test]
fn without_a_window_each_stream_has_a_report() {
    let server = Server::of(&[&Clip::sample()]);
    let (url, nobody) = (server.url(Clip::sample().mount()), "rtsp://127.0.0.1:1/none");
    let clip = Clip::sample().path.display().to_string();
    let reports = |media: &[&str], code: i32| {
        let done = viewer::run_viewer(&[&["--json", "--no-reconnect"], media].concat());
        assert_eq!(done.status.code(), Some(code), "{done:?}");
        let lines = done.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON"));
        lines.collect::<Vec<Value>>()
    };
    let whole = reports(&[&url, &clip, &url], 0);
    let frames: Vec<_> = whole.iter().map(|report| report["frames_complete"].clone()).collect();
    assert_eq!(frames, [60, 60, 60], "{whole:?}");
    assert_eq!([&whole[0]["url"], &whole[1]["url"]], [&*url, &*clip]);
    let partly = reports(&[nobody, &url], 1);
    assert_eq!(partly.len(), 2);
    assert_eq!((&partly[0]["url"], &partly[1]["frames_complete"]), (&nobody.into(), &60.into()));
    assert!(!partly[0]["errors"].as_array().unwrap().is_empty(), "{partly:?}");
}

#[test]
fn more_than_nine_are_refused() {
    let done = viewer::run_viewer(&["rtsp://127.0.0.1:1/"; 10]);
    assert_eq!(done.status.code(), Some(2), "{done:?}");
    assert!(done.stderr.contains("at most 9"), "{done:?}");
    // The files of a directory count one by one.
    let directory = TempDir::new();
    let picture = include_bytes!("../../bins/viewer/testdata/orange-32x16.jpg");
    for number in 0..9 {
        directory.file(&format!("{number}.mjpeg"), &picture.repeat(2));
    }
    let done = viewer::run_viewer(&["rtsp://127.0.0.1:1/", directory.path().to_str().unwrap()]);
    assert_eq!(done.status.code(), Some(2), "{done:?}");
    assert!(done.stderr.contains("these are 10"), "{done:?}");
}
