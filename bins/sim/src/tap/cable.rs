//! The connection of the board to the TAP: wires with faults, and a capture file.
use crate::tun::Tap;
use fastrand::Rng;
use pinhole::time::Instant;
use pinhole_sim::device::Link;
use pinhole_sim::faults::Faults;
use pinhole_sim::wire::{Counters, Medium, Wire};
use pinhole_smoltcp::time::{from_smoltcp, to_smoltcp};
use smoltcp::phy::{PcapLinkType, PcapSink};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::time::{Duration, SystemTime};

/// Carries frames to the TAP and from it.
pub(super) struct Cable {
    tap: Tap,
    /// The wires to the board, and from it. `None`: there are no faults.
    wires: Option<[Wire; 2]>,
    /// A frame on its way from the TAP to the wire.
    buffer: Box<[u8]>,
    capture: Option<Capture>,
    counts: FrameCounts,
    /// The board waits while its wire is full.
    push_back: bool,
    /// Why the TAP cannot be read any more.
    gone: Option<io::Error>,
}

/// Frames that the board received and sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct FrameCounts {
    pub(super) received: u64,
    pub(super) sent: u64,
    /// Frames that the TAP did not accept because it was down.
    pub(super) not_taken: u64,
}

impl Cable {
    /// Creates a cable with these faults, which pushes the board back or loses what is too much for its rate, for frames of up to `max_frame` bytes.
    pub(super) fn new(tap: Tap, (faults, push_back): (Faults, bool), seed: u64, max_frame: usize) -> Self {
        let mut seeds = Rng::with_seed(seed);
        let wires = (faults != Faults::NONE)
            .then(|| [(); 2].map(|()| Wire::new(Medium::Ethernet, faults, seeds.u64(..))));
        let buffer = vec![0; if wires.is_some() { max_frame } else { 0 }].into_boxed_slice();
        Self { tap, wires, buffer, capture: None, counts: FrameCounts::default(), push_back, gone: None }
    }

    /// Writes all frames that the board sends and receives from now on to a file.
    pub(super) fn capture(&mut self, capture: Capture) {
        self.capture = Some(capture);
    }

    /// Returns the TAP.
    pub(super) const fn tap(&self) -> &Tap {
        &self.tap
    }

    /// Returns the frames so far.
    pub(super) const fn counts(&self) -> FrameCounts {
        self.counts
    }

    /// Returns the counters of the wires to the board, and from it.
    pub(super) fn counters(&self) -> Option<[Counters; 2]> {
        self.wires.as_ref().map(|wires| wires.each_ref().map(Wire::counters))
    }

    /// Returns when to call [`Self::deliver`], and to poll the device.
    pub(super) fn poll_at(&self) -> Option<Instant> {
        self.wires.iter().flatten().filter_map(Wire::poll_at).min()
    }

    /// Sends the frames that have arrived at the end of the wire to the TAP.
    pub(super) fn deliver(&mut self, now: Instant) {
        let Some([_, out]) = &mut self.wires else { return };
        while let Some(frame) = out.receive(now) {
            self.counts.not_taken += u64::from(self.tap.send(&frame).is_err());
        }
    }

    /// Checks that the TAP can be read.
    ///
    /// # Errors
    /// Returns the error of the last read, once.
    pub(super) fn check(&mut self) -> io::Result<()> {
        self.gone.take().map_or(Ok(()), Err)
    }

    /// Returns the error of the capture file, once.
    pub(super) fn capture_trouble(&mut self) -> Option<io::Error> {
        self.capture.as_mut()?.error.take()
    }
}

impl Link for Cable {
    fn receive(&mut self, now: smoltcp::time::Instant, room: &mut [u8]) -> Option<usize> {
        let len = match &mut self.wires {
            None => read(&self.tap, room, &mut self.gone)?,
            Some([to_board, _]) => {
                let at = from_smoltcp(now);
                while let Some(len) = read(&self.tap, &mut self.buffer, &mut self.gone) {
                    to_board.send(at, &self.buffer[..len]);
                }
                let frame = to_board.receive(at)?;
                let len = frame.len().min(room.len());
                room[..len].copy_from_slice(&frame[..len]);
                len
            }
        };
        self.counts.received += 1;
        if let Some(capture) = &mut self.capture {
            capture.packet(now, &room[..len]);
        }
        Some(len)
    }

    fn send(&mut self, now: smoltcp::time::Instant, frame: &[u8]) {
        self.counts.sent += 1;
        if let Some(capture) = &mut self.capture {
            capture.packet(now, frame);
        }
        match &mut self.wires {
            None => self.counts.not_taken += u64::from(self.tap.send(frame).is_err()),
            Some([_, out]) => {
                out.send(from_smoltcp(now), frame);
                self.deliver(from_smoltcp(now));
            }
        }
    }

    fn ready_at(&self) -> smoltcp::time::Instant {
        let wire = self.wires.as_ref().filter(|_| self.push_back);
        wire.map_or(smoltcp::time::Instant::ZERO, |[_, out]| to_smoltcp(out.room_at()))
    }
}

/// Reads the next frame of a TAP. Returns its length, or stores the error in `gone`.
fn read(tap: &Tap, room: &mut [u8], gone: &mut Option<io::Error>) -> Option<usize> {
    tap.receive(room).unwrap_or_else(|error| {
        *gone = Some(error);
        None
    })
}

/// A capture file in the format of libpcap. It ends before the first frame that cannot be written.
pub(super) struct Capture {
    file: BufWriter<File>,
    /// The wall clock's time when the board's clock started.
    epoch: Duration,
    error: Option<io::Error>,
    over: bool,
}

impl Capture {
    /// Creates a file.
    ///
    /// # Errors
    /// Returns the error of writing.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let epoch = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        let mut this = Self { file: BufWriter::new(File::create(path)?), epoch, error: None, over: false };
        this.global_header(PcapLinkType::Ethernet);
        this.file.flush()?;
        Ok(this)
    }
}

impl PcapSink for Capture {
    fn write(&mut self, data: &[u8]) {
        if !self.over
            && let Err(error) = self.file.write_all(data)
        {
            (self.error, self.over) = (Some(error), true);
        }
    }

    fn packet_header(&mut self, timestamp: smoltcp::time::Instant, length: usize) {
        let time = self.epoch + Duration::from_micros(timestamp.total_micros().unsigned_abs());
        // Lengths of frames fit in 32 bits.
        let length = length as u32;
        self.write_u32(time.as_secs() as u32);
        self.write_u32(time.subsec_micros());
        self.write_u32(length);
        self.write_u32(length);
    }
}
