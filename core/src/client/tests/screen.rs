//! A viewer in virtual time: it shows frames from a ring, each when it is due.
use super::pair::{Clip, INTERVAL};
use crate::client::{ClientConn, Prefetch, PrefetchAction, PrefetchOptions};
use crate::codec::jpeg::TRACK;
use crate::frame::{FrameEnd, FrameId, FrameSink, FrameStore, Full, TrackId};
use crate::frame::{FrameRing, Slot};
use crate::time::{Duration, Instant, MediaTime};
use std::vec;
use std::vec::Vec;

pub(super) struct Screen {
    pub(super) prefetch: Prefetch,
    pub(super) rings: [FrameRing<Vec<Slot>, Vec<u8>>; 1],
    /// Media time that is to be there before it begins.
    pub(super) prebuffer: Duration,
    pub(super) paused: bool,
    pub(super) next: FrameId,
    /// What was shown: which frames of the clip, and how late.
    pub(super) shown: Vec<(usize, Duration)>,
    /// What was asked of the server by the way.
    pub(super) asked: Vec<PrefetchAction>,
    /// The next frame's time, and when that is due.
    clock: Option<(MediaTime, Instant)>,
}

impl Screen {
    pub(super) fn new(options: Option<PrefetchOptions>, slots: usize, bytes: usize) -> Self {
        Self {
            prefetch: Prefetch::new(options),
            rings: [FrameRing::new(TRACK, vec![Slot::EMPTY; slots], vec![0; bytes])],
            prebuffer: Duration::ZERO,
            paused: false,
            next: FrameId(0),
            shown: Vec::new(),
            asked: Vec::new(),
            clock: None,
        }
    }

    /// Media time that is there and was not shown yet.
    pub(super) fn ahead(&self) -> Duration {
        let end = self.rings[0].frames().end.0;
        INTERVAL.scaled(end.saturating_sub(self.next.0), 1)
    }

    /// The picture was held until `now`.
    pub(super) fn go_on(&mut self, now: Instant) {
        self.paused = false;
        self.clock = self.clock.map(|(pts, due)| (pts, due.max(now)));
    }

    pub(super) fn show(&mut self, now: Instant, clip: &Clip) {
        let enough = self.ahead() >= self.prebuffer || self.prefetch.awaits_viewer(0);
        let begins = self.clock.is_none() && self.ahead() > Duration::ZERO && enough;
        if let (true, Ok(first)) = (begins, self.rings[0].frame(TrackId::default(), self.next)) {
            self.clock = Some((first.media_time(TRACK.clock_rate), now));
        }
        while let (false, Some((at, due)), Ok(frame)) =
            (self.paused, self.clock, self.rings[0].frame(TrackId::default(), self.next))
        {
            let due = due + frame.media_time(TRACK.clock_rate).since(at);
            if due > now {
                break;
            }
            assert!(frame.flags.integrity.is_complete());
            let number = clip.0.iter().position(|(_, data)| data == frame.data).expect("of the clip");
            assert!(
                frame.media_time(TRACK.clock_rate).as_micros().abs_diff(Clip::pts(number as u64).as_micros())
                    <= 30
            );
            self.shown.push((number, now.since(due)));
            self.clock = Some((frame.media_time(TRACK.clock_rate), due));
            self.next = self.next.next();
        }
        self.prefetch.watch_from(0, self.next);
    }

    pub(super) fn ask(&mut self, client: &mut ClientConn<Vec<u8>, &'static str>) {
        while let Some(ask) = self.prefetch.poll(&self.rings) {
            self.asked.push(ask);
            match ask {
                PrefetchAction::Pause => client.pause(),
                PrefetchAction::Play(options) => client.play_with(options),
                PrefetchAction::Ended => {}
            }
        }
    }

    pub(super) fn wakes_at(&self) -> Option<Instant> {
        let (at, due) = self.clock.filter(|_| !self.paused)?;
        let frame = self.rings[0].frame(TrackId::default(), self.next).ok()?;
        Some(due + frame.media_time(TRACK.clock_rate).since(at))
    }
}

impl FrameSink for Screen {
    fn begin(&mut self, track: u8, time: u64) -> Result<(), Full> {
        self.prefetch.sink(&mut self.rings).begin(track, time)
    }

    fn write_at(&mut self, track: u8, at: usize, bytes: &[u8]) -> Result<(), Full> {
        self.prefetch.sink(&mut self.rings).write_at(track, at, bytes)
    }

    fn finish(&mut self, track: u8, end: FrameEnd<'_>) {
        self.prefetch.sink(&mut self.rings).finish(track, end);
    }

    fn abandon(&mut self, track: u8) {
        self.prefetch.sink(&mut self.rings).abandon(track);
    }
}
