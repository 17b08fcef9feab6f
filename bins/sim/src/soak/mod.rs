//! A server and its clients in memory, under virtual time, with everything that can befall them drawn
//! from a seed; and what must hold all the same.
//!
//! Whatever happens: nobody panics, or takes memory while it is polled. Every frame that comes is the
//! source's, whole or marked, in its place and once; those that do not come are counted. What both ends
//! report is what passed the links. Sessions that nothing is heard of end; and when all is well again,
//! pictures come again.
mod camera;
mod clock;
mod frames;
mod ledger;
mod plan;
mod source;
mod stage;
mod tally;
mod trace;
mod watcher;

pub use tally::{Links, Tally};
pub use trace::Trace;

use crate::clip::{Clip, NoClip};
use bumpalo::Bump;
use pinhole::sdp::FrameRate;
use pinhole::time::Instant;
use pinhole_std::media::{Normalising, PatternFormat};
use plan::Plan;
use source::Source;
use stage::Stage;
use std::any::Any;
use std::fmt;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::{io, thread};

/// Width, height, and frames a second of the clips, and whether they have restart markers.
const CLIPS: [(u16, u16, u32, bool); 5] =
    [(32, 32, 10, false), (64, 48, 30, true), (96, 64, 15, true), (96, 96, 20, false), (160, 96, 10, true)];
/// A round of each clip.
const ROUND_SECS: u32 = 4;

/// Something did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The seed that shows it.
    pub seed: u64,
    /// When, on the network's clock.
    pub at: Instant,
    /// Whose host it is about.
    pub host: String,
    /// What should have held.
    pub invariant: &'static str,
    /// What was instead.
    pub details: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, at, host, invariant, details } = self;
        write!(
            f,
            "seed {seed}, {host} at {}: it does not hold that {invariant}\n  {details}",
            stage::seconds(*at)
        )
    }
}

/// Of what must hold, this does not.
#[derive(Debug)]
struct Broken {
    invariant: &'static str,
    details: String,
}

impl Broken {
    const fn of(invariant: &'static str, details: String) -> Self {
        Self { invariant, details }
    }
}

impl From<Broken> for Failure {
    fn from(Broken { invariant, details }: Broken) -> Self {
        Self { seed: 0, at: Instant::ZERO, host: String::new(), invariant, details }
    }
}

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
    pub fn run(&self, seeds: Range<u64>, jobs: usize) -> Result<Tally, Failure> {
        let next = AtomicU64::new(seeds.start);
        let result: Mutex<Result<Tally, Failure>> = Mutex::new(Ok(Tally::default()));
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
                            (Ok(tally), Ok(came)) => tally.add(&came),
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
    pub fn replay(&self, seed: u64, trace: Trace<'_>) -> io::Result<Result<Tally, Failure>> {
        // Opened here to be refused here.
        let plan = self.plan(seed);
        trace.tell(Instant::ZERO, "script", || format!("{plan:#?}"));
        let sources: Vec<_> = self.clips.iter().cloned().map(Source::new).collect();
        let arena = Bump::new();
        drop(Stage::new(&arena, &plan, &sources[plan.clip], seed, trace)?);
        Ok(self.seed(seed, &sources, trace))
    }

    fn plan(&self, seed: u64) -> Plan {
        Plan::draw(seed, self.minutes, self.clips.len())
    }

    fn seed(&self, seed: u64, sources: &[Source], trace: Trace<'_>) -> Result<Tally, Failure> {
        let run = || {
            let plan = self.plan(seed);
            let arena = Bump::new();
            let stage = Stage::new(&arena, &plan, &sources[plan.clip], seed, trace);
            let stage =
                stage.map_err(|error| Broken::of("packets can be written down", error.to_string()))?;
            stage.run(self.minutes)
        };
        let came = catch_unwind(AssertUnwindSafe(run));
        came.unwrap_or_else(|panic| Err(Broken::of("nobody panics", message(&*panic)).into()))
            .map_err(|failure: Failure| Failure { seed, ..failure })
    }
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref().copied()).unwrap_or("it does not say why").to_owned()
}

/// Lets somebody have a turn, who must not take memory for it.
fn measured<T>(turn: impl FnOnce() -> T) -> Result<T, Broken> {
    let mut came = None;
    let taken = allocation_counter::measure(|| came = Some(turn()));
    match came {
        Some(came) if taken.count_total == 0 => Ok(came),
        _ => Err(Broken::of("nobody takes memory while it is polled", format!("{taken:?}"))),
    }
}
