//! When to try again to reach a server that is gone.
use std::time::{Duration, Instant};

/// Before the first try.
const FIRST: Duration = Duration::from_millis(500);
/// The longest time between two.
const LONGEST: Duration = Duration::from_secs(8);

/// Tries, each after twice the time of the one before.
#[derive(Debug, Default)]
pub(crate) struct Retry {
    /// How often it was tried, and is about to be.
    pub(crate) attempt: u32,
    /// Why the server is gone, or the last try failed.
    pub(crate) reason: String,
    at: Option<Instant>,
}

impl Retry {
    /// It failed: there will be another try.
    pub(crate) fn failed(&mut self, reason: String, now: Instant) {
        let doubled = 1_u32.checked_shl(self.attempt).and_then(|times| FIRST.checked_mul(times));
        self.attempt = self.attempt.saturating_add(1);
        self.at = Some(now + doubled.map_or(LONGEST, |wait| wait.min(LONGEST)));
        self.reason = reason;
    }

    /// Whether to try now; that is told once.
    pub(crate) fn is_due(&mut self, now: Instant) -> bool {
        self.at.take_if(|at| *at <= now).is_some()
    }

    /// The time until the next try; zero while one is under way.
    pub(crate) fn wait(&self, now: Instant) -> Duration {
        self.at.map_or(Duration::ZERO, |at| at.saturating_duration_since(now))
    }

    /// The next try's time; `None` while one is under way.
    pub(crate) fn at(&self) -> Option<Instant> {
        self.at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_limit_and_each_try_is_told_once() {
        let mut retry = Retry::default();
        let mut now = Instant::now();
        let waits = [0.5, 1.0, 2.0, 4.0, 8.0, 8.0].map(Duration::from_secs_f64);
        for wait in waits {
            retry.failed("gone".to_owned(), now);
            assert_eq!(retry.wait(now), wait);
            assert!(!retry.is_due(now));
            now += wait;
            assert!(retry.is_due(now) && !retry.is_due(now));
        }
        retry.attempt = u32::MAX;
        retry.failed("gone".to_owned(), now);
        assert_eq!((retry.wait(now), retry.attempt), (LONGEST, u32::MAX));
    }
}
