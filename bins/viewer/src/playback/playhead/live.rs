//! The live edge: frames are due by when they arrive.
use super::super::clock::Moment;
use super::super::playout::Arrival;
use super::Playhead;
use crate::stream::Source;
use pinhole::rtsp::Speed;
use pinhole::time::MediaTime;
use std::ops::Range;
use std::time::Duration;

impl Playhead {
    /// Takes note of the frames of a live medium that have arrived since the last call, in real time at `at`.
    pub(crate) fn on_arrivals(&mut self, source: &dyn Source, at: Duration) {
        let cached = source.cached(self.track);
        // A damaged frame is shown, and so worth waiting for.
        let missing = source.figures(self.track).frames_missing;
        let follows = missing == std::mem::replace(&mut self.missing, missing);
        let mut id = self.next_arrival.max(cached.start);
        while id < cached.end {
            if let Ok(time) = source.frame_time(self.track, id) {
                let (time, duration) = (time.start, time.end.since(time.start).into());
                self.playout.on_frame(&Arrival { time, duration, at, follows });
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
