//! Figures of the pictures, which the decoder and the screen count.
use crate::playback::selection::Showing;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Counters that all threads share.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    shown: AtomicU64,
    late: AtomicU64,
    /// Means over the last pictures, in microseconds.
    decode: AtomicU64,
    latency: AtomicU64,
}

impl Tally {
    /// A picture is taken to be shown, so long after it was due.
    pub(crate) fn shown(&self, showing: &Showing, after: Duration, latency: Option<Duration>) {
        self.shown.fetch_add(1, Ordering::Relaxed);
        self.took(showing, after);
        if let Some(latency) = latency {
            average(&self.latency, latency);
        }
    }

    /// A frame is handed on, or shown, so long after it was due.
    pub(crate) fn took(&self, showing: &Showing, after: Duration) {
        if showing.late_after.is_some_and(|late_after| after > late_after) {
            self.late.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A frame is not shown, for it would be late.
    pub(crate) fn dropped(&self, showing: &Showing) {
        if showing.late_after.is_some() {
            self.late.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A frame was decoded.
    pub(crate) fn decoded(&self, took: Duration) {
        average(&self.decode, took);
    }

    /// Pictures that were shown.
    pub(crate) fn frames_shown(&self) -> u64 {
        self.shown.load(Ordering::Relaxed)
    }

    /// Frames that were late, or were dropped for it.
    pub(crate) fn frames_late(&self) -> u64 {
        self.late.load(Ordering::Relaxed)
    }

    /// What decoding a frame takes.
    pub(crate) fn decode(&self) -> Duration {
        Duration::from_micros(self.decode.load(Ordering::Relaxed))
    }

    /// From a frame's arrival to the screen.
    pub(crate) fn latency(&self) -> Duration {
        Duration::from_micros(self.latency.load(Ordering::Relaxed))
    }
}

/// Moves a mean an eighth of the way to the newest value. Each mean has one writer.
fn average(mean: &AtomicU64, value: Duration) {
    let value = u64::try_from(value.as_micros()).unwrap_or(u64::MAX);
    let before = mean.load(Ordering::Relaxed);
    let after = if before == 0 { value } else { before - before / 8 + value / 8 };
    mean.store(after, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_frame_is_late_beyond_its_tolerance_or_when_it_is_dropped() {
        let tally = Tally::default();
        let counted = Showing { late_after: Some(16 * MS), ..Showing::default() };
        tally.shown(&counted, 16 * MS, None);
        assert_eq!((tally.frames_shown(), tally.frames_late()), (1, 0));
        tally.shown(&counted, 17 * MS, None);
        tally.dropped(&counted);
        assert_eq!((tally.frames_shown(), tally.frames_late()), (2, 2));
        let uncounted = Showing::default();
        tally.shown(&uncounted, 99 * MS, None);
        tally.dropped(&uncounted);
        assert_eq!((tally.frames_shown(), tally.frames_late()), (3, 2));
    }

    #[test]
    fn means_follow_what_is_measured() {
        let tally = Tally::default();
        tally.decoded(10 * MS);
        assert_eq!(tally.decode(), 10 * MS);
        for _ in 0..100 {
            tally.decoded(20 * MS);
        }
        assert!(tally.decode() > 19 * MS && tally.decode() <= 20 * MS, "{:?}", tally.decode());
    }
}
