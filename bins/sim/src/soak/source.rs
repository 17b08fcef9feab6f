//! The served clip, and checks of received frames against it.
use crate::clip::Clip;
use pinhole::codec::jpeg::{JpegInfo, Missing, TRACK, inspect, mend, mend_max_len};
use pinhole::frame::{Frame, FrameId, FrameStore, Integrity, Miss, Seek, TrackId, TrackInfo};
use pinhole::time::{Instant, MediaTime};
use std::cell::{Cell, RefCell};
use std::ops::Range;

/// A clip, and what is known of its frames.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) clip: Clip,
    /// The byte ranges of each picture's restart intervals in its scan, without their markers.
    intervals: Vec<Vec<Range<usize>>>,
    /// Headers that receivers wrote before a scan, and that were found to be right.
    heads: RefCell<Vec<Box<[u8]>>>,
}

/// How a clip is served.
#[derive(Clone, Copy, Debug)]
pub(super) enum SourceKind {
    /// A recorded medium of `rounds` rounds of the clip.
    Recorded { rounds: u64 },
    /// A live source that repeats the clip. The newest `kept` frames are available.
    Live { kept: u64 },
}

impl Source {
    pub(super) fn new(clip: Clip) -> Self {
        let pictures = (0..clip.frame_count() as u64).map(|id| scan(&clip, FrameId(id)));
        let intervals = pictures.map(intervals).collect();
        Self { clip, intervals, heads: RefCell::default() }
    }

    /// Whether a complete frame is frame `id`: its header and its scan, byte for byte.
    pub(super) fn is(&self, id: FrameId, frame: &Frame<'_>) -> bool {
        let Some((head, scan)) = split(frame) else { return false };
        if scan != self.scan(id) {
            return false;
        }
        let tail = frame.data.get(head.len() + scan.len()..);
        let heads = self.heads.borrow();
        if tail == Some(&[0xFF, 0xD9]) && heads.iter().any(|known| **known == *head) {
            return true;
        }
        drop(heads);
        let right = self.clip.matches(id, frame);
        if right {
            self.heads.borrow_mut().push(head.into());
        }
        right
    }

    /// Whether an incomplete frame is a part of frame `id`: the intervals that are not marked as missing are
    /// there, and every other byte is the frame's or was never written.
    pub(super) fn is_part(&self, id: FrameId, frame: &Frame<'_>) -> bool {
        let (Some(info), Some((head, came))) = (JpegInfo::locate(frame.data), split(frame)) else {
            return false;
        };
        let scan = self.scan(id);
        let is_missing = |at: usize| {
            let at = (head.len() + at) as u32;
            frame.missing.iter().any(|range| (range.start()..range.end()).contains(&at))
        };
        let mut bytes = came.iter().zip(scan).enumerate();
        if came.len() > scan.len()
            || !bytes.all(|(at, (came, sent))| came == sent || *came == 0 || is_missing(at))
        {
            return false;
        }
        match frame.flags.integrity {
            Integrity::Complete => came == scan,
            Integrity::Partial => Missing::locate(frame.data, &info, frame.missing)
                .is_some_and(|missing| self.are_there(id, came, &missing)),
            Integrity::Damaged => true,
        }
    }

    /// Whether a partial frame can be mended, and every restart interval that arrived is then in its place.
    /// `true` for other frames.
    pub(super) fn is_mended(&self, id: FrameId, frame: &Frame<'_>) -> bool {
        let Some(info) = JpegInfo::locate(frame.data).filter(|_| frame.flags.integrity == Integrity::Partial)
        else {
            return true;
        };
        let Some(missing) = Missing::locate(frame.data, &info, frame.missing) else { return false };
        let mut out = vec![0; mend_max_len(&info, &missing, frame.data.len())];
        let Ok(len) = mend(frame.data, &info, &missing, &mut out) else { return false };
        let Ok(mended) = inspect(&out[..len]) else { return false };
        let (mended, scan) = (of(&out, &mended.info), self.scan(id));
        let (found, sent) = (intervals(mended), intervals(scan));
        found.len() == sent.len()
            && found.iter().zip(&sent).enumerate().all(|(number, (found, sent))| {
                is_missing(&missing, number) || mended[found.clone()] == scan[sent.clone()]
            })
    }

    /// Returns the frame of the clip that equals a complete frame.
    pub(super) fn find(&self, frame: &Frame<'_>) -> Option<FrameId> {
        (0..self.clip.frame_count() as u64).map(FrameId).find(|id| self.is(*id, frame))
    }

    /// Returns the middle of the clip.
    pub(super) fn middle(&self) -> MediaTime {
        MediaTime::ZERO + self.clip.duration().scaled(1, 2)
    }

    /// Whether all intervals that are not missing are there.
    fn are_there(&self, id: FrameId, came: &[u8], missing: &Missing) -> bool {
        let index = id.0 as usize % self.intervals.len().max(1);
        let Some(intervals) = self.intervals.get(index) else { return false };
        let scan = self.scan(id);
        intervals.iter().enumerate().all(|(number, bytes)| {
            is_missing(missing, number)
                || came.get(bytes.clone()).is_some_and(|came| Some(came) == scan.get(bytes.clone()))
        })
    }

    fn scan(&self, id: FrameId) -> &[u8] {
        scan(&self.clip, id)
    }
}

fn is_missing(missing: &Missing, interval: usize) -> bool {
    missing.ranges().any(|range| (range.first..range.end()).contains(&(interval as u16)))
}

fn scan(clip: &Clip, id: FrameId) -> &[u8] {
    clip.repeated(id).ok().and_then(|frame| split(&frame)).map_or(&[], |(_, scan)| scan)
}

/// Splits a frame into the bytes before the scan, and the scan.
fn split<'a>(frame: &Frame<'a>) -> Option<(&'a [u8], &'a [u8])> {
    let info = JpegInfo::locate(frame.data)?;
    Some((frame.data.get(..info.scan as usize)?, of(frame.data, &info)))
}

fn of<'a>(data: &'a [u8], info: &JpegInfo) -> &'a [u8] {
    let scan = info.scan as usize..(info.scan as usize).saturating_add(info.scan_len as usize);
    data.get(scan).unwrap_or_default()
}

fn intervals(scan: &[u8]) -> Vec<Range<usize>> {
    let mut start = 0;
    let markers = (1..scan.len()).filter(|at| scan[at - 1] == 0xFF && (0xD0..=0xD7).contains(&scan[*at]));
    let mut found: Vec<_> =
        markers.map(|at| std::mem::replace(&mut start, at + 1)..at.saturating_sub(1)).collect();
    found.push(start..scan.len());
    found
}

/// The frame store of the server during one turn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Store<'s> {
    clip: &'s Clip,
    kind: SourceKind,
    newest: FrameId,
    overrun: &'s Cell<bool>,
}

impl<'s> Store<'s> {
    /// Creates the store for a time of the server's clock. `overrun` is set when a session asks for a frame
    /// that is gone.
    pub(super) fn at(clip: &'s Clip, kind: SourceKind, now: Instant, overrun: &'s Cell<bool>) -> Self {
        let newest = clip.at(MediaTime::from_micros(now.as_micros()));
        Self { clip, kind, newest, overrun }
    }

    /// Returns when the next frame is there. `None`: the medium is recorded.
    pub(super) fn next_at(&self) -> Option<Instant> {
        let next = self.clip.time_of(self.newest.next());
        matches!(self.kind, SourceKind::Live { .. }).then(|| Instant::from_micros(next.as_micros()))
    }
}

impl FrameStore for Store<'_> {
    fn info(&self, _: TrackId) -> Option<TrackInfo<'_>> {
        Some(TRACK)
    }

    fn frame(&self, _: TrackId, id: FrameId) -> Result<Frame<'_>, Miss> {
        let Self { clip, newest, .. } = *self;
        match self.kind {
            SourceKind::Recorded { rounds } if id.0 >= rounds * clip.frame_count() as u64 => Err(Miss::End),
            SourceKind::Live { .. } if id > newest => Err(Miss::NotYet),
            SourceKind::Live { kept } if id.0 + kept <= newest.0 => {
                self.overrun.set(true);
                Err(Miss::Overrun { newest })
            }
            _ => clip.repeated(id),
        }
    }

    fn seek(&self, _: TrackId, to: Seek) -> Result<FrameId, Miss> {
        let Self { clip, newest, .. } = *self;
        Ok(match (self.kind, to) {
            (SourceKind::Recorded { rounds }, Seek::To(time)) => {
                let before = time.as_micros().checked_sub(1).map(MediaTime::from_micros);
                let id = before.map_or(FrameId(0), |before| clip.at(before).next());
                id.min(FrameId(rounds * clip.frame_count() as u64))
            }
            (SourceKind::Recorded { .. }, Seek::Live) => FrameId(0),
            (SourceKind::Live { kept }, Seek::To(time)) => {
                clip.at(time).clamp(FrameId((newest.0 + 1).saturating_sub(kept)), newest)
            }
            (SourceKind::Live { .. }, Seek::Live) => newest,
        })
    }
}
