//! The longest packet that an interface has room for.
use core::net::IpAddr;
use pinhole::server::Config;
use smoltcp::wire::IpAddress;

/// Bytes of the headers of IPv4 and UDP.
const HEADERS_V4: usize = 20 + 8;
/// Bytes of the headers of IPv6 and UDP.
const HEADERS_V6: usize = 40 + 8;

/// Returns the bytes that an interface's MTU leaves for an RTP packet.
pub(super) const fn room(ip_mtu: usize, is_v4: bool) -> usize {
    ip_mtu.saturating_sub(if is_v4 { HEADERS_V4 } else { HEADERS_V6 })
}

/// Returns `config` with `max_packet` reduced to what the interface has room for on the way to `peer`.
pub(super) fn fit(config: Config, ip_mtu: usize, peer: IpAddress) -> Config {
    let room = room(ip_mtu, IpAddr::from(peer).is_ipv4());
    let mut fitted = config;
    fitted.max_packet = config.max_packet.min(u16::try_from(room).unwrap_or(u16::MAX));
    fitted
}
