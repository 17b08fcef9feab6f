//! A live input: a thread that reads frames, one that normalises them, and the newest frames, which all
//! event loops share. A source of the network has neither thread: it is pulled by one that all sources share.
mod demand;
mod events;
mod extraction;
mod input;
mod opening;
mod stream;
#[cfg(test)]
mod tests;
mod window;

use super::normalise::NormaliseOptions;
use super::wakers::Wakers;
use crate::clock::Clock;
use input::Input;
use pinhole::sdp::FrameRate;
use pinhole::time::{Duration, Instant};
use std::io::{self, Read};
use std::sync::Arc;
use stream::{About, Stream};
use window::Window;

pub(super) use demand::Demand;
pub use events::{InputEvent, InputTrouble};
#[cfg(feature = "pull")]
pub(super) use extraction::{Extraction, Part};
pub(super) use stream::Feed;
#[cfg(any(feature = "http", feature = "pull"))]
pub(super) use window::LiveFrame;

/// How long a request may wait for the first picture of a source.
const PATIENCE: Duration = Duration::from_secs(8);

/// Whether a medium can be described.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Supply {
    /// Its pictures are there, or come when they come.
    Ready,
    /// Its source was asked for a picture, which may come until then.
    Awaited(Instant),
    /// Its source has failed.
    Failed,
    /// Its source has sent no picture for so long.
    Mute,
}

/// One event loop's view of a live input. It changes only in [`Self::take`], so that frames are borrowed
/// from it without a lock.
#[derive(Debug)]
pub(super) struct Live {
    stream: Arc<Stream>,
    seen: u64,
    window: Window,
    about: About,
    fresh: bool,
    /// If it is a source of the network.
    demand: Option<Arc<Demand>>,
}

impl Live {
    /// Starts the threads of an input, which end with it or when nobody has a view of it.
    ///
    /// # Errors
    /// The system refuses a thread.
    pub(super) fn start(
        name: &str,
        reader: impl Read + Send + 'static,
        clock: Clock,
        wakers: Wakers,
        rate: FrameRate,
        how: NormaliseOptions,
    ) -> io::Result<Self> {
        let stream = Arc::new(Stream::new(rate));
        Input::start(name, reader, clock, Feed::new(&stream, wakers), how)?;
        Ok(Self::of(stream, None))
    }

    /// Makes the view of a source, and what its pictures are to be given to.
    pub(super) fn of_source(demand: Arc<Demand>, wakers: Wakers, rate: FrameRate) -> (Self, Feed) {
        let stream = Arc::new(Stream::of_source(rate));
        let feed = Feed::new(&stream, wakers);
        (Self::of(stream, Some(demand)), feed)
    }

    fn of(stream: Arc<Stream>, demand: Option<Arc<Demand>>) -> Self {
        Self { stream, seen: 0, window: Window::default(), about: About::default(), fresh: false, demand }
    }

    /// Returns a view for another event loop.
    pub(super) fn share(&self) -> Self {
        Self::of(self.stream.clone(), self.demand.clone())
    }

    /// Returns who wants its pictures, if it is a source of the network.
    pub(super) fn demand(&self) -> Option<&Arc<Demand>> {
        self.demand.as_ref()
    }

    /// Returns whether there is a picture, for a request that came at `since`.
    pub(super) fn supply(&self, now: Instant, since: Instant) -> Supply {
        let until = since + PATIENCE;
        if self.demand.is_none() || (self.about.up && self.about.info.is_some()) {
            Supply::Ready
        } else if self.about.failed.is_some_and(|failed| failed >= since) {
            Supply::Failed
        } else if now >= until {
            Supply::Mute
        } else {
            Supply::Awaited(until)
        }
    }

    /// Returns the newest frames.
    pub(super) const fn window(&self) -> &Window {
        &self.window
    }

    /// Returns the width and height of the newest frame in pixels; `None` before the first one.
    pub(super) fn size(&self) -> Option<(u16, u16)> {
        self.about.info.map(|info| (info.width, info.height))
    }

    /// Returns the frame rate that a source says it has.
    pub(super) const fn rate(&self) -> Option<FrameRate> {
        self.about.rate
    }

    pub(super) const fn is_over(&self) -> bool {
        self.window.is_over()
    }

    /// Takes what has come. Returns whether anything has, be it the end.
    pub(super) fn take(&mut self) -> bool {
        self.fresh = self.stream.view(&mut self.seen, &mut self.window, &mut self.about);
        self.fresh
    }

    /// Returns what [`Self::take`] returned last.
    pub(super) const fn is_fresh(&self) -> bool {
        self.fresh
    }

    /// Takes the next event of the input, which no other event loop gets.
    pub(super) fn next_event(&self, now: Instant) -> Option<InputEvent> {
        self.stream.next_event(now)
    }
}
