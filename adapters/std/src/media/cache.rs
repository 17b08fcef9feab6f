//! Frames that were made ready for sending, held once for all media, sessions and event loops.
use super::normalise::Ready;
use pinhole::codec::jpeg::JpegInfo;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// What an entry takes besides the frame's bytes.
const OVERHEAD: usize = 128;
/// No slot.
const NONE: u32 = u32::MAX;

/// Which frame: the medium's number, and the frame's place in it.
pub(super) type Key = (u16, u32);

/// What is known of a frame.
#[derive(Debug)]
pub(super) enum Held {
    /// It is sent from the mapped file as it is.
    AsIs(JpegInfo),
    /// It is held here.
    Made(Ready),
    /// It cannot be sent, which was said.
    Broken,
}

impl Held {
    fn bytes(&self) -> usize {
        match self {
            Self::Made(ready) => ready.data.len(),
            Self::AsIs(_) | Self::Broken => 0,
        }
    }
}

/// A frame that is held, or is being made by one of those who asked for it.
pub(super) type Entry = OnceLock<Held>;

/// A bounded cache: what was not asked for for the longest time goes first. Whoever has an entry
/// keeps it for as long as they like; it counts only while it is here.
#[derive(Debug)]
pub(super) struct Cache {
    budget: usize,
    order: Mutex<Order>,
}

/// Which frame is where, and when it was asked for.
#[derive(Debug)]
struct Order {
    slots: HashMap<Key, u32>,
    links: Vec<Link>,
    free: Vec<u32>,
    newest: u32,
    oldest: u32,
    /// Bytes of frames, without the overhead.
    bytes: usize,
}

/// A slot: an entry, and its neighbours in the order of being asked for.
#[derive(Debug)]
struct Link {
    key: Key,
    entry: Arc<Entry>,
    /// Of the frame, once it is made.
    bytes: usize,
    newer: u32,
    older: u32,
}

impl Cache {
    /// Holds about `budget` bytes, and one frame at the least.
    pub(super) fn new(budget: usize) -> Self {
        let (slots, links, free) = (HashMap::new(), Vec::new(), Vec::new());
        let order = Mutex::new(Order { slots, links, free, newest: NONE, oldest: NONE, bytes: 0 });
        Self { budget, order }
    }

    /// A frame, made by `make` where it is not held. Of several threads that ask for one that is
    /// not, one makes it, and the others wait for that.
    pub(super) fn get_or_make(&self, key: Key, make: impl FnOnce() -> Held) -> Arc<Entry> {
        let entry = self.order().look(key);
        let mut made = None;
        // The order is not locked meanwhile.
        entry.get_or_init(|| {
            let held = make();
            made = Some(held.bytes());
            held
        });
        if let Some(bytes) = made {
            let mut order = self.order();
            order.weigh(key, &entry, bytes);
            order.trim(self.budget);
        }
        entry
    }

    /// Bytes of frames that are held.
    pub(super) fn bytes(&self) -> usize {
        self.order().bytes
    }

    fn order(&self) -> MutexGuard<'_, Order> {
        self.order.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Order {
    fn weight(&self) -> usize {
        self.bytes.saturating_add(self.slots.len().saturating_mul(OVERHEAD))
    }

    /// The entry of a frame, which is the newest now; an empty one where there is none.
    fn look(&mut self, key: Key) -> Arc<Entry> {
        let slot = match self.slots.get(&key) {
            Some(slot) => *slot,
            None => self.insert(key),
        };
        if self.newest != slot {
            self.unlink(slot);
            self.put_first(slot);
        }
        self.links.get(slot as usize).map(|link| link.entry.clone()).unwrap_or_default()
    }

    fn insert(&mut self, key: Key) -> u32 {
        let link = Link { key, entry: Arc::default(), bytes: 0, newer: NONE, older: NONE };
        let slot = match self.free.pop() {
            Some(slot) => {
                self.update(slot, |free| *free = link);
                slot
            }
            None => {
                self.links.push(link);
                u32::try_from(self.links.len() - 1).unwrap_or(NONE)
            }
        };
        self.slots.insert(key, slot);
        self.put_first(slot);
        slot
    }

    /// Counts what was made, unless the entry was let go of in the meantime.
    fn weigh(&mut self, key: Key, entry: &Arc<Entry>, bytes: usize) {
        let Some(&slot) = self.slots.get(&key) else { return };
        if let Some(link) = self.links.get_mut(slot as usize)
            && Arc::ptr_eq(&link.entry, entry)
        {
            link.bytes = bytes;
            self.bytes = self.bytes.saturating_add(bytes);
        }
    }

    /// Lets go of frames until the rest fits the budget. The newest stays.
    fn trim(&mut self, budget: usize) {
        while self.weight() > budget && self.oldest != self.newest {
            self.remove(self.oldest);
        }
    }

    fn remove(&mut self, slot: u32) {
        self.unlink(slot);
        if let Some(link) = self.links.get_mut(slot as usize) {
            self.slots.remove(&link.key);
            self.bytes = self.bytes.saturating_sub(link.bytes);
            link.entry = Arc::default();
        }
        self.free.push(slot);
    }

    fn put_first(&mut self, slot: u32) {
        let before = std::mem::replace(&mut self.newest, slot);
        self.update(slot, |link| (link.newer, link.older) = (NONE, before));
        self.update(before, |link| link.newer = slot);
        if self.oldest == NONE {
            self.oldest = slot;
        }
    }

    fn unlink(&mut self, slot: u32) {
        let Some(&Link { newer, older, .. }) = self.links.get(slot as usize) else { return };
        match newer {
            NONE => self.newest = older,
            newer => self.update(newer, |link| link.older = older),
        }
        match older {
            NONE => self.oldest = newer,
            older => self.update(older, |link| link.newer = newer),
        }
    }

    fn update(&mut self, slot: u32, change: impl FnOnce(&mut Link)) {
        if let Some(link) = self.links.get_mut(slot as usize) {
            change(link);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pinhole::codec::jpeg::Sampling;
    use proptest::prelude::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    const INFO: JpegInfo = JpegInfo::of_size(16, 16, Sampling::Yuv420);

    fn made(len: usize) -> Held {
        Held::Made(Ready { data: vec![0; len].into(), info: INFO })
    }

    /// The frames that are held, of those with the first `count` numbers. Does not count as a look.
    fn held(cache: &Cache, count: u32) -> Vec<u32> {
        let order = cache.order();
        (0..count).filter(|n| order.slots.contains_key(&(0, *n))).collect()
    }

    #[test]
    fn what_was_not_asked_for_for_the_longest_time_goes_first() {
        let cache = Cache::new(3 * (1000 + OVERHEAD));
        for n in [0, 1, 2] {
            cache.get_or_make((0, n), || made(1000));
        }
        cache.get_or_make((0, 0), || panic!("it is held"));
        cache.get_or_make((0, 3), || made(1000));
        assert_eq!(held(&cache, 4), [0, 2, 3]);
        assert_eq!(cache.bytes(), 3000);
    }

    #[test]
    fn an_entry_outlives_its_place_in_the_cache() {
        let cache = Cache::new(0);
        let entries: Vec<_> = (0..1000).map(|n| cache.get_or_make((0, n), || made(n as usize))).collect();
        assert_eq!(held(&cache, 1000), [999]);
        for (n, entry) in entries.iter().enumerate() {
            assert!(matches!(entry.get(), Some(Held::Made(ready)) if ready.data.len() == n));
        }
        assert_eq!(entries.iter().map(Arc::strong_count).sum::<usize>(), 1001);
    }

    #[test]
    fn a_cache_that_is_too_small_for_a_frame_holds_the_last_one() {
        let cache = Cache::new(10);
        for n in 0..3 {
            cache.get_or_make((0, n), || made(1000));
            assert_eq!(held(&cache, 3), [n]);
        }
        cache.get_or_make((0, 2), || panic!("it is held"));
    }

    #[test]
    fn what_holds_no_bytes_is_bounded_too() {
        let cache = Cache::new(100 * OVERHEAD);
        for n in 0..1000 {
            cache.get_or_make((0, n), || if n % 2 == 0 { Held::AsIs(INFO) } else { Held::Broken });
        }
        assert_eq!(held(&cache, 1000), (900..1000).collect::<Vec<_>>());
        assert_eq!(cache.bytes(), 0);
    }

    #[test]
    fn a_frame_that_several_threads_ask_for_at_once_is_made_once() {
        let (cache, makings) = (Cache::new(1 << 20), AtomicUsize::new(0));
        let (started, all) = (AtomicUsize::new(0), 4);
        thread::scope(|scope| {
            for _ in 0..all {
                scope.spawn(|| {
                    started.fetch_add(1, Ordering::SeqCst);
                    let entry = cache.get_or_make((0, 7), || {
                        makings.fetch_add(1, Ordering::SeqCst);
                        while started.load(Ordering::SeqCst) < all {
                            thread::yield_now();
                        }
                        made(1000)
                    });
                    assert!(matches!(entry.get(), Some(Held::Made(_))));
                });
            }
        });
        assert_eq!((makings.into_inner(), cache.bytes()), (1, 1000));
    }

    #[test]
    fn an_entry_that_goes_while_it_is_made_is_not_counted() {
        let cache = Cache::new(1000 + OVERHEAD);
        let entry = cache.get_or_make((0, 0), || {
            cache.get_or_make((0, 1), || made(1000));
            made(1000)
        });
        assert!(entry.get().is_some());
        assert_eq!((held(&cache, 2), cache.bytes()), (vec![1], 1000));
    }

    proptest! {
        /// Against a list, with the frame that was asked for last at its end.
        #[test]
        fn the_order_is_that_of_being_asked_for(
            looks in prop::collection::vec(0u32..12, 0..200),
            budget in 0usize..6,
        ) {
            let cache = Cache::new(budget * (100 + OVERHEAD));
            let mut model: Vec<u32> = Vec::new();
            for n in looks {
                cache.get_or_make((0, n), || made(100));
                model.retain(|held| *held != n);
                model.push(n);
                model.drain(..model.len().saturating_sub(budget.max(1)));
                let mut expected = model.clone();
                expected.sort_unstable();
                prop_assert_eq!(held(&cache, 12), expected);
                prop_assert_eq!(cache.bytes(), 100 * model.len());
            }
        }
    }
}
