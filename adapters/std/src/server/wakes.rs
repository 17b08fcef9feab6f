//! When which connection has its turn.
use pinhole::time::Instant;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// A queue of times, one for each connection at most. Entries that were set anew stay in the heap
/// until their time, and are passed over then.
#[derive(Debug, Default)]
pub(super) struct Wakes {
    heap: BinaryHeap<Reverse<(Instant, usize)>>,
    /// By connection: the time that counts.
    current: Vec<Option<Instant>>,
}

impl Wakes {
    pub(super) fn set(&mut self, index: usize, at: Instant) {
        if self.current.len() <= index {
            self.current.resize(index + 1, None);
        }
        if let Some(slot) = self.current.get_mut(index)
            && *slot != Some(at)
        {
            *slot = Some(at);
            self.heap.push(Reverse((at, index)));
        }
    }

    pub(super) fn clear(&mut self, index: usize) {
        if let Some(slot) = self.current.get_mut(index) {
            *slot = None;
        }
    }

    /// The earliest time that counts.
    pub(super) fn next(&mut self) -> Option<Instant> {
        loop {
            let &Reverse((at, index)) = self.heap.peek()?;
            if self.counts(at, index) {
                return Some(at);
            }
            self.heap.pop();
        }
    }

    /// Those whose time has come, each once.
    pub(super) fn take_due(&mut self, now: Instant) -> Vec<usize> {
        let mut due = Vec::new();
        while let Some(at) = self.next().filter(|at| *at <= now) {
            let Some(Reverse((_, index))) = self.heap.pop() else { break };
            debug_assert!(at <= now);
            self.clear(index);
            due.push(index);
        }
        due
    }

    fn counts(&self, at: Instant, index: usize) -> bool {
        self.current.get(index).is_some_and(|current| *current == Some(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_newest_time_of_a_connection_counts() {
        let at = Instant::from_micros;
        let mut wakes = Wakes::default();
        wakes.set(0, at(10));
        wakes.set(1, at(20));
        wakes.set(0, at(30));
        assert_eq!(wakes.next(), Some(at(20)));
        assert_eq!(wakes.take_due(at(25)), [1]);
        wakes.set(0, at(5));
        assert_eq!(wakes.take_due(at(40)), [0]);
        assert_eq!(wakes.next(), None);
    }
}
