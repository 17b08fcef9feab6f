//! The transmit buffer of a UDP socket that several clients share.
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
    /// Bytes in the buffer at the last call of [`Self::check_progress`].
    queued: usize,
    /// Since when the buffer has held that many bytes.
    since: Instant,
    silent_until: Instant,
}

impl TransmitQueue {
    /// Whether packets for `peer` may enter the buffer now.
    pub(super) fn accepts(&self, peer: IpAddress) -> bool {
        self.holder.is_none_or(|holder| holder == peer)
    }

    /// Records that packets for `peer` have entered the buffer.
    pub(super) const fn hold(&mut self, peer: IpAddress) {
        self.holder = Some(peer);
    }

    /// Observes the buffer of `socket`. If it is stuck, empties it and returns the client that its
    /// packets were for, which cannot be reached.
    pub(super) fn check_progress(&mut self, now: Instant, socket: &mut Socket<'_>) -> Option<IpAddress> {
        let queued = socket.send_queue();
        if queued == 0 {
            self.holder = None;
        }
        if queued == 0 || queued != self.queued {
            (self.queued, self.since) = (queued, now);
        }
        if now < self.check_at()? {
            return None;
        }
        let endpoint = socket.endpoint();
        socket.close();
        // Succeeds: the socket was bound to this endpoint before.
        let _ = socket.bind(endpoint);
        self.silent_until = now + SILENCE;
        self.holder.take()
    }

    /// Returns when to call [`Self::check_progress`] next.
    pub(super) fn check_at(&self) -> Option<Instant> {
        self.holder.map(|_| self.since.max(self.silent_until) + STUCK)
    }
}
