//! The playhead over a source whose frames arrive by hand.
mod end;

use super::*;
use crate::model::VIDEO;
use crate::stream::fake::Fake;

const FRAME: Duration = Duration::from_millis(40);
const SECOND: Duration = Duration::from_secs(1);

/// A playhead, its source, and the player's clock.
struct Rig {
    source: Fake,
    playhead: Playhead,
    now: Duration,
    /// The time on a clock that never stands.
    real: Duration,
    /// The frames that were passed on, and when each is due.
    passed: Vec<(u64, Duration)>,
}

impl Rig {
    fn new(source: Fake, prebuffer: Duration) -> Self {
        let (playhead, passed) = (Playhead::new(VIDEO, prebuffer, Latency::Auto), Vec::new());
        Self { source, playhead, now: Duration::ZERO, real: Duration::ZERO, passed }
    }

    /// A recorded medium of a hundred frames, with half a second of prebuffer.
    fn recorded() -> Self {
        Self::new(Fake::new(vec![vec![0; 100]; 100], FRAME), SECOND / 2)
    }

    fn live() -> Self {
        Self::new(Fake::new(vec![vec![0; 100]; 1000], FRAME).live(), SECOND / 2)
    }

    /// A recorded medium that has arrived completely.
    fn complete() -> Self {
        let mut rig = Self::recorded();
        rig.source.arrive(100);
        rig.playhead.on_ended(&rig.source);
        rig
    }

    /// Passes on all frames that can be.
    fn feed(&mut self) -> Next {
        for _ in 0..1000 {
            let moment = Moment { player: self.now, real: self.real };
            match self.playhead.next(&mut self.source, moment) {
                Next::Frame(frame) => self.passed.push((frame.id.0, frame.due)),
                next => return next,
            }
        }
        panic!("it passes on frames without end: {:?}", self.passed);
    }

    /// Lets time pass. The player's clock runs when the playhead lets it.
    fn wait(&mut self, span: Duration) {
        let steps = span.as_millis();
        for _ in 0..steps {
            self.feed();
            if self.playhead.runs() {
                self.now += Duration::from_millis(1);
            }
            self.real += Duration::from_millis(1);
        }
        self.feed();
    }

    /// Lets time pass while frames arrive in real time.
    fn wait_live(&mut self, frames: usize) {
        for _ in 0..frames {
            self.arrive_live(1);
            self.wait(FRAME);
        }
    }

    fn arrive_live(&mut self, frames: usize) {
        self.source.arrive(frames);
        self.playhead.on_arrivals(&self.source, self.real);
    }

    fn shown(&self) -> u64 {
        let shown = self.passed.iter().rev().find(|(_, due)| *due <= self.now);
        shown.expect("something is shown").0
    }

    fn asked(&self) -> usize {
        self.source.asked().lock().unwrap().len()
    }
}

fn at(frame: u32) -> MediaTime {
    MediaTime::ZERO + (FRAME * frame).into()
}

#[test]
fn a_recorded_medium_buffers_and_then_plays() {
    let mut rig = Rig::recorded();
    rig.source.arrive(12);
    rig.wait(SECOND);
    assert_eq!((rig.passed.len(), rig.now), (0, Duration::ZERO));
    assert_eq!(rig.playhead.buffered(&rig.source), (12 * FRAME, SECOND / 2));
    rig.source.arrive(88);
    rig.playhead.on_ended(&rig.source);
    rig.wait(100 * FRAME);
    let expected: Vec<_> = (0..100).map(|n| (n, FRAME * n as u32)).collect();
    assert_eq!(rig.passed, expected);
    assert!(rig.playhead.is_ended() && !rig.playhead.runs());
    assert_eq!((rig.playhead.position(), rig.playhead.stalls()), (at(99), 0));
}

#[test]
fn a_short_medium_plays_once_it_is_there() {
    let mut rig = Rig::new(Fake::new(vec![vec![0; 100]; 3], FRAME), SECOND);
    rig.source.arrive(2);
    rig.wait(SECOND);
    assert_eq!(rig.passed, []);
    rig.source.arrive(1);
    rig.wait(3 * FRAME);
    rig.playhead.on_ended(&rig.source);
    rig.wait(FRAME);
    assert_eq!(rig.passed.len(), 3);
    assert!(rig.playhead.is_ended());
}

#[test]
fn a_cache_without_room_is_not_waited_for() {
    let mut rig = Rig::recorded();
    rig.source.arrive(3);
    rig.wait(SECOND);
    assert_eq!(rig.passed, []);
    rig.source.set_full(true);
    rig.wait(4 * FRAME);
    assert_eq!(rig.passed.len(), 3);
    // The frame that is shown takes the room of those that follow.
    assert_eq!(rig.playhead.needs_from(), Some(FrameId(3)));
    rig.source.set_full(false);
    rig.wait(FRAME);
    assert_eq!(rig.playhead.needs_from(), Some(FrameId(3)), "nobody takes it back");
    assert!(rig.playhead.is_waiting());
    rig.source.arrive(1);
    rig.source.set_full(true);
    rig.wait(FRAME);
    assert_eq!(rig.passed.len(), 4);
}

#[test]
fn only_a_long_stall_buffers_again() {
    let mut rig = Rig::recorded();
    rig.source.arrive(25);
    rig.wait(20 * FRAME);
    rig.source.arrive(10);
    rig.wait(10 * FRAME);
    let on_time: Vec<_> = (0..35).map(|n| (n, FRAME * n as u32)).collect();
    assert_eq!(rig.passed, on_time);
    rig.wait(SECOND);
    assert_eq!((rig.playhead.stalls(), rig.shown(), rig.now), (1, 34, 35 * FRAME));
    // No frame is skipped, and the clock stands until enough is buffered.
    rig.source.arrive(5);
    rig.wait(SECOND);
    assert_eq!(rig.now, 35 * FRAME);
    rig.source.arrive(20);
    rig.wait(5 * FRAME);
    assert_eq!((rig.shown(), rig.now), (40, 40 * FRAME));
    assert_eq!(rig.passed[40], (40, FRAME * 40));
}

#[test]
fn a_small_cache_plays_when_half_full() {
    let mut rig = Rig::recorded();
    rig.source = rig.source.with_capacity(1000);
    rig.source.arrive(4);
    assert_eq!((rig.feed(), rig.passed.len()), (Next::Idle, 0));
    rig.source.arrive(1);
    rig.feed();
    assert!(!rig.passed.is_empty());
}

#[test]
fn steps_show_exactly_one_frame() {
    let mut rig = Rig::complete();
    rig.wait(10 * FRAME);
    assert_eq!(rig.shown(), 10);
    for (forward, frame) in [(true, 11), (true, 12), (false, 11), (false, 10), (false, 9)] {
        let generation = rig.playhead.generation();
        rig.passed.clear();
        rig.playhead.step(&mut rig.source, forward);
        rig.wait(SECOND);
        assert_eq!(rig.passed, [(frame, rig.now)], "only this frame is decoded");
        assert!(rig.playhead.is_held() && rig.playhead.generation() > generation);
    }
    rig.playhead.toggle(&mut rig.source);
    rig.wait(FRAME);
    assert_eq!(rig.shown(), 10);
}

#[test]
fn steps_stop_at_the_ends() {
    let mut rig = Rig::complete();
    rig.feed();
    rig.playhead.step(&mut rig.source, false);
    rig.wait(FRAME);
    assert_eq!(rig.shown(), 0);
    rig.playhead.seek(&mut rig.source, at(99));
    rig.wait(FRAME);
    rig.playhead.step(&mut rig.source, true);
    rig.wait(FRAME);
    assert_eq!((rig.shown(), rig.asked()), (99, 0));
}

#[test]
fn only_uncached_places_are_requested() {
    let mut rig = Rig::recorded();
    rig.source.arrive(50);
    rig.wait(2 * FRAME);
    rig.playhead.seek(&mut rig.source, at(30));
    rig.wait(FRAME);
    assert_eq!((rig.shown(), rig.asked()), (31, 0));
    rig.playhead.seek(&mut rig.source, at(70));
    assert_eq!((rig.playhead.position(), rig.asked()), (at(70), 1));
    rig.wait(SECOND);
    assert!(!rig.playhead.runs());
    // The first frame is shown while the rest is buffered.
    rig.source.arrive(1);
    rig.wait(SECOND);
    assert_eq!((rig.shown(), rig.playhead.position(), rig.playhead.runs()), (50, at(70), false));
    rig.source.arrive(20);
    rig.wait(3 * FRAME);
    assert_eq!((rig.playhead.position(), rig.asked()), (at(73), 1));
}

#[test]
fn frames_before_the_place_are_skipped() {
    let mut rig = Rig::recorded();
    rig.source.arrive(10);
    rig.feed();
    rig.playhead.seek(&mut rig.source, at(60));
    rig.source.go_to(50);
    rig.source.arrive(8);
    rig.wait(FRAME);
    assert_eq!(rig.playhead.position(), at(60));
    assert!(rig.playhead.is_seeking());
    rig.source.arrive(30);
    rig.wait(FRAME);
    assert_eq!(rig.playhead.position(), at(61));
}

#[test]
fn a_seek_beyond_the_end_shows_the_last() {
    let mut rig = Rig::recorded();
    rig.source.arrive(30);
    rig.feed();
    rig.playhead.jump(&mut rig.source, 1000.0);
    rig.source.arrive(5);
    rig.playhead.on_ended(&rig.source);
    rig.wait(2 * FRAME);
    assert_eq!(rig.playhead.position(), at(99));
    assert!(rig.playhead.is_ended());
    rig.playhead.jump(&mut rig.source, -1000.0);
    rig.feed();
    assert_eq!(rig.playhead.position(), at(0));
}

#[test]
fn a_seek_back_fetches_the_continuation() {
    let mut rig = Rig::recorded();
    rig.source.arrive(20);
    rig.wait(FRAME);
    rig.playhead.seek(&mut rig.source, at(60));
    rig.source.arrive(40);
    rig.wait(FRAME);
    rig.playhead.seek(&mut rig.source, at(5));
    assert_eq!(rig.asked(), 2);
    rig.source.arrive(40);
    rig.playhead.on_ended(&rig.source);
    rig.passed.clear();
    rig.wait(60 * FRAME);
    // Frames 20 to 59 of the medium arrived last, from number 60 on.
    let numbers: Vec<_> = rig.passed.iter().map(|(id, _)| *id).collect();
    assert_eq!(numbers[..15], (5..20).collect::<Vec<_>>()[..]);
    assert_eq!(numbers[15..55], (60..100).collect::<Vec<_>>()[..]);
    assert_eq!(rig.playhead.stalls(), 0);
}

#[test]
fn a_gap_is_fetched_when_reached() {
    let mut rig = Rig::recorded();
    rig.source.arrive(20);
    rig.source.go_to(60);
    rig.source.arrive(40);
    rig.wait(30 * FRAME);
    assert_eq!((rig.asked(), rig.shown()), (1, 19));
    rig.source.arrive(40);
    rig.wait(10 * FRAME);
    assert!(rig.playhead.position() > at(25), "{:?}", rig.playhead.position());
}

#[test]
fn the_rate_counts_from_the_shown_frame() {
    for (rate, step) in [(0.25, 160), (2.0, 20), (4.0, 10)] {
        let mut rig = Rig::complete();
        rig.wait(10 * FRAME);
        rig.passed.clear();
        let now = rig.now;
        rig.playhead.set_rate(rate, now);
        rig.wait(SECOND / 2);
        let expected: Vec<_> = (1..4).map(|n| (10 + n, now + Duration::from_millis(step * n))).collect();
        assert_eq!(rig.passed[..3], expected[..], "at {rate}");
    }
    let mut rig = Rig::complete();
    for (rate, used) in [(99.0, 4.0), (0.0, 0.25), (f64::NAN, 1.0)] {
        rig.playhead.set_rate(rate, Duration::ZERO);
        assert_eq!(rig.playhead.rate(), used);
    }
}

#[test]
fn live_frames_are_due_as_they_arrive() {
    let mut rig = Rig::live();
    for frame in 0..50 {
        rig.arrive_live(1);
        rig.feed();
        assert_eq!(rig.passed.last(), Some(&(frame, rig.now)));
        rig.wait(FRAME);
    }
    assert_eq!(rig.playhead.live_delay(), Duration::ZERO);
}

#[test]
fn live_frames_wait_for_late_ones() {
    let mut rig = Rig::live();
    // Every third frame is 30 ms late.
    let late = Duration::from_millis(30);
    for _ in 0..30 {
        rig.wait_live(2);
        rig.wait(late);
        rig.arrive_live(1);
        rig.wait(FRAME - late);
    }
    let target = rig.playhead.live_delay();
    assert!(target > late && target < late + Duration::from_millis(10), "{target:?}");
    let due: Vec<_> = rig.passed.iter().map(|(_, due)| *due).collect();
    assert!(due[10..].windows(2).all(|pair| pair[1] - pair[0] == FRAME), "{due:?}");
}

#[test]
fn live_frames_that_wait_for_lost_ones_are_not_waited_for() {
    for (lost, waits) in [(true, false), (false, true)] {
        let mut rig = Rig::live();
        let late = Duration::from_millis(30);
        for _ in 0..30 {
            rig.wait_live(4);
            rig.wait(late);
            if lost {
                rig.source.lose_frame();
            }
            rig.arrive_live(1);
            rig.wait(FRAME - late);
        }
        assert_eq!(rig.playhead.live_delay() > late, waits, "{:?}", rig.playhead.live_delay());
    }
}

#[test]
fn after_a_pause_the_live_edge_is_as_near_as_before() {
    let mut rig = Rig::live();
    rig.wait_live(20);
    rig.playhead.toggle(&mut rig.source);
    rig.wait_live(200);
    rig.playhead.go_live(&mut rig.source);
    rig.wait_live(3);
    rig.arrive_live(1);
    rig.feed();
    assert_eq!(rig.passed.last(), Some(&(223, rig.now)), "the player's clock stood for a while");
    assert_eq!(rig.playhead.live_delay(), Duration::ZERO);
}

#[test]
fn a_pause_leaves_the_live_edge() {
    let mut rig = Rig::live();
    rig.wait_live(20);
    assert!(rig.playhead.is_following());
    assert_eq!(rig.asked(), 0);
    let shown = rig.shown();
    rig.playhead.toggle(&mut rig.source);
    rig.wait_live(50);
    assert_eq!(rig.shown(), shown);
    rig.playhead.toggle(&mut rig.source);
    rig.wait_live(20);
    assert!(!rig.playhead.is_following());
    assert!(rig.shown().abs_diff(shown + 20) <= 1, "{} after {shown}", rig.shown());
    rig.playhead.go_live(&mut rig.source);
    rig.wait_live(20);
    assert!(rig.playhead.is_following());
    assert!(rig.shown() >= 110 - 6, "{}", rig.shown());
}

#[test]
fn catching_up_ends_at_the_live_edge() {
    let mut rig = Rig::live();
    rig.wait_live(50);
    rig.playhead.jump(&mut rig.source, -1.8);
    rig.feed();
    rig.playhead.set_rate(4.0, rig.now);
    rig.wait_live(5);
    assert!(!rig.playhead.is_following());
    rig.wait_live(20);
    assert!(rig.playhead.is_following());
    assert_eq!(rig.playhead.rate(), 1.0);
}

#[test]
fn evicted_frames_are_skipped() {
    let mut rig = Rig::live();
    rig.wait_live(20);
    rig.playhead.toggle(&mut rig.source);
    rig.wait_live(100);
    rig.source.evict(70);
    rig.playhead.toggle(&mut rig.source);
    rig.wait_live(6);
    let next = rig.passed.iter().find(|(id, _)| *id >= 70).map(|(id, _)| *id);
    assert_eq!(next, Some(70), "{:?}", rig.passed);
    rig.playhead.jump(&mut rig.source, -1000.0);
    rig.wait_live(1);
    assert!(rig.playhead.position() >= at(70) && rig.playhead.position() <= at(72));
}

#[test]
fn an_empty_medium_ends_at_once() {
    let mut rig = Rig::recorded();
    rig.playhead.on_ended(&rig.source);
    assert_eq!(rig.feed(), Next::Over(Duration::ZERO));
    assert!(rig.playhead.is_ended());
}
