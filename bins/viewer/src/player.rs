//! A stream being played: a thread for the network, which hands frames to one that decodes.
use crate::clock::PlayerClock;
use crate::decode::{self, Job, Picture};
use crate::feed::{Decode, Feed};
use crate::handoff::{CloseOnDrop, Handoff, Taken};
use crate::mend::Mended;
use crate::record::{Outcome, Recording};
use crate::report::ErrorLog;
use crate::source::{Error, Event, Source, Statistics, Waker};
use pinhole::frame::FrameId;
use pinhole::time::MediaTime;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use std::{io, thread};

/// Frames that wait for the decoder.
const JOBS: usize = 8;
/// Pictures that wait for the screen.
const PICTURES: usize = 2;
/// The longest turn. What wants the thread sooner wakes it.
const TURN: Duration = Duration::from_millis(250);
/// How long the server gets to answer TEARDOWN.
const FAREWELL: Duration = Duration::from_millis(500);

/// What the main thread wants to know of the stream.
#[derive(Clone, Debug, Default)]
pub(crate) struct Status {
    /// The client's figures.
    pub(crate) statistics: Statistics,
    /// How many of the damaged frames can be shown as good as whole.
    pub(crate) mended: Mended,
    /// The encoding's name in SDP; `None` before the first frame.
    pub(crate) codec: Option<&'static str>,
    /// The newest frame's pixels across and down.
    pub(crate) size: (u16, u16),
    /// Frames for a second of media time.
    pub(crate) fps: f64,
    /// Of the newest frame.
    pub(crate) position: MediaTime,
    /// The file that is being recorded.
    pub(crate) recording: Option<Arc<Path>>,
    /// What came of the recording, when that is over.
    pub(crate) recorded: Option<Outcome>,
    /// Set when the network thread is done: the medium ended, it was told to stop, or it failed.
    pub(crate) over: Option<Result<(), String>>,
}

/// The main thread's hold on a stream.
pub(crate) struct Player {
    shared: Arc<Shared>,
}

struct Shared {
    status: Mutex<Status>,
    /// What the main thread wants; the network thread looks at each turn.
    paused: AtomicBool,
    stopped: AtomicBool,
    repeat: AtomicBool,
    /// Set when there is something to wake.
    waker: OnceLock<Waker>,
    clock: PlayerClock,
    jobs: Handoff<Job>,
    pictures: Handoff<Picture>,
    errors: ErrorLog,
}

impl Player {
    /// Starts both threads. `open` runs on the network's. What is received is recorded to `record`.
    ///
    /// # Errors
    /// The system has no more threads.
    pub(crate) fn start(
        open: impl FnOnce() -> Result<Box<dyn Source>, Error> + Send + 'static,
        decode: Decode,
        record: Option<PathBuf>,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            status: Mutex::default(),
            paused: AtomicBool::new(false),
            stopped: AtomicBool::new(false),
            repeat: AtomicBool::new(false),
            waker: OnceLock::new(),
            clock: PlayerClock::start(),
            jobs: Handoff::new(JOBS),
            pictures: Handoff::new(PICTURES),
            errors: ErrorLog::default(),
        });
        let decoder = Arc::clone(&shared);
        thread::Builder::new().name("decode".into()).spawn(move || {
            decode::run(&decoder.jobs, &decoder.pictures, &decoder.clock, &decoder.errors);
        })?;
        let network = Arc::clone(&shared);
        thread::Builder::new().name("network".into()).spawn(move || {
            // Last of all: who has taken the last picture finds the result.
            let _close = CloseOnDrop(&network.jobs);
            let result = network.run(open, decode, record).map_err(|error| error.to_string());
            network.status().over = Some(result);
        })?;
        Ok(Self { shared })
    }

    /// The stream's state now.
    pub(crate) fn status(&self) -> Status {
        self.shared.status().clone()
    }

    /// What went wrong without ending the stream.
    pub(crate) fn errors(&self) -> &ErrorLog {
        &self.shared.errors
    }

    /// Holds the picture and the server, or lets both go on.
    pub(crate) fn pause(&self, paused: bool) {
        self.shared.clock.hold(paused);
        self.shared.paused.store(paused, Ordering::Release);
        self.shared.wake();
    }

    /// From now on, a medium that ends is played again.
    pub(crate) fn repeat(&self) {
        self.shared.repeat.store(true, Ordering::Release);
    }

    /// The newest picture that is due; waits at most `wait` for it. Finished after the last.
    pub(crate) fn picture(&self, wait: Duration) -> Taken<Picture> {
        self.shared.pictures.take(wait, |queue| {
            let now = self.shared.clock.now();
            queue.iter().take_while(|picture| picture.due <= now).count()
        })
    }

    /// Gives a picture back for its buffer.
    pub(crate) fn give_back(&self, picture: Picture) {
        self.shared.pictures.give_back(picture);
    }

    /// Ends the session, and waits for it, but not for a server that does not answer. The
    /// pictures that are on their way can still be taken.
    pub(crate) fn stop(&self) {
        self.shared.clock.hold(false);
        self.shared.stopped.store(true, Ordering::Release);
        self.shared.wake();
    }
}

impl Shared {
    fn status(&self) -> MutexGuard<'_, Status> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self) {
        if let Some(Waker(wake)) = self.waker.get() {
            wake();
        }
    }

    fn run(
        &self,
        open: impl FnOnce() -> Result<Box<dyn Source>, Error>,
        decode: Decode,
        record: Option<PathBuf>,
    ) -> Result<(), Error> {
        let mut source = open()?;
        let mut recording = record.map(|path| Recording::start(&path, FrameId(0))).transpose()?;
        // A wish that came while it connected is seen below, before the first turn.
        let _ = self.waker.set(source.waker());
        let mut feed = Feed::new(decode);
        let played = self.play(&mut *source, &mut feed, &mut recording);
        feed.flush(&*source, &self.clock, &self.jobs);
        self.refresh(&*source, &feed);
        if played.is_ok() {
            say_goodbye(&mut *source);
        }
        if let Some(recording) = recording {
            self.status().recording = None;
            let outcome = recording.finish(&*source);
            self.status().recorded = Some(outcome);
        }
        played
    }

    fn play(
        &self,
        source: &mut dyn Source,
        feed: &mut Feed,
        recording: &mut Option<Recording>,
    ) -> Result<(), Error> {
        let mut held = false;
        let (mut ended, mut closed) = (false, false);
        let mut wait = Duration::ZERO;
        while !self.stopped.load(Ordering::Acquire) {
            let hold = self.paused.load(Ordering::Acquire);
            if hold != held {
                held = hold;
                if held { source.pause() } else { source.play() }
            }
            source.turn(wait)?;
            while let Some(event) = source.poll_event() {
                tracing::info!(?event);
                ended |= event == Event::Ended;
                closed |= event == Event::Closed;
            }
            if let Some(recording) = recording {
                recording.follow(source);
                self.status().recording = recording.path().cloned();
            }
            let progress = feed.run(source, &self.clock, &self.jobs);
            self.refresh(source, feed);
            if (ended || closed) && progress.drained {
                if closed || !self.repeat.load(Ordering::Acquire) {
                    break;
                }
                ended = false;
                source.play();
            }
            wait = progress.wait.map_or(TURN, |wait| wait.min(TURN));
        }
        Ok(())
    }

    fn refresh(&self, source: &dyn Source, feed: &Feed) {
        let mut status = self.status();
        (status.statistics, status.mended) = (source.statistics(), feed.mended());
        (status.codec, status.size, status.fps) = (feed.codec(), feed.size(), feed.fps());
        status.position = feed.position();
    }
}

/// Tears the session down. What fails now concerns nobody.
fn say_goodbye(source: &mut dyn Source) {
    source.teardown();
    let deadline = Instant::now() + FAREWELL;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() || source.turn(left).is_err() {
            return;
        }
        while let Some(event) = source.poll_event() {
            if event == Event::Closed {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::{Fake, ORANGE};

    const FRAME: Duration = Duration::from_millis(10);
    const WAIT: Duration = Duration::from_millis(50);

    fn start(fake: Fake, decode: Decode) -> Player {
        Player::start(move || Ok(Box::new(fake)), decode, None).unwrap()
    }

    fn clip(frames: usize) -> Fake {
        Fake::new(vec![ORANGE.to_vec(); frames], (32, 16), FRAME)
    }

    /// Takes pictures until there are no more.
    fn pictures(player: &Player) -> Vec<Picture> {
        let deadline = Instant::now() + Duration::from_secs(20);
        let mut pictures = Vec::new();
        loop {
            let taken = player.picture(WAIT);
            assert!(Instant::now() < deadline, "it does not end");
            pictures.extend(taken.item);
            if taken.finished {
                return pictures;
            }
        }
    }

    #[test]
    fn a_clip_is_played_to_its_end_and_the_server_is_left_properly() {
        let fake = clip(40);
        let asked = fake.asked();
        let player = start(fake, Decode::All);
        let pictures = pictures(&player);
        // A busy machine may skip some, not many.
        assert!(pictures.len() > 10, "{} of 40", pictures.len());
        assert!(pictures.iter().all(|p| (p.width, p.height) == (32, 16)));
        let status = player.status();
        assert_eq!(status.over, Some(Ok(())));
        assert_eq!((status.codec, status.size), (Some("JPEG"), (32, 16)));
        assert!((status.fps - 100.0).abs() < 0.01, "{}", status.fps);
        assert_eq!(player.errors().messages(), [""; 0]);
        assert_eq!(*asked.lock().unwrap(), ["teardown"]);
    }

    #[test]
    fn a_pause_holds_the_picture_and_the_server_and_goes_on_where_it_was() {
        let fake = clip(60);
        let asked = fake.asked();
        let player = start(fake, Decode::All);
        while player.picture(WAIT).item.is_none() {}
        player.pause(true);
        // What was due when it was paused, and no more.
        let _ = player.picture(WAIT);
        let held = player.shared.clock.now();
        for _ in 0..4 {
            assert_eq!(player.picture(WAIT).item, None);
        }
        assert_eq!(*asked.lock().unwrap(), ["pause"]);
        player.pause(false);
        let rest = pictures(&player);
        assert!(rest.iter().all(|picture| picture.due > held));
        assert!(rest.len() > 10, "{}", rest.len());
        assert_eq!(*asked.lock().unwrap(), ["pause", "play", "teardown"]);
    }

    #[test]
    fn a_clip_that_is_to_repeat_starts_over_until_it_is_stopped() {
        let fake = clip(10);
        let asked = fake.asked();
        let player = start(fake, Decode::All);
        player.repeat();
        let deadline = Instant::now() + Duration::from_secs(20);
        while asked.lock().unwrap().iter().filter(|asked| **asked == "play").count() < 2 {
            assert!(Instant::now() < deadline, "it is not played again");
            let _ = player.picture(WAIT);
        }
        player.stop();
        pictures(&player);
        assert_eq!(player.status().over, Some(Ok(())));
    }

    #[test]
    fn a_screen_that_stands_still_stalls_nobody() {
        let player = start(clip(30), Decode::All);
        let deadline = Instant::now() + Duration::from_secs(10);
        while player.status().over.is_none() {
            assert!(Instant::now() < deadline, "the network waits for the screen");
            thread::sleep(FRAME);
        }
        assert_eq!(player.status().statistics.frames_complete, 30);
    }

    #[test]
    fn a_frame_that_does_not_decode_is_counted_and_the_rest_is_shown() {
        // Many, because a busy machine may skip one.
        let bad = |n: usize| n % 3 == 1;
        let frame = |n| if bad(n) { b"no JPEG".to_vec() } else { ORANGE.to_vec() };
        let player = start(Fake::new((0..30).map(frame).collect(), (32, 16), FRAME), Decode::All);
        assert!(pictures(&player).len() > 5);
        assert_eq!(player.status().over, Some(Ok(())));
        let errors = player.errors().messages();
        assert!(!errors.is_empty());
        for error in errors {
            let n = error.strip_prefix("frame ").and_then(|rest| rest.split(':').next());
            assert!(n.and_then(|n| n.parse().ok()).is_some_and(bad), "{error}");
        }
    }

    #[test]
    fn with_a_pace_one_picture_in_that_time_is_decoded_and_the_last() {
        let player = start(clip(30), Decode::Every(Duration::from_secs(60)));
        assert_eq!(pictures(&player).len(), 2);
        assert!((player.status().fps - 100.0).abs() < 0.01);
    }

    #[test]
    fn without_a_decoder_each_frame_is_counted_and_none_is_shown() {
        let player = start(clip(30), Decode::Nothing);
        assert_eq!(pictures(&player), []);
        let status = player.status();
        assert_eq!((status.statistics.frames_complete, status.size), (30, (32, 16)));
    }

    #[test]
    fn who_stops_it_waits_for_no_picture_and_the_server_is_told() {
        let fake = clip(100_000);
        let asked = fake.asked();
        let player = start(fake, Decode::All);
        while player.picture(WAIT).item.is_none() {}
        player.pause(true);
        player.stop();
        pictures(&player);
        assert_eq!(player.status().over, Some(Ok(())));
        assert_eq!(asked.lock().unwrap().last(), Some(&"teardown"));
    }

    #[test]
    fn a_server_that_cannot_be_reached_or_goes_away_is_the_result() {
        let refused = Player::start(|| Err("refused".into()), Decode::All, None).unwrap();
        assert_eq!(pictures(&refused), []);
        assert_eq!(refused.status().over, Some(Err("refused".to_owned())));

        let lost = start(clip(30).failing_after(5), Decode::All);
        assert_ne!(pictures(&lost), []);
        assert_eq!(lost.status().over, Some(Err("the connection was lost".to_owned())));
    }
}
