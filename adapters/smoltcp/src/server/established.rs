//! The RTSP connection of a client.
use super::application::Observer;
use super::context::Context;
use super::mtu;
use super::tcp_socket::{discard, is_receiving, room};
use super::transmit_queue::TransmitQueue;
use crate::TCP_TIMEOUT;
use crate::udp::{self, Sent, UdpPair};
use core::mem;
use core::net::SocketAddr;
use pinhole::server::{Application, Port, ServerConn, Turn};
use pinhole::time::{Duration, Instant};
use smoltcp::iface::{SocketHandle, SocketSet};
use smoltcp::socket::{tcp, udp as smoltcp_udp};
use smoltcp::wire::{IpAddress, IpEndpoint};

const NEVER: Instant = Instant::from_micros(u64::MAX);

/// The RTSP connection of a client, on an established TCP connection.
#[derive(Debug)]
pub(super) struct Established<const TRACKS: usize> {
    pub(super) conn: ServerConn<TRACKS>,
    pub(super) link: Link,
}

/// The TCP connection and the datagrams of a client.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) peer: IpEndpoint,
    /// The address at which the client reached this server, and from which datagrams are sent.
    local: IpAddress,
    /// How often datagrams did not reach the client, one after another.
    retries: u8,
    /// If so, when the next one is sent, unless something comes from the client before.
    retry_at: Instant,
    /// The TCP connection is closed or was reset.
    lost: bool,
    /// The connection is to be closed when everything is written out, at this time at the latest; [`NEVER`] while it
    /// goes on. An `Option` would take eight bytes more of each connection.
    leaves_at: Instant,
    /// Bytes that the client had not acknowledged at the end of the last turn.
    unacknowledged: usize,
    /// When the client last acknowledged bytes.
    acknowledged_at: Instant,
    /// Bytes in the receive buffer that were read before: the start of an incomplete request.
    begun: usize,
    /// Those bytes are a request that the application has put off, and are read again in the next turn.
    put_off: bool,
}

/// What comes next for a connection.
pub(super) enum Next {
    /// To be polled at this time, or when something arrives.
    Wait(Option<Instant>),
    /// To be closed.
    Close,
}

impl<const TRACKS: usize> Established<TRACKS> {
    /// Creates the RTSP connection of a client.
    ///
    /// It is not inlined, as the connection is large: the stack of [`Self::poll`] does not pay for it.
    #[inline(never)]
    pub(super) fn new(context: &Context<'_, '_>, peer: IpEndpoint, local: IpAddress) -> Self {
        let config = mtu::fit(context.config, context.ip_mtu, peer.addr);
        Self {
            conn: ServerConn::with_tracks(config, context.now, SocketAddr::from(peer)),
            link: Link {
                peer,
                local,
                retries: 0,
                retry_at: Instant::ZERO,
                lost: false,
                leaves_at: NEVER,
                unacknowledged: 0,
                acknowledged_at: context.now.at,
                begun: 0,
                put_off: false,
            },
        }
    }

    /// Reads and answers requests, and writes what is due. Returns what comes next.
    pub(super) fn poll<A: Application + ?Sized>(
        &mut self,
        handle: SocketHandle,
        context: &mut Context<'_, '_>,
        sockets: &mut SocketSet<'_>,
        app: &mut A,
    ) -> Next {
        let now = context.now;
        let timeout = context.config.session_timeout;
        let ports = context.ports;
        let Self { conn, link } = self;
        let socket = sockets.get_mut::<tcp::Socket<'_>>(handle);
        if socket.send_queue() < link.unacknowledged || link.unacknowledged == 0 {
            link.acknowledged_at = now.at;
            if link.unacknowledged > 0 {
                link.on_reached();
                context.queues.iter_mut().for_each(|queue| queue.on_reached(now.at, link.peer.addr));
            }
        } else if link.acknowledged_at + timeout <= now.at {
            // The client is gone, or reads nothing: the BYE of its sessions would not reach it either.
            socket.abort();
        }
        // A request longer than the receive buffer never arrives.
        let storage_len = context.config.storage_len(socket.recv_capacity());
        let mut turn = conn.turn(now, context.storage.first(storage_len));
        turn.set_ports(ports);
        // Ends: each round takes at least one byte from the receive buffer.
        while link.read(now.at, context.config.message_len(), socket, &mut turn, app) {
            write(socket, &mut turn, app, false);
        }
        if link.leaving().is_some() {
            discard(socket, usize::MAX);
        }
        // Unread bytes are a request without room for its reply, or an incomplete one.
        let waits = socket.recv_queue() > link.begun;
        if !waits && !is_receiving(socket) {
            // An incomplete request stays incomplete.
            discard(socket, mem::take(&mut link.begun));
        }
        // After a reset, requests cannot be answered.
        let usable = socket.may_recv() && socket.is_active();
        if !usable && !link.lost {
            link.lost = true;
            turn.disconnected();
        }
        link.serve(now.at, &mut turn, app);
        // Media would take the room that a reply waits for.
        let stream_open = write(socket, &mut turn, app, !waits);
        let stream_done = stream_open || !socket.may_send();
        link.unacknowledged = socket.send_queue();
        let datagram_open = link.transmit(now.at, context.udp, context.queues, sockets, &mut turn, app);
        link.serve(now.at, &mut turn, app);
        if let Some(until) = link.leaving() {
            if stream_done && datagram_open {
                return Next::Close;
            }
            if until <= now.at {
                drop_datagrams(&mut turn, app);
                link.serve(now.at, &mut turn, app);
                return Next::Close;
            }
        }
        if !turn.is_storage_free() {
            // A message that was not written out is lost: the other connections need the storage.
            return Next::Close;
        }
        let wake = conn.poll_at(app.store()).earliest(stream_open, datagram_open);
        let stuck = (link.unacknowledged > 0).then_some(link.acknowledged_at + timeout);
        Next::Wait([wake, stuck, link.leaving()].into_iter().flatten().min())
    }
}

impl Link {
    fn leaving(&self) -> Option<Instant> {
        Some(self.leaves_at).filter(|at| *at != NEVER)
    }

    /// Takes note that something has come from the client.
    pub(super) const fn on_reached(&mut self) {
        self.retries = 0;
    }

    /// Takes note that a datagram did not reach the client. Datagrams to it are dropped for a second, then for two,
    /// and so on: each that cannot be sent holds up those of others, and the link may have stood still for all.
    pub(super) fn on_unreachable(&mut self, now: Instant) {
        self.retry_at = now + Duration::from_secs(1 << self.retries.min(5));
        self.retries = self.retries.saturating_add(1);
    }

    /// Reads the complete messages in the receive buffer, and answers them, as long as there is room for
    /// replies. Returns whether any byte was taken.
    fn read<A: Application + ?Sized>(
        &mut self,
        now: Instant,
        message_len: usize,
        socket: &mut tcp::Socket<'_>,
        turn: &mut Turn<'_>,
        app: &mut A,
    ) -> bool {
        let room = room(socket);
        if room < message_len || (socket.recv_queue() <= self.begun && !self.put_off) {
            // An empty read would count as activity of the client.
            return false;
        }
        self.on_reached();
        turn.limit_stream(room);
        let mut read = 0;
        // An error also comes as a notice, and the rest of the stream is dropped.
        let _ = turn.handle_stream_with(|to| {
            read = socket.peek_slice(to).unwrap_or(0);
            read
        });
        self.serve(now, turn, app);
        self.put_off = turn.has_unanswered();
        let rest = turn.take_back();
        let taken = read.saturating_sub(rest);
        discard(socket, taken);
        self.begun = if taken == 0 { rest } else { 0 };
        taken > 0
    }

    /// Writes due datagrams to the transmit buffers of the UDP sockets. Returns whether all fitted in.
    fn transmit<A: Application + ?Sized>(
        &self,
        now: Instant,
        pair: Option<UdpPair>,
        queues: &mut [TransmitQueue; 2],
        sockets: &mut SocketSet<'_>,
        turn: &mut Turn<'_>,
        app: &A,
    ) -> bool {
        let Some(pair) = pair else { return true };
        // The core sends to the address of the RTSP peer only.
        let peer = self.peer.addr;
        while let Some(mut pending) = turn.poll_transmit(app.store()) {
            if self.retries > 0 && now < self.retry_at {
                // Lost, as any datagram may be.
                pending.commit(1);
                continue;
            }
            let [media, reports] = &mut *queues;
            let queue = if pending.port() == Port::Rtp {
                media
            } else if media.is_held_by(peer) {
                // A report must not come before what it counts, nor a BYE before the end of the last frame.
                return false;
            } else {
                reports
            };
            if !queue.accepts(peer) {
                return false;
            }
            let socket = sockets.get_mut::<smoltcp_udp::Socket<'_>>(pair.handle(pending.port()));
            let to = IpEndpoint::new(peer, pending.to().port());
            loop {
                let sent = udp::send(socket, pending.next_len(), to, Some(self.local), |room| {
                    // Succeeds: `room` has the length of the packet.
                    let _ = pending.emit(1, room);
                });
                if sent == Sent::Blocked {
                    return false;
                }
                queue.hold(peer, socket.send_queue(), self.retries > 0);
                if !pending.advance(1) {
                    break;
                }
            }
        }
        true
    }

    /// Has the application answer requests, and take note of what happened.
    fn serve<A: Application + ?Sized>(&mut self, now: Instant, turn: &mut Turn<'_>, app: &mut A) {
        let mut observer = Observer { app, ended: false, lost: self.lost };
        turn.serve(&mut observer);
        if observer.ended {
            self.leaves_at = self.leaves_at.min(now + TCP_TIMEOUT);
        }
    }
}

/// Writes replies to the transmit buffer, and due media if `media`. Returns whether everything fitted in.
fn write<A: Application + ?Sized>(
    socket: &mut tcp::Socket<'_>,
    turn: &mut Turn<'_>,
    app: &A,
    media: bool,
) -> bool {
    loop {
        turn.limit_stream(if media { room(socket) } else { 0 });
        let Some(chunk) = turn.poll_stream(app.store()) else { return true };
        // The buffer is a ring: a contiguous part may be shorter than its room.
        let written = socket.send(|room| {
            let written = chunk.write(room);
            (written, written)
        });
        if !written.is_ok_and(|written| written > 0) {
            return false;
        }
    }
}

/// Drops the datagrams that are due: the sessions end without their BYE.
fn drop_datagrams<A: Application + ?Sized>(turn: &mut Turn<'_>, app: &A) {
    while let Some(pending) = turn.poll_transmit(app.store()) {
        pending.commit(1);
    }
}
