//! QEMU as a child process that does not outlive this program.
use std::io::ErrorKind;
use std::os::fd::RawFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

const QEMU: &str = "qemu-system-arm";
/// The machine with the Ethernet controller and the memory of the board.
const MACHINE: &str = "mps2-an385";

/// A running machine.
pub(super) struct Machine(Child);

impl Machine {
    /// Boots an image. Its network is the TAP with this file descriptor.
    ///
    /// # Errors
    /// Returns what is not installed, and how to install it.
    pub(super) fn start(elf: &Path, tap: RawFd) -> Result<Self, String> {
        let version = Command::new(QEMU).arg("--version").stdin(Stdio::null()).output();
        if let Err(error) = version {
            return Err(missing(QEMU, "qemu-system-arm qemu-system-data", &error));
        }
        // Killed when its parent ends for any reason.
        let mut qemu = Command::new("setpriv");
        qemu.args(["--pdeathsig", "KILL", "--", QEMU]);
        qemu.args(["-machine", MACHINE, "-nodefaults", "-display", "none", "-serial", "stdio"]);
        qemu.args(["-netdev", &format!("tap,id=tap,fd={tap}"), "-net", "nic,model=lan9118,netdev=tap"]);
        qemu.arg("-kernel").arg(elf);
        // Ctrl-C is for this program only.
        qemu.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped());
        qemu.spawn().map(Self).map_err(|error| missing("setpriv", "util-linux", &error))
    }

    /// Returns the serial line's input and output, once.
    ///
    /// # Errors
    /// Returns an error if they were returned before.
    pub(super) fn serial(&mut self) -> Result<(ChildStdin, ChildStdout), &'static str> {
        self.0.stdin.take().zip(self.0.stdout.take()).ok_or("the serial line is taken already")
    }

    /// Waits for the end of QEMU. Returns a message with its status.
    pub(super) fn why(&mut self) -> String {
        match self.0.wait() {
            Ok(status) => format!("QEMU has ended: {status}"),
            Err(error) => format!("QEMU has ended: {error}"),
        }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // Both fail if QEMU has ended and was waited for.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn missing(program: &str, packages: &str, error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => format!("no {program} in PATH; on Debian: apt-get install {packages}"),
        _ => format!("{program} cannot be run: {error}"),
    }
}
