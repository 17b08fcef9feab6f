//! Commands that move the playhead, or change how it moves.
use super::neighbours::{follower, forerunner, newest};
use super::{Cursor, Passed, Playhead};
use crate::stream::Source;
use pinhole::frame::FrameId;
use pinhole::time::{Duration as MediaDuration, MediaTime};
use std::ops::RangeInclusive;
use std::time::Duration;

/// The rates at which a medium can be played.
const RATES: RangeInclusive<f64> = 0.25..=4.0;
/// How long before the last frame the server is asked to begin, unless a frame is shown for longer.
const LEAST_BEFORE: MediaDuration = MediaDuration::from_millis(100);

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
                Err(_) if self.is_over(source, &shown) => {}
                Err(_) if source.is_live() || self.is_coming(source, shown.end) => {
                    self.await_frame(shown.end, shown.id.next());
                }
                Err(_) => self.fetch(source, shown.end, shown.end),
            }
        } else {
            match forerunner(source, self.track, &shown) {
                Some(id) => self.place(source, id),
                None if source.is_live() || shown.start == MediaTime::ZERO => {}
                None => {
                    let time = shown.start - shown.duration();
                    self.fetch(source, time, time);
                }
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
    /// there, plays on at the next cached frame. Beyond the end of a recorded medium, plays its last frame.
    pub(crate) fn seek(&mut self, source: &mut dyn Source, time: MediaTime) {
        self.following = false;
        let end = self.end(source).filter(|_| !source.is_live());
        // Inside of the last frame, whose time is known only roughly.
        let last = end.map(|end| end - self.frame_duration.scaled(1, 2));
        let is_end = last.is_some_and(|last| time >= last);
        let time = last.map_or(time, |last| time.min(last));
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
            // A server may begin with the frame that is shown then, or with the next one.
            let before = if is_end { self.frame_duration.max(LEAST_BEFORE) } else { MediaDuration::ZERO };
            self.fetch(source, time, time - before);
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

    /// Plays on at `time`. The server is asked for what is shown from `from` on.
    fn fetch(&mut self, source: &mut dyn Source, time: MediaTime, from: MediaTime) {
        self.ask(source, from);
        self.await_frame(time, self.first_fetched());
    }

    /// Plays on at `time` when a frame there arrives, with the number `first` or a later one.
    fn await_frame(&mut self, time: MediaTime, first: FrameId) {
        self.renew();
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
}
