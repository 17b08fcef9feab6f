//! Where a redirection leads to.
use pinhole::rtsp::Url;

/// How many redirections in a row are followed.
pub(super) const MAX_REDIRECTS: u8 = 5;

/// Returns the URL that `location` stands for in an answer of the server of `from`; `None` if it is none that a
/// client can connect to. A path is one of the same server. The user name and password of `from` are kept for the
/// same host only: another one must not learn them.
pub(super) fn target(from: &str, location: &str) -> Option<String> {
    let location = location.trim();
    let (user_info, host_port) = authority(from)?;
    let is_path = location.starts_with('/') && !location.starts_with("//");
    let location = if is_path { format!("rtsp://{host_port}{location}") } else { location.to_owned() };
    let (to, before) = (Url::parse(location.as_bytes()).ok()?, Url::parse(from.as_bytes()).ok()?);
    let same_host = to.host().eq_ignore_ascii_case(before.host());
    let (own, host_port) = authority(&location)?;
    match user_info {
        Some(user_info) if own.is_none() && same_host => {
            let (scheme, rest) = location.split_once("://")?;
            let path = rest.strip_prefix(host_port)?;
            Some(format!("{scheme}://{user_info}@{host_port}{path}"))
        }
        _ => Some(location),
    }
}

/// Returns the user name and password of a URL, if it has any, and its host and port.
fn authority(url: &str) -> Option<(Option<&str>, &str)> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    Some(match authority.rsplit_once('@') {
        Some((user_info, host_port)) => (Some(user_info), host_port),
        None => (None, authority),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_kept_for_the_same_host_only() {
        for (from, location, to) in [
            ("rtsp://a/x", "rtsp://b:8554/y?z", Some("rtsp://b:8554/y?z")),
            ("rtsp://u:p@a/x", "rtsp://b/y", Some("rtsp://b/y")),
            ("rtsp://u:p@a/x", "rtsp://A:8554/y", Some("rtsp://u:p@A:8554/y")),
            ("rtsp://u:p@a:8554/x", "rtsp://a", Some("rtsp://u:p@a")),
            ("rtsp://u:p@a/x", "rtsp://v:q@a/y", Some("rtsp://v:q@a/y")),
            ("rtsp://u:p@[::1]:8554/x", " /y?z\t", Some("rtsp://u:p@[::1]:8554/y?z")),
            ("rtsp://u:p@a.example/x", "rtsp://a.example.evil/y", Some("rtsp://a.example.evil/y")),
            ("rtsp://u:p@a/x", "rtsp://b/@a", Some("rtsp://b/@a")),
            ("rtsp://a/x", "", None),
            ("rtsp://a/x", "y", None),
            ("rtsp://a/x", "//b/y", None),
            ("rtsp://a/x", "http://b/y", None),
            ("rtsp://a/x", "rtsp://b/\r\n", Some("rtsp://b/")),
            ("rtsp://a/x", "rtsp://b/\r\nX: y", None),
        ] {
            assert_eq!(target(from, location).as_deref(), to, "{from} to {location}");
        }
    }
}
