//! The RTSP connection of a client.
use super::application::{Application, Decision};
use super::context::Context;
use super::mtu;
use super::storage::SharedStorage;
use super::tcp_socket::{discard, is_receiving, room};
use crate::TCP_TIMEOUT;
use crate::udp::{self, Sent};
use core::mem;
use core::net::SocketAddr;
use pinhole::frame::FrameStore;
use pinhole::server::{Event, Port, ServerConn};
use pinhole::time::{Instant, Now};
use smoltcp::iface::{SocketHandle, SocketSet};
use smoltcp::socket::{tcp, udp as smoltcp_udp};
use smoltcp::wire::{IpAddress, IpEndpoint};

/// The RTSP connection of a client, on an established TCP connection.
#[derive(Debug)]
pub(super) struct Established<'a, const TRACKS: usize> {
    /// It has the shared storage during [`Self::poll`] only.
    pub(super) conn: ServerConn<SharedStorage<'a>, TRACKS>,
    /// Bytes of the shared storage that it uses.
    pub(super) storage_len: usize,
    pub(super) peer: IpEndpoint,
    /// The address at which the client reached this server, and from which datagrams are sent.
    local: IpAddress,
    /// No datagram reached the client when one was last sent, and nothing has come from it since.
    pub(super) unreachable: bool,
    /// The TCP connection is closed or was reset.
    lost: bool,
    /// The connection is to be closed when everything is written out, at this time at the latest.
    leaving: Option<Instant>,
    /// Bytes that the client had not acknowledged at the end of the last turn.
    unacknowledged: usize,
    /// When the client last acknowledged bytes.
    acknowledged_at: Instant,
    /// Bytes in the receive buffer that were read before: the start of an incomplete request.
    begun: usize,
}

/// What comes next for a connection.
pub(super) enum Next {
    /// To be polled at this time, or when something arrives.
    Wait(Option<Instant>),
    /// To be closed.
    Close,
}

impl<'a, const TRACKS: usize> Established<'a, TRACKS> {
    /// Creates the RTSP connection of a client, whose socket has a receive buffer of `receive` bytes.
    ///
    /// It is not inlined, as the connection is large: the stack of [`Self::poll`] does not pay for it.
    #[inline(never)]
    pub(super) fn new(
        context: &Context<'_, 'a>,
        peer: IpEndpoint,
        local: IpAddress,
        receive: usize,
        random: u64,
    ) -> Self {
        let config = mtu::fit(context.config, context.ip_mtu, peer.addr);
        Self {
            conn: ServerConn::without_storage(config, context.now, peer.addr.into(), random),
            // A request longer than the receive buffer never arrives.
            storage_len: config.storage_len(receive),
            peer,
            local,
            unreachable: false,
            lost: false,
            leaving: None,
            unacknowledged: 0,
            acknowledged_at: context.now.at,
            begun: 0,
        }
    }

    /// Reads and answers requests, and writes what is due. Returns what comes next.
    pub(super) fn poll<S, A>(
        &mut self,
        handle: SocketHandle,
        context: &mut Context<'_, '_>,
        sockets: &mut SocketSet<'_>,
        store: &S,
        app: &mut A,
    ) -> Next
    where
        S: FrameStore + ?Sized,
        A: Application + ?Sized,
    {
        let now = context.now;
        let timeout = context.config.session_timeout;
        let socket = sockets.get_mut::<tcp::Socket<'_>>(handle);
        if socket.send_queue() < self.unacknowledged || self.unacknowledged == 0 {
            self.acknowledged_at = now.at;
        } else if self.acknowledged_at + timeout <= now.at {
            // The client is gone, or reads nothing: the BYE of its sessions would not reach it either.
            socket.abort();
        }
        self.conn.limit_stream(0);
        self.conn.handle_timeout(now);
        // Ends: each round takes at least one byte from the receive buffer.
        while self.read(context, socket, store, app) {
            self.write(now, socket, store, false);
        }
        if self.leaving.is_some() {
            discard(socket, usize::MAX);
        }
        // Unread bytes are a request without room for its reply, or an incomplete one.
        let waits = socket.recv_queue() > self.begun;
        if !waits && !is_receiving(socket) {
            // An incomplete request stays incomplete.
            discard(socket, mem::take(&mut self.begun));
        }
        // After a reset, requests cannot be answered.
        let usable = socket.may_recv() && socket.is_active();
        if !usable && !self.lost {
            self.lost = true;
            self.conn.disconnected();
        }
        self.handle_events(context, store, app);
        // Media would take the room that a reply waits for.
        let stream_open = self.write(now, socket, store, !waits);
        let stream_done = stream_open || !socket.may_send();
        self.unacknowledged = socket.send_queue();
        let datagram_open = self.transmit(context, sockets, store);
        self.handle_events(context, store, app);
        if let Some(until) = self.leaving {
            if stream_done && datagram_open {
                return Next::Close;
            }
            if until <= now.at {
                self.drop_datagrams(now, store);
                self.handle_events(context, store, app);
                return Next::Close;
            }
        }
        let wake = self.conn.poll_at(store).earliest(stream_open, datagram_open);
        let stuck = (self.unacknowledged > 0).then_some(self.acknowledged_at + timeout);
        Next::Wait([wake, stuck, self.leaving].into_iter().flatten().min())
    }

    /// Reads the complete messages in the receive buffer, and answers them, as long as there is room for
    /// replies. Returns whether any byte was taken.
    fn read<S, A>(
        &mut self,
        context: &Context<'_, '_>,
        socket: &mut tcp::Socket<'_>,
        store: &S,
        app: &mut A,
    ) -> bool
    where
        S: FrameStore + ?Sized,
        A: Application + ?Sized,
    {
        let room = room(socket);
        if socket.recv_queue() <= self.begun || room < context.config.message_len() {
            // An empty read would count as activity of the client.
            return false;
        }
        self.unreachable = false;
        self.conn.limit_stream(room);
        let mut read = 0;
        // An error also comes as an event, and the rest of the stream is dropped.
        let _ = self.conn.handle_stream_with(context.now, |to| {
            read = socket.peek_slice(to).unwrap_or(0);
            read
        });
        self.handle_events(context, store, app);
        let rest = self.conn.take_back();
        let taken = read.saturating_sub(rest);
        discard(socket, taken);
        self.begun = if taken == 0 { rest } else { 0 };
        taken > 0
    }

    /// Writes replies to the transmit buffer, and due media if `media`. Returns whether everything fitted
    /// in.
    fn write<S: FrameStore + ?Sized>(
        &mut self,
        now: Now,
        socket: &mut tcp::Socket<'_>,
        store: &S,
        media: bool,
    ) -> bool {
        loop {
            self.conn.limit_stream(if media { room(socket) } else { 0 });
            let Some(chunk) = self.conn.poll_stream(now, store) else { return true };
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

    /// Writes due datagrams to the transmit buffers of the UDP sockets. Returns whether all fitted in.
    fn transmit<S: FrameStore + ?Sized>(
        &mut self,
        context: &mut Context<'_, '_>,
        sockets: &mut SocketSet<'_>,
        store: &S,
    ) -> bool {
        let Some(udp) = context.udp else { return true };
        // The core sends to the address of the RTSP peer only.
        let peer = self.peer.addr;
        while let Some(mut pending) = self.conn.poll_transmit(context.now, store) {
            if self.unreachable {
                // Lost, as any datagram may be.
                pending.commit(1);
                continue;
            }
            let [media, reports] = &mut *context.queues;
            let queue = if pending.port() == Port::Rtp { media } else { reports };
            if !queue.accepts(peer) {
                return false;
            }
            let socket = sockets.get_mut::<smoltcp_udp::Socket<'_>>(udp.handle(pending.port()));
            let to = IpEndpoint::new(peer, pending.to().port());
            loop {
                let sent = udp::send(socket, pending.next_len(), to, Some(self.local), |room| {
                    // Succeeds: `room` has the length of the packet.
                    let _ = pending.emit(1, room);
                });
                if sent == Sent::Blocked {
                    return false;
                }
                queue.hold(peer);
                if !pending.advance(1) {
                    break;
                }
            }
        }
        true
    }

    /// Drops the datagrams that are due: the sessions end without their BYE.
    fn drop_datagrams<S: FrameStore + ?Sized>(&mut self, now: Now, store: &S) {
        while let Some(pending) = self.conn.poll_transmit(now, store) {
            pending.commit(1);
        }
    }

    /// Answers requests, and tells the application about all other events.
    fn handle_events<S, A>(&mut self, context: &Context<'_, '_>, store: &S, app: &mut A)
    where
        S: FrameStore + ?Sized,
        A: Application + ?Sized,
    {
        let now = context.now;
        while let Some(event) = self.conn.poll_event(now) {
            match event {
                Event::Request { id, ask } => {
                    // The request borrows the connection, which the reply changes.
                    let decision = Decision::on(&ask, app);
                    let answer = decision.answer(self.local.into(), context.ports, app);
                    // Succeeds: the request is the one that waits for its reply.
                    let _ = self.conn.reply(now, id, answer, store);
                    continue;
                }
                Event::Disconnect(_) => {
                    self.leaving.get_or_insert(now.at + TCP_TIMEOUT);
                    if self.lost {
                        continue;
                    }
                }
                _ => {}
            }
            app.on_event(SocketAddr::from(self.peer), &event);
        }
    }
}
