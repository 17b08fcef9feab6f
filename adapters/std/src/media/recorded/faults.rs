//! Loaders and cache over files with faults, by seed: short and interrupted reads, errors, stalls, panics, and
//! files that are truncated at every step and become whole again.
use super::super::Playback;
use super::super::normalise::NormaliseOptions;
use super::files::{Files, ReadAt, Stamp};
use super::index::Index;
use super::loop_frames::LoopFrames;
use super::{Recorded, Source as _};
use crate::clock::Clock;
use pinhole::frame::{FrameId, Miss, TrackId};
use pinhole::rtp::Want;
use pinhole::sdp::FrameRate;
use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::task::Wake;
use std::thread;
use std::time::{Duration, Instant};

const TRACK: TrackId = TrackId { media: 0, track: 0 };
const LIMIT: Duration = Duration::from_secs(30);
const FRAMES: usize = 24;
/// A few frames, so that each is loaded over and over.
const BUDGET: usize = 60_000;
const MAX_FRAME: usize = 40_000;
const RETRY: Duration = Duration::from_millis(20);
/// What a reader gets or is told before the faults end.
const OUTCOMES: usize = 150;
const READERS: [i64; 4] = [1, 1, -1, 3];

/// The first frames of the sample.
fn clip() -> Vec<u8> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../video/bunny288.mjpeg");
    let mut file = std::fs::read(path).expect("the sample is there");
    let starts = file.windows(4).enumerate().filter(|(_, bytes)| *bytes == [0xFF, 0xD8, 0xFF, 0xE0]);
    let end = starts.map(|(at, _)| at).nth(FRAMES).expect("so many frames");
    file.truncate(end);
    file
}

/// A file in memory, whose faults follow from a seed, the place that is read, and how often it was.
#[derive(Debug)]
struct Faulty {
    content: Vec<u8>,
    seed: u64,
    harm: AtomicBool,
    reads: Mutex<HashMap<u64, u64>>,
    /// After so many reads, the file is so long.
    truncated: (u64, u64),
    count: AtomicU64,
}

impl Faulty {
    fn new(seed: u64) -> Arc<Self> {
        let content = clip();
        let truncated = match seed % 3 {
            0 => (u64::MAX, 0),
            _ => (mixed(seed) % 100, mixed(seed + 1) % content.len() as u64),
        };
        let (harm, reads, count) = (AtomicBool::new(false), Mutex::default(), AtomicU64::new(0));
        Arc::new(Self { content, seed, harm, reads, truncated, count })
    }

    fn end(&self) -> u64 {
        let (after, len) = self.truncated;
        let is_whole = !self.harm.load(Ordering::SeqCst) || self.count.load(Ordering::SeqCst) < after;
        if is_whole { self.content.len() as u64 } else { len }
    }
}

/// A number that has nothing to do with the one before (splitmix64).
const fn mixed(n: u64) -> u64 {
    let n = n.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    n ^ (n >> 31)
}

impl ReadAt for Arc<Faulty> {
    fn read_some(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        self.count.fetch_add(1, Ordering::SeqCst);
        let rest = self.content.get(at as usize..self.end() as usize).unwrap_or_default();
        let mut most = buffer.len().min(rest.len());
        if self.harm.load(Ordering::SeqCst) {
            let nth = {
                let mut reads = self.reads.lock().unwrap();
                let nth = reads.entry(at).or_default();
                *nth += 1;
                *nth
            };
            match mixed(self.seed ^ mixed(at ^ mixed(nth))) % 64 {
                0..4 => return Err(io::Error::from_raw_os_error(5)),
                4..8 => return Err(io::ErrorKind::Interrupted.into()),
                8..24 => most = most.min(1 + nth as usize * 700),
                24 => thread::sleep(Duration::from_millis(3)),
                // Without a word on standard error.
                25 if self.seed.is_multiple_of(4) => std::panic::resume_unwind(Box::new("a bug")),
                _ => {}
            }
        }
        buffer[..most].copy_from_slice(&rest[..most]);
        Ok(most)
    }

    fn stamp(&self) -> io::Result<Stamp> {
        Ok(Stamp { len: self.end(), modified: None, id: None })
    }
}

impl Files for Arc<Faulty> {
    fn open(&self, _: &Path) -> io::Result<Box<dyn ReadAt>> {
        Ok(Box::new(self.clone()))
    }
}

struct Woken(Sender<()>);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        let _ = self.0.send(());
    }
}

/// One event loop with several readers.
struct Test {
    seed: u64,
    recorded: Arc<Recorded>,
    frames: LoopFrames,
    woken: Receiver<()>,
    clock: Clock,
    readers: Vec<Reader>,
    /// Each frame as it is sent.
    expected: Vec<Vec<u8>>,
}

struct Reader {
    next: u64,
    step: i64,
    outcomes: usize,
    good: usize,
}

impl Test {
    fn new(seed: u64, file: &Arc<Faulty>) -> Self {
        let how =
            NormaliseOptions { restart_intervals: seed.is_multiple_of(5), ..NormaliseOptions::default() };
        let playback = Playback { frame_rate: FrameRate(25_000), repeat: seed.is_multiple_of(2) };
        let index = || {
            let files: Arc<dyn Files> = Arc::new(file.clone());
            let (index, problems) = Index::of_file(&files, Path::new("clip"), how, &mut |_| ());
            assert_eq!(problems, []);
            let mut index = index.expect("it has frames");
            index.retry_after(RETRY);
            index
        };
        let mut tools = super::source::Tools::new(how);
        let whole = index();
        let expected = (0..FRAMES as u32).map(|n| whole.load(n, &mut tools).expect("no fault yet").to_vec());
        let expected = expected.collect();
        let recorded = Arc::new(Recorded::new(index(), playback, how));
        let mut frames = LoopFrames::new(BUDGET, how);
        let (sender, woken) = channel();
        frames.wake_by(Arc::new(Woken(sender)).into());
        let reader = |step| Reader { next: mixed(seed) % FRAMES as u64, step, outcomes: 0, good: 0 };
        let readers = READERS.map(reader).into();
        Self { seed, recorded, frames, woken, clock: Clock::start(), readers, expected }
    }

    /// Has each reader read until `enough`, and fails if one waits without end.
    fn read_until(&mut self, enough: impl Fn(&Reader) -> bool) {
        let start = Instant::now();
        while !self.readers.iter().all(&enough) {
            assert!(start.elapsed() < LIMIT, "seed {}: a reader does not get on", self.seed);
            let mut moved = false;
            for peer in 0..self.readers.len() {
                moved |= self.turn(peer);
            }
            let bytes = self.frames.cached_bytes();
            assert!(bytes <= BUDGET + MAX_FRAME, "seed {}: {bytes} bytes are cached", self.seed);
            if !moved {
                let served = self.woken.recv_timeout(LIMIT);
                served.unwrap_or_else(|_| panic!("seed {}: a reader is neither served nor told", self.seed));
            }
            self.frames.take_served();
        }
    }

    /// One turn of a reader; returns whether it got or was told anything.
    fn turn(&mut self, peer: usize) -> bool {
        let reader = &mut self.readers[peer];
        let before = reader.outcomes;
        while reader.outcomes < before + 8 {
            match self.recorded.frame(TRACK, FrameId(reader.next), &self.frames) {
                Ok(frame) => {
                    let n = self.recorded.locate(FrameId(reader.next)).unwrap();
                    assert!(frame.data == self.expected[n as usize], "seed {}: frame {n}", self.seed);
                    reader.good += 1;
                }
                Err(Miss::Unusable) => {}
                // As a new PLAY does.
                Err(Miss::End) => reader.next = mixed(reader.next) % FRAMES as u64,
                Err(Miss::NotYet) => break,
                Err(miss) => panic!("{miss:?}"),
            }
            reader.outcomes += 1;
            let next = reader.next.checked_add_signed(reader.step);
            reader.next = next.unwrap_or(FRAMES as u64 - 1);
        }
        let (now, frame) = (self.clock.now().at, FrameId(reader.next));
        let want = Want { track: TRACK, frame, by: now, backwards: reader.step < 0, held_until: None };
        let moved = reader.outcomes > before;
        self.frames.request(now, peer, 0, &self.recorded, want);
        self.frames.end_turn();
        moved
    }
}

#[test]
fn every_reader_is_served_or_told() {
    for seed in 0..60 {
        let file = Faulty::new(seed);
        let mut test = Test::new(seed, &file);
        file.harm.store(true, Ordering::SeqCst);
        test.read_until(|reader| reader.outcomes >= OUTCOMES);
        // All is well again, and that is noticed.
        file.harm.store(false, Ordering::SeqCst);
        for reader in &mut test.readers {
            reader.good = 0;
        }
        test.read_until(|reader| reader.good >= FRAMES);
    }
}

#[test]
fn a_file_with_faults_is_indexed_as_far_as_it_goes() {
    for seed in 0..200 {
        let file = Faulty::new(seed | 1);
        file.harm.store(true, Ordering::SeqCst);
        let files: Arc<dyn Files> = Arc::new(file);
        let (index, problems) =
            Index::of_file(&files, Path::new("clip"), NormaliseOptions::default(), &mut |_| ());
        let found = index.as_ref().map_or(0, Index::frames);
        assert!(found <= FRAMES as u64 && (found == FRAMES as u64 || !problems.is_empty()), "seed {seed}");
    }
}
