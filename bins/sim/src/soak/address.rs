//! Addresses and ports of hosts.
use smoltcp::wire::IpAddress;
use std::net::SocketAddr;

/// The server's number among the hosts. A client's number is its index among the clients.
pub(super) const SERVER: usize = usize::MAX;
/// The first port that a client connects from. Each connection has its own: packets of an earlier session
/// would arrive at a later one otherwise.
pub(super) const FIRST_TCP: u16 = 20_000;
/// The first port on which a client receives RTP. Each connection has its own.
pub(super) const FIRST_UDP: u16 = 40_000;

/// Returns the last byte of a host's address.
pub(super) const fn number(host: usize) -> u8 {
    host.wrapping_add(2) as u8
}

/// Returns the host at an address.
pub(super) fn host(address: IpAddress) -> usize {
    let last = match address {
        IpAddress::Ipv4(address) => address.octets()[3],
        IpAddress::Ipv6(address) => address.octets()[15],
    };
    usize::from(last).wrapping_sub(2)
}

/// Returns a client's name in reports.
pub(super) fn name(index: usize) -> String {
    format!("client{}", index + 1)
}

/// Returns the client of a connection from `peer`, and its port for RTP.
pub(super) fn flow_of(peer: SocketAddr) -> Option<(usize, u16)> {
    let connection = peer.port().checked_sub(FIRST_TCP)?;
    Some((host(peer.ip().into()), FIRST_UDP + 2 * connection))
}
