//! Records received frames, on a thread of its own: the disk may be slow.
use super::messages::print_message;
use crate::model::{FrameBuffer, RecordingOutcome};
use crate::stream::Source;
use pinhole::codec::Codec;
use pinhole::frame::{Frame, FrameId, Miss};
use pinhole_std::record::{RecordError, Recorder};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Frames that may wait for the disk. Later ones wait in the cache.
const QUEUE: usize = 16;
/// How long the disk may take at the end for each frame that waits.
const PATIENCE: Duration = Duration::from_secs(1);

/// A recording that is being written.
#[derive(Debug)]
pub(crate) struct Recording {
    path: Arc<Path>,
    track: u8,
    /// The next frame to pass on.
    next: FrameId,
    /// Buffers that can be filled. All are in use while the disk is too slow.
    spare: Receiver<FrameBuffer>,
    frames: Sender<FrameBuffer>,
    dropped: u64,
    thread: JoinHandle<RecordingOutcome>,
}

impl Recording {
    /// Creates the file, and records a track from frame `from` on. Later errors end only the
    /// recording. They are printed at once, and returned by [`Self::finish`].
    ///
    /// # Errors
    /// The file cannot be created, or the system has no more threads.
    pub(crate) fn start(path: &Path, track: u8, from: FrameId) -> Result<Self, RecordError> {
        let recorder = Recorder::create(path)?;
        let write = move |frames, give_back| write(recorder, &frames, &give_back);
        let started = Self::on_thread(path, track, from, write);
        started.map_err(|source| RecordError::Write { path: path.to_owned(), source })
    }

    fn on_thread(
        path: &Path,
        track: u8,
        from: FrameId,
        write: impl FnOnce(Receiver<FrameBuffer>, Sender<FrameBuffer>) -> RecordingOutcome + Send + 'static,
    ) -> io::Result<Self> {
        let (frames, to_write) = mpsc::channel();
        let (give_back, spare) = mpsc::channel();
        for _ in 0..QUEUE {
            // Cannot fail: both ends are here.
            let _ = give_back.send(FrameBuffer::default());
        }
        let thread = thread::Builder::new().name("record".into());
        let thread = thread.spawn(move || write(to_write, give_back))?;
        Ok(Self { path: path.into(), track, next: from, spare, frames, dropped: 0, thread })
    }

    /// Returns the file; `None` once an error has ended the recording.
    pub(crate) fn path(&self) -> Option<&Arc<Path>> {
        (!self.thread.is_finished()).then_some(&self.path)
    }

    /// Passes on the frames that have arrived, without waiting. Called before the cache evicts them.
    pub(crate) fn follow(&mut self, source: &dyn Source) {
        while let Some((frame, codec)) = self.next(source) {
            let Ok(buffer) = self.spare.try_recv() else { return };
            self.pass_on(&frame, codec, buffer);
        }
    }

    /// Passes on the rest, and completes the file.
    pub(crate) fn finish(mut self, source: &dyn Source) -> RecordingOutcome {
        let deadline = Instant::now() + PATIENCE;
        while let Some((frame, codec)) = self.next(source) {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.spare.recv_timeout(left) {
                Ok(buffer) => self.pass_on(&frame, codec, buffer),
                Err(RecvTimeoutError::Timeout) => {
                    self.dropped = self.dropped.saturating_add(1);
                    self.next = self.next.next();
                }
                // The recording has ended with an error.
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        // The thread ends when no sender is left.
        drop(self.frames);
        let mut outcome = self.thread.join().unwrap_or_else(|_| RecordingOutcome {
            error: Some(format!("{}: the recording has died; try -v", self.path.display())),
            ..RecordingOutcome::default()
        });
        if outcome.error.is_none() && self.dropped > 0 {
            let (path, dropped) = (self.path.display(), self.dropped);
            outcome.dropped = dropped;
            print_message(&format!(
                "{path}: {dropped} frames are not in it, because the disk was too slow for them"
            ));
        }
        outcome
    }

    /// Returns the next frame and its codec; `None` if it has not arrived. Counts frames that were evicted before.
    fn next<'a>(&mut self, source: &'a dyn Source) -> Option<(Frame<'a>, Codec)> {
        let codec = source.codec(self.track)?;
        loop {
            match source.frame(self.track, self.next) {
                Ok(frame) => return Some((frame, codec)),
                Err(Miss::Overrun { newest }) if newest > self.next => {
                    self.dropped = self.dropped.saturating_add(newest.0 - self.next.0);
                    self.next = newest;
                }
                Err(_) => return None,
            }
        }
    }

    fn pass_on(&mut self, frame: &Frame<'_>, codec: Codec, mut buffer: FrameBuffer) {
        buffer.copy_from(frame, codec);
        // Fails only if the recording has ended with an error, which its thread returns.
        let _ = self.frames.send(buffer);
        self.next = self.next.next();
    }
}

/// Writes frames until their sender is gone, or until an error.
fn write(
    mut recorder: Recorder,
    frames: &Receiver<FrameBuffer>,
    give_back: &Sender<FrameBuffer>,
) -> RecordingOutcome {
    let mut written = Ok(());
    for buffer in frames {
        written = buffer.frame().map_or(Ok(()), |(frame, _)| recorder.write(&frame));
        if written.is_err() {
            break;
        }
        // Fails only at the end, when no more buffers are needed.
        let _ = give_back.send(buffer);
    }
    let error = written.and_then(|()| recorder.finish()).err();
    if let Some(error) = &error {
        print_message(&format!("{error}; the recording ends here, playing goes on"));
    }
    let error = error.map(|error| error.to_string());
    RecordingOutcome { recorded: recorder.recorded(), dropped: 0, error }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::VIDEO;
    use crate::stream::fake::{Fake, ORANGE};
    use std::fs;
    use std::path::PathBuf;

    /// Returns the name of a temporary file that does not exist.
    fn free(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("pinhole-viewer-{}-{name}", std::process::id()));
        let _ = fs::remove_file(&path);
        path
    }

    /// A source whose frames have all arrived.
    fn source(frames: usize) -> Fake {
        let mut source = Fake::new(vec![ORANGE.to_vec(); frames], Duration::ZERO);
        source.arrive(frames);
        source
    }

    #[test]
    fn all_frames_are_in_the_file() {
        let (path, source) = (free("all.mjpeg"), source(QUEUE * 20));
        let mut recording = Recording::start(&path, VIDEO, FrameId(0)).unwrap();
        recording.follow(&source);
        assert_eq!(recording.path().map(|path| &**path), Some(&*path));
        let outcome = recording.finish(&source);
        assert_eq!((outcome.dropped, &outcome.error), (0, &None));
        assert_eq!((outcome.recorded.frames, &outcome.recorded.files[..]), (320, &[path.clone()][..]));
        assert_eq!(fs::read(&path).unwrap(), ORANGE.repeat(320));
        fs::remove_file(path).unwrap();
    }

    #[test]
    fn a_stuck_disk_only_costs_frames() {
        let source = source(QUEUE + 5);
        let stuck = |frames: Receiver<FrameBuffer>, _give_back: Sender<FrameBuffer>| {
            frames.into_iter().for_each(drop);
            RecordingOutcome::default()
        };
        let mut recording = Recording::on_thread(Path::new("a.avi"), VIDEO, FrameId(0), stuck).unwrap();
        let begun = Instant::now();
        recording.follow(&source);
        assert!(begun.elapsed() < PATIENCE);
        assert_eq!((recording.next, recording.dropped), (FrameId(QUEUE as u64), 0));
        assert_eq!(recording.finish(&source).dropped, 5);
        assert!(begun.elapsed() < PATIENCE * 3);
    }

    #[test]
    fn a_recording_begins_at_its_frame() {
        let (path, source) = (free("tail.mjpeg"), source(12));
        let outcome = Recording::start(&path, VIDEO, FrameId(9)).unwrap().finish(&source);
        assert_eq!(outcome.recorded.frames, 3);
        fs::remove_file(path).unwrap();
    }
}
