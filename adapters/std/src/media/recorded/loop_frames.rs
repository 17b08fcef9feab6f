//! What one event loop has of the frames of recorded media.
use super::super::normalise::NormaliseOptions;
use super::super::problem::Problem;
use super::Recorded;
use super::borrowed::BorrowedFrames;
use super::cache::{Cache, CachedFrame, FrameKey};
use super::loaders::{self, LoaderPool, MAX_AHEAD, ReaderId, Request};
#[cfg(feature = "metrics")]
use super::loading::LoadingMeter;
use super::source::{Source as _, Tools};
use crate::warm::warm_head;
use pinhole::frame::{FrameId, TrackId};
use pinhole::rtp::Want;
use pinhole::time::Instant;
use std::cell::RefCell;
use std::sync::Arc;
#[cfg(feature = "metrics")]
use std::sync::atomic::Ordering;
use std::task::Waker;

/// A larger step from one frame to the next is a seek.
const MAX_STEP: u64 = 64;

/// The frames that sessions of one event loop read, and what was requested of the loaders for them.
///
/// All loops of a library share the cache and the loaders.
#[derive(Debug)]
pub(in super::super) struct LoopFrames {
    cache: Arc<Cache>,
    pool: Arc<LoaderPool>,
    borrowed: BorrowedFrames,
    /// The frames that were looked for in this turn, and are not in the cache.
    missed: RefCell<Vec<FrameKey>>,
    /// The media that have failed streams in this turn, and why.
    failed: RefCell<Vec<(u16, Problem)>>,
    /// The number of this loop in the pool; `None` if this is no event loop's.
    event_loop: Option<usize>,
    /// What each stream reads next, by connection and number of the stream.
    requests: Vec<Streams>,
}

/// What was requested for the streams of a connection. Most have one, which is found without a further
/// wait for memory: all of it is in one line of the processor's cache.
#[repr(align(64))]
#[derive(Debug, Default)]
struct Streams {
    first: Option<Requested>,
    others: Vec<Option<Requested>>,
}

/// What the loaders know of a stream, or need not know.
#[derive(Clone, Copy, Debug)]
struct Requested {
    track: TrackId,
    frame: FrameId,
    /// From each frame that is read to the next one.
    step: i64,
    /// Whether the event loop is woken when the frame is there.
    waits: bool,
}

impl Requested {
    /// Returns the step to the next frame; `None` if that is a seek.
    fn step_to(&self, want: &Want) -> Option<i64> {
        if self.track != want.track || (self.step < 0) != want.backwards {
            return None;
        }
        match want.frame.0.wrapping_sub(self.frame.0).cast_signed() {
            0 => Some(self.step),
            moved if moved.unsigned_abs() <= MAX_STEP && (moved < 0) == want.backwards => Some(moved),
            _ => None,
        }
    }
}

impl Streams {
    fn get(&self, stream: u8) -> Option<Requested> {
        match usize::from(stream).checked_sub(1) {
            None => self.first,
            Some(other) => *self.others.get(other)?,
        }
    }

    fn set(&mut self, stream: u8, requested: Requested) {
        let requested = Some(requested);
        match usize::from(stream).checked_sub(1) {
            None => self.first = requested,
            Some(other) => {
                if self.others.len() <= other {
                    self.others.resize(other + 1, None);
                }
                if let Some(known) = self.others.get_mut(other) {
                    *known = requested;
                }
            }
        }
    }

    /// Keeps the first `streams` of them. Returns whether there were more.
    fn truncate(&mut self, streams: u8) -> bool {
        let first = if streams == 0 { self.first.take() } else { None };
        let others = usize::from(streams.saturating_sub(1));
        let more = self.others.len() > others;
        self.others.truncate(others);
        first.is_some() || more
    }

    fn iter_mut(&mut self) -> impl Iterator<Item = &mut Requested> {
        self.first.iter_mut().chain(self.others.iter_mut().flatten())
    }
}

impl LoopFrames {
    /// Creates what is not yet an event loop's, with a cache of about `budget` bytes.
    pub(in super::super) fn new(budget: usize, how: NormaliseOptions) -> Self {
        let cache = Arc::new(Cache::new(budget));
        let pool = Arc::new(LoaderPool::new(cache.clone(), how));
        Self::with(cache, pool)
    }

    /// Creates what is not yet an event loop's, with loaders that are no threads.
    #[cfg(any(feature = "simulation", all(test, feature = "server", feature = "transcode")))]
    pub(in super::super) fn by_hand(budget: usize, how: NormaliseOptions) -> Self {
        let cache = Arc::new(Cache::new(budget));
        let pool = Arc::new(LoaderPool::by_hand(cache.clone(), how));
        Self::with(cache, pool)
    }

    /// Returns the loaders.
    #[cfg(any(feature = "simulation", all(test, feature = "server", feature = "transcode")))]
    pub(super) fn pool(&self) -> &LoaderPool {
        &self.pool
    }

    /// Counts the bytes of frames in the cache one by one.
    #[cfg(any(feature = "simulation", all(test, feature = "server", feature = "transcode")))]
    pub(super) fn counted_bytes(&self) -> usize {
        self.cache.counted()
    }

    /// Creates the same for another event loop.
    pub(in super::super) fn share(&self) -> Self {
        Self::with(self.cache.clone(), self.pool.clone())
    }

    fn with(cache: Arc<Cache>, pool: Arc<LoaderPool>) -> Self {
        Self {
            cache,
            pool,
            borrowed: BorrowedFrames::new(),
            missed: RefCell::default(),
            failed: RefCell::default(),
            event_loop: None,
            requests: Vec::new(),
        }
    }

    /// Makes this an event loop's, which the loaders wake by `waker`.
    pub(in super::super) fn wake_by(&mut self, waker: Waker) {
        self.event_loop = Some(self.pool.add_loop(waker));
    }

    /// Returns what tells how the loaders and the cache do.
    #[cfg(feature = "metrics")]
    pub(in super::super) fn meter(&self) -> LoadingMeter {
        LoadingMeter::new(&self.cache, &self.pool)
    }

    /// Returns the bytes of frames in the cache.
    pub(in super::super) fn cached_bytes(&self) -> usize {
        self.cache.bytes()
    }

    /// Returns a frame that is in the cache. It stays there until the end of the turn.
    pub(super) fn get(&self, key: FrameKey) -> Option<&CachedFrame> {
        self.borrowed.get_or_borrow(key, || {
            let frame = self.cache.get(key)?;
            #[cfg(feature = "metrics")]
            self.cache.uses.hits.fetch_add(1, Ordering::Relaxed);
            warm_head(&frame);
            Some(frame)
        })
    }

    /// Notes that a frame was looked for and is not in the cache, so that whoever reads it is woken when it
    /// is.
    pub(super) fn miss(&self, key: FrameKey) {
        let mut missed = self.missed.borrow_mut();
        if !missed.contains(&key) {
            missed.push(key);
        }
    }

    /// Notes that a medium has failed whoever reads it now, for the reason that `why` returns.
    pub(super) fn fail(&self, media: u16, why: impl FnOnce() -> Option<Problem>) {
        let mut failed = self.failed.borrow_mut();
        if !failed.iter().any(|(known, _)| *known == media) {
            failed.extend(why().map(|problem| (media, problem)));
        }
    }

    /// Takes the media that have failed whoever reads them in this turn, and why.
    pub(in super::super) fn take_failed(&self) -> Vec<(u16, Problem)> {
        self.failed.take()
    }

    /// Loads a frame now, unless it is there. Blocks.
    pub(in super::super) fn load(
        &self,
        source: &Recorded,
        track: TrackId,
        id: FrameId,
        how: NormaliseOptions,
    ) {
        let Some(n) = source.locate(id) else { return };
        let key = FrameKey { track, n };
        if !self.cache.contains(key) && source.needs_loading(n) {
            loaders::load(source, key, &mut Tools::new(how), &self.cache);
        }
    }

    /// Tells the loaders what stream number `stream` of connection `peer` reads next, if there is anything
    /// to load for it.
    pub(in super::super) fn request(
        &mut self,
        now: Instant,
        peer: usize,
        stream: u8,
        source: &Arc<Recorded>,
        want: Want,
    ) {
        let Some(event_loop) = self.event_loop else { return };
        let Want { track, frame, by, backwards, .. } = want;
        let known = self.requests.get(peer).and_then(|streams| streams.get(stream));
        let key = |id| source.locate(id).map(|n| FrameKey { track, n });
        let waits = key(frame).is_some_and(|key| self.missed.borrow().contains(&key));
        if known.is_some_and(|known| known.track == track && known.frame == frame && (known.waits || !waits))
        {
            return;
        }
        #[cfg(feature = "metrics")]
        if waits {
            self.cache.uses.misses.fetch_add(1, Ordering::Relaxed);
        }
        let step = known.and_then(|known| known.step_to(&want));
        let is_seek = step.is_none();
        let step = step.unwrap_or(if backwards { -1 } else { 1 });
        self.set(peer, stream, Requested { track, frame, step, waits });
        // A stream that goes on in steps requests the next frames when half of those ahead are left:
        // to wake a thread for each frame would cost more than most frames do.
        let needs_loading = |steps: u32| {
            let id = frame.0.checked_add_signed(step.saturating_mul(i64::from(steps)));
            let key = id.and_then(|id| key(FrameId(id)));
            key.is_some_and(|key| !self.cache.contains(key) && source.needs_loading(key.n))
        };
        if waits || needs_loading(MAX_AHEAD / 2) || (is_seek && (0..MAX_AHEAD).any(needs_loading)) {
            let request = Request { source: source.clone(), track, frame, by, step, is_seek, waits };
            self.pool.request(ReaderId { event_loop, peer, stream }, request, now);
        }
    }

    fn set(&mut self, peer: usize, stream: u8, requested: Requested) {
        if self.requests.len() <= peer {
            self.requests.resize_with(peer + 1, Streams::default);
        }
        if let Some(streams) = self.requests.get_mut(peer) {
            streams.set(stream, requested);
        }
    }

    /// Notes that connection `peer` has only `streams` streams that play.
    pub(in super::super) fn forget(&mut self, peer: usize, streams: u8) {
        let Some(event_loop) = self.event_loop else { return };
        if self.requests.get_mut(peer).is_some_and(|requests| requests.truncate(streams)) {
            let id = |stream| ReaderId { event_loop, peer, stream };
            self.pool.forget(id(streams)..=id(u8::MAX));
        }
    }

    /// Takes the connections that waited for a frame which is there now.
    pub(in super::super) fn take_served(&mut self) -> Vec<usize> {
        let Some(event_loop) = self.event_loop else { return Vec::new() };
        let served = self.pool.take_served(event_loop);
        for peer in &served {
            let requests = self.requests.get_mut(*peer).into_iter().flat_map(Streams::iter_mut);
            requests.for_each(|requested| requested.waits = false);
        }
        served
    }

    /// Ends a turn: gives back the frames that were borrowed.
    pub(in super::super) fn end_turn(&mut self) {
        self.borrowed.clear();
        self.missed.get_mut().clear();
        self.failed.get_mut().clear();
    }
}
