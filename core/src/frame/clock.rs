//! [`ClockReference`]: which wall clock time stands for which media time.
use crate::time::{MediaTime, NtpTime};

/// One moment on two clocks: the wall clock of a sender, and the media time of one track. Such a moment
/// comes from the sender reports of RTCP. Use the moments of several tracks to show these tracks in step.
///
/// The tracks of one sender share its wall clock. So the references of two tracks put both on one clock,
/// whatever their clock rates are and whenever their media times begin:
///
/// ```
/// use pinhole::frame::ClockReference;
/// use pinhole::time::NtpTime;
///
/// // Video at 90 kHz and audio at 44.1 kHz; the audio's report is half a second younger.
/// let video = ClockReference { ntp: NtpTime(0xE000_0000_0000_0000), time: 900_000 };
/// let audio = ClockReference { ntp: NtpTime(0xE000_0000_8000_0000), time: 22_050 };
/// assert_eq!(video.map(90_000, 990_000, audio, 44_100), Some(44_100));
/// ```
///
/// All arithmetic is exact up to the rounding of the result. The wall clock has 64 bits, which wrap in 2036
/// (RFC 3550, 4). So two wall clock times must be less than 68 years apart: of the two ways around from one
/// to the other, the shorter is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ClockReference {
    /// The time on the sender's wall clock at this moment.
    pub ntp: NtpTime,
    /// The media time of the track at this moment, in ticks of the track's clock.
    pub time: u64,
}

impl ClockReference {
    /// Returns the time of another track that is to be presented together with `time` of this track.
    ///
    /// `time` and `clock_rate` are of this track, and `other` and `other_rate` are the reference and the
    /// clock rate of the other track. Times are in ticks of their track's clock, and rates in ticks per
    /// second. The result is in ticks of the other track's clock, rounded to the nearest tick.
    ///
    /// Returns `None` if the result is before tick 0 of the other track, if it does not fit 64 bits, or if a
    /// clock rate is 0. At `time`, the two tracks cannot be shown in step then.
    pub fn map(&self, clock_rate: u32, time: u64, other: Self, other_rate: u32) -> Option<u64> {
        let (rate, to) = (u64::from(clock_rate), u64::from(other_rate));
        if rate == 0 || to == 0 {
            return None;
        }
        // Seconds from `other` on, whole and in two fractions below 1: of the clocks' ticks, and of
        // the wall clock's 2^-32 seconds.
        let ticks = time.checked_signed_diff(self.time)?;
        let ntp = self.ntp.0.wrapping_sub(other.ntp.0);
        let secs = ticks.checked_div_euclid(rate as i64)?.checked_add(ntp as i64 >> 32)?;
        let ticks = ticks.checked_rem_euclid(rate as i64)? as u64;
        // Each product is of two numbers below 2^32.
        let (ticks, ntp) = (ticks.saturating_mul(to), (ntp & 0xFFFF_FFFF).saturating_mul(to));
        let whole = ticks.checked_div(rate)?.saturating_add(ntp >> 32);
        // What is left of both, in units of 1 / (rate * 2^32) ticks; the sum is below two ticks.
        let left = u128::from(ticks.checked_rem(rate)?) << 32;
        let left = left.saturating_add(u128::from((ntp & 0xFFFF_FFFF).saturating_mul(rate)));
        let half = u128::from(rate) << 31;
        let rounded = u64::from(left >= half).saturating_add(u64::from(left >= half.saturating_mul(3)));
        let rest = i64::try_from(whole.saturating_add(rounded)).ok()?;
        other.time.checked_add_signed(secs.checked_mul(to as i64)?.checked_add(rest)?)
    }

    /// Returns `time` of this track on a clock that all tracks of the sender have in common: microseconds
    /// after the wall clock time `origin`, rounded to the nearest. `time` is in ticks of this track's clock,
    /// which has `clock_rate` ticks per second.
    ///
    /// Pass the same `origin` for all tracks. Choose one that is earlier than every time that is mapped, such
    /// as the `ntp` of one track's reference less some seconds.
    ///
    /// Returns `None` if `time` is before `origin`, or if `clock_rate` is 0: choose an earlier `origin` then,
    /// for all tracks.
    pub fn media_time(&self, clock_rate: u32, time: u64, origin: NtpTime) -> Option<MediaTime> {
        let common = Self { ntp: origin, time: 0 };
        self.map(clock_rate, time, common, 1_000_000).map(MediaTime::from_micros)
    }

    /// Returns the sender's wall clock time at `time` of this track. `time` is in ticks of this track's
    /// clock, which has `clock_rate` ticks per second. Fractions are rounded down to units of 2^-32 seconds,
    /// and the result wraps as the wall clock does. A `clock_rate` of 0 counts as 1.
    pub fn ntp_at(&self, clock_rate: u32, time: u64) -> NtpTime {
        let later = span(clock_rate, time.saturating_sub(self.time));
        let earlier = span(clock_rate, self.time.saturating_sub(time));
        NtpTime(self.ntp.0.wrapping_add(later).wrapping_sub(earlier))
    }
}

/// Ticks as seconds, in units of 2^-32 seconds; wraps as the wall clock does.
fn span(clock_rate: u32, ticks: u64) -> u64 {
    let rate = u64::from(clock_rate.max(1));
    let whole = ticks.checked_div(rate).unwrap_or(0) << 32;
    let rest = ticks.checked_rem(rate).unwrap_or(0) << 32;
    whole.wrapping_add(rest.checked_div(rate).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: u64 = 1 << 32;

    fn reference(ntp: u64, time: u64) -> ClockReference {
        ClockReference { ntp: NtpTime(ntp), time }
    }

    #[test]
    fn one_moment_has_one_time_on_each_track() {
        let video = reference(10 * SECOND, 90_000);
        let audio = reference(12 * SECOND, 5);
        assert_eq!(video.map(90_000, 270_000, audio, 44_100), Some(5));
        assert_eq!(video.map(90_000, 270_001, audio, 44_100), Some(5));
        assert_eq!(video.map(90_000, 270_003, audio, 44_100), Some(6));
        assert_eq!(audio.map(44_100, 5, video, 90_000), Some(270_000));
    }

    #[test]
    fn a_time_before_tick_0_has_none() {
        let (video, audio) = (reference(10 * SECOND, 90_000), reference(12 * SECOND, 44_100));
        assert_eq!(video.map(90_000, 180_000, audio, 44_100), Some(0));
        assert_eq!(video.map(90_000, 90_000, audio, 44_100), None);
        assert_eq!(video.map(0, 180_000, audio, 44_100), None);
        assert_eq!(video.map(90_000, 180_000, audio, 0), None);
    }

    #[test]
    fn the_wall_clock_wraps_in_2036() {
        let before = reference(0u64.wrapping_sub(SECOND), 100);
        let after = reference(SECOND / 2, 7_000);
        assert_eq!(before.map(8_000, 100 + 12_000, after, 1_000), Some(7_000));
        assert_eq!(after.map(1_000, 7_000, before, 8_000), Some(12_100));
        assert_eq!(before.ntp_at(8_000, 12_100), after.ntp);
        assert_eq!(after.ntp_at(1_000, 5_500), before.ntp);
    }

    #[test]
    fn two_tracks_share_a_media_time() {
        let origin = NtpTime(9 * SECOND);
        let (video, audio) = (reference(10 * SECOND, 0), reference(11 * SECOND + SECOND / 2, 44_100));
        let at = |micros| Some(MediaTime::from_micros(micros));
        assert_eq!(video.media_time(90_000, 45_000, origin), at(1_500_000));
        assert_eq!(audio.media_time(44_100, 44_100, origin), at(2_500_000));
        assert_eq!(audio.media_time(44_100, 44_101, origin), at(2_500_023));
        assert_eq!(video.media_time(90_000, 0, NtpTime(12 * SECOND)), None);
    }

    proptest! {
        #[test]
        fn mapping_is_exact_and_rounds_to_nearest(
            ntp: u64,
            apart in -1_000_000_000_000i64..1_000_000_000_000,
            rate in 1u32..,
            to in 1u32..,
            at in 0u64..1 << 60,
            since in -1_000_000_000_000i64..1_000_000_000_000,
            zero in prop_oneof![0u64..1 << 20, 1u64 << 50..1 << 60],
        ) {
            let this = reference(ntp, at);
            let other = reference(ntp.wrapping_add_signed(apart), zero);
            let Some(time) = at.checked_add_signed(since) else { return Ok(()) };
            // In units of 1 / (rate * 2^32) seconds.
            let exact = (i128::from(since) << 32) - i128::from(apart) * i128::from(rate);
            let unit = i128::from(rate) << 32;
            let expected = i128::from(zero) + (exact * i128::from(to) + unit / 2).div_euclid(unit);
            prop_assert_eq!(this.map(rate, time, other, to).map(i128::from), u64::try_from(expected).ok().map(i128::from));
        }

        #[test]
        fn any_numbers_are_taken(a: (u64, u64), b: (u64, u64), rate: u32, to: u32, time: u64) {
            let (a, b) = (reference(a.0, a.1), reference(b.0, b.1));
            let _ = (a.map(rate, time, b, to), a.media_time(rate, time, b.ntp), a.ntp_at(rate, time));
        }
    }
}
