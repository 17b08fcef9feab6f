//! What comes before the frames of a live input, and around them if it is an HTTP response in chunks.
use super::super::foreign;
use pinhole::media::{Container, Dechunker, Detector, Start};

/// The most bytes that are kept while it is not known what they are. A line of an HTTP header may have as many.
const UNDECIDED: usize = 64 << 10;

/// The start of a live input: passes over what is no part of it, and finds out its format.
pub(super) struct Opening {
    /// Is there until the format is known.
    detector: Option<Detector>,
    dechunker: Option<Dechunker>,
    /// The first bytes of the input.
    first: Vec<u8>,
    /// What came so far that may be a part of it, and its offset.
    undecided: Vec<u8>,
    undecided_at: u64,
    content: Vec<u8>,
    /// The number of bytes that were passed over and not told yet.
    passed_over: u64,
    start: u64,
    allowed: u64,
}

/// What there is in the next bytes of an input.
pub(super) struct Content<'a> {
    /// The bytes in which frames are.
    pub(super) data: &'a [u8],
    /// The number of bytes before them that are passed over.
    pub(super) passed_over: u64,
    /// The offset of the first byte of all content in the input. The framing of chunks does not count.
    pub(super) start: u64,
    /// How many bytes there may be between two frames of the format.
    pub(super) allowed: u64,
}

impl Opening {
    pub(super) fn new() -> Self {
        Self {
            detector: Some(Detector::new()),
            dechunker: None,
            first: Vec::new(),
            undecided: Vec::new(),
            undecided_at: 0,
            content: Vec::new(),
            passed_over: 0,
            start: 0,
            allowed: 0,
        }
    }

    /// Takes the next bytes of the input. Returns those among them, or among the ones before, that are content.
    pub(super) fn content<'a>(&'a mut self, data: &'a [u8]) -> Content<'a> {
        let decided = self.detector.is_none() && self.dechunker.is_none();
        if !decided {
            let more = foreign::LOOKED_AT.saturating_sub(self.first.len()).min(data.len());
            self.first.extend_from_slice(data.get(..more).unwrap_or_default());
            self.content.clear();
            self.take(data);
        }
        let passed_over = std::mem::take(&mut self.passed_over);
        let data = if decided { data } else { &self.content };
        Content { data, passed_over, start: self.start, allowed: self.allowed }
    }

    /// Ends the input. Returns the number of bytes that are undecided: they are no part of it.
    pub(super) fn finish(&mut self) -> u64 {
        self.detector = None;
        std::mem::take(&mut self.undecided_at) + std::mem::take(&mut self.undecided).len() as u64
    }

    /// Whether the input is a response in chunks, and something else was where a chunk should begin or end.
    pub(super) fn is_damaged(&self) -> bool {
        self.dechunker.is_some_and(|dechunker| dechunker.is_damaged())
    }

    /// Returns what the input is, if it is known to be no Motion-JPEG by the bytes it begins with.
    pub(super) fn foreign(&self) -> Option<&'static str> {
        foreign::format_of(&self.first)
    }

    fn take(&mut self, mut data: &[u8]) {
        let Some(mut dechunker) = self.dechunker else { return self.decide(data) };
        while !data.is_empty() {
            data = data.get(dechunker.framing(data)..).unwrap_or_default();
            let len = dechunker.body(data.len() as u64) as usize;
            let (body, rest) = data.split_at_checked(len).unwrap_or((data, &[]));
            self.decide(body);
            data = rest;
        }
        self.dechunker = Some(dechunker);
    }

    /// Takes bytes that are no framing.
    fn decide(&mut self, data: &[u8]) {
        let Some(detector) = &mut self.detector else { return self.content.extend_from_slice(data) };
        self.undecided.extend_from_slice(data);
        let Some(start) = detector.push(data) else {
            let excess = self.undecided.len().saturating_sub(UNDECIDED);
            self.undecided.drain(..excess);
            self.undecided_at += excess as u64;
            return;
        };
        let (Start::Frames { at, .. } | Start::Chunks { at }) = start else { return };
        self.passed_over += at;
        self.start += at;
        let from = usize::try_from(at.saturating_sub(self.undecided_at)).unwrap_or(usize::MAX);
        let undecided = std::mem::take(&mut self.undecided);
        let decided = undecided.get(from..).unwrap_or_default();
        self.undecided_at = 0;
        match start {
            // In chunks, there are no further ones.
            Start::Chunks { .. } if self.dechunker.is_none() => {
                (self.detector, self.dechunker) = (Some(Detector::new()), Some(Dechunker::new()));
                self.take(decided);
            }
            Start::Frames { container, .. } => {
                (self.detector, self.allowed) = (None, allowance(container));
                self.content.extend_from_slice(decided);
            }
            _ => {
                self.detector = None;
                self.content.extend_from_slice(decided);
            }
        }
    }
}

/// Returns how many bytes there may be between frames.
const fn allowance(container: Container) -> u64 {
    match container {
        // Headers of the parts.
        Container::Multipart => 4096,
        // The digits of a length.
        Container::LengthPrefixed => 10,
        // Chunks of other streams, and indices.
        Container::Avi => u64::MAX,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAMES: &[u8] = b"\xFF\xD8\xFF\xE0 one \xFF\xD9\xFF\xD8\xFF\xE0 two \xFF\xD9";

    /// Returns the content of an input that comes in pieces of this length, and how much was passed over.
    fn content(input: &[u8], piece: usize) -> (Vec<u8>, u64) {
        let (mut opening, mut all, mut passed_over) = (Opening::new(), Vec::new(), 0);
        for data in input.chunks(piece) {
            let content = opening.content(data);
            all.extend_from_slice(content.data);
            passed_over += content.passed_over;
        }
        (all, passed_over + opening.finish())
    }

    #[test]
    fn the_content_is_the_same_in_pieces_of_any_length() {
        let part = [b"--x\r\nContent-Type: image/jpeg\r\n\r\n", FRAMES].concat();
        let header = &b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"[..];
        let mut chunked = header.to_vec();
        for chunk in part.chunks(7) {
            chunked.extend([format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat());
        }
        chunked.extend(b"0\r\n\r\n");
        let rubbish = vec![0x80; 100_000];
        for (input, expected, passed_over) in [
            (FRAMES.to_vec(), FRAMES, 0),
            (part.clone(), &part[..], 0),
            ([b"\r\n", FRAMES].concat(), FRAMES, 2),
            ([&rubbish, FRAMES].concat(), FRAMES, 100_000),
            ([&rubbish, &b"\n"[..], &part].concat(), &part, 100_001),
            (chunked.clone(), &part, header.len() as u64),
            (chunked[header.len()..].to_vec(), &part, 0),
            (rubbish.clone(), b"", 100_000),
            (b"HTTP/1.1 404 Not Found\r\n\r\n".to_vec(), b"", 26),
        ] {
            for piece in [1, 2, 3, 10, 1000, usize::MAX] {
                let (found, over) = content(&input, piece);
                let start = input[..input.len().min(40)].escape_ascii();
                assert_eq!(
                    found.escape_ascii().to_string(),
                    expected.escape_ascii().to_string(),
                    "{piece}, {start}"
                );
                assert_eq!(over, passed_over, "{piece}, {start}");
            }
        }
    }
}
