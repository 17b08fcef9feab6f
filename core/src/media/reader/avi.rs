//! Reads the frames of an AVI file, chunk by chunk.
//!
//! The chunks are walked one by one, into the lists that hold frames: `movi`, `rec `, and those of
//! OpenDML's further `RIFF AVIX`. No index is read, as it may be missing or wrong, and does not fit a
//! small memory. The sizes of these lists are not read either: a recorder that lost its power has not
//! written them.
use super::super::avi::{Chunk, List};
use super::super::error::{MediaErrorKind, ReadError};
use super::{FrameReader, FrameSpan};
use embedded_io::{Read, Seek};

impl<R: Read + Seek, B: AsRef<[u8]> + AsMut<[u8]>> FrameReader<R, B> {
    /// Returns the frame of the next chunk that holds one.
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
            let next = self.window.after(chunk).map_err(ReadError::Io)?;
            match next {
                Some(next) if self.is_frame(chunk) && chunk.len == 0 => {
                    self.slots = self.slots.saturating_add(1);
                    self.at = next;
                }
                _ if self.is_frame(chunk) => {
                    let told = FrameSpan { at: chunk.body, len: chunk.len };
                    return self.announced_frame(chunk.at, told, next);
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

    /// Skips bytes at `damage` that are not a chunk, or a chunk of a wrong size: finds a frame by its
    /// markers from `scan` on. Reading goes on with the chunk of that frame, if it has one. `otherwise`
    /// is the error if there is no frame.
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

    /// Whether a chunk holds a frame of the video stream.
    fn is_frame(&self, chunk: Chunk) -> bool {
        let Some(video) = self.video else { return false };
        matches!(chunk.name, [_, _, b'd', b'b' | b'c']) && chunk.stream() == Some(video.number)
    }
}
