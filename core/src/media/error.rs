//! Errors of media files.
use crate::codec::IN_FILES;
use crate::text::{Count, Escaped};
use core::fmt;

/// A damaged place in a file: where it is, and what is wrong. The next call of
/// [`FrameReader::next`](super::FrameReader::next) goes on after that place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct MediaError {
    /// The offset of the damage, in bytes from the start of the file.
    pub at: u64,
    /// The number of the damaged frame, counted from 0 at the start of the file. If no frame is damaged,
    /// this is the number of the next frame. All earlier frames count, also damaged frames and repeated
    /// frames.
    pub frame: u64,
    /// What is wrong with the file at that offset.
    pub reason: MediaErrorKind,
}

/// What is wrong with a place in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum MediaErrorKind {
    /// Neither a frame nor any [`Container`](super::Container) begins at the start of the file or after
    /// rubbish there. The file cannot be opened: give it up.
    Unrecognised,
    /// The file is an HTTP response whose body comes in chunks. The offset of the error is that of the line
    /// with the first size. Take the framing off with a [`Dechunker`](super::Dechunker) from there on, and
    /// open what is left.
    Chunks,
    /// There are bytes in the file that belong to no frame. The bytes were skipped. They do not change the
    /// times of frames: the next frame follows directly on the frame before.
    Junk {
        /// The number of bytes that were skipped.
        len: u64,
    },
    /// A frame is too large. If [`FrameReader::next`](super::FrameReader::next) returns this, the frame is
    /// larger than the limit that [`FrameReader::new`](super::FrameReader::new) got, and was skipped. If
    /// [`FrameReader::read_frame`](super::FrameReader::read_frame) returns this, the frame is larger than
    /// the buffer: call [`FrameReader::read_frame`](super::FrameReader::read_frame) again with a larger
    /// buffer.
    TooLarge,
    /// The length before the next frame, in ASCII digits, is missing. The next call of
    /// [`FrameReader::next`](super::FrameReader::next) finds the frame by its markers.
    NoLength,
    /// A frame is shorter or longer than its length in ASCII digits says, or than the size of its chunk
    /// says. The next call of [`FrameReader::next`](super::FrameReader::next) returns the frame with its
    /// true length.
    WrongLength {
        /// The length of the frame in bytes that the file gives before the frame: in ASCII digits, or as the
        /// size of the chunk of an AVI file.
        told: u32,
        /// The length of the frame that was found by its markers, in bytes.
        found: u32,
    },
    /// The file ends in the middle of a frame. That frame cannot be read.
    Truncated,
    /// An AVI file ends in the middle of a chunk that is not a frame. No frame is lost.
    TruncatedChunk,
    /// An AVI file describes no video stream. The file cannot be opened: give it up.
    NoVideo,
    /// The video of an AVI file has a codec whose frames cannot be read. The file cannot be opened: give
    /// it up.
    OtherCodec {
        /// The four-character code of the video's codec, usually ASCII, which is not checked.
        code: [u8; 4],
    },
}

impl MediaErrorKind {
    /// Whether the damage costs a frame, and leaves a gap in time.
    pub(super) const fn costs_a_frame(self) -> bool {
        matches!(self, Self::TooLarge | Self::Truncated)
    }
}

/// Why a [`FrameReader`](super::FrameReader) returns no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum ReadError<E> {
    /// Reading the file fails. The error is that of the reader (`embedded_io::Read` or `Seek`). The next
    /// call tries again.
    Io(E),
    /// The content of the file is damaged. If [`FrameReader::next`](super::FrameReader::next) returned the
    /// error, call that method again for the next frame. If [`FrameReader::new`](super::FrameReader::new)
    /// returned the error, the file cannot be opened. If
    /// [`FrameReader::read_frame`](super::FrameReader::read_frame) returned the error, go on with the next
    /// frame.
    Media(MediaError),
}

impl<E> From<MediaError> for ReadError<E> {
    fn from(error: MediaError) -> Self {
        Self::Media(error)
    }
}

impl fmt::Display for MediaErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Unrecognised => write!(f, "there is no start of {IN_FILES} in the first part of the file"),
            Self::Chunks => f.write_str("the frames are in the chunks of an HTTP response"),
            Self::Junk { len } => write!(f, "{} to no frame", Count(len, "byte belongs", "bytes belong")),
            Self::TooLarge => f.write_str("the frame is too large"),
            Self::NoLength => f.write_str("the length of the next frame is missing"),
            Self::WrongLength { told, found } => {
                let found = Count(found, "byte", "bytes");
                write!(f, "the frame has {found}, not {told} as its length says")
            }
            Self::Truncated => f.write_str("the file ends in the middle of a frame"),
            Self::TruncatedChunk => f.write_str("the file ends in the middle of a chunk"),
            Self::NoVideo => f.write_str("the file describes no video stream"),
            Self::OtherCodec { code } => {
                write!(f, "the video is {}, not {IN_FILES}", Escaped(&code))
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
