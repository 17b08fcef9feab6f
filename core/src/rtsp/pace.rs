//! The `Scale` and `Speed` headers: how fast a medium goes by, and how fast it is delivered
//! (RFC 2326, 12.34 and 12.35).
use crate::rtp::{Scale, Speed};
use crate::text::{self, Emit, TextWriter};
use embedded_io::Write;

/// So many steps make 1.
const UNIT: u32 = 1_000;

impl Scale {
    /// Reads the value of a `Scale` header: a decimal number, which is negative for reverse play. Digits
    /// after the third decimal are cut off. A number that is too large for [`Scale`] becomes the largest
    /// scale with the same sign.
    ///
    /// Returns `None` if the value is not such a number, or if it has more than about 16 digits before the
    /// point. Returns `None` also if the value is zero after the digits are cut off, as with `0.0001`. If the
    /// result is `None`, a server must answer 400, and a client should go on with [`Scale::NORMAL`].
    pub fn parse(value: &[u8]) -> Option<Self> {
        let (magnitude, reverse) = match value.strip_prefix(b"-") {
            Some(magnitude) => (magnitude, true),
            None => (value, false),
        };
        let thousandths = i32::try_from(text::fraction(magnitude, UNIT)?).unwrap_or(i32::MAX);
        Self::from_thousandths(if reverse { thousandths.wrapping_neg() } else { thousandths })
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
    /// Reads the value of a `Speed` header: a decimal number without a sign. Digits after the third decimal
    /// are cut off. A number that is too large for [`Speed`] becomes the largest speed.
    ///
    /// Returns `None` if the value is not such a number, or if it has more than about 16 digits before the
    /// point. Returns `None` also if the value is zero after the digits are cut off, as with `0.0001`. If the
    /// result is `None`, a server must answer 400, and a client should go on with [`Speed::NORMAL`].
    pub fn parse(value: &[u8]) -> Option<Self> {
        Self::from_thousandths(u32::try_from(text::fraction(value, UNIT)?).unwrap_or(u32::MAX))
    }
}

impl Emit for Speed {
    fn emit<W: Write>(&self, out: &mut TextWriter<W>) {
        out.thousandths(self.thousandths())
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
