//! The system's clocks, in the units of the core.
use pinhole::time::{Duration, Instant, Now, NtpTime};
use std::time;

/// The system's monotonic clock and wall clock, in the units of the core. Make one clock for the program, and
/// pass the result of [`Self::now`] as the current time to the methods of the core.
///
/// Monotonic time is zero at the moment of [`Self::start`]. A copy of a clock has the same zero as the
/// original.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: time::Instant,
}

impl Clock {
    /// Creates a clock whose monotonic time is zero now.
    pub fn start() -> Self {
        Self { origin: time::Instant::now() }
    }

    /// Returns the current time of both clocks: monotonic time since [`Self::start`], and the time of the
    /// system's wall clock. If the wall clock is not set and shows a time before 1970, the start of 1970 is
    /// returned in its place.
    pub fn now(&self) -> Now {
        let unix = time::SystemTime::now().duration_since(time::UNIX_EPOCH).unwrap_or_default();
        Now { at: self.at(time::Instant::now()), ntp: NtpTime::from_unix(unix.into()) }
    }

    /// Converts a point in time of the standard library to monotonic time of this clock. If `point` is before
    /// [`Self::start`], the result is zero.
    pub fn at(&self, point: time::Instant) -> Instant {
        Instant::ZERO + Duration::from(point.saturating_duration_since(self.origin))
    }
}
