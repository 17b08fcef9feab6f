//! Runs `pinhole-sim qemu`: the firmware of a camera, in an emulator.
use crate::process::{Finished, Running, binary, repository, run};
use std::fmt;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::process::{ChildStdin, Command};
use std::time::Duration;

/// How long the firmware may take to build for the first time, with a core library of its own.
const BUILDS: Duration = Duration::from_secs(900);
const STARTS: Duration = Duration::from_secs(60);
const STOPS: Duration = Duration::from_secs(10);

/// A running camera. It is killed when this is dropped.
#[derive(Debug)]
pub struct Firmware {
    process: Running,
    serial: ChildStdin,
}

impl Firmware {
    /// The name of the interface at whose other end the camera is.
    pub const TAP: &str = "pinhole0";
    /// The address of the camera's Ethernet chip.
    pub const MAC: [u8; 6] = *b"\x02PHOLE";
    /// The address of the camera's RTSP server.
    pub const SERVER: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(192, 168, 69, 2), 554);
    /// The camera's UDP ports for RTP and RTCP.
    pub const UDP: [u16; 2] = [6970, 6971];

    /// Builds the firmware. Call it where there is a network, as Cargo may have to fetch crates.
    ///
    /// # Panics
    /// Panics if the firmware cannot be built.
    pub fn build() {
        let mut cargo = Command::new(repository().join("bins/firmware/cargo.sh"));
        cargo.args(["build", "--locked", "--release", "--quiet", "-p", "pinhole-camera"]);
        cargo.env("PINHOLE_SESSIONS", "4").env_remove("RUSTFLAGS").env_remove("CARGO_TARGET_DIR");
        let done = run(&mut cargo, BUILDS).expect("cargo.sh runs");
        assert!(done.status.success(), "the firmware cannot be built:\n{}", done.stderr);
    }

    /// Boots the firmware on a TAP of the network that the test is in.
    ///
    /// # Panics
    /// Panics if the camera does not come up.
    pub fn start() -> Self {
        let mut process = Running::start(Command::new(binary("pinhole-sim")).arg("qemu"));
        let serial = process.take_stdin();
        let firmware = Self { process, serial };
        firmware.wait_log("serves rtsp://192.168.69.2/pattern", 1, STARTS);
        firmware
    }

    /// Returns the URL of a medium of the camera.
    pub fn url(medium: &str) -> String {
        format!("rtsp://{}/{medium}", Self::SERVER.ip())
    }

    /// Types a command on the camera's serial line.
    ///
    /// # Panics
    /// Panics if the camera is gone.
    pub fn command(&mut self, command: &str) {
        writeln!(self.serial, "{command}").expect("the firmware runs");
    }

    /// Returns the lines of the camera's log so far.
    pub fn log(&self) -> Vec<String> {
        self.process.stdout()
    }

    /// Waits until the log has `count` lines with this text. Returns the last of them.
    ///
    /// # Panics
    /// Panics if it has not within `limit`.
    pub fn wait_log(&self, text: &str, count: usize, limit: Duration) -> String {
        self.process.wait_stdout(limit, |lines| {
            let mut found = lines.iter().filter(|line| line.contains(text));
            found.nth(count - 1).cloned()
        })
    }

    /// Kills the program that runs the emulator, and leaves the emulator running.
    pub fn kill(self) {
        self.process.signal("KILL");
        let _ = self.process.finish(STOPS);
    }

    /// Stops the camera by a signal. Returns the program's output and exit code.
    ///
    /// # Panics
    /// Panics if it does not stop in time.
    pub fn stop(self, signal: &str) -> Finished {
        self.process.signal(signal);
        self.process.finish(STOPS)
    }
}

impl fmt::Display for Firmware {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.process.fmt(f)
    }
}
