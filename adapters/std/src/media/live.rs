//! A live input: a thread that reads and cuts, and a ring that sessions read.
use super::recorded::{MAX_FRAME, Ready, normalise};
use crate::clock::Clock;
use mio::Waker;
use pinhole::frame::{Format, FrameEnd, Integrity};
use pinhole::media::{FrameClock, Splitter};
use pinhole::ring::{FrameRing, Slot};
use pinhole::time::{Duration, Instant, MediaTime};
use pinhole::wire::sdp::FrameRate;
use std::io::{self, Read};
use std::sync::mpsc::{self, Receiver, SyncSender, TryRecvError};
use std::sync::{Arc, OnceLock};
use std::thread;

/// What sessions may fall behind: seconds of HD.
const RING_BYTES: usize = 64 << 20;
const RING_SLOTS: usize = 512;
/// Frames on the way from the reader to the loop.
const IN_FLIGHT: usize = 4;
const CHUNK: usize = 64 << 10;
/// Frames that come in one piece are this far apart.
const LEAST_STEP: Duration = Duration::from_millis(1);

type Ring = FrameRing<Vec<Slot>, Vec<u8>>;

pub(super) struct Live {
    ring: Ring,
    incoming: Receiver<Arrived>,
    size: Option<(u16, u16)>,
    last: Option<MediaTime>,
    step: Duration,
    over: bool,
}

impl std::fmt::Debug for Live {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Live").field("span", &self.ring.span()).field("over", &self.over).finish()
    }
}

struct Arrived {
    frame: Ready,
    at: Instant,
}

impl Live {
    pub(super) fn start(
        name: &str,
        reader: impl Read + Send + 'static,
        clock: Clock,
        waker: Arc<OnceLock<Arc<Waker>>>,
        rate: FrameRate,
    ) -> io::Result<Self> {
        let (sender, incoming) = mpsc::sync_channel(IN_FLIGHT);
        let input = Input { name: name.to_owned(), clock, sender, waker, frames: 0 };
        thread::Builder::new().name(name.to_owned()).spawn(move || input.run(reader))?;
        let ring = FrameRing::new(vec![Slot::default(); RING_SLOTS], vec![0; RING_BYTES]);
        Ok(Self {
            ring,
            incoming,
            size: None,
            last: None,
            step: FrameClock::from(rate).interval(),
            over: false,
        })
    }

    pub(super) const fn ring(&self) -> &Ring {
        &self.ring
    }

    pub(super) const fn size(&self) -> Option<(u16, u16)> {
        self.size
    }

    pub(super) const fn is_over(&self) -> bool {
        self.over
    }

    /// Moves what has come into the ring; returns whether anything has, be it the end.
    pub(super) fn take(&mut self) -> bool {
        let mut any = false;
        // Bounded, however fast the input is: the sessions have their turn in between.
        for _ in 0..IN_FLIGHT {
            match self.incoming.try_recv() {
                Ok(arrived) => self.push(&arrived),
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

    fn push(&mut self, Arrived { frame, at }: &Arrived) {
        let at = MediaTime::from_micros(at.as_micros());
        let pts = self.last.map_or(at, |last| at.max(last + LEAST_STEP));
        if let Some(last) = self.last {
            // An average: one frame that comes late does not stretch the next.
            self.step = self.step.scaled(7, 8) + pts.since(last).min(Duration::from_secs(1)).scaled(1, 8);
        }
        self.last = Some(pts);
        self.size = Some((frame.info.width, frame.info.height));
        let integrity = Integrity::Complete;
        let end = FrameEnd { format: Format::Jpeg(frame.info), duration: self.step, integrity };
        if self.ring.push(pts, &frame.data, end).is_err() {
            tracing::warn!(bytes = frame.data.len(), "a live frame is larger than its ring, and is left out");
        }
    }
}

/// The reading side.
struct Input {
    name: String,
    clock: Clock,
    sender: SyncSender<Arrived>,
    waker: Arc<OnceLock<Arc<Waker>>>,
    frames: u64,
}

impl Input {
    fn run(mut self, mut reader: impl Read) {
        let mut splitter = Splitter::new(MAX_FRAME);
        let mut chunk = vec![0; CHUNK];
        // The open frame's bytes, and where the first of them is in the stream.
        let (mut held, mut held_from) = (Vec::new(), 0_u64);
        loop {
            let read = match reader.read(&mut chunk) {
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    tracing::warn!(input = self.name, %error, "the input cannot be read any more");
                    0
                }
            };
            let mut rest = chunk.get(..read).unwrap_or_default();
            held.extend_from_slice(rest);
            loop {
                let (consumed, found) = splitter.push(rest);
                rest = rest.get(consumed..).unwrap_or_default();
                // The frame that the end of the input closes may lack its EOI.
                let found = if read == 0 { splitter.finish() } else { found };
                let Some(found) = found else { break };
                let start = usize::try_from(found.start.saturating_sub(held_from)).unwrap_or(usize::MAX);
                let frame = held.get(start..).and_then(|frame| frame.get(..found.len as usize));
                if !self.pass_on(found.start, frame.unwrap_or_default()) {
                    return;
                }
            }
            if read == 0 {
                break;
            }
            let done = splitter.keep_from().saturating_sub(held_from);
            held.drain(..usize::try_from(done).unwrap_or(usize::MAX).min(held.len()));
            held_from += done;
        }
        let Self { sender, waker, .. } = self;
        drop(sender);
        wake(&waker);
    }

    /// Hands a frame to the loop; `false` once there is none.
    fn pass_on(&mut self, start: u64, data: &[u8]) -> bool {
        let number = self.frames;
        self.frames += 1;
        match normalise(data) {
            Ok(frame) => {
                let at = self.clock.now().at;
                let sent = self.sender.send(Arrived { frame, at }).is_ok();
                wake(&self.waker);
                sent
            }
            Err(error) => {
                let (name, at, reason) = (&self.name, start + error.at as u64, error.reason);
                tracing::warn!("{name}: frame {number}, byte {at}: {reason}; the frame is left out");
                true
            }
        }
    }
}

fn wake(waker: &OnceLock<Arc<Waker>>) {
    if let Some(waker) = waker.get() {
        // Fails only where the loop is gone.
        let _ = waker.wake();
    }
}
