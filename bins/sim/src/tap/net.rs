//! Addresses and their networks.
use crate::tun;
use smoltcp::wire::IpCidr;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An address and its network's prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Net {
    pub(super) address: IpAddr,
    pub(super) prefix: u8,
}

impl Net {
    /// Returns the network's own address.
    pub(super) fn network(self) -> Self {
        self.nth(0)
    }

    /// Whether the two networks have an address in common.
    pub(super) fn overlaps(self, other: Self) -> bool {
        let prefix = self.prefix.min(other.prefix);
        let in_shorter = |net: Self| Self { prefix, ..net }.network().address;
        self.address.is_ipv4() == other.address.is_ipv4() && in_shorter(self) == in_shorter(other)
    }

    /// Returns the first address of the network that is not in `taken`, or `None` if there is none.
    pub(super) fn first_free(self, taken: &[Self]) -> Option<Self> {
        // The last address of a network is for broadcasts.
        let last = (1_u128 << (self.width() - u32::from(self.prefix)).min(127)) - 1;
        (1..last).map(|n| self.nth(n)).find(|free| taken.iter().all(|net| net.address != free.address))
    }

    const fn width(self) -> u32 {
        if self.address.is_ipv4() { u32::BITS } else { u128::BITS }
    }

    fn nth(self, n: u128) -> Self {
        let address = match self.address {
            IpAddr::V4(address) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.prefix)).unwrap_or(0);
                Ipv4Addr::from_bits((address.to_bits() & mask) | n as u32).into()
            }
            IpAddr::V6(address) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.prefix)).unwrap_or(0);
                Ipv6Addr::from_bits((address.to_bits() & mask) | n).into()
            }
        };
        Self { address, ..self }
    }
}

impl fmt::Display for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

impl From<Net> for IpCidr {
    fn from(net: Net) -> Self {
        Self::new(net.address.into(), net.prefix)
    }
}

/// Parses the address of a board, such as `192.168.69.2/24`.
///
/// # Errors
/// Returns a message if a board cannot have this address.
pub(super) fn board_address(text: &str) -> Result<Net, String> {
    let (address, prefix) = tun::parse_address(text)?;
    let net = Net { address, prefix };
    let longest = if address.is_ipv4() { 30 } else { 126 };
    if prefix > longest {
        return Err(format!(
            "a network of /{prefix} has no address for this machine: /{longest} is the smallest that has"
        ));
    }
    let is_broadcast = match address {
        IpAddr::V4(address) => {
            address.to_bits() | u32::MAX.checked_shr(prefix.into()).unwrap_or(0) == address.to_bits()
        }
        IpAddr::V6(_) => false,
    };
    let is_special = address.is_multicast() || address.is_unspecified() || address.is_loopback();
    if is_special || is_broadcast || net.network() == net {
        return Err(format!("{address} is no address that a host can have in a network of /{prefix}"));
    }
    Ok(net)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn net(text: &str) -> Net {
        board_address(text).unwrap()
    }

    #[test]
    fn impossible_addresses_are_refused() {
        for bad in [
            "192.168.69.2",
            "192.168.69.2/33",
            "192.168.69.2/32",
            "192.168.69.2/31",
            "192.168.69.0/24",
            "192.168.69.255/24",
            "224.0.0.1/24",
            "127.0.0.1/8",
            "255.255.255.255/1",
            "0.0.0.0/0",
            "fd00::/64",
            "fd00::2/127",
            "ff02::1/64",
            "::1/64",
            "tap0",
        ] {
            assert!(board_address(bad).is_err(), "{bad}");
        }
        assert_eq!(net("192.168.69.2/24").to_string(), "192.168.69.2/24");
        assert_eq!(net("10.9.9.9/0").network().to_string(), "0.0.0.0/0");
    }

    #[test]
    fn this_machine_gets_the_first_free_address() {
        for (boards, host) in [
            (&["192.168.69.2/24"][..], "192.168.69.1/24"),
            (&["192.168.69.1/24"], "192.168.69.2/24"),
            (&["192.168.69.2/24", "192.168.69.1/24"], "192.168.69.3/24"),
            (&["10.0.0.6/30"], "10.0.0.5/30"),
            (&["fd00::2/64"], "fd00::1/64"),
            (&["fd00::1/126"], "fd00::2/126"),
            (&["10.9.9.9/0"], "0.0.0.1/0"),
            (&["fd00::1/0"], "::1/0"),
        ] {
            let boards: Vec<_> = boards.iter().map(|board| net(board)).collect();
            assert_eq!(boards[0].first_free(&boards).unwrap().to_string(), host);
        }
        let all = [net("10.0.0.5/30"), net("10.0.0.6/30")];
        assert_eq!(all[0].first_free(&all), None);
    }

    #[test]
    fn networks_overlap_where_the_shorter_prefix_is_the_same() {
        let overlap = |a: &str, b: &str| (net(a).overlaps(net(b)), net(b).overlaps(net(a)));
        assert_eq!(overlap("10.0.0.2/24", "10.0.0.9/24"), (true, true));
        assert_eq!(overlap("10.0.0.2/24", "10.0.1.9/24"), (false, false));
        assert_eq!(overlap("10.0.0.2/24", "10.9.1.9/8"), (true, true));
        assert_eq!(overlap("fd00::2/64", "fd00::9/64"), (true, true));
        assert_eq!(overlap("10.0.0.2/1", "fd00::9/1"), (false, false));
    }
}
