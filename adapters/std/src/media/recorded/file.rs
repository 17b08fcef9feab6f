//! Files read at a place that the caller says, so that several can read one.
use embedded_io::{ErrorType, Read, Seek, SeekFrom};
use std::fs::File;
use std::io;

/// Reads a file for [`pinhole::media::FrameReader`].
#[derive(Debug)]
pub(super) struct FileReader<'a> {
    file: &'a File,
    pos: u64,
    len: u64,
}

impl<'a> FileReader<'a> {
    pub(super) const fn new(file: &'a File, len: u64) -> Self {
        Self { file, pos: 0, len }
    }
}

impl ErrorType for FileReader<'_> {
    type Error = io::Error;
}

impl Read for FileReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = loop {
            match read_some(self.file, buffer, self.pos) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        self.pos = self.pos.saturating_add(read as u64);
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

/// Fills `buffer` from `at` on.
///
/// # Errors
/// `UnexpectedEof` where the file ends before; what the system says.
pub(super) fn read_at(file: &File, mut buffer: &mut [u8], mut at: u64) -> io::Result<()> {
    while !buffer.is_empty() {
        match read_some(file, buffer, at) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => {
                buffer = buffer.get_mut(read..).unwrap_or_default();
                at = at.saturating_add(read as u64);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(unix)]
fn read_some(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, at)
}

#[cfg(windows)]
fn read_some(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, at)
}
