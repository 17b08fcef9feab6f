//! What Linux says about processes, and which processor they may use.
use crate::Result;
use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::Pid;
use std::fs;
use std::time::Duration;

/// The number of the processor on which the process under test runs.
pub(crate) const SERVER: usize = 0;
/// The number of the processor on which everything else runs.
pub(crate) const LOAD: usize = 1;

/// Keeps the calling thread, and all that it starts from now on, on the processor `cpu`.
///
/// # Errors
/// Returns an error if the machine has no such processor.
pub(crate) fn pin(cpu: usize) -> Result<()> {
    let mut set = CpuSet::new();
    set.set(cpu)?;
    sched_setaffinity(Pid::from_raw(0), &set).map_err(|_| "two processors are needed, numbers 0 and 1".into())
}

/// Raises the number of files that this process may have open to the most that is allowed: a session
/// takes three here.
///
/// # Errors
/// Returns an error if the limit can be neither read nor set.
pub(crate) fn raise_file_limit() -> Result<()> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    Ok(setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?)
}

/// Returns the processor time of all threads of a process so far. This includes what the kernel does on
/// loopback for the packets that the process sends, up to the receiver's buffer.
///
/// # Errors
/// Returns an error if the process is gone.
pub(crate) fn cpu_time(pid: u32) -> Result<Duration> {
    let mut sum = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        // A thread may end between the listing and the look.
        let Ok(text) = fs::read_to_string(task?.path().join("schedstat")) else { continue };
        sum += text.split(' ').next().unwrap_or_default().parse::<u64>()?;
    }
    Ok(Duration::from_nanos(sum))
}

/// Returns how many bytes of physical memory a process uses, and how many of these no file backs.
///
/// # Errors
/// Returns an error if the process is gone.
pub(crate) fn memory(pid: u32) -> Result<(u64, u64)> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let kib = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0)
    };
    Ok((kib("VmRSS:") << 10, kib("RssAnon:") << 10))
}

/// Returns the names of the processor and the kernel, in one line.
pub(crate) fn name() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{}, Linux {}", model.map_or("unknown processor", |(_, name)| name), kernel.trim())
}
