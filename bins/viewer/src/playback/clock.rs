//! The player's time: it runs while pictures do, and stands while they are held.
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A stopwatch that all threads share. Whatever is due is due in its time, so that a pause needs
/// no rescheduling anywhere.
#[derive(Debug)]
pub(crate) struct PlayerClock(Mutex<State>);

#[derive(Debug)]
struct State {
    /// What it read when it last stopped.
    elapsed: Duration,
    /// Since when it has been running again.
    running: Option<Instant>,
}

impl PlayerClock {
    /// A running clock, at zero.
    pub(crate) fn start() -> Self {
        Self(Mutex::new(State { elapsed: Duration::ZERO, running: Some(Instant::now()) }))
    }

    /// What it reads.
    pub(crate) fn now(&self) -> Duration {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).read()
    }

    /// How long until it reads `time`; `None` while it stands still.
    pub(crate) fn until(&self, time: Duration) -> Option<Duration> {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.running.map(|_| time.saturating_sub(state.read()))
    }

    /// Stops it, or lets it go on.
    pub(crate) fn hold(&self, held: bool) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held == state.running.is_none() {
            return;
        }
        state.elapsed = state.read();
        state.running = (!held).then(Instant::now);
    }
}

impl State {
    fn read(&self) -> Duration {
        self.elapsed + self.running.map_or(Duration::ZERO, |since| since.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_held_clock_stands_and_then_goes_on_from_there() {
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
