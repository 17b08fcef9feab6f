//! An RTSP client on desktop sockets: it is driven by turns, and its frames are read from a cache.
mod error;
mod sockets;

use crate::clock::Clock;
use crate::udp::RECEIVE_LEN;
use mio::{Events, Poll, Token};
use pinhole::client::{self, ClientConn, Config, Figures, Lower, PlayOptions, Port, TransportChoice};
use pinhole::frame::{Frame, FrameId, FrameStore, Miss, TrackId};
use pinhole::ring::{FrameRing, Slot};
use pinhole::time::Now;
use pinhole::wire::rtsp::{Range, Scale, Speed};
use sockets::{Connection, TrackSockets};
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use error::Error;

const WAKER: Token = Token(0);
const STREAM: Token = Token(1);
/// UDP sockets have the tokens from here on, two a track.
const UDP: usize = 2;
/// Half of what comes on a connection at once, and packets of UDP that wait for others.
const WINDOW: usize = 128 << 10;
/// Frames that the cache can hold, however small they are.
const SLOTS: usize = 4096;
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
    /// How long to wait for each of the server's addresses.
    pub connect_timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            transport: TransportChoice::Auto,
            play: PlayOptions::default(),
            cache: 64 << 20,
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
        transport: Lower,
        /// What it plays, as far as it says.
        range: Range,
        /// How fast the medium goes by.
        scale: Scale,
        /// How much sooner than they are shown frames come.
        speed: Speed,
    },
    /// Nothing came by UDP: it goes on over TCP.
    SwitchedToTcp,
    /// The server holds.
    Paused,
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
    pub transport: Option<Lower>,
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
    poll: Poll,
    polled: Events,
    waker: Waker,
    clock: Clock,
    started: Instant,
    connection: Connection,
    conn: ClientConn<Vec<u8>, String>,
    tracks: Vec<TrackSockets>,
    caches: Vec<Cache>,
    cache_bytes: usize,
    scratch: Box<[u8]>,
    events: VecDeque<Event>,
    transport: Option<Lower>,
    /// What is played, as [`Event::Playing`] tells it.
    played: (Range, Scale, Speed),
    first_frame: Option<Duration>,
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
        let started = Instant::now();
        let clock = Clock::start();
        let mut config = Config::DEFAULT;
        config.transport = options.transport;
        let random = getrandom::u64().map_err(|error| Error::Loop(io::Error::other(error.to_string())))?;
        let storage = vec![0; config.storage_len(WINDOW)];
        let mut conn = ClientConn::new(config, clock.now(), url.to_owned(), random, storage)?;
        let poll = Poll::new().map_err(Error::Loop)?;
        let waker = mio::Waker::new(poll.registry(), WAKER).map_err(Error::Loop)?;
        let connection = Connection::open(url, options.connect_timeout, poll.registry(), STREAM)?;
        conn.play_with(options.play);
        Ok(Self {
            poll,
            polled: Events::with_capacity(64),
            waker: Waker(Arc::new(waker)),
            clock,
            started,
            connection,
            conn,
            tracks: Vec::new(),
            caches: Vec::new(),
            cache_bytes: options.cache,
            scratch: vec![0; RECEIVE_LEN].into_boxed_slice(),
            events: VecDeque::new(),
            transport: None,
            played: Default::default(),
            first_frame: None,
            more: true,
        })
    }

    /// Waits for input and timers, at most `at_most`, and moves everything.
    ///
    /// # Errors
    /// The session cannot go on; what came before is still in the cache.
    pub fn turn(&mut self, at_most: Duration) -> Result<(), Error> {
        self.wait(at_most)?;
        let now = self.clock.now();
        self.more = false;
        self.receive(now);
        self.conn.handle_timeout(now, &mut self.caches[..]);
        // What is sent can lead to an event, and what that asks for is to be sent: few rounds, for
        // then it is the server's turn.
        for _ in 0..STEPS {
            self.send(now);
            if !self.take_events(now)? {
                break;
            }
        }
        if self.first_frame.is_none()
            && self.caches.first().is_some_and(|cache| cache.span().end > FrameId(0))
        {
            self.first_frame = Some(self.started.elapsed());
        }
        Ok(())
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

    /// Asks the server to hold.
    pub fn pause(&mut self) {
        self.conn.pause();
    }

    /// Asks the server to go on where it was paused; after the end, to start over.
    pub fn play(&mut self) {
        self.conn.play(None);
    }

    /// Asks the server to play from another place, or at another scale or speed.
    pub fn play_with(&mut self, options: PlayOptions) {
        self.conn.play_with(options);
    }

    /// Asks the server to end the session; [`Event::Closed`] follows.
    pub fn teardown(&mut self) {
        self.conn.teardown();
    }

    /// What ends a turn early.
    pub fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// The figures so far.
    pub fn statistics(&self) -> Statistics {
        let track = self.conn.statistics(0).unwrap_or_default();
        let (range, scale, speed) = self.played;
        Statistics { transport: self.transport, range, scale, speed, track, first_frame: self.first_frame }
    }

    fn wait(&mut self, at_most: Duration) -> Result<(), Error> {
        let wake = self.conn.poll_at().earliest(self.connection.is_writable(), true);
        let wake = wake.map_or(at_most, |at| at.since(self.clock.now().at).into());
        let timeout = if self.more { Duration::ZERO } else { at_most.min(wake) };
        match self.poll.poll(&mut self.polled, Some(timeout)) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(Error::Loop(error)),
            Err(_) | Ok(()) => {}
        }
        for event in &self.polled {
            if event.token() == STREAM {
                self.connection.ready(event.is_readable() || event.is_read_closed(), event.is_writable());
            } else if let Some(number) = event.token().0.checked_sub(UDP)
                && let Some(track) = self.tracks.get_mut(number / 2)
            {
                track.ready(number % 2);
            }
        }
        Ok(())
    }

    fn receive(&mut self, now: Now) {
        // Datagrams first: a server that stops says BYE, and then closes the connection.
        for (index, track) in (0_u8..).zip(&mut self.tracks) {
            for port in [Port::Rtp, Port::Rtcp] {
                let more = track.receive(port, &mut self.scratch, |datagram| {
                    self.conn.handle_datagram(now, index, port, datagram, &mut self.caches[..]);
                });
                self.more |= more;
            }
        }
        for _ in 0..STEPS {
            match self.connection.read(&mut self.scratch) {
                Ok(0) => break,
                Ok(read) => {
                    let data = self.scratch.get(..read).unwrap_or_default();
                    // An error is told as an event.
                    let _ = self.conn.handle_stream(now, data, &mut self.caches[..]);
                }
                Err(_) => {
                    self.conn.disconnected(now, &mut self.caches[..]);
                    break;
                }
            }
        }
        self.more |= self.connection.is_readable();
    }

    fn send(&mut self, now: Now) {
        for _ in 0..STEPS {
            let Some(chunk) = self.conn.poll_stream(now) else { break };
            match self.connection.write(chunk.bytes()) {
                Ok(0) => break,
                Ok(written) => chunk.advance(written),
                Err(_) => {
                    self.conn.disconnected(now, &mut self.caches[..]);
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
        let mut happened = false;
        loop {
            let event = match self.conn.poll_event(now) {
                None => return Ok(happened),
                Some(client::Event::Described { tracks, duration }) => {
                    self.make_caches(tracks);
                    Event::Described { tracks, duration: duration.map(Into::into) }
                }
                Some(client::Event::Setup { track }) => {
                    let ports = self.bind(track);
                    // Asked for just now.
                    let _ = self.conn.setup(track, ports);
                    happened = true;
                    continue;
                }
                Some(client::Event::ServerPorts { track, source, .. }) => {
                    if let Some(track) = self.tracks.get_mut(usize::from(track)) {
                        track.comes_from(source);
                    }
                    continue;
                }
                Some(client::Event::Playing { lower, range, scale, speed }) => {
                    self.transport = Some(lower);
                    self.played = (range, scale, speed);
                    Event::Playing { transport: lower, range, scale, speed }
                }
                Some(client::Event::SwitchedToTcp) => Event::SwitchedToTcp,
                Some(client::Event::Paused) => Event::Paused,
                Some(client::Event::Stalled) => Event::Stalled,
                Some(client::Event::Ended) => Event::Ended,
                Some(client::Event::Closed) => Event::Closed,
                Some(client::Event::Redirected { location }) => {
                    return Err(Error::Redirected(String::from_utf8_lossy(location).into_owned()));
                }
                Some(client::Event::Refused { method, status, auth }) => {
                    return Err(Error::Refused { method, status, auth });
                }
                Some(client::Event::Failed(error)) => return Err(Error::Session(error)),
                Some(_) => continue,
            };
            happened = true;
            self.events.push_back(event);
        }
    }

    fn make_caches(&mut self, tracks: u8) {
        let bytes = self.cache_bytes / usize::from(tracks.max(1));
        let cache = || FrameRing::new(vec![Slot::default(); SLOTS], vec![0; bytes]);
        self.caches = (0..tracks).map(|_| cache()).collect();
    }

    /// Sockets for a track; those of the tracks before it are there.
    fn bind(&mut self, track: u8) -> Option<pinhole::wire::rtsp::Pair<u16>> {
        let index = usize::from(track);
        let first = UDP + 2 * index;
        match TrackSockets::bind(
            self.connection.local(),
            self.connection.server(),
            self.poll.registry(),
            first,
        ) {
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
