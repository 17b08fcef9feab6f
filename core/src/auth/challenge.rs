//! What a server asks for: the value of `WWW-Authenticate`.
use super::algorithm::Algorithm;
use super::nonce::Nonce;
use super::parameters::{Escaped, Item, Items, Quoted};
use crate::text::{Emit, TextWriter};
use embedded_io::Write;

/// One challenge of a `WWW-Authenticate` header field (RFC 9110, 11.6.1).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Challenge<'a> {
    /// The server wants user name and password in the clear (RFC 7617).
    Basic {
        /// What the user is to be told that the password is for.
        realm: Quoted<'a>,
    },
    /// The server wants a hash of user name, password and a nonce (RFC 7616).
    Digest(DigestChallenge<'a>),
    /// The server wants what cannot be answered.
    Unsupported(Unsupported<'a>),
}

impl<'a> Challenge<'a> {
    /// Reads the challenges of one header field one after another. A field may have several (RFC 9110, 11.6.1).
    pub fn parse(value: &'a [u8]) -> impl Iterator<Item = Self> + Clone + 'a {
        Challenges { items: Items::new(value) }
    }

    /// Returns the best of the challenges in all `WWW-Authenticate` header fields of a response: Digest with
    /// SHA-256, then Digest with MD5, then Basic, and then what is not supported, which tells why. Of equal
    /// challenges the first is returned. Returns `None` if there is no challenge.
    pub fn best(values: impl Iterator<Item = &'a [u8]>) -> Option<Self> {
        values
            .flat_map(Self::parse)
            .reduce(|best, other| if other.rank() > best.rank() { other } else { best })
    }

    /// Returns what the user is to be told that the password is for; empty if that is not known.
    pub fn realm(&self) -> Quoted<'a> {
        match *self {
            Self::Basic { realm } | Self::Digest(DigestChallenge { realm, .. }) => realm,
            Self::Unsupported(_) => Quoted::default(),
        }
    }

    const fn rank(&self) -> u8 {
        match self {
            Self::Unsupported(_) => 0,
            Self::Basic { .. } => 1,
            Self::Digest(DigestChallenge { algorithm: Algorithm::Md5, .. }) => 2,
            Self::Digest(DigestChallenge { algorithm: Algorithm::Sha256, .. }) => 3,
        }
    }
}

/// A challenge of Digest that can be answered.
#[derive(Clone, Copy, Debug)]
pub struct DigestChallenge<'a> {
    /// What the password is for, which is part of what is hashed.
    pub realm: Quoted<'a>,
    /// What makes the hash another one each time.
    pub nonce: Quoted<'a>,
    /// What the server wants back as it is.
    pub opaque: Option<Quoted<'a>>,
    /// The hash function.
    pub algorithm: Algorithm,
    /// Whether the challenge names its hash function. If it does not, neither does the response, as servers
    /// that know RFC 2069 only would not know the parameter.
    pub names_algorithm: bool,
    /// Whether the name of the hash function ends in `-sess`.
    pub session: bool,
    /// Whether requests are counted, and the client has a nonce of its own (`qop=auth`).
    pub counts: bool,
    /// Whether user name and password were right, and only the nonce is too old.
    pub stale: bool,
}

/// What of a challenge is not supported.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Unsupported<'a> {
    /// The scheme, such as `Bearer`.
    Scheme(&'a [u8]),
    /// The hash function of Digest, such as `SHA-512-256`.
    Algorithm(Quoted<'a>),
    /// The quality of protection of Digest: `auth-int` alone, which is a hash of the body.
    Protection(Quoted<'a>),
    /// A challenge of Digest has no nonce.
    Nonce,
}

impl Emit for Unsupported<'_> {
    fn emit<W: Write>(&self, out: &mut TextWriter<W>) {
        match self {
            Self::Scheme(name) => {
                out.text("the scheme ");
                out.text(*name);
            }
            Self::Algorithm(name) => {
                out.text("Digest with ");
                name.emit(out);
            }
            Self::Protection(name) => {
                out.text("Digest with the protection ");
                name.emit(out);
            }
            Self::Nonce => out.text("Digest without a nonce"),
        }
    }
}

#[derive(Clone)]
struct Challenges<'a> {
    items: Items<'a>,
}

impl<'a> Iterator for Challenges<'a> {
    type Item = Challenge<'a>;

    fn next(&mut self) -> Option<Challenge<'a>> {
        let scheme = self.items.find_map(|item| match item {
            Item::Scheme(name) => Some(name),
            Item::Parameter { .. } => None,
        })?;
        let mut read = Fields::default();
        // The next scheme is the next challenge's.
        let mut ahead = self.items.clone();
        while let Some(Item::Parameter { name, value }) = ahead.next() {
            read.take(name, Quoted(value));
            self.items = ahead.clone();
        }
        Some(read.challenge(scheme))
    }
}

#[derive(Default)]
struct Fields<'a> {
    realm: Quoted<'a>,
    nonce: Option<Quoted<'a>>,
    opaque: Option<Quoted<'a>>,
    algorithm: Option<Quoted<'a>>,
    qop: Option<Quoted<'a>>,
    stale: bool,
}

impl<'a> Fields<'a> {
    fn take(&mut self, name: &[u8], value: Quoted<'a>) {
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        if is("realm") {
            self.realm = value;
        } else if is("nonce") {
            self.nonce = Some(value);
        } else if is("opaque") {
            self.opaque = Some(value);
        } else if is("algorithm") {
            self.algorithm = Some(value);
        } else if is("qop") {
            self.qop = Some(value);
        } else if is("stale") {
            self.stale = value.raw().eq_ignore_ascii_case(b"true");
        }
    }

    fn challenge(self, scheme: &'a [u8]) -> Challenge<'a> {
        if scheme.eq_ignore_ascii_case(b"Basic") {
            return Challenge::Basic { realm: self.realm };
        }
        if !scheme.eq_ignore_ascii_case(b"Digest") {
            return Challenge::Unsupported(Unsupported::Scheme(scheme));
        }
        let (algorithm, session) = match self.algorithm {
            None => (Algorithm::Md5, false),
            Some(name) => match Algorithm::parse(name.raw()) {
                Some(known) => known,
                None => return Challenge::Unsupported(Unsupported::Algorithm(name)),
            },
        };
        let is_auth = |part: &[u8]| part.trim_ascii().eq_ignore_ascii_case(b"auth");
        // An empty list is none: some cameras send that.
        let qop = self.qop.filter(|list| !list.raw().trim_ascii().is_empty());
        let counts = qop.is_some();
        if let Some(list) = qop
            && !list.raw().split(|&byte| byte == b',').any(is_auth)
        {
            return Challenge::Unsupported(Unsupported::Protection(list));
        }
        let Some(nonce) = self.nonce else { return Challenge::Unsupported(Unsupported::Nonce) };
        Challenge::Digest(DigestChallenge {
            realm: self.realm,
            nonce,
            opaque: self.opaque,
            algorithm,
            names_algorithm: self.algorithm.is_some(),
            session,
            counts,
            stale: self.stale,
        })
    }
}

/// A challenge as a server writes it: the value of one `WWW-Authenticate` header field.
///
/// Send one field for each: Digest with SHA-256 first and Digest with MD5 last, and the same nonce in both.
/// FFmpeg and GStreamer answer the last challenge and know MD5 only. Clients that know both take the first.
#[derive(Clone, Copy, Debug)]
pub enum ChallengeRepr<'a> {
    /// Digest (RFC 7616, 3.3). The realm and the nonce come first, in the order that live555 expects. Counting
    /// (`qop`) is offered and not demanded.
    Digest {
        /// What the user is told that the password is for.
        realm: &'a [u8],
        /// The nonce.
        nonce: &'a Nonce,
        /// The hash function.
        algorithm: Algorithm,
        /// Whether user name and password were right, and only the nonce is too old.
        stale: bool,
    },
    /// Basic (RFC 7617).
    Basic {
        /// What the user is told that the password is for.
        realm: &'a [u8],
    },
}

impl Emit for ChallengeRepr<'_> {
    fn emit<W: Write>(&self, out: &mut TextWriter<W>) {
        match *self {
            Self::Digest { realm, nonce, algorithm, stale } => {
                out.text("Digest realm=");
                Escaped(realm).emit(out);
                out.text(", nonce=\"");
                out.text(nonce.as_bytes());
                out.text("\"");
                // MD5 is what no name means, and is for those who know RFC 2069 only.
                if algorithm == Algorithm::Sha256 {
                    out.text(", algorithm=SHA-256, qop=\"auth\"");
                }
                if stale {
                    out.text(", stale=true");
                }
            }
            Self::Basic { realm } => {
                out.text("Basic realm=");
                Escaped(realm).emit(out);
            }
        }
    }
}
