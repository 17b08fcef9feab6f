//! A file in memory, for tests.
use super::files::{ReadAt, Stamp};
use std::io;

/// A file of which one call reads so many bytes at most, as a file system may give fewer than are asked for.
#[derive(Debug)]
pub(super) struct MemoryFile {
    pub(super) data: Vec<u8>,
    pub(super) at_once: usize,
}

impl ReadAt for MemoryFile {
    fn read_some(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        let data = self.data.get(at as usize..).unwrap_or_default();
        let len = data.len().min(buffer.len()).min(self.at_once);
        buffer[..len].copy_from_slice(&data[..len]);
        Ok(len)
    }

    fn stamp(&self) -> io::Result<Stamp> {
        Ok(Stamp { len: self.data.len() as u64, modified: None, id: None })
    }
}
