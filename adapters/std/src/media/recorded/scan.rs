//! Reads a file from its start to its end, for the index.
use super::files::ReadAt;
use embedded_io::{ErrorType, Read, Seek, SeekFrom};
use pinhole::text::Count;
use std::cell::{Cell, RefCell};
use std::io;
use std::time::{Duration, Instant};

/// Bytes that are read without a frame in them. Of a file with frames, eight times as much as these have is
/// read besides, which leaves room for other streams. Files may have holes of any size.
const MAX_JUNK: u64 = 1 << 30;
const READ_PER_FRAMES: u64 = 8;
/// The least time between two calls that tell how far it is.
const TELL: Duration = Duration::from_millis(250);

/// How far a file is read, and how far it may be.
pub(super) struct Meter<'w> {
    /// Bytes that were read.
    read: Cell<u64>,
    /// Bytes of the frames that were found.
    of_frames: Cell<u64>,
    frames: Cell<u64>,
    told: Cell<Instant>,
    tell: RefCell<&'w mut dyn FnMut(Scanned)>,
}

/// How far a file is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Scanned {
    pub(super) read: u64,
    pub(super) frames: u64,
}

impl<'w> Meter<'w> {
    /// Creates a meter that calls `tell` a few times a second.
    pub(super) fn new(tell: &'w mut dyn FnMut(Scanned)) -> Self {
        let (read, of_frames, frames) = (Cell::new(0), Cell::new(0), Cell::new(0));
        Self { read, of_frames, frames, told: Cell::new(Instant::now()), tell: RefCell::new(tell) }
    }

    /// Notes that a frame of `len` bytes was found.
    pub(super) fn found(&self, len: u32) {
        self.of_frames.set(self.of_frames.get().saturating_add(u64::from(len)));
        self.frames.set(self.frames.get() + 1);
    }

    /// Tells that the file is read up to `read`, if it is time to tell.
    pub(super) fn tell(&self, read: u64) {
        if self.told.get().elapsed() >= TELL {
            self.told.set(Instant::now());
            if let Ok(mut tell) = self.tell.try_borrow_mut() {
                tell(Scanned { read, frames: self.frames.get() });
            }
        }
    }

    /// Notes that `len` bytes more were read, at `at`.
    ///
    /// # Errors
    /// That is too much, for so few frames.
    pub(super) fn count(&self, len: usize, at: u64) -> io::Result<()> {
        let read = self.read.get().saturating_add(len as u64);
        self.read.set(read);
        self.tell(at);
        let most = self.of_frames.get().saturating_mul(READ_PER_FRAMES).saturating_add(MAX_JUNK);
        if read > most {
            return Err(io::Error::other(format!(
                "only {} in {} MiB of the file, and the rest of it was not searched",
                Count(self.frames.get(), "frame is", "frames are"),
                read >> 20
            )));
        }
        Ok(())
    }
}

/// Reads a file for [`pinhole::media::FrameReader`].
pub(super) struct FileReader<'a> {
    file: &'a dyn ReadAt,
    meter: &'a Meter<'a>,
    pos: u64,
    len: u64,
}

impl<'a> FileReader<'a> {
    pub(super) const fn new(file: &'a dyn ReadAt, meter: &'a Meter<'a>, len: u64) -> Self {
        Self { file, meter, pos: 0, len }
    }
}

impl ErrorType for FileReader<'_> {
    type Error = io::Error;
}

impl Read for FileReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer, self.pos)?;
        self.pos = self.pos.saturating_add(read as u64);
        self.meter.count(read, self.pos)?;
        Ok(read)
    }
}

impl Seek for FileReader<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let pos = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.len.checked_add_signed(by),
            SeekFrom::Current(by) => self.pos.checked_add_signed(by),
        };
        self.pos = pos.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.pos)
    }
}
