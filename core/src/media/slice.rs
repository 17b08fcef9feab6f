//! A slice as a file.
use crate::storage::put;
use embedded_io::{ErrorKind, ErrorType, Read, Seek, SeekFrom};

/// A slice as a file, such as a file that is mapped to memory. It implements `Read` and `Seek` of
/// `embedded_io`, so that [`FrameReader::new`](super::FrameReader::new) takes it.
#[derive(Clone, Copy, Debug)]
pub struct SliceReader<'a> {
    data: &'a [u8],
    pos: u64,
}

impl<'a> SliceReader<'a> {
    /// Makes a reader that stands at the first byte of `data`.
    pub const fn new(data: &'a [u8]) -> Self {
        Self { data, pos: 0 }
    }
}

impl ErrorType for SliceReader<'_> {
    type Error = ErrorKind;
}

impl Read for SliceReader<'_> {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize, ErrorKind> {
        let rest = usize::try_from(self.pos).ok().and_then(|pos| self.data.get(pos..)).unwrap_or_default();
        let n = rest.len().min(buf.len());
        put(buf, 0, rest.get(..n).unwrap_or_default());
        self.pos = self.pos.saturating_add(n as u64);
        Ok(n)
    }
}

impl Seek for SliceReader<'_> {
    /// # Errors
    /// Returns `InvalidInput` for a position before the first byte.
    fn seek(&mut self, to: SeekFrom) -> Result<u64, ErrorKind> {
        let pos = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => (self.data.len() as u64).checked_add_signed(by),
            SeekFrom::Current(by) => self.pos.checked_add_signed(by),
        };
        self.pos = pos.ok_or(ErrorKind::InvalidInput)?;
        Ok(self.pos)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_reads_and_seeks() {
        let mut reader = SliceReader::new(b"abcdef");
        let mut buf = [0; 4];
        assert_eq!((reader.read(&mut buf), &buf), (Ok(4), b"abcd"));
        assert_eq!((reader.read(&mut buf), &buf[..2]), (Ok(2), &b"ef"[..]));
        assert_eq!(reader.read(&mut buf), Ok(0));
        assert_eq!(reader.seek(SeekFrom::End(-5)), Ok(1));
        assert_eq!(reader.seek(SeekFrom::Current(1)), Ok(2));
        assert_eq!((reader.read(&mut buf), &buf), (Ok(4), b"cdef"));
        assert_eq!(reader.seek(SeekFrom::Start(u64::MAX)), Ok(u64::MAX));
        assert_eq!(reader.read(&mut buf), Ok(0));
        assert_eq!(reader.seek(SeekFrom::End(-7)), Err(ErrorKind::InvalidInput));
    }
}
