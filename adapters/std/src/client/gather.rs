//! Leaves media to gather, so that one turn takes in what several would.
use pinhole::client::LowerTransport;
use std::thread;
use std::time::Duration;

/// The longest time: half the interval of 30 frames a second, over which senders spread a frame.
const LONGEST: Duration = Duration::from_millis(16);
/// On a connection a frame comes at once, in a few pieces.
const ON_CONNECTION: Duration = Duration::from_millis(4);
/// No sleep is shorter.
const SHORTEST: Duration = Duration::from_millis(1);
/// What a link of 1 Gbit/s can put into a buffer in a microsecond, where the kernel accounts for twice
/// the bytes of a packet.
const BYTES_A_MICROSECOND: usize = 250;
/// Less than this is a response, and waits for nothing.
const MEDIA: usize = 8 << 10;

/// Sleeps after the first part of a frame, until the rest has come.
///
/// A paced frame comes in as many parts as there are batches, and each would wake the thread, for a few
/// microseconds' work. The sleep is short enough for the socket's buffer, and for a player, that shows
/// no frame as soon as it comes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Gather {
    /// Bytes that the turn has taken in.
    taken: usize,
    /// The turn came after a sleep: what comes next is the first part of another frame.
    slept: bool,
}

impl Gather {
    /// Notes bytes that were taken in.
    pub(super) const fn take(&mut self, bytes: usize) {
        self.taken = self.taken.saturating_add(bytes);
    }

    /// Sleeps where that is worth it, `at_most` so long, and says what of that time is left. `buffer`:
    /// bytes that the receive buffers of the track's sockets have.
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
    /// What an ordinary user gets where nobody has raised `net.core.rmem_max`.
    const STOCK: usize = 2 * 212_992;

    fn sleeps(gather: &mut Gather, lower: LowerTransport, buffer: usize, at_most: Duration) -> bool {
        let start = Instant::now();
        let left = gather.rest(Some(lower), buffer, at_most);
        assert_eq!(left < at_most, start.elapsed() >= SHORTEST, "{left:?} of {at_most:?} are left");
        left < at_most
    }

    #[test]
    fn the_rest_of_a_frame_is_waited_for_once() {
        let mut gather = Gather::default();
        gather.take(45_000);
        assert!(sleeps(&mut gather, LowerTransport::Udp, LARGE, Duration::from_secs(1)));
        gather.take(100_000);
        assert!(!sleeps(&mut gather, LowerTransport::Udp, LARGE, Duration::from_secs(1)));
        gather.take(45_000);
        assert!(sleeps(&mut gather, LowerTransport::Interleaved, 0, Duration::from_secs(1)));
    }

    #[test]
    fn nothing_is_waited_for_that_a_buffer_may_not_hold_or_that_is_no_media() {
        let mut gather = Gather::default();
        gather.take(45_000);
        assert!(!sleeps(&mut gather, LowerTransport::Udp, STOCK, Duration::from_secs(1)));
        gather.take(1_000);
        assert!(!sleeps(&mut gather, LowerTransport::Interleaved, 0, Duration::from_secs(1)));
        gather.take(45_000);
        assert!(!sleeps(&mut gather, LowerTransport::Udp, LARGE, Duration::ZERO));
    }
}
