//! A live input: a thread that reads and cuts, one that normalises, and the newest frames, which
//! all event loops share.
mod input;
mod news;
mod stream;
#[cfg(test)]
mod tests;
mod window;

use super::normalise::Normalising;
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

pub use news::{InputNews, InputTrouble};

/// One event loop's view of a live input: it changes only in [`Self::take`], so that frames can be
/// lent from it without a lock.
#[derive(Debug)]
pub(super) struct Live {
    stream: Arc<Stream>,
    seen: u64,
    window: Window,
    info: Option<JpegInfo>,
    fresh: bool,
}

impl Live {
    pub(super) fn start(
        name: &str,
        reader: impl Read + Send + 'static,
        clock: Clock,
        wakers: Wakers,
        rate: FrameRate,
        how: Normalising,
    ) -> io::Result<Self> {
        let stream = Arc::new(Stream::new(rate));
        Input::start(name, reader, clock, Feed::new(&stream, wakers), how)?;
        Ok(Self::of(stream))
    }

    fn of(stream: Arc<Stream>) -> Self {
        Self { stream, seen: 0, window: Window::default(), info: None, fresh: false }
    }

    /// A view for another event loop.
    pub(super) fn share(&self) -> Self {
        Self::of(self.stream.clone())
    }

    /// The newest frames.
    pub(super) const fn window(&self) -> &Window {
        &self.window
    }

    pub(super) fn size(&self) -> Option<(u16, u16)> {
        self.info.map(|info| (info.width, info.height))
    }

    pub(super) const fn is_over(&self) -> bool {
        self.window.is_over()
    }

    /// Takes what has come; returns whether anything has, be it the end.
    pub(super) fn take(&mut self) -> bool {
        self.fresh = self.stream.view(&mut self.seen, &mut self.window, &mut self.info);
        self.fresh
    }

    /// What [`Self::take`] returned last.
    pub(super) const fn is_fresh(&self) -> bool {
        self.fresh
    }

    /// What is to be said of the input since any event loop asked last.
    pub(super) fn news(&self, now: Instant) -> Option<InputNews> {
        self.stream.news(now)
    }
}
