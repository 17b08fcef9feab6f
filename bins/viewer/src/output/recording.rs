//! Records what is received, on a thread of its own.
use crate::stream::Source;
use crate::tell;
use pinhole::frame::{Format, Frame, FrameId, Integrity, Miss};
use pinhole::time::{Duration, MediaTime};
use pinhole_std::record::{RecordError, Recorded, Recorder};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration as Span, Instant};

/// Frames that wait for the disk. Those behind them wait in the cache.
const QUEUE: usize = 16;
/// How long the disk may take for what is left at the end.
const PATIENCE: Span = Span::from_secs(1);

/// What came of a recording.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// What is in the files.
    pub(crate) recorded: Recorded,
    /// Frames that are not, because the disk was too slow for them.
    pub(crate) dropped: u64,
    /// Why it ended early.
    pub(crate) error: Option<String>,
}

/// Frames on their way to a file.
#[derive(Debug)]
pub(crate) struct Recording {
    path: Arc<Path>,
    next: FrameId,
    /// Buffers that can be filled: there is none while the disk is behind.
    spare: Receiver<Job>,
    jobs: Sender<Job>,
    dropped: u64,
    thread: JoinHandle<Outcome>,
}

/// A buffer, with a frame in it or without.
#[derive(Debug, Default)]
struct Job {
    data: Vec<u8>,
    about: Option<About>,
}

/// All of a frame but its bytes.
#[derive(Debug)]
struct About {
    format: Format,
    pts: MediaTime,
    duration: Duration,
    integrity: Integrity,
}

impl Recording {
    /// Creates the file, for what is received from a frame on. What goes wrong later is told at
    /// once, and in the outcome; nothing else stops for it.
    ///
    /// # Errors
    /// The file cannot be created.
    pub(crate) fn start(path: &Path, from: FrameId) -> Result<Self, RecordError> {
        let recorder = Recorder::create(path)?;
        let started = Self::on_thread(path, from, move |work, give_back| run(recorder, &work, &give_back));
        started.map_err(|source| RecordError::Write { path: path.to_owned(), source })
    }

    fn on_thread(
        path: &Path,
        from: FrameId,
        run: impl FnOnce(Receiver<Job>, Sender<Job>) -> Outcome + Send + 'static,
    ) -> io::Result<Self> {
        let (jobs, work) = mpsc::channel();
        let (give_back, spare) = mpsc::channel();
        for _ in 0..QUEUE {
            // Both ends are here.
            let _ = give_back.send(Job::default());
        }
        let thread = thread::Builder::new().name("record".into());
        let thread = thread.spawn(move || run(work, give_back))?;
        Ok(Self { path: path.into(), next: from, spare, jobs, dropped: 0, thread })
    }

    /// The file; `None` once it has broken off.
    pub(crate) fn path(&self) -> Option<&Arc<Path>> {
        (!self.thread.is_finished()).then_some(&self.path)
    }

    /// Hands over what has come; never waits. To be called before the cache drops it.
    pub(crate) fn follow(&mut self, source: &dyn Source) {
        while let Some(frame) = self.next(source) {
            let Ok(job) = self.spare.try_recv() else { return };
            self.hand_over(&frame, job);
        }
    }

    /// Hands over the rest, and completes the file.
    pub(crate) fn finish(mut self, source: &dyn Source) -> Outcome {
        let deadline = Instant::now() + PATIENCE;
        while let Some(frame) = self.next(source) {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.spare.recv_timeout(left) {
                Ok(job) => self.hand_over(&frame, job),
                Err(RecvTimeoutError::Timeout) => {
                    self.dropped = self.dropped.saturating_add(1);
                    self.next = self.next.next();
                }
                // It has broken off, and says why.
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        // The thread ends when there is nobody to send it more.
        drop(self.jobs);
        let mut outcome = self.thread.join().unwrap_or_else(|_| Outcome {
            error: Some(format!("{}: the recording has died; try -v", self.path.display())),
            ..Outcome::default()
        });
        if outcome.error.is_none() && self.dropped > 0 {
            let (path, dropped) = (self.path.display(), self.dropped);
            outcome.dropped = dropped;
            tell(&format!("{path}: {dropped} frames are not in it, because the disk was too slow for them"));
        }
        outcome
    }

    /// The next frame that has come.
    fn next<'a>(&mut self, source: &'a dyn Source) -> Option<Frame<'a>> {
        loop {
            match source.frame(self.next) {
                Ok(frame) => return Some(frame),
                Err(Miss::Overrun { resume }) if resume > self.next => {
                    self.dropped = self.dropped.saturating_add(resume.0 - self.next.0);
                    self.next = resume;
                }
                Err(_) => return None,
            }
        }
    }

    fn hand_over(&mut self, frame: &Frame<'_>, mut job: Job) {
        let &Frame { data, format, pts, duration, integrity } = frame;
        job.data.clear();
        job.data.extend_from_slice(data);
        job.about = Some(About { format, pts, duration, integrity });
        // Fails where it has broken off, and says why at the end.
        let _ = self.jobs.send(job);
        self.next = self.next.next();
    }
}

impl Job {
    fn frame(&self) -> Option<Frame<'_>> {
        let &About { format, pts, duration, integrity } = self.about.as_ref()?;
        Some(Frame { data: &self.data, format, pts, duration, integrity })
    }
}

/// Writes what comes, to the end of it or of the disk.
fn run(mut recorder: Recorder, work: &Receiver<Job>, give_back: &Sender<Job>) -> Outcome {
    let mut written = Ok(());
    for job in work {
        written = job.frame().map_or(Ok(()), |frame| recorder.write(&frame));
        if written.is_err() {
            break;
        }
        // Nobody wants it any more at the end.
        let _ = give_back.send(job);
    }
    let error = written.and_then(|()| recorder.finish()).err();
    if let Some(error) = &error {
        tell(&format!("{error}; the recording ends here, playing goes on"));
    }
    Outcome { recorded: recorder.recorded(), dropped: 0, error: error.map(|error| error.to_string()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::fake::{Fake, ORANGE};
    use std::fs;
    use std::path::PathBuf;

    /// A name that is free, in the system's directory for such.
    fn free(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("pinhole-viewer-{}-{name}", std::process::id()));
        let _ = fs::remove_file(&path);
        path
    }

    /// A source that has all of its frames.
    fn source(frames: usize) -> Fake {
        let mut source = Fake::new(vec![ORANGE.to_vec(); frames], (32, 16), Span::ZERO);
        source.arrive(frames);
        source
    }

    #[test]
    fn what_has_come_is_in_the_file_however_much_it_is() {
        let (path, source) = (free("all.mjpeg"), source(QUEUE * 20));
        let mut recording = Recording::start(&path, FrameId(0)).unwrap();
        recording.follow(&source);
        assert_eq!(recording.path().map(|path| &**path), Some(&*path));
        let outcome = recording.finish(&source);
        assert_eq!((outcome.dropped, &outcome.error), (0, &None));
        assert_eq!((outcome.recorded.frames, &outcome.recorded.files[..]), (320, &[path.clone()][..]));
        assert_eq!(fs::read(&path).unwrap(), ORANGE.repeat(320));
        fs::remove_file(path).unwrap();
    }

    #[test]
    fn a_disk_that_stands_still_stalls_nobody_and_what_it_costs_is_counted() {
        let source = source(QUEUE + 5);
        let stuck = |work: Receiver<Job>, _give_back: Sender<Job>| {
            work.into_iter().for_each(drop);
            Outcome::default()
        };
        let mut recording = Recording::on_thread(Path::new("a.avi"), FrameId(0), stuck).unwrap();
        let begun = Instant::now();
        recording.follow(&source);
        assert!(begun.elapsed() < PATIENCE);
        assert_eq!((recording.next, recording.dropped), (FrameId(QUEUE as u64), 0));
        assert_eq!(recording.finish(&source).dropped, 5);
        assert!(begun.elapsed() < PATIENCE * 3);
    }

    #[test]
    fn a_recording_begins_where_it_is_told_to() {
        let (path, source) = (free("tail.mjpeg"), source(12));
        let outcome = Recording::start(&path, FrameId(9)).unwrap().finish(&source);
        assert_eq!(outcome.recorded.frames, 3);
        fs::remove_file(path).unwrap();
    }
}
