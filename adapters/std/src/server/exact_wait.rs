//! Waits for the events of a loop until one of two times, of which one is exact.
use mio::{Events, Poll};
use std::io;
use std::time::Duration;

/// Waits until there are events, and no longer than `timeout` and `exact`. The system's timers may make the
/// wait up to a millisecond longer than `timeout`, and about a tenth of that longer than `exact`. If `exact` is far,
/// the wait ends before it without an event: wait again then.
///
/// # Errors
/// Returns an error if the system cannot wait, or if a signal has interrupted the wait.
pub(super) fn poll(
    poll: &mut Poll,
    events: &mut Events,
    timeout: Option<Duration>,
    exact: Option<Duration>,
) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    if let Some(exact) = exact.filter(|exact| timeout.is_none_or(|timeout| *exact < linux::rounded(timeout)))
    {
        // Events end most waits that are long. To wait exactly takes a system call more.
        if exact < linux::FAR {
            linux::wait(poll, exact)?;
            return poll.poll(events, Some(Duration::ZERO));
        }
        return poll.poll(events, Some(exact / 2));
    }
    poll.poll(events, timeout.into_iter().chain(exact).min())
}

/// The timeouts of epoll, by which mio waits, are whole milliseconds.
#[cfg(target_os = "linux")]
mod linux {
    use super::*;
    use nix::poll::{PollFd, PollFlags, ppoll};
    use std::os::fd::AsFd;

    /// Of a wait that is longer than this, half is left to epoll.
    pub(super) const FAR: Duration = Duration::from_millis(20);

    /// Returns how long epoll waits by a timeout.
    pub(super) fn rounded(timeout: Duration) -> Duration {
        let millis = timeout.as_nanos().div_ceil(1_000_000);
        Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
    }

    /// Waits until `poll` has events, and no longer than `timeout`.
    pub(super) fn wait(poll: &Poll, timeout: Duration) -> io::Result<()> {
        if !timeout.is_zero() {
            let mut ready = [PollFd::new(poll.registry().as_fd(), PollFlags::POLLIN)];
            ppoll(&mut ready, Some(timeout.into()), None)?;
        }
        Ok(())
    }

    #[cfg(test)]
    mod tests {
        use super::super::poll;
        use super::*;
        use mio::{Token, Waker};
        use std::time::Instant;

        const LONG: Duration = Duration::from_secs(600);

        #[test]
        fn a_timeout_is_whole_milliseconds() {
            for (timeout, whole) in [(0, 0), (1, 1), (999, 1), (1_000, 1), (1_001, 2)] {
                assert_eq!(rounded(Duration::from_micros(timeout)), Duration::from_millis(whole));
            }
        }

        #[test]
        fn it_ends_at_the_earlier_time_and_not_before() {
            let (mut own, mut events) = (Poll::new().unwrap(), Events::with_capacity(1));
            let short = Duration::from_micros(1_300);
            for (timeout, exact) in
                [(Some(LONG), Some(short)), (None, Some(short)), (Some(short), Some(LONG))]
            {
                let start = Instant::now();
                poll(&mut own, &mut events, timeout, exact).unwrap();
                assert!(start.elapsed() >= short && events.is_empty());
            }
            poll(&mut own, &mut events, Some(Duration::ZERO), Some(LONG)).unwrap();
            poll(&mut own, &mut events, Some(LONG), Some(Duration::ZERO)).unwrap();
        }

        #[test]
        fn a_wait_until_a_far_time_ends_before_it() {
            let (mut own, mut events) = (Poll::new().unwrap(), Events::with_capacity(1));
            poll(&mut own, &mut events, None, Some(FAR)).unwrap();
            assert!(events.is_empty());
            let long = Duration::from_secs(3);
            let start = Instant::now();
            poll(&mut own, &mut events, Some(LONG), Some(long)).unwrap();
            assert!(events.is_empty() && start.elapsed() >= long / 2);
        }

        #[test]
        fn an_event_ends_it() {
            let (mut own, mut events) = (Poll::new().unwrap(), Events::with_capacity(1));
            let waker = Waker::new(own.registry(), Token(7)).unwrap();
            waker.wake().unwrap();
            poll(&mut own, &mut events, None, Some(LONG)).unwrap();
            assert_eq!(events.iter().map(|event| event.token()).collect::<Vec<_>>(), [Token(7)]);
        }
    }
}
