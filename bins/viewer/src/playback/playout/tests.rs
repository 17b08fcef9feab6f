//! The playout in virtual time, over paths whose delay is random but the same in each run.
use super::*;

const MS: i64 = 1_000;

/// A camera, its path, and a viewer that shows what comes. All times are in microseconds.
struct Rig {
    playout: Playout,
    interval: i64,
    /// How much faster the camera's clock is than the viewer's, in parts per million.
    drift: i64,
    random: u64,
    /// The next frame.
    frame: i64,
    /// Nothing arrives before what was sent earlier.
    newest: i64,
    shown: Vec<Shown>,
}

/// A frame: when it was sent and arrived by the viewer's clock, and when it was due.
#[derive(Clone, Copy, Debug)]
struct Shown {
    sent: i64,
    arrived: i64,
    due: i64,
    delay: i64,
}

impl Rig {
    fn new(fps: i64) -> Self {
        Self::with(Latency::Auto, fps)
    }

    fn with(latency: Latency, fps: i64) -> Self {
        let (playout, shown) = (Playout::new(latency), Vec::new());
        let interval = SECOND / fps;
        Self { playout, interval, drift: 0, random: 7, frame: 0, newest: 0, shown }
    }

    /// A random number from 0 to `below`, which is not included.
    fn random(&mut self, below: i64) -> i64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random % below.max(1) as u64) as i64
    }

    /// Sends frames for so many seconds. `delay` returns how long the path takes, beyond a second.
    fn run(&mut self, seconds: i64, mut delay: impl FnMut(&mut Self) -> i64) -> &[Shown] {
        let first = self.shown.len();
        for _ in 0..seconds * SECOND / self.interval {
            let delay = delay(self);
            self.send(delay, true);
        }
        &self.shown[first..]
    }

    fn send(&mut self, delay: i64, follows: bool) {
        let media = self.frame * self.interval;
        let sent = SECOND + media - media * self.drift / SECOND;
        let arrived = (sent + SECOND + delay).max(self.newest);
        let time = MediaTime::from_micros(media as u64);
        let duration = span(self.interval);
        self.playout.on_frame(&Arrival { time, duration, at: span(arrived), follows });
        let due = micros(self.playout.due(time).unwrap());
        let delay = micros(self.playout.delay());
        self.shown.push(Shown { sent, arrived, due, delay });
        (self.newest, self.frame) = (arrived, self.frame + 1);
    }

    fn last(&self) -> Shown {
        *self.shown.last().unwrap()
    }
}

/// How many frames arrived so long after they were due that it may be seen.
fn late(shown: &[Shown]) -> usize {
    shown.iter().filter(|frame| frame.arrived > frame.due + 4 * MS).count()
}

/// How many frames arrived after they were due.
fn behind(shown: &[Shown]) -> usize {
    shown.iter().filter(|frame| frame.arrived > frame.due).count()
}

/// How long frames are shown after the earliest moment: the most.
fn longest(shown: &[Shown]) -> i64 {
    shown.iter().map(|frame| frame.due.max(frame.arrived) - frame.sent - SECOND).max().unwrap()
}

/// The shortest and the longest time from one picture to the next.
fn steps(shown: &[Shown]) -> (i64, i64) {
    let steps = || shown.windows(2).map(|pair| pair[1].due - pair[0].due);
    (steps().min().unwrap(), steps().max().unwrap())
}

#[test]
fn on_a_quiet_path_frames_are_shown_as_they_arrive() {
    for fps in [5, 25, 60] {
        let mut rig = Rig::new(fps);
        let shown = rig.run(60, |rig| rig.random(2 * MS));
        assert!(longest(shown) <= 2 * MS, "at {fps}: {}", longest(shown));
        assert_eq!(rig.playout.delay(), Duration::ZERO, "at {fps}");
    }
}

#[test]
fn jitter_is_covered_and_forgotten() {
    for fps in [5, 8, 10, 25, 60] {
        let mut rig = Rig::new(fps);
        rig.run(20, |rig| rig.random(MS));
        // It grows at once: two late frames are enough.
        rig.run(1, |_| 0);
        for _ in 0..3 {
            rig.send(0, true);
            rig.send(30 * MS, true);
        }
        assert!(rig.last().delay >= 30 * MS, "at {fps}: {:?}", rig.last());
        rig.run(10, |rig| rig.random(30 * MS));
        let shown = rig.run(2_000, |rig| rig.random(30 * MS));
        let (late, delay) = (behind(shown), longest(shown));
        assert!(late * 1000 < shown.len(), "at {fps}: {late} of {}", shown.len());
        assert!((25 * MS..=38 * MS).contains(&delay), "at {fps}: {delay}");
        // No picture is skipped while it shrinks.
        let shown = rig.run(10, |rig| rig.random(MS));
        let (shortest, _) = steps(shown);
        assert!(shortest >= SECOND / fps / 2, "at {fps}: {shortest}");
        assert!(rig.last().delay <= MS, "at {fps}: {:?}", rig.last());
    }
}

#[test]
fn much_jitter_is_forgotten_in_ten_seconds_too() {
    for most in [100, 300, 600] {
        let mut rig = Rig::new(25);
        rig.run(10, |rig| rig.random(most * MS));
        let shown = rig.run(100, |rig| rig.random(most * MS));
        let late = late(shown);
        assert!(late * 1000 < shown.len(), "at {most}: {late} of {}", shown.len());
        let shown = rig.run(11, |_| 0);
        assert!(steps(shown).0 > 0, "at {most}: a picture is skipped");
        assert!(rig.last().delay <= 5 * MS, "at {most}: {:?}", rig.last());
    }
}

#[test]
fn a_spike_costs_only_itself() {
    for fps in [5, 25, 60] {
        let mut rig = Rig::new(fps);
        rig.run(10, |rig| rig.random(MS));
        for _ in 0..5 {
            // Frames that it holds up come with it.
            rig.send(150 * MS, true);
            let shown = rig.run(9, |rig| rig.random(MS));
            assert!(shown.iter().all(|frame| frame.delay <= MS), "at {fps}");
        }
    }
}

#[test]
fn spikes_that_come_again_are_covered() {
    let mut rig = Rig::new(25);
    let spikes = |rig: &mut Rig| if rig.frame % 75 == 0 { 80 * MS } else { rig.random(MS) };
    rig.run(10, spikes);
    let shown = rig.run(60, spikes);
    assert_eq!(late(shown), 0);
    assert!(longest(shown) <= 100 * MS, "{}", longest(shown));
}

#[test]
fn drift_is_followed_without_a_skip() {
    for drift in [-200, 200, -5_000, 5_000] {
        let mut rig = Rig::new(25);
        rig.drift = drift;
        rig.run(20, |rig| rig.random(30 * MS));
        let shown = rig.run(600, |rig| rig.random(30 * MS));
        let (late, delay) = (late(shown), longest(shown));
        assert!(late * 1000 < shown.len(), "at {drift}: {late} of {}", shown.len());
        // In the memory of seven seconds, the clocks drift apart by so much.
        let apart = drift.abs() * 8;
        assert!(delay <= 36 * MS + apart, "at {drift}: {delay}");
        let (shortest, longest) = steps(shown);
        assert!(shortest >= 30 * MS && longest <= 50 * MS, "at {drift}: {shortest} to {longest}");
    }
}

#[test]
fn a_change_of_the_path_is_followed_both_ways() {
    let mut rig = Rig::new(25);
    rig.run(20, |rig| rig.random(2 * MS));
    let shown = rig.run(10, |rig| 120 * MS + rig.random(2 * MS));
    assert!(late(&shown[5..]) <= 2, "{}", late(&shown[5..]));
    assert!(longest(shown) <= 140 * MS, "{}", longest(shown));
    assert!(rig.last().due - rig.last().sent <= SECOND + 124 * MS, "{:?}", rig.last());
    assert!(rig.last().delay <= 2 * MS, "it is no jitter: {:?}", rig.last());
    let shown = rig.run(10, |rig| rig.random(2 * MS));
    assert!(steps(shown).0 >= 20 * MS, "{:?}", steps(shown));
    assert!(rig.last().due - rig.last().sent <= SECOND + 4 * MS, "{:?}", rig.last());
}

#[test]
fn what_is_old_at_the_start_is_no_jitter() {
    let mut rig = Rig::new(25);
    // The server sends what it has, and the newest is a frame interval old.
    rig.newest = 2 * SECOND + 1000 * MS;
    let shown = rig.run(2, |rig| rig.random(MS));
    assert_eq!(shown[0].due, shown[0].arrived, "it is shown at once");
    assert!(longest(&shown[26..]) <= MS, "{}", longest(&shown[26..]));
    assert!(rig.last().delay <= MS, "{:?}", rig.last());
}

#[test]
fn a_silence_is_no_jitter() {
    let mut rig = Rig::new(25);
    rig.run(10, |rig| rig.random(MS));
    for seconds in [1, 3, 60] {
        rig.frame += 25 * seconds;
        let shown = rig.run(5, |rig| rig.random(MS));
        assert!(longest(shown) <= MS, "after {seconds}: {}", longest(shown));
    }
    // A source whose clock stands meanwhile, by less than a jump and by more.
    for stood in [500, 10_000] {
        let drift = stood * MS;
        rig.run(2, |rig| drift + rig.random(MS));
        rig.run(10, |rig| drift + rig.random(MS));
        assert!(rig.last().due - rig.last().sent <= SECOND + drift + 2 * MS, "{:?}", rig.last());
        assert!(rig.last().delay <= MS, "{:?}", rig.last());
    }
}

#[test]
fn a_long_stall_is_caught_up_at_once() {
    let mut rig = Rig::new(25);
    rig.run(10, |rig| rig.random(MS));
    // Nothing comes for three seconds, then all of it.
    rig.newest += 3 * SECOND;
    let shown = rig.run(3, |_| 0);
    assert!(shown.iter().all(|frame| frame.due <= frame.arrived), "they are due as they come");
    let shown = rig.run(2, |rig| rig.random(MS));
    assert!(longest(&shown[1..]) <= MS, "{}", longest(&shown[1..]));
}

#[test]
fn what_missing_frames_delay_is_no_jitter() {
    let mut rig = Rig::new(25);
    rig.run(10, |rig| rig.random(MS));
    for frame in 0..500 {
        // Its packets are waited for.
        let lost = frame % 5 == 0;
        rig.send(if lost { 50 * MS } else { 0 }, !lost);
    }
    assert!(rig.last().delay <= MS, "{:?}", rig.last());
}

#[test]
fn damaged_frames_are_waited_for() {
    let mut rig = Rig::new(25);
    // The missing packets of some are waited for. They are shown without them.
    let damaged = |rig: &mut Rig| if rig.random(20) == 0 { 50 * MS } else { rig.random(MS) };
    rig.run(10, damaged);
    let shown = rig.run(60, damaged);
    assert_eq!(late(shown), 0);
    assert!(longest(shown) <= 60 * MS, "{}", longest(shown));
    let shown = rig.run(11, |rig| rig.random(MS));
    assert!(steps(shown).0 > 0 && rig.last().delay <= 2 * MS, "{:?}", rig.last());
}

#[test]
fn a_fixed_latency_stays() {
    for jitter in [1, 60] {
        let mut rig = Rig::with(Latency::Fixed(Duration::from_millis(100)), 25);
        rig.run(10, |rig| rig.random(jitter * MS));
        let shown = rig.run(60, |rig| rig.random(jitter * MS));
        assert_eq!(late(shown), 0);
        let delays = || shown.iter().map(|frame| frame.due - frame.sent - SECOND);
        assert!(delays().min() >= Some(100 * MS), "{:?}", delays().min());
        assert!(delays().max() <= Some(105 * MS), "{:?}", delays().max());
    }
    let mut rig = Rig::with(Latency::Fixed(Duration::ZERO), 25);
    let shown = rig.run(20, |rig| rig.random(30 * MS));
    let waits = shown[50..].iter().map(|frame| frame.due - frame.arrived);
    assert!(waits.max() <= Some(2 * MS), "all are shown at once");
}

#[test]
fn a_stream_of_days_goes_on() {
    // RTP's time has wrapped six times by then; the core counts on.
    let mut rig = Rig::new(25);
    rig.frame = 3 * 24 * 3600 * 25;
    let shown = rig.run(20, |rig| rig.random(2 * MS));
    assert!(longest(shown) <= 2 * MS, "{}", longest(shown));
}

#[test]
fn a_fixed_latency_follows_the_path() {
    let mut rig = Rig::with(Latency::Fixed(Duration::from_millis(50)), 25);
    rig.run(10, |_| 0);
    rig.run(10, |_| 200 * MS);
    assert_eq!((rig.last().due - rig.last().sent, rig.last().delay), (SECOND + 250 * MS, 50 * MS));
    rig.run(4, |_| 0);
    assert_eq!((rig.last().due - rig.last().sent, rig.last().delay), (SECOND + 50 * MS, 50 * MS));
}

#[test]
fn a_large_buffer_outlasts_a_stall() {
    let mut rig = Rig::with(Latency::Fixed(Duration::from_secs(5)), 25);
    rig.run(20, |_| 0);
    rig.newest += 3 * SECOND;
    let shown = rig.run(10, |_| 0);
    assert_eq!(late(shown), 0);
    assert_eq!(steps(shown), (40 * MS, 40 * MS));
}

#[test]
fn decoding_takes_its_part() {
    let ms = Duration::from_millis;
    for (latency, decode, delay) in [
        (Latency::Auto, ms(12), ms(12)),
        (Latency::Auto, ms(90), ms(40)),
        (Latency::Fixed(ms(20)), ms(12), ms(20)),
        (Latency::Fixed(ms(5)), ms(12), ms(12)),
    ] {
        let mut rig = Rig::with(latency, 25);
        rig.playout.set_decode_time(decode);
        rig.run(10, |_| 0);
        assert_eq!(rig.playout.delay(), delay, "{latency:?} {decode:?}");
    }
}

#[test]
fn before_the_first_frame_nothing_is_due() {
    let playout = Playout::new(Latency::Auto);
    assert_eq!((playout.due(MediaTime::ZERO), playout.delay()), (None, Duration::ZERO));
}
