//! [`Playout`]: how late a live picture is shown.
//!
//! A frame's *transit* is the time of its arrival minus its media time (RFC 3550, 6.4.1). Only differences
//! of transits mean something, as the two clocks have nothing to do with each other. The lowest transit of
//! the last seconds is the *base*: what the path takes at least. The *offset* is the base and the delay that
//! jitter makes necessary. A picture is due at its media time plus the offset.
//!
//! As in NetEq and in the jitter buffer of WebRTC, the delay follows from the distribution of recent transits,
//! so it follows a drift of the clocks and a change of the path, too. The transits of the last [`SLOTS`]
//! seconds count, and the second highest decides: a frame that comes late once in this time is shown late,
//! and delays no other picture. The fewer frames there were, the less do they tell of those to come, so a larger
//! margin is added.
use pinhole::time::MediaTime;
use std::time::Duration;

/// How many seconds are remembered: the present one, and those before.
const SLOTS: usize = 7;
/// A greater step of the transit, in microseconds and beyond what is buffered anyway, is a jump of one of the
/// clocks, or the end of a long stall.
const JUMP: i64 = SECOND;
/// The most jitter that nobody sees, in microseconds: half a refresh of a screen with 60 Hz. If frames follow
/// each other quickly, it is less.
const UNSEEN: i64 = 8_000;
/// Frames that follow each other after more than this, in microseconds, are so few in memory that more than one in a
/// thousand would exceed the usual margin.
const SPARSE: i64 = SLOTS as i64 * SECOND / 60;
const SECOND: i64 = 1_000_000;

/// How late live media are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Latency {
    /// As late as the jitter of the last seconds makes necessary.
    #[default]
    Auto,
    /// So long after the earliest moment at which the frame can arrive, or later if decoding takes longer.
    Fixed(Duration),
}

/// A frame that has arrived.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    /// When the frame is shown, in media time.
    pub(crate) time: MediaTime,
    /// For how long; zero if that is not known.
    pub(crate) duration: Duration,
    /// When the last part of it arrived, in real time.
    pub(crate) at: Duration,
    /// Whether no frame is missing since the one before. Packets that were waited for in vain, for a frame that
    /// is not shown, delay this one, and that is no jitter.
    pub(crate) follows: bool,
}

/// Decides when each frame of a live stream is due, in real time. All times are passed in. Inside they are
/// microseconds, which may be negative.
#[derive(Debug)]
pub(crate) struct Playout {
    latency: Latency,
    /// How long it takes to decode a picture.
    decode: i64,
    /// From one frame to the next.
    interval: i64,
    slots: [Slot; SLOTS],
    /// The second of the present slot.
    second: u64,
    /// The last frame: transit and arrival.
    last: Option<(i64, i64)>,
    /// When a picture is due, minus its media time.
    offset: i64,
    /// Whether the offset only shrinks slowly. Before there was jitter, it need not: the first frames that a
    /// server sends may be old.
    settled: bool,
}

/// The transits of one second.
#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    lowest: Option<i64>,
    /// The two highest, in descending order.
    highest: [Option<i64>; 2],
}

impl Playout {
    /// Starts before the first frame.
    pub(crate) fn new(latency: Latency) -> Self {
        Self {
            latency,
            decode: 0,
            interval: 0,
            slots: [Slot::default(); SLOTS],
            second: 0,
            last: None,
            offset: 0,
            settled: false,
        }
    }

    /// Sets how long it takes to decode a picture.
    pub(crate) fn set_decode_time(&mut self, decode: Duration) {
        self.decode = micros(decode);
    }

    /// Takes note of a frame that has arrived. Frames that are late change when those after them are due.
    pub(crate) fn on_frame(&mut self, frame: &Arrival) {
        let at = micros(frame.at);
        let transit = at.saturating_sub(i64::try_from(frame.time.as_micros()).unwrap_or(i64::MAX));
        self.interval = micros(frame.duration);
        self.forget(frame.at.as_secs());
        let leap = JUMP.saturating_add(self.target().unwrap_or(0));
        let last = self.last.replace((transit, at)).filter(|(before, _)| {
            self.base().is_some() && transit.saturating_sub(*before).saturating_abs() <= leap
        });
        if last.is_none() {
            (self.slots, self.settled) = (Default::default(), false);
        }
        if let Some((_, before)) = last.filter(|_| self.settled) {
            self.approach(at.saturating_sub(before));
        }
        // Frames that a late one has held up come at once after it, each less late than the one before.
        let rises = last.is_some_and(|(before, _)| transit >= before) && frame.follows;
        let [slot, ..] = &mut self.slots;
        slot.lowest = Some(slot.lowest.map_or(transit, |lowest| lowest.min(transit)));
        if rises {
            slot.highest = two_highest(slot.highest.into_iter().chain([Some(transit)]));
        }
        self.settled |= rises;
        if !self.settled {
            self.offset = self.wanted().unwrap_or(transit);
        }
    }

    /// Returns when a frame is due, in real time; `None` before the first has arrived.
    pub(crate) fn due(&self, time: MediaTime) -> Option<Duration> {
        self.last?;
        let time = i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
        Some(span(time.saturating_add(self.offset)))
    }

    /// Returns how long after the earliest moment at which its frame can arrive a picture is shown.
    pub(crate) fn delay(&self) -> Duration {
        self.base().map_or(Duration::ZERO, |base| span(self.offset.saturating_sub(base)))
    }

    /// Moves the offset to what is wanted: at once if pictures come late, and slowly if they wait too long,
    /// so that none is skipped. `passed` is the time since the last frame.
    fn approach(&mut self, passed: i64) {
        let Some(wanted) = self.wanted() else { return };
        let passed = passed.clamp(0, SECOND);
        let excess = self.offset.saturating_sub(wanted);
        // Two thirds within a second, but neither slower than a tenth of real time nor faster than half of it.
        let step = (excess.saturating_mul(passed) / SECOND).clamp(passed / 10, passed / 2);
        self.offset = if excess > step { self.offset.saturating_sub(step) } else { wanted };
    }

    /// Returns the offset that suits the recent frames; `None` if there are none.
    fn wanted(&self) -> Option<i64> {
        Some(self.base()?.saturating_add(self.target()?))
    }

    /// Returns the delay that suits the recent frames; `None` if there are none.
    fn target(&self) -> Option<i64> {
        let base = self.base()?;
        let decode = if self.interval > 0 { self.decode.min(self.interval) } else { self.decode };
        Some(match self.latency {
            Latency::Auto => {
                let [_, high] = two_highest(self.slots.iter().flat_map(|slot| slot.highest));
                self.buffer(high.map_or(0, |high| high.saturating_sub(base))).saturating_add(decode)
            }
            Latency::Fixed(latency) => micros(latency).max(decode),
        })
    }

    /// Returns how much to buffer if frames come up to `spread` later than others: nothing if that is not
    /// seen, and an eighth more than seems necessary if it is much, or a quarter if frames are few.
    fn buffer(&self, spread: i64) -> i64 {
        let unseen = if self.interval > 0 { UNSEEN.min(self.interval / 4) } else { UNSEEN };
        let visible = spread.saturating_sub(unseen).max(0);
        let margin = if self.interval > SPARSE { spread / 4 } else { spread / 8 };
        visible.saturating_mul(2).min(spread.saturating_add(margin))
    }

    /// Returns the lowest recent transit; `None` if there is none.
    fn base(&self) -> Option<i64> {
        self.slots.iter().filter_map(|slot| slot.lowest).min()
    }

    /// Begins a new slot if a second has begun, and forgets the oldest.
    fn forget(&mut self, second: u64) {
        let seconds = second.saturating_sub(self.second).min(SLOTS as u64) as usize;
        self.slots.rotate_right(seconds % SLOTS);
        self.slots.iter_mut().take(seconds).for_each(|slot| *slot = Slot::default());
        self.second = self.second.max(second);
    }
}

/// Returns the two highest of some transits, in descending order.
fn two_highest(transits: impl Iterator<Item = Option<i64>>) -> [Option<i64>; 2] {
    transits.fold(
        [None; 2],
        |[first, second], next| {
            if next > first { [next, first] } else { [first, second.max(next)] }
        },
    )
}

fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}

/// Returns a span of time, which is zero if it would be negative.
fn span(micros: i64) -> Duration {
    Duration::from_micros(u64::try_from(micros).unwrap_or(0))
}

#[cfg(test)]
mod tests;
