//! How the loaders and the cache of a library do, for whoever asks.
use super::cache::Cache;
use super::loaders::LoaderPool;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

/// What tells how the loaders and the cache of a library do. It keeps neither of them.
#[derive(Debug)]
pub(crate) struct LoadingMeter {
    cache: Weak<Cache>,
    pool: Weak<LoaderPool>,
}

/// How the loaders and the cache of a library do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Loading {
    /// How often a frame was looked for and was in the cache.
    pub(crate) hits: u64,
    /// How many frames were waited for.
    pub(crate) misses: u64,
    /// Bytes of frames in the cache.
    pub(crate) cached: usize,
    /// Bytes that the cache may hold.
    pub(crate) budget: usize,
    /// The streams for which there may be something to load.
    pub(crate) queued: usize,
    /// The frames that are being loaded.
    pub(crate) running: usize,
    /// Of these, the ones that take so long that their disk may hang.
    pub(crate) stalled: usize,
}

impl LoadingMeter {
    pub(super) fn new(cache: &Arc<Cache>, pool: &Arc<LoaderPool>) -> Self {
        Self { cache: Arc::downgrade(cache), pool: Arc::downgrade(pool) }
    }

    /// Returns how they do now; `None` if the library is gone.
    pub(crate) fn read(&self) -> Option<Loading> {
        let (cache, pool) = (self.cache.upgrade()?, self.pool.upgrade()?);
        let (queued, running, stalled) = pool.load();
        Some(Loading {
            hits: cache.uses.hits.load(Ordering::Relaxed),
            misses: cache.uses.misses.load(Ordering::Relaxed),
            cached: cache.bytes(),
            budget: cache.budget(),
            queued,
            running,
            stalled,
        })
    }
}
