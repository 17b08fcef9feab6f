//! What the threads of a player share: queues, the clock, the published model, and commands.
use super::settings::AtEnd;
use crate::decode::{self, CodedFrame};
use crate::handoff::Handoff;
use crate::model::{Activity, Command, ErrorLog, Model, Picture, Published};
use crate::output::messages::print_message;
use crate::pixels::PixelPool;
use crate::playback::clock::PlayerClock;
use crate::stream::backoff::Backoff;
use crate::stream::{Error, LoginFailed, Waker};
use pinhole_std::client::Credentials;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Frames that may wait for the decoder: as many as are due within its lead at a high frame rate.
const CODED_FRAMES: usize = 32;
/// Pictures that may wait for the screen, if there is memory for them.
const PICTURES: usize = 6;

/// How often to look whether the session is to end, while a stream cannot be had or the user is asked.
const INSIST_POLL: Duration = Duration::from_millis(100);

/// What the threads of a player share.
pub(super) struct Shared {
    pub(super) clock: PlayerClock,
    pub(super) frames: Handoff<CodedFrame>,
    pub(super) pictures: Handoff<Picture>,
    pixels: PixelPool,
    pub(super) model: Published,
    pub(super) errors: ErrorLog,
    /// Commands that the network thread has not taken yet.
    commands: Mutex<Vec<Command>>,
    at_end: Mutex<AtEnd>,
    hidden: AtomicBool,
    stopped: AtomicBool,
    /// The playhead's generation. Frames of an older one are not shown.
    pub(super) generation: AtomicU64,
    /// Wakes the network thread, once it has a source.
    waker: Mutex<Option<Waker>>,
}

impl Shared {
    /// Makes what a new player shares.
    pub(super) fn new(url: String, at_end: AtEnd, pixels: PixelPool) -> Self {
        Self {
            clock: PlayerClock::start(),
            frames: Handoff::new(CODED_FRAMES),
            pictures: Handoff::without_spares(PICTURES),
            pixels,
            model: Published::new(Model { url, ..Model::default() }),
            errors: ErrorLog::default(),
            commands: Mutex::default(),
            at_end: Mutex::new(at_end),
            hidden: AtomicBool::new(false),
            stopped: AtomicBool::new(false),
            generation: AtomicU64::new(0),
            waker: Mutex::default(),
        }
    }

    /// Adds a command, and wakes the network thread. Of several places to seek in a row, only the
    /// last is kept.
    pub(super) fn command(&self, command: Command) {
        if command == Command::Stop {
            self.stopped.store(true, Ordering::Release);
        }
        let mut commands = self.commands.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!((commands.last(), &command), (Some(Command::Seek(_)), Command::Seek(_))) {
            commands.pop();
        }
        commands.push(command);
        drop(commands);
        self.wake();
    }

    /// Returns the commands since the last call.
    pub(super) fn take_commands(&self) -> Vec<Command> {
        std::mem::take(&mut *self.commands.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Sets what follows the last frame, and wakes the network thread.
    pub(super) fn set_at_end(&self, at_end: AtEnd) {
        *self.at_end.lock().unwrap_or_else(PoisonError::into_inner) = at_end;
        self.wake();
    }

    /// Returns what follows the last frame.
    pub(super) fn at_end(&self) -> AtEnd {
        *self.at_end.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets whether the pictures are hidden, and wakes the network thread if that is new.
    pub(super) fn set_hidden(&self, hidden: bool) {
        if self.hidden.swap(hidden, Ordering::AcqRel) != hidden {
            self.wake();
        }
    }

    /// Returns whether the pictures are hidden.
    pub(super) fn is_hidden(&self) -> bool {
        self.hidden.load(Ordering::Acquire)
    }

    /// Returns whether the session is to end.
    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    /// Sets the handle that wakes the network thread. Commands that came before are seen at its
    /// first turn.
    pub(super) fn set_waker(&self, waker: Waker) {
        *self.waker.lock().unwrap_or_else(PoisonError::into_inner) = Some(waker);
    }

    /// Sets the playhead's generation. If it is a new one, empties both queues.
    pub(super) fn set_generation(&self, generation: u64) {
        if self.generation.swap(generation, Ordering::AcqRel) != generation {
            self.frames.clear();
            self.pictures.clear();
        }
    }

    /// Returns whether a picture is of an older generation, so that it must not be shown.
    pub(super) fn is_outdated(&self, picture: &Picture) -> bool {
        picture.presentation.generation < self.generation.load(Ordering::Acquire)
    }

    /// Prints and logs an error that does not end the stream.
    pub(super) fn report_error(&self, message: String) {
        print_message(&message);
        self.errors.push(message);
    }

    /// Takes note that the stream cannot be had, and waits until it is to be tried again. Returns false if it is not:
    /// frames of it have come, or the session is to end.
    pub(super) fn waits_to_insist(&self, error: &Error, backoff: &mut Backoff) -> bool {
        if self.model.read().session.frames_complete > 0 {
            return false;
        }
        let (reason, now) = (error.to_string(), Instant::now());
        if backoff.attempt == 0 {
            self.report_error(reason.clone());
        }
        backoff.failed(reason, now);
        let mut now = now;
        while !self.is_stopped() && !backoff.take_due(now) {
            let (attempt, wait, reason) = (backoff.attempt, backoff.wait(now), backoff.reason.clone());
            self.model.update(|model| model.activity = Activity::Reconnecting { attempt, wait, reason });
            thread::sleep(wait.min(INSIST_POLL));
            now = Instant::now();
        }
        !self.is_stopped()
    }

    /// Asks the user for a user name and a password, and waits for them. `failed` is why, and `user` is proposed.
    /// Returns `None` if the user gives up, or the session is to end.
    pub(super) fn ask_for_login(&self, failed: &LoginFailed, user: &str) -> Option<Credentials> {
        let (reason, user, is_wrong) = (failed.reason.clone(), user.to_owned(), failed.is_wrong);
        self.model.update(|model| model.activity = Activity::LoggingIn { reason, user, is_wrong });
        while !self.is_stopped() {
            for command in self.take_commands() {
                if let Command::LogIn(credentials) = command {
                    return credentials;
                }
            }
            thread::sleep(INSIST_POLL);
        }
        None
    }

    /// Returns what the decoder works with.
    pub(super) fn decoder_context(&self) -> decode::Context<'_> {
        decode::Context {
            frames: &self.frames,
            pictures: &self.pictures,
            pixels: &self.pixels,
            clock: &self.clock,
            generation: &self.generation,
            model: &self.model,
            errors: &self.errors,
        }
    }

    fn wake(&self) {
        if let Some(Waker(wake)) = &*self.waker.lock().unwrap_or_else(PoisonError::into_inner) {
            wake();
        }
    }
}
