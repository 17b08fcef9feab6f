//! The playhead: a place in the cache that moves on.
//!
//! [`Playhead::next`] tells which frame follows and when it is due. [`commands`] move the playhead,
//! and [`neighbours`] finds the frames before and after one in the cache. All of them take the
//! player's time as an argument. Its clock has to stand whenever [`Playhead::runs`] says so; frames
//! that are scheduled already keep their times. [`fetching`] knows what the server was asked for, and
//! what will come. [`live`] follows the live edge, where frames are due by when they arrive.
mod commands;
mod fetching;
mod live;
mod neighbours;

use super::clock::Moment;
use super::playout::{Latency, Playout};
use super::schedule::{DELAY, Schedule};
use crate::model::{Presentation, Shown};
use crate::stream::Source;
use fetching::Fetch;
use neighbours::{cached_ahead, follower};
use pinhole::frame::FrameId;
use pinhole::time::{Duration as MediaDuration, MediaTime};
use std::collections::VecDeque;
use std::time::Duration;

/// How long before it is due a frame is passed to the decoder.
const LEAD: Duration = Duration::from_millis(200);

/// What is to be done next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Pass this frame to the decoder.
    Frame(Presentation),
    /// Wait until this time.
    At(Duration),
    /// No frame follows. The last one has been shown in full at this time.
    Over(Duration),
    /// Wait for a frame to arrive, or for a command.
    Idle,
}

/// A place in the cached frames of one track that moves on.
#[derive(Debug)]
pub(crate) struct Playhead {
    track: u8,
    cursor: Cursor,
    schedule: Schedule,
    playout: Playout,
    /// The next frame that the playout is told of.
    next_arrival: FrameId,
    /// How many frames were missing when the playout was told last.
    missing: u64,
    /// The frame at the cursor, and when it is due.
    located: Option<(FrameId, Duration)>,
    /// The frame that is shown, and those after it that were passed on.
    trail: VecDeque<Passed>,
    /// The frame that came onto the screen last.
    on_screen: Option<Shown>,
    /// Frames that came onto the screen since [`Self::take_shown`].
    shown: Vec<Shown>,
    position: MediaTime,
    /// For how long the newest frame that was located is shown.
    frame_duration: MediaDuration,
    /// Media time of the first frame.
    beginning: MediaTime,
    /// See [`Self::generation`].
    generation: u64,
    held: bool,
    /// At the live edge.
    following: bool,
    buffering: bool,
    /// The cache has room for what follows only without the frame that is shown, which was given up.
    starved: bool,
    ended: bool,
    fetch: Fetch,
    /// Where the medium was seen to end; `None` if it was not.
    end: Option<MediaTime>,
    /// How much media time has to be cached ahead before a recorded medium plays.
    prebuffer: Duration,
    stalls: u64,
}

/// Which frame comes next.
#[derive(Clone, Copy, Debug)]
enum Cursor {
    /// The first frame that arrives.
    Start,
    /// This frame, on a new schedule.
    At(FrameId),
    /// The follower of this frame, which is the newest of the trail.
    After(Passed),
    /// The first frame that is shown at `time` or later, of those that the server was asked for.
    Awaiting {
        time: MediaTime,
        /// Only frames from this number on were asked for.
        first: FrameId,
        /// The frame that it follows; `None` if it starts a new schedule.
        after: Option<Passed>,
    },
}

/// A frame that was passed on.
#[derive(Clone, Copy, Debug)]
struct Passed {
    id: FrameId,
    start: MediaTime,
    end: MediaTime,
    due: Duration,
}

impl Passed {
    fn duration(&self) -> MediaDuration {
        self.end.since(self.start)
    }

    /// Returns a time at which the next frame is shown. It is half a frame after the end: frames
    /// need not touch exactly.
    fn in_next(&self) -> MediaTime {
        self.end + self.duration().scaled(1, 2)
    }
}

impl Playhead {
    /// Starts before the first frame of a track. A recorded medium plays once `prebuffer` of media
    /// time is cached ahead, and a live one with this latency.
    pub(crate) fn new(track: u8, prebuffer: Duration, latency: Latency) -> Self {
        Self {
            track,
            cursor: Cursor::Start,
            schedule: Schedule::default(),
            playout: Playout::new(latency),
            next_arrival: FrameId(0),
            missing: 0,
            located: None,
            trail: VecDeque::new(),
            on_screen: None,
            shown: Vec::new(),
            position: MediaTime::ZERO,
            frame_duration: MediaDuration::ZERO,
            beginning: MediaTime::ZERO,
            generation: 0,
            held: false,
            following: false,
            buffering: false,
            starved: false,
            ended: false,
            fetch: Fetch::START,
            end: None,
            prebuffer,
            stalls: 0,
        }
    }

    /// Returns what is to be done now. The caller asks again at once while the answer is a frame.
    pub(crate) fn next(&mut self, source: &mut dyn Source, moment: Moment) -> Next {
        let now = moment.player;
        self.settle(now);
        if self.ended {
            return Next::Over(now);
        }
        let starts =
            matches!(self.cursor, Cursor::Start | Cursor::At(_) | Cursor::Awaiting { after: None, .. });
        let located = self.locate(source);
        self.starved |= located.is_none() && source.awaits_viewer(self.track);
        let Some(id) = located else { return self.without_next(source, moment) };
        if self.buffering || matches!(self.cursor, Cursor::Start) {
            self.buffering = self.is_short(source, id);
        }
        if matches!(self.cursor, Cursor::Start) {
            self.following = source.is_live() && !self.held;
        }
        // Later, the first frame is shown while the rest is buffered.
        if self.buffering && matches!(self.cursor, Cursor::Start) {
            return Next::Idle;
        }
        let Ok(time) = source.frame_time(self.track, id) else { return Next::Idle };
        let duration = time.end.since(time.start);
        self.frame_duration = duration;
        let due = match self.located {
            Some((located, due)) if located == id => due,
            _ if starts => {
                let delay = if self.following || self.prebuffer < DELAY { DELAY } else { Duration::ZERO };
                self.schedule.restart(time.start, time.end, now, delay);
                now
            }
            _ if self.is_at_edge(source) => self.schedule_live(&time, moment),
            _ => self.schedule.add(time.start, time.end, now),
        };
        self.located = Some((id, due));
        // While the picture is held, only the frame itself is decoded, and none ahead of its time.
        let at = due.saturating_sub(if self.held { Duration::ZERO } else { LEAD });
        // A frame that comes late must not replace a picture that is held.
        if at > now || (self.held && !starts) {
            return Next::At(at.max(now));
        }
        if matches!(self.cursor, Cursor::Start) {
            self.beginning = time.start;
        }
        let passed = Passed { id, start: time.start, end: time.end, due };
        self.trail.push_back(passed);
        (self.cursor, self.located, self.starved) = (Cursor::After(passed), None, false);
        self.settle(now);
        let counts = !starts && !self.held && self.schedule.rate() <= 1.0 && duration > MediaDuration::ZERO;
        let late_after = counts.then(|| self.schedule.player_time(duration.into()) / 2);
        let generation = self.generation;
        let (time, axis) = (time.start, source.axis());
        Next::Frame(Presentation { id, time, axis, duration, due, late_after, generation })
    }

    /// Returns whether the player's clock runs.
    pub(crate) fn runs(&self) -> bool {
        !self.held && !self.is_waiting() && !self.ended
    }

    /// Returns the present generation, which grows with each command that moves the playhead. Frames
    /// of an older generation must not be shown any more.
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// Returns the media time of the frame that is shown, or is shown next.
    pub(crate) fn position(&self) -> MediaTime {
        self.position
    }

    /// Returns the frame that is on the screen; `None` before the first.
    pub(crate) fn on_screen(&self) -> Option<Shown> {
        self.on_screen
    }

    /// Returns the frames that came onto the screen since the last call, in order. A frame that stays there
    /// while the playhead moves is returned once.
    pub(crate) fn take_shown(&mut self) -> Vec<Shown> {
        std::mem::take(&mut self.shown)
    }

    /// Returns the oldest frame that is still needed; `None` if no cached frame is.
    pub(crate) fn needs_from(&self) -> Option<FrameId> {
        match self.cursor {
            Cursor::At(id) => Some(id),
            Cursor::After(passed) if self.starved => Some(passed.id.next()),
            // The user may step from the frame that is shown.
            Cursor::After(passed) => Some(self.trail.front().map_or(passed.id, |shown| shown.id)),
            // Those before it are passed over.
            Cursor::Awaiting { first, .. } => Some(first),
            Cursor::Start => None,
        }
    }

    /// Returns whether the user holds the picture.
    pub(crate) fn is_held(&self) -> bool {
        self.held
    }

    /// Returns whether the playhead is at the live edge, and shows frames as they arrive.
    pub(crate) fn is_following(&self) -> bool {
        self.following
    }

    /// Returns whether the last frame has been shown in full.
    pub(crate) fn is_ended(&self) -> bool {
        self.ended
    }

    /// Returns whether the picture stands until frames arrive.
    pub(crate) fn is_waiting(&self) -> bool {
        self.buffering || self.is_seeking()
    }

    /// Returns whether the first frame, or the frame that was sought, has not arrived.
    pub(crate) fn is_seeking(&self) -> bool {
        matches!(self.cursor, Cursor::Start | Cursor::Awaiting { after: None, .. })
    }

    /// Returns how much media time is cached ahead, and how much is wanted.
    pub(crate) fn buffered(&self, source: &dyn Source) -> (Duration, Duration) {
        let next = match self.cursor {
            Cursor::Start => Some(source.cached(self.track).start),
            Cursor::At(id) => Some(id),
            Cursor::After(passed) => Some(passed.id),
            Cursor::Awaiting { .. } => None,
        };
        let have = next.map_or(Duration::ZERO, |next| cached_ahead(source, self.track, next));
        let want = self.wanted(source, self.position);
        (have.min(want), want)
    }

    /// Returns how much media time passes in a second of playing.
    pub(crate) fn rate(&self) -> f64 {
        self.schedule.rate()
    }

    /// Returns how often a frame was due that had not arrived.
    pub(crate) fn stalls(&self) -> u64 {
        self.stalls
    }

    /// Drops frames that are no longer shown from the trail: its first frame is the one on the screen.
    fn settle(&mut self, now: Duration) {
        self.note_shown(now);
        while self.trail.get(1).is_some_and(|next| next.due <= now) {
            self.trail.pop_front();
            self.note_shown(now);
        }
        if let Some(shown) = self.trail.front() {
            self.position = shown.start;
        }
    }

    /// Takes note of the first frame of the trail, if it is on the screen.
    fn note_shown(&mut self, now: Duration) {
        let Some(first) = self.trail.front().filter(|first| first.due <= now) else { return };
        if self.on_screen.is_none_or(|before| before.id != first.id) {
            let shown = Shown { id: first.id, generation: self.generation };
            self.on_screen = Some(shown);
            self.shown.push(shown);
        }
    }

    /// Returns the frame at the cursor; `None` if it has not arrived. At a gap, asks the server for
    /// what is missing.
    fn locate(&mut self, source: &mut dyn Source) -> Option<FrameId> {
        let cached = source.cached(self.track);
        let found = match self.cursor {
            Cursor::Start => cached.start,
            Cursor::At(id) => id.max(cached.start),
            Cursor::After(passed) => match follower(source, self.track, &passed) {
                Ok(id) => id,
                Err(_) if source.is_live() || self.is_coming(source, passed.end) => return None,
                Err(_) if self.is_last(source, passed.end) => return None,
                Err(_) => {
                    self.ask(source, passed.end);
                    let first = self.first_fetched();
                    self.cursor = Cursor::Awaiting { time: passed.end, first, after: Some(passed) };
                    return None;
                }
            },
            Cursor::Awaiting { time, first, after } => {
                let ends_before = |id| {
                    source
                        .frame_time(self.track, id)
                        .is_ok_and(|shown| shown.start < time && shown.end <= time)
                };
                let mut id = first.max(cached.start);
                while ends_before(id) {
                    id = id.next();
                }
                self.cursor = Cursor::Awaiting { time, first: id, after };
                id
            }
        };
        (found < cached.end).then_some(found)
    }

    /// Returns what is to be done while there is no frame at the cursor.
    fn without_next(&mut self, source: &mut dyn Source, moment: Moment) -> Next {
        let now = moment.player;
        let last = match self.cursor {
            Cursor::After(passed) => passed,
            Cursor::Awaiting { after: Some(passed), .. } => passed,
            Cursor::Awaiting { time, .. } if self.is_complete() => {
                return self.beyond_end(source, time, moment);
            }
            Cursor::Start if self.is_complete() => return self.over(now, now),
            _ => return Next::Idle,
        };
        if self.is_over(source, &last) {
            // Nothing is waited for.
            self.buffering = false;
            let over = last.due.saturating_add(self.schedule.player_time(last.duration().into()));
            return self.over(over, now);
        }
        if source.is_live() {
            if !self.following && !self.held {
                self.following = true;
                self.schedule.set_rate(1.0);
                self.schedule.restart(last.start, last.end, last.due.max(now), Duration::ZERO);
            }
            return Next::Idle;
        }
        let due = self.schedule.due(last.end).unwrap_or(now);
        if due > now {
            return Next::At(due);
        }
        if !self.buffering && !self.prebuffer.is_zero() {
            self.buffering = true;
            self.stalls = self.stalls.saturating_add(1);
        }
        Next::Idle
    }

    fn over(&mut self, at: Duration, now: Duration) -> Next {
        self.ended = at <= now;
        Next::Over(at)
    }

    /// Returns whether too little is cached to play on from a frame.
    fn is_short(&self, source: &dyn Source, id: FrameId) -> bool {
        if self.is_complete() || source.is_live() || source.awaits_viewer(self.track) {
            return false;
        }
        let Ok(time) = source.frame_time(self.track, id) else { return false };
        let ahead = cached_ahead(source, self.track, id);
        let usage = source.usage(self.track);
        // A cache that is too small for the wanted time is waited for only until it is half full.
        let share = ahead.as_secs_f64() / usage.span.as_secs_f64().max(f64::MIN_POSITIVE);
        ahead < self.wanted(source, time.start) && share * (usage.bytes as f64) < usage.capacity as f64 / 2.0
    }

    /// Returns how much media time is to be cached from `time` on before it plays: not more than there is.
    fn wanted(&self, source: &dyn Source, time: MediaTime) -> Duration {
        let Some(end) = self.end(source) else { return self.prebuffer };
        let rest = end.since(time + self.frame_duration.scaled(1, 2));
        self.prebuffer.min(rest.into())
    }
}

#[cfg(test)]
mod tests;
