//! The published model, brought up to date.
use super::Engine;
use crate::model::{Activity, VIDEO};
use crate::output::messages::print_event;
use crate::stream::Source;
use pinhole::frame::FrameId;
use pinhole::time::MediaTime;
use pinhole_log::redacted;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often details are published that take longer to find out.
const DETAILS_EVERY: Duration = Duration::from_millis(100);
/// How much the latency of a live medium changes before that is logged.
const LATENCY_STEP: Duration = Duration::from_millis(5);

impl Engine<'_> {
    /// Brings the published model up to date.
    pub(super) fn publish(&mut self, source: &dyn Source) {
        let now = Instant::now();
        let (activity, session) = (self.activity(source, now), source.figures(VIDEO));
        let recording = self.recording.as_ref().map(|recording| Arc::clone(recording.path()));
        let counts = source.is_live() && !self.playhead.is_complete();
        let silences = counts.then(|| self.silence.total(now));
        let (playhead, axis) = (&self.playhead, source.axis());
        let (begins, decode) = self.shared.model.update(|model| {
            (model.activity, model.session, model.recording) = (activity, session, recording);
            (model.held, model.rate) = (playhead.is_held(), playhead.rate() * axis.rate());
            (model.position, model.stalls) = (axis.media(playhead.position()), playhead.stalls());
            let before = model.silences;
            model.silences = silences.unwrap_or(before);
            model.is_silent = silences.is_some() && self.silence.since(now).is_some();
            (before.0 < model.silences.0 && model.is_silent, model.presented.decode)
        });
        self.playhead.set_decode_time(decode);
        if begins {
            print_event("no picture comes any more");
        }
        if now >= self.publish_details_at {
            self.publish_details_at = now + DETAILS_EVERY;
            self.publish_details(source);
        }
    }

    fn publish_details(&mut self, source: &dyn Source) {
        let (received, mut cache, axis) = (self.received.figures(), source.usage(VIDEO), source.axis());
        cache.span = axis.span_media(cache.span.into()).into();
        let refusal = source.refusal(VIDEO).map(|reason| redacted(reason).into_owned());
        let duration = source.duration().map(|duration| axis.span_media(duration.into()).into());
        let cached = cached_times(source);
        let behind_live = source.is_live().then(|| {
            let newest = newest(source).filter(|_| !self.playhead.is_following());
            newest.map_or(Duration::ZERO, |newest| newest.since(self.playhead.position()).into())
        });
        let live_delay = source.is_live().then(|| self.playhead.live_delay());
        if let Some(delay) = live_delay.filter(|delay| delay.abs_diff(self.logged_delay) >= LATENCY_STEP) {
            self.logged_delay = delay;
            tracing::info!(target_ms = delay.as_millis() as u64, "the latency changes");
        }
        self.shared.model.update(|model| {
            (model.received, model.cache) = (received, cache);
            (model.duration, model.cached, model.behind_live) = (duration, cached, behind_live);
            model.live_delay = live_delay;
            model.refusal = refusal;
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
        } else if let Some(span) = self.silence.since(now).filter(|_| self.idle && source.is_live()) {
            Activity::Silent { span }
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
    let axis = source.axis();
    let media = |time: Range<MediaTime>| match (axis.media(time.start), axis.media(time.end)) {
        (start, end) if axis.is_reverse() => end..start,
        (start, end) => start..end,
    };
    let mut times: Vec<_> = source.cached_ranges(VIDEO).into_iter().map(|range| media(range.time)).collect();
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
