//! The names of the hash functions.

/// A hash function of Digest (RFC 7616, 3.3 and 6.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Algorithm {
    /// MD5. The only one that many clients and cameras know, and what a challenge means that names none.
    Md5,
    /// SHA-256.
    Sha256,
}

impl Algorithm {
    /// Returns the name as the parameter `algorithm` has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA-256",
        }
    }

    /// Reads the value of the parameter `algorithm`. Also returns whether the name ends in `-sess`, which
    /// means that the hash of the password is hashed once more with the nonces (RFC 7616, 3.4.2).
    pub(super) fn parse(name: &[u8]) -> Option<(Self, bool)> {
        let (name, session) = match name.split_last_chunk::<5>() {
            Some((name, end)) if end.eq_ignore_ascii_case(b"-sess") => (name, true),
            _ => (name, false),
        };
        [Self::Md5, Self::Sha256]
            .into_iter()
            .find(|algorithm| name.eq_ignore_ascii_case(algorithm.name().as_bytes()))
            .map(|algorithm| (algorithm, session))
    }

    /// Returns how many bytes a hash has.
    pub(super) const fn len(self) -> usize {
        match self {
            Self::Md5 => 16,
            Self::Sha256 => 32,
        }
    }
}
