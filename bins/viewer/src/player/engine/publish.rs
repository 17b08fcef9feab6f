//! The published model, brought up to date.
use super::Engine;
use crate::model::{Activity, VIDEO};
use crate::stream::Source;
use pinhole::frame::FrameId;
use pinhole::time::MediaTime;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often details are published that take longer to find out.
const DETAILS_EVERY: Duration = Duration::from_millis(100);

impl Engine<'_> {
    /// Brings the published model up to date.
    pub(super) fn publish(&mut self, source: &dyn Source) {
        let now = Instant::now();
        let (activity, session) = (self.activity(source, now), source.figures(VIDEO));
        let recording = self.recording.as_ref().map(|recording| Arc::clone(recording.path()));
        let playhead = &self.playhead;
        self.shared.model.update(|model| {
            (model.activity, model.session, model.recording) = (activity, session, recording);
            (model.held, model.rate) = (playhead.is_held(), playhead.rate());
            (model.position, model.stalls) = (playhead.position(), playhead.stalls());
        });
        if now >= self.publish_details_at {
            self.publish_details_at = now + DETAILS_EVERY;
            self.publish_details(source);
        }
    }

    fn publish_details(&self, source: &dyn Source) {
        let (received, cache) = (self.received.figures(), source.usage(VIDEO));
        let (duration, cached) = (source.duration(), cached_times(source));
        let behind_live = source.is_live().then(|| {
            let newest = newest(source).filter(|_| !self.playhead.is_following());
            newest.map_or(Duration::ZERO, |newest| newest.since(self.playhead.position()).into())
        });
        self.shared.model.update(|model| {
            (model.received, model.cache) = (received, cache);
            (model.duration, model.cached, model.behind_live) = (duration, cached, behind_live);
        });
    }

    fn activity(&self, source: &dyn Source, now: Instant) -> Activity {
        let playhead = &self.playhead;
        if playhead.is_ended() {
            Activity::Ended
        } else if let Some(backoff) = self.connection.attempts().filter(|_| self.idle) {
            Activity::Reconnecting {
                attempt: backoff.attempt,
                wait: backoff.wait(now),
                reason: backoff.reason.clone(),
            }
        } else if self.received.is_empty() {
            Activity::Connecting
        } else if playhead.is_seeking() || (playhead.is_waiting() && !playhead.is_held()) {
            let (have, want) = playhead.buffered(source);
            Activity::Buffering { have, want }
        } else if playhead.is_held() {
            Activity::Paused
        } else {
            Activity::Playing
        }
    }
}

/// Returns when the newest cached frame is shown; `None` if no frame is cached.
pub(super) fn newest(source: &dyn Source) -> Option<MediaTime> {
    let newest = source.cached(VIDEO).end.0.checked_sub(1)?;
    source.frame_time(VIDEO, FrameId(newest)).ok().map(|time| time.start)
}

/// Returns the cached media time in ascending order. Ranges that touch are joined.
fn cached_times(source: &dyn Source) -> Vec<Range<MediaTime>> {
    let mut times: Vec<_> = source.cached_ranges(VIDEO).into_iter().map(|range| range.time).collect();
    times.sort_by_key(|time| time.start);
    let mut joined: Vec<Range<MediaTime>> = Vec::with_capacity(times.len());
    for time in times {
        match joined.last_mut() {
            Some(last) if time.start <= last.end => last.end = last.end.max(time.end),
            _ => joined.push(time),
        }
    }
    joined
}
