//! Which frame of a medium a browser is sent next, and when.
use pinhole::frame::{FrameId, FrameStore, Miss, Seek, TrackId};
use pinhole::rtp::Want;
use pinhole::time::{Duration, Instant, MediaTime};

/// A browser that is later than this goes on at the newest frame, whyever it is late.
const LATE: Duration = Duration::from_secs(1);
/// The most frames that are passed over at once.
const MAX_STEPS: usize = 64;

/// What a browser is sent next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// This frame, now. Call [`FramePicker::sent`] when it is taken.
    Frame(FrameId),
    /// Nothing before this time.
    At(Instant),
    /// Nothing before the store has changed.
    Wait,
    /// Nothing any more.
    End,
}

/// Picks the frames of one medium for one browser. Recorded media begin at their first frame, live ones at the newest.
#[derive(Debug)]
pub(super) struct FramePicker {
    track: TrackId,
    is_live: bool,
    next: Option<FrameId>,
    /// When the first frame was sent, and its time in ticks.
    start: Option<(Instant, u64)>,
    /// When the next frame is due, as far as it is known.
    due: Instant,
    /// Whether the next frame is not there yet. It is waited for, and not given up for a newer one that would have to
    /// be waited for, too.
    waits: bool,
    /// How many frames were left out for time.
    skipped: u64,
}

impl FramePicker {
    pub(super) const fn new(media: u16, is_live: bool) -> Self {
        Self {
            track: TrackId { media, track: 0 },
            is_live,
            next: None,
            start: None,
            due: Instant::ZERO,
            waits: false,
            skipped: 0,
        }
    }

    pub(super) const fn track(&self) -> TrackId {
        self.track
    }

    /// Returns how many frames were left out for time.
    pub(super) const fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Returns the frame that is needed next.
    pub(super) fn want(&self) -> Want {
        Want {
            track: self.track,
            frame: self.next.unwrap_or_default(),
            by: self.due,
            backwards: false,
            held_until: None,
        }
    }

    /// Returns what comes next. If `is_slow`, the browser has held up the frame before, and goes on at the newest one.
    pub(super) fn next(&mut self, now: Instant, store: &impl FrameStore, is_slow: bool) -> Next {
        for _ in 0..MAX_STEPS {
            let next = match self.next {
                Some(next) => next,
                None => match store.seek(self.track, self.place(now, store)) {
                    Ok(first) => *self.next.insert(first),
                    Err(Miss::End) => return Next::End,
                    Err(_) => return Next::Wait,
                },
            };
            if self.start.is_some() && !self.is_live {
                match store.time(self.track, next) {
                    Ok(time) => self.due = self.due_at(time, store),
                    Err(_) => return Next::End,
                }
                if self.due > now {
                    return Next::At(self.due);
                }
            }
            if let Some(newest) = self.newest(now, next, store, is_slow) {
                self.skipped += newest.0 - next.0;
                (self.next, self.waits) = (Some(newest), false);
                continue;
            }
            match store.frame(self.track, next) {
                Ok(frame) => {
                    self.start.get_or_insert((now, frame.time));
                    return Next::Frame(next);
                }
                Err(Miss::NotYet) => {
                    self.waits = true;
                    if self.is_live && self.start.is_none() {
                        // It begins at what is the newest one then.
                        self.next = None;
                    }
                    return Next::Wait;
                }
                Err(Miss::Overrun { newest }) if newest > next => {
                    self.skipped += newest.0 - next.0;
                    self.next = Some(newest);
                }
                Err(Miss::Overrun { .. }) => return Next::Wait,
                Err(Miss::Unusable) => self.next = Some(next.next()),
                Err(Miss::End) => return Next::End,
            }
        }
        Next::At(now)
    }

    /// Notes that the frame that [`Self::next`] returned is taken.
    pub(super) fn sent(&mut self) {
        self.next = self.next.map(FrameId::next);
        self.waits = false;
    }

    /// Returns the newest frame that is due, if it is to be sent in place of `next`.
    fn newest(&self, now: Instant, next: FrameId, store: &impl FrameStore, is_slow: bool) -> Option<FrameId> {
        let start = self.start?;
        let newest = if self.is_live {
            store.seek(self.track, Seek::Live).ok()?
        } else {
            // The first one that is not due yet, or the number after the last one.
            let after = store.seek(self.track, self.place(now, store)).ok()?;
            let is_due = store.time(self.track, after).is_ok_and(|time| self.due_at(time, store) <= now);
            if is_due { after } else { FrameId(after.0.checked_sub(1)?) }
        };
        let is_late = || {
            let time = |id| store.time(self.track, id).ok();
            match (self.is_live, time(next), time(newest)) {
                (true, Some(time), Some(newest)) => self.span(newest.saturating_sub(time), store) > LATE,
                (false, Some(time), _) => now.since(self.due_at(time, store)) > LATE,
                _ => start.0 + LATE < now,
            }
        };
        (newest > next && ((is_slow && !self.waits) || is_late())).then_some(newest)
    }

    /// Returns where playing is now.
    fn place(&self, now: Instant, store: &impl FrameStore) -> Seek {
        match self.start {
            _ if self.is_live => Seek::Live,
            None => Seek::To(MediaTime::ZERO),
            Some((at, first)) => Seek::To(MediaTime::ZERO + self.span(first, store) + now.since(at)),
        }
    }

    /// Returns when a frame is due, by its time.
    fn due_at(&self, time: u64, store: &impl FrameStore) -> Instant {
        let (at, first) = self.start.unwrap_or_default();
        at + self.span(time.saturating_sub(first), store)
    }

    fn span(&self, ticks: u64, store: &impl FrameStore) -> Duration {
        Duration::from_ticks(ticks, store.info(self.track).map_or(0, |info| info.clock_rate))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pinhole::codec::jpeg;
    use pinhole::frame::{Frame, TrackInfo};
    use proptest::prelude::*;
    use std::cell::RefCell;
    use std::collections::HashSet;

    const INTERVAL: u64 = 40_000;

    /// A medium of 25 frames a second. A recorded one has `frames`; of a live one, the frames `window` are there.
    #[derive(Default)]
    struct Store {
        frames: u64,
        live: Option<std::ops::Range<u64>>,
        missing: RefCell<HashSet<u64>>,
        unusable: HashSet<u64>,
    }

    impl FrameStore for Store {
        fn info(&self, _: TrackId) -> Option<TrackInfo<'_>> {
            Some(jpeg::TRACK)
        }

        fn frame(&self, track: TrackId, id: FrameId) -> Result<Frame<'_>, Miss> {
            let time = self.time(track, id)?;
            match &self.live {
                Some(window) if id.0 < window.start => {
                    return Err(Miss::Overrun { newest: FrameId(window.end - 1) });
                }
                Some(window) if id.0 >= window.end => return Err(Miss::NotYet),
                _ => {}
            }
            if self.unusable.contains(&id.0) {
                return Err(Miss::Unusable);
            }
            match self.missing.borrow().contains(&id.0) {
                true => Err(Miss::NotYet),
                false => Ok(Frame::intra(&[], time, 3600)),
            }
        }

        fn seek(&self, _: TrackId, to: Seek) -> Result<FrameId, Miss> {
            Ok(match (&self.live, to) {
                (Some(window), _) => FrameId(window.end.saturating_sub(1)),
                (None, Seek::Live) => FrameId(0),
                (None, Seek::To(time)) => FrameId(time.as_micros().div_ceil(INTERVAL).min(self.frames)),
            })
        }

        fn time(&self, _: TrackId, id: FrameId) -> Result<u64, Miss> {
            if self.live.is_none() && id.0 >= self.frames {
                return Err(Miss::End);
            }
            Ok(id.0 * 3600)
        }
    }

    fn at(micros: u64) -> Instant {
        Instant::from_micros(1_000_000 + micros)
    }

    fn recorded(frames: u64) -> (Store, FramePicker) {
        (Store { frames, ..Store::default() }, FramePicker::new(0, false))
    }

    #[test]
    fn a_recorded_medium_is_played_from_the_begin_to_the_end_at_its_rate() {
        let (store, mut picker) = recorded(100);
        for n in 0..100 {
            let due = n * INTERVAL;
            if n > 0 {
                assert_eq!(picker.next(at(due - 1), &store, false), Next::At(at(due)));
            }
            assert_eq!(picker.next(at(due), &store, true), Next::Frame(FrameId(n)));
            picker.sent();
        }
        assert_eq!(picker.next(at(100 * INTERVAL), &store, true), Next::End);
        assert_eq!(picker.skipped(), 0);
    }

    #[test]
    fn a_slow_browser_gets_the_newest_frame_and_the_last_one() {
        let (store, mut picker) = recorded(50);
        assert_eq!(picker.next(at(0), &store, false), Next::Frame(FrameId(0)));
        picker.sent();
        assert_eq!(picker.next(at(10 * INTERVAL + 5), &store, true), Next::Frame(FrameId(10)));
        picker.sent();
        assert_eq!(picker.skipped(), 9);
        // Long after the end.
        assert_eq!(picker.next(at(10_000 * INTERVAL), &store, true), Next::Frame(FrameId(49)));
        picker.sent();
        assert_eq!(picker.next(at(10_000 * INTERVAL), &store, true), Next::End);
    }

    #[test]
    fn a_late_turn_costs_no_frame_for_a_second() {
        let (store, mut picker) = recorded(100);
        assert_eq!(picker.next(at(0), &store, false), Next::Frame(FrameId(0)));
        picker.sent();
        for n in 1..=20 {
            assert_eq!(picker.next(at(20 * INTERVAL), &store, false), Next::Frame(FrameId(n)));
            picker.sent();
        }
        assert_eq!(picker.next(at(21 * INTERVAL + 1_000_001), &store, false), Next::Frame(FrameId(46)));
    }

    #[test]
    fn a_frame_that_has_to_be_loaded_is_waited_for() {
        let (store, mut picker) = recorded(100);
        store.missing.borrow_mut().extend([0, 1]);
        assert_eq!(picker.next(at(0), &store, false), Next::Wait);
        assert_eq!((picker.want().frame, picker.want().by), (FrameId(0), Instant::ZERO));
        store.missing.borrow_mut().remove(&0);
        // Its time begins now.
        assert_eq!(picker.next(at(900_000), &store, false), Next::Frame(FrameId(0)));
        picker.sent();
        assert_eq!(picker.next(at(900_000), &store, false), Next::At(at(900_000 + INTERVAL)));
        for late in [1, 5, 20] {
            assert_eq!(picker.next(at(900_000 + late * INTERVAL), &store, late > 1), Next::Wait);
            assert_eq!(picker.want().frame, FrameId(1), "no newer one, which may have to be loaded, too");
        }
        store.missing.borrow_mut().clear();
        assert_eq!(picker.next(at(900_000 + 20 * INTERVAL), &store, true), Next::Frame(FrameId(1)));
    }

    #[test]
    fn what_cannot_be_sent_is_passed_over() {
        let (mut store, mut picker) = recorded(300);
        store.unusable.extend((0..3).chain(4..200));
        assert_eq!(picker.next(at(0), &store, false), Next::Frame(FrameId(3)));
        picker.sent();
        assert_eq!(picker.next(at(INTERVAL), &store, false), Next::At(at(2 * INTERVAL)));
    }

    #[test]
    fn a_live_medium_begins_and_goes_on_at_the_newest_frame() {
        let mut picker = FramePicker::new(0, true);
        let store = |window| Store { live: Some(window), ..Store::default() };
        assert_eq!(picker.next(at(0), &store(0..0), false), Next::Wait);
        assert_eq!(picker.next(at(0), &store(0..7), false), Next::Frame(FrameId(6)));
        picker.sent();
        assert_eq!(picker.next(at(0), &store(0..7), false), Next::Wait);
        assert_eq!(picker.next(at(0), &store(0..9), false), Next::Frame(FrameId(7)));
        picker.sent();
        assert_eq!(picker.next(at(0), &store(0..20), true), Next::Frame(FrameId(19)));
        picker.sent();
        // More than a second late, and what is gone.
        assert_eq!(picker.next(at(0), &store(0..60), false), Next::Frame(FrameId(59)));
        picker.sent();
        assert_eq!(picker.next(at(0), &store(70..75), false), Next::Frame(FrameId(74)));
        assert_eq!(picker.skipped(), 11 + 39 + 14);
    }

    proptest! {
        #[test]
        fn frames_only_go_forward_and_none_is_early(
            steps in prop::collection::vec((0u64..300_000, any::<bool>()), 1..60),
            frames in 1u64..200,
        ) {
            let (store, mut picker) = recorded(frames);
            let (mut now, mut last, mut sent) = (0, None, 0);
            for (step, is_slow) in steps {
                now += step;
                match picker.next(at(now), &store, is_slow) {
                    Next::Frame(id) => {
                        prop_assert!(last.is_none_or(|last| id > last));
                        let start = picker.start.unwrap().0.as_micros() - 1_000_000;
                        prop_assert!(start + id.0 * INTERVAL <= now);
                        (last, sent) = (Some(id), sent + 1);
                        picker.sent();
                        prop_assert_eq!(sent + picker.skipped(), id.0 + 1);
                    }
                    Next::End => prop_assert_eq!(last, Some(FrameId(frames - 1))),
                    Next::At(at_time) => prop_assert!(at_time > at(now)),
                    Next::Wait => prop_assert!(false),
                }
            }
        }
    }
}
