//! `pinhole-sim tap`: a server with the memory of a microcontroller.
use crate::process::{Finished, Running, binary, run};
use crate::server::events;
use serde_json::Value;
use std::ffi::OsStr;
use std::process::Command;
use std::time::Duration;

/// It reads a clip, and runs `ip` a few times.
const STARTS: Duration = Duration::from_secs(20);
const STOPS: Duration = Duration::from_secs(10);

/// A board on a TAP of the network that the test is in, killed when this is dropped.
#[derive(Debug)]
pub struct Board {
    process: Running,
    /// What it said when it was ready.
    pub serving: Value,
}

impl Board {
    /// The port of its RTSP server.
    pub const RTSP: u16 = 554;

    /// Serves `media`, or what the options say.
    ///
    /// # Panics
    /// If it does not come up.
    pub fn start(arguments: &[impl AsRef<OsStr>]) -> Self {
        let process = Running::start(command().arg("--json").args(arguments));
        let ready = |lines: &[String]| events(lines, "serving").next();
        let serving = process.wait_stdout(STARTS, ready);
        Self { process, serving }
    }

    /// Its URL, by the first of its addresses.
    ///
    /// # Panics
    /// If it has not told one.
    pub fn url(&self) -> &str {
        self.serving["urls"][0].as_str().expect("it tells its URLs")
    }

    /// Bytes of physical memory that it has now; `None` where the system does not tell.
    pub fn memory(&self) -> Option<u64> {
        self.process.memory("VmRSS")
    }

    /// Waits until `count` events of one kind were told.
    ///
    /// # Panics
    /// If they are not told within `limit`.
    pub fn wait_events(&self, kind: &str, count: usize, limit: Duration) {
        self.process.wait_stdout(limit, |lines| (events(lines, kind).count() >= count).then_some(()));
    }

    /// Stops it by SIGTERM, and returns its last event, which has all figures.
    ///
    /// # Panics
    /// If it does not stop in time, or fails.
    pub fn stop(self) -> Value {
        self.process.signal("TERM");
        let done = self.process.finish(STOPS);
        assert_eq!(done.status.code(), Some(0), "{done:?}");
        let last = done.stdout.lines().last().unwrap_or_default();
        let stopped = serde_json::from_str::<Value>(last).ok().filter(|event| event["event"] == "stopped");
        stopped.unwrap_or_else(|| panic!("{done:?}"))
    }
}

/// A board that is to end by itself.
///
/// # Panics
/// If it does not.
pub fn run_board(arguments: &[&str]) -> Finished {
    run(command().args(arguments), STARTS).expect("pinhole-sim starts")
}

fn command() -> Command {
    let mut command = Command::new(binary("pinhole-sim"));
    command.arg("tap");
    command
}
