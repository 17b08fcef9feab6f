//! Which of a server's sockets goes first.
use super::connection::Connection;
use crate::udp::UdpPair;
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
    // Not inlined, as sockets are large: the stack of all that the server does besides would pay for two of them.
    #[inline(never)]
    pub(super) fn turn<const TRACKS: usize>(
        &mut self,
        sockets: &mut SocketSet<'_>,
        connections: &mut [Connection<TRACKS>],
        udp: &mut Option<UdpPair>,
    ) {
        let (mut first, mut drawn, mut waiting) = (None, None, 0u32);
        for_each_handle(connections, udp, |handle| {
            first = Some(first.map_or(*handle, |first| (*handle).min(first)));
            if has_queued(sockets, *handle) {
                waiting = waiting.saturating_add(1);
                // One of so many: in the end each has had the same chance.
                if self.draw().checked_rem(waiting) == Some(0) {
                    drawn = Some(*handle);
                }
            }
        });
        let (Some(first), Some(drawn)) = (first, drawn) else { return };
        if waiting < 2 || drawn == first {
            return;
        }
        // Taken out and added, and not swapped where they are: a place remembers a neighbour that it waits for.
        let [one, other] = [drawn, first].map(|handle| sockets.remove(handle));
        let [to_first, to_other] = [one, other].map(|socket| sockets.add(socket));
        for_each_handle(connections, udp, |handle| {
            if *handle == drawn {
                *handle = to_first;
            } else if *handle == first {
                *handle = to_other;
            }
        });
    }

    /// Returns a number of 16 bits of a linear congruential generator (Numerical Recipes), of which the upper ones
    /// are good enough for a lot.
    const fn draw(&mut self) -> u32 {
        self.lot = self.lot.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        self.lot >> 16
    }
}

/// Takes a socket out of its place and adds it again. smoltcp sends nothing for a second from the place of a socket
/// whose last packet found no neighbour, and a socket that is added has no such past.
// Not inlined, as sockets are large.
#[inline(never)]
pub(super) fn add_again(sockets: &mut SocketSet<'_>, handle: &mut SocketHandle) {
    let socket = sockets.remove(*handle);
    *handle = sockets.add(socket);
}

/// Calls `act` with the handle of each of the server's sockets.
fn for_each_handle<const TRACKS: usize>(
    connections: &mut [Connection<TRACKS>],
    udp: &mut Option<UdpPair>,
    mut act: impl FnMut(&mut SocketHandle),
) {
    connections.iter_mut().for_each(|connection| act(connection.socket_mut()));
    if let Some(udp) = udp {
        act(&mut udp.rtp);
        act(&mut udp.rtcp);
    }
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
