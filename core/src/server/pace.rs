//! How fast a PLAY goes: from the medium's time to the time that it is played for, and from there
//! to when packets leave (RFC 2326, 12.34 and 12.35).
use crate::frame::{FrameId, FrameStore, Seek, TrackId};
use crate::rtsp::{Scale, Speed};
use crate::time::{Duration, MediaTime};

/// The medium goes by so much faster or slower at most, in thousandths. Beyond that a picture has
/// little to do with the next one, or stands still.
const MAX_SCALE: u32 = 64_000;
const MIN_SCALE: u32 = 100;
/// Slower than this, and a session would seem to stand still.
const MIN_SPEED: u32 = 100;
/// More than this would overrun the path of a client that cannot hold it up.
pub(super) const MAX_UDP_SPEED: u32 = 4_000;

const UNIT: u32 = 1_000;

/// The scale and the speed of a PLAY.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Pace {
    pub(super) scale: Scale,
    pub(super) speed: Speed,
}

impl Pace {
    /// What comes nearest to what was asked, of recorded media. Frames are left out by whole
    /// numbers, so that those that are sent keep one distance.
    pub(super) fn nearest(scale: Scale, speed: Speed, max_speed: u32) -> Self {
        let magnitude = match scale.magnitude() {
            slow @ ..1_000 => slow.max(MIN_SCALE),
            fast => (fast.saturating_add(500) / 1_000 * 1_000).min(MAX_SCALE),
        };
        let signed = (magnitude as i32).wrapping_mul(scale.thousandths().signum());
        let max_speed = max_speed.max(Speed::NORMAL.thousandths());
        let speed = speed.thousandths().clamp(MIN_SPEED, max_speed);
        Self {
            scale: Scale::from_thousandths(signed).unwrap_or_default(),
            speed: Speed::from_thousandths(speed).unwrap_or_default(),
        }
    }

    pub(super) const fn is_reverse(self) -> bool {
        self.scale.is_reverse()
    }

    /// From one frame that is sent to the next, in frames.
    pub(super) fn stride(self) -> u32 {
        (self.scale.magnitude() / UNIT).max(1)
    }

    /// The frame so many steps on; `None` before the first one.
    pub(super) fn step(self, frame: FrameId, steps: u64) -> Option<FrameId> {
        let distance = steps.saturating_mul(u64::from(self.stride()));
        match self.is_reverse() {
            true => frame.0.checked_sub(distance).map(FrameId),
            false => Some(FrameId(frame.0.saturating_add(distance))),
        }
    }

    /// How many steps lead from one frame to another, or just beyond it; 0 if it lies behind.
    pub(super) fn steps(self, from: FrameId, to: FrameId) -> u64 {
        let distance = match self.is_reverse() {
            true => from.0.saturating_sub(to.0),
            false => to.0.saturating_sub(from.0),
        };
        distance.div_ceil(u64::from(self.stride()))
    }

    /// The first frame from `to` on, in the direction of play.
    pub(super) fn seek<S: FrameStore + ?Sized>(self, store: &S, track: TrackId, to: Seek) -> FrameId {
        match to {
            // The last one that is not after `time` comes before the first one that is.
            Seek::To(time) if self.is_reverse() => {
                let after = store.seek(track, Seek::To(time + Duration::from_micros(1)));
                FrameId(after.0.saturating_sub(1))
            }
            to => store.seek(track, to),
        }
    }

    /// `time` lies before `other`, in the direction of play.
    pub(super) fn is_before(self, time: MediaTime, other: MediaTime) -> bool {
        if self.is_reverse() { time > other } else { time < other }
    }

    /// For how long it is played from `start` to `pts`.
    pub(super) fn played(self, start: MediaTime, pts: MediaTime) -> Duration {
        self.to_play(if self.is_reverse() { start.since(pts) } else { pts.since(start) })
    }

    /// Which time of the medium comes when it was played for so long from `start`.
    pub(super) fn media_at(self, start: MediaTime, played: Duration) -> MediaTime {
        let span = played.times(self.scale.magnitude(), UNIT);
        if self.is_reverse() { start - span } else { start + span }
    }

    /// For how long a frame is shown that lasts for `duration` in the medium.
    pub(super) fn shown(self, duration: Duration) -> Duration {
        self.to_play(duration.times(self.stride(), 1))
    }

    /// How long it takes to deliver what is played for so long.
    pub(super) fn delivery(self, played: Duration) -> Duration {
        played.times(UNIT, self.speed.thousandths())
    }

    /// What is delivered in so much time, as long as it is played.
    pub(super) fn delivered(self, span: Duration) -> Duration {
        span.times(self.speed.thousandths(), UNIT)
    }

    /// What must have been delivered in so much time, or a client that shows it as it comes is kept
    /// waiting. One that asked for more than that shows it from a buffer, and wants every frame.
    pub(super) fn required(self, span: Duration) -> Duration {
        if self.speed > Speed::NORMAL { Duration::ZERO } else { self.delivered(span) }
    }

    fn to_play(self, media: Duration) -> Duration {
        media.times(UNIT, self.scale.magnitude())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nearest(scale: i32, speed: u32) -> (i32, u32) {
        let (scale, speed) =
            (Scale::from_thousandths(scale).unwrap(), Speed::from_thousandths(speed).unwrap());
        let pace = Pace::nearest(scale, speed, MAX_UDP_SPEED);
        (pace.scale.thousandths(), pace.speed.thousandths())
    }

    #[test]
    fn what_lies_between_is_rounded_and_what_is_absurd_bounded() {
        for (asked, used) in [
            (1_400, 1_000),
            (1_500, 2_000),
            (-3_600, -4_000),
            (333, 333),
            (-500, -500),
            (1, 100),
            (-1, -100),
            (i32::MAX, 64_000),
            (-i32::MAX, -64_000),
        ] {
            assert_eq!(nearest(asked, 1_000).0, used, "{asked}");
        }
        for (asked, used) in [(1, 100), (500, 500), (2_500, 2_500), (4_001, 4_000), (u32::MAX, 4_000)] {
            assert_eq!(nearest(1_000, asked).1, used, "{asked}");
        }
    }

    #[test]
    fn backwards_ends_before_the_first_frame() {
        let pace = Pace { scale: Scale::from_thousandths(-4_000).unwrap(), ..Pace::default() };
        assert_eq!(pace.step(FrameId(9), 2), Some(FrameId(1)));
        assert_eq!(pace.step(FrameId(9), 3), None);
        assert_eq!(pace.steps(FrameId(9), FrameId(4)), 2);
        assert_eq!(pace.steps(FrameId(4), FrameId(9)), 0);
    }
}
