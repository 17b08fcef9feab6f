//! A server and its clients in memory, under virtual time, with everything that can befall them drawn
//! from a seed; and what must hold all the same.
//!
//! Whatever happens: nobody panics, or takes memory while it is polled. Every frame that comes is the
//! source's, whole or marked, in its place and once; those that do not come are counted. What both ends
//! report is what passed the links. Sessions that nothing is heard of end; and when all is well again,
//! pictures come again.
mod address;
mod camera;
mod clock;
mod flow;
mod frames;
mod scenario;
mod session;
mod setting;
mod simulation;
mod source;
mod totals;
mod trace;
mod traffic;
mod violation;
mod watcher;

pub use totals::{LinkTotals, Totals};
pub use trace::Trace;
pub use violation::Failure;

use crate::clip::{Clip, NoClip};
use bumpalo::Bump;
use pinhole::sdp::FrameRate;
use pinhole::time::Instant;
use pinhole_std::media::{Normalising, PatternFormat};
use scenario::Scenario;
use simulation::Simulation;
use source::Source;
use std::any::Any;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::{io, thread};
use violation::Violation;

/// Width, height, and frames a second of the clips, and whether they have restart markers.
const CLIPS: [(u16, u16, u32, bool); 5] =
    [(32, 32, 10, false), (64, 48, 30, true), (96, 64, 15, true), (96, 96, 20, false), (160, 96, 10, true)];
/// A round of each clip.
const ROUND_SECS: u32 = 4;

/// What all seeds have in common: the clips that are served.
#[derive(Clone, Debug)]
pub struct Soak {
    clips: Vec<Clip>,
    minutes: u32,
}

impl Soak {
    /// Makes the clips. Each seed takes so many minutes of virtual time.
    ///
    /// # Errors
    /// [`NoClip`], if they cannot be made.
    pub fn new(minutes: u32) -> Result<Self, NoClip> {
        let clip = |(width, height, fps, strips): (u16, u16, u32, bool)| {
            let format = PatternFormat::new(width, height, FrameRate(fps * 1_000));
            let format = format.map_err(|error| NoClip::new(error.to_string()))?;
            let normalising = Normalising { strips, ..Normalising::default() };
            Ok(Clip::pattern(format, normalising)?.first((fps * ROUND_SECS) as usize))
        };
        Ok(Self { clips: CLIPS.into_iter().map(clip).collect::<Result<_, NoClip>>()?, minutes })
    }

    /// Runs all seeds, so many at once; returns what they came to together, or the first that fails.
    ///
    /// # Errors
    /// The [`Failure`] with the smallest seed.
    pub fn run(&self, seeds: Range<u64>, jobs: usize) -> Result<Totals, Failure> {
        let next = AtomicU64::new(seeds.start);
        let result: Mutex<Result<Totals, Failure>> = Mutex::new(Ok(Totals::default()));
        thread::scope(|scope| {
            for _ in 0..jobs.max(1) {
                scope.spawn(|| {
                    let sources: Vec<_> = self.clips.iter().cloned().map(Source::new).collect();
                    loop {
                        // Those before one that failed are finished: the first failure is always the same.
                        let seed = next.fetch_add(1, Ordering::Relaxed);
                        if seed >= seeds.end {
                            return;
                        }
                        let came = self.seed(seed, &sources, Trace::default());
                        let mut result = result.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
                        match (&mut *result, came) {
                            (Ok(totals), Ok(came)) => totals.add(&came),
                            (Err(before), Err(failure)) if before.seed < failure.seed => {}
                            (result, Err(failure)) => {
                                *result = Err(failure);
                                next.store(seeds.end, Ordering::Relaxed);
                            }
                            (Err(_), Ok(_)) => {}
                        }
                    }
                });
            }
        });
        result.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Runs one seed, and shows it.
    ///
    /// # Errors
    /// If what is to be seen cannot be written. The [`Failure`] is what there is to see.
    pub fn replay(&self, seed: u64, trace: Trace<'_>) -> io::Result<Result<Totals, Failure>> {
        // Opened here to be refused here.
        let scenario = self.scenario(seed);
        trace.tell(Instant::ZERO, "script", || format!("{scenario:#?}"));
        let sources: Vec<_> = self.clips.iter().cloned().map(Source::new).collect();
        let arena = Bump::new();
        drop(Simulation::new(&arena, &scenario, &sources[scenario.clip], seed, trace)?);
        Ok(self.seed(seed, &sources, trace))
    }

    fn scenario(&self, seed: u64) -> Scenario {
        Scenario::draw(seed, self.minutes, self.clips.len())
    }

    fn seed(&self, seed: u64, sources: &[Source], trace: Trace<'_>) -> Result<Totals, Failure> {
        let run = || {
            let scenario = self.scenario(seed);
            let arena = Bump::new();
            let simulation = Simulation::new(&arena, &scenario, &sources[scenario.clip], seed, trace);
            let simulation = simulation
                .map_err(|error| Violation::of("packets can be written down", error.to_string()))?;
            simulation.run(self.minutes)
        };
        let came = catch_unwind(AssertUnwindSafe(run));
        came.unwrap_or_else(|panic| Err(Violation::of("nobody panics", message(&*panic)).into()))
            .map_err(|failure: Failure| Failure { seed, ..failure })
    }
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref().copied()).unwrap_or("it does not say why").to_owned()
}
