//! [`Gate`]: decides which frames of one track are stored.
use crate::time::{Duration, MediaTime};

/// A frame that is later than the wanted place by more than this belongs to the place before.
const NEAR: Duration = Duration::from_secs(2);
/// After this many such frames, the server is taken to play from another place.
const PATIENCE: u8 = 64;
/// The response to PLAY is reported after the frames that came with it. Such frames are recognised by
/// their times: from `BEFORE` the wanted place to `AFTER` it, or to `JUST_AFTER` it if the stored frames
/// end at the place.
const BEFORE: Duration = Duration::from_millis(50);
const AFTER: Duration = Duration::from_secs(1);
const JUST_AFTER: Duration = Duration::from_millis(20);
/// Servers may round places by this much.
pub(super) const ROUNDING: Duration = Duration::from_millis(1);
/// A time in ticks of the track's clock is off by at most this: a tick at 8 kHz.
const TICK: Duration = Duration::from_micros(125);
/// A frame that comes again may have a time that is later than before by this much, if it came before the server gave
/// its own start: it had the time that was asked for then, which is less by [`ROUNDING`]. Frames of a high rate are
/// nearer to each other.
const SAME: Duration = Duration::from_micros(1_250);

/// Decides which frames of one track are stored.
#[derive(Clone, Debug)]
pub(super) struct Gate {
    wants: Wants,
    /// The place that was asked for, until its first frame has come.
    place: Option<MediaTime>,
    /// The time of the newest frame that was stored since another place was asked for, if frames are
    /// fetched again.
    pub(super) newest: Option<MediaTime>,
    /// Whether that time is as it was asked for, because the server had not answered yet.
    newest_as_asked: bool,
    /// The time of the open frame, if it was begun since a place was asked for.
    pub(super) begun: Option<MediaTime>,
    begun_as_asked: bool,
    /// The number of bytes so far of a frame that is larger than the ring.
    pub(super) measured: Option<usize>,
    pub(super) too_large: Option<usize>,
}

/// The frames that a gate lets in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wants {
    /// All frames.
    All,
    /// No frame: there was no room for one, and later frames would leave a hole.
    None,
    /// Only frames from `from` to `until`, because another place was asked for, and frames of the place
    /// before still come. After the response, frames from `at` on.
    Waiting { at: MediaTime, from: MediaTime, until: MediaTime },
    /// Frames from `at` on. Of frames long after it, the first `patience` are refused.
    From { at: MediaTime, patience: u8 },
}

impl Gate {
    pub(super) const OPEN: Self = Self {
        wants: Wants::All,
        place: None,
        newest: None,
        newest_as_asked: false,
        begun: None,
        begun_as_asked: false,
        measured: None,
        too_large: None,
    };

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

    /// Whether all later frames are wanted, and all earlier ones have come.
    pub(super) const fn is_open(&self) -> bool {
        matches!(self.wants, Wants::All)
    }

    /// Whether the frames that come now are of another place than the one that was asked for.
    pub(super) const fn is_waiting(&self) -> bool {
        matches!(self.wants, Wants::Waiting { .. })
    }

    /// Returns the place that was asked for, until its first frame has come.
    pub(super) const fn place(&self) -> Option<MediaTime> {
        self.place
    }

    /// Takes note that PLAY from a place was asked for, to which the viewer goes. `flows` says whether the
    /// server plays: what it sends until it answers is not of that place.
    pub(super) fn seek(&mut self, place: MediaTime, flows: bool) {
        (self.place, self.newest) = (Some(place), None);
        self.wants = match flows {
            true => Wants::Waiting { at: MediaTime::ZERO, from: place - BEFORE, until: place + AFTER },
            false => Wants::From { at: MediaTime::ZERO, patience: 0 },
        };
        self.begun = self.begun.filter(|_| !flows);
    }

    /// Takes note that PLAY was asked for, to fetch the frames from `place` on, which are not stored.
    /// Earlier frames are not wanted, even if the server begins with them. `flows` is as for
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

    /// Takes note of the response to PLAY. The server begins at `start`, if it says so.
    pub(super) fn answered(&mut self, start: Option<MediaTime>) {
        match (self.wants, self.place) {
            (Wants::Waiting { at, .. }, Some(place)) => {
                let at = at.max(start.unwrap_or(place) - ROUNDING);
                self.wants = Wants::From { at, patience: PATIENCE };
            }
            // The first frame of the place has come before the response.
            (Wants::From { at, .. }, _) if self.newest.is_some_and(|newest| newest + TICK >= at) => {
                self.open();
            }
            _ => {}
        }
    }

    /// Returns whether a frame that begins now is wanted. `kept` says whether frames are fetched again, so
    /// that frames may come that are stored already. `unanswered` says whether PLAY is not answered yet, so
    /// that frames of the place before may come.
    pub(super) fn admits(&mut self, pts: MediaTime, kept: bool, unanswered: bool) -> bool {
        let same = if self.newest_as_asked { SAME } else { TICK };
        if kept && self.newest.is_some_and(|newest| pts <= newest + same) {
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
        if wanted && !(unanswered && matches!(self.wants, Wants::From { .. })) {
            self.open();
        }
        wanted
    }

    /// Takes note that a frame begins that is wanted. `unanswered` is as for [`Self::admits`].
    pub(super) const fn begin(&mut self, pts: MediaTime, unanswered: bool) {
        (self.begun, self.begun_as_asked) = (Some(pts), unanswered);
    }

    /// Takes note that the open frame is stored. `kept` is as for [`Self::admits`].
    pub(super) fn finish(&mut self, kept: bool) {
        (self.newest, self.newest_as_asked) = (self.begun.filter(|_| kept), self.begun_as_asked);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    fn at(micros: u64) -> MediaTime {
        MediaTime::from_micros(micros)
    }

    /// Returns whether a frame that comes is stored.
    fn comes(gate: &mut Gate, micros: u64, unanswered: bool) -> bool {
        let admitted = gate.admits(at(micros), true, unanswered);
        if admitted {
            gate.begin(at(micros), unanswered);
            gate.finish(true);
        }
        admitted
    }

    #[test]
    fn frames_of_a_high_rate_are_no_repetitions_of_each_other() {
        let mut gate = Gate::OPEN;
        let stored: Vec<_> = (0..2_000).filter(|n| comes(&mut gate, n * 500, false)).collect();
        assert_eq!(stored.len(), 2_000);
        // They come again, by a tick later at most.
        assert!(!(0..2_000).any(|n| comes(&mut gate, n * 500 + 11, false)));
    }

    #[test]
    fn a_frame_that_came_before_the_response_is_known_by_its_later_time() {
        let mut gate = Gate::OPEN;
        gate.seek(at(5_000_000), false);
        assert!(comes(&mut gate, 5_000_000, true));
        gate.answered(Some(at(5_001_000)));
        assert!(!comes(&mut gate, 5_001_000, false));
        assert!(comes(&mut gate, 5_041_000, false));
        assert!(comes(&mut gate, 5_042_000, false));
    }
}
