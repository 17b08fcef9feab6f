//! A short queue between two threads, whose items go round.
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A bounded queue that keeps used items, so that the buffers in them are allocated once.
#[derive(Debug)]
pub(crate) struct Handoff<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

#[derive(Debug)]
struct State<T> {
    queue: VecDeque<T>,
    spare: Vec<T>,
    closed: bool,
    /// How many items may wait, and how many are kept.
    limit: usize,
    /// The largest limit.
    capacity: usize,
}

/// Which items to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    /// So many off the front.
    pub(crate) count: usize,
    /// If there are none: when to look again, though nothing changes.
    pub(crate) again: Option<Duration>,
}

/// What [`Handoff::take`] found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Taken<T> {
    /// The newest of the items that were chosen.
    pub(crate) item: Option<T>,
    /// The queue is closed and empty: nothing will come any more.
    pub(crate) finished: bool,
}

impl<T> Handoff<T> {
    /// A queue of at most `capacity` items.
    pub(crate) fn new(capacity: usize) -> Self {
        let queue = VecDeque::with_capacity(capacity);
        let state = State { queue, spare: Vec::new(), closed: false, limit: capacity, capacity };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    /// From now on, at most `items` wait, and not more than there can be at all: they may be large.
    pub(crate) fn limit(&self, items: usize) {
        let mut state = self.lock();
        state.limit = items.clamp(1, state.capacity);
        let limit = state.limit;
        state.spare.truncate(limit);
    }

    /// Appends `item` and never waits: a full queue loses its oldest, which `lose` sees.
    pub(crate) fn push_newest(&self, item: T, lose: impl FnOnce(&T)) {
        let mut state = self.lock();
        if state.closed {
            return;
        }
        let oldest = if state.queue.len() >= state.limit { state.queue.pop_front() } else { None };
        state.queue.push_back(item);
        self.changed.notify_all();
        if let Some(oldest) = oldest {
            lose(&oldest);
            state.recycle(oldest);
        }
    }

    /// Appends `item` when there is room for it; drops it when the queue is closed.
    pub(crate) fn push(&self, item: T) {
        let full = |state: &mut State<T>| state.queue.len() >= state.limit && !state.closed;
        let mut state = self.changed.wait_while(self.lock(), full).unwrap_or_else(PoisonError::into_inner);
        if !state.closed {
            state.queue.push_back(item);
            self.changed.notify_all();
        }
    }

    /// Takes as many items off the front as `choose` says, and gives the last of them; `skip` sees
    /// the others. Where there are none, waits for the queue to change, at most for `wait`, and
    /// asks again, once.
    pub(crate) fn take(
        &self,
        wait: Duration,
        choose: impl Fn(&VecDeque<T>) -> Choice,
        skip: impl Fn(&T),
    ) -> Taken<T> {
        let mut state = self.lock();
        let mut choice = choose(&state.queue);
        if choice.count == 0 && !state.closed {
            let wait = choice.again.map_or(wait, |again| wait.min(again));
            state = self.changed.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0;
            choice = choose(&state.queue);
        }
        let mut item = None;
        for _ in 0..choice.count {
            if let Some(older) = item.take() {
                skip(&older);
                state.recycle(older);
            }
            item = state.queue.pop_front();
        }
        if choice.count > 0 {
            self.changed.notify_all();
        }
        Taken { finished: item.is_none() && state.closed && state.queue.is_empty(), item }
    }

    /// Drops what waits.
    pub(crate) fn clear(&self) {
        let mut state = self.lock();
        while let Some(item) = state.queue.pop_front() {
            state.recycle(item);
        }
        self.changed.notify_all();
    }

    /// A used item, to be filled again.
    pub(crate) fn spare(&self) -> Option<T> {
        self.lock().spare.pop()
    }

    /// Gives an item back for its buffer.
    pub(crate) fn give_back(&self, item: T) {
        self.lock().recycle(item);
    }

    /// Lets nothing more in. What is queued can still be taken.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> State<T> {
    fn recycle(&mut self, item: T) {
        if self.spare.len() < self.limit {
            self.spare.push(item);
        }
    }
}

/// Closes a queue when its thread ends, however it ends.
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
    use std::time::Instant;

    const NOW: Duration = Duration::ZERO;

    fn first(count: usize) -> Choice {
        Choice { count, again: None }
    }

    fn take<T>(queue: &Handoff<T>, wait: Duration) -> Taken<T> {
        queue.take(wait, |queue| first(queue.len()), |_| {})
    }

    /// Appends without waiting; returns what was lost for it.
    fn lost(queue: &Handoff<u32>, item: u32) -> Option<u32> {
        let lost = Cell::new(None);
        queue.push_newest(item, |oldest| lost.set(Some(*oldest)));
        lost.get()
    }

    #[test]
    fn a_full_queue_loses_its_oldest_to_who_may_not_wait() {
        let queue = Handoff::new(2);
        assert_eq!([1, 2, 3].map(|n| lost(&queue, n)), [None, None, Some(1)]);
        assert_eq!(queue.spare(), Some(1));
        assert_eq!(queue.take(NOW, |q| first(q.len().min(1)), |_| {}).item, Some(2));
    }

    #[test]
    fn the_newest_of_the_chosen_is_taken_and_the_older_are_counted() {
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
    fn a_closed_queue_is_drained_and_then_finished() {
        let queue = Handoff::new(2);
        queue.push(1);
        drop(CloseOnDrop(&queue));
        queue.push(2);
        assert_eq!(lost(&queue, 3), None);
        assert_eq!(take(&queue, NOW), Taken { item: Some(1), finished: false });
        assert!(take(&queue, Duration::from_secs(60)).finished);
    }

    #[test]
    fn who_waits_for_room_goes_on_when_some_is_made_or_the_queue_is_closed() {
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
    fn who_waits_for_a_time_is_woken_at_it() {
        let queue: Handoff<u32> = Handoff::new(1);
        let started = Instant::now();
        let soon = |_: &VecDeque<u32>| Choice { count: 0, again: Some(Duration::from_millis(5)) };
        assert_eq!(queue.take(Duration::from_secs(60), soon, |_| {}).item, None);
        assert!(started.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn a_queue_of_large_items_is_shorter_and_a_cleared_one_is_empty() {
        let queue = Handoff::new(4);
        queue.limit(2);
        assert_eq!([1, 2, 3].map(|n| lost(&queue, n)), [None, None, Some(1)]);
        queue.clear();
        assert_eq!(take(&queue, NOW).item, None);
        queue.limit(9);
        assert_eq!([4, 5, 6, 7, 8].map(|n| lost(&queue, n)), [None, None, None, None, Some(4)]);
    }
}
