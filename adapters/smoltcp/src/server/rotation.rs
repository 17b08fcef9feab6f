//! Which of a server's sockets goes first.
use super::connection::Connection;
use crate::udp::UdpPair;
use pinhole::server::Port;
use smoltcp::iface::{SocketHandle, SocketSet};
use smoltcp::socket::{Socket, tcp};

/// Which of the server's sockets is the first in their set.
///
/// smoltcp serves the sockets of a set in their order, and stops when the device takes no more packets. On a link
/// that is slower than the video, the first socket would have everything that the device takes, and the others
/// nothing: no reply, no report, no other client. So those with something to send take turns at the first place.
///
/// The turns are drawn by lot. The main loop may turn several times for each packet that the device takes, and with
/// turns in a row the same socket could be first each time that it takes one.
#[derive(Debug, Default)]
pub(super) struct Rotation {
    lot: u32,
}

impl Rotation {
    /// Moves one of the sockets that have something to send to the first place. Does nothing unless several have,
    /// after the device has taken what it takes.
    pub(super) fn turn<const TRACKS: usize>(
        &mut self,
        sockets: &mut SocketSet<'_>,
        connections: &mut [Connection<TRACKS>],
        udp: &mut Option<UdpPair>,
    ) {
        let all = || handles(connections, udp.as_ref());
        let waiting = || all().filter(|handle| has_queued(sockets, *handle));
        let count = waiting().count();
        if count < 2 {
            return;
        }
        // A linear congruential generator (Numerical Recipes): its upper bits are good enough for a lot.
        self.lot = self.lot.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let drawn = ((self.lot >> 16) as usize).checked_rem(count).unwrap_or(0);
        let (Some(handle), Some(first)) = (waiting().nth(drawn), all().min()) else { return };
        if handle == first {
            return;
        }
        // Taken out and added, and not swapped where they are: a place remembers a neighbour that it waits for.
        let [one, other] = [handle, first].map(|handle| sockets.remove(handle));
        let [to_first, to_other] = [one, other].map(|socket| sockets.add(socket));
        let moved = |it: &mut SocketHandle| {
            if *it == handle {
                *it = to_first;
            } else if *it == first {
                *it = to_other;
            }
        };
        connections.iter_mut().for_each(|connection| moved(connection.socket_mut()));
        if let Some(udp) = udp {
            [Port::Rtp, Port::Rtcp].into_iter().for_each(|port| moved(udp.handle_mut(port)));
        }
    }
}

/// Returns the server's sockets.
fn handles<const TRACKS: usize>(
    connections: &[Connection<TRACKS>],
    udp: Option<&UdpPair>,
) -> impl Iterator<Item = SocketHandle> {
    let udp = udp.into_iter().flat_map(|pair| [pair.rtp, pair.rtcp]);
    connections.iter().map(Connection::socket).chain(udp)
}

/// Whether a socket has something to send: bytes that were not sent or not acknowledged, or a change of state.
fn has_queued(sockets: &SocketSet<'_>, handle: SocketHandle) -> bool {
    match sockets.get::<Socket<'_>>(handle) {
        Socket::Udp(socket) => socket.send_queue() > 0,
        Socket::Tcp(socket) => {
            let is_settled = matches!(socket.state(), tcp::State::Established | tcp::State::TimeWait);
            // A socket that listens has no peer, nor has one that is closed once its reset has left.
            socket.send_queue() > 0 || !is_settled && socket.remote_endpoint().is_some()
        }
        #[allow(unreachable_patterns, reason = "other kinds exist only if the program enables them")]
        _ => false,
    }
}
