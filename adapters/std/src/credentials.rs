//! User names and passwords, and how URLs have them.
use std::borrow::Cow;
use std::fmt;

/// What stands before the user name of a URL.
const SCHEME_END: &str = "://";

/// A user name and a password. Both are bytes, by custom in UTF-8. `Debug` shows neither.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    user: Vec<u8>,
    password: Vec<u8>,
}

impl Credentials {
    /// Makes credentials of a user name and a password.
    pub fn new(user: impl Into<Vec<u8>>, password: impl Into<Vec<u8>>) -> Self {
        Self { user: user.into(), password: password.into() }
    }

    /// Returns the user name.
    pub fn user(&self) -> &[u8] {
        &self.user
    }

    /// Returns the password.
    pub(crate) fn password(&self) -> &[u8] {
        &self.password
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}

/// What a URL has before its host: a user name, and perhaps a password. `Debug` shows neither.
#[derive(Clone, PartialEq, Eq)]
pub struct UserInfo {
    /// The user name, without percent-encoding.
    pub user: Vec<u8>,
    /// The password, without percent-encoding; `None` if there is no colon after the user name.
    pub password: Option<Vec<u8>>,
}

impl UserInfo {
    /// Takes the user name and the password out of a URL of any scheme (RFC 3986, 3.2.1). Returns the URL without
    /// them. A URL that has none is returned as it is.
    ///
    /// They end at the last `@` before the path. The user name ends at the first colon.
    pub fn split(url: &str) -> (Cow<'_, str>, Option<Self>) {
        let Some((scheme, rest)) = url.split_once(SCHEME_END) else { return (Cow::Borrowed(url), None) };
        let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        let Some((user_info, host_port)) = authority.rsplit_once('@') else {
            return (Cow::Borrowed(url), None);
        };
        let (user, password) = match user_info.split_once(':') {
            Some((user, password)) => (user, Some(decoded(password))),
            None => (user_info, None),
        };
        let url = [scheme, SCHEME_END, host_port, path].concat();
        (Cow::Owned(url), Some(Self { user: decoded(user), password }))
    }

    /// Returns the user name with the password, which is empty if there is none.
    pub fn into_credentials(self) -> Credentials {
        Credentials { user: self.user, password: self.password.unwrap_or_default() }
    }
}

impl fmt::Debug for UserInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserInfo").finish_non_exhaustive()
    }
}

/// Returns a part of a URL without percent-encoding (RFC 3986, 2.1). A `%` without two digits stands for itself.
pub(crate) fn decoded(part: &str) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::with_capacity(part.len()), part.as_bytes());
    while let Some((&first, after)) = rest.split_first() {
        let digits = after.first_chunk::<2>().filter(|_| first == b'%');
        let byte = digits.and_then(|digits| {
            let [high, low] = digits.map(|digit| char::from(digit).to_digit(16));
            Some((high? << 4 | low?) as u8)
        });
        out.push(byte.unwrap_or(first));
        rest = if byte.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(url: &str) -> (String, Option<(String, Option<String>)>) {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let (url, user_info) = UserInfo::split(url);
        (url.into_owned(), user_info.map(|UserInfo { user, password }| (text(user), password.map(text))))
    }

    #[test]
    fn a_url_is_taken_apart_and_decoded() {
        for (url, without, user, password) in [
            ("rtsp://u:p@cam/1", "rtsp://cam/1", "u", Some("p")),
            ("rtsph://u:@[::1]:80/a?b@c", "rtsph://[::1]:80/a?b@c", "u", Some("")),
            ("http://token@cam", "http://cam", "token", None),
            ("rtsp://@cam", "rtsp://cam", "", None),
            ("rtsp://u:p@ss:w@cam:554?x", "rtsp://cam:554?x", "u", Some("p@ss:w")),
            (
                "rtsp://a%3Ab%40%2F:%25%3f%23%20%C3%BC%22%5c@cam/%41",
                "rtsp://cam/%41",
                "a:b@/",
                Some("%?# \u{fc}\"\\"),
            ),
            ("rtsp://u:100%@cam/", "rtsp://cam/", "u", Some("100%")),
            ("rtsp://u:%+1%4@cam/", "rtsp://cam/", "u", Some("%+1%4")),
        ] {
            let expected = (without.to_owned(), Some((user.to_owned(), password.map(str::to_owned))));
            assert_eq!(split(url), expected, "{url}");
        }
        for url in ["rtsp://cam:554/a:b@c", "rtsp://cam?a@b", "rtsp://cam#a@b", "u:p@cam", "cam", ""] {
            assert_eq!(split(url), (url.to_owned(), None), "{url}");
        }
    }

    #[test]
    fn debug_output_has_no_secrets() {
        let (_, user_info) = UserInfo::split("rtsp://quux:s3cret@cam/");
        let user_info = user_info.unwrap();
        let told = format!("{user_info:?} {:?}", user_info.clone().into_credentials());
        assert!(!told.contains("quux") && !told.contains("s3cret") && !told.contains("113"), "{told}");
    }
}
