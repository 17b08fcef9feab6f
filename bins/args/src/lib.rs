//! Parsers of values on the command lines of Pinhole's programs: sizes, shares, times and rates. Each takes
//! the text of one value.
//!
//! Each error is a clause in English that clap prints after the name of the option.
mod media;

pub use media::frame_rate;
#[cfg(feature = "pattern")]
pub use media::pattern;

use std::time::Duration;

/// The smallest MTU in bytes. Every host takes packets of 576 bytes (RFC 791), and RTP packets have at
/// least 548 bytes.
const MIN_MTU: u16 = 596;

/// Parses a size and returns it in bytes.
///
/// `text` is a whole number, which may be 0, and an optional unit: `b` (1 byte), `k` or `kib` (1024 bytes),
/// `m` or `mib` (1024² bytes), `g` or `gib` (1024³ bytes). Without a unit, the number is in bytes. Case
/// does not count, and there may be spaces before the unit: `500000`, `64KiB`, `64k`, `256 MiB`, `1g`.
///
/// # Errors
/// Returns a text that says what is expected if `text` has another form, or if the size is more than
/// `isize::MAX` bytes. Fractions and decimal units such as `MB` are refused, too.
pub fn size(text: &str) -> Result<usize, String> {
    let (number, unit) = split(text);
    let shift = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => Some(0),
        "k" | "kib" => Some(10),
        "m" | "mib" => Some(20),
        "g" | "gib" => Some(30),
        _ => None,
    };
    let bytes =
        number.parse::<usize>().ok().zip(shift).and_then(|(number, shift)| number.checked_mul(1 << shift));
    // A size that no allocator can provide is refused.
    bytes
        .filter(|bytes| *bytes <= isize::MAX as usize)
        .ok_or_else(|| "a size is expected, such as 64MiB, 1GiB or 500000".to_owned())
}

/// Parses an MTU: the length in bytes of the longest IP packet, with the IP header and all that follows it.
/// `text` is a whole number from 596 to 65535 without a unit.
///
/// # Errors
/// Returns a text that says what is expected if `text` is anything else.
pub fn mtu(text: &str) -> Result<u16, String> {
    match text.parse() {
        Ok(mtu) if mtu >= MIN_MTU => Ok(mtu),
        _ => Err(format!(
            "an MTU is from {MIN_MTU} to 65535 bytes; Ethernet has 1500, or 9000 with jumbo frames"
        )),
    }
}

/// Parses a share of a whole, and returns it as a number from 0 to 1, both included.
///
/// `text` is such a number, or a number from 0 to 100 with `%`. Both may have decimals, and there may be
/// spaces before the `%`: `0.05`, `5%`, `12.5 %`.
///
/// # Errors
/// Returns a text that says what is expected if `text` is no number, is negative, or is more than the
/// whole.
pub fn share(text: &str) -> Result<f64, String> {
    let (number, whole) = text.strip_suffix('%').map_or((text, 1.0), |number| (number.trim_end(), 100.0));
    let share = number.parse::<f64>().ok().map(|number| number / whole);
    share
        .filter(|share| (0.0..=1.0).contains(share))
        .ok_or_else(|| "a share is expected, such as 5% or 0.05, from 0 to 100%".to_owned())
}

/// Parses a span of time.
///
/// `text` is a number with a unit, or several of these, which are added: `20ms`, `1.5s`, `1s 500ms`, `2m`.
/// Among the units are `ns`, `us`, `ms`, `s`, `m` (minutes) and `h`. Case counts: `M` are months. Only `0`
/// needs no unit.
///
/// # Errors
/// Returns a text that says what is expected if `text` is no such span of time, lacks a unit, or is
/// negative.
pub fn time(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map_err(|_| "a time with its unit is expected, such as 20ms, 1s or 500us".to_owned())
}

/// Parses a rate and returns it in bits per second.
///
/// `text` is a whole number of at least 1 and an optional unit: `bit` (1 bit), `k` or `kbit` (1000 bits),
/// `m` or `mbit` (1000² bits), `g` or `gbit` (1000³ bits), each per second. Without a unit, the number is
/// in bits per second. Case does not count, and there may be spaces before the unit: `9600`, `250k`,
/// `10Mbit`, `1 gbit`.
///
/// # Errors
/// Returns a text that says what is expected if `text` has another form, if the rate is 0, or if it is 2^64
/// bits per second or more. Fractions and units of bytes such as `MB` are refused, too.
pub fn bit_rate(text: &str) -> Result<u64, String> {
    let (number, unit) = split(text);
    let factor = match unit.to_ascii_lowercase().as_str() {
        "" | "bit" => Some(1),
        "k" | "kbit" => Some(1_000),
        "m" | "mbit" => Some(1_000_000),
        "g" | "gbit" => Some(1_000_000_000),
        _ => None,
    };
    let rate = number.parse::<u64>().ok().zip(factor).and_then(|(number, factor)| number.checked_mul(factor));
    rate.filter(|rate| *rate > 0)
        .ok_or_else(|| "a rate of 1 bit a second or more is expected, such as 10Mbit or 250kbit".to_owned())
}

/// Splits `text` after its leading digits.
fn split(text: &str) -> (&str, &str) {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    (number, unit.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_may_have_a_unit() {
        for (text, bytes) in [
            ("0", 0),
            ("4096", 4096),
            ("64k", 64 << 10),
            ("64KiB", 64 << 10),
            ("256 mib", 256 << 20),
            ("1G", 1 << 30),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for bad in ["", "MiB", "-1", "1.5GiB", "1TB", "64MB", "99999999999GiB", "99999999999999999999"] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn shares_are_parts_of_all() {
        for (text, part) in
            [("0", 0.0), ("5%", 0.05), ("0.05", 0.05), ("100%", 1.0), ("12.5 %", 0.125), ("1", 1.0)]
        {
            assert_eq!(share(text), Ok(part), "{text}");
        }
        for bad in ["", "%", "-1%", "101%", "1.5", "NaN", "inf", "some"] {
            assert!(share(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn times_have_a_unit() {
        assert_eq!(time("20ms"), Ok(Duration::from_millis(20)));
        assert_eq!(time("1s 500ms"), Ok(Duration::from_millis(1500)));
        for bad in ["", "20", "-1s", "ms", "1 fortnight"] {
            assert!(time(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn rates_are_of_bits() {
        for (text, bits) in
            [("9600", 9_600), ("250k", 250_000), ("10Mbit", 10_000_000), ("1gbit", 1_000_000_000)]
        {
            assert_eq!(bit_rate(text), Ok(bits), "{text}");
        }
        for bad in ["", "0", "0Mbit", "-1", "10MB", "1.5Mbit", "99999999999999999999", "99999999999gbit"] {
            assert!(bit_rate(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_mtu_is_one_that_a_network_may_have() {
        assert_eq!((mtu("596"), mtu("9000"), mtu("65535")), (Ok(596), Ok(9000), Ok(65_535)));
        for bad in ["0", "595", "65536", "-1", "jumbo", ""] {
            assert!(mtu(bad).unwrap_err().contains("65535"), "{bad}");
        }
    }
}
