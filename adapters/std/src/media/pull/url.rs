//! The URLs of sources.
use crate::client::http_login::authorization;
use crate::client::{Credentials, UserInfo, rtsp_url};
use crate::credentials::decoded;
use pinhole::client::Login;
use pinhole::rtsp::{Url, UrlError};
use std::fmt;

/// The URL of a source of the network: `rtsp://HOST[:PORT]/PATH`, `rtsps://HOST[:PORT]/PATH` for RTSP inside TLS,
/// `rtsph://HOST[:PORT]/PATH` for RTSP over HTTP, `rtspsh://HOST[:PORT]/PATH` for that inside TLS, or
/// `http://HOST[:PORT]/PATH` for pictures by HTTP. It may have a user name and a password before the host.
/// [`Self::parse`] checks it. Its debug output has no credentials; what it is parsed from may have.
#[derive(Clone, PartialEq, Eq)]
pub struct SourceUrl {
    text: String,
    name: String,
}

/// Why a text is not the URL of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SourceUrlError {
    /// The text begins with none of `rtsp://`, `rtsps://`, `rtsph://` and `http://`.
    #[error("the URL of a source begins with rtsp://, rtsps://, rtsph:// or http://")]
    Scheme,
    /// The text is no RTSP URL; the [`UrlError`] says why.
    #[error("{0}")]
    Rtsp(UrlError),
    /// The URL asks for HTTP over TLS (`https://`), which is not supported.
    #[error("HTTP over TLS (https://) is not supported")]
    Https,
    /// The HTTP URL has no host, or no valid port.
    #[error("the URL has no valid host or port")]
    Http,
    /// There is a space in the text.
    #[error("there is a space in the URL; write %20 for it")]
    Space,
}

/// A URL that is taken apart.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// An RTSP URL, without credentials, and whether RTSP is spoken over HTTP.
    Rtsp {
        host: String,
        port: u16,
        url: String,
        is_tunnel: bool,
        credentials: Option<Credentials>,
    },
    Http(HttpUrl),
}

/// An HTTP URL.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct HttpUrl {
    pub(super) host: String,
    pub(super) port: u16,
    /// The host and port as they are written.
    authority: String,
    /// The path and the query.
    path: String,
    credentials: Option<Credentials>,
}

impl SourceUrl {
    /// Reads a URL.
    ///
    /// # Errors
    /// Returns a [`SourceUrlError`] if the URL is malformed, or of another scheme.
    pub fn parse(text: &str) -> Result<Self, SourceUrlError> {
        if text.contains(char::is_whitespace) {
            return Err(SourceUrlError::Space);
        }
        let (host, path) = match Target::parse(text)? {
            Target::Rtsp { host, url, .. } => {
                let url = Url::parse(url.as_bytes()).map_err(SourceUrlError::Rtsp)?;
                (host, String::from_utf8_lossy(url.path()).into_owned())
            }
            Target::Http(url) => (url.host, url.path),
        };
        Ok(Self { text: text.to_owned(), name: name(&host, &path) })
    }

    /// Returns the name under which the source is served if it is given none: the last part of the URL's path without
    /// its extension, or else the host.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns whether the source is asked for pictures by HTTP.
    #[cfg(feature = "tls")]
    pub(super) fn is_http(&self) -> bool {
        matches!(Target::parse(&self.text), Ok(Target::Http(_)))
    }

    /// Returns the URL as it was read, with credentials if it has any: do not log it.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for SourceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SourceUrl").field("name", &self.name).finish_non_exhaustive()
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rtsp { host, port, is_tunnel, .. } => {
                f.debug_tuple("Rtsp").field(host).field(port).field(is_tunnel).finish()
            }
            Self::Http(url) => f.debug_tuple("Http").field(url).finish(),
        }
    }
}

impl Target {
    pub(super) fn parse(whole: &str) -> Result<Self, SourceUrlError> {
        let (text, user_info) = UserInfo::split(whole);
        let credentials = user_info.map(UserInfo::into_credentials);
        let (scheme, rest) = text.split_once("://").unwrap_or((&text, ""));
        match scheme.to_ascii_lowercase().as_str() {
            "http" if !rest.contains(char::is_control) => {
                let url = HttpUrl::of(rest).ok_or(SourceUrlError::Http)?;
                Ok(Self::Http(HttpUrl { credentials, ..url }))
            }
            "https" => Err(SourceUrlError::Https),
            scheme if !scheme.starts_with("rtsp") => Err(SourceUrlError::Scheme),
            _ => {
                // The place of a fault is that in the whole URL.
                Url::parse(rtsp_url(whole).0.as_bytes()).map_err(SourceUrlError::Rtsp)?;
                let (url, is_tunnel) = rtsp_url(&text);
                let parsed = Url::parse(url.as_bytes()).map_err(SourceUrlError::Rtsp)?;
                // In a URL, the percent sign before the interface of a link-local address is encoded (RFC 6874, 2).
                let host = String::from_utf8_lossy(parsed.host()).replacen("%25", "%", 1);
                let port = parsed.port();
                Ok(Self::Rtsp { host, port, url: url.into_owned(), is_tunnel, credentials })
            }
        }
    }

    /// Returns the credentials of the URL.
    pub(super) const fn credentials(&self) -> Option<&Credentials> {
        match self {
            Self::Rtsp { credentials, .. } => credentials.as_ref(),
            Self::Http(url) => url.credentials.as_ref(),
        }
    }

    /// Returns the host, by which it is found.
    pub(super) fn host(&self) -> &str {
        match self {
            Self::Rtsp { host, .. } => host,
            Self::Http(url) => &url.host,
        }
    }
}

impl HttpUrl {
    #[cfg(test)]
    pub(super) fn parse(text: &str) -> Option<Self> {
        match Target::parse(text) {
            Ok(Target::Http(url)) => Some(url),
            _ => None,
        }
    }

    /// Reads what follows the scheme. It has no credentials.
    fn of(rest: &str) -> Option<Self> {
        let rest = rest.split('#').next()?;
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let (host, port) = match authority.strip_prefix('[') {
            Some(literal) => literal.split_once(']')?,
            None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
        };
        let port = match port.strip_prefix(':') {
            None if port.is_empty() => 80,
            Some("") => 80,
            Some(port) => port.parse().ok().filter(|port| *port > 0)?,
            None => return None,
        };
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        (!host.is_empty()).then(|| Self {
            host: host.replacen("%25", "%", 1),
            port,
            authority: authority.to_owned(),
            path,
            credentials: None,
        })
    }

    /// Returns the request for what the URL names (RFC 9110), with credentials if the server has asked for them.
    pub(super) fn request(&self, login: Option<&mut Login>) -> Vec<u8> {
        let Self { authority, path, .. } = self;
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: pinhole/{}\r\n\
             Accept: multipart/x-mixed-replace, image/jpeg, */*\r\nConnection: close\r\n",
            env!("CARGO_PKG_VERSION")
        );
        [head.as_bytes(), &authorization(login, "GET", path), b"\r\n"].concat()
    }

    /// Returns the URL that a redirection from this one leads to, without the credentials of this one.
    pub(super) fn resolve(&self, location: &str) -> String {
        let Self { authority, path, .. } = self;
        if location.contains("://") {
            return location.to_owned();
        }
        if let Some(rest) = location.strip_prefix("//") {
            return format!("http://{rest}");
        }
        if location.starts_with('/') {
            return format!("http://{authority}{location}");
        }
        let directory =
            path.split('?').next().and_then(|path| path.rsplit_once('/')).map_or("", |(to, _)| to);
        format!("http://{authority}{directory}/{location}")
    }
}

impl fmt::Debug for HttpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpUrl").field("host", &self.host).field("port", &self.port).finish_non_exhaustive()
    }
}

fn name(host: &str, path: &str) -> String {
    let path = path.split('?').next().unwrap_or_default();
    let last = path.split('/').rfind(|part| !part.is_empty()).unwrap_or_default();
    let decoded = decoded(last);
    let text = String::from_utf8_lossy(&decoded);
    let stem = match text.rsplit_once('.') {
        Some((stem, _)) if !stem.is_empty() => stem,
        _ => &text,
    };
    let plain = stem.replace(|c: char| c.is_control() || c == '/', "_");
    if plain.is_empty() { host.to_owned() } else { plain }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_named_by_its_path_or_its_host() {
        for (url, name) in [
            ("rtsp://camera/stream", "stream"),
            ("rtsp://u:p@camera:8554/live/front.mjpeg?x=1.2/3", "front"),
            ("rtsp://camera/cam%20one/", "cam one"),
            ("rtsp://camera/a%2Fb%0A", "a_b_"),
            ("rtsp://camera/100%", "100%"),
            ("rtsp://camera/.hidden", ".hidden"),
            ("rtsp://u:p@camera:554", "camera"),
            ("rtsp://[::1]/", "::1"),
            ("rtsph://u:p@camera:80/live/front.mjpeg", "front"),
            ("rtsps://u:p@camera/live/front.mjpeg", "front"),
            ("http://camera/axis-cgi/mjpg/video.cgi?resolution=640x480", "video"),
            ("http://u:p@camera:8080/?action=stream", "camera"),
        ] {
            assert_eq!(SourceUrl::parse(url).unwrap().name(), name, "{url}");
        }
    }

    #[test]
    fn what_is_no_source_is_refused() {
        for url in [
            "rtsp://",
            "rtsps://",
            "https://camera/",
            "ftp://camera/x",
            "camera",
            "rtsp://camera:x/",
            "rtsp://camera/a b",
            "http://",
            "http://:80/",
            "http://camera:0/",
            "http://camera:99999/",
            "http://[::1/",
            "http://camera/a\rb",
        ] {
            assert!(SourceUrl::parse(url).is_err(), "{url}");
        }
    }

    #[test]
    fn an_http_url_is_asked_for_with_its_credentials_once_the_server_wants_them() {
        let url = HttpUrl::parse("http://us%65r:p%40ss@[::1]:8080?x#y").unwrap();
        assert_eq!((url.host.as_str(), url.port), ("::1", 8080));
        assert_eq!(url.credentials, Some(Credentials::new("user", "p@ss")));
        let text = |login: Option<&mut Login>| String::from_utf8(url.request(login)).unwrap();
        let mut login = Login::new(b"user", b"p@ss", true).unwrap();
        let request = text(Some(&mut login));
        assert!(request.starts_with("GET /?x HTTP/1.1\r\nHost: [::1]:8080\r\n"), "{request}");
        assert!(request.ends_with("\r\n\r\n") && !request.contains("Authorization"), "{request}");
        login.on_challenge([&b"Basic realm=x"[..]].into_iter(), 0, false).unwrap();
        let request = text(Some(&mut login));
        assert!(request.contains("\r\nAuthorization: Basic dXNlcjpwQHNz\r\n\r\n"), "{request}");
        login.on_challenge([&b"Digest realm=x, nonce=1, stale=true"[..]].into_iter(), 0, true).unwrap();
        assert!(text(Some(&mut login)).contains(", uri=\"/?x\", "));
        assert!(!text(None).contains("Authorization"));
        let url = HttpUrl::parse("http://camera").unwrap();
        assert_eq!((url.port, url.credentials), (80, None));
    }

    #[test]
    fn redirections_are_relative_and_take_no_credentials_along() {
        let url = HttpUrl::parse("http://u:secret@camera:81/a/b?c").unwrap();
        for (location, to) in [
            ("http://other/x", "http://other/x"),
            ("//other/x", "http://other/x"),
            ("/x", "http://camera:81/x"),
            ("x?y", "http://camera:81/a/x?y"),
        ] {
            assert_eq!(url.resolve(location), to);
        }
    }

    #[test]
    fn no_password_is_in_debug_output() {
        for scheme in ["rtsp", "rtsph", "http"] {
            let url = &format!("{scheme}://user:secret@camera/stream");
            assert!(!format!("{:?}", SourceUrl::parse(url)).contains("secret"));
            assert!(!format!("{:?}", Target::parse(url)).contains("secret"));
        }
    }
}
