//! Loaders, cache and readers in virtual time, on disks that stall, fail, and whose files change.
mod reader;
mod trouble;

use super::super::index::Index;
use super::super::loaders::{Begun, THREADS};
use super::super::loop_frames::LoopFrames;
use super::super::source::{Source as _, Tools};
use super::super::{Files, Recorded};
use super::disk::Disk;
use super::input::{PICTURES, contained};
use super::loaders::{HOW, MAX_FRAME, expected};
use crate::media::Playback;
use pinhole::sdp::FrameRate;
use pinhole::time::{Duration, Instant};
use reader::Reader;
use std::ops::AddAssign;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Wake, Waker};
use std::time;
use trouble::Troubles;

/// How many disks there are, each with one clip. Nothing happens to one of them.
const DISKS: usize = 3;
const LOOPS: usize = 2;
const READERS: usize = 6;
/// The frames that are transcoded and re-coded whenever they are loaded.
const RAW: [usize; 2] = [1, 7];
/// From one frame to the next.
const INTERVAL: Duration = Duration::from_millis(200);
/// How long a frame may take if no disk hangs, and if one does from which it is not read: to find out that a
/// job hangs takes half a second.
const CALM: Duration = Duration::from_millis(250);
const BESIDE_A_STALL: Duration = Duration::from_millis(800);
/// After this time without faults, all that could not be read was tried again.
const HEALED: Duration = Duration::from_millis(11_500);
/// How long all is watched after that, and how many frames each reader gets meanwhile.
const WELL: Duration = Duration::from_secs(6);
const ENOUGH: u64 = 8;
/// The bytes of a cache that holds two frames, ten of those of one clip, or all.
const BUDGETS: [usize; 3] = [5_000, 20_000, 200_000];

/// Draws a number below the one that it is given, which is not 0.
type Choose<'a> = &'a mut dyn FnMut(u32) -> u32;

/// What does not hold, and when that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The virtual time, which starts at 0.
    pub at: Instant,
    /// What should hold: a clause in English.
    pub invariant: &'static str,
    /// What was found instead.
    pub details: String,
}

/// What [`soak`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Soaked {
    /// The virtual time that passed.
    pub time: Duration,
    /// Frames that readers got.
    pub frames: u64,
    /// Frames that readers had to wait for.
    pub waits: u64,
    /// Frames of which readers were told that they cannot be had.
    pub passed_over: u64,
    /// How often a reader was told that a medium is over, or cannot be read any more.
    pub ends: u64,
    /// Frames that were loaded, or could not be.
    pub loads: u64,
    /// How often a disk stopped to answer.
    pub stalls: u64,
    /// Reads that failed.
    pub errors: u64,
    /// Reads that were interrupted, or returned less than was there.
    pub short: u64,
    /// How often a file was truncated, in the middle of a frame's reads or between two frames.
    pub cuts: u64,
    /// How often something was added to a file.
    pub grown: u64,
    /// How often another content took the place of a file's.
    pub replaced: u64,
    /// Panics of whatever loads a frame.
    pub panics: u64,
}

impl AddAssign for Soaked {
    fn add_assign(&mut self, other: Self) {
        self.time = self.time + other.time;
        self.frames += other.frames;
        self.waits += other.waits;
        self.passed_over += other.passed_over;
        self.ends += other.ends;
        self.loads += other.loads;
        self.stalls += other.stalls;
        self.errors += other.errors;
        self.short += other.short;
        self.cuts += other.cuts;
        self.grown += other.grown;
        self.replaced += other.replaced;
        self.panics += other.panics;
    }
}

/// Has six readers of two event loops play three clips, each on a disk of its own, for `time`. Meanwhile disks
/// hang and fail, loaders panic, and files are truncated, extended and replaced, as `choose` draws it: it returns a
/// number below the one that it is given. After that all is well again. Time is virtual, and there is no thread, so
/// that the same choices have the same result.
///
/// # Errors
/// The first of these that does not hold:
/// - A reader is served, or told why not, soon after its disk answers, and whatever other disks do.
/// - What it is served is, to the bit, a frame of a content that its file had, and the one it asked for if the
///   content was not replaced.
/// - It gets all frames of a file to which nothing has happened.
/// - It is told the end of a medium of which no frame can be had, repeated or not.
/// - The cache is within its budget. A disk that hangs holds up three jobs of two threads at most.
/// - When the trouble is over, all can be had but frames whose loading has panicked.
pub fn soak(choose: &mut dyn FnMut(u32) -> u32, time: Duration) -> Result<Soaked, Broken> {
    let mut soak = Soak::new(choose);
    let result = soak.run(choose, time);
    let (at, totals) = (soak.now, soak.totals());
    result.map_err(|Violation(invariant, details)| Broken { at, invariant, details }).map(|()| totals)
}

/// What does not hold, and what was found.
struct Violation(&'static str, String);

struct Soak {
    disk: Disk,
    clips: [Arc<Recorded>; DISKS],
    loops: [EventLoop; LOOPS],
    readers: Vec<Reader>,
    jobs: Vec<Job>,
    tools: Tools,
    troubles: Troubles,
    budget: usize,
    now: Instant,
    /// The time that media see, in units of ten milliseconds.
    clock: Arc<AtomicU32>,
    origin: time::Instant,
    soaked: Soaked,
}

struct EventLoop {
    frames: LoopFrames,
    woken: Arc<Woken>,
}

#[derive(Default)]
struct Woken(AtomicBool);

struct Job {
    begun: Begun,
    disk: usize,
    ends: Instant,
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Returns the clip, and the same with its frames in another order.
///
/// Most frames are as a prepared file has them. To transcode all of them would take most of the time.
fn versions() -> &'static [Vec<u8>; 2] {
    static VERSIONS: OnceLock<[Vec<u8>; 2]> = OnceLock::new();
    VERSIONS.get_or_init(|| {
        let mut frames: Vec<_> = expected().iter().map(|frame| frame.to_vec()).collect();
        for n in RAW {
            frames[n] = PICTURES[n].to_vec();
        }
        let clip = contained(1, &frames);
        frames.reverse();
        [clip, contained(1, &frames)]
    })
}

impl Soak {
    fn new(choose: Choose<'_>) -> Self {
        let (disk, clock) = (Disk::default(), Arc::new(AtomicU32::new(0)));
        let clips = [0, 1, 2].map(|number: usize| {
            let name = number.to_string();
            disk.add(&name, versions()[0].clone());
            let files: Arc<dyn Files> = Arc::new(disk.clone());
            let (index, _) = Index::of_file(&files, Path::new(&name), HOW, &mut |_| ());
            let mut index = index.expect("it has frames");
            index.time_by(clock.clone());
            let playback = Playback { frame_rate: FrameRate(10_000), repeat: choose(3) > 0 };
            Arc::new(Recorded::new(index, playback, HOW))
        });
        // What files are replaced by.
        for (name, version) in ["a", "b"].into_iter().zip(versions()) {
            disk.add(name, version.clone());
        }
        let budget = BUDGETS[choose(BUDGETS.len() as u32) as usize];
        let first = LoopFrames::by_hand(budget, HOW);
        let loops = [first.share(), first].map(|mut frames| {
            let woken = Arc::new(Woken::default());
            frames.wake_by(Waker::from(woken.clone()));
            EventLoop { frames, woken }
        });
        Self {
            disk,
            clips,
            loops,
            readers: (0..READERS).map(|n| Reader::new(n, choose)).collect(),
            jobs: Vec::new(),
            tools: Tools::new(HOW),
            troubles: Troubles::new(choose),
            budget,
            now: Instant::ZERO,
            clock,
            origin: time::Instant::now(),
            soaked: Soaked::default(),
        }
    }

    fn run(&mut self, choose: Choose<'_>, time: Duration) -> Result<(), Violation> {
        let end = Instant::ZERO + time;
        while self.now < end {
            self.trouble(choose);
            self.step(choose)?;
        }
        self.end_troubles();
        // Frames whose lengths are those of another content fail once more, and are read anew after that.
        let healed = self.troubles.hung_until().max(self.now) + HEALED + HEALED;
        self.go_on(healed, choose)?;
        let before: Vec<_> = self.readers.iter().map(|reader| reader.frames).collect();
        self.go_on(self.now + WELL, choose)?;
        for (reader, before) in self.readers.iter().zip(before) {
            let lost = self.troubles.panicked(reader.clip);
            if reader.frames < before + ENOUGH && lost == 0 {
                let details =
                    format!("{} frames in {} ms: {reader:?}", reader.frames - before, WELL.as_millis());
                return Err(Violation("all play when the trouble is over", details));
            }
        }
        // A frame whose length was another in the meantime is found out when it is read once more.
        self.read_all();
        self.go_on(self.now + HEALED, choose)?;
        match self.read_all() {
            None => Ok(()),
            Some(details) => Err(Violation("all can be read when the trouble is over", details)),
        }
    }

    /// Reads all frames but those whose loading has panicked. Returns the first that cannot be read.
    fn read_all(&mut self) -> Option<String> {
        let mut failed = None;
        for (number, clip) in self.clips.iter().enumerate() {
            for (n, expected) in (0..).zip(expected()) {
                let can_be_had =
                    clip.needs_loading(n) && clip.load(n, &mut self.tools).as_ref() == Some(expected);
                if !can_be_had && !self.troubles.has_panicked(number, n) && failed.is_none() {
                    failed = Some(format!("frame {n} of clip {number}: {:?}", clip.index().outlook(n)));
                }
            }
        }
        failed
    }

    fn go_on(&mut self, until: Instant, choose: Choose<'_>) -> Result<(), Violation> {
        while self.now < until {
            self.step(choose)?;
        }
        Ok(())
    }

    /// Does all that is due now, and goes on to when something is due.
    fn step(&mut self, choose: Choose<'_>) -> Result<(), Violation> {
        while let Some(n) = self.jobs.iter().position(|job| job.ends <= self.now) {
            let job = self.jobs.swap_remove(n);
            self.finish(&job, choose);
            self.wake()?;
        }
        for n in 0..READERS {
            if self.readers[n].at.is_some_and(|at| at <= self.now) {
                self.turn(n)?;
            }
        }
        self.begin(choose)?;
        self.check()?;
        let dues = self.readers.iter().filter_map(|reader| reader.at);
        let next = dues.chain(self.jobs.iter().map(|job| job.ends)).chain(self.troubles.next()).min();
        // Threads look every half second whether others hang.
        let tick = self.now + Duration::from_millis(if self.jobs.is_empty() { 500 } else { 100 });
        self.now = next.unwrap_or(tick).clamp(self.now + Duration::from_micros(1), tick);
        self.clock.store((self.now.as_micros() / 10_000) as u32, Ordering::Relaxed);
        Ok(())
    }

    fn begin(&mut self, choose: Choose<'_>) -> Result<(), Violation> {
        let moment = self.origin + time::Duration::from_micros(self.now.as_micros());
        while let Some(begun) = self.loops[0].frames.pool().begin(moment) {
            let disk = usize::from(begun.frame().0);
            let takes = Duration::from_micros(1000 + u64::from(choose(7000)));
            self.jobs.push(Job { begun, disk, ends: self.troubles.answers(disk).max(self.now) + takes });
            for disk in 0..DISKS {
                let held = self.jobs.iter().filter(|job| job.disk == disk).count();
                // When the last of the threads begins, all others that do not hang yet may have done so, too.
                if held >= 2 * THREADS {
                    let details = format!("disk {disk} holds up {held}");
                    return Err(Violation("a disk does not hold up all threads", details));
                }
            }
        }
        // It may have found frames that were waited for.
        self.wake()
    }

    /// Does a job, with the faults that its disk has now.
    fn finish(&mut self, job: &Job, choose: Choose<'_>) {
        let (media, n) = job.begun.frame();
        let panics = self.disk.seen().panics;
        self.draw_faults(job.disk, choose);
        self.loops[0].frames.pool().finish(&job.begun, &mut self.tools);
        self.disk.end_faults();
        self.soaked.loads += 1;
        if self.disk.seen().panics > panics {
            self.troubles.note_panic(usize::from(media), n);
        }
    }

    /// Event loops that were woken have a turn.
    fn wake(&mut self) -> Result<(), Violation> {
        for event_loop in 0..LOOPS {
            while self.loops[event_loop].woken.0.swap(false, Ordering::Relaxed) {
                for peer in self.loops[event_loop].frames.take_served() {
                    let reader = self.readers.iter().position(|reader| reader.is(event_loop, peer));
                    if let Some(n) = reader {
                        self.turn(n)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn check(&self) -> Result<(), Violation> {
        let frames = &self.loops[0].frames;
        let (counted, told) = (frames.counted_bytes(), frames.cached_bytes());
        // One frame is there, however long it is.
        if counted > self.budget.max(MAX_FRAME) || counted != told {
            let details = format!("{counted} bytes of {}, and {told} are told", self.budget);
            return Err(Violation("the cache is within its budget", details));
        }
        self.readers.iter().try_for_each(|reader| self.check_wait(reader))
    }

    fn check_wait(&self, reader: &Reader) -> Result<(), Violation> {
        let Some(since) = reader.waits_since else { return Ok(()) };
        let answers = self.troubles.answers(reader.clip);
        let since = since.max(answers);
        let most = if self.troubles.hung_until() > since { BESIDE_A_STALL } else { CALM };
        if self.now > since + most {
            let (ms, budget, jobs) = (self.now.since(since).as_millis(), self.budget, self.jobs.len());
            let details = format!("{ms} ms with {jobs} jobs, a cache of {budget}: {reader:?}");
            return Err(Violation("each reader is served or told in time", details));
        }
        Ok(())
    }

    fn totals(&self) -> Soaked {
        let seen = self.disk.seen();
        Soaked {
            time: self.now.since(Instant::ZERO),
            errors: seen.errors,
            short: seen.short + seen.interrupted,
            cuts: self.soaked.cuts + seen.cuts,
            panics: seen.panics,
            ..self.soaked
        }
    }
}
