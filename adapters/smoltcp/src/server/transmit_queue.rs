//! The transmit buffer of a UDP socket that several clients share.
use core::mem;
use pinhole::time::{Duration, Instant};
use smoltcp::socket::udp::Socket;
use smoltcp::wire::IpAddress;

/// Time without progress after which the packets of a buffer are taken to be unsendable.
const STUCK: Duration = Duration::from_millis(500);
/// The same for packets to a client that the last ones did not reach.
const STUCK_AGAIN: Duration = Duration::from_millis(100);

/// The state of the transmit buffer of a socket that several clients share. It holds packets of one
/// client at a time.
///
/// smoltcp sends a socket's packets in order. A packet for a neighbour that answers neither ARP nor
/// neighbour discovery stays first, and blocks all packets after it. Since all packets in the buffer are
/// for one client, they can be dropped together.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct TransmitQueue {
    /// The client whose packets are in the buffer.
    holder: Option<IpAddress>,
    /// The last packets to the holder did not reach it.
    is_suspect: bool,
    /// Bytes in the buffer when it was last looked at or filled.
    queued: usize,
    /// When the last of them left.
    since: Instant,
    /// Another client waits until the buffer is empty.
    awaited: bool,
    /// Packets have entered the buffer since [`Self::take_entered`].
    entered: bool,
}

impl TransmitQueue {
    /// Whether packets for `peer` may enter the buffer now. If another client waits, those of the holder may not
    /// until the buffer is empty.
    pub(super) fn accepts(&mut self, peer: IpAddress) -> bool {
        let Some(holder) = self.holder else { return true };
        self.awaited |= holder != peer;
        !self.awaited
    }

    /// Whether packets for `peer` are in the buffer.
    pub(super) fn is_held_by(&self, peer: IpAddress) -> bool {
        self.holder == Some(peer)
    }

    /// Records that packets for `peer` have entered the buffer, which holds `queued` bytes now. `is_suspect` says
    /// that the last ones did not reach it.
    pub(super) const fn hold(&mut self, peer: IpAddress, queued: usize, is_suspect: bool) {
        self.holder = Some(peer);
        self.is_suspect = is_suspect;
        self.queued = queued;
        self.entered = true;
    }

    /// Returns whether packets have entered the buffer since the last call.
    pub(super) const fn take_entered(&mut self) -> bool {
        mem::replace(&mut self.entered, false)
    }

    /// Records that `peer` has acknowledged bytes at `now`, so that packets reach it. If they leave slowly, so does
    /// everything on this link.
    pub(super) fn on_reached(&mut self, now: Instant, peer: IpAddress) {
        if self.holder == Some(peer) {
            self.since = now;
        }
    }

    /// Observes the buffer of `socket`. If it is stuck, empties it, and returns the client that its packets were for.
    /// Either that client cannot be reached, or the link stands still for all.
    pub(super) fn check_progress(&mut self, now: Instant, socket: &mut Socket<'_>) -> Option<IpAddress> {
        let queued = socket.send_queue();
        if queued == 0 || queued < self.queued {
            (self.queued, self.since) = (queued, now);
        }
        if queued == 0 {
            (self.holder, self.awaited) = (None, false);
        }
        if now < self.check_at()? {
            return None;
        }
        let endpoint = socket.endpoint();
        socket.close();
        // Succeeds: the socket was bound to this endpoint before.
        let _ = socket.bind(endpoint);
        self.awaited = false;
        self.holder.take()
    }

    /// Returns when to call [`Self::check_progress`] next.
    pub(super) fn check_at(&self) -> Option<Instant> {
        let stuck = if self.is_suspect { STUCK_AGAIN } else { STUCK };
        self.holder.map(|_| self.since + stuck)
    }
}
