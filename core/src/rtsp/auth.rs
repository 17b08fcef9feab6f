//! Authentication schemes that a server may ask for (RFC 2326, 12.44 and D).
use crate::text;

/// The authentication scheme that a `WWW-Authenticate` header field names. This library does not log in
/// anywhere: use the scheme to tell the user why a server refused a request with status 401.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum AuthScheme {
    /// The server asks for a user name and a password in the clear (RFC 2617, 2). This library does not log
    /// in: tell the user.
    Basic,
    /// The server asks for a hash of the user name, the password and a value of its own (RFC 2617, 3). This
    /// library does not log in: tell the user.
    Digest,
    /// The value of the `WWW-Authenticate` header field names a scheme that this library does not know, or is
    /// empty. Tell the user that the server wants a login of an unknown kind, and give up. The same response
    /// may have another `WWW-Authenticate` field with a known scheme:
    /// [`Headers::get_all`](super::Headers::get_all) returns the values of all such fields.
    Other,
}

impl AuthScheme {
    /// Reads the scheme from the value of one `WWW-Authenticate` header field. The scheme is the first word
    /// of the value; the case of the word does not matter. If the word is unknown or missing, the result is
    /// [`Self::Other`].
    ///
    /// A server that accepts several schemes sends one `WWW-Authenticate` field for each scheme: call this
    /// for each field. If the server puts several schemes into one field, only the first scheme is read.
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
