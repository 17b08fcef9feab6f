//! What is known of frames that could not be loaded: which are passed over, when they are tried again, and
//! whether there is any point in going on with the medium.
use super::super::problem::Problem;
use std::path::Path;
#[cfg(any(feature = "simulation", all(test, feature = "server", feature = "transcode")))]
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// After this time, what could not be read is tried again.
const RETRY: Duration = Duration::from_secs(10);
/// So many frames that cannot be read one after the other mean that the file cannot be read.
const STREAK: u32 = 16;
/// The unit of the times in the states of frames.
const TICK: Duration = Duration::from_millis(10);

/// What is known of a frame. Frames may be millions, so that it is kept in four bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// It was not loaded yet.
    Unknown,
    /// It is sent as it is in the file, so many bytes of it.
    AsIs(u32),
    /// It is normalised whenever it is loaded.
    Normalised,
    /// It could not be read. It is tried again at this time, in ticks.
    Unreadable(u32),
    /// It can never be sent.
    Unusable,
}

const UNKNOWN: u32 = 0;
const NORMALISED: u32 = u32::MAX - 1;
const UNUSABLE: u32 = u32::MAX;
/// Lengths are less.
const UNREADABLE: u32 = 1 << 31;

impl State {
    const fn of(code: u32) -> Self {
        match code {
            UNKNOWN => Self::Unknown,
            NORMALISED => Self::Normalised,
            UNUSABLE => Self::Unusable,
            code if code >= UNREADABLE => Self::Unreadable(code - UNREADABLE),
            len => Self::AsIs(len),
        }
    }

    fn code(self) -> u32 {
        match self {
            Self::Unknown => UNKNOWN,
            Self::AsIs(len) if len > 0 && len < UNREADABLE => len,
            Self::AsIs(_) | Self::Normalised => NORMALISED,
            Self::Unreadable(at) => UNREADABLE + at.min(UNREADABLE - 3),
            Self::Unusable => UNUSABLE,
        }
    }

    const fn is_failure(self) -> bool {
        matches!(self, Self::Unreadable(_) | Self::Unusable)
    }
}

/// Whether a frame can be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outlook {
    /// It is in the cache, or can be loaded. If it is known to be sent as it is, so many bytes of it.
    Good { as_is: Option<u32> },
    /// It cannot be had, and others can.
    PassOver,
    /// Neither it nor any other can be had.
    End,
}

/// Why a frame could not be loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// It could not be read, or is not what it was: that may pass.
    Unreadable,
    /// It will never be different.
    Unusable,
}

/// What is known of the frames of a medium. It is shared by loaders and event loops. It never waits, but for
/// whoever copies the newest problem.
#[derive(Debug)]
pub(super) struct Health {
    states: Box<[AtomicU32]>,
    /// How many of the states are failures.
    failing: AtomicU32,
    /// How many frames one after the other could not be read.
    streak: AtomicU32,
    /// When files are read again after a streak, in ticks; 0 if they are read now.
    again: AtomicU32,
    /// Whether an end of the medium was told, and no frame was loaded since.
    told_end: AtomicBool,
    faults: AtomicU64,
    /// Why a frame could not be loaded the last time.
    newest: Mutex<Option<Problem>>,
    start: Instant,
    retry: Duration,
    /// What shows the time instead, in ticks.
    #[cfg(any(feature = "simulation", all(test, feature = "server", feature = "transcode")))]
    clock: Option<Arc<AtomicU32>>,
}

impl Health {
    /// Creates what is known of `frames` frames before any was loaded.
    pub(super) fn new(frames: usize) -> Self {
        Self {
            states: (0..frames).map(|_| AtomicU32::new(UNKNOWN)).collect(),
            failing: AtomicU32::new(0),
            streak: AtomicU32::new(0),
            again: AtomicU32::new(0),
            told_end: AtomicBool::new(false),
            faults: AtomicU64::new(0),
            newest: Mutex::default(),
            start: Instant::now(),
            retry: RETRY,
            #[cfg(any(feature = "simulation", all(test, feature = "server", feature = "transcode")))]
            clock: None,
        }
    }

    /// Has `clock` show the time, in units of ten milliseconds.
    #[cfg(any(feature = "simulation", all(test, feature = "server", feature = "transcode")))]
    pub(super) fn time_by(&mut self, clock: Arc<AtomicU32>) {
        self.clock = Some(clock);
    }

    #[cfg(any(test, feature = "simulation"))]
    pub(super) const fn retry_after(&mut self, retry: Duration) {
        self.retry = retry;
    }

    /// Returns whether frame `n` can be had.
    pub(super) fn outlook(&self, n: u32) -> Outlook {
        let failed = match self.state(n) {
            State::Unknown | State::Normalised => return Outlook::Good { as_is: None },
            State::AsIs(len) => return Outlook::Good { as_is: Some(len) },
            State::Unusable => true,
            State::Unreadable(again) => self.now() < again,
        };
        match failed {
            true if self.failing.load(Ordering::Acquire) as usize >= self.states.len() => Outlook::End,
            true => Outlook::PassOver,
            false => Outlook::Good { as_is: None },
        }
    }

    /// Returns whether nothing is read now, because it would fail.
    pub(super) fn is_down(&self) -> bool {
        match self.again.load(Ordering::Acquire) {
            0 => false,
            again => self.now() < again,
        }
    }

    /// Notes that frame `n` was loaded; `as_is` is its length if it is sent as it is in the file.
    pub(super) fn loaded(&self, n: u32, as_is: Option<u32>) {
        self.set(n, as_is.map_or(State::Normalised, State::AsIs));
        self.streak.store(0, Ordering::Release);
        self.again.store(0, Ordering::Release);
        self.told_end.store(false, Ordering::Release);
    }

    /// Notes that frame `n` of the medium at `path` could not be loaded, and tells that: the first fault,
    /// and how many there are whenever that has doubled.
    pub(super) fn failed(&self, n: u32, failure: Failure, path: &Path, problem: &Problem) {
        // Before a session can end for it.
        *self.newest.lock().unwrap_or_else(PoisonError::into_inner) = Some(problem.clone());
        let again = self.now().saturating_add(ticks(self.retry)).max(1);
        match failure {
            Failure::Unusable => self.set(n, State::Unusable),
            Failure::Unreadable => {
                self.set(n, State::Unreadable(again));
                if self.streak.fetch_add(1, Ordering::AcqRel).saturating_add(1) >= STREAK {
                    self.again.store(again, Ordering::Release);
                }
            }
        }
        let faults = self.faults.fetch_add(1, Ordering::AcqRel).saturating_add(1);
        if faults == 1 {
            tracing::warn!("{problem}");
        } else if faults.is_power_of_two() {
            tracing::warn!("{}: {faults} frames could not be loaded so far", path.display());
        }
        let hopeless = self.failing.load(Ordering::Acquire) as usize >= self.states.len();
        if (hopeless || self.is_down()) && !self.told_end.swap(true, Ordering::AcqRel) {
            let reason = &problem.reason;
            tracing::warn!(
                "{}: its frames cannot be loaded any more ({reason}); sessions that play it end",
                path.display()
            );
        }
    }

    /// Returns why a frame could not be loaded the last time; `None` if all could.
    pub(super) fn problem(&self) -> Option<Problem> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns how many frames could not be loaded when they were last tried.
    pub(super) fn failing(&self) -> u64 {
        self.failing.load(Ordering::Acquire).into()
    }

    fn state(&self, n: u32) -> State {
        self.states.get(n as usize).map_or(State::Unusable, |state| State::of(state.load(Ordering::Acquire)))
    }

    fn set(&self, n: u32, to: State) {
        let Some(state) = self.states.get(n as usize) else { return };
        let was = State::of(state.swap(to.code(), Ordering::AcqRel)).is_failure();
        match (was, to.is_failure()) {
            (false, true) => drop(self.failing.fetch_add(1, Ordering::AcqRel)),
            (true, false) => drop(self.failing.fetch_sub(1, Ordering::AcqRel)),
            _ => {}
        }
    }

    /// The time since the start, in ticks.
    fn now(&self) -> u32 {
        #[cfg(any(feature = "simulation", all(test, feature = "server", feature = "transcode")))]
        if let Some(clock) = &self.clock {
            return clock.load(Ordering::Relaxed);
        }
        ticks(self.start.elapsed())
    }
}

fn ticks(time: Duration) -> u32 {
    u32::try_from(time.as_millis() / TICK.as_millis()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    /// Longer than any test.
    const LONG: Duration = Duration::from_secs(3600);
    const GOOD: Outlook = Outlook::Good { as_is: None };

    fn lasting(frames: usize) -> Health {
        let mut health = Health::new(frames);
        health.retry_after(LONG);
        health
    }

    fn fail(health: &Health, n: u32, failure: Failure) {
        let path = Path::new("clip");
        health.failed(n, failure, path, &Problem::frame(path, n.into(), 0, "a fault"));
    }

    #[test]
    fn codes_are_those_of_their_states() {
        for state in [
            State::Unknown,
            State::AsIs(1),
            State::AsIs(1 << 24),
            State::Normalised,
            State::Unreadable(1),
            State::Unreadable(UNREADABLE - 3),
            State::Unusable,
        ] {
            assert_eq!(State::of(state.code()), state);
        }
    }

    #[test]
    fn a_medium_without_a_frame_ends() {
        let health = lasting(3);
        fail(&health, 0, Failure::Unusable);
        fail(&health, 2, Failure::Unreadable);
        fail(&health, 2, Failure::Unreadable);
        assert_eq!([0, 1, 2].map(|n| health.outlook(n)), [Outlook::PassOver, GOOD, Outlook::PassOver]);
        fail(&health, 1, Failure::Unusable);
        assert_eq!([0, 1, 2].map(|n| health.outlook(n)), [Outlook::End; 3]);
        assert_eq!(health.problem().map(|problem| problem.frame), Some(Some(1)));
        health.loaded(2, Some(7));
        assert_eq!(health.outlook(2), Outlook::Good { as_is: Some(7) });
        assert_eq!(health.outlook(0), Outlook::PassOver);
    }

    #[test]
    fn a_streak_ends_with_the_first_frame() {
        let health = lasting(100);
        for n in 0..STREAK - 1 {
            fail(&health, n, Failure::Unreadable);
        }
        assert!(!health.is_down());
        health.loaded(90, None);
        for n in 0..STREAK {
            assert!(!health.is_down());
            fail(&health, n, Failure::Unreadable);
        }
        assert!(health.is_down());
        health.loaded(91, None);
        assert!(!health.is_down());
    }

    #[test]
    fn what_cannot_be_read_is_tried_again() {
        let mut health = Health::new(20);
        health.retry_after(2 * TICK);
        for n in 0..20 {
            fail(&health, n, Failure::Unreadable);
        }
        let start = Instant::now();
        while health.is_down() || health.outlook(0) != GOOD {
            assert!(start.elapsed() < Duration::from_secs(30), "it is given up for ever");
            thread::sleep(TICK);
        }
    }
}
