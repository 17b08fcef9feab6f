//! A file made ready ahead of time.
//!
//! It becomes an AVI file: that has a clock of its own, so that the input's is kept, and with
//! OpenDML it may be of any length; other players know it, too.
use super::index::Index;
use super::normalise::{Normaliser, Normalising, Ready};
use super::problem::{Problem, Problems};
use crate::avi::{AviWriter, Layout};
use pinhole::media::FrameClock;
use pinhole::sdp::FrameRate;
use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::num::NonZero;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, SyncSender};
use std::thread;

/// Frames that each thread may be ahead of the one that writes.
const AHEAD: usize = 4;
const BUFFER: usize = 1 << 20;

/// How a file is prepared.
#[derive(Clone, Copy, Debug)]
pub struct PrepareOptions {
    /// What is done to its frames.
    pub normalising: Normalising,
    /// The rate of an input without a clock of its own.
    pub frame_rate: FrameRate,
    /// An output that exists is replaced.
    pub replace: bool,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Frames that are written, or left out.
    pub done: u64,
    /// Frames in all.
    pub frames: u64,
}

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Prepared {
    /// Frames that are in it.
    pub frames: u64,
    /// Of these, those that are not the input's own bytes.
    pub changed: u64,
    /// Frames of the input that are not in it, as far as they were found. They keep their time.
    pub left_out: u64,
    /// Its length.
    pub bytes: u64,
    /// What is wrong with the input.
    pub problems: Vec<Problem>,
}

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PrepareError {
    /// The output exists.
    #[error("{} exists already", .0.display())]
    Exists(PathBuf),
    /// There is no frame in the input that can be served.
    #[error("there is nothing in it that can be served")]
    Nothing(Vec<Problem>),
    /// The output cannot be written.
    #[error("{} cannot be written: {source}", path.display())]
    Write {
        /// The output.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// `watch` has broken it off.
    #[error("broken off")]
    BrokenOff,
}

/// Writes the file, or the directory of pictures, at `input` to `output` as it would be sent, on
/// all cores. A [`Library`](super::Library) that normalises in the same way serves the output from
/// the mapped file, as it is. `watch` is told after each frame how far it is, and may break it off.
///
/// # Errors
/// Why there is no output: until all of it is written it has another name, which then goes.
pub fn prepare(
    input: &Path,
    output: &Path,
    options: PrepareOptions,
    watch: impl FnMut(Progress) -> ControlFlow<()>,
) -> Result<Prepared, PrepareError> {
    let exists = || (!options.replace && output.exists()).then(|| PrepareError::Exists(output.to_owned()));
    if let Some(exists) = exists() {
        return Err(exists);
    }
    let (index, mut found) = match input.is_dir() {
        true => {
            let files = super::files_in(input);
            let files = files.map_err(|error| PrepareError::Nothing(vec![Problem::file(input, error)]))?;
            Index::of_pictures(input, super::stills_of(files), options.normalising)
        }
        false => Index::of_file(input, options.normalising),
    };
    let Some(index) = index else { return Err(PrepareError::Nothing(found)) };
    let failed = |source| PrepareError::Write { path: output.to_owned(), source };
    let unfinished = Unfinished::beside(output).map_err(failed)?;
    let file = BufWriter::with_capacity(BUFFER, File::create(&unfinished.0).map_err(failed)?);
    let clock = index.clock().unwrap_or_else(|| options.frame_rate.into());
    let work = Work { index: &index, how: options.normalising, output };
    let Written { frames, changed, problems, file, bytes } = work.run(file, clock, watch)?;
    found.extend(problems);
    if frames == 0 {
        return Err(PrepareError::Nothing(found));
    }
    // A name must not stand for a file that is not yet on the disk.
    let file = file.into_inner().map_err(|error| failed(error.into_error()))?;
    file.sync_all().map_err(failed)?;
    if let Some(exists) = exists() {
        return Err(exists);
    }
    fs::rename(&unfinished.0, output).map_err(failed)?;
    Ok(Prepared {
        frames,
        changed,
        left_out: index.left_out() + index.frames() - frames,
        bytes,
        problems: found,
    })
}

/// A file under another name than it will have, which goes unless it gets that.
struct Unfinished(PathBuf);

impl Unfinished {
    fn beside(output: &Path) -> io::Result<Self> {
        let name = output.file_name().ok_or(io::ErrorKind::InvalidFilename)?.to_string_lossy();
        Ok(Self(output.with_file_name(format!(".{name}.{}.part", std::process::id()))))
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // Fails where it has its name.
        let _ = fs::remove_file(&self.0);
    }
}

struct Work<'a> {
    index: &'a Index,
    how: Normalising,
    output: &'a Path,
}

struct Written {
    frames: u64,
    changed: u64,
    problems: Vec<Problem>,
    file: BufWriter<File>,
    bytes: u64,
}

/// What becomes of a frame.
type Made = Result<(Ready, bool), Problem>;

impl Work<'_> {
    fn run(
        &self,
        file: BufWriter<File>,
        clock: FrameClock,
        mut watch: impl FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<Written, PrepareError> {
        let failed = |source| PrepareError::Write { path: self.output.to_owned(), source };
        let frames = self.index.frames();
        let threads = thread::available_parallelism().map_or(1, NonZero::get);
        thread::scope(|scope| {
            // Each thread makes every so-manieth frame: their results, taken in turn, are in order.
            let made: Vec<_> = (0..threads)
                .map(|first| {
                    let (to, from) = mpsc::sync_channel(AHEAD);
                    scope.spawn(move || self.make(first, threads, &to));
                    from
                })
                .collect();
            let (mut problems, mut changed, mut written) = (Problems::default(), 0, 0);
            let mut avi = AviWriter::new(file, clock, Layout::PREPARED).map_err(failed)?;
            for (n, from) in (0..usize::try_from(frames).unwrap_or(usize::MAX)).zip(made.iter().cycle()) {
                // The thread is gone only if it has panicked, which the scope passes on.
                let Ok(made) = from.recv() else { break };
                match made {
                    Ok((ready, as_is)) => {
                        avi.repeat_until(self.index.number(n).unwrap_or_default()).map_err(failed)?;
                        avi.frame(&ready.data, (ready.info.width, ready.info.height)).map_err(failed)?;
                        written += 1;
                        changed += u64::from(!as_is);
                    }
                    Err(problem) => problems.push(problem),
                }
                if watch(Progress { done: n as u64 + 1, frames }).is_break() {
                    return Err(PrepareError::BrokenOff);
                }
            }
            avi.repeat_until(self.index.slots()).map_err(failed)?;
            let (file, bytes) = avi.finish().map_err(failed)?;
            let problems = problems.of(self.index.path());
            Ok(Written { frames: written, changed, problems, file, bytes })
        })
    }

    /// Makes frame `first`, and every `step`th from there.
    fn make(&self, first: usize, step: usize, to: &SyncSender<Made>) {
        let (mut normaliser, mut source) = (Normaliser::new(self.how), Vec::new());
        let frames = usize::try_from(self.index.frames()).unwrap_or(usize::MAX);
        for n in (first..frames).step_by(step) {
            let made = self.index.normalise(n, &mut normaliser, &mut source);
            if to.send(made.map(|normal| (normal.to_ready(), normal.as_is))).is_err() {
                // Nobody takes them any more.
                return;
            }
        }
    }
}
