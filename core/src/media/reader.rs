//! Reads the frames of a file.
use super::avi::{self, Video};
use super::{Container, DETECT_LEN, Found, FrameClock, LengthPrefix, Splitter, detect};
use crate::codec::jpeg::segments::marker;
use crate::text::Escaped;
use core::fmt;
use embedded_io::{Read, Seek, SeekFrom};

/// The place of a frame in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct FrameSpan {
    /// The offset of the frame's SOI marker in the file, in bytes.
    pub at: u64,
    /// The length of the frame in bytes.
    pub len: u32,
}

/// A damaged place in a file. Reading can continue after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct MediaError {
    /// The offset at which the damage starts, in bytes.
    pub at: u64,
    /// The number of the frame that is damaged or comes next: how many frames come before it in time,
    /// including damaged ones and repetitions.
    pub frame: u64,
    /// What is wrong there.
    pub reason: MediaErrorKind,
}

/// What is wrong with a place in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum MediaErrorKind {
    /// The file does not start as a file of a known kind does.
    Unrecognised,
    /// There are bytes that belong to no frame.
    Junk {
        /// How many such bytes there are.
        len: u64,
    },
    /// A frame is larger than allowed, or than the buffer for it.
    TooLarge,
    /// There is no length in ASCII digits where one should be.
    NoLength,
    /// A frame does not end where its length in ASCII digits, or the size of its chunk, says.
    WrongLength {
        /// The length in bytes that the digits or the chunk give.
        told: u32,
        /// The length in bytes that the frame has.
        found: u32,
    },
    /// The file ends in the middle of a frame.
    Truncated,
    /// An AVI file ends in the middle of a chunk that is no frame.
    TruncatedChunk,
    /// An AVI file describes no video stream.
    NoVideo,
    /// The video of an AVI file is not Motion-JPEG.
    OtherCodec {
        /// The four-character code of the video.
        code: [u8; 4],
    },
}

impl MediaErrorKind {
    /// Whether the damage costs a frame, and so leaves a gap in time.
    const fn costs_a_frame(self) -> bool {
        matches!(self, Self::TooLarge | Self::Truncated)
    }
}

/// Why [`FrameReader`] returns no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum ReadError<E> {
    /// The file cannot be read.
    Io(E),
    /// The content of the file is damaged. The next call continues after the damage.
    Media(MediaError),
}

impl<E> From<MediaError> for ReadError<E> {
    fn from(error: MediaError) -> Self {
        Self::Media(error)
    }
}

/// Reads the frames of a file in any [`Container`].
///
/// `B` is a small buffer, such as `[u8; 512]`, through which the file is read. The reader only finds
/// frames; [`crate::codec::jpeg::inspect`] says whether one can be carried.
#[derive(Debug)]
pub struct FrameReader<R, B> {
    pub(super) window: Window<R, B>,
    container: Container,
    /// The stream that is read of an AVI file.
    pub(super) video: Option<Video>,
    splitter: Splitter,
    max_frame: u32,
    /// The offset of the first byte that was not looked at yet.
    pub(super) at: u64,
    pub(super) slots: u64,
    /// What was found after a damaged place, for the next call.
    pub(super) pending: Option<Result<FrameSpan, MediaError>>,
    /// Whether the length before the next frame is known to be missing.
    lost: bool,
}

/// The most bytes before the picture in a part of a multipart message. More bytes are reported as junk.
const PART_HEADER_MAX: u64 = 4096;

impl<R: Read + Seek, B: AsRef<[u8]> + AsMut<[u8]>> FrameReader<R, B> {
    /// Opens a file. A frame of more than `max_frame` bytes is skipped with an error.
    ///
    /// # Errors
    /// Fails with [`MediaErrorKind::Unrecognised`] if the file is in no [`Container`], and with
    /// [`MediaErrorKind::NoVideo`] or [`MediaErrorKind::OtherCodec`] for an AVI file without
    /// Motion-JPEG.
    pub fn new(reader: R, buffer: B, max_frame: u32) -> Result<Self, ReadError<R::Error>> {
        let mut window = Window::new(reader, buffer).map_err(ReadError::Io)?;
        let mut first = [0; DETECT_LEN];
        let mut len = 0;
        for (at, slot) in (0..).zip(&mut first) {
            let Some(byte) = window.byte(at).map_err(ReadError::Io)? else { break };
            *slot = byte;
            len += 1;
        }
        let unrecognised = MediaError { at: 0, frame: 0, reason: MediaErrorKind::Unrecognised };
        let container = detect(first.get(..len).unwrap_or_default()).ok_or(unrecognised)?;
        let (video, at) = match container {
            Container::Avi => {
                let (video, at) = avi::open(&mut window)?;
                (Some(video), at)
            }
            _ => (None, 0),
        };
        Ok(Self {
            window,
            container,
            video,
            splitter: Splitter::new(max_frame),
            max_frame,
            at,
            slots: 0,
            pending: None,
            lost: false,
        })
    }

    /// Returns how the frames are put together in the file.
    pub const fn container(&self) -> Container {
        self.container
    }

    /// Returns the file's own clock; `None` if it has none, as all files but AVI.
    pub fn clock(&self) -> Option<FrameClock> {
        self.video.and_then(|video| video.clock)
    }

    /// Returns how many frame intervals were passed so far: those of frames found, of frames that
    /// damage has cost, and of chunks of an AVI file that repeat the frame before. So the number of the
    /// last frame found is this less one.
    pub const fn slots(&self) -> u64 {
        self.slots
    }

    /// Finds the next frame. Returns its place; `None` after the last frame.
    ///
    /// # Errors
    /// Fails once with [`ReadError::Media`] for each damaged place; the next call continues after it.
    /// Fails with [`ReadError::Io`] if the file cannot be read.
    #[allow(clippy::should_implement_trait, reason = "an iterator could not go on after an error")]
    pub fn next(&mut self) -> Result<Option<FrameSpan>, ReadError<R::Error>> {
        let next = match (self.pending.take(), self.container) {
            // The error before this frame may have cost a frame.
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

    /// Reads a frame into the start of `buffer`. Returns its length in bytes.
    ///
    /// # Errors
    /// Fails with [`MediaErrorKind::TooLarge`] if the buffer is too short, with
    /// [`MediaErrorKind::Truncated`] if the file has become shorter, and with [`ReadError::Io`] if it
    /// cannot be read.
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
                // The bytes that are left are reported once.
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
        if core::mem::take(&mut self.lost) {
            let next = self.scan_from(from)?.map(|(found, cut)| self.unless_cut(found, cut));
            return Ok(next.transpose()?);
        }
        if self.window.byte(from).map_err(ReadError::Io)?.is_none() {
            return Ok(None);
        }
        let Some((body, told)) = self.length_at(from)? else {
            self.lost = true;
            return Err(self.damage(from, MediaErrorKind::NoLength).into());
        };
        let next = body.saturating_add(u64::from(told));
        let right = next == self.window.end || (next < self.window.end && self.length_at(next)?.is_some());
        self.told_frame(from, FrameSpan { at: body, len: told }, right.then_some(next))
    }

    /// Returns the frame at `told`, of which the bytes from `from` on tell. `next` is where reading
    /// continues, if the bytes there confirm that.
    pub(super) fn told_frame(
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
        // Either this length is wrong or the bytes after it are damaged. The end of the frame shows
        // which.
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

    /// Returns the offset after the length in digits at `at`, where a frame starts, and that length.
    /// `None` if there is no length, or no frame after it.
    fn length_at(&mut self, at: u64) -> Result<Option<(u64, u32)>, ReadError<R::Error>> {
        let mut prefix = LengthPrefix::default();
        let mut body = at;
        while self.window.byte(body).map_err(ReadError::Io)?.is_some_and(|byte| prefix.push(byte)) {
            body = body.saturating_add(1);
        }
        let is_frame = self.window.byte(body).map_err(ReadError::Io)? == Some(0xFF)
            && self.window.byte(body.saturating_add(1)).map_err(ReadError::Io)? == Some(marker::SOI);
        Ok((is_frame && prefix.is_complete()).then_some((body, prefix.value)))
    }

    /// Finds the first frame from `from` on by its markers. Returns it, and whether the end of the file
    /// cuts it off.
    pub(super) fn scan_from(&mut self, from: u64) -> Result<Option<(Found, bool)>, ReadError<R::Error>> {
        self.splitter = Splitter::starting_at(from, self.max_frame);
        self.at = from;
        let found = self.scan()?;
        if let Some((found, _)) = found {
            self.at = found.end();
        }
        Ok(found)
    }

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

    pub(super) fn unless_cut(&self, found: Found, cut: bool) -> Result<FrameSpan, MediaError> {
        match cut {
            true => Err(self.damage(found.end(), MediaErrorKind::Truncated)),
            false => Ok(FrameSpan { at: found.start, len: found.len }),
        }
    }

    pub(super) const fn damage(&self, at: u64, reason: MediaErrorKind) -> MediaError {
        MediaError { at, frame: self.slots, reason }
    }
}

/// A file that is read through a small buffer.
#[derive(Debug)]
pub(super) struct Window<R, B> {
    reader: R,
    buffer: B,
    /// The offset in the file of the buffer's first byte.
    start: u64,
    filled: usize,
    /// The offset at which the file is read next, if that is known.
    pos: Option<u64>,
    pub(super) end: u64,
}

impl<R: Read + Seek, B: AsRef<[u8]> + AsMut<[u8]>> Window<R, B> {
    fn new(mut reader: R, buffer: B) -> Result<Self, R::Error> {
        let end = reader.seek(SeekFrom::End(0))?;
        Ok(Self { reader, buffer, start: 0, filled: 0, pos: Some(end), end })
    }

    /// Returns some of the bytes from `at` on; none at the end of the file.
    fn chunk(&mut self, at: u64) -> Result<&[u8], R::Error> {
        let offset = at.checked_sub(self.start).filter(|offset| *offset < self.filled as u64);
        let offset = match offset {
            Some(offset) => offset as usize,
            None => {
                self.filled = 0;
                self.start = at;
                self.seek(at)?;
                self.filled = self.reader.read(self.buffer.as_mut())?;
                self.pos = Some(at.saturating_add(self.filled as u64));
                0
            }
        };
        Ok(self.buffer.as_ref().get(offset..self.filled).unwrap_or_default())
    }

    fn byte(&mut self, at: u64) -> Result<Option<u8>, R::Error> {
        self.chunk(at).map(|chunk| chunk.first().copied())
    }

    /// Returns the `N` bytes from `at` on; `None` if the file ends before.
    pub(super) fn array<const N: usize>(&mut self, at: u64) -> Result<Option<[u8; N]>, R::Error> {
        if at.saturating_add(N as u64) > self.end {
            return Ok(None);
        }
        let mut array = [0; N];
        for (n, slot) in (0..).zip(&mut array) {
            let Some(byte) = self.byte(at.saturating_add(n))? else { return Ok(None) };
            *slot = byte;
        }
        Ok(Some(array))
    }

    /// Reads from `at` directly into `to`.
    fn read_past(&mut self, at: u64, to: &mut [u8]) -> Result<usize, R::Error> {
        self.seek(at)?;
        let n = self.reader.read(to)?;
        self.pos = Some(at.saturating_add(n as u64));
        Ok(n)
    }

    /// Seeks to `at`. The place is unknown until the read after this has said how far it got.
    fn seek(&mut self, at: u64) -> Result<(), R::Error> {
        if self.pos.take() != Some(at) {
            self.reader.seek(SeekFrom::Start(at))?;
        }
        Ok(())
    }
}

impl fmt::Display for MediaErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Unrecognised => f.write_str("the file does not start as one that holds Motion-JPEG"),
            Self::Junk { len } => write!(f, "{len} bytes belong to no frame"),
            Self::TooLarge => f.write_str("the frame is too large"),
            Self::NoLength => f.write_str("the length of the next frame is missing"),
            Self::WrongLength { told, found } => {
                write!(f, "the frame has {found} bytes, not {told} as its length says")
            }
            Self::Truncated => f.write_str("the file ends in the middle of a frame"),
            Self::TruncatedChunk => f.write_str("the file ends in the middle of a chunk"),
            Self::NoVideo => f.write_str("the file describes no video stream"),
            Self::OtherCodec { code } => {
                write!(f, "the video is {}, not Motion-JPEG", Escaped(&code))
            }
        }
    }
}

impl fmt::Display for MediaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "frame {}, byte {}: {}", self.frame, self.at, self.reason)
    }
}

impl<E: fmt::Display> fmt::Display for ReadError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Media(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for MediaErrorKind {}
impl core::error::Error for MediaError {}
impl<E: core::error::Error> core::error::Error for ReadError<E> {}

#[cfg(test)]
pub(super) mod tests {
    use super::super::SliceReader;
    use super::*;
    use proptest::prelude::*;
    use std::format;
    use std::vec;
    use std::vec::Vec;

    pub(in crate::media) static A: &[u8] = include_bytes!("../codec/jpeg/testdata/ffmpeg-420-optimal.jpg");
    pub(in crate::media) static B: &[u8] =
        include_bytes!("../codec/jpeg/testdata/cjpeg-420-optimal-restart3.jpg");

    /// Returns everything that the reader finds in a file: frames and errors.
    pub(in crate::media) fn walk(file: &[u8], max_frame: u32) -> Vec<Result<FrameSpan, MediaError>> {
        let mut reader = match FrameReader::new(SliceReader::new(file), [0; 48], max_frame) {
            Ok(reader) => reader,
            Err(ReadError::Media(error)) => return vec![Err(error)],
            Err(error) => panic!("{error}"),
        };
        let mut all = Vec::new();
        loop {
            match reader.next() {
                Ok(Some(span)) => {
                    let mut frame = vec![0; span.len as usize];
                    assert_eq!(reader.read_frame(span, &mut frame), Ok(frame.len()));
                    assert_eq!(frame, file[span.at as usize..][..frame.len()]);
                    all.push(Ok(span));
                }
                Ok(None) => return all,
                Err(ReadError::Media(error)) => all.push(Err(error)),
                Err(error) => panic!("{error}"),
            }
            assert!(all.len() <= file.len() + 1, "the reader does not come to an end");
        }
    }

    pub(in crate::media) fn span(at: usize, frame: &[u8]) -> Result<FrameSpan, MediaError> {
        Ok(FrameSpan { at: at as u64, len: frame.len() as u32 })
    }

    pub(in crate::media) fn error(
        at: usize,
        frame: u64,
        reason: MediaErrorKind,
    ) -> Result<FrameSpan, MediaError> {
        Err(MediaError { at: at as u64, frame, reason })
    }

    /// Returns a frame with its length before it, as in the format of the course exercise.
    fn prefixed(frame: &[u8]) -> Vec<u8> {
        [format!("{:05}", frame.len()).as_bytes(), frame].concat()
    }

    #[test]
    fn concatenated_frames() {
        assert_eq!(walk(&[A, B].concat(), 10_000), [span(0, A), span(A.len(), B)]);
    }

    #[test]
    fn length_prefixed_frames() {
        let file = [prefixed(A), prefixed(B)].concat();
        assert_eq!(walk(&file, 10_000), [span(5, A), span(A.len() + 10, B)]);
    }

    #[test]
    fn junk_is_told_and_passed_over() {
        let file = [A, b"junk", B, b"more"].concat();
        let end = A.len() + 4 + B.len();
        let expected = [
            span(0, A),
            error(A.len(), 1, MediaErrorKind::Junk { len: 4 }),
            span(A.len() + 4, B),
            error(end, 2, MediaErrorKind::Junk { len: 4 }),
        ];
        assert_eq!(walk(&file, 10_000), expected);
    }

    #[test]
    fn a_file_that_ends_in_a_frame_says_so() {
        let truncated = |end, frame| error(end, frame, MediaErrorKind::Truncated);
        let file = [A, &B[..700]].concat();
        assert_eq!(walk(&file, 10_000), [span(0, A), truncated(file.len(), 1)]);
        let file = [prefixed(A), prefixed(B)[..700].to_vec()].concat();
        assert_eq!(walk(&file, 10_000), [span(5, A), truncated(file.len(), 1)]);
        assert_eq!(walk(&A[..20], 10_000), [truncated(20, 0)]);
    }

    #[test]
    fn a_frame_that_is_too_large_is_told_and_passed_over() {
        let max = B.len() as u32;
        let file = [A, B].concat();
        assert_eq!(walk(&file, max), [error(0, 0, MediaErrorKind::TooLarge), span(A.len(), B)]);
        let file = [prefixed(A), prefixed(B)].concat();
        assert_eq!(walk(&file, max), [error(5, 0, MediaErrorKind::TooLarge), span(A.len() + 10, B)]);
    }

    #[test]
    fn a_wrong_length_costs_no_frame() {
        for told in [10, A.len() - 1, A.len() + 7, 99_999] {
            let file = [format!("{told:05}").as_bytes(), A, &prefixed(B)].concat();
            let found = A.len() as u32;
            let wrong = MediaErrorKind::WrongLength { told: told as u32, found };
            assert_eq!(walk(&file, 10_000), [error(0, 0, wrong), span(5, A), span(A.len() + 10, B)]);
        }
    }

    #[test]
    fn a_missing_length_costs_no_frame() {
        let file = [&prefixed(A)[..], b"12x45", B, &prefixed(A)].concat();
        let second = 5 + A.len();
        let expected = [
            span(5, A),
            error(second, 1, MediaErrorKind::NoLength),
            span(second + 5, B),
            span(second + 5 + B.len() + 5, A),
        ];
        assert_eq!(walk(&file, 10_000), expected);
    }

    #[test]
    fn what_is_no_video_is_refused_at_once() {
        for file in [&b""[..], b"GIF89a", b"28473"] {
            assert_eq!(walk(file, 10_000), [error(0, 0, MediaErrorKind::Unrecognised)]);
        }
    }

    /// Axis cameras end each part with a line break and give its length; others give none.
    #[test]
    fn part_headers_of_ip_cameras_are_no_damage() {
        let axis = b"--myboundary\r\nContent-Type: image/jpeg\r\nContent-Length: 1199\r\n\r\n";
        let bare = b"\r\n--myboundary\r\nContent-Type: image/jpeg\r\n\r\n";
        let end = b"\r\n--myboundary--\r\n";
        let file = [axis, A, bare, B, end].concat();
        let second = axis.len() + A.len() + bare.len();
        assert_eq!(walk(&file, 10_000), [span(axis.len(), A), span(second, B)]);
        let cut = &file[..second + 700];
        let truncated = error(cut.len(), 1, MediaErrorKind::Truncated);
        assert_eq!(walk(cut, 10_000), [span(axis.len(), A), truncated]);
        let too_large = error(0, 0, MediaErrorKind::TooLarge);
        assert_eq!(walk(&file, B.len() as u32), [too_large, span(second, B)]);
    }

    #[test]
    fn what_is_too_long_for_a_part_header_is_told() {
        let file = [b"--b\r\n\r\n", A, &[b'x'; 5000], B].concat();
        let junk = error(7 + A.len(), 1, MediaErrorKind::Junk { len: 5000 });
        assert_eq!(walk(&file, 10_000), [span(7, A), junk, span(7 + A.len() + 5000, B)]);
    }

    #[test]
    fn a_buffer_that_is_too_small_is_left_alone() {
        let mut reader = FrameReader::new(SliceReader::new(A), [0; 64], 10_000).unwrap();
        let span = reader.next().unwrap().unwrap();
        let too_large = MediaError { at: 0, frame: 1, reason: MediaErrorKind::TooLarge };
        assert_eq!(reader.read_frame(span, &mut [0; 100]), Err(ReadError::Media(too_large)));
    }

    proptest! {
        #[test]
        fn damage_in_a_scan_costs_no_frame(
            with_lengths in any::<bool>(),
            at in 700usize..A.len() - 2,
            byte in 0u8..0xFF,
        ) {
            prop_assume!(A[at - 1] != 0xFF);
            let mut damaged = A.to_vec();
            damaged[at] = byte;
            let joined = |frame: &[u8]| if with_lengths { prefixed(frame) } else { frame.to_vec() };
            let whole = [joined(A), joined(B)].concat();
            let file = [joined(&damaged), joined(B)].concat();
            prop_assert_eq!(walk(&file, 10_000), walk(&whole, 10_000));
        }

        #[test]
        fn a_damaged_file_yields_frames_in_order(
            with_lengths in any::<bool>(),
            damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        ) {
            let joined = |frame: &[u8]| if with_lengths { prefixed(frame) } else { frame.to_vec() };
            let mut file = [joined(A), joined(B), joined(A), joined(B)].concat();
            for (at, byte) in damage {
                let at = at.index(file.len());
                file[at] = byte;
            }
            let mut end = 0;
            for span in walk(&file, 10_000).into_iter().flatten() {
                prop_assert!(span.at >= end);
                end = span.at + u64::from(span.len);
            }
            prop_assert!(end <= file.len() as u64);
        }

        #[test]
        fn arbitrary_files_come_to_an_end(data in prop::collection::vec(any::<u8>(), 0..300)) {
            walk(&data, 100);
            walk(&[&b"00012\xFF\xD8"[..], &data].concat(), 100);
            walk(&[&b"\xFF\xD8\xFF"[..], &data].concat(), 100);
        }
    }
}
