//! A source without a network: frames that come in real time or by hand, and what was asked of it.
use crate::stream::{Error, Event, Failure, Run, Source, Statistics, Transport, Usage, Waker};
use pinhole::codec::jpeg::{JpegInfo, Sampling};
use pinhole::frame::{Frame, FrameId, Miss};
use pinhole::time::MediaTime;
use std::ops::Range;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// A picture of 32 x 16 pixels, all `0xff8000`.
pub(crate) const ORANGE: &[u8] = include_bytes!("../../testdata/orange-32x16.jpg");

/// What was asked of a source, in its order.
pub(crate) type Asked = Arc<Mutex<Vec<&'static str>>>;

pub(crate) struct Fake {
    /// The medium.
    frames: Vec<Vec<u8>>,
    size: (u16, u16),
    interval: Duration,
    live: bool,
    /// Where in the medium each frame that came is, and how many of them are gone again.
    came: Vec<usize>,
    evicted: usize,
    /// What comes next, and when; `None`: by hand.
    at: usize,
    next_at: Option<Instant>,
    every: Duration,
    capacity: usize,
    events: Vec<Event>,
    ended: bool,
    lost_after: Option<usize>,
    /// So many tries to connect anew fail.
    refusals: u32,
    connected: bool,
    connecting: bool,
    asked: Asked,
    bell: Arc<(Mutex<bool>, Condvar)>,
}

impl Fake {
    /// A recorded medium whose frames come by hand: see [`Self::arrive`].
    pub(crate) fn new(frames: Vec<Vec<u8>>, size: (u16, u16), interval: Duration) -> Self {
        Self {
            frames,
            size,
            interval,
            live: false,
            came: Vec::new(),
            evicted: 0,
            at: 0,
            next_at: None,
            every: interval,
            capacity: 1 << 30,
            events: vec![Event::Playing(Transport::Tcp)],
            ended: false,
            lost_after: None,
            refusals: 0,
            connected: true,
            connecting: false,
            asked: Asked::default(),
            bell: Arc::default(),
        }
    }

    /// Its frames come so many times as fast as they are shown.
    pub(crate) fn at_speed(mut self, speed: u32) -> Self {
        self.every = self.interval / speed;
        self.next_at = Some(Instant::now());
        self
    }

    /// Its cache has so many bytes.
    pub(crate) fn with_capacity(mut self, bytes: usize) -> Self {
        self.capacity = bytes;
        self
    }

    /// It has no end, and frames come only when they are made.
    pub(crate) fn live(mut self) -> Self {
        self.live = true;
        self
    }

    /// The connection is lost after so many frames, and so many tries to connect anew fail.
    pub(crate) fn lost_after(mut self, frames: usize, refusals: u32) -> Self {
        (self.lost_after, self.refusals) = (Some(frames), refusals);
        self
    }

    pub(crate) fn asked(&self) -> Asked {
        Arc::clone(&self.asked)
    }

    /// So many frames come, or as many as there are.
    pub(crate) fn arrive(&mut self, frames: usize) {
        let until = self.at.saturating_add(frames).min(self.frames.len());
        self.came.extend(self.at..until);
        self.at = until;
    }

    /// The server goes on at this frame.
    pub(crate) fn go_to(&mut self, index: usize) {
        self.at = index;
    }

    /// The cache lets go of its oldest frames.
    pub(crate) fn evict(&mut self, frames: usize) {
        self.evicted += frames;
    }

    fn ask(&self, what: &'static str) {
        self.asked.lock().unwrap().push(what);
    }

    fn pts(&self, index: usize) -> MediaTime {
        MediaTime::from_micros(self.interval.as_micros() as u64 * index as u64)
    }

    fn deliver(&mut self, at: Instant) -> Result<(), Failure> {
        if self.lost_after == Some(self.came.len()) {
            (self.lost_after, self.connected) = (None, false);
            return Err(Failure::Lost("the connection was lost".into()));
        }
        if self.at == self.frames.len() {
            self.ended = true;
            self.events.push(Event::Ended);
        } else {
            self.arrive(1);
            self.next_at = Some(at + self.every);
        }
        Ok(())
    }
}

impl Source for Fake {
    fn turn(&mut self, at_most: Duration) -> Result<(), Failure> {
        let next = self.next_at.filter(|_| !self.ended && self.connected);
        let wait = next.map_or(at_most, |at| at_most.min(at.saturating_duration_since(Instant::now())));
        let (rung, changed) = &*self.bell;
        let mut rung = changed.wait_timeout_while(rung.lock().unwrap(), wait, |rung| !*rung).unwrap().0;
        *rung = false;
        drop(rung);
        if self.connecting {
            self.connecting = false;
            if let Some(refusals) = self.refusals.checked_sub(1) {
                self.refusals = refusals;
                return Err(Failure::Lost(Error::from("refused")));
            }
            self.connected = true;
            self.next_at = Some(Instant::now());
            self.events.push(Event::Playing(Transport::Tcp));
        }
        while let Some(at) = self.next_at.filter(|at| self.connected && !self.ended && *at <= Instant::now())
        {
            self.deliver(at)?;
        }
        Ok(())
    }

    fn poll_event(&mut self) -> Option<Event> {
        if self.events.is_empty() { None } else { Some(self.events.remove(0)) }
    }

    fn frame(&self, id: FrameId) -> Result<Frame<'_>, Miss> {
        let number = id.0 as usize;
        if number < self.evicted {
            return Err(Miss::Overrun { resume: FrameId(self.came.len() as u64 - 1) });
        }
        let index = *self.came.get(number).ok_or(Miss::NotYet)?;
        let info = JpegInfo::of_size(self.size.0, self.size.1, Sampling::Yuv420);
        Ok(Frame::jpeg(&self.frames[index], info, self.pts(index), self.interval.into()))
    }

    fn cached(&self) -> Range<FrameId> {
        FrameId(self.evicted as u64)..FrameId(self.came.len() as u64)
    }

    fn find(&self, at: MediaTime) -> Option<FrameId> {
        let shown = |&index: &usize| self.pts(index) <= at && at < self.pts(index + 1);
        let number = self.came.iter().rposition(shown)?;
        (number >= self.evicted).then_some(FrameId(number as u64))
    }

    fn runs(&self) -> Vec<Run> {
        let mut runs: Vec<Run> = Vec::new();
        for (number, &index) in self.came.iter().enumerate().skip(self.evicted) {
            let (id, from, to) = (FrameId(number as u64), self.pts(index), self.pts(index + 1));
            match runs.last_mut() {
                Some(run) if run.time.end == from => (run.frames.end, run.time.end) = (id.next(), to),
                _ => runs.push(Run { frames: id..id.next(), time: from..to }),
            }
        }
        runs.reverse();
        runs
    }

    fn usage(&self) -> Usage {
        let frames = self.came.len() - self.evicted;
        let bytes = self.came[self.evicted..].iter().map(|&index| self.frames[index].len()).sum();
        Usage { frames: frames as u64, bytes, capacity: self.capacity, span: self.interval * frames as u32 }
    }

    fn duration(&self) -> Option<Duration> {
        (!self.live).then(|| self.interval * self.frames.len() as u32)
    }

    fn is_live(&self) -> bool {
        self.live
    }

    fn watch_from(&mut self, _: FrameId) {}

    fn seek(&mut self, to: MediaTime) -> FrameId {
        self.ask("seek");
        self.at = (0..self.frames.len()).find(|&index| self.pts(index) >= to).unwrap_or(self.frames.len());
        self.ended = false;
        self.next_at = self.next_at.map(|_| Instant::now());
        FrameId(self.came.len() as u64)
    }

    fn reconnect(&mut self) {
        self.ask("reconnect");
        self.connecting = true;
    }

    fn teardown(&mut self) {
        self.ask("teardown");
        self.events.push(Event::Closed);
    }

    fn waker(&self) -> Waker {
        let bell = Arc::clone(&self.bell);
        Waker(Arc::new(move || {
            *bell.0.lock().unwrap() = true;
            bell.1.notify_all();
        }))
    }

    fn statistics(&self) -> Statistics {
        Statistics {
            transport: Some(Transport::Tcp),
            frames_complete: self.came.len() as u64,
            packets: self.came.len() as u64,
            ..Statistics::default()
        }
    }
}
