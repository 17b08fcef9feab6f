//! [`ServerConn`]: the verbs.
use super::chunk::Chunk;
use super::event::{
    Answer, Ask, Claim, CloseReason, ConnError, Event, NotAsked, RequestId, SessionId, Summary,
};
use super::stream::{Route, Stream, earliest};
use super::transmit::Transmit;
use crate::fmt::debug;
use crate::frame::{FrameId, FrameStore, TrackId};
use crate::random::split_mix;
use crate::rtp::rtcp;
use crate::rtp::{self, MAX_PACKET, MIN_PACKET, Port};
use crate::rtsp::interleaved;
use crate::storage::{Fifo, put};
use crate::time::{Duration, Instant, Now, Wake, sooner};
use core::net::{IpAddr, SocketAddr};

/// The most tracks that one connection can have set up, over all of its sessions.
pub const MAX_TRACKS: usize = 4;
/// The most that one reply takes: a session description, or RTP-Info for each track.
pub(super) const REPLY_ROOM: usize = 1536;
/// The least that a connection must take of a request, in bytes.
pub const MIN_REQUEST: usize = 256;

/// How a connection behaves.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Config {
    /// The length of an RTP packet in bytes, header and all, without UDP and IP: from 548 to 65,507.
    /// A client may have smaller ones by `Blocksize` (RFC 2326, 12.7).
    pub max_packet: u16,
    /// How far a session may fall behind before whole frames are left out.
    pub late: Duration,
    /// After how much silence a session is closed (RFC 2326, 12.37).
    pub session_timeout: Duration,
    /// How many times faster than they are shown frames are delivered at most, to clients that ask
    /// for it (RFC 2326, 12.35); over UDP never more than four times.
    pub max_speed: u16,
    /// Over UDP, send fewer frames to a client that reports more than 10 % of packets lost, down to
    /// one in eight, and all again when it reports less than 2 %.
    pub adapt: bool,
}

impl Config {
    /// Packets of 1400 bytes, frames left out after one second, sessions closed after sixty, up to
    /// sixteen times the speed, adapted to loss.
    pub const DEFAULT: Self = Self {
        max_packet: 1400,
        late: Duration::from_secs(1),
        session_timeout: Duration::from_secs(60),
        max_speed: 16,
        adapt: true,
    };

    /// The storage that a connection needs with this configuration, for requests of up to
    /// `request` bytes.
    pub const fn storage_len(&self, request: usize) -> usize {
        let request = if request < MIN_REQUEST { MIN_REQUEST } else { request };
        request.saturating_add(self.outgoing_len())
    }

    /// The longest message of a connection in bytes: a reply, or a packet that is interleaved. What
    /// its transport has less room for is held back, where that is limited:
    /// [`ServerConn::limit_stream`].
    pub const fn message_len(&self) -> usize {
        let packet = self.packet_len();
        if packet < REPLY_ROOM { REPLY_ROOM } else { packet }
    }

    /// A reply behind the rest of a packet that was begun.
    const fn outgoing_len(&self) -> usize {
        REPLY_ROOM + self.packet_len()
    }

    const fn packet_len(&self) -> usize {
        let packet = if self.max_packet < MIN_PACKET { MIN_PACKET } else { self.max_packet };
        interleaved::HEADER_LEN + packet as usize
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// The caller's: the storage lent to a connection cannot hold what its configuration needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct StorageTooSmall {
    /// Bytes that it takes at least.
    pub need: usize,
}

impl core::fmt::Display for StorageTooSmall {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "a connection's storage must have {} bytes or more", self.need)
    }
}

impl core::error::Error for StorageTooSmall {}

/// A request that waits for the application. Its bytes stay where they are until it is answered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) id: RequestId,
    pub(super) len: usize,
    pub(super) told: bool,
}

/// A track that is gone, which nobody was told of yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Closed {
    session: SessionId,
    track: TrackId,
    why: CloseReason,
    summary: Summary,
}

/// What a connection knows. Code sees it without the length of the table, and is there once for all
/// lengths.
#[derive(Debug)]
pub(super) struct State<T: ?Sized = heapless::VecView<Stream>> {
    pub(super) config: Config,
    pub(super) peer: IpAddr,
    pub(super) incoming: Fifo,
    pub(super) outgoing: Fifo,
    /// How many bytes may be outgoing, or be written and not be outgoing.
    stream_limit: usize,
    /// Bytes of the connection that are dealt with, for errors to point at.
    pub(super) consumed: u64,
    /// Bytes of a message too long to hold that are still to come, and to be dropped.
    pub(super) discard: usize,
    pub(super) asked: Option<Asked>,
    pub(super) requests: u32,
    pub(super) error: Option<ConnError>,
    pub(super) error_told: bool,
    pub(super) random: u64,
    /// The number that makes the CNAME of all streams.
    pub(super) cname: u64,
    /// When the last message came.
    pub(super) heard: Instant,
    /// A track that gave its place in the table to another.
    pub(super) closed: Option<Closed>,
    pub(super) streams: T,
}

/// One RTSP connection and all that was set up on it.
///
/// `B` is storage: a `Vec<u8>`, a `&mut [u8]` or an array of [`Config::storage_len`] bytes. `TRACKS`
/// can be set up at once, over all of its sessions, from 1 to [`MAX_TRACKS`]: further ones are refused
/// with 453.
///
/// Where RAM is short, connections can take turns with one storage: see [`Self::swap_storage`].
#[derive(Debug)]
pub struct ServerConn<B, const TRACKS: usize = MAX_TRACKS> {
    state: State<heapless::Vec<Stream, TRACKS>>,
    storage: B,
}

impl<B: AsRef<[u8]> + AsMut<[u8]>> ServerConn<B> {
    /// A connection from `peer`. `random` must be hard to guess, and different each time: session
    /// identifiers, SSRCs and first sequence numbers come from it (RFC 3550, 5.1).
    ///
    /// # Errors
    /// [`StorageTooSmall`] by [`Config::storage_len`].
    pub fn new(
        config: Config,
        now: Now,
        peer: IpAddr,
        random: u64,
        storage: B,
    ) -> Result<Self, StorageTooSmall> {
        Self::with_tracks(config, now, peer, random, storage)
    }
}

impl<B: AsRef<[u8]> + AsMut<[u8]>, const TRACKS: usize> ServerConn<B, TRACKS> {
    /// The same with a table for `TRACKS` tracks. Each takes some 350 bytes.
    ///
    /// # Errors
    /// [`StorageTooSmall`] by [`Config::storage_len`].
    pub fn with_tracks(
        config: Config,
        now: Now,
        peer: IpAddr,
        random: u64,
        storage: B,
    ) -> Result<Self, StorageTooSmall> {
        let need = config.storage_len(0);
        if storage.as_ref().len() < need {
            return Err(StorageTooSmall { need });
        }
        Ok(Self::with_any_storage(config, now, peer, random, storage))
    }

    /// The same without storage, for connections that take turns with one: see
    /// [`Self::swap_storage`].
    pub fn without_storage(config: Config, now: Now, peer: IpAddr, random: u64) -> Self
    where
        B: Default,
    {
        Self::with_any_storage(config, now, peer, random, B::default())
    }

    fn with_any_storage(mut config: Config, now: Now, peer: IpAddr, random: u64, storage: B) -> Self {
        const { assert!(1 <= TRACKS && TRACKS <= MAX_TRACKS, "a connection has from 1 to MAX_TRACKS tracks") };
        config.max_packet = config.max_packet.clamp(MIN_PACKET, MAX_PACKET);
        let mut state = State {
            config,
            peer,
            incoming: Fifo::default(),
            outgoing: Fifo::default(),
            stream_limit: usize::MAX,
            consumed: 0,
            discard: 0,
            asked: None,
            requests: 0,
            error: None,
            error_told: false,
            random,
            cname: 0,
            heard: now.at,
            closed: None,
            streams: heapless::Vec::new(),
        };
        state.cname = split_mix(&mut state.random);
        Self { state, storage }
    }

    /// Gives the storage back, for the next connection. Sessions that are left are forgotten: to be
    /// told of them, see [`Self::disconnected`].
    pub fn into_storage(self) -> B {
        self.storage
    }

    /// Exchanges the storage with another one, for connections that take turns with one of them; that
    /// which they have between their turns may be empty. `false`, and nothing done: there are bytes in
    /// it.
    ///
    /// So that there are none at the end of a turn, what comes in stays in the transport's buffer
    /// until it can be answered, and nothing is begun that the transport has no room for the end of.
    /// In a turn:
    ///
    /// 1. [`Self::swap_storage`], and [`Self::limit_stream`] to the room in the transport's buffer;
    /// 2. [`Self::handle_stream`] with what lies in the transport's buffer, which stays there;
    /// 3. [`Self::poll_event`] until `None`, and each request is answered at once;
    /// 4. [`Self::take_back`]: what was taken but for that is dropped from the transport's buffer;
    /// 5. [`Self::poll_stream`] until `None`, or nothing is written, with a new limit each time;
    /// 6. [`Self::swap_storage`].
    pub fn swap_storage(&mut self, other: &mut B) -> bool {
        let is_free = self.state.incoming.is_empty() && self.state.outgoing.is_empty();
        if is_free {
            core::mem::swap(&mut self.storage, other);
        }
        is_free
    }

    /// Says how many bytes the transport takes now, for a connection that shares its storage: no
    /// message is begun that is longer, and none is read for which there might be no room for the
    /// reply. Less than [`Config::message_len`] could hold all back for ever, if it stays so.
    pub fn limit_stream(&mut self, bytes: usize) {
        self.state.stream_limit = bytes;
    }

    /// Takes back the bytes that came in last, and that are not dealt with: of a message that is not
    /// complete, or has no room for its reply. Returns how many; they are to be offered again.
    ///
    /// A request that waits for its answer is taken back, too, and will be told again.
    pub fn take_back(&mut self) -> usize {
        let len = self.state.incoming.len();
        self.state.incoming.pop(len);
        self.state.asked = None;
        len
    }

    /// How many bytes [`Self::handle_stream`] takes for sure: who reads no more than this from the
    /// socket needs no buffer to keep a rest in.
    pub fn stream_room(&self) -> usize {
        let (rx, _) = split(&self.state.config, self.storage.as_ref());
        self.state.incoming.room(rx)
    }

    /// Takes bytes from the connection; returns how many. The rest is to be offered again.
    ///
    /// # Errors
    /// [`ConnError`] once the connection is of no more use; what is left to say is still said.
    pub fn handle_stream(&mut self, now: Now, data: &[u8]) -> Result<usize, ConnError> {
        let mut taken = 0;
        // Bounded by `data`: each round takes some of it, or ends.
        while let Some(rest) = data.get(taken..).filter(|rest| !rest.is_empty()) {
            let read = self.handle_stream_with(now, |room| {
                let take = rest.len().min(room.len());
                put(room, 0, rest.get(..take).unwrap_or(&[]));
                take
            })?;
            taken += read;
            if read == 0 {
                break;
            }
        }
        Ok(taken)
    }

    /// The same with bytes that `read` writes to the front of what it is lent, and says how many:
    /// for who has them in more than one piece. They are taken once, even where an error comes of
    /// them.
    ///
    /// # Errors
    /// As [`Self::handle_stream`]; once there is one, `read` is not called.
    pub fn handle_stream_with(
        &mut self,
        now: Now,
        read: impl FnOnce(&mut [u8]) -> usize,
    ) -> Result<usize, ConnError> {
        let (state, rx, tx) = self.parts_mut();
        if let Some(error) = state.error {
            return Err(error);
        }
        let room = state.incoming.room(rx);
        let taken = read(state.incoming.tail(rx, room)).min(room);
        state.incoming.grow(rx, taken);
        // Nothing that is to be dropped comes behind what is not.
        let skip = state.discard.min(state.incoming.len());
        state.discard -= skip;
        state.consume(skip);
        state.read_messages(now, rx, tx);
        state.error.map_or(Ok(taken), Err)
    }

    /// How strongly a datagram belongs here that came in on `port` of the pair `socket`
    /// ([`super::PortPair::socket`]).
    pub fn claim(&self, from: SocketAddr, socket: u8, port: Port, data: &[u8]) -> Claim {
        self.state().find(from, socket, port, data).map_or(Claim::No, |(_, claim)| claim)
    }

    /// Whether a datagram on that pair of sockets ([`super::PortPair::socket`]) could still settle
    /// the ports of a session here. Two connections of one address for which that is so cannot be
    /// told apart: the second one needs a pair of its own.
    pub fn may_latch(&self, socket: u8) -> bool {
        self.state.streams.iter().filter(|stream| stream.is_open()).any(
            |stream| matches!(stream.route, Route::Udp { socket: own, latched: false, .. } if own == socket),
        )
    }

    /// Takes a datagram for which this connection had the greatest [`Claim`].
    pub fn handle_datagram(&mut self, now: Now, from: SocketAddr, socket: u8, port: Port, data: &[u8]) {
        let Some((index, claim)) = self.state().find(from, socket, port, data) else { return };
        let Some(stream) = self.state.streams.get_mut(index) else { return };
        stream.last_activity = now.at;
        if let Route::Udp { rtp, rtcp, scope_id, latched, .. } = &mut stream.route {
            match port {
                Port::Rtp => *rtp = from.port(),
                Port::Rtcp => *rtcp = from.port(),
            }
            if let SocketAddr::V6(from) = from {
                *scope_id = from.scope_id();
            }
            // The port that was announced is the one that is used; or RTP's port is known now.
            *latched |= claim == Claim::Exact || port == Port::Rtp;
        }
        if port == Port::Rtcp {
            stream.sender.handle_rtcp(now, data);
        }
    }

    /// Does what time alone asks for: sessions and connections that nothing is heard from end.
    pub fn handle_timeout(&mut self, now: Now) {
        let (state, rx, tx) = self.parts_mut();
        let timeout = state.config.session_timeout;
        for index in 0..state.streams.len() {
            let expired = state.streams.get(index).is_some_and(|s| state.expires_at(s) <= now.at);
            if let Some(stream) = state.streams.get_mut(index).filter(|_| expired) {
                if stream.is_open() {
                    stream.leave(CloseReason::Timeout);
                } else {
                    // The connection takes no BYE either.
                    stream.close(CloseReason::Timeout);
                }
            }
        }
        if state.streams.is_empty() && state.heard + timeout <= now.at {
            state.fail(ConnError::Idle);
        }
        state.read_messages(now, rx, tx);
    }

    /// Ends every session: BYE is sent, and then [`Event::Closed`] told for each. The connection
    /// itself takes no more requests.
    pub fn close(&mut self) {
        let state = self.state_mut();
        for stream in &mut state.streams {
            stream.leave(CloseReason::Closed);
        }
        state.fail(ConnError::Closed);
    }

    /// Says that the connection is lost: sessions that were interleaved in it end at once, the
    /// others after a BYE.
    pub fn disconnected(&mut self) {
        self.close();
        for stream in self.state.streams.iter_mut().filter(|stream| !stream.is_udp()) {
            stream.close(CloseReason::Closed);
        }
    }

    /// What happened. To be called until `None`.
    pub fn poll_event(&mut self, now: Now) -> Option<Event<'_>> {
        let (state, rx, tx) = self.parts_mut();
        state.review(rx, tx);
        state.read_messages(now, rx, tx);
        if let Some(event) = state.stream_event(now) {
            return Some(event);
        }
        if let Some(asked) = state.asked.as_mut().filter(|asked| !asked.told) {
            asked.told = true;
            let id = asked.id;
            let ask: Ask<'_> = state.ask(rx)?;
            return Some(Event::Request { id, ask });
        }
        let error = state.error.filter(|_| !state.error_told)?;
        state.error_told = true;
        Some(Event::Disconnect(error))
    }

    /// Answers a request.
    ///
    /// # Errors
    /// [`NotAsked`] when it does not wait for an answer.
    pub fn reply<S: FrameStore + ?Sized>(
        &mut self,
        now: Now,
        id: RequestId,
        answer: Answer<'_>,
        store: &S,
    ) -> Result<(), NotAsked> {
        let (state, rx, tx) = self.parts_mut();
        let asked = state.asked.take_if(|asked| asked.id == id).ok_or(NotAsked)?;
        state.answer(now, answer, store, rx, tx);
        state.consume(asked.len);
        Ok(())
    }

    /// What the connection has to say, if anything.
    pub fn poll_stream<'a, S: FrameStore + ?Sized>(
        &'a mut self,
        now: Now,
        store: &'a S,
    ) -> Option<Chunk<'a, S>> {
        let (state, _, tx) = self.parts_mut();
        state.settle(now, store);
        // Without storage there is no place for the rest of a packet.
        let something = !state.outgoing.is_empty()
            || (!tx.is_empty() && earliest(&mut state.streams, false, now, store).is_some());
        something.then_some(Chunk { state, tx, store, now })
    }

    /// The datagrams that are due to one destination, if any.
    pub fn poll_transmit<'a, S: FrameStore + ?Sized>(
        &'a mut self,
        now: Now,
        store: &'a S,
    ) -> Option<Transmit<'a>> {
        let state = self.state_mut();
        state.settle(now, store);
        let (stream, next) = earliest(&mut state.streams, true, now, store)?;
        let packets = rtp::Transmit::new(&mut stream.sender, next, now);
        Some(Transmit { packets, route: stream.route, peer: state.peer })
    }

    /// The frame that each stream in play reads next. A store that must fetch or prepare frames
    /// does so for these, and lets go of none from there on.
    pub fn wanted(&self) -> impl Iterator<Item = (TrackId, FrameId)> {
        let in_play = self.state.streams.iter().filter(|stream| stream.sender.is_sending());
        in_play.map(|stream| (stream.sender.track(), stream.sender.frame()))
    }

    /// The figures of each track so far; [`Event::Closed`] has the last ones.
    pub fn summaries(&self, now: Now) -> impl Iterator<Item = (TrackId, Summary)> {
        self.state.streams.iter().map(move |stream| (stream.sender.track(), stream.summary(now)))
    }

    /// When to come back, if nothing comes in before.
    pub fn poll_at<S: FrameStore + ?Sized>(&self, store: &S) -> Wake {
        let state = self.state();
        let mut wake = Wake::default();
        if !state.outgoing.is_empty() {
            wake.stream = Some(Instant::ZERO);
        }
        let (rx, tx) = split(&state.config, self.storage.as_ref());
        if state.can_read(rx, tx) || state.has_event() {
            // Held back for want of room for a reply, and there is room now; or what was sent last
            // ended something, of which nobody was told.
            wake.timer = Some(Instant::ZERO);
        }
        let timeout = state.config.session_timeout;
        if state.streams.is_empty() && state.error.is_none() {
            sooner(&mut wake.timer, state.heard + timeout);
        }
        for stream in &state.streams {
            sooner(&mut wake.timer, state.expires_at(stream));
            if let Some(due) = stream.sender.poll_at(store) {
                sooner(if stream.is_udp() { &mut wake.datagram } else { &mut wake.stream }, due);
            }
        }
        wake
    }

    const fn state(&self) -> &State {
        &self.state
    }

    const fn state_mut(&mut self) -> &mut State {
        &mut self.state
    }

    /// The state; what came in, and room for more; what goes out, and room for more.
    fn parts_mut(&mut self) -> (&mut State, &mut [u8], &mut [u8]) {
        let (rx, tx) = split_mut(&self.state.config, self.storage.as_mut());
        (&mut self.state, rx, tx)
    }
}

impl State {
    /// There is room for any reply.
    pub(super) fn has_reply_room(&self, tx: &[u8]) -> bool {
        self.outgoing.room(tx).min(self.stream_room()) >= REPLY_ROOM
    }

    /// How many bytes may be queued, or begun, in addition to those that are.
    pub(super) const fn stream_room(&self) -> usize {
        self.stream_limit.saturating_sub(self.outgoing.len())
    }

    pub(super) fn draw(&mut self) -> u64 {
        split_mix(&mut self.random)
    }

    pub(super) fn fail(&mut self, error: ConnError) {
        if self.error.is_none() {
            debug!("connection ends: {:?}", error);
        }
        self.error.get_or_insert(error);
    }

    /// Drops `n` bytes off the front of what came in.
    pub(super) fn consume(&mut self, n: usize) {
        self.incoming.pop(n);
        self.consumed = self.consumed.saturating_add(n as u64);
    }

    /// When a track is given up, if nothing is heard of its session before: what is heard of one
    /// track keeps them all (RFC 2326, A.2). One that leaves has as long again to say BYE, for a
    /// client that reads nothing would hold it for ever.
    fn expires_at(&self, stream: &Stream) -> Instant {
        let session = self.streams.iter().filter(|other| other.session == stream.session);
        let last = session.map(|other| other.last_activity).fold(stream.last_activity, Instant::max);
        let timeout = self.config.session_timeout;
        if stream.is_open() { last + timeout } else { last + timeout + timeout }
    }

    fn settle<S: FrameStore + ?Sized>(&mut self, now: Now, store: &S) {
        for stream in &mut self.streams {
            stream.sender.settle(now, store);
        }
        // The tracks of a session share their clock: the first that has a frame sets it for the others.
        for index in 0..self.streams.len() {
            let stream = self.streams.get(index);
            let Some((session, Some((at, time)))) =
                stream.map(|stream| (stream.session, stream.sender.origin()))
            else {
                continue;
            };
            for other in self.streams.iter_mut().filter(|other| other.session == session) {
                other.sender.join(at, time);
            }
        }
    }

    fn has_event(&self) -> bool {
        self.streams.iter().any(Stream::has_event)
            || self.closed.is_some()
            || self.asked.is_some_and(|asked| !asked.told)
            || (self.error.is_some() && !self.error_told)
    }

    fn stream_event(&mut self, now: Now) -> Option<Event<'static>> {
        for stream in &mut self.streams {
            if let Some(event) = stream.event() {
                return Some(event);
            }
        }
        let Closed { session, track, why, summary } = self.closed.take().or_else(|| self.take_gone(now))?;
        debug!("{:?}: {:?} is gone: {:?}", session, track, why);
        Some(Event::Closed { session, track, why, summary })
    }

    /// Takes a track that is gone out of the table.
    pub(super) fn take_gone(&mut self, now: Now) -> Option<Closed> {
        let (index, why) =
            self.streams.iter().enumerate().find_map(|(index, stream)| Some((index, stream.gone()?)))?;
        let stream = self.streams.get(index)?;
        let closed = Closed {
            session: stream.session,
            track: stream.sender.track(),
            why,
            summary: stream.summary(now),
        };
        // The last one takes its place.
        let last = self.streams.pop()?;
        if let Some(free) = self.streams.get_mut(index) {
            *free = last;
        }
        Some(closed)
    }

    /// The stream that a datagram belongs to.
    fn find(&self, from: SocketAddr, socket: u8, port: Port, data: &[u8]) -> Option<(usize, Claim)> {
        let open = self.streams.iter().enumerate().filter(|(_, stream)| stream.is_open());
        Claim::strongest(open.map(|(index, stream)| {
            let claim = match stream.route {
                Route::Udp { socket: own, .. } if own == socket => self.claim_of(stream, from, port, data),
                _ => Claim::No,
            };
            (index, claim)
        }))
    }

    /// Ports are learned only from the RTSP peer's own address: anybody else would aim the stream
    /// at a third party.
    fn claim_of(&self, stream: &Stream, from: SocketAddr, port: Port, data: &[u8]) -> Claim {
        let Route::Udp { rtp, rtcp, latched, .. } = stream.route else { return Claim::No };
        if from.ip() != self.peer {
            return Claim::No;
        }
        if from.port() == if port == Port::Rtp { rtp } else { rtcp } {
            return Claim::Exact;
        }
        if port == Port::Rtcp && rtcp::reports(data).any(|block| block.ssrc == stream.sender.ssrc()) {
            return Claim::Ssrc;
        }
        if latched { Claim::No } else { Claim::Latch }
    }
}

/// The storage is one piece: what came in lies in front, what goes out behind.
fn split<'b>(config: &Config, storage: &'b [u8]) -> (&'b [u8], &'b [u8]) {
    let incoming = storage.len().saturating_sub(config.outgoing_len());
    storage.split_at_checked(incoming).unwrap_or((&[], &[]))
}

fn split_mut<'b>(config: &Config, storage: &'b mut [u8]) -> (&'b mut [u8], &'b mut [u8]) {
    let incoming = storage.len().saturating_sub(config.outgoing_len());
    storage.split_at_mut_checked(incoming).unwrap_or_default()
}
