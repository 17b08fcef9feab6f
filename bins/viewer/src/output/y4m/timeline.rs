//! At which media times each picture is on the screen.
use crate::model::{MediaAxis, Presentation};
use pinhole::media::FrameClock;
use pinhole::sdp::FrameRate;
use pinhole::time::{Duration as MediaDuration, MediaTime};
use std::time::Duration;

/// A longer step between pictures is a jump of media time, or a time without frames.
const JUMP: MediaDuration = MediaDuration::from_secs(1);
/// The frame rate if it is not known: 25 frames a second.
const DEFAULT_RATE: FrameRate = FrameRate(25_000);

/// Where pictures are in the stream. The first is at index 0.
#[derive(Debug)]
pub(super) struct Timeline {
    clock: FrameClock,
    /// How the times by which pictures are shown correspond to those of the medium.
    axis: MediaAxis,
    /// A time at which a picture is shown, and its index in the stream.
    reference: (MediaTime, u64),
    /// Index and time of the picture on the screen.
    index: u64,
    time: MediaTime,
    /// When that picture appeared, in the player's time.
    at: Duration,
}

impl Timeline {
    /// Starts with the first picture on the screen.
    pub(super) fn new(first: &Presentation, clock: FrameClock) -> Self {
        let Presentation { time, axis, due, .. } = *first;
        Self { clock, axis, reference: (time, 0), index: 0, time, at: due }
    }

    /// Returns the clock that has one tick for each index.
    pub(super) fn clock(&self) -> FrameClock {
        self.clock
    }

    /// Returns the media time of the picture on the screen.
    pub(super) fn now(&self) -> MediaTime {
        self.time_at(self.index)
    }

    /// Replaces the picture on the screen by `next`, `after` that was due. Returns the media times at
    /// which the replaced picture was on the screen; none if both have the same index.
    pub(super) fn advance(&mut self, next: &Presentation, after: Duration) -> Vec<MediaTime> {
        let at = next.due.saturating_add(after);
        let continues = next.time >= self.time && next.time.since(self.time) <= JUMP;
        let index = if continues {
            let since_reference = next.time.since(self.reference.0) + after.into();
            self.reference.1.saturating_add(self.clock.frames_in(since_reference))
        } else {
            self.index.saturating_add(self.clock.frames_in(at.saturating_sub(self.at).into()).max(1))
        };
        let index = index.max(self.index);
        let times = (self.index..index).map(|index| self.time_at(index)).collect();
        if !continues {
            self.reference = (next.time, index);
        }
        (self.index, self.time, self.at) = (index, next.time, at);
        times
    }

    /// Returns the media time of an index that is not before the reference's.
    fn time_at(&self, index: u64) -> MediaTime {
        let (start, first) = self.reference;
        self.axis.media(start + self.clock.pts(index.saturating_sub(first)).since(MediaTime::ZERO))
    }
}

/// Returns a clock with the frame rate of two successive frames.
pub(super) fn frame_clock(first: &Presentation, second: Option<&Presentation>) -> FrameClock {
    let announced = Some(first.duration).filter(|duration| *duration > MediaDuration::ZERO);
    let measured = || second.map(|second| second.time.since(first.time));
    let interval = announced.or_else(measured).filter(|interval| *interval > MediaDuration::ZERO);
    let clock = interval.and_then(|interval| {
        let micros = interval.as_micros();
        FrameClock::new(u32::try_from((1_000_000_000 + micros / 2) / micros).ok()?, 1000)
    });
    clock.unwrap_or_else(|| DEFAULT_RATE.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use pinhole::rtsp::Scale;

    const FRAME: u64 = 33_333;

    fn presentation(frame: u64) -> Presentation {
        let time = MediaTime::from_micros(frame * 100_000 / 3);
        let (duration, due) = (MediaDuration::from_micros(FRAME), Duration::from_micros(time.as_micros()));
        Presentation { time, duration, due, ..Presentation::default() }
    }

    fn late(thirds: u64) -> Duration {
        Duration::from_micros(FRAME * thirds / 3)
    }

    /// Returns for each picture the frames in whose time it is on the screen.
    fn seen(shown: &[(Presentation, Duration)]) -> Vec<Vec<u64>> {
        let mut timeline = Timeline::new(&shown[0].0, frame_clock(&shown[0].0, None));
        let times = shown[1..].iter().map(|(presentation, after)| timeline.advance(presentation, *after));
        let frame = |time: &MediaTime| (time.as_micros() + FRAME / 2) / FRAME;
        times.map(|times| times.iter().map(frame).collect()).collect()
    }

    #[test]
    fn a_picture_stays_until_the_next() {
        let on_time = [0, 1, 2, 5, 6].map(|frame| (presentation(frame), Duration::ZERO));
        assert_eq!(seen(&on_time), [vec![0], vec![1], vec![2, 3, 4], vec![5]]);
        let after_hours = [0, 108_000, 108_001].map(|frame| (presentation(frame), Duration::ZERO));
        assert_eq!(seen(&after_hours)[1].len(), 1, "the clock does not drift");
    }

    #[test]
    fn a_scaled_medium_keeps_its_own_times() {
        let axis = MediaAxis::new(Scale::parse(b"-2").unwrap(), MediaTime::from_micros(9_000_000));
        let scaled = |frame| Presentation { axis, ..presentation(frame) };
        let mut timeline = Timeline::new(&scaled(0), frame_clock(&scaled(0), None));
        assert_eq!(timeline.advance(&scaled(3), Duration::ZERO).len(), 3);
        assert_eq!(timeline.now(), MediaTime::from_micros(8_800_000));
    }

    #[test]
    fn late_pictures_are_seen_late() {
        // A third of an interval counts as on time. Four thirds is as late as the next frame.
        let shown = [(0, 0), (1, 1), (2, 2), (3, 4), (4, 0), (5, 0)];
        let shown = shown.map(|(frame, thirds)| (presentation(frame), late(thirds)));
        assert_eq!(seen(&shown), [vec![0], vec![1, 2], vec![3], vec![], vec![4]]);
    }

    #[test]
    fn a_jump_takes_its_real_time() {
        let moved = |frame, due| Presentation { due, ..presentation(frame) };
        let shown = [
            presentation(500),
            presentation(501),
            moved(0, presentation(504).due),
            moved(1, presentation(505).due),
            moved(9000, presentation(506).due),
            moved(9001, presentation(507).due),
        ];
        let seen = seen(&shown.map(|presentation| (presentation, Duration::ZERO)));
        assert_eq!(seen, [vec![500], vec![501, 502, 503], vec![0], vec![1], vec![9000]]);
    }

    #[test]
    fn the_rate_is_announced_or_measured() {
        let unknown = |frame| Presentation { duration: MediaDuration::ZERO, ..presentation(frame) };
        let rate =
            |first: &Presentation, second: Option<&Presentation>| frame_clock(first, second).fraction();
        assert_eq!(rate(&presentation(0), None), (30_000, 1000));
        assert_eq!(rate(&unknown(0), Some(&unknown(2))), (15_000, 1000));
        assert_eq!(rate(&unknown(0), None), (25_000, 1000));
        assert_eq!(rate(&unknown(0), Some(&unknown(0))), (25_000, 1000));
    }
}
