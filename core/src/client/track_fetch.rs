//! [`TrackFetch`]: how much of one track is fetched, and from where on it is missing.
use super::gate::{Gate, ROUNDING};
use crate::frame::FrameId;
use crate::frame::{FrameRing, Slot};
use crate::time::{Duration, MediaTime};

/// One track that [`super::Prefetch`] fetches.
#[derive(Clone, Debug)]
pub(super) struct TrackFetch {
    pub(super) gate: Gate,
    /// The viewer needs this frame and those after it; `None` if nobody watches the track.
    pub(super) playhead: Option<FrameId>,
    /// Where the viewer was when PLAY was asked for to fetch more. Until it moves on, there is not more
    /// room than there was then.
    pub(super) asked_at: Option<FrameId>,
    /// The frame that was to come next when the server ended too early.
    pub(super) ended_before: Option<FrameId>,
}

/// What a ring holds of a watched track.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fill {
    /// How much of the ring the frames from the playhead on take, in percent of its bytes or of its
    /// slots, whichever is more.
    pub(super) percent: u32,
    /// Whether there is no frame from the playhead on.
    pub(super) exhausted: bool,
    /// When the newest frame ends; `None` if there is none.
    pub(super) end: Option<MediaTime>,
    /// How long the newest frame is shown.
    last: Duration,
    /// The number that the next frame will have.
    pub(super) next: FrameId,
}

impl TrackFetch {
    pub(super) const UNWATCHED: Self =
        Self { gate: Gate::OPEN, playhead: None, asked_at: None, ended_before: None };

    pub(super) const fn is_watched(&self) -> bool {
        self.playhead.is_some()
    }

    /// Looks at the ring of this track; `None` if it is not watched.
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

    /// Where the frames begin that are not in the ring; `None` if that is not known.
    pub(super) fn next_place<S, B>(&self, ring: &FrameRing<S, B>) -> Option<MediaTime>
    where
        S: AsRef<[Slot]> + AsMut<[Slot]>,
        B: AsRef<[u8]> + AsMut<[u8]>,
    {
        // A little before the end, for servers round, and what comes again is not stored.
        let end = newest(ring).map(|(pts, shown)| {
            let shown = shown.max(ROUNDING);
            pts + shown - ROUNDING.min(shown.scaled(1, 4))
        });
        self.gate.place().or(end)
    }
}

impl Fill {
    /// Whether the newest frame goes on to `end`, the end of the medium, or beyond it.
    pub(super) fn reaches(&self, end: MediaTime) -> bool {
        self.end.is_some_and(|newest| newest + self.last.scaled(1, 2) >= end)
    }
}

/// When the newest frame of a ring is shown, and for how long.
fn newest<S, B>(ring: &FrameRing<S, B>) -> Option<(MediaTime, Duration)>
where
    S: AsRef<[Slot]> + AsMut<[Slot]>,
    B: AsRef<[u8]> + AsMut<[u8]>,
{
    let clock_rate = ring.track_info().clock_rate;
    let frame = ring.newest_frame()?;
    Some((frame.media_time(clock_rate), Duration::from_ticks(u64::from(frame.duration), clock_rate)))
}
