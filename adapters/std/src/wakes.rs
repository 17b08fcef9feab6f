//! The times at which connections have their turns.
use pinhole::time::Instant;
use std::collections::BTreeSet;

/// How exactly a connection has its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Precision {
    /// A millisecond late at most, so that one waking is for many connections.
    Coarse,
    /// As exactly as the system can: somebody waits for a live frame.
    Exact,
}

/// The times of all connections, at most one for each.
#[derive(Debug, Default)]
pub(crate) struct Wakes {
    coarse: Queue,
    exact: Queue,
}

impl Wakes {
    /// Sets the time of a connection, which replaces an earlier setting. `None`: it has none.
    pub(crate) fn set(&mut self, index: usize, at: Option<Instant>, precision: Precision) {
        let (queue, other) = match precision {
            Precision::Coarse => (&mut self.coarse, &mut self.exact),
            Precision::Exact => (&mut self.exact, &mut self.coarse),
        };
        queue.set(index, at);
        other.set(index, None);
    }

    /// Returns the earliest time that has this precision.
    pub(crate) fn next(&self, precision: Precision) -> Option<Instant> {
        match precision {
            Precision::Coarse => self.coarse.next(),
            Precision::Exact => self.exact.next(),
        }
    }

    /// Moves the connections whose time has come to `due`.
    pub(crate) fn take_due(&mut self, now: Instant, due: &mut Vec<usize>) {
        self.exact.take_due(now, due);
        self.coarse.take_due(now, due);
    }
}

#[derive(Debug, Default)]
struct Queue {
    queue: BTreeSet<(Instant, usize)>,
    /// The time of each connection in the queue.
    times: Vec<Option<Instant>>,
}

impl Queue {
    fn set(&mut self, index: usize, at: Option<Instant>) {
        if at.is_none() && self.times.len() <= index {
            return;
        }
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

    fn next(&self) -> Option<Instant> {
        self.queue.first().map(|(at, _)| *at)
    }

    fn take_due(&mut self, now: Instant, due: &mut Vec<usize>) {
        while let Some((_, index)) = self.queue.first().copied().filter(|(at, _)| *at <= now) {
            self.set(index, None);
            due.push(index);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(micros: u64) -> Option<Instant> {
        Some(Instant::from_micros(micros))
    }

    fn take(wakes: &mut Wakes, now: u64) -> Vec<usize> {
        let mut due = Vec::new();
        wakes.take_due(Instant::from_micros(now), &mut due);
        due
    }

    #[test]
    fn only_the_newest_time_counts() {
        for precision in [Precision::Coarse, Precision::Exact] {
            let mut wakes = Wakes::default();
            wakes.set(0, at(10), precision);
            wakes.set(1, at(20), precision);
            wakes.set(2, at(20), precision);
            wakes.set(0, at(30), precision);
            wakes.set(2, None, precision);
            assert_eq!(wakes.next(precision), at(20));
            assert_eq!(take(&mut wakes, 25), [1]);
            wakes.set(0, at(5), precision);
            assert_eq!(take(&mut wakes, 40), [0]);
            assert_eq!(wakes.next(precision), None);
        }
    }

    #[test]
    fn a_connection_has_one_time_whatever_its_precision() {
        let mut wakes = Wakes::default();
        wakes.set(0, at(10), Precision::Coarse);
        wakes.set(1, at(15), Precision::Coarse);
        wakes.set(0, at(20), Precision::Exact);
        assert_eq!((wakes.next(Precision::Coarse), wakes.next(Precision::Exact)), (at(15), at(20)));
        wakes.set(1, at(30), Precision::Exact);
        wakes.set(0, at(40), Precision::Coarse);
        assert_eq!((wakes.next(Precision::Coarse), wakes.next(Precision::Exact)), (at(40), at(30)));
        assert_eq!(take(&mut wakes, 50), [1, 0]);
        assert!(take(&mut wakes, 50).is_empty());
    }

    #[test]
    fn postponed_times_take_no_memory() {
        let mut wakes = Wakes::default();
        for n in 0..1000 {
            wakes.set(0, at(n), if n % 3 == 0 { Precision::Coarse } else { Precision::Exact });
        }
        assert_eq!(wakes.coarse.queue.len() + wakes.exact.queue.len(), 1);
    }
}
