//! The times at which connections have their turns.
use pinhole::time::Instant;
use std::collections::BTreeSet;

/// A queue of times, at most one for each connection.
#[derive(Debug, Default)]
pub(super) struct Wakes {
    queue: BTreeSet<(Instant, usize)>,
    /// The time of each connection in the queue.
    times: Vec<Option<Instant>>,
}

impl Wakes {
    /// Sets the time of a connection, which replaces an earlier setting. `None`: it has none.
    pub(super) fn set(&mut self, index: usize, at: Option<Instant>) {
        if self.times.len() <= index {
            self.times.resize(index + 1, None);
        }
        let Some(time) = self.times.get_mut(index) else { return };
        let before = std::mem::replace(time, at);
        if before == at {
            return;
        }
        if let Some(before) = before {
            self.queue.remove(&(before, index));
        }
        if let Some(at) = at {
            self.queue.insert((at, index));
        }
    }

    /// Returns the earliest time.
    pub(super) fn next(&self) -> Option<Instant> {
        self.queue.first().map(|(at, _)| *at)
    }

    /// Moves the connections whose time has come from the queue to `due`.
    pub(super) fn take_due(&mut self, now: Instant, due: &mut Vec<usize>) {
        while let Some((_, index)) = self.queue.first().copied().filter(|(at, _)| *at <= now) {
            self.set(index, None);
            due.push(index);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_newest_time_counts() {
        let at = Instant::from_micros;
        let mut wakes = Wakes::default();
        let take = |wakes: &mut Wakes, now| {
            let mut due = Vec::new();
            wakes.take_due(at(now), &mut due);
            due
        };
        wakes.set(0, Some(at(10)));
        wakes.set(1, Some(at(20)));
        wakes.set(2, Some(at(20)));
        wakes.set(0, Some(at(30)));
        wakes.set(2, None);
        assert_eq!(wakes.next(), Some(at(20)));
        assert_eq!(take(&mut wakes, 25), [1]);
        wakes.set(0, Some(at(5)));
        assert_eq!(take(&mut wakes, 40), [0]);
        assert_eq!(wakes.next(), None);
    }

    #[test]
    fn postponed_times_take_no_memory() {
        let mut wakes = Wakes::default();
        for n in 0..1000 {
            wakes.set(0, Some(Instant::from_micros(n)));
        }
        assert_eq!(wakes.queue.len(), 1);
    }
}
