//! Records received frames, on a thread of its own: the disk may be slow.
use super::messages::print_message;
use crate::model::{FrameBuffer, RecordingOutcome};
use crate::stream::Source;
use pinhole::codec::Codec;
use pinhole::frame::{Frame, FrameId, Miss};
use pinhole_std::record::Recorder;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender, TryRecvError};
use std::thread;

/// Frames that may wait for the disk. Later ones wait in the cache.
const QUEUE: usize = 16;

/// A recording that is being written. Nothing here waits for the disk: the file is created, written and
/// completed by a thread of the recording's own.
#[derive(Debug)]
pub(crate) struct Recording {
    path: Arc<Path>,
    track: u8,
    /// The next frame to pass on.
    next: FrameId,
    /// Once the recording is to end: before which frame.
    until: Option<FrameId>,
    /// Buffers that can be filled. All are in use while the disk is too slow.
    spare: Receiver<FrameBuffer>,
    /// `None` once no frame follows.
    frames: Option<Sender<FrameBuffer>>,
    dropped: u64,
    outcome: Receiver<RecordingOutcome>,
}

impl Recording {
    /// Starts to record a track from frame `from` on. Errors, the first of which is that the file cannot be
    /// created, end only the recording. Those of a file that was created are printed at once. All are
    /// returned by [`Self::outcome`].
    ///
    /// # Errors
    /// The system has no more threads.
    pub(crate) fn start(path: &Path, track: u8, from: FrameId) -> io::Result<Self> {
        let file = path.to_owned();
        Self::on_thread(path, track, from, move |frames, give_back| match Recorder::create(&file) {
            Ok(recorder) => write(recorder, &frames, &give_back),
            Err(error) => RecordingOutcome { error: Some(error.to_string()), ..RecordingOutcome::default() },
        })
    }

    /// Starts to record with `write` in the place of the disk.
    pub(crate) fn on_thread(
        path: &Path,
        track: u8,
        from: FrameId,
        write: impl FnOnce(Receiver<FrameBuffer>, Sender<FrameBuffer>) -> RecordingOutcome + Send + 'static,
    ) -> io::Result<Self> {
        let (frames, to_write) = mpsc::channel();
        let (give_back, spare) = mpsc::channel();
        let (done, outcome) = mpsc::channel();
        for _ in 0..QUEUE {
            // Cannot fail: both ends are here.
            let _ = give_back.send(FrameBuffer::default());
        }
        thread::Builder::new().name("record".into()).spawn(move || {
            // Fails only if nobody waits for it any more.
            let _ = done.send(write(to_write, give_back));
        })?;
        let (path, frames) = (path.into(), Some(frames));
        Ok(Self { path, track, next: from, until: None, spare, frames, dropped: 0, outcome })
    }

    /// Returns the file.
    pub(crate) fn path(&self) -> &Arc<Path> {
        &self.path
    }

    /// Passes on the frames that have arrived. Called before the cache evicts them.
    pub(crate) fn follow(&mut self, source: &dyn Source) {
        while let Some((frame, codec)) = self.next(source) {
            let Ok(buffer) = self.spare.try_recv() else { return };
            self.pass_on(&frame, codec, buffer);
        }
        if self.until.is_some() {
            // All was passed on. The thread ends when no sender is left.
            self.frames = None;
        }
    }

    /// Ends the recording with the frames that have arrived. Those that still wait for the disk are passed
    /// on by further calls of [`Self::follow`].
    pub(crate) fn stop(&mut self, source: &dyn Source) {
        self.until.get_or_insert(source.cached(self.track).end);
        self.follow(source);
    }

    /// Leaves out the frames that still wait for the disk.
    pub(crate) fn give_up(&mut self) {
        if let (Some(until), true) = (self.until, self.frames.is_some()) {
            self.dropped = self.dropped.saturating_add(until.0.saturating_sub(self.next.0));
        }
        self.frames = None;
    }

    /// Returns what has become of the recording once it has ended, by an error or because it was stopped.
    pub(crate) fn outcome(&self) -> Option<RecordingOutcome> {
        let mut outcome = match self.outcome.try_recv() {
            Ok(outcome) => outcome,
            Err(TryRecvError::Empty) => return None,
            Err(TryRecvError::Disconnected) => RecordingOutcome {
                error: Some(format!("{}: the recording has died; try -v", self.path.display())),
                created: true,
                ..RecordingOutcome::default()
            },
        };
        if outcome.error.is_none() && self.dropped > 0 {
            let (path, dropped) = (self.path.display(), self.dropped);
            outcome.dropped = dropped;
            print_message(&format!(
                "{path}: {dropped} frames are not in it, because the disk was too slow for them"
            ));
        }
        Some(outcome)
    }

    /// Returns the next frame and its codec; `None` if it has not arrived, or is no part of the recording.
    /// Counts frames that were evicted before.
    fn next<'a>(&mut self, source: &'a dyn Source) -> Option<(Frame<'a>, Codec)> {
        let codec = source.codec(self.track)?;
        loop {
            if self.until.is_some_and(|until| self.next >= until) {
                return None;
            }
            match source.frame(self.track, self.next) {
                Ok(frame) => return Some((frame, codec)),
                Err(Miss::Overrun { newest }) if newest > self.next => {
                    let newest = self.until.map_or(newest, |until| until.min(newest));
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
        let _ = self.frames.as_ref().map(|frames| frames.send(buffer));
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
    RecordingOutcome { recorded: recorder.recorded(), dropped: 0, error, created: true }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::VIDEO;
    use crate::stream::fake::{Fake, ORANGE};
    use pinhole_std::record::Recorded;
    use std::fs;
    use std::path::PathBuf;
    use std::time::{Duration, Instant};

    /// Returns the name of a temporary file that does not exist.
    fn free(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("pinhole-viewer-{}-{name}", std::process::id()));
        let _ = fs::remove_file(&path);
        path
    }

    /// A source of which all frames but the last have arrived.
    fn source(frames: usize) -> Fake {
        let mut source = Fake::new(vec![ORANGE.to_vec(); frames], Duration::ZERO);
        source.arrive(frames - 1);
        source
    }

    /// Passes frames on until the recording has ended.
    fn finish(mut recording: Recording, source: &Fake) -> RecordingOutcome {
        let deadline = Instant::now() + Duration::from_secs(20);
        recording.stop(source);
        loop {
            recording.follow(source);
            if let Some(outcome) = recording.outcome() {
                return outcome;
            }
            assert!(Instant::now() < deadline, "{recording:?}");
            thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn all_frames_are_in_the_file() {
        let (path, mut source) = (free("all.mjpeg"), source(QUEUE * 20));
        let mut recording = Recording::start(&path, VIDEO, FrameId(0)).unwrap();
        recording.follow(&source);
        assert_eq!(**recording.path(), *path);
        recording.stop(&source);
        // What arrives after the end is no part of it.
        source.arrive(1);
        let outcome = finish(recording, &source);
        assert_eq!((outcome.dropped, &outcome.error, outcome.created), (0, &None, true));
        assert_eq!((outcome.recorded.frames, &outcome.recorded.files[..]), (319, &[path.clone()][..]));
        assert_eq!(fs::read(&path).unwrap(), ORANGE.repeat(319));
        fs::remove_file(path).unwrap();
    }

    /// The disk takes nothing until `release` is dropped, and nobody waits for it.
    #[test]
    fn a_stuck_disk_only_costs_frames() {
        let source = source(QUEUE + 6);
        let (release, stuck) = mpsc::channel::<()>();
        let write = move |frames: Receiver<FrameBuffer>, _give_back: Sender<FrameBuffer>| {
            let _ = stuck.recv();
            let frames = frames.into_iter().count() as u64;
            let mut recorded = Recorded::default();
            recorded.frames = frames;
            RecordingOutcome { recorded, created: true, ..RecordingOutcome::default() }
        };
        let (done, is_done) = mpsc::channel();
        thread::spawn(move || {
            let mut recording = Recording::on_thread(Path::new("a.avi"), VIDEO, FrameId(0), write).unwrap();
            recording.follow(&source);
            assert_eq!((recording.next, recording.dropped), (FrameId(QUEUE as u64), 0));
            recording.stop(&source);
            recording.follow(&source);
            assert_eq!(recording.outcome(), None);
            recording.give_up();
            let _ = done.send((recording, source));
        });
        let (recording, source) = is_done.recv_timeout(Duration::from_secs(20)).expect("it does not wait");
        drop(release);
        let outcome = finish(recording, &source);
        assert_eq!((outcome.recorded.frames, outcome.dropped), (QUEUE as u64, 5));
    }

    #[test]
    fn a_recording_begins_at_its_frame() {
        let (path, mut source) = (free("tail.mjpeg"), source(12));
        source.arrive(1);
        let outcome = finish(Recording::start(&path, VIDEO, FrameId(9)).unwrap(), &source);
        assert_eq!(outcome.recorded.frames, 3);
        fs::remove_file(path).unwrap();
    }

    #[test]
    fn a_link_is_not_followed() {
        let directory = tempfile::tempdir().unwrap();
        let (link, nowhere) = (directory.path().join("a.avi"), directory.path().join("nowhere"));
        std::os::unix::fs::symlink(&nowhere, &link).unwrap();
        let outcome = finish(Recording::start(&link, VIDEO, FrameId(0)).unwrap(), &source(3));
        assert!(outcome.error.unwrap().contains("exists already") && !outcome.created);
        assert!(!nowhere.exists() && link.is_symlink());
    }
}
