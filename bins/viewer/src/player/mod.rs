//! A stream being played: a thread for the network, which hands frames to one that decodes.
pub(crate) mod engine;
pub(crate) mod handoff;
pub(crate) mod tally;

use crate::decode::conceal::Mended;
use crate::decode::{self, Bench, Job, Picture};
use crate::model::{Command, Figures, Model, State};
use crate::output::recording::Outcome;
use crate::output::report::ErrorLog;
use crate::playback::clock::PlayerClock;
use crate::playback::selection::Decode;
use crate::player::engine::Engine;
use crate::player::handoff::{Choice, CloseOnDrop, Handoff, Taken};
use crate::player::tally::Tally;
use crate::stream::{Error, Source, Statistics, Usage, Waker};
use crate::tell;
use pinhole::time::MediaTime;
use std::collections::VecDeque;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use std::{io, thread};

/// Frames that wait for the decoder: as many as come within its lead, at a high rate.
const JOBS: usize = 32;
/// Pictures that wait for the screen, where they are not large.
const PICTURES: usize = 6;

/// How to play.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// The address, for the figures.
    pub(crate) url: String,
    /// Which frames are decoded.
    pub(crate) decode: Decode,
    /// What follows the last frame.
    pub(crate) at_end: AtEnd,
    /// How much of a recorded medium is to be there before it plays.
    pub(crate) prebuffer: Duration,
    /// A server that is gone is tried again.
    pub(crate) reconnect: bool,
    /// What is received goes to this file, too.
    pub(crate) record: Option<PathBuf>,
}

/// What follows the last frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AtEnd {
    /// Nothing.
    Stop,
    /// It is shown until the user wants something else.
    Stay,
    /// The first.
    Repeat,
}

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
    /// Bits for a second of media time, over the last seconds.
    pub(crate) bitrate: f64,
    /// What the player does.
    pub(crate) state: State,
    /// The user holds the picture.
    pub(crate) held: bool,
    /// Of the frame that is shown, or is to be shown next.
    pub(crate) position: MediaTime,
    /// How fast it plays.
    pub(crate) rate: f64,
    /// Of the medium; `None`: it is live, or that is not known.
    pub(crate) duration: Option<Duration>,
    /// What is cached, in the order of time.
    pub(crate) cached: Vec<Range<MediaTime>>,
    /// How full the cache is.
    pub(crate) usage: Usage,
    /// How far the picture is behind the newest frame; `None`: the medium is recorded.
    pub(crate) behind_live: Option<Duration>,
    /// How often nothing was there when something was due.
    pub(crate) stalls: u64,
    /// How often the server was reached anew.
    pub(crate) reconnects: u64,
    /// Pictures that were shown.
    pub(crate) frames_shown: u64,
    /// Frames that were shown after their time, or not at all for that.
    pub(crate) frames_late: u64,
    /// The file that is being recorded.
    pub(crate) recording: Option<Arc<Path>>,
    /// What came of the last recording, when that is over.
    pub(crate) recorded: Option<Outcome>,
    /// Set when the network thread is done: the medium ended, it was told to stop, or it failed.
    pub(crate) over: Option<Result<(), String>>,
}

/// The main thread's hold on a stream.
pub(crate) struct Player {
    shared: Arc<Shared>,
    url: String,
}

/// What the threads have in common.
pub(crate) struct Shared {
    pub(crate) clock: PlayerClock,
    pub(crate) jobs: Handoff<Job>,
    pub(crate) tally: Tally,
    pictures: Handoff<Picture>,
    errors: ErrorLog,
    status: Mutex<Status>,
    /// What the main thread wants; the network thread looks at each turn.
    commands: Mutex<Vec<Command>>,
    at_end: Mutex<AtEnd>,
    stopped: AtomicBool,
    /// What is older is not shown.
    generation: AtomicU64,
    /// Set when there is something to wake.
    waker: OnceLock<Waker>,
}

impl Player {
    /// Starts both threads. `open` runs on the network's.
    ///
    /// # Errors
    /// The system has no more threads.
    pub(crate) fn start(
        open: impl FnOnce() -> Result<Box<dyn Source>, Error> + Send + 'static,
        settings: Settings,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            clock: PlayerClock::start(),
            jobs: Handoff::new(JOBS),
            tally: Tally::default(),
            pictures: Handoff::new(PICTURES),
            errors: ErrorLog::default(),
            status: Mutex::new(Status { rate: 1.0, ..Status::default() }),
            commands: Mutex::default(),
            at_end: Mutex::new(settings.at_end),
            stopped: AtomicBool::new(false),
            generation: AtomicU64::new(0),
            waker: OnceLock::new(),
        });
        let url = settings.url.clone();
        let decoder = Arc::clone(&shared);
        thread::Builder::new().name("decode".into()).spawn(move || decode::run(&decoder.bench()))?;
        let network = Arc::clone(&shared);
        thread::Builder::new().name("network".into()).spawn(move || {
            // Last of all: who has taken the last picture finds the result.
            let _close = CloseOnDrop(&network.jobs);
            let played = open().and_then(|mut source| {
                // A wish that came while it connected is seen before the first turn.
                let _ = network.waker.set(source.waker());
                Engine::new(&network, &settings)?.run(&mut *source)
            });
            network.status().over = Some(played.map_err(|error| error.to_string()));
        })?;
        Ok(Self { shared, url })
    }

    /// The stream's state now.
    pub(crate) fn status(&self) -> Status {
        let mut status = self.shared.status().clone();
        status.frames_shown = self.shared.tally.frames_shown();
        status.frames_late = self.shared.tally.frames_late().saturating_add(status.stalls);
        status
    }

    /// All that there is to show besides the picture.
    pub(crate) fn model(&self) -> Model {
        let status = self.status();
        let statistics = &status.statistics;
        let figures = Figures {
            url: self.url.clone(),
            transport: statistics.transport,
            size: status.size,
            codec: status.codec,
            fps: status.fps,
            bitrate: status.bitrate,
            packets_lost: statistics.packets_lost,
            frames_late: status.frames_late,
            frames_damaged: statistics.frames_damaged,
            frames_missing: statistics.frames_missing,
            strips_mended: status.mended.strips,
            jitter: statistics.jitter,
            decode: self.shared.tally.decode(),
            latency: self.shared.tally.latency(),
            cache_frames: status.usage.frames,
            cache_span: status.usage.span,
            cache_bytes: (status.usage.bytes, status.usage.capacity),
        };
        Model {
            state: status.state,
            held: status.held,
            position: status.position,
            duration: status.duration,
            cached: status.cached,
            behind_live: status.behind_live,
            rate: status.rate,
            recording: status.recording.map(|path| path.to_path_buf()),
            figures,
        }
    }

    /// Asks for something. Of places that follow each other, only the last counts.
    pub(crate) fn command(&self, command: Command) {
        if command == Command::Stop {
            self.shared.stopped.store(true, Ordering::Release);
        }
        let mut commands = self.shared.commands.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!((commands.last(), &command), (Some(Command::Seek(_)), Command::Seek(_))) {
            commands.pop();
        }
        commands.push(command);
        drop(commands);
        self.shared.wake();
    }

    /// From now on, this is what follows the last frame.
    pub(crate) fn at_end(&self, at_end: AtEnd) {
        *self.shared.at_end.lock().unwrap_or_else(PoisonError::into_inner) = at_end;
        self.shared.wake();
    }

    /// What went wrong without ending the stream.
    pub(crate) fn errors(&self) -> &ErrorLog {
        &self.shared.errors
    }

    /// The newest picture that is due; waits at most `wait` for it. Finished after the last.
    pub(crate) fn picture(&self, wait: Duration) -> Taken<Picture> {
        let Shared { pictures, clock, tally, generation, .. } = &*self.shared;
        let is_old = |picture: &Picture| picture.showing.generation < generation.load(Ordering::Acquire);
        let choose = |queue: &VecDeque<Picture>| {
            let now = clock.now();
            let count =
                queue.iter().take_while(|picture| is_old(picture) || picture.showing.due <= now).count();
            let next = queue.get(count).and_then(|picture| clock.until(picture.showing.due));
            Choice { count, again: next }
        };
        let skip = |picture: &Picture| {
            if !is_old(picture) {
                tally.dropped(&picture.showing);
            }
        };
        let mut taken = pictures.take(wait, choose, skip);
        if let Some(old) = taken.item.take_if(|picture| is_old(picture)) {
            pictures.give_back(old);
        }
        if let Some(picture) = &taken.item {
            tally.shown(&picture.showing, self.after(picture), picture.arrived.map(|at| at.elapsed()));
        }
        taken
    }

    /// How long ago a picture that was taken was due.
    pub(crate) fn after(&self, picture: &Picture) -> Duration {
        self.shared.clock.now().saturating_sub(picture.showing.due)
    }

    /// Gives a picture back for its buffer.
    pub(crate) fn give_back(&self, picture: Picture) {
        self.shared.pictures.give_back(picture);
    }

    /// Ends the session, and waits for it, but not for a server that does not answer. The
    /// pictures that are on their way can still be taken.
    pub(crate) fn stop(&self) {
        self.command(Command::Stop);
    }
}

impl Shared {
    /// The status, to be read or written.
    pub(crate) fn status(&self) -> MutexGuard<'_, Status> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was asked for since the last time.
    pub(crate) fn commands(&self) -> Vec<Command> {
        std::mem::take(&mut *self.commands.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What follows the last frame.
    pub(crate) fn at_end(&self) -> AtEnd {
        *self.at_end.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It is to end.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    /// Nothing that is of an older generation is shown from now on.
    pub(crate) fn show_from(&self, generation: u64) {
        if self.generation.swap(generation, Ordering::AcqRel) != generation {
            self.jobs.clear();
            self.pictures.clear();
        }
    }

    /// Tells what went wrong, without an end to it.
    pub(crate) fn complain(&self, message: String) {
        tell(&message);
        self.errors.push(message);
    }

    fn bench(&self) -> Bench<'_> {
        Bench {
            jobs: &self.jobs,
            pictures: &self.pictures,
            clock: &self.clock,
            generation: &self.generation,
            tally: &self.tally,
            errors: &self.errors,
        }
    }

    fn wake(&self) {
        if let Some(Waker(wake)) = self.waker.get() {
            wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::fake::{Fake, ORANGE};
    use std::time::Instant;

    const FRAME: Duration = Duration::from_millis(10);
    const WAIT: Duration = Duration::from_millis(50);
    const LIMIT: Duration = Duration::from_secs(20);

    fn plain() -> Settings {
        Settings {
            url: String::new(),
            decode: Decode::All,
            at_end: AtEnd::Stop,
            prebuffer: Duration::ZERO,
            reconnect: false,
            record: None,
        }
    }

    fn window() -> Settings {
        Settings { at_end: AtEnd::Stay, reconnect: true, ..plain() }
    }

    fn start(fake: Fake, settings: Settings) -> Player {
        Player::start(move || Ok(Box::new(fake)), settings).unwrap()
    }

    fn clip(frames: usize) -> Fake {
        Fake::new(vec![ORANGE.to_vec(); frames], (32, 16), FRAME).at_speed(1)
    }

    /// Takes pictures until there are no more.
    fn pictures(player: &Player) -> Vec<Picture> {
        let deadline = Instant::now() + LIMIT;
        let mut pictures = Vec::new();
        loop {
            let taken = player.picture(WAIT);
            assert!(Instant::now() < deadline, "it does not end: {:?}", player.model());
            pictures.extend(taken.item);
            if taken.finished {
                return pictures;
            }
        }
    }

    /// Takes pictures until the model is as it should be; gives the last one.
    #[track_caller]
    fn until(player: &Player, found: impl Fn(&Model) -> bool) -> Option<Picture> {
        let deadline = Instant::now() + LIMIT;
        let mut last = None;
        loop {
            last = player.picture(FRAME).item.or(last);
            let model = player.model();
            if found(&model) {
                return last;
            }
            assert!(Instant::now() < deadline, "it stays so: {model:?}");
        }
    }

    /// The frame on the screen once nothing changes any more.
    fn settled(player: &Player) -> Option<u64> {
        let (mut last, mut since) = (None, Instant::now());
        while since.elapsed() < 3 * WAIT {
            if let Some(picture) = player.picture(WAIT).item {
                (last, since) = (Some(picture.showing.id.0), Instant::now());
            }
        }
        last
    }

    fn at(frame: u64) -> MediaTime {
        MediaTime::ZERO + FRAME.saturating_mul(frame as u32).into()
    }

    #[test]
    fn a_clip_is_played_to_its_end_and_the_server_is_left_properly() {
        let fake = clip(40);
        let asked = fake.asked();
        let player = start(fake, plain());
        let pictures = pictures(&player);
        // A busy machine may skip some, not many.
        assert!(pictures.len() > 10, "{} of 40", pictures.len());
        assert!(pictures.iter().all(|p| (p.width, p.height) == (32, 16)));
        let status = player.status();
        assert_eq!(status.over, Some(Ok(())));
        assert_eq!((status.codec, status.size), (Some("JPEG"), (32, 16)));
        assert!((status.fps - 100.0).abs() < 0.01, "{}", status.fps);
        assert_eq!(status.frames_shown, pictures.len() as u64);
        // What was shown late counts as late, and what was dropped.
        assert!(status.frames_shown + status.frames_late >= 40 - 1, "{status:?}");
        assert_eq!(player.errors().messages(), [""; 0]);
        assert_eq!(*asked.lock().unwrap(), ["teardown"]);
    }

    #[test]
    fn a_held_picture_stays_while_frames_come_and_then_it_goes_on_where_it_was() {
        let player = start(clip(60), plain());
        until(&player, |model| model.position > at(2));
        player.command(Command::Toggle);
        until(&player, |model| model.held && model.state == State::Paused);
        // What was due when it was held, and no more.
        let _ = settled(&player);
        let held = player.shared.clock.now();
        until(&player, |model| model.figures.cache_frames == 60);
        assert_eq!(player.picture(WAIT).item, None);
        player.command(Command::Toggle);
        let rest = pictures(&player);
        assert!(rest.iter().all(|picture| picture.showing.due > held));
        assert!(rest.len() > 10, "{}", rest.len());
    }

    #[test]
    fn a_clip_that_is_to_repeat_starts_over_from_the_cache_until_it_is_stopped() {
        let fake = clip(10);
        let asked = fake.asked();
        let player = start(fake, Settings { at_end: AtEnd::Repeat, ..plain() });
        let mut starts = 0;
        let mut before = u64::MAX;
        let deadline = Instant::now() + LIMIT;
        while starts < 4 {
            assert!(Instant::now() < deadline, "it is not played again");
            let Some(picture) = player.picture(WAIT).item else { continue };
            starts += usize::from(picture.showing.id.0 < before);
            before = picture.showing.id.0;
        }
        player.stop();
        pictures(&player);
        assert_eq!(player.status().over, Some(Ok(())));
        assert_eq!(*asked.lock().unwrap(), ["teardown"]);
    }

    #[test]
    fn a_clip_stays_at_its_end_and_can_be_stepped_through_sought_in_and_played_again() {
        let fake = clip(30);
        let asked = fake.asked();
        let player = start(fake, window());
        let last = until(&player, |model| model.state == State::Ended);
        assert_eq!(last.or(player.picture(WAIT).item).map(|picture| picture.showing.id.0), Some(29));
        player.command(Command::StepBack);
        assert_eq!(settled(&player), Some(28));
        player.command(Command::StepBack);
        assert_eq!(settled(&player), Some(27));
        player.command(Command::StepForward);
        assert_eq!(settled(&player), Some(28));
        assert_eq!((player.model().state, player.model().position), (State::Paused, at(28)));
        player.command(Command::Seek(at(5)));
        player.command(Command::Seek(at(12)));
        assert_eq!(settled(&player), Some(12), "only the frame that was asked for");
        player.command(Command::Toggle);
        until(&player, |model| model.state == State::Ended);
        player.command(Command::Toggle);
        until(&player, |model| model.state == State::Playing && model.position < at(20));
        assert_eq!(*asked.lock().unwrap(), [""; 0], "all of it is cached");
        assert_eq!(player.model().cached, [at(0)..at(30)]);
    }

    #[test]
    fn what_was_decoded_before_a_seek_is_not_shown_after_it() {
        let player = start(clip(1000).at_speed(100), window());
        until(&player, |model| model.position > at(4) && model.figures.cache_frames > 600);
        player.command(Command::Seek(at(500)));
        until(&player, |model| model.position >= at(500));
        for _ in 0..10 {
            if let Some(picture) = player.picture(WAIT).item {
                assert!(picture.showing.id.0 >= 500, "{:?}", picture.showing);
            }
        }
    }

    #[test]
    fn a_screen_that_stands_still_stalls_nobody() {
        let player = start(clip(30), plain());
        let deadline = Instant::now() + LIMIT;
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
        let player = start(Fake::new((0..30).map(frame).collect(), (32, 16), FRAME).at_speed(1), plain());
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
        let player = start(clip(30), Settings { decode: Decode::Every(Duration::from_secs(60)), ..plain() });
        assert_eq!(pictures(&player).len(), 2);
        assert!((player.status().fps - 100.0).abs() < 0.01);
    }

    #[test]
    fn without_a_decoder_each_frame_is_counted_and_none_is_shown() {
        let player = start(clip(30), Settings { decode: Decode::Nothing, ..plain() });
        assert_eq!(pictures(&player), []);
        let status = player.status();
        assert_eq!((status.statistics.frames_complete, status.size), (30, (32, 16)));
    }

    #[test]
    fn who_stops_it_waits_for_no_picture_and_the_server_is_told() {
        let fake = clip(100_000);
        let asked = fake.asked();
        let player = start(fake, window());
        until(&player, |model| model.position > at(2));
        player.command(Command::Toggle);
        player.stop();
        pictures(&player);
        assert_eq!(player.status().over, Some(Ok(())));
        assert_eq!(asked.lock().unwrap().last(), Some(&"teardown"));
    }

    #[test]
    fn a_server_that_cannot_be_reached_or_goes_away_is_the_result() {
        let refused = Player::start(|| Err("refused".into()), window()).unwrap();
        assert_eq!(pictures(&refused), []);
        assert_eq!(refused.status().over, Some(Err("refused".to_owned())));

        let lost = start(clip(30).lost_after(5, 0), plain());
        assert_ne!(pictures(&lost), []);
        assert_eq!(lost.status().over, Some(Err("the connection was lost".to_owned())));

        let never = start(clip(30).lost_after(0, 0), window());
        assert_eq!(pictures(&never), []);
        assert_eq!(never.status().over, Some(Err("the connection was lost".to_owned())));
    }

    #[test]
    fn a_server_that_comes_back_is_gone_on_with_and_meanwhile_the_cache_is_played() {
        let fake = clip(60).lost_after(30, 1);
        let asked = fake.asked();
        let player = start(fake, Settings { reconnect: true, ..plain() });
        until(
            &player,
            |model| matches!(&model.state, State::Reconnecting { attempt: 1, reason, .. } if reason == "the connection was lost"),
        );
        player.command(Command::Seek(at(10)));
        until(&player, |model| model.state == State::Playing && model.position < at(29));
        until(
            &player,
            |model| matches!(&model.state, State::Reconnecting { attempt: 2, reason, .. } if reason == "refused"),
        );
        pictures(&player);
        let status = player.status();
        assert_eq!((status.over, status.reconnects), (Some(Ok(())), 1));
        assert_eq!(status.statistics.frames_complete, 60);
        assert_eq!(*asked.lock().unwrap(), ["reconnect", "reconnect", "teardown"]);
    }
}
