//! Datagrams of one session: what its sender has, and where it goes.
use super::stream::Route;
use crate::rtp::{self, Batch, Port};
use core::net::{IpAddr, SocketAddr, SocketAddrV6};

/// Packets that are due, for one destination. A guard that is dropped changes nothing: they stay due.
///
/// It is an [`rtp::Transmit`] with the sockets to use.
#[derive(Debug)]
#[must_use = "nothing is sent until `commit` says so"]
pub struct Transmit<'a> {
    pub(super) packets: rtp::Transmit<'a>,
    pub(super) route: &'a Route,
    pub(super) peer: &'a IpAddr,
}

impl<'a> Transmit<'a> {
    /// Returns the address and port to send to.
    pub fn to(&self) -> SocketAddr {
        let (port, scope_id) = match (*self.route, self.port()) {
            (Route::Udp { rtcp, scope_id, .. }, Port::Rtcp) => (rtcp, scope_id),
            (Route::Udp { rtp, scope_id, .. }, Port::Rtp) => (rtp, scope_id),
            // Never made for such a stream; a port where nobody is.
            (Route::Interleaved { .. }, _) => (0, 0),
        };
        match *self.peer {
            IpAddr::V4(peer) => SocketAddr::from((peer, port)),
            IpAddr::V6(peer) => SocketAddrV6::new(peer, port, 0, scope_id).into(),
        }
    }

    /// Returns the number of the pair of sockets to send from: [`super::PortPair::socket`].
    pub const fn socket(&self) -> u8 {
        match *self.route {
            Route::Udp { socket, .. } => socket,
            Route::Interleaved { .. } => 0,
        }
    }

    /// Returns which socket of the pair to send from.
    pub const fn port(&self) -> Port {
        self.packets.port()
    }

    /// Returns the length in bytes of the next packet to be written; see [`rtp::Transmit::next_len`].
    pub fn next_len(&self) -> usize {
        self.packets.next_len()
    }

    /// Writes up to `max_segments` packets one after another to `out`. Returns what was written; `None`
    /// if there is no further packet or no room. See [`rtp::Transmit::emit`].
    pub fn emit(&mut self, max_segments: usize, out: &mut [u8]) -> Option<Batch> {
        self.packets.emit(max_segments, out)
    }

    /// Passes packets to `push` as up to `most` slices, for a system call that gathers slices. Returns
    /// what was passed; `None` if there is no further packet. See [`rtp::Transmit::pieces`].
    pub fn pieces<'h>(
        &mut self,
        max_segments: usize,
        most: usize,
        heads: &'h mut [u8],
        push: impl FnMut(&'h [u8]),
    ) -> Option<Batch>
    where
        'a: 'h,
    {
        self.packets.pieces(max_segments, most, heads, push)
    }

    /// Goes back to the first packet: the next [`Self::emit`] writes it again.
    pub fn rewind(&mut self) {
        self.packets.rewind();
    }

    /// Says that the first `sent` of the packets that were written went out.
    pub fn commit(self, sent: usize) {
        self.packets.commit(sent);
    }

    /// Does what [`Self::commit`] does, and returns whether packets follow: see
    /// [`rtp::Transmit::advance`].
    pub fn advance(&mut self, sent: usize) -> bool {
        self.packets.advance(sent)
    }

    /// Says that the network has refused packets as long as the first one. Returns false if packets
    /// cannot become shorter. See [`rtp::Transmit::too_big`].
    pub fn too_big(self) -> bool {
        self.packets.too_big()
    }
}
