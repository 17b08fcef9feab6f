//! The player's clock, which runs while the picture does.
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A stopwatch that all threads share. Frames are due in its time, so that nothing has to be
/// rescheduled after a pause.
#[derive(Debug)]
pub(crate) struct PlayerClock {
    started: Instant,
    reading: Mutex<Reading>,
}

/// One moment on two clocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Moment {
    /// The player's time, which stands while the picture does.
    pub(crate) player: Duration,
    /// The time since the player was started, which always goes on.
    pub(crate) real: Duration,
}

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
        let started = Instant::now();
        let reading = Reading { elapsed: Duration::ZERO, running: Some(started) };
        Self { started, reading: Mutex::new(reading) }
    }

    /// Returns the player's time.
    pub(crate) fn now(&self) -> Duration {
        self.reading().at(Instant::now())
    }

    /// Returns the present time on both clocks.
    pub(crate) fn moment(&self) -> Moment {
        let now = Instant::now();
        Moment { player: self.reading().at(now), real: self.real(now) }
    }

    /// Returns how long after the start of the player `at` is.
    pub(crate) fn real(&self, at: Instant) -> Duration {
        at.saturating_duration_since(self.started)
    }

    /// Returns how long it takes until the player's time is `time`; `None` while the clock stands.
    pub(crate) fn until(&self, time: Duration) -> Option<Duration> {
        let reading = self.reading();
        reading.running.map(|_| time.saturating_sub(reading.at(Instant::now())))
    }

    /// Stops the clock, or lets it run on.
    pub(crate) fn hold(&self, held: bool) {
        let mut reading = self.reading();
        if held == reading.running.is_none() {
            return;
        }
        let now = Instant::now();
        reading.elapsed = reading.at(now);
        reading.running = (!held).then_some(now);
    }

    fn reading(&self) -> MutexGuard<'_, Reading> {
        self.reading.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reading {
    fn at(&self, now: Instant) -> Duration {
        self.elapsed + self.running.map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
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
        let Moment { player, real } = clock.moment();
        assert!(real >= player + Duration::from_millis(20), "real time stood, too: {real:?}");
    }
}
