//! The memory of the machine.
use std::fs;
use std::path::Path;

/// The memory that is assumed if the system does not say, in bytes.
const UNKNOWN: usize = 1 << 30;

/// Returns the default size in bytes of the cache of a [`Library`](super::Library): a quarter of the memory
/// that this process may use. On Linux, that memory is the memory of the machine, or the least limit of the
/// process's control group and of those around it (cgroups, version 1 and 2), if that is less. If the system
/// does not say how much memory there is, the result is 256 MiB.
pub fn default_cache() -> usize {
    usable_memory().unwrap_or(UNKNOWN) / 4
}

/// Returns the memory in bytes that this process may use: on Linux, the memory of the machine, or the least limit
/// of its control groups if that is less, as [`default_cache`] says. `None` if the system does not say how much
/// there is.
pub fn usable_memory() -> Option<usize> {
    let read = |path: &str| fs::read_to_string(path).ok();
    let machine = read("/proc/meminfo").and_then(|text| total(&text));
    let groups = read("/proc/self/cgroup").unwrap_or_default();
    machine.into_iter().chain(limit(&groups, read)).min()
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

/// Returns the total memory in bytes, of a table as in Linux's `/proc/meminfo`.
fn total(table: &str) -> Option<usize> {
    let line = table.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<usize>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(total("MemTotal:       24602416 kB\nMemFree: 1 kB\n"), Some(24_602_416 * 1024));
        assert_eq!(total("MemTotal: much"), None);
        assert_eq!(total(""), None);
    }
}
