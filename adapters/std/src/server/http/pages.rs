//! The pages, and the list of media.
use super::super::logins::Reader;
use super::route::Route;
use crate::authority::Authority;
use crate::media::Library;
use askama::Template;
use pinhole::sdp::FrameRate;
use pinhole::time::MediaTime;
use serde_json::{Value, json};
use std::net::SocketAddr;

/// The most media on one page, and in one list: what waits for a slow reader has a bound.
const MAX_MEDIA: usize = 100;
pub(super) const STYLE: &str = include_str!("../../../templates/style.css");

/// The addresses by which a client can reach this server, to write URLs with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Here<'a> {
    /// The host and perhaps the port by which the client has come; `None` if it has not said.
    pub(super) host: Option<&'a str>,
    /// The address at which it was accepted.
    pub(super) local: SocketAddr,
    /// The address on which the server listens for RTSP.
    pub(super) rtsp: SocketAddr,
    /// Whether it has come inside TLS, where RTSP is to be had at the same port.
    pub(super) is_secure: bool,
}

impl Here<'_> {
    /// Returns the scheme, the host and the port of this server's own URLs.
    fn http(&self) -> String {
        let scheme = if self.is_secure { "https" } else { "http" };
        match self.host {
            Some(host) => format!("{scheme}://{host}"),
            None => format!("{scheme}://{}", Authority(self.local)),
        }
    }

    /// Returns the same of its RTSP URLs. A server that listens on all addresses is reached by RTSP at the host that
    /// the client knows already.
    fn rtsp(&self) -> String {
        if self.is_secure {
            return match self.host {
                Some(host) => format!("rtsps://{}:{}", without_port(host), self.local.port()),
                None => format!("rtsps://{}", Authority(self.local)),
            };
        }
        let port = self.rtsp.port();
        match (self.rtsp.ip().is_unspecified(), self.host) {
            (true, None) => {
                let mut reached = self.local;
                reached.set_port(port);
                format!("rtsp://{}", Authority(reached))
            }
            (true, Some(host)) => format!("rtsp://{}:{port}", without_port(host)),
            (false, _) => format!("rtsp://{}", Authority(self.rtsp)),
        }
    }
}

/// Returns a host without its port. An IPv6 address has brackets.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.ends_with(':') => name,
        _ => host,
    }
}

/// A medium, as pages show it. Paths are percent-encoded.
#[derive(Debug)]
struct Medium<'a> {
    name: &'a str,
    page: String,
    still: String,
    stream: String,
    rtsp: String,
    size: Option<(u16, u16)>,
    rate: Option<f64>,
    frames: Option<u64>,
    seconds: Option<f64>,
    is_live: bool,
    /// Whether it ends, so that it can be played again.
    ends: bool,
    /// What it is, in words.
    about: String,
}

impl<'a> Medium<'a> {
    fn of(media: u16, library: &'a Library, here: &Here<'_>) -> Option<Self> {
        let (mounted, rate) = library.about(media)?;
        let path = mounted.path();
        let rate = rate.map(|FrameRate(thousandths)| f64::from(thousandths) / 1000.0);
        let end = library.end(media).map(|end| end.since(MediaTime::ZERO).as_millis() as f64 / 1000.0);
        let is_live = library.is_live(media);
        let mut about = Vec::new();
        about.extend(mounted.size.map(|(width, height)| format!("{width} \u{d7} {height}")));
        about.extend(rate.map(|rate| format!("{} frames per second", (rate * 100.0).round() / 100.0)));
        about.push(match end {
            Some(seconds) => duration(seconds),
            None if is_live => "live".to_owned(),
            None => "without end".to_owned(),
        });
        Some(Self {
            name: mounted.mount,
            still: format!("{path}.jpg"),
            stream: format!("{path}.mjpeg"),
            rtsp: here.rtsp() + &path,
            page: Route::page(media, path, library),
            size: mounted.size,
            rate,
            frames: mounted.frames,
            seconds: end,
            is_live,
            ends: end.is_some(),
            about: about.join(" \u{b7} "),
        })
    }

    fn json(&self, origin: &str) -> Value {
        json!({
            "name": self.name,
            "page": format!("{origin}{}", self.page),
            "still": format!("{origin}{}", self.still),
            "stream": format!("{origin}{}", self.stream),
            "rtsp": self.rtsp,
            "width": self.size.map(|(width, _)| width),
            "height": self.size.map(|(_, height)| height),
            "fps": self.rate,
            "frames": self.frames,
            "seconds": self.seconds,
            "live": self.is_live,
        })
    }
}

/// Returns a duration as minutes and seconds, or as seconds if it is short.
fn duration(seconds: f64) -> String {
    if seconds < 60.0 {
        return format!("{seconds:.1} s");
    }
    let whole = seconds as u64;
    let (hours, minutes, seconds) = (whole / 3600, whole / 60 % 60, whole % 60);
    match hours {
        0 => format!("{minutes}:{seconds:02} min"),
        hours => format!("{hours}:{minutes:02}:{seconds:02} h"),
    }
}

#[derive(Template)]
#[template(path = "index.html")]
struct Index<'a> {
    media: Vec<Medium<'a>>,
    origin: String,
    earlier: Option<usize>,
    later: Option<usize>,
}

#[derive(Template)]
#[template(path = "page.html")]
struct Page<'a> {
    medium: Medium<'a>,
    origin: String,
}

#[derive(Template)]
#[template(path = "not_found.html")]
struct NotFound<'a> {
    path: &'a str,
    media: Vec<(String, &'a str)>,
    more: usize,
}

/// Returns the page of all media, from the one that `query` names on.
pub(super) fn index(library: &Library, here: &Here<'_>, reader: Reader<'_>, query: &str) -> String {
    let total = visible(library, reader).count();
    let from = from(query, total);
    let media = some(library, here, reader, from);
    let later = from + MAX_MEDIA;
    rendered(&Index {
        media,
        origin: here.http(),
        earlier: (from > 0).then(|| from.saturating_sub(MAX_MEDIA)),
        later: (later < total).then_some(later),
    })
}

/// Returns the page of one medium.
pub(super) fn page(library: &Library, here: &Here<'_>, media: u16) -> String {
    match Medium::of(media, library, here) {
        Some(medium) => rendered(&Page { medium, origin: here.http() }),
        None => String::new(),
    }
}

/// Returns the page that says that there is nothing at `path`, and what there is.
pub(super) fn not_found(library: &Library, reader: Reader<'_>, path: &str) -> String {
    let media = visible(library, reader).filter_map(|media| {
        let (mounted, _) = library.about(media)?;
        Some((Route::page(media, mounted.path(), library), mounted.mount))
    });
    rendered(&NotFound {
        path,
        media: media.take(MAX_MEDIA).collect(),
        more: visible(library, reader).count().saturating_sub(MAX_MEDIA),
    })
}

/// Returns media as JSON, from the one that `query` names on.
pub(super) fn media(library: &Library, here: &Here<'_>, reader: Reader<'_>, query: &str) -> String {
    let total = visible(library, reader).count();
    let from = from(query, total);
    let origin = here.http();
    let media: Vec<_> = some(library, here, reader, from).iter().map(|medium| medium.json(&origin)).collect();
    let next = (from + MAX_MEDIA < total).then(|| format!("{origin}/api/media?from={}", from + MAX_MEDIA));
    json!({ "total": total, "media": media, "next": next }).to_string() + "\n"
}

/// Returns the number of the first medium that a query asks for: 0 if it does not say.
fn from(query: &str, total: usize) -> usize {
    let value = query.split('&').find_map(|field| field.strip_prefix("from="));
    value.and_then(|value| value.parse().ok()).unwrap_or(0).min(total)
}

fn some<'a>(library: &'a Library, here: &Here<'_>, reader: Reader<'_>, from: usize) -> Vec<Medium<'a>> {
    let numbers = visible(library, reader).skip(from).take(MAX_MEDIA);
    numbers.filter_map(|media| Medium::of(media, library, here)).collect()
}

/// Returns the numbers of the media that are there for whoever asks.
fn visible<'a>(library: &'a Library, reader: Reader<'a>) -> impl Iterator<Item = u16> + use<'a> {
    library.numbers().filter(move |&media| reader.may_read(library.mount_of(media)))
}

/// Renders a template, which takes nothing that could fail.
fn rendered(template: &impl Template) -> String {
    template.render().unwrap_or_default()
}
