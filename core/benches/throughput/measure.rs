//! Times in turns: what is compared runs alternately, so that a change of the machine's pace meets
//! all alike.
use std::time::{Duration, Instant};

const ROUNDS: usize = 15;

/// Something to measure: what it is called, and one run of it.
pub(crate) type Subject<'a> = (&'a str, &'a mut dyn FnMut());

/// Runs all in turns; the median time of each.
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

/// One line: how long a run took, at what pace, and how often the first of the subjects' time that is.
pub(crate) fn report(name: &str, time: Duration, bytes: usize, reference: Duration) {
    let seconds = time.as_secs_f64();
    println!(
        "  {name:<24} {:>9.3} ms  {:>8.1} MB/s  {:>7.2} x",
        seconds * 1e3,
        bytes as f64 / seconds / 1e6,
        reference.as_secs_f64() / seconds
    );
}
