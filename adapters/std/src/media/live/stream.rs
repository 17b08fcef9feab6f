//! Where the thread of a live input meets the event loops.
use super::super::normalise::Ready;
use super::super::wakers::Wakers;
use super::news::{InputNews, InputTrouble, Notes};
use super::window::{LiveFrame, Window};
use pinhole::codec::jpeg::JpegInfo;
use pinhole::media::FrameClock;
use pinhole::sdp::FrameRate;
use pinhole::time::{Duration, Instant, MediaTime};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// What sessions may fall behind: seconds of HD.
const MOST_BYTES: usize = 64 << 20;
const MOST_FRAMES: usize = 512;
/// Frames that come in one piece are this far apart.
const LEAST_STEP: Duration = Duration::from_millis(1);
/// How far the time of such frames may run ahead. What comes faster for longer is no live input,
/// or one that catches up: frames are left out, so that the rest keeps its true time.
pub(super) const MOST_AHEAD: Duration = Duration::from_millis(100);

/// One live input's frames and news, of which each event loop has a view.
#[derive(Debug)]
pub(super) struct Stream {
    state: Mutex<State>,
    /// Counts what has come, under the lock, so that a loop need not lock to find that nothing has.
    changes: AtomicU64,
}

#[derive(Debug)]
struct State {
    window: Window,
    info: Option<JpegInfo>,
    last: Option<MediaTime>,
    step: Duration,
    notes: Notes,
}

impl Stream {
    pub(super) fn new(rate: FrameRate) -> Self {
        let (window, step) = (Window::default(), FrameClock::from(rate).interval());
        let state = State { window, info: None, last: None, step, notes: Notes::default() };
        Self { state: Mutex::new(state), changes: AtomicU64::new(0) }
    }

    /// Brings a view up to date that was so at `seen`; returns whether anything has come.
    pub(super) fn view(&self, seen: &mut u64, window: &mut Window, info: &mut Option<JpegInfo>) -> bool {
        if self.changes.load(Ordering::Acquire) == *seen {
            return false;
        }
        let state = self.lock();
        *seen = self.changes.load(Ordering::Acquire);
        window.catch_up(&state.window);
        *info = state.info;
        true
    }

    /// What is to be said of the input since this was asked last.
    pub(super) fn news(&self, now: Instant) -> Option<InputNews> {
        let mut state = self.lock();
        let over = state.window.is_over();
        state.notes.next(now, over)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        change(&mut state);
        self.changes.fetch_add(1, Ordering::Release);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn push(&mut self, ready: Ready, arrived: Instant) {
        let at = MediaTime::from_micros(arrived.as_micros());
        let pts = self.last.map_or(at, |last| at.max(last + LEAST_STEP));
        if pts.since(at) > MOST_AHEAD {
            return self.notes.dropped(1);
        }
        if let Some(last) = self.last {
            // An average: one frame that comes late does not stretch the next.
            self.step = self.step.scaled(7, 8) + pts.since(last).min(Duration::from_secs(1)).scaled(1, 8);
        }
        self.last = Some(pts);
        let looks = |info: JpegInfo| (info.width, info.height, info.sampling);
        if self.info.map(looks) != Some(looks(ready.info)) {
            self.notes.format(ready.info);
        }
        self.info = Some(ready.info);
        self.window.push(LiveFrame { ready, pts, duration: self.step }, MOST_FRAMES, MOST_BYTES);
    }
}

/// The input's side. The stream ends when this is dropped.
#[derive(Debug)]
pub(super) struct Feed {
    stream: Weak<Stream>,
    wakers: Wakers,
}

impl Feed {
    pub(super) fn new(stream: &Arc<Stream>, wakers: Wakers) -> Self {
        Self { stream: Arc::downgrade(stream), wakers }
    }

    /// Adds a frame that arrived then; `false` where nobody has use for it any more.
    pub(super) fn frame(&self, ready: Ready, arrived: Instant) -> bool {
        self.change(|state| state.push(ready, arrived))
    }

    /// Adds to the news; `false` where nobody has use for them any more.
    pub(super) fn trouble(&self, trouble: InputTrouble) -> bool {
        self.change(|state| state.notes.trouble(trouble))
    }

    fn change(&self, change: impl FnOnce(&mut State)) -> bool {
        let Some(stream) = self.stream.upgrade() else { return false };
        stream.change(change);
        // All of them, if nobody watches there, too: a loop that sleeps on holds old frames.
        self.wakers.wake();
        true
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.change(|state| state.window.end());
    }
}
