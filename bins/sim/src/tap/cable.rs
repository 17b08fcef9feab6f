//! What is between the board and the TAP: a wire with faults, and whoever listens in.
use crate::tun::Tap;
use fastrand::Rng;
use pinhole::time::Instant;
use pinhole_sim::device::Link;
use pinhole_sim::faults::Faults;
use pinhole_sim::wire::{Counters, Medium, Wire};
use pinhole_smoltcp::time::from_smoltcp;
use smoltcp::phy::{PcapLinkType, PcapSink};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::time::{Duration, SystemTime};

/// The way of frames to the TAP and from it.
pub(super) struct Cable {
    tap: Tap,
    /// To the board, and from it; none: nothing happens to the frames.
    wires: Option<[Wire; 2]>,
    /// What is read of the TAP, on its way to the wire.
    buffer: Box<[u8]>,
    capture: Option<Capture>,
    figures: Figures,
    /// The TAP is no more.
    gone: Option<io::Error>,
}

/// Frames that came to the board, and that it sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Figures {
    pub(super) received: u64,
    pub(super) sent: u64,
    /// Frames that the TAP did not take: it is down.
    pub(super) not_taken: u64,
}

impl Cable {
    /// A cable whose wires do this to frames of up to `max_frame` bytes.
    pub(super) fn new(tap: Tap, faults: Faults, seed: u64, max_frame: usize) -> Self {
        let mut seeds = Rng::with_seed(seed);
        let wires = (faults != Faults::NONE)
            .then(|| [(); 2].map(|()| Wire::new(Medium::Ethernet, faults, seeds.u64(..))));
        let buffer = vec![0; if wires.is_some() { max_frame } else { 0 }].into_boxed_slice();
        Self { tap, wires, buffer, capture: None, figures: Figures::default(), gone: None }
    }

    /// From now on, writes all frames to a file, as the board sees them.
    pub(super) fn capture(&mut self, capture: Capture) {
        self.capture = Some(capture);
    }

    /// The TAP's end.
    pub(super) const fn tap(&self) -> &Tap {
        &self.tap
    }

    /// The frames so far.
    pub(super) const fn figures(&self) -> Figures {
        self.figures
    }

    /// What the faults did, to the board and from it.
    pub(super) fn counters(&self) -> Option<[Counters; 2]> {
        self.wires.as_ref().map(|wires| wires.each_ref().map(Wire::counters))
    }

    /// When to call [`Self::deliver`], and to poll the device.
    pub(super) fn poll_at(&self) -> Option<Instant> {
        self.wires.iter().flatten().filter_map(Wire::poll_at).min()
    }

    /// Passes on to the TAP what has come to the end of the wire.
    pub(super) fn deliver(&mut self, now: Instant) {
        let Some([_, out]) = &mut self.wires else { return };
        while let Some(frame) = out.receive(now) {
            self.figures.not_taken += u64::from(self.tap.send(&frame).is_err());
        }
    }

    /// Why no more frames come.
    ///
    /// # Errors
    /// The TAP is gone.
    pub(super) fn check(&mut self) -> io::Result<()> {
        self.gone.take().map_or(Ok(()), Err)
    }

    /// What went wrong with the file since it was last asked.
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
        self.figures.received += 1;
        if let Some(capture) = &mut self.capture {
            capture.packet(now, &room[..len]);
        }
        Some(len)
    }

    fn send(&mut self, now: smoltcp::time::Instant, frame: &[u8]) {
        self.figures.sent += 1;
        if let Some(capture) = &mut self.capture {
            capture.packet(now, frame);
        }
        match &mut self.wires {
            None => self.figures.not_taken += u64::from(self.tap.send(frame).is_err()),
            Some([_, out]) => {
                out.send(from_smoltcp(now), frame);
                self.deliver(from_smoltcp(now));
            }
        }
    }
}

/// The next frame of a TAP; `gone`, if there is no TAP.
fn read(tap: &Tap, room: &mut [u8], gone: &mut Option<io::Error>) -> Option<usize> {
    tap.receive(room).unwrap_or_else(|error| {
        *gone = Some(error);
        None
    })
}

/// A file of frames, which Wireshark reads. It ends before the first that cannot be written.
pub(super) struct Capture {
    file: BufWriter<File>,
    /// The board's clock starts at this wall clock's time.
    epoch: Duration,
    error: Option<io::Error>,
    over: bool,
}

impl Capture {
    /// Begins a new file.
    ///
    /// # Errors
    /// It cannot be written.
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
        // No frame is longer than a u32 can say.
        let length = length as u32;
        self.write_u32(time.as_secs() as u32);
        self.write_u32(time.subsec_micros());
        self.write_u32(length);
        self.write_u32(length);
    }
}
