//! The system's clocks, in the units of the core.
use pinhole::time::{Duration, Instant, Now, NtpTime};
use std::time;

/// The system's clocks in the units of the core: [`Self::now`] returns what the core's calls take as the
/// current time. Monotonic time counts from [`Self::start`]; copies of a clock share that zero.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: time::Instant,
}

impl Clock {
    /// Creates a clock whose monotonic time is zero now.
    pub fn start() -> Self {
        Self { origin: time::Instant::now() }
    }

    /// Returns the current time of both clocks: the monotonic clock, counted from [`Self::start`], and the
    /// system's wall clock. A wall clock that shows a time before 1970, because it is not set, is taken to
    /// show the start of 1970.
    pub fn now(&self) -> Now {
        let unix = time::SystemTime::now().duration_since(time::UNIX_EPOCH).unwrap_or_default();
        Now { at: self.at(time::Instant::now()), ntp: NtpTime::from_unix(unix.into()) }
    }

    /// Converts a point in time of the standard library to monotonic time of this clock. A point before
    /// [`Self::start`] becomes zero.
    pub fn at(&self, point: time::Instant) -> Instant {
        Instant::ZERO + Duration::from(point.saturating_duration_since(self.origin))
    }
}
