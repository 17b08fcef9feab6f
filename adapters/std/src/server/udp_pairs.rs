//! The UDP sockets that sessions share.
use crate::udp::{BUFFER, UdpPair};
use mio::{Registry, Token};
use pinhole::server::{Port, PortPair};
use std::io;
use std::net::SocketAddr;

/// The most pairs: their numbers have 8 bits.
pub(super) const MAX_PAIRS: usize = 256;
/// The most receive calls on a socket before other events have their turn.
const RECEIVES: usize = 16;

/// The pairs of sockets of one event loop.
#[derive(Debug)]
pub(super) struct UdpPairs {
    address: SocketAddr,
    first_token: usize,
    registry: Registry,
    most: usize,
    pairs: Vec<Option<UdpPair>>,
}

impl UdpPairs {
    /// Creates no pair yet. Up to `most` pairs will be bound to `address`.
    pub(super) fn new(address: SocketAddr, first_token: usize, registry: Registry, most: usize) -> Self {
        Self { address, first_token, registry, most: most.clamp(1, MAX_PAIRS), pairs: Vec::new() }
    }

    pub(super) fn get(&self, socket: u8) -> Option<&UdpPair> {
        self.pairs.get(usize::from(socket))?.as_ref()
    }

    /// Returns the numbers of the pairs that are open.
    pub(super) fn open(&self) -> impl Iterator<Item = u8> {
        (0..=u8::MAX).zip(&self.pairs).filter(|(_, pair)| pair.is_some()).map(|(socket, _)| socket)
    }

    /// Returns the ports of a pair; `None` if it is not open.
    pub(super) fn ports(&self, socket: u8) -> Option<PortPair> {
        let pair = self.get(socket)?;
        Some(PortPair { socket, rtp: pair.rtp.port(), rtcp: pair.rtcp.port() })
    }

    /// Opens a further pair, and returns its number; `None` if there are as many as there may be.
    ///
    /// # Errors
    /// The system refuses it.
    pub(super) fn add(&mut self) -> io::Result<Option<u8>> {
        let place = self.pairs.iter().position(Option::is_none).unwrap_or(self.pairs.len());
        let Some(socket) = u8::try_from(place).ok().filter(|_| place < self.most) else { return Ok(None) };
        let mut pair = UdpPair::bind(self.address, BUFFER)?;
        let token = self.first_token + 2 * place;
        pair.rtp.register(&self.registry, Token(token))?;
        pair.rtcp.register(&self.registry, Token(token + 1))?;
        match self.pairs.get_mut(place) {
            Some(place) => *place = Some(pair),
            None => self.pairs.push(Some(pair)),
        }
        Ok(Some(socket))
    }

    pub(super) fn close(&mut self, socket: u8) {
        if let Some(pair) = self.pairs.get_mut(usize::from(socket)) {
            // It leaves the registry with its sockets.
            *pair = None;
        }
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
        // It may have been closed since the event.
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
