//! Parameters of a challenge or of credentials: `name=token` and `name="text"`, with commas between them.
use crate::text::{Emit, TextWriter};
use embedded_io::Write;

/// The text between two double quotes, in which a backslash stands before a quote or a backslash
/// (RFC 9110, 5.6.4). A token is such a text, too. The text form of [`Emit`] is that without the backslashes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Quoted<'a>(pub(super) &'a [u8]);

impl<'a> Quoted<'a> {
    /// Returns the text as it came, with the backslashes.
    pub const fn raw(self) -> &'a [u8] {
        self.0
    }

    /// Returns the bytes without the backslashes.
    pub fn bytes(self) -> impl Iterator<Item = u8> + 'a {
        let mut escaped = false;
        self.0.iter().copied().filter(move |&byte| {
            escaped = byte == b'\\' && !escaped;
            !escaped
        })
    }
}

/// Compares the bytes without the backslashes.
impl PartialEq<[u8]> for Quoted<'_> {
    fn eq(&self, other: &[u8]) -> bool {
        self.bytes().eq(other.iter().copied())
    }
}

/// Writes the bytes without the backslashes.
impl Emit for Quoted<'_> {
    fn emit<W: Write>(&self, out: &mut TextWriter<W>) {
        for byte in self.bytes() {
            out.text([byte]);
        }
    }
}

/// A text of which [`Emit`] writes a quoted string, with the quotes, and with a backslash before each quote
/// and backslash. Control bytes are written as spaces: nothing that is written here ends a header field.
#[derive(Clone, Copy, Debug)]
pub struct Escaped<'a>(pub &'a [u8]);

impl Emit for Escaped<'_> {
    fn emit<W: Write>(&self, out: &mut TextWriter<W>) {
        out.text("\"");
        for &byte in self.0 {
            if matches!(byte, b'"' | b'\\') {
                out.text("\\");
            }
            out.text([if byte.is_ascii_control() { b' ' } else { byte }]);
        }
        out.text("\"");
    }
}

/// An item of a header field that has challenges or credentials (RFC 9110, 11.2 and 11.3).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Item<'a> {
    /// A scheme begins, such as `Digest`. What follows belongs to it.
    Scheme(&'a [u8]),
    /// A parameter.
    Parameter { name: &'a [u8], value: &'a [u8] },
}

/// Returns the items of a header field one after another. Whatever is neither a scheme nor a parameter is
/// taken for a scheme, so that nobody takes the parameters behind it for those of the scheme before.
#[derive(Clone, Debug)]
pub(super) struct Items<'a> {
    rest: &'a [u8],
}

impl<'a> Items<'a> {
    pub(super) const fn new(value: &'a [u8]) -> Self {
        Self { rest: value }
    }

    /// Returns what is not read yet.
    pub(super) const fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = Item<'a>;

    fn next(&mut self) -> Option<Item<'a>> {
        let is_between = |byte: &u8| byte.is_ascii_whitespace() || *byte == b',';
        let start = self.rest.iter().position(|byte| !is_between(byte))?;
        let text = self.rest.get(start..)?;
        let end = text.iter().position(|byte| is_between(byte) || *byte == b'=').unwrap_or(text.len());
        let (name, rest) = text.split_at_checked(end)?;
        let Some(value) = rest.trim_ascii_start().strip_prefix(b"=") else {
            self.rest = rest;
            return Some(Item::Scheme(name));
        };
        let (value, rest) = value_of(value.trim_ascii_start());
        self.rest = rest;
        Some(Item::Parameter { name, value })
    }
}

/// Splits the value of a parameter off what follows it. A quote that is never closed ends with the field.
fn value_of(text: &[u8]) -> (&[u8], &[u8]) {
    let Some(quoted) = text.strip_prefix(b"\"") else {
        let end =
            text.iter().position(|byte| byte.is_ascii_whitespace() || *byte == b',').unwrap_or(text.len());
        return text.split_at_checked(end).unwrap_or((text, &[]));
    };
    let mut escaped = false;
    let end = quoted.iter().position(|&byte| {
        let closes = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        closes
    });
    match end.and_then(|end| quoted.split_at_checked(end)) {
        Some((value, rest)) => (value, rest.strip_prefix(b"\"").unwrap_or(rest)),
        None => (quoted, &[]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Item::{Parameter, Scheme};
    use std::vec::Vec;

    const fn parameter<'a>(name: &'a [u8], value: &'a [u8]) -> Item<'a> {
        Parameter { name, value }
    }

    fn text(of: impl Emit) -> Vec<u8> {
        let mut out = TextWriter::new(Vec::new());
        of.emit(&mut out);
        out.finish().unwrap()
    }

    #[test]
    fn schemes_and_parameters_come_in_order() {
        let value = b"Digest realm=\"a, \\\"b\\\"\", nonce = \"c=\" ,stale=FALSE, Basic realm=\"d\"";
        let items: Vec<_> = Items::new(value).collect();
        let expected = [
            Scheme(b"Digest"),
            parameter(b"realm", b"a, \\\"b\\\""),
            parameter(b"nonce", b"c="),
            parameter(b"stale", b"FALSE"),
            Scheme(b"Basic"),
            parameter(b"realm", b"d"),
        ];
        assert_eq!(items, expected);
    }

    #[test]
    fn what_is_cut_short_ends_with_the_field() {
        assert_eq!(
            Items::new(b"Digest realm=\"a").collect::<Vec<_>>(),
            [Scheme(b"Digest"), parameter(b"realm", b"a")]
        );
        assert_eq!(Items::new(b"a=\"\\\"").collect::<Vec<_>>(), [parameter(b"a", b"\\\"")]);
        assert_eq!(Items::new(b" , a=").collect::<Vec<_>>(), [parameter(b"a", b"")]);
        assert_eq!(Items::new(b"=b, c").collect::<Vec<_>>(), [parameter(b"", b"b"), Scheme(b"c")]);
        assert_eq!(Items::new(b" ,, ").next(), None);
    }

    #[test]
    fn escaping_is_undone_by_reading() {
        for bytes in [&b"plain"[..], b"\"", b"\\", b"a\\\"b\\\\", b"", "Pass w\u{f6}rt".as_bytes()] {
            let quoted = text(Escaped(bytes));
            let [b'"', inner @ .., b'"'] = &quoted[..] else { panic!("{quoted:?}") };
            assert!(Quoted(inner) == *bytes, "{quoted:?}");
            assert_eq!(text(Quoted(inner)), bytes);
            assert_eq!(value_of(&quoted), (inner, &b""[..]));
        }
        assert_eq!(text(Escaped(b"a\r\nX: y\0")), b"\"a  X: y \"");
        assert_eq!(text(Quoted(b"a\\")), b"a");
    }
}
