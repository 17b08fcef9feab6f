//! Which frame is sent next.
use super::burst::{Burst, Position};
use super::schedule::{Look, Origin};
use super::{Pace, Phase, Sender};
use crate::frame::{FrameId, FrameStore, Miss, Seek};
use crate::payload::Cursor;
use crate::time::{Duration, MediaTime, Now};

/// After frames were left out because the sender was late, a lateness of one in so many parts of the
/// configured one is enough to leave out more, for as many times the configured one.
const HURRY: u32 = 8;

impl Sender {
    /// Brings the cursor to a frame that can be sent, before it is looked at. To do it twice has the same
    /// effect as to do it once.
    pub(crate) fn settle<S: FrameStore + ?Sized>(&mut self, now: Now, store: &S) {
        if (self.phase == Phase::Pausing || self.target.is_some())
            && store.frame(self.track, self.frame).is_err()
        {
            // What is left of the frame is gone: there is nothing to finish.
            self.leave_frame(1);
        }
        if self.phase != Phase::Playing {
            return;
        }
        if self.before_start {
            return self.end(now, true);
        }
        if let Some(adaptation) = &mut self.adaptation {
            self.adapted |= adaptation.rise(now.at);
        }
        match self.look(store) {
            Ok(look) if self.cursor.is_start() => {
                if self.is_beyond_stop(look.time) {
                    return self.end(now, false);
                }
                self.settle_clock(now, &look);
                if self.packetizer(&look).is_none() {
                    return self.skip(1);
                }
                self.skip_late(now, &look, store);
                self.settled = true;
            }
            Ok(_) => {}
            // Recorded media may be read ahead only just in time: their own clock holds.
            Err(Miss::NotYet) => self.at_live_edge = self.live,
            // To go on with the newest would be to turn round.
            Err(Miss::Overrun { .. }) if self.pace.is_reverse() => self.end(now, true),
            Err(Miss::Unusable) => self.skip(1),
            Err(Miss::Overrun { newest }) => {
                // A sender so late that live frames are gone before they are due would stay so.
                self.at_live_edge = self.live;
                self.skip(newest.0.saturating_sub(self.frame.0));
            }
            Err(Miss::End) => self.end(now, true),
        }
    }

    /// Moves the cursor past what `burst` has passed.
    pub(crate) fn pass(&mut self, now: Now, burst: &Burst<'_>) {
        let Position { sequence_number, cursor, left, packets, octets } = burst.at;
        if packets == 0 {
            return;
        }
        self.sequence_number = sequence_number;
        self.counters.packets = self.counters.packets.saturating_add(u64::from(packets));
        self.counters.octets = self.counters.octets.saturating_add(u64::from(octets));
        self.packet_in_frame = self.packet_in_frame.wrapping_add(packets);
        if left == 0 || cursor.is_none() {
            self.not_before = now.at + burst.pause;
        }
        // Also of a frame whose rest will be gone: the next one must not have its RTP time.
        self.played = burst.played;
        match cursor {
            Some(next) => self.cursor = next,
            None => {
                self.cursor = Cursor::START;
                self.counters.frames = self.counters.frames.saturating_add(1);
                let steps = self.adaptation.map_or(1, |adaptation| adaptation.steps(burst.shown));
                self.counters.frames_thinned =
                    self.counters.frames_thinned.saturating_add(steps.saturating_sub(1));
                self.leave_frame(steps);
            }
        }
    }

    /// Goes to where the newest PLAY begins.
    pub(super) fn take_target(&mut self) {
        if let Some(target) = self.target.take() {
            // RTP time goes on after the newest frame that was begun (RFC 2326, B).
            self.rtp_base = self.rtp_at(self.played);
            self.played = Duration::ZERO;
            self.at_frame(target.frame);
            (self.origin, self.pace) = (target.origin, target.pace);
            (self.stop, self.live) = (target.stop, target.live);
            self.at_live_edge = false;
        }
    }

    /// Returns the frame that a PLAY without a place goes on with: the one after what was begun.
    pub(super) fn resume_at(&self, pace: Pace) -> FrameId {
        match self.target {
            Some(target) => target.frame,
            None if !self.cursor.is_start() => pace.step(self.frame, 1).unwrap_or(self.frame),
            None => self.frame,
        }
    }

    pub(super) fn is_beyond_stop(&self, pts: MediaTime) -> bool {
        if self.pace.is_reverse() { pts < self.stop } else { pts >= self.stop }
    }

    /// Whether the frame at the cursor is late enough to be left out, perhaps, which [`Self::settle`]
    /// decides.
    pub(super) fn is_to_settle(&self, now: Now, look: &Look<'_>) -> bool {
        self.cursor.is_start() && !self.settled && self.lateness(now, look) > look.duration
    }

    /// The last frame is sent: BYE follows when it was shown. So it does at the end of a range, too: without
    /// a BYE no receiver knows that nothing more comes.
    fn end(&mut self, now: Now, over: bool) {
        let last = self.origin.map_or(now.at, |origin| origin.at + self.pace.delivery(self.played));
        self.phase = Phase::Ending { at: last, over };
    }

    fn settle_clock(&mut self, now: Now, look: &Look<'_>) {
        let at_live_edge = core::mem::take(&mut self.at_live_edge);
        let late = self.late();
        let Some(origin) = &mut self.origin else {
            self.origin = Some(Origin { at: now.at, media: look.time });
            return;
        };
        // At the edge nothing is played but forward, as it comes.
        let due = origin.at + look.time.since(origin.media);
        if at_live_edge && due > now.at {
            // Nothing is gained by holding back what came before it was due.
            origin.at = origin.at - due.since(now.at);
        } else if at_live_edge && now.at.since(due) > late {
            // The newest there is: the source's clock is slow, or stood still. To skip it would be
            // to skip all that follow.
            origin.at = origin.at + now.at.since(due);
        }
    }

    /// Late at a frame's start: whole frames are left out, or the lateness would grow until the
    /// store overran the session in the middle of one.
    fn skip_late<S: FrameStore + ?Sized>(&mut self, now: Now, look: &Look<'_>, store: &S) {
        let Some(origin) = self.origin else { return };
        let late = self.late();
        // Who cannot keep up at all is late again soon: little at a time is left out then, or the
        // picture would go slowly for a while and then jump.
        let bound = if now.at < self.hurry_until { late.times(1, HURRY) } else { late };
        if self.lateness(now, look) > bound {
            self.hurry_until = now.at + late.times(HURRY, 1);
            let required = self.pace.required(now.at.since(origin.at));
            let shown = required - self.pace.shown(look.duration);
            let to = self.pace.media_at(origin.media, shown);
            if let Ok(to) = self.pace.seek(store, self.track, Seek::To(to)) {
                self.skip(self.pace.steps(self.frame, to));
            }
        }
    }

    const fn late(&self) -> Duration {
        Duration::from_micros(self.late_micros as u64)
    }

    /// Leaves out so many frames of those that are sent at this scale.
    fn skip(&mut self, frames: u64) {
        if frames > 0 {
            self.counters.frames_skipped = self.counters.frames_skipped.saturating_add(frames);
            self.skipped = self.skipped.saturating_add(u32::try_from(frames).unwrap_or(u32::MAX));
            self.go_on(frames);
        }
    }

    /// Goes on after the frame at the cursor: with what waited for its end, or else so many frames on.
    fn leave_frame(&mut self, steps: u64) {
        self.go_on(steps);
        if self.phase == Phase::Pausing {
            self.phase = Phase::Ready;
        }
        self.take_target();
    }

    fn go_on(&mut self, steps: u64) {
        let next = self.pace.step(self.frame, steps);
        self.at_frame(next.unwrap_or(self.frame));
        self.before_start = next.is_none();
    }

    /// Brings the cursor to the start of a frame.
    fn at_frame(&mut self, frame: FrameId) {
        if !self.cursor.is_start() {
            // The rest of the one before is gone. Without a gap it would look as if it had come to its
            // end: not every sender marks it.
            self.sequence_number = self.sequence_number.wrapping_add(1);
        }
        (self.frame, self.cursor, self.packet_in_frame) = (frame, Cursor::START, 0);
        (self.before_start, self.settled) = (false, false);
    }
}
