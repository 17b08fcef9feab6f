//! The clocks of a desktop, as the core wants them told.
use pinhole::time::{Duration, Instant, Now, NtpTime};
use std::time;

/// Reads both clocks; the monotonic one counts from when this was made.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: time::Instant,
}

impl Clock {
    /// A clock that starts at zero now.
    pub fn start() -> Self {
        Self { origin: time::Instant::now() }
    }

    /// What time it is.
    pub fn now(&self) -> Now {
        // A wall clock before 1970 is a wall clock that is not set.
        let unix = time::SystemTime::now().duration_since(time::UNIX_EPOCH).unwrap_or_default();
        Now { at: self.at(time::Instant::now()), ntp: NtpTime::from_unix(unix.into()) }
    }

    /// The core's form of a point in time; zero for one before the clock was made.
    pub fn at(&self, point: time::Instant) -> Instant {
        Instant::ZERO + Duration::from(point.saturating_duration_since(self.origin))
    }
}
