//! Which frames are left out. Everything that leaves frames out asks here: a sender that is late, adaptation
//! to loss, a scale, a store that has overrun the sender or cannot have a frame, and the first frame of a new
//! receiver.
//!
//! - A frame that no other needs ([`Flags::droppable`]) can be left out alone.
//! - After another one was left out, all are, up to the next at which decoding can begin ([`Flags::sync`]). So
//!   are those before the first such frame of a new receiver.
//! - Adaptation and scale leave out the frames that no other needs. Only where one in [`SYNC_ONLY`] frames or
//!   fewer are to be sent, all are left out but those at which decoding can begin.
//! - Backwards, only frames at which decoding can begin are sent.
//!
//! Of codecs without references between frames all frames are both ([`Flags::INTRA`]). They are left out in
//! whole strides, without a look at them.
use crate::frame::Flags;
use crate::time::Duration;

/// Where so few frames are wanted, frames that others need are left out too.
const SYNC_ONLY: u64 = 8;
/// A frame that no other needs is left out when the sender is late by one in so many parts of what it
/// may be.
const EARLY: u32 = 4;

/// What is known of the frames that were left out last.
#[derive(Clone, Copy, Debug)]
pub(super) struct Selection {
    need: Need,
    /// Whether the newest frame that was looked at needs no other, and no other needs it.
    intra: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
    /// Any frame can be sent.
    Any,
    /// Decoding has not begun: a frame at which it can begin is needed.
    Begin,
    /// A frame was left out that others need, or may need.
    Resume,
}

/// What speaks against a frame.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pressure {
    /// Whether the track is played backwards.
    pub(super) reverse: bool,
    /// One frame in so many is to be sent, by the scale and by what the receiver reports.
    pub(super) one_in: u64,
    /// How late the frame is.
    pub(super) lateness: Duration,
    /// How late it may be.
    pub(super) bound: Duration,
}

/// What is done with a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    Send,
    /// It is left out, and counts by the cause.
    LeaveOut(Cause),
    /// It is left out with all that are late.
    CatchUp,
}

/// Why a frame is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// Decoding cannot begin at it, and has not begun.
    NotBegun,
    /// Fewer frames are wanted.
    Thinned,
    /// It is late, or cannot be decoded without one that was left out.
    Skipped,
}

impl Selection {
    /// The selection for a receiver that has no frame yet.
    pub(super) const NEW: Self = Self { need: Need::Begin, intra: true };

    /// Begins anew, for a receiver that goes on at another place.
    pub(super) const fn restart(&mut self) {
        self.need = Need::Begin;
    }

    /// Whether frames are left out in whole strides, without a look at them.
    pub(super) const fn is_intra(&self) -> bool {
        self.intra
    }

    /// Whether a frame is left out because decoding has not begun.
    pub(super) fn awaits_sync(&self, flags: Flags) -> bool {
        self.need == Need::Begin && !flags.sync
    }

    /// Notes that so many frames were passed at once, the first of which was sent.
    pub(super) fn passed_on(&mut self, frames: u64) {
        if frames > 1 {
            self.passed_over();
        }
    }

    /// Notes that frames were left out that were not looked at, and that others may need.
    pub(super) fn passed_over(&mut self) {
        if self.need == Need::Any {
            self.need = Need::Resume;
        }
    }

    /// Decides about a frame of which nothing is sent yet, and notes what follows from that.
    pub(super) fn choose(&mut self, flags: Flags, pressure: &Pressure) -> Choice {
        let late = pressure.lateness > pressure.bound;
        self.intra = flags.is_intra();
        if self.intra {
            self.need = Need::Any;
            return if late { Choice::CatchUp } else { Choice::Send };
        }
        self.choose_between(flags, pressure, late)
    }

    /// [`Self::choose`] for codecs with references between frames.
    #[cold]
    fn choose_between(&mut self, flags: Flags, pressure: &Pressure, late: bool) -> Choice {
        let choice = if flags.sync {
            if late { Choice::CatchUp } else { Choice::Send }
        } else if self.need == Need::Begin {
            Choice::LeaveOut(Cause::NotBegun)
        } else if pressure.reverse || pressure.one_in >= SYNC_ONLY {
            Choice::LeaveOut(Cause::Thinned)
        } else if self.need == Need::Resume {
            Choice::LeaveOut(Cause::Skipped)
        } else if late {
            Choice::CatchUp
        } else if flags.droppable && pressure.one_in > 1 {
            Choice::LeaveOut(Cause::Thinned)
        } else if flags.droppable && pressure.lateness > pressure.bound.times(1, EARLY) {
            Choice::LeaveOut(Cause::Skipped)
        } else {
            Choice::Send
        };
        match choice {
            Choice::Send if flags.sync => self.need = Need::Any,
            Choice::LeaveOut(_) if !flags.droppable => self.passed_over(),
            _ => {}
        }
        choice
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Integrity;
    use std::string::String;

    const PRESSURE: Pressure =
        Pressure { reverse: false, one_in: 1, lateness: Duration::ZERO, bound: Duration::from_millis(1_000) };

    fn flags(kind: char) -> Flags {
        let (sync, droppable) = match kind {
            'I' => (true, false),
            'P' => (false, false),
            'b' => (false, true),
            _ => (true, true),
        };
        Flags { sync, droppable, integrity: Integrity::Complete }
    }

    /// What is sent of frames; `.` stands for one that is left out, `!` for one at which it catches up.
    fn sent(selection: &mut Selection, frames: &str, pressure: Pressure) -> String {
        let choose = |kind| match selection.choose(flags(kind), &pressure) {
            Choice::Send => kind,
            Choice::LeaveOut(_) => '.',
            Choice::CatchUp => '!',
        };
        frames.chars().map(choose).collect()
    }

    /// What is sent of frames to a new receiver.
    fn of_new(frames: &str, pressure: Pressure) -> String {
        let mut selection = Selection::NEW;
        sent(&mut selection, frames, pressure)
    }

    #[test]
    fn a_new_receiver_begins_at_a_sync_frame() {
        assert_eq!(of_new("PbPIPbP", PRESSURE), "...IPbP");
        assert_eq!(of_new("xxx", PRESSURE), "xxx");
    }

    #[test]
    fn after_a_gap_all_wait_for_a_sync_frame() {
        let mut selection = Selection::NEW;
        assert_eq!(sent(&mut selection, "IPbP", PRESSURE), "IPbP");
        selection.passed_over();
        assert_eq!(sent(&mut selection, "PbPIPb", PRESSURE), "...IPb");
    }

    #[test]
    fn thinning_leaves_out_droppable_frames_first() {
        let one_in = |one_in| Pressure { one_in, ..PRESSURE };
        for few in [2, 4, 7] {
            assert_eq!(of_new("IPbPbIb", one_in(few)), "IP.P.I.");
        }
        let mut selection = Selection::NEW;
        assert_eq!(sent(&mut selection, "IPbPbIP", one_in(8)), "I....I.");
        assert_eq!(sent(&mut selection, "PbIP", PRESSURE), "..IP", "the first needs what was left out");
    }

    #[test]
    fn backwards_only_sync_frames_are_sent() {
        let reverse = Pressure { reverse: true, ..PRESSURE };
        assert_eq!(of_new("PbIPbI", reverse), "..I..I");
    }

    #[test]
    fn lateness_leaves_out_droppable_frames_first() {
        let late = |millis| Pressure { lateness: Duration::from_millis(millis), ..PRESSURE };
        assert_eq!(of_new("IPbP", late(300)), "IP.P");
        assert_eq!(of_new("I", late(1_001)), "!");
        assert_eq!(of_new("xx", late(300)), "xx");
        assert_eq!(of_new("x", late(1_001)), "!");
    }
}
