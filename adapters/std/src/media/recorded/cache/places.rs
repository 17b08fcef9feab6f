//! Where the frames of all media are in the cache.
use super::FrameKey;
use pinhole::frame::TrackId;
use rustc_hash::FxHashMap;

/// Frames of a page. The number of a frame has its page in the high bits, and its place there in the low ones.
const PAGE: usize = 64;
/// No slot.
const NONE: u32 = u32::MAX;

/// The slot of each frame in the cache.
///
/// The slots of neighbours are side by side. A stream looks for one frame and for one that it reads soon,
/// and in between others push both from the processor's cache: a hash table of frames would have it wait
/// for memory four times, this waits once.
#[derive(Debug, Default)]
pub(super) struct Places {
    pages: FxHashMap<(TrackId, u32), Page>,
    len: usize,
}

#[derive(Debug)]
struct Page {
    slots: [u32; PAGE],
    taken: u32,
}

impl Places {
    /// Returns how many frames there are.
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// Returns the slot of a frame; `None` if it is not in the cache.
    pub(super) fn get(&self, key: FrameKey) -> Option<u32> {
        let (page, place) = locate(key);
        self.pages.get(&page)?.slots.get(place).copied().filter(|slot| *slot != NONE)
    }

    /// Adds a frame that is not there.
    pub(super) fn add(&mut self, key: FrameKey, slot: u32) {
        let (page, place) = locate(key);
        let page = self.pages.entry(page).or_insert_with(|| Page { slots: [NONE; PAGE], taken: 0 });
        if let Some(free) = page.slots.get_mut(place) {
            *free = slot;
            page.taken += 1;
            self.len += 1;
        }
    }

    /// Removes a frame that is there. A page without frames takes no memory.
    pub(super) fn remove(&mut self, key: FrameKey) {
        let (at, place) = locate(key);
        let Some(page) = self.pages.get_mut(&at) else { return };
        if let Some(taken) = page.slots.get_mut(place) {
            *taken = NONE;
            page.taken -= 1;
            self.len -= 1;
        }
        if page.taken == 0 {
            self.pages.remove(&at);
        }
    }
}

const fn locate(key: FrameKey) -> ((TrackId, u32), usize) {
    ((key.track, key.n / PAGE as u32), key.n as usize % PAGE)
}
