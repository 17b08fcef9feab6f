//! A disk in memory, whose reads fail as they are told to.
use super::super::files::{FileId, Files, ReadAt, Stamp};
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

/// A file that nobody has changed, and how long it is now.
#[derive(Clone, Debug)]
struct Content {
    bytes: Arc<[u8]>,
    len: usize,
    /// How often another content took its place.
    replaced: u64,
    inode: u64,
    device: u64,
}

/// How many faults there were, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Faults {
    pub(super) errors: u64,
    pub(super) interrupted: u64,
    pub(super) short: u64,
    pub(super) panics: u64,
    /// Cuts between two reads of one frame.
    pub(super) cuts: u64,
}

#[derive(Debug, Default)]
struct State {
    files: BTreeMap<PathBuf, Content>,
    /// What happens to the reads and openings that come next, one byte for each. After them, all is well.
    faults: VecDeque<u8>,
    /// After so many more reads and openings, a file is cut.
    cut: Option<(usize, usize, usize)>,
    seen: Faults,
}

/// The disk. A copy is the same disk.
#[derive(Clone, Debug, Default)]
pub(super) struct Disk(Arc<Mutex<State>>);

#[derive(Debug)]
struct Open {
    disk: Disk,
    path: PathBuf,
}

impl Disk {
    /// Adds a file. Its number is that of its device, too.
    pub(super) fn add(&self, path: &str, bytes: Vec<u8>) {
        let mut state = self.lock();
        let number = state.files.len() as u64;
        let content =
            Content { len: bytes.len(), bytes: bytes.into(), replaced: 0, inode: number, device: number };
        state.files.insert(path.into(), content);
    }

    /// Says what happens to reads and openings after those of which it is said already.
    pub(super) fn fail(&self, faults: &[u8]) {
        self.lock().faults.extend(faults);
    }

    /// Cuts the file number `number` off after `len` bytes, or makes it whole again if it has fewer.
    pub(super) fn cut(&self, number: usize, len: usize) {
        self.lock().cut(number, len);
    }

    /// Does what [`Self::cut`] does, after `reads` more reads and openings.
    pub(super) fn cut_after(&self, reads: usize, number: usize, len: usize) {
        self.lock().cut = Some((reads, number, len));
    }

    /// Adds `more` to the end of file number `number`.
    pub(super) fn grow(&self, number: usize, more: &[u8]) {
        let mut state = self.lock();
        if let Some(content) = state.files.values_mut().nth(number) {
            content.bytes = [&content.bytes[..content.len], more].concat().into();
            content.len = content.bytes.len();
        }
    }

    /// Ends the faults that were to come.
    pub(super) fn end_faults(&self) {
        let mut state = self.lock();
        state.faults.clear();
        state.cut = None;
    }

    /// Returns the faults that there were.
    pub(super) fn seen(&self) -> Faults {
        self.lock().seen
    }

    /// Puts the content of another file in place of that of file number `number`.
    pub(super) fn replace(&self, number: usize, other: usize) {
        let mut state = self.lock();
        let other = state.files.values().nth(other).cloned();
        if let (Some(content), Some(other)) = (state.files.values_mut().nth(number), other) {
            (content.bytes, content.len) = (other.bytes, other.len);
            content.replaced += 1;
        }
    }

    /// Ends all faults, and makes all files whole.
    pub(super) fn repair(&self) {
        let mut state = self.lock();
        (state.faults, state.cut) = (VecDeque::new(), None);
        state.files.values_mut().for_each(|content| content.len = content.bytes.len());
    }

    /// A fault may be a panic, which must not poison it.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn cut(&mut self, number: usize, len: usize) {
        if let Some(content) = self.files.values_mut().nth(number) {
            content.len = len.min(content.bytes.len());
        }
    }

    /// Returns the most bytes that the next read returns.
    ///
    /// # Errors
    /// As the next fault says.
    fn next(&mut self) -> io::Result<usize> {
        match self.cut.take() {
            Some((0, number, len)) => {
                self.seen.cuts += 1;
                self.cut(number, len);
            }
            cut => self.cut = cut.map(|(reads, number, len)| (reads - 1, number, len)),
        }
        match self.faults.pop_front().unwrap_or(0) % 16 {
            0..8 => Ok(usize::MAX),
            8 | 9 => {
                self.seen.errors += 1;
                Err(io::Error::from_raw_os_error(5))
            }
            10 => {
                self.seen.interrupted += 1;
                Err(io::ErrorKind::Interrupted.into())
            }
            // Without a word on standard error, which a fuzz target takes for the end.
            11 => {
                self.seen.panics += 1;
                std::panic::resume_unwind(Box::new("a bug"))
            }
            short => {
                self.seen.short += 1;
                Ok(1 << (short - 12))
            }
        }
    }
}

impl Files for Disk {
    fn open(&self, path: &Path) -> io::Result<Box<dyn ReadAt>> {
        let mut state = self.lock();
        state.next()?;
        match state.files.contains_key(path) {
            true => Ok(Box::new(Open { disk: self.clone(), path: path.to_owned() })),
            false => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

impl ReadAt for Open {
    fn read_some(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        let mut state = self.disk.lock();
        let most = state.next()?;
        let content = state.files.get(&self.path).cloned().ok_or(io::ErrorKind::NotFound)?;
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        let rest = content.bytes.get(at.min(content.len)..content.len).unwrap_or_default();
        let len = rest.len().min(buffer.len()).min(most);
        buffer[..len].copy_from_slice(&rest[..len]);
        Ok(len)
    }

    fn stamp(&self) -> io::Result<Stamp> {
        let state = self.disk.lock();
        let &Content { len, replaced, inode, device, .. } =
            state.files.get(&self.path).ok_or(io::ErrorKind::NotFound)?;
        let modified = Some(SystemTime::UNIX_EPOCH + Duration::from_secs(replaced));
        Ok(Stamp { len: len as u64, modified, id: Some(FileId::simulated(device, inode)) })
    }
}
