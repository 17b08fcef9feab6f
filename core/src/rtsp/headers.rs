//! The header fields of a message. They are parsed when they are asked for (RFC 2326, 12).
use super::is_token;
use crate::text;

/// The name of the header with which a client says in SETUP how many bytes of packets the receive buffer of its UDP
/// socket holds, as a decimal number. RFC 2326 has no header for that: `Bandwidth` (12.6) is about the client's link,
/// and `Blocksize` (12.7) about the length of a packet. Servers that do not know the header ignore it (RFC 2326,
/// 12). One that does may send as much of a live frame at once.
pub const RECEIVE_BUFFER: &str = "x-receive-buffer";

/// The header fields of a message, in the order in which they came. Each method searches the bytes of the
/// message anew. The default value has no fields.
///
/// The case of names does not matter, as a camera may send `Cseq`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Headers<'a> {
    bytes: &'a [u8],
}

/// One header field of a message, borrowed from the receive buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Header<'a> {
    /// The name as it was sent, in its original case and without the colon.
    pub name: &'a [u8],
    /// The value as bytes, without the white space around it. The value may be empty. If the value was folded
    /// over several lines, it still contains the line ends, each with white space after it. Apart from line
    /// ends and tabs, the value has no control bytes.
    pub value: &'a [u8],
}

impl<'a> Headers<'a> {
    /// Makes the fields from `bytes`, the lines between the start line and the empty line.
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// Returns the value of the first field with this name; `None` if there is no such field. Pass `name`
    /// without the colon. The case of `name` does not matter. The value may be empty.
    pub fn get(&self, name: &str) -> Option<&'a [u8]> {
        self.get_all(name).next()
    }

    /// Returns the values of all fields with this name, in the order in which they came. If there is no such
    /// field, the iterator is empty. Pass `name` without the colon. The case of `name` does not matter.
    /// Several fields of one name mean the same as one field with a comma-separated list (RFC 2068, 4.2).
    pub fn get_all(&self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.iter()
            .filter(move |header| header.name.eq_ignore_ascii_case(name.as_bytes()))
            .map(|header| header.value)
    }

    /// Returns all header fields, in the order in which they came.
    pub fn iter(&self) -> impl Iterator<Item = Header<'a>> + use<'a> {
        self.fields().filter_map(Field::header)
    }

    /// Returns the sequence number from the first `CSeq` field (RFC 2326, 12.17). Returns `None` if the field
    /// is missing, or if its value is not a decimal number of at most 32 bits. Answer a request without a
    /// sequence number with [`Status::BAD_REQUEST`](super::Status::BAD_REQUEST). Ignore a response without
    /// one.
    pub fn cseq(&self) -> Option<u32> {
        u32::try_from(text::decimal(self.get("CSeq")?)?).ok()
    }

    /// Returns the length of the body in bytes (RFC 2326, 12.14); 0 without such a field.
    ///
    /// # Errors
    /// Returns the value that is no number, or that differs from an earlier field.
    pub(super) fn content_length(&self) -> Result<u64, &'a [u8]> {
        let mut length = None;
        for value in self.get_all("Content-Length") {
            match (text::decimal(value), length) {
                (None, _) => return Err(value),
                (Some(new), Some(old)) if new != old => return Err(value),
                (new, _) => length = new,
            }
        }
        Ok(length.unwrap_or(0))
    }

    /// Returns the first line that is no header field.
    pub(super) fn first_malformed(&self) -> Option<&'a [u8]> {
        self.fields().find(|field| field.header().is_none()).map(|field| field.0)
    }

    fn fields(&self) -> Fields<'a> {
        Fields(self.bytes)
    }
}

/// A line, with the folded lines that belong to it.
#[derive(Clone, Copy)]
struct Field<'a>(&'a [u8]);

impl<'a> Field<'a> {
    fn header(self) -> Option<Header<'a>> {
        let (name, value) = text::split_once(self.0, b':')?;
        // Some devices put a space before the colon.
        let name = name.trim_ascii_end();
        let is_name = !name.is_empty() && name.iter().all(|&b| is_token(b));
        (is_name && is_text(value)).then(|| Header { name, value: value.trim_ascii() })
    }
}

/// Whether `value` has no control bytes other than tabs and line ends. Values are sent back and
/// compared, so a byte that could break a line must not get in.
fn is_text(value: &[u8]) -> bool {
    let lone_cr = |pair: (&u8, &u8)| matches!(pair, (b'\r', next) if !matches!(next, b'\r' | b'\n'));
    !value.iter().any(|&b| b.is_ascii_control() && !matches!(b, b'\t' | b'\r' | b'\n'))
        && !value.iter().zip(value.iter().skip(1)).any(lone_cr)
}

struct Fields<'a>(&'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;

    fn next(&mut self) -> Option<Field<'a>> {
        if self.0.is_empty() {
            return None;
        }
        let mut len = line_len(self.0);
        // A line that starts with white space continues the line before (RFC 2326, 4; RFC 2068, 4.2).
        while let Some(more @ [b' ' | b'\t', ..]) = self.0.get(len..) {
            len = len.saturating_add(line_len(more));
        }
        let (field, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(Field(field))
    }
}

/// Returns the length of the first line in bytes, with its line feed.
fn line_len(bytes: &[u8]) -> usize {
    bytes.iter().position(|&b| b == b'\n').map_or(bytes.len(), |at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    #[test]
    fn a_camera_that_sends_cseq_in_its_own_spelling() {
        let headers = Headers::new(b"Cseq: 7 \r\nSESSION : 12\r\n");
        assert_eq!(headers.cseq(), Some(7));
        assert_eq!(headers.get("Session"), Some(&b"12"[..]));
        assert_eq!(headers.get("Range"), None);
    }

    #[test]
    fn folded_lines_belong_to_the_field_before() {
        let headers = Headers::new(b"Public: OPTIONS,\r\n  SETUP,\n\tPLAY\nCSeq: 1\n");
        let methods: Vec<_> = text::split(headers.get("public").unwrap(), b',').collect();
        assert_eq!(methods, [&b"OPTIONS"[..], b"SETUP", b"PLAY"]);
        assert_eq!(headers.cseq(), Some(1));
        assert_eq!(headers.iter().count(), 2);
    }

    #[test]
    fn a_missing_or_absurd_cseq_is_none() {
        assert_eq!(Headers::new(b"Accept: x\r\n").cseq(), None);
        assert_eq!(Headers::new(b"CSeq: one\r\n").cseq(), None);
        assert_eq!(Headers::new(b"CSeq: 4294967296\r\n").cseq(), None);
    }

    #[test]
    fn two_lengths_must_agree() {
        assert_eq!(Headers::new(b"content-length: 5\r\nContent-Length: 5\r\n").content_length(), Ok(5));
        assert_eq!(
            Headers::new(b"content-length: 5\r\nContent-Length: 6\r\n").content_length(),
            Err(&b"6"[..])
        );
        assert_eq!(Headers::new(b"Content-Length: -1\r\n").content_length(), Err(&b"-1"[..]));
    }

    #[test]
    fn what_is_no_field_is_found() {
        for bad in [
            &b"no colon\r\n"[..],
            b": no name\r\n",
            b" folded\r\n",
            b"a b: c\r\n",
            b"a: b\rc\r\n",
            b"a: \0\r\n",
        ] {
            let bytes = [b"CSeq: 1\r\n", bad].concat();
            let expected = if bad[0] == b' ' { None } else { Some(bad) };
            assert_eq!(Headers::new(&bytes).first_malformed(), expected);
        }
        assert!(Headers::new(b" folded from nothing\r\n").first_malformed().is_some());
    }
}
