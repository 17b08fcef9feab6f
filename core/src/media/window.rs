//! Buffered access to a file.
use embedded_io::{Read, Seek, SeekFrom};

/// A file that is read through a small buffer.
#[derive(Debug)]
pub(super) struct Window<R, B> {
    reader: R,
    buffer: B,
    /// The offset of the buffer's first byte in the file.
    start: u64,
    filled: usize,
    /// The offset at which the reader stands, if it is known.
    pos: Option<u64>,
    /// The length of the file.
    pub(super) end: u64,
}

impl<R: Read + Seek, B: AsRef<[u8]> + AsMut<[u8]>> Window<R, B> {
    pub(super) fn new(mut reader: R, buffer: B) -> Result<Self, R::Error> {
        let end = reader.seek(SeekFrom::End(0))?;
        Ok(Self { reader, buffer, start: 0, filled: 0, pos: Some(end), end })
    }

    /// Returns at least one byte from `at` on, or none at the end of the file.
    pub(super) fn chunk(&mut self, at: u64) -> Result<&[u8], R::Error> {
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

    /// Returns the byte at `at`, or `None` at the end of the file.
    pub(super) fn byte(&mut self, at: u64) -> Result<Option<u8>, R::Error> {
        self.chunk(at).map(|chunk| chunk.first().copied())
    }

    /// Returns the `N` bytes from `at` on, or `None` if the file ends before.
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

    /// Reads from `at` into `to`, without the buffer. Returns the number of bytes: 0 at the end of the file.
    pub(super) fn read_past(&mut self, at: u64, to: &mut [u8]) -> Result<usize, R::Error> {
        self.seek(at)?;
        let n = self.reader.read(to)?;
        self.pos = Some(at.saturating_add(n as u64));
        Ok(n)
    }

    /// Moves the reader to `at`. Its place is unknown until the next read succeeds.
    fn seek(&mut self, at: u64) -> Result<(), R::Error> {
        if self.pos.take() != Some(at) {
            self.reader.seek(SeekFrom::Start(at))?;
        }
        Ok(())
    }
}
