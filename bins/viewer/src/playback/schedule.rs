//! When each frame is due on the screen.
use pinhole::time::MediaTime;
use std::time::Duration;

/// How far behind its arrival the first frame's schedule runs: what the network's jitter and the
/// sender's pacing may take before a frame is late.
pub(crate) const DELAY: Duration = Duration::from_millis(150);

/// What may lie between the end of a frame and the next beyond which the media clock has jumped, not
/// run: a live stream that went on while nobody listened.
const JUMP: Duration = Duration::from_secs(1);

/// How long frames may come late in a row before the schedule follows them. A burst after a
/// stall catches up sooner; a sender that stood still does not.
const PATIENCE: Duration = Duration::from_secs(1);

/// Maps media time to the player's time.
#[derive(Debug)]
pub(crate) struct Playout {
    /// A media time, and when it is due.
    anchor: Option<(MediaTime, Duration)>,
    last_pts: MediaTime,
    /// The end of the last frame.
    last_end: MediaTime,
    last_due: Duration,
    late_since: Option<Duration>,
    /// Media time that goes by in a second of the player's.
    rate: f64,
}

impl Default for Playout {
    fn default() -> Self {
        Self {
            anchor: None,
            last_pts: MediaTime::ZERO,
            last_end: MediaTime::ZERO,
            last_due: Duration::ZERO,
            late_since: None,
            rate: 1.0,
        }
    }
}

impl Playout {
    /// When the next frame, from `pts` to `end`, is due. To be asked once for each frame, in their
    /// order, when the frame is there; `now` is the player's time.
    pub(crate) fn due(&mut self, pts: MediaTime, end: MediaTime, now: Duration) -> Duration {
        let scheduled = self.scheduled(pts);
        self.late_since = match scheduled {
            Some(due) if due < now => self.late_since.or(Some(now)),
            _ => None,
        };
        let lost_patience = self.late_since.is_some_and(|since| now.saturating_sub(since) >= PATIENCE);
        let due = match scheduled {
            Some(due) if !lost_patience => due,
            // The first frame of a schedule is shown at once, and longer than the others.
            _ => {
                self.anchor = Some((pts, now + DELAY));
                self.late_since = None;
                now
            }
        };
        (self.last_pts, self.last_end) = (pts, end);
        // Never before the frame before it, or that one would be skipped.
        self.last_due = due.max(self.last_due);
        self.last_due
    }

    /// Starts a new schedule: this frame is due now, and those after it are `delay` behind their
    /// time.
    pub(crate) fn start(&mut self, pts: MediaTime, end: MediaTime, now: Duration, delay: Duration) {
        self.anchor = Some((pts, now + delay));
        (self.last_pts, self.last_end, self.last_due) = (pts, end, now);
        self.late_since = None;
    }

    /// When what is shown at this media time is due, by the schedule as it is; `None`: at once.
    pub(crate) fn scheduled(&self, pts: MediaTime) -> Option<Duration> {
        let (start, due) = self.anchor?;
        let runs_on = pts >= self.last_pts && Duration::from(pts.since(self.last_end)) <= JUMP;
        runs_on.then(|| due.saturating_add(self.stretch(pts.since(start).into())))
    }

    /// How fast the medium goes by.
    pub(crate) fn rate(&self) -> f64 {
        self.rate
    }

    /// Has the medium go by so many times as fast. [`Self::start`] is to follow: what was scheduled
    /// is not.
    pub(crate) fn set_rate(&mut self, rate: f64) {
        self.rate = rate;
    }

    /// What a span of media time takes.
    pub(crate) fn stretch(&self, span: Duration) -> Duration {
        Duration::try_from_secs_f64(span.as_secs_f64() / self.rate).unwrap_or(Duration::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: u64 = 40;

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn due(playout: &mut Playout, at: u64, now: Duration) -> Duration {
        playout.due(pts(at), pts(at + FRAME), now)
    }

    fn pts(millis: u64) -> MediaTime {
        MediaTime::from_micros(millis * 1000)
    }

    #[test]
    fn the_first_frame_is_shown_at_once_and_the_rest_a_delay_behind_their_time() {
        let mut playout = Playout::default();
        assert_eq!(due(&mut playout, 7000, ms(10)), ms(10));
        assert_eq!(due(&mut playout, 7040, ms(50)), ms(50) + DELAY);
        // Jitter of the arrival does not move it.
        assert_eq!(due(&mut playout, 7080, ms(190)), ms(90) + DELAY);
    }

    #[test]
    fn a_jump_of_the_media_clock_starts_a_new_schedule() {
        for to in [0, 60_000] {
            let mut playout = Playout::default();
            due(&mut playout, 7000, ms(0));
            let before = due(&mut playout, 7040, ms(40));
            let jumped = due(&mut playout, to, ms(80));
            assert!(jumped >= before && jumped <= before.max(ms(80)), "waits for {to}: {jumped:?}");
            assert_eq!(due(&mut playout, to + FRAME, ms(120)), ms(120) + DELAY);
        }
    }

    #[test]
    fn a_burst_after_a_stall_is_late_and_then_on_schedule() {
        let mut playout = Playout::default();
        due(&mut playout, 0, ms(0));
        // The network stood for 400 ms, and then gives all at once.
        for frame in 1..=10 {
            due(&mut playout, frame * FRAME, ms(401));
        }
        assert_eq!(due(&mut playout, 11 * FRAME, ms(440)), ms(440) + DELAY);
    }

    #[test]
    fn the_schedule_follows_a_sender_that_stays_behind() {
        let mut playout = Playout::default();
        due(&mut playout, 0, ms(0));
        let stalled = 3000;
        let arrivals = (1..60u64).map(|n| (n * FRAME, ms(stalled + n * FRAME)));
        let slack: Vec<_> =
            arrivals.map(|(at, now)| due(&mut playout, at, now).saturating_sub(now)).collect();
        assert_eq!(slack.first(), Some(&Duration::ZERO));
        assert_eq!(slack.last(), Some(&DELAY));
    }

    #[test]
    fn at_another_rate_the_steps_are_shorter_or_longer() {
        for (rate, step) in [(0.25, 160), (2.0, 20), (4.0, 10)] {
            let mut playout = Playout::default();
            playout.set_rate(rate);
            playout.start(pts(1000), pts(1000 + FRAME), ms(500), Duration::ZERO);
            let seen = [1, 2, 3].map(|n| due(&mut playout, 1000 + n * FRAME, ms(500)));
            assert_eq!(seen, [1, 2, 3].map(|n| ms(500 + n * step)), "at {rate}");
        }
    }

    #[test]
    fn frames_that_are_shown_for_long_are_no_jump() {
        let mut playout = Playout::default();
        playout.start(pts(0), pts(5000), ms(0), Duration::ZERO);
        assert_eq!(playout.due(pts(5000), pts(10_000), ms(10)), ms(5000));
    }
}
