//! When each frame is due, in the player's time.
use pinhole::time::MediaTime;
use std::time::Duration;

/// How long after their time frames are due if none are buffered and nothing is known of the jitter. Jitter
/// and pacing may delay a frame for as long before it is late.
pub(crate) const DELAY: Duration = Duration::from_millis(150);

/// A longer step from the end of a frame to the next is a jump of the media clock, such as that of a
/// live stream that went on while it was not received.
const JUMP: Duration = Duration::from_secs(1);

/// How long frames may be late in a row before the schedule follows them. A burst after a stall
/// catches up sooner; a sender that stood still does not.
const PATIENCE: Duration = Duration::from_secs(1);

/// Maps media time to the player's time.
#[derive(Debug)]
pub(crate) struct Schedule {
    /// A media time, and when it is due; `None` before the first frame.
    reference: Option<(MediaTime, Duration)>,
    /// Start and end of the last frame.
    last_start: MediaTime,
    last_end: MediaTime,
    last_due: Duration,
    late_since: Option<Duration>,
    /// Media time that passes in a second of the player's time.
    rate: f64,
}

impl Default for Schedule {
    fn default() -> Self {
        Self {
            reference: None,
            last_start: MediaTime::ZERO,
            last_end: MediaTime::ZERO,
            last_due: Duration::ZERO,
            late_since: None,
            rate: 1.0,
        }
    }
}

impl Schedule {
    /// Schedules the next frame, which is shown from `start` to `end`, and returns when it is due.
    /// Called once for each frame, in their order, when the frame is there. `now` is the player's
    /// time.
    pub(crate) fn add(&mut self, start: MediaTime, end: MediaTime, now: Duration) -> Duration {
        let scheduled = self.due(start);
        self.late_since = match scheduled {
            Some(due) if due < now => self.late_since.or(Some(now)),
            _ => None,
        };
        let lost_patience = self.late_since.is_some_and(|since| now.saturating_sub(since) >= PATIENCE);
        let due = match scheduled {
            Some(due) if !lost_patience => due,
            // The first frame of a schedule is due at once, and is shown longer than the others.
            _ => {
                self.reference = Some((start, now + DELAY));
                self.late_since = None;
                now
            }
        };
        (self.last_start, self.last_end) = (start, end);
        // A frame that is due before the one ahead of it would be skipped.
        self.last_due = due.max(self.last_due);
        self.last_due
    }

    /// Starts a new schedule: this frame is due now, and those after it `delay` after their time.
    pub(crate) fn restart(&mut self, start: MediaTime, end: MediaTime, now: Duration, delay: Duration) {
        self.reference = Some((start, now + delay));
        (self.last_start, self.last_end, self.last_due) = (start, end, now);
        self.late_since = None;
    }

    /// Starts a new schedule whose first frame is due at `due`, but not before the last one. Returns when it is
    /// due.
    pub(crate) fn follow(&mut self, start: MediaTime, end: MediaTime, due: Duration) -> Duration {
        let due = due.max(self.last_due);
        self.restart(start, end, due, Duration::ZERO);
        due
    }

    /// Returns when the media time `time` is due by the present schedule; `None` if a frame at that
    /// time would start a new schedule, and be due at once.
    pub(crate) fn due(&self, time: MediaTime) -> Option<Duration> {
        let (start, due) = self.reference?;
        let continues = time >= self.last_start && Duration::from(time.since(self.last_end)) <= JUMP;
        continues.then(|| due.saturating_add(self.player_time(time.since(start).into())))
    }

    /// Returns how much media time passes in a second of the player's time.
    pub(crate) fn rate(&self) -> f64 {
        self.rate
    }

    /// Sets how much media time passes in a second of the player's time. The caller has to call
    /// [`Self::restart`] afterwards: frames that are scheduled already keep their times.
    pub(crate) fn set_rate(&mut self, rate: f64) {
        self.rate = rate;
    }

    /// Returns how long it takes to play this much media time.
    pub(crate) fn player_time(&self, media_time: Duration) -> Duration {
        Duration::try_from_secs_f64(media_time.as_secs_f64() / self.rate).unwrap_or(Duration::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: u64 = 40;

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn add(schedule: &mut Schedule, at: u64, now: Duration) -> Duration {
        schedule.add(pts(at), pts(at + FRAME), now)
    }

    fn pts(millis: u64) -> MediaTime {
        MediaTime::from_micros(millis * 1000)
    }

    #[test]
    fn the_first_frame_is_due_at_once() {
        let mut schedule = Schedule::default();
        assert_eq!(add(&mut schedule, 7000, ms(10)), ms(10));
        assert_eq!(add(&mut schedule, 7040, ms(50)), ms(50) + DELAY);
        // Jitter of the arrival does not move the schedule.
        assert_eq!(add(&mut schedule, 7080, ms(190)), ms(90) + DELAY);
    }

    #[test]
    fn a_media_clock_jump_starts_anew() {
        for to in [0, 60_000] {
            let mut schedule = Schedule::default();
            add(&mut schedule, 7000, ms(0));
            let before = add(&mut schedule, 7040, ms(40));
            let jumped = add(&mut schedule, to, ms(80));
            assert!(jumped >= before && jumped <= before.max(ms(80)), "waits for {to}: {jumped:?}");
            assert_eq!(add(&mut schedule, to + FRAME, ms(120)), ms(120) + DELAY);
        }
    }

    #[test]
    fn a_burst_catches_up_with_the_schedule() {
        let mut schedule = Schedule::default();
        add(&mut schedule, 0, ms(0));
        // The network stalls for 400 ms, then delivers all at once.
        for frame in 1..=10 {
            add(&mut schedule, frame * FRAME, ms(401));
        }
        assert_eq!(add(&mut schedule, 11 * FRAME, ms(440)), ms(440) + DELAY);
    }

    #[test]
    fn the_schedule_follows_a_slow_sender() {
        let mut schedule = Schedule::default();
        add(&mut schedule, 0, ms(0));
        let stalled = 3000;
        let arrivals = (1..60u64).map(|n| (n * FRAME, ms(stalled + n * FRAME)));
        let slack: Vec<_> =
            arrivals.map(|(at, now)| add(&mut schedule, at, now).saturating_sub(now)).collect();
        assert_eq!(slack.first(), Some(&Duration::ZERO));
        assert_eq!(slack.last(), Some(&DELAY));
    }

    #[test]
    fn the_rate_scales_the_steps() {
        for (rate, step) in [(0.25, 160), (2.0, 20), (4.0, 10)] {
            let mut schedule = Schedule::default();
            schedule.set_rate(rate);
            schedule.restart(pts(1000), pts(1000 + FRAME), ms(500), Duration::ZERO);
            let seen = [1, 2, 3].map(|n| add(&mut schedule, 1000 + n * FRAME, ms(500)));
            assert_eq!(seen, [1, 2, 3].map(|n| ms(500 + n * step)), "at {rate}");
        }
    }

    #[test]
    fn long_frames_are_no_jump() {
        let mut schedule = Schedule::default();
        schedule.restart(pts(0), pts(5000), ms(0), Duration::ZERO);
        assert_eq!(schedule.add(pts(5000), pts(10_000), ms(10)), ms(5000));
    }
}
