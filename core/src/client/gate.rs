//! [`Gate`]: which frames of one track are wanted.
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
/// A time in ticks of the track's clock is off by at most this: a tick at 8 kHz.
const TICK: Duration = Duration::from_micros(125);
/// A frame that comes again can have a time that is later than before by this: it had the time that was
/// asked for, which is by [`ROUNDING`] less, before the server said its own.
const SAME: Duration = Duration::from_micros(1_250);

/// Decides which frames of one track are wanted.
#[derive(Clone, Debug)]
pub(super) struct Gate {
    wants: Wants,
    /// The place that was asked for, until its first frame has come.
    place: Option<MediaTime>,
    /// The time of the newest frame that was stored since another place was asked for, if frames are
    /// fetched again.
    pub(super) newest: Option<MediaTime>,
    /// The time of the frame that is open, if it was begun since a place was asked for.
    pub(super) begun: Option<MediaTime>,
    /// How many bytes were to be written of a frame that is larger than the ring.
    pub(super) measured: Option<usize>,
    pub(super) too_large: Option<usize>,
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

    /// SavedTexts that PLAY from a place was asked for, which the viewer goes to. `flows` says whether the
    /// server plays: what it sends until it answers is not of that place.
    pub(super) fn seek(&mut self, place: MediaTime, flows: bool) {
        (self.place, self.newest) = (Some(place), None);
        self.wants = match flows {
            true => Wants::Waiting { at: MediaTime::ZERO, from: place - BEFORE, until: place + AFTER },
            false => Wants::From { at: MediaTime::ZERO, patience: 0 },
        };
        self.begun = self.begun.filter(|_| !flows);
    }

    /// SavedTexts that PLAY was asked for, so that the frames from `place` on come, which are not stored.
    /// Those before it are not wanted, even if the server begins earlier. `flows` is as for
    /// [`Self::seek`].
    pub(super) fn resume(&mut self, place: MediaTime, flows: bool) {
        // If all was let in until now, what the server sends until it answers is wanted as well.
        let unwanted = flows && !self.is_open();
        self.wants = match unwanted {
            true => Wants::Waiting { at: place, from: place - TICK, until: place + JUST_AFTER },
            false => Wants::From { at: place, patience: 0 },
        };
        self.place = Some(place);
        self.begun = self.begun.filter(|_| !unwanted);
    }

    /// SavedTexts that PLAY was answered. It begins at `start`, if the server says so.
    pub(super) fn answered(&mut self, start: Option<MediaTime>) {
        match (self.wants, self.place) {
            (Wants::Waiting { at, .. }, Some(place)) => {
                let at = at.max(start.unwrap_or(place) - ROUNDING);
                self.wants = Wants::From { at, patience: PATIENCE };
            }
            // Its first frame has come before the response.
            (Wants::From { at, .. }, _) if self.newest.is_some_and(|newest| newest + TICK >= at) => {
                self.open();
            }
            _ => {}
        }
    }

    /// Whether a frame that begins now is wanted. `kept` says whether frames are fetched again, so that
    /// those that are there already can come; `unanswered` whether PLAY is not answered yet, so that
    /// frames of before it can come.
    pub(super) fn admits(&mut self, pts: MediaTime, kept: bool, unanswered: bool) -> bool {
        if kept && self.newest.is_some_and(|newest| pts <= newest + SAME) {
            return false;
        }
        let wanted = match &mut self.wants {
            Wants::All => true,
            Wants::Waiting { from, until, .. } => (*from..=*until).contains(&pts),
            Wants::None => false,
            Wants::From { at, .. } if pts + TICK < *at => false,
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
