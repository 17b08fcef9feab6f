//! Reads AVI files: finds the first Motion-JPEG stream, and the chunks with its frames.
//!
//! The chunks are read one by one. Of lists, only those that contain frames are entered: `movi`, `rec
//! `, and those in further `RIFF AVIX` chunks of OpenDML. No index is read, as it may be missing or
//! wrong and does not fit a small memory. The sizes of these lists are not used either, as a recorder
//! that has lost its power has not written them.
use super::FrameClock;
use super::reader::{FrameReader, FrameSpan, MediaError, MediaErrorKind, ReadError, Window};
use embedded_io::{Read, Seek};

/// The stream that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Video {
    /// The number of the stream in the file, counted from 0.
    number: u8,
    pub(super) clock: Option<FrameClock>,
}

/// The four-character codes of Motion-JPEG, in upper case.
const MOTION_JPEG: [[u8; 4]; 5] = [*b"MJPG", *b"JPEG", *b"AVI1", *b"AVI2", *b"DMB1"];

/// Finds the first Motion-JPEG stream by the headers at the start of a file. Returns the stream, and
/// the offset at which the chunks continue after the headers.
pub(super) fn open<R: Read + Seek, B: AsRef<[u8]> + AsMut<[u8]>>(
    window: &mut Window<R, B>,
) -> Result<(Video, u64), ReadError<R::Error>> {
    let mut headers = Headers::default();
    let mut at = 0;
    while let Some(chunk) = window.chunk_at(at).map_err(ReadError::Io)? {
        at = match window.list(chunk).map_err(ReadError::Io)? {
            List::Frames => break,
            List::Chunks => chunk.body.saturating_add(4),
            List::None => chunk.end().saturating_add(chunk.end() & 1),
        };
        if let Some(video) = headers.read(window, chunk).map_err(ReadError::Io)? {
            return Ok((video, at));
        }
    }
    let reason = headers.other.map_or(MediaErrorKind::NoVideo, |code| MediaErrorKind::OtherCodec { code });
    Err(MediaError { at, frame: 0, reason }.into())
}

impl<R: Read + Seek, B: AsRef<[u8]> + AsMut<[u8]>> FrameReader<R, B> {
    pub(super) fn next_by_chunk(&mut self) -> Result<Option<FrameSpan>, ReadError<R::Error>> {
        while self.at < self.window.end {
            let Some(chunk) = self.window.chunk_at(self.at).map_err(ReadError::Io)? else {
                let junk = MediaErrorKind::Junk { len: self.window.end.saturating_sub(self.at) };
                return self.find_frame(self.at, self.at, junk);
            };
            if self.window.list(chunk).map_err(ReadError::Io)? != List::None {
                self.at = chunk.body.saturating_add(4);
                continue;
            }
            let next = self.window.behind(chunk).map_err(ReadError::Io)?;
            match next {
                Some(next) if self.is_frame(chunk) && chunk.len == 0 => {
                    self.slots = self.slots.saturating_add(1);
                    self.at = next;
                }
                _ if self.is_frame(chunk) => {
                    let told = FrameSpan { at: chunk.body, len: chunk.len };
                    return self.told_frame(chunk.at, told, next);
                }
                Some(next) => self.at = next,
                None => {
                    let rest = self.window.end.checked_sub(chunk.end());
                    let otherwise =
                        rest.map_or(MediaErrorKind::TruncatedChunk, |len| MediaErrorKind::Junk { len });
                    return self.find_frame(chunk.at, chunk.body, otherwise);
                }
            }
        }
        Ok(None)
    }

    /// Skips damage at `damage`, where there is no chunk or one of a wrong size: looks for a frame from
    /// `scan` on, by its markers. Reading continues with the chunk of that frame, if the chunk is
    /// whole. `otherwise` is the error if there is no frame.
    fn find_frame(
        &mut self,
        damage: u64,
        scan: u64,
        otherwise: MediaErrorKind,
    ) -> Result<Option<FrameSpan>, ReadError<R::Error>> {
        let Some((found, cut)) = self.scan_from(scan)? else {
            return Err(self.damage(damage, otherwise).into());
        };
        let header = found.start.saturating_sub(Chunk::HEADER_LEN);
        let chunk = self.window.chunk_at(header).map_err(ReadError::Io)?;
        let end = if header > damage && chunk.is_some_and(|chunk| self.is_frame(chunk)) {
            self.at = header;
            header
        } else {
            self.pending = Some(self.unless_cut(found, cut));
            found.start
        };
        let reason = MediaErrorKind::Junk { len: end.saturating_sub(damage) };
        Err(self.damage(damage, reason).into())
    }

    fn is_frame(&self, chunk: Chunk) -> bool {
        let Some(video) = self.video else { return false };
        matches!(chunk.name, [_, _, b'd', b'b' | b'c']) && chunk.stream() == Some(video.number)
    }
}

/// A RIFF chunk: a name, a size, and that many bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Chunk {
    /// The offset of its header in the file.
    at: u64,
    name: [u8; 4],
    body: u64,
    len: u32,
}

impl Chunk {
    const HEADER_LEN: u64 = 8;

    const fn end(self) -> u64 {
        self.body.saturating_add(self.len as u64)
    }

    /// Returns the number of the stream that the chunk belongs to, which the first two characters of
    /// its name say.
    fn stream(self) -> Option<u8> {
        let [tens, ones, ..] = self.name;
        let both = tens.is_ascii_digit() && ones.is_ascii_digit();
        both.then(|| tens.wrapping_sub(b'0').wrapping_mul(10).wrapping_add(ones.wrapping_sub(b'0')))
    }

    /// Whether the chunk has a name that is known among frames, whatever its size.
    fn is_known(self) -> bool {
        match self.name {
            [_, _, a, b] if self.stream().is_some() => a.is_ascii_lowercase() && b.is_ascii_lowercase(),
            [b'i', b'x', tens, ones] => tens.is_ascii_digit() && ones.is_ascii_digit(),
            name => [*b"RIFF", *b"LIST", *b"JUNK", *b"idx1"].contains(&name),
        }
    }

    /// Whether the name could be that of a chunk at all.
    fn is_plausible(self) -> bool {
        self.name.iter().all(|byte| byte.is_ascii_alphanumeric() || b" _".contains(byte))
    }
}

/// What a list contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum List {
    /// The chunk is no list, or a list that is not entered.
    None,
    /// Headers, or further lists.
    Chunks,
    /// Frames.
    Frames,
}

impl<R: Read + Seek, B: AsRef<[u8]> + AsMut<[u8]>> Window<R, B> {
    /// Returns the chunk whose header is at byte `at`; `None` if there is no header.
    fn chunk_at(&mut self, at: u64) -> Result<Option<Chunk>, R::Error> {
        let Some([a, b, c, d, size @ ..]) = self.array::<8>(at)? else { return Ok(None) };
        let body = at.saturating_add(Chunk::HEADER_LEN);
        let chunk = Chunk { at, name: [a, b, c, d], body, len: u32::from_le_bytes(size) };
        // Any other four letters may stand in a picture, so the size has to make sense, too.
        let is_chunk = chunk.is_known() || (chunk.is_plausible() && chunk.end() <= self.end);
        Ok(is_chunk.then_some(chunk))
    }

    /// Returns the offset of the chunk after this one. `None` if the size leads neither to another
    /// chunk nor to the end of the file.
    fn behind(&mut self, chunk: Chunk) -> Result<Option<u64>, R::Error> {
        let end = chunk.end();
        let padded = end.saturating_add(end & 1);
        if end <= self.end && padded >= self.end {
            return Ok(Some(self.end));
        }
        if self.chunk_at(padded)?.is_some() {
            return Ok(Some(padded));
        }
        // Some recorders leave the padding out.
        Ok(self.chunk_at(end)?.map(|next| next.at))
    }

    fn list(&mut self, chunk: Chunk) -> Result<List, R::Error> {
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

/// What the headers have said so far.
#[derive(Debug, Default)]
struct Headers {
    /// The number of streams described so far.
    streams: u8,
    /// The last of these streams, if it is video.
    video: Option<Video>,
    /// The frame rate of the file as a whole, for a stream without a rate of its own.
    clock: Option<FrameClock>,
    /// The code of a video stream that is not Motion-JPEG.
    other: Option<[u8; 4]>,
}

impl Headers {
    /// Reads one more chunk. Returns the stream once it is known to be Motion-JPEG.
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
        // Either of the two headers may have the code, and the other one nothing useful.
        let known = MOTION_JPEG.contains(&code.map(|byte| byte.to_ascii_uppercase()));
        if self.video.is_some() && !known && chunk.name == *b"strf" {
            self.other = self.other.or(Some(code));
        }
        Ok(self.video.filter(|_| known))
    }
}

#[cfg(test)]
mod tests;
