//! When each frame is due on the screen.
use pinhole::time::MediaTime;
use std::time::Duration;

/// How far behind its arrival the first frame's schedule runs: what the network's jitter and the
/// sender's pacing may take before a frame is late.
const DELAY: Duration = Duration::from_millis(150);

/// A step between two frames beyond which the media clock has jumped, not run: a seek, or a live
/// stream that went on while it was paused.
const JUMP: Duration = Duration::from_secs(1);

/// How long frames may come late in a row before the schedule follows them. A burst after a
/// stall catches up sooner; a sender that stood still does not.
const PATIENCE: Duration = Duration::from_secs(1);

/// Maps media time to the player's time.
#[derive(Debug, Default)]
pub(crate) struct Playout {
    /// A media time, and when it is due.
    anchor: Option<(MediaTime, Duration)>,
    last_pts: MediaTime,
    last_due: Duration,
    late_since: Option<Duration>,
}

impl Playout {
    /// When the next frame is due. To be asked once for each frame, in their order, when the
    /// frame is there; `now` is the player's time.
    pub(crate) fn due(&mut self, pts: MediaTime, now: Duration) -> Duration {
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
        self.last_pts = pts;
        // Never before the frame before it, or that one would be skipped.
        self.last_due = due.max(self.last_due);
        self.last_due
    }

    fn scheduled(&self, pts: MediaTime) -> Option<Duration> {
        let (start, due) = self.anchor?;
        let runs_on = pts >= self.last_pts && Duration::from(pts.since(self.last_pts)) <= JUMP;
        runs_on.then(|| due + Duration::from(pts.since(start)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: u64 = 40;

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn pts(millis: u64) -> MediaTime {
        MediaTime::from_micros(millis * 1000)
    }

    #[test]
    fn the_first_frame_is_shown_at_once_and_the_rest_a_delay_behind_their_time() {
        let mut playout = Playout::default();
        assert_eq!(playout.due(pts(7000), ms(10)), ms(10));
        assert_eq!(playout.due(pts(7040), ms(50)), ms(50) + DELAY);
        // Jitter of the arrival does not move it.
        assert_eq!(playout.due(pts(7080), ms(190)), ms(90) + DELAY);
    }

    #[test]
    fn a_jump_of_the_media_clock_starts_a_new_schedule() {
        for to in [0, 60_000] {
            let mut playout = Playout::default();
            playout.due(pts(7000), ms(0));
            let before = playout.due(pts(7040), ms(40));
            let jumped = playout.due(pts(to), ms(80));
            assert!(jumped >= before && jumped <= before.max(ms(80)), "waits for {to}: {jumped:?}");
            assert_eq!(playout.due(pts(to + FRAME), ms(120)), ms(120) + DELAY);
        }
    }

    #[test]
    fn a_burst_after_a_stall_is_late_and_then_on_schedule() {
        let mut playout = Playout::default();
        playout.due(pts(0), ms(0));
        // The network stood for 400 ms, and then gives all at once.
        for frame in 1..=10 {
            playout.due(pts(frame * FRAME), ms(401));
        }
        assert_eq!(playout.due(pts(11 * FRAME), ms(440)), ms(440) + DELAY);
    }

    #[test]
    fn the_schedule_follows_a_sender_that_stays_behind() {
        let mut playout = Playout::default();
        playout.due(pts(0), ms(0));
        let stalled = 3000;
        let arrivals = (1..60u64).map(|n| (pts(n * FRAME), ms(stalled + n * FRAME)));
        let slack: Vec<_> = arrivals.map(|(pts, now)| playout.due(pts, now).saturating_sub(now)).collect();
        assert_eq!(slack.first(), Some(&Duration::ZERO));
        assert_eq!(slack.last(), Some(&DELAY));
    }
}
