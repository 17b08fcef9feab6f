//! A live input: a thread that reads frames, one that normalises them, and the newest frames, which all
//! event loops share.
mod events;
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
use pinhole::codec::jpeg::JpegInfo;
use pinhole::sdp::FrameRate;
use pinhole::time::Instant;
use std::io::{self, Read};
use std::sync::Arc;
use stream::{Feed, Stream};
use window::Window;

pub use events::{InputEvent, InputTrouble};
#[cfg(feature = "http")]
pub(super) use window::LiveFrame;

/// One event loop's view of a live input. It changes only in [`Self::take`], so that frames are borrowed
/// from it without a lock.
#[derive(Debug)]
pub(super) struct Live {
    stream: Arc<Stream>,
    seen: u64,
    window: Window,
    info: Option<JpegInfo>,
    fresh: bool,
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
        Ok(Self::of(stream))
    }

    fn of(stream: Arc<Stream>) -> Self {
        Self { stream, seen: 0, window: Window::default(), info: None, fresh: false }
    }

    /// Returns a view for another event loop.
    pub(super) fn share(&self) -> Self {
        Self::of(self.stream.clone())
    }

    /// Returns the newest frames.
    pub(super) const fn window(&self) -> &Window {
        &self.window
    }

    /// Returns the width and height of the newest frame in pixels; `None` before the first one.
    pub(super) fn size(&self) -> Option<(u16, u16)> {
        self.info.map(|info| (info.width, info.height))
    }

    pub(super) const fn is_over(&self) -> bool {
        self.window.is_over()
    }

    /// Takes what has come. Returns whether anything has, be it the end.
    pub(super) fn take(&mut self) -> bool {
        self.fresh = self.stream.view(&mut self.seen, &mut self.window, &mut self.info);
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
