//! One connection with a browser, and its turns.
mod answers;
mod sending;

use super::super::Event;
use super::super::allowance::Allowance;
use super::super::arrival::{Arrival, Role};
use super::super::byte_stream::ByteStream;
use super::super::limits::Seat;
use super::super::logins::Reserved;
#[cfg(feature = "metrics")]
use super::super::logins::{Logins, name_of};
#[cfg(feature = "metrics")]
use super::super::observe::{Carrier, Kind, Row};
use super::super::peer::{Next, QUANTUM, STEPS, bound_queue};
use super::super::shared::Shared;
use super::super::tunnel::{Place, TunnelInput};
use super::frames::FramePicker;
use super::outbox::Outbox;
use super::picture::Picture;
use super::request::MAX_HEAD;
use super::response::Framing;
use mio::event::Source as _;
use mio::{Interest, Registry, Token};
use pinhole::rtp::Want;
use pinhole::server::Login;
#[cfg(feature = "metrics")]
use pinhole::server::Summary;
use pinhole::time::{Duration, Instant, Now};
use std::io::{self, Write as _};
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;

/// How long a connection stays when all is said, so that what its client still sends does not reset it before the
/// client has read the response.
const FAREWELL: Duration = Duration::from_secs(2);
/// How long a connection that is one too many has to send a request, which is answered so.
const PATIENCE: Duration = Duration::from_secs(5);

/// A browser, and the HTTP connection with it.
pub(in super::super) struct HttpConnection {
    stream: ByteStream,
    address: SocketAddr,
    /// The address at which the browser reached this server.
    local: SocketAddr,
    readable: bool,
    writable: bool,
    /// Nothing more comes from the browser.
    input_ended: bool,
    /// The connection is lost, or nothing more is to be said.
    is_over: bool,
    /// The server stops.
    stops: bool,
    allowance: Allowance,
    login: Login,
    /// When the credentials of a request may be tried that waits for that.
    trial: Reserved,
    /// When to give up a connection that is one too many.
    patience: Option<Instant>,
    /// What came of requests that are not answered yet.
    input: Vec<u8>,
    /// Since when a request is waited for that was begun, or is the first one.
    asked: Option<Instant>,
    /// When a request was last answered, or something was put into the outbox or written.
    active: Instant,
    /// When another request may be answered, after a still that counts as bits of a second.
    not_before: Option<Instant>,
    outbox: Outbox,
    /// Whether the pages are to be had here, and not only tunnels.
    has_pages: bool,
    state: State,
}

/// What a connection does when its outbox is empty.
enum State {
    /// Answers requests.
    Answers,
    Still(Still),
    Frames(Box<Frames>),
    /// Waits until its client closes it, at this time at the latest; `None` if the client does not know yet.
    Leaves(Option<Instant>),
    /// Is the GET of a tunnel from now on.
    Get(Box<TunnelInput>),
    /// Is a POST for the tunnel at this place from now on.
    Post(Place),
}

/// One frame that is waited for.
struct Still {
    picker: FramePicker,
    until: Instant,
    has_body: bool,
    keep_alive: bool,
}

/// The frames of a medium, one after the other.
struct Frames {
    picker: FramePicker,
    framing: Framing,
    /// When the stream began.
    since: Instant,
    /// Whether the browser did not take the last frame at once.
    is_slow: bool,
    /// The last frame that was sent.
    last: Option<Arc<Picture>>,
    count: u64,
    bytes: u64,
}

/// What comes after a step of a connection.
enum Step {
    /// Another one, or something to write.
    Again,
    /// Nothing, before something comes or this time.
    Wait(Option<Instant>),
}

impl HttpConnection {
    pub(in super::super) fn new(
        now: Now,
        mut stream: ByteStream,
        (address, seat): (SocketAddr, Seat),
        has_pages: bool,
        registry: &Registry,
        token: Token,
    ) -> io::Result<Self> {
        let socket = &mut stream.socket;
        socket.set_nodelay(true)?;
        bound_queue(socket);
        let local = socket.local_addr()?;
        socket.register(registry, token, Interest::READABLE | Interest::WRITABLE)?;
        Ok(Self {
            stream,
            address,
            local,
            readable: true,
            writable: true,
            input_ended: false,
            is_over: false,
            stops: false,
            patience: seat.too_many().map(|_| now.at + PATIENCE),
            allowance: Allowance::new(seat),
            login: Login::default(),
            trial: None,
            input: Vec::new(),
            asked: Some(now.at),
            active: now.at,
            not_before: None,
            outbox: Outbox::default(),
            has_pages,
            state: State::Answers,
        })
    }

    pub(in super::super) fn deregister(&mut self, registry: &Registry) {
        // It is closed in any case.
        let _ = self.stream.socket.deregister(registry);
    }

    pub(in super::super) const fn ready(&mut self, readable: bool, writable: bool) {
        self.readable |= readable;
        self.writable |= writable;
    }

    /// Returns the frame that is sent next, if one is.
    pub(in super::super) fn wanted(&self) -> Option<Want> {
        match &self.state {
            State::Still(still) => Some(still.picker.want()),
            State::Frames(frames) => Some(frames.picker.want()),
            State::Answers | State::Leaves(_) | State::Get(_) | State::Post(_) => None,
        }
    }

    /// Returns the connection as the part of a tunnel that it is.
    pub(in super::super) fn into_arrival(self) -> Arrival {
        let Self { state, stream, address, allowance, input, has_pages, .. } = self;
        let role = match state {
            State::Get(tunnel) => Role::Get(tunnel),
            State::Post(place) => Role::Post(place, input),
            _ => Role::Http { has_pages },
        };
        Arrival { role, stream, address, seat: allowance.into_seat() }
    }

    /// Calls `add` with the stream that is sent, if one is. Returns the kind of the connection.
    #[cfg(feature = "metrics")]
    pub(in super::super) fn observe(
        &self,
        now: Now,
        logins: Option<&Logins>,
        add: &mut dyn FnMut(Row),
    ) -> Kind {
        let kind = if self.stream.is_secure() { Kind::Https } else { Kind::Http };
        let State::Frames(frames) = &self.state else { return kind };
        add(Row {
            session: None,
            track: frames.picker.track(),
            peer: self.address,
            user: name_of(logins, &self.login),
            carrier: Carrier::Http,
            summary: Summary {
                frames: frames.count,
                frames_skipped: frames.picker.skipped(),
                octets: frames.bytes,
                lifetime: now.at.since(frames.since),
                ..Summary::default()
            },
        });
        kind
    }

    /// Ends the connection with the next turn, because the server stops.
    pub(in super::super) const fn close(&mut self) {
        self.stops = true;
    }

    pub(in super::super) const fn login(&self) -> &Login {
        &self.login
    }

    pub(in super::super) const fn set_login(&mut self, login: Login) {
        self.login = login;
    }

    pub(in super::super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns whether frames are sent to this client, or will be.
    pub(in super::super) fn is_sending(&self) -> bool {
        self.wanted().is_some() || self.is_writing()
    }

    /// Returns whether something waits to be written.
    fn is_writing(&self) -> bool {
        !self.outbox.is_empty() || self.stream.wants_write()
    }

    /// Does what can be done now, up to a quantum.
    pub(in super::super) fn turn(
        &mut self,
        now: Now,
        shared: &mut Shared,
        tell: &mut impl FnMut(&Event),
    ) -> Next {
        self.allowance.begin_turn();
        let mut quantum = QUANTUM;
        // Where all steps are used up, there may be more.
        let mut at = Some(now.at);
        for _ in 0..STEPS {
            let more = self.read(now, &mut shared.scratch);
            if !self.write(now, &mut quantum) {
                at = (quantum == 0).then_some(now.at);
                break;
            }
            match self.step(now, shared, tell) {
                // What was put into the outbox has its time from now on.
                Step::Again => self.active = now.at,
                Step::Wait(_) if more => {}
                Step::Wait(until) => {
                    at = until;
                    break;
                }
            }
            if self.is_over {
                break;
            }
            if matches!(self.state, State::Get(_) | State::Post(_)) {
                return Next::Readmit;
            }
        }
        let deadline = self.deadline(shared);
        if self.is_over || deadline.is_some_and(|deadline| deadline <= now.at) {
            self.leave(now, shared, tell);
            return Next::Close;
        }
        Next::Wait([at, deadline, self.allowance.resume()].into_iter().flatten().min())
    }

    /// Returns when the connection is given up, if nothing happens until then.
    fn deadline(&self, shared: &Shared) -> Option<Instant> {
        let (request, session) = (shared.config.request_timeout, shared.config.session_timeout);
        let until = match &self.state {
            _ if self.is_writing() => Some(self.active + session),
            State::Answers => Some(self.asked.map_or(self.active + session, |asked| asked + request)),
            State::Still(still) => Some(still.until),
            State::Frames(_) => self.input_ended.then(|| self.active + request),
            State::Leaves(until) => *until,
            State::Get(_) | State::Post(_) => None,
        };
        [until, self.patience].into_iter().flatten().min()
    }

    /// Reads once. Returns whether there may be more.
    fn read(&mut self, now: Now, scratch: &mut [u8]) -> bool {
        // What comes in the middle of a stream, or after the last response, is not looked at.
        if matches!(self.state, State::Frames(_) | State::Leaves(_)) {
            self.input = Vec::new();
        }
        let room = MAX_HEAD.saturating_sub(self.input.len()).min(scratch.len());
        let has_more = self.readable || self.stream.has_more();
        if !has_more || room == 0 || self.input_ended || !self.allowance.may_read(now) {
            return false;
        }
        let buffer = scratch.get_mut(..room).unwrap_or_default();
        match self.stream.read(self.readable, buffer) {
            Ok((0, 0)) => self.input_ended = true,
            // A part of a record says nothing yet.
            Ok((came, 0)) => {
                self.allowance.has_read(now, came);
                return true;
            }
            Ok((came, read)) => {
                self.allowance.has_read(now, came);
                self.asked.get_or_insert(now.at);
                self.input.extend_from_slice(buffer.get(..read).unwrap_or_default());
                return true;
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.readable = false,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return true,
            Err(_) => self.is_over = true,
        }
        false
    }

    /// Writes what waits. Returns whether nothing does any more.
    fn write(&mut self, now: Now, quantum: &mut usize) -> bool {
        while self.is_writing() {
            if *quantum == 0 || !self.writable || self.is_over {
                return false;
            }
            let written = match self.outbox.is_empty() {
                true => self.stream.flush().map(|()| 0),
                false => self.outbox.write_to(&mut self.stream, *quantum),
            };
            match written {
                Ok(written) => {
                    *quantum = quantum.saturating_sub(written.max(1));
                    self.active = now.at;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.writable = false;
                    if let State::Frames(frames) = &mut self.state {
                        frames.is_slow = true;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => self.is_over = true,
            }
        }
        true
    }

    /// Does what is next when all is written.
    fn step(&mut self, now: Now, shared: &Shared, tell: &mut impl FnMut(&Event)) -> Step {
        match &mut self.state {
            State::Leaves(_) | State::Answers | State::Still(_) if self.stops => {
                self.is_over = true;
                Step::Wait(None)
            }
            State::Leaves(until) => {
                if until.is_none() {
                    *until = Some(now.at + FAREWELL);
                    self.stream.farewell();
                    // Where that fails, the connection is lost already.
                    let _ = self.stream.socket.shutdown(Shutdown::Write);
                }
                let held = self.not_before.filter(|at| *at > now.at);
                self.is_over = self.input_ended && held.is_none();
                Step::Wait(held)
            }
            State::Answers => self.answer_next(now, shared, tell),
            State::Still(_) => self.send_still(now, &shared.library),
            State::Frames(_) => self.send_frame(now, shared, tell),
            State::Get(_) | State::Post(_) => Step::Again,
        }
    }
}
