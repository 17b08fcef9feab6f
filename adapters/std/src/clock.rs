//! The system's clocks, in the units of the core.
use pinhole::time::{Duration, Instant, Now, NtpTime};
use std::time;

/// Reads the monotonic and the wall clock. Monotonic time counts from the creation of this value.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: time::Instant,
}

impl Clock {
    /// Creates a clock whose monotonic time is zero now.
    pub fn start() -> Self {
        Self { origin: time::Instant::now() }
    }

    /// Returns the current time of both clocks. A wall clock that is not set, and shows a time before
    /// 1970, is taken to show the start of 1970.
    pub fn now(&self) -> Now {
        let unix = time::SystemTime::now().duration_since(time::UNIX_EPOCH).unwrap_or_default();
        Now { at: self.at(time::Instant::now()), ntp: NtpTime::from_unix(unix.into()) }
    }

    /// Converts a point in time. One before the creation of this clock becomes zero.
    pub fn at(&self, point: time::Instant) -> Instant {
        Instant::ZERO + Duration::from(point.saturating_duration_since(self.origin))
    }
}
