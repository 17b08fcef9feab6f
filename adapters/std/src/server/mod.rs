//! An RTSP server on desktop sockets. It runs one or several event loops, each on a thread of its own,
//! which share the media and one listening port. Bind a [`Server`] to a [`Library`], and call
//! [`Server::run`].
mod acceptor;
mod access;
#[cfg(feature = "metrics")]
mod admin;
mod allowance;
mod arrival;
mod bucket;
mod byte_stream;
mod connection;
mod datagrams;
mod descriptors;
mod event;
mod event_loop;
mod exact_wait;
mod failures;
#[cfg(feature = "http")]
mod http;
mod limits;
mod logins;
#[cfg(feature = "metrics")]
mod observe;
mod options;
mod origin;
mod owners;
mod peer;
mod program;
mod proxied;
mod shared;
#[cfg(feature = "tls")]
mod tls;
#[cfg(feature = "http")]
mod tunnel;
mod udp_pairs;
mod users;
mod workers;

use crate::media::Library;
#[cfg(feature = "tls")]
use crate::tls::Identity;
use crate::udp;
use acceptor::Acceptor;
use arrival::Protocol;
use event_loop::{EventLoop, Watch};
use ipnet::IpNet;
use limits::Limits;
use logins::Logins;
use shared::Shared;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;
#[cfg(feature = "tls")]
use tls::Certificate;
use workers::Workers;

pub use access::{Access, AddressList};
#[cfg(feature = "metrics")]
pub use admin::Admin;
pub use descriptors::raise_descriptor_limit;
pub use event::{Event, RevokeReason};
#[cfg(feature = "simulation")]
pub use http::simulation;
pub use ipnet;
pub use options::Options;
#[cfg(feature = "tls")]
pub use tls::HandshakeError;
pub use users::{MAX_REALM, MAX_USER, MAX_USERS, User, Users, UsersError};

/// Why a server cannot start, or cannot continue. [`Server::bind`] and [`Server::run`] return it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The server cannot listen on the address and port, for one of these reasons: they are taken, the
    /// address is not one of this machine, or this user may not use the port.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address and port that the server was to listen on.
        address: SocketAddr,
        /// The error of the system.
        source: io::Error,
    },
    /// The operating system refuses what an event loop needs: a thread, a poll, or memory for it. The
    /// server does not run, or has stopped.
    #[error("the event loop failed: {0}")]
    Loop(#[from] io::Error),
}

/// A handle with which another thread stops or changes a server. [`Server::handle`] returns it. It can be cloned.
#[derive(Clone, Debug)]
pub struct Handle {
    workers: Arc<Workers>,
    limits: Arc<Limits>,
    /// All media, for no loop. They end with the server.
    media: Weak<Mutex<Library>>,
    #[cfg(feature = "tls")]
    certificate: Arc<Certificate>,
}

impl Handle {
    /// Stops the server. Returns at once. The server sends BYE to all sessions, and then [`Server::run`]
    /// returns, after about half a second at the latest. If the server does not run yet, [`Server::run`]
    /// returns soon after it is called. Further calls of this method do nothing.
    pub fn stop(&self) {
        self.workers.stop();
    }

    /// Takes over what of `options` can change while the server runs: [`Options::max_connections`],
    /// [`Options::max_connections_per_ip`], [`Options::max_bitrate`] and [`Options::max_bitrate_per_ip`], and for
    /// connections that come from now on [`Options::config`]. Everything else stays as it was. Nobody who is there has to
    /// leave, also where there are more than the limits permit. Returns at once; [`Options::config`] is in force soon
    /// after.
    pub fn set_options(&self, options: &Options) {
        self.limits.set(options);
        self.workers.change(|settings| settings.config = options.config);
    }

    /// Has other users log in from now on, or nobody any more, as [`Server::require_login`] does. Sessions go on. Those end
    /// with [`Event::Revoked`] whose user is not there any more, has another password, or may not watch any more what the
    /// session plays; so do the sessions of clients that were not logged in. Returns at once, and is in force soon after.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub fn set_users(&self, users: Option<Users>) -> io::Result<()> {
        let before = self.workers.current().logins;
        let logins = match (users, before) {
            (None, _) => None,
            (Some(users), Some(before)) => Some(before.with_users(users)),
            (Some(users), None) => Some(Logins::new(users)?),
        };
        self.workers.change(|settings| settings.logins = logins);
        Ok(())
    }

    /// Lets clients in from these addresses only from now on, as [`Server::restrict`] does. Connections from others end with
    /// [`Event::Revoked`], and so do those that play a medium which their address may not watch any more. Returns at once,
    /// and is in force soon after.
    pub fn restrict(&self, access: Access) {
        if *self.workers.current().access != access {
            self.limits.restrict(access.all.clone());
            self.workers.change(|settings| settings.access = Arc::new(access));
        }
    }

    /// Adds and removes media. `change` is given a library with all media of the server, without the problems of before. It
    /// runs on this thread, and may take long: meanwhile the server goes on. Media that it has added can be played soon
    /// after. Sessions of those that it has removed end with [`Event::Revoked`], and nobody else notices. Returns what
    /// `change` returns; `None` if the server has ended.
    pub fn change_media<R>(&self, change: impl FnOnce(&mut Library) -> R) -> Option<R> {
        let library = self.media.upgrade()?;
        let mut library = library.lock().unwrap_or_else(PoisonError::into_inner);
        library.forget_problems();
        let changed = change(&mut library);
        let media = library.publish();
        self.workers.change(|settings| settings.media = Some(media));
        Some(changed)
    }

    /// Lets nobody else in. Who is sent a medium gets it to its end. When nobody is sent anything, the server stops as
    /// [`Self::stop`] says: call that after a time of your choice, because live media have no end. New connections
    /// and SETUP are refused with 503 and `Retry-After`, and so are all requests of browsers. Returns at once.
    pub fn drain(&self) {
        // In this order, so that nobody is let in once the loops look for whom they serve.
        self.limits.drain();
        self.workers.drain();
    }

    /// Replaces the certificate and the key of [`Server::listen_tls`], for example because the former will expire.
    /// Clients that connect from now on are shown the new one. Sessions go on. Returns at once.
    #[cfg(feature = "tls")]
    pub fn replace_identity(&self, identity: Identity) {
        self.certificate.set(identity);
    }
}

/// Sockets that listen already, for example those that systemd has opened. Pass them to
/// [`Server::with_listeners`].
#[derive(Debug, Default)]
pub struct Listeners {
    /// The socket for RTSP, in place of one at [`Options::listen`].
    pub rtsp: Option<TcpListener>,
    /// The socket for browsers, in place of one at [`Options::http`].
    #[cfg(feature = "http")]
    pub http: Option<TcpListener>,
}

/// An RTSP server that is bound and not yet running: call [`Self::run`]. If it is dropped instead, it stops
/// listening. See the [crate's front page](crate) for an example.
pub struct Server {
    address: SocketAddr,
    #[cfg(feature = "http")]
    http: Option<SocketAddr>,
    #[cfg(feature = "tls")]
    tls: Option<SocketAddr>,
    handle: Handle,
    /// What [`Handle::change_media`] changes.
    media: Arc<Mutex<Library>>,
    /// The loop that accepts connections for all.
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
    /// Binds the listening socket of a server for the media of `library`. Clients can connect from now on,
    /// but their requests are answered only once [`Self::run`] is called.
    ///
    /// # Errors
    /// [`Error::Listen`] if the address is taken, not one of this machine, or not permitted; [`Error::Loop`]
    /// if the system has no resources for so many loops.
    pub fn bind(options: &Options, library: Library) -> Result<Self, Error> {
        Self::with_listeners(Listeners::default(), options, library)
    }

    /// Makes a server as [`Self::bind`] does, with sockets that listen already where there are any.
    ///
    /// # Errors
    /// Those of [`Self::bind`], and [`Error::Loop`] if a socket does not listen for TCP.
    pub fn with_listeners(listeners: Listeners, options: &Options, library: Library) -> Result<Self, Error> {
        let (acceptor, address) = match listeners.rtsp {
            Some(listener) => accept_of(listener)?,
            None => listen(options.listen)?,
        };
        #[cfg(feature = "http")]
        let (http, http_address) = match listeners.http {
            Some(listener) => Some(accept_of(listener)?),
            None => options.http.map(listen).transpose()?,
        }
        .unzip();
        #[cfg(feature = "http")]
        let options = &Options { http: http_address, ..*options };
        let watch = Watch::new()?;
        let watches = (1..options.threads.get()).map(|_| Watch::new()).collect::<Result<Vec<_>, _>>()?;
        let wakers = std::iter::once(&watch).chain(&watches).map(|watch| watch.waker.clone());
        let workers = Arc::new(Workers::new(wakers, options.config));
        let limits = Arc::new(Limits::new(options));
        // It is asked here, and not when a loop opens the first pair.
        udp::segments();
        let start = |number, watch, library| {
            EventLoop::new(number, workers.clone(), watch, library, address, options)
        };
        let others = (1..).zip(watches).map(|(number, watch)| start(number, watch, library.share()));
        let others = others.collect::<io::Result<Vec<_>>>()?;
        let media = Arc::new(Mutex::new(library.share()));
        let mut first = start(0, watch, library)?;
        let acceptors = std::iter::once((Protocol::Rtsp, acceptor));
        #[cfg(feature = "http")]
        let acceptors = acceptors.chain(http.map(|acceptor| (Protocol::Http, acceptor)));
        first.accept_by(acceptors, limits.clone())?;
        #[cfg(feature = "tls")]
        let certificate = Arc::<Certificate>::default();
        Ok(Self {
            address,
            #[cfg(feature = "http")]
            http: http_address,
            #[cfg(feature = "tls")]
            tls: None,
            handle: Handle {
                workers,
                limits,
                media: Arc::downgrade(&media),
                #[cfg(feature = "tls")]
                certificate,
            },
            media,
            first,
            others,
        })
    }

    /// Returns the address and TCP port that the server listens on. If [`Options::listen`] has port 0, this
    /// is the port that the system has chosen.
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Returns the address and TCP port that the server listens on for browsers; `None` if it does not.
    #[cfg(feature = "http")]
    pub const fn http_addr(&self) -> Option<SocketAddr> {
        self.http
    }

    /// Listens for RTSP inside TLS as well (`rtsps://`), and shows clients this certificate. The usual port is 322, which
    /// some systems let only their administrator listen on. Returns the address and port. With port 0, the system
    /// chooses a free port. With the feature `http`, RTSP over HTTP is spoken there as well, and so are the pages for
    /// browsers if [`Options::http`] asks for them (`https://`).
    ///
    /// Inside TLS, packets are sent in the connection alone: SETUP for UDP is refused with 461. Passwords may come by Basic
    /// authentication. A connection counts as others do, and has to finish its handshake within
    /// [`Config::request_timeout`](pinhole::server::Config::request_timeout).
    ///
    /// # Errors
    /// [`Error::Listen`] as for [`Self::bind`], and [`Error::Loop`] if the system has no resources for it, or the server
    /// listens for TLS already.
    #[cfg(feature = "tls")]
    pub fn listen_tls(&mut self, address: SocketAddr, identity: Identity) -> Result<SocketAddr, Error> {
        let (acceptor, address) = listen(address)?;
        self.accept_tls(acceptor, address, identity)
    }

    /// Does what [`Self::listen_tls`] does, with a socket that listens already.
    ///
    /// # Errors
    /// Those of [`Self::listen_tls`], and [`Error::Loop`] if the socket does not listen for TCP.
    #[cfg(feature = "tls")]
    pub fn listen_tls_on(&mut self, listener: TcpListener, identity: Identity) -> Result<SocketAddr, Error> {
        let (acceptor, address) = accept_of(listener)?;
        self.accept_tls(acceptor, address, identity)
    }

    #[cfg(feature = "tls")]
    fn accept_tls(
        &mut self,
        acceptor: Acceptor,
        address: SocketAddr,
        identity: Identity,
    ) -> Result<SocketAddr, Error> {
        if self.tls.is_some() {
            return Err(io::Error::other("the server listens for TLS already").into());
        }
        self.first.accept_tls(acceptor)?;
        self.handle.certificate.set(identity);
        for event_loop in std::iter::once(&mut self.first).chain(&mut self.others) {
            event_loop.show(Arc::clone(&self.handle.certificate));
        }
        self.tls = Some(address);
        Ok(address)
    }

    /// Returns the address and TCP port that the server listens on for RTSP inside TLS; `None` if it does not.
    #[cfg(feature = "tls")]
    pub const fn tls_addr(&self) -> Option<SocketAddr> {
        self.tls
    }

    /// Has connections from these networks begin with a header of the PROXY protocol, version 2, which says whose they are:
    /// as load balancers such as HAProxy send it. Limits, logs and logins are those of the client's address then, and not
    /// of the proxy's. A connection without such a header is closed. SETUP for UDP is refused with 461, because datagrams
    /// would not come from the proxy. This goes for all ports of the server.
    ///
    /// List only addresses of proxies: whoever else has one of them can claim any address.
    pub fn trust_proxies(&mut self, networks: impl IntoIterator<Item = IpNet>) {
        self.first.trust_proxies(networks.into_iter().collect());
    }

    /// Lets clients in from these addresses only. A connection from any other is closed at once, at all ports of the server,
    /// and so is one that a proxy brings from there. At the admin port that observes the server, the addresses of this
    /// machine (127.0.0.0/8 and `::1`) are let in, too. A medium that an address may not watch is not there for it.
    pub fn restrict(&mut self, access: Access) {
        let access = Arc::new(access);
        self.handle.limits.restrict(access.all.clone());
        for event_loop in std::iter::once(&mut self.first).chain(&mut self.others) {
            event_loop.restrict(access.clone());
        }
        self.handle.workers.change(|settings| settings.access = access);
    }

    /// Has all clients log in as one of `users`, by RTSP and by HTTP, before they are told or sent anything. Only OPTIONS
    /// is answered to everybody. What a user may not watch is not there for that user.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub fn require_login(&mut self, users: Users) -> io::Result<()> {
        let logins = Logins::new(users)?;
        for event_loop in std::iter::once(&mut self.first).chain(&mut self.others) {
            event_loop.require_login(logins.clone());
        }
        self.handle.workers.change(|settings| settings.logins = Some(logins));
        Ok(())
    }

    /// Has `admin` tell of this server from now on: its metrics, its health and its sessions. The server counts as ready
    /// once [`Self::run`] is called. An admin port tells of one server: if it tells of another one already, nothing
    /// changes.
    #[cfg(feature = "metrics")]
    pub fn observe(&mut self, admin: &Admin) {
        let Handle { limits, workers, .. } = self.handle.clone();
        let loops = self.others.len() + 1;
        let observed = Arc::new(observe::Observed::new(self.library(), loops, limits, workers));
        if admin.observe(observed.clone()) {
            for event_loop in std::iter::once(&mut self.first).chain(&mut self.others) {
                event_loop.observe(observed.clone());
            }
        }
    }

    /// Returns a handle with which another thread stops the server. Take it before [`Self::run`], which
    /// consumes the server.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Returns the media that are served, for their names and problems.
    pub const fn library(&self) -> &Library {
        self.first.library()
    }

    /// Serves until [`Handle::stop`] is called, and blocks meanwhile. If every medium is a live input, this
    /// also returns when all inputs have ended and their last frames are sent.
    ///
    /// One event loop runs on this thread, and each of the others on a thread of its own. Every event loop
    /// calls `tell` with its events. The calls never overlap: if two loops have events, one of them waits.
    /// While a loop calls `tell` or waits to do so, it serves no client, so return soon.
    ///
    /// # Errors
    /// [`Error::Loop`] if the operating system refuses something that a loop needs. All other loops end as
    /// well. Nothing that a client does ends a loop.
    ///
    /// # Panics
    /// If `tell` panics.
    pub fn run(self, tell: impl FnMut(&Event) + Send) -> Result<(), Error> {
        let Self { first, others, media: _media, .. } = self;
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
                // A loop that cannot be started is dropped, which stops the others.
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

/// Accepts connections of a socket that listens already. Returns its address, too.
fn accept_of(listener: TcpListener) -> io::Result<(Acceptor, SocketAddr)> {
    let acceptor = Acceptor::of(listener)?;
    let address = acceptor.local_addr()?;
    Ok((acceptor, address))
}

/// Listens on `address`. Returns the address that it has in the end.
fn listen(address: SocketAddr) -> Result<(Acceptor, SocketAddr), Error> {
    let error = |source| Error::Listen { address, source };
    let acceptor = Acceptor::bind(address).map_err(error)?;
    let bound = acceptor.local_addr().map_err(error)?;
    Ok((acceptor, bound))
}
