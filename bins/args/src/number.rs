//! Parsers of sizes, rates and shares.

/// The smallest MTU in bytes. Every host takes packets of 576 bytes (RFC 791), and RTP packets have at
/// least 548 bytes.
const MIN_MTU: u16 = 596;

/// Parses a size and returns it in bytes.
///
/// `text` is a number, which may be 0, and an optional unit. `KB`, `MB`, `GB` and `TB` are powers of 1000.
/// `KiB`, `MiB`, `GiB` and `TiB` are powers of 1024, and so are `K`, `M`, `G` and `T` alone, as usual where
/// memory is meant. Without a unit, or with `B`, the number is in bytes, and whole. With another unit it may
/// have decimals, and the size is rounded to a byte. Case does not count, and there may be spaces before the
/// unit: `500000`, `64KiB`, `64k`, `10MB`, `1.5 GiB`.
///
/// # Errors
/// Returns a text that says what is expected if `text` has another form, or if the size is more than
/// `isize::MAX` bytes.
pub fn size(text: &str) -> Result<usize, String> {
    let factor = |unit: &str| {
        Some(match unit {
            "" | "b" => 1,
            "k" | "ki" | "kib" => 1 << 10,
            "m" | "mi" | "mib" => 1 << 20,
            "g" | "gi" | "gib" => 1 << 30,
            "t" | "ti" | "tib" => 1 << 40,
            "kb" => 1_000,
            "mb" => 1_000_000,
            "gb" => 1_000_000_000,
            "tb" => 1_000_000_000_000,
            _ => return None,
        })
    };
    let bytes = scaled(text, factor).and_then(|bytes| usize::try_from(bytes).ok());
    // A size that no allocator can provide is refused.
    bytes.filter(|bytes| *bytes <= isize::MAX as usize).ok_or_else(|| {
        "a size is expected, in bytes or with a unit such as KiB, MiB, GiB, KB, MB or GB: 64MiB, 10MB or 500000"
            .to_owned()
    })
}

/// Parses how much memory to use, in the forms of [`size`], and returns it in bytes.
///
/// # Errors
/// As for [`size`], and if the size is more than the memory that this program may use.
#[cfg(feature = "memory")]
pub fn memory(text: &str) -> Result<usize, String> {
    memory_of(pinhole_std::media::usable_memory().unwrap_or(usize::MAX), text)
}

/// Does what [`memory`] does where there are `most` bytes of memory.
#[cfg(feature = "memory")]
fn memory_of(most: usize, text: &str) -> Result<usize, String> {
    let bytes = size(text)?;
    match bytes <= most {
        true => Ok(bytes),
        false => Err(format!("at most {}MiB of memory can be used here", most >> 20)),
    }
}

/// Parses a rate and returns it in bits per second.
///
/// `text` is a number above 0 and an optional unit: `bit`, `kbit`, `Mbit` or `Gbit`, or `k`, `M` or `G`
/// alone, which are powers of 1000; `bps` and `bit/s` may stand for `bit`. Without a unit, the number is in
/// bits per second, and whole. With another unit it may have decimals, and the rate is rounded to a bit.
/// Case does not count, and there may be spaces before the unit: `9600`, `250k`, `1.5Mbit`, `1 gbit/s`.
///
/// # Errors
/// Returns a text that says what is expected if `text` has another form, if the rate is 0, or if it is 2^64
/// bits per second or more. Units of bytes such as `MB` are refused, too.
pub fn bit_rate(text: &str) -> Result<u64, String> {
    let factor = |unit: &str| {
        let suffix = ["bit/s", "bps", "bit"].iter().find_map(|suffix| unit.strip_suffix(suffix));
        Some(match suffix.unwrap_or(unit) {
            "" => 1,
            "k" => 1_000,
            "m" => 1_000_000,
            "g" => 1_000_000_000,
            _ => return None,
        })
    };
    scaled(text, factor).filter(|rate| *rate > 0).ok_or_else(|| {
        "a rate of 1 bit a second or more is expected, in bits or with a unit such as kbit, Mbit or Gbit: \
         10Mbit or 250kbit"
            .to_owned()
    })
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

/// Parses a number with a unit. `factor` returns what the unit, in small letters, multiplies the number by.
/// Returns `None` if there is no such number or unit, if the result is too large, or if a number of bytes or
/// bits is not whole.
fn scaled(text: &str, factor: impl FnOnce(&str) -> Option<u64>) -> Option<u64> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(end)?;
    let factor = factor(&unit.trim_start().to_ascii_lowercase())?;
    if !number.contains('.') {
        return number.parse::<u64>().ok()?.checked_mul(factor);
    }
    let scaled = (number.parse::<f64>().ok()? * factor as f64).round();
    // Beyond 2^53 a float has no decimals to speak of.
    (factor > 1 && scaled < 9e15).then_some(scaled as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_may_have_a_unit() {
        for (text, bytes) in [
            ("0", 0),
            ("4096", 4096),
            ("4096B", 4096),
            ("64k", 64 << 10),
            ("64KiB", 64 << 10),
            ("256 mib", 256 << 20),
            ("1G", 1 << 30),
            ("2Mi", 2 << 20),
            ("10MB", 10_000_000),
            ("10MiB", 10 << 20),
            ("10M", 10 << 20),
            ("10mb", 10_000_000),
            ("1.5GiB", 3 << 29),
            ("0.5MB", 500_000),
            ("1TB", 1_000_000_000_000),
            (" 512 KiB ", 512 << 10),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for bad in [
            "",
            "MiB",
            "-1",
            "1.5",
            "1.5.5GiB",
            ".",
            ".MiB",
            "1PB",
            "64Mbit",
            "64 M B",
            "1e3",
            "much",
            "99999999999GiB",
            "99999999999.5GiB",
            "99999999999999999999",
        ] {
            let error = size(bad).unwrap_err();
            assert!(error.contains("MiB") && error.contains("MB"), "{bad}: {error}");
        }
    }

    #[test]
    #[cfg(feature = "memory")]
    fn no_more_memory_is_used_than_there_is() {
        assert_eq!((memory_of(1 << 30, "1GiB"), memory_of(1 << 30, "0")), (Ok(1 << 30), Ok(0)));
        for bad in ["1025MiB", "10TB", "8000000TB"] {
            assert_eq!(memory_of(1 << 30, bad), Err("at most 1024MiB of memory can be used here".into()));
        }
        assert!(memory_of(1 << 30, "much").unwrap_err().contains("a size is expected"));
        assert_eq!(memory("64KiB"), Ok(64 << 10));
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
    fn rates_are_of_bits() {
        for (text, bits) in [
            ("9600", 9_600),
            ("9600bit", 9_600),
            ("250k", 250_000),
            ("10Mbit", 10_000_000),
            ("1gbit", 1_000_000_000),
            ("1.5Mbit", 1_500_000),
            ("10 Mbps", 10_000_000),
            ("10Mbit/s", 10_000_000),
            ("100 bit/s", 100),
        ] {
            assert_eq!(bit_rate(text), Ok(bits), "{text}");
        }
        for bad in
            ["", "0", "0Mbit", "-1", "10MB", "1.5", "bit", "Mbit", "99999999999999999999", "99999999999gbit"]
        {
            let error = bit_rate(bad).unwrap_err();
            assert!(error.contains("Mbit"), "{bad}: {error}");
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
