//! smoltcp's clock and the core's: both count microseconds, from an origin of the caller's.
use pinhole::time::{Duration, Instant, Now, NtpTime};

/// What time it is, without a wall clock: sender reports then count from 1970 as if the monotonic
/// clock had started there, which is enough to keep tracks in step.
///
/// With one, fill in [`Now::ntp`].
pub fn now(at: smoltcp::time::Instant) -> Now {
    let at = from_smoltcp(at);
    Now { at, ntp: NtpTime::from_unix(at.since(Instant::ZERO)) }
}

/// The core's form of a point in time. A point before the origin becomes the origin.
pub fn from_smoltcp(at: smoltcp::time::Instant) -> Instant {
    Instant::ZERO + Duration::from_micros(u64::try_from(at.total_micros()).unwrap_or(0))
}

/// smoltcp's form of a point in time. One that is later than it can say becomes its last.
pub fn to_smoltcp(at: Instant) -> smoltcp::time::Instant {
    smoltcp::time::Instant::from_micros(i64::try_from(at.as_micros()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_other_clock_cannot_say_saturates() {
        assert_eq!(from_smoltcp(smoltcp::time::Instant::from_micros(-1)), Instant::ZERO);
        let last = smoltcp::time::Instant::from_micros(i64::MAX);
        assert_eq!(to_smoltcp(Instant::from_micros(u64::MAX)), last);
        assert_eq!(to_smoltcp(from_smoltcp(last)), last);
    }
}
