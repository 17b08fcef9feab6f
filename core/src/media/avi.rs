//! The chunks of AVI files, and the headers that describe their streams.
use super::clock::FrameClock;
use super::error::{MediaError, MediaErrorKind, ReadError};
use super::window::Window;
use crate::codec::Codec;
use embedded_io::{Read, Seek};

/// The video stream of a file whose frames can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Video {
    /// The index of the stream.
    pub(super) number: u8,
    pub(super) clock: Option<FrameClock>,
}

/// Parses the headers of an AVI file that begins at `at`. Returns the first video stream of a known
/// [`Codec`], and the offset of the first chunk after the headers.
pub(super) fn open<R: Read + Seek, B: AsRef<[u8]> + AsMut<[u8]>>(
    window: &mut Window<R, B>,
    mut at: u64,
) -> Result<(Video, u64), ReadError<R::Error>> {
    let mut headers = Headers::default();
    while let Some(chunk) = window.chunk_at(at).map_err(ReadError::Io)? {
        at = match window.list(chunk).map_err(ReadError::Io)? {
            List::Frames => break,
            List::Chunks => chunk.body.saturating_add(4),
            List::None => chunk.padded_end(),
        };
        if let Some(video) = headers.read(window, chunk).map_err(ReadError::Io)? {
            return Ok((video, at));
        }
    }
    let reason = headers.other.map_or(MediaErrorKind::NoVideo, |code| MediaErrorKind::OtherCodec { code });
    Err(MediaError { at, frame: 0, reason }.into())
}

/// A chunk of a RIFF file: a name, a size, and a body of that size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Chunk {
    /// The offset of its header.
    pub(super) at: u64,
    pub(super) name: [u8; 4],
    /// The offset of its body.
    pub(super) body: u64,
    /// The length of its body.
    pub(super) len: u32,
}

impl Chunk {
    pub(super) const HEADER_LEN: u64 = 8;

    /// Returns the offset after its body.
    pub(super) const fn end(self) -> u64 {
        self.body.saturating_add(self.len as u64)
    }

    /// Returns the offset after its body and the padding. Bodies have an even length, wherever the file begins.
    pub(super) const fn padded_end(self) -> u64 {
        self.end().saturating_add(self.len as u64 & 1)
    }

    /// Returns the index of its stream, which the first two characters of its name are.
    pub(super) fn stream(self) -> Option<u8> {
        let [tens, ones, ..] = self.name;
        let both = tens.is_ascii_digit() && ones.is_ascii_digit();
        both.then(|| tens.wrapping_sub(b'0').wrapping_mul(10).wrapping_add(ones.wrapping_sub(b'0')))
    }

    /// Whether its name is one of those that occur among frames. Its size is not checked.
    fn is_known(self) -> bool {
        match self.name {
            [_, _, a, b] if self.stream().is_some() => a.is_ascii_lowercase() && b.is_ascii_lowercase(),
            [b'i', b'x', tens, ones] => tens.is_ascii_digit() && ones.is_ascii_digit(),
            name => [*b"RIFF", *b"LIST", *b"JUNK", *b"idx1"].contains(&name),
        }
    }

    /// Whether its name could be that of any chunk.
    fn is_plausible(self) -> bool {
        self.name.iter().all(|byte| byte.is_ascii_alphanumeric() || b" _".contains(byte))
    }
}

/// The kind of list that a chunk holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum List {
    /// The chunk is no list, or one that is skipped.
    None,
    /// A list of headers, or of further lists.
    Chunks,
    /// A list of frames.
    Frames,
}

impl<R: Read + Seek, B: AsRef<[u8]> + AsMut<[u8]>> Window<R, B> {
    /// Returns the chunk whose header is at `at`, or `None` if there is no header.
    pub(super) fn chunk_at(&mut self, at: u64) -> Result<Option<Chunk>, R::Error> {
        let Some([a, b, c, d, size @ ..]) = self.array::<8>(at)? else { return Ok(None) };
        let body = at.saturating_add(Chunk::HEADER_LEN);
        let chunk = Chunk { at, name: [a, b, c, d], body, len: u32::from_le_bytes(size) };
        // Any other four letters may occur in a picture: the size has to be plausible, too.
        let is_chunk = chunk.is_known() || (chunk.is_plausible() && chunk.end() <= self.end);
        Ok(is_chunk.then_some(chunk))
    }

    /// Returns the offset of the chunk after `chunk`, or `None` if the size of `chunk` leads neither to a
    /// chunk nor to the end of the file.
    pub(super) fn after(&mut self, chunk: Chunk) -> Result<Option<u64>, R::Error> {
        let (end, padded) = (chunk.end(), chunk.padded_end());
        if end <= self.end && padded >= self.end {
            return Ok(Some(self.end));
        }
        if self.chunk_at(padded)?.is_some() {
            return Ok(Some(padded));
        }
        // Some recorders write no padding.
        Ok(self.chunk_at(end)?.map(|next| next.at))
    }

    /// Returns the kind of list that `chunk` holds.
    pub(super) fn list(&mut self, chunk: Chunk) -> Result<List, R::Error> {
        if !matches!(&chunk.name, b"RIFF" | b"LIST") {
            return Ok(List::None);
        }
        Ok(match self.array(chunk.body)?.as_ref() {
            Some(b"AVI " | b"AVIX" | b"hdrl" | b"strl") => List::Chunks,
            Some(b"movi" | b"rec ") => List::Frames,
            _ => List::None,
        })
    }
}

/// The headers that were parsed so far.
#[derive(Debug, Default)]
struct Headers {
    /// The number of described streams.
    streams: u8,
    /// The last described stream, if it is video.
    video: Option<Video>,
    /// The clock of the file, for a stream without a clock.
    clock: Option<FrameClock>,
    /// The four-character code of a video stream of another codec.
    other: Option<[u8; 4]>,
}

impl Headers {
    /// Parses one more chunk. Returns the stream once its codec is known.
    fn read<R: Read + Seek, B: AsRef<[u8]> + AsMut<[u8]>>(
        &mut self,
        window: &mut Window<R, B>,
        chunk: Chunk,
    ) -> Result<Option<Video>, R::Error> {
        let mut field = |at: u64| Ok(window.array::<4>(chunk.body.saturating_add(at))?.unwrap_or_default());
        let code = match &chunk.name {
            b"avih" => {
                let micros_per_frame = u32::from_le_bytes(field(0)?);
                self.clock = FrameClock::new(1_000_000, micros_per_frame);
                return Ok(None);
            }
            b"strh" => {
                let number = self.streams;
                self.streams = number.saturating_add(1);
                let clock = FrameClock::new(u32::from_le_bytes(field(24)?), u32::from_le_bytes(field(20)?));
                let video = Video { number, clock: clock.or(self.clock) };
                self.video = (field(0)? == *b"vids").then_some(video);
                field(4)?
            }
            b"strf" => field(16)?,
            _ => return Ok(None),
        };
        // Only one of the two headers may have the code.
        let known = Codec::of_fourcc(code).is_some();
        if self.video.is_some() && !known && chunk.name == *b"strf" {
            self.other = self.other.or(Some(code));
        }
        Ok(self.video.filter(|_| known))
    }
}
