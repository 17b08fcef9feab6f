//! UDP sockets in pairs.
use pinhole::server::{Port, PortPair};
use pinhole::time::{Duration, Instant};
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

/// A transmit buffer that does not move for so long has a packet in front that cannot be sent.
const STUCK: Duration = Duration::from_millis(500);
/// A socket whose packet found no neighbour is left alone by smoltcp for so long, whatever else it
/// has to send by then.
const SILENCE: Duration = Duration::from_secs(1);

/// The transmit buffer of a socket that several peers share: it holds packets of one at a time.
///
/// smoltcp sends a socket's packets in their order. One for a neighbour that does not answer ARP, or
/// neighbour discovery, stays in front for ever and holds up those of all others. As they are all of
/// one peer, it is known whose they are, and they can be dropped.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Outlet {
    holder: Option<IpAddress>,
    /// Bytes that were in the buffer at the last look, and since when they have been so many.
    waiting: usize,
    since: Instant,
    silent_until: Instant,
}

impl Outlet {
    /// Whether packets for `peer` may go into the buffer now.
    pub(crate) fn is_open_to(&self, peer: IpAddress) -> bool {
        self.holder.is_none_or(|holder| holder == peer)
    }

    /// Packets for `peer` went into the buffer.
    pub(crate) const fn hold(&mut self, peer: IpAddress) {
        self.holder = Some(peer);
    }

    /// Sees what is left in the buffer. If it is stuck, it is emptied: returns whose packets it held,
    /// who cannot be reached.
    pub(crate) fn look(&mut self, now: Instant, socket: &mut Socket<'_>) -> Option<IpAddress> {
        let waiting = socket.send_queue();
        if waiting == 0 {
            self.holder = None;
        }
        if waiting == 0 || waiting != self.waiting {
            (self.waiting, self.since) = (waiting, now);
        }
        if now < self.due()? {
            return None;
        }
        let endpoint = socket.endpoint();
        socket.close();
        // It was bound there before.
        let _ = socket.bind(endpoint);
        self.silent_until = now + SILENCE;
        self.holder.take()
    }

    /// When to look again.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.holder.map(|_| self.since.max(self.silent_until) + STUCK)
    }
}
