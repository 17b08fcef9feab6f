//! What a client says who it is: the value of `Authorization`.
use super::algorithm::Algorithm;
use super::basic::BasicCredentials;
use super::hash::{Ha1, Hash, Question, response};
use super::parameters::{Item, Items, Quoted};
use crate::text::{self, Decoded, hexadecimal, split_once};
use core::fmt;

/// The value of an `Authorization` header field (RFC 9110, 11.6.2).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Credentials<'a> {
    /// User name and password in the clear (RFC 7617).
    Basic(BasicCredentials<'a>),
    /// The answer to a challenge of Digest.
    Digest(DigestCredentials<'a>),
}

impl<'a> Credentials<'a> {
    /// Reads the value of the header field. Returns `None` if the scheme is another one, or if a parameter is
    /// missing or wrong that is needed to check them: challenge the client then, as if there was no field.
    pub fn parse(value: &'a [u8]) -> Option<Self> {
        let mut items = Items::new(value);
        let Item::Scheme(scheme) = items.next()? else { return None };
        if scheme.eq_ignore_ascii_case(b"Basic") {
            Some(Self::Basic(BasicCredentials::new(items.rest().trim_ascii())))
        } else if scheme.eq_ignore_ascii_case(b"Digest") {
            DigestCredentials::parse(items).map(Self::Digest)
        } else {
            None
        }
    }
}

/// What a client answers to a challenge of Digest (RFC 7616, 3.4).
///
/// [`Self::verify`] says whether its hash is that of a user's password. That alone lets nobody in: also check
/// that the realm is yours ([`Self::realm`]), that the nonce is yours and not too old
/// ([`NonceKey::check`](super::NonceKey::check)), and that the URI is that of the request.
#[derive(Clone, Copy)]
pub struct DigestCredentials<'a> {
    user: UserName<'a>,
    realm: Quoted<'a>,
    nonce: Quoted<'a>,
    uri: Quoted<'a>,
    response: Hash,
    algorithm: Algorithm,
    session: bool,
    cnonce: Quoted<'a>,
    count: Option<Count<'a>>,
}

#[derive(Clone, Copy, Debug)]
struct Count<'a> {
    digits: &'a [u8],
    value: u32,
}

impl<'a> DigestCredentials<'a> {
    fn parse(items: Items<'a>) -> Option<Self> {
        let mut values = [None; NAMES_LEN];
        for item in items {
            let Item::Parameter { name, value } = item else { return None };
            let Some(at) = text::split(NAMES, b',').position(|known| name.eq_ignore_ascii_case(known)) else {
                continue;
            };
            // Which of two was meant cannot be told.
            if values.get_mut(at)?.replace(value).is_some() {
                return None;
            }
        }
        let [username, extended, realm, nonce, uri, response, algorithm, cnonce, qop, nc] = values;
        let (algorithm, session) = algorithm.map_or(Some((Algorithm::Md5, false)), Algorithm::parse)?;
        let count = match qop {
            None => None,
            Some(qop) if qop.eq_ignore_ascii_case(b"auth") => {
                let digits = nc?;
                Some(Count { digits, value: hexadecimal(digits)? })
            }
            Some(_) => return None,
        };
        // Both hash the client's nonce (RFC 7616, 3.4.1 and 3.4.2).
        if cnonce.is_none() && (session || count.is_some()) {
            return None;
        }
        Some(Self {
            user: match (username, extended) {
                (Some(text), None) => UserName { text: Quoted(text), is_extended: false },
                (None, Some(value)) => UserName { text: Quoted(in_utf8(value)?), is_extended: true },
                _ => return None,
            },
            realm: Quoted(realm?),
            nonce: Quoted(nonce?),
            uri: Quoted(uri?),
            response: Hash::from_hex(algorithm, response?)?,
            algorithm,
            session,
            cnonce: Quoted(cnonce.unwrap_or_default()),
            count,
        })
    }

    /// Returns whether the response is that of a user with this hash, for a request with this method. The
    /// comparison takes the same time whatever the response is. False if the hash is of another algorithm.
    pub fn verify(&self, ha1: &Ha1, method: &[u8]) -> bool {
        let question = Question {
            method,
            uri: self.uri,
            nonce: self.nonce,
            session: self.session,
            cnonce: self.cnonce,
            count: self.count.map(|count| count.digits),
        };
        ha1.algorithm() == self.algorithm && response(ha1, &question).is(&self.response)
    }

    /// Returns the name of the user.
    pub const fn user(&self) -> UserName<'a> {
        self.user
    }

    /// Returns the realm that the client has hashed.
    pub const fn realm(&self) -> Quoted<'a> {
        self.realm
    }

    /// Returns the nonce that the client has hashed.
    pub const fn nonce(&self) -> Quoted<'a> {
        self.nonce
    }

    /// Returns the URI that the client has hashed. Clients put the path alone there, or the URL of the
    /// presentation, where the request line has that of a track.
    pub const fn uri(&self) -> Quoted<'a> {
        self.uri
    }

    /// Returns the hash function that the client has used.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Returns how many requests the client has answered with this nonce, this one included, or `None` if it
    /// does not count (RFC 2069). A count that is no higher than that of an earlier request is a replay.
    pub fn count(&self) -> Option<u32> {
        self.count.map(|count| count.value)
    }
}

/// The name of a user: a quoted string, or an extended value, in which bytes are percent-encoded (RFC 7616, 3.4;
/// RFC 8187, 3.2).
#[derive(Clone, Copy, Debug)]
pub struct UserName<'a> {
    text: Quoted<'a>,
    is_extended: bool,
}

impl<'a> UserName<'a> {
    /// Returns the bytes of the name, by custom in UTF-8.
    pub fn bytes(self) -> impl Iterator<Item = u8> + use<'a> {
        let Quoted(text) = self.text;
        let (quoted, encoded): (&[u8], &[u8]) = if self.is_extended { (&[], text) } else { (text, &[]) };
        Quoted(quoted).bytes().chain(Decoded(encoded))
    }
}

/// Compares the bytes of the name.
impl PartialEq<[u8]> for UserName<'_> {
    fn eq(&self, other: &[u8]) -> bool {
        self.bytes().eq(other.iter().copied())
    }
}

/// Returns an extended value without its character set and language. Returns `None` if it is not in UTF-8.
fn in_utf8(value: &[u8]) -> Option<&[u8]> {
    let (charset, rest) = split_once(value, b'\'')?;
    let (_, text) = split_once(rest, b'\'')?;
    charset.eq_ignore_ascii_case(b"UTF-8").then_some(text)
}

/// Does not show the response: whoever has it could repeat the request.
impl fmt::Debug for DigestCredentials<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DigestCredentials")
            .field("user", &self.user)
            .field("uri", &self.uri)
            .finish_non_exhaustive()
    }
}

/// The names of the parameters that matter, in the order in which they are taken apart. One text takes less of a
/// microcontroller's flash than a table of them.
const NAMES: &[u8] = b"username,username*,realm,nonce,uri,response,algorithm,cnonce,qop,nc";
const NAMES_LEN: usize = 10;
