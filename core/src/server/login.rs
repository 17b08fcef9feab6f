//! Logins: whose a request is, by Digest and Basic authentication (RFC 7616 and 7617; RFC 2326, 14).
//!
//! [`Request::log_in`] checks a request, and [`Request::challenge`] answers one that needs credentials. An
//! [`Authenticator`] has what is the same for all connections, and a [`Login`] is what one connection keeps. The
//! server keeps no table of nonces: they are bound to their connection, so that what somebody overhears is of no use on
//! another one.
use super::reply::Reply;
use super::request::{Answered, Request};
use crate::auth::{
    Algorithm, BasicCredentials, ChallengeRepr, Credentials, DigestCredentials, Ha1, Nonce, NonceKey,
    NonceState,
};
use crate::rtsp::{Method, Status};
use crate::time::Instant;
use core::net::SocketAddr;

/// The longest user name in bytes. Nobody with a longer one can log in.
pub const MAX_USER: usize = 128;
/// The usual [`Authenticator::lifetime`].
pub const LIFETIME: u32 = 60;
/// The longest password in bytes that Basic authentication takes.
const MAX_PASSWORD: usize = 256;
/// How many seconds the nonce is good with which a connection is logged in.
const LOGGED_IN: u32 = 24 * 60 * 60;
/// The name of the header field with a challenge.
pub const CHALLENGE_FIELD: &str = "WWW-Authenticate";

/// The users that can log in to a server.
pub trait Users {
    /// Returns the number of the user with this name, which the program chooses; `None` if there is none. The name is
    /// any bytes, at most [`MAX_USER`] of them. For it not to tell by its time who there is, let it take as long for
    /// names that there are as for others.
    fn find(&self, name: &[u8]) -> Option<u16>;

    /// Returns what is kept of the password of a user that [`Self::find`] has returned, for the server's realm. If it
    /// is `None`, the user cannot log in by that algorithm. Where [`Self::find`] has found nobody, this is called for
    /// user 0, whether there is one or not.
    fn ha1(&self, user: u16, algorithm: Algorithm) -> Option<Ha1>;
}

/// What a server needs to check logins. It is the same for all connections.
#[derive(Clone, Copy, Debug)]
pub struct Authenticator<'a, U: ?Sized> {
    /// The realm, which clients show to whoever is to enter a password. Passwords are kept for it. It is at most 128
    /// bytes long, of any kind.
    pub realm: &'a str,
    /// Who can log in.
    pub users: &'a U,
    /// The key of the nonces. Draw it anew at each start.
    pub key: &'a NonceKey,
    /// For how many seconds a nonce is good for a login. With [`LIFETIME`], a client has a minute for its answer.
    /// After a login the nonce is good on that connection for a day.
    pub lifetime: u32,
    /// Whether Basic authentication is accepted, and asked for where Digest is not known. It sends passwords in the
    /// clear.
    pub basic: bool,
}

/// What a connection keeps of its login. The default value is that of a new connection.
#[derive(Clone, Copy, Debug, Default)]
pub struct Login {
    /// When the nonce was made with which the connection is logged in. No two nonces of a connection are made in the
    /// same second.
    made: Option<u32>,
    /// The highest count that came with it.
    count: u32,
    user: Option<u16>,
}

/// A request whose credentials are to be checked, of whatever protocol.
#[derive(Clone, Copy)]
pub struct Attempt<'a> {
    /// The value of the header field `Authorization`; `None` if there is none.
    pub authorization: Option<&'a [u8]>,
    /// The method of the request.
    pub method: &'a [u8],
    /// What nonces are bound to, such as [`Scope::connection`].
    pub scope: Scope,
    /// The time, by any clock that never goes back.
    pub now: Instant,
    /// Whether the URI in the credentials stands for what the request is for.
    pub is_target: &'a dyn Fn(&[u8]) -> bool,
}

/// Where a nonce is good: on one connection, or for one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope([u8; 18]);

/// What has come of a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Verdict {
    /// The request needs no login: it is OPTIONS, which clients send before they know that there is one to do.
    Public,
    /// The request is that of the user with this number.
    Granted(u16),
    /// There are no credentials that can be checked, or they are right and `stale`: the client has to answer another
    /// nonce. Answer with [`Request::challenge`].
    Challenged {
        /// Whether the name and the password are right, so that nobody has to be asked for them again.
        stale: bool,
    },
    /// The name or the password is wrong. Answer with [`Request::challenge`], and bound how often an address may try.
    Wrong {
        /// The user that the credentials name, if there is one.
        user: Option<u16>,
    },
    /// The credentials are for another URL. Refuse with 400 (RFC 7616, 3.4.6).
    Misdirected,
    /// Another user is logged in on the connection, who owns its sessions. Refuse with 403.
    Foreign,
}

/// The challenges of one reply, of which a client picks one.
#[derive(Clone, Copy, Debug)]
pub struct Challenges<'a> {
    realm: &'a str,
    nonce: Nonce,
    stale: bool,
    basic: bool,
}

impl<'a, U: Users + ?Sized> Authenticator<'a, U> {
    /// Checks the credentials of a request. A user who is not known takes the same work as a wrong password, and has
    /// the same answer.
    pub fn check(&self, login: &mut Login, attempt: &Attempt<'_>) -> Verdict {
        self.check_for(None, login, attempt)
    }

    /// As [`Self::check`]. Where there is an `owner`, others are foreign.
    fn check_for(&self, owner: Option<u16>, login: &mut Login, attempt: &Attempt<'_>) -> Verdict {
        match attempt.authorization.and_then(Credentials::parse) {
            Some(Credentials::Digest(credentials)) => self.check_digest(owner, login, attempt, &credentials),
            Some(Credentials::Basic(credentials)) if self.basic => {
                self.check_basic(owner, login, &credentials)
            }
            _ if owner.is_some() && attempt.authorization.is_some() => Verdict::Foreign,
            _ => Verdict::Challenged { stale: false },
        }
    }

    /// Returns whether credentials name the user who is logged in. Whether they are right is not checked.
    pub fn is_own(&self, login: &Login, authorization: Option<&[u8]>) -> bool {
        let user = match authorization.and_then(Credentials::parse) {
            Some(Credentials::Digest(credentials)) => self.find(credentials.user().bytes()),
            Some(Credentials::Basic(credentials)) if self.basic => {
                let mut buffer = [0; MAX_USER + MAX_PASSWORD];
                let named = credentials.user_and_password(&mut buffer);
                named.and_then(|(name, _)| self.find(name.iter().copied()))
            }
            _ => None,
        };
        user.is_some() && user == login.user
    }

    /// Returns the challenges for a request that [`Self::check`] has not granted.
    pub fn challenges(&self, scope: Scope, now: Instant, stale: bool) -> Challenges<'a> {
        let nonce = self.key.nonce(seconds(now), &scope.0);
        Challenges { realm: self.realm, nonce, stale, basic: self.basic }
    }

    // Inlined, it takes more of a microcontroller's flash.
    #[cfg_attr(target_pointer_width = "32", inline(never))]
    fn check_digest(
        &self,
        owner: Option<u16>,
        login: &mut Login,
        attempt: &Attempt<'_>,
        credentials: &DigestCredentials<'_>,
    ) -> Verdict {
        let user = self.find(credentials.user().bytes());
        if owner.is_some() && owner != user {
            return Verdict::Foreign;
        }
        // Where there is no user, that of another one is tried all the same, for the time that it takes.
        let ha1 = self.users.ha1(user.unwrap_or_default(), credentials.algorithm());
        let nobody = Ha1::of_nobody(credentials.algorithm());
        let is_right = credentials.verify(ha1.as_ref().unwrap_or(&nobody), attempt.method) & ha1.is_some();
        let Some(granted) = user.filter(|_| is_right && credentials.realm() == *self.realm.as_bytes()) else {
            return Verdict::Wrong { user };
        };
        if !(attempt.is_target)(credentials.uri().raw()) {
            return Verdict::Misdirected;
        }
        let now = seconds(attempt.now);
        let nonce = credentials.nonce().raw();
        let NonceState::Valid { age } = self.key.check(nonce, now, &attempt.scope.0, u32::MAX) else {
            return Verdict::Challenged { stale: true };
        };
        let made = Some(now.saturating_sub(age));
        let known = login.made == made;
        let (lifetime, before) = if known { (LOGGED_IN, login.count) } else { (self.lifetime, 0) };
        if age > lifetime || (known && credentials.count().is_some_and(|count| count <= before)) {
            return Verdict::Challenged { stale: true };
        }
        *login = Login { made, count: credentials.count().unwrap_or(before), user: Some(granted) };
        Verdict::Granted(granted)
    }

    fn check_basic(
        &self,
        owner: Option<u16>,
        login: &mut Login,
        credentials: &BasicCredentials<'_>,
    ) -> Verdict {
        let mut buffer = [0; MAX_USER + MAX_PASSWORD];
        let named = credentials.user_and_password(&mut buffer);
        let user = named.and_then(|(name, _)| self.find(name.iter().copied()));
        if owner.is_some() && owner != user {
            return Verdict::Foreign;
        }
        let Some((name, password)) = named else { return Verdict::Wrong { user } };
        let ha1 = self.users.ha1(user.unwrap_or_default(), Algorithm::Sha256);
        let tried = Ha1::new(Algorithm::Sha256, name, self.realm, password);
        let is_right = tried.is(&ha1.unwrap_or_else(|| Ha1::of_nobody(Algorithm::Sha256))) & ha1.is_some();
        match user.filter(|_| is_right) {
            Some(granted) => {
                login.user = Some(granted);
                Verdict::Granted(granted)
            }
            None => Verdict::Wrong { user },
        }
    }

    fn find(&self, name: impl Iterator<Item = u8>) -> Option<u16> {
        let (mut bytes, mut len) = ([0; MAX_USER], 0);
        for byte in name {
            *bytes.get_mut(len)? = byte;
            len += 1;
        }
        self.users.find(bytes.get(..len)?)
    }
}

impl Login {
    /// The login of a new connection.
    pub(super) const NOBODY: Self = Self { made: None, count: 0, user: None };

    /// Returns the user who was last let in on the connection; `None` if nobody was.
    pub const fn user(&self) -> Option<u16> {
        self.user
    }

    /// Takes note of another number of the user, where [`Users`] have changed. With `None`, nobody is logged in any
    /// more.
    pub const fn renumber(&mut self, user: Option<u16>) {
        match user {
            Some(_) => self.user = user,
            None => *self = Self::NOBODY,
        }
    }
}

impl Scope {
    /// The scope of no connection.
    pub(super) const NONE: Self = Self([0; 18]);

    /// Returns the scope of one connection, by its client's address and port.
    pub const fn connection(peer: SocketAddr) -> Self {
        let Self(mut bytes) = Self::address(peer);
        let [.., high, low] = &mut bytes;
        [*high, *low] = peer.port().to_be_bytes();
        Self(bytes)
    }

    /// Returns the scope of all connections from one address.
    pub const fn address(peer: SocketAddr) -> Self {
        let ip = match peer {
            SocketAddr::V4(peer) => peer.ip().to_ipv6_mapped().octets(),
            SocketAddr::V6(peer) => peer.ip().octets(),
        };
        let mut bytes = [0; 18];
        let (address, _) = bytes.split_at_mut(16);
        address.copy_from_slice(&ip);
        Self(bytes)
    }
}

impl Challenges<'_> {
    /// Passes the value of each `WWW-Authenticate` header field to `each`, in their order: ffmpeg and GStreamer take
    /// the last one of Digest, and know only MD5; retina takes the first that it knows.
    pub fn each(&self, mut each: impl FnMut(&ChallengeRepr<'_>)) {
        let realm = self.realm.as_bytes();
        for algorithm in [Algorithm::Sha256, Algorithm::Md5] {
            each(&ChallengeRepr::Digest { realm, nonce: &self.nonce, algorithm, stale: self.stale });
        }
        if self.basic {
            each(&ChallengeRepr::Basic { realm });
        }
    }
}

impl Request<'_> {
    /// Checks whose this request is. OPTIONS is everybody's. The URI in the credentials may be the URL of the request,
    /// or that of its presentation or of one of its tracks, as a path alone or with another host or scheme: clients
    /// differ. `login` is what the connection keeps.
    ///
    /// The first user who is let in has the connection, and all sessions on it, until it ends.
    pub fn log_in<U: Users + ?Sized>(
        &self,
        authenticator: &Authenticator<'_, U>,
        login: &mut Login,
    ) -> Verdict {
        if self.method() == Method::Options {
            return Verdict::Public;
        }
        let is_target =
            |uri: &[u8]| uri == self.raw_url() || self.url().is_some_and(|url| url.is_same_presentation(uri));
        let attempt = Attempt {
            authorization: self.header("Authorization"),
            method: self.method().name(),
            scope: Scope::connection(self.peer()),
            now: self.now().at,
            is_target: &is_target,
        };
        authenticator.check_for(login.user, login, &attempt)
    }

    /// Answers a request that [`Self::log_in`] has not let in: with a challenge, or as the [`Verdict`] says.
    pub fn deny<U: Users + ?Sized>(self, verdict: Verdict, authenticator: &Authenticator<'_, U>) -> Answered {
        match verdict {
            Verdict::Misdirected => self.done(Err(Status::BAD_REQUEST)),
            Verdict::Foreign => self.done(Err(Status::FORBIDDEN)),
            Verdict::Challenged { stale } => self.challenge(authenticator, stale),
            Verdict::Public | Verdict::Granted(_) | Verdict::Wrong { .. } => {
                self.challenge(authenticator, false)
            }
        }
    }

    /// Answers with 401 and the challenges. `stale` says that the credentials were right but for their nonce.
    pub fn challenge<U: Users + ?Sized>(self, authenticator: &Authenticator<'_, U>, stale: bool) -> Answered {
        let scope = Scope::connection(self.peer());
        let challenges = authenticator.challenges(scope, self.now().at, stale);
        self.answer(Status::UNAUTHORIZED, &|reply: &mut Reply<'_>| {
            challenges.each(|challenge| reply.header(CHALLENGE_FIELD, challenge));
            reply.end();
        })
    }
}

/// Returns whole seconds. After a century they begin anew, and all nonces are too old.
const fn seconds(at: Instant) -> u32 {
    (at.as_micros() / 1_000_000) as u32
}
