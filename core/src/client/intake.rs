//! [`Intake`]: which frames are stored, and which are to come again.
use crate::frame::{FrameEnd, FrameSink, Full, TrackInfo};
use crate::frame::{FrameRing, Slot};
use crate::time::{Duration, MediaTime};

/// Frames later than this behind the place that was asked for are from the place before it.
const NEAR: Duration = Duration::from_secs(2);
/// So many of them, and the server is believed to have meant another place.
const PATIENCE: u8 = 64;
/// The answer to PLAY is told after frames that came with it. Those are known by their times: this much
/// before the place that was asked for, to this much after it, or, where what is there ends at the
/// place, to so much after.
const BEFORE: Duration = Duration::from_millis(50);
const AFTER: Duration = Duration::from_secs(1);
const JUST_AFTER: Duration = Duration::from_millis(20);
/// Servers round places to so much.
pub(super) const ROUNDING: Duration = Duration::from_millis(1);

/// Which frames of a track are wanted.
#[derive(Clone, Debug)]
pub(super) struct Gate {
    state: State,
    /// The place that was asked for, until its first frame has come.
    place: Option<MediaTime>,
    /// The frame that is open was begun since a place was asked for.
    begun: bool,
    /// Ticks that are added to the times that the server gives, modulo 2^64.
    shift: u64,
    /// When the next frame is shown, whatever the server says.
    go_on_at: Option<MediaTime>,
    /// How much was to be written of a frame that is larger than the ring.
    measured: Option<usize>,
    too_large: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// All.
    Open,
    /// None: there was no room for one, and those after it would leave a hole.
    Shut,
    /// None but those of a short time: another place was asked for, and what comes is still from the
    /// one before. After the answer, those from `at` on.
    Waiting { at: MediaTime, from: MediaTime, until: MediaTime },
    /// Those from this time on; of those long after it, not the first few.
    From { at: MediaTime, patience: u8 },
}

impl Gate {
    pub(super) const OPEN: Self = Self {
        state: State::Open,
        place: None,
        begun: false,
        shift: 0,
        go_on_at: None,
        measured: None,
        too_large: None,
    };

    pub(super) const fn open(&mut self) {
        (self.state, self.place) = (State::Open, None);
    }

    /// Nothing is wanted until a place is asked for.
    pub(super) const fn shut(&mut self) {
        self.state = State::Shut;
    }

    pub(super) const fn is_shut(&self) -> bool {
        matches!(self.state, State::Shut)
    }

    /// What comes now is from another place than the one that was asked for.
    pub(super) const fn is_waiting(&self) -> bool {
        matches!(self.state, State::Waiting { .. })
    }

    /// The place that was asked for, until its first frame has come.
    pub(super) const fn place(&self) -> Option<MediaTime> {
        self.place
    }

    /// PLAY from a place is asked for. `exact`: what is before that place is not wanted, even where
    /// the server begins earlier. `flows`: the server plays, and what it sends until it answers is not
    /// from there.
    pub(super) fn ask(&mut self, place: MediaTime, exact: bool, flows: bool) {
        self.place = Some(place);
        self.state = match (flows, exact) {
            (true, true) => State::Waiting { at: place, from: place, until: place + JUST_AFTER },
            (true, false) => {
                State::Waiting { at: MediaTime::ZERO, from: place - BEFORE, until: place + AFTER }
            }
            (false, true) => State::From { at: place, patience: 0 },
            (false, false) => State::From { at: MediaTime::ZERO, patience: 0 },
        };
        self.begun &= !flows;
    }

    /// PLAY is answered: it begins at `start`, if the server says so.
    pub(super) fn answered(&mut self, start: Option<MediaTime>) {
        if let (State::Waiting { at, .. }, Some(place)) = (self.state, self.place) {
            let at = at.max(start.unwrap_or(place) - ROUNDING);
            self.state = State::From { at, patience: PATIENCE };
        }
    }

    pub(super) const fn go_on_at(&mut self, at: MediaTime) {
        self.go_on_at = Some(at);
    }

    pub(super) const fn too_large(&self) -> Option<usize> {
        self.too_large
    }

    /// When a frame is shown that begins now, if it is wanted. `unanswered`: PLAY is, so that the
    /// frames that were there before may be yet to come.
    fn admit(&mut self, time: u64, clock_rate: u32, unanswered: bool) -> Result<u64, Full> {
        if let Some(at) = self.go_on_at.take() {
            self.shift = at.to_ticks(clock_rate).wrapping_sub(time);
        }
        let time = time.wrapping_add(self.shift);
        let pts = MediaTime::from_ticks(time, clock_rate);
        match &mut self.state {
            State::Open => Ok(time),
            State::Waiting { from, until, .. } if (*from..=*until).contains(&pts) => {
                self.open();
                Ok(time)
            }
            State::Shut | State::Waiting { .. } => Err(Full),
            State::From { at, .. } if pts < *at => Err(Full),
            State::From { at, patience } if pts > *at + NEAR && *patience > 0 => {
                *patience -= 1;
                Err(Full)
            }
            State::From { .. } => {
                if !unanswered {
                    self.open();
                }
                Ok(time)
            }
        }
    }
}

/// A sink for the tracks of a presentation, of which [`super::Prefetch`] governs the first.
#[derive(Debug)]
pub struct Intake<'a, S, B> {
    pub(super) gate: &'a mut Gate,
    pub(super) rings: &'a mut [FrameRing<S, B>],
    /// Frames that do not fit are to come again.
    pub(super) kept: bool,
    pub(super) unanswered: bool,
}

impl<S, B> Intake<'_, S, B> {
    /// The ring was full: what comes from now on would leave a hole.
    fn noted(&mut self, track: u8, stored: Result<(), Full>) -> Result<(), Full> {
        if track == 0 && self.kept && stored.is_err() {
            self.gate.shut();
        }
        stored
    }
}

impl<S: AsRef<[Slot]> + AsMut<[Slot]>, B: AsRef<[u8]> + AsMut<[u8]>> FrameSink for Intake<'_, S, B> {
    fn describe(&mut self, track: u8, info: TrackInfo<'_>) {
        self.rings.describe(track, info);
    }

    fn begin(&mut self, track: u8, time: u64) -> Result<(), Full> {
        if track != 0 {
            return self.rings.begin(track, time);
        }
        (self.gate.measured, self.gate.begun) = (None, false);
        let clock_rate = self.rings.first().ok_or(Full)?.track_info().clock_rate;
        let time = self.gate.admit(time, clock_rate, self.unanswered)?;
        self.gate.begun = true;
        let stored = self.rings.begin(track, time);
        self.noted(track, stored)
    }

    fn write_at(&mut self, track: u8, at: usize, bytes: &[u8]) -> Result<(), Full> {
        let end = at.saturating_add(bytes.len());
        let Some(ring) = self.rings.get_mut(usize::from(track)) else { return Err(Full) };
        if track == 0 && !self.gate.begun {
            return Err(Full);
        }
        if end > ring.capacity() {
            // It will never fit, however often it comes. If that is so from the first frame on, its
            // size is worth knowing; else it is an exception, and costs itself.
            if track == 0 && ring.frames().end.0 == 0 {
                self.gate.measured = Some(end.max(self.gate.measured.unwrap_or(0)));
                return Ok(());
            }
            return Err(Full);
        }
        let stored = ring.write_at(track, at, bytes);
        self.noted(track, stored)
    }

    fn finish(&mut self, track: u8, end: FrameEnd<'_>) {
        let measured = if track == 0 { self.gate.measured.take() } else { None };
        if measured.is_some() || (track == 0 && !self.gate.begun) {
            self.gate.too_large = self.gate.too_large.max(measured);
            return self.rings.abandon(track);
        }
        self.rings.finish(track, end);
    }

    fn abandon(&mut self, track: u8) {
        if track == 0 {
            self.gate.measured = None;
        }
        self.rings.abandon(track);
    }
}
