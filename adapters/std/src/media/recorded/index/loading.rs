//! How the frames of an index are read and normalised, and what is told of those that cannot be sent.
use super::super::super::memory;
use super::super::super::normalise::{Fault, FaultKind, MAX_FRAME, NormaliseOptions, Normalised, Normaliser};
use super::super::super::problem::{Problem, Problems};
use super::super::health::{Failure, Outlook};
use super::super::source::Tools;
use super::pictures::{Picture, picture_at};
use super::problems::{NO_FRAME, TOO_LARGE};
use super::{Index, Place, SOI};
use pinhole::codec::jpeg::JpegInfo;
use std::fmt;
use std::io;
use std::path::Path;

/// A medium of no more frames is tried before it is served.
const TRIED: u32 = 256;
/// The marker that a picture ends with (ITU-T T.81, B.1.1.3).
const EOI: [u8; 2] = [0xFF, 0xD9];

/// A frame that was loaded.
struct Loaded {
    data: Box<[u8]>,
    as_is: bool,
}

impl Index {
    /// Reads and normalises frame `n`. Returns `None` if it cannot be sent, which [`Self::outlook`] knows
    /// from then on. What is wrong goes to the log. Blocks.
    pub(in super::super) fn load(&self, n: u32, tools: &mut Tools) -> Option<Box<[u8]>> {
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
    pub(in super::super) fn panicked(&self, n: u32) {
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
    pub(in super::super::super) fn normalise<'a>(
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
    pub(in super::super::super) fn faults_of_all(&self, how: NormaliseOptions) -> Option<Vec<Problem>> {
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
