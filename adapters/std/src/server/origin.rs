//! Where a connection comes from, as limits count it.
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// What counts as one address: an IPv4 address, or the network of 64 bits of an IPv6 address, all of whose
/// addresses one host can use. A link-local address counts by itself, for its network is everybody's on the
/// link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Origin(IpAddr, u32);

impl Origin {
    pub(super) fn of(address: SocketAddr) -> Self {
        match (address.ip().to_canonical(), address) {
            (IpAddr::V6(ip), SocketAddr::V6(address)) if ip.is_unicast_link_local() => {
                Self(ip.into(), address.scope_id())
            }
            (IpAddr::V6(ip), _) => Self(Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64).into(), 0),
            (ip, _) => Self(ip, 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_host_is_one_origin() {
        let of = |text: &str| Origin::of(text.parse().unwrap());
        assert_eq!(of("10.0.0.1:1"), of("10.0.0.1:2"));
        assert_eq!(of("10.0.0.1:1"), of("[::ffff:10.0.0.1]:1"));
        assert_ne!(of("10.0.0.1:1"), of("10.0.0.2:1"));
        assert_eq!(of("[2001:db8::1]:1"), of("[2001:db8::ffff:0:0:2]:2"));
        assert_ne!(of("[2001:db8::1]:1"), of("[2001:db8:0:1::1]:1"));
        assert_ne!(of("[fe80::1%2]:1"), of("[fe80::2%2]:1"));
        assert_ne!(of("[fe80::1%2]:1"), of("[fe80::1%3]:1"));
    }
}
