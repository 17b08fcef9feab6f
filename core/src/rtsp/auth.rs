//! Authentication schemes that a server may ask for (RFC 2326, 12.44 and D).
use crate::text;

/// The authentication scheme that a `WWW-Authenticate` header field names. This library does not log in
/// anywhere: the scheme is for telling the user why a server refused a request with status 401.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum AuthScheme {
    /// The server asks for a user name and a password in the clear (RFC 2617, 2).
    Basic,
    /// The server asks for a hash of the user name, the password and a value of its own (RFC 2617, 3).
    Digest,
    /// The server asks for a scheme that this library does not know, or the header field is empty. All that
    /// is left is to give up, or to ask the user.
    Other,
}

impl AuthScheme {
    /// Reads the scheme from the value of one `WWW-Authenticate` field: the first word, whatever its case. It
    /// never fails: an unknown or missing word is [`Self::Other`]. A server that accepts several schemes
    /// sends one field for each.
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
