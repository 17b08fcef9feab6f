//! Runs `pinhole-viewer`, with and without a window.
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

/// The JSON report of a viewer that has watched a stream to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report(Value);

impl Report {
    /// Returns a whole number of the report.
    ///
    /// # Panics
    /// Panics if there is none of this name.
    pub fn number(&self, name: &str) -> u64 {
        self.0[name].as_u64().unwrap_or_else(|| panic!("no number '{name}' in {}", self.0))
    }

    /// Returns a number of the report that need not be whole, and may be negative.
    ///
    /// # Panics
    /// Panics if there is none of this name.
    pub fn fraction(&self, name: &str) -> f64 {
        self.0[name].as_f64().unwrap_or_else(|| panic!("no number '{name}' in {}", self.0))
    }

    /// Returns a text of the report.
    ///
    /// # Panics
    /// Panics if there is none of this name.
    pub fn text(&self, name: &str) -> &str {
        self.0[name].as_str().unwrap_or_else(|| panic!("no text '{name}' in {}", self.0))
    }

    /// Asserts that `frames` frames came, all of them whole, and that nothing was lost.
    ///
    /// # Panics
    /// Panics if it was otherwise.
    pub fn assert_whole(&self, frames: usize) {
        let seen = ["frames_complete", "frames_damaged", "frames_missing"].map(|name| self.number(name));
        assert_eq!(seen, [frames as u64, 0, 0], "complete, damaged, missing in {}", self.0);
        assert_eq!(self.number("packets_lost"), 0, "{}", self.0);
    }
}

/// Runs the viewer with these arguments, without a window, to its end.
///
/// # Panics
/// Panics if it does not end.
pub fn run_viewer(arguments: &[&str]) -> Finished {
    run(command().args(arguments), LIMIT).expect("the viewer starts")
}

/// Watches a stream until it ends by itself. Returns the viewer's report.
///
/// # Panics
/// Panics if the viewer fails, or its last line is no JSON object.
pub fn watch(url: &str, transport: Transport, options: &[&str]) -> Report {
    let transport = transport.to_string();
    let arguments = [&["--json", "--transport", &transport], options, &[url]].concat();
    report(&run_viewer(&arguments))
}

/// Watches a stream until it ends by itself, within `limit`. Returns the report, and the most physical
/// memory that the viewer used at once, in bytes, if the system says so.
///
/// Panics if the viewer fails, or does not end in time.
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

/// Starts a viewer without a window that runs beside the test.
///
/// # Panics
/// Panics if it cannot be started.
pub fn start(url: &str, transport: Transport) -> Running {
    start_with(url, transport, &[])
}

/// Starts a viewer without a window that runs beside the test, with further command-line options.
///
/// # Panics
/// Panics if it cannot be started.
pub fn start_with(url: &str, transport: Transport, options: &[&str]) -> Running {
    let transport = transport.to_string();
    Running::start(command().args(["--json", "--transport", &transport]).args(options).arg(url))
}

/// Starts a viewer that opens a window on an X display, such as `:1`.
///
/// # Panics
/// Panics if it cannot be started.
pub fn start_on(display: &str, arguments: &[&str]) -> Running {
    Running::start(Command::new(binary(PROGRAM)).env("DISPLAY", display).args(arguments))
}

/// Starts a viewer that opens a window on an X display, in a directory where it may write files.
///
/// # Panics
/// Panics if it cannot be started.
pub fn start_in(directory: &Path, display: &str, arguments: &[&str]) -> Running {
    let mut command = Command::new(binary(PROGRAM));
    Running::start(command.current_dir(directory).env("DISPLAY", display).args(arguments))
}

/// Returns the report of a viewer that has ended well.
///
/// # Panics
/// Panics if it has not, or its last line is no JSON object.
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
