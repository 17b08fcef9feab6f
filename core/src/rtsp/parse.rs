//! Finds messages in a stream of bytes (RFC 2326, 4, 6, 7 and 10.12).
use super::{Headers, Message, Method, Request, Response, Status, Version, is_token};
use crate::rtsp::interleaved::{self, Data};
use crate::text;
use core::fmt;

/// The length in bytes of the longest message that [`parse`] accepts: a request or a response with its start
/// line, header fields and body, or an interleaved packet with its header. This is 65,539 bytes, the length
/// of the longest interleaved packet. Use it as the size of a receive buffer that can hold any message.
/// Longer messages fail with [`ParseErrorKind::TooLong`].
pub const MAX_LEN: usize = interleaved::HEADER_LEN + interleaved::MAX_PAYLOAD;

/// The result of [`parse`]: what the received bytes start with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Parsed<'a> {
    /// There are no bytes, or the bytes are the start of a message whose end has not come. Keep the bytes,
    /// and parse again when more bytes have come.
    Partial,
    /// The bytes start with line ends that belong to no message. The number is the length of these line ends
    /// in bytes. Drop that many bytes from the front of the buffer, and parse the rest again at once.
    Skip(usize),
    /// The bytes start with a whole message. The number is the length in bytes of the whole message, with its
    /// header and body. Use the message. Afterwards, drop that many bytes from the front of the buffer, and
    /// parse the rest again at once: the next message may be in the buffer already.
    Complete(Message<'a>, usize),
}

/// Why received bytes are no usable message, and where the next message starts. [`parse`] and
/// [`parse_within`] return it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct ParseError {
    /// What is wrong with the message.
    pub kind: ParseErrorKind,
    /// The offset of the fault in bytes, counted from the first byte of the `buf` that was parsed.
    pub at: usize,
    /// The offset at which the next message starts, in bytes from the first byte of the `buf` that was
    /// parsed.
    ///
    /// - If this is an offset, drop all bytes before it, and parse the bytes from it on. With
    ///   [`ParseErrorKind::TooLong`], the offset may be past the end of `buf`: drop the missing bytes as well
    ///   when they come.
    /// - If this is `None`, the next message cannot be found: close the connection.
    pub skip: Option<usize>,
    /// The `CSeq` of the faulty message. `None` if the message has no valid `CSeq`, or if its header fields
    /// were not read. A server should answer a faulty request with 413 for [`ParseErrorKind::TooLong`], and
    /// with 400 for all other errors. The response has this `CSeq`; if this is `None`, it has no `CSeq`. Do
    /// not answer an interleaved packet.
    pub cseq: Option<u32>,
}

/// What is wrong with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ParseErrorKind {
    /// The bytes are another protocol, such as TLS. Close the connection.
    NotRtsp,
    /// The bytes are an HTTP request or response. Close the connection.
    Http,
    /// The first line of an RTSP request or response is malformed. Drop the bytes before
    /// [`ParseError::skip`], and go on.
    StartLine,
    /// A line of the header is no header field, or has control bytes in it. Drop the bytes before
    /// [`ParseError::skip`], and go on.
    Header,
    /// The value of a `Content-Length` is no number, or there are two such fields with different values. The
    /// next message cannot be found, so close the connection.
    ContentLength,
    /// The message is longer than the `room` of [`parse_within`], or than [`MAX_LEN`] for [`parse`]. If
    /// [`ParseError::skip`] is an offset, drop the bytes before that offset, and go on. If it is `None`,
    /// close the connection.
    TooLong {
        /// The length of the whole message in bytes, with its header and body. If the end of the message is
        /// not known, this is the least length that the message can have.
        need: usize,
    },
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            ParseErrorKind::NotRtsp => "the peer does not speak RTSP",
            ParseErrorKind::Http => "the peer speaks HTTP, not RTSP",
            ParseErrorKind::StartLine => "the first line of the message is malformed",
            ParseErrorKind::Header => "a header field is malformed",
            ParseErrorKind::ContentLength => "the length of the body is malformed",
            ParseErrorKind::TooLong { need } => {
                return write!(f, "the message is too long: it takes {need} bytes");
            }
        };
        write!(f, "{what} (byte {})", self.at)
    }
}

impl core::error::Error for ParseError {}

/// Finds the message at the start of `buf`. Pass the bytes that the peer has sent on the connection and that
/// are not dealt with yet. A message may have up to [`MAX_LEN`] bytes. An incomplete message is not an error:
/// the result is [`Parsed::Partial`]. If your receive buffer is smaller than [`MAX_LEN`], call
/// [`parse_within`] instead: otherwise you wait for ever for the end of a message that does not fit.
///
/// # Errors
/// Returns a [`ParseError`] in the same cases as [`parse_within`].
pub fn parse(buf: &[u8]) -> Result<Parsed<'_>, ParseError> {
    parse_within(buf, MAX_LEN)
}

/// Finds the message at the start of `buf`. Pass the bytes that the peer has sent on the connection and that
/// are not dealt with yet. `room` is the length in bytes of the longest message that is accepted: the size of
/// the receive buffer. An incomplete message is not an error: the result is [`Parsed::Partial`].
///
/// If the result is [`Parsed::Complete`], the result would be the same with more bytes at the end of `buf`.
///
/// # Errors
/// [`ParseError::skip`] says whether the connection can go on. The errors come at different times:
/// - [`ParseErrorKind::NotRtsp`] and [`ParseErrorKind::Http`] come as soon as they are certain.
/// - [`ParseErrorKind::TooLong`] and [`ParseErrorKind::ContentLength`] come as soon as all header fields have
///   arrived. `TooLong` also comes if the header fields have not ended within `room` bytes.
/// - [`ParseErrorKind::StartLine`] and [`ParseErrorKind::Header`] come only when the whole message has
///   arrived, so that it can be answered and skipped.
// On its own it takes less flash: its variables would take registers of a server's whole dialogue.
#[cfg_attr(target_pointer_width = "32", inline(never))]
pub fn parse_within(buf: &[u8], room: usize) -> Result<Parsed<'_>, ParseError> {
    match buf.first() {
        None => Ok(Parsed::Partial),
        Some(&interleaved::MAGIC) => data(buf, room),
        Some(b'\r' | b'\n') => {
            Ok(Parsed::Skip(buf.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count()))
        }
        Some(_) => message(buf, room),
    }
}

fn data(buf: &[u8], room: usize) -> Result<Parsed<'_>, ParseError> {
    let Some(header) = interleaved::Header::parse(buf) else { return Ok(Parsed::Partial) };
    let need = header.frame_len();
    if need > room {
        let kind = ParseErrorKind::TooLong { need };
        return Err(ParseError { kind, at: 0, skip: Some(need), cseq: None });
    }
    let data = Data::parse(buf).map(Message::Data);
    Ok(data.map_or(Parsed::Partial, |data| Parsed::Complete(data, need)))
}

fn message(buf: &[u8], room: usize) -> Result<Parsed<'_>, ParseError> {
    let fatal = |(kind, at)| ParseError { kind, at, skip: None, cseq: None };
    let (line, rest) = match text::split_once(buf, b'\n') {
        Some((line, rest)) => (trim_cr(line), Some(rest)),
        None => (trim_cr(buf), None),
    };
    check_bytes(line).map_err(fatal)?;
    let start = rest.map(|rest| (StartLine::parse(line), rest));
    if let Some((Err((kind @ (ParseErrorKind::NotRtsp | ParseErrorKind::Http), at)), _)) = start {
        return Err(fatal((kind, at)));
    }
    let Some((start, (headers, tail))) = start.and_then(|(start, rest)| Some((start, split_headers(rest)?)))
    else {
        return match buf.len() < room {
            true => Ok(Parsed::Partial),
            false => Err(fatal((ParseErrorKind::TooLong { need: buf.len().saturating_add(1) }, buf.len()))),
        };
    };

    let error = |kind, at, skip| ParseError { kind, at, skip, cseq: headers.cseq() };
    let length = headers
        .content_length()
        .map_err(|value| error(ParseErrorKind::ContentLength, text::offset(buf, value), None))?;
    let body_at = text::offset(buf, tail);
    let need = body_at.saturating_add(usize::try_from(length).unwrap_or(usize::MAX));
    if need > room {
        return Err(error(ParseErrorKind::TooLong { need }, body_at, Some(need)));
    }
    let Some(body) = buf.get(body_at..need) else { return Ok(Parsed::Partial) };

    let start = start.map_err(|(kind, at)| error(kind, at, Some(need)))?;
    if let Some(line) = headers.first_malformed() {
        return Err(error(ParseErrorKind::Header, text::offset(buf, line), Some(need)));
    }
    let message = match start {
        StartLine::Request { method, url, version } => {
            Message::Request(Request { method, url, version, headers, body })
        }
        StartLine::Response { version, status, reason } => {
            Message::Response(Response { version, status, reason, headers, body })
        }
    };
    Ok(Parsed::Complete(message, need))
}

/// Splits `rest` at the empty line. Returns the headers before it, and the bytes after it.
fn split_headers(rest: &[u8]) -> Option<(Headers<'_>, &[u8])> {
    let mut tail = rest;
    loop {
        let at = text::offset(rest, tail);
        let (line, after) = text::split_once(tail, b'\n')?;
        if trim_cr(line).is_empty() {
            return Some((Headers::new(rest.get(..at)?), after));
        }
        tail = after;
    }
}

/// Checks a start line, or the part of it that has arrived, for bytes that no start line can have.
fn check_bytes(line: &[u8]) -> Result<(), (ParseErrorKind, usize)> {
    let word = line.split(|&b| b == b' ').next().unwrap_or_default();
    if word.is_empty() {
        return Err((ParseErrorKind::NotRtsp, 0));
    }
    if let Some(at) = word.iter().position(|&b| !is_token(b)) {
        // Only a response starts with a word that has a slash in it.
        match word.get(..=at) {
            Some(start) if start.eq_ignore_ascii_case(b"RTSP/") => {}
            Some(start) if start.eq_ignore_ascii_case(b"HTTP/") => return Err((ParseErrorKind::Http, 0)),
            _ => return Err((ParseErrorKind::NotRtsp, at)),
        }
    }
    match line.iter().position(|b| b.is_ascii_control() && *b != b'\t') {
        Some(at) => Err((ParseErrorKind::NotRtsp, at)),
        None => Ok(()),
    }
}

enum StartLine<'a> {
    Request { method: Method<'a>, url: &'a [u8], version: Version },
    Response { version: Version, status: Status, reason: &'a [u8] },
}

impl<'a> StartLine<'a> {
    fn parse(line: &'a [u8]) -> Result<Self, (ParseErrorKind, usize)> {
        let malformed = |part: &[u8]| (ParseErrorKind::StartLine, text::offset(line, part));
        let line = line.trim_ascii_end();
        let (word, rest) = text::first_word(line);
        if text::starts_with_ignore_case(word, b"RTSP/") {
            let version = version(word).ok_or(malformed(word))?;
            let (code, reason) = text::first_word(rest);
            let status = status(code).ok_or(malformed(code))?;
            return Ok(Self::Response { version, status, reason });
        }
        // The version is the last word, so that spaces in the URL do no harm.
        let method = Method::from_name(word);
        let (url, last) = text::rsplit_once(rest, b' ').unwrap_or((&[], rest));
        if text::starts_with_ignore_case(last, b"HTTP/") {
            return Err((ParseErrorKind::Http, text::offset(line, last)));
        }
        if !text::starts_with_ignore_case(last, b"RTSP/") {
            let kind = match method {
                Method::Unknown(_) => ParseErrorKind::NotRtsp,
                _ => ParseErrorKind::StartLine,
            };
            return Err((kind, text::offset(line, last)));
        }
        let version = version(last).ok_or(malformed(last))?;
        match url.trim_ascii_end() {
            [] => Err(malformed(last)),
            url => Ok(Self::Request { method, url, version }),
        }
    }
}

fn version(word: &[u8]) -> Option<Version> {
    let (major, minor) = text::split_once(text::split_once(word, b'/')?.1, b'.')?;
    let number = |digits| u8::try_from(text::decimal(digits)?).ok();
    Some(Version { major: number(major)?, minor: number(minor)? })
}

fn status(code: &[u8]) -> Option<Status> {
    let value = u16::try_from(text::decimal(code)?).ok()?;
    (code.len() == 3 && value >= 100).then_some(Status(value))
}

/// Returns the line without the CRs that some devices end it with.
fn trim_cr(mut line: &[u8]) -> &[u8] {
    while let Some(shorter) = line.strip_suffix(b"\r") {
        line = shorter;
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn error(bytes: &[u8]) -> ParseError {
        parse(bytes).unwrap_err()
    }

    #[test]
    fn other_protocols_are_known_by_their_first_bytes() {
        let not_rtsp: [&[u8]; 5] = [b"\x16\x03\x01", b"\0\0", b"\x80\x60\0\x01", b"OPT\x01", b" OPTIONS"];
        for bytes in not_rtsp {
            assert_eq!(error(bytes).kind, ParseErrorKind::NotRtsp);
        }
        assert_eq!(error(b"HTTP/").kind, ParseErrorKind::Http);
        assert_eq!(error(b"GET / HTTP/1.1\r\n").kind, ParseErrorKind::Http);
        assert_eq!(error(b"SSH-2.0-OpenSSH_9.2p1 Debian\r\n").kind, ParseErrorKind::NotRtsp);
        assert_eq!(error(b"220 mail ESMTP\r\n").kind, ParseErrorKind::NotRtsp);
    }

    #[test]
    fn a_malformed_request_can_be_answered_and_skipped() {
        let bytes = b"DESCRIBE rtsp://h/a\r\nCSeq: 3\r\nContent-Length: 2\r\n\r\nxyOPTIONS";
        assert_eq!(parse(&bytes[..bytes.len() - 8]), Ok(Parsed::Partial));
        let e = error(bytes);
        assert_eq!((e.kind, e.cseq), (ParseErrorKind::StartLine, Some(3)));
        assert_eq!(&bytes[e.skip.unwrap()..], b"OPTIONS");

        let e = error(b"PLAY rtsp://h/a RTSP/1.0\r\nCSeq: 4\r\nnonsense\r\n\r\n");
        assert_eq!((e.kind, e.at, e.skip, e.cseq), (ParseErrorKind::Header, 35, Some(47), Some(4)));
        assert_eq!(error(b"PLAY RTSP/1.0\r\n\r\n").kind, ParseErrorKind::StartLine);
        assert_eq!(error(b"PLAY * RTSP/one\r\n\r\n").kind, ParseErrorKind::StartLine);
        assert_eq!(error(b"RTSP/1.0 OK\r\n\r\n").kind, ParseErrorKind::StartLine);
        assert_eq!(error(b"RTSP/1.0 99999 OK\r\n\r\n").kind, ParseErrorKind::StartLine);
    }

    #[test]
    fn a_length_is_a_number_that_fits() {
        let e = error(b"PLAY * RTSP/1.0\r\nCSeq: 1\r\nContent-Length: -5\r\n\r\n");
        assert_eq!((e.kind, e.at, e.skip), (ParseErrorKind::ContentLength, 42, None));
        let e = error(b"PLAY * RTSP/1.0\r\nContent-Length: 1000000\r\n\r\n");
        assert_eq!((e.kind, e.skip), (ParseErrorKind::TooLong { need: 1_000_044 }, Some(1_000_044)));
        let e = error(b"PLAY * RTSP/1.0\r\nContent-Length: 18446744073709551615\r\n\r\n");
        assert_eq!(e.kind, ParseErrorKind::TooLong { need: usize::MAX });
    }

    #[test]
    fn what_cannot_fit_the_buffer_is_said_at_once() {
        let e = parse_within(b"$\x01\x01\x00", 64).unwrap_err();
        assert_eq!((e.kind, e.skip), (ParseErrorKind::TooLong { need: 260 }, Some(260)));
        let endless = [b'A'; 64];
        assert_eq!(parse_within(&endless[..63], 64), Ok(Parsed::Partial));
        let e = parse_within(&endless, 64).unwrap_err();
        assert_eq!((e.kind, e.skip), (ParseErrorKind::TooLong { need: 65 }, None));
    }

    #[test]
    fn another_version_is_the_servers_to_refuse() {
        let Ok(Parsed::Complete(Message::Request(request), _)) = parse(b"OPTIONS * RTSP/2.0\nCSeq: 1\n\n")
        else {
            panic!("no request");
        };
        assert_eq!(request.version, Version { major: 2, minor: 0 });
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes: std::vec::Vec<u8>, room in 0usize..100) {
            let _ = parse_within(&bytes, room);
        }

        #[test]
        fn what_was_said_stays_true_when_more_arrives(
            text in "(OPTIONS|RTSP/1.0|[A-Z]{3}|\\$| )[ -~]{0,20}( RTSP/1.0)?(\r\n|\n|\r)([A-Za-z -:]{0,12}\r?\n){0,3}(Content-Length: [0-9]{0,3}\r\n)?\r?\n.{0,8}"
        ) {
            let bytes = text.as_bytes();
            let whole = parse(bytes);
            for end in 0..bytes.len() {
                match parse(&bytes[..end]) {
                    Ok(Parsed::Partial | Parsed::Skip(_)) => {}
                    said => prop_assert_eq!(said, whole, "at {}", end),
                }
            }
        }
    }
}
