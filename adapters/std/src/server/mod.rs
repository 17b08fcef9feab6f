//! An RTSP server on desktop sockets: one event loop for all sessions.
mod peer;
mod udp_pairs;
mod wakes;

use crate::clock::Clock;
use crate::media::{InputNews, Library};
use crate::udp::RECEIVE_LEN;
use mio::event::Source as _;
use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token, Waker};
use peer::{Peer, Turn};
use pinhole::frame::TrackId;
use pinhole::server::{Config, ConnError, Lower, Port, SessionId, Summary, Why};
use slab::Slab;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use udp_pairs::UdpPairs;
use wakes::Wakes;

const LISTENER: Token = Token(0);
const WAKER: Token = Token(1);
/// UDP sockets have the tokens from here on, two a pair; connections those behind.
const UDP: usize = 2;
const PEERS: usize = UDP + 2 * udp_pairs::MAX_PAIRS;
/// How many connections are accepted before the others get their turn.
const ACCEPTS: usize = 64;
/// How long a stopping server goes on to say what is left to say.
const FAREWELL: Duration = Duration::from_millis(500);
/// After what time a refused accept (no file descriptors left) is tried again.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// How a server is set up.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Where to listen for RTSP; port 0 takes a free one.
    pub listen: SocketAddr,
    /// How its connections behave.
    pub config: Config,
    /// More connections than this at once are turned away.
    pub max_connections: usize,
}

impl Options {
    /// Listens on `listen`, with the core's defaults, for up to 1024 connections.
    pub const fn new(listen: SocketAddr) -> Self {
        Self { listen, config: Config::DEFAULT, max_connections: 1024 }
    }
}

/// Why a server cannot start, or go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Which address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The operating system refuses what an event loop needs.
    #[error("the event loop failed: {0}")]
    Loop(#[from] io::Error),
}

/// What happened at a server.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// A client set a track up.
    Opened {
        /// The client.
        peer: SocketAddr,
        /// Its session.
        session: SessionId,
        /// Where the medium is mounted.
        mount: String,
        /// How it is sent.
        transport: Lower,
    },
    /// Frames were left out, so that the video keeps its duration.
    Skipped {
        /// The client.
        peer: SocketAddr,
        /// Its session.
        session: SessionId,
        /// How many.
        frames: u64,
    },
    /// A track was played to its end.
    Ended {
        /// The client.
        peer: SocketAddr,
        /// Its session.
        session: SessionId,
    },
    /// A track is gone.
    Closed {
        /// The client.
        peer: SocketAddr,
        /// Its session.
        session: SessionId,
        /// Where the medium is mounted.
        mount: String,
        /// Why.
        why: Why,
        /// What it came to.
        summary: Summary,
    },
    /// A client was refused something.
    Refused {
        /// The client.
        peer: SocketAddr,
        /// What it asked for.
        url: String,
        /// With which status.
        status: u16,
    },
    /// A client was disconnected.
    Disconnected {
        /// The client.
        peer: SocketAddr,
        /// Why.
        why: ConnError,
    },
    /// Something happened at a live input.
    Input {
        /// Where it is mounted.
        mount: String,
        /// What.
        news: InputNews,
    },
}

/// Stops a server from elsewhere: another thread, or a signal handler's.
#[derive(Clone, Debug)]
pub struct Handle {
    stop: Arc<AtomicBool>,
    waker: Arc<Waker>,
}

impl Handle {
    /// Has the server say BYE to all sessions and [`Server::run`] return.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Release);
        // Fails only where the loop is gone already.
        let _ = self.waker.wake();
    }
}

/// What all connections share.
struct Shared {
    clock: Clock,
    library: Library,
    pairs: UdpPairs,
    scratch: Box<[u8]>,
    config: Config,
}

/// An RTSP server, bound and not yet running.
pub struct Server {
    poll: Poll,
    listener: TcpListener,
    address: SocketAddr,
    peers: Slab<Peer>,
    wakes: Wakes,
    shared: Shared,
    handle: Handle,
    max_connections: usize,
    accept_again: Option<Instant>,
    /// UDP sockets whose datagrams were not all received; they will not say so again.
    unread: Vec<usize>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("address", &self.address).field("peers", &self.peers.len()).finish()
    }
}

impl Server {
    /// Listens, for the media of `library`.
    ///
    /// # Errors
    /// [`Error::Listen`] where the address is taken or not this machine's.
    pub fn bind(options: &Options, library: Library) -> Result<Self, Error> {
        let listen = |source| Error::Listen { address: options.listen, source };
        let mut listener = listener(options.listen).map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let poll = Poll::new()?;
        listener.register(poll.registry(), LISTENER, Interest::READABLE)?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
        library.wake_by(&waker);
        let pairs = UdpPairs::new(address.ip(), UDP);
        let clock = library.clock();
        let scratch = vec![0; RECEIVE_LEN].into_boxed_slice();
        Ok(Self {
            poll,
            listener,
            address,
            peers: Slab::new(),
            wakes: Wakes::default(),
            shared: Shared { clock, library, pairs, scratch, config: options.config },
            handle: Handle { stop: Arc::new(AtomicBool::new(false)), waker },
            max_connections: options.max_connections,
            accept_again: None,
            unread: Vec::new(),
        })
    }

    /// Where it listens, with the port that was taken.
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// What stops it.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// The media it serves.
    pub const fn library(&self) -> &Library {
        &self.shared.library
    }

    /// Serves until [`Handle::stop`], or until all inputs have ended and are sent where every medium
    /// is live; tells what happens.
    ///
    /// # Errors
    /// [`Error::Loop`] where the operating system fails the loop; what one client does never ends
    /// it.
    pub fn run(mut self, mut tell: impl FnMut(&Event)) -> Result<(), Error> {
        let mut events = Events::with_capacity(1024);
        let mut farewell: Option<Instant> = None;
        loop {
            self.wait(&mut events, farewell)?;
            if self.handle.stop.load(Ordering::Acquire) && farewell.is_none() {
                farewell = Some(Instant::now() + FAREWELL);
                self.close_all(&mut tell);
            }
            if self.shared.library.take_live() {
                self.turn_live(&mut tell);
                for (mount, news) in self.shared.library.live_news(self.shared.clock.now().at) {
                    tell(&Event::Input { mount, news });
                }
            }
            for event in &events {
                match event.token() {
                    LISTENER => self.accept(farewell.is_some()),
                    WAKER => {}
                    Token(token) if token < PEERS => self.receive_datagrams(token, &mut tell),
                    Token(token) => {
                        let index = token - PEERS;
                        if let Some(peer) = self.peers.get_mut(index) {
                            peer.ready(event.is_readable() || event.is_read_closed(), event.is_writable());
                            self.turn(index, &mut tell);
                        }
                    }
                }
            }
            for token in std::mem::take(&mut self.unread) {
                self.receive_datagrams(token, &mut tell);
            }
            if self.accept_again.is_some_and(|at| at <= Instant::now()) {
                self.accept(farewell.is_some());
            }
            let due = self.wakes.take_due(self.shared.clock.now().at);
            for index in due {
                self.turn(index, &mut tell);
            }
            let over = self.shared.library.is_over() && !self.peers.iter().any(|(_, peer)| peer.is_sending());
            if over && farewell.is_none() {
                // All of the live input there was has been sent.
                self.handle.stop();
            }
            if farewell.is_some_and(|until| self.peers.is_empty() || until <= Instant::now()) {
                return Ok(());
            }
        }
    }

    fn wait(&mut self, events: &mut Events, farewell: Option<Instant>) -> Result<(), Error> {
        let now = Instant::now();
        let wake = self.wakes.next().map(|at| at.since(self.shared.clock.now().at).into());
        let others =
            [farewell, self.accept_again].into_iter().flatten().map(|at| at.saturating_duration_since(now));
        let left = (!self.unread.is_empty()).then_some(Duration::ZERO);
        let timeout = others.chain(wake).chain(left).min();
        match self.poll.poll(events, timeout) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => Err(error.into()),
            _ => Ok(()),
        }
    }

    fn accept(&mut self, closing: bool) {
        self.accept_again = None;
        for _ in 0..ACCEPTS {
            match self.listener.accept() {
                Ok((_, address)) if closing || self.peers.len() >= self.max_connections => {
                    tracing::warn!(%address, limit = self.max_connections, "connection turned away");
                }
                Ok((stream, address)) => {
                    if let Err(error) = self.admit(stream, address) {
                        tracing::warn!(%address, %error, "connection failed");
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) => {
                    tracing::warn!(%error, "no connection could be accepted");
                    break;
                }
            }
        }
        // There may be more, and the listener will not say so again.
        self.accept_again = Some(Instant::now() + ACCEPT_AGAIN);
    }

    fn admit(&mut self, stream: mio::net::TcpStream, address: SocketAddr) -> io::Result<()> {
        let now = self.shared.clock.now();
        let entry = self.peers.vacant_entry();
        let token = Token(PEERS + entry.key());
        let peer = Peer::new(now, stream, address, self.shared.config, self.poll.registry(), token)?;
        self.wakes.set(entry.key(), now.at);
        entry.insert(peer);
        Ok(())
    }

    /// All that one connection can do now.
    fn turn(&mut self, index: usize, tell: &mut impl FnMut(&Event)) {
        let Some(peer) = self.peers.get_mut(index) else { return };
        let now = self.shared.clock.now();
        let mut turn = peer.turn(now, &mut self.shared, tell);
        if peer.awaits_ports() {
            let address = peer.address().ip();
            let taken = |socket| self.peers.iter().any(|(_, other)| other.may_latch(address, socket));
            let ports = self.shared.pairs.choose(self.poll.registry(), taken);
            let ports = ports.inspect_err(|error| tracing::warn!(%error, "no UDP ports for a session")).ok();
            let Some(peer) = self.peers.get_mut(index) else { return };
            peer.set_up(now, &self.shared, ports);
            turn = peer.turn(now, &mut self.shared, tell);
        }
        match turn {
            Turn::Wait(Some(at)) => self.wakes.set(index, at),
            Turn::Wait(None) => self.wakes.clear(index),
            Turn::Gone => {
                self.wakes.clear(index);
                let mut peer = self.peers.remove(index);
                peer.deregister(self.poll.registry());
            }
        }
    }

    /// A frame of a live medium came: those who watch it have something to send.
    fn turn_live(&mut self, tell: &mut impl FnMut(&Event)) {
        let live = |track: TrackId| self.shared.library.is_live(track.media);
        let watching: Vec<usize> =
            self.peers.iter().filter(|(_, peer)| peer.reads(live)).map(|(index, _)| index).collect();
        for index in watching {
            self.turn(index, tell);
        }
    }

    fn receive_datagrams(&mut self, token: usize, tell: &mut impl FnMut(&Event)) {
        let now = self.shared.clock.now();
        let mut touched = Vec::new();
        let peers = &mut self.peers;
        let more =
            self.shared.pairs.receive(token, &mut self.shared.scratch, |socket, port, from, datagram| {
                if let Some(index) = owner(peers, from, socket, port, datagram)
                    && let Some(peer) = peers.get_mut(index)
                {
                    peer.handle_datagram(now, from, socket, port, datagram);
                    if !touched.contains(&index) {
                        touched.push(index);
                    }
                }
            });
        if more && !self.unread.contains(&token) {
            self.unread.push(token);
        }
        for index in touched {
            self.turn(index, tell);
        }
    }

    fn close_all(&mut self, tell: &mut impl FnMut(&Event)) {
        let all: Vec<usize> = self.peers.iter().map(|(index, _)| index).collect();
        for index in all {
            if let Some(peer) = self.peers.get_mut(index) {
                peer.close();
            }
            self.turn(index, tell);
        }
    }
}

/// The connection that a datagram belongs to.
fn owner(peers: &Slab<Peer>, from: SocketAddr, socket: u8, port: Port, datagram: &[u8]) -> Option<usize> {
    use pinhole::server::Claim;
    let claims = peers.iter().map(|(index, peer)| (index, peer.claim(from, socket, port, datagram)));
    Claim::strongest(claims).map(|(index, _)| index)
}

fn listener(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A server that is started again at once finds its own closed connections on the port.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SockAddr::from(address))?;
    socket.listen(1024)?;
    Ok(TcpListener::from_std(socket.into()))
}
