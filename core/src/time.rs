//! Times and clocks. The core reads no clock: the caller passes all times in.
//!
//! On 32-bit targets, where a number of 64 bits takes two registers, saturating arithmetic is not inlined,
//! which saves flash.
use core::ops::{Add, Sub};

/// A span of time in microseconds. A span is never negative.
///
/// [`core::time::Duration`] is not used, because its nanoseconds cost a 128-bit multiplication on a
/// microcontroller, and its arithmetic can panic. The arithmetic of this type saturates: a result below 0 is
/// [`Self::ZERO`], and a result that is too large is [`Self::MAX`]. `From` converts from and to
/// [`core::time::Duration`]. Nanoseconds are cut off, and a span that is too long becomes [`Self::MAX`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Duration(u64);

impl Duration {
    /// A span of 0.
    pub const ZERO: Self = Self(0);
    /// The longest span: about 584,000 years. It can stand for "never" or "no limit".
    pub const MAX: Self = Self(u64::MAX);

    /// Makes a span of `micros` microseconds.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Makes a span of `millis` milliseconds. If the span is too long for this type, the result is
    /// [`Self::MAX`].
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000))
    }

    /// Makes a span of `secs` seconds. If the span is too long for this type, the result is [`Self::MAX`].
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

    /// Returns the span multiplied by `numerator / denominator`, rounded down to a microsecond. If
    /// `denominator` is 0, the result is [`Self::ZERO`].
    ///
    /// If the product of the span in microseconds and `numerator` does not fit 64 bits, `u64::MAX` is
    /// divided in place of the product. The result is then too short.
    pub const fn scaled(self, numerator: u64, denominator: u64) -> Self {
        match self.0.saturating_mul(numerator).checked_div(denominator) {
            Some(micros) => Self(micros),
            None => Self::ZERO,
        }
    }

    /// Makes a span of `ticks` ticks of a clock with `rate` ticks per second, rounded to the nearest
    /// microsecond. If `rate` is 0, the result is [`Self::ZERO`]. If the span is too long for this type, the
    /// result is [`Self::MAX`].
    pub const fn from_ticks(ticks: u64, rate: u32) -> Self {
        Self(convert(ticks, rate, 1_000_000))
    }

    /// Returns the span in ticks of a clock with `rate` ticks per second, rounded to the nearest tick. If
    /// `rate` is 0, the result is 0. If the number of ticks does not fit 64 bits, the result is `u64::MAX`.
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
            /// The zero of the clock, before which there is no point. The zero of an [`Instant`] is a
            /// moment of the caller's choice. The zero of a [`MediaTime`] is the start of the medium. Work
            /// that is due at `Instant::ZERO` is due at once.
            pub const ZERO: Self = Self(0);

            /// Makes the point that is `micros` microseconds after the zero of the clock, [`Self::ZERO`].
            pub const fn from_micros(micros: u64) -> Self {
                Self(micros)
            }

            /// Returns the time from the zero of the clock, [`Self::ZERO`], to this point, in microseconds.
            pub const fn as_micros(self) -> u64 {
                self.0
            }

            /// Returns the time from `earlier` to this point. If `earlier` is later than this point, the
            /// result is [`Duration::ZERO`].
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
    /// A point on the caller's monotonic clock, in microseconds since a moment of the caller's choice, such
    /// as the start of the program. Use the same clock for all calls to one connection.
    Instant
}

impl MediaTime {
    /// Makes the point that is `ticks` ticks after [`Self::ZERO`], on a clock with `rate` ticks per second,
    /// rounded to the nearest microsecond. If `rate` is 0, the result is [`Self::ZERO`]. If the point is too
    /// late for this type, the result is the latest point, `u64::MAX` microseconds.
    pub const fn from_ticks(ticks: u64, rate: u32) -> Self {
        Self(Duration::from_ticks(ticks, rate).0)
    }

    /// Returns the time from [`Self::ZERO`] to this point in ticks of a clock with `rate` ticks per second,
    /// rounded to the nearest tick. If `rate` is 0, the result is 0. If the number of ticks does not fit 64
    /// bits, the result is `u64::MAX`.
    pub const fn to_ticks(self, rate: u32) -> u64 {
        Duration(self.0).to_ticks(rate)
    }
}

clock! {
    /// A point in the time of a medium, in microseconds since the medium's start. For a live medium, any
    /// moment can stand for the start, if the same moment is used for all tracks of the medium. RTSP calls
    /// this normal play time (RFC 2326, 3.6).
    MediaTime
}

/// A reading of a wall clock in the format of RTCP (RFC 3550, 4). The upper 32 bits are seconds since
/// 1900-01-01 00:00 UTC. The lower 32 bits are their fraction, in units of 2^-32 seconds. In 2036, the
/// seconds begin again at 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct NtpTime(pub u64);

impl NtpTime {
    /// The seconds from 1900-01-01 to 1970-01-01.
    const UNIX_OFFSET: u64 = 2_208_988_800;

    /// Makes a reading from the time since the Unix epoch, 1970-01-01 00:00 UTC. From 2036 on, the seconds
    /// begin again at 0, as the format demands.
    pub const fn from_unix(since_epoch: Duration) -> Self {
        let secs = (since_epoch.0 / 1_000_000).wrapping_add(Self::UNIX_OFFSET);
        let fraction = ((since_epoch.0 % 1_000_000) << 32) / 1_000_000;
        Self(secs << 32 | fraction)
    }

    /// Returns the middle 32 bits of the reading, in units of 1/65,536 second: the lower half of the seconds
    /// and the upper half of the fraction. A reception report names the last sender report by these bits (RFC
    /// 3550, 6.4.1, `LSR`).
    pub const fn middle(self) -> u32 {
        (self.0 >> 16) as u32
    }
}

/// The current time on two clocks, which are read together. Make a new value for each turn, and pass it to
/// the calls of that turn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Now {
    /// The time on the caller's monotonic clock, by which everything is scheduled. This clock must not run
    /// backwards; if the clock does, packets and timeouts come late.
    pub at: Instant,
    /// The time on the wall clock. It is only used in RTCP sender reports. If there is no wall clock, use
    /// the monotonic clock: pass the time since any fixed moment to [`NtpTime::from_unix`].
    pub ntp: NtpTime,
}

/// When to begin the next turn of a connection. [`ServerConn::poll_at`](crate::server::ServerConn::poll_at)
/// and [`ClientConn::poll_at`](crate::client::ClientConn::poll_at) return it at the end of each turn.
///
/// There is one time for each kind of work: the RTSP connection, UDP, and timeouts. If a socket takes no
/// bytes at present, the caller can ignore the time of that socket and keep the others. Sleep until the
/// time that [`Self::earliest`] returns. Wake up sooner if input arrives or, for a server, if the store has a
/// new frame. A time that has passed, such as [`Instant::ZERO`], means: begin the next turn at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Wake {
    /// When bytes for the RTSP connection are due. Begin a turn then, and call
    /// [`Turn::poll_stream`](crate::server::Turn::poll_stream) of a server or
    /// [`ClientConn::poll_stream`](crate::client::ClientConn::poll_stream) of a client. If the time has
    /// passed, do so at once, as soon as the RTSP connection can be written.
    ///
    /// `None` if no bytes become due by time alone. Wait for input then and, for a server, for a new frame in
    /// the store.
    pub stream: Option<Instant>,
    /// When UDP datagrams are due. Call
    /// [`ServerConn::poll_transmit`](crate::server::ServerConn::poll_transmit) of a server or
    /// [`ClientConn::poll_transmit`](crate::client::ClientConn::poll_transmit) of a client then. If the time
    /// has passed, do so at once, as soon as the UDP socket can be written.
    ///
    /// `None` if no datagrams become due by time alone. Wait for input then and, for a server, for a new
    /// frame in the store.
    pub datagram: Option<Instant>,
    /// When the connection has to act by itself, for example to end a session that has timed out. For a
    /// server, begin a turn then. For a client, call
    /// [`ClientConn::handle_timeout`](crate::client::ClientConn::handle_timeout). If the time has passed, do
    /// so at once.
    ///
    /// `None` if the connection has nothing to do by time alone: wait for input.
    pub timer: Option<Instant>,
}

impl Wake {
    /// Returns when to begin the next turn: the earliest of [`Self::stream`], [`Self::datagram`] and
    /// [`Self::timer`]. If that time has passed, begin the turn at once.
    ///
    /// Pass in `stream_open` whether the RTSP connection can be written now, and in `datagram_open` whether
    /// the UDP socket can. If `stream_open` is false, [`Self::stream`] is ignored. If `datagram_open` is
    /// false, [`Self::datagram`] is ignored. In both cases, also begin a turn when the blocked socket can be
    /// written again.
    ///
    /// Returns `None` if all times are `None` or ignored. Sleep without a time limit then, until input
    /// arrives, a blocked socket can be written again or, for a server, the store has a new frame.
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
