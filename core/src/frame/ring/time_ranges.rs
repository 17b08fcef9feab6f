//! Finds the frames of a ring by media time, which jumps where a player has sought.
use super::{FrameRing, Slot};
use crate::frame::FrameId;
use crate::time::{Duration, MediaTime};
use core::ops::Range;

/// The longest gap between two frames of one time range. Frames that are lost or left out make gaps,
/// during which the frame before is shown. Where a frame lasts longer, its duration is the longest gap.
const MAX_GAP: Duration = Duration::from_millis(500);
/// For how long a frame of unknown duration is shown at least.
const MIN_SHOWN: Duration = Duration::from_micros(1);

/// A run of frames of a [`FrameRing`] that have consecutive numbers and no jump in media time. Where a player
/// has sought, or the source was interrupted, another time range begins.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TimeRange {
    /// The numbers of the frames. The start is the number of the first frame, and the end is one more than
    /// the number of the last frame. There is always at least one frame.
    pub frames: Range<FrameId>,
    /// The media time at which the first frame begins to be shown.
    pub from: MediaTime,
    /// The media time at which the last frame stops being shown. This time itself is not part of the range.
    /// If the duration of the last frame is not known, `to` is one microsecond after the last frame begins.
    pub to: MediaTime,
}

/// An iterator over the [`TimeRange`]s of a [`FrameRing`], from the newest to the oldest.
/// [`FrameRing::time_ranges`] makes it.
#[derive(Debug)]
pub struct TimeRanges<'a, S, B> {
    ring: &'a FrameRing<S, B>,
    /// The frames before this one were not returned yet.
    before: u64,
}

impl Slot {
    /// Whether a frame at `time` belongs to the time range of this one, which is the frame before.
    ///
    /// A time that runs back begins another range, so that within one a time is found by halving.
    pub(super) fn goes_on_at(&self, time: u64, clock_rate: u32) -> bool {
        let duration = u64::from(self.duration);
        let latest = duration.max(MAX_GAP.to_ticks(clock_rate));
        time.checked_sub(self.time).is_some_and(|later| later.saturating_sub(duration) <= latest)
    }
}

impl<S: AsRef<[Slot]> + AsMut<[Slot]>, B: AsRef<[u8]> + AsMut<[u8]>> FrameRing<S, B> {
    /// Returns the time ranges of the frames in the ring, from the newest to the oldest. If the ring has no
    /// frames, the iterator is empty. Each time range takes the same short time to find, however many frames
    /// it has.
    ///
    /// A new range begins at a frame whose time is earlier than the time of the frame before it. A new
    /// range also begins if the gap between two frames is too long. The gap is the time from the end of the
    /// earlier frame to the beginning of the later one. A gap is too long if it is longer than half a
    /// second and also longer than the duration of the earlier frame.
    pub fn time_ranges(&self) -> TimeRanges<'_, S, B> {
        TimeRanges { ring: self, before: self.next }
    }

    /// Returns the number of the frame that is shown at `time`. This is the last frame that begins at `time`
    /// or earlier, within the time range that contains `time`. If several time ranges contain `time`, the
    /// newest of them counts. Returns `None` if `time` is in no time range of the ring.
    pub fn find(&self, time: MediaTime) -> Option<FrameId> {
        let range = self.time_ranges().find(|range| (range.from..range.to).contains(&time))?;
        let (mut low, mut high) = (range.frames.start.0, range.frames.end.0);
        // The first frame after `time`; the one before it is there, for the range begins by then.
        while low < high {
            let middle = low + (high - low) / 2;
            match self.slot(middle) {
                Some(slot) if self.shown_at(slot) <= time => low = middle + 1,
                _ => high = middle,
            }
        }
        Some(FrameId(low.saturating_sub(1)))
    }

    fn shown_at(&self, slot: &Slot) -> MediaTime {
        MediaTime::from_ticks(slot.time, self.info.clock_rate)
    }
}

impl<S: AsRef<[Slot]> + AsMut<[Slot]>, B: AsRef<[u8]> + AsMut<[u8]>> Iterator for TimeRanges<'_, S, B> {
    type Item = TimeRange;

    fn next(&mut self) -> Option<TimeRange> {
        if self.before <= self.ring.first {
            return None;
        }
        let last = self.ring.slot(self.before.wrapping_sub(1))?;
        let first = last.first_in_range.max(self.ring.first);
        let from = self.ring.shown_at(self.ring.slot(first)?);
        let frames = FrameId(first)..FrameId(self.before);
        self.before = first;
        let end = last.time.saturating_add(u64::from(last.duration));
        let to =
            MediaTime::from_ticks(end, self.ring.info.clock_rate).max(self.ring.shown_at(last) + MIN_SHOWN);
        Some(TimeRange { frames, from, to })
    }
}
