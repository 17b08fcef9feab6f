//! The frames before and after one in the cache, in the order of media time.
use super::Passed;
use crate::stream::{CachedRange, Source};
use pinhole::frame::{FrameId, Miss};
use pinhole::time::MediaTime;
use std::ops::Range;
use std::time::Duration;

/// The longest step between neighbouring frames of a recorded medium. Across a longer one, frames
/// were never fetched or were lost.
const GAP: Duration = Duration::from_secs(1);

/// Why no frame follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Absence {
    /// The frame has not arrived.
    NotYet,
    /// The next frame that arrived is from elsewhere in the medium.
    Gap,
}

/// Returns the cached frame that is shown after `shown`.
pub(super) fn follower(source: &dyn Source, track: u8, shown: &Passed) -> Result<FrameId, Absence> {
    let next = shown.id.next();
    let absence = match source.frame_time(track, next) {
        Ok(time) if source.is_live() || continues(shown, &time) => return Ok(next),
        Ok(_) => Absence::Gap,
        Err(Miss::Overrun { .. }) => return Ok(source.cached(track).start),
        Err(_) => Absence::NotYet,
    };
    if source.is_live() {
        return Err(absence);
    }
    // The frame may have arrived earlier, before a seek.
    let is_later = |id: &FrameId| source.frame_time(track, *id).is_ok_and(|time| time.start > shown.start);
    source.find(track, shown.in_next()).filter(is_later).ok_or(absence)
}

/// Returns the cached frame that is shown before `shown`.
pub(super) fn forerunner(source: &dyn Source, track: u8, shown: &Passed) -> Option<FrameId> {
    let is_earlier = |id: &FrameId| source.frame_time(track, *id).is_ok_and(|time| time.start < shown.start);
    let touches = |id: &FrameId| {
        let time = source.frame_time(track, *id);
        time.is_ok_and(|time| Duration::from(shown.start.since(time.end)) <= GAP)
    };
    let before = shown.id.0.checked_sub(1).map(FrameId).filter(is_earlier).filter(touches);
    before.or_else(|| {
        let in_previous = shown.start - shown.duration().scaled(1, 2);
        source.find(track, in_previous).filter(is_earlier)
    })
}

/// Returns the newest cached frame.
pub(super) fn newest(source: &dyn Source, track: u8) -> Option<FrameId> {
    let cached = source.cached(track);
    cached.end.0.checked_sub(1).map(FrameId).filter(|id| *id >= cached.start)
}

/// Returns the range that has a frame.
pub(super) fn range_of(ranges: &[CachedRange], id: FrameId) -> Option<&CachedRange> {
    ranges.iter().find(|range| range.frames.contains(&id))
}

/// Returns the media time from a frame's start to the end of the range that is being received.
/// Returns the longest time if the frame belongs to an earlier range, for which nothing is waited.
pub(super) fn cached_ahead(source: &dyn Source, track: u8, id: FrameId) -> Duration {
    match source.cached_ranges(track).first() {
        Some(range) if id >= range.frames.start => source
            .frame_time(track, id)
            .map_or(Duration::ZERO, |time| range.time.end.since(time.start).into()),
        Some(_) => Duration::MAX,
        None => Duration::ZERO,
    }
}

fn continues(shown: &Passed, time: &Range<MediaTime>) -> bool {
    time.start > shown.start && Duration::from(time.start.since(shown.end)) <= GAP
}
