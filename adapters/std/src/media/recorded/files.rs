//! Files, as the index and the loaders see them: a seam at which tests put faults in.
use std::fmt;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
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
    pub(in super::super) fn of(metadata: &Metadata) -> Self {
        Self { len: metadata.len(), modified: metadata.modified().ok(), id: id(metadata) }
    }

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
pub(in super::super) struct Disk {
    /// How many files have a descriptor of their own at most.
    most: usize,
    kept: Arc<AtomicUsize>,
}

impl Disk {
    /// Creates access to files of which `most` stay open. Others are opened for each read, so that however
    /// many there are, descriptors are left for the network.
    pub(in super::super) fn keeping_open(most: usize) -> Self {
        Self { most, kept: Arc::default() }
    }
}

impl Default for Disk {
    /// Creates access to files that all stay open.
    fn default() -> Self {
        Self::keeping_open(usize::MAX)
    }
}

impl Files for Disk {
    fn open(&self, path: &Path) -> io::Result<Box<dyn ReadAt>> {
        let file = open(path)?;
        let one_more = |kept: usize| kept.checked_add(1).filter(|kept| *kept <= self.most);
        match self.kept.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more) {
            Ok(_) => Ok(Box::new(KeptOpen { file, kept: self.kept.clone() })),
            Err(_) => Ok(Box::new(OpenedEachTime { path: path.to_owned(), id: file.stamp()?.id })),
        }
    }
}

/// A file that has a descriptor of its own.
#[derive(Debug)]
struct KeptOpen {
    file: File,
    kept: Arc<AtomicUsize>,
}

impl ReadAt for KeptOpen {
    fn read_some(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        self.file.read_some(buffer, at)
    }

    fn stamp(&self) -> io::Result<Stamp> {
        self.file.stamp()
    }
}

impl Drop for KeptOpen {
    fn drop(&mut self) {
        self.kept.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A file that is opened for each read.
#[derive(Debug)]
struct OpenedEachTime {
    path: PathBuf,
    id: Option<FileId>,
}

impl OpenedEachTime {
    fn open(&self) -> io::Result<File> {
        let file = open(&self.path)?;
        match file.stamp()?.id == self.id {
            true => Ok(file),
            false => Err(io::Error::other("another file is in its place")),
        }
    }
}

impl ReadAt for OpenedEachTime {
    fn read_some(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        self.open()?.read_some(buffer, at)
    }

    fn stamp(&self) -> io::Result<Stamp> {
        self.open()?.stamp()
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
        Ok(Stamp::of(&self.metadata()?))
    }
}

fn ended() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the file ends before the end of the frame")
}

fn open(path: &Path) -> io::Result<File> {
    // To open a device can have effects of its own. What is there may be replaced afterwards, so that the
    // open file is looked at once more.
    regular(&fs::metadata(path)?)?;
    let file = for_reading().open(path)?;
    regular(&file.metadata()?)?;
    Ok(file)
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

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn files_beyond_those_that_stay_open_are_read_all_the_same() {
        let directory = tempfile::tempdir().unwrap();
        let disk = Disk::keeping_open(1);
        let path = |name: &str| directory.path().join(name);
        let open = |name: &str| {
            fs::write(path(name), name).unwrap();
            disk.open(&path(name)).unwrap()
        };
        let read = |file: &dyn ReadAt| {
            let mut buffer = [0; 2];
            file.read_exact(&mut buffer, 1).map(|()| String::from_utf8_lossy(&buffer).into_owned())
        };
        let (first, second) = (open("one"), open("two"));
        assert_eq!((read(&*first).unwrap(), read(&*second).unwrap()), ("ne".into(), "wo".into()));
        assert_eq!(second.stamp().unwrap().len, 3);
        // What was added to it is there, as in one that is open.
        fs::write(path("two"), "two and more").unwrap();
        assert_eq!((second.stamp().unwrap().len, read(&*second).unwrap()), (12, "wo".into()));
        for name in ["one", "two"] {
            fs::write(path("other"), "other").unwrap();
            fs::rename(path("other"), path(name)).unwrap();
        }
        assert_eq!(read(&*first).unwrap(), "ne");
        assert_eq!(read(&*second).unwrap_err().to_string(), "another file is in its place");
        drop(first);
        let third = open("three");
        fs::remove_file(path("three")).unwrap();
        assert_eq!(read(&*third).unwrap(), "hr", "the place of the first is free");
    }
}
