//! A file that stays open, and is opened again if its disk comes back.
use super::super::problem::Problem;
use super::chunks::{Body, Chunks};
use super::files::{Files, ReadAt, Stamp};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

/// A file that was opened once, and is read by several threads.
///
/// A disk that is taken away and mounted again has no part in what was opened before. Where that can no longer
/// be read, the same file under the same path takes its place.
#[derive(Debug)]
pub(super) struct OpenFile {
    files: Arc<dyn Files>,
    path: PathBuf,
    stamp: Stamp,
    file: RwLock<Arc<dyn ReadAt>>,
    /// Where its content is, if that comes in chunks.
    chunks: Option<Arc<Chunks>>,
}

impl OpenFile {
    /// Opens a file. Blocks.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn open(files: &Arc<dyn Files>, path: &Path) -> io::Result<Self> {
        let file: Arc<dyn ReadAt> = files.open(path)?.into();
        let stamp = file.stamp()?;
        Ok(Self { files: files.clone(), path: path.to_owned(), stamp, file: RwLock::new(file), chunks: None })
    }

    /// Returns the path under which it was opened.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns what the file was when it was opened first.
    pub(super) const fn stamp(&self) -> Stamp {
        self.stamp
    }

    /// Returns whether the file is not, or perhaps not, what it was when it was opened first. Blocks.
    pub(super) fn is_changed(&self) -> bool {
        self.current().stamp().ok().is_none_or(|stamp| !self.is_same(stamp))
    }

    /// Has the content read from the chunks that it comes in, or from where it begins.
    pub(super) fn read_from(&mut self, chunks: Chunks) {
        self.chunks = Some(Arc::new(chunks));
    }

    /// Has all of the file read again.
    pub(super) fn read_all(&mut self) {
        self.chunks = None;
    }

    /// Returns the length of the content in bytes.
    pub(super) fn len(&self) -> u64 {
        self.chunks.as_ref().map_or(self.stamp.len, |chunks| chunks.len())
    }

    /// Fills `buffer` with the content from `at` on. Blocks.
    ///
    /// # Errors
    /// `UnexpectedEof` where the file ends before; what the system says.
    pub(super) fn read_exact(&self, buffer: &mut [u8], at: u64) -> io::Result<()> {
        let file = self.current();
        match self.content_of(file.clone()).read_exact(buffer, at) {
            Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => match self.open_again(&file) {
                Some(file) => self.content_of(file).read_exact(buffer, at),
                None => Err(error),
            },
            read => read,
        }
    }

    /// Puts a problem of the content in its place in the file. Blocks.
    pub(super) fn locate(&self, problem: Problem) -> Problem {
        let Some(chunks) = &self.chunks else { return problem };
        let at = problem.at.map(|at| chunks.offset(&*self.current(), at).unwrap_or(at));
        Problem { at, ..problem }
    }

    /// Returns the content of the file as it is open now: all of it, or what comes in chunks.
    pub(super) fn content(&self) -> Arc<dyn ReadAt> {
        self.content_of(self.current())
    }

    fn content_of(&self, file: Arc<dyn ReadAt>) -> Arc<dyn ReadAt> {
        match self.chunks.clone() {
            Some(chunks) => Arc::new(Body { file, chunks }),
            None => file,
        }
    }

    /// Returns the file as it is open now. Its lock is not held while something is read.
    pub(super) fn current(&self) -> Arc<dyn ReadAt> {
        self.file.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Opens the file again, after a read of `lost` has failed, unless another thread has done so. Returns `None`
    /// if the file is gone, is another one now, or is the one that is open.
    fn open_again(&self, lost: &Arc<dyn ReadAt>) -> Option<Arc<dyn ReadAt>> {
        let current = self.current();
        if !Arc::ptr_eq(&current, lost) {
            return Some(current);
        }
        let file: Arc<dyn ReadAt> = self.files.open(&self.path).ok()?.into();
        let stamp = file.stamp().ok().filter(|stamp| self.is_same(*stamp))?;
        if lost.stamp().is_ok_and(|lost| lost.id == stamp.id) {
            return None;
        }
        *self.file.write().unwrap_or_else(PoisonError::into_inner) = file.clone();
        Some(file)
    }

    /// Returns whether a file has the content that this one had. A disk that comes back may have another number.
    fn is_same(&self, stamp: Stamp) -> bool {
        (stamp.len, stamp.modified) == (self.stamp.len, self.stamp.modified)
    }
}

#[cfg(test)]
mod tests {
    use super::super::files::FileId;
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::{Duration, SystemTime};

    /// A disk with one file, which may be taken away and mounted again.
    #[derive(Clone, Debug, Default)]
    struct Removable {
        mounts: Arc<AtomicU64>,
        modified: Arc<AtomicU64>,
        opened: Arc<AtomicU64>,
    }

    #[derive(Debug)]
    struct Mounted {
        disk: Removable,
        mount: u64,
    }

    impl Mounted {
        fn check(&self) -> io::Result<()> {
            match self.disk.mounts.load(Ordering::Relaxed) == self.mount {
                true => Ok(()),
                false => Err(io::ErrorKind::NotConnected.into()),
            }
        }
    }

    impl Files for Removable {
        fn open(&self, _: &Path) -> io::Result<Box<dyn ReadAt>> {
            self.opened.fetch_add(1, Ordering::Relaxed);
            let mount = self.mounts.load(Ordering::Relaxed);
            Ok(Box::new(Mounted { disk: self.clone(), mount }))
        }
    }

    impl ReadAt for Mounted {
        fn read_some(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
            self.check()?;
            // The second half of it is a bad sector.
            if at >= 50 {
                return Err(io::Error::from_raw_os_error(5));
            }
            buffer.fill(7);
            Ok(buffer.len())
        }

        fn stamp(&self) -> io::Result<Stamp> {
            self.check()?;
            let modified = Duration::from_secs(self.disk.modified.load(Ordering::Relaxed));
            let id = Some(FileId::simulated(self.mount, 1));
            Ok(Stamp { len: 100, modified: Some(SystemTime::UNIX_EPOCH + modified), id })
        }
    }

    #[test]
    fn a_file_is_opened_again_when_its_disk_comes_back() {
        let disk = Removable::default();
        let files: Arc<dyn Files> = Arc::new(disk.clone());
        let file = OpenFile::open(&files, Path::new("clip")).unwrap();
        let read = |at| {
            let mut buffer = [0; 10];
            file.read_exact(&mut buffer, at).map(|()| buffer)
        };
        assert_eq!(read(0).unwrap(), [7; 10]);
        assert_eq!(disk.opened.load(Ordering::Relaxed), 1);

        disk.mounts.store(1, Ordering::Relaxed);
        assert!(file.is_changed());
        let lost = file.current();
        assert_eq!(read(0).unwrap(), [7; 10]);
        assert_eq!(disk.opened.load(Ordering::Relaxed), 2);
        // Whoever has read what is lost at the same time reads what was opened meanwhile.
        let opened = file.open_again(&lost).expect("it is open again");
        assert!(Arc::ptr_eq(&opened, &file.current()));
        assert_eq!(disk.opened.load(Ordering::Relaxed), 2);
        assert!(!file.is_changed());
        // It is open still, for which it needs no second look.
        assert_eq!(read(0).unwrap(), [7; 10]);
        assert_eq!(disk.opened.load(Ordering::Relaxed), 2);

        // A bad sector is one after all.
        assert_eq!(read(50).unwrap_err().raw_os_error(), Some(5));
        assert_eq!(read(0).unwrap(), [7; 10]);

        // What comes back is another file.
        disk.mounts.store(2, Ordering::Relaxed);
        disk.modified.store(1, Ordering::Relaxed);
        assert_eq!(read(0).unwrap_err().kind(), io::ErrorKind::NotConnected);
        disk.modified.store(0, Ordering::Relaxed);
        assert_eq!(read(0).unwrap(), [7; 10]);
    }
}
