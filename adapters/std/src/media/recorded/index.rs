//! The places of the frames in a file, or in a directory of pictures.
//!
//! Files are read by position and never mapped: a file may be truncated at any time, and to access what is
//! gone from a map ends the process.
mod contained;
mod pictures;
mod problems;

use super::super::foreign;
use super::super::memory::{self, NoMemory};
use super::super::normalise::{Fault, FaultKind, MAX_FRAME, Need, NormaliseOptions, Normalised, Normaliser};
use super::super::orientation::Orientation;
use super::super::problem::{Problem, Problems};
use super::chunks::Chunks;
use super::containers::{self, Timing};
use super::files::Files;
use super::health::{Failure, Health, Outlook};
use super::open_file::OpenFile;
use super::scan::{FileReader, Meter, Scanned};
use super::source::Tools;
use contained::Contained;
use pictures::{Picture, picture_at};
use pinhole::codec::jpeg::JpegInfo;
use pinhole::media::{Container, FrameClock, FrameReader, FrameSpan, MediaErrorKind, ReadError};
use pinhole::sdp::FrameRate;
use problems::{EMPTY, NO_FRAME, TOO_LARGE, Unfit, about_chunks, not_opened, second_field};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bytes of a file that are read at once.
const WINDOW: usize = 256 << 10;
/// Bytes of a frame that are read to inspect it. If its headers are longer, all of it is read.
const HEAD: usize = 2048;
/// A medium of no more frames is tried before it is served.
const TRIED: u32 = 256;
/// The two markers that a picture starts and ends with (ITU-T T.81, B.1.1.3).
const SOI: [u8; 2] = [0xFF, 0xD8];
const EOI: [u8; 2] = [0xFF, 0xD9];

/// How far a file or directory is searched for frames. It is passed to the function that was given to
/// [`Library::add_path_with`](super::super::Library::add_path_with).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Indexing<'a> {
    /// The path of the file, or of the directory of pictures.
    pub path: &'a Path,
    /// The bytes of the file that were read so far; for a directory, the number of pictures.
    pub done: u64,
    /// The length of the file in bytes, of which all or a part is read; for a directory, the number of
    /// pictures.
    pub of: u64,
    /// The number of frames that were found so far.
    pub frames: u64,
}

/// Told how far an index is.
pub(in super::super) type Watch<'w> = &'w mut dyn FnMut(Indexing<'_>);

/// The frames that can be sent, as far as their headers tell.
#[derive(Debug)]
pub(in super::super) struct Index {
    path: PathBuf,
    place: Place,
    device: u64,
    entries: Vec<Entry>,
    /// What is known of each frame, once it was loaded for the first time.
    health: Health,
    slots: u64,
    timing: Timing,
    /// The time of each frame, if their times are varying.
    times: Vec<u32>,
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
    File(OpenFile),
    Pictures { files: Arc<dyn Files>, pictures: Vec<Picture> },
}

/// A frame that was loaded.
struct Loaded {
    data: Box<[u8]>,
    as_is: bool,
}

impl Index {
    /// Indexes a file in any container that [`FrameReader`] knows. Returns what is wrong with it, too.
    /// Blocks.
    pub(in super::super) fn of_file(
        files: &Arc<dyn Files>,
        path: &Path,
        how: NormaliseOptions,
        watch: Watch<'_>,
    ) -> (Option<Self>, Vec<Problem>) {
        let mut open = match OpenFile::open(files, path) {
            Ok(file) if file.stamp().len == 0 => {
                return (None, vec![Problem::file(path, EMPTY)]);
            }
            Ok(file) => file,
            Err(error) => return (None, vec![Problem::file(path, error)]),
        };
        let (stamp, file) = (open.stamp(), open.current());
        let mut tell = |Scanned { read, frames }| {
            watch(Indexing { path, done: read.min(stamp.len), of: stamp.len, frames })
        };
        let meter = Meter::new(&mut tell);
        let mut problems = Problems::default();
        // What cannot be read is told by those who need it.
        let first = containers::peek(&*file, 0, foreign::LOOKED_AT, &meter);
        if let Some((before, container, name)) = foreign::container_after(&first) {
            let before = before as u64;
            if before > 0 {
                open.read_from(Chunks::after(before, stamp.len));
                problems.push(Problem::frame(path, 0, 0, MediaErrorKind::Junk { len: before }));
            }
            match contained::find(&open, container, name, &meter) {
                Contained::Video(video) => return Self::of_video(open, video, how, problems, &meter),
                Contained::Frames(problem) => problems.push(problem),
                Contained::Refused(problem) => return (None, vec![problem]),
            }
            open.read_all();
        } else if let Some(name) = foreign::format_of(&first) {
            return (None, vec![problems::foreign(path, name)]);
        }
        let mut found = Found::new(how, stamp.device());
        let reader = FileReader::new(&*file, &meter, stamp.len);
        let content;
        let opened = match FrameReader::new(reader, vec![0; WINDOW], MAX_FRAME) {
            Err(ReadError::Media(error)) if error.reason == MediaErrorKind::Chunks => {
                let chunks = match Chunks::find(&*file, error.at, stamp.len, &meter) {
                    Ok(chunks) => chunks,
                    Err(error) => return (None, vec![Problem::file(path, error)]),
                };
                problems.extend(about_chunks(path, error.at, &chunks));
                let len = chunks.len();
                open.read_from(chunks);
                content = open.content();
                FrameReader::new(FileReader::new(&*content, &meter, len), vec![0; WINDOW], MAX_FRAME)
            }
            opened => opened,
        };
        let mut reader = match opened {
            Ok(reader) => reader,
            Err(error) => return (None, vec![not_opened(path, &first, error)]),
        };
        loop {
            match reader.next() {
                Ok(None) => break,
                Ok(Some(FrameSpan { at, len })) => {
                    meter.found(len);
                    let number = reader.slots().saturating_sub(1);
                    let added = found.add(at, len, number, |buffer| open.read_exact(buffer, at));
                    if added.is_ok() && number == 0 && reader.container() == Container::Avi {
                        problems.extend(second_field(path, &open, at, len));
                    }
                    if let Err(fault) = added {
                        found.left_out += 1;
                        problems.push(open.locate(fault.of_frame(path, number, at, how)));
                        if fault.is_of_all() {
                            break;
                        }
                    }
                }
                Err(ReadError::Media(error)) => {
                    let problem = Problem::frame(path, error.frame, error.at, error.reason);
                    problems.push(open.locate(problem));
                }
                Err(ReadError::Io(error)) => {
                    problems.push(Problem::file(path, error));
                    break;
                }
            }
        }
        let (slots, timing) = (reader.slots(), Timing::Steady(reader.clock()));
        drop(reader);
        found.finish(path, Place::File(open), slots, timing, problems)
    }

    /// Returns the file or directory.
    pub(in super::super) fn path(&self) -> &Path {
        &self.path
    }

    pub(in super::super) const fn frames(&self) -> u64 {
        self.entries.len() as u64
    }

    /// Returns how many bytes all frames have, as they lie in the file.
    pub(in super::super) fn bytes(&self) -> u64 {
        self.entries.iter().map(|entry| u64::from(entry.len)).sum()
    }

    /// Returns the end of the medium in slots. If its frames are equally far apart, this is the number of frames
    /// including those that were left out, which keep their time.
    pub(in super::super) const fn slots(&self) -> u64 {
        self.slots
    }

    /// Returns the number of frames that were left out, because they cannot be sent.
    pub(in super::super) const fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Returns when frames are shown.
    pub(in super::super) const fn timing(&self) -> &Timing {
        &self.timing
    }

    /// Returns the rate of the file's own clock, on average; `None` if it has none.
    pub(in super::super) fn own_rate(&self) -> Option<FrameRate> {
        match &self.timing {
            Timing::Steady(clock) => clock.map(FrameClock::frame_rate),
            Timing::Varying { average, .. } => Some(*average),
        }
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

    /// Returns the slot of frame `n`. If frames are equally far apart, this is how many frames come before it,
    /// including those that were left out; otherwise it is a time.
    pub(in super::super) fn slot(&self, n: u32) -> Option<u64> {
        match self.timing {
            Timing::Steady(_) => self.entries.get(n as usize).map(|entry| u64::from(entry.number)),
            Timing::Varying { .. } => self.times.get(n as usize).copied().map(u64::from),
        }
    }

    /// Returns the place of the first frame for which `before` is false, given its [`Self::slot`].
    pub(super) fn partition_point(&self, before: impl Fn(u64) -> bool) -> usize {
        match self.timing {
            Timing::Steady(_) => self.entries.partition_point(|entry| before(u64::from(entry.number))),
            Timing::Varying { .. } => self.times.partition_point(|time| before(u64::from(*time))),
        }
    }

    /// Returns the number of the disk that the frames are on; 0 where the system does not know it.
    pub(super) const fn device(&self) -> u64 {
        self.device
    }

    /// Has what cannot be read tried again after `retry`.
    #[cfg(any(test, feature = "simulation"))]
    pub(super) const fn retry_after(&mut self, retry: std::time::Duration) {
        self.health.retry_after(retry);
    }

    /// Has `clock` show when it is time for that, in units of ten milliseconds.
    #[cfg(any(feature = "simulation", all(test, feature = "server", feature = "transcode")))]
    pub(super) fn time_by(&mut self, clock: Arc<std::sync::atomic::AtomicU32>) {
        self.health.time_by(clock);
    }

    /// Returns whether frame `n` can be had, and what is known if not.
    pub(super) fn outlook(&self, n: u32) -> Outlook {
        self.health.outlook(n)
    }

    /// Returns whether nothing is read now, because the file could not be read the last times.
    pub(super) fn is_down(&self) -> bool {
        self.health.is_down()
    }

    /// Returns why a frame could not be loaded the last time; `None` if all could.
    pub(super) fn newest_problem(&self) -> Option<Problem> {
        self.health.problem()
    }

    /// Returns how many frames could not be loaded when they were last tried, and what was wrong with the newest;
    /// `None` if there is none.
    pub(in super::super) fn losses(&self) -> Option<(u64, Problem)> {
        Some(self.health.failing()).filter(|failing| *failing > 0).zip(self.health.problem())
    }

    /// Reads and normalises frame `n`. Returns `None` if it cannot be sent, which [`Self::outlook`] knows
    /// from then on. What is wrong goes to the log. Blocks.
    pub(super) fn load(&self, n: u32, tools: &mut Tools) -> Option<Box<[u8]>> {
        let as_is = match self.outlook(n) {
            Outlook::Good { as_is } => as_is,
            Outlook::PassOver | Outlook::End => None,
        };
        let loaded = match as_is {
            Some(len) => match self.load_as_is(n, len) {
                Ok(None) => self.load_changed(n, tools),
                Ok(Some(loaded)) => Ok(loaded),
                Err(failure) => Err(failure),
            },
            None => self.load_anew(n, tools),
        };
        match loaded {
            Ok(Loaded { data, as_is }) => {
                let len = u32::try_from(data.len()).ok().filter(|_| as_is);
                self.health.loaded(n, len);
                Some(data)
            }
            Err((failure, problem)) => {
                self.health.failed(n, failure, &self.path, &problem);
                None
            }
        }
    }

    /// Notes that loading frame `n` has panicked.
    pub(super) fn panicked(&self, n: u32) {
        let problem = self.problem(n, "it cannot be loaded: the program has failed at it");
        self.health.failed(n, Failure::Unusable, &self.path, &problem);
    }

    /// Reads frame `n`, which is sent as it is, `len` bytes of it. Returns `None` if another content is in its
    /// place.
    fn load_as_is(&self, n: u32, len: u32) -> Result<Option<Loaded>, (Failure, Problem)> {
        let mut data = Vec::new();
        let read = match (&self.place, self.entries.get(n as usize)) {
            (Place::File(file), Some(entry)) => memory::resize(&mut data, len as usize)
                .map_err(io::Error::from)
                .and_then(|()| file.read_exact(&mut data, entry.at)),
            _ => Err(io::ErrorKind::NotFound.into()),
        };
        let data = data.into_boxed_slice();
        read.map_err(|error| (Failure::Unreadable, self.problem(n, error)))?;
        // It was looked at in full when it was loaded for the first time.
        let same = data.starts_with(&SOI) && data.ends_with(&EOI) && JpegInfo::locate(&data).is_some();
        Ok(same.then_some(Loaded { data, as_is: true }))
    }

    /// Reads and normalises frame `n`, in whose place there was another content since it was loaded.
    fn load_changed(&self, n: u32, tools: &mut Tools) -> Result<Loaded, (Failure, Problem)> {
        // It was good once, and may be so again.
        self.load_anew(n, tools).map_err(|(_, problem)| (Failure::Unreadable, problem))
    }

    /// Reads and normalises frame `n`.
    fn load_anew(&self, n: u32, tools: &mut Tools) -> Result<Loaded, (Failure, Problem)> {
        self.read(n, &mut tools.buffer).map_err(|error| (Failure::Unreadable, self.problem(n, error)))?;
        let how = tools.normaliser.how();
        let normalised = self.normalise_read(&mut tools.normaliser, &tools.buffer);
        let copied = normalised.and_then(|frame| Ok((memory::copy(frame.data)?, frame.as_is)));
        copied
            .map(|(data, as_is)| Loaded { data, as_is: as_is && matches!(self.place, Place::File(_)) })
            .map_err(|fault| {
                let problem = self.problem_of(n, &tools.buffer, &fault, how);
                match (&fault.reason, &self.place) {
                    (FaultKind::NoMemory, _) => (Failure::Unreadable, problem),
                    _ if self.is_changed(n) => {
                        let reason = format!("the file was changed: {}", problem.reason);
                        (Failure::Unreadable, Problem { reason, ..problem })
                    }
                    // It is opened anew whenever it is read, and may be replaced.
                    (_, Place::Pictures { .. }) => (Failure::Unreadable, problem),
                    (_, Place::File(_)) => (Failure::Unusable, problem),
                }
            })
    }

    /// Returns whether the file that frame `n` is in is not, or perhaps not, what it was when it was indexed. Blocks.
    fn is_changed(&self, n: u32) -> bool {
        match &self.place {
            Place::File(file) => file.is_changed(),
            Place::Pictures { files, pictures } => {
                let now = files.open(self.origin(n).0).and_then(|file| file.stamp()).ok();
                now.is_none() || self.picture(pictures, n).is_none_or(|picture| picture.stamp != now)
            }
        }
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
        self.read(n, buffer).map_err(|error| self.problem(n, error))?;
        let how = normaliser.how();
        self.normalise_read(normaliser, buffer).map_err(|fault| self.problem_of(n, buffer, &fault, how))
    }

    /// Returns what is wrong with each frame, if none can be sent, which their headers do not tell. Returns `None` if
    /// one can, or if a frame cannot be read or has no room now, or if there are more than [`TRIED`] frames. Blocks.
    pub(in super::super) fn faults_of_all(&self, how: NormaliseOptions) -> Option<Vec<Problem>> {
        let mut tools = Tools::new(how);
        let mut problems = Problems::default();
        for n in 0..u32::try_from(self.frames()).ok().filter(|frames| *frames <= TRIED)? {
            self.read(n, &mut tools.buffer).ok()?;
            let fault = self.normalise_read(&mut tools.normaliser, &tools.buffer).err();
            let fault = fault.filter(|fault| fault.reason != FaultKind::NoMemory)?;
            problems.push(self.problem_of(n, &tools.buffer, &fault, how));
        }
        problems.push(Problem::file(&self.path, NO_FRAME));
        Some(problems.of(&self.path))
    }

    fn normalise_read<'a>(
        &self,
        normaliser: &'a mut Normaliser,
        data: &'a [u8],
    ) -> Result<Normalised<'a>, Fault> {
        normaliser.normalise(data.get(self.before_picture(data)..).unwrap_or_default())
    }

    /// Returns how many bytes are before the picture in what was read for a frame.
    fn before_picture(&self, data: &[u8]) -> usize {
        match &self.place {
            Place::File(_) => 0,
            Place::Pictures { .. } => picture_at(data).unwrap_or(0),
        }
    }

    /// Creates the problem of frame `n`, for which `data` were read, and which cannot be sent.
    fn problem_of(&self, n: u32, data: &[u8], fault: &Fault, how: NormaliseOptions) -> Problem {
        let (path, start) = self.origin(n);
        let start = start.saturating_add(self.before_picture(data) as u64);
        self.locate(Problem::left_out(path, self.number(n), start, fault, how))
    }

    /// Returns how many frames of the file come before frame `n`, including those that were left out.
    fn number(&self, n: u32) -> u64 {
        self.entries.get(n as usize).map_or(0, |entry| entry.number.into())
    }

    /// Creates the problem of frame `n`.
    fn problem(&self, n: u32, reason: impl fmt::Display) -> Problem {
        let (path, start) = self.origin(n);
        self.locate(Problem::frame(path, self.number(n), start, reason))
    }

    /// Puts a problem of the content in its place in the file. Blocks.
    fn locate(&self, problem: Problem) -> Problem {
        match &self.place {
            Place::File(file) => file.locate(problem),
            Place::Pictures { .. } => problem,
        }
    }

    /// Reads frame `n` into `buffer`, which becomes as long as the frame. It becomes empty if there is no
    /// such frame.
    fn read(&self, n: u32, buffer: &mut Vec<u8>) -> io::Result<()> {
        buffer.clear();
        let Some(entry) = self.entries.get(n as usize) else { return Ok(()) };
        match &self.place {
            Place::File(file) => {
                memory::resize(buffer, entry.len as usize)?;
                file.read_exact(buffer, entry.at)
            }
            Place::Pictures { files, .. } => {
                // It may have been replaced.
                let file = files.open(self.origin(n).0)?;
                let len = u32::try_from(file.stamp()?.len).ok().filter(|len| *len <= MAX_FRAME);
                memory::resize(buffer, len.ok_or_else(|| io::Error::other(TOO_LARGE))? as usize)?;
                file.read_exact(buffer, 0)
            }
        }
    }

    /// Returns the file that frame `n` is in, and its offset in the content of the file.
    fn origin(&self, n: u32) -> (&Path, u64) {
        match &self.place {
            Place::File(_) => (&self.path, self.entries.get(n as usize).map_or(0, |entry| entry.at)),
            Place::Pictures { pictures, .. } => {
                (self.picture(pictures, n).map_or(&self.path, |picture| &picture.path), 0)
            }
        }
    }

    fn picture<'a>(&self, pictures: &'a [Picture], n: u32) -> Option<&'a Picture> {
        let entry = self.entries.get(n as usize)?;
        pictures.get(usize::try_from(entry.at).ok()?)
    }
}

/// An index that is being made.
struct Found {
    how: NormaliseOptions,
    device: u64,
    entries: Vec<Entry>,
    times: Vec<u32>,
    first: Option<Need>,
    /// How the first frame is to be turned, by its own word.
    orientation: Option<Orientation>,
    left_out: u64,
    recoded: u64,
    transcoded: u64,
    buffer: Vec<u8>,
}

impl Found {
    const fn new(how: NormaliseOptions, device: u64) -> Self {
        Self {
            how,
            device,
            entries: Vec::new(),
            times: Vec::new(),
            first: None,
            orientation: None,
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
        if self.first.is_none() {
            (self.first, self.orientation) = (Some(need), Orientation::of_jpeg(&self.buffer));
        }
        memory::push(&mut self.entries, Entry { at, len, number }).map_err(Unfit::from)
    }

    fn inspect(
        &mut self,
        len: usize,
        most: usize,
        read: impl Fn(&mut [u8]) -> io::Result<()>,
    ) -> Result<Need, Unfit> {
        memory::resize(&mut self.buffer, len.min(most))?;
        read(&mut self.buffer).map_err(Unfit::Io)?;
        self.how.need(&self.buffer, len).map_err(Unfit::Jpeg)
    }

    fn finish(
        mut self,
        path: &Path,
        place: Place,
        slots: u64,
        timing: Timing,
        problems: Problems,
    ) -> (Option<Index>, Vec<Problem>) {
        let mut problems = problems.of(path);
        problems.extend(self.orientation.map(|orientation| Problem::file(path, orientation)));
        let Some(first) = self.first else {
            problems.push(Problem::file(path, NO_FRAME));
            return (None, problems);
        };
        if !memory::is_left(self.entries.len().saturating_mul(size_of::<u32>())) {
            problems.push(Problem::file(path, NoMemory));
            return (None, problems);
        }
        self.entries.shrink_to_fit();
        let Self { device, entries, times, left_out, recoded, transcoded, .. } = self;
        let (path, health) = (path.to_owned(), Health::new(entries.len()));
        (
            Some(Index {
                path,
                place,
                device,
                entries,
                health,
                slots,
                timing,
                times,
                first,
                left_out,
                recoded,
                transcoded,
            }),
            problems,
        )
    }
}
