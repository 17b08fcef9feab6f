//! Runs `pinhole-sim qemu`, a program of this repository that runs the firmware of a camera in the emulator
//! QEMU. Check with [`crate::peer::available`] for [`crate::peer::Peer::Qemu`] first.
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

/// The name and the password of the user who may watch.
pub type Account<'a> = (&'a str, &'a str);

/// A running `pinhole-sim qemu`. This program of the repository runs the firmware of a camera, an RTSP
/// server, in the emulator QEMU. When this value is dropped, the program is killed, and the emulator ends,
/// too.
#[derive(Debug)]
pub struct Firmware {
    process: Running,
    serial: ChildStdin,
}

impl Firmware {
    /// The name of the TAP (virtual Ethernet interface) of this machine that leads to the camera.
    pub const TAP: &str = "pinhole0";
    /// The Ethernet (MAC) address of the camera.
    pub const MAC: [u8; 6] = *b"\x02PHOLE";
    /// The IPv4 address and the TCP port of the camera's RTSP server.
    pub const SERVER: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(192, 168, 69, 2), 554);
    /// The camera's UDP ports: the first is for RTP, the second for RTCP.
    pub const UDP: [u16; 2] = [6970, 6971];

    /// Builds the firmware, with room for four sessions, so that [`Self::start`] need not build it. Blocks;
    /// the first build may take minutes. Call this before [`crate::network::in_own_network`]: Cargo may have
    /// to fetch crates, and within that function the machine's network cannot be reached.
    ///
    /// # Panics
    /// Panics if the firmware cannot be built within 15 minutes.
    pub fn build() {
        Self::build_for(None);
    }

    /// Builds the firmware as [`Self::build`] does, for one user with a password if there is an `account`, and else for
    /// everybody. [`Self::start_for`] has to have the same.
    ///
    /// # Panics
    /// Panics if the firmware cannot be built within 15 minutes.
    pub fn build_for(account: Option<Account<'_>>) {
        let mut cargo = Command::new(repository().join("bins/firmware/cargo.sh"));
        cargo.args(["build", "--locked", "--release", "--quiet", "-p", "pinhole-camera"]);
        cargo.env("PINHOLE_SESSIONS", "4").env_remove("RUSTFLAGS").env_remove("CARGO_TARGET_DIR");
        set_account(&mut cargo, account);
        let done = run(&mut cargo, BUILDS).expect("cargo.sh runs");
        assert!(done.status.success(), "the firmware cannot be built:\n{}", done.stderr);
    }

    /// Boots the firmware, with the TAP [`Self::TAP`] in the network that the test is in, and waits
    /// until it serves. Call this within [`crate::network::in_own_network`], after [`Self::build`].
    ///
    /// # Panics
    /// Panics if the camera does not serve within a minute.
    pub fn start() -> Self {
        Self::start_for(None)
    }

    /// Boots the firmware as [`Self::start`] does, after [`Self::build_for`] with the same account.
    ///
    /// # Panics
    /// Panics if the camera does not serve within a minute.
    pub fn start_for(account: Option<Account<'_>>) -> Self {
        let mut sim = Command::new(binary("pinhole-sim"));
        set_account(&mut sim, account);
        let mut process = Running::start(sim.arg("qemu"));
        let serial = process.take_stdin();
        let firmware = Self { process, serial };
        firmware.wait_log("serves rtsp://192.168.69.2/pattern", 1, STARTS);
        firmware
    }

    /// Returns the URL of a medium of the camera. `medium` is `clip` or `pattern`. The name is not checked
    /// here: to requests for any other medium, the camera replies 404.
    pub fn url(medium: &str) -> String {
        format!("rtsp://{}/{medium}", Self::SERVER.ip())
    }

    /// Sends a command, such as `stack`, `hang` or `panic`, to the camera over its serial line. Does not
    /// wait. The camera answers in its log: see [`Self::wait_log`].
    ///
    /// # Panics
    /// Panics if `pinhole-sim` has ended.
    pub fn command(&mut self, command: &str) {
        writeln!(self.serial, "{command}").expect("the firmware runs");
    }

    /// Returns all lines of the camera's log since the start of the emulator, oldest first: the time,
    /// the level and the text of each entry. Does not wait.
    pub fn log(&self) -> Vec<String> {
        self.process.stdout()
    }

    /// Waits until at least `count` lines of the camera's log contain `text`. Returns the `count`-th of these
    /// lines, counted from 1. All lines since the start of the emulator count, also those from before this
    /// call. To wait for a further line with `text`, pass one more than the number of lines with `text` in
    /// [`Self::log`].
    ///
    /// # Panics
    /// Panics if `count` is 0, or if fewer lines contain `text` when `limit` is over or when the program
    /// ends.
    pub fn wait_log(&self, text: &str, count: usize, limit: Duration) -> String {
        self.process.wait_stdout(limit, |lines| {
            let mut found = lines.iter().filter(|line| line.contains(text));
            found.nth(count - 1).cloned()
        })
    }

    /// Kills `pinhole-sim`, which runs the emulator, by SIGKILL, and waits until `pinhole-sim` has ended. The
    /// emulator is not killed: it has to end by itself, and a test can check that.
    ///
    /// # Panics
    /// Panics if the program has not ended after ten seconds.
    pub fn kill(self) {
        self.process.signal("KILL");
        let _ = self.process.finish(STOPS);
    }

    /// Sends a signal to `pinhole-sim`, and waits until the program and the emulator have ended. `signal` is
    /// the name of the signal without `SIG`, such as `TERM`. Returns the program's exit status and its
    /// output, which has the camera's log. The caller has to check the status.
    ///
    /// # Panics
    /// Panics if there is no such signal, or if the program does not end within ten seconds.
    pub fn stop(self, signal: &str) -> Finished {
        self.process.signal(signal);
        self.process.finish(STOPS)
    }
}

/// Sets the variables that the firmware's build reads.
fn set_account(command: &mut Command, account: Option<Account<'_>>) {
    for (name, value) in
        [("PINHOLE_USER", account.map(|it| it.0)), ("PINHOLE_PASSWORD", account.map(|it| it.1))]
    {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
}

/// Writes the output of the program, which is the camera's log, for the message of a failure.
impl fmt::Display for Firmware {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.process.fmt(f)
    }
}
