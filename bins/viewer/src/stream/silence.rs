//! Tells when a live stream has stopped.
use std::time::{Duration, Instant};

/// How much longer than the longest wait of late a silence is before it is told.
const ALLOWANCE: Duration = Duration::from_millis(500);
/// The time after which a long wait is forgotten.
const MEMORY: Duration = Duration::from_secs(10);
/// The longest wait that is expected before there was one.
const FIRST_WAIT: Duration = Duration::from_millis(250);

/// Follows when pictures arrive. How long one may take is learnt from those before it, so neither a stream of
/// few pictures nor jitter counts as a silence.
#[derive(Debug)]
pub(crate) struct Silence {
    /// When the last picture arrived; `None` before the first.
    last: Option<Instant>,
    /// The longest wait for a picture of late; `None` before there was one.
    longest: Option<Duration>,
    /// Silences that are over.
    count: u64,
    total: Duration,
}

impl Silence {
    /// Starts before the first picture.
    pub(crate) const fn new() -> Self {
        Self { last: None, longest: None, count: 0, total: Duration::ZERO }
    }

    /// Takes note that pictures have arrived. Returns the length of the silence that they end, if there was
    /// one.
    pub(crate) fn on_arrival(&mut self, now: Instant) -> Option<Duration> {
        let ended = self.since(now);
        if let Some(span) = ended {
            self.count = self.count.saturating_add(1);
            self.total = self.total.saturating_add(span);
        }
        if let Some(last) = self.last.replace(now) {
            let wait = now.saturating_duration_since(last);
            self.longest = Some(self.longest.map_or(wait, |longest| {
                let forgotten = longest.mul_f64(wait.as_secs_f64() / MEMORY.as_secs_f64());
                // What was told as a silence is hardly expected to happen again.
                wait.min(self.limit()).max(longest.saturating_sub(forgotten))
            }));
        }
        ended
    }

    /// Returns how long no picture has arrived, if that is longer than can be expected.
    pub(crate) fn since(&self, now: Instant) -> Option<Duration> {
        let wait = now.saturating_duration_since(self.last?);
        (wait >= self.limit()).then_some(wait)
    }

    /// Returns when a silence will be told if no picture arrives; `None` if it is told already, or before the
    /// first picture.
    pub(crate) fn told_at(&self, now: Instant) -> Option<Instant> {
        Some(self.last? + self.limit()).filter(|at| *at > now)
    }

    /// Returns how many silences there were, and how long they were together. One that goes on counts.
    pub(crate) fn total(&self, now: Instant) -> (u64, Duration) {
        match self.since(now) {
            Some(span) => (self.count.saturating_add(1), self.total.saturating_add(span)),
            None => (self.count, self.total),
        }
    }

    /// Returns the length from which on a silence is told.
    fn limit(&self) -> Duration {
        self.longest.unwrap_or(FIRST_WAIT).saturating_add(ALLOWANCE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Has pictures arrive with these waits, again and again. Returns how often a silence was told.
    fn told(silence: &mut Silence, now: &mut Instant, waits: &[u32], times: usize) -> usize {
        let waits = std::iter::repeat_n(waits, times).flatten();
        let mut arrive = |wait: &u32| {
            *now += MS * *wait;
            silence.on_arrival(*now).is_some()
        };
        waits.filter(|wait| arrive(wait)).count()
    }

    #[test]
    fn a_stream_that_stops_is_told_within_a_second() {
        for (waits, limit) in [
            (&[40][..], 540),
            (&[33, 34, 33], 534),
            (&[10, 70, 40], 570),
            // Bursts of a second, and a picture every 30 seconds: what they explain is no silence.
            (&[1000, 0, 0, 0], 1500),
            (&[30_000], 30_500),
        ] {
            let (mut silence, mut now) = (Silence::new(), Instant::now());
            assert_eq!(told(&mut silence, &mut now, &[0], 1), 0);
            told(&mut silence, &mut now, waits, 20);
            assert_eq!(told(&mut silence, &mut now, waits, 20), 0, "{waits:?}");
            assert_eq!(silence.since(now + MS * (limit - 20)), None, "{waits:?}");
            assert_eq!(silence.since(now + MS * limit), Some(MS * limit), "{waits:?}");
            let told_at = silence.told_at(now).expect("it is not told yet");
            assert!(told_at > now + MS * (limit - 20) && told_at <= now + MS * limit, "{waits:?}");
            assert_eq!(silence.told_at(now + MS * limit), None);
        }
    }

    #[test]
    fn the_second_silence_is_told_within_a_second_too() {
        let (mut silence, mut now) = (Silence::new(), Instant::now());
        told(&mut silence, &mut now, &[40], 100);
        assert_eq!(told(&mut silence, &mut now, &[20_000], 1), 1);
        told(&mut silence, &mut now, &[40], 5);
        assert!(silence.since(now + MS * 1050).is_some());
        told(&mut silence, &mut now, &[40], 1000);
        assert!(silence.since(now + MS * 560).is_some());
        assert_eq!(silence.total(now), (1, MS * 20_000));
        assert_eq!(silence.total(now + MS * 2000), (2, MS * 22_000));
    }

    #[test]
    fn before_the_first_picture_there_is_no_silence() {
        let (mut silence, now) = (Silence::new(), Instant::now());
        assert_eq!((silence.since(now + MS * 9000), silence.told_at(now)), (None, None));
        silence.on_arrival(now);
        assert_eq!(silence.since(now + MS * 700), None);
        assert_eq!(silence.since(now + MS * 900), Some(MS * 900));
    }
}
