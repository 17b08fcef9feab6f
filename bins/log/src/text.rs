//! Texts of others, made harmless.
use std::borrow::Cow;
use std::fmt::Write;
use std::time::SystemTime;

/// The most characters of a text that others chose.
const MAX_TEXT: usize = 500;

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

/// Returns the first 500 characters of a text that others chose, such as a URL, followed by `...` if there
/// were more.
pub fn cut(text: &str) -> Cow<'_, str> {
    cut_to(text, MAX_TEXT)
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
    fn long_texts_are_cut_between_characters() {
        assert_eq!(cut("short"), "short");
        let long = cut_to("äöüß", 3);
        assert_eq!(long, "äöü...");
        assert_eq!(cut(&"x".repeat(9_000)).len(), MAX_TEXT + 3);
    }

    #[test]
    fn times_are_those_of_rfc_3339() {
        let now = now();
        assert_eq!((now.len(), &now[10..11], &now[19..20], &now[23..]), (24, "T", ".", "Z"), "{now}");
        assert!(now.as_str() > "2025", "{now}");
    }
}
