//! Where a redirection leads to.
use crate::credentials::UserInfo;
use pinhole::rtsp::Url;
use std::borrow::Cow;

/// How many redirections in a row are followed.
pub(super) const MAX_REDIRECTS: u8 = 5;

/// Where a redirection leads to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// The URL, without credentials.
    pub(crate) url: String,
    /// The credentials that the server has put into the URL.
    pub(crate) user_info: Option<UserInfo>,
    /// Whether the host is the same, so that it may learn the credentials for it.
    pub(crate) is_same_host: bool,
}

/// Returns what `location` stands for in an answer of the server of `from`; `None` if it is no URL that a client can
/// connect to, or leads out of TLS, where all could be read that was not to be. A path is one of the same server.
pub(crate) fn target(from: &str, location: &str) -> Option<Target> {
    let location = location.trim();
    let is_path = location.starts_with('/') && !location.starts_with("//");
    let location = match is_path {
        true => Cow::Owned(format!("{}{location}", origin(from)?)),
        false => Cow::Borrowed(location),
    };
    let (url, user_info) = UserInfo::split(&location);
    let (to, before) = (Url::parse(url.as_bytes()).ok()?, Url::parse(from.as_bytes()).ok()?);
    if before.is_secure() && !to.is_secure() {
        return None;
    }
    let is_same_host = to.host().eq_ignore_ascii_case(before.host());
    Some(Target { url: url.into_owned(), user_info, is_same_host })
}

/// Returns the scheme, host and port of a URL without credentials, as they are written.
fn origin(url: &str) -> Option<&str> {
    let (scheme, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    url.get(..scheme.len() + "://".len() + authority.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirection_leads_to_a_host_that_is_the_same_or_another() {
        for (from, location, to) in [
            ("rtsp://a/x", "rtsp://b:8554/y?z", Some(("rtsp://b:8554/y?z", false))),
            ("rtsp://a/x", "rtsp://A:8554/y", Some(("rtsp://A:8554/y", true))),
            ("rtsp://a:8554/x", "rtsp://a", Some(("rtsp://a", true))),
            ("rtsp://a/x", "rtsp://v:q@a/y", Some(("rtsp://a/y", true))),
            ("rtsp://[::1]:8554/x", " /y?z\t", Some(("rtsp://[::1]:8554/y?z", true))),
            ("rtsp://a.example/x", "rtsp://a.example.evil/y", Some(("rtsp://a.example.evil/y", false))),
            ("rtsp://a/x", "rtsp://b/@a", Some(("rtsp://b/@a", false))),
            ("rtsp://a/x", "rtsp://a@b/y", Some(("rtsp://b/y", false))),
            ("rtsp://a/x", "rtsps://a/y", Some(("rtsps://a/y", true))),
            ("rtsps://a/x", "rtsps://b/y", Some(("rtsps://b/y", false))),
            ("rtsps://a:8322/x", "/y", Some(("rtsps://a:8322/y", true))),
            ("rtsps://a/x", "rtsp://a/y", None),
            ("rtsp://a/x", "", None),
            ("rtsp://a/x", "y", None),
            ("rtsp://a/x", "//b/y", None),
            ("rtsp://a/x", "http://b/y", None),
            ("rtsp://a/x", "rtsp://b/\r\n", Some(("rtsp://b/", false))),
            ("rtsp://a/x", "rtsp://b/\r\nX: y", None),
        ] {
            let led = target(from, location);
            let led = led.as_ref().map(|target| (&*target.url, target.is_same_host));
            assert_eq!(led, to, "{from} to {location}");
        }
    }

    #[test]
    fn a_server_may_name_credentials() {
        let named = |location| target("rtsp://a/x", location).unwrap().user_info;
        let (user, password) = (b"v".to_vec(), Some(b"q@".to_vec()));
        assert_eq!(named("rtsp://v:q%40@b/y"), Some(UserInfo { user, password }));
        assert_eq!(named("rtsp://b/y"), None);
    }
}
