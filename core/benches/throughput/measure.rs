//! Measures several subjects alternately, so that a change of the machine's speed affects all of
//! them alike.
use std::time::{Duration, Instant};

const ROUNDS: usize = 15;

/// A subject to measure: its name, and a function that runs it once.
pub(crate) type Subject<'a> = (&'a str, &'a mut dyn FnMut());

/// Runs all subjects in turns. Returns the median time of each.
pub(crate) fn medians(subjects: &mut [Subject<'_>]) -> Vec<Duration> {
    let mut times = vec![Vec::with_capacity(ROUNDS); subjects.len()];
    // The first round only warms the caches.
    for round in 0..=ROUNDS {
        for ((_, run), times) in subjects.iter_mut().zip(&mut times) {
            let start = Instant::now();
            run();
            let time = start.elapsed();
            if round > 0 {
                times.push(time);
            }
        }
    }
    let median = |mut times: Vec<Duration>| {
        times.sort_unstable();
        times[times.len() / 2]
    };
    times.into_iter().map(median).collect()
}

/// Prints a line for a subject: the time of a run, its speed, and the ratio to the time of the first
/// subject.
pub(crate) fn report(name: &str, time: Duration, bytes: usize, reference: Duration) {
    let seconds = time.as_secs_f64();
    println!(
        "  {name:<24} {:>9.3} ms  {:>8.1} MB/s  {:>7.2} x",
        seconds * 1e3,
        bytes as f64 / seconds / 1e6,
        reference.as_secs_f64() / seconds
    );
}
