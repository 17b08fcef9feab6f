//! Files, as the index and the loaders see them: a seam at which tests put faults in.
use std::fmt;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::path::Path;
use std::time::SystemTime;

/// Where files are.
pub(in super::super) trait Files: fmt::Debug + Send + Sync {
    /// Opens a file for reading. Blocks for as long as the disk does, but not for a writer of a FIFO.
    ///
    /// # Errors
    /// There is no such file, it is no regular file, or the system refuses it.
    fn open(&self, path: &Path) -> io::Result<Box<dyn ReadAt>>;
}

/// An open file, which several threads read, each at a place of its own.
pub(in super::super) trait ReadAt: fmt::Debug + Send + Sync {
    /// Reads from `at` on, and returns how many bytes were read: 0 at the end of the file. Blocks.
    ///
    /// # Errors
    /// What the system says.
    fn read_some(&self, buffer: &mut [u8], at: u64) -> io::Result<usize>;

    /// Returns the length of the file, and what else tells whether it was changed. Blocks.
    ///
    /// # Errors
    /// What the system says.
    fn stamp(&self) -> io::Result<Stamp>;
}

/// What tells whether the content of a file was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Stamp {
    /// The length in bytes.
    pub(in super::super) len: u64,
    /// `None` where the system does not know it.
    pub(in super::super) modified: Option<SystemTime>,
    pub(in super::super) id: Option<FileId>,
}

/// Device and inode. Two paths with the same ones lead to one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in super::super) struct FileId {
    device: u64,
    inode: u64,
}

#[cfg(any(feature = "simulation", test))]
impl FileId {
    /// Returns what tells a simulated file apart.
    pub(super) const fn simulated(device: u64, inode: u64) -> Self {
        Self { device, inode }
    }
}

impl Stamp {
    /// Returns the number of the disk; 0 where the system does not know it.
    pub(super) fn device(&self) -> u64 {
        self.id.map_or(0, |id| id.device)
    }
}

impl dyn ReadAt + '_ {
    /// Does what [`Self::read_some`] does, again where a signal has interrupted it. Blocks.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn read(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        loop {
            match self.read_some(buffer, at) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => return read,
            }
        }
    }

    /// Fills `buffer` from `at` on. Blocks.
    ///
    /// # Errors
    /// `UnexpectedEof` where the file ends before; what the system says.
    pub(super) fn read_exact(&self, mut buffer: &mut [u8], mut at: u64) -> io::Result<()> {
        while !buffer.is_empty() {
            match self.read(buffer, at)? {
                0 => return Err(ended()),
                read => {
                    buffer = buffer.get_mut(read..).unwrap_or_default();
                    at = at.saturating_add(read as u64);
                }
            }
        }
        Ok(())
    }
}

/// The files of this machine.
#[derive(Debug)]
pub(in super::super) struct Disk;

impl Files for Disk {
    fn open(&self, path: &Path) -> io::Result<Box<dyn ReadAt>> {
        // To open a device can have effects of its own. What is there may be replaced afterwards, so that
        // the open file is looked at once more.
        regular(&fs::metadata(path)?)?;
        let file = for_reading().open(path)?;
        regular(&file.metadata()?)?;
        Ok(Box::new(file))
    }
}

impl ReadAt for File {
    #[cfg(unix)]
    fn read_some(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        std::os::unix::fs::FileExt::read_at(self, buffer, at)
    }

    #[cfg(windows)]
    fn read_some(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        std::os::windows::fs::FileExt::seek_read(self, buffer, at)
    }

    fn stamp(&self) -> io::Result<Stamp> {
        let metadata = self.metadata()?;
        Ok(Stamp { len: metadata.len(), modified: metadata.modified().ok(), id: id(&metadata) })
    }
}

fn ended() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the file ends before the end of the frame")
}

fn regular(metadata: &Metadata) -> io::Result<()> {
    match metadata.is_file() {
        true => Ok(()),
        false => Err(io::Error::new(io::ErrorKind::InvalidInput, "this is no regular file")),
    }
}

#[cfg(unix)]
fn for_reading() -> OpenOptions {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = OpenOptions::new();
    // A FIFO would be waited for until somebody writes to it.
    options.read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY);
    options
}

#[cfg(not(unix))]
fn for_reading() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true);
    options
}

#[cfg(unix)]
fn id(metadata: &Metadata) -> Option<FileId> {
    use std::os::unix::fs::MetadataExt as _;
    Some(FileId { device: metadata.dev(), inode: metadata.ino() })
}

#[cfg(not(unix))]
const fn id(_: &Metadata) -> Option<FileId> {
    None
}
