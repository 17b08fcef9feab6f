//! What a client answers to a challenge of Digest: the value of `Authorization`.
use super::challenge::DigestChallenge;
use super::hash::{Ha1, Question, response};
use super::parameters::{Escaped, Quoted};
use crate::text::{Emit, TextWriter, hex_digits};
use core::fmt;
use embedded_io::Write;

/// The answer to a challenge of Digest. [`Emit`] writes the value of an `Authorization` header field
/// (RFC 7616, 3.4).
#[derive(Clone, Copy)]
pub struct DigestResponse<'a> {
    /// The challenge.
    pub challenge: DigestChallenge<'a>,
    /// The name of the user.
    pub user: &'a [u8],
    /// The user's password.
    pub password: &'a [u8],
    /// The method of the request.
    pub method: &'a str,
    /// The URL of the request, as the request line has it.
    pub uri: &'a [u8],
    /// A random number of the client's own. It stays the same while `count` grows.
    pub cnonce: u64,
    /// How many requests were answered with this nonce, this one included.
    pub count: u32,
}

impl Emit for DigestResponse<'_> {
    fn emit<W: Write>(&self, out: &mut TextWriter<W>) {
        let DigestChallenge { realm, nonce, opaque, algorithm, names_algorithm, session, counts, .. } =
            self.challenge;
        let [cnonce, count] = [self.cnonce, u64::from(self.count)]
            .map(|value| hex_digits(value).map(|digit| digit.to_ascii_lowercase()));
        let count = count.get(8..).unwrap_or_default();
        // A URL has neither quotes nor backslashes that would have to be undone.
        let question = Question {
            method: self.method.as_bytes(),
            uri: Quoted(self.uri),
            nonce,
            session,
            cnonce: Quoted(&cnonce),
            count: counts.then_some(count),
        };
        out.text("Digest username=");
        Escaped(self.user).emit(out);
        for (name, value) in [(", realm=\"", realm), (", nonce=\"", nonce), (", uri=\"", Quoted(self.uri))] {
            out.text(name);
            out.text(value.raw());
            out.text("\"");
        }
        out.text(", response=\"");
        response(&Ha1::new(algorithm, self.user, realm, self.password), &question).emit(out);
        out.text("\"");
        if names_algorithm {
            out.text(", algorithm=");
            out.text(algorithm.name());
            if session {
                out.text("-sess");
            }
        }
        if let Some(opaque) = opaque {
            out.text(", opaque=\"");
            out.text(opaque.raw());
            out.text("\"");
        }
        if counts {
            out.text(", qop=auth, nc=");
            out.text(count);
        }
        if counts || session {
            out.text(", cnonce=\"");
            out.text(cnonce);
            out.text("\"");
        }
    }
}

/// Shows neither the password nor the response.
impl fmt::Debug for DigestResponse<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DigestResponse")
            .field("user", &self.user)
            .field("challenge", &self.challenge)
            .finish_non_exhaustive()
    }
}
