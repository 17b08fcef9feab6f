//! A user who fetches a recorded medium ahead, and watches it at its own rate.
use super::frames::Ring;
use super::violation::Violation;
use pinhole::client::{Event, PlayOptions, Prefetch, PrefetchAction, PrefetchOptions};
use pinhole::codec::jpeg::TRACK;
use pinhole::frame::{FrameId, FrameSink, FrameStore, TrackId};
use pinhole::time::{Duration, Instant, MediaTime};
use std::slice;

/// A frame that arrives later than this after it was due delays all frames after it.
const LATE: Duration = Duration::from_millis(100);

/// What fetches a medium ahead, and the playhead of its viewer.
pub(super) struct Prefetching {
    prefetch: Prefetch,
    /// The next frame to be shown.
    playhead: FrameId,
    /// When the last frame was shown, and its media time.
    shown: Option<(Instant, MediaTime)>,
    /// All frames of the medium are in the ring.
    fetched: bool,
    /// The last frame of the medium was shown.
    pub(super) ended: bool,
}

impl Prefetching {
    pub(super) const fn new(options: PrefetchOptions) -> Self {
        Self {
            prefetch: Prefetch::new(Some(options)),
            playhead: FrameId(0),
            shown: None,
            fetched: false,
            ended: false,
        }
    }

    /// Returns the sink of frames, which evicts none that the viewer has not seen.
    pub(super) fn sink<'a>(&'a mut self, ring: &'a mut Ring) -> impl FrameSink + 'a {
        self.prefetch.watch_from(0, self.playhead);
        self.prefetch.sink(slice::from_mut(ring))
    }

    /// Observes an event. Returns whether it concerns the user.
    pub(super) fn on_event(&mut self, event: &Event<'_>) -> bool {
        self.prefetch.on_event(event)
    }

    /// Returns what to ask of the connection when the user plays.
    pub(super) fn play(&mut self, options: PlayOptions, ring: &Ring) -> PlayOptions {
        let starts_over = self.ended || options.from.is_some();
        let options = self.prefetch.play(options, slice::from_ref(ring));
        if starts_over {
            (self.playhead, self.shown) = (ring.frames().end, None);
        }
        (self.fetched, self.ended) = (false, false);
        options
    }

    /// Records that the user pauses. Returns whether the server is to pause: not if it has sent everything.
    pub(super) const fn pause(&mut self) -> bool {
        self.shown = None;
        self.prefetch.hold();
        !self.fetched
    }

    /// Whether the viewer can go on without asking the server.
    pub(super) const fn has_rest(&self) -> bool {
        self.fetched && !self.ended
    }

    /// Returns what to ask of the connection next. To be called until `None`.
    pub(super) fn poll(&mut self, ring: &Ring) -> Option<PrefetchAction> {
        let ask = self.prefetch.poll(slice::from_ref(ring));
        self.fetched |= ask == Some(PrefetchAction::Ended);
        ask
    }

    /// Shows the frames that are due. Returns whether a complete one was among them, and when the next one
    /// is due.
    pub(super) fn show(&mut self, at: Instant, ring: &Ring) -> Result<(bool, Option<Instant>), Violation> {
        let start = ring.frames().start;
        if start > self.playhead {
            if !self.prefetch.is_asking() {
                let what = format!("the next frame is {:?}, and the oldest is {start:?}", self.playhead);
                return Err(Violation::of("no frame is evicted that was not seen", what));
            }
            self.playhead = start;
        }
        let mut pictured = false;
        while let Ok(frame) = ring.frame(TrackId::default(), self.playhead) {
            let time = frame.media_time(TRACK.clock_rate);
            let due = self.shown.map_or(at, |(shown, last)| shown + time.since(last));
            if due > at {
                return Ok((pictured, Some(due)));
            }
            self.shown = Some((if due + LATE < at { at } else { due }, time));
            self.playhead = self.playhead.next();
            pictured |= frame.flags.integrity.is_complete();
        }
        self.ended |= self.fetched && self.playhead == ring.frames().end;
        Ok((pictured, None))
    }
}
