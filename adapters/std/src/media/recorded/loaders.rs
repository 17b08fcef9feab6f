//! The threads that read and normalise the frames of recorded media.
//!
//! Event loops never wait for a frame: they say which frame each stream reads next, and are woken
//! when one that they had to wait for is in the cache.
//!
//! A disk may hang for ever, and with it the threads that read from it. One thread is always left over; it takes
//! the place of those that hang, if others than that disk are wanted.
#[cfg(any(feature = "simulation", all(test, feature = "server", feature = "transcode")))]
mod by_hand;
mod queue;
#[cfg(test)]
mod tests;

use super::super::normalise::NormaliseOptions;
use super::cache::{Cache, FrameKey};
use super::source::{Source, Tools};
#[cfg(any(feature = "simulation", all(test, feature = "server", feature = "transcode")))]
pub(super) use by_hand::{Begun, THREADS};
use pinhole::frame::{FrameId, TrackId};
use pinhole::time::Instant;
pub(super) use queue::MAX_AHEAD;
use queue::{Job, Limits, Queue};
use std::io;
use std::num::NonZero;
use std::ops::RangeInclusive;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::thread;
use std::time;

/// A job that takes longer hangs: others are loaded meanwhile as if there were one thread less.
const STALL: time::Duration = time::Duration::from_millis(500);
/// The most threads that are started in place of those that hang.
const MAX_STALLED: usize = 64;
/// More threads would only compete for the disk and for memory.
const MAX_THREADS: usize = 8;

/// Names a stream of a connection of an event loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ReaderId {
    pub(super) event_loop: usize,
    pub(super) peer: usize,
    pub(super) stream: u8,
}

/// What a stream reads next.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) source: Arc<dyn Source>,
    pub(super) track: TrackId,
    pub(super) frame: FrameId,
    /// When the frame is due.
    pub(super) by: Instant,
    /// From each frame that is read to the next one.
    pub(super) step: i64,
    /// Whether the frame does not follow the one of the request before.
    pub(super) is_seek: bool,
    /// Whether the event loop has to be woken when the frame is there.
    pub(super) waits: bool,
}

/// The loaders of a library, which its event loops share. The threads start with the first request,
/// and end after this is dropped.
#[derive(Debug)]
pub(super) struct LoaderPool(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    cache: Arc<Cache>,
    how: NormaliseOptions,
    threads: usize,
    state: Mutex<PoolState>,
    /// There may be a job, or the pool is dropped.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct PoolState {
    queue: Queue,
    loops: Vec<LoopInbox>,
    running: Vec<Running>,
    started: usize,
    /// How many threads wait for a job, and look now and then whether another one hangs.
    watching: usize,
    is_dropped: bool,
}

/// A job that a thread works on.
#[derive(Debug)]
struct Running {
    key: FrameKey,
    device: u64,
    since: time::Instant,
}

/// What an event loop was woken for.
#[derive(Debug)]
struct LoopInbox {
    waker: Waker,
    /// The streams that waited for a frame that is there now.
    served: Vec<ReaderId>,
}

impl LoaderPool {
    /// Creates a pool that loads into `cache`, with one thread for each core.
    pub(super) fn new(cache: Arc<Cache>, how: NormaliseOptions) -> Self {
        let threads = thread::available_parallelism().map_or(1, NonZero::get).min(MAX_THREADS);
        Self::with_threads(cache, how, threads)
    }

    fn with_threads(cache: Arc<Cache>, how: NormaliseOptions, threads: usize) -> Self {
        let (state, changed) = (Mutex::default(), Condvar::new());
        Self(Arc::new(Shared { cache, how, threads, state, changed }))
    }

    /// Adds an event loop, and returns its number in a [`ReaderId`].
    pub(super) fn add_loop(&self, waker: Waker) -> usize {
        let mut state = self.0.lock();
        state.loops.push(LoopInbox { waker, served: Vec::new() });
        state.loops.len() - 1
    }

    /// Replaces the request of a reader. Whatever the request before still needs is not loaded.
    pub(super) fn request(&self, id: ReaderId, request: Request, now: Instant) {
        let mut state = self.0.lock();
        state.queue.request(id, request, now);
        self.start(&mut state);
        drop(state);
        self.0.changed.notify_one();
    }

    /// Forgets the readers with these ids.
    pub(super) fn forget(&self, ids: RangeInclusive<ReaderId>) {
        self.0.lock().queue.forget(ids);
        self.0.changed.notify_one();
    }

    /// Returns for how many streams there may be something to load, how many frames are being loaded, and how many of
    /// these take so long that their disk may hang.
    #[cfg(feature = "metrics")]
    pub(super) fn load(&self) -> (usize, usize, usize) {
        let state = self.0.lock();
        (state.queue.len(), state.running.len(), state.stalled(time::Instant::now()).count())
    }

    /// Takes the connections of an event loop of which a stream waited for a frame that is there now.
    pub(super) fn take_served(&self, event_loop: usize) -> Vec<usize> {
        let mut state = self.0.lock();
        let inbox = state.loops.get_mut(event_loop);
        let served = inbox.map(|inbox| std::mem::take(&mut inbox.served)).unwrap_or_default();
        for id in &served {
            state.queue.collect(*id);
        }
        let released = !served.is_empty();
        drop(state);
        if released {
            self.0.changed.notify_one();
        }
        served.into_iter().map(|id| id.peer).collect()
    }

    /// Starts the threads that there should be. If the system refuses one, the next request tries
    /// again.
    fn start(&self, state: &mut PoolState) {
        let wanted = self.0.wanted_threads(state, time::Instant::now());
        while state.started < wanted {
            if !Shared::start_thread(&self.0, state) {
                return;
            }
        }
    }
}

impl PoolState {
    /// Returns the jobs that hang.
    fn stalled(&self, now: time::Instant) -> impl Iterator<Item = &Running> {
        self.running.iter().filter(move |running| now.duration_since(running.since) >= STALL)
    }
}

impl Drop for LoaderPool {
    fn drop(&mut self) {
        self.0.lock().is_dropped = true;
        self.0.changed.notify_all();
    }
}

impl Shared {
    /// Returns how many threads there should be.
    fn wanted_threads(&self, state: &PoolState, now: time::Instant) -> usize {
        self.threads + 1 + state.stalled(now).count().min(MAX_STALLED)
    }

    /// Starts a thread. Returns `false` if the system refuses it.
    fn start_thread(this: &Arc<Self>, state: &mut PoolState) -> bool {
        let shared = this.clone();
        let name = format!("loader {}", state.started);
        let started = thread::Builder::new().name(name).spawn(move || shared.run());
        match &started {
            Ok(_) => state.started += 1,
            Err(error) => no_thread(error, state.started),
        }
        started.is_ok()
    }

    /// Loads frames until the pool is dropped, or there are more threads than there should be.
    fn run(self: &Arc<Self>) {
        let mut tools = Tools::new(self.how);
        while let Some(job) = self.next_job() {
            let len = load(&*job.source, job.key, &mut tools, &self.cache);
            tools.shed();
            self.finish(&job, len);
        }
    }

    /// Waits for a job; `None` once the pool is dropped, or the thread is one too many.
    fn next_job(self: &Arc<Self>) -> Option<Job> {
        let mut served = Vec::new();
        let mut state = self.lock();
        loop {
            let now = time::Instant::now();
            if state.is_dropped || state.started > self.wanted_threads(&state, now) {
                state.started = state.started.saturating_sub(1);
                return None;
            }
            let job = self.take_job(&mut state, now, &mut served);
            let was_unlocked = !served.is_empty();
            state = self.serve(state, &mut served);
            if job.is_some() {
                if state.running.len() >= state.started && state.started < self.wanted_threads(&state, now) {
                    Self::start_thread(self, &mut state);
                }
                // There may be more for another thread: now, or once this one hangs, for which somebody has to
                // watch. A thread that is woken for nothing costs more than most frames do.
                let is_wanted = state.watching == 0 || state.running.len() < self.threads;
                if is_wanted && state.queue.may_have_more(self.jobs_per_reader()) {
                    self.changed.notify_one();
                }
                return job;
            }
            if was_unlocked {
                // Something may have changed, which nobody waited for.
                continue;
            }
            if state.running.is_empty() {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            } else {
                state.watching += 1;
                let waited = self.changed.wait_timeout(state, STALL);
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
                state.watching = state.watching.saturating_sub(1);
            }
        }
    }

    /// How many jobs a reader may have at once: one does not occupy all threads.
    fn jobs_per_reader(&self) -> usize {
        self.threads.saturating_sub(1).max(1)
    }

    /// Takes the most urgent job that there is a thread for.
    fn take_job(&self, state: &mut PoolState, now: time::Instant, served: &mut Vec<ReaderId>) -> Option<Job> {
        let stalled: Vec<u64> = state.stalled(now).map(|running| running.device).collect();
        if state.running.len() - stalled.len() >= self.threads {
            return None;
        }
        let limits = Limits {
            budget: self.cache.budget(),
            frame_len: self.cache.mean_len(),
            jobs_per_reader: self.jobs_per_reader(),
            hanging: stalled.len(),
        };
        let is_loaded =
            |source: &dyn Source, key: FrameKey| !source.needs_loading(key.n) || self.cache.contains(key);
        // A disk that hangs does not get all threads, however many are started.
        let hangs = |source: &dyn Source| {
            !stalled.is_empty()
                && stalled.iter().filter(|device| **device == source.device()).count() >= self.threads
        };
        let job = state.queue.next_job(limits, is_loaded, hangs, served)?;
        state.running.push(Running { key: job.key, device: job.source.device(), since: now });
        Some(job)
    }

    fn finish(&self, job: &Job, len: usize) {
        let mut served = Vec::new();
        let mut state = self.lock();
        state.running.retain(|running| running.key != job.key);
        state.queue.finish(job, len, &mut served);
        drop(self.serve(state, &mut served));
    }

    /// Wakes the event loops of these readers. The state is not locked meanwhile.
    fn serve<'a>(
        &'a self,
        mut state: MutexGuard<'a, PoolState>,
        served: &mut Vec<ReaderId>,
    ) -> MutexGuard<'a, PoolState> {
        if served.is_empty() {
            return state;
        }
        let mut wakers = Vec::new();
        for id in served.drain(..) {
            if let Some(inbox) = state.loops.get_mut(id.event_loop) {
                if inbox.served.is_empty() {
                    wakers.push(inbox.waker.clone());
                }
                inbox.served.push(id);
            }
        }
        drop(state);
        for waker in wakers {
            waker.wake();
        }
        self.lock()
    }

    fn lock(&self) -> MutexGuard<'_, PoolState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Loads a frame into the cache, and returns its length there: 0 if it cannot be sent. Blocks.
///
/// A panic costs the frame only.
pub(super) fn load(source: &dyn Source, key: FrameKey, tools: &mut Tools, cache: &Cache) -> usize {
    let how = tools.normaliser.how();
    match catch_unwind(AssertUnwindSafe(|| source.load(key.n, tools))) {
        Ok(None) => 0,
        Ok(Some(data)) => {
            let len = data.len();
            cache.insert(key, data);
            len
        }
        Err(_) => {
            // Whatever was left half done in them is not used again.
            *tools = Tools::new(how);
            source.panicked(key.n);
            0
        }
    }
}

fn no_thread(error: &io::Error, started: usize) {
    tracing::warn!(%error, started, "a thread that loads frames cannot be started");
}
