//! The UDP sockets that sessions share.
use crate::udp::UdpPair;
use mio::{Registry, Token};
use pinhole::server::{Port, PortPair};
use std::io;
use std::net::{IpAddr, SocketAddr};

/// The most pairs: their numbers have 8 bits.
pub(super) const MAX_PAIRS: usize = 256;
/// The most receive calls on a socket before other events have their turn.
const RECEIVES: usize = 64;

/// The pairs of sockets of one event loop.
#[derive(Debug)]
pub(super) struct UdpPairs {
    address: IpAddr,
    first_token: usize,
    pairs: Vec<UdpPair>,
}

impl UdpPairs {
    pub(super) const fn new(address: IpAddr, first_token: usize) -> Self {
        Self { address, first_token, pairs: Vec::new() }
    }

    pub(super) fn get(&self, socket: u8) -> Option<&UdpPair> {
        self.pairs.get(usize::from(socket))
    }

    /// Returns the ports of a pair that is not `taken`, and binds a new one if all are.
    ///
    /// # Errors
    /// There are too many pairs, or the system refuses another one.
    pub(super) fn choose(&mut self, registry: &Registry, taken: impl Fn(u8) -> bool) -> io::Result<PortPair> {
        let free = (0..=u8::MAX).take(self.pairs.len()).find(|&socket| !taken(socket));
        let socket = match free {
            Some(socket) => socket,
            None => self.add(registry)?,
        };
        let pair = self.get(socket).ok_or(io::ErrorKind::AddrNotAvailable)?;
        Ok(PortPair { socket, rtp: pair.rtp.port(), rtcp: pair.rtcp.port() })
    }

    fn add(&mut self, registry: &Registry) -> io::Result<u8> {
        let socket = u8::try_from(self.pairs.len()).map_err(|_| io::ErrorKind::AddrNotAvailable)?;
        let mut pair = UdpPair::bind(self.address)?;
        let token = self.first_token + 2 * usize::from(socket);
        pair.rtp.register(registry, Token(token))?;
        pair.rtcp.register(registry, Token(token + 1))?;
        self.pairs.push(pair);
        Ok(socket)
    }

    /// Receives the datagrams that wait at the socket with this token, and hands each to `take`.
    /// Returns whether there may be more, for which the socket causes no further event.
    pub(super) fn receive(
        &self,
        token: usize,
        buffer: &mut [u8],
        mut take: impl FnMut(u8, Port, SocketAddr, &[u8]),
    ) -> bool {
        let Some(number) = token.checked_sub(self.first_token) else { return false };
        let Ok(pair_number) = u8::try_from(number / 2) else { return false };
        let Some(pair) = self.get(pair_number) else { return false };
        let (socket, port) =
            if number.is_multiple_of(2) { (&pair.rtp, Port::Rtp) } else { (&pair.rtcp, Port::Rtcp) };
        socket
            .receive(buffer, RECEIVES, |from, datagram| take(pair_number, port, from, datagram))
            .unwrap_or_else(|error| {
                tracing::warn!(port = socket.port(), %error, "a UDP socket failed");
                false
            })
    }
}
