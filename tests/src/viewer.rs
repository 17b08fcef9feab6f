//! `pinhole-viewer`, without a window and in one.
use crate::Transport;
use crate::process::{Finished, Running, binary, run};
use serde_json::Value;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

const PROGRAM: &str = "pinhole-viewer";

/// A two-second clip, a fall-back to TCP, and a loaded machine.
const LIMIT: Duration = Duration::from_secs(60);

/// What the viewer reported of a stream that it watched to the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report(Value);

impl Report {
    /// A number of the report.
    ///
    /// # Panics
    /// If there is none of this name.
    pub fn number(&self, name: &str) -> u64 {
        self.0[name].as_u64().unwrap_or_else(|| panic!("no number '{name}' in {}", self.0))
    }

    /// A number of the report that need not be whole, and may be negative.
    ///
    /// # Panics
    /// If there is none of this name.
    pub fn fraction(&self, name: &str) -> f64 {
        self.0[name].as_f64().unwrap_or_else(|| panic!("no number '{name}' in {}", self.0))
    }

    /// A text of the report.
    ///
    /// # Panics
    /// If there is none of this name.
    pub fn text(&self, name: &str) -> &str {
        self.0[name].as_str().unwrap_or_else(|| panic!("no text '{name}' in {}", self.0))
    }

    /// Asserts that `frames` frames came, all of them whole, and nothing was lost.
    ///
    /// # Panics
    /// If it was otherwise.
    pub fn assert_whole(&self, frames: usize) {
        let seen = ["frames_complete", "frames_damaged", "frames_missing"].map(|name| self.number(name));
        assert_eq!(seen, [frames as u64, 0, 0], "complete, damaged, missing in {}", self.0);
        assert_eq!(self.number("packets_lost"), 0, "{}", self.0);
    }
}

/// The viewer with these arguments, headless, to its end.
///
/// # Panics
/// If it does not end.
pub fn run_viewer(arguments: &[&str]) -> Finished {
    run(command().args(arguments), LIMIT).expect("the viewer starts")
}

/// Watches a stream until it ends by itself.
///
/// # Panics
/// If the viewer fails, or its last line is no JSON object.
pub fn watch(url: &str, transport: Transport, options: &[&str]) -> Report {
    let transport = transport.to_string();
    let arguments = [&["--json", "--transport", &transport], options, &[url]].concat();
    report(&run_viewer(&arguments))
}

/// As [`watch`], within `limit`; returns the most physical memory that the viewer had at once as well,
/// in bytes, where the system tells.
///
/// # Panics
/// If the viewer fails, or is not done in time.
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

/// Starts a viewer that runs beside the test.
///
/// # Panics
/// If it cannot be started.
pub fn start(url: &str, transport: Transport) -> Running {
    start_with(url, transport, &[])
}

/// As [`start`], with further command-line options.
///
/// # Panics
/// If it cannot be started.
pub fn start_with(url: &str, transport: Transport, options: &[&str]) -> Running {
    let transport = transport.to_string();
    Running::start(command().args(["--json", "--transport", &transport]).args(options).arg(url))
}

/// Starts a viewer that opens a window on an X display, such as `:1`.
///
/// # Panics
/// If it cannot be started.
pub fn start_on(display: &str, arguments: &[&str]) -> Running {
    Running::start(Command::new(binary(PROGRAM)).env("DISPLAY", display).args(arguments))
}

/// The same, in a directory where it may write files.
///
/// # Panics
/// If it cannot be started.
pub fn start_in(directory: &Path, display: &str, arguments: &[&str]) -> Running {
    let mut command = Command::new(binary(PROGRAM));
    Running::start(command.current_dir(directory).env("DISPLAY", display).args(arguments))
}

/// The report of a viewer that has ended well.
///
/// # Panics
/// If it has not, or its last line is no JSON object.
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
