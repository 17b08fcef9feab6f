//! Runs `pinhole-sim tap`: a server with the memory of a microcontroller.
use crate::process::{Finished, Running, binary, run};
use crate::server::events;
use serde_json::Value;
use std::ffi::OsStr;
use std::process::Command;
use std::time::Duration;

/// How long a start may take: the program reads a clip, and runs `ip` a few times.
const STARTS: Duration = Duration::from_secs(20);
const STOPS: Duration = Duration::from_secs(10);

/// A running `pinhole-sim tap`, on a TAP of the network that the test is in. It is killed when this is
/// dropped.
#[derive(Debug)]
pub struct Board {
    process: Running,
    /// The JSON event that `pinhole-sim tap` printed when it was ready.
    pub serving: Value,
}

impl Board {
    /// The port of the simulated board's RTSP server.
    pub const RTSP: u16 = 554;

    /// Starts it with these arguments, which name a clip or other media, and waits until it serves.
    ///
    /// # Panics
    /// Panics if it does not come up.
    pub fn start(arguments: &[impl AsRef<OsStr>]) -> Self {
        let process = Running::start(command().arg("--json").args(arguments));
        let ready = |lines: &[String]| events(lines, "serving").next();
        let serving = process.wait_stdout(STARTS, ready);
        Self { process, serving }
    }

    /// Returns the URL at the first of its addresses.
    ///
    /// # Panics
    /// Panics if it has not printed a URL.
    pub fn url(&self) -> &str {
        self.serving["urls"][0].as_str().expect("it tells its URLs")
    }

    /// Returns how many bytes of physical memory it has now; `None` if the system does not say.
    pub fn memory(&self) -> Option<u64> {
        self.process.memory("VmRSS")
    }

    /// Waits until it has printed `count` events of one kind.
    ///
    /// # Panics
    /// Panics if it has not within `limit`.
    pub fn wait_events(&self, kind: &str, count: usize, limit: Duration) {
        self.process.wait_stdout(limit, |lines| (events(lines, kind).count() >= count).then_some(()));
    }

    /// Stops it with SIGTERM. Returns its last event, which has all figures.
    ///
    /// # Panics
    /// Panics if it does not stop in time, or fails.
    pub fn stop(self) -> Value {
        self.process.signal("TERM");
        let done = self.process.finish(STOPS);
        assert_eq!(done.status.code(), Some(0), "{done:?}");
        let last = done.stdout.lines().last().unwrap_or_default();
        let stopped = serde_json::from_str::<Value>(last).ok().filter(|event| event["event"] == "stopped");
        stopped.unwrap_or_else(|| panic!("{done:?}"))
    }
}

/// Runs `pinhole-sim tap` with arguments that make it end by itself. Returns its output and exit code.
///
/// # Panics
/// Panics if it does not end.
pub fn run_board(arguments: &[&str]) -> Finished {
    run(command().args(arguments), STARTS).expect("pinhole-sim starts")
}

fn command() -> Command {
    let mut command = Command::new(binary("pinhole-sim"));
    command.arg("tap");
    command
}
