//! The cached frames that one event loop borrows during a turn.
use super::cache::{CachedFrame, FrameKey};
use std::cell::{Cell, OnceCell};

/// Slots in the first block. Each further block has twice as many as the one before.
const FIRST_BLOCK: u32 = 64;
const BLOCKS: usize = 24;
/// How many of the newest frames are searched. A session asks for one frame with each packet, and
/// for its neighbours at the end; older ones are asked of the cache again.
const SEARCHED: u32 = 3;

type Slot = OnceCell<(FrameKey, CachedFrame)>;

/// Holds frames until [`Self::clear`], even if the cache evicts them meanwhile. The newest are found
/// without a lock.
#[derive(Debug)]
pub(super) struct BorrowedFrames {
    /// Blocks do not move: references into them stay valid while others are added.
    blocks: [OnceCell<Box<[Slot]>>; BLOCKS],
    len: Cell<u32>,
}

impl BorrowedFrames {
    pub(super) const fn new() -> Self {
        Self { blocks: [const { OnceCell::new() }; BLOCKS], len: Cell::new(0) }
    }

    /// Returns one of the newest frames, or the one that `look_up` finds, which is held from here on.
    pub(super) fn get_or_borrow(
        &self,
        key: FrameKey,
        look_up: impl FnOnce() -> Option<CachedFrame>,
    ) -> Option<&CachedFrame> {
        let len = self.len.get();
        let newest = (len.saturating_sub(SEARCHED)..len).rev().filter_map(|slot| self.slot(slot)?.get());
        for (known, frame) in newest {
            if *known == key {
                return Some(frame);
            }
        }
        let frame = look_up()?;
        let (_, frame) = self.slot(len)?.get_or_init(|| (key, frame));
        self.len.set(len.saturating_add(1));
        Some(frame)
    }

    /// Gives all frames back.
    pub(super) fn clear(&mut self) {
        for slot in 0..self.len.take() {
            let (block, at, _) = place(slot);
            let block = self.blocks.get_mut(block).and_then(OnceCell::get_mut);
            block.and_then(|block| block.get_mut(at)).and_then(OnceCell::take);
        }
    }

    fn slot(&self, slot: u32) -> Option<&Slot> {
        let (block, at, len) = place(slot);
        let empty = || (0..len).map(|_| OnceCell::new()).collect();
        self.blocks.get(block)?.get_or_init(empty).get(at)
    }
}

/// Returns the block that a slot is in, its index there, and the length of the block.
const fn place(slot: u32) -> (usize, usize, usize) {
    let slot = slot as usize;
    let block = (slot / FIRST_BLOCK as usize + 1).ilog2();
    let len = (FIRST_BLOCK as usize) << block;
    (block as usize, slot - (len - FIRST_BLOCK as usize), len)
}

#[cfg(test)]
mod tests {
    use super::*;
    use pinhole::frame::TrackId;
    use std::sync::Arc;

    const fn key(n: u32) -> FrameKey {
        FrameKey { track: TrackId { media: 0, track: 0 }, n }
    }

    #[test]
    fn frames_stay_until_they_are_given_back() {
        let frame = || CachedFrame::new([0].into());
        let frames: Vec<_> = (0..1000).map(|_| frame()).collect();
        let mut borrowed = BorrowedFrames::new();
        let found: Vec<_> = (0..)
            .zip(&frames)
            .map(|(n, frame)| borrowed.get_or_borrow(key(n), || Some(frame.clone())).unwrap())
            .collect();
        assert!(found.iter().zip(&frames).all(|(found, frame)| Arc::ptr_eq(found, frame)));
        borrowed.clear();
        assert!(frames.iter().all(|frame| Arc::strong_count(frame) == 1));
        borrowed.get_or_borrow(key(999), || Some(frame())).unwrap();
        borrowed.get_or_borrow(key(999), || panic!("it is held")).unwrap();
    }

    #[test]
    fn the_newest_frames_are_not_looked_up_again() {
        let borrowed = BorrowedFrames::new();
        let look_up = || Some(CachedFrame::new([0].into()));
        for n in 0..100 {
            borrowed.get_or_borrow(key(n), look_up).unwrap();
            for back in 0..SEARCHED.min(n + 1) {
                borrowed.get_or_borrow(key(n - back), || panic!("it is held")).unwrap();
            }
        }
        assert!(borrowed.get_or_borrow(key(100), || None).is_none());
        assert_eq!(borrowed.len.get(), 100);
    }

    #[test]
    fn each_slot_has_a_place_of_its_own() {
        let places: std::collections::HashSet<_> = (0..10_000).map(place).collect();
        assert_eq!(places.len(), 10_000);
        assert!(places.iter().all(|(_, at, len)| at < len));
        assert!(place(u32::MAX - 1).0 > BLOCKS);
    }
}
