//! Logins for any application: [`LoginApp`] lets through what users ask, and challenges everybody else.
use super::application::Application;
use super::event::Notice;
use super::login::{Authenticator, LIFETIME, Login, Scope, Users, Verdict};
use super::request::{Answered, Request};
use crate::auth::NonceKey;
use crate::rtsp::{Method, Status};
use crate::time::{Duration, Instant};
use core::mem;
use core::net::SocketAddr;

/// How long an address is not heard after its first wrong password, and how long at most: the time doubles with each.
/// In seconds.
const PAUSES: (u8, u8) = (1, 8);
/// The longest one, as a client is told it.
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
    /// The connections that were let in.
    connections: [Place; N],
    /// The addresses that have sent wrong passwords.
    addresses: [Place; N],
}

/// What is remembered of a connection, or of an address. One type for both, so that its code is there once. Of several
/// places, the one that was used last is at the end.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// [`Scope::NONE`] where nothing is remembered.
    scope: Scope,
    /// Of a connection.
    login: Login,
    /// When the last wrong password came.
    failed: Instant,
    /// For how many seconds after that the address is not heard; 0 if there was none.
    pause: u8,
}

impl Place {
    const EMPTY: Self =
        Self { scope: Scope::NONE, login: Login::NOBODY, failed: Instant::from_micros(0), pause: 0 };
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
        Self { key, connections: [Place::EMPTY; N], addresses: [Place::EMPTY; N] }
    }
}

/// Returns what is remembered of a scope.
fn known(places: &mut [Place], scope: Scope) -> Option<&mut Place> {
    places.iter_mut().find(|place| place.scope == scope)
}

/// Returns the place of a scope, which is the last one then. If it has none, it gets an empty one, or else the
/// first one: that of a connection which has sent credentials least lately has usually ended. If it has not, its
/// client has to answer another challenge.
fn renewed(places: &mut [Place], scope: Scope) -> Option<&mut Place> {
    let of = |scope| places.iter().position(|place| place.scope == scope);
    let at = of(scope).or_else(|| of(Scope::NONE)).unwrap_or(0);
    let (mut last, others) = places.get_mut(at..)?.split_first_mut()?;
    if last.scope != scope {
        *last = Place { scope, ..Place::EMPTY };
    }
    for next in others {
        mem::swap(last, next);
        last = next;
    }
    Some(last)
}

/// Returns whether credentials of an address are to be looked at.
fn may_try(addresses: &mut [Place], address: Scope, now: Instant) -> bool {
    known(addresses, address)
        .is_none_or(|place| place.failed + Duration::from_secs(u64::from(place.pause)) <= now)
}

/// Takes note of a wrong password.
fn has_failed(addresses: &mut [Place], address: Scope, now: Instant) {
    if let Some(place) = renewed(addresses, address) {
        let before = if now.since(place.failed) < MEMORY { place.pause } else { 0 };
        (place.failed, place.pause) = (now, before.saturating_mul(2).clamp(PAUSES.0, PAUSES.1));
    }
}

impl<A: Application, U: Users + ?Sized, const N: usize> Application for LoginApp<'_, A, U, N> {
    type Store = A::Store;

    fn store(&self) -> &A::Store {
        self.app.store()
    }

    fn request(&mut self, request: Request<'_>) -> Answered {
        let Logins { key, connections, addresses } = &mut *self.logins;
        let (peer, now) = (request.peer(), request.now().at);
        let (scope, address) = (Scope::connection(peer), Scope::address(peer));
        let mut login = known(connections, scope).map_or(Login::NOBODY, |place| place.login);
        let tries = request.method() != Method::Options && request.header("Authorization").is_some();
        if tries && login.user().is_none() && !may_try(addresses, address, now) {
            return request.answer(Status::SERVICE_UNAVAILABLE, &|reply| {
                reply.header("Retry-After", RETRY_AFTER);
                reply.end();
            });
        }
        let authenticator =
            Authenticator { realm: self.realm, users: self.users, key, lifetime: LIFETIME, basic: false };
        let verdict = request.log_in(&authenticator, &mut login);
        match verdict {
            Verdict::Public => self.app.request(request),
            Verdict::Granted(_) => {
                if let Some(place) = renewed(connections, scope) {
                    place.login = login;
                }
                self.app.request(request)
            }
            verdict => {
                let answered = request.deny(verdict, &authenticator);
                if let Verdict::Wrong { user } = verdict {
                    has_failed(addresses, address, now);
                    self.app.notice(peer, Notice::LoginRefused { user });
                }
                answered
            }
        }
    }

    fn notice(&mut self, peer: SocketAddr, notice: Notice) {
        if let Notice::Disconnect(_) = notice
            && let Some(place) = known(&mut self.logins.connections, Scope::connection(peer))
        {
            *place = Place::EMPTY;
        }
        self.app.notice(peer, notice);
    }
}
