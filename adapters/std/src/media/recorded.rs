//! A recorded medium: a mapped file, or single pictures, each frame found once and made ready when
//! it is first asked for.
use super::Playback;
use super::problem::Problem;
use memmap2::Mmap;
use pinhole::frame::{Format, Frame, FrameId, FrameStore, Integrity, Miss, Seek, TrackId};
use pinhole::jpeg::{self, JpegError, JpegInfo, RecodeErrorKind, RecodeOptions};
use pinhole::media::{FrameClock, FrameReader, FrameSpan, MediaErrorKind, ReadError, SliceReader};
use pinhole::time::{Duration, MediaTime};
use std::cell::{Cell, OnceCell};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// RFC 2435 counts a frame's bytes in 24 bits.
pub(super) const MAX_FRAME: u32 = 1 << 24;
/// So many faults of one file are told one by one; a file that is no video has thousands.
const MAX_PROBLEMS: usize = 8;
/// The step in which a mapped file is walked.
const WINDOW: usize = 64 << 10;
const UNKNOWN: &str = "this is no Motion-JPEG: it starts neither with a JPEG picture (FF D8), nor with the \
                       length of one in digits, nor as an AVI or a multipart file does";

#[derive(Debug)]
pub(super) struct Recorded {
    path: PathBuf,
    map: Option<Mmap>,
    entries: Vec<Entry>,
    clock: FrameClock,
    repeat: bool,
    /// How many frames there would be, had none been left out: they keep their place in time.
    slots: u64,
    /// Bytes made ready and held; and a count of looks, by which the oldest are found.
    held: Cell<usize>,
    looks: Cell<u64>,
}

/// A frame that can be served.
#[derive(Debug)]
struct Entry {
    place: Place,
    info: JpegInfo,
    /// How many frames come before it, with those that were left out.
    number: u64,
    recode: bool,
    ready: OnceCell<Option<Ready>>,
    looked: Cell<u64>,
}

#[derive(Debug)]
enum Place {
    /// In the mapped file.
    Mapped(FrameSpan),
    /// A file of its own.
    File(PathBuf),
}

/// A frame that is held in memory, as it is sent.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) data: Box<[u8]>,
    pub(super) info: JpegInfo,
}

impl Recorded {
    /// Opens a file in any container that the reader knows. Only finds the frames: a large file is
    /// mapped, and not copied.
    pub(super) fn open_file(path: &Path, playback: Playback) -> (Option<Self>, Vec<Problem>) {
        let map = match map(path) {
            Ok(map) => map,
            Err(problem) => return (None, vec![problem]),
        };
        let mut problems = Problems::default();
        let mut entries = Vec::new();
        let mut reader = match FrameReader::new(SliceReader::new(&map), vec![0; WINDOW], MAX_FRAME) {
            Ok(reader) => reader,
            Err(error) => return (None, vec![not_opened(path, error)]),
        };
        loop {
            match reader.next() {
                Ok(None) => break,
                Ok(Some(span)) => {
                    let number = reader.slots().saturating_sub(1);
                    match Entry::new(Place::Mapped(span), slice(&map, span), number) {
                        Ok(entry) => entries.push(entry),
                        Err(error) => {
                            let at = span.at + error.at as u64;
                            problems.push(Problem::frame(path, number, at, left_out(error.reason)));
                        }
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
        let slots = reader.slots();
        let clock = reader.clock().unwrap_or_else(|| playback.frame_rate.into());
        drop(reader);
        Self::of(path, Some(map), entries, slots, clock, playback.repeat, problems)
    }

    /// Opens single pictures, in the order of their names.
    pub(super) fn open_pictures(
        directory: &Path,
        files: Vec<PathBuf>,
        playback: Playback,
    ) -> (Option<Self>, Vec<Problem>) {
        let (mut entries, mut problems) = (Vec::new(), Problems::default());
        let slots = files.len() as u64;
        for (number, file) in (0..).zip(files) {
            let entry = fs::read(&file).map_err(|error| Problem::file(&file, error)).and_then(|data| {
                Entry::new(Place::File(file.clone()), &data, number)
                    .map_err(|error| Problem::frame(&file, 0, error.at as u64, left_out(error.reason)))
            });
            match entry {
                Ok(entry) => entries.push(entry),
                Err(problem) => problems.push(problem),
            }
        }
        Self::of(directory, None, entries, slots, playback.frame_rate.into(), playback.repeat, problems)
    }

    fn of(
        path: &Path,
        map: Option<Mmap>,
        entries: Vec<Entry>,
        slots: u64,
        clock: FrameClock,
        repeat: bool,
        problems: Problems,
    ) -> (Option<Self>, Vec<Problem>) {
        let mut problems = problems.of(path);
        if entries.is_empty() {
            problems.push(Problem::file(path, "there is no frame in it that can be served"));
            return (None, problems);
        }
        let path = path.to_owned();
        let (held, looks) = (Cell::new(0), Cell::new(0));
        (Some(Self { path, map, entries, clock, repeat, slots, held, looks }), problems)
    }

    pub(super) const fn frames(&self) -> u64 {
        self.entries.len() as u64
    }

    pub(super) fn to_recode(&self) -> u64 {
        self.entries.iter().filter(|entry| entry.recode).count() as u64
    }

    pub(super) fn size(&self) -> Option<(u16, u16)> {
        self.entries.first().map(|entry| (entry.info.width, entry.info.height))
    }

    pub(super) const fn clock(&self) -> FrameClock {
        self.clock
    }

    /// How long all of it is, once.
    pub(super) fn duration(&self) -> Duration {
        self.clock.pts(self.slots).since(MediaTime::ZERO)
    }

    /// Lets go of the frames that were not looked at for the longest time, until what is held fits
    /// `budget`.
    pub(super) fn trim(&mut self, budget: usize) {
        if self.held.get() <= budget {
            return;
        }
        let mut held: Vec<&mut Entry> = self.entries.iter_mut().filter(|e| e.ready.get().is_some()).collect();
        held.sort_by_key(|entry| entry.looked.get());
        // More than has to go, so that this is not done for every frame.
        let target = budget / 4 * 3;
        for entry in held {
            if self.held.get() <= target {
                break;
            }
            let freed = entry.ready.take().flatten().map_or(0, |ready| ready.data.len());
            self.held.set(self.held.get().saturating_sub(freed));
        }
    }

    fn ready<'a>(&'a self, entry: &'a Entry) -> Option<(&'a [u8], JpegInfo)> {
        if let (Place::Mapped(span), false, Some(map)) = (&entry.place, entry.recode, &self.map) {
            return Some((slice(map, *span), entry.info));
        }
        self.looks.set(self.looks.get() + 1);
        entry.looked.set(self.looks.get());
        let ready = entry.ready.get_or_init(|| {
            let ready = self.make_ready(entry);
            match &ready {
                Ok(ready) => self.held.set(self.held.get() + ready.data.len()),
                Err(problem) => tracing::warn!("{problem}"),
            }
            ready.ok()
        });
        ready.as_ref().map(|ready| (&*ready.data, ready.info))
    }

    fn make_ready(&self, entry: &Entry) -> Result<Ready, Problem> {
        let read;
        let (path, start, data) = match (&entry.place, &self.map) {
            (Place::Mapped(span), Some(map)) => (&self.path, span.at, slice(map, *span)),
            (Place::Mapped(_), None) => return Err(Problem::file(&self.path, "the file is not mapped")),
            (Place::File(file), _) => {
                read = fs::read(file).map_err(|error| Problem::file(file, error))?;
                (file, 0, &read[..])
            }
        };
        normalise(data).map_err(|error| {
            Problem::frame(path, entry.number, start + error.at as u64, left_out(error.reason))
        })
    }
}

impl Entry {
    fn new(place: Place, data: &[u8], number: u64) -> Result<Self, JpegError> {
        let inspected = jpeg::inspect(data)?;
        let (info, recode) = (inspected.info, inspected.needs_recode());
        Ok(Self { place, info, number, recode, ready: OnceCell::new(), looked: Cell::new(0) })
    }
}

impl FrameStore for Recorded {
    fn frame(&self, _: TrackId, id: FrameId) -> Result<Frame<'_>, Miss> {
        let count = self.frames().max(1);
        let (round, index) = if self.repeat { (id.0 / count, id.0 % count) } else { (0, id.0) };
        let entry = usize::try_from(index).ok().and_then(|index| self.entries.get(index)).ok_or(Miss::End)?;
        // A frame that turns out to be broken is left out; the next takes its turn in its time.
        let (data, info) = self.ready(entry).ok_or(Miss::Overrun { resume: id.next() })?;
        Ok(Frame {
            data,
            format: Format::Jpeg(info),
            pts: self.clock.pts(round * self.slots + entry.number),
            duration: self.clock.interval(),
            integrity: Integrity::Complete,
        })
    }

    fn seek(&self, _: TrackId, to: Seek) -> FrameId {
        let Seek::To(time) = to else { return FrameId(0) };
        let whole = self.duration().as_micros().max(1);
        let round = if self.repeat { time.as_micros() / whole } else { 0 };
        let first = round * self.slots;
        let index = self.entries.partition_point(|entry| self.clock.pts(first + entry.number) < time);
        FrameId(round * self.frames() + index as u64)
    }
}

/// Faults, of which only the first are kept.
#[derive(Default)]
struct Problems {
    kept: Vec<Problem>,
    more: usize,
}

impl Problems {
    fn push(&mut self, problem: Problem) {
        if self.kept.len() < MAX_PROBLEMS {
            self.kept.push(problem);
        } else {
            self.more += 1;
        }
    }

    fn of(mut self, path: &Path) -> Vec<Problem> {
        if self.more > 0 {
            self.kept.push(Problem::file(path, format!("{} more faults like these", self.more)));
        }
        self.kept
    }
}

/// A frame as it is sent: re-coded to the tables that RTP/JPEG receivers have, where it has to be.
pub(super) fn normalise(data: &[u8]) -> Result<Ready, jpeg::RecodeError> {
    let inspected = jpeg::inspect(data)?;
    if !inspected.needs_recode() {
        return Ok(Ready { data: data.into(), info: inspected.info });
    }
    let mut out = vec![0; jpeg::recode_max_len(data.len())];
    let recoded = match jpeg::recode(data, &mut out, RecodeOptions::default()) {
        // The guidance is no bound: tables that fit one picture well can be far from the standard.
        Err(error) if error.reason == RecodeErrorKind::OutputFull => {
            out.resize(8 * out.len(), 0);
            jpeg::recode(data, &mut out, RecodeOptions::default())?
        }
        other => other?,
    };
    out.truncate(recoded.len);
    Ok(Ready { data: out.into_boxed_slice(), info: recoded.info })
}

fn not_opened<E: std::fmt::Display>(path: &Path, error: ReadError<E>) -> Problem {
    match error {
        ReadError::Media(error) if error.reason == MediaErrorKind::Unrecognised => {
            Problem::frame(path, 0, 0, UNKNOWN)
        }
        ReadError::Media(error) => Problem { at: Some(error.at), ..Problem::file(path, error.reason) },
        ReadError::Io(error) => Problem::file(path, error),
    }
}

fn left_out(reason: impl std::fmt::Display) -> String {
    format!("{reason}; the frame is left out")
}

fn slice(map: &[u8], span: FrameSpan) -> &[u8] {
    let start = usize::try_from(span.at).unwrap_or(usize::MAX);
    map.get(start..).and_then(|rest| rest.get(..span.len as usize)).unwrap_or_default()
}

fn map(path: &Path) -> Result<Mmap, Problem> {
    let file = File::open(path).map_err(|error| Problem::file(path, error))?;
    let len = file.metadata().map_err(|error| Problem::file(path, error))?.len();
    if len == 0 {
        return Err(Problem::file(path, "the file is empty"));
    }
    // SAFETY: the map is only read. Another process that cuts the file short under it ends this one
    // by a signal, as for every program that maps files; `Library::add_path` says so.
    unsafe { Mmap::map(&file) }.map_err(|error| Problem::file(path, error))
}
