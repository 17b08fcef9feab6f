//! Lets media collect in the kernel, so that one turn receives what would take several.
use pinhole::client::LowerTransport;
use std::thread;
use std::time::Duration;

/// The longest sleep: half the interval of 30 frames a second, over which senders spread a frame.
const LONGEST: Duration = Duration::from_millis(16);
/// The sleep on a connection, where a frame comes at once in a few pieces.
const ON_CONNECTION: Duration = Duration::from_millis(4);
/// The shortest sleep that is worth it.
const SHORTEST: Duration = Duration::from_millis(1);
/// Bytes that a link of 1 Gbit/s can add to a buffer in a microsecond. The kernel accounts for twice the
/// bytes of a packet.
const BYTES_A_MICROSECOND: usize = 250;
/// Fewer bytes than this are a response, after which no more need follow.
const MEDIA: usize = 8 << 10;

/// Sleeps after the first part of a frame, until the rest has come.
///
/// A paced frame comes in many parts, each of which would wake the thread for a few microseconds of
/// work. The sleep is short enough for the socket's buffer, and for a player of recorded media, which shows
/// no frame as soon as it comes. Live frames are not slept for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Gather {
    /// Bytes that this turn has received.
    taken: usize,
    /// Whether this turn came after a sleep, so that the next one receives the first part of a frame.
    slept: bool,
}

impl Gather {
    /// Notes bytes that were received.
    pub(super) const fn take(&mut self, bytes: usize) {
        self.taken = self.taken.saturating_add(bytes);
    }

    /// Sleeps if that is worth it, for `at_most` at the longest, and returns how much of `at_most` is
    /// left. `lower` is the transport of recorded media, and `None` if there are none. `buffer` is the
    /// smallest receive buffer of the tracks' sockets, in bytes.
    pub(super) fn rest(
        &mut self,
        lower: Option<LowerTransport>,
        buffer: usize,
        at_most: Duration,
    ) -> Duration {
        let sleep = match lower {
            Some(LowerTransport::Udp) => time_to_fill(buffer / 2).min(LONGEST),
            Some(LowerTransport::Interleaved) => ON_CONNECTION,
            None => Duration::ZERO,
        };
        let first = !std::mem::replace(&mut self.slept, false);
        let sleep = sleep.min(at_most);
        if std::mem::take(&mut self.taken) < MEDIA || !first || sleep < SHORTEST {
            return at_most;
        }
        self.slept = true;
        thread::sleep(sleep);
        at_most.saturating_sub(sleep)
    }
}

fn time_to_fill(buffer: usize) -> Duration {
    Duration::from_micros((buffer / BYTES_A_MICROSECOND) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    const LARGE: usize = 8 << 20;
    /// What an ordinary user is granted with the default `net.core.rmem_max`.
    const STOCK: usize = 2 * 212_992;

    fn sleeps(gather: &mut Gather, lower: LowerTransport, buffer: usize, at_most: Duration) -> bool {
        let start = Instant::now();
        let left = gather.rest(Some(lower), buffer, at_most);
        assert_eq!(left < at_most, start.elapsed() >= SHORTEST, "{left:?} of {at_most:?} are left");
        left < at_most
    }

    #[test]
    fn it_sleeps_once_for_a_frame() {
        let mut gather = Gather::default();
        gather.take(45_000);
        assert!(sleeps(&mut gather, LowerTransport::Udp, LARGE, Duration::from_secs(1)));
        gather.take(100_000);
        assert!(!sleeps(&mut gather, LowerTransport::Udp, LARGE, Duration::from_secs(1)));
        gather.take(45_000);
        assert!(sleeps(&mut gather, LowerTransport::Interleaved, 0, Duration::from_secs(1)));
    }

    #[test]
    fn small_buffers_and_responses_cause_no_sleep() {
        let mut gather = Gather::default();
        gather.take(45_000);
        assert!(!sleeps(&mut gather, LowerTransport::Udp, STOCK, Duration::from_secs(1)));
        gather.take(1_000);
        assert!(!sleeps(&mut gather, LowerTransport::Interleaved, 0, Duration::from_secs(1)));
        gather.take(45_000);
        assert!(!sleeps(&mut gather, LowerTransport::Udp, LARGE, Duration::ZERO));
        gather.take(45_000);
        assert_eq!(gather.rest(None, LARGE, Duration::from_secs(1)), Duration::from_secs(1));
    }
}
