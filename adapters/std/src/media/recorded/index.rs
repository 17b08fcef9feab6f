//! The places of the frames in a file, or in a directory of pictures.
//!
//! Files are read by position and never mapped: a file may be truncated at any time, and to access what is
//! gone from a map ends the process.
mod contained;
mod loading;
mod pictures;
mod problems;

use super::super::foreign;
use super::super::memory::{self, NoMemory};
use super::super::normalise::{MAX_FRAME, Need, NormaliseOptions};
use super::super::orientation::Orientation;
use super::super::problem::{Problem, Problems};
use super::chunks::Chunks;
use super::containers::{self, Timing};
use super::files::Files;
use super::health::{Health, Outlook};
use super::open_file::OpenFile;
use super::scan::{FileReader, Meter, Scanned};
use contained::Contained;
use pictures::Picture;
use pinhole::media::{Container, FrameClock, FrameReader, FrameSpan, MediaErrorKind, ReadError};
use pinhole::sdp::FrameRate;
use problems::{EMPTY, NO_FRAME, Unfit, about_chunks, not_opened, second_field};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bytes of a file that are read at once.
const WINDOW: usize = 256 << 10;
/// Bytes of a frame that are read to inspect it. If its headers are longer, all of it is read.
const HEAD: usize = 2048;
/// The marker that a picture starts with (ITU-T T.81, B.1.1.3).
const SOI: [u8; 2] = [0xFF, 0xD8];

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
        if !memory::is_available(self.entries.len().saturating_mul(size_of::<u32>())) {
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
