//! An RTSP client on desktop sockets: it is driven by turns, and its frames are read from a cache.
mod error;
mod gather;
mod link;
mod sockets;

use crate::clock::Clock;
use crate::udp::{PIECES_AT_ONCE, RECEIVE_LEN};
use gather::Gather;
use link::Link;
use mio::{Events, Poll, Token};
use pinhole::client::{
    self, Ask, ClientConn, ClientError, Config, Figures, LowerTransport, PlayOptions, Port, Prefetch,
    TransportChoice,
};
use pinhole::frame::{Frame, FrameId, FrameStore, Miss, Seek, TrackId};
use pinhole::frame::{FrameRing, Slot};
use pinhole::rtsp::{Method, Range, Scale, Speed, Status};
use pinhole::time::{Instant as At, MediaTime, Now};
use sockets::TrackSockets;
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use error::Error;
pub use pinhole::client::PrefetchOptions;
pub use pinhole::frame::Span;

const WAKER: Token = Token(0);
const STREAM: Token = Token(1);
/// UDP sockets have the tokens from here on, two a track.
const UDP: usize = 2;
/// Half of what comes on a connection at once, and packets of UDP that wait for others.
const WINDOW: usize = 128 << 10;
/// Bytes of the cache for each frame that it can hold, however small it is, and the least such
/// frames. What is known of a frame takes a thirtieth of that.
const BYTES_A_SLOT: usize = 6 << 10;
const MIN_SLOTS: usize = 64;
/// How many reads or writes come before what waits for its time has its turn.
const STEPS: usize = 64;

type Cache = FrameRing<Vec<Slot>, Vec<u8>>;

/// How a client is set up.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How the media are to travel.
    pub transport: TransportChoice,
    /// What is played first. Scale and speed stay until [`Client::play_with`] asks for others.
    pub play: PlayOptions,
    /// What the cache takes, in bytes, all tracks together.
    pub cache: usize,
    /// How far ahead of [`Client::watch_from`] recorded media are fetched, and from there on kept.
    /// `None`: whatever they are, the oldest frames make room for the newest.
    pub prefetch: Option<PrefetchOptions>,
    /// How long to wait for each of the server's addresses.
    pub connect_timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            transport: TransportChoice::Auto,
            play: PlayOptions::default(),
            cache: 64 << 20,
            prefetch: None,
            connect_timeout: Duration::from_secs(10),
        }
    }
}

/// What happened to a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The server described what there is.
    Described {
        /// How many tracks are received.
        tracks: u8,
        /// How long it is; `None`: it is live, or not known.
        duration: Option<Duration>,
    },
    /// The server plays.
    Playing {
        /// How the media travel.
        transport: LowerTransport,
        /// What it plays, as far as it says.
        range: Range,
        /// How fast the medium goes by.
        scale: Scale,
        /// How much sooner than they are shown frames come.
        speed: Speed,
    },
    /// Nothing came by UDP: it goes on over TCP.
    SwitchedToTcp,
    /// The server holds, as it was asked to by [`Client::pause`].
    Paused,
    /// The server will not do what it was asked for; all is as it was before.
    Refused {
        /// What it was asked.
        method: Method<'static>,
        /// What it answered.
        status: Status,
    },
    /// Nothing has come for a while, though the server plays.
    Stalled,
    /// The medium is over; all frames that will come are in the cache.
    Ended,
    /// The session is over.
    Closed,
}

/// The figures of a session so far.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Statistics {
    /// How the media travel; `None` until that is agreed.
    pub transport: Option<LowerTransport>,
    /// What the server plays, or played last, as far as it says.
    pub range: Range,
    /// How fast the medium goes by.
    pub scale: Scale,
    /// How much sooner than they are shown frames come.
    pub speed: Speed,
    /// The first track's.
    pub track: Figures,
    /// From the start of the connection to the end of the first frame.
    pub first_frame: Option<Duration>,
}

/// What a cache holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// How many frames.
    pub frames: usize,
    /// What they take.
    pub bytes: usize,
    /// What they may take.
    pub capacity: usize,
    /// How long it takes to show them.
    pub span: Duration,
}

/// Ends another thread's [`Client::turn`].
#[derive(Clone, Debug)]
pub struct Waker(Arc<mio::Waker>);

impl Waker {
    /// Ends the turn, or the next one.
    pub fn wake(&self) {
        // Fails only where the client is gone.
        let _ = self.0.wake();
    }
}

/// A session with an RTSP server.
pub struct Client {
    url: String,
    options: Options,
    poll: Poll,
    polled: Events,
    waker: Waker,
    clock: Clock,
    started: Instant,
    link: Link,
    conn: ClientConn<Vec<u8>, String>,
    tracks: Vec<TrackSockets>,
    caches: Vec<Cache>,
    prefetch: Prefetch,
    /// What the server is to play once it has described it; `None`: nothing.
    wanted: Option<PlayOptions>,
    scratch: Box<[u8]>,
    gather: Gather,
    events: VecDeque<Event>,
    described: Option<Option<Duration>>,
    transport: Option<LowerTransport>,
    /// What is played, as [`Event::Playing`] tells it.
    played: (Range, Scale, Speed),
    /// Of the connections before.
    before: Figures,
    first_frame: Option<Duration>,
    /// The number of the next frame, and since when that is so.
    newest: (FrameId, At),
    /// The caller has asked for the end.
    leaving: bool,
    /// Input that was left for the next turn.
    more: bool,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("transport", &self.transport).finish_non_exhaustive()
    }
}

impl Client {
    /// Connects to the server of `url`, and plays what the options say.
    ///
    /// # Errors
    /// The URL is none, the host is not found, or nobody listens there.
    pub fn connect(url: &str, options: &Options) -> Result<Self, Error> {
        let (started, clock) = (Instant::now(), Clock::start());
        let mut conn = session(url, options.transport, clock.now())?;
        let poll = Poll::new().map_err(Error::Loop)?;
        let waker = mio::Waker::new(poll.registry(), WAKER).map_err(Error::Loop)?;
        let link = Link::open(url, options.connect_timeout, poll.registry())?;
        let mut prefetch = Prefetch::new(options.prefetch);
        conn.play_with(prefetch.play(options.play, &[] as &[Cache]));
        Ok(Self {
            url: url.to_owned(),
            options: *options,
            poll,
            polled: Events::with_capacity(64),
            waker: Waker(Arc::new(waker)),
            clock,
            started,
            link,
            conn,
            tracks: Vec::new(),
            caches: Vec::new(),
            prefetch,
            wanted: Some(options.play),
            scratch: vec![0; PIECES_AT_ONCE * RECEIVE_LEN].into_boxed_slice(),
            gather: Gather::default(),
            events: VecDeque::new(),
            described: None,
            transport: None,
            played: Default::default(),
            before: Figures::default(),
            first_frame: None,
            newest: Default::default(),
            leaving: false,
            more: true,
        })
    }

    /// Waits for input and timers, at most `at_most`, and moves everything. Without a connection, it
    /// only waits.
    ///
    /// # Errors
    /// The session is over, or [`Self::reconnect`] did not lead to one. What came before is still in
    /// the cache.
    pub fn turn(&mut self, at_most: Duration) -> Result<(), Error> {
        self.wait(at_most)?;
        let done = self.arrive().and_then(|()| self.advance());
        if done.is_err() {
            self.disconnect();
        }
        done
    }

    /// The next thing that happened.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// A frame of the first track, from the cache: a whole JPEG file.
    ///
    /// # Errors
    /// A [`Miss`]: it has not come yet, or is gone.
    pub fn frame(&self, id: FrameId) -> Result<Frame<'_>, Miss> {
        self.caches.first().ok_or(Miss::NotYet)?.frame(TrackId::default(), id)
    }

    /// The frames that can be read: from the oldest to before the second number.
    pub fn cached(&self) -> std::ops::Range<FrameId> {
        self.caches.first().map_or(FrameId(0)..FrameId(0), FrameRing::span)
    }

    /// The frame of the cache that is shown at this time.
    pub fn find(&self, time: MediaTime) -> Option<FrameId> {
        self.caches.first()?.find(time)
    }

    /// The parts of the medium that are in the cache, those that came last first; see
    /// [`FrameRing::spans`].
    pub fn spans(&self) -> impl Iterator<Item = Span> + '_ {
        self.caches.iter().take(1).flat_map(FrameRing::spans)
    }

    /// How full the cache is.
    pub fn usage(&self) -> Usage {
        let Some(cache) = self.caches.first() else { return Usage::default() };
        let span = cache.spans().map(|span| Duration::from(span.to.since(span.from))).sum();
        Usage { frames: cache.frame_count(), bytes: cache.bytes_used(), capacity: cache.capacity(), span }
    }

    /// How long the medium is; `None`: it is live, or was not described yet.
    pub fn duration(&self) -> Option<Duration> {
        self.described.flatten()
    }

    /// Whether it was described, and has no end.
    pub fn is_live(&self) -> bool {
        self.described == Some(None)
    }

    /// Says that frame `id` and those after it are still needed: those of recorded media are not
    /// evicted from now on, and more are fetched as there is room, with [`Options::prefetch`].
    ///
    /// That is the frame to be read next, not the one that is being shown.
    pub fn watch_from(&mut self, id: FrameId) {
        self.prefetch.watch_from(id);
    }

    /// Asks the server to play from another place; of a live medium, there is only the newest.
    /// Returns the number of the frame that will come first from there, and takes it to be the one
    /// that is needed next. What is cached stays until there is no room for more.
    pub fn seek(&mut self, to: MediaTime) -> FrameId {
        let next = self.cached().end;
        if self.is_live() {
            self.watch_from(next);
        } else {
            let mut options = self.options.play;
            options.from = Some(Seek::To(to));
            self.play_with(options);
            if matches!(self.link, Link::Down) {
                self.reconnect();
            }
        }
        next
    }

    /// Asks the server to hold. With [`Options::prefetch`] that is not needed to show a still
    /// picture: it is asked by itself, once enough was fetched.
    pub fn pause(&mut self) {
        self.wanted = None;
        self.prefetch.hold();
        self.conn.pause();
    }

    /// Asks the server to go on where it was paused; after the end, to start over.
    pub fn play(&mut self) {
        let mut options = self.options.play;
        options.from = None;
        self.play_with(options);
    }

    /// Asks the server to play from another place, or at another scale or speed, which stay.
    pub fn play_with(&mut self, options: PlayOptions) {
        self.options.play = options;
        self.wanted = Some(options);
        self.conn.play_with(self.prefetch.play(options, &self.caches));
    }

    /// Connects anew after [`Self::turn`] failed, or [`Event::Closed`]. Returns at once: while it
    /// connects, turns go on as without a connection.
    ///
    /// The cache stays, and the numbers of its frames go on. Recorded media go on behind the newest
    /// frame, or from the last [`Self::seek`] that was not answered; live ones at the live edge, at a
    /// media time that is later by as much as has passed meanwhile.
    pub fn reconnect(&mut self) {
        self.disconnect();
        self.leaving = false;
        self.link = Link::connect(self.url.clone(), self.options.connect_timeout, self.waker.clone());
    }

    /// Whether there is a connection to the server.
    pub const fn is_connected(&self) -> bool {
        matches!(self.link, Link::Up(_))
    }

    /// Asks the server to end the session; [`Event::Closed`] follows.
    pub fn teardown(&mut self) {
        self.leaving = true;
        self.conn.teardown();
    }

    /// What ends a turn early.
    pub fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// The figures so far.
    pub fn statistics(&self) -> Statistics {
        let track = self.figures();
        let (range, scale, speed) = self.played;
        Statistics { transport: self.transport, range, scale, speed, track, first_frame: self.first_frame }
    }

    fn figures(&self) -> Figures {
        self.conn.statistics(0).unwrap_or_default().after(&self.before)
    }

    fn wait(&mut self, at_most: Duration) -> Result<(), Error> {
        let wake = match &self.link {
            Link::Up(connection) => self.conn.poll_at().earliest(connection.is_writable(), true),
            Link::Connecting(_) | Link::Down => None,
        };
        let wake = wake.map_or(at_most, |at| at.since(self.clock.now().at).into());
        let timeout = if self.more { Duration::ZERO } else { at_most.min(wake) };
        let buffer = self.tracks.iter().map(TrackSockets::receive_buffer).min().unwrap_or(0);
        let timeout = self.gather.rest(self.transport, buffer, timeout);
        match self.poll.poll(&mut self.polled, Some(timeout)) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(Error::Loop(error)),
            Err(_) | Ok(()) => {}
        }
        for event in &self.polled {
            if event.token() == STREAM {
                if let Link::Up(connection) = &mut self.link {
                    connection.ready(event.is_readable() || event.is_read_closed(), event.is_writable());
                }
            } else if let Some(number) = event.token().0.checked_sub(UDP)
                && let Some(track) = self.tracks.get_mut(number / 2)
            {
                track.ready(number % 2);
            }
        }
        Ok(())
    }

    /// Begins a session, where a connection has come about.
    fn arrive(&mut self) -> Result<(), Error> {
        if !self.link.arrive(self.poll.registry())? {
            return Ok(());
        }
        let (now, transport) = (self.clock.now(), self.options.transport);
        // UDP that did not work before would cost the same time again.
        let transport = match (transport, self.transport) {
            (TransportChoice::Auto, Some(LowerTransport::Interleaved)) => TransportChoice::Tcp,
            _ => transport,
        };
        let conn = session(&self.url, transport, now)?;
        self.before = self.figures();
        self.conn = conn;
        if self.is_live() {
            let (_, at) = self.newest;
            let newest = self.caches.first().and_then(|cache| cache.spans().next());
            if let Some(newest) = newest {
                self.prefetch.go_on_at(newest.to + now.at.since(at));
            }
        }
        if let Some(wanted) = &mut self.wanted {
            // Where it goes on is known better than where it began.
            wanted.from = None;
        }
        self.ask_for_wanted();
        self.more = true;
        Ok(())
    }

    fn disconnect(&mut self) {
        if !matches!(self.link, Link::Down) {
            self.conn.disconnected(self.clock.now(), &mut self.prefetch.sink(&mut self.caches));
            self.prefetch.disconnected();
            self.link = Link::Down;
            self.tracks.clear();
        }
        self.more = false;
    }

    fn advance(&mut self) -> Result<(), Error> {
        if !self.is_connected() {
            return Ok(());
        }
        let now = self.clock.now();
        self.more = false;
        self.receive(now);
        self.conn.handle_timeout(now, &mut self.prefetch.sink(&mut self.caches));
        // What is sent can lead to an event, and what that asks for is to be sent: few rounds, for
        // then it is the server's turn.
        for _ in 0..STEPS {
            self.send(now);
            if !self.take_events(now)? {
                break;
            }
        }
        let next = self.cached().end;
        if next != self.newest.0 {
            self.newest = (next, now.at);
            self.first_frame.get_or_insert_with(|| self.started.elapsed());
        }
        match (self.prefetch.too_large(), self.caches.first()) {
            (Some(frame), Some(cache)) => Err(Error::CacheTooSmall { frame, cache: cache.capacity() }),
            _ => Ok(()),
        }
    }

    fn receive(&mut self, now: Now) {
        // The answer to PLAY says which of the datagrams that follow it are wanted.
        if self.prefetch.is_asking() {
            self.receive_stream(now);
        }
        // Datagrams before the rest: a server that stops says BYE, and then closes the connection.
        for (index, track) in (0_u8..).zip(&mut self.tracks) {
            for port in [Port::Rtp, Port::Rtcp] {
                let mut sink = self.prefetch.sink(&mut self.caches);
                let more = track.receive(port, &mut self.scratch, |datagram| {
                    self.gather.take(datagram.len());
                    self.conn.handle_datagram(now, index, port, datagram, &mut sink);
                });
                self.more |= more;
            }
        }
        self.receive_stream(now);
    }

    fn receive_stream(&mut self, now: Now) {
        let Link::Up(connection) = &mut self.link else { return };
        let mut sink = self.prefetch.sink(&mut self.caches);
        for _ in 0..STEPS {
            match connection.read(&mut self.scratch) {
                Ok(0) => break,
                Ok(read) => {
                    self.gather.take(read);
                    let data = self.scratch.get(..read).unwrap_or_default();
                    // An error is told as an event.
                    let _ = self.conn.handle_stream(now, data, &mut sink);
                }
                Err(_) => {
                    self.conn.disconnected(now, &mut sink);
                    break;
                }
            }
        }
        self.more |= connection.is_readable();
    }

    fn send(&mut self, now: Now) {
        let Link::Up(connection) = &mut self.link else { return };
        for _ in 0..STEPS {
            let Some(chunk) = self.conn.poll_stream(now) else { break };
            match connection.write(chunk.bytes()) {
                Ok(0) => break,
                Ok(written) => chunk.advance(written),
                Err(_) => {
                    self.conn.disconnected(now, &mut self.prefetch.sink(&mut self.caches));
                    self.more = true;
                    return;
                }
            }
        }
        for _ in 0..STEPS {
            let Some(pending) = self.conn.poll_transmit(now) else { break };
            if let Some(track) = self.tracks.get(usize::from(pending.track())) {
                track.send(pending.port(), pending.to_port(), pending.bytes());
            }
            // One that could not be sent is lost, as any datagram may be.
            pending.commit();
        }
    }

    /// Does what the connection asks for, and keeps the rest for the caller; returns whether there
    /// was anything.
    fn take_events(&mut self, now: Now) -> Result<bool, Error> {
        let mut happened = self.ask();
        while self.take_event(now)? {
            self.ask();
            happened = true;
        }
        Ok(happened)
    }

    /// Asks for what is to be fetched, or held; says whether there was anything.
    fn ask(&mut self) -> bool {
        let mut asked = false;
        while let Some(ask) = self.prefetch.poll(&self.caches) {
            asked = true;
            match ask {
                Ask::Pause => self.conn.pause(),
                Ask::Play(options) => self.conn.play_with(options),
                Ask::Ended => self.events.push_back(Event::Ended),
                _ => {}
            }
        }
        asked
    }

    fn take_event(&mut self, now: Now) -> Result<bool, Error> {
        let Some(event) = self.conn.poll_event(now) else { return Ok(false) };
        let told = self.prefetch.on_event(&event);
        let event = match event {
            client::Event::Described { tracks, duration } => {
                let duration = duration.map(Duration::from);
                self.described = Some(duration);
                self.make_caches(tracks);
                self.ask_for_wanted();
                Event::Described { tracks, duration }
            }
            client::Event::Setup { track } => {
                let ports = self.bind(track);
                // Asked for just now.
                let _ = self.conn.setup(track, ports);
                return Ok(true);
            }
            client::Event::ServerPorts { track, source, .. } => {
                if let Some(track) = self.tracks.get_mut(usize::from(track)) {
                    track.comes_from(source);
                }
                return Ok(true);
            }
            client::Event::Playing { lower, range, scale, speed } => {
                if told {
                    (self.transport, self.played) = (Some(lower), (range, scale, speed));
                }
                Event::Playing { transport: lower, range, scale, speed }
            }
            client::Event::SwitchedToTcp => Event::SwitchedToTcp,
            client::Event::Paused => Event::Paused,
            client::Event::Stalled => Event::Stalled,
            client::Event::Ended => Event::Ended,
            client::Event::Closed => {
                let cut_short = self.is_cut_short();
                self.disconnect();
                if cut_short {
                    return Err(Error::Session(ClientError::Disconnected));
                }
                Event::Closed
            }
            client::Event::Redirected { location } => {
                return Err(Error::Redirected(String::from_utf8_lossy(location).into_owned()));
            }
            client::Event::Refused { method, status, auth } => {
                if !self.goes_on_without(method) {
                    return Err(Error::Refused { method, status, auth });
                }
                Event::Refused { method, status }
            }
            client::Event::Failed(error) => return Err(Error::Session(error)),
            _ => return Ok(true),
        };
        if told {
            self.events.push_back(event);
        }
        Ok(true)
    }

    /// The server has said BYE and closed the connection, long before the medium's end.
    fn is_cut_short(&self) -> bool {
        self.options.prefetch.is_some()
            && !self.leaving
            && self.duration().is_some()
            && !self.prefetch.is_over()
    }

    /// All is as it was before, if the server refuses this.
    const fn goes_on_without(&self, method: Method<'_>) -> bool {
        self.transport.is_some() && matches!(method, Method::Play | Method::Pause)
    }

    /// Asks for what the caller wants to see, in the way that the medium allows.
    fn ask_for_wanted(&mut self) {
        if let Some(options) = self.wanted {
            self.conn.play_with(self.prefetch.play(options, &self.caches));
        }
    }

    /// Caches that were filled over another connection stay.
    fn make_caches(&mut self, tracks: u8) {
        if self.caches.is_empty() {
            let bytes = self.options.cache / usize::from(tracks.max(1));
            let slots = (bytes / BYTES_A_SLOT).max(MIN_SLOTS);
            let cache = || FrameRing::new(vec![Slot::default(); slots], vec![0; bytes]);
            self.caches = (0..tracks).map(|_| cache()).collect();
        }
    }

    /// Sockets for a track; those of the tracks before it are there.
    fn bind(&mut self, track: u8) -> Option<pinhole::rtsp::Pair<u16>> {
        let Link::Up(connection) = &self.link else { return None };
        let index = usize::from(track);
        let first = UDP + 2 * index;
        match TrackSockets::bind(connection.local(), connection.server(), self.poll.registry(), first) {
            Ok(sockets) => {
                let ports = sockets.ports();
                self.tracks.truncate(index);
                self.tracks.push(sockets);
                Some(ports)
            }
            Err(error) => {
                tracing::warn!(%error, "no UDP ports to receive on");
                None
            }
        }
    }
}

/// A session over a connection that is there, or on its way.
fn session(url: &str, transport: TransportChoice, now: Now) -> Result<ClientConn<Vec<u8>, String>, Error> {
    let mut config = Config::DEFAULT;
    config.transport = transport;
    let random = getrandom::u64().map_err(|error| Error::Loop(io::Error::other(error.to_string())))?;
    let storage = vec![0; config.storage_len(WINDOW)];
    Ok(ClientConn::new(config, now, url.to_owned(), random, storage)?)
}
