//! Nonces of a server that keeps none of them (RFC 7616, 5.4).
use super::algorithm::Algorithm;
use super::hash::{Hash, Part, hash, write_hex};
use crate::text::hexadecimal;
use core::fmt;
use subtle::ConstantTimeEq;

/// The secret by which a server knows its nonces again. Make one of random bytes at each start: nonces that
/// were made before are forged then, and clients are asked anew.
#[derive(Clone)]
pub struct NonceKey([u8; 32]);

impl NonceKey {
    /// Makes a key of 32 random bytes, which nobody may be able to guess.
    pub const fn new(random: [u8; 32]) -> Self {
        Self(random)
    }

    /// Makes the nonce of a time, in seconds of any clock that does not go back, and of a scope, such as the
    /// client's address: it is good for nobody else.
    pub fn nonce(&self, seconds: u32, scope: &[u8]) -> Nonce {
        let mut digits = [0; LEN];
        let (time, seal) = digits.split_at_mut(8);
        write_hex(&seconds.to_be_bytes(), time);
        // Of the hash, as much as there is room for.
        write_hex(self.seal(seconds, scope).as_bytes(), seal);
        Nonce(digits)
    }

    /// Says whether `nonce` is one that was made with this key for `scope`, and whether that was at most
    /// `lifetime` seconds ago.
    pub fn check(&self, nonce: &[u8], seconds: u32, scope: &[u8], lifetime: u32) -> NonceState {
        let Some(made) = nonce.get(..8).and_then(hexadecimal) else { return NonceState::Forged };
        if !self.nonce(made, scope).is(nonce) {
            return NonceState::Forged;
        }
        match seconds.checked_sub(made) {
            Some(age) if age <= lifetime => NonceState::Valid { age },
            _ => NonceState::Expired,
        }
    }

    /// The hash of the secret, the time and the scope. The lengths of the first two are fixed, and half of
    /// the hash is all that anybody sees, so that nobody can go on from it.
    fn seal(&self, seconds: u32, scope: &[u8]) -> Hash {
        let time = seconds.to_be_bytes();
        hash(Algorithm::Sha256, &[Part::Bytes(&self.0), Part::Bytes(&time), Part::Bytes(scope)])
    }
}

/// Shows nothing of the key.
impl fmt::Debug for NonceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NonceKey").finish_non_exhaustive()
    }
}

/// Bytes of the hash that a nonce has.
const SEAL: usize = 16;
/// Digits of a nonce: a time of four bytes, and the hash.
const LEN: usize = 2 * (4 + SEAL);

/// A nonce of a [`NonceKey`]: 40 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nonce([u8; LEN]);

impl Nonce {
    /// Returns the digits.
    pub const fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    fn is(&self, other: &[u8]) -> bool {
        bool::from(self.0.as_slice().ct_eq(other))
    }
}

/// What a server's nonce is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum NonceState {
    /// It was made here.
    Valid {
        /// How many seconds ago.
        age: u32,
    },
    /// It was made here, but too long ago. If all else is right, ask again with `stale=true`.
    Expired,
    /// It was made by somebody else, for somebody else, or before the last start.
    Forged,
}
