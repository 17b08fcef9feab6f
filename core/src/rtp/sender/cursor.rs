//! Which frame is sent next.
use super::adapt::ADAPTS;
use super::burst::{Burst, Position};
use super::select::{Cause, Choice, Pressure};
use super::{Pace, Phase, Place, Sender, Target};
use crate::frame::{Frame, FrameId, FrameStore, Miss, Seek};
use crate::payload::Cursor;
use crate::time::{Duration, Instant, Now};

/// After frames were left out because the sender was late, a lateness of one in so many parts of the
/// configured one is enough to leave out more, for as many times the configured one.
const HURRY: u32 = 8;
/// How many frames one look passes over at most. The next look goes on.
const MAX_PASSED: u32 = 64;

impl Sender {
    /// Brings the cursor to a frame that can be sent. To do it twice has the same effect as to do it once.
    pub(crate) fn settle<S: FrameStore + ?Sized>(&mut self, now: Now, store: &S) {
        // Bounded: a store may have nothing but frames that cannot be sent.
        for _ in 0..MAX_PASSED {
            if !self.settle_once(now, store) {
                return;
            }
        }
    }

    /// Looks at the frame at the cursor; returns whether the cursor moved, and another is to be looked at.
    fn settle_once<S: FrameStore + ?Sized>(&mut self, now: Now, store: &S) -> bool {
        if !matches!(self.phase, Phase::Playing | Phase::Pausing) {
            return false;
        }
        if self.is_between_places() {
            return self.find_place(now, store);
        }
        // Borrowed where it lies: to take a frame out of its result copies it.
        let found = &store.frame(self.track, self.frame);
        if !self.cursor.is_start()
            && (self.phase == Phase::Pausing || self.target.is_some())
            && found.is_err()
        {
            // What is left of the frame is gone: there is nothing to finish.
            self.leave_frame(1);
            return true;
        }
        match found {
            _ if self.before_start => self.end(now, true),
            Ok(_) if !self.cursor.is_start() => {}
            Ok(frame) => return self.settle_frame(now, frame, store),
            // Recorded media may be read ahead only just in time: their own clock holds, also where they are
            // played over and over and so have no end. Their times are known before their frames are there.
            Err(Miss::NotYet) => {
                self.at_live_edge = self.live && store.time(self.track, self.frame).is_err();
            }
            Err(Miss::Unusable) => return self.pass_over(1),
            Err(Miss::Overrun { newest }) if !self.pace.is_reverse() => {
                // A sender so late that live frames are gone before they are due would stay so.
                self.at_live_edge = self.live;
                return self.pass_over(self.pace.steps(self.frame, *newest, self.stride(), 0).max(1));
            }
            // Backwards, to go on with the newest would be to turn round.
            Err(Miss::Overrun { .. } | Miss::End) => self.end(now, true),
        }
        false
    }

    /// Decides about a frame of which nothing is sent yet; returns whether it was left out.
    fn settle_frame<S: FrameStore + ?Sized>(&mut self, now: Now, frame: &Frame<'_>, store: &S) -> bool {
        if !self.settled {
            if self.is_beyond_stop(frame.time) {
                self.end(now, false);
                return false;
            }
            self.frame_due = self.settle_clock(now, frame);
            let Some(info) = &store.info(self.track) else { return false };
            let Some(packetizer) = &self.packetizer(info, frame) else { return self.pass_over(1) };
            self.schedule(frame, packetizer);
            if ADAPTS && let Some(adaptation) = &mut self.adaptation {
                self.adapted |= adaptation.rise(now.at);
            }
        }
        let late = self.late();
        // A sender that cannot keep up at all is late again soon: little at a time is left out then, or the
        // picture would go slowly for a while and then jump.
        let bound = if now.at < self.hurry_until { late.times(1, HURRY) } else { late };
        let lateness = self.pace.required(now.at.since(self.frame_due));
        if self.settled && lateness <= bound {
            return false;
        }
        self.settled = true;
        let one_in = match frame.flags.is_intra() {
            true => 1,
            false => self.one_in(self.shown(frame)).saturating_mul(u64::from(self.pace.stride())),
        };
        let pressure = Pressure { reverse: self.pace.is_reverse(), one_in, lateness, bound };
        match self.selection.choose(frame.flags, &pressure) {
            Choice::Send => false,
            Choice::CatchUp => {
                self.hurry_until = now.at + late.times(HURRY, 1);
                self.catch_up(lateness, frame, store)
            }
            Choice::LeaveOut(Cause::Skipped) => self.skip(1),
            Choice::LeaveOut(cause) => {
                self.counters.frames_thinned =
                    self.counters.frames_thinned.wrapping_add(u64::from(cause == Cause::Thinned));
                self.go_on(1);
                true
            }
        }
    }

    /// Leaves out the frames that are late, but for the last one to be played, which stays on the screen; returns
    /// whether there are any.
    fn catch_up<S: FrameStore + ?Sized>(&mut self, lateness: Duration, frame: &Frame<'_>, store: &S) -> bool {
        let behind = self.pace.media_span(lateness - self.span(self.shown(frame)));
        let (time, stop) = (self.media_time(frame.time), self.media_time(self.stop));
        let to = if self.pace.is_reverse() { (time - behind).max(stop) } else { (time + behind).min(stop) };
        let Ok(to) = self.pace.seek(store, self.track, self.clock_rate, Seek::To(to)) else { return false };
        let is_beyond = match store.time(self.track, to) {
            Ok(time) => self.is_beyond_stop(time),
            Err(miss) => miss == Miss::End,
        };
        let steps = self.pace.steps(self.frame, to, self.stride(), u64::from(is_beyond));
        steps > 0 && self.pass_over(steps)
    }

    /// Moves the cursor past what `burst` has passed.
    pub(crate) fn pass(&mut self, now: Now, burst: &Burst<'_>) {
        let Position { sequence_number, cursor, left, packets, octets } = burst.at;
        if packets == 0 {
            return;
        }
        if self.cursor.is_start() {
            // A frame is late by hours only where nothing else matters any more.
            self.begun_late = now.at.since(self.frame_due).as_micros() as u32;
        }
        self.sequence_number = sequence_number;
        self.counters.packets = self.counters.packets.wrapping_add(u64::from(packets));
        self.counters.octets = self.counters.octets.wrapping_add(u64::from(octets));
        self.packet_in_frame = self.packet_in_frame.wrapping_add(packets);
        if left == 0 || cursor.is_none() {
            self.not_before = now.at + self.wait();
        }
        // Also of a frame whose rest will be gone: the next one must not have its RTP time.
        self.played = burst.played;
        match cursor {
            Some(next) => self.cursor = next,
            None => {
                self.cursor = Cursor::START;
                self.counters.frames = self.counters.frames.wrapping_add(1);
                // Frames with references between them are thinned one by one, by a look at each.
                let steps = if self.selection.is_intra() { self.one_in(burst.shown) } else { 1 };
                self.selection.passed_on(steps.saturating_mul(u64::from(self.stride())));
                self.counters.frames_thinned =
                    self.counters.frames_thinned.wrapping_add(steps.saturating_sub(1));
                self.leave_frame(steps);
            }
        }
    }

    /// Looks for the place of the newest PLAY; returns whether the store knows it, and the cursor is there.
    fn find_place<S: FrameStore + ?Sized>(&mut self, now: Now, store: &S) -> bool {
        if let Some(target) = &mut self.target
            && let Place::Seek(to) = target.place
        {
            match target.pace.seek(store, self.track, self.clock_rate, to) {
                Ok(frame) => target.place = Place::Frame(frame),
                Err(Miss::NotYet) => return false,
                Err(_) => {
                    self.end(now, true);
                    return false;
                }
            }
        }
        self.take_target();
        true
    }

    /// Goes to where the newest PLAY begins, if that is known.
    pub(super) fn take_target(&mut self) {
        let Some(Target { place: Place::Frame(frame), .. }) = &self.target else { return };
        let frame = *frame;
        // RTP time goes on after the newest frame that was begun (RFC 2326, B).
        self.rtp_base = self.rtp_at(self.played);
        self.played = 0;
        if frame != self.frame {
            self.selection.restart();
        }
        self.at_frame(frame);
        if let Some(target) = &self.target {
            (self.origin, self.pace) = (target.origin, target.pace);
            (self.stop, self.live) = (target.stop, target.live);
        }
        self.target = None;
        self.at_live_edge = false;
    }

    /// Returns where a PLAY without a place goes on: with the frame after what was begun.
    pub(super) fn resume_at(&self, pace: Pace) -> Place {
        match &self.target {
            Some(target) => target.place,
            None if !self.cursor.is_start() => {
                let stride = if self.selection.is_intra() { pace.stride() } else { 1 };
                Place::Frame(pace.step(self.frame, 1, stride).unwrap_or(self.frame))
            }
            None => Place::Frame(self.frame),
        }
    }

    /// Whether the sender has left one place, and the next is not known yet.
    pub(super) fn is_between_places(&self) -> bool {
        self.target.is_some() && self.cursor.is_start()
    }

    pub(super) fn is_beyond_stop(&self, time: u64) -> bool {
        if self.pace.is_reverse() { time < self.stop } else { time >= self.stop }
    }

    /// How many frames a stride is. Frames with references between them are looked at one by one.
    pub(super) fn stride(&self) -> u32 {
        if self.selection.is_intra() { self.pace.stride() } else { 1 }
    }

    /// One frame in so many is to be sent by what the receiver reports, where each is shown for so many
    /// ticks.
    fn one_in(&self, shown: u64) -> u64 {
        match &self.adaptation {
            Some(adaptation) if ADAPTS && adaptation.one_in() > 1 => adaptation.steps(self.span(shown)),
            _ => 1,
        }
    }

    /// The last frame is sent: BYE follows when it was shown. So it does at the end of a range, too: without
    /// a BYE no receiver knows that nothing more comes.
    fn end(&mut self, now: Now, over: bool) {
        let at = self.due_at(self.played).unwrap_or(now.at);
        self.phase = Phase::Ending { at, over };
    }

    /// Returns when a frame is due: begins the schedule with the first frame, and adjusts it at the edge of a
    /// live medium.
    fn settle_clock(&mut self, now: Now, frame: &Frame<'_>) -> Instant {
        if !self.selection.awaits_sync(frame.flags) {
            self.origin.begin(now.at, frame.time, self.pace.is_reverse());
        }
        let due = self.due_at(self.played_at(frame)).unwrap_or_default();
        // At the edge, what came before it is due is not held back, for nothing would be gained. And where
        // the newest there is is late, the source's clock is slow, or stood still: to leave it out would be
        // to leave out all that follow.
        if core::mem::take(&mut self.at_live_edge) && (due > now.at || now.at.since(due) > self.late()) {
            self.origin.shift(due, now.at);
            return now.at;
        }
        due
    }

    pub(super) const fn late(&self) -> Duration {
        Duration::from_micros(self.late_micros as u64)
    }

    /// Leaves out so many strides of frames that cannot be had, or not in time, and that others may need;
    /// returns `true`.
    fn pass_over(&mut self, strides: u64) -> bool {
        self.selection.passed_over();
        self.skip(strides)
    }

    /// Leaves out so many strides, which count as skipped; returns `true`.
    fn skip(&mut self, strides: u64) -> bool {
        self.counters.frames_skipped = self.counters.frames_skipped.wrapping_add(strides);
        self.skipped = self.skipped.saturating_add(u32::try_from(strides).unwrap_or(u32::MAX));
        self.go_on(strides);
        true
    }

    /// Goes on after the frame at the cursor: with what waited for its end, or else so many strides on.
    fn leave_frame(&mut self, strides: u64) {
        self.go_on(strides);
        if self.phase == Phase::Pausing {
            self.phase = Phase::Ready;
        }
        self.take_target();
    }

    fn go_on(&mut self, strides: u64) {
        let next = self.pace.step(self.frame, strides, self.stride());
        self.at_frame(next.unwrap_or(self.frame));
        self.before_start = next.is_none();
    }

    /// Brings the cursor to the start of a frame.
    pub(super) fn at_frame(&mut self, frame: FrameId) {
        if !self.cursor.is_start() {
            // The rest of the one before is gone. Without a gap it would look as if it had come to its
            // end: not every sender marks it.
            self.sequence_number = self.sequence_number.wrapping_add(1);
        }
        (self.frame, self.cursor, self.packet_in_frame) = (frame, Cursor::START, 0);
        (self.before_start, self.settled) = (false, false);
    }
}
