//! Finds out where the frames of a file or stream begin, and how they are put together.
use super::container::{Container, LengthPrefix};
use super::line::{Line, LineKind};
use crate::codec::{FRAME_START, may_start_frame};

/// Where the frames of a file or stream begin, as [`Detector`] finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Start {
    /// Frames in a container.
    Frames {
        /// The format.
        container: Container,
        /// The offset at which the container begins, in bytes from the start of the file or stream. The bytes
        /// before it belong to no frame: rubbish, the header of an HTTP response, or what is left of a frame
        /// or part that was cut.
        at: u64,
    },
    /// The body of an HTTP response that comes in chunks. Take the framing off with a
    /// [`Dechunker`](super::Dechunker), and find out with another detector what the body is.
    Chunks {
        /// The offset of the line with the size of the first chunk, in bytes from the start of the file or
        /// stream.
        at: u64,
    },
}

/// Finds out where the frames of a file or stream begin, and in which format, however much rubbish is before
/// them. The bytes may arrive in pieces of any length.
///
/// A detector stores less than 200 bytes, whatever it is given. It reads on until it finds something: the
/// caller bounds how much that is. [`FrameReader`](super::FrameReader) uses one.
///
/// ```
/// use pinhole::media::{Container, Detector, Start};
///
/// let mut detector = Detector::new();
/// assert_eq!(detector.push(b"rubbish \xFF\xD8"), None);
/// let start = Start::Frames { container: Container::Concatenated, at: 8 };
/// assert_eq!(detector.push(b"\xFF\xE0"), Some(start));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Detector {
    /// The offset of the next byte.
    pos: u64,
    /// The bytes before it, the last of them lowest.
    recent: u128,
    /// The line so far, and its offset.
    line: Line,
    line_at: u64,
    /// The lines before it, if they are those before a frame: a boundary, and fields.
    header: Option<Header>,
    /// The offset of the line before this one, if it is blank and belongs to no header. It is part of a boundary
    /// that follows (RFC 2046, 5.1.1).
    blank_at: Option<u64>,
    /// Whether there were such lines, and a blank one after them.
    parts: bool,
    /// Whether the last HTTP header has announced a body in chunks.
    chunked: bool,
    /// The offset of the line before this one, if it is the first of all and could be the size of a chunk.
    size_at: Option<u64>,
    /// The number of digits directly before this byte.
    digits: u8,
    /// The number of digits directly before the FF byte at which a frame may begin.
    digits_before: u8,
}

/// Lines before a frame.
#[derive(Clone, Copy, Debug)]
struct Header {
    /// The offset of the first line.
    at: u64,
    /// Whether a boundary is the first line, so that nothing is missing.
    whole: bool,
    /// Whether a blank line has followed.
    blank: bool,
}

impl Detector {
    const RIFF: u128 = u32::from_be_bytes(*b"RIFF") as u128;
    const AVI: u128 = u32::from_be_bytes(*b"AVI ") as u128;
    const BYTE_ORDER_MARK: u128 = 0x00EF_BBBF;

    /// Creates a detector at the start of a file or stream.
    pub const fn new() -> Self {
        Self {
            pos: 0,
            recent: 0,
            line: Line::EMPTY,
            line_at: 0,
            header: None,
            blank_at: None,
            parts: false,
            chunked: false,
            size_at: None,
            digits: 0,
            digits_before: 0,
        }
    }

    /// Takes the next bytes. Returns where the frames begin, once that is known; pass no more bytes then. For
    /// a frame that is at most four bytes after its first one.
    pub fn push(&mut self, data: &[u8]) -> Option<Start> {
        data.iter().find_map(|byte| self.take(*byte))
    }

    fn take(&mut self, byte: u8) -> Option<Start> {
        let at = self.pos;
        self.pos = at.saturating_add(1);
        self.count_digits(byte);
        self.recent = self.recent << 8 | u128::from(byte);
        if self.is_avi() {
            return Some(Start::Frames { container: Container::Avi, at: at.saturating_sub(11) });
        }
        if may_start_frame((self.recent as u32).to_be_bytes()) {
            return Some(self.frame(at.saturating_sub(3)));
        }
        if at == 2 && self.recent == Self::BYTE_ORDER_MARK {
            (self.line, self.line_at) = (Line::EMPTY, self.pos);
            return None;
        }
        if !self.line.push(byte) {
            return None;
        }
        let found = self.end_of_line();
        (self.line, self.line_at) = (Line::EMPTY, self.pos);
        found
    }

    fn count_digits(&mut self, byte: u8) {
        let [frame_start, _] = FRAME_START;
        if byte == frame_start && (self.recent as u16).to_be_bytes() != FRAME_START {
            self.digits_before = self.digits;
        }
        self.digits = if byte.is_ascii_digit() { self.digits.saturating_add(1) } else { 0 };
    }

    /// Whether the last twelve bytes are those that an AVI file begins with.
    const fn is_avi(&self) -> bool {
        self.recent & 0xFFFF_FFFF == Self::AVI && (self.recent >> 64) & 0xFFFF_FFFF == Self::RIFF
    }

    /// Returns how a file begins whose first frame is at `at`.
    fn frame(&self, at: u64) -> Start {
        let begins_line = self.line_at == at;
        if let Some(size_at) = self.size_at.filter(|_| begins_line) {
            return Start::Chunks { at: size_at };
        }
        if LengthPrefix::DIGITS.contains(&self.digits_before) {
            let at = at.saturating_sub(u64::from(self.digits_before));
            return Start::Frames { container: Container::LengthPrefixed, at };
        }
        let container = match self.parts || self.header.is_some() {
            true => Container::Multipart,
            false => Container::Concatenated,
        };
        let whole = self.header.filter(|header| header.whole && begins_line);
        Start::Frames { container, at: whole.map_or(at, |header| header.at) }
    }

    /// Reads the line that ends here.
    fn end_of_line(&mut self) -> Option<Start> {
        let (kind, at) = (self.line.kind(), self.line_at);
        let (size_at, blank_at) = (self.size_at.take(), self.blank_at.take());
        let is_size = is_chunk_size(self.line.text());
        if is_size && self.chunked && self.header.is_some_and(|header| header.blank) {
            return Some(Start::Chunks { at });
        }
        let header = Some(Header { at, whole: false, blank: false });
        match kind {
            LineKind::Boundary => {
                let at = blank_at.unwrap_or(at);
                (self.header, self.chunked) = (Some(Header { at, whole: true, blank: false }), false);
            }
            LineKind::Status => (self.header, self.chunked) = (header, false),
            LineKind::Field => {
                self.header = self.header.or(header);
                self.chunked |= self.line.announces_chunks();
            }
            LineKind::Blank => match &mut self.header {
                Some(header) => (header.blank, self.parts) = (true, true),
                None => self.blank_at = Some(at),
            },
            LineKind::Folded => {}
            LineKind::Other => {
                self.header = None;
                // Chunks without the header of the response are known by what the first one begins with.
                self.size_at = Some(at).filter(|at| is_size && (*at == 0 || *at == 3));
            }
        }
        match (kind, size_at) {
            (LineKind::Boundary | LineKind::Field, Some(at)) => Some(Start::Chunks { at }),
            _ => None,
        }
    }
}

impl Default for Detector {
    fn default() -> Self {
        Self::new()
    }
}

/// Whether a line has the size of a chunk (RFC 9112, 7.1), which may be followed by extensions.
fn is_chunk_size(line: &[u8]) -> bool {
    let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let after = line.get(digits..).unwrap_or_default().trim_ascii_start();
    (1..=16).contains(&digits) && matches!(after, [] | [b';', ..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::format;
    use std::vec::Vec;

    const JPEG: &[u8] = b"\xFF\xD8\xFF\xE0";

    fn detect(parts: &[&[u8]]) -> Option<Start> {
        Detector::new().push(&parts.concat())
    }

    fn frames(container: Container, at: usize) -> Option<Start> {
        Some(Start::Frames { container, at: at as u64 })
    }

    #[test]
    fn containers_are_told_apart() {
        for (file, container) in [
            (&b""[..], Container::Concatenated),
            (b"28473", Container::LengthPrefixed),
            (b"4294967295", Container::LengthPrefixed),
            (b"--x\r\nContent-Type: image/jpeg\r\n\r\n", Container::Multipart),
            (b"--x\r\n\r\n", Container::Multipart),
            (b"\r\n--x\r\nContent-Type: image/jpeg\r\n\r\n", Container::Multipart),
            (b"--x\nContent-Type: image/jpeg\nContent-Length: 28473\n\n", Container::Multipart),
            (b"--x\r\nContent-Type: image/jpeg\r\n", Container::Multipart),
        ] {
            assert_eq!(detect(&[file, JPEG]), frames(container, 0), "{}", file.escape_ascii());
        }
        assert_eq!(detect(&[b"RIFF\x24\x10\x00\x00AVI LIST"]), frames(Container::Avi, 0));
    }

    #[test]
    fn rubbish_is_passed_over() {
        let tail = b"\x80\xFF\x00\x17\n\xFF\xD0\x03\xFF\xD9";
        for rubbish in
            [&b"\0"[..], b"\r\n", b"\xEF\xBB\xBF", b"ID3\x04\0\0\0\0\0\x02ab", b"-- a rule --\n", tail]
        {
            let len = rubbish.len();
            let concatenated = frames(Container::Concatenated, len);
            assert_eq!(detect(&[rubbish, JPEG]), concatenated, "{}", rubbish.escape_ascii());
            assert_eq!(detect(&[rubbish, b"RIFF\x24\x10\x00\x00AVI LIST"]), frames(Container::Avi, len));
            let line = [rubbish, b".\r\n"].concat();
            let part: [&[u8]; 3] = [&line, b"--x\r\nContent-Type: image/jpeg\r\n\r\n", JPEG];
            assert_eq!(detect(&part), frames(Container::Multipart, line.len()), "{}", rubbish.escape_ascii());
        }
        assert_eq!(detect(&[b"\0\x0128473", JPEG]), frames(Container::LengthPrefixed, 2));
        assert_eq!(detect(&[b"\xEF\xBB\xBF--x\r\n\r\n", JPEG]), frames(Container::Multipart, 3));
        // Too few digits for a length, and too many.
        for digits in [&b"1234"[..], b"12345678901"] {
            assert_eq!(detect(&[digits, JPEG]), frames(Container::Concatenated, digits.len()));
        }
    }

    /// What a client gets that sends a request, and parts of which the first line is missing.
    #[test]
    fn headers_without_a_boundary_are_passed_over() {
        let status = "HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace;\r\n boundary=x\r\n\r\n";
        for header in [
            "Content-Type: image/jpeg\r\nContent-Length: 1379\r\n\r\n",
            "Content-Length: 1379\nX-Timestamp: 1.5\nContent-Type: image/jpeg\n\n",
            "Content-Type: image/jpeg\r\n\r\n\r\n",
            "boundary\r\nContent-Type: image/jpeg\r\n\r\n",
            &status.replace("multipart/x-mixed-replace;\r\n boundary=x", "image/jpeg"),
            "ICY 200 OK\r\n\r\n",
        ] {
            let found = detect(&[header.as_bytes(), JPEG]);
            assert_eq!(found, frames(Container::Multipart, header.len()), "{header}");
        }
        let whole = detect(&[status.as_bytes(), b"--x\r\nContent-Type: image/jpeg\r\n\r\n", JPEG]);
        assert_eq!(whole, frames(Container::Multipart, status.len()));
        let request = "GET /video HTTP/1.1\r\nHost: camera\r\n\r\n";
        let both = format!("{request}HTTP/1.1 100 Continue\r\n\r\n{status}");
        assert_eq!(
            detect(&[both.as_bytes(), b"--x\r\n\r\n", JPEG]),
            frames(Container::Multipart, both.len())
        );
        // A part of something else.
        let text = "--x\r\nContent-Type: text/plain\r\n\r\nA camera.\r\n";
        let found = detect(&[text.as_bytes(), b"--x\r\n\r\n", JPEG]);
        assert_eq!(found, frames(Container::Multipart, text.len()));
    }

    #[test]
    fn chunks_are_found() {
        let header = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nServer: x\r\n\r\n";
        for chunk in [&b"2bc\r\n--x\r\n"[..], b"2BC;a=b\r\n--x\r\n", b"0002bc \n\xFF\xD8\xFF\xE0", b"a\r\nb"]
        {
            let found = detect(&[header, chunk]);
            assert_eq!(found, Some(Start::Chunks { at: header.len() as u64 }), "{}", chunk.escape_ascii());
        }
        // Without the header of the response.
        for message in
            [&b"2bc\r\n--x\r\n"[..], b"2bc\r\n\xFF\xD8\xFF\xE0", b"2bc\r\nContent-Type: image/jpeg\r\n"]
        {
            assert_eq!(detect(&[message]), Some(Start::Chunks { at: 0 }), "{}", message.escape_ascii());
        }
        // As programs save it that take the chunks apart, and keep the header.
        let found = detect(&[header, b"--x\r\n\r\n", JPEG]);
        assert_eq!(found, frames(Container::Multipart, header.len()));
        // A line of text.
        assert_eq!(detect(&[b"2bc\r\nand\r\n", JPEG]), frames(Container::Concatenated, 10));
    }

    #[test]
    fn other_files_have_no_start() {
        let others: [&[u8]; 9] = [
            b"",
            b"\xFF",
            b"12345",
            b"RIFF\x24\x10\x00\x00WAVEfmt ",
            b"-- a rule --",
            b"--frame\r\nContent-Type: text/plain\r\n\r\n",
            b"\x89PNG\r\n",
            b"HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\n\r\n<html>",
            b"\xFF\xD8 \xFF\xD8\xFF\xD9 \xFF\xD8\xFF\x01",
        ];
        for other in others {
            assert_eq!(detect(&[other]), None, "{}", other.escape_ascii());
        }
    }

    /// What files begin with, and what looks like it.
    static PARTS: [&[u8]; 10] = [
        b"\xFF\xD8\xFF",
        b"\r\n",
        b"--x\r\n",
        b"A: b\r\n",
        b"12345",
        b"RIFF",
        b"AVI ",
        b"HTTP/1.1 200 OK\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n",
        b"2bc\r\n",
    ];

    fn part() -> impl Strategy<Value = Vec<u8>> {
        let known = prop::sample::select(&PARTS[..]).prop_map(<[u8]>::to_vec);
        prop_oneof![known, prop::collection::vec(any::<u8>(), 0..8)]
    }

    proptest! {
        #[test]
        fn pieces_of_any_length_have_the_same_start(
            parts in prop::collection::vec(part(), 0..12),
            piece in 1usize..9,
        ) {
            let file = parts.concat();
            let mut detector = Detector::new();
            let whole = detect(&[&file]);
            prop_assert_eq!(file.chunks(piece).find_map(|data| detector.push(data)), whole);
            if let Some(Start::Frames { at, .. } | Start::Chunks { at }) = whole {
                prop_assert!(at < file.len() as u64);
            }
        }
    }
}
