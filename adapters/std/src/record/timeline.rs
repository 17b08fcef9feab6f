//! The clock of a recording, and the place of each frame on it.
use pinhole::media::FrameClock;
use pinhole::sdp::FrameRate;
use pinhole::time::{Duration, MediaTime};

/// How many frames it takes until the rate is known.
const KNOWN: usize = 9;
/// A longer step becomes a cut: the recording continues without a gap. A step back in time does, too.
const CUT: Duration = Duration::from_secs(10);
/// How far the times of a steady source may be off. RTP counts in 90,000ths of a second, and media
/// times are cut to microseconds.
const TOLERANCE: Duration = Duration::from_micros(50);
/// The clock of frames that come at no steady rate. Frames that come faster than half of its rate get
/// the finer clock below.
const GRID: (u32, u32) = (120, 1);
const FINE_GRID: (u32, u32) = (1000, 1);
/// The frame rates of NTSC, times 1001.
const NTSC: [u32; 5] = [24_000, 30_000, 48_000, 60_000, 120_000];
/// How far the clock may fall behind the source's clock.
const BEHIND: Duration = Duration::from_secs(1);
/// How soon after the start it has to fall behind for another clock, and a new file, to be worth it.
const SOON: Duration = Duration::from_secs(100);

/// The places of frames on a clock. Each frame has a place of its own, in the order in which they come.
#[derive(Debug)]
pub(super) struct Timeline {
    clock: FrameClock,
    /// A media time, and its place.
    anchor: (MediaTime, u64),
    last: MediaTime,
    next: u64,
}

impl Timeline {
    /// Whether these times are enough to know the rate.
    pub(super) fn is_known(times: &[MediaTime]) -> bool {
        let span = times.last().zip(times.first()).map(|(last, first)| last.since(*first));
        times.len() >= KNOWN || span.is_some_and(|span| span > CUT)
    }

    /// Makes a timeline on which the first of these frames has the first place: with the clock of the
    /// frames if it is steady, otherwise with a fine one.
    pub(super) fn of(times: &[MediaTime]) -> Self {
        let first = times.first().copied().unwrap_or_default();
        let clock = clock_of(times).unwrap_or(FrameRate(1000).into());
        Self { clock, anchor: (first, 0), last: first, next: 0 }
    }

    /// Returns the clock.
    pub(super) const fn clock(&self) -> FrameClock {
        self.clock
    }

    /// Returns the place of the next frame, counted from 0. `None` means that frames come so much
    /// faster than the clock goes that they need another clock.
    pub(super) fn place(&mut self, pts: MediaTime) -> Option<u64> {
        if pts < self.last || pts.since(self.last) > CUT {
            self.anchor = (pts, self.next);
        }
        let (start, first) = self.anchor;
        let since = pts.since(start);
        let mut place = first.saturating_add(self.clock.frames_in(since));
        let behind = self.clock.pts(self.next.saturating_sub(place)).since(MediaTime::ZERO);
        if behind > BEHIND && since > BEHIND {
            if since < SOON && self.clock.fraction() != FINE_GRID {
                return None;
            }
            // This corrects a slight difference that has added up, as two clocks never agree.
            (self.anchor, place) = ((pts, self.next), self.next);
        }
        let place = place.max(self.next);
        (self.last, self.next) = (pts, place.saturating_add(1));
        Some(place)
    }
}

/// Returns the clock of frames with these times; `None` if there are no two frames to derive a rate
/// from.
fn clock_of(times: &[MediaTime]) -> Option<FrameClock> {
    let intervals = || {
        let pairs = times.iter().zip(times.iter().skip(1));
        pairs.map(|(from, to)| to.since(*from)).filter(|span| *span > Duration::ZERO && *span <= CUT)
    };
    let shortest = intervals().min()?.as_micros();
    // The interval is a multiple where frames were lost.
    let frames = |span: Duration| (span.as_micros() + shortest / 2) / shortest;
    let total: u64 = intervals().map(Duration::as_micros).sum();
    let rate = intervals().map(frames).sum::<u64>() as f64 * 1e6 / total as f64;
    let is_steady = |clock: &FrameClock| {
        intervals().all(|span| {
            let told = clock.pts(frames(span)).since(MediaTime::ZERO);
            told <= span + TOLERANCE && span <= told + TOLERANCE
        })
    };
    let grid = if rate * 2.0 <= f64::from(GRID.0) { GRID } else { FINE_GRID };
    common(rate).filter(is_steady).or(FrameClock::new(grid.0, grid.1))
}

/// Returns the common rate that is meant by a measured rate in frames per second.
fn common(rate: f64) -> Option<FrameClock> {
    let near = |common: f64| (common - rate).abs() <= rate * 0.0005;
    let ntsc = NTSC.into_iter().find(|thousands| near(f64::from(*thousands) / 1001.0));
    match ntsc {
        Some(thousands) => FrameClock::new(thousands, 1001),
        None if near(rate.round()) => FrameClock::new(rate.round() as u32, 1),
        None => FrameClock::new((rate * 1000.0).round() as u32, 1000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Makes times as RTP gives them, in 90,000ths of a second.
    fn times(rate: f64, count: u32) -> Vec<MediaTime> {
        let ticks = |n: u32| (f64::from(n) * 90_000.0 / rate).round() as u64;
        (0..count).map(|n| MediaTime::from_micros(ticks(n) * 100 / 9)).collect()
    }

    fn micros(all: &[u64]) -> Vec<MediaTime> {
        all.iter().map(|micros| MediaTime::from_micros(*micros)).collect()
    }

    fn places(timeline: &mut Timeline, times: &[MediaTime]) -> Vec<Option<u64>> {
        times.iter().map(|pts| timeline.place(*pts)).collect()
    }

    #[test]
    fn a_steady_source_keeps_its_clock() {
        let rates =
            [(30.0, (30, 1)), (29.97, (30_000, 1001)), (23.976, (24_000, 1001)), (12.5, (12_500, 1000))];
        for (rate, clock) in rates.into_iter().chain([(1.0, (1, 1)), (60.0, (60, 1)), (240.0, (240, 1))]) {
            let mut times = times(rate, 12);
            times.remove(3);
            times.drain(6..8);
            let mut timeline = Timeline::of(&times);
            assert_eq!(timeline.clock().fraction(), clock, "{rate}");
            let expected = [0, 1, 2, 4, 5, 6, 9, 10, 11].map(Some);
            assert_eq!(places(&mut timeline, &times), expected, "{rate}");
        }
    }

    /// ffmpeg's -re sends a camera's frames with such times, those of their arrival.
    #[test]
    fn unsteady_frames_are_within_a_tick() {
        let jittered = [0, 41_000, 79_500, 121_200, 160_000, 207_000, 238_000, 280_300, 321_000];
        let times = micros(&jittered);
        let mut timeline = Timeline::of(&times);
        assert_eq!(timeline.clock().fraction(), GRID);
        for (place, at) in places(&mut timeline, &times).into_iter().zip(jittered) {
            let shown = timeline.clock().pts(place.unwrap()).as_micros();
            assert!(shown.abs_diff(at) <= 1_000_000 / 240, "{shown} for {at}");
        }
        let fast: Vec<u64> = jittered.iter().map(|at| at / 4).collect();
        assert_eq!(Timeline::of(&micros(&fast)).clock().fraction(), FINE_GRID);
    }

    #[test]
    fn seeks_and_long_gaps_are_cuts() {
        let times = times(25.0, 9);
        let mut timeline = Timeline::of(&times);
        places(&mut timeline, &times);
        let seconds = |seconds: u64| MediaTime::from_micros(seconds * 1_000_000);
        assert_eq!(timeline.place(seconds(60)), Some(9));
        assert_eq!(timeline.place(seconds(61)), Some(34));
        assert_eq!(timeline.place(seconds(20)), Some(35));
        assert_eq!(timeline.place(seconds(20)), Some(36));
    }

    #[test]
    fn only_a_faster_source_needs_another_clock() {
        let mut timeline = Timeline::of(&times(15.0, 9));
        let taken = times(30.0, 200).into_iter().position(|pts| timeline.place(pts).is_none());
        assert!(taken.is_some_and(|taken| (30..40).contains(&taken)), "{taken:?}");
        let mut drifting = Timeline::of(&times(30.0, 9));
        assert!(times(30.02, 200_000).into_iter().all(|pts| drifting.place(pts).is_some()));
        // A sender whose clock stands still has no rate that a file could have.
        assert!(vec![MediaTime::ZERO; 1000].into_iter().all(|pts| drifting.place(pts).is_some()));
    }

    #[test]
    fn one_frame_is_shown_for_a_second() {
        assert_eq!(Timeline::of(&times(30.0, 1)).clock().interval(), Duration::from_secs(1));
        assert!(!Timeline::is_known(&times(30.0, 8)) && Timeline::is_known(&times(30.0, 9)));
        assert!(Timeline::is_known(&times(0.05, 2)));
    }

    proptest! {
        #[test]
        fn places_ascend(
            times in prop::collection::vec(prop_oneof![any::<u64>(), 0..20_000_000u64], 1..50),
        ) {
            let times = micros(&times);
            let mut timeline = Timeline::of(&times[..times.len().min(KNOWN)]);
            let placed: Vec<_> = places(&mut timeline, &times).into_iter().flatten().collect();
            prop_assert!(placed.is_sorted_by(|a, b| a < b));
        }
    }
}
