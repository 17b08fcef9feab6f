//! What an admin port answers.
use super::super::http::request::{Method, Request};
use super::super::http::response::{Content, Head, Status};
use super::super::observe::{Observed, Phase};
use super::metrics::Metrics;
use super::{Shared, sessions};
use pinhole::time::{Duration, Instant};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

/// For how long an answer that takes work is given again: loops publish their figures once a second.
const KEPT: Duration = Duration::from_millis(200);

/// What is at the root, for people.
const PATHS: &str = "/metrics\n/healthz\n/readyz\n/sessions\n";

/// What an admin port answers, and the answers that it keeps for a moment.
pub(super) struct Answers {
    shared: Arc<Shared>,
    is_loopback: bool,
    metrics: Metrics,
    kept_metrics: Kept,
    kept_sessions: Kept,
}

/// A response, as it is written.
pub(super) struct Response {
    head: String,
    /// All clients that ask at one time are sent one copy.
    body: Arc<str>,
}

/// An answer, and when it was worked out.
type Kept = Option<(Instant, Arc<str>)>;

impl Answers {
    /// Creates the answers of a port, which listens on a loopback address or not.
    pub(super) fn new(shared: Arc<Shared>, is_loopback: bool) -> Self {
        let metrics = Metrics::new(shared.clone());
        Self { shared, is_loopback, metrics, kept_metrics: None, kept_sessions: None }
    }

    /// Answers a request.
    pub(super) fn answer(&mut self, now: Instant, request: &Request<'_>) -> Response {
        if !matches!(request.method, Method::Get | Method::Head) {
            return Response::of_status(Status::METHOD_NOT_ALLOWED);
        }
        if self.is_loopback && request.host.is_some_and(|host| !is_local(host)) {
            return Response::of_status(Status::MISDIRECTED);
        }
        let (status, content, body) = match request.path {
            "/metrics" => {
                let body = kept(&mut self.kept_metrics, now, || self.metrics.write());
                (Status::OK, Content::Metrics, body)
            }
            "/sessions" => {
                let body = kept(&mut self.kept_sessions, now, || sessions::list(self.shared.observed()));
                (Status::OK, Content::Json, body)
            }
            "/healthz" => of_text(health(self.shared.observed())),
            "/readyz" => of_text(readiness(self.shared.observed())),
            "/" => (Status::OK, Content::Text, PATHS.into()),
            _ => return Response::of_status(Status::NOT_FOUND),
        };
        let mut response = Response::new(status, content, body);
        if request.method == Method::Head {
            response.body = "".into();
        }
        response
    }
}

impl Shared {
    /// Returns what is known of the server; `None` before it is bound.
    pub(super) fn observed(&self) -> Option<&Observed> {
        self.observed.get().map(|observed| &**observed)
    }
}

impl Response {
    fn new(status: Status, content: Content, body: Arc<str>) -> Self {
        let mut head = String::new();
        Head { status, content, len: Some(body.len()), keep_alive: false, fields: "" }
            .write(&mut head, SystemTime::now());
        Self { head, body }
    }

    /// Creates a response that has a status alone.
    pub(super) fn of_status(status: Status) -> Self {
        Self::new(status, Content::Text, format!("{} {}\n", status.0, status.1).into())
    }

    /// Returns what is to be written next, after so many bytes; nothing if that is all.
    pub(super) fn rest(&self, written: usize) -> &[u8] {
        match written.checked_sub(self.head.len()) {
            None => self.head.as_bytes().get(written..),
            Some(of_body) => self.body.as_bytes().get(of_body..),
        }
        .unwrap_or_default()
    }
}

/// Returns an answer that was kept, or a new one.
fn kept(kept: &mut Kept, now: Instant, make: impl FnOnce() -> String) -> Arc<str> {
    match kept {
        Some((at, body)) if now.since(*at) < KEPT => body.clone(),
        _ => kept.insert((now, make().into())).1.clone(),
    }
}

fn of_text(result: Result<&'static str, String>) -> (Status, Content, Arc<str>) {
    match result {
        Ok(text) => (Status::OK, Content::Text, text.into()),
        Err(text) => (Status::UNAVAILABLE, Content::Text, text.into()),
    }
}

/// Returns whether all event loops turn.
///
/// # Errors
/// Which do not.
fn health(observed: Option<&Observed>) -> Result<&'static str, String> {
    let stalled = observed.into_iter().flat_map(Observed::stalled);
    let told: String = stalled
        .map(|(number, rest)| {
            format!("event loop {number} has not turned for {} s\n", rest.as_micros() / 1_000_000)
        })
        .collect();
    if told.is_empty() { Ok("ok\n") } else { Err(told) }
}

/// Returns whether clients are let in.
///
/// # Errors
/// Why not.
fn readiness(observed: Option<&Observed>) -> Result<&'static str, String> {
    let why = match observed.map(Observed::phase) {
        Some(Phase::Serving) => return Ok("ready\n"),
        None => "starting: the media are being read",
        Some(Phase::Starting) => "starting: the event loops begin",
        Some(Phase::Draining) => "draining: nobody else is let in",
        Some(Phase::Stopping) => "stopping",
    };
    Err(format!("{why}\n"))
}

/// Returns whether a host, perhaps with a port, can be this machine and no name that somebody has given to it.
fn is_local(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(bracketed) => bracketed.split(']').next(),
        None => host.split(':').next(),
    };
    let name = name.unwrap_or_default();
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::super::super::http::request::{Parsed, parse};
    use super::*;

    fn answer(answers: &mut Answers, head: &str) -> (String, String) {
        let head = format!("{head}\r\n\r\n");
        let Ok(Parsed::Complete(request, _)) = parse(head.as_bytes()) else { panic!("{head}") };
        let response = answers.answer(Instant::from_micros(1), &request);
        let status = response.head.split(' ').nth(1).unwrap().to_owned();
        (status, response.body.to_string())
    }

    #[test]
    fn a_server_that_starts_is_alive_and_not_ready() {
        let mut answers = Answers::new(Arc::default(), true);
        let mut ask = |head| answer(&mut answers, head);
        assert_eq!(ask("GET /healthz HTTP/1.1"), ("200".into(), "ok\n".into()));
        let (status, why) = ask("GET /readyz HTTP/1.0");
        assert_eq!((&*status, why.starts_with("starting")), ("503", true), "{why}");
        assert_eq!(ask("HEAD /healthz HTTP/1.1"), ("200".into(), String::new()));
        for (head, status) in [
            ("POST /metrics HTTP/1.1", "405"),
            ("DELETE / HTTP/1.1", "405"),
            ("GET /metrics/ HTTP/1.1", "404"),
            ("GET /../metrics HTTP/1.1", "404"),
            ("GET /metrics?x=y HTTP/1.1", "200"),
            ("GET /sessions HTTP/1.1", "200"),
            ("GET / HTTP/1.1", "200"),
        ] {
            assert_eq!(ask(head).0, status, "{head}");
        }
    }

    /// A page that a browser has from elsewhere may give its own name the address of this machine.
    #[test]
    fn a_name_of_somebody_else_reaches_no_loopback_port() {
        let host = |name: &str| format!("GET /sessions HTTP/1.1\r\nHost: {name}");
        let mut local = Answers::new(Arc::default(), true);
        for name in ["localhost", "LOCALHOST:9090", "127.0.0.1:9090", "[::1]:9090", "127.0.0.1"] {
            assert_eq!(answer(&mut local, &host(name)).0, "200", "{name}");
        }
        for name in ["evil.example", "localhost.evil.example:9090", "127.0.0.1.evil.example", "[::1"] {
            let status = answer(&mut local, &host(name)).0;
            assert_eq!(status, if name == "[::1" { "200" } else { "421" }, "{name}");
        }
        let mut other = Answers::new(Arc::default(), false);
        assert_eq!(answer(&mut other, &host("pinhole.example:9090")).0, "200");
    }
}
