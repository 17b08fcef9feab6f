//! How many connections the descriptors of this process are enough for.
use super::Options;
use super::limits::FAREWELLS;

/// The most connections that follow from the descriptors, however many there are: each takes some kilobytes
/// of memory.
const MOST_CONNECTIONS: usize = 4096;
/// The most pairs of UDP sockets that follow from the descriptors. Sessions share them.
const MOST_PAIRS: usize = 256;
/// What is left for files that are opened while the server runs, and for connections that are about to be
/// closed.
const SPARE: usize = 16;
/// The descriptors of an event loop: its poll and its waker.
const PER_LOOP: usize = 2;

/// Raises the soft limit of descriptors of this process to the hard one, and returns how many descriptors it
/// may have then. `None` if the system does not say, or has no such limit; [`Options::for_descriptors`] need
/// not be called then.
///
/// This is for programs that run one server, before it is bound. The limit holds for the whole process, and
/// for those that it starts later.
pub fn raise_descriptor_limit() -> Option<usize> {
    #[cfg(target_os = "linux")]
    {
        use nix::sys::resource::{Resource, getrlimit, setrlimit};
        let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).ok()?;
        let raised = setrlimit(Resource::RLIMIT_NOFILE, hard, hard).is_ok();
        usize::try_from(if raised { hard } else { soft }).ok()
    }
    #[cfg(not(target_os = "linux"))]
    {
        None
    }
}

impl Options {
    /// Sets how many connections and UDP sockets a server has from how many descriptors this process may
    /// have, as [`raise_descriptor_limit`] returns it. Call it after [`Self::threads`] is set and the media
    /// are added to the library, as their files count: [`Self::max_connections`],
    /// [`Self::max_connections_per_ip`] and [`Self::max_udp_pairs`] are set so that all of it can be had at
    /// once.
    pub fn for_descriptors(&mut self, descriptors: usize) {
        self.divide(descriptors.saturating_sub(open_descriptors()));
    }

    /// Divides descriptors that are free.
    fn divide(&mut self, free: usize) {
        let threads = self.threads.get();
        let free = free.saturating_sub(PER_LOOP * threads + SPARE + FAREWELLS);
        // A quarter is for UDP, but one pair a loop at least.
        self.max_udp_pairs = (free / 8).min(MOST_PAIRS).max(threads);
        self.set_max_connections(free.saturating_sub(2 * self.max_udp_pairs).clamp(1, MOST_CONNECTIONS));
    }
}

/// Returns how many descriptors this process has now, or a guess.
fn open_descriptors() -> usize {
    const GUESS: usize = 64;
    std::fs::read_dir("/proc/self/fd").map_or(GUESS, Iterator::count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;
    use std::num::NonZero;

    fn options(free: usize, threads: usize) -> Options {
        let mut options = Options::new((Ipv4Addr::LOCALHOST, 0).into());
        options.threads = NonZero::new(threads).unwrap();
        options.divide(free);
        options
    }

    #[test]
    fn all_can_be_had_at_once() {
        for threads in [1, 2, 8] {
            for free in [100, 245, 1010, 4000, 1 << 20] {
                let options = options(free, threads);
                let sum = options.max_connections + 2 * options.max_udp_pairs + PER_LOOP * threads;
                assert!(sum + SPARE + FAREWELLS <= free, "{sum} of {free} with {threads} loops");
                assert!(options.max_connections_per_ip <= options.max_connections);
                assert!(options.max_udp_pairs >= threads);
            }
        }
        assert_eq!(options(0, 4).max_connections, 1);
        let stock = options(1010, 4);
        assert!((600..1000).contains(&stock.max_connections), "{stock:?}");
        assert_eq!(options(245, 2).max_connections_per_ip, 64);
    }
}
