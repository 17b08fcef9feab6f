//! How long the turns of an event loop take.
use pinhole::time::Duration;

/// The upper bounds of the times that are told apart, in microseconds.
const BOUNDS: [u64; 12] =
    [50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 1_000_000];

/// Counts turns by how long they took.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct TurnTimes {
    /// The last count is of all that took longer.
    counts: [u64; BOUNDS.len() + 1],
    sum: Duration,
}

impl TurnTimes {
    pub(super) fn add(&mut self, time: Duration) {
        let place = BOUNDS.partition_point(|bound| *bound < time.as_micros());
        if let Some(count) = self.counts.get_mut(place) {
            *count += 1;
        }
        self.sum = self.sum + time;
    }

    /// Returns the counts, each with its upper bound in seconds.
    pub(in super::super) fn buckets(&self) -> [(f64, u64); BOUNDS.len() + 1] {
        std::array::from_fn(|place| {
            let bound = BOUNDS.get(place).map_or(f64::INFINITY, |micros| *micros as f64 / 1e6);
            (bound, self.counts.get(place).copied().unwrap_or_default())
        })
    }

    /// Returns the sum of all times in seconds.
    pub(in super::super) fn sum(&self) -> f64 {
        self.sum.as_micros() as f64 / 1e6
    }

    pub(in super::super) fn count(&self) -> u64 {
        self.counts.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_counts_by_its_upper_bound() {
        let mut times = TurnTimes::default();
        for micros in [0, 50, 51, 1_000_000, 1_000_001, u64::from(u32::MAX)] {
            times.add(Duration::from_micros(micros));
        }
        let counts = times.buckets().map(|(_, count)| count);
        assert_eq!((counts[0], counts[1], counts[BOUNDS.len() - 1], counts[BOUNDS.len()]), (2, 1, 1, 2));
        assert_eq!((times.count(), times.buckets()[12].0), (6, f64::INFINITY));
        assert!((times.sum() - 4_296.967).abs() < 0.01, "{}", times.sum());
    }
}
