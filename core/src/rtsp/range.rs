//! [`Range`]: the `Range` header and the `range` attribute of session descriptions, in normal play time (RFC
//! 2326, 3.6, 12.29 and C.1.5).
use crate::num::mul_add;
use crate::text::{self, Emit, TextWriter};
use crate::time::MediaTime;
use core::fmt;
use embedded_io::Write;

/// A part of a medium in normal play time: `npt=START-END`. It is the value of the header `Range` of a
/// message, or of the attribute `range` of a session description.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Range {
    /// The start of the range; `None` if the value has no start. A PLAY request without a start asks to go on
    /// where the session was paused.
    pub start: Option<Position>,
    /// The end of the range. If this is `None`, the range goes to the end of the medium; if the medium is
    /// live, it has no end. The end may be before the start: such a range is for reverse play.
    pub end: Option<MediaTime>,
}

/// The start of a [`Range`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Position {
    /// The live edge of the medium: its newest frame (`npt=now-`). A recorded medium has no live edge: its
    /// frame store decides where to begin, for example at the first frame.
    Now,
    /// A time of the medium, such as `npt=12.5-` for 12.5 seconds.
    At(MediaTime),
}

/// Why the value of a `Range` header or a `range` attribute cannot be used. A server answers the request with
/// 457 ([`Status::INVALID_RANGE`](super::Status::INVALID_RANGE)). A client goes on as if the value were
/// missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum RangeError {
    /// The range is in SMPTE time codes, which count frames of a film (RFC 2326, 3.5). They are not
    /// supported.
    Smpte,
    /// The range is in wall clock time (`clock=`, RFC 2326, 3.7), which is not supported. Only normal play
    /// time (`npt=`) is supported.
    Clock,
    /// RFC 2326 does not know the unit of the range, which is the word before the `=`.
    Unit,
    /// The value does not have the form of a range, or a time in it is too large. The number is the offset of
    /// the first byte of the faulty part, in bytes from the start of the value of the header or attribute.
    Malformed(usize),
}

impl fmt::Display for RangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Smpte => f.write_str("ranges in SMPTE time codes are not supported"),
            Self::Clock => f.write_str("ranges in wall clock time are not supported"),
            Self::Unit => f.write_str("the unit of the range is unknown"),
            Self::Malformed(at) => write!(f, "the range is malformed (byte {at})"),
        }
    }
}

impl core::error::Error for RangeError {}

impl Range {
    /// Returns the range from `start` to the medium's end.
    pub const fn starting_at(start: MediaTime) -> Self {
        Self { start: Some(Position::At(start)), end: None }
    }

    /// Reads the value of a `Range` header or of a `range` attribute. Either the start or the end may be
    /// missing; if both are missing, the value is malformed. Digits of a time finer than a microsecond are
    /// cut off. If the end is `now`, it counts as missing. Parameters after a `;`, such as `time`, are
    /// ignored.
    ///
    /// # Errors
    /// Returns [`RangeError::Malformed`] if the value is no range or a time in it is too large. Returns
    /// another [`RangeError`] if the value is in a unit that is not supported.
    pub fn parse(value: &[u8]) -> Result<Self, RangeError> {
        let spec = text::split(value, b';').next().unwrap_or_default();
        let malformed = |part: &[u8]| RangeError::Malformed(text::offset(value, part));
        let (unit, range) = text::split_once(spec, b'=').ok_or(malformed(spec))?;
        let unit = unit.trim_ascii();
        if text::starts_with_ignore_case(unit, b"smpte") {
            return Err(RangeError::Smpte);
        } else if unit.eq_ignore_ascii_case(b"clock") {
            return Err(RangeError::Clock);
        } else if !unit.eq_ignore_ascii_case(b"npt") {
            return Err(RangeError::Unit);
        }
        let (start, end) = text::split_once(range, b'-').ok_or(malformed(range))?;
        let position = |part: &[u8]| match part.trim_ascii() {
            [] => Ok(None),
            part => Position::parse(part).map(Some).ok_or(malformed(part)),
        };
        let (start, end) = (position(start)?, position(end)?);
        if start.is_none() && end.is_none() {
            return Err(malformed(range));
        }
        // The end of a live medium is not known.
        let end = match end {
            Some(Position::At(end)) => Some(end),
            Some(Position::Now) | None => None,
        };
        Ok(Self { start, end })
    }
}

impl Position {
    fn parse(text: &[u8]) -> Option<Self> {
        if text.eq_ignore_ascii_case(b"now") {
            return Some(Self::Now);
        }
        npt(text).map(Self::At)
    }
}

/// Reads a time such as `12.34` or `1:02:03.4`.
fn npt(text: &[u8]) -> Option<MediaTime> {
    let Some((hours, rest)) = text::split_once(text, b':') else {
        return text::fraction(text, 1_000_000).map(MediaTime::from_micros);
    };
    let (minutes, seconds) = text::split_once(rest, b':')?;
    let minutes = mul_add(text::decimal(hours)?, 60, text::decimal(minutes)?)?;
    let micros = mul_add(minutes, 60_000_000, text::fraction(seconds, 1_000_000)?)?;
    Some(MediaTime::from_micros(micros))
}

impl Emit for Range {
    fn emit<W: Write>(&self, out: &mut TextWriter<W>) {
        out.text("npt=");
        match self.start {
            Some(Position::Now) => out.text("now"),
            Some(Position::At(start)) => out.npt(start),
            // A dash alone would not be a range.
            None if self.end.is_none() => out.text("0"),
            None => {}
        }
        out.text("-");
        if let Some(end) = self.end {
            out.npt(end);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::tests::emitted;
    use proptest::prelude::*;
    use std::vec::Vec;

    fn at(micros: u64) -> Option<Position> {
        Some(Position::At(MediaTime::from_micros(micros)))
    }

    #[test]
    fn what_clients_send() {
        let end = |micros| Some(MediaTime::from_micros(micros));
        let cases: [(&[u8], Range); 8] = [
            (b"npt=0.000-", Range { start: at(0), end: None }),
            (b"npt=now-", Range { start: Some(Position::Now), end: None }),
            (b"npt=now-now", Range { start: Some(Position::Now), end: None }),
            (b"npt=1.5-7.741", Range { start: at(1_500_000), end: end(7_741_000) }),
            (b"npt=-20", Range { start: None, end: end(20_000_000) }),
            (b"NPT = 1:02:03.5 - 2:00:00", Range { start: at(3_723_500_000), end: end(7_200_000_000) }),
            (b"npt=10-;time=19970123T153600Z", Range { start: at(10_000_000), end: None }),
            (b"npt=0.0000001-", Range { start: at(0), end: None }),
        ];
        for (value, range) in cases {
            assert_eq!(Range::parse(value), Ok(range), "{}", value.escape_ascii());
        }
    }

    #[test]
    fn what_cannot_be_used_says_why() {
        assert_eq!(Range::parse(b"smpte-30-drop=10:07:00-"), Err(RangeError::Smpte));
        assert_eq!(Range::parse(b"clock=19961108T142300Z-"), Err(RangeError::Clock));
        assert_eq!(Range::parse(b"bytes=0-"), Err(RangeError::Unit));
        assert_eq!(Range::parse(b"npt=-"), Err(RangeError::Malformed(4)));
        assert_eq!(Range::parse(b"npt=1"), Err(RangeError::Malformed(4)));
        assert_eq!(Range::parse(b"npt=1-two"), Err(RangeError::Malformed(6)));
        assert_eq!(Range::parse(b"npt=18446744073710-"), Err(RangeError::Malformed(4)));
        assert_eq!(Range::parse(b"npt=9999999999999999:0:0-"), Err(RangeError::Malformed(4)));
        assert_eq!(Range::parse(b""), Err(RangeError::Malformed(0)));
    }

    proptest! {
        #[test]
        fn ranges_round_trip(start in prop::option::of(prop::option::of(any::<u64>())), end in prop::option::of(any::<u64>())) {
            let start = start.map(|s| s.map_or(Position::Now, |s| Position::At(MediaTime::from_micros(s))));
            let range = Range { start, end: end.map(MediaTime::from_micros) };
            let expected = if range == Range::default() { Range::starting_at(MediaTime::ZERO) } else { range };
            prop_assert_eq!(Range::parse(&emitted(&range)), Ok(expected));
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            let _ = Range::parse(&bytes);
            let _ = Range::parse(&[b"npt=", &bytes[..]].concat());
        }
    }
}
