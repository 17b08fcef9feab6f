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
        let mut out = TextWriter::new(Hasher::new(algorithm));
        out.text(user);
        out.text(":");
        realm.emit(&mut out);
        out.text(":");
        out.text(password);
        let Ok(mut hasher) = out.finish();
        Self { algorithm, hash: Hash::of(&mut hasher) }
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
    let Question { method, uri, nonce, cnonce, .. } = *question;
    let hash = |parts: &[Part<'_>]| hash(ha1.algorithm, parts);
    let mut secret = ha1.hash;
    if question.session {
        // RFC 7616, 3.4.2.
        secret = hash(&[Part::Hash(&secret), Part::Quoted(nonce), Part::Quoted(cnonce)]);
    }
    let (secret, nonce) = (Part::Hash(&secret), Part::Quoted(nonce));
    let request = hash(&[Part::Bytes(method), Part::Quoted(uri)]);
    let request = Part::Hash(&request);
    match question.count {
        Some(count) => {
            hash(&[secret, nonce, Part::Bytes(count), Part::Quoted(cnonce), Part::Bytes(b"auth"), request])
        }
        None => hash(&[secret, nonce, request]),
    }
}

/// A part of what is hashed.
pub(super) enum Part<'a> {
    Bytes(&'a [u8]),
    /// The bytes without the backslashes.
    Quoted(Quoted<'a>),
    /// The digits of a hash.
    Hash(&'a Hash),
}

/// Hashes parts, with colons between them.
// Inlined, it takes more of a microcontroller's flash.
#[cfg_attr(target_pointer_width = "32", inline(never))]
pub(super) fn hash(algorithm: Algorithm, parts: &[Part<'_>]) -> Hash {
    let mut hasher = Hasher::new(algorithm);
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            hasher.push(b':');
        }
        let mut digits = [0; 64];
        let (quoted, plain): (&[u8], &[u8]) = match part {
            Part::Bytes(bytes) => (&[], bytes),
            Part::Quoted(Quoted(text)) => (text, &[]),
            Part::Hash(hash) => (&[], hash.digits(&mut digits)),
        };
        for byte in Quoted(quoted).bytes().chain(plain.iter().copied()) {
            hasher.push(byte);
        }
    }
    Hash::of(&mut hasher)
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

    fn of(hasher: &mut Hasher) -> Self {
        Self { bytes: hasher.finish(), len: hasher.algorithm().len() }
    }

    /// Writes the digits into `digits`, and returns them.
    fn digits<'a>(&self, digits: &'a mut [u8; 64]) -> &'a [u8] {
        write_hex(self.as_bytes(), digits);
        digits.get(..2 * self.len).unwrap_or_default()
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
        out.text(self.digits(&mut [0; 64]))
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
