//! Frames that were made ready for sending, held for all media and sessions together.
use super::normalise::Ready;
use pinhole::jpeg::JpegInfo;
use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;

/// What an entry takes besides the frame's bytes.
const OVERHEAD: usize = 128;
/// Slots in the first block; each further block has twice as many as the one before.
const FIRST_BLOCK: usize = 64;
const BLOCKS: usize = 24;
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

/// A bounded cache: what was not looked at for the longest time goes first.
///
/// A frame is lent for as long as the cache is, and only [`Self::trim`], which needs the cache for
/// itself, lets go of any. Between two calls of it the cache may grow past its budget.
#[derive(Debug)]
pub(super) struct Cache {
    budget: usize,
    /// Blocks stay where they are, so that frames can be lent while others come in.
    blocks: [OnceCell<Box<[OnceCell<Held>]>>; BLOCKS],
    order: RefCell<Order>,
}

/// Which frame is where, and when it was looked at.
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

/// A slot's neighbours in the order of looks.
#[derive(Clone, Copy, Debug)]
struct Link {
    key: Key,
    newer: u32,
    older: u32,
}

impl Cache {
    /// Holds about `budget` bytes, and one frame at the least.
    pub(super) fn new(budget: usize) -> Self {
        let (slots, links, free) = (HashMap::new(), Vec::new(), Vec::new());
        let order = RefCell::new(Order { slots, links, free, newest: NONE, oldest: NONE, bytes: 0 });
        Self { budget, blocks: [const { OnceCell::new() }; BLOCKS], order }
    }

    /// Looks for a frame, and makes it where it is not held. `None` if there are more frames than
    /// can be counted.
    pub(super) fn get_or_make(&self, key: Key, make: impl FnOnce() -> Held) -> Option<&Held> {
        let known = self.order.borrow().slots.get(&key).copied();
        if let Some(slot) = known {
            self.order.borrow_mut().look(slot);
            return self.slot(slot)?.get();
        }
        let held = make();
        let slot = self.order.borrow_mut().insert(key, held.bytes());
        Some(self.slot(slot)?.get_or_init(|| held))
    }

    /// Lets go of frames until the rest fits the budget. The one looked at last stays.
    pub(super) fn trim(&mut self) {
        while self.order.get_mut().weight() > self.budget {
            let Some(slot) = self.order.get_mut().oldest_but_one() else { return };
            let held = self.slot_mut(slot).and_then(OnceCell::take);
            self.order.get_mut().remove(slot, held.map_or(0, |held| held.bytes()));
        }
    }

    /// Bytes of frames that are held.
    pub(super) fn bytes(&self) -> usize {
        self.order.borrow().bytes
    }

    fn slot(&self, slot: u32) -> Option<&OnceCell<Held>> {
        let (block, at, len) = place(slot);
        let empty = || (0..len).map(|_| OnceCell::new()).collect();
        self.blocks.get(block)?.get_or_init(empty).get(at)
    }

    fn slot_mut(&mut self, slot: u32) -> Option<&mut OnceCell<Held>> {
        let (block, at, _) = place(slot);
        self.blocks.get_mut(block)?.get_mut()?.get_mut(at)
    }
}

/// The block that a slot is in, where in it, and how many the block has.
const fn place(slot: u32) -> (usize, usize, usize) {
    let slot = slot as usize;
    let block = (slot / FIRST_BLOCK + 1).ilog2();
    let len = FIRST_BLOCK << block;
    (block as usize, slot - (len - FIRST_BLOCK), len)
}

impl Order {
    fn weight(&self) -> usize {
        self.bytes.saturating_add(self.slots.len().saturating_mul(OVERHEAD))
    }

    fn insert(&mut self, key: Key, bytes: usize) -> u32 {
        let link = Link { key, newer: NONE, older: NONE };
        let slot = self.free.pop().unwrap_or_else(|| {
            self.links.push(link);
            u32::try_from(self.links.len() - 1).unwrap_or(NONE)
        });
        self.slots.insert(key, slot);
        self.set(slot, link);
        self.bytes = self.bytes.saturating_add(bytes);
        self.put_first(slot);
        slot
    }

    fn look(&mut self, slot: u32) {
        if self.newest != slot {
            self.unlink(slot);
            self.put_first(slot);
        }
    }

    /// The next to go, unless it is the only one.
    fn oldest_but_one(&self) -> Option<u32> {
        (self.oldest != self.newest).then_some(self.oldest)
    }

    fn remove(&mut self, slot: u32, bytes: usize) {
        self.unlink(slot);
        if let Some(link) = self.link(slot) {
            self.slots.remove(&link.key);
        }
        self.bytes = self.bytes.saturating_sub(bytes);
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
        let Some(Link { newer, older, .. }) = self.link(slot) else { return };
        match newer {
            NONE => self.newest = older,
            newer => self.update(newer, |link| link.older = older),
        }
        match older {
            NONE => self.oldest = newer,
            older => self.update(older, |link| link.newer = newer),
        }
    }

    fn link(&self, slot: u32) -> Option<Link> {
        self.links.get(slot as usize).copied()
    }

    fn set(&mut self, slot: u32, to: Link) {
        self.update(slot, |link| *link = to);
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
    use pinhole::jpeg::Sampling;
    use proptest::prelude::*;

    const INFO: JpegInfo = JpegInfo {
        width: 16,
        height: 16,
        sampling: Sampling::Yuv420,
        restart_interval: 0,
        luma_table: 0,
        chroma_table: 0,
        scan: 0,
        scan_len: 0,
    };

    fn made(len: usize) -> Held {
        Held::Made(Ready { data: vec![0; len].into(), info: INFO })
    }

    /// The frames that are held, of those with the first `count` numbers. Does not count as a look.
    fn held(cache: &Cache, count: u32) -> Vec<u32> {
        let order = cache.order.borrow();
        (0..count).filter(|n| order.slots.contains_key(&(0, *n))).collect()
    }

    #[test]
    fn what_was_not_looked_at_for_the_longest_time_goes_first() {
        let mut cache = Cache::new(3 * (1000 + OVERHEAD));
        for n in [0, 1, 2] {
            cache.get_or_make((0, n), || made(1000));
        }
        cache.get_or_make((0, 0), || panic!("it is held"));
        cache.get_or_make((0, 3), || made(1000));
        cache.trim();
        assert_eq!(held(&cache, 4), [0, 2, 3]);
        assert_eq!(cache.bytes(), 3000);
    }

    #[test]
    fn frames_stay_while_they_are_lent_and_others_come() {
        let cache = Cache::new(0);
        let lent: Vec<&Held> =
            (0..1000).map(|n| cache.get_or_make((0, n), || made(n as usize)).unwrap()).collect();
        for (n, held) in lent.iter().enumerate() {
            assert!(matches!(held, Held::Made(ready) if ready.data.len() == n));
        }
    }

    #[test]
    fn a_cache_that_is_too_small_for_a_frame_holds_the_last_one() {
        let mut cache = Cache::new(10);
        for n in 0..3 {
            cache.get_or_make((0, n), || made(1000));
            cache.trim();
            assert_eq!(held(&cache, 3), [n]);
        }
        cache.get_or_make((0, 2), || panic!("it is held"));
    }

    #[test]
    fn what_holds_no_bytes_is_bounded_too() {
        let mut cache = Cache::new(100 * OVERHEAD);
        for n in 0..1000 {
            cache.get_or_make((0, n), || if n % 2 == 0 { Held::AsIs(INFO) } else { Held::Broken });
            cache.trim();
        }
        assert_eq!(held(&cache, 1000), (900..1000).collect::<Vec<_>>());
        assert_eq!(cache.bytes(), 0);
    }

    #[test]
    fn each_slot_has_a_place_of_its_own() {
        let places: std::collections::HashSet<_> = (0..10_000).map(place).collect();
        assert_eq!(places.len(), 10_000);
        assert!(places.iter().all(|(_, at, len)| at < len));
        assert!(place(u32::MAX - 1).0 > BLOCKS);
    }

    proptest! {
        /// Against a list, with the frame that was looked at last at its end.
        #[test]
        fn the_order_is_that_of_looks(
            looks in prop::collection::vec((0u32..12, any::<bool>()), 0..200),
            budget in 0usize..6,
        ) {
            let mut cache = Cache::new(budget * (100 + OVERHEAD));
            let mut model: Vec<u32> = Vec::new();
            for (n, trim) in looks {
                cache.get_or_make((0, n), || made(100));
                model.retain(|held| *held != n);
                model.push(n);
                if trim {
                    cache.trim();
                    model.drain(..model.len().saturating_sub(budget.max(1)));
                }
                let mut expected = model.clone();
                expected.sort_unstable();
                prop_assert_eq!(held(&cache, 12), expected);
                prop_assert_eq!(cache.bytes(), 100 * model.len());
            }
        }
    }
}
