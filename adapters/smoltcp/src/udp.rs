//! UDP sockets in pairs.
use pinhole::server::{Port, PortPair};
use smoltcp::iface::{SocketHandle, SocketSet};
use smoltcp::socket::udp::{SendError, Socket, UdpMetadata};
use smoltcp::wire::{IpAddress, IpEndpoint};

/// The number of the one pair that a server has: [`PortPair::socket`].
pub(crate) const SOCKET: u8 = 0;

/// Two UDP sockets of a set, bound by the caller: RTP to an even port, RTCP to the odd one above it
/// (RFC 3550, 11).
///
/// The payload storage of RTP's transmit buffer must hold a packet; it is filled and emptied in
/// turns, so that more storage is fewer turns of the caller's loop for a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UdpPair {
    /// For media.
    pub rtp: SocketHandle,
    /// For reports.
    pub rtcp: SocketHandle,
}

/// What became of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    /// It is in the socket's buffer, or is lost as any datagram may be.
    Taken,
    /// The buffer has no room now.
    Blocked,
}

impl UdpPair {
    pub(crate) const fn handle(&self, port: Port) -> SocketHandle {
        match port {
            Port::Rtp => self.rtp,
            Port::Rtcp => self.rtcp,
        }
    }

    /// The ports of RTP and of RTCP; `None` where one is not bound.
    pub(crate) fn bound(&self, sockets: &SocketSet<'_>) -> Option<(u16, u16)> {
        let [rtp, rtcp] = [self.rtp, self.rtcp].map(|handle| sockets.get::<Socket<'_>>(handle));
        (rtp.is_open() && rtcp.is_open()).then_some((rtp.endpoint().port, rtcp.endpoint().port))
    }

    /// The ports to send from; `None` where packets of `max_packet` bytes could never be sent.
    pub(crate) fn ports(&self, sockets: &SocketSet<'_>, max_packet: u16) -> Option<PortPair> {
        let (rtp, rtcp) = self.bound(sockets)?;
        let [media, reports] = [self.rtp, self.rtcp].map(|handle| sockets.get::<Socket<'_>>(handle));
        let enough = media.payload_send_capacity() >= usize::from(max_packet)
            && media.packet_send_capacity() > 0
            && reports.packet_send_capacity() > 0;
        enough.then_some(PortPair { socket: SOCKET, rtp, rtcp })
    }
}

/// Has `write` fill a datagram of `len` bytes, straight in the socket's buffer.
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
