//! When the frames of a container are shown.
use super::Sample;
use pinhole::media::FrameClock;
use pinhole::sdp::FrameRate;
use pinhole::time::MediaTime;

/// The clock of a recording whose frames are not equally far apart; the finer one if two of them are nearer
/// than its interval.
const GRID: (u32, u32) = (120, 1);
const FINE_GRID: (u32, u32) = (1000, 1);

/// A unit of time: `rate` of them are `scale` seconds. Neither is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super::super) struct Unit {
    rate: u32,
    scale: u32,
}

impl Unit {
    /// Makes a unit of `scale` / `rate` seconds, in lowest terms; `None` if one of them is 0, or cannot be told
    /// in 32 bits.
    pub(super) fn new(rate: u64, scale: u64) -> Option<Self> {
        let both = gcd(rate, scale);
        let (rate, scale) = (rate.checked_div(both)?, scale.checked_div(both)?);
        let unit = Self { rate: u32::try_from(rate).ok()?, scale: u32::try_from(scale).ok()? };
        (unit.rate > 0 && unit.scale > 0).then_some(unit)
    }

    /// Returns `count` units as media time. Fractions of a microsecond are cut off.
    pub(in super::super::super) fn time(self, count: u64) -> MediaTime {
        let micros = u128::from(count) * u128::from(self.scale) * 1_000_000 / u128::from(self.rate.max(1));
        MediaTime::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
    }
}

impl From<FrameClock> for Unit {
    fn from(clock: FrameClock) -> Self {
        let (rate, scale) = clock.fraction();
        Self { rate, scale }
    }
}

/// When frames are shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super::super) enum Timing {
    /// Each frame has a slot of this clock. Without one, the rate comes from elsewhere.
    Steady(Option<FrameClock>),
    /// Each frame has a time of its own, in these units.
    Varying {
        /// What the times are counted in.
        unit: Unit,
        /// How many frames there are in a second, on average.
        average: FrameRate,
        /// The clock by which the frames are written to a file that has a steady one.
        grid: FrameClock,
    },
}

impl Timing {
    /// Returns the clock of frames that are equally far apart; `None` if they are not, or if there is none.
    pub(in super::super::super) const fn steady(&self) -> Option<FrameClock> {
        match self {
            Self::Steady(clock) => *clock,
            Self::Varying { .. } => None,
        }
    }
}

/// Puts frames into their order, and tells when they are shown and where the last one ends. Their times become
/// slots. `end` is in the same units as their times; `interval` is that of the frames in nanoseconds, as the
/// container tells it.
pub(super) fn timing(samples: &mut [Sample], end: u64, unit: Unit, interval: Option<u64>) -> (Timing, u64) {
    samples.sort_by_key(|sample| sample.time);
    let last = samples.last().map_or(0, |sample| sample.time);
    let end = end.max(last.saturating_add(1));
    let steady = exact(samples, end, unit)
        .or_else(|| rounded(samples, unit, interval.and_then(clock_of)))
        .or_else(|| rounded(samples, unit, measured(samples, unit)));
    if let Some(clock) = steady {
        let slots = samples.iter().map(|sample| slot(sample.time, unit, clock)).collect::<Vec<_>>();
        samples.iter_mut().zip(slots).for_each(|(sample, slot)| sample.time = slot);
        let last = samples.last().map_or(0, |sample| sample.time);
        return (Timing::Steady(Some(clock)), slot(end, unit, clock).max(last + 1));
    }
    // A frame is at a place that 32 bits can tell.
    let coarser = end / u64::from(u32::MAX) + 1;
    let (scale, rate) = (u64::from(unit.scale).saturating_mul(coarser), u64::from(unit.rate));
    let unit = Unit::new(rate, scale).unwrap_or(unit);
    let mut next = 0;
    for sample in samples.iter_mut() {
        sample.time = (sample.time / coarser).max(next);
        next = sample.time + 1;
    }
    let slots = (end / coarser).max(next);
    let nearest = samples.iter().zip(samples.iter().skip(1)).map(|(a, b)| b.time - a.time).min();
    let first = samples.first().map_or(0, |sample| sample.time);
    let span = unit.time(slots - first).since(MediaTime::ZERO).as_micros().max(1);
    let thousandths = u128::from(samples.len() as u64) * 1_000_000_000 / u128::from(span);
    let average = FrameRate(u32::try_from(thousandths).unwrap_or(u32::MAX).clamp(1, 1_000_000));
    let apart = unit.time(nearest.unwrap_or(slots)).since(MediaTime::ZERO);
    let coarse = FrameClock::new(GRID.0, GRID.1);
    let grid = coarse.filter(|clock| apart >= clock.interval()).or(FrameClock::new(FINE_GRID.0, FINE_GRID.1));
    (Timing::Varying { unit, average, grid: grid.unwrap_or_else(|| average.into()) }, slots)
}

/// Returns the clock of frames whose times are multiples of one interval, exactly.
fn exact(samples: &[Sample], end: u64, unit: Unit) -> Option<FrameClock> {
    let step = match samples.iter().fold(0, |step, sample| gcd(step, sample.time)) {
        0 => end,
        step => step,
    };
    let Unit { rate, scale } = Unit::new(unit.rate.into(), u64::from(unit.scale).checked_mul(step)?)?;
    is_dense(samples, step).then(|| FrameClock::new(rate, scale)).flatten()
}

/// Returns whether at least two thirds of the slots, which are this far apart, have a frame.
fn is_dense(samples: &[Sample], step: u64) -> bool {
    let (Some(first), Some(last)) = (samples.first(), samples.last()) else { return false };
    let slots = (last.time - first.time).checked_div(step).unwrap_or(u64::MAX).saturating_add(1);
    let distinct = samples.iter().zip(samples.iter().skip(1)).all(|(a, b)| a.time < b.time);
    distinct && slots.saturating_mul(2) <= 3 * samples.len() as u64
}

/// Returns `clock` if it shows the frames when they should be, but for what was lost when their times were
/// rounded to whole units.
fn rounded(samples: &[Sample], unit: Unit, clock: Option<FrameClock>) -> Option<FrameClock> {
    let clock = clock?;
    let slots = || samples.iter().map(|sample| slot(sample.time, unit, clock));
    let near = |(sample, slot): (&Sample, u64)| {
        let (rate, scale) = clock.fraction();
        // Both in units of 1 / (rate * unit.rate) seconds.
        let told = u128::from(sample.time) * u128::from(unit.scale) * u128::from(rate);
        let shown = u128::from(slot) * u128::from(scale) * u128::from(unit.rate);
        told.abs_diff(shown) <= u128::from(unit.scale) * u128::from(rate)
    };
    let ascending = slots().zip(slots().skip(1)).all(|(a, b)| a < b);
    let (first, last) = (slots().next()?, slots().next_back()?);
    let dense = (last - first).saturating_mul(2) < 3 * samples.len() as u64;
    (ascending && dense && samples.iter().zip(slots()).all(near)).then_some(clock)
}

/// Returns the slot that is nearest to a time.
fn slot(time: u64, unit: Unit, clock: FrameClock) -> u64 {
    let (rate, scale) = clock.fraction();
    let of = u128::from(unit.rate) * u128::from(scale);
    let slot = (u128::from(time) * u128::from(unit.scale) * u128::from(rate) + of / 2) / of.max(1);
    u64::try_from(slot).unwrap_or(u64::MAX)
}

/// Returns the clock with this interval in nanoseconds, which may be rounded.
fn clock_of(interval: u64) -> Option<FrameClock> {
    let common = (1..=240_u64).flat_map(|rate| [(rate, 1), (rate * 1000, 1001)]);
    let near = |(rate, scale): &(u64, u64)| {
        u128::from(interval * rate).abs_diff(u128::from(scale * 1_000_000_000)) <= u128::from(*rate)
    };
    let (rate, scale) = common.filter(|_| interval < 1 << 40).find(near).unwrap_or((1_000_000_000, interval));
    let Unit { rate, scale } = Unit::new(rate, scale)?;
    FrameClock::new(rate, scale)
}

/// Returns a common rate that is about that of the frames.
fn measured(samples: &[Sample], unit: Unit) -> Option<FrameClock> {
    let (first, last) = (samples.first()?, samples.last()?);
    let intervals = samples.len().checked_sub(1).filter(|intervals| *intervals >= 8)?;
    let seconds = (last.time - first.time) as f64 * f64::from(unit.scale) / f64::from(unit.rate);
    let rate = intervals as f64 / seconds;
    // The ends of the span are off by half a unit each.
    let off = rate * f64::from(unit.scale) / f64::from(unit.rate) / seconds;
    let near = |common: f64| (common - rate).abs() <= off.max(rate * 1e-7);
    let common = (1..=240_u32).flat_map(|rate| [(rate, 1), (rate * 1000, 1001)]);
    let mut found = common.filter(|(rate, scale)| near(f64::from(*rate) / f64::from(*scale)));
    found.next().and_then(|(rate, scale)| FrameClock::new(rate, scale))
}

fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a
}
