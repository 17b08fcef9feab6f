//! The hash functions of Digest, and what is kept of a password.
use super::algorithm::Algorithm;
use super::hasher::Hasher;
use super::parameters::Quoted;
use crate::text::{Emit, TextWriter, hex_digit, hexadecimal};
use core::fmt;
use embedded_io::Write;
use subtle::ConstantTimeEq;

/// What Digest needs of a password: the hash of user name, realm and password (RFC 7616, 3.4.2, `A1`).
///
/// It is as secret as the password within its realm. Its hexadecimal form is written by [`Emit`] and
/// `Display`; `Debug` shows nothing of it.
#[derive(Clone, Copy)]
pub struct Ha1 {
    algorithm: Algorithm,
    hash: Hash,
}

impl Ha1 {
    /// Hashes a user name, a realm and a password. All are bytes, by custom in UTF-8.
    pub fn new(algorithm: Algorithm, user: &[u8], realm: impl Emit, password: &[u8]) -> Self {
        let hash = hash(algorithm, &|out| {
            out.text(user);
            out.text(":");
            realm.emit(out);
            out.text(":");
            out.text(password);
        });
        Self { algorithm, hash }
    }

    /// Returns a hash that no password is known to have. A server tries it for users that it does not know, so that
    /// they take it as long as those that it knows.
    pub const fn of_nobody(algorithm: Algorithm) -> Self {
        Self { algorithm, hash: Hash { bytes: [0; 32], len: algorithm.len() } }
    }

    /// Reads the hexadecimal form. Returns `None` if `digits` are not as many as the algorithm has, or not
    /// all hexadecimal.
    pub fn from_hex(algorithm: Algorithm, digits: &[u8]) -> Option<Self> {
        Some(Self { algorithm, hash: Hash::from_hex(algorithm, digits)? })
    }

    /// Returns the hash function.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Compares two hashes in a time that does not depend on them. False if they are of two algorithms.
    pub fn is(&self, other: &Self) -> bool {
        self.algorithm == other.algorithm && self.hash.is(&other.hash)
    }

    /// Hashes this hash with the nonces of both sides, for an algorithm that ends in `-sess`
    /// (RFC 7616, 3.4.2).
    fn of_session(&self, nonce: Quoted<'_>, cnonce: Quoted<'_>) -> Hash {
        hash(self.algorithm, &|out| {
            self.emit(out);
            out.text(":");
            nonce.emit(out);
            out.text(":");
            cnonce.emit(out);
        })
    }
}

impl Emit for Ha1 {
    fn emit<W: Write>(&self, out: &mut TextWriter<W>) {
        self.hash.emit(out)
    }
}

impl fmt::Display for Ha1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.hash.as_bytes().iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Ha1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ha1").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

/// What a response of Digest is the hash of, apart from the password.
#[derive(Clone, Copy)]
pub(super) struct Question<'a> {
    pub(super) method: &'a [u8],
    pub(super) uri: Quoted<'a>,
    pub(super) nonce: Quoted<'a>,
    /// Whether the algorithm's name ends in `-sess`.
    pub(super) session: bool,
    pub(super) cnonce: Quoted<'a>,
    /// The digits of the count, if `qop` is `auth`. Without it, the response is that of RFC 2069.
    pub(super) count: Option<&'a [u8]>,
}

/// Returns the response to `question` (RFC 7616, 3.4.1).
pub(super) fn response(ha1: &Ha1, question: &Question<'_>) -> Hash {
    let algorithm = ha1.algorithm;
    let secret = if question.session { ha1.of_session(question.nonce, question.cnonce) } else { ha1.hash };
    let request = hash(algorithm, &|out| {
        out.text(question.method);
        out.text(":");
        question.uri.emit(out);
    });
    hash(algorithm, &|out| {
        secret.emit(out);
        out.text(":");
        question.nonce.emit(out);
        if let Some(count) = question.count {
            out.text(":");
            out.text(count);
            out.text(":");
            question.cnonce.emit(out);
            out.text(":auth");
        }
        out.text(":");
        request.emit(out);
    })
}

/// Hashes what `write` writes.
pub(super) fn hash(algorithm: Algorithm, write: &dyn Fn(&mut TextWriter<Hasher>)) -> Hash {
    let mut out = TextWriter::new(Hasher::new(algorithm));
    write(&mut out);
    let Ok(hasher) = out.finish();
    Hash { bytes: hasher.finish(), len: algorithm.len() }
}

/// A hash of either algorithm. Its text form is lower-case hexadecimal, as RFC 7616, 3.1 demands.
#[derive(Clone, Copy)]
pub(super) struct Hash {
    /// Zeros behind `len`.
    bytes: [u8; 32],
    len: usize,
}

impl Hash {
    /// Reads hexadecimal digits in either case. Returns `None` if they are not as many as the algorithm has.
    pub(super) fn from_hex(algorithm: Algorithm, digits: &[u8]) -> Option<Self> {
        let len = algorithm.len();
        let (pairs, rest) = digits.as_chunks::<2>();
        if pairs.len() != len || !rest.is_empty() {
            return None;
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(pairs) {
            *byte = hexadecimal(pair)? as u8;
        }
        Some(Self { bytes, len })
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    /// Compares in a time that does not depend on the bytes.
    pub(super) fn is(&self, other: &Self) -> bool {
        bool::from(self.bytes.ct_eq(&other.bytes))
    }
}

impl Emit for Hash {
    fn emit<W: Write>(&self, out: &mut TextWriter<W>) {
        let mut digits = [0; 64];
        write_hex(self.as_bytes(), &mut digits);
        out.text(digits.get(..2 * self.len).unwrap_or_default())
    }
}

/// Writes lower-case hexadecimal digits, as far as there are bytes and room for their digits. Apart from the writer,
/// which is compiled anew for each sink.
pub(super) fn write_hex(bytes: &[u8], digits: &mut [u8]) {
    let (pairs, _) = digits.as_chunks_mut::<2>();
    for (pair, byte) in pairs.iter_mut().zip(bytes) {
        *pair = [hex_digit(byte >> 4), hex_digit(byte & 0xF)].map(|digit| digit.to_ascii_lowercase());
    }
}
