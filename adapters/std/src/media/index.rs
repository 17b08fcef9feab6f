//! Where the frames of a file, or of a directory of pictures, are.
//!
//! Files are read here, not looked at through their map: of a mapped file, what was looked at once
//! counts as this process's memory.
use super::file::{FileReader, read_at};
use super::normalise::{MAX_FRAME, Need, Normal, Normaliser, Normalising};
use super::problem::{Problem, Problems};
use memmap2::Mmap;
use pinhole::codec::jpeg::{JpegError, JpegInfo};
use pinhole::media::{FrameClock, FrameReader, FrameSpan, MediaErrorKind, ReadError};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// The step in which a file is read.
const WINDOW: usize = 256 << 10;
/// What is read of a frame to see what it is. The headers of next to all are shorter; of the
/// others, the whole is read.
const HEAD: usize = 2048;
const UNKNOWN: &str = "this is no Motion-JPEG: it starts neither with a JPEG picture (FF D8), nor with the \
                       length of one in digits, nor as an AVI or a multipart file does";

/// The frames that can be served, as far as their headers tell.
#[derive(Debug)]
pub(super) struct Index {
    path: PathBuf,
    place: Place,
    entries: Vec<Entry>,
    slots: u64,
    clock: Option<FrameClock>,
    first: Need,
    left_out: u64,
    recoded: u64,
    transcoded: u64,
}

/// A frame. There may be millions: sixteen bytes each.
#[derive(Clone, Copy, Debug)]
struct Entry {
    /// Bytes from the start of the file; of single pictures, which one.
    at: u64,
    len: u32,
    /// How many frames come before it, with those that were left out.
    number: u32,
}

#[derive(Debug)]
enum Place {
    File { file: File, map: Mmap },
    Pictures(Vec<PathBuf>),
}

impl Index {
    /// Opens a file in any container that the reader knows.
    pub(super) fn of_file(path: &Path, how: Normalising) -> (Option<Self>, Vec<Problem>) {
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

    /// Opens single pictures, which are played in this order.
    pub(super) fn of_pictures(
        directory: &Path,
        files: Vec<PathBuf>,
        how: Normalising,
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

    /// The file or directory.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) const fn frames(&self) -> u64 {
        self.entries.len() as u64
    }

    /// How many frames there would be, had none been left out: they keep their place in time.
    pub(super) const fn slots(&self) -> u64 {
        self.slots
    }

    /// How many frames were found that cannot be served.
    pub(super) const fn left_out(&self) -> u64 {
        self.left_out
    }

    /// The clock that the file has of its own.
    pub(super) const fn clock(&self) -> Option<FrameClock> {
        self.clock
    }

    /// What the first frame is; `None` if that has to be transcoded.
    pub(super) const fn info(&self) -> Option<JpegInfo> {
        match self.first {
            Need::Nothing(info) | Need::Recoding(info) => Some(info),
            Need::Transcoding => None,
        }
    }

    /// How many frames have to be re-coded, and how many transcoded.
    pub(super) const fn to_change(&self) -> (u64, u64) {
        (self.recoded, self.transcoded)
    }

    /// How many frames come before frame `n` in time.
    pub(super) fn number(&self, n: usize) -> Option<u64> {
        self.entries.get(n).map(|entry| u64::from(entry.number))
    }

    /// The first frame for which `before` does not hold, when given what [`Self::number`] says.
    pub(super) fn partition_point(&self, before: impl Fn(u64) -> bool) -> usize {
        self.entries.partition_point(|entry| before(u64::from(entry.number)))
    }

    /// Frame `n`, in the mapped file.
    pub(super) fn mapped(&self, n: usize) -> Option<&[u8]> {
        let (entry, Place::File { map, .. }) = (self.entries.get(n)?, &self.place) else { return None };
        let start = usize::try_from(entry.at).ok()?;
        map.get(start..)?.get(..entry.len as usize)
    }

    /// Makes frame `n` ready to be sent; `source` is where it is read to.
    ///
    /// # Errors
    /// Why it is left out.
    pub(super) fn normalise<'a>(
        &self,
        n: usize,
        normaliser: &'a mut Normaliser,
        source: &'a mut Vec<u8>,
    ) -> Result<Normal<'a>, Problem> {
        let (path, start) = self.origin(n);
        self.read(n, source).map_err(|error| Problem::file(path, error))?;
        let (how, number) = (normaliser.how(), self.number(n).unwrap_or_default());
        normaliser.normalise(source).map_err(|fault| Problem::left_out(path, number, start, &fault, how))
    }

    /// Reads frame `n` into `buffer`, which is as long as the frame then. If there is no such
    /// frame, nothing is read.
    fn read(&self, n: usize, buffer: &mut Vec<u8>) -> io::Result<()> {
        buffer.clear();
        let Some(entry) = self.entries.get(n) else { return Ok(()) };
        buffer.resize(entry.len as usize, 0);
        match &self.place {
            Place::File { file, .. } => read_at(file, buffer, entry.at),
            Place::Pictures(_) => read_at(&File::open(self.origin(n).0)?, buffer, 0),
        }
    }

    /// Which file frame `n` is in, and where.
    fn origin(&self, n: usize) -> (&Path, u64) {
        let at = self.entries.get(n).map_or(0, |entry| entry.at);
        match &self.place {
            Place::File { .. } => (&self.path, at),
            Place::Pictures(files) => {
                let file = usize::try_from(at).ok().and_then(|at| files.get(at));
                (file.unwrap_or(&self.path), 0)
            }
        }
    }
}

/// What becomes an index.
struct Found {
    how: Normalising,
    entries: Vec<Entry>,
    first: Option<Need>,
    left_out: u64,
    recoded: u64,
    transcoded: u64,
    buffer: Vec<u8>,
}

/// Why a frame cannot be served.
enum Unfit {
    Io(io::Error),
    Jpeg(JpegError),
    TooLate,
    TooLarge,
}

impl Found {
    const fn new(how: Normalising) -> Self {
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
            // What looks cut off may only be long.
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
        let path = path.to_owned();
        (Some(Index { path, place, entries, slots, clock, first, left_out, recoded, transcoded }), problems)
    }
}

impl Unfit {
    fn of_frame(&self, path: &Path, number: u64, start: u64, how: Normalising) -> Problem {
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
    // SAFETY: the map is only read. Another process that cuts the file short under it ends this one
    // by a signal, as for every program that maps files; `Library::add_path` says so.
    let map = unsafe { Mmap::map(&file) }.map_err(problem)?;
    Ok((file, len, map))
}
