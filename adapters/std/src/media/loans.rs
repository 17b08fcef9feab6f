//! The frames that one event loop is sending from.
use super::cache::{Entry, Held, Key};
use std::cell::{Cell, OnceCell};
use std::sync::Arc;

/// Slots in the first block; each further block has twice as many as the one before.
const FIRST_BLOCK: u32 = 64;
const BLOCKS: usize = 24;
/// How many of the newest loans are looked through. A session asks for the same frame with each
/// packet, and for its neighbours where one ends; what is further back is asked of the cache again.
const LOOKS: u32 = 3;

type Loan = OnceCell<(Key, Arc<Entry>)>;

/// Entries that stay until [`Self::clear`], whatever the cache lets go of: frames can be lent from
/// here. The newest are found without a lock.
#[derive(Debug)]
pub(super) struct Loans {
    /// Blocks stay where they are, so that frames can be lent while others come in.
    blocks: [OnceCell<Box<[Loan]>>; BLOCKS],
    len: Cell<u32>,
}

impl Loans {
    pub(super) const fn new() -> Self {
        Self { blocks: [const { OnceCell::new() }; BLOCKS], len: Cell::new(0) }
    }

    /// One of the newest frames, or the one that `borrow` finds. `None` if there are more than can
    /// be counted.
    pub(super) fn get_or_borrow(&self, key: Key, borrow: impl FnOnce() -> Arc<Entry>) -> Option<&Held> {
        let len = self.len.get();
        let newest = (len.saturating_sub(LOOKS)..len).rev().filter_map(|slot| self.slot(slot)?.get());
        for (known, entry) in newest {
            if *known == key {
                return entry.get();
            }
        }
        let (_, entry) = self.slot(len)?.get_or_init(|| (key, borrow()));
        self.len.set(len.saturating_add(1));
        entry.get()
    }

    /// Gives all of them back.
    pub(super) fn clear(&mut self) {
        for slot in 0..self.len.take() {
            let (block, at, _) = place(slot);
            let block = self.blocks.get_mut(block).and_then(OnceCell::get_mut);
            block.and_then(|block| block.get_mut(at)).and_then(OnceCell::take);
        }
    }

    fn slot(&self, slot: u32) -> Option<&Loan> {
        let (block, at, len) = place(slot);
        let empty = || (0..len).map(|_| OnceCell::new()).collect();
        self.blocks.get(block)?.get_or_init(empty).get(at)
    }
}

/// The block that a slot is in, where in it, and how many the block has.
const fn place(slot: u32) -> (usize, usize, usize) {
    let slot = slot as usize;
    let block = (slot / FIRST_BLOCK as usize + 1).ilog2();
    let len = (FIRST_BLOCK as usize) << block;
    (block as usize, slot - (len - FIRST_BLOCK as usize), len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_stay_while_they_are_lent_and_others_come() {
        let entry = || Arc::new(Entry::from(Held::Broken));
        let entries: Vec<_> = (0..1000).map(|_| entry()).collect();
        let mut loans = Loans::new();
        let lent: Vec<_> =
            (0..).zip(&entries).map(|(n, e)| loans.get_or_borrow((0, n), || e.clone()).unwrap()).collect();
        assert!(lent.iter().zip(&entries).all(|(held, entry)| std::ptr::eq(*held, entry.get().unwrap())));
        loans.clear();
        assert!(entries.iter().all(|entry| Arc::strong_count(entry) == 1));
        loans.get_or_borrow((0, 999), entry).unwrap();
        loans.get_or_borrow((0, 999), || panic!("it is lent")).unwrap();
    }

    #[test]
    fn the_newest_frames_are_not_asked_for_again() {
        let loans = Loans::new();
        let borrow = || Arc::new(Entry::from(Held::Broken));
        for n in 0..100 {
            loans.get_or_borrow((0, n), borrow).unwrap();
            for back in 0..LOOKS.min(n + 1) {
                loans.get_or_borrow((0, n - back), || panic!("it is lent")).unwrap();
            }
        }
        assert_eq!(loans.len.get(), 100);
    }

    #[test]
    fn each_slot_has_a_place_of_its_own() {
        let places: std::collections::HashSet<_> = (0..10_000).map(place).collect();
        assert_eq!(places.len(), 10_000);
        assert!(places.iter().all(|(_, at, len)| at < len));
        assert!(place(u32::MAX - 1).0 > BLOCKS);
    }
}
