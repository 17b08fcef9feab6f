//! The memory of the machine.
use std::fs;

/// The memory that is assumed if the system does not say, in bytes.
const UNKNOWN: usize = 1 << 30;

/// Returns the default size in bytes of the cache of a [`Library`](super::Library): a quarter of the memory
/// that this process may use. On Linux, that memory is the memory of the machine, or the limit of the
/// process's control group (version 2) if the limit is less. If the system does not say how much memory
/// there is, the result is 256 MiB.
pub fn default_cache() -> usize {
    let machine = fs::read_to_string("/proc/meminfo").ok().and_then(|text| total(&text));
    // The limit of a container, or "max".
    let limit = fs::read_to_string("/sys/fs/cgroup/memory.max").ok();
    let limit = limit.and_then(|text| text.trim().parse().ok());
    machine.into_iter().chain(limit).min().unwrap_or(UNKNOWN) / 4
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
    fn the_memory_of_a_linux_machine_is_found() {
        assert_eq!(total("MemTotal:       24602416 kB\nMemFree: 1 kB\n"), Some(24_602_416 * 1024));
        assert_eq!(total("MemTotal: much"), None);
        assert_eq!(total(""), None);
    }
}
