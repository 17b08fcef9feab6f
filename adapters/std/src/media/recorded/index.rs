//! The places of the frames in a file, or in a directory of pictures.
//!
//! Files are read here, not accessed through their map: pages of a map that were accessed count as
//! memory of this process.
use super::super::normalise::{MAX_FRAME, Need, NormaliseOptions, Normalised, Normaliser};
use super::super::problem::{Problem, Problems};
use super::file::{FileReader, read_at};
use super::source::Tools;
use memmap2::Mmap;
use pinhole::codec::jpeg::JpegError;
use pinhole::media::{FrameClock, FrameReader, FrameSpan, MediaErrorKind, ReadError};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// Bytes of a file that are read at once.
const WINDOW: usize = 256 << 10;
/// Bytes of a frame that are read to inspect it. If its headers are longer, all of it is read.
const HEAD: usize = 2048;
const UNKNOWN: &str = "this is no Motion-JPEG: it starts neither with a JPEG picture (FF D8), nor with the \
                       length of one in digits, nor as an AVI or a multipart file does";

/// The state of a frame: it was not loaded yet.
const NOT_LOADED: u32 = 0;
/// The state of a frame: it has to be loaded into memory whenever it is needed.
const LOAD: u32 = u32::MAX - 1;
/// The state of a frame: it cannot be sent. Any other state is the length of a frame that is sent from
/// the mapped file.
const UNUSABLE: u32 = u32::MAX;

/// The frames that can be sent, as far as their headers tell.
#[derive(Debug)]
pub(in super::super) struct Index {
    path: PathBuf,
    place: Place,
    entries: Vec<Entry>,
    /// The state of each frame, which is known once it was loaded for the first time.
    states: Box<[AtomicU32]>,
    slots: u64,
    clock: Option<FrameClock>,
    first: Need,
    left_out: u64,
    recoded: u64,
    transcoded: u64,
}

/// The place of a frame, in sixteen bytes: there may be millions of frames.
#[derive(Clone, Copy, Debug)]
struct Entry {
    /// Bytes from the start of the file; for a directory, the number of the picture.
    at: u64,
    len: u32,
    /// How many frames come before this one, including those that were left out.
    number: u32,
}

#[derive(Debug)]
enum Place {
    File { file: File, map: Mmap },
    Pictures(Vec<PathBuf>),
}

impl Index {
    /// Indexes a file in any container that [`FrameReader`] knows. Returns what is wrong with it, too.
    /// Blocks.
    pub(in super::super) fn of_file(path: &Path, how: NormaliseOptions) -> (Option<Self>, Vec<Problem>) {
        let (file, len, map) = match open(path) {
            Ok(opened) => opened,
            Err(problem) => return (None, vec![problem]),
        };
        let mut problems = Problems::default();
        let mut found = Found::new(how);
        let mut reader = match FrameReader::new(FileReader::new(&file, len), vec![0; WINDOW], MAX_FRAME) {
            Ok(reader) => reader,
            Err(error) => return (None, vec![not_opened(path, error)]),
        };
        loop {
            match reader.next() {
                Ok(None) => break,
                Ok(Some(FrameSpan { at, len })) => {
                    let number = reader.slots().saturating_sub(1);
                    let added = found.add(at, len, number, |buffer| read_at(&file, buffer, at));
                    if let Err(fault) = added {
                        found.left_out += 1;
                        problems.push(fault.of_frame(path, number, at, how));
                    }
                }
                Err(ReadError::Media(error)) => {
                    problems.push(Problem::frame(path, error.frame, error.at, error.reason));
                }
                Err(ReadError::Io(error)) => {
                    problems.push(Problem::file(path, error));
                    break;
                }
            }
        }
        let (slots, clock) = (reader.slots(), reader.clock());
        drop(reader);
        found.finish(path, Place::File { file, map }, slots, clock, problems)
    }

    /// Indexes single pictures, which are played in this order. Returns what is wrong with them, too.
    /// Blocks.
    pub(in super::super) fn of_pictures(
        directory: &Path,
        files: Vec<PathBuf>,
        how: NormaliseOptions,
    ) -> (Option<Self>, Vec<Problem>) {
        let (mut found, mut problems) = (Found::new(how), Problems::default());
        for (number, path) in (0..).zip(&files) {
            let opened = File::open(path).and_then(|file| Ok((file.metadata()?.len(), file)));
            let added = opened.map_err(Unfit::Io).and_then(|(len, file)| {
                let len = u32::try_from(len).unwrap_or(u32::MAX);
                found.add(number, len, number, |buffer| read_at(&file, buffer, 0))
            });
            if let Err(fault) = added {
                found.left_out += 1;
                problems.push(fault.of_frame(path, 0, 0, how));
            }
        }
        let slots = files.len() as u64;
        found.finish(directory, Place::Pictures(files), slots, None, problems)
    }

    /// Returns the file or directory.
    pub(in super::super) fn path(&self) -> &Path {
        &self.path
    }

    pub(in super::super) const fn frames(&self) -> u64 {
        self.entries.len() as u64
    }

    /// Returns the number of frames including those that were left out, which keep their time.
    pub(in super::super) const fn slots(&self) -> u64 {
        self.slots
    }

    /// Returns the number of frames that were left out, because they cannot be sent.
    pub(in super::super) const fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Returns the clock of the file, if it has one of its own.
    pub(in super::super) const fn clock(&self) -> Option<FrameClock> {
        self.clock
    }

    /// Returns the width and height of the first frame in pixels; `None` if it has to be transcoded.
    pub(super) const fn size(&self) -> Option<(u16, u16)> {
        match &self.first {
            Need::Nothing(info) | Need::Recoding(info) => Some((info.width, info.height)),
            Need::Transcoding => None,
        }
    }

    /// Returns how many frames have to be re-coded, and how many transcoded.
    pub(in super::super) const fn to_change(&self) -> (u64, u64) {
        (self.recoded, self.transcoded)
    }

    /// Returns how many frames come before frame `n` in time, including those that were left out.
    pub(in super::super) fn number(&self, n: u32) -> Option<u64> {
        self.entries.get(n as usize).map(|entry| u64::from(entry.number))
    }

    /// Returns the place of the first frame for which `before` is false, given its [`Self::number`].
    pub(super) fn partition_point(&self, before: impl Fn(u64) -> bool) -> usize {
        self.entries.partition_point(|entry| before(u64::from(entry.number)))
    }

    /// Returns frame `n` if it is sent from the mapped file as it is, and was loaded before.
    pub(super) fn in_place(&self, n: u32) -> Option<&[u8]> {
        match self.state(n)? {
            NOT_LOADED | LOAD | UNUSABLE => None,
            len => self.mapped(n)?.get(..len as usize),
        }
    }

    /// Returns whether frame `n` has to be loaded before it can be sent. This is not so if there is no
    /// such frame, if it cannot be sent, or if [`Self::in_place`] has it.
    pub(super) fn needs_loading(&self, n: u32) -> bool {
        matches!(self.state(n), Some(NOT_LOADED | LOAD))
    }

    /// Reads and normalises frame `n`. Returns `None` if it is sent from the mapped file as it is.
    /// Blocks.
    ///
    /// # Errors
    /// Why it cannot be sent. [`Self::needs_loading`] is false from then on, unless it could not be read.
    pub(super) fn load(&self, n: u32, tools: &mut Tools) -> Result<Option<Box<[u8]>>, Problem> {
        self.read(n, &mut tools.buffer).map_err(|error| self.unreadable(n, &error))?;
        let normalised = self.normalise_read(n, &mut tools.normaliser, &tools.buffer);
        let (state, loaded) = match normalised {
            Ok(frame) if frame.as_is && self.mapped(n).is_some() => {
                (u32::try_from(frame.data.len()).unwrap_or(LOAD), Ok(None))
            }
            Ok(frame) => (LOAD, Ok(Some(frame.data.into()))),
            Err(problem) => (UNUSABLE, Err(problem)),
        };
        if let Some(stored) = self.states.get(n as usize) {
            stored.store(state, Ordering::Release);
        }
        loaded
    }

    /// Reads and normalises frame `n`; `buffer` is where it is read to. Blocks.
    ///
    /// # Errors
    /// Why it cannot be sent.
    pub(in super::super) fn normalise<'a>(
        &self,
        n: u32,
        normaliser: &'a mut Normaliser,
        buffer: &'a mut Vec<u8>,
    ) -> Result<Normalised<'a>, Problem> {
        self.read(n, buffer).map_err(|error| self.unreadable(n, &error))?;
        self.normalise_read(n, normaliser, buffer)
    }

    fn normalise_read<'a>(
        &self,
        n: u32,
        normaliser: &'a mut Normaliser,
        data: &'a [u8],
    ) -> Result<Normalised<'a>, Problem> {
        let (how, number) = (normaliser.how(), self.number(n).unwrap_or_default());
        normaliser.normalise(data).map_err(|fault| {
            let (path, start) = self.origin(n);
            Problem::left_out(path, number, start, &fault, how)
        })
    }

    fn unreadable(&self, n: u32, error: &io::Error) -> Problem {
        let (path, start) = self.origin(n);
        Problem::frame(path, self.number(n).unwrap_or_default(), start, error)
    }

    fn state(&self, n: u32) -> Option<u32> {
        self.states.get(n as usize).map(|state| state.load(Ordering::Acquire))
    }

    /// Returns frame `n` in the mapped file; `None` for a directory of pictures.
    fn mapped(&self, n: u32) -> Option<&[u8]> {
        let (entry, Place::File { map, .. }) = (self.entries.get(n as usize)?, &self.place) else {
            return None;
        };
        let start = usize::try_from(entry.at).ok()?;
        map.get(start..)?.get(..entry.len as usize)
    }

    /// Reads frame `n` into `buffer`, which becomes as long as the frame. It becomes empty if there is no
    /// such frame.
    fn read(&self, n: u32, buffer: &mut Vec<u8>) -> io::Result<()> {
        buffer.clear();
        let Some(entry) = self.entries.get(n as usize) else { return Ok(()) };
        buffer.resize(entry.len as usize, 0);
        match &self.place {
            Place::File { file, .. } => read_at(file, buffer, entry.at),
            Place::Pictures(_) => read_at(&File::open(self.origin(n).0)?, buffer, 0),
        }
    }

    /// Returns the file that frame `n` is in, and its offset there.
    fn origin(&self, n: u32) -> (&Path, u64) {
        let at = self.entries.get(n as usize).map_or(0, |entry| entry.at);
        match &self.place {
            Place::File { .. } => (&self.path, at),
            Place::Pictures(files) => {
                let file = usize::try_from(at).ok().and_then(|at| files.get(at));
                (file.unwrap_or(&self.path), 0)
            }
        }
    }
}

/// An index that is being made.
struct Found {
    how: NormaliseOptions,
    entries: Vec<Entry>,
    first: Option<Need>,
    left_out: u64,
    recoded: u64,
    transcoded: u64,
    buffer: Vec<u8>,
}

/// Why a frame cannot be sent.
enum Unfit {
    Io(io::Error),
    Jpeg(JpegError),
    TooLate,
    TooLarge,
}

impl Found {
    const fn new(how: NormaliseOptions) -> Self {
        Self {
            how,
            entries: Vec::new(),
            first: None,
            left_out: 0,
            recoded: 0,
            transcoded: 0,
            buffer: Vec::new(),
        }
    }

    fn add(
        &mut self,
        at: u64,
        len: u32,
        number: u64,
        read: impl Fn(&mut [u8]) -> io::Result<()>,
    ) -> Result<(), Unfit> {
        let number = u32::try_from(number).map_err(|_| Unfit::TooLate)?;
        if len > MAX_FRAME {
            return Err(Unfit::TooLarge);
        }
        let need = self.inspect(len as usize, HEAD, &read);
        let need = match need {
            // It may not be cut off, but have long headers.
            Err(Unfit::Jpeg(_)) if len as usize > HEAD => self.inspect(len as usize, usize::MAX, &read),
            other => other,
        }?;
        match need {
            Need::Nothing(_) => {}
            Need::Recoding(_) => self.recoded += 1,
            Need::Transcoding => self.transcoded += 1,
        }
        self.first.get_or_insert(need);
        self.entries.push(Entry { at, len, number });
        Ok(())
    }

    fn inspect(
        &mut self,
        len: usize,
        most: usize,
        read: impl Fn(&mut [u8]) -> io::Result<()>,
    ) -> Result<Need, Unfit> {
        self.buffer.resize(len.min(most), 0);
        read(&mut self.buffer).map_err(Unfit::Io)?;
        self.how.need(&self.buffer, len).map_err(Unfit::Jpeg)
    }

    fn finish(
        mut self,
        path: &Path,
        place: Place,
        slots: u64,
        clock: Option<FrameClock>,
        problems: Problems,
    ) -> (Option<Index>, Vec<Problem>) {
        let mut problems = problems.of(path);
        let Some(first) = self.first else {
            problems.push(Problem::file(path, "there is no frame in it that can be served"));
            return (None, problems);
        };
        self.entries.shrink_to_fit();
        let Self { entries, left_out, recoded, transcoded, .. } = self;
        let (path, states) = (path.to_owned(), entries.iter().map(|_| AtomicU32::new(NOT_LOADED)).collect());
        (
            Some(Index { path, place, entries, states, slots, clock, first, left_out, recoded, transcoded }),
            problems,
        )
    }
}

impl Unfit {
    fn of_frame(&self, path: &Path, number: u64, start: u64, how: NormaliseOptions) -> Problem {
        match self {
            Self::Io(error) => Problem::frame(path, number, start, error),
            Self::Jpeg(error) => Problem::left_out(path, number, start, &(*error).into(), how),
            Self::TooLate => Problem::frame(path, number, start, "there are too many frames before it"),
            Self::TooLarge => Problem::frame(path, number, start, "the frame is too large"),
        }
    }
}

fn not_opened(path: &Path, error: ReadError<io::Error>) -> Problem {
    match error {
        ReadError::Media(error) if error.reason == MediaErrorKind::Unrecognised => {
            Problem::frame(path, 0, 0, UNKNOWN)
        }
        ReadError::Media(error) => Problem { at: Some(error.at), ..Problem::file(path, error.reason) },
        ReadError::Io(error) => Problem::file(path, error),
    }
}

fn open(path: &Path) -> Result<(File, u64, Mmap), Problem> {
    let problem = |error: io::Error| Problem::file(path, error);
    let file = File::open(path).map_err(problem)?;
    let len = file.metadata().map_err(problem)?.len();
    if len == 0 {
        return Err(Problem::file(path, "the file is empty"));
    }
    // SAFETY: the map is only read. A process that truncates the file ends this one by a signal, as with
    // every program that maps files; `Library::add_path` says so.
    let map = unsafe { Mmap::map(&file) }.map_err(problem)?;
    Ok((file, len, map))
}
