//! A stream that is played: the threads that receive and decode it.
//!
//! [`Player`] is the main thread's handle. Its network thread runs an [`engine`], which turns the
//! source, moves the playhead, and passes due frames to the decoder's thread.
mod engine;
mod settings;
mod shared;

pub(crate) use settings::{AtEnd, Settings};

use crate::decode;
use crate::handoff::{Choice, CloseOnDrop, Taken};
use crate::model::{Activity, Command, ErrorLog, Model, Picture};
use crate::stream::backoff::Backoff;
use crate::stream::{Error, LoginFailed, Source};
use engine::Engine;
use pinhole_std::client::Credentials;
use shared::Shared;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use std::{io, thread};

/// The main thread's handle of a stream.
pub(crate) struct Player {
    shared: Arc<Shared>,
}

impl Player {
    /// Starts to play. `open` is called on the network thread to connect the source with credentials, and again if the
    /// user gives others, or if the settings insist on a stream that cannot be had.
    ///
    /// # Errors
    /// The system has no more threads.
    pub(crate) fn start(
        mut open: impl FnMut(Option<Credentials>) -> Result<Box<dyn Source>, Error> + Send + 'static,
        settings: Settings,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared::new(settings.url.clone(), settings.at_end, settings.pixels.clone()));
        let decoder = Arc::clone(&shared);
        let decoding = move || decode::run(&decoder.decoder_context());
        thread::Builder::new().name("decode".into()).spawn(decoding)?;
        let network = Arc::clone(&shared);
        thread::Builder::new().name("network".into()).spawn(move || {
            // Closed last of all: whoever takes the last picture finds the result in the model.
            let _close = CloseOnDrop(&network.frames);
            let mut play = |credentials: &Option<Credentials>| {
                open(credentials.clone()).and_then(|mut source| {
                    network.set_waker(source.waker());
                    Engine::new(&network, &settings)?.run(&mut *source)
                })
            };
            let (mut credentials, mut user) = (settings.credentials.clone(), settings.user.clone());
            let (mut played, mut backoff) = (play(&credentials), Backoff::default());
            while let Err(error) = &played {
                let goes_on = match error.downcast_ref::<LoginFailed>() {
                    Some(failed) if failed.asks && settings.asks => {
                        let given = network.ask_for_login(failed, &user);
                        user = given
                            .as_ref()
                            .map_or(user, |given| String::from_utf8_lossy(given.user()).into_owned());
                        credentials = given;
                        credentials.is_some()
                    }
                    // The same password would be refused again, and its user perhaps locked out.
                    Some(_) => false,
                    None => settings.insist && network.waits_to_insist(error, &mut backoff),
                };
                if !goes_on {
                    break;
                }
                played = play(&credentials);
            }
            let result = played.map_err(|error| error.to_string());
            network.model.update(|model| model.over = Some(result));
        })?;
        Ok(Self { shared })
    }

    /// Returns everything there is to know of the stream besides its pictures.
    pub(crate) fn model(&self) -> Model {
        self.shared.model.read()
    }

    /// Passes a command to the network thread.
    pub(crate) fn command(&self, command: Command) {
        self.shared.command(command);
    }

    /// Answers [`Activity::LoggingIn`]; `None` gives up.
    pub(crate) fn log_in(&self, credentials: Option<Credentials>) {
        // Nobody is asked twice for one answer.
        self.shared.model.update(|model| model.activity = Activity::Connecting);
        self.command(Command::LogIn(credentials));
    }

    /// Sets what follows the last frame.
    pub(crate) fn set_at_end(&self, at_end: AtEnd) {
        self.shared.set_at_end(at_end);
    }

    /// Sets whether the pictures are hidden. Few of them are decoded then.
    pub(crate) fn set_hidden(&self, hidden: bool) {
        self.shared.set_hidden(hidden);
    }

    /// Returns the errors that did not end the stream.
    pub(crate) fn errors(&self) -> &ErrorLog {
        &self.shared.errors
    }

    /// Returns the newest picture that is due, and waits at most `wait` for it. Finished after the
    /// last picture.
    pub(crate) fn picture(&self, wait: Duration) -> Taken<Picture> {
        let Shared { pictures, clock, model, .. } = &*self.shared;
        let is_outdated = |picture: &Picture| self.shared.is_outdated(picture);
        let choose = |queue: &VecDeque<Picture>| {
            let now = clock.now();
            let is_due = |picture: &&Picture| is_outdated(picture) || picture.presentation.due <= now;
            let count = queue.iter().take_while(is_due).count();
            let again = queue.get(count).and_then(|picture| clock.until(picture.presentation.due));
            Choice { count, again }
        };
        let skip = |picture: &Picture| {
            if !is_outdated(picture) {
                model.update(|model| model.presented.count_dropped(&picture.presentation));
            }
        };
        let mut taken = pictures.take(wait, choose, skip);
        taken.item.take_if(|picture| is_outdated(picture));
        if let Some(picture) = &taken.item {
            let (after, latency) = (self.since_due(picture), picture.arrived.map(|at| at.elapsed()));
            model.update(|model| model.presented.count_shown(&picture.presentation, after, latency));
        }
        taken
    }

    /// Returns how long ago a picture was due.
    pub(crate) fn since_due(&self, picture: &Picture) -> Duration {
        self.shared.clock.now().saturating_sub(picture.presentation.due)
    }

    /// Asks the session to end. Pictures that wait can still be taken; [`Taken::finished`] tells when
    /// the session is over.
    pub(crate) fn stop(&self) {
        self.command(Command::Stop);
    }
}

#[cfg(test)]
mod tests;
