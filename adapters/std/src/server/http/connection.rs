//! One connection with a browser, and its turns.
use super::super::Event;
use super::super::allowance::Allowance;
use super::super::arrival::{Arrival, Role};
use super::super::limits::Seat;
#[cfg(feature = "metrics")]
use super::super::logins::Logins;
use super::super::logins::{Reader, Reserved, Trial, name_of};
#[cfg(feature = "metrics")]
use super::super::observe::{Carrier, Row};
use super::super::peer::{Next, QUANTUM, STEPS, bound_queue};
use super::super::shared::Shared;
use super::super::tunnel::{Place, TunnelInput};
use super::frames::{FramePicker, Next as NextFrame};
use super::outbox::Outbox;
use super::pages::{self, Here};
use super::picture::Picture;
use super::request::{self, MAX_HEAD, Method, Parsed, Request};
use super::response::{Content, Framing, Head, Status};
use super::route::Route;
use crate::media::{Library, Problem, is_available};
use mio::event::Source as _;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use pinhole::rtp::Want;
#[cfg(feature = "metrics")]
use pinhole::server::Summary;
use pinhole::server::{Attempt, CHALLENGE_FIELD, Login, Scope, Verdict};
use pinhole::text::{Emit, TextWriter};
use pinhole::time::{Duration, Instant, Now};
use std::io::{self, Read};
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;
use std::time::SystemTime;

/// For how many seconds a nonce is good. Browsers use one for all requests of a page, on many connections, and ask nobody
/// anew when it is too old.
const NONCE: u32 = 300;
/// How long a frame is waited for that a still is to be of.
const STILL: Duration = Duration::from_secs(10);
/// How long a connection stays when all is said, so that what its client still sends does not reset it before the
/// client has read the response.
const FAREWELL: Duration = Duration::from_secs(2);
/// The most memory of a page, of many media with long names.
const PAGE: usize = 1 << 20;
/// How long a connection that is one too many has to send a request, which is answered so.
const PATIENCE: Duration = Duration::from_secs(5);

/// A browser, and the HTTP connection with it.
pub(in super::super) struct HttpConnection {
    stream: TcpStream,
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
        mut stream: TcpStream,
        (address, seat): (SocketAddr, Seat),
        has_pages: bool,
        registry: &Registry,
        token: Token,
    ) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        bound_queue(&stream);
        let local = stream.local_addr()?;
        stream.register(registry, token, Interest::READABLE | Interest::WRITABLE)?;
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
        let _ = self.stream.deregister(registry);
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

    /// Calls `add` with the stream that is sent, if one is.
    #[cfg(feature = "metrics")]
    pub(in super::super) fn observe(&self, now: Now, logins: Option<&Logins>, add: &mut dyn FnMut(Row)) {
        let State::Frames(frames) = &self.state else { return };
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
        self.wanted().is_some() || !self.outbox.is_empty()
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
            _ if !self.outbox.is_empty() => Some(self.active + session),
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
        if !self.readable || room == 0 || self.input_ended || !self.allowance.may_read(now) {
            return false;
        }
        let buffer = scratch.get_mut(..room).unwrap_or_default();
        match self.stream.read(buffer) {
            Ok(0) => self.input_ended = true,
            Ok(read) => {
                self.allowance.has_read(now, read);
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
        while !self.outbox.is_empty() {
            if *quantum == 0 || !self.writable || self.is_over {
                return false;
            }
            match self.outbox.write_to(&mut self.stream, *quantum) {
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
                    // Where that fails, the connection is lost already.
                    let _ = self.stream.shutdown(Shutdown::Write);
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

    /// Answers the next request, if it has come.
    fn answer_next(&mut self, now: Now, shared: &Shared, tell: &mut impl FnMut(&Event)) -> Step {
        if let Some(at) = self.not_before {
            if at > now.at {
                self.asked = None;
                self.active = now.at;
                return Step::Wait(Some(at));
            }
            self.not_before = None;
            self.allowance.sends_nothing();
        }
        let input = std::mem::take(&mut self.input);
        let mut used = 0;
        let step = match request::parse(&input) {
            Ok(Parsed::Partial) if self.input_ended => {
                self.state = State::Leaves(None);
                Step::Again
            }
            Ok(Parsed::Partial) => {
                if !input.is_empty() && self.deadline(shared).is_some_and(|deadline| deadline <= now.at) {
                    self.refuse(Status::REQUEST_TIMEOUT);
                    Step::Again
                } else {
                    Step::Wait(None)
                }
            }
            Err(bad) => {
                self.refuse(bad.into());
                Step::Again
            }
            Ok(Parsed::Complete(..))
                if self.allowance.too_many().is_some() || self.allowance.is_draining() =>
            {
                self.refuse(Status::UNAVAILABLE);
                Step::Again
            }
            Ok(Parsed::Complete(request, len)) if self.allowance.may_answer(now) => {
                match self.may_try(now, &request, shared) {
                    Trial::Now => {
                        used = len;
                        self.answer(now, &request, shared, tell);
                        Step::Again
                    }
                    Trial::At(at) => {
                        self.not_before = Some(at);
                        Step::Wait(Some(at))
                    }
                    Trial::Never => {
                        tell(&Event::LoginRefused { peer: self.address, user: None });
                        self.refuse(Status::UNAVAILABLE);
                        Step::Again
                    }
                }
            }
            // It waits for its turn, and not for its client.
            Ok(Parsed::Complete(..)) => {
                self.asked = Some(now.at);
                Step::Wait(None)
            }
        };
        self.input = input;
        if used > 0 {
            self.input.drain(..used);
            self.asked = (!self.input.is_empty()).then_some(now.at);
            self.active = now.at;
        }
        if self.input.is_empty() {
            self.input = Vec::new();
        }
        step
    }

    /// Returns whether the credentials of a request may be tried.
    fn may_try(&mut self, now: Now, request: &Request<'_>, shared: &Shared) -> Trial {
        let Some(logins) = shared.logins.as_deref().filter(|_| self.has_pages) else { return Trial::Now };
        let (authorization, users) = (request.authorization, logins.users_at(self.address));
        let authenticator = logins.authenticator(&users, NONCE, false);
        if authorization.is_none() || authenticator.is_own(&self.login, authorization) {
            return Trial::Now;
        }
        logins.ask(self.address, &mut self.trial, now.at)
    }

    /// Returns whether a request may be answered. It is refused otherwise.
    fn let_in(
        &mut self,
        now: Now,
        request: &Request<'_>,
        shared: &Shared,
        tell: &mut impl FnMut(&Event),
    ) -> bool {
        let Some(logins) = shared.logins.as_deref() else { return true };
        let users = logins.users_at(self.address);
        let authenticator = logins.authenticator(&users, NONCE, false);
        let scope = Scope::address(self.address);
        let attempt = Attempt {
            authorization: request.authorization,
            method: request.method_name(),
            scope,
            now: now.at,
            is_target: &|uri| request.is_for(uri),
        };
        let is_new = self.login.user().is_none();
        let stale = match authenticator.check(&mut self.login, &attempt) {
            Verdict::Granted(user) => {
                if is_new {
                    tell(&Event::LoginGranted { peer: self.address, user: logins.name(Some(user)) });
                }
                return true;
            }
            Verdict::Misdirected => {
                self.refuse(Status::BAD_REQUEST);
                return false;
            }
            Verdict::Wrong { user } => {
                logins.has_failed(self.address, now.at);
                tell(&Event::LoginRefused { peer: self.address, user: logins.name(user) });
                false
            }
            verdict => verdict == Verdict::Challenged { stale: true },
        };
        let mut fields = TextWriter::new(Vec::new());
        authenticator.challenges(scope, now.at, stale).each(|challenge| {
            fields.text("\r\n");
            fields.text(CHALLENGE_FIELD);
            fields.text(": ");
            challenge.emit(&mut fields);
        });
        let Ok(fields) = fields.finish();
        let (status, content, body) = (Status::UNAUTHORIZED, Content::Text, "401 Unauthorized\n");
        let (len, keep_alive) = (Some(body.len()), request.keep_alive);
        self.put_head(&Head { status, content, len, keep_alive, fields: &String::from_utf8_lossy(&fields) });
        if request.method == Method::Get {
            self.outbox.text().push_str(body);
        }
        false
    }

    fn answer(&mut self, now: Now, request: &Request<'_>, shared: &Shared, tell: &mut impl FnMut(&Event)) {
        let library = &shared.library;
        let here = Here { host: request.host, local: self.local, rtsp: shared.rtsp };
        let (has_body, keep_alive) = (request.method == Method::Get, request.keep_alive);
        if let Some(cookie) = request.cookie {
            return self.tunnel(request.method, cookie, shared);
        }
        if !self.has_pages {
            return self.refuse(Status::BAD_REQUEST);
        }
        if matches!(request.method, Method::Post | Method::Other) {
            // It may have a body, which nobody reads.
            return self.refuse(Status::METHOD_NOT_ALLOWED);
        }
        if !self.let_in(now, request, shared, tell) {
            return;
        }
        let reader = Reader::new(shared.logins.as_deref(), &self.login, &shared.access, self.address);
        let route = Route::of(request.path, library).for_reader(library, reader);
        let (status, content, body) = match route {
            _ if !is_available(PAGE) => return self.refuse(Status::UNAVAILABLE),
            Route::Index => (Status::OK, Content::Html, pages::index(library, &here, reader, request.query)),
            Route::Style => (Status::OK, Content::Css, pages::STYLE.to_owned()),
            Route::Media => (Status::OK, Content::Json, pages::media(library, &here, reader, request.query)),
            Route::Page(media) => (Status::OK, Content::Html, pages::page(library, &here, media)),
            Route::Still(media) | Route::Frames(media) if !self.allowance.may_send(media, library) => {
                let body = format!(
                    "/{} would be more bits a second than this server may send\n",
                    library.mount_of(media)
                );
                (Status::UNAVAILABLE, Content::Text, body)
            }
            Route::Still(media) => {
                let picker = FramePicker::new(media, library.is_live(media));
                let until = now.at + STILL;
                self.state = State::Still(Still { picker, until, has_body, keep_alive });
                return;
            }
            Route::Frames(media) => return self.begin_frames(now, media, request, shared, tell),
            Route::NotFound => {
                let url = request.path.to_owned();
                tell(&Event::Refused { peer: self.address, url, status: Status::NOT_FOUND.0 });
                (Status::NOT_FOUND, Content::Html, pages::not_found(library, reader, request.path))
            }
        };
        let len = Some(body.len());
        self.put_head(&Head { status, content, len, keep_alive, fields: "" });
        if has_body {
            self.outbox.text().push_str(&body);
        }
    }

    /// Begins a tunnel with a GET, or finds that of a POST.
    fn tunnel(&mut self, method: Method, cookie: &[u8], shared: &Shared) {
        match method {
            Method::Get => match shared.tunnels.register(self.address, cookie) {
                Some(registration) => {
                    let (status, content) = (Status::OK, Content::Tunnel);
                    let mut head = String::new();
                    Head { status, content, len: None, keep_alive: false, fields: "" }
                        .write(&mut head, SystemTime::now());
                    self.state = State::Get(Box::new(TunnelInput::new(registration, head.into_bytes())));
                }
                None => self.refuse(Status::CONFLICT),
            },
            Method::Post => match shared.tunnels.find(self.address, cookie) {
                Some(place) => self.state = State::Post(place),
                None => self.refuse(Status::NOT_FOUND),
            },
            Method::Head | Method::Other => self.refuse(Status::METHOD_NOT_ALLOWED),
        }
    }

    fn begin_frames(
        &mut self,
        now: Now,
        media: u16,
        request: &Request<'_>,
        shared: &Shared,
        tell: &mut impl FnMut(&Event),
    ) {
        let library = &shared.library;
        self.put_head(&Head {
            status: Status::OK,
            content: Content::Parts,
            len: None,
            keep_alive: false,
            fields: "",
        });
        if request.method == Method::Head {
            self.allowance.sends_nothing();
            return;
        }
        let picker = FramePicker::new(media, library.is_live(media));
        let framing = if request.wants_next_head { Framing::NextHeads } else { Framing::Lengths };
        let frames =
            Frames { picker, framing, since: now.at, is_slow: false, last: None, count: 0, bytes: 0 };
        self.state = State::Frames(Box::new(frames));
        let user = name_of(shared.logins.as_deref(), &self.login);
        tell(&Event::BrowserOpened { peer: self.address, mount: library.mount_of(media).to_owned(), user });
    }

    /// Sends the frame that a still is of, once it is there.
    fn send_still(&mut self, now: Now, library: &Library) -> Step {
        let State::Still(still) = &mut self.state else { return Step::Again };
        let (has_body, keep_alive, track) = (still.has_body, still.keep_alive, still.picker.track());
        let picture = match still.picker.next(now.at, library, false) {
            NextFrame::Frame(id) => library.hold(track, id).ok().map(Picture::new),
            NextFrame::Wait | NextFrame::At(_) if still.until > now.at => return Step::Wait(None),
            NextFrame::Wait | NextFrame::At(_) | NextFrame::End => None,
        };
        let Some(picture) = picture else {
            let body = format!("/{} has no picture now\n", library.mount_of(track.media));
            let (status, content) = (Status::UNAVAILABLE, Content::Text);
            self.allowance.sends_nothing();
            self.put_head(&Head { status, content, len: Some(body.len()), keep_alive, fields: "" });
            if has_body {
                self.outbox.text().push_str(&body);
            }
            return Step::Again;
        };
        let (content, len) = (Content::Jpeg, Some(picture.len()));
        self.put_head(&Head { status: Status::OK, content, len, keep_alive, fields: "" });
        if has_body {
            // Its bits count as long as those of a stream: else stills would be a stream without a limit.
            self.not_before = self.allowance.counts_bitrate().then(|| now.at + library.interval(track.media));
            self.outbox.put(Arc::new(picture));
        } else {
            self.allowance.sends_nothing();
        }
        Step::Again
    }

    /// Sends the next frame of a stream, if it is due and there.
    fn send_frame(&mut self, now: Now, shared: &Shared, tell: &mut impl FnMut(&Event)) -> Step {
        let library = &shared.library;
        let State::Frames(frames) = &mut self.state else { return Step::Again };
        let track = frames.picker.track();
        let is_slow = std::mem::take(&mut frames.is_slow);
        let id = match frames.picker.next(now.at, library, is_slow) {
            NextFrame::Frame(id) if !self.stops => id,
            NextFrame::At(at) if !self.stops => return Step::Wait(Some(at)),
            NextFrame::Wait if !self.stops => return Step::Wait(None),
            _ => {
                self.leave(now, shared, tell);
                return Step::Again;
            }
        };
        let Ok(frame) = library.hold(track, id) else { return Step::Wait(Some(now.at)) };
        let picture = Arc::new(Picture::new(frame));
        frames.framing.before(self.outbox.text(), picture.len(), frames.count == 0);
        self.outbox.put(picture.clone());
        frames.framing.after(self.outbox.text(), false);
        frames.picker.sent();
        frames.count += 1;
        frames.bytes += picture.len() as u64;
        frames.last = Some(picture);
        Step::Again
    }

    /// Ends a stream, if there is one, and tells so.
    fn leave(&mut self, now: Now, shared: &Shared, tell: &mut impl FnMut(&Event)) {
        let State::Frames(frames) = std::mem::replace(&mut self.state, State::Leaves(None)) else { return };
        let Frames { picker, framing, since, last, count, bytes, .. } = *frames;
        self.allowance.sends_nothing();
        match last.filter(|_| framing == Framing::NextHeads) {
            // A part was begun, which would be an empty picture.
            Some(last) if self.outbox.is_empty() => {
                self.outbox.put(last);
                framing.after(self.outbox.text(), true);
            }
            _ => framing.end(self.outbox.text()),
        }
        let media = picker.track().media;
        let problem = shared.library.take_failed().into_iter().find(|(failed, _)| *failed == media);
        tell(&Event::BrowserClosed {
            peer: self.address,
            mount: shared.library.mount_of(media).to_owned(),
            frames: count,
            frames_skipped: picker.skipped(),
            bytes,
            lifetime: now.at.since(since),
            user: name_of(shared.logins.as_deref(), &self.login),
            problem: problem.map(|(_, problem): (u16, Problem)| problem),
        });
    }

    /// Answers with a status alone, and closes.
    fn refuse(&mut self, status: Status) {
        let body = format!("{} {}\n", status.0, status.1);
        self.put_head(&Head {
            status,
            content: Content::Text,
            len: Some(body.len()),
            keep_alive: false,
            fields: "",
        });
        self.outbox.text().push_str(&body);
    }

    /// Puts a head into the outbox, and decides what comes after the response.
    fn put_head(&mut self, head: &Head) {
        head.write(self.outbox.text(), SystemTime::now());
        self.state = if head.keep_alive { State::Answers } else { State::Leaves(None) };
    }
}
