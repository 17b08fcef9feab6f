//! Who wants the pictures of a source: event loops say so, and the thread that pulls the source looks.
use pinhole::time::{Duration, Instant};
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

/// The demand for one source.
pub(in super::super) struct Demand {
    /// How many sessions play it.
    watchers: AtomicUsize,
    /// When somebody asked for it last, in microseconds of the library's clock.
    asked: AtomicU64,
    /// Whether the source was told that it is wanted, and did not let go since.
    active: AtomicBool,
    /// Wanted even if nobody watches.
    always: bool,
    /// Wanted no more, whoever watches.
    ended: AtomicBool,
    /// Tells the source that it is wanted. Does not wait.
    tell: Box<dyn Fn() + Send + Sync>,
}

impl Demand {
    pub(in super::super) fn new(always: bool, tell: impl Fn() + Send + Sync + 'static) -> Self {
        Self {
            watchers: AtomicUsize::new(0),
            asked: AtomicU64::new(0),
            active: AtomicBool::new(false),
            always,
            ended: AtomicBool::new(false),
            tell: Box::new(tell),
        }
    }

    /// Notes that somebody asks for the source, without playing it yet.
    pub(in super::super) fn ask(&self, now: Instant) {
        self.asked.fetch_max(now.as_micros(), Ordering::SeqCst);
        self.active.store(true, Ordering::SeqCst);
        (self.tell)();
    }

    /// Notes that one more session plays the source.
    pub(in super::super) fn join(&self) {
        self.watchers.fetch_add(1, Ordering::SeqCst);
        if !self.active.swap(true, Ordering::SeqCst) {
            (self.tell)();
        }
    }

    /// Notes that one session less plays the source.
    pub(in super::super) fn leave(&self, now: Instant) {
        self.asked.fetch_max(now.as_micros(), Ordering::SeqCst);
        self.watchers.fetch_sub(1, Ordering::SeqCst);
    }

    /// Notes that nobody will want the source any more, as it is removed.
    pub(in super::super) fn end(&self) {
        self.ended.store(true, Ordering::SeqCst);
        if self.active.load(Ordering::SeqCst) {
            (self.tell)();
        }
    }

    /// Returns whether the source is wanted no more: nobody plays it, and nobody has asked for `linger`. Whoever asks
    /// after that tells it so.
    pub(in super::super) fn lets_go(&self, now: Instant, linger: Duration) -> bool {
        if self.is_wanted(now, linger) {
            return false;
        }
        self.active.store(false, Ordering::SeqCst);
        // Somebody may have come meanwhile, who saw that it was active.
        let wanted = self.is_wanted(now, linger);
        self.active.store(wanted, Ordering::SeqCst);
        !wanted
    }

    fn is_wanted(&self, now: Instant, linger: Duration) -> bool {
        let asked = Instant::from_micros(self.asked.load(Ordering::SeqCst));
        if self.ended.load(Ordering::SeqCst) {
            return false;
        }
        self.always || self.watchers.load(Ordering::SeqCst) > 0 || now.since(asked) < linger
    }
}

impl fmt::Debug for Demand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Demand").field("watchers", &self.watchers).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    const LINGER: Duration = Duration::from_secs(10);

    fn at(secs: u64) -> Instant {
        Instant::from_micros(secs * 1_000_000)
    }

    fn demand(always: bool) -> (Demand, Arc<AtomicUsize>) {
        let told = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&told);
        let count = move || {
            counted.fetch_add(1, Ordering::SeqCst);
        };
        (Demand::new(always, count), told)
    }

    #[test]
    fn a_source_is_let_go_a_while_after_its_last_watcher() {
        let (demand, told) = demand(false);
        demand.ask(at(20));
        demand.join();
        assert_eq!(told.load(Ordering::SeqCst), 1, "who joins after asking need not tell it again");
        assert!(!demand.lets_go(at(1000), LINGER), "somebody watches");
        demand.leave(at(1000));
        assert!(!demand.lets_go(at(1009), LINGER));
        assert!(demand.lets_go(at(1010), LINGER));
        demand.join();
        assert_eq!(told.load(Ordering::SeqCst), 2, "it was let go");
        assert!(!demand.lets_go(at(2000), LINGER));
    }

    #[test]
    fn a_source_that_is_always_wanted_is_let_go_when_it_is_removed() {
        let (demand, told) = demand(true);
        assert!(!demand.lets_go(at(1000), LINGER));
        demand.join();
        demand.end();
        assert!(demand.lets_go(at(1000), LINGER) && told.load(Ordering::SeqCst) == 2);
    }
}
