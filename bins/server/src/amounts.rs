//! Sizes on the command line.

/// The least that every host takes is 576 bytes (RFC 791); RTP packets have no fewer than 548.
const MIN_MTU: u16 = 596;

/// Bytes, with or without a binary unit.
pub(crate) fn bytes(text: &str) -> Result<usize, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let shift = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kib" => 10,
        "m" | "mib" => 20,
        "g" | "gib" => 30,
        _ => return Err("this is no size; try 256MiB or 2GiB".to_owned()),
    };
    let number: usize = number.parse().map_err(|_| "this is no size; try 256MiB or 2GiB".to_owned())?;
    number.checked_mul(1 << shift).ok_or_else(|| "this is more than any memory".to_owned())
}

/// The length of an IP packet.
pub(crate) fn mtu(text: &str) -> Result<u16, String> {
    match text.parse() {
        Ok(mtu) if mtu >= MIN_MTU => Ok(mtu),
        _ => Err(format!(
            "an MTU is from {MIN_MTU} to 65535 bytes; Ethernet has 1500, or 9000 with jumbo frames"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_may_have_a_unit() {
        for (text, size) in
            [("0", 0), ("4096", 4096), ("64KiB", 64 << 10), ("256 mib", 256 << 20), ("1G", 1 << 30)]
        {
            assert_eq!(bytes(text), Ok(size), "{text}");
        }
        for bad in ["", "MiB", "-1", "1.5GiB", "1TB", "99999999999GiB", "99999999999999999999"] {
            assert!(bytes(bad).is_err(), "{bad}");
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
