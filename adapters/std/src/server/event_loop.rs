//! One event loop: its connections, its UDP sockets, and the order of their turns.
use super::acceptor::Acceptor;
use super::access::Access;
use super::arrival::{Arrival, Protocol, Role};
use super::connection::Connection;
use super::datagrams::Datagrams;
use super::exact_wait;
use super::limits::{Limits, Seat, TurnedAway};
use super::logins::{Logins, Reader, name_of};
#[cfg(feature = "metrics")]
use super::observe::{self, LoopFigures, Observed, Row};
use super::peer::Next;
use super::shared::Shared;
#[cfg(feature = "tls")]
use super::tls::Certificate;
#[cfg(feature = "http")]
use super::tunnel::Post;
use super::udp_pairs::{self, UdpPairs};
use super::workers::{Settings, Workers};
use super::{Error, Event, Options, RevokeReason};
use crate::media::{Library, PublishedMedia};
use crate::udp::RECEIVE_LEN;
use crate::wakes::{Precision, Wakes};
use ipnet::IpNet;
use mio::{Events, Poll, Token, Waker};
use pinhole::frame::TrackId;
use pinhole::server::Login;
use slab::Slab;
#[cfg(feature = "metrics")]
use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Wake;
use std::time::{Duration, Instant};

const WAKER: Token = Token(0);
/// The first token of the listening sockets, one for each protocol.
const LISTENERS: usize = 1;
/// The first token of the UDP sockets, two for each pair. The tokens of connections come after.
const UDP: usize = LISTENERS + Protocol::COUNT;
const PEERS: usize = UDP + 2 * udp_pairs::MAX_PAIRS;
/// How long a loop that stops goes on sending its last messages.
const FAREWELL: Duration = Duration::from_millis(500);

/// What a loop waits with, and what wakes it.
pub(super) struct Watch {
    poll: Poll,
    pub(super) waker: Arc<Waker>,
}

/// Wakes a loop, as a library knows it.
struct LoopWaker(Arc<Waker>);

impl Wake for LoopWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Fails only where the loop is gone.
        let _ = self.0.wake();
    }
}

impl Watch {
    pub(super) fn new() -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
        Ok(Self { poll, waker })
    }
}

pub(super) struct EventLoop {
    /// The number of this worker.
    number: usize,
    workers: Arc<Workers>,
    poll: Poll,
    /// The listening sockets, with what they are for. Only the loop that accepts has any.
    acceptors: Vec<(Protocol, Acceptor)>,
    /// What decides who is let in; `None` in all loops but the one that accepts.
    limits: Option<Arc<Limits>>,
    /// Where connections come from that begin with a header of a proxy.
    proxies: Vec<IpNet>,
    refusals: Refusals,
    peers: Slab<Connection>,
    wakes: Wakes,
    shared: Shared,
    /// The tokens of UDP sockets from which not everything was received. They cause no further event
    /// for that.
    unread: Vec<usize>,
    /// The connections whose turn it is. Kept for its memory.
    turns: Vec<usize>,
    /// Whether this worker has nothing more to send, as the others know it.
    done: bool,
    /// The revision of the settings that this loop has.
    revision: u64,
    /// The media that it has taken over, if they have changed.
    media: Option<PublishedMedia>,
    /// Where the figures of this loop are published; `None` if nobody asks for them.
    #[cfg(feature = "metrics")]
    observed: Option<Arc<Observed>>,
}

impl EventLoop {
    /// Creates a loop whose UDP sockets are bound to the address of `local`.
    ///
    /// # Errors
    /// The system refuses another descriptor.
    pub(super) fn new(
        number: usize,
        workers: Arc<Workers>,
        watch: Watch,
        mut library: Library,
        local: SocketAddr,
        options: &Options,
    ) -> io::Result<Self> {
        library.wake_by(Arc::new(LoopWaker(watch.waker.clone())).into());
        let (clock, config) = (library.clock(), options.config);
        let pairs = options.max_udp_pairs / options.threads;
        let datagrams = Datagrams::new(UdpPairs::new(local, UDP, watch.poll.registry().try_clone()?, pairs));
        let scratch = vec![0; RECEIVE_LEN].into_boxed_slice();
        #[cfg(feature = "http")]
        let tunnels = Arc::clone(&workers.tunnels);
        Ok(Self {
            number,
            workers,
            poll: watch.poll,
            acceptors: Vec::new(),
            limits: None,
            proxies: Vec::new(),
            refusals: Refusals::default(),
            peers: Slab::new(),
            wakes: Wakes::default(),
            shared: Shared {
                clock,
                library,
                datagrams,
                scratch,
                config,
                logins: None,
                access: Arc::default(),
                #[cfg(feature = "tls")]
                certificate: Arc::default(),
                #[cfg(feature = "tls")]
                handshakes: Shared::HANDSHAKES,
                #[cfg(feature = "http")]
                rtsp: local,
                #[cfg(feature = "http")]
                has_pages: options.http.is_some(),
                #[cfg(feature = "http")]
                tunnels,
            },
            unread: Vec::new(),
            turns: Vec::new(),
            done: false,
            revision: 0,
            media: None,
            #[cfg(feature = "metrics")]
            observed: None,
        })
    }

    /// Publishes the figures of this loop, once it runs.
    #[cfg(feature = "metrics")]
    pub(super) fn observe(&mut self, observed: Arc<Observed>) {
        self.observed = Some(observed);
    }

    /// Makes this loop accept the connections for all.
    pub(super) fn accept_by(
        &mut self,
        acceptors: impl IntoIterator<Item = (Protocol, Acceptor)>,
        limits: Arc<Limits>,
    ) -> io::Result<()> {
        for (protocol, acceptor) in acceptors {
            self.add_acceptor(protocol, acceptor)?;
        }
        self.limits = Some(limits);
        Ok(())
    }

    fn add_acceptor(&mut self, protocol: Protocol, mut acceptor: Acceptor) -> io::Result<()> {
        let number = self.acceptors.len();
        if number >= Protocol::COUNT {
            return Err(io::Error::other("there is a socket for this protocol already"));
        }
        acceptor.register(self.poll.registry(), Token(LISTENERS + number))?;
        self.acceptors.push((protocol, acceptor));
        Ok(())
    }

    /// Makes this loop, which accepts the connections for all, accept those of TLS as well.
    ///
    /// # Errors
    /// The system refuses to watch the socket, or it is one too many.
    #[cfg(feature = "tls")]
    pub(super) fn accept_tls(&mut self, acceptor: Acceptor) -> io::Result<()> {
        self.add_acceptor(Protocol::Tls, acceptor)
    }

    /// Sets where the certificate is that clients of TLS are shown.
    #[cfg(feature = "tls")]
    pub(super) fn show(&mut self, certificate: Arc<Certificate>) {
        self.shared.certificate = certificate;
    }

    /// Has connections from these networks begin with a header that says whose they are.
    pub(super) fn trust_proxies(&mut self, networks: Vec<IpNet>) {
        self.proxies = networks;
    }

    /// Lets clients watch media only from where they may.
    pub(super) fn restrict(&mut self, access: Arc<Access>) {
        self.shared.access = access;
    }

    /// Lets in only who logs in.
    pub(super) fn require_login(&mut self, logins: Arc<Logins>) {
        self.shared.logins = Some(logins);
    }

    /// Takes over settings that have changed. Connections end whose users may not watch any more what they do, whose media
    /// are removed, or which may not come from where they do.
    fn take_settings(&mut self, tell: &mut impl FnMut(&Event)) {
        let revision = self.workers.revision();
        if std::mem::replace(&mut self.revision, revision) == revision {
            return;
        }
        let Settings { config, logins, access, media } = self.workers.current();
        // What was promised to those who are there is kept.
        self.shared.config = config;
        let media = media.filter(|media| !self.media.as_ref().is_some_and(|own| own.is(media)));
        let has_users_of_before = match (&self.shared.logins, &logins) {
            (Some(before), Some(after)) => Arc::ptr_eq(before, after),
            (before, after) => before.is_none() && after.is_none(),
        };
        let are_addresses_new = !Arc::ptr_eq(&self.shared.access, &access);
        if has_users_of_before && media.is_none() && !are_addresses_new {
            return;
        }
        let now = self.shared.clock.now();
        let library = &self.shared.library;
        let is_lost = |number| media.as_ref().is_some_and(|media| library.will_lose(number, media));
        let mut changed = Vec::new();
        for (index, peer) in &mut self.peers {
            let before = self.shared.logins.as_deref();
            let login = match logins.as_deref() {
                Some(_) if has_users_of_before => peer.login(),
                Some(logins) => logins.renumbered(before, &peer.login()),
                None => Login::default(),
            };
            let address = peer.address();
            let reader = Reader::new(logins.as_deref(), &login, &access, address);
            let is_hidden = |number| !access.may_read(address.ip(), library.mount_of(number));
            let reason = if are_addresses_new && !peer.is_proxy() && !access.all.admits(address.ip()) {
                Some(RevokeReason::Address)
            } else if peer.has_media(now, is_lost) {
                Some(RevokeReason::Media)
            } else if peer.has_media(now, is_hidden) {
                Some(RevokeReason::Address)
            } else if peer.has_media(now, |number| !reader.may_read(library.mount_of(number))) {
                Some(RevokeReason::Users)
            } else {
                None
            };
            if let Some(reason) = reason {
                let user = name_of(before, &peer.login());
                let is_turned_away = !access.all.admits(address.ip());
                let concerns =
                    |number| is_turned_away || is_lost(number) || !reader.may_read(library.mount_of(number));
                let (session, media) = peer.find_media(now, concerns).unzip();
                let mount = media.map(|number| library.mount_of(number).to_owned());
                tell(&Event::Revoked { peer: address, session: session.flatten(), mount, user, reason });
                peer.close();
            }
            changed.push((index, login, reason.is_some()));
        }
        // What is told of their end is told with the users and media of before.
        for &(index, ..) in changed.iter().filter(|(.., is_revoked)| *is_revoked) {
            self.turn(index, tell);
        }
        self.shared.logins = logins;
        self.shared.access = access;
        for (index, login, _) in changed {
            self.peers.get_mut(index).into_iter().for_each(|peer| peer.set_login(login));
        }
        if let Some(media) = media {
            self.shared.library.take_over(&media);
            self.media = Some(media);
        }
    }

    pub(super) const fn library(&self) -> &Library {
        &self.shared.library
    }

    /// Serves until the workers are stopped.
    pub(super) fn run(mut self, tell: &mut impl FnMut(&Event)) -> Result<(), Error> {
        let mut events = Events::with_capacity(1024);
        let mut farewell: Option<Instant> = None;
        #[cfg(feature = "metrics")]
        let figures = self.observed.take().map(|seen| RefCell::new(LoopFigures::new(seen, self.number)));
        #[cfg(feature = "metrics")]
        let tell = &mut |event: &Event| {
            figures.iter().for_each(|figures| figures.borrow_mut().count(event));
            tell(event);
        };
        #[cfg(feature = "metrics")]
        let mut woke = Instant::now();
        loop {
            let now = Instant::now();
            #[cfg(feature = "metrics")]
            if let Some(figures) = &figures {
                self.end_turn(&mut figures.borrow_mut(), now, now.duration_since(woke));
            }
            #[cfg(feature = "metrics")]
            let most = figures.as_ref().map(|_| observe::INTERVAL.into());
            #[cfg(not(feature = "metrics"))]
            let most = None;
            self.wait(&mut events, now, farewell, most)?;
            #[cfg(feature = "metrics")]
            if figures.is_some() {
                woke = Instant::now();
            }
            if events.iter().any(|event| event.token() == WAKER) {
                if self.workers.is_stopped() && farewell.is_none() {
                    farewell = Some(Instant::now() + FAREWELL);
                    self.close_all(tell);
                }
                self.take_settings(tell);
                self.turn_live(tell);
                self.turn_all(tell, |this, turns| turns.extend(this.shared.library.take_served()));
            }
            for event in &events {
                match event.token() {
                    WAKER => self.admit_handed(farewell.is_some()),
                    Token(token) if token < UDP => self.accept(token - LISTENERS, farewell.is_some()),
                    Token(token) if token < PEERS => self.receive_datagrams(token, tell),
                    Token(token) => {
                        let index = token - PEERS;
                        if let Some(peer) = self.peers.get_mut(index) {
                            peer.ready(event.is_readable() || event.is_read_closed(), event.is_writable());
                            self.turn(index, tell);
                        }
                    }
                }
            }
            for token in std::mem::take(&mut self.unread) {
                self.receive_datagrams(token, tell);
            }
            for number in 0..self.acceptors.len() {
                let again = self.acceptors.get(number).and_then(|(_, acceptor)| acceptor.again());
                if again.is_some_and(|at| at <= Instant::now()) {
                    self.accept(number, farewell.is_some());
                }
            }
            let now = self.shared.clock.now().at;
            self.turn_all(tell, |this, due| this.wakes.take_due(now, due));
            let ends = self.shared.library.is_over() || self.workers.is_draining();
            let done = ends && !self.peers.iter().any(|(_, peer)| peer.is_sending());
            if std::mem::replace(&mut self.done, done) != done {
                self.workers.set_done(done);
            }
            if farewell.is_some_and(|until| self.peers.is_empty() || until <= Instant::now()) {
                return Ok(());
            }
        }
    }

    /// Takes note of a turn of all connections together, which has ended now.
    #[cfg(feature = "metrics")]
    fn end_turn(&self, figures: &mut LoopFigures, now: Instant, took: Duration) {
        let Shared { clock, library, logins, .. } = &self.shared;
        if figures.end_turn(clock.at(now), took.into()) {
            let (now, logins) = (clock.now(), logins.as_deref());
            let observe = |peer: &Connection, add: &mut dyn FnMut(Row)| peer.observe(now, logins, add);
            let connections =
                self.peers.iter().map(|(_, peer)| move |add: &mut dyn FnMut(Row)| observe(peer, add));
            figures.publish(now.at, connections, library);
        }
    }

    /// Waits until there is something to do, or for `most`.
    fn wait(
        &mut self,
        events: &mut Events,
        now: Instant,
        farewell: Option<Instant>,
        most: Option<Duration>,
    ) -> Result<(), Error> {
        let [wake, exact] = [Precision::Coarse, Precision::Exact].map(|precision| {
            self.wakes.next(precision).map(|at| Duration::from(at.since(self.shared.clock.now().at)))
        });
        let again = self.acceptors.iter().filter_map(|(_, acceptor)| acceptor.again());
        let others = farewell.into_iter().chain(again).map(|at| at.saturating_duration_since(now));
        let left = (!self.unread.is_empty()).then_some(Duration::ZERO);
        let timeout = others.chain(wake).chain(left).chain(most).min();
        match exact_wait::poll(&mut self.poll, events, timeout, exact) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Accepts connections of one listening socket, for all loops.
    fn accept(&mut self, number: usize, closing: bool) {
        let Self { acceptors, limits: Some(limits), proxies, workers, refusals, .. } = self else { return };
        let Some((protocol, acceptor)) = acceptors.get_mut(number) else { return };
        let protocol = *protocol;
        acceptor.accept(|stream, address| {
            if closing {
                return;
            }
            let is_proxy = proxies.iter().any(|network| network.contains(&address.ip().to_canonical()));
            let seat = if is_proxy { limits.admit_proxy(address) } else { limits.admit(address) };
            if let Some(reason) = seat.as_ref().map_or_else(|&reason| Some(reason), Seat::too_many) {
                refusals.tell(address, reason);
                #[cfg(feature = "metrics")]
                limits.refuse(reason.into());
            }
            if let Ok(seat) = seat {
                let role = if is_proxy { Role::Proxied(protocol) } else { protocol.into() };
                workers.hand_over(Arrival { role, stream: stream.into(), address, seat });
            }
        });
    }

    fn admit_handed(&mut self, closing: bool) {
        for arrival in self.workers.take_handed(self.number) {
            let address = arrival.address;
            // What is let in may have changed since it was accepted.
            let is_denied = !arrival.is_proxy() && !self.shared.access.all.admits(address.ip());
            let admitted = if closing || is_denied { Ok(false) } else { self.admit(arrival) };
            self.is_admitted(address, admitted);
        }
    }

    /// Takes note of whether there is a connection more, now that one was handed to this worker.
    fn is_admitted(&self, address: SocketAddr, admitted: io::Result<bool>) {
        if let Err(error) = &admitted {
            tracing::warn!(%address, %error, "connection failed");
        }
        if !admitted.unwrap_or_default() {
            self.workers.connection_ended(self.number);
        }
    }

    /// Takes a connection. Returns false if it is a part of another one from now on, or is closed.
    fn admit(&mut self, arrival: Arrival) -> io::Result<bool> {
        let now = self.shared.clock.now();
        #[cfg(feature = "http")]
        if let Role::Post(place, text) = arrival.role {
            // The GET may have ended meanwhile.
            if let Some(peer) = self.peers.get_mut(place.index).filter(|peer| peer.is_at(place)) {
                let token = Token(PEERS + place.index);
                peer.attach(Post::new(arrival.stream, arrival.seat, text, self.poll.registry(), token)?);
                self.wakes.set(place.index, Some(now.at), Precision::Coarse);
            }
            return Ok(false);
        }
        let entry = self.peers.vacant_entry();
        let token = Token(PEERS + entry.key());
        #[cfg(feature = "http")]
        if let Role::Get(input) = &arrival.role {
            input.is_served_by(self.number, entry.key());
        }
        let peer = Connection::new(now, arrival, self.shared.config, self.poll.registry(), token)?;
        self.wakes.set(entry.key(), Some(now.at), Precision::Coarse);
        entry.insert(peer);
        Ok(true)
    }

    /// Does everything that one connection can do now.
    fn turn(&mut self, index: usize, tell: &mut impl FnMut(&Event)) {
        let Some(peer) = self.peers.get_mut(index) else { return };
        let now = self.shared.clock.now();
        let next = peer.turn(now, &mut self.shared, tell);
        let address = peer.address();
        if let Some(routes) = peer.take_routes() {
            self.shared.datagrams.end_turn(index, address, routes);
        }
        match next {
            Next::Wait(at) => {
                let mut precision = Precision::Coarse;
                if let Some(peer) = self.peers.get_mut(index) {
                    let library = &mut self.shared.library;
                    library.end_turn(now.at, index, peer.wanted());
                    let live = peer.reads(|track| library.is_live(track.media));
                    peer.set_live(live);
                    if live {
                        precision = Precision::Exact;
                    }
                }
                self.wakes.set(index, at, precision);
            }
            Next::Close => {
                self.remove(index, now.at);
                self.workers.connection_ended(self.number);
            }
            Next::Readmit => {
                let Some(arrival) = self.remove(index, now.at).into_arrival() else {
                    return self.is_admitted(address, Ok(false));
                };
                let admitted = match &arrival.role {
                    #[cfg(feature = "http")]
                    Role::Post(place, _) => {
                        self.workers.hand_to(place.worker, arrival);
                        Ok(false)
                    }
                    _ => self.admit(arrival),
                };
                self.is_admitted(address, admitted);
            }
        }
    }

    /// Removes a connection, which is watched no more.
    fn remove(&mut self, index: usize, now: pinhole::time::Instant) -> Connection {
        let mut peer = self.peers.remove(index);
        self.shared.library.end_turn(now, index, std::iter::empty());
        self.wakes.set(index, None, Precision::Coarse);
        self.shared.datagrams.end_turn(index, peer.address(), std::iter::empty());
        peer.deregister(self.poll.registry());
        peer
    }

    /// Gives a turn to each connection that `find` adds to the list.
    fn turn_all(&mut self, tell: &mut impl FnMut(&Event), find: impl FnOnce(&mut Self, &mut Vec<usize>)) {
        let mut turns = std::mem::take(&mut self.turns);
        find(self, &mut turns);
        for index in turns.drain(..) {
            self.turn(index, tell);
        }
        self.turns = turns;
    }

    /// Gives a turn to the connections that read live media of which frames came.
    fn turn_live(&mut self, tell: &mut impl FnMut(&Event)) {
        if !self.shared.library.take_live() {
            return;
        }
        self.turn_all(tell, |this, turns| {
            let fresh = |media: u16| this.shared.library.is_fresh(media);
            let concerns =
                |peer: &Connection| peer.reads(|track: TrackId| fresh(track.media)) || peer.awaits(fresh);
            let watching = this.peers.iter().filter(|(_, peer)| concerns(peer));
            turns.extend(watching.map(|(index, _)| index));
        });
        for (mount, event) in self.shared.library.live_events(self.shared.clock.now().at) {
            tell(&Event::Input { mount: mount.to_owned(), event });
        }
    }

    fn receive_datagrams(&mut self, token: usize, tell: &mut impl FnMut(&Event)) {
        let now = self.shared.clock.now();
        self.turn_all(tell, |this, touched| {
            let Self { peers, shared, unread, .. } = this;
            let Shared { datagrams, scratch, .. } = shared;
            let more = datagrams.receive(token, scratch, |index, socket, port, from, datagram| {
                if let Some(peer) = peers.get_mut(index) {
                    peer.handle_datagram(now, from, socket, port, datagram);
                    touched.push(index);
                }
            });
            touched.sort_unstable();
            touched.dedup();
            if more && !unread.contains(&token) {
                unread.push(token);
            }
        });
    }

    fn close_all(&mut self, tell: &mut impl FnMut(&Event)) {
        self.turn_all(tell, |this, all| {
            for (index, peer) in &mut this.peers {
                peer.close();
                all.push(index);
            }
        });
    }
}

/// Connections that were turned away, which are told once a second at most: there is no end to them.
#[derive(Debug, Default)]
struct Refusals {
    told: Option<Instant>,
    /// Those since then.
    untold: u64,
}

impl Refusals {
    fn tell(&mut self, address: SocketAddr, reason: TurnedAway) {
        let now = Instant::now();
        if self.told.is_some_and(|at| now.duration_since(at) < Duration::from_secs(1)) {
            self.untold += 1;
            return;
        }
        self.told = Some(now);
        match std::mem::take(&mut self.untold) {
            0 => tracing::warn!("{address} is turned away: {reason}"),
            more => tracing::warn!("{address} is turned away, as {more} were before it: {reason}"),
        }
    }
}

impl Drop for EventLoop {
    /// Stops all loops: else a part of the viewers would be left without one.
    fn drop(&mut self) {
        self.workers.leave(self.number);
    }
}
