//! Where the player is in the cache, and when each frame is due.
//!
//! Time is passed in, in the player's time: its clock is to stand whenever [`Playhead::runs`] says
//! so. What is scheduled then stays as it is.
use crate::playback::schedule::{DELAY, Playout};
use crate::playback::selection::Showing;
use crate::stream::Source;
use pinhole::frame::{Frame, FrameId, Miss};
use pinhole::time::{Duration as Span, MediaTime};
use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::time::Duration;

/// How long before its picture is due a frame goes to the decoder.
const LEAD: Duration = Duration::from_millis(200);

/// More than this between two frames of a recorded medium was never fetched, or was lost.
const GAP: Duration = Duration::from_secs(1);

/// How fast the medium can be played.
pub(crate) const RATES: RangeInclusive<f64> = 0.25..=4.0;

/// What is to be done next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// This frame goes to the decoder, and is due then.
    Frame(Showing),
    /// Nothing, until the clock reads this.
    At(Duration),
    /// Nothing: no frame follows, and the last is over when the clock reads this.
    Over(Duration),
    /// Nothing, until a frame comes, or a command.
    Idle,
}

/// A place in the cache that moves on.
#[derive(Debug)]
pub(crate) struct Playhead {
    cursor: Cursor,
    playout: Playout,
    /// The frame that is located by the cursor, and when it is due.
    located: Option<(FrameId, Duration)>,
    /// The frame that is shown, and those after it that were handed over.
    trail: VecDeque<Passed>,
    position: MediaTime,
    /// For how long the newest frame that was handed over is shown.
    interval: Span,
    /// Where the medium began.
    beginning: MediaTime,
    /// Grows whenever what was handed over before is not to be shown any more.
    generation: u64,
    held: bool,
    /// At the live edge.
    following: bool,
    buffering: bool,
    ended: bool,
    /// All frames that will come have come.
    complete: bool,
    /// How much is to be ahead before a recorded medium plays.
    prebuffer: Duration,
    stalls: u64,
    /// What was asked for to go on after frames that are cached.
    fetching: Option<MediaTime>,
}

/// What comes next.
#[derive(Clone, Copy, Debug)]
enum Cursor {
    /// The first frame there is.
    Start,
    /// This one, on a new schedule.
    At(FrameId),
    /// What follows the newest of the trail.
    After(Passed),
    /// What was asked of the server: the first frame from this number on that is shown at `to`, or
    /// after it.
    Awaiting {
        to: MediaTime,
        first: FrameId,
        /// The frame after which it goes on; `None`: a new schedule.
        after: Option<Passed>,
    },
}

/// A frame that was handed over.
#[derive(Clone, Copy, Debug)]
struct Passed {
    id: FrameId,
    pts: MediaTime,
    end: MediaTime,
    due: Duration,
}

impl Passed {
    /// A time at which the next frame is shown: frames of one interval need not touch exactly.
    fn after(&self) -> MediaTime {
        self.end + self.end.since(self.pts).scaled(1, 2)
    }
}

impl Playhead {
    /// At the first frame; a recorded medium waits for so much of it.
    pub(crate) fn new(prebuffer: Duration) -> Self {
        Self {
            cursor: Cursor::Start,
            playout: Playout::default(),
            located: None,
            trail: VecDeque::new(),
            position: MediaTime::ZERO,
            interval: Span::ZERO,
            beginning: MediaTime::ZERO,
            generation: 0,
            held: false,
            following: false,
            buffering: false,
            ended: false,
            complete: false,
            prebuffer,
            stalls: 0,
            fetching: None,
        }
    }

    /// What is to be done now; to be asked until it is not a frame.
    pub(crate) fn next(&mut self, source: &mut dyn Source, now: Duration) -> Next {
        self.settle(now);
        if self.ended {
            return Next::Over(now);
        }
        let starts =
            matches!(self.cursor, Cursor::Start | Cursor::At(_) | Cursor::Awaiting { after: None, .. });
        let Some(id) = self.locate(source) else { return self.dry(source, now) };
        if self.buffering || matches!(self.cursor, Cursor::Start) {
            self.buffering = self.is_short(source, id);
        }
        if matches!(self.cursor, Cursor::Start) {
            self.following = source.is_live() && !self.held;
        }
        // Before the first picture. After that, one is there to look at.
        if self.buffering && matches!(self.cursor, Cursor::Start) {
            return Next::Idle;
        }
        let Ok(frame) = source.frame(id) else { return Next::Idle };
        let (pts, end) = (frame.pts, frame.pts + frame.duration);
        self.interval = frame.duration;
        let due = match self.located {
            Some((located, due)) if located == id => due,
            _ if starts => {
                let delay = if self.following || self.prebuffer < DELAY { DELAY } else { Duration::ZERO };
                self.playout.start(pts, end, now, delay);
                now
            }
            _ => self.playout.due(pts, end, now),
        };
        self.located = Some((id, due));
        // What is held goes no further, and what is stepped to is decoded alone.
        let at = due.saturating_sub(if self.held { Duration::ZERO } else { LEAD });
        if at > now {
            return Next::At(at);
        }
        if matches!(self.cursor, Cursor::Start) {
            self.beginning = pts;
        }
        let passed = Passed { id, pts, end, due };
        self.trail.push_back(passed);
        (self.cursor, self.located) = (Cursor::After(passed), None);
        self.settle(now);
        let counts = !starts && !self.held && self.playout.rate() <= 1.0 && end > pts;
        let late_after = counts.then(|| self.playout.stretch(end.since(pts).into()) / 2);
        let (interval, generation) = (self.interval, self.generation);
        Next::Frame(Showing { id, pts, interval, due, late_after, generation })
    }

    /// Holds the picture, or goes on; after the end, from the beginning.
    pub(crate) fn toggle(&mut self, source: &mut dyn Source) {
        if self.ended {
            self.held = false;
            self.seek(source, self.beginning);
        } else {
            self.held = !self.held;
            self.following &= !self.held;
        }
    }

    /// Holds, and shows the next frame, or the one before.
    pub(crate) fn step(&mut self, source: &mut dyn Source, forward: bool) {
        let Some(shown) = self.trail.front().copied() else { return };
        (self.held, self.following) = (true, false);
        let found = if forward { follower(source, &shown).ok() } else { forerunner(source, &shown) };
        match found {
            Some(id) => self.place(source, id),
            None if forward && follower(source, &shown) == Err(Lack::Gap) => {
                let first = source.seek(shown.end);
                self.expect(shown.end, first);
            }
            None if forward && self.complete => {}
            None if forward => self.expect(shown.end, shown.id.next()),
            None if source.is_live() || shown.pts == MediaTime::ZERO => {}
            None => {
                let to = shown.pts - shown.end.since(shown.pts);
                let first = source.seek(to);
                self.expect(to, first);
            }
        }
    }

    /// Goes on so many seconds later, or earlier.
    pub(crate) fn jump(&mut self, source: &mut dyn Source, seconds: f64) {
        let span = Duration::try_from_secs_f64(seconds.abs()).unwrap_or(Duration::MAX).into();
        let to = if seconds < 0.0 { self.position - span } else { self.position + span };
        self.seek(source, to);
    }

    /// Goes on at a place: from the cache, or else from the server. Live media have only what is
    /// cached.
    pub(crate) fn seek(&mut self, source: &mut dyn Source, to: MediaTime) {
        self.following = false;
        if let Some(id) = source.find(to) {
            self.place(source, id);
        } else if source.is_live() {
            // What comes next of what there is, or else the edge.
            let later = source.runs().into_iter().filter(|run| run.time.start >= to);
            match later.min_by_key(|run| run.time.start) {
                Some(run) => self.place(source, run.frames.start),
                None => self.go_to_edge(source),
            }
        } else {
            let last = source.duration().map(|duration| MediaTime::ZERO + duration.into() - self.interval);
            let to = last.map_or(to, |last| to.min(last));
            let first = source.seek(to);
            self.expect(to, first);
        }
    }

    /// Goes on at the live edge; recorded media have none.
    pub(crate) fn go_live(&mut self, source: &mut dyn Source) {
        if source.is_live() {
            self.held = false;
            self.go_to_edge(source);
        }
    }

    /// Plays so many times as fast, within [`RATES`]. At the live edge there is nothing to be ahead
    /// of.
    pub(crate) fn set_rate(&mut self, rate: f64, now: Duration) {
        let rate = if rate.is_finite() { rate.clamp(*RATES.start(), *RATES.end()) } else { 1.0 };
        if rate == self.playout.rate() || (self.following && rate > 1.0) {
            return;
        }
        self.playout.set_rate(rate);
        self.following &= rate >= 1.0;
        self.settle(now);
        if let Some(shown) = self.trail.front().copied() {
            let (buffering, shown) = (self.buffering, Passed { due: now, ..shown });
            self.renew();
            self.buffering = buffering;
            self.playout.start(shown.pts, shown.end, now, Duration::ZERO);
            self.trail.push_back(shown);
            self.cursor = Cursor::After(shown);
        }
    }

    /// Whether all frames that will come have come.
    pub(crate) fn set_complete(&mut self, complete: bool) {
        self.complete = complete;
    }

    /// See [`Self::set_complete`].
    pub(crate) fn is_complete(&self) -> bool {
        self.complete
    }

    /// The player's clock runs.
    pub(crate) fn runs(&self) -> bool {
        !self.held && !self.is_waiting() && !self.ended
    }

    /// What is decoded in an older generation than this is not to be shown.
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// Of the frame that is shown, or is to be shown next.
    pub(crate) fn position(&self) -> MediaTime {
        self.position
    }

    /// The oldest frame that is still needed; `None`: none of those that are cached.
    pub(crate) fn needs_from(&self) -> Option<FrameId> {
        match self.cursor {
            Cursor::At(id) => Some(id),
            // That which is shown, to step on from.
            Cursor::After(passed) => Some(self.trail.front().map_or(passed.id, |shown| shown.id)),
            Cursor::Start | Cursor::Awaiting { .. } => None,
        }
    }

    /// The user holds the picture.
    pub(crate) fn is_held(&self) -> bool {
        self.held
    }

    /// It shows what comes as it comes.
    pub(crate) fn is_following(&self) -> bool {
        self.following
    }

    /// The last frame was shown, and none follows.
    pub(crate) fn is_ended(&self) -> bool {
        self.ended
    }

    /// There is nothing to show next; it waits for the source.
    pub(crate) fn is_waiting(&self) -> bool {
        self.buffering || self.is_seeking()
    }

    /// The frame that was asked for is not there.
    pub(crate) fn is_seeking(&self) -> bool {
        matches!(self.cursor, Cursor::Start | Cursor::Awaiting { after: None, .. })
    }

    /// How much media time is ahead, and how much is wanted, while it waits.
    pub(crate) fn buffered(&self, source: &dyn Source) -> (Duration, Duration) {
        let next = match self.cursor {
            Cursor::Start => Some(source.cached().start),
            Cursor::At(id) => Some(id),
            Cursor::After(passed) => Some(passed.id),
            Cursor::Awaiting { .. } => None,
        };
        (next.map_or(Duration::ZERO, |next| ahead(source, next)).min(self.prebuffer), self.prebuffer)
    }

    /// How fast the medium goes by.
    pub(crate) fn rate(&self) -> f64 {
        self.playout.rate()
    }

    /// How often it had nothing to show when something was due.
    pub(crate) fn stalls(&self) -> u64 {
        self.stalls
    }

    /// Brings the trail up to date: its front is shown.
    fn settle(&mut self, now: Duration) {
        while self.trail.get(1).is_some_and(|next| next.due <= now) {
            self.trail.pop_front();
        }
        if let Some(shown) = self.trail.front() {
            self.position = shown.pts;
        }
    }

    /// The frame that comes next, if it is there.
    fn locate(&mut self, source: &mut dyn Source) -> Option<FrameId> {
        let cached = source.cached();
        let found = match self.cursor {
            Cursor::Start => cached.start,
            Cursor::At(id) => id.max(cached.start),
            Cursor::After(passed) => match follower(source, &passed) {
                Ok(id) => id,
                Err(Lack::NotYet) => return None,
                Err(Lack::Gap) => {
                    let first = source.seek(passed.end);
                    self.complete = false;
                    self.cursor = Cursor::Awaiting { to: passed.end, first, after: Some(passed) };
                    return None;
                }
            },
            Cursor::Awaiting { to, first, after } => {
                let mut id = first.max(cached.start);
                while source.frame(id).is_ok_and(|frame| ends_before(&frame, to)) {
                    id = id.next();
                }
                self.cursor = Cursor::Awaiting { to, first: id, after };
                id
            }
        };
        (found < cached.end).then_some(found)
    }

    /// There is no frame to go on with.
    fn dry(&mut self, source: &mut dyn Source, now: Duration) -> Next {
        let last = match self.cursor {
            Cursor::After(passed) => passed,
            Cursor::Awaiting { after: Some(passed), .. } => passed,
            // What was asked for is beyond the end.
            Cursor::Awaiting { .. } if self.complete => {
                let newest = source.cached();
                match newest.end.0.checked_sub(1).map(FrameId).filter(|id| *id >= newest.start) {
                    Some(id) => {
                        self.place(source, id);
                        return self.next(source, now);
                    }
                    None => return self.over(now, now),
                }
            }
            Cursor::Start if self.complete => return self.over(now, now),
            _ => return Next::Idle,
        };
        if self.complete {
            let over = last.due.saturating_add(self.playout.stretch(last.end.since(last.pts).into()));
            return self.over(over, now);
        }
        if source.is_live() {
            if !self.following && !self.held {
                self.following = true;
                self.playout.set_rate(1.0);
                self.playout.start(last.pts, last.end, last.due.max(now), Duration::ZERO);
            }
            return Next::Idle;
        }
        let due = self.playout.scheduled(last.end).unwrap_or(now);
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

    /// Goes on at a frame of the cache, on a new schedule.
    fn place(&mut self, source: &mut dyn Source, id: FrameId) {
        self.renew();
        self.cursor = Cursor::At(id);
        if let Ok(frame) = source.frame(id) {
            self.position = frame.pts;
        }
        if !source.is_live() {
            self.buffering = self.is_short(source, id);
            self.fetch_on(source, id);
        }
    }

    /// Goes on with what the server was asked for.
    fn expect(&mut self, to: MediaTime, first: FrameId) {
        self.renew();
        (self.complete, self.fetching) = (false, None);
        self.position = to;
        // Until there is enough of it.
        self.buffering = !self.prebuffer.is_zero();
        self.cursor = Cursor::Awaiting { to, first, after: None };
    }

    fn go_to_edge(&mut self, source: &mut dyn Source) {
        self.following = !self.held;
        self.playout.set_rate(1.0);
        let cached = source.cached();
        if let Some(newest) = cached.end.0.checked_sub(1).map(FrameId).filter(|id| *id >= cached.start) {
            self.place(source, newest);
        }
    }

    /// Nothing that was handed over is to be shown any more.
    fn renew(&mut self) {
        self.generation = self.generation.wrapping_add(1);
        self.trail.clear();
        self.located = None;
        (self.ended, self.buffering) = (false, false);
    }

    /// Has the server go on after the frames around `id`, where it is fetching elsewhere: what
    /// comes after them is there by the time they were shown.
    fn fetch_on(&mut self, source: &mut dyn Source, id: FrameId) {
        let runs = source.runs();
        let Some(run) = runs.iter().skip(1).find(|run| run.frames.contains(&id)) else { return };
        let to = run.time.end;
        let half =
            source.frame(id).map_or_else(|_| Duration::ZERO, |frame| Duration::from(frame.duration) / 2);
        let after = to + half.into();
        let over = source.duration().is_some_and(|duration| after >= MediaTime::ZERO + duration.into());
        if over || self.fetching == Some(to) || source.find(after).is_some() {
            return;
        }
        source.seek(to);
        source.watch_from(id);
        (self.complete, self.fetching) = (false, Some(to));
    }

    /// Too little is there to go on from a frame.
    fn is_short(&self, source: &dyn Source, id: FrameId) -> bool {
        if self.complete || self.prebuffer.is_zero() || source.is_live() {
            return false;
        }
        let ahead = ahead(source, id);
        let usage = source.usage();
        // A cache that is too small for the wish has no more to wait for at half of it.
        let share = ahead.as_secs_f64() / usage.span.as_secs_f64().max(f64::MIN_POSITIVE);
        ahead < self.prebuffer && share * (usage.bytes as f64) < usage.capacity as f64 / 2.0
    }
}

/// Why nothing follows a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lack {
    /// It has not come.
    NotYet,
    /// What comes next is somewhere else in the medium.
    Gap,
}

/// The frame that is shown after one.
fn follower(source: &dyn Source, shown: &Passed) -> Result<FrameId, Lack> {
    let next = shown.id.next();
    let lack = match source.frame(next) {
        Ok(frame) if source.is_live() || runs_on(shown, &frame) => return Ok(next),
        Ok(_) => Lack::Gap,
        Err(Miss::Overrun { .. }) => return Ok(source.cached().start),
        Err(_) => Lack::NotYet,
    };
    let later = |id: &FrameId| source.frame(*id).is_ok_and(|frame| frame.pts > shown.pts);
    let elsewhere = if source.is_live() { None } else { source.find(shown.after()).filter(later) };
    elsewhere.ok_or(lack)
}

/// The frame that is shown before one.
fn forerunner(source: &dyn Source, shown: &Passed) -> Option<FrameId> {
    let before = shown.id.0.checked_sub(1).map(FrameId);
    let runs_on = |id: &FrameId| {
        let frame = source.frame(*id);
        frame.is_ok_and(|frame| {
            frame.pts < shown.pts && Duration::from(shown.pts.since(frame.pts + frame.duration)) <= GAP
        })
    };
    let earlier = |id: &FrameId| source.frame(*id).is_ok_and(|frame| frame.pts < shown.pts);
    before.filter(runs_on).or_else(|| {
        let half = shown.end.since(shown.pts).scaled(1, 2);
        source.find(shown.pts - half).filter(earlier)
    })
}

fn runs_on(shown: &Passed, frame: &Frame<'_>) -> bool {
    frame.pts > shown.pts && Duration::from(frame.pts.since(shown.end)) <= GAP
}

fn ends_before(frame: &Frame<'_>, to: MediaTime) -> bool {
    frame.pts < to && frame.pts + frame.duration <= to
}

/// The media time from a frame's start to the end of what the server sends. What lies before that
/// is not waited for.
fn ahead(source: &dyn Source, id: FrameId) -> Duration {
    match source.runs().first() {
        Some(run) if id >= run.frames.start => {
            source.frame(id).map_or(Duration::ZERO, |frame| run.time.end.since(frame.pts).into())
        }
        Some(_) => Duration::MAX,
        None => Duration::ZERO,
    }
}

#[cfg(test)]
mod tests;
