//! Lines of text: boundaries and fields of multipart messages, and those of HTTP.
use crate::text;

/// A line that is read byte by byte. Its first bytes are kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    kept: [u8; Self::KEPT],
    len: u32,
}

/// What a line is, by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LineKind {
    Blank,
    /// The line before a part (RFC 2046, 5.1.1): two dashes and more.
    Boundary,
    /// The first line of an HTTP response (RFC 9112, 4), or of one in the manner of SHOUTcast.
    Status,
    /// A name, a colon and a value (RFC 9112, 5).
    Field,
    /// The rest of the field before (RFC 9112, 5.2).
    Folded,
    Other,
}

impl Line {
    pub(super) const EMPTY: Self = Self { kept: [0; Self::KEPT], len: 0 };
    /// A boundary line has 72 bytes at most (RFC 2046, 5.1.1).
    const KEPT: usize = 80;
    const NAME_MAX: usize = 64;

    /// Takes the next byte. Returns whether the line is complete.
    pub(super) fn push(&mut self, byte: u8) -> bool {
        if byte == b'\n' {
            return true;
        }
        if let Some(slot) = self.kept.get_mut(self.len as usize) {
            *slot = byte;
        }
        self.len = self.len.saturating_add(1);
        false
    }

    /// Returns the number of bytes so far, without the line feed.
    pub(super) const fn len(&self) -> u32 {
        self.len
    }

    /// Returns the bytes that are kept, without the line's end.
    pub(super) fn text(&self) -> &[u8] {
        let kept = self.kept.get(..self.len as usize).unwrap_or(&self.kept);
        kept.strip_suffix(b"\r").unwrap_or(kept)
    }

    pub(super) fn kind(&self) -> LineKind {
        let text = self.text();
        if text.iter().any(|byte| (*byte < b' ' && *byte != b'\t') || *byte == 0x7F) {
            return LineKind::Other;
        }
        match text {
            [] => LineKind::Blank,
            [b'-', b'-', b'!'..=b'~', ..] if text.is_ascii() => LineKind::Boundary,
            [b' ' | b'\t', ..] => LineKind::Folded,
            _ if text.starts_with(b"HTTP/") || text.starts_with(b"ICY ") => LineKind::Status,
            _ if is_field(text) => LineKind::Field,
            _ => LineKind::Other,
        }
    }

    /// Whether this is the field that says that a body comes in chunks (RFC 9112, 6.1).
    pub(super) fn announces_chunks(&self) -> bool {
        let Some((name, value)) = text::split_once(self.text(), b':') else { return false };
        let coding = text::split(value, b',').last().unwrap_or_default();
        name.eq_ignore_ascii_case(b"Transfer-Encoding")
            && coding.trim_ascii().eq_ignore_ascii_case(b"chunked")
    }
}

fn is_field(text: &[u8]) -> bool {
    let name = text.iter().position(|byte| *byte == b':').and_then(|colon| text.get(..colon));
    let token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    name.is_some_and(|name| (1..=Line::NAME_MAX).contains(&name.len()) && name.iter().all(token))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &[u8]) -> Line {
        let mut line = Line::EMPTY;
        for (n, byte) in text.iter().enumerate() {
            assert_eq!(line.push(*byte), n + 1 == text.len());
        }
        line
    }

    #[test]
    fn lines_are_told_apart() {
        for (text, kind) in [
            (&b"\r\n"[..], LineKind::Blank),
            (b"\n", LineKind::Blank),
            (b"--x\r\n", LineKind::Boundary),
            (b"--myboundary--\n", LineKind::Boundary),
            (b"--\r\n", LineKind::Other),
            (b"-- a rule --\n", LineKind::Other),
            (b"HTTP/1.1 200 OK\r\n", LineKind::Status),
            (b"ICY 200 OK\r\n", LineKind::Status),
            (b"Content-Type: image/jpeg\r\n", LineKind::Field),
            (b"X-Timestamp:1.5\n", LineKind::Field),
            (b" charset=utf-8\r\n", LineKind::Folded),
            (b"Once upon a time: a stream\n", LineKind::Other),
            (b": nothing\n", LineKind::Other),
            (b"Content-Type\0: image/jpeg\r\n", LineKind::Other),
            (b"\xFF\xD9\r\n", LineKind::Other),
        ] {
            assert_eq!(line(text).kind(), kind, "{}", text.escape_ascii());
        }
    }

    #[test]
    fn long_lines_are_known_by_their_start() {
        let mut long = Line::EMPTY;
        for byte in b"Set-Cookie: ".iter().chain(&[b'x'; 5000]) {
            assert!(!long.push(*byte));
        }
        assert_eq!((long.kind(), long.len()), (LineKind::Field, 5012));
    }

    #[test]
    fn chunks_are_announced_by_the_last_coding() {
        for (text, announced) in [
            (&b"Transfer-Encoding: chunked\r\n"[..], true),
            (b"transfer-encoding:Chunked\n", true),
            (b"Transfer-Encoding: gzip, chunked\r\n", true),
            (b"Transfer-Encoding: identity\r\n", false),
            (b"X-Transfer-Encoding: chunked\r\n", false),
            (b"Connection: chunked\r\n", false),
        ] {
            assert_eq!(line(text).announces_chunks(), announced, "{}", text.escape_ascii());
        }
    }
}
