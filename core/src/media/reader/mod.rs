//! Reads the frames of a file.
mod avi;

use super::avi::Video;
use super::clock::FrameClock;
use super::container::{Container, LengthPrefix};
use super::detect::{Detector, Start};
use super::error::{MediaError, MediaErrorKind, ReadError};
use super::window::Window;
use crate::codec::{FRAME_START, Found, Splitter};
use embedded_io::{Read, Seek};

/// Bytes of the longest part header in a multipart message. Longer ones are reported as junk.
const PART_HEADER_MAX: u64 = 4096;

/// Bytes that are searched for the start of a container besides those that a frame may have, which was cut.
const SEARCH_MORE: u64 = 64 << 10;

/// The location of a frame in a file: its offset and its length. [`FrameReader::next`] returns it, and
/// [`FrameReader::read_frame`] reads the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct FrameSpan {
    /// The offset of the frame's first byte, in bytes from the start of the file.
    pub at: u64,
    /// The length of the frame in bytes.
    pub len: u32,
}

/// Finds the frames of a file in any [`Container`], and reads these frames.
///
/// `R` is the file. `B` is a small buffer, such as `[u8; 512]`, through which the file is searched. If
/// the buffer is empty, [`Self::new`] fails with [`MediaErrorKind::Unrecognised`]. Frames are found by
/// their markers, and their content is not checked: the modules of [`codec`](crate::codec) do that.
#[derive(Debug)]
pub struct FrameReader<R, B> {
    window: Window<R, B>,
    container: Container,
    /// The video stream of an AVI file.
    video: Option<Video>,
    splitter: Splitter,
    max_frame: u32,
    /// The offset of the first byte that was not examined yet.
    at: u64,
    /// Frame intervals of the file's clock that were passed: see `slots()`.
    slots: u64,
    /// What was found after a damaged place: the next call returns it.
    pending: Option<Result<FrameSpan, MediaError>>,
    /// The length before the next frame is known to be missing.
    length_missing: bool,
}

impl<R: Read + Seek, B: AsRef<[u8]> + AsMut<[u8]>> FrameReader<R, B> {
    /// Opens a file in any of the formats in [`Container`]. If a frame is longer than `max_frame` bytes,
    /// it is skipped, and [`Self::next`] returns an error for it.
    ///
    /// The file may begin with anything else, such as the rest of a frame that was cut: the first `max_frame`
    /// bytes and 64 KiB are searched for the start of a container. What is before it is passed over, and
    /// [`Self::next`] returns [`MediaErrorKind::Junk`] for it first.
    ///
    /// # Errors
    /// Returns [`MediaErrorKind::Unrecognised`] if no container begins there, or if the file is empty. For an
    /// HTTP response that comes in chunks, returns [`MediaErrorKind::Chunks`]. For an AVI
    /// file whose video cannot be read, returns [`MediaErrorKind::NoVideo`] or
    /// [`MediaErrorKind::OtherCodec`]. Returns [`ReadError::Io`] if reading the file fails.
    pub fn new(reader: R, buffer: B, max_frame: u32) -> Result<Self, ReadError<R::Error>> {
        let mut window = Window::new(reader, buffer).map_err(ReadError::Io)?;
        let limit = u64::from(max_frame).saturating_add(SEARCH_MORE);
        let (container, start) = start(&mut window, limit)?;
        let (video, at) = match container {
            Container::Avi => {
                let (video, at) = super::avi::open(&mut window, start)?;
                (Some(video), at)
            }
            _ => (None, start),
        };
        let passed_over = MediaError { at: 0, frame: 0, reason: MediaErrorKind::Junk { len: start } };
        Ok(Self {
            window,
            container,
            video,
            splitter: Splitter::starting_at(at, max_frame),
            max_frame,
            at,
            slots: 0,
            pending: (start > 0).then_some(Err(passed_over)),
            length_missing: false,
        })
    }

    /// Returns the format of the file.
    pub const fn container(&self) -> Container {
        self.container
    }

    /// Returns the clock of the file; `None` if the file has none. Only AVI files can have a clock. If the
    /// result is `None`, take a frame rate from elsewhere, and make a [`FrameClock`] of it.
    pub fn clock(&self) -> Option<FrameClock> {
        self.video.and_then(|video| video.clock)
    }

    /// Returns the number of slots, from the start of the file, that [`Self::next`] has passed so far; 0
    /// before the first call of [`Self::next`]. A slot is one frame interval of the file's clock. Each
    /// frame that [`Self::next`] returns fills a slot. A frame that is lost, because it is too large or cut
    /// off, fills a slot, too. So does an empty chunk of an AVI file, which repeats the frame before.
    ///
    /// After [`Self::next`] has returned a frame, the number of that frame's slot, counted from 0, is
    /// `slots() - 1`. Pass that number to [`FrameClock::pts`] to learn when the frame is shown.
    pub const fn slots(&self) -> u64 {
        self.slots
    }

    /// Returns the location of the next frame; `None` after the last one. To read the frame, pass the
    /// result to [`Self::read_frame`].
    ///
    /// # Errors
    /// Returns [`ReadError::Media`] once for each damaged place. Call this again then: the search goes on
    /// after that place. Returns [`ReadError::Io`] if reading the file fails; the next call tries again.
    #[allow(clippy::should_implement_trait, reason = "an iterator could not go on after an error")]
    pub fn next(&mut self) -> Result<Option<FrameSpan>, ReadError<R::Error>> {
        let next = match (self.pending.take(), self.container) {
            // The damage that was reported before may have cost a frame.
            (Some(next), _) => {
                next.map(Some).map_err(|error| MediaError { frame: self.slots, ..error }.into())
            }
            (None, Container::Concatenated | Container::Multipart) => self.next_by_markers(),
            (None, Container::LengthPrefixed) => self.next_by_length(),
            (None, Container::Avi) => self.next_by_chunk(),
        };
        let passed = match &next {
            Ok(span) => span.is_some(),
            Err(ReadError::Media(error)) => error.reason.costs_a_frame(),
            Err(ReadError::Io(_)) => false,
        };
        self.slots = self.slots.saturating_add(u64::from(passed));
        next
    }

    /// Reads the frame at `span` into the start of `buffer`. Returns its length in bytes. The search of
    /// [`Self::next`] is not affected.
    ///
    /// # Errors
    /// Returns [`MediaErrorKind::TooLarge`] if `buffer` is shorter than the frame. Returns
    /// [`MediaErrorKind::Truncated`] if the file ends before the end of the frame. Returns
    /// [`ReadError::Io`] if reading the file fails. After an error, the content of `buffer` is of no use.
    pub fn read_frame(&mut self, span: FrameSpan, buffer: &mut [u8]) -> Result<usize, ReadError<R::Error>> {
        let len = usize::try_from(span.len).unwrap_or(usize::MAX);
        let Some(mut rest) = buffer.get_mut(..len) else {
            return Err(self.damage(span.at, MediaErrorKind::TooLarge).into());
        };
        let mut at = span.at;
        while !rest.is_empty() {
            let n = self.window.read_past(at, rest).map_err(ReadError::Io)?;
            if n == 0 {
                return Err(self.damage(at, MediaErrorKind::Truncated).into());
            }
            rest = rest.get_mut(n..).unwrap_or_default();
            at = at.saturating_add(n as u64);
        }
        Ok(len)
    }

    fn next_by_markers(&mut self) -> Result<Option<FrameSpan>, ReadError<R::Error>> {
        let oversized = self.splitter.oversized();
        let (junk, end, next) = match self.scan()? {
            Some((found, cut)) => (found.junk, found.start, Some(self.unless_cut(found, cut))),
            None => {
                let junk = self.splitter.junk();
                // The rest of the file is reported once.
                self.splitter = Splitter::starting_at(self.at, self.max_frame);
                (junk, self.at, None)
            }
        };
        let too_large = self.splitter.oversized() > oversized;
        let header = self.container == Container::Multipart && !too_large && junk < PART_HEADER_MAX;
        if junk == 0 || header {
            return Ok(next.transpose()?);
        }
        self.pending = next;
        let reason = if too_large { MediaErrorKind::TooLarge } else { MediaErrorKind::Junk { len: junk } };
        Err(self.damage(end.saturating_sub(junk), reason).into())
    }

    fn next_by_length(&mut self) -> Result<Option<FrameSpan>, ReadError<R::Error>> {
        let from = self.at;
        if core::mem::take(&mut self.length_missing) {
            let next = self.scan_from(from)?.map(|(found, cut)| self.unless_cut(found, cut));
            return Ok(next.transpose()?);
        }
        if self.window.byte(from).map_err(ReadError::Io)?.is_none() {
            return Ok(None);
        }
        let Some((body, told)) = self.length_at(from)? else {
            self.length_missing = true;
            return Err(self.damage(from, MediaErrorKind::NoLength).into());
        };
        let next = body.saturating_add(u64::from(told));
        let right = next == self.window.end || (next < self.window.end && self.length_at(next)?.is_some());
        self.announced_frame(from, FrameSpan { at: body, len: told }, right.then_some(next))
    }

    /// Returns the frame that the container announces at `told`, by a length or a chunk at `from`.
    /// `next` is where reading goes on if the announcement proves right; if it is `None`, the frame is
    /// found by its markers.
    fn announced_frame(
        &mut self,
        from: u64,
        told: FrameSpan,
        next: Option<u64>,
    ) -> Result<Option<FrameSpan>, ReadError<R::Error>> {
        let FrameSpan { at: body, len } = told;
        if let Some(next) = next {
            self.at = next;
            return match len > self.max_frame {
                true => Err(self.damage(body, MediaErrorKind::TooLarge).into()),
                false => Ok(Some(told)),
            };
        }
        // The length is wrong or the next frame is damaged: the end of this frame decides.
        match self.scan_from(body)? {
            Some((found, false)) if found.start == body && found.len == len => Ok(Some(told)),
            Some((found, false)) => {
                self.pending = Some(Ok(FrameSpan { at: found.start, len: found.len }));
                let reason = match found.start == body {
                    true => MediaErrorKind::WrongLength { told: len, found: found.len },
                    false => MediaErrorKind::Junk { len: found.start.saturating_sub(from) },
                };
                Err(self.damage(from, reason).into())
            }
            Some((_, true)) | None => Err(self.damage(self.at, MediaErrorKind::Truncated).into()),
        }
    }

    /// Parses the length in digits at `at`. Returns the offset of the frame after it, and the length, or
    /// `None` if there is no length with a frame after it.
    fn length_at(&mut self, at: u64) -> Result<Option<(u64, u32)>, ReadError<R::Error>> {
        let mut prefix = LengthPrefix::default();
        let mut body = at;
        while self.window.byte(body).map_err(ReadError::Io)?.is_some_and(|byte| prefix.push(byte)) {
            body = body.saturating_add(1);
        }
        let start = self.window.array(body).map_err(ReadError::Io)?;
        Ok((start == Some(FRAME_START) && prefix.is_complete()).then_some((body, prefix.value)))
    }

    /// Finds the first frame from `from` on by its markers. Returns it, and whether the end of the file
    /// cuts it off.
    fn scan_from(&mut self, from: u64) -> Result<Option<(Found, bool)>, ReadError<R::Error>> {
        self.splitter = Splitter::starting_at(from, self.max_frame);
        self.at = from;
        let found = self.scan()?;
        if let Some((found, _)) = found {
            self.at = found.end();
        }
        Ok(found)
    }

    /// Finds the next frame by its markers. Returns it, and whether the end of the file cuts it off.
    fn scan(&mut self) -> Result<Option<(Found, bool)>, ReadError<R::Error>> {
        loop {
            let chunk = self.window.chunk(self.at).map_err(ReadError::Io)?;
            if chunk.is_empty() {
                return Ok(self.splitter.finish().map(|found| (found, true)));
            }
            let (consumed, found) = self.splitter.push(chunk);
            self.at = self.at.saturating_add(consumed as u64);
            if let Some(found) = found {
                return Ok(Some((found, false)));
            }
        }
    }

    fn unless_cut(&self, found: Found, cut: bool) -> Result<FrameSpan, MediaError> {
        match cut {
            true => Err(self.damage(found.end(), MediaErrorKind::Truncated)),
            false => Ok(FrameSpan { at: found.start, len: found.len }),
        }
    }

    const fn damage(&self, at: u64, reason: MediaErrorKind) -> MediaError {
        MediaError { at, frame: self.slots, reason }
    }
}

/// Finds where the frames of a file begin, in its first `limit` bytes, and in which format.
fn start<R: Read + Seek, B: AsRef<[u8]> + AsMut<[u8]>>(
    window: &mut Window<R, B>,
    limit: u64,
) -> Result<(Container, u64), ReadError<R::Error>> {
    let (mut detector, mut pos) = (Detector::new(), 0);
    while pos < limit {
        let chunk = window.chunk(pos).map_err(ReadError::Io)?;
        match detector.push(chunk) {
            _ if chunk.is_empty() => break,
            Some(Start::Frames { container, at }) => return Ok((container, at)),
            Some(Start::Chunks { at }) => {
                return Err(MediaError { at, frame: 0, reason: MediaErrorKind::Chunks }.into());
            }
            None => pos = pos.saturating_add(chunk.len() as u64),
        }
    }
    Err(MediaError { at: 0, frame: 0, reason: MediaErrorKind::Unrecognised }.into())
}

#[cfg(test)]
mod avi_tests;
#[cfg(test)]
mod tests;
