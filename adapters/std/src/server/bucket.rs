//! How much one peer may have done, in the long run and at once.
use pinhole::time::{Duration, Instant};

/// A token bucket: so many pieces of work at once, and so many a second.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bucket {
    burst: u32,
    /// The time that a piece of work takes to be made up for.
    each: Duration,
    /// When the bucket will be, or was, full.
    full_at: Instant,
}

impl Bucket {
    /// Creates a bucket for `burst` pieces at once and `rate` a second, neither of which may be 0.
    pub(super) const fn new(burst: u32, rate: u32) -> Self {
        Self { burst, each: Duration::from_micros(1_000_000 / rate as u64), full_at: Instant::ZERO }
    }

    /// Takes `count` pieces of work, which are done and may be more than there is room for.
    pub(super) fn take(&mut self, now: Instant, count: u32) {
        let debt = Duration::from_micros(self.each.as_micros() * u64::from(count));
        self.full_at = self.full_at.max(now) + debt;
    }

    /// Gives back the right to a piece of work that was taken and not done.
    pub(super) fn give_back(&mut self) {
        self.full_at = Instant::from_micros(self.full_at.as_micros().saturating_sub(self.each.as_micros()));
    }

    /// Takes a piece of work, for which a time is kept in `reserved` if it cannot be done now. Returns when to ask again
    /// with the same `reserved`; `None` if it can be done now. All who wait have times of their own, in the order in
    /// which they asked.
    pub(super) fn reserve(&mut self, reserved: &mut Option<Instant>, now: Instant) -> Option<Instant> {
        if reserved.is_none() {
            *reserved = self.next(now);
            self.take(now, 1);
        }
        *reserved = reserved.filter(|at| *at > now);
        *reserved
    }

    /// Returns when the next piece of work can be done; `None` if it can be done now.
    pub(super) fn next(&self, now: Instant) -> Option<Instant> {
        let room = self.each.as_micros() * u64::from(self.burst.saturating_sub(1));
        let at = Instant::from_micros(self.full_at.as_micros().saturating_sub(room));
        (at > now).then_some(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_made_up_for() {
        let at = |ms: u64| Instant::from_micros(1_000_000 + ms * 1000);
        let mut bucket = Bucket::new(3, 100);
        for _ in 0..3 {
            assert_eq!(bucket.next(at(0)), None);
            bucket.take(at(0), 1);
        }
        assert_eq!(bucket.next(at(0)), Some(at(10)));
        assert_eq!(bucket.next(at(10)), None);
        bucket.take(at(10), 2);
        assert_eq!(bucket.next(at(10)), Some(at(30)));
        assert_eq!(bucket.next(at(1000)), None);
    }
}
