//! An RTSP server on desktop sockets: event loops, each on a thread of its own, that share the
//! media and one port.
mod acceptor;
mod crew;
mod event_loop;
mod owners;
mod peer;
mod udp_pairs;
mod wakes;

use crate::media::{InputNews, Library};
use acceptor::Acceptor;
use crew::Crew;
use event_loop::{EventLoop, Shared, Watch};
use pinhole::server::{Config, ConnError, LowerTransport, SessionId, Summary, Why};
use std::io;
use std::net::SocketAddr;
use std::num::NonZero;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// How a server is set up.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Where to listen for RTSP; port 0 takes a free one.
    pub listen: SocketAddr,
    /// How its connections behave.
    pub config: Config,
    /// More connections than this at once are turned away.
    pub max_connections: usize,
    /// How many event loops there are, each on a thread of its own. A connection stays with the one
    /// that had the fewest when it came.
    pub threads: NonZero<usize>,
}

impl Options {
    /// Listens on `listen`, with the core's defaults, for up to 1024 connections, in one event loop.
    pub const fn new(listen: SocketAddr) -> Self {
        Self { listen, config: Config::DEFAULT, max_connections: 1024, threads: NonZero::<usize>::MIN }
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
        transport: LowerTransport,
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
    /// A client reports another loss than before, and is sent fewer frames, or more.
    Adapted {
        /// The client.
        peer: SocketAddr,
        /// Its session.
        session: SessionId,
        /// One frame in so many is sent from here on; 1: all.
        one_in: u8,
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
    crew: Arc<Crew>,
}

impl Handle {
    /// Has the server say BYE to all sessions and [`Server::run`] return.
    pub fn stop(&self) {
        self.crew.stop();
    }
}

/// An RTSP server, bound and not yet running.
pub struct Server {
    address: SocketAddr,
    handle: Handle,
    /// Accepts for all.
    first: EventLoop,
    others: Vec<EventLoop>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let threads = self.others.len() + 1;
        f.debug_struct("Server").field("address", &self.address).field("threads", &threads).finish()
    }
}

impl Server {
    /// Listens, for the media of `library`.
    ///
    /// # Errors
    /// [`Error::Listen`] where the address is taken or not this machine's; [`Error::Loop`] where the
    /// system has no resources for so many loops.
    pub fn bind(options: &Options, library: Library) -> Result<Self, Error> {
        let listen = |source| Error::Listen { address: options.listen, source };
        let acceptor = Acceptor::bind(options.listen).map_err(listen)?;
        let address = acceptor.local_addr().map_err(listen)?;
        let watch = Watch::new()?;
        let watches = (1..options.threads.get()).map(|_| Watch::new()).collect::<Result<Vec<_>, _>>()?;
        let wakers = std::iter::once(&watch).chain(&watches).map(|watch| watch.waker.clone());
        let crew = Arc::new(Crew::new(wakers, options.max_connections));
        let start = |number, watch, library| {
            EventLoop::new(number, crew.clone(), watch, library, address.ip(), options.config)
        };
        let others =
            (1..).zip(watches).map(|(number, watch)| start(number, watch, library.share())).collect();
        let mut first = start(0, watch, library);
        first.accept_by(acceptor)?;
        Ok(Self { address, handle: Handle { crew }, first, others })
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
        self.first.library()
    }

    /// Serves until [`Handle::stop`], or until all inputs have ended and are sent where every medium
    /// is live. One event loop runs on this thread, and the others on threads of their own; what
    /// happens is told by any of them, one at a time.
    ///
    /// # Errors
    /// [`Error::Loop`] where the operating system fails a loop, which ends the others, too; what
    /// one client does never ends any.
    ///
    /// # Panics
    /// Where `tell` does.
    pub fn run(self, tell: impl FnMut(&Event) + Send) -> Result<(), Error> {
        let Self { first, others, .. } = self;
        let tell = Mutex::new(tell);
        let serve = &|event_loop: EventLoop| {
            event_loop.run(&mut |event| {
                let mut tell = tell.lock().unwrap_or_else(PoisonError::into_inner);
                (*tell)(event);
            })
        };
        thread::scope(|scope| {
            let mut threads = Vec::with_capacity(others.len());
            for (number, event_loop) in (1..).zip(others) {
                let builder = thread::Builder::new().name(format!("loop {number}"));
                // One that cannot be started ends those that were, as it is dropped.
                threads.push(builder.spawn_scoped(scope, move || serve(event_loop))?);
            }
            let mut result = serve(first);
            for thread in threads {
                let ended = thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                result = result.and(ended);
            }
            result
        })
    }
}
