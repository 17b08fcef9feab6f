//! QEMU, as a child that does not outlive this program.
use std::io::ErrorKind;
use std::os::fd::RawFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

const QEMU: &str = "qemu-system-arm";
/// Has the same Ethernet, and the same memory, as the board.
const MACHINE: &str = "mps2-an385";

/// A machine that runs.
pub(super) struct Machine(Child);

impl Machine {
    /// Boots an image; its network is the TAP with this file descriptor.
    ///
    /// # Errors
    /// QEMU is not there, and what to do.
    pub(super) fn start(elf: &Path, tap: RawFd) -> Result<Self, String> {
        let version = Command::new(QEMU).arg("--version").stdin(Stdio::null()).output();
        if let Err(error) = version {
            return Err(missing(QEMU, "qemu-system-arm qemu-system-data", &error));
        }
        // Dies with its parent, even if that is killed.
        let mut qemu = Command::new("setpriv");
        qemu.args(["--pdeathsig", "KILL", "--", QEMU]);
        qemu.args(["-machine", MACHINE, "-nodefaults", "-display", "none", "-serial", "stdio"]);
        qemu.args(["-netdev", &format!("tap,id=tap,fd={tap}"), "-net", "nic,model=lan9118,netdev=tap"]);
        qemu.arg("-kernel").arg(elf);
        // Ctrl-C is this program's.
        qemu.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped());
        qemu.spawn().map(Self).map_err(|error| missing("setpriv", "util-linux", &error))
    }

    /// The serial line: what goes in, and what comes out. Once only.
    ///
    /// # Errors
    /// It was taken before.
    pub(super) fn serial(&mut self) -> Result<(ChildStdin, ChildStdout), &'static str> {
        self.0.stdin.take().zip(self.0.stdout.take()).ok_or("the serial line is taken already")
    }

    /// Why it has ended.
    pub(super) fn why(&mut self) -> String {
        match self.0.wait() {
            Ok(status) => format!("QEMU has ended: {status}"),
            Err(error) => format!("QEMU has ended: {error}"),
        }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // Both fail where it has ended, and was waited for.
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
