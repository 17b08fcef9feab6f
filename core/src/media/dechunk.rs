//! HTTP bodies that come in chunks (RFC 9112, 7.1).
use super::line::{Line, LineKind};

/// Takes the framing of chunks off an HTTP body (RFC 9112, 7.1), which arrives in pieces of any length. It
/// stores no body: it says which bytes are framing, and how many bytes after these are body.
///
/// Begin at the line that has the size of the first chunk; [`Detector`](super::Detector) finds it. Call
/// [`Self::framing`] and [`Self::body`] in turn. Extensions of chunks and trailer fields are skipped. If
/// another HTTP response follows after the last chunk, its header is skipped as well, and its body is read
/// as that header says.
///
/// ```
/// use pinhole::media::Dechunker;
///
/// let mut dechunker = Dechunker::new();
/// let mut rest = &b"4\r\nJPEG\r\n2;last\r\ns.\r\n0\r\n\r\n"[..];
/// let mut body = Vec::new();
/// while !rest.is_empty() {
///     rest = &rest[dechunker.framing(rest)..];
///     let len = dechunker.body(rest.len() as u64) as usize;
///     body.extend_from_slice(&rest[..len]);
///     rest = &rest[len..];
/// }
/// assert_eq!(body, b"JPEGs.");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Dechunker {
    state: State,
    line: Line,
    damaged: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// In the size of a chunk, in hexadecimal digits.
    Size { value: u64, digits: u8 },
    /// After the size, up to the line's end.
    Extension { value: u64 },
    /// In a chunk, of which `left` bytes are to come.
    Data { left: u64 },
    /// After a chunk, at the line end that follows it.
    DataEnd,
    /// In the fields after the last chunk.
    Trailer,
    /// After the last chunk.
    Last,
    /// In the header of another response.
    Header { chunked: bool },
    /// Whatever follows is body.
    Rest,
}

impl State {
    const SIZE: Self = Self::Size { value: 0, digits: 0 };

    /// Returns the state after the line with a size.
    const fn sized(value: u64) -> Self {
        if value == 0 { Self::Trailer } else { Self::Data { left: value } }
    }
}

impl Dechunker {
    /// The most bytes of a line of framing.
    const LINE_MAX: u32 = 16 << 10;
    const DIGITS_MAX: u8 = 16;

    /// Creates a dechunker at the start of a body: at the size of its first chunk.
    pub const fn new() -> Self {
        Self { state: State::SIZE, line: Line::EMPTY, damaged: false }
    }

    /// Creates a dechunker within a chunk, of which `left` bytes are to come, as [`Self::left`] has said.
    pub const fn within(left: u64) -> Self {
        let state = if left == u64::MAX { State::Rest } else { State::Data { left } };
        Self { state, ..Self::new() }
    }

    /// Takes bytes of framing from the start of `data`. Returns how many of the bytes these are. All of
    /// `data` is framing if the next byte of the body has not come yet.
    pub fn framing(&mut self, data: &[u8]) -> usize {
        let taken = data.iter().position(|byte| !self.takes(*byte));
        taken.unwrap_or(data.len())
    }

    /// Takes bytes of the body, `most` at most. Returns their number; 0 if framing comes next.
    pub const fn body(&mut self, most: u64) -> u64 {
        let State::Data { left } = self.state else {
            return if matches!(self.state, State::Rest) { most } else { 0 };
        };
        let taken = if left < most { left } else { most };
        let left = left - taken;
        self.state = if left == 0 { State::DataEnd } else { State::Data { left } };
        taken
    }

    /// Returns how many bytes of the current chunk are to come; 0 if framing comes next. Returns
    /// [`u64::MAX`] if all that follows is body.
    pub const fn left(&self) -> u64 {
        match self.state {
            State::Data { left } => left,
            State::Rest => u64::MAX,
            _ => 0,
        }
    }

    /// Whether framing was expected and something else was there. All that follows counts as body then.
    pub const fn is_damaged(&self) -> bool {
        self.damaged
    }

    /// Takes one byte of framing. Returns `false` if the byte is none.
    fn takes(&mut self, byte: u8) -> bool {
        self.state = match self.state {
            State::Data { .. } | State::Rest => return false,
            State::Size { value, digits } => match (hex_digit(byte), byte) {
                (Some(digit), _) if digits < Self::DIGITS_MAX => {
                    State::Size { value: value << 4 | u64::from(digit), digits: digits + 1 }
                }
                (None, b'\n') if digits > 0 => State::sized(value),
                (None, b'\r' | b';' | b' ' | b'\t') if digits > 0 => State::Extension { value },
                _ => return self.damage(),
            },
            State::Extension { value } => match self.ends_line(byte) {
                Some(true) => State::sized(value),
                Some(false) => return true,
                None => return self.damage(),
            },
            State::DataEnd => match byte {
                b'\r' => return true,
                b'\n' => State::SIZE,
                _ => return self.damage(),
            },
            State::Trailer => {
                let blank = byte == b'\n' && self.line.kind() == LineKind::Blank;
                match self.ends_line(byte) {
                    Some(true) if blank => State::Last,
                    Some(_) => return true,
                    None => return self.damage(),
                }
            }
            State::Last if byte == b'H' => {
                let _ = self.line.push(byte);
                State::Header { chunked: false }
            }
            State::Last => {
                self.state = State::Rest;
                return false;
            }
            State::Header { chunked } => {
                let blank = byte == b'\n' && self.line.kind() == LineKind::Blank;
                let chunked = chunked || (byte == b'\n' && self.line.announces_chunks());
                match self.ends_line(byte) {
                    Some(true) if blank && chunked => State::SIZE,
                    Some(true) if blank => State::Rest,
                    Some(true) => State::Header { chunked },
                    Some(false) => return true,
                    None => return self.damage(),
                }
            }
        };
        true
    }

    /// Adds a byte to the line. Returns whether it ends it; `None` if the line is too long.
    fn ends_line(&mut self, byte: u8) -> Option<bool> {
        if self.line.push(byte) {
            self.line = Line::EMPTY;
            return Some(true);
        }
        (self.line.len() < Self::LINE_MAX).then_some(false)
    }

    /// Gives the framing up.
    const fn damage(&mut self) -> bool {
        (self.state, self.damaged) = (State::Rest, true);
        false
    }
}

impl Default for Dechunker {
    fn default() -> Self {
        Self::new()
    }
}

const fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::string::String;
    use std::vec::Vec;

    /// Returns the body of a message that arrives in pieces of these lengths, over and over, and whether its
    /// framing is damaged.
    fn body(message: &[u8], pieces: &[usize]) -> (Vec<u8>, bool) {
        let (mut dechunker, mut all, mut rest) = (Dechunker::new(), Vec::new(), message);
        for piece in pieces.iter().cycle() {
            let (mut data, later) = rest.split_at((*piece).min(rest.len()));
            while !data.is_empty() {
                data = &data[dechunker.framing(data)..];
                let len = dechunker.body(data.len() as u64) as usize;
                all.extend_from_slice(&data[..len]);
                data = &data[len..];
            }
            rest = later;
            if rest.is_empty() {
                break;
            }
        }
        (all, dechunker.is_damaged())
    }

    fn whole(message: &[u8]) -> (Vec<u8>, bool) {
        body(message, &[usize::MAX])
    }

    #[test]
    fn chunks_become_one_body() {
        for message in [
            &b"4\r\nJPEG\r\n2\r\ns.\r\n0\r\n\r\n"[..],
            b"4\nJPEG\n2\ns.\n0\n\n",
            b"0004;name=value\r\nJPEG\r\n2 \r\ns.\r\n",
            b"6;x=\"y\"\r\nJPEGs.",
            b"6\r\nJPEGs.\r\n0\r\nExpires: never\r\nX: y\r\n\r\n",
            b"1\r\nJ\r\n5\r\nPEGs.\r\n",
        ] {
            assert_eq!(whole(message), (b"JPEGs.".to_vec(), false), "{}", message.escape_ascii());
        }
    }

    #[test]
    fn sizes_are_hexadecimal() {
        let message = [&b"1aF\r\n"[..], &[7; 0x1AF], b"\r\n"].concat();
        assert_eq!(whole(&message), ([7; 0x1AF].to_vec(), false));
    }

    #[test]
    fn further_responses_follow() {
        let second = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nzw\r\n0\r\n\r\n";
        assert_eq!(whole(&[&b"1\r\ne\r\n0\r\n\r\n"[..], second].concat()), (b"ezw".to_vec(), false));
        let plain = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nzw";
        assert_eq!(whole(&[&b"1\r\ne\r\n0\r\n\r\n"[..], plain].concat()), (b"ezw".to_vec(), false));
        assert_eq!(whole(b"1\r\ne\r\n0\r\n\r\n--x"), (b"e--x".to_vec(), false));
    }

    #[test]
    fn damaged_framing_is_body_from_there_on() {
        for (message, rest) in [
            (&b"2\r\nabcd"[..], &b"abcd"[..]),
            (b"2\r\nab\r\nxyz", b"abxyz"),
            (b"\r\n", b"\r\n"),
            (b"11112222333344445\r\n", b"5\r\n"),
        ] {
            assert_eq!(whole(message), (rest.to_vec(), true), "{}", message.escape_ascii());
        }
    }

    #[test]
    fn a_line_has_a_bound() {
        let message = [&b"2;"[..], &[b'x'; 20_000]].concat();
        let (rest, damaged) = whole(&message);
        assert!(damaged && (3_000..4_000).contains(&rest.len()), "{}", rest.len());
    }

    #[test]
    fn a_chunk_can_be_entered_in_its_middle() {
        let mut dechunker = Dechunker::within(3);
        assert_eq!((dechunker.framing(b"abc"), dechunker.left(), dechunker.body(10)), (0, 3, 3));
        assert_eq!((dechunker.left(), dechunker.framing(b"\r\n2\r\nde")), (0, 5));
        assert_eq!((dechunker.left(), dechunker.body(1), dechunker.left()), (2, 1, 1));
        assert_eq!(Dechunker::within(u64::MAX).body(9), 9);
    }

    proptest! {
        #[test]
        fn pieces_of_any_length_have_the_same_body(
            message in prop_oneof![
                prop::collection::vec(any::<u8>(), 0..60),
                "([0-9a-f]{1,2}(;x)?\r?\n[a-z]{0,9}\r?\n){0,6}".prop_map(String::into_bytes),
                "(1\r\n[a-z]\r\n){1,3}0\r\n\r\nHTTP/1\r\n(Transfer-Encoding: chunked\r\n)?\r\n2\r\nxy\r\n"
                    .prop_map(String::into_bytes),
            ],
            pieces in prop::collection::vec(1usize..9, 1..5),
        ) {
            prop_assert_eq!(body(&message, &pieces), whole(&message));
        }
    }
}
