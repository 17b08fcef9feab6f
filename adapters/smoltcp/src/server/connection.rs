//! One TCP socket of a server, and the RTSP connection on it.
use super::{Application, check};
use crate::PATIENCE;
use crate::udp::{self, Outlet, SOCKET, Sent, UdpPair};
use core::net::SocketAddr;
use core::{fmt, mem};
use pinhole::frame::{FrameStore, Seek};
use pinhole::rtsp::Status;
use pinhole::sdp::{AddressType, Presentation};
use pinhole::server::{Answer, Ask, Config, Event, MAX_TRACKS, Port, PortPair, RequestId, ServerConn};
use pinhole::time::{Instant, MediaTime, Now};
use smoltcp::iface::{SocketHandle, SocketSet};
use smoltcp::socket::{tcp, udp as smoltcp_udp};
use smoltcp::wire::{IpAddress, IpEndpoint, IpListenEndpoint};

/// A TCP socket of the caller's set, and the RTSP connection on it, with room for so many tracks.
///
/// The socket is the server's: it listens, is accepted on and closed, and listens again.
#[derive(Debug)]
pub struct Connection<'a, const TRACKS: usize = MAX_TRACKS> {
    socket: SocketHandle,
    phase: Phase<'a, TRACKS>,
}

#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "all of it is the caller's memory, set aside for the large one")]
enum Phase<'a, const TRACKS: usize> {
    /// Listens, or does not yet; a client may have begun to connect at `opening`.
    Idle {
        opening: Option<Instant>,
    },
    Open(Open<'a, TRACKS>),
    /// TCP's farewell is under way; cut short at this time.
    Closing(Instant),
}

/// Where connections read requests and write replies, one after the other: as much of it as one of
/// them needs.
#[derive(Default)]
pub(super) struct Storage<'a> {
    bytes: &'a mut [u8],
    len: usize,
}

impl<'a> Storage<'a> {
    pub(super) const fn new(bytes: &'a mut [u8]) -> Self {
        Self { bytes, len: 0 }
    }
}

/// Without what is in it: nothing, between two turns.
impl fmt::Debug for Storage<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.bytes.len())
    }
}

impl AsRef<[u8]> for Storage<'_> {
    fn as_ref(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or(self.bytes)
    }
}

impl AsMut<[u8]> for Storage<'_> {
    fn as_mut(&mut self) -> &mut [u8] {
        let len = self.len.min(self.bytes.len());
        self.bytes.get_mut(..len).unwrap_or_default()
    }
}

/// What all connections of a server share, for one turn.
pub(super) struct Shared<'s, 'a> {
    pub(super) now: Now,
    pub(super) config: Config,
    pub(super) ip_mtu: usize,
    pub(super) listen: IpListenEndpoint,
    pub(super) udp: Option<UdpPair>,
    pub(super) ports: Option<PortPair>,
    pub(super) outlets: &'s mut [Outlet; 2],
    pub(super) storage: &'s mut Storage<'a>,
    pub(super) closing: bool,
}

impl<'a, const TRACKS: usize> Connection<'a, TRACKS> {
    /// A connection on `socket`.
    ///
    /// The socket's receive buffer holds a request until it is complete, and must have room for the
    /// longest, 256 bytes at the least; its transmit buffer, for a reply or an interleaved packet:
    /// [`Config::message_len`]. What that holds travels in one round trip, and a client may hold back
    /// the acknowledgement for some time: one that is smaller than a frame costs frame rate where the
    /// media are interleaved. Packets go in whole: best is a multiple of them.
    pub const fn new(socket: SocketHandle) -> Self {
        Self { socket, phase: Phase::Idle { opening: None } }
    }

    pub(super) const fn socket(&self) -> SocketHandle {
        self.socket
    }

    pub(super) const fn is_idle(&self) -> bool {
        matches!(self.phase, Phase::Idle { .. })
    }

    pub(super) const fn conn(&self) -> Option<&ServerConn<Storage<'a>, TRACKS>> {
        match &self.phase {
            Phase::Open(open) => Some(&open.conn),
            _ => None,
        }
    }

    const fn open_mut(&mut self) -> Option<&mut Open<'a, TRACKS>> {
        match &mut self.phase {
            Phase::Open(open) => Some(open),
            _ => None,
        }
    }

    pub(super) fn handle_datagram(&mut self, now: Now, from: SocketAddr, port: Port, datagram: &[u8]) {
        if let Some(open) = self.open_mut() {
            open.missed = false;
            open.conn.handle_datagram(now, from, SOCKET, port, datagram);
        }
    }

    /// Says that no datagram reaches `peer` now.
    pub(super) fn miss(&mut self, peer: IpAddress) {
        if let Some(open) = self.open_mut().filter(|open| open.peer.addr == peer) {
            open.missed = true;
        }
    }

    pub(super) fn close(&mut self) {
        if let Some(open) = self.open_mut() {
            open.conn.close();
        }
    }

    /// Everything that can be done now; returns when there is more.
    pub(super) fn turn<S, A>(
        &mut self,
        shared: &mut Shared<'_, 'a>,
        sockets: &mut SocketSet<'_>,
        store: &S,
        app: &mut A,
    ) -> Option<Instant>
    where
        S: FrameStore + ?Sized,
        A: Application + ?Sized,
    {
        let now = shared.now;
        if let Phase::Closing(until) = self.phase {
            let socket = sockets.get_mut::<tcp::Socket<'_>>(self.socket);
            // An aborted socket still has its peer until the reset is sent.
            let over = socket.state() == tcp::State::Closed && socket.remote_endpoint().is_none();
            if !over && now.at < until {
                return Some(until);
            }
            socket.abort();
            self.phase = Phase::Idle { opening: None };
        }
        if let Phase::Idle { opening } = &mut self.phase {
            let socket = sockets.get_mut::<tcp::Socket<'_>>(self.socket);
            match Self::listen(opening, shared, socket) {
                Heard::Nothing => return opening.map(|since| since + PATIENCE),
                Heard::Enough => {
                    self.phase = Phase::Closing(now.at + PATIENCE);
                    return Some(now.at + PATIENCE);
                }
                Heard::Client { peer, local } => {
                    let receive = socket.recv_capacity();
                    self.phase = Phase::Open(Open::new(shared, peer, local, receive, app.random()));
                }
            }
        }
        let Phase::Open(open) = &mut self.phase else { return None };
        shared.storage.len = open.storage_len;
        // Nothing is in a storage that was not lent yet.
        open.conn.swap_storage(shared.storage);
        let turn = open.turn(self.socket, shared, sockets, store, app);
        let is_back = open.conn.swap_storage(shared.storage);
        match turn {
            Turn::Wait(at) if is_back => at,
            _ => {
                sockets.get_mut::<tcp::Socket<'_>>(self.socket).close();
                let until = now.at + PATIENCE;
                if let Phase::Open(open) = mem::replace(&mut self.phase, Phase::Closing(until))
                    && !is_back
                {
                    // Its last words are lost, if there ever are any that did not go out: the others
                    // need the place.
                    *shared.storage = open.conn.into_storage();
                }
                Some(until)
            }
        }
    }

    fn listen(opening: &mut Option<Instant>, shared: &Shared<'_, '_>, socket: &mut tcp::Socket<'_>) -> Heard {
        if shared.closing {
            socket.abort();
            return Heard::Nothing;
        }
        if !socket.is_open() {
            // Replies are written as a whole: to hold back the last segment of one gains nothing.
            socket.set_nagle_enabled(false);
            // Fails only for port 0, which a server does not take.
            let _ = socket.listen(shared.listen);
        }
        match (socket.state(), socket.remote_endpoint(), socket.local_endpoint()) {
            (tcp::State::Listen, ..) => *opening = None,
            (tcp::State::SynReceived, ..) => {
                let since = *opening.get_or_insert(shared.now.at);
                if since + PATIENCE <= shared.now.at {
                    // smoltcp would wait for ever, and whoever sends SYNs have all sockets.
                    socket.abort();
                    return Heard::Enough;
                }
            }
            (_, Some(peer), Some(local)) => return Heard::Client { peer, local: local.addr },
            _ => {}
        }
        Heard::Nothing
    }
}

/// What has become of a socket that listens.
enum Heard {
    Nothing,
    /// Of a client that does not come.
    Enough,
    Client {
        peer: IpEndpoint,
        local: IpAddress,
    },
}

/// What is next for a connection.
enum Turn {
    /// To come back at this time, or when something comes in.
    Wait(Option<Instant>),
    /// To be closed.
    Gone,
}

/// A connection with a client.
#[derive(Debug)]
struct Open<'a, const TRACKS: usize> {
    /// It has the storage in its turn.
    conn: ServerConn<Storage<'a>, TRACKS>,
    storage_len: usize,
    peer: IpEndpoint,
    /// Where the client reached this server: its datagrams come from there.
    local: IpAddress,
    /// The TCP connection is of no more use.
    lost: bool,
    /// What is left to say is said, at most until this time, and then the connection is closed.
    leaving: Option<Instant>,
    /// Bytes that the client has not acknowledged, at the end of the last turn, and since when it has
    /// acknowledged none.
    unacknowledged: usize,
    stuck: Instant,
    /// Bytes in the socket's buffer that were looked at: the first ones of a request.
    begun: usize,
    /// No datagram reached the client when it was last tried, and nothing was heard of it since.
    missed: bool,
}

impl<'a, const TRACKS: usize> Open<'a, TRACKS> {
    /// Begins the RTSP connection of a client, whose socket takes `receive` bytes.
    ///
    /// What is made here is large: on its own, it takes no stack that the rest of a turn needs.
    #[inline(never)]
    fn new(shared: &Shared<'_, 'a>, peer: IpEndpoint, local: IpAddress, receive: usize, random: u64) -> Self {
        let config = check::fitted(shared.config, shared.ip_mtu, peer.addr);
        Self {
            conn: ServerConn::without_storage(config, shared.now, peer.addr.into(), random),
            // No request is waited for that the socket has no room for.
            storage_len: config.storage_len(receive),
            peer,
            local,
            lost: false,
            leaving: None,
            unacknowledged: 0,
            stuck: shared.now.at,
            begun: 0,
            missed: false,
        }
    }

    fn turn<S, A>(
        &mut self,
        handle: SocketHandle,
        shared: &mut Shared<'_, '_>,
        sockets: &mut SocketSet<'_>,
        store: &S,
        app: &mut A,
    ) -> Turn
    where
        S: FrameStore + ?Sized,
        A: Application + ?Sized,
    {
        let now = shared.now;
        let timeout = shared.config.session_timeout;
        let socket = sockets.get_mut::<tcp::Socket<'_>>(handle);
        if socket.send_queue() < self.unacknowledged || self.unacknowledged == 0 {
            self.stuck = now.at;
        } else if self.stuck + timeout <= now.at {
            // The client is gone, or reads nothing: not even the BYE of its sessions would reach it.
            socket.abort();
        }
        self.conn.limit_stream(0);
        self.conn.handle_timeout(now);
        // Ends with what is in the socket's buffer: each round takes some of it.
        while self.read(shared, socket, store, app) {
            self.write(now, socket, store, false);
        }
        if self.leaving.is_some() {
            discard(socket, usize::MAX);
        }
        // What is unread has no room for a reply, or is a message that is not complete.
        let waits = socket.recv_queue() > self.begun;
        if !waits && !is_receiving(socket) {
            // Nothing comes that would complete it.
            discard(socket, mem::take(&mut self.begun));
        }
        // What is left unread of a connection that was reset is of no use.
        let usable = socket.may_recv() && socket.is_active();
        if !usable && !self.lost {
            self.lost = true;
            self.conn.disconnected();
        }
        self.answer(shared, store, app);
        // Media would take the room that a reply waits for.
        let stream_open = self.write(now, socket, store, !waits);
        let stream_done = stream_open || !socket.may_send();
        self.unacknowledged = socket.send_queue();
        let datagram_open = self.transmit(shared, sockets, store);
        self.answer(shared, store, app);
        if let Some(until) = self.leaving {
            if stream_done && datagram_open {
                return Turn::Gone;
            }
            if until <= now.at {
                self.give_up(now, store);
                self.answer(shared, store, app);
                return Turn::Gone;
            }
        }
        let wake = self.conn.poll_at(store).earliest(stream_open, datagram_open);
        let stuck = (self.unacknowledged > 0).then_some(self.stuck + timeout);
        Turn::Wait([wake, stuck, self.leaving].into_iter().flatten().min())
    }

    /// Takes the messages that are complete from the socket's buffer, and answers them, as long as
    /// there is room for replies; returns whether there was any.
    fn read<S, A>(
        &mut self,
        shared: &Shared<'_, '_>,
        socket: &mut tcp::Socket<'_>,
        store: &S,
        app: &mut A,
    ) -> bool
    where
        S: FrameStore + ?Sized,
        A: Application + ?Sized,
    {
        let room = room(socket);
        if socket.recv_queue() <= self.begun || room < shared.config.message_len() {
            // To hand on nothing would be to hear of the client.
            return false;
        }
        self.missed = false;
        self.conn.limit_stream(room);
        let mut read = 0;
        // An error is told as an event, and what comes after it is dropped.
        let _ = self.conn.handle_stream_with(shared.now, |to| {
            read = socket.peek_slice(to).unwrap_or(0);
            read
        });
        self.answer(shared, store, app);
        let rest = self.conn.take_back();
        let taken = read.saturating_sub(rest);
        discard(socket, taken);
        self.begun = if taken == 0 { rest } else { 0 };
        taken > 0
    }

    /// Writes replies into the socket's buffer, and media that are due, unless there is a request that
    /// waits for room; returns whether all of it went in.
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
            // The buffer is a ring: what it offers may end before its room does.
            let written = socket.send(|room| {
                let written = chunk.write(room);
                (written, written)
            });
            if !written.is_ok_and(|written| written > 0) {
                return false;
            }
        }
    }

    /// Writes the datagrams that are due into the sockets' buffers; returns whether all of them
    /// went in.
    fn transmit<S: FrameStore + ?Sized>(
        &mut self,
        shared: &mut Shared<'_, '_>,
        sockets: &mut SocketSet<'_>,
        store: &S,
    ) -> bool {
        let Some(udp) = shared.udp else { return true };
        // The core sends to no address but that of the RTSP peer.
        let peer = self.peer.addr;
        while let Some(mut pending) = self.conn.poll_transmit(shared.now, store) {
            if self.missed {
                // Lost, as any datagram may be.
                pending.commit(1);
                continue;
            }
            let [media, reports] = &mut *shared.outlets;
            let outlet = if pending.port() == Port::Rtp { media } else { reports };
            if !outlet.is_open_to(peer) {
                return false;
            }
            let socket = sockets.get_mut::<smoltcp_udp::Socket<'_>>(udp.handle(pending.port()));
            let to = IpEndpoint::new(peer, pending.to().port());
            loop {
                let sent = udp::send(socket, pending.next_len(), to, Some(self.local), |room| {
                    // It has the length of the packet.
                    let _ = pending.emit(1, room);
                });
                if sent == Sent::Blocked {
                    return false;
                }
                outlet.hold(peer);
                if !pending.advance(1) {
                    break;
                }
            }
        }
        true
    }

    /// Drops the datagrams that are left to be sent: the sessions end without their BYE.
    fn give_up<S: FrameStore + ?Sized>(&mut self, now: Now, store: &S) {
        while let Some(pending) = self.conn.poll_transmit(now, store) {
            pending.commit(1);
        }
    }

    /// Answers requests, and tells what happened.
    fn answer<S, A>(&mut self, shared: &Shared<'_, '_>, store: &S, app: &mut A)
    where
        S: FrameStore + ?Sized,
        A: Application + ?Sized,
    {
        let now = shared.now;
        while let Some(event) = self.conn.poll_event(now) {
            match event {
                Event::Request { id, ask } => {
                    // The request lies in the connection's own storage: what the answer needs of it
                    // is taken out first.
                    let plan = Plan::of(&ask, app);
                    self.reply(shared, id, plan, store, app);
                    continue;
                }
                Event::Disconnect(_) => {
                    self.leaving.get_or_insert(now.at + PATIENCE);
                    if self.lost {
                        continue;
                    }
                }
                _ => {}
            }
            app.on_event(SocketAddr::from(self.peer), &event);
        }
    }

    fn reply<S, A>(&mut self, shared: &Shared<'_, '_>, id: RequestId, plan: Plan, store: &S, app: &A)
    where
        S: FrameStore + ?Sized,
        A: Application + ?Sized,
    {
        let answer = match plan {
            Plan::NotFound => Answer::Refuse(Status::NOT_FOUND),
            Plan::Describe { media } => {
                let ip = core::net::IpAddr::from(self.local);
                let address_type = if ip.is_ipv4() { AddressType::Ip4 } else { AddressType::Ip6 };
                Answer::Describe(Presentation { address_type, ..app.describe(media) })
            }
            Plan::Setup { media } => Answer::Setup { media, ports: shared.ports },
            Plan::Play { media, placed } => {
                let duration = app.describe(media).duration;
                let from = (duration.is_none() && !placed).then_some(Seek::Live);
                Answer::Play { from, end: duration.map(|duration| MediaTime::ZERO + duration) }
            }
        };
        // It was asked just now.
        let _ = self.conn.reply(shared.now, id, answer, store);
    }
}

/// How many bytes a socket takes now.
fn room(socket: &tcp::Socket<'_>) -> usize {
    let room = socket.send_capacity().saturating_sub(socket.send_queue());
    if socket.may_send() { room } else { 0 }
}

/// Drops up to so many bytes that have come in.
fn discard(socket: &mut tcp::Socket<'_>, mut len: usize) {
    // In two pieces at the most: the buffer is a ring.
    while len > 0
        && let Ok(dropped @ 1..) = socket.recv(|bytes| {
            let dropped = bytes.len().min(len);
            (dropped, dropped)
        })
    {
        len -= dropped;
    }
}

/// More may come in.
fn is_receiving(socket: &tcp::Socket<'_>) -> bool {
    matches!(socket.state(), tcp::State::Established | tcp::State::FinWait1 | tcp::State::FinWait2)
}

/// What is to be answered, free of the request's bytes.
enum Plan {
    NotFound,
    Describe { media: u16 },
    Setup { media: u16 },
    Play { media: u16, placed: bool },
}

impl Plan {
    fn of<A: Application + ?Sized>(ask: &Ask<'_>, app: &A) -> Self {
        match ask {
            Ask::Describe { url } => app.find(url).map_or(Self::NotFound, |media| Self::Describe { media }),
            Ask::Setup { url, track, .. } => match app.find(url) {
                Some(media) if usize::from(*track) < app.describe(media).tracks.len() => {
                    Self::Setup { media }
                }
                _ => Self::NotFound,
            },
            Ask::Play { media, range, .. } => {
                let placed = range.is_some_and(|range| range.start.is_some());
                Self::Play { media: *media, placed }
            }
        }
    }
}
