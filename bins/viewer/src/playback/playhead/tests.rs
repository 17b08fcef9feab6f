use super::*;
use crate::stream::fake::Fake;

const FRAME: Duration = Duration::from_millis(40);
const SECOND: Duration = Duration::from_secs(1);

/// A playhead over a source, and the player's clock.
struct Rig {
    source: Fake,
    playhead: Playhead,
    now: Duration,
    /// All that was handed over: the frame, and when it is due.
    given: Vec<(u64, Duration)>,
}

impl Rig {
    fn new(source: Fake, prebuffer: Duration) -> Self {
        Self { source, playhead: Playhead::new(prebuffer), now: Duration::ZERO, given: Vec::new() }
    }

    /// Recorded, a hundred frames, half a second of which are wanted.
    fn recorded() -> Self {
        Self::new(Fake::new(vec![vec![0; 100]; 100], (32, 16), FRAME), SECOND / 2)
    }

    fn live() -> Self {
        Self::new(Fake::new(vec![vec![0; 100]; 1000], (32, 16), FRAME).live(), SECOND / 2)
    }

    /// All comes.
    fn complete() -> Self {
        let mut rig = Self::recorded();
        rig.source.arrive(100);
        rig.playhead.set_complete(true);
        rig
    }

    /// Hands over all that can be.
    fn feed(&mut self) -> Next {
        for _ in 0..1000 {
            match self.playhead.next(&mut self.source, self.now) {
                Next::Frame(showing) => self.given.push((showing.id.0, showing.due)),
                next => return next,
            }
        }
        panic!("it hands over without end: {:?}", self.given);
    }

    /// Time goes by, of which the clock sees what it is let.
    fn pass(&mut self, span: Duration) {
        let steps = span.as_millis();
        for _ in 0..steps {
            self.feed();
            if self.playhead.runs() {
                self.now += Duration::from_millis(1);
            }
        }
        self.feed();
    }

    /// As [`Self::pass`], while frames come in real time.
    fn pass_live(&mut self, frames: usize) {
        for _ in 0..frames {
            self.source.arrive(1);
            self.pass(FRAME);
        }
    }

    fn shown(&self) -> u64 {
        let shown = self.given.iter().rev().find(|(_, due)| *due <= self.now);
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
fn a_recorded_medium_is_buffered_before_the_first_picture_and_then_plays_by_its_times() {
    let mut rig = Rig::recorded();
    rig.source.arrive(12);
    rig.pass(SECOND);
    assert_eq!((rig.given.len(), rig.now), (0, Duration::ZERO));
    assert_eq!(rig.playhead.buffered(&rig.source), (12 * FRAME, SECOND / 2));
    rig.source.arrive(88);
    rig.playhead.set_complete(true);
    rig.pass(100 * FRAME);
    let expected: Vec<_> = (0..100).map(|n| (n, FRAME * n as u32)).collect();
    assert_eq!(rig.given, expected);
    assert!(rig.playhead.is_ended() && !rig.playhead.runs());
    assert_eq!((rig.playhead.position(), rig.playhead.stalls()), (at(99), 0));
}

#[test]
fn a_medium_that_is_shorter_than_the_buffer_plays_once_it_is_there() {
    let mut rig = Rig::new(Fake::new(vec![vec![0; 100]; 3], (32, 16), FRAME), SECOND);
    rig.source.arrive(3);
    rig.pass(SECOND);
    assert_eq!(rig.given, []);
    rig.playhead.set_complete(true);
    rig.pass(3 * FRAME);
    assert_eq!(rig.given.len(), 3);
    assert!(rig.playhead.is_ended());
}

#[test]
fn a_stall_that_is_shorter_than_the_buffer_is_not_seen_and_a_longer_one_is_buffered_again() {
    let mut rig = Rig::recorded();
    rig.source.arrive(25);
    rig.pass(20 * FRAME);
    rig.source.arrive(10);
    rig.pass(10 * FRAME);
    let on_time: Vec<_> = (0..35).map(|n| (n, FRAME * n as u32)).collect();
    assert_eq!(rig.given, on_time);
    rig.pass(SECOND);
    assert_eq!((rig.playhead.stalls(), rig.shown(), rig.now), (1, 34, 35 * FRAME));
    // Not enough, and then enough: nothing is left out, and the clock did not run meanwhile.
    rig.source.arrive(5);
    rig.pass(SECOND);
    assert_eq!(rig.now, 35 * FRAME);
    rig.source.arrive(20);
    rig.pass(5 * FRAME);
    assert_eq!((rig.shown(), rig.now), (40, 40 * FRAME));
    assert_eq!(rig.given[40], (40, FRAME * 40));
}

#[test]
fn a_cache_that_is_too_small_for_the_buffer_is_played_when_it_is_half_full() {
    let mut rig = Rig::recorded();
    rig.source = rig.source.with_capacity(1000);
    rig.source.arrive(4);
    assert_eq!((rig.feed(), rig.given.len()), (Next::Idle, 0));
    rig.source.arrive(1);
    rig.feed();
    assert!(!rig.given.is_empty());
}

#[test]
fn steps_show_exactly_the_next_frame_and_the_one_before_and_hold() {
    let mut rig = Rig::complete();
    rig.pass(10 * FRAME);
    assert_eq!(rig.shown(), 10);
    for (forward, frame) in [(true, 11), (true, 12), (false, 11), (false, 10), (false, 9)] {
        let generation = rig.playhead.generation();
        rig.given.clear();
        rig.playhead.step(&mut rig.source, forward);
        rig.pass(SECOND);
        assert_eq!(rig.given, [(frame, rig.now)], "only that one is decoded");
        assert!(rig.playhead.is_held() && rig.playhead.generation() > generation);
    }
    rig.playhead.toggle(&mut rig.source);
    rig.pass(FRAME);
    assert_eq!(rig.shown(), 10);
}

#[test]
fn there_is_no_step_beyond_the_ends() {
    let mut rig = Rig::complete();
    rig.feed();
    rig.playhead.step(&mut rig.source, false);
    rig.pass(FRAME);
    assert_eq!(rig.shown(), 0);
    rig.playhead.seek(&mut rig.source, at(99));
    rig.pass(FRAME);
    rig.playhead.step(&mut rig.source, true);
    rig.pass(FRAME);
    assert_eq!((rig.shown(), rig.asked()), (99, 0));
}

#[test]
fn a_seek_in_the_cache_asks_nobody_and_past_it_asks_the_server_once() {
    let mut rig = Rig::recorded();
    rig.source.arrive(50);
    rig.pass(2 * FRAME);
    rig.playhead.seek(&mut rig.source, at(30));
    rig.pass(FRAME);
    assert_eq!((rig.shown(), rig.asked()), (31, 0));
    rig.playhead.seek(&mut rig.source, at(70));
    assert_eq!((rig.playhead.position(), rig.asked()), (at(70), 1));
    rig.pass(SECOND);
    assert!(!rig.playhead.runs());
    // What comes first is shown while it is buffered.
    rig.source.arrive(1);
    rig.pass(SECOND);
    assert_eq!((rig.shown(), rig.playhead.position(), rig.playhead.runs()), (50, at(70), false));
    rig.source.arrive(20);
    rig.pass(3 * FRAME);
    assert_eq!((rig.playhead.position(), rig.asked()), (at(73), 1));
}

#[test]
fn a_server_that_begins_too_early_is_not_shown_before_the_place() {
    let mut rig = Rig::recorded();
    rig.source.arrive(10);
    rig.feed();
    rig.playhead.seek(&mut rig.source, at(60));
    rig.source.go_to(50);
    rig.source.arrive(8);
    rig.pass(FRAME);
    assert_eq!(rig.playhead.position(), at(60));
    assert!(rig.playhead.is_seeking());
    rig.source.arrive(30);
    rig.pass(FRAME);
    assert_eq!(rig.playhead.position(), at(61));
}

#[test]
fn a_place_beyond_the_end_is_the_last_frame() {
    let mut rig = Rig::recorded();
    rig.source.arrive(30);
    rig.feed();
    rig.playhead.jump(&mut rig.source, 1000.0);
    rig.source.arrive(5);
    rig.playhead.set_complete(true);
    rig.pass(2 * FRAME);
    assert_eq!(rig.playhead.position(), at(99));
    assert!(rig.playhead.is_ended());
    rig.playhead.jump(&mut rig.source, -1000.0);
    rig.feed();
    assert_eq!(rig.playhead.position(), at(0));
}

#[test]
fn after_a_seek_back_the_server_goes_on_where_the_cached_part_ends() {
    let mut rig = Rig::recorded();
    rig.source.arrive(20);
    rig.pass(FRAME);
    rig.playhead.seek(&mut rig.source, at(60));
    rig.source.arrive(40);
    rig.pass(FRAME);
    rig.playhead.seek(&mut rig.source, at(5));
    assert_eq!(rig.asked(), 2);
    rig.source.arrive(40);
    rig.playhead.set_complete(true);
    rig.given.clear();
    rig.pass(60 * FRAME);
    // The frames after number 19 are those that came last.
    let numbers: Vec<_> = rig.given.iter().map(|(id, _)| *id).collect();
    assert_eq!(numbers[..15], (5..20).collect::<Vec<_>>()[..]);
    assert_eq!(numbers[15..55], (60..100).collect::<Vec<_>>()[..]);
    assert_eq!(rig.playhead.stalls(), 0);
}

#[test]
fn a_gap_in_what_is_cached_is_fetched_when_it_is_reached() {
    let mut rig = Rig::recorded();
    rig.source.arrive(20);
    rig.source.go_to(60);
    rig.source.arrive(40);
    rig.pass(30 * FRAME);
    assert_eq!((rig.asked(), rig.shown()), (1, 19));
    rig.source.arrive(40);
    rig.pass(10 * FRAME);
    assert!(rig.playhead.position() > at(25), "{:?}", rig.playhead.position());
}

#[test]
fn at_another_rate_frames_are_due_sooner_or_later_from_the_one_that_is_shown() {
    for (rate, step) in [(0.25, 160), (2.0, 20), (4.0, 10)] {
        let mut rig = Rig::complete();
        rig.pass(10 * FRAME);
        rig.given.clear();
        let now = rig.now;
        rig.playhead.set_rate(rate, now);
        rig.pass(SECOND / 2);
        let expected: Vec<_> = (1..4).map(|n| (10 + n, now + Duration::from_millis(step * n))).collect();
        assert_eq!(rig.given[..3], expected[..], "at {rate}");
    }
    let mut rig = Rig::complete();
    for (rate, used) in [(99.0, 4.0), (0.0, 0.25), (f64::NAN, 1.0)] {
        rig.playhead.set_rate(rate, Duration::ZERO);
        assert_eq!(rig.playhead.rate(), used);
    }
}

#[test]
fn live_is_followed_at_the_edge_and_after_a_pause_it_is_behind_until_it_is_to_return() {
    let mut rig = Rig::live();
    rig.pass_live(20);
    assert!(rig.playhead.is_following());
    assert_eq!(rig.asked(), 0);
    let shown = rig.shown();
    rig.playhead.toggle(&mut rig.source);
    rig.pass_live(50);
    assert_eq!(rig.shown(), shown);
    rig.playhead.toggle(&mut rig.source);
    rig.pass_live(20);
    assert!(!rig.playhead.is_following());
    assert!(rig.shown().abs_diff(shown + 20) <= 1, "{} after {shown}", rig.shown());
    rig.playhead.go_live(&mut rig.source);
    rig.pass_live(20);
    assert!(rig.playhead.is_following());
    assert!(rig.shown() >= 110 - 6, "{}", rig.shown());
}

#[test]
fn who_catches_up_with_live_follows_it_at_its_rate() {
    let mut rig = Rig::live();
    rig.pass_live(50);
    rig.playhead.jump(&mut rig.source, -1.8);
    rig.feed();
    rig.playhead.set_rate(4.0, rig.now);
    rig.pass_live(5);
    assert!(!rig.playhead.is_following());
    rig.pass_live(20);
    assert!(rig.playhead.is_following());
    assert_eq!(rig.playhead.rate(), 1.0);
}

#[test]
fn what_is_evicted_from_under_it_is_passed_over() {
    let mut rig = Rig::live();
    rig.pass_live(20);
    rig.playhead.toggle(&mut rig.source);
    rig.pass_live(100);
    rig.source.evict(70);
    rig.playhead.toggle(&mut rig.source);
    rig.pass_live(6);
    let next = rig.given.iter().find(|(id, _)| *id >= 70).map(|(id, _)| *id);
    assert_eq!(next, Some(70), "{:?}", rig.given);
    rig.playhead.jump(&mut rig.source, -1000.0);
    rig.pass_live(1);
    assert!(rig.playhead.position() >= at(70) && rig.playhead.position() <= at(72));
}

#[test]
fn nothing_that_comes_ends_at_once() {
    let mut rig = Rig::recorded();
    rig.playhead.set_complete(true);
    assert_eq!(rig.feed(), Next::Over(Duration::ZERO));
    assert!(rig.playhead.is_ended());
}
