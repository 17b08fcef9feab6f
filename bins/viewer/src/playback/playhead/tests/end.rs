//! The end of a recorded medium, and how to get there.
use super::*;

/// What a server does when it is asked for a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Habit {
    /// It begins with the first frame at the place or after it.
    Next,
    /// It begins three frames earlier.
    Earlier,
    /// It has nothing in the last half second, and refuses to play there.
    Refuses,
    /// The same, and says that it is over.
    IsOver,
}

const HABITS: [Habit; 4] = [Habit::Next, Habit::Earlier, Habit::Refuses, Habit::IsOver];

impl Rig {
    /// A hundred frames. A server that has nothing in the last half second says more of their length.
    fn of(habit: Habit) -> Self {
        let more = if matches!(habit, Habit::Refuses | Habit::IsOver) { SECOND / 2 } else { Duration::ZERO };
        Self::new(Fake::new(vec![vec![0; 100]; 100], FRAME).announcing(FRAME * 100 + more), SECOND / 2)
    }

    /// Lets time pass while the server sends all that it is asked for, at twice the rate.
    fn wait_served(&mut self, habit: Habit, span: Duration) {
        let mut asked = self.asked();
        for _ in 0..span.as_millis() / FRAME.as_millis() {
            self.wait(FRAME);
            if self.asked() > asked {
                asked = self.asked();
                let nothing = self.source.is_at_end();
                match habit {
                    Habit::Refuses if nothing => self.playhead.on_refused(),
                    Habit::Earlier => self.source.go_back(3),
                    _ => {}
                }
            }
            self.source.arrive(2);
            if self.source.is_at_end() && !self.playhead.is_complete() {
                self.playhead.on_ended(&self.source);
            }
        }
    }

    fn end(&mut self) {
        let end = MediaTime::ZERO + self.source.duration().unwrap().into();
        self.playhead.seek(&mut self.source, end);
    }

    /// Returns the places in the medium of the frames that were passed on, each with those that follow it in
    /// place of their numbers.
    fn places(&self) -> Vec<u64> {
        let place = |id| self.source.frame_time(VIDEO, FrameId(id)).unwrap().start;
        let frame = Duration::from_millis(40).as_micros() as u64;
        self.passed.iter().map(|(id, _)| place(*id).as_micros() / frame).collect()
    }

    #[track_caller]
    fn assert_at_end(&self, what: &str) {
        assert_eq!((self.playhead.position(), self.playhead.is_ended()), (at(99), true), "{what}");
        assert!(!self.playhead.is_waiting(), "{what}");
    }
}

#[test]
fn the_end_of_what_is_not_cached_is_its_last_frame() {
    for habit in HABITS {
        for arrived in [20, 60, 96, 99] {
            let mut rig = Rig::of(habit);
            rig.source.arrive(arrived);
            rig.wait(2 * FRAME);
            rig.end();
            rig.wait_served(habit, 3 * SECOND);
            rig.assert_at_end(&format!("{habit:?} after {arrived}"));
            assert!(rig.asked() <= 2, "{habit:?} after {arrived}");
        }
    }
}

#[test]
fn jumps_near_the_end_play_what_is_left() {
    for habit in HABITS {
        let mut rig = Rig::of(habit);
        rig.source.arrive(20);
        rig.wait(2 * FRAME);
        rig.playhead.seek(&mut rig.source, at(90));
        rig.wait_served(habit, SECOND * 2 / 5);
        assert!(!rig.playhead.is_waiting(), "{habit:?}: four tenths of a second are all that will come");
        rig.playhead.jump(&mut rig.source, 5.0);
        rig.wait_served(habit, 2 * SECOND);
        rig.assert_at_end(&format!("{habit:?}"));
    }
}

#[test]
fn a_clip_plays_to_its_end_after_its_end_was_seen() {
    for habit in HABITS {
        let mut rig = Rig::of(habit);
        rig.source.arrive(30);
        rig.wait(2 * FRAME);
        for _ in 0..2 {
            rig.end();
            rig.wait_served(habit, 2 * SECOND);
            rig.assert_at_end(&format!("{habit:?}"));
            rig.playhead.seek(&mut rig.source, at(0));
            rig.wait_served(habit, SECOND / 2);
            rig.end();
            rig.wait_served(habit, SECOND / 10);
        }
        rig.playhead.seek(&mut rig.source, at(0));
        rig.passed.clear();
        rig.wait_served(habit, 6 * SECOND);
        assert_eq!(rig.places(), (0..100).collect::<Vec<_>>(), "{habit:?}");
        rig.assert_at_end(&format!("{habit:?}"));
    }
}

#[test]
fn a_held_picture_goes_to_the_last_frame() {
    for habit in HABITS {
        let mut rig = Rig::of(habit);
        rig.source.arrive(20);
        rig.wait(2 * FRAME);
        rig.playhead.toggle(&mut rig.source);
        rig.end();
        rig.wait_served(habit, 2 * SECOND);
        assert_eq!(rig.playhead.position(), at(99), "{habit:?}");
        assert!(rig.playhead.is_held() && !rig.playhead.is_waiting(), "{habit:?}");
        rig.playhead.step(&mut rig.source, true);
        rig.wait_served(habit, SECOND);
        assert_eq!(rig.playhead.position(), at(99), "{habit:?}");
        rig.playhead.step(&mut rig.source, false);
        rig.wait_served(habit, 2 * SECOND);
        assert_eq!(rig.playhead.position(), at(98), "{habit:?}");
        rig.playhead.toggle(&mut rig.source);
        rig.wait_served(habit, SECOND);
        rig.assert_at_end(&format!("{habit:?}"));
    }
}

#[test]
fn the_last_frame_is_found_at_any_rate_of_frames() {
    for (interval, count) in [(5 * SECOND, 3), (SECOND, 1), (Duration::from_micros(33_333), 90)] {
        let fake =
            Fake::new(vec![vec![0; 100]; count], interval).announcing(interval * count as u32 + SECOND / 999);
        let mut rig = Rig::new(fake, SECOND);
        rig.source.arrive(1);
        rig.wait(FRAME);
        rig.end();
        rig.wait_served(Habit::Next, 12 * SECOND);
        let last = MediaTime::ZERO + (interval * (count as u32 - 1)).into();
        // RTP's clock does not have these times exactly.
        let off = last.since(rig.playhead.position()).max(rig.playhead.position().since(last));
        assert!(off < MediaDuration::from_millis(1) && rig.playhead.is_ended(), "{interval:?}: {off:?}");
    }
}

#[test]
fn the_end_of_an_empty_rest_is_where_the_frames_end() {
    // The server has said four times the length.
    let fake = Fake::new(vec![vec![0; 100]; 100], FRAME).announcing(16 * SECOND);
    let mut rig = Rig::new(fake, SECOND / 2);
    rig.source.arrive(20);
    rig.wait(2 * FRAME);
    rig.end();
    rig.wait_served(Habit::IsOver, 10 * SECOND);
    rig.assert_at_end("after some attempts");
    assert!(rig.asked() <= 6, "{}", rig.asked());
}
