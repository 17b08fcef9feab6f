//! The frames of a ring by media time, which may jump where a player has sought.
use super::{FrameRing, Slot};
use crate::frame::FrameId;
use crate::time::{Duration, MediaTime};
use core::ops::Range;

/// Frames that are lost or left out do not end a span, as long as they leave no more than this, or
/// one frame, between two others: the one before is shown for them.
const MAX_STEP: Duration = Duration::from_millis(500);
/// What a frame of unknown duration is shown for at least.
const MIN_SHOWN: Duration = Duration::from_micros(1);

/// Frames that follow each other in number and in media time.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Span {
    /// From the first to before the second number.
    pub frames: Range<FrameId>,
    /// When the first one is shown.
    pub from: MediaTime,
    /// Until when the last one is shown.
    pub to: MediaTime,
}

/// The spans of a ring, the newest first.
#[derive(Debug)]
pub struct Spans<'a, S, B> {
    ring: &'a FrameRing<S, B>,
    /// The frames before this one are still to be told.
    before: u64,
}

impl Slot {
    /// Whether a frame at this time belongs to the same span as this one, which is before it.
    ///
    /// Time that runs back ends a span, so that within one a time is found by halving.
    pub(super) fn goes_on_at(&self, pts: MediaTime) -> bool {
        let duration = self.duration();
        let latest = self.pts + duration + duration.max(MAX_STEP);
        (self.pts..=latest).contains(&pts)
    }

    fn duration(&self) -> Duration {
        self.end.map_or(Duration::ZERO, |end| end.duration)
    }
}

impl<S: AsRef<[Slot]> + AsMut<[Slot]>, B: AsRef<[u8]> + AsMut<[u8]>> FrameRing<S, B> {
    /// The runs of frames that follow each other in media time, the newest first. Each takes the
    /// same short time to tell, however many frames it has.
    ///
    /// A span ends where time runs back, or steps forward by more than half a second, or a frame's
    /// duration if that is longer, beyond the end of a frame.
    pub fn spans(&self) -> Spans<'_, S, B> {
        Spans { ring: self, before: self.next }
    }

    /// The frame that is shown at this time; where several spans have one, the newest span's.
    pub fn find(&self, time: MediaTime) -> Option<FrameId> {
        let span = self.spans().find(|span| (span.from..span.to).contains(&time))?;
        let (mut low, mut high) = (span.frames.start.0, span.frames.end.0);
        // The first frame after `time`; the one before it is there, for the span begins by then.
        while low < high {
            let middle = low + (high - low) / 2;
            match self.slot(middle) {
                Some(slot) if slot.pts <= time => low = middle + 1,
                _ => high = middle,
            }
        }
        Some(FrameId(low.saturating_sub(1)))
    }
}

impl<S: AsRef<[Slot]> + AsMut<[Slot]>, B: AsRef<[u8]> + AsMut<[u8]>> Iterator for Spans<'_, S, B> {
    type Item = Span;

    fn next(&mut self) -> Option<Span> {
        if self.before <= self.ring.first {
            return None;
        }
        let last = self.ring.slot(self.before.wrapping_sub(1))?;
        let first = last.run.max(self.ring.first);
        let from = self.ring.slot(first)?.pts;
        let frames = FrameId(first)..FrameId(self.before);
        self.before = first;
        Some(Span { frames, from, to: last.pts + last.duration().max(MIN_SHOWN) })
    }
}
