//! Runs `pinhole-sim tap`, a program of this repository that simulates a camera board: an RTSP server with
//! the memory of a microcontroller, on a virtual Ethernet interface.
use crate::process::{Finished, Running, binary, run};
use crate::server::events;
use serde_json::Value;
use std::ffi::OsStr;
use std::process::Command;
use std::time::Duration;

/// How long a start may take: the program reads a clip, and runs `ip` a few times.
const STARTS: Duration = Duration::from_secs(20);
const STOPS: Duration = Duration::from_secs(10);

/// A running `pinhole-sim tap`. This program of the repository simulates a camera board: it is an RTSP server
/// with the memory of a microcontroller, on a TAP (virtual Ethernet interface) of the network that the test
/// is in.
///
/// Start it within [`crate::network::in_own_network`] or [`crate::network::in_own_namespaces`]. When this
/// value is dropped, the program is killed. To get the program's figures, call [`Self::stop`].
#[derive(Debug)]
pub struct Board {
    process: Running,
    /// The JSON event `serving` that `pinhole-sim tap` printed when it was ready. Its fields include `urls`,
    /// `ram_parts` and `ram_taken` (the memory of the simulated board in bytes, by part and in all), and
    /// `tcp_round_trip_ms` (the longest round trip with which a session over TCP receives all frames).
    pub serving: Value,
}

impl Board {
    /// The TCP port of the simulated board's RTSP server, if the arguments of [`Self::start`] name no other
    /// port.
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

    /// Returns the URL at which the board serves its medium, with the first of the board's addresses. The
    /// URLs with the other addresses are in `urls` of [`Self::serving`].
    ///
    /// # Panics
    /// Panics if the program has printed no URL.
    pub fn url(&self) -> &str {
        self.serving["urls"][0].as_str().expect("it tells its URLs")
    }

    /// Returns how many bytes of physical memory the program `pinhole-sim` uses now. The memory of the
    /// simulated board is another figure, which is in [`Self::serving`]. Returns `None` if the system does
    /// not say, or if the program has ended: leave out the check in this case.
    pub fn memory(&self) -> Option<u64> {
        self.process.memory("VmRSS")
    }

    /// Waits until the program has printed at least `count` events of one kind since its start. `kind` is the
    /// name of the event, such as `opened`.
    ///
    /// # Panics
    /// Panics if fewer events of this kind have come when `limit` is over or when the program ends.
    pub fn wait_events(&self, kind: &str, count: usize, limit: Duration) {
        self.process.wait_stdout(limit, |lines| (events(lines, kind).count() >= count).then_some(()));
    }

    /// Stops the program by SIGTERM, and waits for its end. Returns the last JSON event of the program,
    /// `stopped`, which has the figures of all sessions.
    ///
    /// # Panics
    /// Panics if the program does not end within ten seconds, ends with an error, or does not print `stopped`
    /// last.
    pub fn stop(self) -> Value {
        self.process.signal("TERM");
        let done = self.process.finish(STOPS);
        assert_eq!(done.status.code(), Some(0), "{done:?}");
        let last = done.stdout.lines().last().unwrap_or_default();
        let stopped = serde_json::from_str::<Value>(last).ok().filter(|event| event["event"] == "stopped");
        stopped.unwrap_or_else(|| panic!("{done:?}"))
    }
}

/// Runs `pinhole-sim tap`, the program that simulates a camera board (see [`Board`]), and waits for its end.
/// Pass `arguments` with which the program ends by itself, such as wrong ones. Returns the output and the
/// exit status of the program, which the caller has to check.
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
