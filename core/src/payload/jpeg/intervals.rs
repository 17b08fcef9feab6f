//! [`IntervalTracker`]: finds out by restart markers which restart intervals of a frame have come.
#[cfg(test)]
mod tests;

use super::header::Restart;
use crate::codec::jpeg::restart::{intervals, min_len};
use crate::codec::jpeg::segments::{find_restart, marker};
use crate::codec::jpeg::{JpegInfo, Missing, MissingRange};

/// Numbers the restart intervals of a scan that comes in pieces, some of which are lost.
///
/// Markers number the intervals modulo 8 (ITU-T T.81, B.2.1). Up to the first hole they can be counted.
/// After a hole, the first marker leaves open whether eight, sixteen or more further intervals were in
/// the hole. The end of the scan decides that, as the number there must be that of the last interval. If
/// several holes may have contained the further eight, the tracker does not guess: all intervals from the
/// first to the last of these holes count as missing.
#[derive(Clone, Copy, Debug)]
pub(super) struct IntervalTracker {
    total: u16,
    /// The fewest bytes that an interval can have.
    min_len: u32,
    place: Place,
    /// The offset in the scan of the interval in which `place` is.
    start: u32,
    /// Whether the last byte was FF, so that the next byte decides what it is.
    after_ff: bool,
    holes: [Hole; Missing::MAX],
    len: usize,
}

/// A place in the scan. The numbers of intervals are the lowest that the markers allow.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// In the interval with this number.
    In(u16),
    /// After a hole that began in interval `first`, and before the next marker. `number` is the interval's
    /// number, if the sender has given it.
    Behind { first: u16, number: Option<u16> },
    /// The markers contradict each other.
    Lost,
}

/// The intervals that a hole has touched.
#[derive(Clone, Copy, Debug, Default)]
struct Hole {
    first: u16,
    count: u16,
    /// The offset in the scan at which interval `first` starts.
    start: u32,
    /// How many times eight further intervals may have been in the hole.
    slack: u16,
    resume: u32,
}

impl IntervalTracker {
    /// Makes a tracker for a frame. Returns `None` if the frame has no restart markers, or more intervals
    /// than can be numbered.
    pub(super) fn new(info: &JpegInfo) -> Option<Self> {
        Some(Self {
            total: intervals(info)?,
            min_len: min_len(info.sampling, u32::from(info.restart_interval)),
            place: Place::In(0),
            start: 0,
            after_ff: false,
            holes: [Hole::default(); Missing::MAX],
            len: 0,
        })
    }

    /// Takes note of a fragment of the scan. `after_hole` says that it does not follow the fragment
    /// before.
    pub(super) fn advance(&mut self, offset: u32, data: &[u8], after_hole: bool, restart: Option<Restart>) {
        if after_hole {
            self.after_ff = false;
            self.resynchronise(offset, restart);
        }
        let Some(last) = data.last() else { return };
        if let (true, Some(code @ marker::RST0..=marker::RST7)) = (self.after_ff, data.first()) {
            self.marker(u16::from(*code & 7), offset.saturating_add(1));
        }
        self.after_ff = *last == 0xFF;
        let (mut rest, mut at) = (data, offset);
        while let Some((code, len)) =
            find_restart(rest).and_then(|ff| Some((rest.get(ff.checked_add(1)?)?, ff.checked_add(2)?)))
        {
            at = at.saturating_add(len as u32);
            rest = rest.get(len..).unwrap_or_default();
            self.marker(u16::from(*code & 7), at);
        }
    }

    /// Returns whether the markers so far are in order, and more of them must come before the end. Intervals of
    /// a scan that has no marker at all cannot be told apart.
    pub(super) const fn is_short(&self) -> bool {
        matches!(self.place, Place::In(current) if current > 0 && current.saturating_add(1) < self.total)
    }

    /// Returns the missing intervals of the scan, which is `scan_len` bytes long. `to_end` says whether its
    /// end has come. Returns `None` if no interval is missing, or if it is not known which ones are.
    pub(super) fn finish(&self, to_end: bool, scan_len: u32) -> Option<Missing> {
        let mut found = [MissingRange::default(); Missing::MAX + 1];
        let holes = self.holes.get(..self.len)?;
        let tail = match self.place {
            Place::In(current) if to_end => {
                let more = self.total.checked_sub(1)?.checked_sub(current)?;
                return match more % 8 {
                    0 => Missing::new(shift(holes, more / 8, &mut found)?),
                    _ => None,
                };
            }
            Place::In(first) | Place::Behind { first, .. } => first,
            Place::Lost => return None,
        };
        // Without the end, nothing says how many intervals were in the uncertain holes.
        let certain = holes.iter().take_while(|hole| hole.slack == 0).count();
        let (first, start) = holes.get(certain).map_or((tail, self.start), |hole| (hole.first, hole.start));
        for (range, hole) in found.iter_mut().zip(holes.get(..certain)?) {
            *range = hole.range();
        }
        let mut kept = certain;
        let mut last = MissingRange { first, count: self.total.checked_sub(first)?, start, resume: scan_len };
        // There is one range more than there is room for, or the one before it reaches to the end as well: the
        // last bytes that came are a marker behind a hole.
        let before = certain.checked_sub(1).and_then(|n| found.get(n));
        if let Some(before) = before
            && (kept == Missing::MAX || before.resume >= scan_len)
        {
            kept = kept.saturating_sub(1);
            let (first, start) = (before.first, before.start);
            last = MissingRange { first, count: self.total.checked_sub(first)?, start, ..last };
        }
        *found.get_mut(kept)? = last;
        Missing::new(found.get(..=kept)?)
    }

    /// Continues after a hole.
    fn resynchronise(&mut self, offset: u32, restart: Option<Restart>) {
        let first = match self.place {
            Place::In(current) => current,
            Place::Behind { first, .. } => first,
            Place::Lost => return,
        };
        self.place = Place::Behind { first, number: None };
        let Some((count, aligned)) = restart.and_then(|restart| Some((restart.count?, restart.first))) else {
            return;
        };
        // The count is the number of the interval that the packet begins with or is in (RFC 2435, 3.1.7).
        let uncertain = self.holes.iter().take(self.len).any(|hole| hole.slack > 0);
        if uncertain || count < first || count >= self.total || (aligned && count == first) {
            self.place = Place::Lost;
        } else if aligned {
            self.push(Hole {
                first,
                count: count.saturating_sub(first),
                start: self.start,
                slack: 0,
                resume: offset,
            });
            (self.place, self.start) = (Place::In(count), offset);
        } else {
            self.place = Place::Behind { first, number: Some(count) };
        }
    }

    /// Takes note of a marker with this number, modulo 8, which ends at `end`.
    fn marker(&mut self, number: u16, end: u32) {
        let len = end.saturating_sub(self.start);
        let current = match self.place {
            // A packet that is aligned to intervals may start with the marker of the interval before.
            Place::In(current) if len == 2 && number == current.wrapping_sub(1) & 7 => {
                let last = self.len.checked_sub(1).and_then(|last| self.holes.get_mut(last));
                if let Some(hole) = last.filter(|hole| hole.resume == self.start) {
                    hole.resume = end;
                }
                self.start = end;
                return;
            }
            Place::In(current) if number == current & 7 => current,
            Place::Behind { first, number: None } => {
                let count = (number.wrapping_sub(first) & 7).saturating_add(1);
                // The hole has the bytes for this many intervals, and perhaps for eight more, or sixteen.
                let most = len.checked_div(self.min_len).unwrap_or(0).min(u32::from(self.total)) as u16;
                let Some(more) = most.checked_sub(count) else {
                    self.place = Place::Lost;
                    return;
                };
                self.push(Hole { first, count, start: self.start, slack: more / 8, resume: end });
                first.saturating_add(count).saturating_sub(1)
            }
            Place::Behind { first, number: Some(current) } if number == current & 7 => {
                let count = current.saturating_sub(first).saturating_add(1);
                self.push(Hole { first, count, start: self.start, slack: 0, resume: end });
                current
            }
            _ => {
                self.place = Place::Lost;
                return;
            }
        };
        // No marker follows the last interval.
        let next = current.saturating_add(1);
        self.place = if next < self.total { Place::In(next) } else { Place::Lost };
        self.start = end;
    }

    /// Adds a hole. If there is no room, it is joined to the last one.
    fn push(&mut self, hole: Hole) {
        if let Some(free) = self.holes.get_mut(self.len) {
            *free = hole;
            self.len = self.len.saturating_add(1);
        } else if let Some(last) = self.holes.last_mut() {
            *last = Hole {
                first: last.first,
                start: last.start,
                count: hole.first.saturating_add(hole.count).saturating_sub(last.first),
                slack: last.slack.saturating_add(hole.slack),
                resume: hole.resume,
            };
        }
    }
}

impl Hole {
    const fn range(&self) -> MissingRange {
        MissingRange { first: self.first, count: self.count, start: self.start, resume: self.resume }
    }
}

/// Returns the ranges of the holes, among which are `eights` times eight intervals that the holes do not
/// count yet.
fn shift<'a, const N: usize>(
    holes: &[Hole],
    eights: u16,
    found: &'a mut [MissingRange; N],
) -> Option<&'a [MissingRange]> {
    let more = eights.saturating_mul(8);
    let uncertain = |hole: &Hole| eights > 0 && hole.slack > 0;
    if holes.iter().map(|hole| u32::from(hole.slack)).sum::<u32>() < u32::from(eights) {
        return None;
    }
    let (mut kept, mut merging) = (0, false);
    let last = holes.iter().rposition(uncertain);
    for (n, hole) in holes.iter().enumerate() {
        let mut range = hole.range();
        if last.is_some_and(|last| n > last) {
            range.first = range.first.saturating_add(more);
        } else if merging || uncertain(hole) {
            if merging {
                kept -= 1;
                let MissingRange { first, start, .. } = *found.get(kept)?;
                range = MissingRange { first, count: range.end().saturating_sub(first), start, ..range };
            }
            merging = true;
            if Some(n) == last {
                range.count = range.count.saturating_add(more);
            }
        }
        *found.get_mut(kept)? = range;
        kept += 1;
    }
    found.get(..kept)
}
