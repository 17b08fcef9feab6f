//! What a server cannot be made of, found out before it is.
use super::Connection;
use crate::memory::REPORT;
use crate::udp::UdpPair;
use core::net::IpAddr;
use pinhole::server::{Config, MIN_REQUEST};
use smoltcp::iface::{SocketHandle, SocketSet};
use smoltcp::socket::{Socket, tcp, udp};
use smoltcp::wire::IpAddress;

/// The headers of IPv4 and of UDP.
const HEADERS_V4: usize = 20 + 8;
/// The headers of IPv6 and of UDP.
const HEADERS_V6: usize = 40 + 8;
/// The core sends no shorter ones ([`Config::max_packet`]).
const SHORTEST_PACKET: u16 = 548;

/// The caller's: what a server cannot be made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Unusable {
    /// Port 0 cannot be listened on.
    Port,
    /// The storage is smaller than [`Config::storage_len`].
    StorageTooSmall {
        /// Bytes that it takes at least.
        need: usize,
        /// Bytes that it has.
        has: usize,
    },
    /// The receive buffer of a connection's TCP socket has no room for a request.
    ReceiveBufferTooSmall {
        /// Which of the connections.
        connection: usize,
        /// Bytes that it takes at least.
        need: usize,
        /// Bytes that it has.
        has: usize,
    },
    /// The transmit buffer of a connection's TCP socket has no room for a message:
    /// [`Config::message_len`].
    TransmitBufferTooSmall {
        /// Which of the connections.
        connection: usize,
        /// Bytes that it takes at least.
        need: usize,
        /// Bytes that it has.
        has: usize,
    },
    /// A connection is on the same socket as one before it.
    SocketTaken {
        /// Which of the connections.
        connection: usize,
    },
    /// The UDP sockets are not bound, RTP's to an even port and RTCP's to the one above (RFC 3550,
    /// 11).
    UdpPorts {
        /// RTP's; 0: it is not bound.
        rtp: u16,
        /// RTCP's; 0: it is not bound.
        rtcp: u16,
    },
    /// Another socket of the set is at this port already.
    PortTaken {
        /// Which one.
        port: u16,
    },
    /// [`Config::max_packet`] with the headers of IP and UDP is more than the interface sends.
    PacketTooLong {
        /// [`Config::max_packet`].
        packet: usize,
        /// The longest that there is room for.
        room: usize,
    },
    /// The transmit buffer of RTP, or that of RTCP, has no room for one packet.
    UdpBufferTooSmall {
        /// The port of the socket that it is of.
        port: u16,
        /// Bytes that it takes at least.
        need: usize,
        /// Bytes that it has; 0, if it has no room for the packet's metadata.
        has: usize,
    },
}

impl core::fmt::Display for Unusable {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match *self {
            Self::Port => f.write_str("a server cannot listen on port 0"),
            Self::StorageTooSmall { need, has } => write!(
                f,
                "the storage for requests and replies has {has} bytes, {} too few: it takes {need}",
                need.saturating_sub(has)
            ),
            Self::ReceiveBufferTooSmall { connection, need, has } => write!(
                f,
                "the receive buffer of the TCP socket of connection {connection} has {has} bytes, {} too few: \
                 a request takes {need}",
                need.saturating_sub(has)
            ),
            Self::TransmitBufferTooSmall { connection, need, has } => write!(
                f,
                "the transmit buffer of the TCP socket of connection {connection} has {has} bytes, {} too \
                 few: a reply or a packet takes {need}",
                need.saturating_sub(has)
            ),
            Self::SocketTaken { connection } => {
                write!(f, "connection {connection} has the socket of one before it")
            }
            Self::UdpPorts { rtp, rtcp } => write!(
                f,
                "the UDP sockets are bound to the ports {rtp} and {rtcp}: they take an even one, not 0, and the one above"
            ),
            Self::PortTaken { port } => write!(f, "another socket has port {port}"),
            Self::PacketTooLong { packet, room } => write!(
                f,
                "packets of {packet} bytes are {} too long: with IP's and UDP's headers, the interface takes {room}",
                packet.saturating_sub(room)
            ),
            Self::UdpBufferTooSmall { port, need, has } => write!(
                f,
                "the transmit buffer of UDP port {port} has {has} bytes, {} too few: a packet takes {need}",
                need.saturating_sub(has)
            ),
        }
    }
}

impl core::error::Error for Unusable {}

/// Checks what takes connections.
pub(super) fn listener<const TRACKS: usize>(
    port: u16,
    connections: &[Connection<'_, TRACKS>],
    storage: usize,
    config: Config,
    sockets: &SocketSet<'_>,
) -> Result<(), Unusable> {
    if port == 0 {
        return Err(Unusable::Port);
    }
    let need = config.storage_len(0);
    if storage < need {
        return Err(Unusable::StorageTooSmall { need, has: storage });
    }
    for (connection, it) in connections.iter().enumerate() {
        let socket = sockets.get::<tcp::Socket<'_>>(it.socket());
        let (need, has) = (MIN_REQUEST, socket.recv_capacity());
        if has < need {
            return Err(Unusable::ReceiveBufferTooSmall { connection, need, has });
        }
        let (need, has) = (config.message_len(), socket.send_capacity());
        if has < need {
            return Err(Unusable::TransmitBufferTooSmall { connection, need, has });
        }
        if connections.iter().take(connection).any(|before| before.socket() == it.socket()) {
            return Err(Unusable::SocketTaken { connection });
        }
    }
    let is_taken = sockets.iter().any(|(handle, socket)| {
        let Socket::Tcp(socket) = socket else { return false };
        socket.listen_endpoint().port == port && connections.iter().all(|own| own.socket() != handle)
    });
    if is_taken { Err(Unusable::PortTaken { port }) } else { Ok(()) }
}

/// Checks what sends datagrams.
pub(super) fn udp(
    pair: UdpPair,
    config: Config,
    sockets: &SocketSet<'_>,
    ip_mtu: usize,
) -> Result<(), Unusable> {
    let packet = usize::from(config.max_packet.max(SHORTEST_PACKET));
    let room = room(ip_mtu, cfg!(feature = "proto-ipv4"));
    if packet > room {
        return Err(Unusable::PacketTooLong { packet, room });
    }
    let [rtp, rtcp] = [pair.rtp, pair.rtcp].map(|handle| sockets.get::<udp::Socket<'_>>(handle));
    let [rtp_port, rtcp_port] = [rtp, rtcp].map(|socket| socket.endpoint().port);
    if rtp_port == 0 || !rtp_port.is_multiple_of(2) || rtcp_port != rtp_port.wrapping_add(1) {
        return Err(Unusable::UdpPorts { rtp: rtp_port, rtcp: rtcp_port });
    }
    for (handle, socket, port, need) in
        [(pair.rtp, rtp, rtp_port, packet), (pair.rtcp, rtcp, rtcp_port, REPORT)]
    {
        let has = if socket.packet_send_capacity() == 0 { 0 } else { socket.payload_send_capacity() };
        if has < need {
            return Err(Unusable::UdpBufferTooSmall { port, need, has });
        }
        if is_bound(port, handle, sockets) {
            return Err(Unusable::PortTaken { port });
        }
    }
    Ok(())
}

/// What an interface's MTU leaves for RTP.
const fn room(ip_mtu: usize, is_v4: bool) -> usize {
    ip_mtu.saturating_sub(if is_v4 { HEADERS_V4 } else { HEADERS_V6 })
}

/// The configuration for a client at `peer`: no packet is too long for the interface.
pub(super) fn fitted(config: Config, ip_mtu: usize, peer: IpAddress) -> Config {
    let room = room(ip_mtu, IpAddr::from(peer).is_ipv4());
    let mut fitted = config;
    fitted.max_packet = config.max_packet.min(u16::try_from(room).unwrap_or(u16::MAX));
    fitted
}

/// Whether another UDP socket than `own` is at `port`.
fn is_bound(port: u16, own: SocketHandle, sockets: &SocketSet<'_>) -> bool {
    sockets.iter().any(|(handle, socket)| {
        matches!(socket, Socket::Udp(socket) if handle != own && socket.endpoint().port == port)
    })
}
