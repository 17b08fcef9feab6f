//! UDP sockets in pairs, RTP on an even port and RTCP on the odd one above it (RFC 3550, 11),
//! with segmentation offload where the kernel has it.
#[cfg(target_os = "linux")]
mod gather;

use mio::{Interest, Registry, Token};
#[cfg(not(target_os = "linux"))]
use quinn_udp::Transmit;
use quinn_udp::{BATCH_SIZE, RecvMeta, UdpSocketState};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::array;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, SocketAddr};

/// The size of a send buffer that is requested of the kernel, in bytes, and that of a receive buffer where nothing
/// else is said. Linux grants up to `net.core.wmem_max` and `net.core.rmem_max`.
pub(crate) const BUFFER: usize = 4 << 20;
/// How often a pair is looked for. Half of all free ports are even, so that one is soon found.
const ATTEMPTS: usize = 64;
/// The most bytes that a receive call returns in one piece, which may be several datagrams.
pub(crate) const RECEIVE_LEN: usize = 65_535;
/// The most pieces that a receive call returns. More would only spread over the processor's cache.
pub(crate) const PIECES_AT_ONCE: usize = 4;

/// The most pieces of a batch of 64 packets: a header and a part of the frame for each packet, and
/// the tables.
pub(crate) const PIECES: usize = 2 * 64 + 8;

/// One socket of a pair.
#[derive(Debug)]
pub(crate) struct UdpSocket {
    socket: mio::net::UdpSocket,
    state: UdpSocketState,
    port: u16,
    receive_buffer: usize,
    /// How many packets one call can send. No peer changes it.
    segments: usize,
}

/// The outcome of sending a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    /// The kernel has taken the batch, or it is lost as any datagram may be.
    Taken,
    /// The socket has no room now. Nothing was sent.
    Blocked,
    /// The packets are larger than the path allows.
    TooBig,
    /// The kernel takes no batch to this destination, but perhaps single packets. Nothing was sent.
    Unsegmented,
}

impl UdpSocket {
    fn bind(address: SocketAddr, receive_buffer: usize) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_nonblocking(true)?;
        // Ordinary users are granted less than this, which is no error.
        let _ = socket.set_recv_buffer_size(receive_buffer);
        let _ = socket.set_send_buffer_size(BUFFER);
        let receive_buffer = socket.recv_buffer_size()?;
        socket.bind(&SockAddr::from(address))?;
        let socket = mio::net::UdpSocket::from_std(socket.into());
        let state = UdpSocketState::new((&socket).into())?;
        let port = socket.local_addr()?.port();
        let segments = if segments() { state.max_gso_segments() } else { 1 };
        Ok(Self { socket, state, port, receive_buffer, segments })
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// Returns the most bytes that wait in the kernel, as the kernel counts them.
    pub(crate) const fn receive_buffer(&self) -> usize {
        self.receive_buffer
    }

    /// Returns how many bytes of packets are sure to fit the receive buffer: half of what the system says. Linux
    /// counts 2,304 bytes for a packet of 1,400.
    pub(crate) fn packet_room(&self) -> u32 {
        u32::try_from(self.receive_buffer / 2).unwrap_or(u32::MAX)
    }

    pub(crate) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        registry.register(&mut self.socket, token, Interest::READABLE)
    }

    /// Returns how many packets one call can send.
    pub(crate) const fn max_segments(&self) -> usize {
        self.segments
    }

    /// Sends `contents` as packets of `segment` bytes. The last packet may be shorter.
    pub(crate) fn send(
        &self,
        destination: SocketAddr,
        source: Option<IpAddr>,
        contents: &[u8],
        segment: usize,
    ) -> Sent {
        #[cfg(target_os = "linux")]
        {
            self.gather(destination, source, &[IoSlice::new(contents)], segment, contents.len())
        }
        #[cfg(not(target_os = "linux"))]
        {
            let segment_size = (segment < contents.len()).then_some(segment);
            let transmit = Transmit { destination, ecn: None, contents, segment_size, src_ip: source };
            match self.state.try_send((&self.socket).into(), &transmit) {
                Ok(()) => Sent::Taken,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Sent::Blocked,
                Err(error) if quinn_udp::is_msg_size_err(&error) => Sent::TooBig,
                Err(_) if segment_size.is_some() => Sent::Unsegmented,
                Err(error) => {
                    tracing::debug!(%destination, %error, "datagram not sent");
                    Sent::Taken
                }
            }
        }
    }

    /// Sends the concatenation of `pieces`, `len` bytes, as packets of `segment` bytes, without copying it to
    /// one place. The last packet may be shorter.
    #[cfg(target_os = "linux")]
    pub(crate) fn gather(
        &self,
        destination: SocketAddr,
        source: Option<IpAddr>,
        pieces: &[IoSlice<'_>],
        segment: usize,
        len: usize,
    ) -> Sent {
        let segment = u16::try_from(segment).ok().filter(|&segment| usize::from(segment) < len);
        gather::send(&self.socket, destination, source, pieces, segment)
    }

    /// Receives waiting datagrams into `buffer`, with at most `limit` calls, and hands each to `take`
    /// with its source. Returns whether there may be more, for which the socket causes no further
    /// event.
    ///
    /// A call fills as many pieces of [`RECEIVE_LEN`] as `buffer` has, up to [`PIECES_AT_ONCE`].
    pub(crate) fn receive(
        &self,
        buffer: &mut [u8],
        limit: usize,
        mut take: impl FnMut(SocketAddr, &[u8]),
    ) -> io::Result<bool> {
        let asked = buffer.len().div_ceil(RECEIVE_LEN).min(PIECES_AT_ONCE).min(BATCH_SIZE);
        for _ in 0..limit {
            let mut meta = [RecvMeta::default(); PIECES_AT_ONCE];
            let mut pieces = buffer.chunks_mut(RECEIVE_LEN);
            let mut pieces: [IoSliceMut<'_>; PIECES_AT_ONCE] =
                array::from_fn(|_| IoSliceMut::new(pieces.next().unwrap_or_default()));
            let to = pieces.get_mut(..asked).unwrap_or_default();
            let received = match self.state.recv((&self.socket).into(), to, &mut meta) {
                Ok(received) => received,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                // An ICMP error for some earlier datagram does not concern this socket.
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => continue,
                Err(error) => return Err(error),
            };
            for (piece, meta) in pieces.iter().zip(meta).take(received) {
                let bytes = piece.get(..meta.len).unwrap_or_default();
                // Nobody can be answered at port 0.
                let answerable = meta.addr.port() != 0;
                for datagram in bytes.chunks(meta.stride.max(1)).filter(|_| answerable) {
                    take(meta.addr, datagram);
                }
            }
            // recvmmsg returns fewer at the end of the queue. Other systems receive one at a time.
            if received == 0 || (cfg!(target_os = "linux") && received < asked) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Two sockets on neighbouring ports: an even one for RTP, and the odd one above it for RTCP.
#[derive(Debug)]
pub(crate) struct UdpPair {
    pub(crate) rtp: UdpSocket,
    pub(crate) rtcp: UdpSocket,
}

impl UdpPair {
    /// Binds a free pair on the address of `address`, by its interface if it is link-local. Its port does
    /// not matter. Receive buffers of `receive_buffer` bytes are requested of the kernel.
    ///
    /// # Errors
    /// No pair was found, or the system refuses a socket.
    pub(crate) fn bind(mut address: SocketAddr, receive_buffer: usize) -> io::Result<Self> {
        let mut at = move |port| {
            address.set_port(port);
            address
        };
        let mut last = io::Error::from(io::ErrorKind::AddrInUse);
        for _ in 0..ATTEMPTS {
            let first = UdpSocket::bind(at(0), receive_buffer)?;
            let (even, odd) = (first.port & !1, first.port | 1);
            let other = if first.port == even { odd } else { even };
            match UdpSocket::bind(at(other), receive_buffer) {
                Ok(second) if first.port == even => return Ok(Self { rtp: first, rtcp: second }),
                Ok(second) => return Ok(Self { rtp: second, rtcp: first }),
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

/// Asks the kernel whether it takes segmented batches, so that no event loop has to.
pub(crate) fn segments() -> bool {
    #[cfg(target_os = "linux")]
    {
        gather::segments()
    }
    #[cfg(not(target_os = "linux"))]
    {
        true
    }
}

/// Returns whether two addresses are of one host. A link-local address is one only by its interface.
pub(crate) fn same_host(one: SocketAddr, other: SocketAddr) -> bool {
    host(one) == host(other)
}

/// Returns an address without its port: with port 0, and without what is not the address of a host.
pub(crate) fn host(address: SocketAddr) -> SocketAddr {
    at_port(address, 0)
}

/// Returns another port of the host of `address`.
pub(crate) fn at_port(mut address: SocketAddr, port: u16) -> SocketAddr {
    address.set_port(port);
    if let SocketAddr::V6(address) = &mut address {
        address.set_flowinfo(0);
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    fn bind(address: impl Into<IpAddr>) -> UdpSocket {
        UdpSocket::bind(SocketAddr::new(address.into(), 0), BUFFER).unwrap()
    }

    /// A batch of three packets to `to`.
    fn batch(socket: &UdpSocket, to: SocketAddr) -> Sent {
        socket.send(to, None, &[0; 30], 10)
    }

    /// Where batches are sent at all: elsewhere nothing can be lost.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_destination_that_is_refused_costs_nobody_segmentation() {
        let socket = bind(Ipv4Addr::LOCALHOST);
        let to = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), socket.port());
        let before = socket.max_segments();
        assert!(before > 1, "Linux sends batches since 4.18");
        // Nobody is at port 0.
        assert_eq!(batch(&socket, at_port(to, 0)), Sent::Unsegmented);
        assert_eq!(socket.send(at_port(to, 0), None, &[0; 10], 10), Sent::Taken, "lost like any other");
        assert_eq!((socket.max_segments(), batch(&socket, to)), (before, Sent::Taken));

        let Ok(socket) = UdpSocket::bind((Ipv6Addr::LOCALHOST, 0).into(), BUFFER) else { return };
        let link_local = SocketAddr::new(Ipv6Addr::new(0xFE80, 0, 0, 0, 0, 0, 0, 1).into(), 5000);
        let from_there = socket.send(link_local, Some(link_local.ip()), &[0; 30], 10);
        assert_eq!(from_there, Sent::Unsegmented, "by which interface?");
        let to = SocketAddr::new(Ipv6Addr::LOCALHOST.into(), socket.port());
        assert_eq!((socket.max_segments(), batch(&socket, to)), (before, Sent::Taken));
    }

    #[test]
    fn an_address_is_a_host_by_its_interface() {
        let address = |text: &str| text.parse::<SocketAddr>().unwrap();
        assert!(same_host(address("10.0.0.1:1"), address("10.0.0.1:2")));
        assert!(!same_host(address("10.0.0.1:1"), address("10.0.0.2:1")));
        assert!(same_host(address("[fe80::1%2]:1"), address("[fe80::1%2]:2")));
        assert!(!same_host(address("[fe80::1%2]:1"), address("[fe80::1%3]:1")));
    }
}
