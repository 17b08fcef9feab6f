//! The clock of a recorded medium.
use crate::sdp::FrameRate;
use crate::time::{Duration, MediaTime};

/// A constant frame rate, which gives each frame of a recorded medium its time: there are `rate` frames
/// in `scale` seconds. The rate is a fraction, so that times at 30000/1001 frames per second do not
/// drift.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct FrameClock {
    rate: u32,
    scale: u32,
}

impl FrameClock {
    const SLOWEST: u64 = 1;
    const FASTEST: u64 = 1_000_000;

    /// Makes a clock of `rate` frames in `scale` seconds. For example, 30000 and 1001 are 29.97 frames
    /// per second. Returns `None` if `rate` or `scale` is 0. Returns `None` also if the rate, rounded to
    /// 0.001, is less than 0.001 or more than 1000 frames per second.
    pub const fn new(rate: u32, scale: u32) -> Option<Self> {
        let clock = Self { rate, scale };
        match clock.thousandths() {
            Self::SLOWEST..=Self::FASTEST => Some(clock),
            _ => None,
        }
    }

    /// Returns the rate and the scale of [`Self::new`], in this order: there are `rate` frames in `scale`
    /// seconds.
    pub const fn fraction(self) -> (u32, u32) {
        (self.rate, self.scale)
    }

    /// Returns the rate, rounded to 0.001 frames per second.
    pub const fn frame_rate(self) -> FrameRate {
        FrameRate(self.thousandths() as u32)
    }

    /// Returns the time at which frame `number`, counted from 0, is shown. Frame 0 is shown at time 0.
    /// Fractions of a microsecond are cut off.
    pub fn pts(self, number: u64) -> MediaTime {
        let span = u128::from(number) * u128::from(self.scale) * 1_000_000;
        let micros = span.checked_div(u128::from(self.rate)).unwrap_or(0);
        MediaTime::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
    }

    /// Returns the number of frame intervals in `span`, rounded to the nearest whole number.
    pub fn frames_in(self, span: Duration) -> u64 {
        let second = u128::from(self.scale) * 1_000_000;
        let frames = (u128::from(span.as_micros()) * u128::from(self.rate) + second / 2) / second;
        u64::try_from(frames).unwrap_or(u64::MAX)
    }

    /// Returns how long each frame is shown. Fractions of a microsecond are cut off.
    pub fn interval(self) -> Duration {
        self.pts(1).since(MediaTime::ZERO)
    }

    /// Returns the rate in 0.001 frames per second, or 0 if the scale is 0.
    const fn thousandths(self) -> u64 {
        // Cannot overflow: rate and scale are less than 2^32.
        match (self.rate as u64 * 1000 + self.scale as u64 / 2).checked_div(self.scale as u64) {
            Some(thousandths) => thousandths,
            None => 0,
        }
    }
}

/// A rate of 0 becomes the lowest rate, 0.001 frames per second.
impl From<FrameRate> for FrameClock {
    fn from(rate: FrameRate) -> Self {
        Self { rate: rate.0.max(1), scale: 1000 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ntsc_does_not_drift() {
        let clock = FrameClock::new(30_000, 1001).unwrap();
        assert_eq!(clock.frame_rate(), FrameRate(29_970));
        assert_eq!(clock.interval(), Duration::from_micros(33_366));
        let day = Duration::from_secs(1001 * 86);
        assert_eq!(clock.pts(30_000 * 86), MediaTime::ZERO + day);
        assert_eq!(clock.frames_in(day), 30_000 * 86);
        assert_eq!([16_683, 16_684].map(|micros| clock.frames_in(Duration::from_micros(micros))), [0, 1]);
    }

    #[test]
    fn unusable_rates_are_refused() {
        for (rate, scale) in [(0, 1), (1, 0), (0, 0), (1, u32::MAX), (u32::MAX, 1), (1001, 1)] {
            assert_eq!(FrameClock::new(rate, scale), None, "{rate}/{scale}");
        }
        assert!(FrameClock::new(u32::MAX, u32::MAX).is_some());
        assert_eq!(FrameClock::from(FrameRate(0)).frame_rate(), FrameRate(1));
    }

    #[test]
    fn the_largest_numbers_do_not_overflow() {
        let slowest = FrameClock::new(4_294_968, u32::MAX).unwrap();
        assert_eq!(slowest.pts(u64::MAX), MediaTime::from_micros(u64::MAX));
        let fastest = FrameClock::new(u32::MAX, 4_294_968).unwrap();
        assert!(fastest.frames_in(Duration::from_micros(u64::MAX)) < u64::MAX);
    }
}
