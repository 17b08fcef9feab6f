//! Commands that move the playhead, or change how it moves.
use super::neighbours::{Absence, follower, forerunner, newest};
use super::{Cursor, Passed, Playhead};
use crate::stream::Source;
use pinhole::frame::FrameId;
use pinhole::time::MediaTime;
use std::ops::RangeInclusive;
use std::time::Duration;

/// The rates at which a medium can be played.
const RATES: RangeInclusive<f64> = 0.25..=4.0;

impl Playhead {
    /// Holds the picture, or plays on. After the end, plays again from the beginning.
    pub(crate) fn toggle(&mut self, source: &mut dyn Source) {
        if self.ended {
            self.held = false;
            self.seek(source, self.beginning);
        } else {
            self.held = !self.held;
            self.following &= !self.held;
        }
    }

    /// Holds the picture, and shows the next frame, or the frame before.
    pub(crate) fn step(&mut self, source: &mut dyn Source, forward: bool) {
        let Some(shown) = self.trail.front().copied() else { return };
        (self.held, self.following) = (true, false);
        if forward {
            match follower(source, self.track, &shown) {
                Ok(id) => self.place(source, id),
                Err(Absence::Gap) => self.fetch(source, shown.end),
                Err(Absence::NotYet) if self.complete => {}
                Err(Absence::NotYet) => self.await_frame(shown.end, shown.id.next()),
            }
        } else {
            match forerunner(source, self.track, &shown) {
                Some(id) => self.place(source, id),
                None if source.is_live() || shown.start == MediaTime::ZERO => {}
                None => self.fetch(source, shown.start - shown.duration()),
            }
        }
    }

    /// Plays on this many seconds later, or earlier if negative.
    pub(crate) fn jump(&mut self, source: &mut dyn Source, seconds: f64) {
        let distance = Duration::try_from_secs_f64(seconds.abs()).unwrap_or(Duration::MAX).into();
        let to = if seconds < 0.0 { self.position - distance } else { self.position + distance };
        self.seek(source, to);
    }

    /// Plays on at `time`: from the cache, or else from the server. If a live medium is not cached
    /// there, plays on at the next cached frame.
    pub(crate) fn seek(&mut self, source: &mut dyn Source, time: MediaTime) {
        self.following = false;
        if let Some(id) = source.find(self.track, time) {
            self.place(source, id);
        } else if source.is_live() {
            let ranges = source.cached_ranges(self.track).into_iter();
            let later = ranges.filter(|range| range.time.start >= time);
            match later.min_by_key(|range| range.time.start) {
                Some(range) => self.place(source, range.frames.start),
                None => self.go_to_edge(source),
            }
        } else {
            let end = source.duration().map(|duration| MediaTime::ZERO + duration.into());
            let last = end.map(|end| end - self.frame_duration);
            self.fetch(source, last.map_or(time, |last| time.min(last)));
        }
    }

    /// Plays on at the live edge. Does nothing if the medium is recorded.
    pub(crate) fn go_live(&mut self, source: &mut dyn Source) {
        if source.is_live() {
            self.held = false;
            self.go_to_edge(source);
        }
    }

    /// Sets how much media time passes in a second of playing, limited to [`RATES`]. At the live
    /// edge, a rate above 1 has no effect, because no later frames are cached.
    pub(crate) fn set_rate(&mut self, rate: f64, now: Duration) {
        let rate = if rate.is_finite() { rate.clamp(*RATES.start(), *RATES.end()) } else { 1.0 };
        if rate == self.schedule.rate() || (self.following && rate > 1.0) {
            return;
        }
        self.schedule.set_rate(rate);
        self.following &= rate >= 1.0;
        self.settle(now);
        if let Some(shown) = self.trail.front().copied() {
            let (buffering, shown) = (self.buffering, Passed { due: now, ..shown });
            self.renew();
            self.buffering = buffering;
            self.schedule.restart(shown.start, shown.end, now, Duration::ZERO);
            self.trail.push_back(shown);
            self.cursor = Cursor::After(shown);
        }
    }

    /// Plays on at a cached frame, on a new schedule.
    pub(super) fn place(&mut self, source: &mut dyn Source, id: FrameId) {
        self.renew();
        self.cursor = Cursor::At(id);
        if let Ok(time) = source.frame_time(self.track, id) {
            self.position = time.start;
        }
        if !source.is_live() {
            self.buffering = self.is_short(source, id);
            self.fetch_continuation(source, id);
        }
    }

    /// Plays on at `time`, which the server is asked for.
    fn fetch(&mut self, source: &mut dyn Source, time: MediaTime) {
        let first = source.seek(self.track, time);
        self.await_frame(time, first);
    }

    /// Plays on at `time` when a frame there arrives, with the number `first` or a later one.
    fn await_frame(&mut self, time: MediaTime, first: FrameId) {
        self.renew();
        (self.complete, self.fetching) = (false, None);
        self.position = time;
        // The first frame is shown while the rest is buffered.
        self.buffering = !self.prebuffer.is_zero();
        self.cursor = Cursor::Awaiting { time, first, after: None };
    }

    fn go_to_edge(&mut self, source: &mut dyn Source) {
        self.following = !self.held;
        self.schedule.set_rate(1.0);
        if let Some(newest) = newest(source, self.track) {
            self.place(source, newest);
        }
    }

    /// Starts a new generation: frames that were passed on must not be shown any more.
    fn renew(&mut self) {
        self.generation = self.generation.wrapping_add(1);
        self.trail.clear();
        self.located = None;
        (self.ended, self.buffering, self.starved) = (false, false, false);
    }

    /// Asks the server for what follows the cached range around `id`, unless it arrives already.
    fn fetch_continuation(&mut self, source: &mut dyn Source, id: FrameId) {
        // The first range is the one that is being received.
        let ranges = source.cached_ranges(self.track);
        let Some(range) = ranges.iter().skip(1).find(|range| range.frames.contains(&id)) else { return };
        let end = range.time.end;
        let half_frame = source
            .frame_time(self.track, id)
            .map_or(Duration::ZERO, |shown| Duration::from(shown.end.since(shown.start)) / 2);
        let after = end + half_frame.into();
        let is_end = source.duration().is_some_and(|duration| after >= MediaTime::ZERO + duration.into());
        if is_end || self.fetching == Some(end) || source.find(self.track, after).is_some() {
            return;
        }
        source.seek(self.track, end);
        source.watch_from(self.track, id);
        (self.complete, self.fetching) = (false, Some(end));
    }
}
