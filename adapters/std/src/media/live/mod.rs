//! A live input: a thread that reads and cuts, one that normalises, and a ring that sessions read.
mod input;
mod news;
#[cfg(test)]
mod tests;

use super::normalise::{Normalising, Ready};
use crate::clock::Clock;
use input::{Arrived, Input};
use mio::Waker;
use news::Notes;
use pinhole::frame::{Format, FrameEnd, Integrity};
use pinhole::jpeg::JpegInfo;
use pinhole::media::FrameClock;
use pinhole::ring::{FrameRing, Slot};
use pinhole::time::{Duration, Instant, MediaTime};
use pinhole::wire::sdp::FrameRate;
use std::io::{self, Read};
use std::sync::mpsc::{Receiver, TryRecvError};
use std::sync::{Arc, OnceLock};

pub use news::{InputNews, InputTrouble};

/// What sessions may fall behind: seconds of HD.
const RING_BYTES: usize = 64 << 20;
const RING_SLOTS: usize = 512;
/// Frames that come in one piece are this far apart.
const LEAST_STEP: Duration = Duration::from_millis(1);
/// How far the time of such frames may run ahead. What comes faster for longer is no live input,
/// or one that catches up: frames are left out, so that the rest keeps its true time.
const MOST_AHEAD: Duration = Duration::from_millis(100);

type Ring = FrameRing<Vec<Slot>, Vec<u8>>;

pub(super) struct Live {
    ring: Ring,
    incoming: Receiver<Arrived>,
    info: Option<JpegInfo>,
    last: Option<MediaTime>,
    step: Duration,
    notes: Notes,
    over: bool,
}

impl std::fmt::Debug for Live {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Live").field("span", &self.ring.span()).field("over", &self.over).finish()
    }
}

impl Live {
    pub(super) fn start(
        name: &str,
        reader: impl Read + Send + 'static,
        clock: Clock,
        waker: Arc<OnceLock<Arc<Waker>>>,
        rate: FrameRate,
        how: Normalising,
    ) -> io::Result<Self> {
        let incoming = Input::start(name, reader, clock, waker, how)?;
        let ring = FrameRing::new(vec![Slot::default(); RING_SLOTS], vec![0; RING_BYTES]);
        let (step, notes) = (FrameClock::from(rate).interval(), Notes::default());
        Ok(Self { ring, incoming, info: None, last: None, step, notes, over: false })
    }

    pub(super) const fn ring(&self) -> &Ring {
        &self.ring
    }

    pub(super) fn size(&self) -> Option<(u16, u16)> {
        self.info.map(|info| (info.width, info.height))
    }

    pub(super) const fn is_over(&self) -> bool {
        self.over
    }

    /// Moves what has come into the ring; returns whether anything has, be it the end.
    pub(super) fn take(&mut self) -> bool {
        let mut any = false;
        // Bounded, however fast the input is: the sessions have their turn in between.
        for _ in 0..input::IN_FLIGHT {
            match self.incoming.try_recv() {
                Ok(Arrived::Frame(frame, at)) => self.push(&frame, at),
                Ok(Arrived::Trouble(trouble)) => self.notes.trouble(trouble),
                Err(TryRecvError::Disconnected) if !self.over => {
                    self.ring.end();
                    self.over = true;
                }
                Err(_) => break,
            }
            any = true;
        }
        any
    }

    /// What is to be said of the input since this was asked last.
    pub(super) fn news(&mut self, now: Instant) -> Option<InputNews> {
        self.notes.next(now, self.over)
    }

    fn push(&mut self, frame: &Ready, arrived: Instant) {
        let at = MediaTime::from_micros(arrived.as_micros());
        let pts = self.last.map_or(at, |last| at.max(last + LEAST_STEP));
        if pts.since(at) > MOST_AHEAD {
            return self.notes.dropped(1);
        }
        if let Some(last) = self.last {
            // An average: one frame that comes late does not stretch the next.
            self.step = self.step.scaled(7, 8) + pts.since(last).min(Duration::from_secs(1)).scaled(1, 8);
        }
        let end = FrameEnd {
            format: Format::Jpeg(frame.info),
            duration: self.step,
            integrity: Integrity::Complete,
        };
        if self.ring.push(pts, &frame.data, end).is_err() {
            // Larger than the ring.
            return self.notes.dropped(1);
        }
        self.last = Some(pts);
        let looks = |info: JpegInfo| (info.width, info.height, info.sampling);
        if self.info.map(looks) != Some(looks(frame.info)) {
            self.notes.format(frame.info);
        }
        self.info = Some(frame.info);
    }
}
