//! Datagrams of one session: what its sender has, and where it goes.
use super::stream::Route;
use crate::rtp::{self, Batch, Port};
use core::net::{IpAddr, SocketAddr, SocketAddrV6};

/// RTP or RTCP packets of one track that are due now over UDP, with the sockets to use.
/// [`Turn::poll_transmit`](super::Turn::poll_transmit) and
/// [`ServerConn::poll_transmit`](super::ServerConn::poll_transmit) return it.
///
/// Write packets with [`Self::emit`] or [`Self::pieces`], once or several times, send them to [`Self::to`],
/// and pass the number of packets that were sent to [`Self::commit`]. If it is dropped without that, nothing
/// has happened: the packets stay due.
#[derive(Debug)]
#[must_use = "nothing is sent until `commit` says so"]
pub struct Transmit<'a> {
    pub(super) packets: rtp::Transmit<'a>,
    pub(super) route: Route,
    pub(super) peer: IpAddr,
}

impl<'a> Transmit<'a> {
    /// Returns the address and the UDP port of the client to send the packets to.
    pub fn to(&self) -> SocketAddr {
        let (port, scope_id) = match (self.route, self.port()) {
            (Route::Udp { rtcp, scope_id, .. }, Port::Rtcp) => (rtcp, scope_id),
            (Route::Udp { rtp, scope_id, .. }, Port::Rtp) => (rtp, scope_id),
            // Never made for such a stream; a port where nobody is.
            (Route::Interleaved { .. }, _) => (0, 0),
        };
        match self.peer {
            IpAddr::V4(peer) => SocketAddr::from((peer, port)),
            IpAddr::V6(peer) => SocketAddrV6::new(peer, port, 0, scope_id).into(),
        }
    }

    /// Returns the number of the pair of sockets to send from: the
    /// [`PortPair::socket`](super::PortPair::socket) with which the track was set up. [`Self::port`] says
    /// which of the two it is.
    pub const fn socket(&self) -> u8 {
        match self.route {
            Route::Udp { socket, .. } => socket,
            Route::Interleaved { .. } => 0,
        }
    }

    /// Returns which socket of the pair to send from: RTP's or RTCP's.
    pub const fn port(&self) -> Port {
        self.packets.port()
    }

    /// Returns the length in bytes of the next packet to be written, without the headers of UDP and IP: the
    /// least room that [`Self::emit`] needs. It is 0 if all of the RTP packets were written.
    pub fn next_len(&self) -> usize {
        self.packets.next_len()
    }

    /// Writes packets one after another to `out`: up to `max_segments`, which counts as 1 if it is 0, as many
    /// as fit, and at most 65,507 bytes. All have the same length except the last one, which may be shorter,
    /// as segmentation offload wants it. The next call goes on after them.
    ///
    /// Returns how many packets were written, and their lengths; `None` if there is no further packet, or if
    /// `out` has less room than [`Self::next_len`].
    pub fn emit(&mut self, max_segments: usize, out: &mut [u8]) -> Option<Batch> {
        self.packets.emit(max_segments, out)
    }

    /// Passes packets to `push` as slices, for a system call that gathers slices, such as `sendmsg`. The
    /// bytes of frames are slices of the store, and are not copied.
    ///
    /// Up to `max_segments` packets are passed, which counts as 1 if it is 0, of at most 65,507 bytes in all.
    /// All have the same length except the last one, which may be shorter. `most` is the most slices that the
    /// system call takes; each packet takes up to four, and none is begun when fewer than four are left.
    /// `heads` is room for headers, about 30 bytes for each RTP packet and less than 100 for an RTCP packet;
    /// a packet whose header does not fit is not passed. The next call goes on after the packets that were
    /// passed.
    ///
    /// Returns how many packets were passed, and their lengths; `None` if there is no further packet, or if
    /// there are not enough slices or room for the next one. Nothing is passed then.
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

    /// Goes back to the first packet that is not committed, so that the next [`Self::emit`] or
    /// [`Self::pieces`] begins with it again. Call this if what was written could not be sent as a whole, and
    /// is to be written differently.
    pub fn rewind(&mut self) {
        self.packets.rewind();
    }

    /// Takes note that the first `sent` of the packets that were written since the last [`Self::rewind`] or
    /// [`Self::advance`] were sent. The others stay due, and the next poll returns them. With 0, nothing has
    /// happened. A number greater than that of the packets written counts as all of them; if none was
    /// written, the first packet is left out.
    pub fn commit(self, sent: usize) {
        self.packets.commit(sent);
    }

    /// Takes note that the first `sent` of the packets that were written were sent, as [`Self::commit`] does,
    /// and goes on with the packets after them. Returns whether there are any; if not, poll again. It is for
    /// a caller that sends packets one by one.
    pub fn advance(&mut self, sent: usize) -> bool {
        self.packets.advance(sent)
    }

    /// Says that the network has refused packets as long as the first one (EMSGSIZE), so that none was sent.
    /// From now on the track's packets are shorter by a quarter, down to 548 bytes.
    ///
    /// Returns true if they are: poll again, which returns the same bytes in shorter packets. Returns false
    /// if they cannot become shorter: the first packet is left out, as if it had been sent.
    pub fn too_big(self) -> bool {
        self.packets.too_big()
    }
}
