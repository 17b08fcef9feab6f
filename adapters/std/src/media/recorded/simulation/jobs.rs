//! The jobs of loaders, in the order in which an input has them end.
use super::super::loaders::{Begun, LoaderPool};
use super::super::source::Tools;
use super::input::Input;
use crate::media::NormaliseOptions;
use pinhole::time::Duration;
use std::time::{self, Instant};

/// The most jobs that are under way at once.
const MOST: usize = 16;

/// Jobs that were begun.
pub(super) struct Jobs {
    begun: Vec<Begun>,
    tools: Tools,
    origin: Instant,
}

impl Jobs {
    pub(super) fn new(how: NormaliseOptions) -> Self {
        Self { begun: Vec::new(), tools: Tools::new(how), origin: Instant::now() }
    }

    /// Begins a job, `elapsed` after the start. Returns whether there was one.
    pub(super) fn begin(&mut self, pool: &LoaderPool, elapsed: Duration) -> bool {
        let now = self.origin + time::Duration::from_micros(elapsed.as_micros());
        let job = if self.begun.len() < MOST { pool.begin(now) } else { None };
        let any = job.is_some();
        self.begun.extend(job);
        any
    }

    /// Ends one of the jobs, which the input says.
    pub(super) fn finish(&mut self, pool: &LoaderPool, input: &mut Input<'_>) {
        let n = input.below(self.begun.len());
        if n < self.begun.len() {
            let job = self.begun.swap_remove(n);
            pool.finish(&job, &mut self.tools);
        }
    }

    /// Begins and ends all jobs that there are. Returns whether there were any.
    pub(super) fn run(&mut self, pool: &LoaderPool, elapsed: Duration) -> bool {
        while self.begin(pool, elapsed) {}
        let any = !self.begun.is_empty();
        for job in std::mem::take(&mut self.begun) {
            pool.finish(&job, &mut self.tools);
        }
        any
    }
}
