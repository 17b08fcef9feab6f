//! [`Intake`]: which frames of each track are stored, and which are to come again.
use super::track_fetch::TrackFetch;
use crate::frame::{FrameEnd, FrameSink, Full, TrackInfo};
use crate::frame::{FrameRing, Slot};
use crate::time::{Duration, MediaTime};

/// How much later or earlier frames are shown than the server says.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Shift {
    later: Duration,
    earlier: Duration,
    /// The time at which the next frame is to be shown. The shift is chosen when that frame comes. `None`
    /// if the shift stays as it is.
    next_at: Option<MediaTime>,
}

impl Shift {
    pub(super) const NONE: Self = Self { later: Duration::ZERO, earlier: Duration::ZERO, next_at: None };

    /// Makes the next frame of any track be shown at `at`, and shifts all later frames as much.
    pub(super) const fn go_on_at(&mut self, at: MediaTime) {
        self.next_at = Some(at);
    }

    /// Returns a time as it is shifted now. Both times are in ticks of a clock of `clock_rate` ticks per
    /// second.
    pub(super) fn applied(&self, time: u64, clock_rate: u32) -> u64 {
        let (later, earlier) = (self.later.to_ticks(clock_rate), self.earlier.to_ticks(clock_rate));
        time.saturating_add(later).saturating_sub(earlier)
    }

    /// Returns a shifted time. Both times are in ticks of a clock of `clock_rate` ticks per second.
    fn shifted(&mut self, time: u64, clock_rate: u32) -> u64 {
        if let Some(at) = self.next_at.take() {
            let pts = MediaTime::from_ticks(time, clock_rate);
            (self.later, self.earlier) = (at.since(pts), pts.since(at));
        }
        self.applied(time, clock_rate)
    }
}

/// A sink that writes received frames into the rings of their tracks.
/// [`Prefetch::sink`](super::Prefetch::sink) returns it. Pass it to one call of the connection, such as
/// [`ClientConn::handle_stream`](super::ClientConn::handle_stream), and make another one for the next call.
///
/// The sink refuses a frame with [`Full`] if its track has no ring, if [`Prefetch`](super::Prefetch) does
/// not want the frame now, or if the ring has no room for it.
#[derive(Debug)]
pub struct Intake<'a, S, B> {
    pub(super) tracks: &'a mut [TrackFetch],
    pub(super) rings: &'a mut [FrameRing<S, B>],
    pub(super) shift: &'a mut Shift,
    /// Whether frames of watched tracks that do not fit are fetched again later.
    pub(super) kept: bool,
    /// Whether PLAY was asked for, and the server has not answered yet.
    pub(super) unanswered: bool,
}

impl<S, B> Intake<'_, S, B> {
    /// Returns what was written of the open frame of a track; empty if it has none, or no ring.
    pub fn open_data(&self, track: u8) -> &[u8]
    where
        S: AsRef<[Slot]> + AsMut<[Slot]>,
        B: AsRef<[u8]> + AsMut<[u8]>,
    {
        self.rings.get(usize::from(track)).map_or(&[], FrameRing::open_data)
    }

    fn track(&mut self, track: u8) -> Option<(&mut TrackFetch, &mut FrameRing<S, B>)> {
        let at = usize::from(track);
        Some((self.tracks.get_mut(at)?, self.rings.get_mut(at)?))
    }
}

impl<S: AsRef<[Slot]> + AsMut<[Slot]>, B: AsRef<[u8]> + AsMut<[u8]>> FrameSink for Intake<'_, S, B> {
    fn describe(&mut self, track: u8, info: TrackInfo<'_>) {
        self.rings.describe(track, info);
    }

    fn begin(&mut self, track: u8, time: u64) -> Result<(), Full> {
        let (kept, unanswered) = (self.kept, self.unanswered);
        let clock_rate = self.rings.get(usize::from(track)).ok_or(Full)?.track_info().clock_rate;
        let time = self.shift.shifted(time, clock_rate);
        let pts = MediaTime::from_ticks(time, clock_rate);
        let (fetch, ring) = self.track(track).ok_or(Full)?;
        let kept = kept && fetch.is_watched();
        (fetch.gate.measured, fetch.gate.begun) = (None, None);
        if !fetch.gate.admits(pts, kept, unanswered) {
            return Err(Full);
        }
        fetch.gate.begin(pts, unanswered);
        let stored = ring.begin(track, time);
        if kept && stored.is_err() {
            fetch.gate.shut();
        }
        stored
    }

    fn write_at(&mut self, track: u8, at: usize, bytes: &[u8]) -> Result<(), Full> {
        let kept = self.kept;
        let (fetch, ring) = self.track(track).ok_or(Full)?;
        let gate = &mut fetch.gate;
        if gate.begun.is_none() {
            return Err(Full);
        }
        let end = at.saturating_add(bytes.len());
        if end > ring.capacity() {
            // The frame will never fit, however often it comes. If no frame has been stored yet, all frames
            // may be as large, and the caller is told the size. Otherwise only this frame is lost.
            if ring.frames().end.0 == 0 {
                gate.measured = Some(end.max(gate.measured.unwrap_or(0)));
                return Ok(());
            }
            return Err(Full);
        }
        let stored = ring.write_at(track, at, bytes);
        if kept && fetch.is_watched() && stored.is_err() {
            // There was no room for the frame. Later frames would leave a hole.
            fetch.gate.shut();
        }
        stored
    }

    fn finish(&mut self, track: u8, end: FrameEnd<'_>) {
        let kept = self.kept;
        let Some((fetch, ring)) = self.track(track) else { return };
        let measured = fetch.gate.measured.take();
        if measured.is_some() || fetch.gate.begun.is_none() {
            fetch.gate.too_large = fetch.gate.too_large.max(measured);
            return ring.abandon(track);
        }
        fetch.gate.finish(kept);
        ring.finish(track, end);
    }

    fn abandon(&mut self, track: u8) {
        let Some((fetch, ring)) = self.track(track) else { return };
        fetch.gate.measured = None;
        ring.abandon(track);
    }
}
