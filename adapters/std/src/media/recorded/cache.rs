//! Normalised frames in memory, shared by all media, sessions and event loops.
mod places;

use pinhole::frame::TrackId;
use places::Places;
#[cfg(feature = "metrics")]
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bytes that an entry takes besides its frame's.
const OVERHEAD: usize = 128;
/// How many entries one eviction spares because they were used again. More would take long, in a cache that
/// was never full before.
const MAX_SPARED: u32 = 8;
/// No slot.
const NONE: u32 = u32::MAX;

/// Names a frame of a recorded medium.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct FrameKey {
    pub(super) track: TrackId,
    /// The frame's place in the file, from 0.
    pub(super) n: u32,
}

/// A frame as it is sent. It stays where it was read to: the counter of those who hold it is elsewhere.
pub(in super::super) type CachedFrame = Arc<Box<[u8]>>;

/// A bounded cache. The frame that was added first is evicted first, unless it was used since; then it counts
/// as added anew.
///
/// An entry stays alive for as long as somebody holds it, and counts only while it is in the cache.
#[derive(Debug)]
pub(super) struct Cache {
    budget: usize,
    entries: Mutex<Entries>,
    #[cfg(feature = "metrics")]
    pub(super) uses: Uses,
}

/// How often frames were in the cache when they were wanted.
#[cfg(feature = "metrics")]
#[derive(Debug, Default)]
pub(super) struct Uses {
    pub(super) hits: AtomicU64,
    pub(super) misses: AtomicU64,
}

/// The entries, from the one that was added last to the one that is evicted next.
#[derive(Debug)]
struct Entries {
    places: Places,
    links: Vec<Link>,
    free: Vec<u32>,
    newest: u32,
    oldest: u32,
    /// Bytes of all frames, without the overhead.
    bytes: usize,
}

/// A slot: an entry, and its neighbours.
#[derive(Debug)]
struct Link {
    key: FrameKey,
    frame: Option<CachedFrame>,
    used: bool,
    newer: u32,
    older: u32,
}

impl Cache {
    /// Creates a cache of about `budget` bytes. It holds at least one frame, whatever its length.
    pub(super) fn new(budget: usize) -> Self {
        let (places, links, free) = (Places::default(), Vec::new(), Vec::new());
        let entries = Mutex::new(Entries { places, links, free, newest: NONE, oldest: NONE, bytes: 0 });
        Self {
            budget,
            entries,
            #[cfg(feature = "metrics")]
            uses: Uses::default(),
        }
    }

    /// Returns a frame that is in the cache. This counts as a use.
    pub(super) fn get(&self, key: FrameKey) -> Option<CachedFrame> {
        let mut entries = self.lock();
        let slot = entries.places.get(key)?;
        let link = entries.links.get_mut(slot as usize)?;
        link.used = true;
        link.frame.clone()
    }

    /// Returns whether a frame is in the cache. This does not count as a use.
    pub(super) fn contains(&self, key: FrameKey) -> bool {
        self.lock().places.get(key).is_some()
    }

    /// Adds a frame, and evicts others until the rest fits the budget.
    pub(super) fn insert(&self, key: FrameKey, frame: Box<[u8]>) {
        let frame = CachedFrame::new(frame);
        let mut entries = self.lock();
        let slot = entries.insert(key, frame);
        entries.evict(self.budget, slot);
    }

    /// Returns the bytes of all frames in the cache.
    pub(super) fn bytes(&self) -> usize {
        self.lock().bytes
    }

    /// Counts the bytes of all frames in the cache one by one.
    #[cfg(any(feature = "simulation", all(test, feature = "server", feature = "transcode")))]
    pub(super) fn counted(&self) -> usize {
        self.lock().links.iter().filter_map(|link| link.frame.as_ref()).map(|frame| frame.len()).sum()
    }

    /// Returns the bytes that the cache may hold.
    pub(super) const fn budget(&self) -> usize {
        self.budget
    }

    /// Returns the mean length of the frames in the cache; 0 while there are none.
    pub(super) fn mean_len(&self) -> usize {
        let entries = self.lock();
        entries.bytes.checked_div(entries.places.len()).unwrap_or(0)
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entries {
    fn weight(&self) -> usize {
        self.bytes.saturating_add(self.places.len().saturating_mul(OVERHEAD))
    }

    fn insert(&mut self, key: FrameKey, frame: CachedFrame) -> u32 {
        if let Some(slot) = self.places.get(key) {
            self.remove(slot);
        }
        self.bytes = self.bytes.saturating_add(frame.len());
        let link = Link { key, frame: Some(frame), used: false, newer: NONE, older: NONE };
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
        self.places.add(key, slot);
        self.put_first(slot);
        slot
    }

    /// Evicts the oldest frames until the rest fits the budget. The one in slot `keep` stays.
    fn evict(&mut self, budget: usize, keep: u32) {
        let mut spared = 0;
        while self.weight() > budget && self.oldest != self.newest {
            let slot = self.oldest;
            let used = self.links.get_mut(slot as usize).is_some_and(|link| std::mem::take(&mut link.used));
            if slot == keep || (used && spared < MAX_SPARED) {
                spared += u32::from(used);
                self.unlink(slot);
                self.put_first(slot);
            } else {
                self.remove(slot);
            }
        }
    }

    fn remove(&mut self, slot: u32) {
        self.unlink(slot);
        if let Some(link) = self.links.get_mut(slot as usize) {
            self.places.remove(link.key);
            let len = link.frame.take().map_or(0, |frame| frame.len());
            self.bytes = self.bytes.saturating_sub(len);
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
    use proptest::prelude::*;

    /// Names frames of which some share a page, and others have pages of their own.
    const fn key(n: u32) -> FrameKey {
        FrameKey { track: TrackId { media: 0, track: 0 }, n: 37 * n }
    }

    fn frame(len: usize) -> Box<[u8]> {
        vec![0; len].into()
    }

    /// The numbers below `count` whose frames are in the cache.
    fn cached(cache: &Cache, count: u32) -> Vec<u32> {
        (0..count).filter(|n| cache.contains(key(*n))).collect()
    }

    #[test]
    fn the_least_recently_used_frame_goes_first() {
        let cache = Cache::new(3 * (1000 + OVERHEAD));
        for n in [0, 1, 2] {
            cache.insert(key(n), frame(1000));
        }
        assert!(cache.get(key(0)).is_some());
        cache.insert(key(3), frame(1000));
        assert_eq!(cached(&cache, 4), [0, 2, 3]);
        assert!(cache.get(key(1)).is_none());
        assert_eq!((cache.bytes(), cache.mean_len()), (3000, 1000));
    }

    #[test]
    fn an_evicted_frame_lives_while_it_is_held() {
        let cache = Cache::new(0);
        let held: Vec<_> = (0..1000)
            .map(|n| {
                cache.insert(key(n), frame(n as usize));
                cache.get(key(n)).expect("it was added last")
            })
            .collect();
        assert_eq!(cached(&cache, 1000), [999]);
        assert!(held.iter().enumerate().all(|(n, frame)| frame.len() == n));
        assert_eq!(held.iter().map(Arc::strong_count).sum::<usize>(), 1001);
    }

    #[test]
    fn one_frame_stays_however_long_it_is() {
        let cache = Cache::new(10);
        for n in 0..3 {
            cache.insert(key(n), frame(1000));
            assert_eq!(cached(&cache, 3), [n]);
        }
    }

    #[test]
    fn entries_without_bytes_are_bounded() {
        let cache = Cache::new(100 * OVERHEAD);
        for n in 0..1000 {
            cache.insert(key(n), frame(0));
        }
        assert_eq!(cached(&cache, 1000), (900..1000).collect::<Vec<_>>());
        assert_eq!(cache.bytes(), 0);
    }

    #[test]
    fn a_frame_loaded_twice_counts_once() {
        let cache = Cache::new(1 << 20);
        for _ in 0..2 {
            cache.insert(key(7), frame(1000));
        }
        assert_eq!((cached(&cache, 8), cache.bytes()), (vec![7], 1000));
    }

    #[test]
    fn a_full_cache_of_used_frames_is_not_gone_through_at_once() {
        let cache = Cache::new(1000 * (100 + OVERHEAD));
        for n in 0..1000 {
            cache.insert(key(n), frame(100));
            cache.get(key(n)).unwrap();
        }
        cache.insert(key(1000), frame(100));
        let used = cache.lock().links.iter().filter(|link| link.used).count();
        assert_eq!(used, 1000 - 1 - MAX_SPARED as usize);
        assert_eq!(cached(&cache, 1001).len(), 1000);
    }

    proptest! {
        /// Compares with a list that has the frame that is evicted next at its start.
        #[test]
        fn used_frames_are_spared_once(
            uses in prop::collection::vec(0u32..12, 0..200),
            budget in 0usize..6,
        ) {
            let cache = Cache::new(budget * (100 + OVERHEAD));
            let mut model: Vec<(u32, bool)> = Vec::new();
            for n in uses {
                if cache.get(key(n)).is_some() {
                    model.iter_mut().filter(|(cached, _)| *cached == n).for_each(|(_, used)| *used = true);
                    continue;
                }
                cache.insert(key(n), frame(100));
                model.push((n, false));
                while model.len() > budget.max(1) {
                    let (oldest, used) = model.remove(0);
                    if used || oldest == n {
                        model.push((oldest, false));
                    }
                }
                prop_assert!(cache.contains(key(n)));
                let mut expected: Vec<_> = model.iter().map(|(n, _)| *n).collect();
                expected.sort_unstable();
                prop_assert_eq!(cached(&cache, 12), expected);
                prop_assert_eq!(cache.bytes(), 100 * model.len());
            }
        }
    }
}
