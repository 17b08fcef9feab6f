//! Records frames as they came, on a thread of its own: the disk may be slow.
use super::messages::print_message;
use crate::model::{FrameBuffer, RecordingOutcome, Shown};
use crate::stream::Source;
use pinhole::codec::Codec;
use pinhole::codec::jpeg::TRACK;
use pinhole::frame::{Frame, FrameId, Miss};
use pinhole::text::Count;
use pinhole_std::record::Recorder;
use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender, TryRecvError};
use std::thread;

/// Frames that may wait for the disk. Later ones wait in the cache.
const QUEUE: usize = 16;
/// Frames that were shown and may wait in the cache for the disk. Later ones are left out.
const WAITING: usize = 4096;

/// A recording that is being written. Nothing here waits for the disk: the file is created, written and
/// completed by a thread of the recording's own.
#[derive(Debug)]
pub(crate) struct Recording {
    path: Arc<Path>,
    track: u8,
    feed: Feed,
    /// Buffers that can be filled. All are in use while the disk is too slow.
    spare: Receiver<FrameBuffer>,
    /// `None` once no frame follows.
    frames: Option<Sender<FrameBuffer>>,
    dropped: u64,
    outcome: Receiver<RecordingOutcome>,
}

/// Which frames are recorded.
#[derive(Debug)]
pub(crate) enum Feed {
    /// All that arrive.
    Arriving {
        /// The next frame to pass on.
        next: FrameId,
        /// Once the recording is to end: before which frame.
        until: Option<FrameId>,
    },
    /// Those that come onto the screen.
    Shown {
        /// Those that wait for the disk, in order.
        waiting: VecDeque<Shown>,
        /// The last one that was passed on.
        last: Option<Placed>,
        /// Whether no further one is recorded.
        ended: bool,
    },
}

/// A frame with its place in the recording, in ticks of its clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Placed {
    generation: u64,
    time: u64,
    duration: u32,
    /// The frame's time in the recording.
    place: u64,
}

impl Feed {
    /// Feeds a recording with the frames that arrive, from `next` on.
    pub(crate) const fn arriving(next: FrameId) -> Self {
        Self::Arriving { next, until: None }
    }

    /// Feeds a recording with the frames that come onto the screen. `first` is there now.
    pub(crate) fn shown(first: Option<Shown>) -> Self {
        Self::Shown { waiting: first.into_iter().collect(), last: None, ended: false }
    }
}

impl Placed {
    /// Places a frame that is shown after `last`. Where the player has moved elsewhere meanwhile, the
    /// recording goes on without a gap.
    fn after(last: Option<Self>, frame: &Frame<'_>, generation: u64) -> Self {
        let &Frame { time, duration, .. } = frame;
        let place = last.map_or(time, |last| {
            let length = if last.duration == 0 { TRACK.clock_rate / 25 } else { last.duration };
            let (next, step) = (last.place.saturating_add(u64::from(length)), time.checked_sub(last.time));
            match step {
                Some(step) if generation == last.generation || step <= 2 * u64::from(length) => {
                    last.place.saturating_add(step)
                }
                _ => next,
            }
        });
        Self { generation, time, duration, place }
    }
}

impl Recording {
    /// Starts to record the frames of a track that `feed` names. Errors, the first of which is that the file cannot be
    /// created, end only the recording. Those of a file that was created are printed at once. All are
    /// returned by [`Self::outcome`].
    ///
    /// # Errors
    /// The system has no more threads.
    pub(crate) fn start(path: &Path, track: u8, feed: Feed) -> io::Result<Self> {
        let file = path.to_owned();
        Self::on_thread(path, track, feed, move |frames, give_back| match Recorder::create(&file) {
            Ok(recorder) => write(recorder, &frames, &give_back),
            Err(error) => RecordingOutcome { error: Some(error.to_string()), ..RecordingOutcome::default() },
        })
    }

    /// Starts to record with `write` in the place of the disk.
    pub(crate) fn on_thread(
        path: &Path,
        track: u8,
        feed: Feed,
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
        Ok(Self { path, track, feed, spare, frames, dropped: 0, outcome })
    }

    /// Returns the file.
    pub(crate) fn path(&self) -> &Arc<Path> {
        &self.path
    }

    /// Takes note of frames that have come onto the screen. [`Self::follow`] passes them on.
    pub(crate) fn watch(&mut self, shown: &[Shown]) {
        let Feed::Shown { waiting, ended: false, .. } = &mut self.feed else { return };
        for frame in shown {
            if waiting.len() < WAITING {
                waiting.push_back(*frame);
            } else {
                self.dropped = self.dropped.saturating_add(1);
            }
        }
    }

    /// Passes on the frames that can be had. Called before the cache evicts them.
    pub(crate) fn follow(&mut self, source: &dyn Source) {
        while let Some((frame, codec)) = self.next(source) {
            let Ok(mut buffer) = self.spare.try_recv() else { return };
            let frame = self.feed.advance(frame);
            buffer.copy_from(&frame, codec);
            // Fails only if the recording has ended with an error, which its thread returns.
            let _ = self.frames.as_ref().map(|frames| frames.send(buffer));
        }
        if matches!(self.feed, Feed::Arriving { until: Some(_), .. } | Feed::Shown { ended: true, .. }) {
            // All was passed on. The thread ends when no sender is left.
            self.frames = None;
        }
    }

    /// Ends the recording with the frames that have arrived or were shown. Those that still wait for the disk
    /// are passed on by further calls of [`Self::follow`].
    pub(crate) fn stop(&mut self, source: &dyn Source) {
        match &mut self.feed {
            Feed::Arriving { until, .. } => {
                until.get_or_insert(source.cached(self.track).end);
            }
            Feed::Shown { ended, .. } => *ended = true,
        }
        self.follow(source);
    }

    /// Leaves out the frames that still wait for the disk.
    pub(crate) fn give_up(&mut self) {
        let left = match &self.feed {
            Feed::Arriving { next, until } => until.map_or(0, |until| until.0.saturating_sub(next.0)),
            Feed::Shown { waiting, .. } => waiting.len() as u64,
        };
        if self.frames.take().is_some() {
            self.dropped = self.dropped.saturating_add(left);
        }
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
            let frames = Count(dropped, "frame is", "frames are");
            print_message(&format!("{path}: {frames} not in it, because the disk was too slow"));
        }
        Some(outcome)
    }

    /// Returns the next frame and its codec; `None` if it has not arrived, or is no part of the recording.
    /// Counts frames that were evicted before.
    fn next<'a>(&mut self, source: &'a dyn Source) -> Option<(Frame<'a>, Codec)> {
        let codec = source.codec(self.track)?;
        loop {
            let frame = source.frame(self.track, self.feed.next()?);
            match (frame, &mut self.feed) {
                (Ok(frame), _) => return Some((frame, codec)),
                (Err(Miss::Overrun { newest }), Feed::Arriving { next, until }) if newest > *next => {
                    let newest = until.map_or(newest, |until| until.min(newest));
                    self.dropped = self.dropped.saturating_add(newest.0.saturating_sub(next.0));
                    *next = newest;
                }
                (Err(_), Feed::Arriving { .. }) => return None,
                (Err(_), Feed::Shown { waiting, .. }) => {
                    waiting.pop_front();
                    self.dropped = self.dropped.saturating_add(1);
                }
            }
        }
    }
}

impl Feed {
    /// Returns the next frame to pass on; `None` if there is none yet, or any more.
    fn next(&self) -> Option<FrameId> {
        match self {
            Self::Arriving { next, until } => {
                Some(*next).filter(|next| until.is_none_or(|until| *next < until))
            }
            Self::Shown { waiting, .. } => waiting.front().map(|shown| shown.id),
        }
    }

    /// Goes on to the frame after `frame`, and returns `frame` with its time in the recording.
    fn advance<'a>(&mut self, frame: Frame<'a>) -> Frame<'a> {
        match self {
            Self::Arriving { next, .. } => {
                *next = next.next();
                frame
            }
            Self::Shown { waiting, last, .. } => {
                let generation = waiting.pop_front().map_or(0, |shown| shown.generation);
                let placed = last.insert(Placed::after(*last, &frame, generation));
                Frame { time: placed.place, ..frame }
            }
        }
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

    fn arriving() -> Feed {
        Feed::arriving(FrameId(0))
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
        let mut recording = Recording::start(&path, VIDEO, arriving()).unwrap();
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
            let mut recording = Recording::on_thread(Path::new("a.avi"), VIDEO, arriving(), write).unwrap();
            recording.follow(&source);
            assert_eq!((recording.feed.next(), recording.dropped), (Some(FrameId(QUEUE as u64)), 0));
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
        let outcome = finish(Recording::start(&path, VIDEO, Feed::arriving(FrameId(9))).unwrap(), &source);
        assert_eq!(outcome.recorded.frames, 3);
        fs::remove_file(path).unwrap();
    }

    #[test]
    fn a_link_is_not_followed() {
        let directory = tempfile::tempdir().unwrap();
        let (link, nowhere) = (directory.path().join("a.avi"), directory.path().join("nowhere"));
        std::os::unix::fs::symlink(&nowhere, &link).unwrap();
        let outcome = finish(Recording::start(&link, VIDEO, arriving()).unwrap(), &source(3));
        assert!(outcome.error.unwrap().contains("exists already") && !outcome.created);
        assert!(!nowhere.exists() && link.is_symlink());
    }

    /// Records frames of 40 ms that were shown, each of which belongs to a generation. Returns their times.
    fn times(shown: &[(u64, u64)]) -> Vec<u64> {
        let mut source = Fake::new(vec![ORANGE.to_vec(); 500], Duration::from_millis(40));
        source.arrive(500);
        let shown: Vec<_> =
            shown.iter().map(|&(id, generation)| Shown { id: FrameId(id), generation }).collect();
        let (times, recorded) = mpsc::channel();
        let write = move |frames: Receiver<FrameBuffer>, _give_back: Sender<FrameBuffer>| {
            for frame in frames {
                times.send(frame.frame().unwrap().0.time / 90).unwrap();
            }
            RecordingOutcome::default()
        };
        let feed = Feed::shown(shown.first().copied());
        let mut recording = Recording::on_thread(Path::new("a.avi"), VIDEO, feed, write).unwrap();
        recording.watch(&shown[1..]);
        finish(recording, &source);
        recorded.iter().collect()
    }

    #[test]
    fn what_is_shown_is_recorded_without_gaps() {
        assert_eq!(times(&[(5, 1), (6, 1), (7, 1)]), [200, 240, 280]);
        assert_eq!(times(&[(5, 1), (200, 2), (201, 2)]), [200, 240, 280], "a jump forward");
        assert_eq!(times(&[(300, 1), (20, 2), (21, 2)]), [12_000, 12_040, 12_080], "a jump back");
        assert_eq!(times(&[(5, 1), (6, 2), (5, 3), (4, 4)]), [200, 240, 280, 320], "steps");
        assert_eq!(times(&[(5, 1), (80, 1), (81, 1)]), [200, 3_200, 3_240], "frames that were lost");
    }

    #[test]
    fn evicted_frames_are_counted_as_dropped() {
        let (path, mut source) = (free("evicted.mjpeg"), source(12));
        source.evict(4);
        let mut recording = Recording::start(&path, VIDEO, Feed::shown(None)).unwrap();
        let shown: Vec<_> = (2..8).map(|id| Shown { id: FrameId(id), generation: 0 }).collect();
        recording.watch(&shown);
        let outcome = finish(recording, &source);
        assert_eq!((outcome.recorded.frames, outcome.dropped), (4, 2));
        fs::remove_file(path).unwrap();
    }

    #[test]
    fn nothing_is_recorded_after_the_end() {
        let path = free("nothing.avi");
        let mut recording = Recording::start(&path, VIDEO, Feed::shown(None)).unwrap();
        let source = source(12);
        recording.stop(&source);
        recording.watch(&[Shown { id: FrameId(0), generation: 0 }]);
        let outcome = finish(recording, &source);
        assert_eq!((outcome.recorded.frames, &outcome.recorded.files[..], outcome.error), (0, &[][..], None));
        assert!(!path.exists());
    }
}
