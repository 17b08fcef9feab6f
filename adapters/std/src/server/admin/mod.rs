//! The admin port: what tells people and programs how a server does, over HTTP/1.0 and 1.1, on a thread of its own, so
//! that it answers while event loops are stalled, and before they begin.
//!
//! | Path | What it is |
//! |-|-|
//! | `/metrics` | all figures, as OpenMetrics |
//! | `/healthz` | 200 while all event loops turn, else 503 |
//! | `/readyz` | 200 while clients are let in, else 503 |
//! | `/sessions` | the sessions as JSON |
//!
//! A connection has one request. Whatever comes, so many connections, bytes and requests a second are the most.
mod answers;
mod exchange;
mod families;
mod metrics;
mod sessions;

use super::Error;
use super::acceptor::Acceptor;
use super::bucket::Bucket;
use super::limits::Refusal;
use super::observe::Observed;
use crate::clock::Clock;
use answers::Answers;
use exchange::Exchange;
use mio::{Events, Poll, Token, Waker};
use pinhole::time::{Duration, Instant};
use slab::Slab;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};

const WAKER: Token = Token(0);
const LISTENER: Token = Token(1);
/// The first token of the connections.
const CONNECTIONS: usize = 2;
/// The most connections at once. Where there is one more, the oldest one is closed.
const MAX_CONNECTIONS: usize = 64;
/// How many connections are accepted at once, and how many a second.
const ACCEPTS: (u32, u32) = (256, 100);

/// An admin port: it serves the metrics, the health and the sessions of a [`Server`](super::Server) over HTTP, from a
/// thread of its own. Bind it before the media are read, so that it tells that the server starts, and pass it to
/// [`Server::observe`](super::Server::observe). It listens until it is dropped.
///
/// Nobody has to log in: bind it to an address that only those reach who may see the paths of media, and the addresses
/// and names of clients. On a loopback address, it answers only requests for an IP address or `localhost`, so that no
/// page of a browser on this machine can read it by a name of its own.
#[derive(Debug)]
pub struct Admin {
    address: SocketAddr,
    shared: Arc<Shared>,
    waker: Arc<Waker>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread of an admin port knows of others.
#[derive(Debug, Default)]
struct Shared {
    observed: OnceLock<Arc<Observed>>,
    is_dropped: AtomicBool,
}

/// The thread of an admin port.
struct Port {
    poll: Poll,
    clock: Clock,
    acceptor: Acceptor,
    accepts: Bucket,
    exchanges: Slab<Exchange>,
    answers: Answers,
    shared: Arc<Shared>,
}

impl Admin {
    /// The most descriptors of files and sockets that an admin port has.
    pub const MAX_DESCRIPTORS: usize = MAX_CONNECTIONS + 4;

    /// Listens on `address`. With port 0, the system chooses a free port, which [`Self::local_addr`] returns.
    ///
    /// # Errors
    /// [`Error::Listen`] if the address is taken, not one of this machine, or not permitted; [`Error::Loop`] if the
    /// system refuses a thread or a poll.
    pub fn bind(address: SocketAddr) -> Result<Self, Error> {
        let error = |source| Error::Listen { address, source };
        let mut acceptor = Acceptor::bind(address).map_err(error)?;
        let address = acceptor.local_addr().map_err(error)?;
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
        acceptor.register(poll.registry(), LISTENER)?;
        let shared = Arc::new(Shared::default());
        let port = Port {
            poll,
            clock: Clock::start(),
            acceptor,
            accepts: Bucket::new(ACCEPTS.0, ACCEPTS.1),
            exchanges: Slab::new(),
            answers: Answers::new(shared.clone(), address.ip().is_loopback()),
            shared: shared.clone(),
        };
        let thread = thread::Builder::new().name("admin".into()).spawn(move || {
            if let Err(error) = port.run() {
                tracing::error!(%error, "the admin port has failed");
            }
        })?;
        Ok(Self { address, shared, waker, thread: Some(thread) })
    }

    /// Returns the address and TCP port that the admin port listens on.
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Tells of a server from now on. Returns false if it tells of another one already.
    pub(super) fn observe(&self, observed: Arc<Observed>) -> bool {
        self.shared.observed.set(observed).is_ok()
    }
}

impl Drop for Admin {
    fn drop(&mut self) {
        self.shared.is_dropped.store(true, Ordering::Release);
        // Where it fails, the thread is gone.
        if self.waker.wake().is_ok()
            && let Some(thread) = self.thread.take()
        {
            // It has told why it has panicked.
            let _ = thread.join();
        }
    }
}

impl Port {
    fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(2 * MAX_CONNECTIONS);
        loop {
            let timeout = self.next().map(|at| at.since(self.clock.now().at).into());
            match self.poll.poll(&mut events, timeout) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
            if self.shared.is_dropped.load(Ordering::Acquire) {
                return Ok(());
            }
            let now = self.clock.now().at;
            self.accept(now);
            // They are few.
            let answers = &mut self.answers;
            self.exchanges.retain(|_, exchange| exchange.proceed(now, answers));
        }
    }

    /// Returns when there is something to do without an event.
    fn next(&self) -> Option<Instant> {
        let now = self.clock.now().at;
        let again = self.acceptor.again().map(|at| {
            let at = now + Duration::from(at.saturating_duration_since(std::time::Instant::now()));
            self.accepts.next(now).map_or(at, |allowed| allowed.max(at))
        });
        let deadlines = self.exchanges.iter().map(|(_, exchange)| exchange.deadline());
        // The listener causes no further event for those that may not be accepted yet.
        deadlines.chain(again).chain(self.accepts.next(now)).min()
    }

    fn accept(&mut self, now: Instant) {
        let Self { acceptor, accepts, exchanges, poll, shared, .. } = self;
        if accepts.next(now).is_some() {
            return;
        }
        acceptor.accept(|stream, address| {
            accepts.take(now, 1);
            let limits = shared.observed.get().map(|observed| &observed.limits);
            if limits.is_some_and(|limits| !is_own(address) && !limits.admits(address)) {
                return limits.into_iter().for_each(|limits| limits.refuse(Refusal::Denied));
            }
            if exchanges.len() >= MAX_CONNECTIONS {
                let oldest = exchanges.iter().min_by_key(|(_, exchange)| exchange.deadline());
                if let Some(oldest) = oldest.map(|(key, _)| key) {
                    exchanges.remove(oldest);
                }
            }
            let entry = exchanges.vacant_entry();
            let token = Token(CONNECTIONS + entry.key());
            // One that the system does not watch is closed.
            if let Ok(exchange) = Exchange::new(now, stream, poll.registry(), token) {
                entry.insert(exchange);
            }
        });
    }
}

/// Returns whether an address is that of this machine, from which a server is looked after.
fn is_own(address: SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}
