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
use crate::output::recording::Recording;
use crate::playback::playhead::{Next, Playhead};
use crate::playback::selection::Selection;
use crate::stream::received::Received;
use crate::stream::{Error, Source};
use connection::Connection;
use pinhole::frame::FrameId;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// The most frames that are passed on in one turn, so that the network gets its turn.
const BATCH: usize = 32;
/// The longest turn. Whatever needs the thread sooner wakes it.
const LONGEST_TURN: Duration = Duration::from_millis(250);

/// A stream that is received and played.
pub(super) struct Engine<'a> {
    shared: &'a Shared,
    playhead: Playhead,
    received: Received,
    selection: Selection,
    connection: Connection,
    recording: Option<Recording>,
    /// Whether no frame can be passed on until something happens.
    idle: bool,
    /// When to publish next what takes longer to find out.
    publish_details_at: Instant,
}

impl<'a> Engine<'a> {
    /// Starts before the first frame.
    ///
    /// # Errors
    /// Received frames are to be recorded, but the file cannot be created.
    pub(super) fn new(shared: &'a Shared, settings: &Settings) -> Result<Self, Error> {
        let record = settings.record.as_ref();
        Ok(Self {
            shared,
            playhead: Playhead::new(VIDEO, settings.prebuffer),
            received: Received::new(VIDEO),
            selection: Selection::new(settings.decode),
            connection: Connection::new(settings.reconnect),
            recording: record.map(|path| Recording::start(path, VIDEO, FrameId(0))).transpose()?,
            idle: true,
            publish_details_at: Instant::now(),
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
        self.stop_recording(source);
        if played.is_ok() && self.connection.is_up() {
            connection::say_goodbye(source);
        }
        played
    }

    fn play(&mut self, source: &mut dyn Source) -> Result<(), Error> {
        let mut wait = Duration::ZERO;
        while !self.shared.is_stopped() {
            self.turn(source, wait)?;
            self.take_events(source)?;
            self.take_frames(source);
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
            wait = until.map_or(LONGEST_TURN, |until| until.min(LONGEST_TURN));
        }
        Ok(())
    }

    /// Counts and records the frames that have arrived.
    fn take_frames(&mut self, source: &dyn Source) {
        if self.received.update(source, Instant::now()) {
            self.connection.frames_arrive();
        }
        if let Some(recording) = &mut self.recording {
            recording.follow(source);
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
            Command::Seek(time) => self.playhead.seek(source, time),
            Command::GoLive => self.playhead.go_live(source),
            Command::Rate(rate) => self.playhead.set_rate(rate, now),
            Command::Record(path) => self.record(path, source),
            // The loop looks at the flag that came with it.
            Command::Stop => {}
        }
        self.publish_details_at = Instant::now();
    }

    fn record(&mut self, path: Option<PathBuf>, source: &dyn Source) {
        self.stop_recording(source);
        let from = source.cached(VIDEO).end;
        match path.map(|path| Recording::start(&path, VIDEO, from)).transpose() {
            Ok(recording) => self.recording = recording,
            Err(error) => self.shared.report_error(error.to_string()),
        }
    }

    fn stop_recording(&mut self, source: &dyn Source) {
        if let Some(recording) = self.recording.take() {
            let outcome = recording.finish(source);
            self.shared.model.update(|model| {
                (model.recording, model.recorded) = (None, Some(outcome));
            });
        }
    }

    /// Passes on the frames that are due within the decoder's lead. Returns what comes next.
    fn pass_on_due(&mut self, source: &mut dyn Source) -> Next {
        let mut next = Next::Idle;
        for _ in 0..BATCH {
            let now = self.shared.clock.now();
            next = self.playhead.next(source, now);
            self.shared.set_generation(self.playhead.generation());
            self.shared.clock.hold(!self.playhead.runs());
            let Next::Frame(frame) = next else { break };
            let after = now.saturating_sub(frame.due);
            self.shared.model.update(|model| model.presented.count_late(&frame, after));
            if self.selection.picks(&frame) {
                self.pass_on(frame, source);
            }
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
        let mut coded = frames.spare().unwrap_or_default();
        coded.frame.copy_from(&frame, codec);
        let arrived = self.received.arrival(presentation.id);
        let coded = CodedFrame { track: VIDEO, presentation, arrived, ..coded };
        let lose =
            |lost: &CodedFrame| model.update(|model| model.presented.count_dropped(&lost.presentation));
        frames.push_newest(coded, lose);
    }
}
