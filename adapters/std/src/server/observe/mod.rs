//! What a server tells of itself while it runs: what its event loops publish about once a second, and what is counted
//! when it happens. An admin port reads it, on a thread of its own, and no event loop waits for that.
mod counts;
mod loop_figures;
mod sources;
mod turn_times;

use super::limits::Limits;
use super::workers::Workers;
use crate::clock::Clock;
use crate::media::{Library, LoadingMeter, MediaNames};
use counts::Counts;
pub(super) use loop_figures::{Carrier, Kind, LoopFigures, Row, Snapshot, Totals};
use pinhole::time::{Duration, Instant};
pub(super) use sources::SourceState;
use sources::Sources;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
pub(super) use turn_times::TurnTimes;

/// How often a loop publishes its figures, and how long it sleeps at most.
pub(super) const INTERVAL: Duration = Duration::from_secs(1);
/// A loop that has not turned for so long is stalled: five times longer than one that has nothing to do sleeps.
const STALLED: Duration = Duration::from_secs(5);
/// Of how many media the figures are told apart.
const MAX_MEDIA: usize = 1000;
/// The name of all other media together. A medium has no such name.
const OTHERS: &str = "/";

/// What is known of a server that runs. Its event loops and its admin port share it.
#[derive(Debug)]
pub(super) struct Observed {
    pub(super) clock: Clock,
    pub(super) limits: Arc<Limits>,
    pub(super) counts: Counts,
    pub(super) sources: Sources,
    pub(super) loading: LoadingMeter,
    workers: Arc<Workers>,
    loops: Box<[LoopState]>,
    /// The media with which the server has started.
    media: MediaNames,
}

/// An event loop, as others see it.
#[derive(Debug, Default)]
struct LoopState {
    /// The end of its last turn, in microseconds of the clock; 0 before the first one, [`ENDED`] after the last one.
    turned: AtomicU64,
    snapshot: Mutex<Snapshot>,
}

const ENDED: u64 = u64::MAX;

/// Whether a server lets clients in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Not all of its loops have begun.
    Starting,
    Serving,
    /// Nobody else is let in.
    Draining,
    Stopping,
}

impl Observed {
    /// Creates what is known of a server with `loops` event loops before they begin.
    pub(super) fn new(library: &Library, loops: usize, limits: Arc<Limits>, workers: Arc<Workers>) -> Self {
        Self {
            clock: library.clock(),
            limits,
            counts: Counts::default(),
            sources: Sources::default(),
            loading: library.loading(),
            workers,
            loops: (0..loops).map(|_| LoopState::default()).collect(),
            media: library.publish().names(),
        }
    }

    /// Returns the paths of the media that there are now.
    pub(super) fn media(&self) -> MediaNames {
        let media = self.workers.current().media;
        media.map_or_else(|| self.media.clone(), |media| media.names())
    }

    /// Reads the newest figures of each loop, with its number.
    pub(super) fn each_snapshot(&self, mut read: impl FnMut(usize, &Snapshot)) {
        for (number, state) in self.loops.iter().enumerate() {
            read(number, &state.snapshot());
        }
    }

    /// Returns for how long each loop has not turned, of those that run.
    pub(super) fn rests(&self) -> impl Iterator<Item = (usize, Duration)> {
        let now = self.clock.now().at;
        let turned = self.loops.iter().map(|state| state.turned.load(Ordering::Relaxed)).enumerate();
        turned
            .filter(|(_, at)| *at != 0 && *at != ENDED)
            .map(move |(number, at)| (number, now.since(Instant::from_micros(at))))
    }

    /// Returns the loops that are stalled, and for how long.
    pub(super) fn stalled(&self) -> impl Iterator<Item = (usize, Duration)> {
        self.rests().filter(|(_, rest)| *rest > STALLED)
    }

    pub(super) fn phase(&self) -> Phase {
        if self.workers.is_stopped() {
            Phase::Stopping
        } else if self.workers.is_draining() {
            Phase::Draining
        } else if self.loops.iter().any(|state| state.turned.load(Ordering::Relaxed) == 0) {
            Phase::Starting
        } else {
            Phase::Serving
        }
    }
}

impl LoopState {
    fn snapshot(&self) -> MutexGuard<'_, Snapshot> {
        self.snapshot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
