//! What a browser is answered.
use super::super::super::Event;
use super::super::super::logins::{Reader, Trial};
use super::super::super::shared::Shared;
use super::super::super::tunnel::TunnelInput;
use super::super::frames::FramePicker;
use super::super::pages::{self, Here};
use super::super::request::{self, Method, Parsed, Request};
use super::super::response::{Content, Head, Status};
use super::super::route::Route;
use super::{HttpConnection, State, Step, Still};
use crate::media::is_available;
use pinhole::server::{Attempt, CHALLENGE_FIELD, Scope, Verdict};
use pinhole::text::{Emit, TextWriter};
use pinhole::time::{Duration, Now};
use std::time::SystemTime;

/// For how many seconds a nonce is good. Browsers use one for all requests of a page, on many connections, and ask nobody
/// anew when it is too old.
const NONCE: u32 = 300;
/// How long a frame is waited for that a still is to be of.
const STILL: Duration = Duration::from_secs(10);
/// The most memory of a page, of many media with long names.
const PAGE: usize = 1 << 20;

impl HttpConnection {
    /// Answers the next request, if it has come.
    pub(super) fn answer_next(&mut self, now: Now, shared: &Shared, tell: &mut impl FnMut(&Event)) -> Step {
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
        let Some(logins) = shared.logins.as_deref().filter(|_| self.has_pages(shared)) else {
            return Trial::Now;
        };
        let (authorization, users) = (request.authorization, logins.users_at(self.address));
        let authenticator = logins.authenticator(&users, NONCE, self.stream.is_secure());
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
        let authenticator = logins.authenticator(&users, NONCE, self.stream.is_secure());
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
        let is_secure = self.stream.is_secure();
        let here = Here { host: request.host, local: self.local, rtsp: shared.rtsp, is_secure };
        let (has_body, keep_alive) = (request.method == Method::Get, request.keep_alive);
        if let Some(cookie) = request.cookie {
            return self.tunnel(request.method, cookie, shared);
        }
        if !self.has_pages(shared) {
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
            Method::Get => match shared.tunnels.register(self.address, self.stream.is_secure(), cookie) {
                Some(registration) => {
                    let (status, content) = (Status::OK, Content::Tunnel);
                    let mut head = String::new();
                    Head { status, content, len: None, keep_alive: false, fields: "" }
                        .write(&mut head, SystemTime::now());
                    self.state = State::Get(Box::new(TunnelInput::new(registration, head.into_bytes())));
                }
                None => self.refuse(Status::CONFLICT),
            },
            Method::Post => match shared.tunnels.find(self.address, self.stream.is_secure(), cookie) {
                Some(place) => self.state = State::Post(place),
                None => self.refuse(Status::NOT_FOUND),
            },
            Method::Head | Method::Other => self.refuse(Status::METHOD_NOT_ALLOWED),
        }
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
    pub(super) fn put_head(&mut self, head: &Head) {
        head.write(self.outbox.text(), SystemTime::now());
        self.state = if head.keep_alive { State::Answers } else { State::Leaves(None) };
    }

    /// Returns whether the pages are to be had on this connection, and not only tunnels.
    pub(super) fn has_pages(&self, shared: &Shared) -> bool {
        self.has_pages || shared.has_pages && self.stream.is_secure()
    }
}
