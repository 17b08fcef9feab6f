//! Authentication schemes that a server may ask for (RFC 2326, 12.44 and D).
use crate::text;

/// The scheme of a `WWW-Authenticate` value. It is enough to say why a request was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum AuthScheme {
    /// The password is sent in the clear (RFC 2617, 2).
    Basic,
    /// A hash of the password is sent (RFC 2617, 3).
    Digest,
    /// The server asks for any other scheme.
    Other,
}

impl AuthScheme {
    /// Reads the value of one `WWW-Authenticate` field. A server may send several fields.
    pub fn parse(value: &[u8]) -> Self {
        let (name, _) = text::first_word(value);
        if name.eq_ignore_ascii_case(b"Basic") {
            Self::Basic
        } else if name.eq_ignore_ascii_case(b"Digest") {
            Self::Digest
        } else {
            Self::Other
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scheme_is_the_first_word() {
        assert_eq!(AuthScheme::parse(b"Digest realm=\"Basic\", nonce=\"1\""), AuthScheme::Digest);
        assert_eq!(AuthScheme::parse(b"basic"), AuthScheme::Basic);
        assert_eq!(AuthScheme::parse(b""), AuthScheme::Other);
        assert_eq!(AuthScheme::parse(b"Bearer"), AuthScheme::Other);
    }
}
