//! Runs `pinhole-viewer`, the viewer of this repository, with and without a window.
use crate::Transport;
use crate::process::{Finished, Running, binary, run};
use serde_json::Value;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

const PROGRAM: &str = "pinhole-viewer";

/// How long a viewer may run: a clip of two seconds, a fall-back to TCP, and a loaded machine.
const LIMIT: Duration = Duration::from_secs(60);

/// The JSON report that a viewer without a window prints when it ends, if it has the option `--json`. The
/// report has figures and texts by name, such as `frames_complete`. [`watch`] and [`report`] return it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report(Value);

impl Report {
    /// Returns a number of the report that is whole and not negative. `name` is the name of the number, such
    /// as `frames_complete`.
    ///
    /// # Panics
    /// Panics if the report has no such number of this name.
    pub fn number(&self, name: &str) -> u64 {
        self.0[name].as_u64().unwrap_or_else(|| panic!("no number '{name}' in {}", self.0))
    }

    /// Returns a number of the report that need not be whole and may be negative. `name` is the name of the
    /// number, such as `fps` or `scale`.
    ///
    /// # Panics
    /// Panics if the report has no number of this name.
    pub fn fraction(&self, name: &str) -> f64 {
        self.0[name].as_f64().unwrap_or_else(|| panic!("no number '{name}' in {}", self.0))
    }

    /// Returns a text of the report. `name` is the name of the text, such as `transport`.
    ///
    /// # Panics
    /// Panics if the report has no text of this name.
    pub fn text(&self, name: &str) -> &str {
        self.0[name].as_str().unwrap_or_else(|| panic!("no text '{name}' in {}", self.0))
    }

    /// Asserts that, by the report, exactly `frames` frames came, all of them whole, that no frame is
    /// missing, and that no packet was lost.
    ///
    /// # Panics
    /// Panics if any of this is not so. The message has the report.
    pub fn assert_whole(&self, frames: usize) {
        let seen = ["frames_complete", "frames_damaged", "frames_missing"].map(|name| self.number(name));
        assert_eq!(seen, [frames as u64, 0, 0], "complete, damaged, missing in {}", self.0);
        assert_eq!(self.number("packets_lost"), 0, "{}", self.0);
    }
}

/// Runs `pinhole-viewer --headless`, the viewer of this repository without a window, with `arguments`, and
/// waits for its end. Returns the output and the exit status of the viewer, which the caller has to check.
///
/// # Panics
/// Panics if the viewer does not end within a minute.
pub fn run_viewer(arguments: &[&str]) -> Finished {
    run(command().args(arguments), LIMIT).expect("the viewer starts")
}

/// Has the viewer watch the stream at `url` without a window, and waits until the viewer ends. It ends when
/// the stream ends, or earlier with an option such as `--duration`. `options` are further command-line
/// options of the viewer. Returns the viewer's report.
///
/// # Panics
/// Panics if the viewer does not end within a minute, ends with an error, or prints no report.
pub fn watch(url: &str, transport: Transport, options: &[&str]) -> Report {
    let transport = transport.to_string();
    let arguments = [&["--json", "--transport", &transport], options, &[url]].concat();
    report(&run_viewer(&arguments))
}

/// Has the viewer watch the stream at `url` without a window, and waits until the viewer ends. It ends when
/// the stream ends, or earlier with an option such as `--duration`. `options` are further command-line
/// options of the viewer.
///
/// Returns the viewer's report, and the most physical memory that the viewer used at once, in bytes. If the
/// system does not say how much memory that was, it is `None`.
///
/// # Panics
/// Panics if the viewer does not end within `limit`, ends with an error, or prints no report.
pub fn watch_closely(
    url: &str,
    transport: Transport,
    options: &[&str],
    limit: Duration,
) -> (Report, Option<u64>) {
    let mut viewer = start_with(url, transport, options);
    let mut peak = None;
    let end = Instant::now() + limit;
    while viewer.is_alive() {
        assert!(Instant::now() < end, "{viewer}\nnot done within {limit:?}");
        peak = viewer.memory("VmHWM").or(peak);
        thread::sleep(Duration::from_millis(5));
    }
    (report(&viewer.finish(LIMIT)), peak)
}

/// Starts a viewer without a window, which runs beside the test and watches the stream at `url`. Does not
/// wait.
///
/// The viewer ends by itself when the stream has ended, or with an error if the stream cannot be played. If
/// the viewer loses the connection while it plays, it tries to connect again, and does not end. The viewer
/// also ends on SIGTERM. When the returned value is dropped, the viewer is killed.
///
/// To get the viewer's report, call [`Running::finish`], which waits for the viewer's end, and pass the
/// result to [`report`].
///
/// # Panics
/// Panics if the program cannot be started. If the viewer starts and then fails, for example because there is
/// no server, this does not panic, but [`report`] does.
pub fn start(url: &str, transport: Transport) -> Running {
    start_with(url, transport, &[])
}

/// Starts a viewer without a window, which runs beside the test and watches the stream at `url`. `options`
/// are further command-line options of the viewer. Does not wait.
///
/// The viewer ends by itself when the stream has ended, earlier with the option `--duration`, or with an
/// error if the stream cannot be played. If the viewer loses the connection while it plays, it tries to
/// connect again, and does not end; with the option `--no-reconnect`, it ends. The viewer also ends on
/// SIGTERM. When the returned value is dropped, the viewer is killed.
///
/// To get the viewer's report, call [`Running::finish`], which waits for the viewer's end, and pass the
/// result to [`report`].
///
/// # Panics
/// Panics if the program cannot be started. If the viewer starts and then fails, for example because there is
/// no server, this does not panic, but [`report`] does.
pub fn start_with(url: &str, transport: Transport, options: &[&str]) -> Running {
    let transport = transport.to_string();
    Running::start(command().args(["--json", "--transport", &transport]).args(options).arg(url))
}

/// Starts `pinhole-viewer` with a window on an X display. `display` is the name of the display, such as `:1`
/// (see [`crate::display::Display::name`]). `arguments` are all of the viewer's arguments: options and the
/// URL.
///
/// The viewer ends when its window is closed, when a key such as `q` is pressed in the window, or on SIGTERM.
/// When the stream ends, the viewer does not end. When the returned value is dropped, the viewer is killed.
/// Does not wait for the window: [`crate::display::Display::window`] does.
///
/// # Panics
/// Panics if the program cannot be started. If there is no such display, this does not panic: the viewer ends
/// with an error, which [`Running::finish`] returns.
pub fn start_on(display: &str, arguments: &[&str]) -> Running {
    Running::start(Command::new(binary(PROGRAM)).env("DISPLAY", display).args(arguments))
}

/// Starts `pinhole-viewer` with a window on an X display. `directory` is the viewer's working directory,
/// where the viewer writes its files. `display` is the name of the display, such as `:1` (see
/// [`crate::display::Display::name`]). `arguments` are all of the viewer's arguments: options and the URL.
///
/// The viewer ends when its window is closed, when a key such as `q` is pressed in the window, or on SIGTERM.
/// When the stream ends, the viewer does not end. When the returned value is dropped, the viewer is killed.
/// Does not wait for the window: [`crate::display::Display::window`] does.
///
/// # Panics
/// Panics if the program cannot be started. If there is no such display, this does not panic: the viewer ends
/// with an error, which [`Running::finish`] returns.
pub fn start_in(directory: &Path, display: &str, arguments: &[&str]) -> Running {
    let mut command = Command::new(binary(PROGRAM));
    Running::start(command.current_dir(directory).env("DISPLAY", display).args(arguments))
}

/// Returns the report of a viewer that was started by [`start`] or [`start_with`] and has ended. `done` is
/// the result of [`Running::finish`].
///
/// # Panics
/// Panics if the viewer ended with an error, or if its last line on standard output is no JSON.
pub fn report(done: &Finished) -> Report {
    assert_eq!(done.status.code(), Some(0), "the viewer failed:\n{}\n{}", done.stdout, done.stderr);
    let last = done.stdout.lines().last().unwrap_or_default();
    Report(
        serde_json::from_str(last)
            .unwrap_or_else(|error| panic!("the last line is no JSON: {error}: {last}")),
    )
}

fn command() -> Command {
    let mut command = Command::new(binary(PROGRAM));
    command.arg("--headless");
    command
}
