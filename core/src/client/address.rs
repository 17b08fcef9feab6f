//! Addresses as text.
use crate::text::{hexadecimal, split_once, starts_with_ignore_case};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Groups of an address of version 6.
const GROUPS: u32 = 8;

/// Reads an address, as the standard library does. What that has for version 6 keeps a panic which the
/// compiler cannot prove away.
pub(super) fn parse(text: &[u8]) -> Option<IpAddr> {
    if text.contains(&b':') { version_6(text).map(IpAddr::V6) } else { version_4(text).map(IpAddr::V4) }
}

fn version_4(text: &[u8]) -> Option<Ipv4Addr> {
    core::str::from_utf8(text).ok()?.parse().ok()
}

/// RFC 4291, 2.2.
fn version_6(text: &[u8]) -> Option<Ipv6Addr> {
    let is_gap = |&at: &usize| text.get(at..).is_some_and(|rest| starts_with_ignore_case(rest, b"::"));
    let Some(at) = (0..text.len()).find(is_gap) else {
        let (bits, count) = groups(text, true)?;
        return (count == GROUPS).then_some(Ipv6Addr::from_bits(bits));
    };
    // `::` stands for one group of zeros or more.
    let (head, head_count) = groups(text.get(..at)?, false)?;
    let (tail, tail_count) = groups(text.get(at.checked_add(2)?..)?, true)?;
    let behind = GROUPS.checked_sub(head_count)?;
    (tail_count < behind).then(|| Ipv6Addr::from_bits(head.checked_shl(16 * behind).unwrap_or(0) | tail))
}

/// The groups between colons, and how many there are: of the last ones, two may be written as an address
/// of version 4.
fn groups(text: &[u8], last: bool) -> Option<(u128, u32)> {
    let (mut bits, mut count) = (0, 0_u32);
    let mut rest = Some(text).filter(|text| !text.is_empty());
    while let Some(text) = rest {
        let (group, more) = split_once(text, b':').map_or((text, None), |(group, more)| (group, Some(more)));
        let (value, len) = match group {
            group if last && more.is_none() && group.contains(&b'.') => (version_4(group)?.to_bits(), 2),
            group if group.len() <= 4 => (hexadecimal(group)?, 1),
            _ => return None,
        };
        bits = bits << (16 * len) | u128::from(value);
        count = count.checked_add(len).filter(|&count| count <= GROUPS)?;
        rest = more;
    }
    Some((bits, count))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn std(text: &str) -> Option<IpAddr> {
        text.parse().ok()
    }

    #[test]
    fn addresses_are_those_of_the_standard_library() {
        for text in [
            "10.0.0.1",
            "010.0.0.1",
            "1.2.3",
            "",
            ":",
            "::",
            ":::",
            "::1",
            "1::",
            "1::2::3",
            "1:2:3:4:5:6:7:8",
            "1:2:3:4:5:6:7:8:9",
            "1:2:3:4:5:6:7::",
            "::2:3:4:5:6:7:8",
            "1:2:3:4::5:6:7:8",
            "1:2:3:4:5:6:1.2.3.4",
            "::ffff:10.0.0.1",
            "1.2.3.4::",
            "::1.2.3.4:5",
            "1:2:3:4:5:6:7:1.2.3.4",
            "12345::",
            "::g",
            "1:",
            ":1",
            "fe80::1%eth0",
            "::FFFF",
            "[::1]",
        ] {
            assert_eq!(parse(text.as_bytes()), std(text), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_reads_the_same_as_there(text in "[0-9a-f:.]{0,20}", groups in "([0-9a-f]{0,5}:){0,8}[0-9a-f.]{0,8}") {
            prop_assert_eq!(parse(text.as_bytes()), std(&text));
            prop_assert_eq!(parse(groups.as_bytes()), std(&groups));
        }

        #[test]
        fn an_address_that_was_written_reads_the_same(address: IpAddr) {
            prop_assert_eq!(parse(std::format!("{address}").as_bytes()), Some(address));
        }
    }
}
