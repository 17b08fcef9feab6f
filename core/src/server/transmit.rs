//! Datagrams of one session: what its sender has, and where it goes.
use super::stream::{Route, half};
use crate::rtp::{self, Batch, Port};
use core::net::SocketAddr;

/// RTP or RTCP packets of one track that are due now over UDP, with the sockets to use.
/// [`Turn::poll_transmit`](super::Turn::poll_transmit) and
/// [`ServerConn::poll_transmit`](super::ServerConn::poll_transmit) return it.
///
/// Write packets with [`Self::emit`] or [`Self::pieces`], once or several times. Send them from the socket
/// that [`Self::socket`] and [`Self::port`] name to the address that [`Self::to`] returns. Then pass the
/// number of packets that were sent to [`Self::commit`]. If this value is dropped without [`Self::commit`] or
/// [`Self::advance`], nothing has happened: the packets stay due, and the next
/// [`Turn::poll_transmit`](super::Turn::poll_transmit) returns them.
#[derive(Debug)]
#[must_use = "nothing is sent until `commit` says so"]
pub struct Transmit<'a> {
    pub(super) packets: rtp::Transmit<'a>,
    pub(super) route: &'a Route,
    pub(super) peer: &'a SocketAddr,
}

impl<'a> Transmit<'a> {
    /// Returns where to send the packets: the IP address of the client, and the client's UDP port for RTP or
    /// for RTCP, whichever the packets are. The address is that of the client's end of the RTSP connection.
    /// The port is the one that the client named in SETUP. If datagrams of the client have come from another
    /// port since, it is that port.
    pub fn to(&self) -> SocketAddr {
        let mut to = *self.peer;
        to.set_port(match self.route {
            Route::Udp { to, .. } => *half(to, self.port()),
            // Never made for such a stream; a port where nobody is.
            Route::Interleaved { .. } => 0,
        });
        to
    }

    /// Returns the number of the pair of local sockets to send from: the
    /// [`PortPair::socket`](super::PortPair::socket) with which the track was set up. [`Self::port`] says
    /// which of the two sockets it is.
    pub const fn socket(&self) -> u8 {
        match *self.route {
            Route::Udp { socket, .. } => socket,
            Route::Interleaved { .. } => 0,
        }
    }

    /// Returns which local socket of the pair [`Self::socket`] to send from: the one for RTP if the packets
    /// are RTP, and the one for RTCP if they are RTCP.
    pub const fn port(&self) -> Port {
        self.packets.port()
    }

    /// Returns the length in bytes of the next packet to be written, without the headers of UDP and IP. This
    /// is the least room that [`Self::emit`] needs. If all RTP packets were written, the result is 0. If the
    /// packets are RTCP, there is only one packet, and the result is the length of that packet, also after it
    /// was written.
    pub fn next_len(&self) -> usize {
        self.packets.next_len()
    }

    /// Writes packets one after another to `out`: at most `max_segments` packets (0 counts as 1), as many as
    /// `out` has room for, and at most 65,507 bytes. All packets have the same length except the last one,
    /// which may be shorter, as segmentation offload wants it. The next call writes the packets after these.
    ///
    /// Returns how many packets were written, and their lengths. `None` if all packets were written, or if
    /// `out` has less room than [`Self::next_len`].
    pub fn emit(&mut self, max_segments: usize, out: &mut [u8]) -> Option<Batch> {
        self.packets.emit(max_segments, out)
    }

    /// Passes packets to `push` as slices, for a system call that gathers slices, such as `sendmsg`. The
    /// bytes of frames are slices of the store, and are not copied.
    ///
    /// At most `max_segments` packets (0 counts as 1) of at most 65,507 bytes in all are passed. All packets
    /// have the same length except the last one, which may be shorter. `most` is the greatest number of
    /// slices that the system call takes. Each packet takes up to four slices, and no packet is begun when
    /// fewer than four of these slices are left. `heads` is room for headers: about 30 bytes for each RTP
    /// packet, and less than 100 for an RTCP packet. If the header of a packet does not fit, the packet is
    /// not passed. The next call goes on after the packets that were passed.
    ///
    /// Returns how many packets were passed, and their lengths. `None` if nothing was passed: there is no
    /// further packet, `most` is less than 4, or `heads` has no room for the next header.
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

    /// Goes back to the first packet that is not committed: the next [`Self::emit`] or [`Self::pieces`]
    /// begins with that packet again. Call this if the packets that were written could not be sent, and are
    /// to be written once more.
    pub fn rewind(&mut self) {
        self.packets.rewind();
    }

    /// Counts packets as sent: the first `sent` of those that were written since the last [`Self::rewind`] or
    /// [`Self::advance`], or, without such a call, since this value was returned. The other packets stay due,
    /// and the next [`Turn::poll_transmit`](super::Turn::poll_transmit) returns them. If `sent` is 0, nothing
    /// changes. If `sent` is greater than the number of packets written, all of these count as sent. If no
    /// packet was written and `sent` is not 0, the first packet is left out.
    pub fn commit(self, sent: usize) {
        self.packets.commit(sent);
    }

    /// Counts the first `sent` of the packets that were written as sent, as [`Self::commit`] does, and goes
    /// on with the packets after them. Use this to send packets one by one, or a few at a time.
    ///
    /// Returns true if there are more packets: call [`Self::emit`] or [`Self::pieces`] again. Returns false
    /// if there are none: drop this value, and call [`Turn::poll_transmit`](super::Turn::poll_transmit)
    /// again.
    pub fn advance(&mut self, sent: usize) -> bool {
        self.packets.advance(sent)
    }

    /// Reports that the network has refused packets as long as the first one (EMSGSIZE), and that none was
    /// sent. Call this in place of [`Self::commit`]. From now on the track's packets are shorter by a
    /// quarter, but not shorter than 548 bytes.
    ///
    /// Returns true if the packets are shorter now: call [`Turn::poll_transmit`](super::Turn::poll_transmit)
    /// again, which returns the same bytes in shorter packets. Returns false if the packets cannot become
    /// shorter: the first packet is left out, as if it had been sent. Poll again in this case, too.
    pub fn too_big(self) -> bool {
        self.packets.too_big()
    }
}
