//! A source that is played at a scale, such as twice as fast or backwards.
//!
//! The frames of such a source are timed by how long they are shown, from wherever the server began at each
//! PLAY. [`Scaled`] gives them *shown times*, of which each place of the medium has one: how long it takes to
//! play from the medium's start to there, or backwards from its end. So a player shows a scaled source as any
//! other; [`MediaAxis`] converts between shown times and those of the medium.
use super::{CachedRange, Event, Failure, Source, Waker};
use crate::model::{CacheUsage, MediaAxis, SessionFigures, VIDEO};
use pinhole::codec::Codec;
use pinhole::frame::{Frame, FrameId, Miss};
use pinhole::rtsp::Scale;
use pinhole::time::MediaTime;
use std::collections::VecDeque;
use std::ops::Range;
use std::time::Duration;

/// A source whose frames have shown times.
pub(crate) struct Scaled<S> {
    source: S,
    scale: Scale,
    /// What was played, in the order of the frames. Never empty.
    plays: VecDeque<Play>,
    /// Whether the last PLAY is not answered.
    asked: bool,
}

/// Frames that the server sent without a jump.
#[derive(Clone, Copy, Debug)]
struct Play {
    first: FrameId,
    /// The media time at which the server began, which is the time that it gives to its first frame; `None`
    /// if that is the start of the medium, or its end if it is played backwards.
    from: Option<MediaTime>,
}

impl<S: Source> Scaled<S> {
    /// Wraps a source that is played at `scale`, at first from `from`.
    pub(crate) fn new(source: S, scale: Scale, from: Option<MediaTime>) -> Self {
        let plays = VecDeque::from([Play { first: FrameId(0), from }]);
        Self { source, scale, plays, asked: true }
    }

    /// Takes note that the server plays.
    fn on_playing(&mut self) {
        let figures = self.source.figures(VIDEO);
        // A server may choose another scale.
        self.scale = figures.scale;
        if !self.asked {
            self.add(self.source.cached(VIDEO).end, figures.start);
        } else if let (Some(play), Some(start)) = (self.plays.back_mut(), figures.start) {
            play.from = Some(start);
        }
        self.asked = false;
    }

    /// Adds frames from `first` on, and forgets those that are evicted.
    fn add(&mut self, first: FrameId, from: Option<MediaTime>) {
        let oldest = self.source.cached(VIDEO).start;
        while self.plays.get(1).is_some_and(|next| next.first <= oldest) {
            self.plays.pop_front();
        }
        if self.plays.back().is_some_and(|last| last.first == first) {
            self.plays.pop_back();
        }
        self.plays.push_back(Play { first, from });
    }

    /// Returns the shown time of a time that the server gave to frame `id`.
    fn shown(&self, id: FrameId, time: MediaTime) -> MediaTime {
        let axis = self.axis();
        if axis.is_normal() {
            return time;
        }
        let play = self.plays.iter().rev().find(|play| play.first <= id).or(self.plays.front());
        let from = play.and_then(|play| play.from).unwrap_or_else(|| axis.beginning());
        let place = axis.shown(from);
        if time >= from { place + time.since(from) } else { place - from.since(time) }
    }

    /// Returns where the frames from `from` to before `to` are shown.
    fn span(&self, track: u8, frames: Range<FrameId>) -> Option<CachedRange> {
        let last = FrameId(frames.end.0.checked_sub(1)?);
        let (first, last) = (self.frame_time(track, frames.start).ok()?, self.frame_time(track, last).ok()?);
        Some(CachedRange { frames, time: first.start..last.end })
    }
}

impl<S: Source> Source for Scaled<S> {
    fn turn(&mut self, at_most: Duration) -> Result<(), Failure> {
        self.source.turn(at_most)
    }

    fn poll_event(&mut self) -> Option<Event> {
        let event = self.source.poll_event();
        match event {
            Some(Event::Playing(_)) => self.on_playing(),
            Some(Event::Refused(_)) => {
                if self.asked && self.plays.len() > 1 {
                    self.plays.pop_back();
                }
                self.asked = false;
            }
            _ => {}
        }
        event
    }

    fn codec(&self, track: u8) -> Option<Codec> {
        self.source.codec(track)
    }

    fn frame(&self, track: u8, id: FrameId) -> Result<Frame<'_>, Miss> {
        self.source.frame(track, id)
    }

    fn frame_time(&self, track: u8, id: FrameId) -> Result<Range<MediaTime>, Miss> {
        self.source.frame_time(track, id).map(|time| self.shown(id, time.start)..self.shown(id, time.end))
    }

    fn cached(&self, track: u8) -> Range<FrameId> {
        self.source.cached(track)
    }

    fn find(&self, track: u8, time: MediaTime) -> Option<FrameId> {
        let range = self.cached_ranges(track).into_iter().find(|range| range.time.contains(&time))?;
        let (mut from, mut to) = (range.frames.start.0, range.frames.end.0);
        while to.checked_sub(from)? > 1 {
            let middle = from + (to - from) / 2;
            match self.frame_time(track, FrameId(middle)).ok()?.start <= time {
                true => from = middle,
                false => to = middle,
            }
        }
        Some(FrameId(from))
    }

    fn cached_ranges(&self, track: u8) -> Vec<CachedRange> {
        let mut ranges = Vec::new();
        for CachedRange { frames, .. } in self.source.cached_ranges(track) {
            // What continues by the server's times may be elsewhere in the medium.
            let mut end = frames.end;
            let firsts = self.plays.iter().rev().map(|play| play.first);
            let jumps = firsts.filter(|first| frames.contains(first) && *first > frames.start);
            for start in jumps.chain([frames.start]) {
                ranges.extend(self.span(track, start..end));
                end = start;
            }
        }
        ranges
    }

    fn usage(&self, track: u8) -> CacheUsage {
        self.source.usage(track)
    }

    fn duration(&self) -> Option<Duration> {
        let axis = self.axis();
        self.source.duration().map(|duration| axis.span_shown(duration.into()).into())
    }

    fn axis(&self) -> MediaAxis {
        match self.source.duration() {
            Some(duration) => MediaAxis::new(self.scale, MediaTime::ZERO + duration.into()),
            // What is live is played as it comes.
            None => MediaAxis::NORMAL,
        }
    }

    fn is_live(&self) -> bool {
        self.source.is_live()
    }

    fn awaits_viewer(&self, track: u8) -> bool {
        self.source.awaits_viewer(track)
    }

    fn watch_from(&mut self, track: u8, id: FrameId) {
        self.source.watch_from(track, id);
    }

    fn seek(&mut self, track: u8, time: MediaTime) -> FrameId {
        let place = self.axis().media(time);
        let first = self.source.seek(track, place);
        self.add(first, Some(place));
        self.asked = true;
        first
    }

    fn reconnect(&mut self) {
        self.source.reconnect();
    }

    fn teardown(&mut self) {
        self.source.teardown();
    }

    fn waker(&self) -> Waker {
        self.source.waker()
    }

    fn refusal(&self, track: u8) -> Option<&str> {
        self.source.refusal(track)
    }

    fn figures(&self, track: u8) -> SessionFigures {
        self.source.figures(track)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::fake::Fake;

    const FRAME: Duration = Duration::from_millis(40);

    fn at(millis: u64) -> MediaTime {
        MediaTime::from_micros(millis * 1000)
    }

    /// A medium of four seconds. The server begins at the place that it is asked for, and then sends a frame
    /// for each 40 ms of showing.
    fn scaled(scale: &str) -> Scaled<Fake> {
        let scale = Scale::parse(scale.as_bytes()).unwrap();
        let fake = Fake::new(vec![vec![0; 100]; 300], FRAME).announcing(FRAME * 100).at_scale(scale);
        let mut scaled = Scaled::new(fake, scale, None);
        assert!(matches!(scaled.poll_event(), Some(Event::Playing(_))));
        scaled
    }

    /// Has the server play from a place of the medium, and send some frames.
    fn play(scaled: &mut Scaled<Fake>, from: u64, frames: usize) {
        let shown = scaled.axis().shown(at(from));
        scaled.seek(VIDEO, shown);
        scaled.source.arrive(frames);
    }

    /// Returns the media time of a frame.
    fn media(scaled: &Scaled<Fake>, id: u64) -> u64 {
        let shown = scaled.frame_time(VIDEO, FrameId(id)).unwrap().start;
        scaled.axis().media(shown).as_micros() / 1000
    }

    #[test]
    fn frames_have_the_times_of_the_medium() {
        let mut double = scaled("2");
        play(&mut double, 0, 20);
        assert_eq!([0, 1, 19].map(|id| media(&double, id)), [0, 80, 1520]);
        assert_eq!(double.duration(), Some(Duration::from_secs(2)));
        play(&mut double, 3000, 5);
        assert_eq!([19, 20, 24].map(|id| media(&double, id)), [1520, 3000, 3320]);

        let mut back = scaled("-1");
        play(&mut back, 4000, 20);
        assert_eq!([0, 1, 19].map(|id| media(&back, id)), [4000, 3960, 3240]);
        assert_eq!(back.duration(), Some(Duration::from_secs(4)));
        play(&mut back, 1000, 5);
        assert_eq!([19, 20, 24].map(|id| media(&back, id)), [3240, 1000, 840]);
    }

    #[test]
    fn places_are_found_where_the_medium_has_them() {
        for (scale, places) in
            [("2", [0, 1000]), ("-1", [4000, 2000]), ("0.5", [0, 3000]), ("-4", [4000, 2000])]
        {
            let mut scaled = scaled(scale);
            for place in places {
                play(&mut scaled, place, 10);
            }
            assert_eq!(scaled.cached_ranges(VIDEO).len(), 2, "at {scale}");
            for id in 0..20 {
                let shown = scaled.axis().shown(at(media(&scaled, id)));
                assert_eq!(scaled.find(VIDEO, shown), Some(FrameId(id)), "at {scale}");
            }
        }
    }

    #[test]
    fn what_follows_by_the_servers_times_may_be_elsewhere() {
        let mut scaled = scaled("2");
        play(&mut scaled, 0, 10);
        play(&mut scaled, 400, 10);
        let range = |frames: Range<u64>, time: Range<u64>| CachedRange {
            frames: FrameId(frames.start)..FrameId(frames.end),
            time: at(time.start)..at(time.end),
        };
        assert_eq!(scaled.cached_ranges(VIDEO), [range(10..20, 200..600), range(0..10, 0..400)]);
        assert_eq!(scaled.find(VIDEO, at(200)), Some(FrameId(10)), "the newest of both");
        assert_eq!(scaled.find(VIDEO, at(199)), Some(FrameId(4)));
        scaled.source.evict(12);
        assert_eq!(scaled.cached_ranges(VIDEO), [range(12..20, 280..600)]);
        play(&mut scaled, 3000, 1);
        assert_eq!((media(&scaled, 12), media(&scaled, 20), scaled.plays.len()), (560, 3000, 2));
    }

    #[test]
    fn a_server_may_choose_another_scale() {
        let fake = Fake::new(vec![vec![0; 100]; 100], FRAME);
        let mut scaled = Scaled::new(fake, Scale::parse(b"-2").unwrap(), None);
        assert!(matches!(scaled.poll_event(), Some(Event::Playing(_))));
        scaled.source.arrive(10);
        assert!(scaled.axis().is_normal());
        assert_eq!(scaled.duration(), Some(Duration::from_secs(4)));
        assert_eq!(scaled.frame_time(VIDEO, FrameId(9)), Ok(at(360)..at(400)));
    }
}
