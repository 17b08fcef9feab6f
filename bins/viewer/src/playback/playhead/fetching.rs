//! What the server was asked for last, what of that is still to come, and where the medium ends.
use super::neighbours::{newest, range_of};
use super::{Cursor, Moment, Next, Passed, Playhead};
use crate::stream::{CachedRange, Source};
use pinhole::frame::FrameId;
use pinhole::time::{Duration as MediaDuration, MediaTime};

/// How much earlier the server is asked to begin if it has nothing at the place where the medium should
/// end. Twice as much at each further attempt.
const STEP_BACK: MediaDuration = MediaDuration::from_secs(1);

/// What the server was asked for last.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fetch {
    /// The place that was asked for.
    from: MediaTime,
    /// The number of the first frame that can be of there.
    first: FrameId,
    /// Whether all of it has arrived.
    complete: bool,
    /// Whether the server has nothing there, and says so.
    refused: bool,
}

impl Fetch {
    /// What the server sends without being asked for a place.
    pub(super) const START: Self =
        Self { from: MediaTime::ZERO, first: FrameId(0), complete: false, refused: false };
}

impl Playhead {
    /// Takes note that all frames that were asked for have arrived, if there were any.
    pub(crate) fn on_ended(&mut self, source: &dyn Source) {
        self.fetch.complete = true;
        let newest = self.newest_fetched(source).map(|(_, end)| end);
        self.end = Some(newest.unwrap_or(self.fetch.from));
    }

    /// Takes note that the server has nothing at the place that it was asked for.
    pub(crate) fn on_refused(&mut self) {
        (self.fetch.complete, self.fetch.refused) = (true, true);
        self.end = Some(self.fetch.from);
    }

    /// Takes note that more frames may come after all.
    pub(crate) fn go_on(&mut self) {
        (self.fetch.complete, self.end) = (false, None);
    }

    /// Returns whether all frames that will arrive have arrived.
    pub(crate) fn is_complete(&self) -> bool {
        self.fetch.complete
    }

    /// Asks the server to send frames from `from` on.
    pub(super) fn ask(&mut self, source: &mut dyn Source, from: MediaTime) {
        let first = source.seek(self.track, from);
        self.fetch = Fetch { from, first, ..Fetch::START };
    }

    /// Returns the number of the first frame that can be of the place that was asked for last.
    pub(super) fn first_fetched(&self) -> FrameId {
        self.fetch.first
    }

    /// Returns where a recorded medium ends, as far as that is known: where it was seen to end, or where the
    /// server says that it does.
    pub(super) fn end(&self, source: &dyn Source) -> Option<MediaTime> {
        let Some(end) = self.end else {
            return source.duration().map(|duration| MediaTime::ZERO + duration.into());
        };
        let cached = source.cached_ranges(self.track).into_iter().map(|range| range.time.end);
        cached.chain([end]).max()
    }

    /// Returns whether a frame that ends at `time` is the last of a recorded medium, as far as that is known.
    /// Frames and the medium need not end at exactly the same time.
    pub(super) fn is_last(&self, source: &dyn Source, time: MediaTime) -> bool {
        self.end(source).is_some_and(|end| time + self.frame_duration.scaled(1, 2) >= end)
    }

    /// Returns whether what arrives next, if anything does, is what is shown from `time` on.
    pub(super) fn is_coming(&self, source: &dyn Source, time: MediaTime) -> bool {
        let half_frame = self.frame_duration.scaled(1, 2);
        let is_here = |other: MediaTime| other <= time + half_frame && time <= other + half_frame;
        let newest = self.newest_fetched(source).map(|(_, end)| end);
        // A server may begin before the place that it was asked for.
        let begins = is_here(self.fetch.from) && newest.is_none_or(|newest| newest <= time + half_frame);
        !self.fetch.refused && (begins || newest.is_some_and(is_here))
    }

    /// Returns whether nothing is shown after a frame, now or later.
    pub(super) fn is_over(&self, source: &dyn Source, last: &Passed) -> bool {
        let is_coming = source.is_live() || self.is_coming(source, last.end);
        if is_coming { self.fetch.complete } else { self.is_last(source, last.end) }
    }

    /// Returns what is to be done if nothing at `time`, which was sought, arrives any more: it is beyond the
    /// end. The last frame is shown.
    pub(super) fn beyond_end(&mut self, source: &mut dyn Source, time: MediaTime, moment: Moment) -> Next {
        let now = moment.player;
        let fetched = self.newest_fetched(source).filter(|_| !self.fetch.refused);
        let last = fetched.map(|(id, _)| id).or_else(|| self.last_cached(source));
        if let Some(id) = last {
            self.place(source, id);
            return self.next(source, moment);
        }
        if source.is_live() || self.fetch.from == MediaTime::ZERO {
            return self.over(now, now);
        }
        // The server says more of the medium's length than there is.
        let back = time.since(self.fetch.from).scaled(2, 1).max(STEP_BACK);
        self.ask(source, time - back);
        self.cursor = Cursor::Awaiting { time, first: self.fetch.first, after: None };
        Next::Idle
    }

    /// Asks the server for what follows the cached frames from `id` on, unless that arrives already.
    pub(super) fn fetch_continuation(&mut self, source: &mut dyn Source, id: FrameId) {
        let ranges = source.cached_ranges(self.track);
        let Some(mut range) = range_of(&ranges, id) else { return };
        let half_frame = source
            .frame_time(self.track, id)
            .map_or(MediaDuration::ZERO, |shown| shown.end.since(shown.start).scaled(1, 2));
        // What follows a range may have come at another time.
        for _ in &ranges {
            let after = range.time.end + half_frame;
            let next = source.find(self.track, after).and_then(|id| range_of(&ranges, id));
            match next.filter(|next| next.time.end > range.time.end) {
                Some(next) => range = next,
                None => break,
            }
        }
        let CachedRange { time, .. } = range;
        if !self.is_coming(source, time.end) && !self.is_last(source, time.end) {
            self.ask(source, time.end);
            source.watch_from(self.track, id);
        }
    }

    /// Returns the newest frame of those that were asked for last, and when it ends.
    fn newest_fetched(&self, source: &dyn Source) -> Option<(FrameId, MediaTime)> {
        let id = newest(source, self.track).filter(|id| *id >= self.fetch.first)?;
        source.frame_time(self.track, id).ok().map(|time| (id, time.end))
    }

    /// Returns the last frame of the medium, if it is cached.
    fn last_cached(&self, source: &dyn Source) -> Option<FrameId> {
        let ranges = source.cached_ranges(self.track).into_iter();
        let last = ranges.max_by_key(|range| range.time.end)?;
        last.frames.end.0.checked_sub(1).map(FrameId).filter(|_| self.is_last(source, last.time.end))
    }
}
