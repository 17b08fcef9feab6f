//! How fast a track is played: [`Scale`] relates media time to playing time, and [`Speed`] relates
//! playing time to the times at which packets leave (RFC 2326, 12.34 and 12.35).
use crate::frame::{FrameId, FrameStore, Miss, Seek, TrackId};
use crate::time::{Duration, MediaTime};

/// The bounds of a scale, in thousandths. Beyond them a picture has little to do with the next one, or
/// stands still.
const MAX_SCALE: u32 = 64_000;
const MIN_SCALE: u32 = 100;
/// The least speed, in thousandths. A slower session would seem to stand still.
const MIN_SPEED: u32 = 100;
/// The greatest speed of datagrams, in thousandths. A greater one would overrun the path of a receiver
/// that cannot hold the sender up.
#[cfg(feature = "server")]
pub(crate) const MAX_UDP_SPEED: u32 = 4_000;

/// Whether there is any pace but the usual one. The compiler leaves out what is for others, where it knows that
/// there are none.
pub(crate) const VARIES: bool = cfg!(feature = "scale");

/// So many thousandths make 1.
const UNIT: u32 = 1_000;

/// How fast the medium's own time goes while it is played, and in which direction: the value of the `Scale`
/// header (RFC 2326, 12.34). A scale of 2 plays twice as fast, 0.5 half as fast, and -1 backwards at the
/// usual rate. The value is held in thousandths, so the scale 2 is held as 2,000. The value is never zero.
///
/// RTP timestamps count the time of playing: at scale 2, ten seconds of the medium take five seconds. What a
/// sender sends depends on the scale:
///
/// - At a scale of 2 or more, it leaves out frames that the receiver does not need to decode the other
///   frames.
/// - Below 1, it sends every frame, and each frame is shown for longer.
/// - Backwards, it only sends frames at which decoding can begin.
///
/// [`Pace::nearest`] limits a scale to what a sender can play.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Scale(i32);

impl Scale {
    /// The scale 1: forwards, at the usual rate of the medium.
    pub const NORMAL: Self = Self(UNIT as i32);

    /// Makes a scale from thousandths: 1,000 is the scale 1, and -500 plays backwards at half the rate.
    /// Returns `None` for 0 and for `i32::MIN`, which are no scales; [`Self::NORMAL`] can take their place.
    pub const fn from_thousandths(thousandths: i32) -> Option<Self> {
        match thousandths {
            0 | i32::MIN => None,
            thousandths => Some(Self(thousandths)),
        }
    }

    /// Returns the scale in thousandths. It is negative if the medium is played backwards, and never 0.
    pub const fn thousandths(self) -> i32 {
        self.0
    }

    /// Returns the scale in thousandths without its sign: how fast the medium's own time goes in either
    /// direction. It is at least 1.
    pub const fn magnitude(self) -> u32 {
        self.0.unsigned_abs()
    }

    /// Returns true if the medium is played backwards.
    pub const fn is_reverse(self) -> bool {
        self.0 < 0
    }
}

impl Default for Scale {
    fn default() -> Self {
        Self::NORMAL
    }
}

/// How fast frames are delivered, compared with how fast they are shown: the value of the `Speed` header (RFC
/// 2326, 12.35). A speed of 2 delivers frames twice as fast as they are shown, and 0.5 half as fast. The
/// value is held in thousandths, so the speed 2 is held as 2,000. The value is never zero.
///
/// Above 1, a receiver gets frames before it shows them, and has to buffer them. Below 1, a receiver gets
/// frames later than it could show them. RTP timestamps do not depend on the speed. [`Pace::nearest`] limits
/// a speed to what a sender can keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Speed(u32);

impl Speed {
    /// The speed 1: frames are delivered as fast as they are shown.
    pub const NORMAL: Self = Self(UNIT);

    /// Makes a speed from thousandths: 1,000 is the speed 1, and 1,500 the speed 1.5. Returns `None` for 0,
    /// which is no speed; [`Self::NORMAL`] can take its place.
    pub const fn from_thousandths(thousandths: u32) -> Option<Self> {
        match thousandths {
            0 => None,
            thousandths => Some(Self(thousandths)),
        }
    }

    /// Returns the speed in thousandths: 1,000 for the speed 1. It is at least 1.
    pub const fn thousandths(self) -> u32 {
        self.0
    }
}

impl Default for Speed {
    fn default() -> Self {
        Self::NORMAL
    }
}

/// How fast a [`Sender`](super::Sender) plays and delivers a track. It holds two factors. The [`Scale`] says
/// how fast the medium's own time goes while it is shown, and in which direction. The [`Speed`] says how fast
/// frames are delivered, compared with how fast they are shown. Both multiply: at scale 2 and speed 3, six
/// seconds of the medium are delivered each second.
///
/// The values are limited to what a sender can keep. Make a pace with [`Self::nearest`] from what a client
/// asks for. The default is [`Self::NORMAL`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Pace {
    scale: Scale,
    speed: Speed,
}

impl Pace {
    /// The usual pace: scale 1 and speed 1. Each frame is delivered when it is shown, forwards and at the
    /// usual rate.
    pub const NORMAL: Self = Self { scale: Scale::NORMAL, speed: Speed::NORMAL };

    /// Returns the pace that is nearest to the scale and the speed that a client has asked for. Tell the
    /// client the [`Self::scale`] and [`Self::speed`] of the result, as they may differ.
    ///
    /// The direction of the scale stays. Without its sign, a scale above 1 is rounded to a whole number, so
    /// that a sender can send every n-th frame. A scale below 0.1 becomes 0.1, and one above 64 becomes 64.
    ///
    /// A speed below 0.1 becomes 0.1. A speed above `max_speed` becomes `max_speed`, which is in thousandths:
    /// 4,000 is the speed 4. Values of `max_speed` below 1,000 count as 1,000.
    ///
    /// Without the feature `scale`, the result is [`Self::NORMAL`].
    pub fn nearest(scale: Scale, speed: Speed, max_speed: u32) -> Self {
        if !VARIES {
            return Self::NORMAL;
        }
        let magnitude = match scale.magnitude() {
            slow @ ..1_000 => slow.max(MIN_SCALE),
            fast => (fast.saturating_add(500) / 1_000 * 1_000).min(MAX_SCALE),
        };
        let signed = (magnitude as i32).wrapping_mul(scale.thousandths().signum());
        let max_speed = max_speed.max(Speed::NORMAL.thousandths());
        let speed = speed.thousandths().clamp(MIN_SPEED, max_speed);
        Self { scale: Scale(signed), speed: Speed(speed) }
    }

    /// Returns the scale: how fast the medium's own time goes while it is shown, and in which direction.
    pub const fn scale(self) -> Scale {
        if VARIES { self.scale } else { Scale::NORMAL }
    }

    /// Returns the speed: how fast frames are delivered, compared with how fast they are shown.
    pub const fn speed(self) -> Speed {
        if VARIES { self.speed } else { Speed::NORMAL }
    }

    /// Returns true if the medium is played backwards.
    pub const fn is_reverse(self) -> bool {
        self.scale().is_reverse()
    }

    /// Returns true if `time` comes before `other` in the direction of play. Forwards, the earlier time comes
    /// first; backwards, the later time comes first. Returns false if both times are the same.
    pub fn is_before(self, time: MediaTime, other: MediaTime) -> bool {
        if self.is_reverse() { time > other } else { time < other }
    }

    /// From one frame that is sent to the next, in frames, where frames can be left out in strides.
    pub(super) fn stride(self) -> u32 {
        (self.scale().magnitude() / UNIT).max(1)
    }

    /// The frame so many strides on; `None` before the first one.
    pub(super) fn step(self, frame: FrameId, strides: u64, stride: u32) -> Option<FrameId> {
        let distance = strides.saturating_mul(u64::from(stride));
        match self.is_reverse() {
            true => frame.0.checked_sub(distance).map(FrameId),
            false => Some(FrameId(frame.0.saturating_add(distance))),
        }
    }

    /// How many whole strides lead from one frame to so many frames before another; 0 if it was passed already.
    #[cfg_attr(target_pointer_width = "32", inline(never))]
    pub(super) fn steps(self, from: FrameId, to: FrameId, stride: u32, before: u64) -> u64 {
        let distance = match self.is_reverse() {
            true => from.0.saturating_sub(to.0),
            false => to.0.saturating_sub(from.0),
        };
        distance.saturating_sub(before) / u64::from(stride.max(1))
    }

    /// The first frame from `to` on, in the direction of play.
    pub(super) fn seek<S: FrameStore + ?Sized>(
        self,
        store: &S,
        track: TrackId,
        clock_rate: u32,
        to: Seek,
    ) -> Result<FrameId, Miss> {
        let found = store.seek(track, to)?;
        Ok(match to {
            // The last one that is not after `time` comes before the first one that is.
            Seek::To(time) if self.is_reverse() => match store.time(track, found) {
                Ok(ticks) if ticks <= time.to_ticks(clock_rate) => found,
                _ => FrameId(found.0.saturating_sub(1)),
            },
            _ => found,
        })
    }

    /// For how long it is played from `start` to `time`, in ticks.
    pub(super) fn played(self, start: u64, time: u64) -> u64 {
        self.to_play(if self.is_reverse() { start.saturating_sub(time) } else { time.saturating_sub(start) })
    }

    /// How much of the medium is played in so much time.
    pub(super) fn media_span(self, played: Duration) -> Duration {
        played.times(self.scale().magnitude(), UNIT)
    }

    /// For how long a frame is shown that lasts for `duration` in the medium, in ticks.
    pub(super) fn shown(self, duration: u64, stride: u32) -> u64 {
        self.to_play(duration.saturating_mul(u64::from(stride)))
    }

    /// How long it takes to deliver what is played for so long.
    pub(super) fn delivery(self, played: Duration) -> Duration {
        played.times(UNIT, self.speed().thousandths())
    }

    /// What is delivered in so much time, as long as it is played.
    pub(super) fn delivered(self, span: Duration) -> Duration {
        span.times(self.speed().thousandths(), UNIT)
    }

    /// What must have been delivered in so much time, or a client that shows it as it comes is kept
    /// waiting. One that asked for more than that shows it from a buffer, and wants every frame.
    pub(super) fn required(self, span: Duration) -> Duration {
        if self.speed() > Speed::NORMAL { Duration::ZERO } else { self.delivered(span) }
    }

    /// Exact at scale 1, and otherwise rounded down to a tick.
    fn to_play(self, media: u64) -> u64 {
        match self.scale().magnitude() {
            UNIT => media,
            // In ticks, not in microseconds, which makes no difference to the calculation.
            scale => Duration::from_micros(media).times(UNIT, scale).as_micros(),
        }
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
        assert_eq!(pace.step(FrameId(9), 2, pace.stride()), Some(FrameId(1)));
        assert_eq!(pace.step(FrameId(9), 3, pace.stride()), None);
        assert_eq!(pace.steps(FrameId(9), FrameId(1), pace.stride(), 0), 2);
        assert_eq!(pace.steps(FrameId(9), FrameId(1), pace.stride(), 1), 1);
        assert_eq!(pace.steps(FrameId(4), FrameId(9), pace.stride(), 1), 0);
    }
}
