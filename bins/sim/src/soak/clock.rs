//! The clocks of hosts, which differ from the network's.
use pinhole::time::{Duration, Instant};
use pinhole_smoltcp::time::{from_smoltcp, to_smoltcp};

const MILLION: i64 = 1_000_000;

/// A host's clock, which is faster or slower than the network's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Clock {
    /// What it shows at the origin of the network's time.
    pub(super) offset: Duration,
    /// Its drift in parts per million. Positive: it is fast.
    pub(super) ppm: i32,
}

impl Clock {
    /// Returns what it shows at a time of the network.
    pub(super) fn shows(self, at: Instant) -> smoltcp::time::Instant {
        let micros = at.as_micros() as i64;
        let drift = micros * i64::from(self.ppm) / MILLION;
        to_smoltcp(Instant::from_micros((micros + drift) as u64) + self.offset)
    }

    /// Returns the first time of the network at which it shows `shown` or more.
    pub(super) fn reaches(self, shown: smoltcp::time::Instant) -> Instant {
        let micros = from_smoltcp(shown).since(Instant::ZERO + self.offset).as_micros() as i64;
        let mut at = micros * MILLION / (MILLION + i64::from(self.ppm));
        let shows = |at: i64| self.shows(Instant::from_micros(at as u64));
        // Rounding is off by less than two.
        while at > 0 && shows(at - 1) >= shown {
            at -= 1;
        }
        while shows(at) < shown {
            at += 1;
        }
        Instant::from_micros(at as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_reached_when_shown() {
        for ppm in [-500, -1, 0, 3, 500] {
            let clock = Clock { offset: Duration::from_micros(1_234_567), ppm };
            for at in [0, 1, 2, 999, 1_000_000, 59_999_999, 600_000_001].map(Instant::from_micros) {
                let reached = clock.reaches(clock.shows(at));
                assert!(reached <= at && clock.shows(reached) == clock.shows(at), "{ppm} {at:?} {reached:?}");
                let next = clock.shows(at) + smoltcp::time::Duration::from_micros(1);
                let reached = clock.reaches(next);
                assert!(clock.shows(reached) >= next && reached > at);
            }
            // Times before the origin have been reached.
            assert_eq!(clock.reaches(smoltcp::time::Instant::ZERO), Instant::ZERO);
        }
    }
}
