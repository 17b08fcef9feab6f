//! Which connection a datagram belongs to, where several share a pair of UDP sockets.
use super::state::ConnState;
use super::stream::{Route, Stream, half};
use crate::rtp::{Port, rtcp};
use crate::rtsp::Pair;
use crate::time::Now;
use core::net::SocketAddr;

/// How strong a connection's claim to a UDP datagram is; the result of
/// [`ServerConn::claim`](super::ServerConn::claim).
///
/// If several connections share a pair of UDP sockets, ask each connection for its claim. Hand the datagram
/// to the connection with the [strongest](Claim::strongest) claim. The variants are in ascending order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Claim {
    /// The datagram does not belong to the connection. If it is handed in all the same, nothing changes.
    No,
    /// The datagram comes from the client's IP address, but from a port that is not known. One of the
    /// connection's sessions has client ports that no datagram has confirmed yet. So the datagram may belong
    /// to that session, and may show the port that the client really uses.
    Latch,
    /// The datagram comes from the client's IP address, and is an RTCP report on the SSRC of one of the
    /// connection's tracks whose RTCP port is not known yet.
    Ssrc,
    /// The datagram comes from the client's IP address, and from a port that the client announced for one of
    /// its tracks. The connection sends the track to another port, which an earlier datagram showed.
    Announced,
    /// The datagram comes from the client's IP address, and from the port to which the connection sends one
    /// of its tracks.
    Exact,
}

impl Claim {
    /// Returns the connection with the strongest of `claims`, and that claim. `T` is whatever names a
    /// connection, such as its index. If several connections have an equal claim of [`Claim::Ssrc`] or
    /// [`Claim::Exact`], the first of them counts.
    ///
    /// Returns `None` if there is no claim other than [`Claim::No`]. Returns `None` also if the strongest
    /// claim is [`Claim::Latch`] and more than one connection has it. In both cases, drop the datagram.
    pub fn strongest<T>(claims: impl IntoIterator<Item = (T, Self)>) -> Option<(T, Self)> {
        let mut best = None;
        let mut tie = false;
        for (owner, claim) in claims {
            let known = best.as_ref().map_or(Self::No, |(_, known)| *known);
            if claim > known {
                (best, tie) = (Some((owner, claim)), false);
            } else if claim == Self::Latch && known == Self::Latch {
                tie = true;
            }
        }
        best.filter(|_| !tie)
    }
}

/// A pair of bound UDP sockets, one for RTP and one for RTCP, from which the packets of a session can leave.
/// Pass it to [`Turn::set_ports`](super::Turn::set_ports) before SETUP requests are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct PortPair {
    /// The adapter's own number for the pair of sockets. [`Transmit::socket`](super::Transmit::socket)
    /// returns this number with the packets that are to leave from the pair. Pass this number with each
    /// datagram that arrives on the pair, to [`ServerConn::claim`](super::ServerConn::claim) and
    /// [`ServerConn::handle_datagram`](super::ServerConn::handle_datagram).
    pub socket: u8,
    /// The local UDP port of the socket for RTP. The response to SETUP tells the client this port.
    pub rtp: u16,
    /// The local UDP port of the socket for RTCP. The response to SETUP tells the client this port.
    pub rtcp: u16,
}

/// A track that travels by UDP: which datagrams belong to it. [`ServerConn::routes`] returns it.
///
/// [`ServerConn::routes`]: super::ServerConn::routes
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct UdpRoute {
    /// The number of the pair of sockets from which the track's packets leave: [`PortPair::socket`].
    pub socket: u8,
    /// Whether the track takes datagrams. If not, it has ended, and may only have its BYE still to send. The
    /// pair of sockets must be kept until it is no longer among the routes.
    pub open: bool,
    /// The ports of the client to which the track's packets go. A datagram from one of them, to the socket of
    /// the same kind, is [`Claim::Exact`].
    pub to: Pair<u16>,
    /// The ports that the client announced. A datagram from one of them, to the socket of the same kind, is
    /// [`Claim::Announced`] where `to` is another port.
    pub announced: Pair<u16>,
    /// The SSRC of the track's packets. A report on it to the RTCP socket is [`Claim::Ssrc`] while
    /// `latched.rtcp` is false.
    pub ssrc: u32,
    /// For each of the client's ports, whether a datagram has confirmed it. A datagram from an unknown port of
    /// the client is [`Claim::Latch`] while neither RTP's port nor the port of the socket's kind is confirmed.
    pub latched: Pair<bool>,
}

impl UdpRoute {
    /// Creates a route that takes datagrams, of a client that uses the ports that it has announced. An index
    /// is tested with it.
    pub const fn new(socket: u8, ports: Pair<u16>, ssrc: u32, latched: Pair<bool>) -> Self {
        Self { socket, open: true, to: ports, announced: ports, ssrc, latched }
    }

    /// The route of a stream; `None` if it is interleaved.
    pub(super) fn of(stream: &Stream) -> Option<Self> {
        let Route::Udp { socket, to, announced, latched } = stream.route else { return None };
        let (open, ssrc) = (stream.is_open(), stream.sender.ssrc());
        Some(Self { socket, open, to, announced, ssrc, latched })
    }
}

impl ConnState {
    /// Hands a datagram to the stream that it belongs to, if there is one.
    pub(super) fn handle_datagram(
        &mut self,
        now: Now,
        from: SocketAddr,
        socket: u8,
        port: Port,
        data: &[u8],
    ) {
        let Some((index, _)) = self.find(from, socket, port, data) else { return };
        let Some(stream) = self.streams.get_mut(index) else { return };
        stream.last_activity = now.at;
        let Route::Udp { to, announced, latched, .. } = &mut stream.route else { return };
        if from.port() == *half(announced, port) {
            // No NAT changes the client's ports: what was learned was somebody else's.
            (*to, *latched) = (*announced, Pair { rtp: true, rtcp: true });
        } else {
            let (to, latched) = match port {
                Port::Rtp => (&mut to.rtp, &mut latched.rtp),
                Port::Rtcp => (&mut to.rtcp, &mut latched.rtcp),
            };
            (*to, *latched) = (from.port(), true);
        }
        // A report from elsewhere than where RTP goes is not that receiver's: either both ports were
        // announced, or both were learned.
        let is_receivers = (to.rtp == announced.rtp) == (to.rtcp == announced.rtcp);
        if port == Port::Rtcp && is_receivers {
            stream.sender.handle_rtcp(now, data);
        }
    }

    /// The stream that a datagram belongs to.
    pub(super) fn find(
        &self,
        from: SocketAddr,
        socket: u8,
        port: Port,
        data: &[u8],
    ) -> Option<(usize, Claim)> {
        let open = self.streams.iter().enumerate().filter(|(_, stream)| stream.is_open());
        Claim::strongest(open.map(|(index, stream)| {
            let claim = match stream.route {
                Route::Udp { socket: own, .. } if own == socket => self.claim_of(stream, from, port, data),
                _ => Claim::No,
            };
            (index, claim)
        }))
    }

    /// Ports are learned only from the RTSP peer's own address, and by its own interface if it is
    /// link-local: with any other, a client could aim the stream at a third party. They are learned once; a
    /// port that was announced is one for ever.
    #[cfg_attr(target_pointer_width = "32", inline(never))]
    fn claim_of(&self, stream: &Stream, from: SocketAddr, port: Port, data: &[u8]) -> Claim {
        let Route::Udp { to, announced, latched, .. } = &stream.route else { return Claim::No };
        // To port 0 nothing can be sent.
        if !is_same_host(from, self.peer) || from.port() == 0 {
            return Claim::No;
        }
        if from.port() == *half(to, port) {
            return Claim::Exact;
        }
        if from.port() == *half(announced, port) {
            return Claim::Announced;
        }
        if *half(latched, port) {
            return Claim::No;
        }
        if port == Port::Rtcp && rtcp::reports(data).any(|block| block.ssrc == stream.sender.ssrc()) {
            return Claim::Ssrc;
        }
        if latched.rtp { Claim::No } else { Claim::Latch }
    }
}

/// Whether two addresses are of one host. A link-local address is one only by its interface (RFC 4007, 6).
fn is_same_host(one: SocketAddr, other: SocketAddr) -> bool {
    match (one, other) {
        (SocketAddr::V4(one), SocketAddr::V4(other)) => one.ip() == other.ip(),
        (SocketAddr::V6(one), SocketAddr::V6(other)) => {
            one.ip() == other.ip() && one.scope_id() == other.scope_id()
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strongest(claims: &[Claim]) -> Option<usize> {
        Claim::strongest(claims.iter().copied().enumerate()).map(|(index, _)| index)
    }

    #[test]
    fn a_tie_of_latches_is_nobodys() {
        use Claim::{Announced, Exact, Latch, No, Ssrc};
        assert_eq!(strongest(&[]), None);
        assert_eq!(strongest(&[No, No]), None);
        assert_eq!(strongest(&[No, Latch, No]), Some(1));
        assert_eq!(strongest(&[Latch, Latch]), None);
        assert_eq!(strongest(&[Latch, Latch, Latch]), None);
        assert_eq!(strongest(&[Latch, Latch, Ssrc]), Some(2));
        assert_eq!(strongest(&[Exact, Latch, Latch]), Some(0));
        assert_eq!(strongest(&[Ssrc, Announced]), Some(1));
        // Two clients behind one NAT announced the same port, and it is the other one's.
        assert_eq!(strongest(&[Announced, Exact]), Some(1));
    }
}
