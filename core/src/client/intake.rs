//! [`Intake`]: which frames of each track are stored, and which are to come again.
use super::track_fetch::TrackFetch;
use crate::frame::{FrameEnd, FrameSink, Full, TrackInfo};
use crate::frame::{FrameRing, Slot};
use crate::time::{Duration, MediaTime};

/// Frames that are later than the wanted place by more than this are of the place before it.
const NEAR: Duration = Duration::from_secs(2);
/// After so many of these, the server is believed to have meant another place.
const PATIENCE: u8 = 64;
/// The response to PLAY is told after the frames that came with it. Such frames are known by their
/// times: from this long before the wanted place to that long after it, or, where what is stored ends
/// at the place, to a shorter time after it.
const BEFORE: Duration = Duration::from_millis(50);
const AFTER: Duration = Duration::from_secs(1);
const JUST_AFTER: Duration = Duration::from_millis(20);
/// Servers round places to this.
pub(super) const ROUNDING: Duration = Duration::from_millis(1);
/// A frame that comes again can have a time that is later than before by this.
const SAME: Duration = Duration::from_micros(250);

/// Decides which frames of one track are wanted.
#[derive(Clone, Debug)]
pub(super) struct Gate {
    wants: Wants,
    /// The place that was asked for, until its first frame has come.
    place: Option<MediaTime>,
    /// The time of the newest frame that was stored since another place was asked for, if frames are
    /// fetched again.
    newest: Option<MediaTime>,
    /// The time of the frame that is open, if it was begun since a place was asked for.
    begun: Option<MediaTime>,
    /// How many bytes were to be written of a frame that is larger than the ring.
    measured: Option<usize>,
    too_large: Option<usize>,
}

/// Which frames a gate lets in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wants {
    /// All.
    All,
    /// None: there was no room for one, and those after it would leave a hole.
    None,
    /// Only those from `from` to `until`: another place was asked for, and what comes is still of the
    /// one before. After the response, those from `at` on.
    Waiting { at: MediaTime, from: MediaTime, until: MediaTime },
    /// Those from `at` on; of those long after it, not the first few.
    From { at: MediaTime, patience: u8 },
}

impl Gate {
    pub(super) const OPEN: Self =
        Self { wants: Wants::All, place: None, newest: None, begun: None, measured: None, too_large: None };

    pub(super) const fn open(&mut self) {
        (self.wants, self.place) = (Wants::All, None);
    }

    /// Lets nothing in until a place is asked for.
    pub(super) const fn shut(&mut self) {
        self.wants = Wants::None;
    }

    pub(super) const fn is_shut(&self) -> bool {
        matches!(self.wants, Wants::None)
    }

    /// Whether all frames from here on are wanted, and those before have come.
    pub(super) const fn is_open(&self) -> bool {
        matches!(self.wants, Wants::All)
    }

    /// Whether what comes now is of another place than the one that was asked for.
    pub(super) const fn is_waiting(&self) -> bool {
        matches!(self.wants, Wants::Waiting { .. })
    }

    /// The place that was asked for, until its first frame has come.
    pub(super) const fn place(&self) -> Option<MediaTime> {
        self.place
    }

    /// Notes that PLAY from a place was asked for, which the viewer goes to. `flows` says whether the
    /// server plays: what it sends until it answers is not of that place.
    pub(super) fn seek(&mut self, place: MediaTime, flows: bool) {
        (self.place, self.newest) = (Some(place), None);
        self.wants = match flows {
            true => Wants::Waiting { at: MediaTime::ZERO, from: place - BEFORE, until: place + AFTER },
            false => Wants::From { at: MediaTime::ZERO, patience: 0 },
        };
        self.begun = self.begun.filter(|_| !flows);
    }

    /// Notes that PLAY was asked for, so that the frames from `place` on come, which are not stored.
    /// Those before it are not wanted, even if the server begins earlier. `flows` is as for
    /// [`Self::seek`].
    pub(super) fn resume(&mut self, place: MediaTime, flows: bool) {
        // If all was let in until now, what the server sends until it answers is wanted as well.
        let unwanted = flows && !self.is_open();
        self.wants = match unwanted {
            true => Wants::Waiting { at: place, from: place, until: place + JUST_AFTER },
            false => Wants::From { at: place, patience: 0 },
        };
        self.place = Some(place);
        self.begun = self.begun.filter(|_| !unwanted);
    }

    /// Notes that PLAY was answered. It begins at `start`, if the server says so.
    pub(super) fn answered(&mut self, start: Option<MediaTime>) {
        match (self.wants, self.place) {
            (Wants::Waiting { at, .. }, Some(place)) => {
                let at = at.max(start.unwrap_or(place) - ROUNDING);
                self.wants = Wants::From { at, patience: PATIENCE };
            }
            // Its first frame has come before the response.
            (Wants::From { at, .. }, _) if self.newest.is_some_and(|newest| newest >= at) => self.open(),
            _ => {}
        }
    }

    pub(super) const fn too_large(&self) -> Option<usize> {
        self.too_large
    }

    /// Whether a frame that begins now is wanted. `kept` says whether frames are fetched again, so that
    /// those that are there already can come; `unanswered` whether PLAY is not answered yet, so that
    /// frames of before it can come.
    fn admits(&mut self, pts: MediaTime, kept: bool, unanswered: bool) -> bool {
        if kept && self.newest.is_some_and(|newest| pts <= newest + SAME) {
            return false;
        }
        let wanted = match &mut self.wants {
            Wants::All => true,
            Wants::Waiting { from, until, .. } => (*from..=*until).contains(&pts),
            Wants::None => false,
            Wants::From { at, .. } if pts < *at => false,
            Wants::From { at, patience } if pts > *at + NEAR && *patience > 0 => {
                *patience -= 1;
                false
            }
            Wants::From { .. } => true,
        };
        if wanted {
            if !(unanswered && matches!(self.wants, Wants::From { .. })) {
                self.open();
            }
        }
        wanted
    }
}

/// How much later or earlier frames are shown than the server says.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Shift {
    later: Duration,
    earlier: Duration,
    /// When the next frame is shown, whatever the server says.
    next_at: Option<MediaTime>,
}

impl Shift {
    pub(super) const NONE: Self = Self { later: Duration::ZERO, earlier: Duration::ZERO, next_at: None };

    /// Moves the next frame of any track, and all after it, so that it is shown at `at`.
    pub(super) const fn go_on_at(&mut self, at: MediaTime) {
        self.next_at = Some(at);
    }

    /// Moves a time, in ticks of a clock of `clock_rate` ticks a second.
    fn shifted(&mut self, time: u64, clock_rate: u32) -> u64 {
        if let Some(at) = self.next_at.take() {
            let pts = MediaTime::from_ticks(time, clock_rate);
            (self.later, self.earlier) = (at.since(pts), pts.since(at));
        }
        let (later, earlier) = (self.later.to_ticks(clock_rate), self.earlier.to_ticks(clock_rate));
        time.saturating_add(later).saturating_sub(earlier)
    }
}

/// A sink for the tracks of a presentation that a [`super::Prefetch`] governs: see
/// [`super::Prefetch::sink`].
#[derive(Debug)]
pub struct Intake<'a, S, B> {
    pub(super) tracks: &'a mut [TrackFetch],
    pub(super) rings: &'a mut [FrameRing<S, B>],
    pub(super) shift: &'a mut Shift,
    /// Whether frames that do not fit are fetched again, of tracks that are watched.
    pub(super) kept: bool,
    /// Whether PLAY was asked for and not answered.
    pub(super) unanswered: bool,
}

impl<S, B> Intake<'_, S, B> {
    fn track(&mut self, track: u8) -> Option<(&mut TrackFetch, &mut FrameRing<S, B>)> {
        let at = usize::from(track);
        Some((self.tracks.get_mut(at)?, self.rings.get_mut(at)?))
    }
}

impl<S: AsRef<[Slot]> + AsMut<[Slot]>, B: AsRef<[u8]> + AsMut<[u8]>> FrameSink for Intake<'_, S, B> {
    fn describe(&mut self, track: u8, info: TrackInfo<'_>) {
        self.rings.describe(track, info);
    }

    fn begin(&mut self, track: u8, time: u64) -> Result<(), Full> {
        let (kept, unanswered) = (self.kept, self.unanswered);
        let clock_rate = self.rings.get(usize::from(track)).ok_or(Full)?.track_info().clock_rate;
        let time = self.shift.shifted(time, clock_rate);
        let pts = MediaTime::from_ticks(time, clock_rate);
        let (fetch, ring) = self.track(track).ok_or(Full)?;
        let kept = kept && fetch.is_watched();
        (fetch.gate.measured, fetch.gate.begun) = (None, None);
        if !fetch.gate.admits(pts, kept, unanswered) {
            return Err(Full);
        }
        fetch.gate.begun = Some(pts);
        let stored = ring.begin(track, time);
        if kept && stored.is_err() {
            fetch.gate.shut();
        }
        stored
    }

    fn write_at(&mut self, track: u8, at: usize, bytes: &[u8]) -> Result<(), Full> {
        let kept = self.kept;
        let (fetch, ring) = self.track(track).ok_or(Full)?;
        let gate = &mut fetch.gate;
        if gate.begun.is_none() {
            return Err(Full);
        }
        let end = at.saturating_add(bytes.len());
        if end > ring.capacity() {
            // It will never fit, however often it comes. If that is so from the first frame on, its
            // size is worth knowing; otherwise it is an exception, and only it is lost.
            if ring.frames().end.0 == 0 {
                gate.measured = Some(end.max(gate.measured.unwrap_or(0)));
                return Ok(());
            }
            return Err(Full);
        }
        let stored = ring.write_at(track, at, bytes);
        if kept && fetch.is_watched() && stored.is_err() {
            // There was no room: what comes from now on would leave a hole.
            fetch.gate.shut();
        }
        stored
    }

    fn finish(&mut self, track: u8, end: FrameEnd<'_>) {
        let kept = self.kept;
        let Some((fetch, ring)) = self.track(track) else { return };
        let measured = fetch.gate.measured.take();
        if measured.is_some() || fetch.gate.begun.is_none() {
            fetch.gate.too_large = fetch.gate.too_large.max(measured);
            return ring.abandon(track);
        }
        fetch.gate.newest = fetch.gate.begun.filter(|_| kept);
        ring.finish(track, end);
    }

    fn abandon(&mut self, track: u8) {
        let Some((fetch, ring)) = self.track(track) else { return };
        fetch.gate.measured = None;
        ring.abandon(track);
    }
}
