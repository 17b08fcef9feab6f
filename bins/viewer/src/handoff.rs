//! A short queue between two threads that reuses its items.
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A bounded queue. It keeps used items, so that their buffers are allocated once.
#[derive(Debug)]
pub(crate) struct Handoff<T> {
    contents: Mutex<Contents<T>>,
    changed: Condvar,
}

#[derive(Debug)]
struct Contents<T> {
    queue: VecDeque<T>,
    spare: Vec<T>,
    closed: bool,
    /// The number of items that may wait, and of spare items that are kept.
    limit: usize,
    /// The largest limit.
    capacity: usize,
    /// Whether used items are kept.
    reuses: bool,
}

/// Which items to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    /// The number of items to take from the front.
    pub(crate) count: usize,
    /// If `count` is 0: when to choose again even if the queue does not change.
    pub(crate) again: Option<Duration>,
}

/// The result of [`Handoff::take`].
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Taken<T> {
    /// The newest of the chosen items; `None` if none was chosen in time.
    pub(crate) item: Option<T>,
    /// Whether the queue is closed and empty, so that the caller need not ask again.
    pub(crate) finished: bool,
}

impl<T> Handoff<T> {
    /// Makes a queue of at most `capacity` items.
    pub(crate) fn new(capacity: usize) -> Self {
        Self::with(capacity, true)
    }

    /// Makes a queue of at most `capacity` items that keeps no used ones: their buffers belong elsewhere.
    pub(crate) fn without_spares(capacity: usize) -> Self {
        Self::with(capacity, false)
    }

    fn with(capacity: usize, reuses: bool) -> Self {
        let (queue, spare) = (VecDeque::with_capacity(capacity), Vec::new());
        let contents = Contents { queue, spare, closed: false, limit: capacity, capacity, reuses };
        Self { contents: Mutex::new(contents), changed: Condvar::new() }
    }

    /// Limits the number of items that may wait to `items`, at least one and at most the capacity.
    /// For items that have turned out to be large.
    pub(crate) fn limit(&self, items: usize) {
        let mut contents = self.lock();
        contents.limit = items.clamp(1, contents.capacity);
        let limit = contents.limit;
        contents.spare.truncate(limit);
    }

    /// Appends `item` without waiting. A full queue loses its oldest items, which are passed to `lose`.
    /// A closed queue drops `item`.
    pub(crate) fn push_newest(&self, item: T, mut lose: impl FnMut(&T)) {
        let mut contents = self.lock();
        if contents.closed {
            return;
        }
        while contents.queue.len() >= contents.limit
            && let Some(oldest) = contents.queue.pop_front()
        {
            lose(&oldest);
            contents.recycle(oldest);
        }
        contents.queue.push_back(item);
        self.changed.notify_all();
    }

    /// Appends `item`, and waits for room if the queue is full. A closed queue drops `item`.
    pub(crate) fn push(&self, item: T) {
        let is_full = |contents: &mut Contents<T>| contents.queue.len() >= contents.limit && !contents.closed;
        let waited = self.changed.wait_while(self.lock(), is_full);
        let mut contents = waited.unwrap_or_else(PoisonError::into_inner);
        if !contents.closed {
            contents.queue.push_back(item);
            self.changed.notify_all();
        }
    }

    /// Takes as many items from the front as `choose` says, and returns the last of them. The others
    /// are passed to `skip`. If none is chosen, chooses again when the queue has changed or [`Choice::again`]
    /// has passed, until `wait` is over or the queue is closed.
    pub(crate) fn take(
        &self,
        wait: Duration,
        choose: impl Fn(&VecDeque<T>) -> Choice,
        skip: impl Fn(&T),
    ) -> Taken<T> {
        let begun = Instant::now();
        let mut contents = self.lock();
        let mut choice = choose(&contents.queue);
        while choice.count == 0 && !contents.closed {
            let left = wait.saturating_sub(begun.elapsed());
            if left.is_zero() {
                break;
            }
            let waited =
                self.changed.wait_timeout(contents, choice.again.map_or(left, |again| left.min(again)));
            contents = waited.unwrap_or_else(PoisonError::into_inner).0;
            choice = choose(&contents.queue);
        }
        let mut item = None;
        for _ in 0..choice.count {
            if let Some(older) = item.take() {
                skip(&older);
                contents.recycle(older);
            }
            item = contents.queue.pop_front();
        }
        if choice.count > 0 {
            self.changed.notify_all();
        }
        Taken { finished: item.is_none() && contents.closed && contents.queue.is_empty(), item }
    }

    /// Removes all items that wait.
    pub(crate) fn clear(&self) {
        let mut contents = self.lock();
        while let Some(item) = contents.queue.pop_front() {
            contents.recycle(item);
        }
        self.changed.notify_all();
    }

    /// Returns a used item, for the caller to fill again; `None` if there is none.
    pub(crate) fn spare(&self) -> Option<T> {
        self.lock().spare.pop()
    }

    /// Returns a taken item to the queue, so that its buffer can be used again.
    pub(crate) fn give_back(&self, item: T) {
        self.lock().recycle(item);
    }

    /// Closes the queue. Items that wait can still be taken, and further items are dropped.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Contents<T>> {
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Contents<T> {
    fn recycle(&mut self, item: T) {
        if self.reuses && self.spare.len() < self.limit {
            self.spare.push(item);
        }
    }
}

/// Closes a queue when it is dropped: when its thread ends, also by a panic.
#[derive(Debug)]
pub(crate) struct CloseOnDrop<'a, T>(pub(crate) &'a Handoff<T>);

impl<T> Drop for CloseOnDrop<'_, T> {
    fn drop(&mut self) {
        self.0.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    const NOW: Duration = Duration::ZERO;

    fn first(count: usize) -> Choice {
        Choice { count, again: None }
    }

    fn take<T>(queue: &Handoff<T>, wait: Duration) -> Taken<T> {
        queue.take(wait, |queue| first(queue.len()), |_| {})
    }

    /// Appends without waiting. Returns the item that was lost.
    fn lost(queue: &Handoff<u32>, item: u32) -> Option<u32> {
        let lost = Cell::new(None);
        queue.push_newest(item, |oldest| lost.set(Some(*oldest)));
        lost.get()
    }

    #[test]
    fn a_full_queue_loses_its_oldest() {
        let queue = Handoff::new(2);
        assert_eq!([1, 2, 3].map(|n| lost(&queue, n)), [None, None, Some(1)]);
        assert_eq!(queue.spare(), Some(1));
        assert_eq!(queue.take(NOW, |q| first(q.len().min(1)), |_| {}).item, Some(2));
    }

    #[test]
    fn the_newest_chosen_item_is_taken() {
        let queue = Handoff::new(4);
        for n in 1..=4 {
            queue.push(n);
        }
        let due = |q: &VecDeque<u32>| first(q.iter().take_while(|n| **n <= 3).count());
        let skipped = Cell::new(0);
        let count = |_: &u32| skipped.set(skipped.get() + 1);
        assert_eq!(queue.take(NOW, due, count), Taken { item: Some(3), finished: false });
        assert_eq!(queue.take(NOW, due, count), Taken { item: None, finished: false });
        assert_eq!(skipped.get(), 2);
    }

    #[test]
    fn a_closed_queue_drains() {
        let queue = Handoff::new(2);
        queue.push(1);
        drop(CloseOnDrop(&queue));
        queue.push(2);
        assert_eq!(lost(&queue, 3), None);
        assert_eq!(take(&queue, NOW), Taken { item: Some(1), finished: false });
        assert!(take(&queue, Duration::from_secs(60)).finished);
    }

    #[test]
    fn room_or_closing_ends_a_push() {
        let queue = Handoff::new(1);
        queue.push(1);
        std::thread::scope(|scope| {
            let pusher = scope.spawn(|| {
                queue.push(2);
                queue.push(3);
            });
            while take(&queue, Duration::from_millis(100)).item != Some(2) {}
            queue.close();
            assert!(pusher.join().is_ok());
        });
    }

    #[test]
    fn a_take_chooses_again_in_time() {
        let queue = Handoff::new(1);
        queue.push(1);
        let (started, asked) = (Instant::now(), Cell::new(0));
        let third = |_: &VecDeque<u32>| {
            asked.set(asked.get() + 1);
            Choice { count: usize::from(asked.get() == 3), again: Some(Duration::from_millis(5)) }
        };
        assert_eq!(queue.take(Duration::from_secs(60), third, |_| {}).item, Some(1));
        assert!(started.elapsed() < Duration::from_secs(30));
        let never = |_: &VecDeque<u32>| Choice { count: 0, again: Some(Duration::from_millis(5)) };
        assert_eq!(queue.take(Duration::from_millis(20), never, |_| {}).item, None);
    }

    #[test]
    fn a_limit_shortens_and_clear_empties() {
        let queue = Handoff::new(4);
        queue.limit(2);
        assert_eq!([1, 2, 3].map(|n| lost(&queue, n)), [None, None, Some(1)]);
        queue.clear();
        assert_eq!(take(&queue, NOW).item, None);
        queue.limit(9);
        assert_eq!([4, 5, 6, 7, 8].map(|n| lost(&queue, n)), [None, None, None, None, Some(4)]);
        queue.limit(2);
        assert_eq!(lost(&queue, 9), Some(7), "more than one had to leave");
        assert_eq!(take(&queue, NOW).item, Some(9));
    }

    #[test]
    fn a_queue_without_spares_keeps_nothing() {
        let queue = Handoff::without_spares(1);
        assert_eq!([1, 2].map(|n| lost(&queue, n)), [None, Some(1)]);
        queue.clear();
        assert_eq!(queue.spare(), None);
    }
}
