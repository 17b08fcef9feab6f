//! From which addresses clients may come.
use ipnet::{IpNet, Ipv4Net};
use std::collections::HashMap;
use std::net::IpAddr;

/// The networks from which clients are let in, and those from which they are not. The default lets everybody in.
///
/// IPv4-mapped IPv6 addresses (RFC 4291, 2.5.5.2) count as IPv4, in the lists and of clients.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddressList {
    allow: Vec<IpNet>,
    deny: Vec<IpNet>,
}

/// From which addresses clients may connect, and may watch which media: [`Server::restrict`](super::Server::restrict).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// For the server as a whole.
    pub all: AddressList,
    /// For single media, by their paths without the leading slash. A medium that an address may not watch is not there for
    /// that address.
    pub media: HashMap<Box<str>, AddressList>,
}

impl AddressList {
    /// Creates a list that lets in the addresses of `allow`, or all if there are none, but those of `deny`.
    pub fn new(allow: impl IntoIterator<Item = IpNet>, deny: impl IntoIterator<Item = IpNet>) -> Self {
        let canonical = |networks: &mut dyn Iterator<Item = IpNet>| networks.map(canonical).collect();
        Self { allow: canonical(&mut allow.into_iter()), deny: canonical(&mut deny.into_iter()) }
    }

    /// Returns whether an address is let in.
    pub fn admits(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let is_in = |networks: &[IpNet]| networks.iter().any(|network| network.contains(&address));
        (self.allow.is_empty() || is_in(&self.allow)) && !is_in(&self.deny)
    }
}

impl Access {
    /// Returns whether a medium is there for an address.
    pub(super) fn may_read(&self, address: IpAddr, path: &str) -> bool {
        self.media.get(path).is_none_or(|list| list.admits(address))
    }
}

/// Returns a network of IPv4-mapped addresses as one of IPv4.
fn canonical(network: IpNet) -> IpNet {
    const MAPPED: u8 = 96;
    if let IpNet::V6(network) = network
        && let Some(address) = network.network().to_ipv4_mapped()
        && let Some(bits) = network.prefix_len().checked_sub(MAPPED)
        && let Ok(network) = Ipv4Net::new(address, bits)
    {
        return network.into();
    }
    network
}

#[cfg(test)]
mod tests {
    use super::*;

    fn networks(texts: &[&str]) -> Vec<IpNet> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn what_is_denied_is_denied_and_nothing_else_is_allowed() {
        let admits = |allow: &[&str], deny: &[&str], address: &str| {
            AddressList::new(networks(allow), networks(deny)).admits(address.parse().unwrap())
        };
        assert!(admits(&[], &[], "10.0.0.1") && admits(&[], &[], "2001:db8::1"));
        assert!(admits(&["10.0.0.0/8"], &[], "10.255.0.1") && !admits(&["10.0.0.0/8"], &[], "11.0.0.1"));
        assert!(!admits(&["10.0.0.0/8"], &[], "2001:db8::1"));
        assert!(!admits(&["10.0.0.0/8"], &["10.1.0.0/16"], "10.1.0.1"));
        assert!(admits(&["10.0.0.0/8"], &["10.1.0.0/16"], "10.2.0.1"));
        assert!(!admits(&[], &["2001:db8::/32"], "2001:db8:1::1") && admits(&[], &["2001:db8::/32"], "::1"));
        assert!(!admits(&[], &["0.0.0.0/0"], "10.0.0.1") && admits(&[], &["0.0.0.0/0"], "::1"));
    }

    #[test]
    fn mapped_addresses_are_those_of_ipv4() {
        let list = AddressList::new(networks(&["10.0.0.0/8"]), networks(&["::ffff:10.1.0.0/112"]));
        let admits = |address: &str| list.admits(address.parse().unwrap());
        assert!(admits("::ffff:10.0.0.1") && !admits("::ffff:11.0.0.1"));
        assert!(
            !admits("10.1.0.1")
                && !admits("::ffff:10.1.0.1")
                && admits("10.1.1.1") == admits("::ffff:10.1.1.1")
        );
    }
}
