//! Logins for any application: [`LoginApp`] lets through what users ask, and challenges everybody else.
use super::application::Application;
use super::event::Notice;
use super::login::{Authenticator, LIFETIME, Login, Users, Verdict};
use super::request::{Answered, Request};
use crate::auth::NonceKey;
use crate::rtsp::{Method, Status};
use crate::time::{Duration, Instant};
use core::net::{IpAddr, SocketAddr};

/// How long an address is not heard after its first wrong password, and how long at most: the time doubles with each.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(8));
/// The same in seconds, as a client is told it.
const RETRY_AFTER: &str = "8";
/// How long the wrong passwords of an address are remembered after the last one.
const MEMORY: Duration = Duration::from_secs(600);

/// What a server remembers of logins between its turns. Pass it to a [`LoginApp`].
///
/// `N` is the number of connections that the server can have at once. As many addresses with wrong passwords are
/// remembered: each place takes less than 100 bytes.
#[derive(Debug)]
pub struct Logins<const N: usize> {
    key: NonceKey,
    /// The connections that have sent credentials, the one that did so last at the end.
    by_connection: heapless::Vec<(SocketAddr, Login), N>,
    failures: heapless::Vec<Failure, N>,
}

/// The wrong passwords of an address.
#[derive(Clone, Copy, Debug)]
struct Failure {
    address: IpAddr,
    last: Instant,
    pause: Duration,
}

/// An [`Application`] that has the requests of users answered by another one, `app`. Anybody else is answered with a
/// challenge, and `app` does not learn of the request. OPTIONS is everybody's. Basic authentication, which sends
/// passwords in the clear, is not accepted.
///
/// Credentials from an address are not looked at for a second after a wrong password, and for up to eight seconds after
/// several: such a request is answered with 503 and `Retry-After`. Whoever is logged in is not held up.
///
/// A `LoginApp` only borrows what lasts, so you can make a new one for each turn.
#[derive(Debug)]
pub struct LoginApp<'a, A, U: ?Sized, const N: usize> {
    /// The application that answers users. It gets [`Notice::LoginRefused`] where a password was wrong.
    pub app: A,
    /// Who can log in.
    pub users: &'a U,
    /// The realm of the logins: see [`Authenticator::realm`].
    pub realm: &'a str,
    /// What is remembered of logins.
    pub logins: &'a mut Logins<N>,
}

impl<const N: usize> Logins<N> {
    /// Begins with no logins. Draw the key anew at each start.
    pub const fn new(key: NonceKey) -> Self {
        Self { key, by_connection: heapless::Vec::new(), failures: heapless::Vec::new() }
    }

    /// Returns the login of a connection.
    fn login(&self, peer: SocketAddr) -> Login {
        let known = self.by_connection.iter().find(|(other, _)| *other == peer);
        known.map(|(_, login)| *login).unwrap_or_default()
    }

    /// Keeps the login of a connection. Where there is no place left, that of the connection goes that has sent
    /// credentials least lately: usually it has ended. If it has not, its client has to answer another challenge.
    fn keep(&mut self, peer: SocketAddr, login: Login) {
        self.forget(peer);
        if self.by_connection.is_full() && N > 0 {
            self.by_connection.remove(0);
        }
        let _ = self.by_connection.push((peer, login));
    }

    fn forget(&mut self, peer: SocketAddr) {
        self.by_connection.retain(|(other, _)| *other != peer);
    }

    /// Returns whether credentials of an address are to be looked at.
    fn may_try(&self, address: IpAddr, now: Instant) -> bool {
        let failure = self.failures.iter().find(|failure| failure.address == address);
        failure.is_none_or(|failure| failure.last + failure.pause <= now)
    }

    /// Takes note of a wrong password.
    fn has_failed(&mut self, address: IpAddr, now: Instant) {
        let known = self.failures.iter().find(|failure| failure.address == address);
        let before = known.filter(|failure| now.since(failure.last) < MEMORY).map(|failure| failure.pause);
        self.failures.retain(|failure| failure.address != address);
        if self.failures.is_full() && N > 0 {
            self.failures.remove(0);
        }
        let pause = before.map_or(PAUSES.0, |pause| (pause + pause).min(PAUSES.1));
        let _ = self.failures.push(Failure { address, last: now, pause });
    }
}

impl<A: Application, U: Users + ?Sized, const N: usize> Application for LoginApp<'_, A, U, N> {
    type Store = A::Store;

    fn store(&self) -> &A::Store {
        self.app.store()
    }

    fn request(&mut self, request: Request<'_>) -> Answered {
        let (peer, now) = (request.peer(), request.now().at);
        let mut login = self.logins.login(peer);
        let tries = request.method() != Method::Options && request.header("Authorization").is_some();
        if tries && login.user().is_none() && !self.logins.may_try(peer.ip(), now) {
            return request.refuse(Status::SERVICE_UNAVAILABLE, &[("Retry-After", RETRY_AFTER)]);
        }
        let authenticator = Authenticator {
            realm: self.realm,
            users: self.users,
            key: &self.logins.key,
            lifetime: LIFETIME,
            basic: false,
        };
        let verdict = request.log_in(&authenticator, &mut login);
        match verdict {
            Verdict::Public => self.app.request(request),
            Verdict::Granted(_) => {
                self.logins.keep(peer, login);
                self.app.request(request)
            }
            verdict => {
                let answered = request.deny(verdict, &authenticator);
                if let Verdict::Wrong { user } = verdict {
                    self.logins.has_failed(peer.ip(), now);
                    self.app.notice(peer, Notice::LoginRefused { user });
                }
                answered
            }
        }
    }

    fn notice(&mut self, peer: SocketAddr, notice: Notice) {
        if let Notice::Disconnect(_) = notice {
            self.logins.forget(peer);
        }
        self.app.notice(peer, notice);
    }
}
