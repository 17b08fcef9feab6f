//! A thread that pulls many sources.
use super::super::live::{Demand, Feed};
use super::super::normalise::{NormaliseOptions, Normaliser};
use super::connecting::Connecting;
use super::end::End;
use super::resolver::{Resolved, Resolver};
use super::session::Session;
use super::url::{SourceUrl, Target};
use super::{SourceOptions, http, rtsp};
use crate::client::http_login::on_challenge;
use crate::client::refusal::login;
use crate::client::sockets::{Connection, is_secure};
use crate::client::{self, Credentials, UserInfo, rtsp_url};
use crate::clock::Clock;
use crate::udp::{PIECES_AT_ONCE, RECEIVE_LEN};
use crate::wakes::{Precision, Wakes};
use mio::{Events, Poll, Token, Waker};
use pinhole::client::{Login, LowerTransport, TransportChoice};
use pinhole::time::{Duration, Instant, Now};
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

const WAKER: Token = Token(0);
/// The first token of the sources. Each has one for its connection, and two for each of up to four tracks.
const SOURCES: usize = 1;
const TOKENS: usize = 16;
/// How often it is looked whether a source is still wanted.
const LOOK: Duration = Duration::from_secs(1);
/// How long a source that has failed is left alone: twice as long each time, up to the longest. Whoever asks for it
/// meanwhile has it tried again after the shortest.
const SHORTEST_BACKOFF: Duration = Duration::from_secs(1);
const LONGEST_BACKOFF: Duration = Duration::from_secs(30);
/// The same for a source that does not let its user in, and whoever asks for it meanwhile: some cameras lock out those who
/// try the same password again and again.
const SHORTEST_BAR: Duration = Duration::from_secs(30);
const LONGEST_BAR: Duration = Duration::from_secs(300);
/// A source whose pictures came for so long has not failed in a row.
const STEADY: Duration = Duration::from_secs(10);
/// How long it takes from one picture to the next where each is asked for. A picture that is the same as before doubles
/// the time, and another one halves it.
const SHORTEST_POLL: Duration = Duration::from_millis(40);
const LONGEST_POLL: Duration = Duration::from_secs(2);
/// How many redirections in a row are followed.
const REDIRECTIONS: u32 = 5;

/// What a source is pulled by.
#[derive(Debug)]
pub(super) struct Spec {
    pub(super) url: SourceUrl,
    pub(super) options: SourceOptions,
    /// What is done to pictures that do not come in packets.
    pub(super) normalising: NormaliseOptions,
    pub(super) demand: Arc<Demand>,
}

/// A source, and how far it is.
pub(super) struct Pulled {
    spec: Spec,
    feed: Feed,
    state: State,
    /// Failures in a row.
    failures: u32,
    /// Until when it is left alone, whoever asks for it.
    resting: Instant,
    /// The login in HTTP, as far as it is.
    login: Option<Box<Login>>,
    /// The transport that has worked, where both may.
    transport: Option<LowerTransport>,
    redirections: u32,
    /// The URL that the source has named in place of its own.
    location: Option<String>,
    polling: Polling,
    /// Counts the names that were looked up: an answer to an earlier question has no meaning.
    look_ups: u32,
}

/// How often a source is asked for one picture after the other.
#[derive(Clone, Copy, Debug)]
struct Polling {
    /// What the last picture was.
    last: Option<u64>,
    interval: Duration,
}

impl Polling {
    const NEW: Self = Self { last: None, interval: SHORTEST_POLL };

    /// Takes note of a picture. Returns after how long the next one is asked for.
    fn next(&mut self, picture: u64) -> Duration {
        self.interval = match self.last.replace(picture) {
            Some(last) if last == picture => self.interval.scaled(2, 1).min(LONGEST_POLL),
            _ => self.interval.scaled(1, 2).max(SHORTEST_POLL),
        };
        self.interval
    }
}

enum State {
    /// Nobody wants it.
    Idle,
    /// It has failed, and is tried again then.
    Waiting(Instant),
    /// Its name is being looked up.
    Resolving,
    Connecting(Box<Connecting>),
    Playing(Session),
    /// It is taken leave of.
    Leaving(Session),
}

/// What other threads tell a puller.
#[derive(Debug)]
pub(super) struct Inbox {
    waker: Waker,
    messages: Mutex<VecDeque<Message>>,
}

enum Message {
    Add(usize, Box<Pulled>),
    /// Somebody wants the source of this number.
    Want(usize),
    /// The addresses of a source, and which look-up it was.
    Resolved(usize, u32, Resolved),
    Stop,
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Add(..) => "Add",
            Self::Want(_) => "Want",
            Self::Resolved(..) => "Resolved",
            Self::Stop => "Stop",
        })
    }
}

impl Inbox {
    pub(super) fn add(&self, number: usize, source: Pulled) {
        self.tell(Message::Add(number, Box::new(source)));
    }

    /// Notes that somebody wants a source. Those who want it at the same time are one.
    pub(super) fn want(&self, number: usize) {
        let is_same = |message: &Message| matches!(message, Message::Want(other) if *other == number);
        if !self.lock().iter().any(is_same) {
            self.tell(Message::Want(number));
        }
    }

    pub(super) fn stop(&self) {
        self.tell(Message::Stop);
    }

    fn tell(&self, message: Message) {
        self.lock().push_back(message);
        // Fails only if the thread is gone.
        let _ = self.waker.wake();
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Message>> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread's own side.
pub(super) struct Puller {
    poll: Poll,
    inbox: Arc<Inbox>,
    shared: Shared,
    sources: BTreeMap<usize, Box<Pulled>>,
    wakes: Wakes,
}

/// What all sources of a thread share.
struct Shared {
    clock: Clock,
    resolver: Resolver,
    scratch: Box<[u8]>,
    /// All sources of a library are normalised in one way.
    normaliser: Option<Normaliser>,
}

impl Puller {
    /// Prepares a puller.
    ///
    /// # Errors
    /// The system refuses a poll.
    pub(super) fn new(clock: Clock) -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), WAKER)?;
        let scratch = vec![0; PIECES_AT_ONCE * RECEIVE_LEN].into_boxed_slice();
        Ok(Self {
            poll,
            inbox: Arc::new(Inbox { waker, messages: Mutex::default() }),
            shared: Shared { clock, resolver: Resolver::default(), scratch, normaliser: None },
            sources: BTreeMap::new(),
            wakes: Wakes::default(),
        })
    }

    pub(super) fn inbox(&self) -> Arc<Inbox> {
        Arc::clone(&self.inbox)
    }

    /// Pulls the sources until it is stopped.
    pub(super) fn run(mut self) {
        let (mut events, mut due) = (Events::with_capacity(256), Vec::new());
        loop {
            let now = self.shared.clock.now().at;
            let timeout = self.wakes.next(Precision::Coarse).map(|at| at.since(now).into());
            if let Err(error) = self.poll.poll(&mut events, timeout)
                && error.kind() != io::ErrorKind::Interrupted
            {
                return tracing::warn!(%error, "no source can be pulled any more");
            }
            for event in &events {
                let Some(token) = event.token().0.checked_sub(SOURCES) else {
                    if !self.take_messages(&mut due) {
                        return self.farewell();
                    }
                    continue;
                };
                let (number, socket) = (token / TOKENS, token % TOKENS);
                if let Some(source) = self.sources.get_mut(&number) {
                    let readable = event.is_readable() || event.is_read_closed();
                    source.ready(socket.checked_sub(1), readable, event.is_writable());
                    due.push(number);
                }
            }
            self.wakes.take_due(self.shared.clock.now().at, &mut due);
            due.sort_unstable();
            due.dedup();
            for number in due.drain(..) {
                self.turn(number);
            }
        }
    }

    /// Gives a source its turn.
    fn turn(&mut self, number: usize) {
        let Some(source) = self.sources.get_mut(&number) else { return };
        let now = self.shared.clock.now();
        let inbox = &self.inbox;
        let resolved = |look_up| {
            let inbox = Arc::clone(inbox);
            move |found| inbox.tell(Message::Resolved(number, look_up, found))
        };
        let first = SOURCES + number * TOKENS;
        let at = source.turn(now, &mut self.shared, (self.poll.registry(), first), resolved);
        self.wakes.set(number, at, Precision::Coarse);
    }

    /// Takes what others have told. Returns false if that is to stop.
    fn take_messages(&mut self, due: &mut Vec<usize>) -> bool {
        let messages = std::mem::take(&mut *self.inbox.lock());
        for message in messages {
            match message {
                Message::Add(number, source) => drop(self.sources.insert(number, source)),
                Message::Want(number) => {
                    let now = self.shared.clock.now().at;
                    if let Some(source) = self.sources.get_mut(&number) {
                        source.want(now);
                        due.push(number);
                    }
                }
                Message::Resolved(number, look_up, found) => {
                    let now = self.shared.clock.now().at;
                    if let Some(source) = self.sources.get_mut(&number) {
                        source.resolved(now, look_up, found);
                        due.push(number);
                    }
                }
                Message::Stop => return false,
            }
        }
        true
    }

    /// Asks all sources to end their sessions, without waiting for their answers.
    fn farewell(mut self) {
        let all: Vec<_> = self.sources.keys().copied().collect();
        for number in all {
            self.sources.get_mut(&number).into_iter().for_each(|source| source.leave());
            self.turn(number);
        }
    }
}

impl Pulled {
    pub(super) const fn new(spec: Spec, feed: Feed) -> Self {
        Self {
            spec,
            feed,
            state: State::Idle,
            failures: 0,
            resting: Instant::ZERO,
            login: None,
            transport: None,
            redirections: 0,
            location: None,
            polling: Polling::NEW,
            look_ups: 0,
        }
    }

    fn ready(&mut self, udp: Option<usize>, readable: bool, writable: bool) {
        if let State::Playing(session) | State::Leaving(session) = &mut self.state {
            session.ready(udp, readable, writable);
        }
    }

    /// Takes note that somebody wants the source.
    fn want(&mut self, now: Instant) {
        let earliest = self.resting.max(now);
        if earliest > now + SHORTEST_BACKOFF {
            // Nobody waits for so long.
            self.feed.stays_lost(now);
        }
        match &mut self.state {
            State::Idle => self.state = State::Waiting(earliest),
            State::Waiting(at) => *at = earliest.min(*at),
            _ => {}
        }
    }

    /// Takes the addresses of the source.
    fn resolved(&mut self, now: Instant, look_up: u32, found: Resolved) {
        if look_up != self.look_ups || !matches!(self.state, State::Resolving) {
            return;
        }
        match found {
            Ok(addresses) => self.state = State::Connecting(Box::new(Connecting::new(addresses))),
            Err(reason) => self.fail(now, reason),
        }
    }

    /// Does what can be done now. Returns when the next turn is due.
    fn turn<F: FnOnce(Resolved) + Send + 'static>(
        &mut self,
        now: Now,
        shared: &mut Shared,
        (registry, first): (&mio::Registry, usize),
        resolved: impl FnOnce(u32) -> F,
    ) -> Option<Instant> {
        if !matches!(self.state, State::Idle | State::Leaving(_))
            && self.spec.demand.lets_go(now.at, self.spec.options.linger.into())
        {
            self.release();
        }
        match &mut self.state {
            State::Waiting(at) if *at <= now.at => {
                let (host, port) = match Target::parse(self.url()) {
                    Ok(Target::Rtsp { host, port, .. }) => (host, port),
                    Ok(Target::Http(url)) => (url.host, url.port),
                    Err(error) => {
                        self.fail(now.at, error.to_string());
                        return self.next(now.at);
                    }
                };
                self.look_ups = self.look_ups.wrapping_add(1);
                self.state = State::Resolving;
                shared.resolver.resolve(&host, port, resolved(self.look_ups));
            }
            State::Connecting(connecting) => match connecting.poll(now.at, registry, Token(first)) {
                Ok(None) => {}
                Ok(Some(connection)) => {
                    match self.begin(connection, now, (registry, first)) {
                        Ok(session) => self.state = State::Playing(session),
                        Err(end) => self.ended(now.at, end),
                    }
                    return Some(now.at);
                }
                Err(error) => self.fail(now.at, format!("it cannot be connected to: {error}")),
            },
            State::Playing(session) | State::Leaving(session) => {
                let how = self.spec.normalising;
                let normaliser = shared.normaliser.get_or_insert_with(|| Normaliser::new(how));
                let with = (&self.feed, normaliser);
                let turn = session.turn(now, &mut shared.scratch, with, (registry, first + 1));
                self.transport = session.transport().or(self.transport);
                if let Err(end) = turn {
                    self.ended(now.at, end);
                }
            }
            State::Idle | State::Waiting(_) | State::Resolving => {}
        }
        self.next(now.at)
    }

    /// Begins a session over a connection that was made for it.
    fn begin(
        &mut self,
        connection: Connection,
        now: Now,
        (registry, first): (&mio::Registry, usize),
    ) -> Result<Session, End> {
        let target = Target::parse(self.url()).map_err(|error| End::Failed(error.to_string()))?;
        let login = self.credentials(&target);
        let login = client::login(login.as_ref(), true).map_err(|error| End::Barred(error.to_string()))?;
        let (url, is_tunnel) = match target {
            Target::Rtsp { url, is_tunnel, .. } => (url, is_tunnel),
            Target::Http(url) => {
                if self.login.is_none() {
                    self.login = login.map(Box::new);
                }
                let request = url.request(self.login.as_deref_mut());
                let session = http::Session::new(request, connection, now.at, self.polling.last);
                return Ok(Session::Http(Box::new(session), Box::new(url)));
            }
        };
        #[cfg(feature = "tls")]
        let connection = {
            let secured = connection.secured(&url, self.spec.options.tls_fingerprint);
            secured.map_err(|error| End::Failed(error.to_string()))?
        };
        // Where HTTP was needed before, it is needed after a redirection, too.
        let is_tunnel = is_tunnel || self.spec.options.tunnel || rtsp_url(self.spec.url.text()).1;
        if is_tunnel {
            let tunnelled = connection.tunnelled(&url, login.clone(), registry, Token(first));
            let connection = tunnelled.map_err(|error| End::Failed(error.to_string()))?;
            return rtsp::Session::new(&url, TransportChoice::Tcp, login, connection, now)
                .map(|session| Session::Rtsp(Box::new(session)));
        }
        // UDP that did not work before would cost its time again.
        let transport = match (self.spec.options.transport, self.transport) {
            (TransportChoice::Auto, Some(LowerTransport::Interleaved)) => TransportChoice::Tcp,
            (asked, _) => asked,
        };
        let session = rtsp::Session::new(&url, transport, login, connection, now);
        session.map(|session| Session::Rtsp(Box::new(session)))
    }

    /// Returns the credentials for a URL: its own, or those of the source if a redirection has led to the same host.
    fn credentials(&self, target: &Target) -> Option<Credentials> {
        let own = target.credentials().cloned();
        if own.is_some() || self.location.is_none() {
            return own;
        }
        let before = Target::parse(self.spec.url.text()).ok()?;
        let is_same_host = before.host().eq_ignore_ascii_case(target.host());
        before.credentials().filter(|_| is_same_host).cloned()
    }

    /// Returns when the next turn is due.
    fn next(&self, now: Instant) -> Option<Instant> {
        let look = now + LOOK;
        Some(match &self.state {
            State::Idle => return None,
            State::Waiting(at) => look.min(*at),
            State::Resolving => look,
            State::Connecting(connecting) => look.min(connecting.until()),
            State::Playing(session) | State::Leaving(session) => {
                session.poll_at(now).map_or(look, |at| look.min(at))
            }
        })
    }

    fn url(&self) -> &str {
        self.location.as_deref().unwrap_or(self.spec.url.text())
    }

    /// Lets the source go.
    fn release(&mut self) {
        self.feed.released();
        self.leave();
        self.polling = Polling::NEW;
        self.return_from_redirection();
    }

    /// Takes leave of the source.
    fn leave(&mut self) {
        let left = match std::mem::replace(&mut self.state, State::Idle) {
            State::Playing(session) => session.leave(),
            _ => None,
        };
        if let Some(session) = left {
            self.state = State::Leaving(session);
        }
    }

    /// Takes note that a session has ended.
    fn ended(&mut self, now: Instant, end: End) {
        let steady = match &self.state {
            State::Playing(session) => session.since().is_some_and(|since| now.since(since) >= STEADY),
            _ => false,
        };
        if steady {
            self.failures = 0;
        }
        if matches!(self.state, State::Playing(Session::Http(..)))
            && !matches!(end, End::Challenged(_))
            && let Some(login) = self.login.as_mut().filter(|login| login.is_challenged())
        {
            login.on_accepted();
        }
        match end {
            _ if matches!(self.state, State::Leaving(_)) => {
                self.state = State::Idle;
                // Somebody may have come meanwhile.
                if !self.spec.demand.lets_go(now, self.spec.options.linger.into()) {
                    self.want(now);
                }
            }
            End::Picture(picture) => {
                (self.failures, self.redirections) = (0, 0);
                self.state = State::Waiting(now + self.polling.next(picture));
            }
            End::Challenged(challenges) => match on_challenge(self.login.as_deref_mut(), &challenges) {
                Ok(Ok(())) => self.state = State::Waiting(now),
                Ok(Err((reason, realm))) => self.bar(now, login(reason, &realm)),
                Err(error) => self.fail(now, error.to_string()),
            },
            End::Redirected(location) if is_secure(self.url()) && !is_secure(&location) => {
                let location = UserInfo::split(&location).0;
                self.fail(
                    now,
                    format!("it says that the stream is elsewhere, and not inside TLS: {location}"),
                );
            }
            End::Redirected(location) if self.redirections < REDIRECTIONS && !location.is_empty() => {
                self.redirections += 1;
                // Another server has challenges of its own.
                (self.location, self.login) = (Some(location), None);
                self.state = State::Waiting(now);
            }
            End::Redirected(location) => {
                let location = UserInfo::split(&location).0;
                self.fail(now, format!("it says that the stream is elsewhere, again and again: {location}"));
            }
            End::Closed => self.fail(now, "it has closed the session".to_owned()),
            End::Barred(reason) => self.bar(now, reason),
            End::Failed(reason) => self.fail(now, reason),
        }
    }

    /// Takes note that the source has failed, and is tried again later.
    fn fail(&mut self, now: Instant, reason: String) {
        self.rest(now, reason, (SHORTEST_BACKOFF, LONGEST_BACKOFF));
        self.resting = now + SHORTEST_BACKOFF;
    }

    /// Takes note that the source does not let its user in. It is tried again much later, whoever asks for it.
    fn bar(&mut self, now: Instant, reason: String) {
        self.resting = now + self.rest(now, reason, (SHORTEST_BAR, LONGEST_BAR));
        self.login = None;
    }

    /// Lets the source rest, between the shortest and the longest time. Returns for how long.
    fn rest(&mut self, now: Instant, reason: String, between: (Duration, Duration)) -> Duration {
        let wait = backoff(self.failures, between);
        self.failures = self.failures.saturating_add(1);
        self.return_from_redirection();
        self.state = State::Waiting(now + wait);
        self.feed.lost(now, reason, wait);
        wait
    }

    /// Goes back to the URL that the source was given by.
    fn return_from_redirection(&mut self) {
        self.redirections = 0;
        if self.location.take().is_some() {
            self.login = None;
        }
    }
}

/// Returns how long a source is left alone after so many failures before this one.
fn backoff(failures: u32, (shortest, longest): (Duration, Duration)) -> Duration {
    shortest.scaled(1 << failures.min(5), 1).min(longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_asked_for_as_often_as_it_changes() {
        let mut polling = Polling::NEW;
        let waits = [1, 2, 3, 3, 3, 3, 3, 3, 3, 3, 4, 5].map(|picture| polling.next(picture).as_millis());
        assert_eq!(waits, [40, 40, 40, 80, 160, 320, 640, 1280, 2000, 2000, 1000, 500]);
    }

    #[test]
    fn a_source_that_fails_is_left_alone_for_ever_longer() {
        let seconds = |between| {
            [0, 1, 2, 3, 4, 5, 6, u32::MAX].map(|failures| backoff(failures, between).as_millis() / 1000)
        };
        assert_eq!(seconds((SHORTEST_BACKOFF, LONGEST_BACKOFF)), [1, 2, 4, 8, 16, 30, 30, 30]);
        assert_eq!(seconds((SHORTEST_BAR, LONGEST_BAR)), [30, 60, 120, 240, 300, 300, 300, 300]);
    }
}
