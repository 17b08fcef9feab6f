//! Times and clocks. The caller passes all times in, as the core reads no clock.
//!
//! On 32-bit targets, where a number of 64 bits takes two registers, saturating arithmetic is not
//! inlined, which saves flash.
use core::ops::{Add, Sub};

/// A span of time in microseconds.
///
/// [`core::time::Duration`] is not used, because its nanoseconds cost a 128-bit multiplication on a
/// microcontroller, and its arithmetic can panic. The arithmetic of this type saturates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Duration(u64);

impl Duration {
    /// A span of 0.
    pub const ZERO: Self = Self(0);
    /// The longest span, longer than any session lasts.
    pub const MAX: Self = Self(u64::MAX);

    /// Makes a span of `micros` microseconds.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Makes a span of `millis` milliseconds. Saturates.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000))
    }

    /// Makes a span of `secs` seconds. Saturates.
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(1_000_000))
    }

    /// Returns the span in microseconds.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// Returns the span in milliseconds, rounded down.
    pub const fn as_millis(self) -> u64 {
        self.0 / 1_000
    }

    /// Returns the span multiplied by `numerator / denominator`. It saturates, and is zero if
    /// `denominator` is 0.
    pub const fn scaled(self, numerator: u64, denominator: u64) -> Self {
        match self.0.saturating_mul(numerator).checked_div(denominator) {
            Some(micros) => Self(micros),
            None => Self::ZERO,
        }
    }

    /// Makes a span of `ticks` ticks of a clock with `rate` ticks per second, rounded to a microsecond.
    /// It is zero if `rate` is 0.
    pub const fn from_ticks(ticks: u64, rate: u32) -> Self {
        Self(convert(ticks, rate, 1_000_000))
    }

    /// Returns the span in ticks of a clock with `rate` ticks per second, rounded to a tick. Saturates.
    pub const fn to_ticks(self, rate: u32) -> u64 {
        convert(self.0, 1_000_000, rate)
    }

    /// Does what [`Self::scaled`] does, with numbers that take one register each.
    #[cfg_attr(target_pointer_width = "32", inline(never))]
    pub(crate) const fn times(self, numerator: u32, denominator: u32) -> Self {
        self.scaled(numerator as u64, denominator as u64)
    }
}

/// Converts `n` units, of which `from` are a second, to units of which `to` are a second, rounded. It
/// converts whole seconds and the rest apart, so that no product needs more than 64 bits.
#[cfg_attr(target_pointer_width = "32", inline(never))]
const fn convert(n: u64, from: u32, to: u32) -> u64 {
    let (from, to) = (from as u64, to as u64);
    let (Some(secs), Some(rest)) = (n.checked_div(from), n.checked_rem(from)) else { return 0 };
    let part = rest.wrapping_mul(to).wrapping_add(from / 2);
    match part.checked_div(from) {
        Some(part) => secs.saturating_mul(to).saturating_add(part),
        None => 0,
    }
}

impl Add for Duration {
    type Output = Self;
    #[cfg_attr(target_pointer_width = "32", inline(never))]
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Duration {
    type Output = Self;
    #[cfg_attr(target_pointer_width = "32", inline(never))]
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl From<core::time::Duration> for Duration {
    fn from(d: core::time::Duration) -> Self {
        Self(d.as_secs().saturating_mul(1_000_000).saturating_add(u64::from(d.subsec_micros())))
    }
}

impl From<Duration> for core::time::Duration {
    fn from(d: Duration) -> Self {
        Self::from_micros(d.0)
    }
}

/// Defines a type for points on one clock, so that points on two clocks cannot be compared.
macro_rules! clock {
    ($(#[$doc:meta])* $point:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        pub struct $point(u64);

        impl $point {
            /// The origin of the clock. No point is before it.
            pub const ZERO: Self = Self(0);

            /// Makes the point `micros` microseconds after the origin.
            pub const fn from_micros(micros: u64) -> Self {
                Self(micros)
            }

            /// Returns the time since the origin in microseconds.
            pub const fn as_micros(self) -> u64 {
                self.0
            }

            /// Returns the time from `earlier` to this point; zero if `earlier` is later.
            #[cfg_attr(target_pointer_width = "32", inline(never))]
            pub const fn since(self, earlier: Self) -> Duration {
                Duration(self.0.saturating_sub(earlier.0))
            }
        }

        impl Add<Duration> for $point {
            type Output = Self;
            #[cfg_attr(target_pointer_width = "32", inline(never))]
            fn add(self, span: Duration) -> Self {
                Self(self.0.saturating_add(span.0))
            }
        }

        impl Sub<Duration> for $point {
            type Output = Self;
            #[cfg_attr(target_pointer_width = "32", inline(never))]
            fn sub(self, span: Duration) -> Self {
                Self(self.0.saturating_sub(span.0))
            }
        }
    };
}

clock! {
    /// A point on the caller's monotonic clock, in microseconds since any fixed origin.
    Instant
}

impl MediaTime {
    /// Makes the point `ticks` ticks after the origin, of a clock with `rate` ticks per second, rounded
    /// to a microsecond.
    pub const fn from_ticks(ticks: u64, rate: u32) -> Self {
        Self(Duration::from_ticks(ticks, rate).0)
    }

    /// Returns the time since the origin in ticks of a clock with `rate` ticks per second, rounded to a
    /// tick.
    pub const fn to_ticks(self, rate: u32) -> u64 {
        Duration(self.0).to_ticks(rate)
    }
}

clock! {
    /// A point in the time of a medium, in microseconds since its start; for live media, since any
    /// fixed point. RTSP calls it normal play time (RFC 2326, 3.6).
    MediaTime
}

/// A reading of a wall clock, as RTCP sends it: seconds since 1900 in the upper 32 bits, and their
/// fraction in the lower 32 bits (RFC 3550, 4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct NtpTime(pub u64);

impl NtpTime {
    /// The seconds from 1900-01-01 to 1970-01-01.
    const UNIX_OFFSET: u64 = 2_208_988_800;

    /// Makes a reading from the time since the Unix epoch.
    pub const fn from_unix(since_epoch: Duration) -> Self {
        let secs = (since_epoch.0 / 1_000_000).wrapping_add(Self::UNIX_OFFSET);
        let fraction = ((since_epoch.0 % 1_000_000) << 32) / 1_000_000;
        Self(secs << 32 | fraction)
    }

    /// Returns the middle 32 bits, which reception reports quote (RFC 3550, 6.4.1, LSR).
    pub const fn middle(self) -> u32 {
        (self.0 >> 16) as u32
    }
}

/// The current time of both clocks, read together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Now {
    /// The monotonic clock, by which everything is scheduled.
    pub at: Instant,
    /// The wall clock, which only sender reports quote. Without a wall clock, any monotonic value will
    /// do.
    pub ntp: NtpTime,
}

/// When to poll a connection again, apart for each outlet, so that a blocked socket does not hide the
/// others. `None` means that nothing is due until there is input or a new frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Wake {
    /// The time at which `poll_stream` will return something; `None` if it returns nothing before there
    /// is input or a new frame.
    pub stream: Option<Instant>,
    /// The time at which `poll_transmit` will return something; `None` if it returns nothing before
    /// there is input or a new frame.
    pub datagram: Option<Instant>,
    /// The time at which `handle_timeout` has something to do; `None` if it has nothing to do.
    pub timer: Option<Instant>,
}

impl Wake {
    /// Returns the earliest of the three times; `None` if there is none. The time of an outlet that is
    /// not open, because its socket is blocked, does not count.
    pub fn earliest(&self, stream_open: bool, datagram_open: bool) -> Option<Instant> {
        let mut earliest = self.timer;
        for (at, is_open) in [(self.stream, stream_open), (self.datagram, datagram_open)] {
            if let Some(at) = at.filter(|_| is_open) {
                sooner(&mut earliest, at);
            }
        }
        earliest
    }
}

/// Lowers `slot` to `at`, if that is sooner.
#[cfg_attr(target_pointer_width = "32", inline(never))]
pub(crate) fn sooner(slot: &mut Option<Instant>, at: Instant) {
    if slot.is_none_or(|other| at < other) {
        *slot = Some(at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ntp_of_the_unix_epoch_and_a_half_second() {
        assert_eq!(NtpTime::from_unix(Duration::ZERO).0 >> 32, 2_208_988_800);
        assert_eq!(NtpTime::from_unix(Duration::from_micros(500_000)).0 as u32, 1 << 31);
    }

    #[test]
    fn arithmetic_saturates() {
        assert_eq!(Duration::MAX + Duration::from_secs(1), Duration::MAX);
        assert_eq!(Instant::ZERO - Duration::from_secs(1), Instant::ZERO);
        assert_eq!(Duration::from_secs(1).scaled(1, 0), Duration::ZERO);
    }

    #[test]
    fn ticks_are_exact_to_the_nearest() {
        assert_eq!(Duration::from_micros(33_333).to_ticks(90_000), 3_000);
        assert_eq!(Duration::from_ticks(3_000, 90_000), Duration::from_micros(33_333));
        assert_eq!(MediaTime::from_ticks(44_100 * 86_400 + 1_024, 44_100).as_micros(), 86_400_023_220);
        assert_eq!(Duration::from_secs(1).to_ticks(0), 0);
        assert_eq!(Duration::from_ticks(1, 0), Duration::ZERO);
        assert_eq!(Duration::MAX.to_ticks(90_000), Duration::MAX.0 / 1_000_000 * 90_000 + 49_645);
    }

    #[test]
    fn a_blocked_outlet_does_not_wake() {
        let at = Instant::from_micros;
        let wake = Wake { stream: Some(at(1)), datagram: Some(at(2)), timer: Some(at(3)) };
        assert_eq!(wake.earliest(true, true), Some(at(1)));
        assert_eq!(wake.earliest(false, true), Some(at(2)));
        assert_eq!(wake.earliest(false, false), Some(at(3)));
    }
}
