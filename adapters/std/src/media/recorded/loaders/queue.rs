//! Decides which frame is loaded next. This is a state machine without threads.
use super::super::cache::FrameKey;
use super::super::source::Source;
use super::{ReaderId, Request};
use pinhole::frame::FrameId;
use pinhole::time::{Duration, Instant};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::sync::Arc;

/// The most frames that are loaded for a reader, with the one that it reads next.
pub(in super::super) const MAX_AHEAD: u32 = 8;
/// The time that a reader's first frame, or one after a seek, may take: it may be late, so that
/// frames of readers that play come before it.
const SEEK_GRACE: Duration = Duration::from_millis(100);
/// The time from one frame to the next, where it is not known yet.
const DEFAULT_INTERVAL: Duration = Duration::from_millis(33);
const MIN_INTERVAL: Duration = Duration::from_millis(1);
const MAX_INTERVAL: Duration = Duration::from_millis(100);

/// All readers, and what is being loaded.
///
/// The earliest deadline comes first. A reader has one request, which its next request replaces: what
/// it no longer needs is not loaded.
#[derive(Debug, Default)]
pub(super) struct Queue {
    readers: BTreeMap<ReaderId, Reader>,
    /// The readers that may have something to load, by the deadline of that.
    order: BTreeSet<(Instant, ReaderId)>,
    running: Vec<FrameKey>,
    /// Bytes of frames that were loaded for readers whose event loops have not been told yet.
    uncollected: usize,
}

/// What limits the next job.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Bytes of the cache.
    pub(super) budget: usize,
    /// The likely length of a frame.
    pub(super) frame_len: usize,
    /// The most jobs that one reader may have at once.
    pub(super) jobs_per_reader: usize,
    /// How many of the jobs under way hang: nobody waits for the memory that they may need.
    pub(super) hanging: usize,
}

/// A frame that is to be loaded now.
#[derive(Clone, Debug)]
pub(super) struct Job {
    pub(super) key: FrameKey,
    pub(super) source: Arc<dyn Source>,
    reader: ReaderId,
}

#[derive(Debug)]
struct Reader {
    request: Request,
    /// When the requested frame should be there.
    deadline: Instant,
    interval: Duration,
    /// How many steps from the requested frame the frame is that is considered next.
    ahead: u32,
    /// Its entry in the order.
    queued: Option<Instant>,
    jobs: usize,
    uncollected: usize,
}

impl Queue {
    /// Replaces the request of `reader`.
    pub(super) fn request(&mut self, id: ReaderId, request: Request, now: Instant) {
        let mut reader = match self.readers.remove(&id) {
            Some(mut reader) => {
                self.unqueue(id, &mut reader);
                reader.follow(request, now)
            }
            None => Reader::new(request, now),
        };
        self.enqueue(id, &mut reader);
        self.readers.insert(id, reader);
    }

    /// Notes that the event loop of a reader knows that its frame was loaded.
    pub(super) fn collect(&mut self, id: ReaderId) {
        if let Some(reader) = self.readers.get_mut(&id) {
            self.uncollected = self.uncollected.saturating_sub(std::mem::take(&mut reader.uncollected));
        }
    }

    /// Forgets the readers with these ids.
    pub(super) fn forget(&mut self, ids: RangeInclusive<ReaderId>) {
        let gone: Vec<_> = self.readers.range(ids).map(|(id, _)| *id).collect();
        for id in gone {
            if let Some(mut reader) = self.readers.remove(&id) {
                self.unqueue(id, &mut reader);
                self.uncollected = self.uncollected.saturating_sub(reader.uncollected);
            }
        }
    }

    /// Returns how many readers may have something to load.
    #[cfg(feature = "metrics")]
    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    /// Takes the most urgent job, if there is one. Adds the readers to `served` that wait for a frame
    /// that turns out to be there. `is_loaded` says whether a frame needs no loading (any more), and
    /// `hangs` whether nothing more is to be read from where a source is.
    pub(super) fn next_job(
        &mut self,
        limits: Limits,
        is_loaded: impl Fn(&dyn Source, FrameKey) -> bool,
        hangs: impl Fn(&dyn Source) -> bool,
        served: &mut Vec<ReaderId>,
    ) -> Option<Job> {
        let mut hanging = Vec::new();
        let job = self.next_job_beside(limits, is_loaded, hangs, served, &mut hanging);
        for id in hanging {
            if let Some(mut reader) = self.readers.remove(&id) {
                self.enqueue(id, &mut reader);
                self.readers.insert(id, reader);
            }
        }
        job
    }

    /// Returns whether there may be a further job, beside those that readers have who may have no more than
    /// `jobs_per_reader`.
    pub(super) fn may_have_more(&self, jobs_per_reader: usize) -> bool {
        let jobs = |id| self.readers.get(id).map_or(0, |reader| reader.jobs);
        self.order.iter().any(|(_, id)| jobs(id) < jobs_per_reader)
    }

    /// Does what [`Self::next_job`] does, and moves the readers whose sources hang from the order to
    /// `hanging`.
    fn next_job_beside(
        &mut self,
        limits: Limits,
        is_loaded: impl Fn(&dyn Source, FrameKey) -> bool,
        hangs: impl Fn(&dyn Source) -> bool,
        served: &mut Vec<ReaderId>,
        hanging: &mut Vec<ReaderId>,
    ) -> Option<Job> {
        let ahead = limits.ahead(self.readers.len());
        let running = self.running.len().saturating_sub(limits.hanging);
        let in_flight = running.saturating_mul(limits.frame_len);
        let is_full = self.uncollected.saturating_add(in_flight) > limits.budget
            && (self.uncollected > 0 || running > 0);
        while let Some(&(_, id)) = self.order.first() {
            let mut reader = self.readers.remove(&id)?;
            self.unqueue(id, &mut reader);
            let job = match reader.considered() {
                Some(key) if reader.wants_considered(ahead) => {
                    if is_loaded(&*reader.request.source, key) {
                        if reader.ahead == 0 && std::mem::take(&mut reader.request.waits) {
                            served.push(id);
                        }
                        reader.ahead += 1;
                        self.enqueue(id, &mut reader);
                        None
                    } else if self.running.contains(&key) {
                        reader.ahead += 1;
                        self.enqueue(id, &mut reader);
                        None
                    } else if hangs(&*reader.request.source) {
                        hanging.push(id);
                        None
                    } else if is_full {
                        self.enqueue(id, &mut reader);
                        self.readers.insert(id, reader);
                        return None;
                    } else if reader.jobs >= limits.jobs_per_reader {
                        // It is queued again when one of its jobs is done.
                        None
                    } else {
                        reader.ahead += 1;
                        reader.jobs += 1;
                        self.enqueue(id, &mut reader);
                        Some(Job { key, source: reader.request.source.clone(), reader: id })
                    }
                }
                _ => None,
            };
            self.readers.insert(id, reader);
            if let Some(job) = job {
                self.running.push(job.key);
                return Some(job);
            }
        }
        None
    }

    /// Ends a job that has loaded `len` bytes, and adds the readers to `served` that wait for its
    /// frame.
    pub(super) fn finish(&mut self, job: &Job, len: usize, served: &mut Vec<ReaderId>) {
        self.running.retain(|key| *key != job.key);
        for (id, reader) in &mut self.readers {
            if reader.request.waits && reader.requested() == Some(job.key) {
                reader.request.waits = false;
                reader.uncollected = reader.uncollected.saturating_add(len);
                self.uncollected = self.uncollected.saturating_add(len);
                served.push(*id);
            }
        }
        if let Some(mut reader) = self.readers.remove(&job.reader) {
            if reader.request.track == job.key.track {
                reader.jobs = reader.jobs.saturating_sub(1);
            }
            self.unqueue(job.reader, &mut reader);
            self.enqueue(job.reader, &mut reader);
            self.readers.insert(job.reader, reader);
        }
    }

    fn enqueue(&mut self, id: ReaderId, reader: &mut Reader) {
        reader.queued = (reader.ahead < MAX_AHEAD).then(|| reader.deadline_ahead());
        if let Some(deadline) = reader.queued {
            self.order.insert((deadline, id));
        }
    }

    fn unqueue(&mut self, id: ReaderId, reader: &mut Reader) {
        if let Some(deadline) = reader.queued.take() {
            self.order.remove(&(deadline, id));
        }
    }
}

impl Limits {
    /// How many frames are loaded for each reader before it asks for them: together, they take half
    /// of the cache at most.
    fn ahead(&self, readers: usize) -> u32 {
        let frames = (self.budget / 2).checked_div(self.frame_len.saturating_mul(readers));
        frames.map_or(MAX_AHEAD, |frames| u32::try_from(frames).unwrap_or(u32::MAX).min(MAX_AHEAD))
    }
}

impl Reader {
    fn new(request: Request, now: Instant) -> Self {
        let deadline = request.by.max(now + SEEK_GRACE);
        let (interval, ahead, queued, jobs, uncollected) = (DEFAULT_INTERVAL, 0, None, 0, 0);
        Self { request, deadline, interval, ahead, queued, jobs, uncollected }
    }

    /// Returns the reader after its next request.
    fn follow(self, request: Request, now: Instant) -> Self {
        let Self { request: before, deadline, interval, ahead, jobs, uncollected, .. } = self;
        if request.track != before.track {
            // Jobs for the other track may hang, with its disk.
            return Self { uncollected, ..Self::new(request, now) };
        }
        if request.is_seek {
            return Self { jobs, uncollected, ..Self::new(request, now) };
        }
        let moved = request.frame.0.wrapping_sub(before.frame.0).cast_signed();
        // Frames that were requested ahead remain so, if the step is the same.
        let steps = moved.checked_div(request.step).filter(|steps| steps * request.step == moved);
        let steps = steps.filter(|_| request.step == before.step && !request.waits);
        let ahead = match steps.map(u32::try_from) {
            Some(Ok(steps)) => ahead.saturating_sub(steps),
            _ => 0,
        };
        let (deadline, interval) = match moved {
            0 => (deadline, interval),
            _ => {
                let steps = steps.and_then(|steps| u64::try_from(steps).ok()).filter(|steps| *steps > 0);
                let interval = request.by.since(before.by).scaled(1, steps.unwrap_or(1));
                (request.by.max(now), interval.clamp(MIN_INTERVAL, MAX_INTERVAL))
            }
        };
        Self { request, deadline, interval, ahead, queued: None, jobs, uncollected }
    }

    fn deadline_ahead(&self) -> Instant {
        self.deadline + self.interval.scaled(u64::from(self.ahead), 1)
    }

    /// Whether the frame that is considered next is to be loaded, if up to `ahead` frames are.
    const fn wants_considered(&self, ahead: u32) -> bool {
        self.ahead < ahead || (self.ahead == 0 && self.request.waits)
    }

    fn requested(&self) -> Option<FrameKey> {
        self.key(0)
    }

    fn considered(&self) -> Option<FrameKey> {
        self.key(self.ahead)
    }

    /// The frame that is so many steps from the requested one; `None` before the first and after the
    /// last.
    fn key(&self, steps: u32) -> Option<FrameKey> {
        let by = self.request.step.saturating_mul(i64::from(steps));
        let frame = FrameId(self.request.frame.0.checked_add_signed(by)?);
        let n = self.request.source.locate(frame)?;
        Some(FrameKey { track: self.request.track, n })
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::source::Tools;
    use super::*;
    use pinhole::frame::TrackId;
    use std::collections::HashSet;

    const TRACK: TrackId = TrackId { media: 0, track: 0 };
    const LIMITS: Limits = Limits { budget: 1 << 20, frame_len: 1000, jobs_per_reader: 4, hanging: 0 };

    /// A file of so many frames, which nobody loads.
    #[derive(Debug)]
    struct Frames(u64);

    impl Source for Frames {
        fn locate(&self, id: FrameId) -> Option<u32> {
            (id.0 < self.0).then_some(id.0 as u32)
        }

        fn needs_loading(&self, _: u32) -> bool {
            true
        }

        fn load(&self, n: u32, _: &mut Tools) -> Option<Box<[u8]>> {
            panic!("frame {n} is not to be loaded")
        }

        fn panicked(&self, _: u32) {}

        fn device(&self) -> u64 {
            0
        }
    }

    fn at(millis: u64) -> Instant {
        Instant::from_micros(millis * 1000)
    }

    const fn id(peer: usize) -> ReaderId {
        ReaderId { event_loop: 0, peer, stream: 0 }
    }

    /// A queue with the frames that are loaded.
    struct Test {
        queue: Queue,
        source: Arc<dyn Source>,
        loaded: HashSet<u32>,
        served: Vec<ReaderId>,
        limits: Limits,
        hangs: bool,
    }

    impl Test {
        fn new() -> Self {
            Self {
                queue: Queue::default(),
                source: Arc::new(Frames(10_000)),
                loaded: HashSet::new(),
                served: Vec::new(),
                limits: LIMITS,
                hangs: false,
            }
        }

        /// A reader goes to a frame, and waits for it unless it is loaded.
        fn seek(&mut self, peer: usize, frame: u64, now: u64) {
            let waits = !self.loaded.contains(&(frame as u32));
            self.request(peer, frame, 1, true, waits, now);
        }

        /// A reader goes on to a frame, which is due now.
        fn go_on(&mut self, peer: usize, frame: u64, step: i64, now: u64) {
            let waits = !self.loaded.contains(&(frame as u32));
            self.request(peer, frame, step, false, waits, now);
        }

        fn request(&mut self, peer: usize, frame: u64, step: i64, is_seek: bool, waits: bool, now: u64) {
            let (source, frame, by) = (self.source.clone(), FrameId(frame), at(now));
            let request = Request { source, track: TRACK, frame, by, step, is_seek, waits };
            self.queue.request(id(peer), request, at(now));
        }

        fn take(&mut self) -> Option<Job> {
            let is_loaded = |_: &dyn Source, key: FrameKey| self.loaded.contains(&key.n);
            let hangs = |_: &dyn Source| self.hangs;
            self.queue.next_job(self.limits, is_loaded, hangs, &mut self.served)
        }

        fn finish(&mut self, job: &Job) {
            self.loaded.insert(job.key.n);
            self.queue.finish(job, self.limits.frame_len, &mut self.served);
        }

        /// Loads up to `count` frames one after the other; their places.
        fn run(&mut self, count: usize) -> Vec<u32> {
            let next = |this: &mut Self| {
                let job = this.take()?;
                this.finish(&job);
                Some(job.key.n)
            };
            (0..count).map_while(|_| next(self)).collect()
        }
    }

    #[test]
    fn jobs_for_another_track_hold_nobody_up() {
        let mut test = Test::new();
        test.limits.jobs_per_reader = 1;
        test.seek(1, 0, 0);
        let hangs = test.take().expect("the first frame");
        assert!(test.take().is_none());
        let (source, track) = (test.source.clone(), TrackId { media: 1, track: 0 });
        let request =
            Request { source, track, frame: FrameId(0), by: at(0), step: 1, is_seek: true, waits: true };
        test.queue.request(id(1), request, at(0));
        assert_eq!(test.take().map(|job| job.key), Some(FrameKey { track, n: 0 }));
        // Its end is not that of the one under way.
        test.finish(&hangs);
        assert!(test.take().is_none());
    }

    #[test]
    fn jobs_that_hang_take_no_memory() {
        let mut test = Test::new();
        (test.limits.budget, test.limits.frame_len) = (900, 1000);
        test.seek(1, 0, 0);
        assert!(test.take().is_some());
        test.seek(2, 100, 0);
        assert!(test.take().is_none(), "it is full");
        test.limits.hanging = 1;
        assert_eq!(test.take().map(|job| job.key.n), Some(100));
    }

    #[test]
    fn frames_ahead_are_loaded_in_the_direction_of_play() {
        let mut test = Test::new();
        test.seek(1, 10, 0);
        assert_eq!(test.run(100), [10, 11, 12, 13, 14, 15, 16, 17]);
        assert_eq!(test.served, [id(1)]);
        // One more for each frame that is read.
        test.go_on(1, 11, 1, 33);
        assert_eq!(test.run(100), [18]);
        test.go_on(1, 14, 1, 66);
        assert_eq!(test.run(100), [19, 20, 21]);
        test.request(1, 12, -1, true, false, 70);
        assert_eq!(test.run(100), [9, 8, 7, 6, 5]);
        test.request(1, 2, -1, true, true, 80);
        assert_eq!(test.run(100), [2, 1, 0]);
        test.seek(1, 9998, 90);
        assert_eq!(test.run(100), [9998, 9999]);
    }

    #[test]
    fn frames_ahead_follow_the_stride_of_fast_play() {
        let mut test = Test::new();
        test.seek(1, 0, 0);
        test.run(100);
        test.go_on(1, 4, 4, 33);
        assert_eq!(test.run(100), [8, 12, 16, 20, 24, 28, 32]);
    }

    #[test]
    fn frames_of_play_come_before_those_of_seeks() {
        let mut test = Test::new();
        test.seek(1, 0, 0);
        test.run(100);
        test.seek(2, 500, 40);
        test.go_on(1, 8, 1, 60);
        assert_eq!(test.run(3), [8, 9, 500]);
    }

    #[test]
    fn frames_ahead_are_due_one_interval_apart() {
        let mut test = Test::new();
        test.seek(1, 0, 0);
        test.run(100);
        test.go_on(1, 4, 1, 132);
        test.seek(2, 500, 300);
        assert_eq!(test.run(5), [8, 9, 10, 11, 500]);
    }

    #[test]
    fn a_newer_request_replaces_the_one_before() {
        let mut test = Test::new();
        for n in 0..100 {
            test.seek(1, 100 * n, n);
        }
        assert_eq!(test.run(100), (9900..9908).collect::<Vec<_>>());
    }

    #[test]
    fn a_frame_that_two_wait_for_is_loaded_once() {
        let mut test = Test::new();
        test.seek(1, 5, 0);
        test.seek(2, 5, 0);
        let job = test.take().unwrap();
        assert_eq!(test.take().unwrap().key.n, 6);
        assert_eq!(test.served, []);
        test.finish(&job);
        assert_eq!(test.served, [id(1), id(2)]);
    }

    #[test]
    fn a_reader_does_not_occupy_all_threads() {
        let mut test = Test::new();
        test.limits.jobs_per_reader = 1;
        test.seek(1, 0, 0);
        test.seek(2, 100, 10);
        let (first, second) = (test.take().unwrap(), test.take().unwrap());
        assert_eq!((first.key.n, second.key.n), (0, 100));
        // A seek does not get around that.
        test.seek(1, 500, 20);
        assert!(test.take().is_none());
        test.finish(&first);
        assert_eq!(test.take().unwrap().key.n, 500);
    }

    #[test]
    fn a_disk_that_hangs_is_read_once_it_does_not() {
        let mut test = Test::new();
        test.seek(1, 0, 0);
        test.seek(2, 100, 10);
        test.hangs = true;
        assert!(test.take().is_none());
        test.hangs = false;
        assert_eq!(test.run(3), [0, 100, 1]);
    }

    #[test]
    fn frames_ahead_fit_half_the_cache() {
        let mut test = Test::new();
        test.limits.budget = 6000;
        test.seek(1, 0, 0);
        assert_eq!(test.run(100), [0, 1, 2]);
        // Two have room for one frame each, and four for what they wait for only.
        test.seek(2, 100, 0);
        assert_eq!(test.run(100), [100]);
        for peer in [3, 4] {
            test.request(peer, 100 * peer as u64, 1, true, false, 0);
        }
        assert!(test.run(100).is_empty());
        test.seek(4, 400, 0);
        assert_eq!(test.run(100), [400]);
    }

    #[test]
    fn frames_are_not_evicted_before_they_are_collected() {
        let mut test = Test::new();
        test.limits.budget = 2500;
        for peer in 0..5 {
            test.seek(peer, 100 * peer as u64, 0);
        }
        assert_eq!(test.run(100), [0, 100, 200]);
        test.queue.collect(id(0));
        assert_eq!(test.run(100), [300]);
        test.queue.forget(id(1)..=id(1));
        assert_eq!(test.run(100), [400]);
        for peer in 0..5 {
            test.queue.forget(id(peer)..=id(peer));
        }
        assert_eq!((test.queue.uncollected, test.queue.order.len()), (0, 0));
    }
}
