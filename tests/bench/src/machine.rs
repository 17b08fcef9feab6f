//! What Linux says of processes, and which processor they may use.
use crate::Result;
use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::Pid;
use std::fs;
use std::time::Duration;

/// Where the process under test runs.
pub(crate) const SERVER: usize = 0;
/// Where everything else does.
pub(crate) const LOAD: usize = 1;

/// Keeps the calling thread, and all that it starts from now on, on one processor.
///
/// # Errors
/// Where the machine has no such processor.
pub(crate) fn pin(cpu: usize) -> Result<()> {
    let mut set = CpuSet::new();
    set.set(cpu)?;
    sched_setaffinity(Pid::from_raw(0), &set).map_err(|_| "two processors are needed, numbers 0 and 1".into())
}

/// Allows as many open files as there may be: a session takes three here.
///
/// # Errors
/// Where the limit can be neither read nor set.
pub(crate) fn raise_file_limit() -> Result<()> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    Ok(setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?)
}

/// The processor time of all threads of a process so far. What the kernel does on loopback for the
/// packets that it sends, up to the receiver's buffer, is in it.
///
/// # Errors
/// Where the process is gone.
pub(crate) fn cpu_time(pid: u32) -> Result<Duration> {
    let mut sum = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        // A thread may end between the listing and the look.
        let Ok(text) = fs::read_to_string(task?.path().join("schedstat")) else { continue };
        sum += text.split(' ').next().unwrap_or_default().parse::<u64>()?;
    }
    Ok(Duration::from_nanos(sum))
}

/// Bytes of a process in memory, and of these the ones that no file backs.
///
/// # Errors
/// Where the process is gone.
pub(crate) fn memory(pid: u32) -> Result<(u64, u64)> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let kib = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0)
    };
    Ok((kib("VmRSS:") << 10, kib("RssAnon:") << 10))
}

/// The processor and the kernel, in one line.
pub(crate) fn name() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{}, Linux {}", model.map_or("unknown processor", |(_, name)| name), kernel.trim())
}
