//! The live edge: frames are due by when they arrive.
use super::super::clock::Moment;
use super::super::playout::Arrival;
use super::Playhead;
use crate::stream::Source;
use pinhole::frame::Integrity;
use pinhole::rtsp::Speed;
use pinhole::time::MediaTime;
use std::ops::Range;
use std::time::Duration;

/// The frames of a session that losses have spoilt so far. Packets that seem lost may only have been overtaken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Losses {
    damaged: u64,
    missing: u64,
}

impl Playhead {
    /// Takes note of the frames of a live medium that have arrived since the last call, in real time at `at`.
    pub(crate) fn on_arrivals(&mut self, source: &dyn Source, at: Duration) {
        let cached = source.cached(self.track);
        let figures = source.figures(self.track);
        let losses = Losses { damaged: figures.frames_damaged, missing: figures.frames_missing };
        let mut lost = losses != std::mem::replace(&mut self.losses, losses);
        let mut id = self.next_arrival.max(cached.start);
        while id < cached.end {
            if let (Ok(frame), Ok(time)) = (source.frame(self.track, id), source.frame_time(self.track, id)) {
                lost |= frame.flags.integrity != Integrity::Complete || !frame.missing.is_empty();
                let (time, duration) = (time.start, time.end.since(time.start).into());
                self.playout.on_frame(&Arrival { time, duration, at, whole: !lost });
            }
            id = id.next();
        }
        self.next_arrival = id;
    }

    /// Sets how long it takes to decode a picture.
    pub(crate) fn set_decode_time(&mut self, decode: Duration) {
        self.playout.set_decode_time(decode);
    }

    /// Returns how long after the earliest moment at which its frame can arrive a picture at the live edge is
    /// shown.
    pub(crate) fn live_delay(&self) -> Duration {
        self.playout.delay()
    }

    /// Returns whether frames are due by when they arrive: at the live edge, if they come as fast as they are
    /// shown.
    pub(super) fn is_at_edge(&self, source: &dyn Source) -> bool {
        self.following && source.figures(self.track).speed == Speed::NORMAL
    }

    /// Schedules a frame at the live edge, and returns when it is due. Frames after it, for which the playhead
    /// may not be at the live edge, go on from there.
    pub(super) fn schedule_live(&mut self, time: &Range<MediaTime>, now: Moment) -> Duration {
        let Moment { player, real } = now;
        let due = self.playout.due(time.start).map_or(player, |due| match due.checked_sub(real) {
            Some(wait) => player.saturating_add(wait),
            None => player.saturating_sub(real.saturating_sub(due)),
        });
        self.schedule.follow(time.start, time.end, due)
    }
}
