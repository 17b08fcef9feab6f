//! The newest frames of a live input, shared by its threads and the event loops.
use super::super::normalise::NormalisedFrame;
use super::super::problem::Problem;
use super::super::wakers::Wakers;
use super::events::{InputEvent, InputTrouble, PendingEvents};
use super::window::{LiveFrame, Window};
use pinhole::codec::jpeg::JpegInfo;
use pinhole::media::FrameClock;
use pinhole::sdp::FrameRate;
use pinhole::time::{Duration, Instant, MediaTime};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// The most that is kept for sessions that fall behind, which is seconds of HD.
const MOST_BYTES: usize = 64 << 20;
const MOST_FRAMES: usize = 512;
/// The time between frames that come in one piece.
const LEAST_STEP: Duration = Duration::from_millis(1);
/// How far the time of such frames may run ahead. What comes faster for longer is no live input, or one
/// that catches up: frames are left out, so that the rest keeps its true time.
pub(super) const MOST_AHEAD: Duration = Duration::from_millis(100);

/// The frames and events of one live input, of which each event loop has a view.
#[derive(Debug)]
pub(super) struct Stream {
    state: Mutex<StreamState>,
    /// Counts changes of the state, so that a loop need not lock it to see that there is none.
    changes: AtomicU64,
}

#[derive(Debug)]
struct StreamState {
    window: Window,
    info: Option<JpegInfo>,
    last: Option<MediaTime>,
    step: Duration,
    events: PendingEvents,
}

impl Stream {
    pub(super) fn new(rate: FrameRate) -> Self {
        let (window, step) = (Window::default(), FrameClock::from(rate).interval());
        let state = StreamState { window, info: None, last: None, step, events: PendingEvents::default() };
        Self { state: Mutex::new(state), changes: AtomicU64::new(0) }
    }

    /// Brings a view up to date. `seen` is the number of changes that it has seen. Returns whether there
    /// were more.
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

    /// Takes the next event.
    pub(super) fn next_event(&self, now: Instant) -> Option<InputEvent> {
        let mut state = self.lock();
        let over = state.window.is_over();
        state.events.next(now, over)
    }

    fn change(&self, change: impl FnOnce(&mut StreamState)) {
        let mut state = self.lock();
        change(&mut state);
        self.changes.fetch_add(1, Ordering::Release);
    }

    fn lock(&self) -> MutexGuard<'_, StreamState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StreamState {
    fn push(&mut self, frame: NormalisedFrame, arrived: Instant) {
        let at = MediaTime::from_micros(arrived.as_micros());
        let pts = self.last.map_or(at, |last| at.max(last + LEAST_STEP));
        if pts.since(at) > MOST_AHEAD {
            return self.events.dropped(1);
        }
        if let Some(last) = self.last {
            // An average: a frame that comes late does not prolong the next one much.
            self.step = self.step.scaled(7, 8) + pts.since(last).min(Duration::from_secs(1)).scaled(1, 8);
        }
        self.last = Some(pts);
        let format = |info: JpegInfo| (info.width, info.height, info.sampling);
        if self.info.map(format) != Some(format(frame.info)) {
            self.events.format(frame.info);
        }
        self.info = Some(frame.info);
        self.window.push(LiveFrame::new(frame, pts, self.step), MOST_FRAMES, MOST_BYTES);
    }
}

/// The input's side of a stream. The stream ends when this is dropped.
#[derive(Debug)]
pub(super) struct Feed {
    stream: Weak<Stream>,
    wakers: Wakers,
}

impl Feed {
    pub(super) fn new(stream: &Arc<Stream>, wakers: Wakers) -> Self {
        Self { stream: Arc::downgrade(stream), wakers }
    }

    /// Adds a frame that arrived at `arrived`. Returns `false` if nobody has a view of the stream.
    pub(super) fn frame(&self, frame: NormalisedFrame, arrived: Instant) -> bool {
        self.change(|state| state.push(frame, arrived))
    }

    /// Adds to the trouble. Returns `false` if nobody has a view of the stream.
    pub(super) fn trouble(&self, trouble: InputTrouble) -> bool {
        self.change(|state| state.events.trouble(trouble))
    }

    /// Notes why there was no frame, before the stream ends.
    pub(super) fn nothing(&self, problem: Problem) {
        self.change(|state| state.events.nothing(problem));
    }

    fn change(&self, change: impl FnOnce(&mut StreamState)) -> bool {
        let Some(stream) = self.stream.upgrade() else { return false };
        stream.change(change);
        // All loops are woken, even those without viewers: one that sleeps on would hold old frames.
        self.wakers.wake();
        true
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.change(|state| state.window.end());
    }
}
