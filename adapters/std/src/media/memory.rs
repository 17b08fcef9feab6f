//! The memory of the machine, and how much of it there is left.
//!
//! A program whose memory is used up is aborted by the next allocation, whoever caused it. So what is large, or is
//! there for each client, asks first, and is refused while the rest is still enough for what is small.
use std::collections::TryReserveError;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::LazyLock;

/// The memory that is assumed if the system does not say, in bytes.
const UNKNOWN: usize = 1 << 30;
/// The bytes that are kept free for small allocations, which are not checked.
const HEADROOM: usize = 8 << 20;
/// An allocation of fewer bytes is not checked.
const SMALL: usize = 256 << 10;

/// There is not enough memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is not enough memory for it")]
pub(super) struct NoMemory;

impl From<TryReserveError> for NoMemory {
    fn from(_: TryReserveError) -> Self {
        Self
    }
}

impl From<NoMemory> for io::Error {
    fn from(_: NoMemory) -> Self {
        io::ErrorKind::OutOfMemory.into()
    }
}

/// Returns the default size in bytes of the cache of a [`Library`](super::Library): a quarter of the memory
/// that this process may use. On Linux, that memory is the memory of the machine, or the least limit of the
/// process's control group and of those around it (cgroups, version 1 and 2), if that is less. If the system
/// does not say how much memory there is, the result is 256 MiB.
pub fn default_cache() -> usize {
    usable_memory().unwrap_or(UNKNOWN) / 4
}

/// Returns the memory in bytes that this process may use: on Linux, the memory of the machine, or the least limit
/// of its control groups or of its own (`ulimit -v`, `ulimit -d`) if that is less, as [`default_cache`] says. `None` if
/// the system does not say how much there is.
pub fn usable_memory() -> Option<usize> {
    let machine = read("/proc/meminfo").and_then(|table| bytes(&table, "MemTotal:"));
    let groups = read("/proc/self/cgroup").unwrap_or_default();
    let own = limits(&read("/proc/self/limits").unwrap_or_default()).into_iter().map(|(_, limit)| limit);
    machine.into_iter().chain(limit(&groups, read)).chain(own).min()
}

/// Returns true if this process can allocate `bytes` more and still has [`HEADROOM`] for small allocations. Nothing is
/// reserved. Only the limits of this process (`ulimit -v`, `ulimit -d`) count: without them, the result is always true,
/// because Linux then ends programs instead of refusing memory.
///
/// The limits are compared with what is in use. A trial allocation could take the last memory from another thread.
pub(crate) fn is_available(bytes: usize) -> bool {
    static IS_LIMITED: LazyLock<bool> =
        LazyLock::new(|| read("/proc/self/limits").is_some_and(|table| !limits(&table).is_empty()));
    if !*IS_LIMITED {
        return true;
    }
    let left = read("/proc/self/limits")
        .zip(read("/proc/self/status"))
        .and_then(|(limits, status)| left(&limits, &status));
    left.is_none_or(|left| left >= bytes.saturating_add(HEADROOM))
}

/// Returns how many bytes a process can allocate before it reaches one of its limits. `table` and `status` have the form
/// of Linux's `/proc/self/limits` and `/proc/self/status`. Returns `None` if the process has no limit.
fn left(table: &str, status: &str) -> Option<usize> {
    let left = limits(table)
        .into_iter()
        .map(|(usage, limit)| limit.saturating_sub(bytes(status, usage).unwrap_or(0)));
    left.min()
}

/// Sets the length of `buffer` to `len` bytes. New bytes are zero. On an error, `buffer` is empty.
///
/// # Errors
/// There is not enough memory.
pub(super) fn resize(buffer: &mut Vec<u8>, len: usize) -> Result<(), NoMemory> {
    let more = len.saturating_sub(buffer.len());
    let grown = len.saturating_sub(buffer.capacity());
    let reserved = buffer.try_reserve_exact(more).map_err(NoMemory::from);
    // Afterwards: of two threads that asked before, each would have been told what the other takes.
    reserved
        .and_then(|()| if grown < SMALL || is_available(0) { Ok(()) } else { Err(NoMemory) })
        .inspect_err(|_| *buffer = Vec::new())?;
    buffer.resize(len, 0);
    Ok(())
}

/// Returns a copy of `data`.
///
/// # Errors
/// There is not enough memory.
pub(super) fn copy(data: &[u8]) -> Result<Box<[u8]>, NoMemory> {
    let mut copy = Vec::new();
    extend(&mut copy, data)?;
    Ok(copy.into_boxed_slice())
}

/// Appends `data` to `buffer`. On an error, `buffer` stays as it is.
///
/// # Errors
/// There is not enough memory.
pub(super) fn extend(buffer: &mut Vec<u8>, data: &[u8]) -> Result<(), NoMemory> {
    let free = buffer.capacity() - buffer.len();
    if data.len() > free {
        if buffer.is_empty() {
            buffer.try_reserve_exact(data.len())?;
        } else {
            buffer.try_reserve(data.len())?;
        }
        if buffer.capacity() >= SMALL && !is_available(0) {
            buffer.shrink_to_fit();
            return Err(NoMemory);
        }
    }
    buffer.extend_from_slice(data);
    Ok(())
}

/// Appends an item to a list that may become long. On an error, the list stays as it is.
///
/// # Errors
/// There is not enough memory.
pub(super) fn push<T>(list: &mut Vec<T>, item: T) -> Result<(), NoMemory> {
    if list.len() == list.capacity() {
        list.try_reserve(1)?;
        if list.capacity().saturating_mul(size_of::<T>()) >= SMALL && !is_available(0) {
            list.shrink_to_fit();
            return Err(NoMemory);
        }
    }
    list.push(item);
    Ok(())
}

fn read(path: &str) -> Option<String> {
    fs::read_to_string(path).ok()
}

/// Returns the limits of address space and of data in bytes, of a table as in Linux's `/proc/self/limits`, each with
/// what uses it in `/proc/self/status`.
fn limits(table: &str) -> Vec<(&'static str, usize)> {
    let limit = |name: &str| {
        let row = table.lines().find_map(|line| line.strip_prefix(name))?;
        // The soft limit comes first.
        row.split_whitespace().next()?.parse().ok()
    };
    let all = [("VmSize:", "Max address space"), ("VmData:", "Max data size")];
    all.into_iter().filter_map(|(usage, name)| Some((usage, limit(name)?))).collect()
}

/// Returns the least limit of the control groups that a process is in, by `groups`, a table as in Linux's
/// `/proc/self/cgroup`. Limits are in files, which `read` reads.
fn limit(groups: &str, read: impl Fn(&str) -> Option<String>) -> Option<usize> {
    let files = groups.lines().filter_map(|line| {
        let mut fields = line.splitn(3, ':');
        let (_, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
        match controllers {
            "" => Some(("/sys/fs/cgroup", path, "memory.max")),
            _ if controllers.split(',').any(|name| name == "memory") => {
                Some(("/sys/fs/cgroup/memory", path, "memory.limit_in_bytes"))
            }
            _ => None,
        }
    });
    let limits = files.flat_map(|(root, path, name)| {
        let around = Path::new(path).ancestors().filter_map(Path::to_str);
        let files = around.map(move |group| format!("{root}{}/{name}", group.trim_end_matches('/')));
        // Without a limit, version 2 says "max".
        files.filter_map(|file| read(&file)?.trim().parse().ok()).collect::<Vec<usize>>()
    });
    limits.min()
}

/// Returns the number of bytes in the row `name` of a table such as Linux's `/proc/meminfo`, which has KiB.
fn bytes(table: &str, name: &str) -> Option<usize> {
    let row = table.lines().find_map(|row| row.strip_prefix(name))?;
    row.trim().strip_suffix(" kB")?.trim().parse::<usize>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_that_of_the_first_limit() {
        let table = |space: &str, data: &str| {
            format!(
                "Limit                     Soft Limit           Hard Limit           Units\n\
                 Max file size             1                    1                    bytes\n\
                 Max data size             {data:<20} unlimited            bytes\n\
                 Max address space         {space:<20} unlimited            bytes\n"
            )
        };
        let status = "VmPeak:\t  500000 kB\nVmSize:\t  200000 kB\nVmRSS:\t  1 kB\nVmData:\t   10000 kB\n";
        assert_eq!(left(&table("unlimited", "unlimited"), status), None);
        assert_eq!(left(&table("300000000", "unlimited"), status), Some(300_000_000 - 200_000 * 1024));
        assert_eq!(left(&table("300000000", "20000000"), status), Some(20_000_000 - 10_000 * 1024));
        assert_eq!(left(&table("100000000", "20000000"), status), Some(0));
        assert_eq!(left("", ""), None);
        assert_eq!(limits(&table("unlimited", "7")), [("VmData:", 7)]);
    }

    #[test]
    fn what_does_not_fit_memory_is_refused_and_nothing_else() {
        let mut buffer = vec![1; 3];
        assert_eq!(resize(&mut buffer, usize::MAX / 4), Err(NoMemory));
        assert!(buffer.is_empty());
        resize(&mut buffer, 2).unwrap();
        extend(&mut buffer, &[3]).unwrap();
        assert_eq!(buffer, [0, 0, 3]);
        assert_eq!(copy(&buffer).as_deref(), Ok(&[0, 0, 3][..]));
    }

    #[test]
    fn the_least_limit_of_all_groups_counts() {
        let files = [
            ("/sys/fs/cgroup/memory.max", "max"),
            ("/sys/fs/cgroup/system.slice/memory.max", "5000"),
            ("/sys/fs/cgroup/system.slice/pinhole.service/memory.max", "7000"),
            ("/sys/fs/cgroup/memory/docker/ab/memory.limit_in_bytes", "3000"),
            ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712"),
        ];
        let read =
            |path: &str| files.iter().find(|(known, _)| *known == path).map(|(_, text)| format!("{text}\n"));
        assert_eq!(limit("0::/system.slice/pinhole.service\n", read), Some(5000));
        assert_eq!(limit("0::/\n", read), None);
        assert_eq!(limit("5:cpu,memory:/docker/ab\n4:pids:/x\n0::/\n", read), Some(3000));
        assert_eq!(limit("5:memory:/\n", read), Some(9_223_372_036_854_771_712));
        assert_eq!(limit("", read), None);
    }

    #[test]
    fn the_memory_of_a_linux_machine_is_found() {
        let total = |table| bytes(table, "MemTotal:");
        assert_eq!(total("MemTotal:       24602416 kB\nMemFree: 1 kB\n"), Some(24_602_416 * 1024));
        assert_eq!(total("MemTotal: much"), None);
        assert_eq!(total(""), None);
    }
}
