//! When to try again to reach a server that is gone.
use std::time::{Duration, Instant};

/// The time before the first attempt.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// The longest time before an attempt.
const LONGEST_WAIT: Duration = Duration::from_secs(8);

/// Schedules attempts to reconnect. Each waits twice as long as the one before it.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    /// The number of the attempt that is next or under way, counted from 1; 0 before the first
    /// failure.
    pub(crate) attempt: u32,
    /// Why the last attempt failed, or why the connection was lost.
    pub(crate) reason: String,
    at: Option<Instant>,
}

impl Backoff {
    /// Schedules the next attempt after a failure.
    pub(crate) fn failed(&mut self, reason: String, now: Instant) {
        let doubled = 1_u32.checked_shl(self.attempt).and_then(|times| FIRST_WAIT.checked_mul(times));
        self.attempt = self.attempt.saturating_add(1);
        self.at = Some(now + doubled.map_or(LONGEST_WAIT, |wait| wait.min(LONGEST_WAIT)));
        self.reason = reason;
    }

    /// Returns whether an attempt is due now. Returns `true` once for each attempt: the caller has to
    /// start it.
    pub(crate) fn take_due(&mut self, now: Instant) -> bool {
        self.at.take_if(|at| *at <= now).is_some()
    }

    /// Returns the time until the next attempt; zero while one is under way.
    pub(crate) fn wait(&self, now: Instant) -> Duration {
        self.at.map_or(Duration::ZERO, |at| at.saturating_duration_since(now))
    }

    /// Returns when the next attempt is due; `None` while one is under way.
    pub(crate) fn at(&self) -> Option<Instant> {
        self.at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_limit() {
        let mut backoff = Backoff::default();
        let mut now = Instant::now();
        let waits = [0.5, 1.0, 2.0, 4.0, 8.0, 8.0].map(Duration::from_secs_f64);
        for wait in waits {
            backoff.failed("gone".to_owned(), now);
            assert_eq!(backoff.wait(now), wait);
            assert!(!backoff.take_due(now));
            now += wait;
            assert!(backoff.take_due(now) && !backoff.take_due(now));
        }
        backoff.attempt = u32::MAX;
        backoff.failed("gone".to_owned(), now);
        assert_eq!((backoff.wait(now), backoff.attempt), (LONGEST_WAIT, u32::MAX));
    }
}
