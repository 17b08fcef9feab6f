//! [`Login`]: a user name and a password, and how far the login with them is.
use crate::auth::{BasicResponse, Challenge, DigestChallenge, DigestResponse, Quoted, Unsupported};
use crate::text::{self, Emit, OneLine, SliceSink, TextWriter};
use core::fmt;
use embedded_io::Write;

/// The most bytes of a user name, and of a password.
const NAME_ROOM: usize = 128;
/// The most bytes of what is kept of a challenge.
const CHALLENGE_ROOM: usize = 512;

/// Credentials of a user, and how far the login with them is: on one RTSP connection, or with one HTTP server.
///
/// Pass it to [`ClientConn::log_in_with`](super::ClientConn::log_in_with), which does the rest. For HTTP, call
/// [`Self::on_challenge`] for each response with status 401 and [`Self::on_accepted`] for any other, and send what
/// [`Self::authorization`] returns with each request.
///
/// Of the server's challenges, Digest with SHA-256 is preferred to Digest with MD5 (RFC 7616), and that to Basic
/// (RFC 7617).
#[derive(Clone)]
pub struct Login {
    user: heapless::Vec<u8, NAME_ROOM>,
    password: heapless::Vec<u8, NAME_ROOM>,
    allows_basic: bool,
    /// The challenge that is answered, as text; empty if there was none yet.
    challenge: heapless::Vec<u8, CHALLENGE_ROOM>,
    cnonce: u64,
    /// How many requests were answered with the nonce of the challenge.
    count: u32,
    /// Whether the server has accepted an answer to the challenge.
    is_accepted: bool,
    /// Whether the challenge was renewed since an answer was accepted last.
    is_renewed: bool,
}

/// Why a server does not let a client in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum LoginError {
    /// The server asks for a user name and a password, and the client has none. Ask the user.
    Needed,
    /// The server does not accept the user name and the password. Ask the user for others, and do not try the same
    /// again: servers lock out those who do.
    Refused,
    /// The server asks for the password in clear text (Basic), which the caller has not allowed.
    Basic,
    /// The server asks for what this library does not know. The text says for what.
    Unsupported(&'static str),
    /// The user name or the password has more than 128 bytes, or the server's challenge has more than about 500.
    TooLong,
}

impl Login {
    /// Makes a login of a user name and a password. Both are bytes, by custom in UTF-8. `allows_basic` says whether
    /// the password may be sent in clear text, where the server asks for that: everybody on the way reads it.
    ///
    /// # Errors
    /// Returns [`LoginError::TooLong`] if either has more than 128 bytes.
    pub fn new(user: &[u8], password: &[u8], allows_basic: bool) -> Result<Self, LoginError> {
        Ok(Self {
            user: kept_bytes(user)?,
            password: kept_bytes(password)?,
            allows_basic,
            challenge: heapless::Vec::new(),
            cnonce: 0,
            count: 0,
            is_accepted: false,
            is_renewed: false,
        })
    }

    /// Returns whether a server has asked for credentials, so that requests have an authorization.
    pub fn is_challenged(&self) -> bool {
        !self.challenge.is_empty()
    }

    /// Takes in the values of all `WWW-Authenticate` header fields of a response with status 401. `was_answered` says
    /// whether the request had an authorization. `random` must be a random number that is hard to guess. Repeat the
    /// request, with [`Self::authorization`], if this succeeds. It succeeds twice in a row at most.
    ///
    /// # Errors
    /// Returns a [`LoginError`] if the request is not to be repeated. An answer that is refused is given anew only
    /// if the server says that just its nonce is too old (`stale`), or if it has accepted an answer before and sends
    /// another nonce, as some do without a word.
    pub fn on_challenge<'v>(
        &mut self,
        values: impl Iterator<Item = &'v [u8]>,
        random: u64,
        was_answered: bool,
    ) -> Result<(), LoginError> {
        let mut bytes = [0; CHALLENGE_ROOM];
        let (mut kept, mut is_stale) = (TextWriter::new(SliceSink::new(&mut bytes)), false);
        match Challenge::best(values) {
            Some(Challenge::Digest(challenge)) => {
                is_stale = challenge.stale;
                Kept(challenge).emit(&mut kept);
            }
            Some(Challenge::Basic { .. }) if !self.allows_basic => return Err(LoginError::Basic),
            Some(Challenge::Basic { .. }) => kept.text("Basic"),
            other => return Err(unsupported(other)),
        }
        let kept = kept.finish().map_err(|_| LoginError::TooLong)?;
        let kept = kept_bytes(kept.written())?;
        if was_answered {
            let is_new = self.is_accepted && kept != self.challenge;
            if self.is_renewed || !(is_stale || is_new) {
                return Err(LoginError::Refused);
            }
            self.is_renewed = true;
        }
        (self.challenge, self.cnonce, self.count, self.is_accepted) = (kept, random, 0, false);
        Ok(())
    }

    /// Takes note that the server has accepted an authorization: its response to the request has another status than
    /// 401.
    pub const fn on_accepted(&mut self) {
        (self.is_accepted, self.is_renewed) = (true, false);
    }

    /// Returns the value of the header field `Authorization` for a request; `None` before [`Self::on_challenge`]. `uri`
    /// is what the request line has between the method and the version. The answer counts as given: call this once for
    /// each request.
    pub fn authorization<'a>(&'a mut self, method: &'a str, uri: &'a [u8]) -> Option<Authorization<'a>> {
        self.count = self.count.saturating_add(1);
        let (user, password) = (&*self.user, &*self.password);
        Some(Authorization(match Challenge::parse(&self.challenge).next()? {
            Challenge::Digest(challenge) => Answer::Digest(DigestResponse {
                challenge,
                user,
                password,
                method,
                uri,
                cnonce: self.cnonce,
                count: self.count,
            }),
            _ => Answer::Basic(BasicResponse { user, password }),
        }))
    }

    /// Adds the authorization to the request in the first `len` bytes of `message`, whose last line is empty. Returns
    /// the new length; `None` if there is no room for it.
    pub(super) fn sign(&mut self, message: &mut [u8], len: usize) -> Option<usize> {
        let (head, room) = message.split_at_mut_checked(len.checked_sub(2)?)?;
        let (method, rest) = text::split_once(head, b' ')?;
        let (uri, _) = text::split_once(rest, b' ')?;
        let authorization = self.authorization(core::str::from_utf8(method).ok()?, uri)?;
        let mut out = TextWriter::new(SliceSink::new(room));
        out.text("Authorization: ");
        authorization.emit(&mut out);
        out.text("\r\n\r\n");
        head.len().checked_add(out.finish().ok()?.len())
    }
}

impl LoginError {
    /// Returns why a client without credentials is not let in. Pass the values of all `WWW-Authenticate` header fields
    /// of the response.
    pub fn without_credentials<'v>(values: impl Iterator<Item = &'v [u8]>) -> Self {
        match Challenge::best(values) {
            Some(Challenge::Digest(_) | Challenge::Basic { .. }) | None => Self::Needed,
            other => unsupported(other),
        }
    }
}

/// Shows how far the login is, and nothing of the credentials.
impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("count", &self.count).finish_non_exhaustive()
    }
}

impl fmt::Display for LoginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Needed => f.write_str("the server asks for a user name and a password"),
            Self::Refused => f.write_str("wrong user name or password"),
            Self::Basic => {
                f.write_str("the server asks for the password in clear text, which is not allowed")
            }
            Self::Unsupported(what) => {
                write!(f, "the server asks for a login with {what}, which is not supported")
            }
            Self::TooLong => f.write_str("the user name, the password or the server's challenge is too long"),
        }
    }
}

impl core::error::Error for LoginError {}

/// The value of a header field `Authorization`, which [`Login::authorization`] returns. It is as secret as the password.
pub struct Authorization<'a>(Answer<'a>);

enum Answer<'a> {
    Digest(DigestResponse<'a>),
    Basic(BasicResponse<'a>),
}

impl Emit for Authorization<'_> {
    fn emit<W: Write>(&self, out: &mut TextWriter<W>) {
        match &self.0 {
            Answer::Digest(response) => response.emit(out),
            Answer::Basic(response) => response.emit(out),
        }
    }
}

impl fmt::Debug for Authorization<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorization").finish_non_exhaustive()
    }
}

/// A challenge as text with all that an answer needs. [`Challenge::parse`] reads it.
struct Kept<'a>(DigestChallenge<'a>);

impl Emit for Kept<'_> {
    fn emit<W: Write>(&self, out: &mut TextWriter<W>) {
        let DigestChallenge { realm, nonce, opaque, algorithm, names_algorithm, session, counts, .. } =
            self.0;
        let mut parameter = |name: &str, value: Quoted<'_>| {
            out.text(name);
            out.text("=\"");
            // The value may be folded over several lines.
            OneLine(value.raw()).emit(out);
            out.text("\",");
        };
        parameter("Digest realm", realm);
        parameter("nonce", nonce);
        if let Some(opaque) = opaque {
            parameter("opaque", opaque);
        }
        if names_algorithm {
            out.text("algorithm=");
            out.text(algorithm.name());
            out.text(if session { "-sess," } else { "," });
        }
        if counts {
            out.text("qop=auth");
        }
    }
}

fn kept_bytes<const N: usize>(bytes: &[u8]) -> Result<heapless::Vec<u8, N>, LoginError> {
    heapless::Vec::from_slice(bytes).map_err(|_| LoginError::TooLong)
}

const fn unsupported(challenge: Option<Challenge<'_>>) -> LoginError {
    LoginError::Unsupported(match challenge {
        Some(Challenge::Unsupported(Unsupported::Scheme(_))) => "a scheme other than Digest and Basic",
        Some(Challenge::Unsupported(Unsupported::Algorithm(_))) => {
            "a hash function other than MD5 and SHA-256"
        }
        Some(Challenge::Unsupported(Unsupported::Protection(_))) => {
            "a protection other than auth, such as auth-int"
        }
        Some(Challenge::Unsupported(Unsupported::Nonce)) => "Digest and no nonce",
        _ => "no scheme",
    })
}
