//! The transmit buffer of a UDP socket that several clients share.
use core::mem;
use pinhole::time::{Duration, Instant};
use smoltcp::socket::udp::Socket;
use smoltcp::wire::IpAddress;

/// Time without progress after which the first packet of a buffer is taken to be unsendable.
const STUCK: Duration = Duration::from_millis(500);
/// Time for which smoltcp sends nothing from a socket whose last packet found no neighbour.
const SILENCE: Duration = Duration::from_secs(1);

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
    /// Bytes in the buffer when it was last looked at or filled.
    queued: usize,
    /// When the last of them left.
    since: Instant,
    silent_until: Instant,
    /// The client whose packets were last dropped. Either it cannot be reached, or the link stood still for all.
    suspect: Option<IpAddress>,
    /// Packets have entered the buffer since [`Self::take_entered`].
    entered: bool,
}

impl TransmitQueue {
    /// Whether packets for `peer` may enter the buffer now.
    pub(super) fn accepts(&self, peer: IpAddress) -> bool {
        self.holder.is_none_or(|holder| holder == peer)
    }

    /// Whether packets for `peer` are in the buffer.
    pub(super) fn is_held_by(&self, peer: IpAddress) -> bool {
        self.holder == Some(peer)
    }

    /// Records that packets for `peer` have entered the buffer, which holds `queued` bytes now.
    pub(super) const fn hold(&mut self, peer: IpAddress, queued: usize) {
        self.holder = Some(peer);
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
        if self.suspect == Some(peer) {
            self.suspect = None;
        }
    }

    /// Observes the buffer of `socket`. If it is stuck, empties it. Returns a client that cannot be reached: its
    /// packets were stuck, and then those of another one left.
    pub(super) fn check_progress(&mut self, now: Instant, socket: &mut Socket<'_>) -> Option<IpAddress> {
        let queued = socket.send_queue();
        let has_moved = queued < self.queued;
        if queued == 0 || has_moved {
            (self.queued, self.since) = (queued, now);
        }
        let holder = self.holder;
        if queued == 0 {
            self.holder = None;
        }
        if has_moved {
            return self.suspect.take().filter(|suspect| holder != Some(*suspect));
        }
        if now >= self.check_at()? {
            let endpoint = socket.endpoint();
            socket.close();
            // Succeeds: the socket was bound to this endpoint before.
            let _ = socket.bind(endpoint);
            self.silent_until = now + SILENCE;
            self.suspect = self.holder.take();
        }
        None
    }

    /// Returns when to call [`Self::check_progress`] next.
    pub(super) fn check_at(&self) -> Option<Instant> {
        self.holder.map(|_| self.since.max(self.silent_until) + STUCK)
    }
}
