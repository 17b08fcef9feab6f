//! The server that is attacked: its output is read only at times, and what it uses is measured.
use crate::process::binary;
use crate::server::{authority, pages};
use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::{BufRead, BufReader, PipeReader, Read, pipe};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// How many bytes of an output are kept to be shown where the run fails.
const KEPT: usize = 8192;

/// A running server. When this is dropped, the server is killed.
#[derive(Debug)]
pub(super) struct Attacked {
    child: Child,
    pub(super) address: SocketAddr,
    /// Where its pages are.
    pub(super) pages: SocketAddr,
    pub(super) stdout: Arc<Outlet>,
    pub(super) stderr: Arc<Outlet>,
}

/// Who reads an output of the server, or does not.
#[derive(Debug, Default)]
pub(super) struct Outlet {
    stopped: AtomicBool,
    /// How many bytes were read.
    pub(super) bytes: AtomicU64,
    newest: Mutex<VecDeque<u8>>,
}

/// What the server uses at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Usage {
    /// The resident memory in bytes.
    pub(super) memory: u64,
    /// The number of open files and sockets.
    pub(super) descriptors: u64,
}

impl Attacked {
    /// Starts a server with these arguments, and waits until it says where it listens for both protocols.
    ///
    /// # Panics
    /// Panics if it ends before.
    pub(super) fn start(arguments: impl IntoIterator<Item = OsString>) -> Self {
        let ((stdout, out), (stderr, err)) = (pipe().expect("a pipe"), pipe().expect("a pipe"));
        let mut command = Command::new(binary("pinhole-server"));
        command.args(["--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--json"]).args(arguments);
        let child = command.stdin(Stdio::null()).stdout(out).stderr(err).spawn().expect("the server starts");
        // The command has the other ends of the pipes.
        drop(command);
        let mut lines = BufReader::new(stdout);
        let mut said = Vec::new();
        let [address, pages] =
            [|lines: &[String]| lines.iter().find_map(|line| authority(line)), pages].map(|find| {
                loop {
                    if let Some(address) = find(&said) {
                        break address;
                    }
                    let mut line = String::new();
                    let read = lines.read_line(&mut line).expect("the server says where it listens");
                    assert!(read > 0, "the server has ended");
                    said.push(line);
                }
            });
        Self { child, address, pages, stdout: Outlet::read(lines.into_inner()), stderr: Outlet::read(stderr) }
    }

    /// # Panics
    /// Panics if the server has ended.
    pub(super) fn usage(&self) -> Usage {
        let process = format!("/proc/{}", self.child.id());
        let status = std::fs::read_to_string(format!("{process}/status")).expect("the server runs");
        let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.strip_suffix("kB"));
        let memory = memory.and_then(|kib| kib.trim().parse::<u64>().ok()).expect("the server runs");
        let descriptors = std::fs::read_dir(format!("{process}/fd")).expect("the server runs").count();
        Usage { memory: memory << 10, descriptors: descriptors as u64 }
    }

    /// Sends the server a signal, such as `HUP`.
    pub(super) fn signal(&self, name: &str) {
        let kill = Command::new("kill").args([format!("-{name}"), self.child.id().to_string()]).status();
        assert!(kill.expect("kill runs").success(), "the server has ended");
    }

    /// Returns how the server has ended, or `None` if it runs.
    pub(super) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("the child is ours")
    }

    /// Returns the end of what it has said on standard error.
    pub(super) fn said(&self) -> String {
        let newest = self.stderr.newest.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&newest.iter().copied().collect::<Vec<_>>()).into_owned()
    }
}

impl Drop for Attacked {
    fn drop(&mut self) {
        // Both fail where it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Outlet {
    fn read(mut pipe: PipeReader) -> Arc<Self> {
        let outlet = Arc::new(Self::default());
        let own = outlet.clone();
        thread::spawn(move || {
            let mut chunk = vec![0; 65_536];
            loop {
                if own.stopped.load(Relaxed) {
                    thread::sleep(Duration::from_millis(20));
                    continue;
                }
                let Ok(len @ 1..) = pipe.read(&mut chunk) else { return };
                own.bytes.fetch_add(len as u64, Relaxed);
                let mut newest = own.newest.lock().unwrap_or_else(PoisonError::into_inner);
                newest.extend(&chunk[..len]);
                let over = newest.len().saturating_sub(KEPT);
                newest.drain(..over);
            }
        });
        outlet
    }

    /// Stops reading, but for what is being read.
    pub(super) fn stop(&self) {
        self.stopped.store(true, Relaxed);
    }

    pub(super) fn go_on(&self) {
        self.stopped.store(false, Relaxed);
    }
}
