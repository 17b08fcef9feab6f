//! Conversions between smoltcp's clock and the core's. Both count microseconds from an origin that the
//! caller chooses, such as the start of the device.
use pinhole::time::{Duration, Instant, Now, NtpTime};

/// Returns smoltcp's time `at` as the core's time, for a device without a wall clock.
///
/// The wall clock time [`Now::ntp`] in the result is made up: the origin of smoltcp's clock counts as the
/// start of 1970. That suffices for receivers to synchronise tracks with each other. If the device has a
/// wall clock, set [`Now::ntp`] of the result from that clock.
pub fn now(at: smoltcp::time::Instant) -> Now {
    let at = from_smoltcp(at);
    Now { at, ntp: NtpTime::from_unix(at.since(Instant::ZERO)) }
}

/// Converts a time of smoltcp to one of the core. Both count microseconds from the same origin. A time before
/// the origin becomes the origin.
pub fn from_smoltcp(at: smoltcp::time::Instant) -> Instant {
    Instant::ZERO + Duration::from_micros(u64::try_from(at.total_micros()).unwrap_or(0))
}

/// Converts a time of the core to one of smoltcp. Both count microseconds from the same origin. A time later
/// than smoltcp's latest becomes the latest.
pub fn to_smoltcp(at: Instant) -> smoltcp::time::Instant {
    smoltcp::time::Instant::from_micros(i64::try_from(at.as_micros()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conversions_saturate() {
        assert_eq!(from_smoltcp(smoltcp::time::Instant::from_micros(-1)), Instant::ZERO);
        let last = smoltcp::time::Instant::from_micros(i64::MAX);
        assert_eq!(to_smoltcp(Instant::from_micros(u64::MAX)), last);
        assert_eq!(to_smoltcp(from_smoltcp(last)), last);
    }
}
