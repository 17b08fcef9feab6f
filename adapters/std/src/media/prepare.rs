//! Prepares a file ahead of time, so that it can be served as it is.
//!
//! The output is an AVI file: it has a clock of its own, so that the input's is kept, may be of any length
//! with OpenDML, and can be played by other players.
use super::directory::{is_picture, list};
use super::normalise::{NormaliseOptions, NormalisedFrame, Normaliser};
use super::problem::{Problem, Problems};
use super::recorded::{Disk, Files, Index, Timing, Unit};
use crate::avi::{AviWriter, Layout};
use crate::new_file::NewFile;
use pinhole::media::FrameClock;
use pinhole::sdp::FrameRate;
use pinhole::time::MediaTime;
use std::fs::File;
use std::io::{self, BufWriter};
use std::num::NonZero;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, SyncSender};
use std::thread;

/// The most frames that each thread may be ahead of the one that writes.
const AHEAD: usize = 4;
const BUFFER: usize = 1 << 20;
/// The most frames that are written as repetitions of others: those of three days at 120 frames per second. Each
/// takes 16 bytes of the output, and 8 of memory.
const MAX_REPEATED: u64 = 1 << 25;

/// How [`prepare`] prepares a file.
#[derive(Clone, Copy, Debug)]
pub struct PrepareOptions {
    /// How the frames of the file are normalised. Use the same options as for the
    /// [`Library`](super::Library) that will serve the output: otherwise that library may have to re-code
    /// the frames again.
    pub normalising: NormaliseOptions,
    /// The frame rate of the output if the input has no clock of its own. AVI, Matroska, MP4 and QuickTime files
    /// have a clock of their own: for these, this field is not used.
    pub frame_rate: FrameRate,
    /// Is true if an output file that exists is replaced. If this is false and the output file exists,
    /// [`prepare`] returns [`PrepareError::Exists`].
    pub replace: bool,
}

/// How many frames [`prepare`] has dealt with so far. [`prepare`] passes it to `watch`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The number of frames that are written or left out so far.
    pub done: u64,
    /// The number of frames of the input that could be sent, as far as their headers tell. At the end,
    /// [`Self::done`] is equal to this number.
    pub frames: u64,
}

/// What [`prepare`] has written.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Prepared {
    /// The number of frames in the output.
    pub frames: u64,
    /// How many frames of the output differ from the frames of the input that they were made of, because they
    /// were normalised.
    pub changed: u64,
    /// The number of frames of the input that were found but cannot be sent. The output does not have these
    /// frames; [`Self::problems`] says why. In the place of each such frame, the output repeats the frame
    /// before it, so that the other frames keep their time.
    pub left_out: u64,
    /// The length of the output in bytes.
    pub bytes: u64,
    /// The frame rate of the input's own clock, which the output has. If the frames of the input are not equally
    /// far apart, this is their rate on average, and the output has a finer clock, on which each frame is within
    /// 5 ms of its time. `None` if the input has no clock, so that the output has
    /// [`PrepareOptions::frame_rate`].
    pub own_rate: Option<FrameRate>,
    /// The faults of the input. Only the first few faults are kept. Empty if the output has everything that
    /// the input has.
    pub problems: Vec<Problem>,
}

/// Why [`prepare`] has written no output. If a file was at the output's path before, it is unchanged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PrepareError {
    /// The output with this path exists already, and [`PrepareOptions::replace`] is false.
    #[error("{} exists already", .0.display())]
    Exists(PathBuf),
    /// The input cannot be read, or it has no frame that can be served. This holds the faults of the input
    /// and of its frames.
    #[error("there is nothing in it that can be served")]
    Nothing(Vec<Problem>),
    /// The output cannot be written, for example because the disk is full.
    #[error("{} cannot be written: {source}", path.display())]
    Write {
        /// The path of the output, as the caller gave it.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// The caller's function `watch` has returned [`ControlFlow::Break`].
    #[error("broken off")]
    BrokenOff,
}

/// Normalises the file, or the directory of `.jpg` and `.jpeg` pictures, at `input`, and writes the frames to
/// `output` as they would be sent. The output is an AVI file, whatever its name. Uses all cores of the
/// processor, and blocks until the output is written.
///
/// The output gets its name only once all of it is on the disk. Until then it is a new file with a random
/// name in the same directory, which no link can lead elsewhere. A link at `output` itself is never
/// followed: it counts as a file that exists, and is replaced itself.
///
/// `watch` is called after each frame that was written or left out. Return [`ControlFlow::Continue`] to go
/// on, or [`ControlFlow::Break`] to stop, so that there is no output.
///
/// A [`Library`](super::Library) that normalises frames in the same way serves the output as it is.
///
/// # Errors
/// [`PrepareError`] says why there is no output. What was written until then is removed.
pub fn prepare(
    input: &Path,
    output: &Path,
    options: PrepareOptions,
    watch: impl FnMut(Progress) -> ControlFlow<()>,
) -> Result<Prepared, PrepareError> {
    // A link that leads nowhere exists, too.
    if !options.replace && output.symlink_metadata().is_ok() {
        return Err(PrepareError::Exists(output.to_owned()));
    }
    let files: Arc<dyn Files> = Arc::new(Disk::default());
    let (index, mut found) = match input.is_dir() {
        true => {
            let listing =
                list(input).map_err(|error| PrepareError::Nothing(vec![Problem::file(input, error)]))?;
            let mut pictures = listing.media;
            pictures.retain(|file| is_picture(file));
            Index::of_pictures(&files, input, pictures, options.normalising, &mut |_| ())
        }
        false => Index::of_file(&files, input, options.normalising, &mut |_| ()),
    };
    let Some(index) = index else { return Err(PrepareError::Nothing(found)) };
    let failed = |source| PrepareError::Write { path: output.to_owned(), source };
    let unfinished = NewFile::beside(output).map_err(failed)?;
    let file = BufWriter::with_capacity(BUFFER, unfinished.file().map_err(failed)?);
    let places = Places::of(&index, options.frame_rate);
    if places.before(index.slots()).saturating_sub(index.frames()) > MAX_REPEATED {
        found.push(Problem::file(input, "its frames are so far apart that no AVI file can have them"));
        return Err(PrepareError::Nothing(found));
    }
    let work = Work { index: &index, places, how: options.normalising, output };
    let Written { frames, changed, problems, file, bytes } = work.run(file, watch)?;
    found.extend(problems);
    if frames == 0 {
        return Err(PrepareError::Nothing(found));
    }
    let file = file.into_inner().map_err(|error| failed(error.into_error()))?;
    file.sync_all().map_err(failed)?;
    let named = match options.replace {
        true => unfinished.replace(output),
        false => unfinished.name([output]).map(drop),
    };
    named.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists if !options.replace => PrepareError::Exists(output.to_owned()),
        _ => failed(error),
    })?;
    Ok(Prepared {
        frames,
        changed,
        left_out: index.left_out() + index.frames() - frames,
        bytes,
        own_rate: index.own_rate(),
        problems: found,
    })
}

/// Where frames are in a file with a steady clock.
#[derive(Clone, Copy)]
struct Places {
    clock: FrameClock,
    /// How long a slot of the index is; `None` if it is a frame of the clock.
    unit: Option<Unit>,
}

impl Places {
    /// Has frames without a clock follow each other at `rate`.
    fn of(index: &Index, rate: FrameRate) -> Self {
        match index.timing() {
            Timing::Steady(clock) => Self { clock: clock.unwrap_or_else(|| rate.into()), unit: None },
            Timing::Varying { unit, grid, .. } => Self { clock: *grid, unit: Some(*unit) },
        }
    }

    /// Returns how many frames of the file come before a slot of the index.
    fn before(self, slot: u64) -> u64 {
        match self.unit {
            None => slot,
            Some(unit) => self.clock.frames_in(unit.time(slot).since(MediaTime::ZERO)),
        }
    }
}

struct Work<'a> {
    index: &'a Index,
    places: Places,
    how: NormaliseOptions,
    output: &'a Path,
}

struct Written {
    frames: u64,
    changed: u64,
    problems: Vec<Problem>,
    file: BufWriter<File>,
    bytes: u64,
}

/// A frame, and whether it lies in the source as it is; or why there is none.
type Outcome = Result<(NormalisedFrame, bool), Problem>;

impl Work<'_> {
    fn run(
        &self,
        file: BufWriter<File>,
        mut watch: impl FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<Written, PrepareError> {
        let failed = |source| PrepareError::Write { path: self.output.to_owned(), source };
        let frames = self.index.frames();
        let threads = thread::available_parallelism().map_or(1, NonZero::get);
        thread::scope(|scope| {
            // Of n threads, each normalises every n-th frame: their results, taken in turn, are in order.
            let outcomes: Vec<_> = (0..u32::try_from(threads).unwrap_or(1))
                .map(|first| {
                    let (to, from) = mpsc::sync_channel(AHEAD);
                    scope.spawn(move || self.normalise(first, threads, &to));
                    from
                })
                .collect();
            let (mut problems, mut changed, mut written) = (Problems::default(), 0, 0);
            let mut avi = AviWriter::new(file, self.places.clock, Layout::PREPARED).map_err(failed)?;
            for (n, from) in (0..u32::try_from(frames).unwrap_or(u32::MAX)).zip(outcomes.iter().cycle()) {
                // The thread has ended only if it has panicked, which the scope passes on.
                let Ok(outcome) = from.recv() else { break };
                match outcome {
                    Ok((frame, as_is)) => {
                        let place = self.places.before(self.index.slot(n).unwrap_or_default());
                        avi.repeat_until(place).map_err(failed)?;
                        avi.frame(&frame.data, (frame.info.width, frame.info.height)).map_err(failed)?;
                        written += 1;
                        changed += u64::from(!as_is);
                    }
                    Err(problem) => problems.push(problem),
                }
                if watch(Progress { done: u64::from(n) + 1, frames }).is_break() {
                    return Err(PrepareError::BrokenOff);
                }
            }
            avi.repeat_until(self.places.before(self.index.slots())).map_err(failed)?;
            let (file, bytes) = avi.finish().map_err(failed)?;
            let problems = problems.of(self.index.path());
            Ok(Written { frames: written, changed, problems, file, bytes })
        })
    }

    /// Normalises every `step`-th frame from `first` on.
    fn normalise(&self, first: u32, step: usize, to: &SyncSender<Outcome>) {
        let (mut normaliser, mut source) = (Normaliser::new(self.how), Vec::new());
        let frames = u32::try_from(self.index.frames()).unwrap_or(u32::MAX);
        for n in (first..frames).step_by(step) {
            let normalised = self.index.normalise(n, &mut normaliser, &mut source);
            let outcome = normalised.and_then(|normalised| {
                let frame = normalised.to_frame();
                let frame = frame.map_err(|fault| Problem::file(self.index.path(), fault.reason))?;
                Ok((frame, normalised.as_is))
            });
            if to.send(outcome).is_err() {
                // It was stopped.
                return;
            }
        }
    }
}
