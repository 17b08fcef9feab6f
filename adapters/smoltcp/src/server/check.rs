//! Checks of what a caller provides to a server.
use super::connection::Connection;
use super::error::SetupError;
use super::mtu;
use crate::udp::{REPORT, UdpPair};
use pinhole::server::{Config, MIN_REQUEST};
use smoltcp::iface::{SocketHandle, SocketSet};
use smoltcp::socket::{Socket, tcp, udp};

/// Smallest value of [`Config::max_packet`] that the core applies, in bytes.
const SHORTEST_PACKET: u16 = 548;

/// Checks the port, the connections and the storage.
pub(super) fn listener<const TRACKS: usize>(
    port: u16,
    connections: &[Connection<TRACKS>],
    storage: usize,
    config: Config,
    sockets: &SocketSet<'_>,
) -> Result<(), SetupError> {
    if port == 0 {
        return Err(SetupError::Port);
    }
    let need = config.storage_len(0);
    if storage < need {
        return Err(SetupError::StorageTooSmall { need, has: storage });
    }
    for (connection, it) in connections.iter().enumerate() {
        let socket = sockets.get::<tcp::Socket<'_>>(it.socket());
        let (need, has) = (MIN_REQUEST, socket.recv_capacity());
        if has < need {
            return Err(SetupError::ReceiveBufferTooSmall { connection, need, has });
        }
        let (need, has) = (config.message_len(), socket.send_capacity());
        if has < need {
            return Err(SetupError::TransmitBufferTooSmall { connection, need, has });
        }
        if connections.iter().take(connection).any(|before| before.socket() == it.socket()) {
            return Err(SetupError::SocketTaken { connection });
        }
    }
    let is_taken = sockets.iter().any(|(handle, socket)| {
        let Socket::Tcp(socket) = socket else { return false };
        socket.listen_endpoint().port == port && connections.iter().all(|own| own.socket() != handle)
    });
    if is_taken { Err(SetupError::PortTaken { port }) } else { Ok(()) }
}

/// Checks the UDP sockets, and the length of packets.
pub(super) fn udp(
    pair: UdpPair,
    config: Config,
    sockets: &SocketSet<'_>,
    ip_mtu: usize,
) -> Result<(), SetupError> {
    let packet = usize::from(config.max_packet.max(SHORTEST_PACKET));
    let room = mtu::room(ip_mtu, cfg!(feature = "proto-ipv4"));
    if packet > room {
        return Err(SetupError::PacketTooLong { packet, room });
    }
    let [rtp, rtcp] = [pair.rtp, pair.rtcp].map(|handle| sockets.get::<udp::Socket<'_>>(handle));
    let [rtp_port, rtcp_port] = [rtp, rtcp].map(|socket| socket.endpoint().port);
    if rtp_port == 0 || !rtp_port.is_multiple_of(2) || rtcp_port != rtp_port.wrapping_add(1) {
        return Err(SetupError::UdpPorts { rtp: rtp_port, rtcp: rtcp_port });
    }
    for (handle, socket, port, need) in
        [(pair.rtp, rtp, rtp_port, packet), (pair.rtcp, rtcp, rtcp_port, REPORT)]
    {
        let has = if socket.packet_send_capacity() == 0 { 0 } else { socket.payload_send_capacity() };
        if has < need {
            return Err(SetupError::UdpBufferTooSmall { port, need, has });
        }
        if is_bound(port, handle, sockets) {
            return Err(SetupError::PortTaken { port });
        }
    }
    Ok(())
}

/// Whether a UDP socket other than `own` is bound to `port`.
fn is_bound(port: u16, own: SocketHandle, sockets: &SocketSet<'_>) -> bool {
    sockets.iter().any(|(handle, socket)| {
        matches!(socket, Socket::Udp(socket) if handle != own && socket.endpoint().port == port)
    })
}
