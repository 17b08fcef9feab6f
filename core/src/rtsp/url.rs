//! RTSP URLs (RFC 2326, 3.2), and the URLs of the streams of a presentation (C.1.1).
use crate::text::{self, Decoded, Emit, TextWriter};
use core::fmt;
use embedded_io::Write;

/// The TCP port of an RTSP server if the URL names no port (RFC 2326, 3.2). [`Url::port`] returns it in this
/// case.
pub const DEFAULT_PORT: u16 = 554;
/// The TCP port of an RTSP server inside TLS if the URL names no port (RFC 7826, 4.2). [`Url::port`] returns it for an
/// `rtsps://` URL.
pub const DEFAULT_TLS_PORT: u16 = 322;

/// An absolute `rtsp://` URL, or with the feature `rtsps` also an `rtsps://` URL, split into its parts. It borrows from the
/// text that it was read from.
///
/// A user name and a password in the text are dropped, as they are no part of a request's URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Url<'a> {
    #[cfg(feature = "rtsps")]
    secure: bool,
    host: &'a [u8],
    port: Option<u16>,
    path: &'a [u8],
    query: Option<&'a [u8]>,
}

/// Why a text is not a usable URL. A server answers a request with such a URL with 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct UrlError {
    /// What is wrong with the text.
    pub kind: UrlErrorKind,
    /// The offset of the faulty part, in bytes from the start of the text that was passed to [`Url::parse`].
    pub at: usize,
}

/// What is wrong with the text of a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum UrlErrorKind {
    /// The text does not start with `rtsp://` or `rtsps://`. It may be a relative URL or `*`, which only [`Url::control`]
    /// accepts.
    NotRtsp,
    /// The URL asks for RTSP inside TLS (`rtsps://`), which is not supported, or not here: with the feature `rtsps`,
    /// [`Url::parse`] accepts such a URL, and a client does if it is told that its connection is inside TLS.
    Rtsps,
    /// The URL asks for RTSP over UDP (`rtspu://`), which is not supported.
    Rtspu,
    /// The URL names no host, or a name that no host can have.
    Host,
    /// The port is no number from 1 to 65535.
    Port,
    /// The URL has a control byte in it, such as a line end.
    Control,
}

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            UrlErrorKind::NotRtsp => "the URL does not start with rtsp://",
            UrlErrorKind::Rtsps => "RTSP inside TLS (rtsps://) is not supported here",
            UrlErrorKind::Rtspu => "RTSP over UDP (rtspu://) is not supported",
            UrlErrorKind::Host => "the URL has no valid host",
            UrlErrorKind::Port => "the port in the URL is not valid",
            UrlErrorKind::Control => "there is a control character in the URL",
        };
        write!(f, "{what} (byte {})", self.at)
    }
}

impl core::error::Error for UrlError {}

impl<'a> Url<'a> {
    /// A URL without a host and a path, for code that has a URL in any case.
    #[cfg(any(feature = "auth", feature = "server"))]
    pub(crate) const NONE: Self = Self {
        #[cfg(feature = "rtsps")]
        secure: false,
        host: &[],
        port: None,
        path: &[],
        query: None,
    };

    /// Reads an absolute URL. Spaces and bytes outside ASCII are accepted in the path and the query. A
    /// fragment (`#...`) is dropped.
    ///
    /// # Errors
    /// Returns a [`UrlError`] with the reason and the offset of the fault.
    pub fn parse(url: &'a [u8]) -> Result<Self, UrlError> {
        let error = |kind, part: &[u8]| Err(UrlError { kind, at: text::offset(url, part) });
        let end = url.iter().position(|&b| b == b'#').unwrap_or(url.len());
        let whole = url.get(..end).unwrap_or(url);
        if let Some(at) = whole.iter().position(u8::is_ascii_control) {
            return Err(UrlError { kind: UrlErrorKind::Control, at });
        }
        let (scheme, rest) = text::split_once(whole, b':').unwrap_or((&[], whole));
        let Some(rest) = rest.strip_prefix(b"//") else { return error(UrlErrorKind::NotRtsp, url) };
        if scheme.eq_ignore_ascii_case(b"rtspu") {
            return error(UrlErrorKind::Rtspu, url);
        }
        let secure = scheme.eq_ignore_ascii_case(b"rtsps");
        if secure && !cfg!(feature = "rtsps") {
            return error(UrlErrorKind::Rtsps, url);
        }
        if !secure && !scheme.eq_ignore_ascii_case(b"rtsp") {
            return error(UrlErrorKind::NotRtsp, url);
        }

        let end = rest.iter().position(|b| matches!(b, b'/' | b'?')).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, &[]));
        let host_port = text::rsplit_once(authority, b'@').map_or(authority, |(_, host_port)| host_port);
        let (host, port) = match host_port.strip_prefix(b"[") {
            Some(literal) => text::split_once(literal, b']'),
            None => {
                let end = host_port.iter().position(|&b| b == b':').unwrap_or(host_port.len());
                host_port.split_at_checked(end)
            }
        }
        .unwrap_or_default();
        let valid = |b: &u8| *b > b' ' && !matches!(b, b'[' | b']' | b'@' | b'\\');
        if host.is_empty() || !host.iter().all(valid) {
            return error(UrlErrorKind::Host, host_port);
        }
        let port = match port.split_first() {
            None | Some((b':', [])) => None,
            Some((b':', digits)) => match text::decimal(digits).map(u16::try_from) {
                Some(Ok(port)) if port > 0 => Some(port),
                _ => return error(UrlErrorKind::Port, digits),
            },
            Some(_) => return error(UrlErrorKind::Port, port),
        };
        let (path, query) = match text::split_once(path, b'?') {
            Some((path, query)) => (path, Some(query)),
            None => (path, None),
        };
        Ok(Self {
            #[cfg(feature = "rtsps")]
            secure,
            host,
            port,
            path,
            query,
        })
    }

    /// Returns true if the URL asks for RTSP inside TLS: its scheme is `rtsps`.
    pub const fn is_secure(&self) -> bool {
        #[cfg(feature = "rtsps")]
        return self.secure;
        #[cfg(not(feature = "rtsps"))]
        return false;
    }

    /// Returns the host as it is written: a name or an address, without the brackets of an IPv6 address. The
    /// host is not empty. It is not looked up or checked further.
    pub const fn host(&self) -> &'a [u8] {
        self.host
    }

    /// Returns the TCP port; [`DEFAULT_PORT`] if the URL names none, or [`DEFAULT_TLS_PORT`] inside TLS.
    pub const fn port(&self) -> u16 {
        match self.port {
            Some(port) => port,
            None if self.is_secure() => DEFAULT_TLS_PORT,
            None => DEFAULT_PORT,
        }
    }

    /// Returns the path as it is written: usually percent-encoded, and without the query. The path is empty
    /// or starts with a slash. To compare the path with another one, use [`Self::path_is`].
    pub const fn path(&self) -> &'a [u8] {
        self.path
    }

    /// Returns the part after the first question mark, as it is written; `None` if there is no question mark.
    pub const fn query(&self) -> Option<&'a [u8]> {
        self.query
    }

    /// Returns the URL without its query.
    #[must_use]
    pub const fn without_query(self) -> Self {
        Self { query: None, ..self }
    }

    /// Returns true if the path of this URL equals `path`. The path of the URL is percent-decoded first: pass
    /// `path` without percent-encoding. Slashes at the start and the end of both paths are ignored, and so is
    /// the query. Case matters.
    pub fn path_is(&self, path: &str) -> bool {
        Decoded(trim_slashes(self.path)).eq(trim_slashes(path.as_bytes()).iter().copied())
    }

    /// Splits off the name of a stream at the end of the URL: `trackID=` and a number, which [`sdp`](crate::sdp)
    /// writes into session descriptions, or `track` and a number, as it wrote before. Returns the URL of the presentation, without that name, and the
    /// number of the track, counted from 0. Check that the presentation has a track with this number. Returns
    /// `None` if the URL does not end with such a name, or if the number is above 255: this URL is then
    /// itself the URL of a presentation.
    ///
    /// In a URL with a query, some clients put the name after the query and others after the path. Both are
    /// found.
    pub fn track(&self) -> Option<(Self, u8)> {
        if let Some((query, track)) = self.query.and_then(split_track) {
            return Some((Self { query: Some(query), ..*self }, track));
        }
        let (path, track) = split_track(self.path)?;
        Some((Self { path, ..*self }, track))
    }

    /// Returns true if `uri` stands for the same presentation as this URL, or for one of its tracks. It may be a URL of
    /// `rtsp` or `rtsps` with any host, or a path alone. Paths are compared as by [`Self::path_is`].
    ///
    /// With this, a server checks the URI in credentials of Digest: clients put there the URL of the request, that of
    /// the session description or that of a track, or only its path.
    #[cfg(feature = "auth")]
    pub fn is_same_presentation(&self, uri: &[u8]) -> bool {
        let path = if uri.starts_with(b"/") {
            uri
        } else if text::starts_with_ignore_case(uri, b"rtsp") {
            let (Some([b's' | b'S', rest @ ..]) | Some(rest)) = uri.get(4..) else { return false };
            let Some(rest) = rest.strip_prefix(b"://") else { return false };
            let end = rest.iter().position(|b| matches!(b, b'/' | b'?')).unwrap_or(rest.len());
            rest.get(end..).unwrap_or_default()
        } else {
            return false;
        };
        let (path, query) =
            text::split_once(path, b'?').map_or((path, None), |(path, query)| (path, Some(query)));
        let other = Url { path, query, ..Url::NONE };
        Decoded(trim_slashes(self.presentation_path())).eq(Decoded(trim_slashes(other.presentation_path())))
    }

    /// Returns the path without the name of a track at its end.
    #[cfg(feature = "auth")]
    fn presentation_path(&self) -> &'a [u8] {
        self.track().map_or(self.path, |(presentation, _)| presentation.path)
    }

    /// Returns the URL to which the `control` attributes of a session description are relative (RFC 2326,
    /// C.1.1). Pass the values of the header fields `Content-Base` and `Content-Location` of the response to
    /// DESCRIBE, or `None` if the response has no such field, and the URL of the DESCRIBE request. The result
    /// is the first of these three that is an absolute URL, in the order of the parameters.
    pub fn base(content_base: Option<&'a [u8]>, content_location: Option<&'a [u8]>, request: Self) -> Self {
        let usable = |value: Option<&'a [u8]>| Self::parse(value?.trim_ascii()).ok();
        usable(content_base).or_else(|| usable(content_location)).unwrap_or(request)
    }

    /// Returns the URL of a stream or of the presentation. Call this on the base that [`Self::base`] returns.
    /// `control` is the `control` attribute from the session description. If `control` is an absolute URL,
    /// the result is that URL. If `control` is `*` or empty, the result is the base. Any other `control` is
    /// appended to the base.
    ///
    /// One slash stands between the base and what is appended, even after a query, because that is what
    /// servers expect. No slash is put before a `control` that starts with `?`. The rules of RFC 1808 would
    /// drop the last part of a path without a trailing slash.
    pub fn control(self, control: &'a [u8]) -> ControlUrl<'a> {
        let control = control.trim_ascii();
        match Self::parse(control) {
            Ok(url) => ControlUrl { base: url, control: &[] },
            Err(_) if control == b"*" => ControlUrl { base: self, control: &[] },
            Err(_) => self.join(control),
        }
    }

    /// Returns the URL of a stream whose `control` is to be appended in any case.
    pub(crate) const fn join(self, control: &'a [u8]) -> ControlUrl<'a> {
        ControlUrl { base: self, control }
    }
}

/// The URL of a stream or of a presentation: a base and a `control` attribute that is appended to it.
/// [`Url::control`] returns it. Write it into a request with
/// [`MessageWriter::request`](super::MessageWriter::request).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ControlUrl<'a> {
    base: Url<'a>,
    control: &'a [u8],
}

impl Emit for Url<'_> {
    fn emit<W: Write>(&self, out: &mut TextWriter<W>) {
        out.text(if self.is_secure() { "rtsps://" } else { "rtsp://" });
        // Only an address has colons in it. The search of `contains` would take 150 bytes of flash.
        if text::split_once(self.host, b':').is_some() {
            out.text("[");
            out.text(self.host);
            out.text("]");
        } else {
            out.text(self.host);
        }
        if let Some(port) = self.port {
            out.text(":");
            out.dec(port);
        }
        out.url_text(self.path);
        if let Some(query) = self.query {
            out.text("?");
            out.url_text(query);
        }
    }
}

impl Emit for ControlUrl<'_> {
    fn emit<W: Write>(&self, out: &mut TextWriter<W>) {
        self.base.emit(out);
        let slashed = self.base.query.unwrap_or(self.base.path).last() == Some(&b'/');
        match self.control {
            [] => {}
            [b'/', control @ ..] if slashed => out.url_text(control),
            // Some cameras tell their streams apart by a query.
            control @ [b'/' | b'?', ..] => out.url_text(control),
            control => {
                if !slashed {
                    out.text("/");
                }
                out.url_text(control)
            }
        }
    }
}

fn trim_slashes(mut path: &[u8]) -> &[u8] {
    while let Some(shorter) = path.strip_prefix(b"/") {
        path = shorter;
    }
    trim_end_slashes(path)
}

fn trim_end_slashes(mut path: &[u8]) -> &[u8] {
    while let Some(shorter) = path.strip_suffix(b"/") {
        path = shorter;
    }
    path
}

/// Splits `BASE/trackID=N` or `BASE/trackN`, with or without a slash at the end.
fn split_track(path: &[u8]) -> Option<(&[u8], u8)> {
    let (base, control) = text::rsplit_once(trim_end_slashes(path), b'/')?;
    let number = control.strip_prefix(b"track")?;
    let number = text::decimal(number.strip_prefix(b"ID=").unwrap_or(number))?;
    Some((base, u8::try_from(number).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::tests::emitted;
    use proptest::prelude::*;
    use std::string::String;
    use std::vec::Vec;

    fn url(text: &str) -> Url<'_> {
        Url::parse(text.as_bytes()).unwrap()
    }

    fn text_of(value: &impl Emit) -> String {
        String::from_utf8(emitted(value)).unwrap()
    }

    #[test]
    fn the_parts() {
        let u = url("RTSP://user:p@ss@Host.example:8554/a/b?x=1/2#frag");
        assert_eq!((u.host(), u.port()), (&b"Host.example"[..], 8554));
        assert_eq!((u.path(), u.query()), (&b"/a/b"[..], Some(&b"x=1/2"[..])));
        assert_eq!(text_of(&u), "rtsp://Host.example:8554/a/b?x=1/2");

        let u = url("rtsp://[::1]:8554");
        assert_eq!((u.host(), u.port(), u.path()), (&b"::1"[..], 8554, &b""[..]));
        assert_eq!(text_of(&u), "rtsp://[::1]:8554");
        assert_eq!(url("rtsp://[fe80::1%eth0]/x").host(), b"fe80::1%eth0");
        assert_eq!(url("rtsp://h:?q").port(), DEFAULT_PORT);
    }

    #[test]
    fn what_is_no_url_says_where() {
        use UrlErrorKind::*;
        let cases = [
            ("", NotRtsp, 0),
            ("*", NotRtsp, 0),
            ("/stream", NotRtsp, 0),
            ("rtsp:/h", NotRtsp, 0),
            ("http://h/", NotRtsp, 0),
            ("rtspss://h/", NotRtsp, 0),
            ("rtspu://h/", Rtspu, 0),
            ("rtsp://", Host, 7),
            ("rtsp://:554/", Host, 7),
            ("rtsp://u@/x", Host, 9),
            ("rtsp://[::1/x", Host, 7),
            ("rtsp://a b/x", Host, 7),
            ("rtsp://h:0/", Port, 9),
            ("rtsp://h:65536/", Port, 9),
            ("rtsp://h:x/", Port, 9),
            ("rtsp://[::1]8/", Port, 12),
            ("rtsp://h/a\r\nb", Control, 10),
        ];
        for (text, kind, at) in cases {
            assert_eq!(Url::parse(text.as_bytes()), Err(UrlError { kind, at }), "{text}");
        }
    }

    #[test]
    fn paths_are_compared_decoded_with_or_without_slashes() {
        for text in [
            "rtsp://h/big%20bunny",
            "rtsp://h/big bunny/",
            "rtsp://h//big%20bunny?x=1",
            "rtsp://h/b%69g%20bunny",
        ] {
            assert!(url(text).path_is("/big bunny"), "{text}");
            assert!(url(text).path_is("big bunny/"), "{text}");
            assert!(!url(text).path_is("/big"), "{text}");
        }
        assert!(url("rtsp://h").path_is("/"));
        assert!(url("rtsp://h/50%").path_is("/50%"));
        assert!(url("rtsp://h/50%2").path_is("/50%2"));
    }

    #[test]
    fn a_track_is_split_off_the_path_or_as_live555_and_ffmpeg_do_the_query() {
        for (text, base, track) in [
            ("rtsp://h/a/track0", "rtsp://h/a", 0),
            ("rtsp://h/a/track12/", "rtsp://h/a", 12),
            ("rtsp://h/a/trackID=12/", "rtsp://h/a", 12),
            ("rtsp://h/trackID=0", "rtsp://h", 0),
            ("rtsp://h/track1", "rtsp://h", 1),
            ("rtsp://h/a?x=1/track1", "rtsp://h/a?x=1", 1),
            ("rtsp://h/a/track1?x=1", "rtsp://h/a?x=1", 1),
        ] {
            let (presentation, n) = url(text).track().unwrap();
            assert_eq!((text_of(&presentation).as_str(), n), (base, track));
        }
        for text in [
            "rtsp://h/a",
            "rtsp://h/a/track",
            "rtsp://h/a/track256",
            "rtsp://h/a/trackID=",
            "rtsp://h/a/trackID=256",
            "rtsp://h/a/Track1x",
            "rtsp://h/atrack1",
        ] {
            assert_eq!(url(text).track(), None, "{text}");
        }
    }

    #[test]
    #[cfg(feature = "rtsps")]
    fn a_url_may_ask_for_tls() {
        let u = url("RTSPS://u@h/x");
        assert_eq!((u.is_secure(), u.port()), (true, DEFAULT_TLS_PORT));
        assert_eq!(text_of(&u), "rtsps://h/x");
    }

    #[test]
    #[cfg(not(feature = "rtsps"))]
    fn tls_is_not_supported() {
        assert_eq!(Url::parse(b"rtsps://h/"), Err(UrlError { kind: UrlErrorKind::Rtsps, at: 0 }));
    }

    #[test]
    fn the_base_is_the_first_that_is_a_url() {
        let request = url("rtsp://h/request");
        let base = |base: Option<&'static str>, location: Option<&'static str>| {
            text_of(&Url::base(base.map(str::as_bytes), location.map(str::as_bytes), request))
        };
        assert_eq!(base(Some("rtsp://h/base/ "), Some("rtsp://h/location")), "rtsp://h/base/");
        assert_eq!(base(None, Some("rtsp://h/location")), "rtsp://h/location");
        assert_eq!(base(Some("/relative"), None), "rtsp://h/request");
    }

    #[test]
    fn controls_are_appended_with_one_slash() {
        for (base, control, expected) in [
            ("rtsp://h/a", "*", "rtsp://h/a"),
            ("rtsp://h/a/", "", "rtsp://h/a/"),
            ("rtsp://h/a", "track0", "rtsp://h/a/track0"),
            ("rtsp://h/a/", "track0", "rtsp://h/a/track0"),
            ("rtsp://h/a/", "/track0", "rtsp://h/a/track0"),
            ("rtsp://h/a", "/track0", "rtsp://h/a/track0"),
            ("rtsp://h", "trackID=1", "rtsp://h/trackID=1"),
            ("rtsp://h/a?x=1", "trackID=1", "rtsp://h/a?x=1/trackID=1"),
            ("rtsp://h/a?x=1/", "trackID=1", "rtsp://h/a?x=1/trackID=1"),
            ("rtsp://h/a", "?ctype=video", "rtsp://h/a?ctype=video"),
            ("rtsp://h/a", "rtsp://u:p@other:8554/b/trackID=1", "rtsp://other:8554/b/trackID=1"),
            ("rtsp://h/a b", "t\r\n0", "rtsp://h/a%20b/t%0D%0A0"),
        ] {
            assert_eq!(text_of(&url(base).control(control.as_bytes())), expected);
        }
    }

    proptest! {
        #[test]
        fn urls_round_trip(
            text in "rtsp://([a-z0-9.-]{1,12}|\\[[0-9a-f:]{0,8}:[0-9a-f]\\])(:[1-9][0-9]{0,3})?(/[!-\"$->@-~]{0,12})?(\\?[!-\"$-~]{0,12})?"
        ) {
            prop_assert_eq!(text_of(&url(&text)), text);
        }

        #[test]
        fn what_is_appended_is_split_off(base in "rtsp://h(/[a-z/]{0,9})?(\\?[a-z=/]{0,9})?", track: u8) {
            let control = std::format!("trackID={track}");
            let joined = text_of(&url(&base).control(control.as_bytes()));
            let (presentation, n) = url(&joined).track().unwrap();
            prop_assert_eq!(n, track);
            prop_assert!(presentation.path_is(std::str::from_utf8(url(&base).path()).unwrap()));
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            for bytes in [bytes.clone(), [b"rtsp://", &bytes[..]].concat(), [b"rtsp://h/", &bytes[..]].concat()] {
                if let Ok(url) = Url::parse(&bytes) {
                    let _ = (url.path_is("a"), url.track(), emitted(&url), emitted(&url.control(&bytes)));
                }
            }
        }
    }
}
