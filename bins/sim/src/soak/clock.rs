//! The clocks of hosts, which differ.
use pinhole::time::{Duration, Instant};
use pinhole_smoltcp::time::{from_smoltcp, to_smoltcp};

const MILLION: i64 = 1_000_000;

/// What a host takes for the time, which goes by faster or slower than it does on the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Clock {
    /// What it shows when the network's time begins.
    pub(super) offset: Duration,
    /// By how many millionths it is too fast.
    pub(super) ppm: i32,
}

impl Clock {
    /// What it shows at a time of the network's.
    pub(super) fn shows(self, at: Instant) -> smoltcp::time::Instant {
        let micros = at.as_micros() as i64;
        let drift = micros * i64::from(self.ppm) / MILLION;
        to_smoltcp(Instant::from_micros((micros + drift) as u64) + self.offset)
    }

    /// The first time of the network's when it shows this, or more.
    pub(super) fn reaches(self, shown: smoltcp::time::Instant) -> Instant {
        let micros = from_smoltcp(shown).since(Instant::ZERO + self.offset).as_micros() as i64;
        let mut at = micros * MILLION / (MILLION + i64::from(self.ppm));
        let shows = |at: i64| self.shows(Instant::from_micros(at as u64));
        // Off by the rounding, which is less than two.
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
    fn a_time_is_reached_when_it_is_shown_and_not_before() {
        for ppm in [-500, -1, 0, 3, 500] {
            let clock = Clock { offset: Duration::from_micros(1_234_567), ppm };
            for at in [0, 1, 2, 999, 1_000_000, 59_999_999, 600_000_001].map(Instant::from_micros) {
                let reached = clock.reaches(clock.shows(at));
                assert!(reached <= at && clock.shows(reached) == clock.shows(at), "{ppm} {at:?} {reached:?}");
                let next = clock.shows(at) + smoltcp::time::Duration::from_micros(1);
                let reached = clock.reaches(next);
                assert!(clock.shows(reached) >= next && reached > at);
            }
            // What was shown before the network's time began is over.
            assert_eq!(clock.reaches(smoltcp::time::Instant::ZERO), Instant::ZERO);
        }
    }
}
