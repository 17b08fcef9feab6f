//! The network thread's loop.
//!
//! Each turn receives ([`connection`]), obeys the user's commands, passes due frames to the decoder,
//! and publishes what has changed ([`publish`]).
mod connection;
mod publish;

use super::settings::{AtEnd, Settings};
use super::shared::Shared;
use crate::decode::CodedFrame;
use crate::model::{Command, Presentation, VIDEO};
use crate::output::messages::print_event;
use crate::output::recording::{Feed, Recording};
use crate::playback::playhead::{Next, Playhead};
use crate::playback::selection::Selection;
use crate::stream::received::Received;
use crate::stream::silence::Silence;
use crate::stream::{Error, Source};
use connection::Connection;
use pinhole::frame::FrameId;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{io, thread};

/// The most frames that are passed on in one turn, so that the network gets its turn.
const BATCH: usize = 32;
/// The longest turn. Whatever needs the thread sooner wakes it.
const LONGEST_TURN: Duration = Duration::from_millis(250);
/// How long the disk may take for the end of a recording once the stream is over.
const PATIENCE: Duration = Duration::from_secs(10);
/// The same if the user does not want to wait.
const INTERRUPTED_PATIENCE: Duration = Duration::from_secs(1);
/// How often to look whether the disk has room again.
const DISK_POLL: Duration = Duration::from_millis(5);

/// A stream that is received and played.
pub(super) struct Engine<'a> {
    shared: &'a Shared,
    playhead: Playhead,
    received: Received,
    silence: Silence,
    selection: Selection,
    connection: Connection,
    recording: Option<Recording>,
    start_recording: fn(&Path, u8, Feed) -> io::Result<Recording>,
    /// Whether there is nothing to play for if the recording cannot begin.
    must_record: bool,
    /// See [`Settings::for_recorded`]. Empty once it was told.
    for_recorded: Vec<&'static str>,
    /// See [`Settings::coded_ahead`].
    coded_ahead: usize,
    /// Whether no frame can be passed on until something happens.
    idle: bool,
    /// When to publish next what takes longer to find out.
    publish_details_at: Instant,
    /// The target latency of a live medium that was logged last.
    logged_delay: Duration,
}

impl<'a> Engine<'a> {
    /// Starts before the first frame.
    ///
    /// # Errors
    /// Received frames are to be recorded, but the system has no more threads.
    pub(super) fn new(shared: &'a Shared, settings: &Settings) -> Result<Self, Error> {
        let record = settings.record.as_ref();
        Ok(Self {
            shared,
            playhead: Playhead::new(VIDEO, settings.prebuffer, settings.latency),
            received: Received::new(VIDEO),
            silence: Silence::new(),
            selection: Selection::new(settings.decode),
            connection: Connection::new(settings.reconnect),
            recording: record
                .map(|path| (settings.start_recording)(path, VIDEO, Feed::arriving(FrameId(0))))
                .transpose()?,
            start_recording: settings.start_recording,
            must_record: record.is_some(),
            for_recorded: settings.for_recorded.clone(),
            coded_ahead: settings.coded_ahead,
            idle: true,
            publish_details_at: Instant::now(),
            logged_delay: Duration::ZERO,
        })
    }

    /// Plays until the medium ends or the user stops it, then ends the session.
    ///
    /// # Errors
    /// The stream cannot be had, or cannot go on.
    pub(super) fn run(mut self, source: &mut dyn Source) -> Result<(), Error> {
        let played = self.play(source);
        // Frames that were passed on are still shown, each at its time.
        self.shared.clock.hold(false);
        if let Some(last) = self.selection.take_last() {
            self.pass_on(last, source);
        }
        self.publish_details_at = Instant::now();
        self.publish(source);
        // Of a frame that arrives during the farewell, the rest may never come: such frames are
        // neither counted nor recorded.
        if let Some(recording) = &mut self.recording {
            recording.stop(source);
        }
        if played.is_ok() && self.connection.is_up() {
            connection::say_goodbye(source);
        }
        played.and(self.finish_recording(source))
    }

    fn play(&mut self, source: &mut dyn Source) -> Result<(), Error> {
        let mut wait = Duration::ZERO;
        while !self.shared.is_stopped() {
            self.turn(source, wait)?;
            self.take_events(source)?;
            self.take_frames(source);
            self.take_recorded()?;
            for command in self.shared.take_commands() {
                self.obey(command, source);
            }
            let until = match self.pass_on_due(source) {
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
            self.publish(source);
            let now = Instant::now();
            let silent = self.silence.told_at(now).map(|at| at.saturating_duration_since(now));
            wait = until.into_iter().chain(silent).fold(LONGEST_TURN, Duration::min);
        }
        Ok(())
    }

    /// Counts and records the frames that have arrived.
    fn take_frames(&mut self, source: &dyn Source) {
        let now = Instant::now();
        if self.received.update(source, now) {
            self.connection.frames_arrive();
            if source.is_live() {
                self.playhead.on_arrivals(source, self.shared.clock.real(now));
            }
            if let Some(span) = self.silence.on_arrival(now).filter(|_| source.is_live()) {
                print_event(&format!("pictures come again, after {:.1} s", span.as_secs_f64()));
            }
        }
        if let Some(recording) = &mut self.recording {
            recording.follow(source);
        }
    }

    fn obey(&mut self, command: Command, source: &mut dyn Source) {
        tracing::debug!(?command);
        let (now, axis) = (self.shared.clock.now(), source.axis());
        match command {
            Command::Toggle => self.playhead.toggle(source),
            // Forward is towards the end of the medium, also where that was shown before.
            Command::StepForward => self.playhead.step(source, !axis.is_reverse()),
            Command::StepBack => self.playhead.step(source, axis.is_reverse()),
            Command::Jump(seconds) => self.playhead.jump(source, seconds / axis.rate()),
            Command::Seek(time) => self.playhead.seek(source, axis.shown(time)),
            Command::GoLive => self.playhead.go_live(source),
            Command::Rate(rate) => self.playhead.set_rate(rate / axis.rate().abs(), now),
            Command::Record(path) => self.record(path, source),
            // The loop looks at the flag that came with one, and nobody is asked for the other any more.
            Command::Stop | Command::LogIn(_) => {}
        }
        self.publish_details_at = Instant::now();
    }

    fn record(&mut self, path: Option<PathBuf>, source: &dyn Source) {
        match (path, &mut self.recording) {
            (Some(path), None) => {
                match (self.start_recording)(&path, VIDEO, Feed::shown(self.playhead.on_screen())) {
                    Ok(recording) => self.recording = Some(recording),
                    Err(error) => self.shared.report_error(format!("{}: {error}", path.display())),
                }
            }
            (Some(_), Some(recording)) => {
                let path = recording.path().display();
                self.shared.report_error(format!("{path} is still being written"));
            }
            (None, Some(recording)) => recording.stop(source),
            (None, None) => {}
        }
    }

    /// Takes note of a recording that has ended.
    ///
    /// # Errors
    /// It was all that was wanted, and its file cannot be created.
    fn take_recorded(&mut self) -> Result<(), Error> {
        let Some(outcome) = self.recording.as_ref().and_then(Recording::outcome) else { return Ok(()) };
        self.recording = None;
        let must_record = std::mem::take(&mut self.must_record);
        match &outcome.error {
            Some(error) if !outcome.created && must_record => return Err(error.clone().into()),
            Some(error) if !outcome.created => self.shared.report_error(error.clone()),
            _ => self.shared.model.update(|model| model.recorded = Some(outcome)),
        }
        Ok(())
    }

    /// Passes on what of a stopped recording waits for the disk, and waits until its file is complete. The
    /// session is over, so this costs no stream its time; it ends soon all the same.
    ///
    /// # Errors
    /// As [`Self::take_recorded`].
    fn finish_recording(&mut self, source: &dyn Source) -> Result<(), Error> {
        let begun = Instant::now();
        while self.recording.is_some() {
            self.take_recorded()?;
            let Some(recording) = &mut self.recording else { break };
            recording.follow(source);
            let patience = if self.shared.is_stopped() { INTERRUPTED_PATIENCE } else { PATIENCE };
            if begun.elapsed() > patience {
                recording.give_up();
                // The published model tells that it is not complete.
                break;
            }
            thread::sleep(DISK_POLL);
        }
        let recording = self.recording.as_ref().map(|recording| Arc::clone(recording.path()));
        self.shared.model.update(|model| model.recording = recording);
        Ok(())
    }

    /// Passes on the frames that are due within the decoder's lead, and records what has come onto the screen.
    /// Returns what comes next.
    fn pass_on_due(&mut self, source: &mut dyn Source) -> Next {
        if let Some(newest) = self.selection.set_hidden(self.shared.is_hidden()) {
            self.pass_on(newest, source);
        }
        let mut next = Next::Idle;
        for _ in 0..BATCH {
            let now = self.shared.clock.moment();
            next = self.playhead.next(source, now);
            self.shared.set_generation(self.playhead.generation());
            self.shared.clock.hold(!self.playhead.runs());
            let Next::Frame(mut frame) = next else { break };
            let after = now.player.saturating_sub(frame.due);
            self.shared.model.update(|model| model.presented.count_late(&mut frame, after));
            if self.selection.picks(&frame) {
                self.pass_on(frame, source);
            }
        }
        let shown = self.playhead.take_shown();
        if let Some(recording) = &mut self.recording {
            recording.watch(&shown);
            recording.follow(source);
        }
        if let Some(id) = self.playhead.needs_from() {
            source.watch_from(VIDEO, id);
        }
        self.idle = next == Next::Idle;
        next
    }

    /// Passes a frame to the decoder without waiting: a full queue loses its oldest frame, which
    /// counts as late.
    fn pass_on(&self, presentation: Presentation, source: &dyn Source) {
        let Shared { frames, model, .. } = self.shared;
        let (Ok(frame), Some(codec)) = (source.frame(VIDEO, presentation.id), source.codec(VIDEO)) else {
            return;
        };
        // A queue of few large frames, or of many small ones, but of no more memory.
        frames.limit((self.coded_ahead / frame.data.len().max(1)).max(2));
        let mut coded = frames.spare().unwrap_or_default();
        coded.frame.copy_from(&frame, codec);
        let arrived = self.received.arrival(presentation.id);
        let coded = CodedFrame { track: VIDEO, presentation, arrived, ..coded };
        let lose =
            |lost: &CodedFrame| model.update(|model| model.presented.count_dropped(&lost.presentation));
        frames.push_newest(coded, lose);
    }
}
