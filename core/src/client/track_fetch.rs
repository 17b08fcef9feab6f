//! [`TrackFetch`]: how much of one track has been fetched, and where the rest of it begins.
use super::gate::{Gate, ROUNDING};
use crate::frame::FrameId;
use crate::frame::{FrameRing, Slot};
use crate::time::{Duration, MediaTime};

/// The state of one track that [`super::Prefetch`] fetches.
#[derive(Clone, Debug)]
pub(super) struct TrackFetch {
    pub(super) gate: Gate,
    /// The frame that the viewer reads next; the viewer needs it and all later frames. `None` if nobody
    /// watches the track.
    pub(super) playhead: Option<FrameId>,
    /// The playhead when PLAY was last asked for to fetch more frames. Until the viewer moves on from
    /// there, the ring has no more room than it had then.
    pub(super) asked_at: Option<FrameId>,
    /// The number that the next frame would have had when the server ended before the end of the medium.
    pub(super) ended_before: Option<FrameId>,
}

/// What the ring of a watched track holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fill {
    /// How much of the ring is taken by the frames from the playhead on: in percent of its bytes or in
    /// percent of its slots, whichever is more.
    pub(super) percent: u32,
    /// Whether the ring has no frame from the playhead on.
    pub(super) exhausted: bool,
    /// When the newest frame of the ring ends; `None` if the ring is empty.
    pub(super) end: Option<MediaTime>,
    /// How long the newest frame is shown; zero if the ring is empty.
    last: Duration,
    /// The number that the next stored frame will have.
    pub(super) next: FrameId,
}

impl TrackFetch {
    pub(super) const UNWATCHED: Self =
        Self { gate: Gate::OPEN, playhead: None, asked_at: None, ended_before: None };

    pub(super) const fn is_watched(&self) -> bool {
        self.playhead.is_some()
    }

    /// Returns what the ring of this track holds; `None` if nobody watches the track.
    pub(super) fn fill<S, B>(&self, ring: &FrameRing<S, B>) -> Option<Fill>
    where
        S: AsRef<[Slot]> + AsMut<[Slot]>,
        B: AsRef<[u8]> + AsMut<[u8]>,
    {
        let (playhead, span) = (self.playhead?, ring.frames());
        let frames = span.end.0.saturating_sub(playhead.0.max(span.start.0));
        let percent =
            |part: u64, of: usize| part.saturating_mul(100).checked_div(of as u64).unwrap_or(0) as u32;
        let bytes = percent(ring.bytes_from(playhead) as u64, ring.capacity());
        let newest = newest(ring);
        Some(Fill {
            percent: bytes.max(percent(frames, ring.slot_count())),
            exhausted: frames == 0,
            end: newest.map(|(pts, shown)| pts + shown),
            last: newest.map_or(Duration::ZERO, |(_, shown)| shown),
            next: span.end,
        })
    }

    /// Returns the media time of the first frame that is not in the ring; `None` if it is not known.
    pub(super) fn next_place<S, B>(&self, ring: &FrameRing<S, B>) -> Option<MediaTime>
    where
        S: AsRef<[Slot]> + AsMut<[Slot]>,
        B: AsRef<[u8]> + AsMut<[u8]>,
    {
        // The place is a little before the end of the newest frame, because servers round places. A frame
        // that comes again is not stored.
        let end = newest(ring).map(|(pts, shown)| {
            let shown = shown.max(ROUNDING);
            pts + shown - ROUNDING.min(shown.scaled(1, 4))
        });
        self.gate.place().or(end)
    }
}

impl Fill {
    /// Returns whether the newest frame ends at `end`, the end of the medium, or later. It may fall short
    /// of it by half the time for which it is shown.
    pub(super) fn reaches(&self, end: MediaTime) -> bool {
        self.end.is_some_and(|newest| newest + self.last.scaled(1, 2) >= end)
    }
}

/// Returns when the newest frame of a ring is shown, and for how long; `None` if the ring is empty.
fn newest<S, B>(ring: &FrameRing<S, B>) -> Option<(MediaTime, Duration)>
where
    S: AsRef<[Slot]> + AsMut<[Slot]>,
    B: AsRef<[u8]> + AsMut<[u8]>,
{
    let clock_rate = ring.track_info().clock_rate;
    let frame = ring.newest_frame()?;
    Some((frame.media_time(clock_rate), Duration::from_ticks(u64::from(frame.duration), clock_rate)))
}
