//! [`Missing`]: the restart intervals that are missing from a frame, and where they are in the picture.
use super::JpegInfo;
use super::inspect::{McuShape, mcus};
use super::restart::{MCU_WIDTH, intervals, mcu_height};
use super::segments::count_markers;
use crate::frame::ByteRange;

/// A run of consecutive restart intervals that are missing from a frame. [`Missing::ranges`] returns such
/// runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct MissingRange {
    /// The number of the first missing interval in the frame, counted from 0.
    pub first: u16,
    /// The number of intervals that are missing, 1 or more.
    pub count: u16,
    /// The offset at which the first missing interval starts, in bytes from the first byte of the scan
    /// ([`JpegInfo::scan`]).
    pub start: u32,
    /// The offset at which the interval after the last missing one starts, in bytes from the first byte of
    /// the scan ([`JpegInfo::scan`]). If no interval follows, this is the length of the scan. The bytes of
    /// the scan from `start` to before `resume` have no meaning.
    pub resume: u32,
}

impl MissingRange {
    /// Returns the number of the interval after the last missing one. If the range reaches to the end of
    /// the frame, this is the number of intervals that the frame should have.
    pub const fn end(&self) -> u16 {
        self.first.saturating_add(self.count)
    }
}

/// The restart intervals that are missing from a frame: 1 to [`Missing::MAX`] ranges of intervals, in their
/// order. All other intervals of the frame have come. [`Missing::locate`] makes a `Missing` from a received
/// frame, and [`mend`](super::mend()) takes it.
///
/// If a frame has more holes than [`Missing::MAX`], some ranges cover several holes. Intervals between
/// those holes then count as missing although they came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Missing {
    /// The ranges. Unused ones at the end have a count of 0.
    ranges: [MissingRange; Self::MAX],
}

impl Missing {
    /// The most ranges of missing restart intervals that one frame can have. If a frame has more holes than
    /// this, a depacketizer joins some of the holes to one range. The intervals between those holes then
    /// count as missing, too.
    pub const MAX: usize = 8;

    /// Makes the value from ranges of missing restart intervals. Pass the ranges in ascending order.
    /// Returns `None` if `ranges` is empty or longer than [`Missing::MAX`]. Returns `None` also if a range
    /// has no intervals, if its `resume` is before its `start`, or if the ranges overlap or are not in
    /// ascending order.
    pub fn new(ranges: &[MissingRange]) -> Option<Self> {
        let in_order = ranges.is_sorted_by(|a, b| a.end() <= b.first && a.resume <= b.start);
        let is_empty = |range: &MissingRange| range.count == 0 || range.start > range.resume;
        if ranges.is_empty() || !in_order || ranges.iter().any(is_empty) {
            return None;
        }
        let mut missing = Self { ranges: [MissingRange::default(); Self::MAX] };
        missing.ranges.get_mut(..ranges.len())?.copy_from_slice(ranges);
        Some(missing)
    }

    /// Finds the restart intervals to which the missing bytes of a frame belong. `ranges` are the frame's
    /// missing bytes ([`Frame::missing`](crate::frame::Frame::missing)), and `info` says where the parts
    /// of `file` are ([`JpegInfo::locate`]).
    ///
    /// Each range of bytes must start where an interval starts, and end where an interval or the scan ends.
    /// Intervals are counted by their restart markers, so a range must contain a marker for each missing
    /// interval. The frames that a [`Depacketizer`](crate::payload::Depacketizer) writes are like this,
    /// because it fills missing bytes with the markers.
    ///
    /// Returns `None` if the markers do not fit the ranges, if `ranges` is empty or longer than
    /// [`Missing::MAX`], or if the frame has no restart markers. With `None`, it is not known which
    /// intervals are missing: treat the frame as [`Integrity::Damaged`](crate::frame::Integrity::Damaged).
    pub fn locate(file: &[u8], info: &JpegInfo, ranges: &[ByteRange]) -> Option<Self> {
        let total = intervals(info)?;
        let scan = file.get(info.scan as usize..)?.get(..info.scan_len as usize)?;
        let mut found = [MissingRange::default(); Self::MAX];
        let (mut interval, mut at) = (0u16, 0u32);
        for (place, range) in found.iter_mut().zip(ranges) {
            let [start, resume] = [range.start(), range.end()].map(|at| at.checked_sub(info.scan));
            let (start, resume) = (start?, resume?);
            let between = |from: u32, to: u32| scan.get(from as usize..to as usize).map(count_markers);
            let first = interval.checked_add(between(at, start)?)?;
            let count = match resume < info.scan_len {
                true => between(start, resume)?,
                false => total.checked_sub(first)?,
            };
            *place = MissingRange { first, count, start, resume };
            (interval, at) = (first.checked_add(count)?, resume);
        }
        Self::new(found.get(..ranges.len())?)
    }

    /// Returns the ranges, from the first interval to the last: 1 to [`Missing::MAX`] of them.
    pub fn ranges(&self) -> impl Iterator<Item = MissingRange> + Clone + use<> {
        self.ranges.into_iter().take_while(|range| range.count > 0)
    }

    /// Returns how many restart intervals are missing in all ranges together.
    pub fn count(&self) -> u32 {
        self.ranges().map(|range| u32::from(range.count)).sum()
    }

    /// Returns the areas of the picture that are missing, in pixels. `info` describes the frame, as for
    /// [`Self::locate`]. For each range of intervals, there are up to three areas: the rest of a row of
    /// MCUs (minimum coded units), whole rows, and the start of a row. Areas end at the picture's edges. If
    /// the frame has no restart markers, there are no areas.
    pub fn areas(&self, info: &JpegInfo) -> impl Iterator<Item = Area> + use<> {
        let (info, (across, down)) = (*info, mcus(info, McuShape::Standard));
        let total = across.saturating_mul(down);
        let interval = match intervals(&info) {
            Some(_) => u32::from(info.restart_interval),
            None => 0,
        };
        let start =
            move |interval_number: u16| u32::from(interval_number).saturating_mul(interval).min(total);
        self.ranges().flat_map(move |range| Runs {
            from: start(range.first),
            to: start(range.end()),
            across,
            info,
        })
    }
}

/// A rectangle of a picture, in pixels from its top left corner. [`Missing::areas`] returns it for the
/// parts of a picture that are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Area {
    /// The first column of the rectangle, in pixels from the left edge of the picture.
    pub x: u16,
    /// The first row of the rectangle, in pixels from the top edge of the picture.
    pub y: u16,
    /// The width of the rectangle in pixels.
    pub width: u16,
    /// The height of the rectangle in pixels.
    pub height: u16,
}

/// Splits a run of consecutive MCUs into rectangles: the rest of a row, whole rows, and the start of a
/// row.
struct Runs {
    from: u32,
    to: u32,
    across: u32,
    info: JpegInfo,
}

impl Iterator for Runs {
    type Item = Area;

    fn next(&mut self) -> Option<Area> {
        let left = self.to.checked_sub(self.from).filter(|left| *left > 0)?;
        let row = self.from.checked_div(self.across)?;
        let column = self.from.checked_rem(self.across)?;
        let (columns, rows) = match left.checked_div(self.across)? {
            rows if rows > 0 && column == 0 => (self.across, rows),
            _ => (left.min(self.across.saturating_sub(column)), 1),
        };
        self.from = self.from.saturating_add(columns.saturating_mul(rows));
        let side = |first: u32, count: u32, unit: u32, size: u16| {
            let clip = |at: u32| at.saturating_mul(unit).min(u32::from(size)) as u16;
            let start = clip(first);
            (start, clip(first.saturating_add(count)).saturating_sub(start))
        };
        let (x, width) = side(column, columns, MCU_WIDTH, self.info.width);
        let (y, height) = side(row, rows, mcu_height(self.info.sampling), self.info.height);
        Some(Area { x, y, width, height })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::jpeg::Sampling;
    use proptest::prelude::*;
    use std::vec;
    use std::vec::Vec;

    fn info(width: u16, height: u16, restart_interval: u16) -> JpegInfo {
        JpegInfo { restart_interval, ..JpegInfo::of_size(width, height, Sampling::Yuv420) }
    }

    fn range(first: u16, count: u16) -> MissingRange {
        MissingRange { first, count, start: 0, resume: 0 }
    }

    fn areas(info: JpegInfo, ranges: &[MissingRange]) -> Vec<[u16; 4]> {
        let areas = Missing::new(ranges).unwrap().areas(&info);
        areas.map(|area| [area.x, area.y, area.width, area.height]).collect()
    }

    #[test]
    fn ranges_must_be_in_order() {
        assert!(Missing::new(&[range(0, 2), range(2, 1), range(7, 1)]).is_some());
        assert_eq!(Missing::new(&[]), None);
        assert_eq!(Missing::new(&[range(3, 0)]), None);
        assert_eq!(Missing::new(&[range(0, 2), range(1, 1)]), None);
        assert_eq!(Missing::new(&[MissingRange { resume: 9, ..range(0, 1) }, range(1, 1)]), None);
        assert_eq!(Missing::new(&[0, 1, 2, 3, 4, 5, 6, 7, 8].map(|n| range(n, 1))), None);
    }

    #[test]
    fn a_range_has_up_to_three_areas() {
        // 5 MCUs across, 4 down.
        let info = info(72, 64, 3);
        assert_eq!(areas(info, &[range(1, 1)]), [[48, 0, 24, 16], [0, 16, 16, 16]]);
        assert_eq!(areas(info, &[range(1, 5)]), [[48, 0, 24, 16], [0, 16, 72, 32], [0, 48, 48, 16]]);
        // The last interval is shorter.
        assert_eq!(areas(info, &[range(6, 9)]), [[48, 48, 24, 16]]);
        assert_eq!(areas(JpegInfo { restart_interval: 0, ..info }, &[range(0, 1)]), [[0; 4]; 0]);
    }

    proptest! {
        #[test]
        fn areas_cover_exactly_the_missing_mcus(
            (width, height, interval, first, count) in (1u16..200, 1u16..200, 1u16..40, 0u16..30, 1u16..30),
        ) {
            let info = info(width, height, interval);
            let across = usize::from(width).div_ceil(16);
            let mut seen = vec![0; usize::from(width) * usize::from(height)];
            for [x, y, w, h] in areas(info, &[range(first, count)]) {
                for (column, row) in (x..x + w).flat_map(|column| (y..y + h).map(move |row| (column, row))) {
                    seen[usize::from(row) * usize::from(width) + usize::from(column)] += 1;
                }
            }
            for (at, times) in seen.into_iter().enumerate() {
                let (column, row) = (at % usize::from(width), at / usize::from(width));
                let number = (row / 16 * across + column / 16) / usize::from(interval);
                let missing = (usize::from(first)..usize::from(first + count)).contains(&number);
                prop_assert_eq!(times, i32::from(missing));
            }
        }
    }
}
