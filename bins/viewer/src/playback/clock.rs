//! The player's clock, which runs while the picture does.
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A stopwatch that all threads share. Frames are due in its time, so that nothing has to be
/// rescheduled after a pause.
#[derive(Debug)]
pub(crate) struct PlayerClock(Mutex<Reading>);

#[derive(Debug)]
struct Reading {
    /// The time when the clock last stopped.
    elapsed: Duration,
    /// Since when the clock has been running again; `None` while it stands.
    running: Option<Instant>,
}

impl PlayerClock {
    /// Starts a clock at zero.
    pub(crate) fn start() -> Self {
        Self(Mutex::new(Reading { elapsed: Duration::ZERO, running: Some(Instant::now()) }))
    }

    /// Returns the player's time.
    pub(crate) fn now(&self) -> Duration {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).now()
    }

    /// Returns how long it takes until the player's time is `time`; `None` while the clock stands.
    pub(crate) fn until(&self, time: Duration) -> Option<Duration> {
        let reading = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        reading.running.map(|_| time.saturating_sub(reading.now()))
    }

    /// Stops the clock, or lets it run on.
    pub(crate) fn hold(&self, held: bool) {
        let mut reading = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held == reading.running.is_none() {
            return;
        }
        reading.elapsed = reading.now();
        reading.running = (!held).then(Instant::now);
    }
}

impl Reading {
    fn now(&self) -> Duration {
        self.elapsed + self.running.map_or(Duration::ZERO, |since| since.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_held_clock_stands_and_resumes() {
        let clock = PlayerClock::start();
        clock.hold(true);
        let stood = clock.now();
        std::thread::sleep(Duration::from_millis(20));
        assert_eq!(clock.now(), stood);
        assert_eq!(clock.until(stood), None);
        clock.hold(true);
        clock.hold(false);
        let since = clock.now() - stood;
        assert!(since < Duration::from_millis(20), "the pause was counted: {since:?}");
        assert!(clock.until(stood + Duration::from_secs(9)).is_some_and(|wait| wait.as_secs() == 8));
    }
}
