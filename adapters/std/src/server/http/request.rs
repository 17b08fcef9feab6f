//! Requests: the heads of HTTP messages, read in place.
use httparse::{EMPTY_HEADER, Error, Header, Status};

/// The longest head of a request in bytes. Browsers with many cookies send half of that.
pub(in super::super) const MAX_HEAD: usize = 8 << 10;
/// The most header fields of a request. Browsers send twenty.
const MAX_FIELDS: usize = 64;

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Method {
    Get,
    /// What GET is answered with, without the body.
    Head,
    Post,
    Other,
}

/// A request without its body, borrowed from the bytes that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Request<'a> {
    pub(in super::super) method: Method,
    /// The path, percent-encoded as it came. It begins with a slash.
    pub(in super::super) path: &'a str,
    /// What comes after the question mark; empty without one.
    pub(in super::super) query: &'a str,
    /// The host, and perhaps the port, by which the client knows this server; `None` if there is none that could be
    /// in a URL.
    pub(in super::super) host: Option<&'a str>,
    /// Whether another request may follow on the connection.
    pub(in super::super) keep_alive: bool,
    /// Whether the client is of a kind that shows a part once it has the head of the next one.
    pub(in super::super) wants_next_head: bool,
    /// The value of `x-sessioncookie`, which says that the request is a part of a tunnel; `None` without one.
    pub(in super::super) cookie: Option<&'a [u8]>,
    /// The value of `Authorization`; `None` without one.
    pub(in super::super) authorization: Option<&'a [u8]>,
}

/// What the bytes that came so far are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Parsed<'a> {
    /// A request, and the length of its head.
    Complete(Request<'a>, usize),
    /// The begin of a request.
    Partial,
}

/// Why bytes are no request that can be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum BadRequest {
    /// It is not what RFC 9112 says.
    Malformed,
    /// The head has more than [`MAX_HEAD`] bytes or more than [`MAX_FIELDS`] fields.
    TooLong,
    /// It is of another version or protocol.
    Version,
}

/// Reads the head of a request at the start of `bytes`.
///
/// # Errors
/// The bytes are no request, or one that is too long.
pub(in super::super) fn parse(bytes: &[u8]) -> Result<Parsed<'_>, BadRequest> {
    let mut fields = [EMPTY_HEADER; MAX_FIELDS];
    let mut request = httparse::Request::new(&mut fields);
    let head = bytes.get(..MAX_HEAD).unwrap_or(bytes);
    match request.parse(head) {
        Ok(Status::Complete(len)) => Ok(Parsed::Complete(Request::of(&request)?, len)),
        Ok(Status::Partial) if bytes.len() < MAX_HEAD => Ok(Parsed::Partial),
        Ok(Status::Partial) | Err(Error::TooManyHeaders) => Err(BadRequest::TooLong),
        Err(Error::Version) => Err(BadRequest::Version),
        Err(_) => Err(BadRequest::Malformed),
    }
}

impl<'a> Request<'a> {
    fn of(parsed: &httparse::Request<'_, 'a>) -> Result<Self, BadRequest> {
        let method = match parsed.method {
            Some("GET") => Method::Get,
            Some("HEAD") => Method::Head,
            Some("POST") => Method::Post,
            _ => Method::Other,
        };
        let target = parsed.path.unwrap_or_default();
        let (path, query) = split(target, method)?;
        let mut request = Self {
            method,
            path,
            query,
            host: None,
            keep_alive: parsed.version == Some(1),
            wants_next_head: false,
            cookie: None,
            authorization: None,
        };
        let mut hosts = 0;
        let mut has_body = false;
        for Header { name, value } in &*parsed.headers {
            if name.eq_ignore_ascii_case("Connection") {
                if has_token(value, b"close") {
                    request.keep_alive = false;
                } else if has_token(value, b"keep-alive") {
                    request.keep_alive = true;
                }
            } else if name.eq_ignore_ascii_case("Host") {
                hosts += 1;
                request.host = std::str::from_utf8(value).ok().filter(|host| is_host(host));
            } else if name.eq_ignore_ascii_case("User-Agent") {
                // WebKit and Blink name it.
                request.wants_next_head = value.windows(11).any(|part| part == b"AppleWebKit");
            } else if name.eq_ignore_ascii_case("x-sessioncookie") {
                request.cookie = Some(value.trim_ascii());
            } else if name.eq_ignore_ascii_case("Authorization") {
                request.authorization.get_or_insert(value.trim_ascii());
            } else if name.eq_ignore_ascii_case("Content-Length") {
                has_body |= *value != b"0";
            } else if name.eq_ignore_ascii_case("Transfer-Encoding") {
                has_body = true;
            }
        }
        // RFC 9112, 3.2: which of them is meant is not known.
        if hosts > 1 {
            return Err(BadRequest::Malformed);
        }
        // A body is not read, so that nothing can come after it.
        request.keep_alive &= !has_body;
        Ok(request)
    }
}

impl Request<'_> {
    /// Returns whether a URI, as credentials have one, is that of this request.
    pub(in super::super) fn is_for(&self, uri: &[u8]) -> bool {
        let target = std::str::from_utf8(uri).ok().and_then(|uri| split(uri, self.method).ok());
        target == Some((self.path, self.query))
    }

    /// Returns the name of the method, of those that pages are asked for with.
    pub(in super::super) const fn method_name(&self) -> &'static [u8] {
        match self.method {
            Method::Head => b"HEAD",
            _ => b"GET",
        }
    }
}

/// Splits a target in path and query. Clients of proxies write a whole URL (RFC 9112, 3.2.2).
fn split(target: &str, method: Method) -> Result<(&str, &str), BadRequest> {
    let target = match target.split_once("://") {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => {
            rest.find(['/', '?']).and_then(|at| rest.get(at..)).unwrap_or("/")
        }
        _ => target,
    };
    match target.split_once('?').unwrap_or((target, "")) {
        ("", query) => Ok(("/", query)),
        (path, query) if path.starts_with('/') => Ok((path, query)),
        // `OPTIONS *` and `CONNECT host:port` are answered by their methods.
        (_, query) if method == Method::Other => Ok(("/", query)),
        _ => Err(BadRequest::Malformed),
    }
}

/// Whether a list of tokens, such as the field `Connection` has, holds one.
fn has_token(value: &[u8], token: &[u8]) -> bool {
    value.split(|byte| *byte == b',').any(|part| part.trim_ascii().eq_ignore_ascii_case(token))
}

/// Whether a text is a host, perhaps with a port, that can be written into a URL.
fn is_host(text: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:[]%".contains(&byte);
    !text.is_empty() && text.len() <= 255 && text.bytes().all(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complete(head: &str) -> Request<'_> {
        match parse(head.as_bytes()) {
            Ok(Parsed::Complete(request, len)) if len == head.len() => request,
            other => panic!("{head}: {other:?}"),
        }
    }

    #[test]
    fn a_request_is_read_at_any_split() {
        let head =
            "GET /a%20b.jpg?x=1 HTTP/1.1\r\nHost: cam.local:8080\r\nUser-Agent: X AppleWebKit/5\r\n\r\n";
        for end in 0..head.len() {
            assert_eq!(parse(&head.as_bytes()[..end]), Ok(Parsed::Partial), "{end}");
        }
        let expected = Request {
            method: Method::Get,
            path: "/a%20b.jpg",
            query: "x=1",
            host: Some("cam.local:8080"),
            keep_alive: true,
            wants_next_head: true,
            cookie: None,
            authorization: None,
        };
        assert_eq!(complete(head), expected);
        let two = format!("{head}GET / HTTP/1.0\r\n\r\n");
        assert_eq!(parse(two.as_bytes()), Ok(Parsed::Complete(expected, head.len())));
    }

    #[test]
    fn connections_are_kept_as_the_version_says() {
        let keeps = |version: &str, fields: &str| {
            complete(&format!("HEAD / HTTP/{version}\r\n{fields}\r\n")).keep_alive
        };
        assert!(keeps("1.1", "") && !keeps("1.0", ""));
        assert!(!keeps("1.1", "connection: foo, Close\r\n") && keeps("1.0", "Connection: Keep-Alive\r\n"));
        assert!(!keeps("1.1", "Content-Length: 3\r\n") && keeps("1.1", "Content-Length: 0\r\n"));
        assert!(!keeps("1.1", "Transfer-Encoding: chunked\r\n"));
    }

    #[test]
    fn a_cookie_makes_a_request_a_part_of_a_tunnel() {
        let request =
            complete("POST /x HTTP/1.0\r\nX-SessionCookie:  a1+/= \r\nContent-Length: 32767\r\n\r\n");
        assert_eq!((request.method, request.cookie), (Method::Post, Some(&b"a1+/="[..])));
        assert_eq!(complete("GET / HTTP/1.0\r\n\r\n").cookie, None);
    }

    #[test]
    fn credentials_are_for_one_target() {
        let request = complete("HEAD /a?b=c HTTP/1.1\r\nAuthorization:  Digest x \r\n\r\n");
        assert_eq!((request.authorization, request.method_name()), (Some(&b"Digest x"[..]), &b"HEAD"[..]));
        assert!(request.is_for(b"/a?b=c") && request.is_for(b"http://host/a?b=c"));
        for other in [&b"/a"[..], b"/a?b=d", b"/b?b=c", b"", b"*", b"\xff"] {
            assert!(!request.is_for(other), "{other:?}");
        }
    }

    #[test]
    fn targets_have_a_path() {
        let path = |target: &str| {
            let head = format!("GET {target} HTTP/1.1\r\n\r\n");
            let parsed = parse(head.as_bytes()).map(|parsed| match parsed {
                Parsed::Complete(request, _) => (request.path.to_owned(), request.query.to_owned()),
                Parsed::Partial => panic!("{target}"),
            });
            parsed.ok()
        };
        let some = |path: &str, query: &str| Some((path.to_owned(), query.to_owned()));
        assert_eq!(path("/x?y?z"), some("/x", "y?z"));
        assert_eq!(path("http://host:1/x?y"), some("/x", "y"));
        assert_eq!(path("HTTP://host"), some("/", ""));
        assert_eq!(path("http://host?y"), some("/", "y"));
        assert_eq!((path("*"), path("x/y"), path("ftp://host/x")), (None, None, None));
        assert_eq!(complete("OPTIONS * HTTP/1.1\r\n\r\n").method, Method::Other);
    }

    #[test]
    fn what_is_no_request_is_told_apart() {
        let long = format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(MAX_HEAD));
        let fields = format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(MAX_FIELDS + 1));
        for (head, why) in [
            ("\0\0\0\0", BadRequest::Malformed),
            ("GET  / HTTP/1.1\r\n\r\n", BadRequest::Malformed),
            ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", BadRequest::Malformed),
            ("GET / HTTP/1.1\r\nA b: c\r\n\r\n", BadRequest::Malformed),
            ("DESCRIBE rtsp://h/x RTSP/1.0\r\nCSeq: 1\r\n\r\n", BadRequest::Version),
            ("PRI * HTTP/2.0\r\n\r\n", BadRequest::Version),
            (&*long, BadRequest::TooLong),
            (&*fields, BadRequest::TooLong),
        ] {
            assert_eq!(parse(head.as_bytes()), Err(why), "{head:?}");
        }
    }

    #[test]
    fn a_host_that_is_no_part_of_a_url_does_not_count() {
        let host = |host: &str| {
            let head = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
            complete(&head).host.map(str::to_owned)
        };
        assert_eq!(host("[fe80::1%25eth0]:80").as_deref(), Some("[fe80::1%25eth0]:80"));
        for bad in ["", "a b", "a/b", "\"><script>", "a@b", &*"x".repeat(256)] {
            assert_eq!(host(bad), None, "{bad}");
        }
    }
}
