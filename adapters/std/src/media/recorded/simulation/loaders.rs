//! Loaders, cache and readers, with faults of the disk and jobs that hang.
use super::super::index::Index;
use super::super::loop_frames::LoopFrames;
use super::super::source::{Source as _, Tools};
use super::super::{Files, Recorded};
use super::disk::Disk;
use super::input::{Input, PICTURES, contained};
use super::jobs::Jobs;
use crate::media::{NormaliseOptions, Playback};
use pinhole::frame::{FrameId, Miss, TrackId};
use pinhole::rtp::Want;
use pinhole::sdp::FrameRate;
use pinhole::time::{Duration, Instant};
use std::sync::{Arc, OnceLock};
use std::task::Waker;
use std::time;

/// Those of [`PICTURES`] that can be sent.
pub(super) const FRAMES: usize = 9;
pub(super) const HOW: NormaliseOptions = super::normalising(1400);
/// About ten frames, of eighteen.
const BUDGET: usize = 20_000;
/// More than the longest frame.
pub(super) const MAX_FRAME: usize = 8000;
const LOOPS: usize = 2;
const READERS: usize = 4;
/// What each reader gets or is told after the faults.
const ENOUGH: usize = 12;
/// How many turns each reader has for that at most, and the time from one to the next.
const ROUNDS: usize = 1000;
const INTERVAL: Duration = Duration::from_millis(40);

/// Two clips on disks of their own, which loaders read for readers of two event loops, as an input says. Once
/// the faults are over, each reader must be served or told why not.
///
/// # Panics
/// If that does not hold; if what a reader gets is not the frame that it wants; if the cache is too large.
pub fn loaders(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let mut test = Test::new(&mut input);
    while !input.is_over() {
        test.step(&mut input);
    }
    test.recover();
}

struct Test {
    disk: Disk,
    clips: [Arc<Recorded>; 2],
    loops: [LoopFrames; LOOPS],
    readers: Vec<Reader>,
    jobs: Jobs,
    now: Instant,
}

struct Reader {
    event_loop: usize,
    peer: usize,
    clip: usize,
    next: u64,
    step: i64,
    /// Whether it has a turn without being woken.
    is_active: bool,
    outcomes: usize,
}

/// Returns the frames of a clip as they are sent.
pub(super) fn expected() -> &'static [Box<[u8]>] {
    static EXPECTED: OnceLock<Vec<Box<[u8]>>> = OnceLock::new();
    EXPECTED.get_or_init(|| {
        let (disk, mut tools) = (Disk::default(), Tools::new(HOW));
        disk.add("0", clip());
        let index = index(&disk, 0);
        (0..FRAMES as u32).map(|n| index.load(n, &mut tools).expect("there is no fault")).collect()
    })
}

fn clip() -> Vec<u8> {
    contained(1, &PICTURES[..FRAMES].iter().map(|picture| picture.to_vec()).collect::<Vec<_>>())
}

fn index(disk: &Disk, number: usize) -> Index {
    let files: Arc<dyn Files> = Arc::new(disk.clone());
    let (index, problems) = Index::of_file(&files, number.to_string().as_ref(), HOW, &mut |_| ());
    assert_eq!(problems, []);
    index.expect("it has frames")
}

impl Test {
    fn new(input: &mut Input<'_>) -> Self {
        let disk = Disk::default();
        let (retry, repeat) = (time::Duration::from_secs(3600 * u64::from(input.byte() % 2)), input.is_set());
        let clips = [0, 1].map(|number| {
            disk.add(&number.to_string(), clip());
            let mut index = index(&disk, number);
            index.retry_after(retry);
            Arc::new(Recorded::new(index, Playback { frame_rate: FrameRate(25_000), repeat }, HOW))
        });
        let first = LoopFrames::by_hand(BUDGET, HOW);
        let mut loops = [first.share(), first];
        loops.iter_mut().for_each(|frames| frames.wake_by(Waker::noop().clone()));
        let reader = |n: usize| Reader {
            event_loop: n % LOOPS,
            peer: n / LOOPS,
            clip: n % 2,
            next: n as u64,
            step: [1, -1, 3, 1][n % 4],
            is_active: true,
            outcomes: 0,
        };
        Self {
            disk,
            clips,
            loops,
            readers: (0..READERS).map(reader).collect(),
            jobs: Jobs::new(HOW),
            now: Instant::ZERO,
        }
    }

    fn step(&mut self, input: &mut Input<'_>) {
        match input.byte() % 12 {
            0..4 => self.turn(input.below(READERS)),
            4 | 5 => _ = self.jobs.begin(self.loops[0].pool(), self.now.since(Instant::ZERO)),
            6 => self.jobs.finish(self.loops[0].pool(), input),
            7 => {
                let len = input.below(24);
                self.disk.fail(input.bytes(len));
            }
            8 => {
                let (number, len) = (input.below(2), input.word());
                self.disk.cut(number, len.into());
            }
            9 => self.now = self.now + Duration::from_millis(4 * u64::from(input.byte())),
            10 => {
                let reader = &mut self.readers[input.below(READERS)];
                self.loops[reader.event_loop].forget(reader.peer, 0);
                (reader.next, reader.is_active) = (input.byte().into(), true);
            }
            _ => self.take_served(),
        }
        let bytes = self.loops[0].cached_bytes();
        assert!(bytes <= BUDGET + MAX_FRAME, "{bytes} bytes are cached");
    }

    /// Does one turn of a reader.
    fn turn(&mut self, n: usize) {
        let reader = &mut self.readers[n];
        let (clip, frames) = (&self.clips[reader.clip], &mut self.loops[reader.event_loop]);
        let track = TrackId { media: reader.clip as u16, track: 0 };
        let before = reader.outcomes;
        while reader.outcomes < before + 4 {
            match clip.frame(track, FrameId(reader.next), frames) {
                Ok(frame) => {
                    let n = clip.locate(FrameId(reader.next)).expect("there is such a frame");
                    assert!(*frame.data == *expected()[n as usize], "another frame than {n}");
                }
                Err(Miss::Unusable) => {}
                // As a new PLAY does.
                Err(Miss::End) => reader.next = (reader.next + 5) % FRAMES as u64,
                Err(Miss::NotYet) => break,
                Err(miss) => panic!("{miss:?}"),
            }
            reader.outcomes += 1;
            let next = reader.next.checked_add_signed(reader.step);
            reader.next = next.unwrap_or(FRAMES as u64 - 1);
        }
        reader.is_active = reader.outcomes > before;
        let want = Want {
            track,
            frame: FrameId(reader.next),
            by: self.now,
            backwards: reader.step < 0,
            held_until: None,
        };
        frames.request(self.now, reader.peer, 0, clip, want);
        frames.end_turn();
    }

    fn take_served(&mut self) {
        for (number, frames) in self.loops.iter_mut().enumerate() {
            let served = frames.take_served();
            let woken = |reader: &&mut Reader| reader.event_loop == number && served.contains(&reader.peer);
            self.readers.iter_mut().filter(woken).for_each(|reader| reader.is_active = true);
        }
    }

    /// From now on all is well, and readers have turns when they are woken only.
    fn recover(&mut self) {
        self.disk.repair();
        let mut rounds = 0;
        let enough: Vec<_> = self.readers.iter().map(|reader| reader.outcomes + ENOUGH).collect();
        while self.readers.iter().zip(&enough).any(|(reader, enough)| reader.outcomes < *enough) {
            let mut moved = false;
            for n in 0..READERS {
                if self.readers[n].is_active {
                    self.turn(n);
                    moved = true;
                }
            }
            moved |= self.jobs.run(self.loops[0].pool(), self.now.since(Instant::ZERO));
            self.take_served();
            self.now = self.now + INTERVAL;
            assert!(moved || self.readers.iter().any(|reader| reader.is_active), "a reader waits for ever");
            rounds += 1;
            assert!(rounds < ROUNDS, "a reader does not get on");
        }
    }
}
