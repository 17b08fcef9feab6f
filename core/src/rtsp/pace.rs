//! The `Scale` and `Speed` headers: how fast a medium goes by, and how fast it is delivered
//! (RFC 2326, 12.34 and 12.35).
use crate::text::{self, Emit, TextWriter};
use embedded_io::Write;

/// So many steps make 1.
const UNIT: u32 = 1_000;

/// How fast a medium's own time goes by while it is played, in thousandths; never zero.
///
/// 2 is twice as fast, 0.5 half as fast, -1 backwards. Frames keep their usual distance in RTP
/// time: it is by the choice of frames that the medium goes by faster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Scale(i32);

/// How much faster than they are shown frames are delivered, in thousandths; never zero. RTP
/// timestamps do not depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Speed(u32);

impl Scale {
    /// Forward, at the rate of the medium.
    pub const NORMAL: Self = Self(UNIT as i32);

    /// A scale in thousandths; `None` for zero, and for `i32::MIN`.
    pub const fn from_thousandths(thousandths: i32) -> Option<Self> {
        match thousandths {
            0 | i32::MIN => None,
            thousandths => Some(Self(thousandths)),
        }
    }

    /// The scale in thousandths.
    pub const fn thousandths(self) -> i32 {
        self.0
    }

    /// How fast the medium goes by, in thousandths, in whichever direction.
    pub const fn magnitude(self) -> u32 {
        self.0.unsigned_abs()
    }

    /// The medium is played backwards.
    pub const fn is_reverse(self) -> bool {
        self.0 < 0
    }

    /// Reads the value of the field; decimals beyond the third are cut off, and what is larger than
    /// can be held becomes the largest. `None` if it is no number, or zero.
    pub fn parse(value: &[u8]) -> Option<Self> {
        let (magnitude, reverse) = match value.strip_prefix(b"-") {
            Some(magnitude) => (magnitude, true),
            None => (value, false),
        };
        let thousandths = i32::try_from(text::fraction(magnitude, UNIT)?).unwrap_or(i32::MAX);
        Self::from_thousandths(if reverse { thousandths.wrapping_neg() } else { thousandths })
    }
}

impl Default for Scale {
    fn default() -> Self {
        Self::NORMAL
    }
}

impl Emit for Scale {
    fn emit<W: Write>(&self, out: &mut TextWriter<W>) {
        if self.is_reverse() {
            out.text("-");
        }
        out.thousandths(self.magnitude())
    }
}

impl Speed {
    /// Each frame comes when it is to be shown.
    pub const NORMAL: Self = Self(UNIT);

    /// A speed in thousandths; `None` for zero.
    pub const fn from_thousandths(thousandths: u32) -> Option<Self> {
        match thousandths {
            0 => None,
            thousandths => Some(Self(thousandths)),
        }
    }

    /// The speed in thousandths.
    pub const fn thousandths(self) -> u32 {
        self.0
    }

    /// Reads the value of the field, as [`Scale::parse`] does.
    pub fn parse(value: &[u8]) -> Option<Self> {
        Self::from_thousandths(u32::try_from(text::fraction(value, UNIT)?).unwrap_or(u32::MAX))
    }
}

impl Default for Speed {
    fn default() -> Self {
        Self::NORMAL
    }
}

impl Emit for Speed {
    fn emit<W: Write>(&self, out: &mut TextWriter<W>) {
        out.thousandths(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::tests::emitted;
    use proptest::prelude::*;
    use std::vec::Vec;

    #[test]
    fn what_clients_send() {
        let scale = |value: &[u8]| Scale::parse(value).map(Scale::thousandths);
        assert_eq!(scale(b"2"), Some(2_000));
        assert_eq!(scale(b"-3.5"), Some(-3_500));
        // GStreamer's spelling.
        assert_eq!(scale(b"0.500000"), Some(500));
        assert_eq!(scale(b"99999999999"), Some(i32::MAX));
        assert_eq!(scale(b"-99999999999"), Some(-i32::MAX));
        assert_eq!(Speed::parse(b"2.5"), Speed::from_thousandths(2_500));
        assert_eq!(Speed::parse(b"99999999999"), Speed::from_thousandths(u32::MAX));
    }

    #[test]
    fn what_is_no_rate_is_none() {
        for value in [&b""[..], b"0", b"-0", b"0.0001", b"-", b"+1", b"--1", b"1e3", b"fast", b"1,5", b"1 2"]
        {
            assert_eq!(Scale::parse(value), None, "{}", value.escape_ascii());
            assert_eq!(Speed::parse(value), None, "{}", value.escape_ascii());
        }
        assert_eq!(Speed::parse(b"-1"), None);
        assert_eq!(Scale::parse(b"99999999999999999999999"), None);
        assert_eq!(Scale::from_thousandths(i32::MIN), None);
    }

    proptest! {
        #[test]
        fn rates_round_trip(scale in -i32::MAX.., speed in 1u32..) {
            if let Some(scale) = Scale::from_thousandths(scale) {
                prop_assert_eq!(Scale::parse(&emitted(&scale)), Some(scale));
            }
            let speed = Speed::from_thousandths(speed).unwrap();
            prop_assert_eq!(Speed::parse(&emitted(&speed)), Some(speed));
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            let _ = (Scale::parse(&bytes), Speed::parse(&bytes));
        }
    }
}
