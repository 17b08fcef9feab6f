//! Pairs of UDP sockets, and datagrams sent through them.
use pinhole::server::{Port, PortPair};
use smoltcp::iface::{SocketHandle, SocketSet};
use smoltcp::socket::udp::{SendError, Socket, UdpMetadata};
use smoltcp::wire::{IpAddress, IpEndpoint};

/// The length in bytes of the longest RTCP compound packet that a server or a client sends. Such a packet
/// consists of a sender or receiver report, an SDES packet with a CNAME, and sometimes a BYE packet. The
/// length does not count the headers of UDP and IP. Use `REPORT` as the length of each packet when you size
/// a buffer for RTCP, such as [`UdpBuffers::rtcp_transmit`](crate::memory::UdpBuffers::rtcp_transmit).
pub const REPORT: usize = 80;

/// The number of a server's only pair: [`PortPair::socket`].
pub(crate) const SOCKET: u8 = 0;

/// The handles of two UDP sockets of a socket set: one for RTP, and one for RTCP.
/// [`Arena::udp_pair`](crate::memory::Arena::udp_pair) makes such a pair. A server takes one pair for all
/// clients; a client takes one pair for each track. A server moves its sockets within their set while it serves,
/// so do not use the handles once a server has them.
///
/// Bind both sockets before use: the RTP socket to an even port, and the RTCP socket to the next port (RFC
/// 3550, 11). [`Server::new`](crate::server::Server::new) refuses any other pair. A
/// [`Client`](crate::client::Client) accepts any two ports; if one of the sockets is not bound, the client
/// cannot receive by UDP.
///
/// The transmit buffer of a server's RTP socket must hold at least one packet of
/// [`Config::max_packet`](pinhole::server::Config::max_packet) bytes. A larger buffer holds more of a
/// frame, so that the frame is sent in fewer turns of the main loop. The transmit buffer of a client's RTP
/// socket needs room for packets of 12 bytes only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UdpPair {
    /// The handle of the UDP socket for RTP packets.
    pub rtp: SocketHandle,
    /// The handle of the UDP socket for RTCP packets.
    pub rtcp: SocketHandle,
}

/// The result of sending a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    /// The datagram is in the socket's buffer, or was dropped because it can never be sent.
    Taken,
    /// The buffer has no room at present: the datagram is to be sent again.
    Blocked,
}

impl UdpPair {
    /// Returns the socket of `port`.
    pub(crate) const fn handle(&self, port: Port) -> SocketHandle {
        match port {
            Port::Rtp => self.rtp,
            Port::Rtcp => self.rtcp,
        }
    }

    /// Returns the handle of the socket of `port`, to change it.
    pub(crate) const fn handle_mut(&mut self, port: Port) -> &mut SocketHandle {
        match port {
            Port::Rtp => &mut self.rtp,
            Port::Rtcp => &mut self.rtcp,
        }
    }

    /// Returns the ports of RTP and of RTCP, or `None` if either socket is not bound.
    pub(crate) fn bound(&self, sockets: &SocketSet<'_>) -> Option<(u16, u16)> {
        let [rtp, rtcp] = [self.rtp, self.rtcp].map(|handle| sockets.get::<Socket<'_>>(handle));
        (rtp.is_open() && rtcp.is_open()).then_some((rtp.endpoint().port, rtcp.endpoint().port))
    }

    /// Returns the ports to send from, or `None` if a packet of `max_packet` bytes could never be sent.
    pub(crate) fn ports(&self, sockets: &SocketSet<'_>, max_packet: u16) -> Option<PortPair> {
        let (rtp, rtcp) = self.bound(sockets)?;
        let [media, reports] = [self.rtp, self.rtcp].map(|handle| sockets.get::<Socket<'_>>(handle));
        let enough = media.payload_send_capacity() >= usize::from(max_packet)
            && media.packet_send_capacity() > 0
            && reports.packet_send_capacity() > 0;
        enough.then_some(PortPair { socket: SOCKET, rtp, rtcp })
    }
}

/// Sends a datagram of `len` bytes, which `write` fills in the socket's buffer.
pub(crate) fn send(
    socket: &mut Socket<'_>,
    len: usize,
    endpoint: IpEndpoint,
    local_address: Option<IpAddress>,
    write: impl FnOnce(&mut [u8]),
) -> Sent {
    if len > socket.payload_send_capacity() {
        return Sent::Taken;
    }
    match socket.send(len, UdpMetadata { local_address, ..endpoint.into() }) {
        Ok(room) => write(room),
        Err(SendError::BufferFull) => return Sent::Blocked,
        Err(SendError::Unaddressable) => {}
    }
    Sent::Taken
}
