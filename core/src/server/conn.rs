//! [`ServerConn`]: the verbs.
use super::chunk::Chunk;
use super::event::{Answer, Ask, Claim, ConnError, Event, NotAsked, RequestId, Summary, Why};
use super::run::earliest;
use super::stream::{Phase, Route, Stream};
use super::transmit::{MAX_PACKET, MIN_PACKET, Pending};
use crate::fmt::debug;
use crate::frame::{FrameId, FrameStore, TrackId};
use crate::random::split_mix;
use crate::storage::Fifo;
use crate::text::hex_digits;
use crate::time::{Duration, Instant, Now, Wake, sooner};
use crate::transport::Port;
use crate::wire::rtcp;
use core::net::{IpAddr, SocketAddr};

/// Tracks that one connection can have set up, over all of its sessions.
pub(super) const MAX_STREAMS: usize = 4;
/// One more, for the track that a new one replaces, until its end is told.
const MAX_TABLE: usize = MAX_STREAMS + 1;
/// The most that one reply takes: a session description, or RTP-Info for each track.
pub(super) const REPLY_ROOM: usize = 1536;
/// The least that a request takes.
const REQUEST_ROOM: usize = 256;

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
        let request = if request < REQUEST_ROOM { REQUEST_ROOM } else { request };
        request.saturating_add(self.outgoing_len())
    }

    /// A reply behind the rest of a packet that was begun.
    const fn outgoing_len(&self) -> usize {
        let packet = if self.max_packet < MIN_PACKET { MIN_PACKET } else { self.max_packet };
        REPLY_ROOM + 4 + packet as usize
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

#[derive(Debug)]
pub(super) struct State {
    pub(super) config: Config,
    pub(super) peer: IpAddr,
    pub(super) streams: heapless::Vec<Stream, MAX_TABLE>,
    pub(super) incoming: Fifo,
    pub(super) outgoing: Fifo,
    /// Bytes of the connection that are dealt with, for errors to point at.
    pub(super) consumed: u64,
    /// Bytes of a message too long to hold that are still to come, and to be dropped.
    pub(super) discard: usize,
    pub(super) asked: Option<Asked>,
    pub(super) requests: u32,
    pub(super) error: Option<ConnError>,
    pub(super) error_told: bool,
    pub(super) random: u64,
    pub(super) cname: [u8; 16],
    /// When the last message came.
    pub(super) heard: Instant,
}

/// One RTSP connection and all that was set up on it.
///
/// `B` is storage: a `Vec<u8>`, a `&mut [u8]` or an array of [`Config::storage_len`] bytes.
#[derive(Debug)]
pub struct ServerConn<B> {
    state: State,
    storage: B,
}

impl<B: AsRef<[u8]> + AsMut<[u8]>> ServerConn<B> {
    /// A connection from `peer`. `random` must be hard to guess, and different each time: session
    /// identifiers, SSRCs and first sequence numbers come from it (RFC 3550, 5.1).
    ///
    /// # Errors
    /// [`StorageTooSmall`] by [`Config::storage_len`].
    pub fn new(
        mut config: Config,
        now: Now,
        peer: IpAddr,
        random: u64,
        storage: B,
    ) -> Result<Self, StorageTooSmall> {
        config.max_packet = config.max_packet.clamp(MIN_PACKET, MAX_PACKET);
        let need = config.storage_len(0);
        if storage.as_ref().len() < need {
            return Err(StorageTooSmall { need });
        }
        let mut state = State {
            config,
            peer,
            streams: heapless::Vec::new(),
            incoming: Fifo::default(),
            outgoing: Fifo::default(),
            consumed: 0,
            discard: 0,
            asked: None,
            requests: 0,
            error: None,
            error_told: false,
            random,
            cname: [0; 16],
            heard: now.at,
        };
        state.cname = hex_digits(state.draw());
        Ok(Self { state, storage })
    }

    /// Gives the storage back, for the next connection. Sessions that are left are forgotten: to be
    /// told of them, see [`Self::disconnected`].
    pub fn into_storage(self) -> B {
        self.storage
    }

    /// How many bytes [`Self::handle_stream`] takes for sure: who reads no more than this from the
    /// socket needs no buffer to keep a rest in.
    pub fn stream_room(&self) -> usize {
        let (rx, _) = split(&self.state, self.storage.as_ref());
        self.state.incoming.room(rx)
    }

    /// Takes bytes from the connection; returns how many. The rest is to be offered again.
    ///
    /// # Errors
    /// [`ConnError`] once the connection is of no more use; what is left to say is still said.
    pub fn handle_stream(&mut self, now: Now, data: &[u8]) -> Result<usize, ConnError> {
        let (rx, tx) = split_mut(&self.state, self.storage.as_mut());
        if let Some(error) = self.state.error {
            return Err(error);
        }
        let mut taken = 0;
        // Bounded by `data`: each round takes some of it, or ends.
        while let Some(rest) = data.get(taken..).filter(|rest| !rest.is_empty()) {
            let skip = self.state.discard.min(rest.len());
            self.state.discard -= skip;
            self.state.consumed = self.state.consumed.saturating_add(skip as u64);
            taken += skip;
            let rest = rest.get(skip..).unwrap_or(&[]);
            let take = rest.len().min(self.state.incoming.room(rx));
            self.state.incoming.push(rx, rest.get(..take).unwrap_or(&[]));
            taken += take;
            self.state.read_messages(now, rx, tx);
            if skip == 0 && take == 0 {
                break;
            }
        }
        self.state.error.map_or(Ok(taken), Err)
    }

    /// How strongly a datagram belongs here that came in on `port` of the pair `socket`
    /// ([`super::PortPair::socket`]).
    pub fn claim(&self, from: SocketAddr, socket: u8, port: Port, data: &[u8]) -> Claim {
        self.state.find(from, socket, port, data).map_or(Claim::No, |(_, claim)| claim)
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
        let Some((index, claim)) = self.state.find(from, socket, port, data) else { return };
        let Some(stream) = self.state.streams.get_mut(index) else { return };
        stream.heard = now.at;
        if let Route::Udp { rtp, rtcp, latched, .. } = &mut stream.route {
            match port {
                Port::Rtp => *rtp = from,
                Port::Rtcp => *rtcp = from,
            }
            // The port that was announced is the one that is used; or RTP's port is known now.
            *latched |= claim == Claim::Exact || port == Port::Rtp;
        }
        if port == Port::Rtcp {
            stream.read_reports(now, data);
        }
    }

    /// Does what time alone asks for: sessions and connections that nothing is heard from end.
    pub fn handle_timeout(&mut self, now: Now) {
        let timeout = self.state.config.session_timeout;
        for index in 0..self.state.streams.len() {
            let expired = self.state.streams.get(index).is_some_and(|s| self.state.expires_at(s) <= now.at);
            if let Some(stream) = self.state.streams.get_mut(index).filter(|_| expired) {
                match stream.phase {
                    // The connection takes no BYE either.
                    Phase::Leaving(why) => stream.phase = Phase::Gone(why),
                    _ => stream.leave(Why::Timeout),
                }
            }
        }
        if self.state.streams.is_empty() && self.state.heard + timeout <= now.at {
            self.state.fail(ConnError::Idle);
        }
        let (rx, tx) = split_mut(&self.state, self.storage.as_mut());
        self.state.read_messages(now, rx, tx);
    }

    /// Ends every session: BYE is sent, and then [`Event::Closed`] told for each. The connection
    /// itself takes no more requests.
    pub fn close(&mut self) {
        for stream in &mut self.state.streams {
            stream.leave(Why::Closed);
        }
        self.state.fail(ConnError::Closed);
    }

    /// Says that the connection is lost: sessions that were interleaved in it end at once, the
    /// others after a BYE.
    pub fn disconnected(&mut self) {
        self.close();
        for stream in self.state.streams.iter_mut().filter(|stream| !stream.is_udp()) {
            if let Phase::Leaving(why) = stream.phase {
                stream.phase = Phase::Gone(why);
            }
        }
    }

    /// What happened. To be called until `None`.
    pub fn poll_event(&mut self, now: Now) -> Option<Event<'_>> {
        let (rx, tx) = split_mut(&self.state, self.storage.as_mut());
        self.state.review(rx, tx);
        self.state.read_messages(now, rx, tx);
        if let Some(event) = self.state.stream_event(now) {
            return Some(event);
        }
        if let Some(asked) = self.state.asked.as_mut().filter(|asked| !asked.told) {
            asked.told = true;
            let id = asked.id;
            let (rx, _) = split(&self.state, self.storage.as_ref());
            let ask: Ask<'_> = self.state.ask(rx)?;
            return Some(Event::Request { id, ask });
        }
        let error = self.state.error.filter(|_| !self.state.error_told)?;
        self.state.error_told = true;
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
        let asked = self.state.asked.take_if(|asked| asked.id == id).ok_or(NotAsked)?;
        let (rx, tx) = split_mut(&self.state, self.storage.as_mut());
        self.state.answer(now, answer, store, rx, tx);
        self.state.consume(asked.len);
        Ok(())
    }

    /// What the connection has to say, if anything.
    pub fn poll_stream<'a, S: FrameStore + ?Sized>(
        &'a mut self,
        now: Now,
        store: &'a S,
    ) -> Option<Chunk<'a, S>> {
        self.state.settle(now, store);
        let (_, tx) = split_mut(&self.state, self.storage.as_mut());
        let state = &mut self.state;
        let something =
            !state.outgoing.is_empty() || earliest(&mut state.streams, false, now, store).is_some();
        something.then_some(Chunk { state, tx, store, now })
    }

    /// The datagrams that are due to one destination, if any.
    pub fn poll_transmit<'a, S: FrameStore + ?Sized>(
        &'a mut self,
        now: Now,
        store: &'a S,
    ) -> Option<Pending<'a>> {
        self.state.settle(now, store);
        let (stream, next) = earliest(&mut self.state.streams, true, now, store)?;
        Pending::new(stream, next, now, &self.state.cname)
    }

    /// The frame that each stream in play reads next. A store that must fetch or prepare frames
    /// does so for these, and lets go of none from there on.
    pub fn wanted(&self) -> impl Iterator<Item = (TrackId, FrameId)> {
        let in_play = self.state.streams.iter().filter(|stream| stream.is_sending());
        in_play.map(|stream| (stream.track, stream.frame))
    }

    /// The figures of each track so far; [`Event::Closed`] has the last ones.
    pub fn summaries(&self, now: Now) -> impl Iterator<Item = (TrackId, Summary)> {
        self.state.streams.iter().map(move |stream| (stream.track, stream.summary(now)))
    }

    /// When to come back, if nothing comes in before.
    pub fn poll_at<S: FrameStore + ?Sized>(&self, store: &S) -> Wake {
        let state = &self.state;
        let mut wake = Wake::default();
        if !state.outgoing.is_empty() {
            wake.stream = Some(Instant::ZERO);
        }
        let (rx, tx) = split(state, self.storage.as_ref());
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
            if let Some(due) = stream.due_at(store) {
                sooner(if stream.is_udp() { &mut wake.datagram } else { &mut wake.stream }, due);
            }
        }
        wake
    }
}

impl State {
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
        let heard = session.map(|other| other.heard).fold(stream.heard, Instant::max);
        let timeout = self.config.session_timeout;
        match stream.phase {
            Phase::Leaving(_) => heard + timeout + timeout,
            _ => heard + timeout,
        }
    }

    fn settle<S: FrameStore + ?Sized>(&mut self, now: Now, store: &S) {
        let late = self.config.late;
        for stream in &mut self.streams {
            stream.settle(now, late, store);
        }
        // The tracks of a session share their clock: who has a first frame sets it for the others.
        for index in 0..self.streams.len() {
            // One that still sends the frame before a PLAY has the clock from before it.
            let set = self.streams.get(index).filter(|stream| stream.jump.is_none());
            let Some((session, Some(anchor))) = set.map(|stream| (stream.session, stream.anchor)) else {
                continue;
            };
            for other in self.streams.iter_mut().filter(|other| other.session == session) {
                other.anchor.get_or_insert(anchor);
            }
        }
    }

    fn has_event(&self) -> bool {
        self.streams.iter().any(Stream::has_event)
            || self.asked.is_some_and(|asked| !asked.told)
            || (self.error.is_some() && !self.error_told)
    }

    fn stream_event(&mut self, now: Now) -> Option<Event<'static>> {
        for stream in &mut self.streams {
            let (session, track) = (stream.session, stream.track);
            if core::mem::take(&mut stream.tell_opened) {
                debug!("{:?}: {:?} is set up", session, track);
                return Some(Event::Opened { session, track, lower: stream.route.lower() });
            }
            let frames = core::mem::take(&mut stream.tell_skipped);
            if frames > 0 {
                return Some(Event::Skipped { session, track, frames });
            }
            if core::mem::take(&mut stream.tell_adapted) {
                return Some(Event::Adapted { session, track, one_in: stream.one_in() });
            }
            if core::mem::take(&mut stream.tell_ended) {
                return Some(Event::Ended { session, track });
            }
        }
        let index = self.streams.iter().position(|stream| matches!(stream.phase, Phase::Gone(_)))?;
        let stream = self.streams.get(index).copied()?;
        // The last one takes its place.
        let last = self.streams.pop()?;
        if let Some(free) = self.streams.get_mut(index) {
            *free = last;
        }
        let Phase::Gone(why) = stream.phase else { return None };
        let summary = stream.summary(now);
        debug!("{:?}: {:?} is gone: {:?}", stream.session, stream.track, why);
        Some(Event::Closed { session: stream.session, track: stream.track, why, summary })
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
        if from == if port == Port::Rtp { rtp } else { rtcp } {
            return Claim::Exact;
        }
        if from.ip() != self.peer {
            return Claim::No;
        }
        if port == Port::Rtcp && rtcp::reports(data).any(|block| block.ssrc == stream.ssrc) {
            return Claim::Ssrc;
        }
        if latched { Claim::No } else { Claim::Latch }
    }
}

/// The storage is one piece: what came in lies in front, what goes out behind.
fn split<'b>(state: &State, storage: &'b [u8]) -> (&'b [u8], &'b [u8]) {
    let incoming = storage.len().saturating_sub(state.config.outgoing_len());
    storage.split_at_checked(incoming).unwrap_or((&[], &[]))
}

fn split_mut<'b>(state: &State, storage: &'b mut [u8]) -> (&'b mut [u8], &'b mut [u8]) {
    let incoming = storage.len().saturating_sub(state.config.outgoing_len());
    storage.split_at_mut_checked(incoming).unwrap_or_default()
}
