//! What the server answers: the application, as one connection calls it.
use super::Event;
use super::access::Access;
use super::allowance::Allowance;
use super::datagrams::Datagrams;
use super::failures::Failures;
use super::logins::{Logins, Reader, Reserved, Trial, name_of};
use crate::media::{Library, Supply};
use pinhole::frame::TrackId;
use pinhole::rtp::SenderConfig;
use pinhole::rtsp::{LowerTransport, Method, Status, Url};
use pinhole::server::{
    Action, Answered, Application, Config, LIFETIME, Login, Notice, Request, Setup, Verdict,
};
use pinhole::text::{Emit, TextWriter};
use pinhole::time::{Duration, Instant, Now};
use std::net::SocketAddr;

/// How long a client that does not read is waited for when there is nothing more to say to it.
const FAREWELL: Duration = Duration::from_secs(5);
/// The most bytes of a list of media: any reply has room for them.
const MAX_LISTING: usize = 1_000;
/// After how many seconds a client that was refused may try again.
const RETRY_AFTER: &str = "10";

/// The most bytes of a live frame that leave at once by UDP, whatever a client claims to have room for: two large
/// pictures of 1080p.
const MAX_LIVE_BURST: u32 = 512 << 10;

/// A source that a request waits for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Awaited {
    pub(super) media: u16,
    /// When the request came.
    pub(super) since: Instant,
    /// Until when it waits at most.
    pub(super) until: Instant,
}

/// The application as one connection calls it.
pub(super) struct Program<'p, T> {
    pub(super) library: &'p Library,
    pub(super) datagrams: &'p mut Datagrams,
    pub(super) config: &'p Config,
    pub(super) tell: &'p mut T,
    pub(super) now: Now,
    pub(super) address: SocketAddr,
    pub(super) allowance: &'p mut Allowance,
    pub(super) failures: &'p mut Failures,
    /// Where it is noted until when the client's connection stays at most, once it is to be closed.
    pub(super) leaving: &'p mut Option<Instant>,
    /// The source that a request of the connection waits for.
    pub(super) awaited: &'p mut Option<Awaited>,
    /// Who may log in; `None` if nobody has to.
    pub(super) logins: Option<&'p Logins>,
    /// From where media may be watched.
    pub(super) access: &'p Access,
    /// The login of the connection.
    pub(super) login: &'p mut Login,
    pub(super) trial: &'p mut Reserved,
    /// Where it is noted that the connection's routes may have changed.
    pub(super) rerouted: &'p mut bool,
    /// The connection is a tunnel, whose client need not be reached in another way.
    pub(super) is_tunnelled: bool,
    /// The connection is inside TLS, so that packets are sent in it alone, and passwords need no other secrecy.
    pub(super) is_secure: bool,
    /// The connection is lost, so that its end is no news.
    pub(super) lost: bool,
}

impl<T: FnMut(&Event)> Program<'_, T> {
    fn not_found(&mut self, request: Request<'_>, url: &Url<'_>) -> Answered {
        let listing = listing(self.library.mounts().filter(|mount| self.reader().may_read(mount)));
        self.tell_refused(url, Status::NOT_FOUND);
        request.respond(Status::NOT_FOUND, &[], "text/plain; charset=utf-8", listing.as_bytes())
    }

    fn refuse(
        &mut self,
        request: Request<'_>,
        url: &Url<'_>,
        status: Status,
        headers: &[(&str, &str)],
    ) -> Answered {
        self.tell_refused(url, status);
        request.refuse(status, headers)
    }

    /// Answers a request, which may have been put off until a source is there.
    fn answer(&mut self, request: Request<'_>, awaited: Option<Awaited>) -> Answered {
        let library = self.library;
        match request.action() {
            Action::Describe(describe) => {
                let url = describe.url();
                let Some(media) = self.find(&url) else {
                    return self.not_found(describe.into_request(), &url);
                };
                let since = awaited.map_or(self.now.at, |awaited| awaited.since);
                match library.ask(media, self.now.at, since) {
                    Supply::Ready => {}
                    Supply::Awaited(until) => {
                        *self.awaited = Some(Awaited { media, since, until });
                        return describe.into_request().later();
                    }
                    Supply::Failed => {
                        let again = [("Retry-After", RETRY_AFTER)];
                        let request = describe.into_request();
                        return self.refuse(request, &url, Status::SERVICE_UNAVAILABLE, &again);
                    }
                    Supply::Mute => {
                        let request = describe.into_request();
                        return self.refuse(request, &url, Status::GATEWAY_TIMEOUT, &[]);
                    }
                }
                library.present(media, |presentation| match presentation {
                    Some(presentation) => describe.accept(&presentation),
                    None => describe.into_request().proceed(),
                })
            }
            Action::Setup(setup) if self.allowance.is_draining() => {
                let url = setup.url();
                self.refuse(
                    setup.into_request(),
                    &url,
                    Status::SERVICE_UNAVAILABLE,
                    &[("Retry-After", RETRY_AFTER)],
                )
            }
            Action::Setup(setup) => {
                let url = setup.url();
                let found = self.find(&url);
                // Who sets up will play.
                found.map(|media| library.ask(media, self.now.at, self.now.at));
                match found.filter(|&media| library.has_track(media, setup.track())) {
                    Some(media) if setup.transport() == LowerTransport::Udp => {
                        let is_reached =
                            !self.is_tunnelled && !self.is_secure && !self.allowance.is_proxied();
                        let ports = is_reached.then(|| self.datagrams.choose(self.address)).flatten();
                        let burst = live_burst(setup.receive_buffer());
                        accept(setup.with_ports(ports).with_live_burst(burst), media)
                    }
                    Some(media) => accept(setup, media),
                    None => self.not_found(setup.into_request(), &url),
                }
            }
            Action::Play(play) if !self.allowance.may_play(&play, self.config, library) => {
                play.into_request().refuse(Status::NOT_ENOUGH_BANDWIDTH, &[])
            }
            Action::Play(play) if library.is_live(play.media()) => play.accept_live(library),
            Action::Play(play) => {
                self.failures.forget(play.media());
                let end = library.end(play.media());
                play.accept(library, end)
            }
            other => other.into_request().proceed(),
        }
    }

    /// Returns the medium at `url`, if there is one for whoever asks.
    fn find(&self, url: &Url<'_>) -> Option<u16> {
        self.library.find(url).filter(|&media| self.reader().may_read(self.library.mount_of(media)))
    }

    fn reader(&self) -> Reader<'_> {
        Reader::new(self.logins, self.login, self.access, self.address)
    }

    /// Returns the request if whoever sends it may do so. It is answered or put off otherwise.
    fn let_in<'r>(&mut self, request: Request<'r>) -> Result<Request<'r>, Answered> {
        let Some(logins) = self.logins else { return Ok(request) };
        let users = logins.users_at(self.address);
        let authenticator = logins.authenticator(&users, LIFETIME, self.is_secure);
        let tries = request.header("Authorization").is_some() && request.method() != Method::Options;
        // Whoever is in is not held up by others of the same address. Other users than that one are not tried.
        if tries && self.login.user().is_none() {
            match logins.ask(self.address, self.trial, self.now.at) {
                Trial::Now => {}
                Trial::At(at) => {
                    self.allowance.wait_until(at);
                    return Err(request.later());
                }
                Trial::Never => {
                    (self.tell)(&Event::LoginRefused { peer: self.address, user: None });
                    return Err(request.refuse(Status::SERVICE_UNAVAILABLE, &[("Retry-After", RETRY_AFTER)]));
                }
            }
        }
        let is_new = self.login.user().is_none();
        match request.log_in(&authenticator, self.login) {
            Verdict::Granted(user) if is_new => {
                (self.tell)(&Event::LoginGranted { peer: self.address, user: logins.name(Some(user)) });
                Ok(request)
            }
            Verdict::Public | Verdict::Granted(_) => Ok(request),
            verdict => {
                if let Verdict::Wrong { user } = verdict {
                    logins.has_failed(self.address, self.now.at);
                    (self.tell)(&Event::LoginRefused { peer: self.address, user: logins.name(user) });
                }
                Err(request.deny(verdict, &authenticator))
            }
        }
    }

    fn tell_refused(&mut self, url: &Url<'_>, status: Status) {
        (self.tell)(&Event::Refused { peer: self.address, url: text(url), status: status.0 });
    }
}

impl<T: FnMut(&Event)> Application for Program<'_, T> {
    type Store = Library;

    fn store(&self) -> &Library {
        self.library
    }

    fn request(&mut self, request: Request<'_>) -> Answered {
        *self.rerouted = true;
        let library = self.library;
        if self.leaving.is_some() {
            // The last request is answered. What a client sent after one with `Connection: close` is not read.
            return request.later();
        }
        if self.allowance.too_many().is_some() {
            *self.leaving = Some(self.now.at + FAREWELL);
            return request.refuse(Status::SERVICE_UNAVAILABLE, &[("Retry-After", RETRY_AFTER)]);
        }
        if let Some(at) = self.trial.filter(|at| *at > self.now.at) {
            self.allowance.wait_until(at);
            return request.later();
        }
        // A request that waits for a source was allowed when it came.
        let awaited = self.awaited.take();
        match awaited {
            Some(Awaited { media, since, .. }) => {
                if let Supply::Awaited(until) = library.ask(media, self.now.at, since) {
                    *self.awaited = Some(Awaited { media, since, until });
                    return request.later();
                }
            }
            None if !self.allowance.may_answer(self.now) => return request.later(),
            None => {}
        }
        let request = match awaited {
            Some(_) => request,
            None => match self.let_in(request) {
                Ok(request) => request,
                Err(answered) => return answered,
            },
        };
        // A session whose pictures are asked for needs its connection.
        let closes = request.method() != Method::Play && closes(&request);
        let answered = self.answer(request, awaited);
        if closes && self.awaited.is_none() {
            *self.leaving = Some(self.now.at + FAREWELL);
        }
        answered
    }

    fn notice(&mut self, peer: SocketAddr, notice: Notice) {
        *self.rerouted = true;
        let mount = |track: TrackId| self.library.mount_of(track.media).to_owned();
        let event = match notice {
            Notice::Opened { session, track, transport } => Event::Opened {
                peer,
                session,
                mount: mount(track),
                transport,
                user: name_of(self.logins, self.login),
            },
            Notice::Skipped { session, track, frames } => {
                Event::Skipped { peer, session, mount: mount(track), frames }
            }
            Notice::Adapted { session, track, one_in } => {
                Event::Adapted { peer, session, mount: mount(track), one_in }
            }
            Notice::Ended { session, track } => {
                let problem = self.failures.of(track.media).cloned();
                Event::Ended { peer, session, mount: mount(track), problem }
            }
            Notice::Closed { session, track, transport, reason, summary } => Event::Closed {
                peer,
                session,
                mount: mount(track),
                transport,
                reason,
                summary,
                user: name_of(self.logins, self.login),
            },
            Notice::Disconnect(error) => {
                *self.leaving = Some(self.now.at + FAREWELL);
                if self.lost || self.allowance.too_many().is_some() {
                    return;
                }
                Event::Disconnected { peer, error }
            }
            _ => return,
        };
        (self.tell)(&event);
    }
}

/// Returns how many bytes of a live frame may leave at once: as many as the client's receive buffer holds, within
/// bounds. What a client claims wrongly is lost to nobody else.
fn live_burst(room: Option<u64>) -> u32 {
    let room = u32::try_from(room.unwrap_or(0)).unwrap_or(u32::MAX);
    room.clamp(SenderConfig::DEFAULT_LIVE_BURST, MAX_LIVE_BURST)
}

/// Sets a track up with numbers that the system has drawn.
fn accept(setup: Setup<'_>, media: u16) -> Answered {
    // In one call, which can fail.
    let mut numbers = [[0; 8]; Setup::DRAWS];
    if getrandom::fill(numbers.as_flattened_mut()).is_err() {
        return setup.into_request().refuse(Status::INTERNAL_SERVER_ERROR, &[]);
    }
    let mut numbers = numbers.into_iter().map(u64::from_ne_bytes);
    setup.accept(media, &mut || numbers.next().unwrap_or_default())
}

/// Returns whether a client asks for its connection to be closed after the reply (RFC 2326, 12.10).
fn closes(request: &Request<'_>) -> bool {
    let value = request.header("Connection").unwrap_or_default();
    value.split(|&b| b == b',').any(|option| option.trim_ascii().eq_ignore_ascii_case(b"close"))
}

/// Returns what there is at a server, for people: a line for each medium, as many as fit into any reply.
fn listing<'a>(mounts: impl Iterator<Item = &'a str>) -> String {
    let mut out = TextWriter::new(b"There is no such stream here. These are:\r\n".to_vec());
    let mut more = 0_u32;
    for mount in mounts {
        if more > 0 || out.sink_mut().len() + 3 * mount.len() > MAX_LISTING {
            more = more.saturating_add(1);
            continue;
        }
        out.text("/");
        out.url_text(mount.as_bytes());
        out.text("\r\n");
    }
    let Ok(listing) = out.finish();
    let mut listing = String::from_utf8_lossy(&listing).into_owned();
    if more > 0 {
        listing.push_str(&format!("and {more} more\r\n"));
    }
    listing
}

/// A URL as text, for people.
fn text(url: &Url<'_>) -> String {
    let mut out = TextWriter::new(Vec::new());
    url.emit(&mut out);
    let Ok(bytes) = out.finish();
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leaves_at_once_is_bounded_whatever_is_announced() {
        let least = SenderConfig::DEFAULT_LIVE_BURST;
        for (room, burst) in [
            (None, least),
            (Some(0), least),
            (Some(100_000), least),
            (Some(212_992), 212_992),
            (Some(1 << 20), MAX_LIVE_BURST),
            (Some(u64::MAX), MAX_LIVE_BURST),
        ] {
            assert_eq!(live_burst(room), burst, "{room:?}");
        }
    }
}
