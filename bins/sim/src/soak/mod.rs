//! Random scenarios of a server and its clients, in memory and virtual time, and the invariants that must
//! hold in all of them.
//!
//! - Nothing panics, and a poll allocates no memory.
//! - Every received frame is the source's, complete or marked, in order and once. Frames that do not arrive
//!   are counted. A partial frame can be mended, with every restart interval that arrived.
//! - A medium that is fetched ahead has no holes, and no frame is evicted before it was shown.
//! - The reports and the statistics of both ends agree with the packets on the links.
//! - Sessions of silent clients end. When the trouble is over, pictures come again.
//!
//! With each of them goes a run of the loaders of `pinhole-std` over disks and files with faults
//! ([`soak`](pinhole_std::media::simulation::soak) says what must hold), and one of the queue of `pinhole-log`: each
//! line is written or counted, those that wait have a bound, and so has what a peer can cause.
mod address;
mod camera;
mod clock;
mod disks;
mod flow;
mod frames;
mod logs;
mod prefetching;
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

pub use totals::{LinkTotals, LogTotals, Totals};
pub use trace::Trace;
pub use violation::Failure;

use crate::clip::{Clip, NoClip};
use bumpalo::Bump;
use pinhole::sdp::FrameRate;
use pinhole::time::Instant;
use pinhole_std::media::{NormaliseOptions, PatternFormat};
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

/// The clips: width, height, frames per second, and whether they have restart markers.
const CLIPS: [(u16, u16, u32, bool); 5] =
    [(32, 32, 10, false), (64, 48, 30, true), (96, 64, 15, true), (96, 96, 20, false), (160, 96, 10, true)];
/// Duration of each clip.
const ROUND_SECS: u32 = 4;

/// Runs scenarios in virtual time, and checks in them the invariants of the [module](self). A scenario is a
/// server, some clients, and what happens to them and to the links between them. Each scenario is drawn at
/// random from a seed. For the same seed and the same number of minutes, the scenario and the result are
/// always the same.
#[derive(Clone, Debug)]
pub struct Soak {
    clips: Vec<Clip>,
    minutes: u32,
}

impl Soak {
    /// Makes the clips that are served. The run of each seed takes `minutes` minutes of virtual time, and a
    /// little more to end its sessions.
    ///
    /// # Errors
    /// Returns [`NoClip`] if a clip cannot be made.
    pub fn new(minutes: u32) -> Result<Self, NoClip> {
        let clip = |(width, height, fps, strips): (u16, u16, u32, bool)| {
            let format = PatternFormat::new(width, height, FrameRate(fps * 1_000));
            let format = format.map_err(|error| NoClip::new(error.to_string()))?;
            let normalising = NormaliseOptions { restart_intervals: strips, ..NormaliseOptions::default() };
            Ok(Clip::pattern(format, normalising)?.first((fps * ROUND_SECS) as usize))
        };
        Ok(Self { clips: CLIPS.into_iter().map(clip).collect::<Result<_, NoClip>>()?, minutes })
    }

    /// Runs all `seeds` on `jobs` new threads. Each thread runs one seed at a time. If `jobs` is 0, there
    /// is one thread. Blocks until all threads are done. Returns the totals of all seeds together. If a
    /// seed fails, no further seed is begun.
    ///
    /// # Errors
    /// Returns the [`Failure`] of the smallest seed that failed. Pass that seed to [`Self::replay`] to see
    /// the failure again.
    pub fn run(&self, seeds: Range<u64>, jobs: usize) -> Result<Totals, Failure> {
        let next = AtomicU64::new(seeds.start);
        let result: Mutex<Result<Totals, Failure>> = Mutex::new(Ok(Totals::default()));
        thread::scope(|scope| {
            for _ in 0..jobs.max(1) {
                scope.spawn(|| {
                    let sources: Vec<_> = self.clips.iter().cloned().map(Source::new).collect();
                    loop {
                        // Seeds before a failed one are finished: the reported failure is always the same.
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

    /// Runs one seed, and writes what `trace` asks for. Blocks. The inner result is that of the seed: its
    /// totals, or its [`Failure`].
    ///
    /// # Errors
    /// The outer result is an error if a file of the trace cannot be created. If a file cannot be written
    /// later, a message is printed to standard error, and the run goes on.
    pub fn replay(&self, seed: u64, trace: Trace<'_>) -> io::Result<Result<Totals, Failure>> {
        // The files of the trace are opened here first, to report errors.
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
            let mut totals = simulation.run(self.minutes)?;
            disks::run(seed, self.minutes, &mut totals)?;
            logs::run(seed, &mut totals)?;
            Ok(totals)
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
