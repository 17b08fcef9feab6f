//! The newest frames of a live input, shared by its threads and the event loops.
use super::super::normalise::NormalisedFrame;
use super::super::problem::Problem;
use super::super::wakers::Wakers;
use super::events::{InputEvent, InputTrouble, PendingEvents};
use super::window::{LiveFrame, Window};
use pinhole::codec::jpeg::{self, JpegInfo};
use pinhole::media::FrameClock;
use pinhole::rtsp::LowerTransport;
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
/// How far the time of a source's frames may be behind their arrival. Its clock goes slower, or stood still, if it is
/// more.
const MOST_BEHIND: Duration = Duration::from_secs(1);
/// How much is kept of a source of the network, of which there may be hundreds. Sessions are a second late at most.
const KEPT: Duration = Duration::from_secs(2);
const CLOCK_RATE: u32 = jpeg::TRACK.clock_rate;

/// The frames and events of one live input, of which each event loop has a view.
#[derive(Debug)]
pub(super) struct Stream {
    state: Mutex<StreamState>,
    /// Counts changes of the state, so that a loop need not lock it to see that there is none.
    changes: AtomicU64,
}

/// What is known of a live input but for its frames.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct About {
    /// The newest frame.
    pub(super) info: Option<JpegInfo>,
    /// The frame rate that a source says it has.
    pub(super) rate: Option<FrameRate>,
    /// Whether pictures come from a source.
    pub(super) up: bool,
    /// When a source failed last.
    pub(super) failed: Option<Instant>,
}

#[derive(Debug)]
struct StreamState {
    window: Window,
    about: About,
    /// The time of the newest frame, in ticks.
    last: Option<u64>,
    step: Duration,
    /// What has to be added to the times of a source's frames, in ticks. `None` if the next frame says so.
    offset: Option<i64>,
    /// Only the newest frames are kept, of so many ticks.
    kept: u64,
    events: PendingEvents,
}

impl Stream {
    pub(super) fn new(rate: FrameRate) -> Self {
        Self::keeping(rate, u64::MAX)
    }

    /// Makes the stream of a source of the network.
    pub(super) fn of_source(rate: FrameRate) -> Self {
        Self::keeping(rate, KEPT.to_ticks(CLOCK_RATE))
    }

    fn keeping(rate: FrameRate, kept: u64) -> Self {
        let (window, step) = (Window::default(), FrameClock::from(rate).interval());
        let (about, events) = (About::default(), PendingEvents::default());
        let state = StreamState { window, about, last: None, step, offset: None, kept, events };
        Self { state: Mutex::new(state), changes: AtomicU64::new(0) }
    }

    /// Brings a view up to date. `seen` is the number of changes that it has seen. Returns whether there
    /// were more.
    pub(super) fn view(&self, seen: &mut u64, window: &mut Window, about: &mut About) -> bool {
        if self.changes.load(Ordering::Acquire) == *seen {
            return false;
        }
        let state = self.lock();
        *seen = self.changes.load(Ordering::Acquire);
        window.catch_up(&state.window);
        *about = state.about;
        true
    }

    /// Takes the next event.
    pub(super) fn next_event(&self, now: Instant) -> Option<InputEvent> {
        let mut state = self.lock();
        let over = state.window.is_over();
        state.events.next(now, over)
    }

    fn change<R>(&self, change: impl FnOnce(&mut StreamState) -> R) -> R {
        let mut state = self.lock();
        let result = change(&mut state);
        self.changes.fetch_add(1, Ordering::Release);
        result
    }

    fn lock(&self) -> MutexGuard<'_, StreamState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StreamState {
    /// Adds a frame whose time is that of its arrival. Returns it, unless it is left out.
    fn push(&mut self, frame: NormalisedFrame, arrived: Instant) -> Option<Arc<LiveFrame>> {
        let at = ticks(arrived);
        self.push_at(frame, at, at)
    }

    /// Adds a frame whose time is `time` by the clock of its source, in ticks. Returns it, unless it is left out.
    fn push_timed(&mut self, frame: NormalisedFrame, arrived: Instant, time: u64) -> Option<Arc<LiveFrame>> {
        let at = ticks(arrived);
        let mapped = |offset: i64| time.saturating_add_signed(offset);
        let fits = |time: u64| {
            time <= at + MOST_AHEAD.to_ticks(CLOCK_RATE) && time + MOST_BEHIND.to_ticks(CLOCK_RATE) >= at
        };
        let pts = self.offset.map(mapped).filter(|time| fits(*time)).unwrap_or_else(|| {
            self.offset = Some(at.wrapping_sub(time) as i64);
            at
        });
        self.push_at(frame, at, pts)
    }

    /// Adds a frame that arrived at `at` and is shown at `pts`, both in ticks. Returns it, unless it is left out.
    fn push_at(&mut self, frame: NormalisedFrame, at: u64, pts: u64) -> Option<Arc<LiveFrame>> {
        let pts = self.last.map_or(pts, |last| pts.max(last + LEAST_STEP.to_ticks(CLOCK_RATE)));
        if pts.saturating_sub(at) > MOST_AHEAD.to_ticks(CLOCK_RATE) {
            self.events.dropped(1);
            return None;
        }
        if let Some(last) = self.last {
            // An average: a frame that comes late does not prolong the next one much.
            let step = Duration::from_ticks(pts - last, CLOCK_RATE);
            self.step = self.step.scaled(7, 8) + step.min(Duration::from_secs(1)).scaled(1, 8);
        }
        self.last = Some(pts);
        let format = |info: JpegInfo| (info.width, info.height, info.sampling);
        if self.about.info.map(format) != Some(format(frame.info)) {
            self.events.format(frame.info);
        }
        self.about.info = Some(frame.info);
        let frame = Arc::new(LiveFrame::new(frame, pts, self.step));
        self.window.push(Arc::clone(&frame), MOST_FRAMES, MOST_BYTES);
        self.window.drop_before(pts.saturating_sub(self.kept));
        Some(frame)
    }
}

fn ticks(at: Instant) -> u64 {
    MediaTime::from_micros(at.as_micros()).to_ticks(CLOCK_RATE)
}

/// The input's side of a stream. The stream ends when this is dropped.
#[derive(Debug)]
pub(in super::super) struct Feed {
    stream: Weak<Stream>,
    wakers: Wakers,
}

impl Feed {
    pub(super) fn new(stream: &Arc<Stream>, wakers: Wakers) -> Self {
        Self { stream: Arc::downgrade(stream), wakers }
    }

    /// Adds a frame that arrived at `arrived`. Returns `false` if nobody has a view of the stream.
    pub(in super::super) fn frame(&self, frame: NormalisedFrame, arrived: Instant) -> bool {
        self.change(|state| state.push(frame, arrived)).is_some()
    }

    /// Adds a frame of a source that arrived at `arrived`. Its time by the clock of the source is `time`, in ticks.
    /// `damaged` is whether strips of it are missing. Returns the frame, unless it is left out.
    pub(in super::super) fn timed_frame(
        &self,
        frame: NormalisedFrame,
        arrived: Instant,
        time: u64,
        damaged: bool,
    ) -> Option<Arc<LiveFrame>> {
        let added = self.change(|state| {
            state.events.trouble(InputTrouble { damaged: damaged.into(), ..InputTrouble::default() });
            state.push_timed(frame, arrived, time)
        });
        added.flatten()
    }

    /// Notes that pictures have come from a source, at `rate` as it says.
    pub(in super::super) fn connected(&self, transport: Option<LowerTransport>, rate: Option<FrameRate>) {
        self.change(|state| {
            state.about.rate = rate;
            if !std::mem::replace(&mut state.about.up, true) {
                state.events.change(InputEvent::Connected { transport });
            }
        });
    }

    /// Notes that no pictures come from a source any more, or none have come.
    pub(in super::super) fn lost(&self, now: Instant, reason: String, again: Duration) {
        self.change(|state| {
            (state.about.up, state.about.failed, state.offset) = (false, Some(now), None);
            state.events.change(InputEvent::Lost { reason, again: again.into() });
        });
    }

    /// Notes that a source that is lost is not tried again yet, for those who have asked for it since.
    pub(in super::super) fn stays_lost(&self, now: Instant) {
        self.change(|state| state.about.failed = Some(now));
    }

    /// Notes that a source was let go. Its frames are given up.
    pub(in super::super) fn released(&self) {
        self.change(|state| {
            (state.about.up, state.offset) = (false, None);
            state.window.clear();
            state.events.change(InputEvent::Released);
        });
    }

    /// Adds to the trouble. Returns `false` if nobody has a view of the stream.
    pub(in super::super) fn trouble(&self, trouble: InputTrouble) -> bool {
        self.change(|state| state.events.trouble(trouble)).is_some()
    }

    /// Notes why there was no frame, before the stream ends.
    pub(super) fn nothing(&self, problem: Problem) {
        self.change(|state| state.events.nothing(problem));
    }

    /// Changes the stream. Returns `None` if nobody has a view of it.
    fn change<R>(&self, change: impl FnOnce(&mut StreamState) -> R) -> Option<R> {
        let result = self.stream.upgrade()?.change(change);
        // All loops are woken, even those without viewers: one that sleeps on would hold old frames.
        self.wakers.wake();
        Some(result)
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.change(|state| state.window.end());
    }
}
