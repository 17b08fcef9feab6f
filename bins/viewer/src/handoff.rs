//! A short queue between two threads, whose items go round.
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A bounded queue that keeps used items, so that the buffers in them are allocated once.
#[derive(Debug)]
pub(crate) struct Handoff<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
    capacity: usize,
}

#[derive(Debug)]
struct State<T> {
    queue: VecDeque<T>,
    spare: Vec<T>,
    closed: bool,
}

/// What [`Handoff::take`] found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Taken<T> {
    /// The newest of the items that were chosen.
    pub(crate) item: Option<T>,
    /// How many older ones were chosen with it, and dropped.
    pub(crate) skipped: usize,
    /// The queue is closed and empty: nothing will come any more.
    pub(crate) finished: bool,
}

impl<T> Handoff<T> {
    /// A queue of at most `capacity` items.
    pub(crate) fn new(capacity: usize) -> Self {
        let state = State { queue: VecDeque::with_capacity(capacity), spare: Vec::new(), closed: false };
        Self { state: Mutex::new(state), changed: Condvar::new(), capacity }
    }

    /// Appends `item` and never waits: a full queue loses its oldest. Tells whether it did.
    pub(crate) fn push_newest(&self, item: T) -> bool {
        let mut state = self.lock();
        if state.closed {
            return false;
        }
        let oldest = if state.queue.len() >= self.capacity { state.queue.pop_front() } else { None };
        state.queue.push_back(item);
        self.changed.notify_all();
        match oldest {
            Some(oldest) => {
                state.recycle(oldest, self.capacity);
                true
            }
            None => false,
        }
    }

    /// Appends `item` when there is room for it; drops it when the queue is closed.
    pub(crate) fn push(&self, item: T) {
        let full = |state: &mut State<T>| state.queue.len() >= self.capacity && !state.closed;
        let mut state = self.changed.wait_while(self.lock(), full).unwrap_or_else(PoisonError::into_inner);
        if !state.closed {
            state.queue.push_back(item);
            self.changed.notify_all();
        }
    }

    /// Takes as many items off the front as `choose` says, and gives the last of them. Where it
    /// says none, waits for the queue to change, at most for `wait`, and asks again, once.
    pub(crate) fn take(&self, wait: Duration, choose: impl Fn(&VecDeque<T>) -> usize) -> Taken<T> {
        let mut state = self.lock();
        let mut count = choose(&state.queue);
        if count == 0 && !state.closed {
            state = self.changed.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0;
            count = choose(&state.queue);
        }
        let mut item = None;
        let mut skipped = 0;
        for _ in 0..count {
            if let Some(older) = item.take() {
                state.recycle(older, self.capacity);
                skipped += 1;
            }
            item = state.queue.pop_front();
        }
        if count > 0 {
            self.changed.notify_all();
        }
        Taken { finished: item.is_none() && state.closed && state.queue.is_empty(), item, skipped }
    }

    /// A used item, to be filled again.
    pub(crate) fn spare(&self) -> Option<T> {
        self.lock().spare.pop()
    }

    /// Gives an item back for its buffer.
    pub(crate) fn give_back(&self, item: T) {
        self.lock().recycle(item, self.capacity);
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
    fn recycle(&mut self, item: T, capacity: usize) {
        if self.spare.len() < capacity {
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

    const NOW: Duration = Duration::ZERO;

    #[test]
    fn a_full_queue_loses_its_oldest_to_who_may_not_wait() {
        let queue = Handoff::new(2);
        assert_eq!([1, 2, 3].map(|n| queue.push_newest(n)), [false, false, true]);
        assert_eq!(queue.spare(), Some(1));
        assert_eq!(queue.take(NOW, |q| q.len().min(1)).item, Some(2));
    }

    #[test]
    fn the_newest_of_the_chosen_is_taken_and_the_older_are_counted() {
        let queue = Handoff::new(4);
        for n in 1..=4 {
            queue.push(n);
        }
        let due = |q: &VecDeque<u32>| q.iter().take_while(|n| **n <= 3).count();
        assert_eq!(queue.take(NOW, due), Taken { item: Some(3), skipped: 2, finished: false });
        assert_eq!(queue.take(NOW, due), Taken { item: None, skipped: 0, finished: false });
    }

    #[test]
    fn a_closed_queue_is_drained_and_then_finished() {
        let queue = Handoff::new(2);
        queue.push(1);
        drop(CloseOnDrop(&queue));
        queue.push(2);
        assert!(!queue.push_newest(3));
        assert_eq!(queue.take(NOW, VecDeque::len), Taken { item: Some(1), skipped: 0, finished: false });
        assert!(queue.take(Duration::from_secs(60), VecDeque::len).finished);
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
            while queue.take(Duration::from_millis(100), VecDeque::len).item != Some(2) {}
            queue.close();
            assert!(pusher.join().is_ok());
        });
    }
}
