//! The network's thread: turns the source, moves the playhead, and feeds the decoder.
use crate::model::{Command, State};
use crate::output::recording::Recording;
use crate::playback::playhead::{Next, Playhead};
use crate::playback::selection::Feed;
use crate::player::{AtEnd, Settings, Shared};
use crate::stream::backoff::Retry;
use crate::stream::received::Intake;
use crate::stream::{Error, Event, Failure, Source};
use pinhole::frame::FrameId;
use pinhole::time::MediaTime;
use std::ops::Range;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// The most frames that are handed over at once, so that the network gets its turn.
const BATCH: usize = 32;
/// The longest turn. What wants the thread sooner wakes it.
const TURN: Duration = Duration::from_millis(250);
/// How often what takes a while to find out is told anew.
const DETAILS_EVERY: Duration = Duration::from_millis(100);
/// How long the server gets to answer TEARDOWN.
const FAREWELL: Duration = Duration::from_millis(500);
/// A medium that ends so much before its time was cut off.
const CUT_OFF: Duration = Duration::from_secs(1);

/// A stream that is played.
pub(crate) struct Engine<'a> {
    shared: &'a Shared,
    playhead: Playhead,
    intake: Intake,
    feed: Feed,
    link: Link,
    retry: Retry,
    reconnects: bool,
    recording: Option<Recording>,
    /// Nothing can be handed over until something happens.
    idle: bool,
    details_at: Instant,
}

/// How it is with the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    Up,
    /// All there is has come; it is called again only when more is wanted.
    Done,
    /// It is gone, and is tried again when it is time.
    Lost,
    /// A try is under way.
    Trying,
}

impl<'a> Engine<'a> {
    /// Nothing has come yet.
    ///
    /// # Errors
    /// What is received is to be recorded, and the file cannot be created.
    pub(crate) fn new(shared: &'a Shared, settings: &Settings) -> Result<Self, Error> {
        let record = settings.record.as_ref();
        Ok(Self {
            shared,
            playhead: Playhead::new(settings.prebuffer),
            intake: Intake::default(),
            feed: Feed::new(settings.decode),
            link: Link::Up,
            retry: Retry::default(),
            reconnects: settings.reconnect,
            recording: record.map(|path| Recording::start(path, FrameId(0))).transpose()?,
            idle: true,
            details_at: Instant::now(),
        })
    }

    /// Plays until the end, or until it is told to stop.
    ///
    /// # Errors
    /// The stream cannot be had, or cannot go on.
    pub(crate) fn run(mut self, source: &mut dyn Source) -> Result<(), Error> {
        let played = self.play(source);
        // What was handed over is shown at its time.
        self.shared.clock.hold(false);
        self.feed.flush(source, &self.intake, self.shared);
        self.details_at = Instant::now();
        self.tell(source);
        // What comes after the goodbye was said is neither counted nor recorded: of a frame, it may be a part.
        self.stop_recording(source);
        if played.is_ok() && self.link == Link::Up {
            say_goodbye(source);
        }
        played
    }

    fn play(&mut self, source: &mut dyn Source) -> Result<(), Error> {
        let mut wait = Duration::ZERO;
        while !self.shared.is_stopped() {
            self.turn(source, wait)?;
            self.take_events(source)?;
            self.take_in(source);
            for command in self.shared.commands() {
                self.obey(command, source);
            }
            let until = match self.feed(source) {
                Next::Frame(_) => Some(Duration::ZERO),
                Next::At(at) => self.shared.clock.until(at),
                Next::Idle => None,
                Next::Over(at) => match self.shared.at_end() {
                    AtEnd::Stop => return Ok(()),
                    AtEnd::Repeat if self.playhead.is_ended() => {
                        self.playhead.toggle(source);
                        Some(Duration::ZERO)
                    }
                    AtEnd::Repeat | AtEnd::Stay => self.shared.clock.until(at),
                },
            };
            self.tell(source);
            wait = until.map_or(TURN, |until| until.min(TURN));
        }
        Ok(())
    }

    fn turn(&mut self, source: &mut dyn Source, wait: Duration) -> Result<(), Error> {
        let now = Instant::now();
        if self.retry.is_due(now) {
            tracing::info!(attempt = self.retry.attempt, "connecting anew");
            self.link = Link::Trying;
            source.reconnect();
        }
        let wait = self.retry.at().map_or(wait, |at| wait.min(at.saturating_duration_since(now)));
        match source.turn(wait) {
            Ok(()) => Ok(()),
            Err(Failure::Final(error)) => Err(error),
            Err(Failure::Lost(error)) => self.lost(error),
        }
    }

    /// What has come can still be played; what never came is an error at once.
    fn lost(&mut self, error: Error) -> Result<(), Error> {
        if self.intake.is_empty() {
            return Err(error);
        }
        if self.playhead.is_complete() {
            self.link = Link::Done;
            return Ok(());
        }
        if !self.reconnects {
            return Err(error);
        }
        tracing::info!(%error, "the server is gone");
        self.link = Link::Lost;
        self.retry.failed(error.to_string(), Instant::now());
        Ok(())
    }

    fn take_events(&mut self, source: &mut dyn Source) -> Result<(), Error> {
        let (mut ended, mut closed) = (false, false);
        while let Some(event) = source.poll_event() {
            tracing::info!(?event);
            match event {
                Event::Playing(_) if self.link != Link::Up => {
                    self.link = Link::Up;
                    self.shared.status().reconnects += 1;
                }
                Event::Ended => ended = true,
                Event::Closed => closed = true,
                _ => {}
            }
        }
        if ended {
            self.playhead.set_complete(true);
        }
        if closed {
            // A live stream that ends in due form may come back: worth waiting for where somebody
            // looks on, and not where the end is waited for.
            let may_return = ended && source.is_live() && self.shared.at_end() != AtEnd::Stop;
            let cut_off = may_return || is_cut_off(source);
            if self.reconnects && cut_off {
                self.playhead.set_complete(false);
            }
            self.lost("the server has ended the session".into())?;
        }
        Ok(())
    }

    fn take_in(&mut self, source: &dyn Source) {
        if self.intake.run(source, Instant::now()) && self.link == Link::Up {
            self.retry = Retry::default();
        }
        if let Some(recording) = &mut self.recording {
            recording.follow(source);
        }
    }

    fn record(&mut self, path: Option<PathBuf>, source: &dyn Source) {
        self.stop_recording(source);
        match path.map(|path| Recording::start(&path, source.cached().end)).transpose() {
            Ok(recording) => self.recording = recording,
            Err(error) => self.shared.complain(error.to_string()),
        }
    }

    fn stop_recording(&mut self, source: &dyn Source) {
        if let Some(recording) = self.recording.take() {
            let outcome = recording.finish(source);
            let mut status = self.shared.status();
            (status.recording, status.recorded) = (None, Some(outcome));
        }
    }

    fn obey(&mut self, command: Command, source: &mut dyn Source) {
        tracing::debug!(?command);
        let now = self.shared.clock.now();
        match command {
            Command::Toggle => self.playhead.toggle(source),
            Command::StepForward => self.playhead.step(source, true),
            Command::StepBack => self.playhead.step(source, false),
            Command::Jump(seconds) => self.playhead.jump(source, seconds),
            Command::Seek(to) => self.playhead.seek(source, to),
            Command::GoLive => self.playhead.go_live(source),
            Command::Rate(rate) => self.playhead.set_rate(rate, now),
            Command::Record(path) => self.record(path, source),
            // The flag beside it counts.
            Command::Stop => {}
        }
        self.details_at = Instant::now();
    }

    /// Hands over what is due within the decoder's lead; returns what comes next.
    fn feed(&mut self, source: &mut dyn Source) -> Next {
        let mut next = Next::Idle;
        for _ in 0..BATCH {
            let now = self.shared.clock.now();
            next = self.playhead.next(source, now);
            self.shared.show_from(self.playhead.generation());
            self.shared.clock.hold(!self.playhead.runs());
            let Next::Frame(showing) = next else { break };
            self.shared.tally.took(&showing, now.saturating_sub(showing.due));
            self.feed.give(showing, source, &self.intake, self.shared);
        }
        if let Some(id) = self.playhead.needs_from() {
            source.watch_from(id);
        }
        self.idle = next == Next::Idle;
        next
    }

    fn state(&self, source: &dyn Source) -> State {
        if self.playhead.is_ended() {
            State::Ended
        } else if self.idle && matches!(self.link, Link::Lost | Link::Trying) {
            State::Reconnecting {
                attempt: self.retry.attempt,
                wait: self.retry.wait(Instant::now()),
                reason: self.retry.reason.clone(),
            }
        } else if self.intake.is_empty() {
            State::Connecting
        } else if self.playhead.is_seeking() || (self.playhead.is_waiting() && !self.playhead.is_held()) {
            let (have, want) = self.playhead.buffered(source);
            State::Buffering { have, want }
        } else if self.playhead.is_held() {
            State::Paused
        } else {
            State::Playing
        }
    }

    /// Brings the status up to date.
    fn tell(&mut self, source: &dyn Source) {
        let state = self.state(source);
        let now = Instant::now();
        let mut status = self.shared.status();
        status.state = state;
        status.statistics = source.statistics();
        (status.held, status.rate) = (self.playhead.is_held(), self.playhead.rate());
        status.position = self.playhead.position();
        status.stalls = self.playhead.stalls();
        status.recording = self.recording.as_ref().and_then(|recording| recording.path().cloned());
        if now < self.details_at {
            return;
        }
        self.details_at = now + DETAILS_EVERY;
        (status.codec, status.size, status.fps) =
            (self.intake.codec(), self.intake.size(), self.intake.fps());
        (status.mended, status.bitrate) = (self.intake.mended(), self.intake.bitrate());
        status.usage = source.usage();
        status.duration = source.duration();
        status.cached = lane(source);
        status.behind_live = source.is_live().then(|| {
            let newest = newest(source).filter(|_| !self.playhead.is_following());
            newest.map_or(Duration::ZERO, |newest| newest.since(self.playhead.position()).into())
        });
    }
}

/// When the newest frame is shown.
fn newest(source: &dyn Source) -> Option<MediaTime> {
    let newest = source.cached().end.0.checked_sub(1)?;
    source.frame(FrameId(newest)).ok().map(|frame| frame.pts)
}

/// What comes before the end of a recorded medium is missing.
fn is_cut_off(source: &dyn Source) -> bool {
    let end = newest(source).map_or(Duration::ZERO, |newest| newest.since(MediaTime::ZERO).into());
    source.duration().is_some_and(|duration| end + CUT_OFF < duration)
}

/// The cached parts in the order of time, joined where they touch.
fn lane(source: &dyn Source) -> Vec<Range<MediaTime>> {
    let mut times: Vec<_> = source.runs().into_iter().map(|run| run.time).collect();
    times.sort_by_key(|time| time.start);
    let mut lane: Vec<Range<MediaTime>> = Vec::with_capacity(times.len());
    for time in times {
        match lane.last_mut() {
            Some(last) if time.start <= last.end => last.end = last.end.max(time.end),
            _ => lane.push(time),
        }
    }
    lane
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
