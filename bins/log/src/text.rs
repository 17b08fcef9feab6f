//! Texts of others, made harmless.
use std::borrow::Cow;
use std::fmt::Write;
use std::net::Ipv4Addr;
use std::time::SystemTime;

/// The most characters of a text that others chose.
const MAX_TEXT: usize = 500;
/// What is shown in place of credentials.
const HIDDEN: &str = "***";
/// What stands before the host of a URL and its credentials.
const SCHEME_END: &str = "://";

/// Returns `text` with each character that moves a cursor, ends a line, turns the direction of writing
/// round, or is not to be seen, as `\u` and four hexadecimal digits. A line of JSON stays JSON of the same
/// value, because there such characters occur in strings only.
///
/// These are escaped: the control characters C0, DEL and C1, the line and paragraph separators, the marks,
/// embeddings, overrides and isolates of the bidirectional algorithm, and characters of no width. What is
/// longer than four digits has two such escapes, as in JSON.
pub fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(is_dangerous) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_dangerous(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // A string takes all that is written.
                let _ = write!(escaped, "\\u{unit:04x}");
            }
        } else {
            escaped.push(c);
        }
    }
    Cow::Owned(escaped)
}

/// Returns the first 500 characters of a text that others chose, such as a URL, without credentials
/// ([`redacted`]) and followed by `...` if there were more.
pub fn cut(text: &str) -> Cow<'_, str> {
    // First of all: the end of a password may be cut off.
    match redacted(text) {
        Cow::Borrowed(text) => cut_to(text, MAX_TEXT),
        Cow::Owned(text) => Cow::Owned(cut_to(&text, MAX_TEXT).into_owned()),
    }
}

/// Returns `text` with `***` in place of the credentials of each URL in it: the user name and the password
/// before the host, and the values of parameters in the path and the query that are named like a password, a key,
/// a token or a signature.
///
/// A URL ends at a space, a quotation mark or an angle bracket. For a text that is one URL as a whole, however
/// it is written, use [`redacted_value`].
pub fn redacted(text: &str) -> Cow<'_, str> {
    redact(text, |c| c.is_whitespace() || c.is_control() || matches!(c, '"' | '\'' | '<' | '>' | '`'))
}

/// Does what [`redacted`] does for a text that may be a URL as a whole, also one with spaces or quotation
/// marks in it. In a text that is no URL, but has a colon before an `@`, all before the `@` is replaced.
pub fn redacted_value(text: &str) -> Cow<'_, str> {
    match text.rsplit_once('@') {
        Some((before, after)) if !text.contains("://") && before.contains(':') => {
            Cow::Owned(format!("{HIDDEN}@{after}"))
        }
        _ => redact(text, |_| false),
    }
}

/// Hides credentials in URLs, which end before a character for which `ends` is true.
fn redact(text: &str, ends: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(SCHEME_END) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for word in text.split_inclusive(&ends) {
        let body = word.strip_suffix(&ends).unwrap_or(word);
        push_without_secrets(&mut shown, &without_user_info(body));
        shown.push_str(word.get(body.len()..).unwrap_or_default());
    }
    if shown == text { Cow::Borrowed(text) } else { Cow::Owned(shown) }
}

/// Hides what is before the host in each URL of a word. A path may have another URL in it.
fn without_user_info(word: &str) -> String {
    let mut shown = String::with_capacity(word.len());
    let mut rest = word;
    while let Some(at) = rest.find(SCHEME_END) {
        let (scheme, url) = rest.split_at(at + SCHEME_END.len());
        let (user_info, url) = url.split_at(user_info(url));
        shown.push_str(scheme);
        if !user_info.is_empty() {
            shown.push_str(HIDDEN);
            shown.push('@');
        }
        rest = url;
    }
    shown + rest
}

/// Returns the length of the user name, the password and the `@` at the start of what follows `://`; 0 if
/// there are none.
fn user_info(url: &str) -> usize {
    let authority = url.split(['/', '?', '#']).next().unwrap_or_default();
    if let Some((user_info, _)) = authority.rsplit_once('@') {
        return user_info.len() + 1;
    }
    // A password may have a slash in it that should have been percent-encoded. What is no port is one.
    let is_port = |port: &str| port.bytes().all(|b| b.is_ascii_digit());
    match authority.rsplit_once(':') {
        Some((_, "")) => 0,
        // Nobody is called like an address.
        Some((host, port)) if is_port(port) && host.parse::<Ipv4Addr>().is_ok() => 0,
        // What looks like a port may be the start of a password all the same. A path with an `@` in it is rare.
        Some((host, port)) if !host.starts_with('[') && is_port(port) => {
            let path = url.split(['?', '#']).next().unwrap_or_default();
            path.rfind('@').map_or(0, |at| at + 1)
        }
        Some((host, _)) if !host.starts_with('[') => url.rfind('@').map_or(0, |at| at + 1),
        _ => 0,
    }
}

/// Adds a word to `shown`. If it has a URL in it, hides the values of parameters that are named like a secret.
fn push_without_secrets(shown: &mut String, word: &str) {
    const SEPARATORS: [char; 5] = ['?', '&', ';', '/', '#'];
    if !word.contains(SCHEME_END) {
        return shown.push_str(word);
    }
    for part in word.split_inclusive(SEPARATORS) {
        let body = part.trim_end_matches(SEPARATORS);
        match body.split_once('=') {
            Some((name, value)) if !value.is_empty() && names_a_secret(body) => {
                shown.extend([name, "=", HIDDEN]);
            }
            _ => shown.push_str(body),
        }
        shown.push_str(part.get(body.len()..).unwrap_or_default());
    }
}

/// Returns whether one of the names in `NAME=VALUE`, or in several of these with any mark between them, is that of a
/// secret, such as `password`, `authKey` or `X-Amz-Signature`.
fn names_a_secret(parameters: &str) -> bool {
    const PARTS: [&str; 14] = [
        "pass",
        "pwd",
        "psw",
        "passwort",
        "kennwort",
        "secret",
        "token",
        "auth",
        "cred",
        "signature",
        "apikey",
        "accesskey",
        "streamkey",
        "session",
    ];
    const WORDS: [&str; 15] = [
        "pw", "key", "keys", "sig", "sign", "pin", "sid", "jwt", "otp", "sas", "ticket", "nonce", "hash",
        "digest", "login",
    ];
    let (names, _) = parameters.rsplit_once('=').unwrap_or_default();
    let names = decoded(names).to_ascii_lowercase();
    PARTS.iter().any(|part| names.contains(part))
        || names.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| WORDS.contains(&word))
}

/// Returns a text in which percent-encoded ASCII characters stand for themselves.
fn decoded(text: &str) -> String {
    let mut decoded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        decoded.push_str(before);
        let digits = after.split_at_checked(2);
        let code = digits.and_then(|(digits, after)| Some((u8::from_str_radix(digits, 16).ok()?, after)));
        match code.filter(|(code, _)| code.is_ascii()) {
            Some((code, after)) => {
                decoded.push(char::from(code));
                rest = after;
            }
            None => {
                decoded.push('%');
                rest = after;
            }
        }
    }
    decoded + rest
}

/// Returns the time in UTC, to the millisecond, as RFC 3339 writes it: `2026-01-31T23:59:59.999Z`. It is
/// empty if the clock of the system is out of the years 1970 to 9999.
pub fn now() -> String {
    let mut text = String::with_capacity(24);
    let now = SystemTime::now().max(SystemTime::UNIX_EPOCH);
    match write!(text, "{}", humantime::format_rfc3339_millis(now)) {
        Ok(()) => text,
        Err(_) => String::new(),
    }
}

pub(crate) fn cut_to(text: &str, characters: usize) -> Cow<'_, str> {
    match text.char_indices().nth(characters) {
        Some((end, _)) => Cow::Owned(format!("{}...", text.get(..end).unwrap_or_default())),
        None => Cow::Borrowed(text),
    }
}

fn is_dangerous(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_reaches_a_terminal_that_moves_its_cursor() {
        let evil = "a\n\r\t\0\u{1b}[31m\u{7f}\u{9b}2J\u{202e}gpj\u{2066}\u{200f}\u{2028}\u{feff}\u{e0041}";
        let safe = escaped(evil);
        assert!(!safe.contains(is_dangerous), "{safe}");
        assert!(safe.starts_with(r"a\u000a\u000d\u0009\u0000\u001b[31m\u007f\u009b2J\u202egpj"), "{safe}");
        assert!(safe.ends_with(r"\ufeff\udb40\udc41"), "{safe}");
    }

    #[test]
    fn names_in_any_script_stay_as_they_are() {
        let name = r"C:\Größe/映像 – שלום 🎥 e\u{301}.mjpeg";
        assert!(matches!(escaped(name), Cow::Borrowed(same) if same == name));
    }

    #[test]
    fn no_credentials_of_urls_are_shown() {
        for (text, shown) in [
            ("rtsp://cam/1", "rtsp://cam/1"),
            ("rtsp://u:12/3@h", "rtsp://***@h"),
            ("rtsp://u:12/3@h:554/a?b@c", "rtsp://***@h:554/a?b@c"),
            ("rtsp://cam:554/a?b@c", "rtsp://cam:554/a?b@c"),
            ("rtsp://cam/a:b@c", "rtsp://cam/a:b@c"),
            ("rtsp://10.0.0.1:554/a:b@c", "rtsp://10.0.0.1:554/a:b@c"),
            ("rtsp://[::1]/a@b", "rtsp://[::1]/a@b"),
            ("rtsp://[::1]:554?a@b", "rtsp://[::1]:554?a@b"),
            ("me@example.org and a:b@c", "me@example.org and a:b@c"),
            ("rtsp://me:secret@cam:554/1?a@b", "rtsp://***@cam:554/1?a@b"),
            ("rtsp://me:p@ss:w@[::1]/", "rtsp://***@[::1]/"),
            ("rtsp://token@cam", "rtsp://***@cam"),
            ("RTSP://me:sec/r?t@cam/1", "RTSP://***@cam/1"),
            ("at http://a:b@c/d, \"rtsp://e:f@g\" gone", "at http://***@c/d, \"rtsp://***@g\" gone"),
            (r#"{"url":"rtsp://a:b@c","peer":"d@e"}"#, r#"{"url":"rtsp://***@c","peer":"d@e"}"#),
            ("rtsp://cam/1?user=me&password=a%20b&x=1", "rtsp://cam/1?user=me&password=***&x=1"),
            ("rtsp://cam/user=me_password=ab_channel=1.sdp", "rtsp://cam/user=***"),
            ("rtsp://cam/1?Token=abc#x", "rtsp://cam/1?Token=***#x"),
            ("rtsp://cam/1?token=", "rtsp://cam/1?token="),
            ("rtsp://a:b@c?pwd=d e=f", "rtsp://***@c?pwd=*** e=f"),
            (
                "rtsp://cam/1?pass=a&auth=b&key=c&apikey=d&api_key=e&channel=2",
                "rtsp://cam/1?pass=***&auth=***&key=***&apikey=***&api_key=***&channel=2",
            ),
            (
                "rtsp://cam/1?authKey=a&X-Amz-Signature=b&sig=c&pw=d&psw=e&usr_passphrase=f&sid=g",
                "rtsp://cam/1?authKey=***&X-Amz-Signature=***&sig=***&pw=***&psw=***&usr_passphrase=***&sid=***",
            ),
            ("rtsp://cam/1?access_token=a&jwt=b&x=1", "rtsp://cam/1?access_token=***&jwt=***&x=1"),
            ("rtsp://cam/key=abc/1", "rtsp://cam/key=***/1"),
            ("rtsp://cam/1?p%61ss=a&n%C3%A4he=b", "rtsp://cam/1?p%61ss=***&n%C3%A4he=b"),
            ("rtsp://cam/1?user=me,pass=a", "rtsp://cam/1?user=***"),
            ("rtsp://cam/1?monkey=2&design=3&keyframes=4", "rtsp://cam/1?monkey=2&design=3&keyframes=4"),
            ("rtsp://cam/1?stream=key", "rtsp://cam/1?stream=key"),
            ("://", "://"),
            ("a://b://c:d@e", "a://b://***@e"),
        ] {
            assert_eq!(redacted(text), shown, "{text}");
        }
        assert!(matches!(redacted("rtsp://cam:554/a?b=c"), Cow::Borrowed(_)));
    }

    #[test]
    fn a_value_is_a_url_as_a_whole() {
        for (text, shown) in [
            ("rtsp://me:a secret@cam/1", "rtsp://***@cam/1"),
            ("rtsp://me:\"'<`@cam/1", "rtsp://***@cam/1"),
            ("rtsp:/me:secret@cam/1", "***@cam/1"),
            ("me:secret@cam/1", "***@cam/1"),
            ("a@b.avi", "a@b.avi"),
            ("rtsp://cam/a b", "rtsp://cam/a b"),
        ] {
            assert_eq!(redacted_value(text), shown, "{text}");
        }
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(cut("short"), "short");
        let long = cut_to("äöüß", 3);
        assert_eq!(long, "äöü...");
        assert_eq!(cut(&"x".repeat(9_000)).len(), MAX_TEXT + 3);
        let long = format!("rtsp://me:secret{}@cam/", "x".repeat(MAX_TEXT));
        assert_eq!(cut(&long), "rtsp://***@cam/");
    }

    #[test]
    fn times_are_those_of_rfc_3339() {
        let now = now();
        assert_eq!((now.len(), &now[10..11], &now[19..20], &now[23..]), (24, "T", ".", "Z"), "{now}");
        assert!(now.as_str() > "2025", "{now}");
    }
}
