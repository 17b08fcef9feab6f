//! Responses: heads, and what is between the parts of a stream.
use super::super::tunnel::MEDIA_TYPE;
use super::request::BadRequest;
use std::fmt::Write;
use std::time::SystemTime;

/// What is between the parts of a stream. It is in no picture.
const BOUNDARY: &str = "pinhole-frame-7d1f2c9a0b5e4836";
/// After how many seconds a client may try again that the server cannot serve now.
pub(in super::super) const RETRY_AFTER: &str = "10";

/// A status, with its reason (RFC 9110, 15).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Status(pub(in super::super) u16, pub(in super::super) &'static str);

impl Status {
    pub(in super::super) const OK: Self = Self(200, "OK");
    pub(in super::super) const BAD_REQUEST: Self = Self(400, "Bad Request");
    pub(in super::super) const UNAUTHORIZED: Self = Self(401, "Unauthorized");
    pub(in super::super) const NOT_FOUND: Self = Self(404, "Not Found");
    pub(in super::super) const METHOD_NOT_ALLOWED: Self = Self(405, "Method Not Allowed");
    pub(in super::super) const CONFLICT: Self = Self(409, "Conflict");
    pub(in super::super) const REQUEST_TIMEOUT: Self = Self(408, "Request Timeout");
    /// The request is for another server than this one (RFC 9110, 15.5.20).
    #[cfg(feature = "metrics")]
    pub(in super::super) const MISDIRECTED: Self = Self(421, "Misdirected Request");
    pub(in super::super) const TOO_LONG: Self = Self(431, "Request Header Fields Too Large");
    pub(in super::super) const UNAVAILABLE: Self = Self(503, "Service Unavailable");
    pub(in super::super) const VERSION: Self = Self(505, "HTTP Version Not Supported");
}

impl From<BadRequest> for Status {
    fn from(bad: BadRequest) -> Self {
        match bad {
            BadRequest::Malformed => Self::BAD_REQUEST,
            BadRequest::TooLong => Self::TOO_LONG,
            BadRequest::Version => Self::VERSION,
        }
    }
}

/// What the body of a response is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Content {
    Html,
    Css,
    Json,
    Text,
    /// Metrics, in the text format of OpenMetrics 1.0.
    #[cfg(feature = "metrics")]
    Metrics,
    Jpeg,
    /// A stream of pictures, whose end is that of the connection.
    Parts,
    /// What an RTSP server sends by a tunnel, whose end is that of the connection.
    Tunnel,
}

impl Content {
    fn write(self, out: &mut String) {
        out.push_str(match self {
            Self::Html => "text/html; charset=utf-8",
            Self::Css => "text/css; charset=utf-8",
            Self::Json => "application/json",
            Self::Text => "text/plain; charset=utf-8",
            #[cfg(feature = "metrics")]
            Self::Metrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Jpeg => "image/jpeg",
            Self::Parts => "multipart/x-mixed-replace; boundary=",
            Self::Tunnel => MEDIA_TYPE,
        });
        if self == Self::Parts {
            out.push_str(BOUNDARY);
        }
    }
}

/// The head of a response.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Head<'a> {
    pub(in super::super) status: Status,
    pub(in super::super) content: Content,
    /// The length of the body in bytes; `None` for [`Content::Parts`] and [`Content::Tunnel`].
    pub(in super::super) len: Option<usize>,
    pub(in super::super) keep_alive: bool,
    /// Further fields, each with a line end before it.
    pub(in super::super) fields: &'a str,
}

impl Head<'_> {
    /// Writes the head to the end of `out`.
    pub(in super::super) fn write(&self, out: &mut String, now: SystemTime) {
        let Self { status, content, len, keep_alive, fields } = *self;
        let Status(code, reason) = status;
        // A string takes all that is written.
        let _ = write!(out, "HTTP/1.1 {code} {reason}\r\nDate: {}\r\n", httpdate::fmt_http_date(now));
        out.push_str("Content-Type: ");
        content.write(out);
        if let Some(len) = len {
            let _ = write!(out, "\r\nContent-Length: {len}");
        }
        out.push_str(if keep_alive { "\r\nConnection: keep-alive" } else { "\r\nConnection: close" });
        out.push_str(fields);
        if status == Status::METHOD_NOT_ALLOWED {
            out.push_str("\r\nAllow: GET, HEAD");
        }
        if status == Status::UNAVAILABLE {
            let _ = write!(out, "\r\nRetry-After: {RETRY_AFTER}");
        }
        if content == Content::Tunnel {
            return out.push_str("\r\nCache-Control: no-store\r\nPragma: no-cache\r\n\r\n");
        }
        // The icon of pages is an empty data URL, so that none is asked for.
        out.push_str(
            "\r\nCache-Control: no-store\
             \r\nX-Content-Type-Options: nosniff\
             \r\nReferrer-Policy: no-referrer\
             \r\nContent-Security-Policy: default-src 'none'; img-src 'self' data:; style-src 'self'; \
             base-uri 'none'; form-action 'none'\r\n\r\n",
        );
    }
}

/// Where a part of a stream says how long it is, and so where it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Framing {
    /// Each part has its length. Firefox shows a part as soon as it is complete, and readers need not search for its
    /// end.
    Lengths,
    /// The head of the next part follows a part at once, before there is a next part. WebKit and Blink show a part
    /// only then, so that they would be late by a frame.
    NextHeads,
}

impl Framing {
    /// Writes what comes before a picture of `len` bytes. `first` says whether it is the first one of the stream.
    pub(in super::super) fn before(self, out: &mut String, len: usize, first: bool) {
        match self {
            Self::Lengths => {
                // A string takes all that is written.
                let _ =
                    write!(out, "--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len}\r\n\r\n");
            }
            Self::NextHeads if first => {
                let _ = write!(out, "--{BOUNDARY}\r\nContent-Type: image/jpeg\r\n\r\n");
            }
            Self::NextHeads => {}
        }
    }

    /// Writes what comes after a picture. `last` says whether it is the last one of the stream.
    pub(in super::super) fn after(self, out: &mut String, last: bool) {
        // A string takes all that is written.
        let _ = match (self, last) {
            (_, true) => write!(out, "\r\n--{BOUNDARY}--\r\n"),
            (Self::Lengths, false) => write!(out, "\r\n"),
            (Self::NextHeads, false) => write!(out, "\r\n--{BOUNDARY}\r\nContent-Type: image/jpeg\r\n\r\n"),
        };
    }

    /// Writes the end of a stream after pictures of which none was the last, or without any. After pictures,
    /// [`Self::NextHeads`] needs a last one.
    pub(in super::super) fn end(self, out: &mut String) {
        // A string takes all that is written.
        let _ = write!(out, "--{BOUNDARY}--\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(status: Status, content: Content, len: Option<usize>, keep_alive: bool) -> String {
        let mut out = String::new();
        Head { status, content, len, keep_alive, fields: "" }.write(&mut out, SystemTime::UNIX_EPOCH);
        out
    }

    #[test]
    fn a_head_has_what_its_status_needs() {
        let ok = head(Status::OK, Content::Html, Some(5), true);
        assert!(ok.starts_with("HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n"), "{ok}");
        assert!(ok.contains("\r\nContent-Length: 5\r\nConnection: keep-alive\r\n"), "{ok}");
        assert!(ok.ends_with("\r\n\r\n") && !ok.contains("Allow") && !ok.contains("Retry-After"), "{ok}");
        for always in ["Cache-Control: no-store", "X-Content-Type-Options: nosniff", "default-src 'none'"] {
            assert!(ok.contains(always), "{ok}");
        }
        assert!(
            head(Status::METHOD_NOT_ALLOWED, Content::Text, None, false).contains("\r\nAllow: GET, HEAD\r\n")
        );
        assert!(head(Status::UNAVAILABLE, Content::Text, None, false).contains("\r\nRetry-After: 10\r\n"));
        let parts = head(Status::OK, Content::Parts, None, false);
        assert!(parts.contains("Connection: close") && !parts.contains("Content-Length"), "{parts}");
        assert!(parts.contains(&format!("multipart/x-mixed-replace; boundary={BOUNDARY}\r\n")), "{parts}");
    }

    /// Splits a stream at its boundaries, as RFC 2046 says (5.1.1).
    #[test]
    fn both_framings_have_the_same_pictures() {
        for framing in [Framing::Lengths, Framing::NextHeads] {
            let mut out = String::new();
            for (n, picture) in ["one", "two", "three"].into_iter().enumerate() {
                framing.before(&mut out, picture.len(), n == 0);
                out.push_str(picture);
                framing.after(&mut out, framing == Framing::NextHeads && n == 2);
            }
            if framing == Framing::Lengths {
                framing.end(&mut out);
            }
            let stream = format!("\r\n{out}");
            let (parts, end) = stream.rsplit_once(&format!("\r\n--{BOUNDARY}--")).expect("an end");
            assert_eq!(end, "\r\n");
            let parts: Vec<_> = parts.split(&format!("\r\n--{BOUNDARY}\r\n")).collect();
            let bodies: Vec<_> =
                parts[1..].iter().map(|part| part.split_once("\r\n\r\n").unwrap().1).collect();
            assert_eq!((parts[0], &*bodies), ("", &["one", "two", "three"][..]), "{framing:?}");
        }
    }
}
