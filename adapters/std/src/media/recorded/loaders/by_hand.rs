//! A pool without threads: whoever has it says when a job begins, and when it ends. So runs can be repeated.
use super::super::cache::Cache;
use super::super::source::Tools;
use super::queue::Job;
use super::{LoaderPool, load};
use crate::media::NormaliseOptions;
use std::sync::Arc;
use std::time::Instant;

/// How many jobs are done at once, besides those that hang.
pub(in super::super) const THREADS: usize = 2;

/// A job that has begun. It hangs until [`LoaderPool::finish`].
pub(in super::super) struct Begun(Job);

impl Begun {
    /// Returns the number of the medium, and the place of the frame in it.
    pub(in super::super) const fn frame(&self) -> (u16, u32) {
        (self.0.key.track.media, self.0.key.n)
    }
}

impl LoaderPool {
    /// Creates a pool that never starts a thread.
    pub(in super::super) fn by_hand(cache: Arc<Cache>, how: NormaliseOptions) -> Self {
        let pool = Self::with_threads(cache, how, THREADS);
        pool.0.lock().started = usize::MAX;
        pool
    }

    /// Begins the most urgent job at the time `now`. Returns `None` if there is none, or too many have begun.
    pub(in super::super) fn begin(&self, now: Instant) -> Option<Begun> {
        let mut served = Vec::new();
        let mut state = self.0.lock();
        let job = self.0.take_job(&mut state, now, &mut served);
        drop(self.0.serve(state, &mut served));
        job.map(Begun)
    }

    /// Does a job, and tells those who waited for it.
    pub(in super::super) fn finish(&self, Begun(job): &Begun, tools: &mut Tools) {
        let len = load(&*job.source, job.key, tools, &self.0.cache);
        self.0.finish(job, len);
    }
}
