//! A session with an HTTP server of pictures: a multipart stream of them, a stream of any other form that live inputs
//! may have, or one picture, which is asked for again and again.
use super::super::live::{Extraction, Feed, InputTrouble, Part};
use super::super::normalise::{Normalised, Normaliser};
use super::super::problem::Problem;
use super::end::End;
use super::url::HttpUrl;
use crate::client::http_login::challenges;
use crate::client::sockets::Connection;
use pinhole::media::Dechunker;
use pinhole::time::{Duration, Instant};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

/// The longest header of a response.
const MAX_HEAD: usize = 16 << 10;
/// The most fields of it.
const MAX_FIELDS: usize = 64;
/// How long the server may send nothing.
const SILENCE: Duration = Duration::from_secs(10);
/// How long there may be no picture in what it sends.
const NO_PICTURE: Duration = Duration::from_secs(30);
/// How often the connection is read before other sources have their turn.
const READS: usize = 1;
/// How long normalising may take beyond half of the time.
const MOST_DEBT: Duration = Duration::from_millis(50);

/// A session that reads one response.
pub(super) struct Session {
    connection: Connection,
    /// What is still to be written of the request.
    request: Vec<u8>,
    /// The header of the response; `None` once it has come.
    head: Option<Vec<u8>>,
    body: Body,
    since: Option<Instant>,
    /// When something came last.
    heard: Instant,
    more: bool,
}

struct Body {
    dechunker: Option<Dechunker>,
    extraction: Extraction,
    /// The answer is one picture.
    single: bool,
    frames: u64,
    /// When a picture came last.
    pictured: Instant,
    bytes: u64,
    /// What the server says that it sends.
    content_type: String,
    debt: Debt,
    /// The single picture that came before.
    before: Option<u64>,
    /// What the single picture is.
    now: Option<u64>,
}

/// Where pictures go in a turn.
struct Outlet<'t> {
    now: Instant,
    feed: &'t Feed,
    normaliser: &'t mut Normaliser,
}

/// How much longer than half of the time frames were worked on.
struct Debt {
    debt: Duration,
    at: Instant,
}

impl Debt {
    /// Returns whether another frame may be worked on.
    fn is_bearable(&mut self, now: Instant) -> bool {
        self.debt = self.debt - now.since(self.at).scaled(1, 2);
        self.at = now;
        self.debt < MOST_DEBT
    }
}

impl Session {
    /// Begins to ask for what `request` asks for over a connection that was made for it. `before` is what was the last
    /// single picture.
    pub(super) fn new(request: Vec<u8>, connection: Connection, now: Instant, before: Option<u64>) -> Self {
        Self {
            connection,
            request,
            head: Some(Vec::new()),
            body: Body {
                dechunker: None,
                extraction: Extraction::new(),
                single: false,
                frames: 0,
                pictured: now,
                bytes: 0,
                content_type: String::new(),
                debt: Debt { debt: Duration::ZERO, at: now },
                before,
                now: None,
            },
            since: None,
            heard: now,
            more: true,
        }
    }

    pub(super) fn ready(&mut self, readable: bool, writable: bool) {
        self.connection.ready(readable, writable);
    }

    pub(super) const fn since(&self) -> Option<Instant> {
        self.since
    }

    pub(super) fn poll_at(&self, now: Instant) -> Instant {
        if self.more {
            return now;
        }
        (self.heard + SILENCE).min(self.body.pictured + NO_PICTURE)
    }

    /// Sends the request, receives, and passes pictures on to `feed`.
    ///
    /// # Errors
    /// The session has ended.
    pub(super) fn turn(
        &mut self,
        now: Instant,
        scratch: &mut [u8],
        (feed, normaliser): (&Feed, &mut Normaliser),
        url: &HttpUrl,
    ) -> Result<(), End> {
        while !self.request.is_empty() {
            match self.connection.write(&self.request).map_err(|error| lost(&error))? {
                0 => break,
                written => drop(self.request.drain(..written)),
            }
        }
        let read = self.read(scratch, &mut Outlet { now, feed, normaliser }, url);
        if self.since.is_none() && self.body.frames > 0 {
            self.since = Some(now);
            feed.connected(None, None);
        }
        read?;
        match () {
            () if now.since(self.heard) >= SILENCE => {
                Err(End::Failed(format!("it has sent nothing for {} seconds", SILENCE.as_millis() / 1000)))
            }
            () if now.since(self.body.pictured) >= NO_PICTURE => {
                Err(End::Failed(self.body.nothing("no picture has come for 30 seconds")))
            }
            () => Ok(()),
        }
    }

    /// Receives, and passes pictures on.
    fn read(&mut self, scratch: &mut [u8], outlet: &mut Outlet<'_>, url: &HttpUrl) -> Result<(), End> {
        for _ in 0..READS {
            let read = match self.connection.read(scratch) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                    return Err(self.end(outlet));
                }
                Err(error) => return Err(lost(&error)),
            };
            self.heard = outlet.now;
            let data = scratch.get(..read).unwrap_or_default();
            self.take(data, outlet, url)?;
        }
        self.more = self.connection.is_readable();
        Ok(())
    }

    /// Takes what has come.
    fn take(&mut self, data: &[u8], outlet: &mut Outlet<'_>, url: &HttpUrl) -> Result<(), End> {
        let Some(head) = &mut self.head else {
            return self.body.take(data, outlet);
        };
        head.extend_from_slice(data);
        let Some((len, response)) = Response::parse(head)? else {
            let too_long = head.len() > MAX_HEAD;
            return if too_long { Err(failed("the header of its answer is too long")) } else { Ok(()) };
        };
        response.check(url)?;
        self.body.dechunker = response.chunked.then(Dechunker::new);
        self.body.single = response.content_type.starts_with("image/jpeg");
        self.body.content_type = response.content_type;
        let head = self.head.take().unwrap_or_default();
        let rest = head.get(len..).unwrap_or_default();
        self.body.take(rest, outlet)
    }

    /// Returns why the session ends when the server closes the connection.
    fn end(&mut self, outlet: &mut Outlet<'_>) -> End {
        if self.head.is_some() {
            return failed("it has closed the connection before it answered");
        }
        if let Err(end) = self.body.extract(&[], outlet) {
            return end;
        }
        match self.body.frames {
            0 => End::Failed(self.body.nothing("it has closed the connection before a picture came")),
            _ => failed("it has closed the connection"),
        }
    }
}

impl Body {
    /// Takes bytes of the body, perhaps in chunks.
    fn take(&mut self, mut data: &[u8], outlet: &mut Outlet<'_>) -> Result<(), End> {
        let Some(mut dechunker) = self.dechunker else {
            return if data.is_empty() { Ok(()) } else { self.extract(data, outlet) };
        };
        while !data.is_empty() {
            data = data.get(dechunker.framing(data)..).unwrap_or_default();
            let len = dechunker.body(data.len() as u64) as usize;
            let (body, rest) = data.split_at_checked(len).unwrap_or((data, &[]));
            if !body.is_empty() {
                self.extract(body, outlet)?;
            }
            data = rest;
        }
        self.dechunker = Some(dechunker);
        Ok(())
    }

    /// Finds pictures, and passes them on. No bytes are the end.
    fn extract(&mut self, data: &[u8], outlet: &mut Outlet<'_>) -> Result<(), End> {
        self.bytes = self.bytes.saturating_add(data.len() as u64);
        let Outlet { now, feed, normaliser } = outlet;
        let (now, Self { extraction, single, frames, pictured, debt, before, now: picture, .. }) =
            (*now, self);
        let mut trouble = InputTrouble::default();
        let goes_on = extraction.push(data, |part| {
            let (start, data) = match part {
                Part::Trouble { left_out, junk } => {
                    trouble.left_out += left_out;
                    trouble.add_junk(junk);
                    return true;
                }
                Part::Frame { start, data, junk } => {
                    trouble.add_junk(junk);
                    (start, data)
                }
            };
            *frames += 1;
            *pictured = now;
            if *single {
                *picture = Some(hash(data));
            }
            if *single && *picture == *before {
                return false;
            }
            if !debt.is_bearable(now) {
                trouble.dropped += 1;
                return true;
            }
            let began = std::time::Instant::now();
            match normaliser.normalise(data).and_then(Normalised::to_frame) {
                Ok(frame) => drop(feed.frame(frame, now)),
                Err(fault) => {
                    let how = normaliser.how();
                    trouble.left_out += 1;
                    trouble.problem.get_or_insert_with(|| {
                        Problem::left_out(Path::new("source"), *frames - 1, start, &fault, how)
                    });
                }
            }
            debt.debt = debt.debt + Duration::from(began.elapsed());
            !*single
        });
        if trouble != InputTrouble::default() {
            feed.trouble(trouble);
        }
        match picture.filter(|_| !goes_on) {
            Some(picture) => Err(End::Picture(picture)),
            None => Ok(()),
        }
    }

    /// Returns why there is no picture.
    fn nothing(&self, what: &str) -> String {
        match self.extraction.foreign() {
            Some(format) => format!("it sends {format}, and no Motion-JPEG"),
            None if self.bytes == 0 => what.to_owned(),
            None => format!("{what}; it sends '{}', in which no JPEG picture was found", self.content_type),
        }
    }
}

fn hash(data: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    data.hash(&mut hasher);
    hasher.finish()
}

fn lost(error: &std::io::Error) -> End {
    End::Failed(format!("the connection is lost: {error}"))
}

fn failed(reason: &str) -> End {
    End::Failed(reason.to_owned())
}

/// What the header of a response says.
#[derive(Debug, PartialEq, Eq)]
struct Response {
    status: u16,
    reason: String,
    content_type: String,
    location: Option<String>,
    chunked: bool,
    challenges: Vec<Vec<u8>>,
}

impl Response {
    /// Reads a header. Returns its length, too; `None` if it has not come to its end.
    ///
    /// # Errors
    /// It is none.
    fn parse(head: &[u8]) -> Result<Option<(usize, Self)>, End> {
        let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
        let mut response = httparse::Response::new(&mut fields);
        let mut config = httparse::ParserConfig::default();
        config.allow_multiple_spaces_in_response_status_delimiters(true);
        config.allow_spaces_after_header_name_in_responses(true);
        config.ignore_invalid_headers_in_responses(true);
        let len = match config.parse_response(&mut response, head) {
            Ok(httparse::Status::Complete(len)) => len,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(error) => return Err(End::Failed(format!("it does not answer as an HTTP server: {error}"))),
        };
        let field = |name: &str| {
            let field = response.headers.iter().find(|field| field.name.eq_ignore_ascii_case(name))?;
            Some(String::from_utf8_lossy(field.value).trim().to_owned())
        };
        let lower = |name| field(name).unwrap_or_default().to_ascii_lowercase();
        let parsed = Self {
            status: response.code.unwrap_or_default(),
            reason: response.reason.unwrap_or_default().to_owned(),
            content_type: lower("content-type"),
            location: field("location"),
            chunked: lower("transfer-encoding").contains("chunked"),
            challenges: challenges(response.headers),
        };
        Ok(Some((len, parsed)))
    }

    /// Returns `Ok` if pictures may follow.
    fn check(&self, url: &HttpUrl) -> Result<(), End> {
        let Self { status, reason, content_type, location, challenges, .. } = self;
        match (status, location) {
            (301 | 302 | 303 | 307 | 308, Some(location)) => Err(End::Redirected(url.resolve(location))),
            (401, _) => Err(End::Challenged(challenges.clone())),
            (200, _) => match content_type.split(';').next().map(str::trim) {
                Some("text/html") => Err(failed("it sends a web page (text/html), and no pictures")),
                Some(kind @ ("image/png" | "image/gif" | "image/webp" | "video/mp4" | "video/webm")) => {
                    Err(End::Failed(format!("it sends {kind}, and no Motion-JPEG")))
                }
                _ => Ok(()),
            },
            _ => Err(End::Failed(format!("it answers {status} {reason}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(head: &str) -> Option<(usize, Response)> {
        Response::parse(head.as_bytes()).unwrap()
    }

    #[test]
    fn headers_are_read_once_they_are_complete() {
        let head = "HTTP/1.0  200 OK\r\nServer: a\nContent-type : Multipart/X-Mixed-Replace;boundary=--x\r\n\
                    Transfer-Encoding: chunked\r\n\r\n";
        for len in 0..head.len() {
            assert_eq!(parse(&head[..len]), None, "{len}");
        }
        let (len, response) = parse(&[head, "body"].concat()).unwrap();
        assert_eq!((len, response.status, response.chunked), (head.len(), 200, true));
        assert_eq!(response.content_type, "multipart/x-mixed-replace;boundary=--x");
        assert!(Response::parse(b"RTSP/1.0 200 OK\r\n\r\n").is_err());
    }

    #[test]
    fn what_is_no_motion_jpeg_is_named() {
        let url = HttpUrl::parse("http://camera/a/b?c").unwrap();
        let said = |head: &str| match parse(head).unwrap().1.check(&url) {
            Ok(()) => String::new(),
            Err(End::Redirected(to)) => to,
            Err(End::Failed(reason)) => reason,
            Err(end) => panic!("{end:?}"),
        };
        for (head, word) in [
            ("HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n", "web page"),
            ("HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\n\r\n", "video/mp4"),
            ("HTTP/1.1 404 Not Found\r\n\r\n", "404 Not Found"),
            ("HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n", "http://camera/x"),
            ("HTTP/1.1 302 Found\r\n\r\n", "302"),
        ] {
            assert!(said(head).contains(word), "{head}: {}", said(head));
        }
        for kind in
            ["multipart/x-mixed-replace", "image/jpeg", "video/x-motion-jpeg", "application/octet-stream"]
        {
            assert_eq!(said(&format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\n\r\n")), "", "{kind}");
        }
        assert_eq!(said("HTTP/1.1 200 OK\r\n\r\n"), "");
        let head = "HTTP/1.1 401 Unauthorized\r\nwww-authenticate: Basic realm=x\r\nWWW-Authenticate: Digest\r\n\r\n";
        let challenges = vec![b"Basic realm=x".to_vec(), b"Digest".to_vec()];
        assert_eq!(parse(head).unwrap().1.check(&url), Err(End::Challenged(challenges)));
    }

    #[test]
    fn work_on_frames_leaves_time_for_other_sources() {
        let at = |millis: u64| Instant::from_micros(millis * 1000);
        let mut debt = Debt { debt: Duration::ZERO, at: at(0) };
        assert!(debt.is_bearable(at(0)));
        debt.debt = Duration::from_millis(100);
        assert!(!debt.is_bearable(at(90)));
        assert!(debt.is_bearable(at(120)));
    }
}
