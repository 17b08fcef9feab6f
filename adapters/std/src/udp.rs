//! UDP sockets in pairs, RTP on an even port and RTCP on the odd one above it (RFC 3550, 11),
//! with segmentation offload where the kernel has it.
#[cfg(target_os = "linux")]
mod gather;

use mio::{Interest, Registry, Token};
use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSocketState};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::array;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, SocketAddr};

/// What is asked of the kernel for a receive buffer: it grants up to `net.core.rmem_max`.
const RECEIVE_BUFFER: usize = 4 << 20;
/// Two neighbouring ports are soon found: half of all free ports are even.
const ATTEMPTS: usize = 64;
/// What one receive call may return, several datagrams in one piece.
pub(crate) const RECEIVE_LEN: usize = 65_535;
/// The most such pieces in a call. More than what waits after a moment would only spread over the
/// processor's cache.
pub(crate) const PIECES_AT_ONCE: usize = 4;

/// The most pieces of a batch of 64 packets: a header and a part of the frame each, and the tables.
pub(crate) const PIECES: usize = 2 * 64 + 8;

/// One socket of a pair.
#[derive(Debug)]
pub(crate) struct UdpSocket {
    socket: mio::net::UdpSocket,
    state: UdpSocketState,
    port: u16,
    receive_buffer: usize,
}

/// What became of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    /// It is in the kernel's hands, or is lost as any datagram may be.
    Taken,
    /// The socket takes no more now.
    Blocked,
    /// Its packets are larger than the path takes.
    TooBig,
}

impl UdpSocket {
    fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_nonblocking(true)?;
        // Less than asked for is no error, and is what an ordinary user gets.
        let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER);
        let _ = socket.set_send_buffer_size(RECEIVE_BUFFER);
        let receive_buffer = socket.recv_buffer_size()?;
        socket.bind(&SockAddr::from(address))?;
        let socket = mio::net::UdpSocket::from_std(socket.into());
        let state = UdpSocketState::new((&socket).into())?;
        let port = socket.local_addr()?.port();
        Ok(Self { socket, state, port, receive_buffer })
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// What waits in the kernel at most, in bytes as it counts them.
    pub(crate) const fn receive_buffer(&self) -> usize {
        self.receive_buffer
    }

    pub(crate) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        registry.register(&mut self.socket, token, Interest::READABLE)
    }

    /// How many packets one call can send.
    pub(crate) fn max_segments(&self) -> usize {
        self.state.max_gso_segments()
    }

    /// Sends `contents`: packets of `segment` bytes each, but for the last, which may be shorter.
    pub(crate) fn send(
        &self,
        destination: SocketAddr,
        source: Option<IpAddr>,
        contents: &[u8],
        segment: usize,
    ) -> Sent {
        let segment_size = (segment < contents.len()).then_some(segment);
        let transmit = Transmit { destination, ecn: None, contents, segment_size, src_ip: source };
        match self.state.try_send((&self.socket).into(), &transmit) {
            Ok(()) => Sent::Taken,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Sent::Blocked,
            Err(error) if quinn_udp::is_msg_size_err(&error) => Sent::TooBig,
            // The path cannot carry segmented batches: one by one, then.
            Err(_) if segment_size.is_some() => self.send_singly(&transmit, segment),
            Err(error) => {
                tracing::debug!(%destination, %error, "datagram not sent");
                Sent::Taken
            }
        }
    }

    /// Sends packets of `segment` bytes each, but for the last, which may be shorter, from where
    /// their pieces lie. `None`: not here, or not this way, and nothing was sent.
    #[cfg(target_os = "linux")]
    pub(crate) fn gather(
        &self,
        destination: SocketAddr,
        source: IpAddr,
        pieces: &[IoSlice<'_>],
        segment: usize,
    ) -> Option<Sent> {
        gather::send(&self.socket, destination, source, pieces, u16::try_from(segment).ok()?)
    }

    #[cfg(not(target_os = "linux"))]
    pub(crate) fn gather(&self, _: SocketAddr, _: IpAddr, _: &[IoSlice<'_>], _: usize) -> Option<Sent> {
        None
    }

    fn send_singly(&self, batch: &Transmit<'_>, segment: usize) -> Sent {
        for contents in batch.contents.chunks(segment) {
            let single = Transmit { contents, segment_size: None, ..batch.clone() };
            match self.state.try_send((&self.socket).into(), &single) {
                Err(error) if quinn_udp::is_msg_size_err(&error) => return Sent::TooBig,
                // A datagram that the socket has no room for is lost: to say so would send those
                // before it twice.
                Ok(()) | Err(_) => {}
            }
        }
        Sent::Taken
    }

    /// Receives what is there, at most `limit` times into `buffer`, and hands each datagram on.
    /// Returns whether there may be more. A call fills as many pieces of [`RECEIVE_LEN`] as there are
    /// in `buffer`, up to [`PIECES_AT_ONCE`].
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
                // An ICMP error of some earlier datagram: the socket is well.
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => continue,
                Err(error) => return Err(error),
            };
            for (piece, meta) in pieces.iter().zip(meta).take(received) {
                let bytes = piece.get(..meta.len).unwrap_or_default();
                for datagram in bytes.chunks(meta.stride.max(1)) {
                    take(meta.addr, datagram);
                }
            }
            // recvmmsg has seen the end of the queue; calls that receive one at a time have not.
            if received == 0 || (cfg!(target_os = "linux") && received < asked) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Two sockets on neighbouring ports.
#[derive(Debug)]
pub(crate) struct UdpPair {
    pub(crate) rtp: UdpSocket,
    pub(crate) rtcp: UdpSocket,
}

impl UdpPair {
    /// Binds a free pair on `address`.
    pub(crate) fn bind(address: IpAddr) -> io::Result<Self> {
        let mut last = io::Error::from(io::ErrorKind::AddrInUse);
        for _ in 0..ATTEMPTS {
            let first = UdpSocket::bind(SocketAddr::new(address, 0))?;
            let (even, odd) = (first.port & !1, first.port | 1);
            let other = if first.port == even { odd } else { even };
            match UdpSocket::bind(SocketAddr::new(address, other)) {
                Ok(second) if first.port == even => return Ok(Self { rtp: first, rtcp: second }),
                Ok(second) => return Ok(Self { rtp: second, rtcp: first }),
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}
