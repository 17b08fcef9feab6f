//! Runs `pinhole-sim tap`: a simulated camera board, which is a server with the memory of a
//! microcontroller.
use crate::process::{Finished, Running, binary, run};
use crate::server::events;
use serde_json::Value;
use std::ffi::OsStr;
use std::process::Command;
use std::time::Duration;

/// How long a start may take: the program reads a clip, and runs `ip` a few times.
const STARTS: Duration = Duration::from_secs(20);
const STOPS: Duration = Duration::from_secs(10);

/// A running `pinhole-sim tap`, on a TAP (virtual Ethernet interface) of the network that the test is in.
/// Start it within [`crate::network::in_own_network`] or [`crate::network::in_own_namespaces`]. When this
/// is dropped, the program is killed. To get its figures, call [`Self::stop`].
#[derive(Debug)]
pub struct Board {
    process: Running,
    /// The JSON event `serving` that `pinhole-sim tap` printed when it was ready. Among others it has
    /// `urls`, `ram_parts`, `ram_taken` and `tcp_round_trip_ms`.
    pub serving: Value,
}

impl Board {
    /// The TCP port of the simulated board's RTSP server, unless the arguments of [`Self::start`] name
    /// another port.
    pub const RTSP: u16 = 554;

    /// Starts `pinhole-sim tap --json` with `arguments`, which are options and the path of a medium to
    /// serve, and waits until it serves.
    ///
    /// # Panics
    /// Panics if the board does not serve within 20 seconds, for example because an argument is wrong.
    pub fn start(arguments: &[impl AsRef<OsStr>]) -> Self {
        let process = Running::start(command().arg("--json").args(arguments));
        let ready = |lines: &[String]| events(lines, "serving").next();
        let serving = process.wait_stdout(STARTS, ready);
        Self { process, serving }
    }

    /// Returns the URL of the medium at the first of the board's addresses. The URLs for all addresses
    /// are in [`Self::serving`].
    ///
    /// # Panics
    /// Panics if the program has printed no URL.
    pub fn url(&self) -> &str {
        self.serving["urls"][0].as_str().expect("it tells its URLs")
    }

    /// Returns how many bytes of physical memory the program `pinhole-sim` uses now. This is not the
    /// memory of the simulated board, which is in [`Self::serving`]. Returns `None` if the system does
    /// not say, or if the program has ended.
    pub fn memory(&self) -> Option<u64> {
        self.process.memory("VmRSS")
    }

    /// Waits until the program has printed at least `count` events of one kind since its start. `kind` is
    /// the name of the event, such as `opened`.
    ///
    /// # Panics
    /// Panics if fewer such events have come when `limit` is over or when the program ends.
    pub fn wait_events(&self, kind: &str, count: usize, limit: Duration) {
        self.process.wait_stdout(limit, |lines| (events(lines, kind).count() >= count).then_some(()));
    }

    /// Stops the board by SIGTERM. Returns its last JSON event, `stopped`, which has the figures of all
    /// sessions.
    ///
    /// # Panics
    /// Panics if the program does not end within ten seconds, ends with an error, or prints no such
    /// event.
    pub fn stop(self) -> Value {
        self.process.signal("TERM");
        let done = self.process.finish(STOPS);
        assert_eq!(done.status.code(), Some(0), "{done:?}");
        let last = done.stdout.lines().last().unwrap_or_default();
        let stopped = serde_json::from_str::<Value>(last).ok().filter(|event| event["event"] == "stopped");
        stopped.unwrap_or_else(|| panic!("{done:?}"))
    }
}

/// Runs `pinhole-sim tap` with arguments with which it ends by itself, such as wrong ones, and waits for
/// its end. Returns its output and exit status, which the caller has to check.
///
/// # Panics
/// Panics if the program does not end within 20 seconds.
pub fn run_board(arguments: &[&str]) -> Finished {
    run(command().args(arguments), STARTS).expect("pinhole-sim starts")
}

fn command() -> Command {
    let mut command = Command::new(binary("pinhole-sim"));
    command.arg("tap");
    command
}
