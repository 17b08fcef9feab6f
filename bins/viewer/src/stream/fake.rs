//! A source without a network, for tests. Its frames arrive in real time or by hand.
use super::{CachedRange, Error, Event, Failure, Source, Waker};
use crate::model::{CacheUsage, SessionFigures};
use pinhole::client::LowerTransport;
use pinhole::codec::Codec;
use pinhole::codec::jpeg::TRACK;
use pinhole::frame::{Frame, FrameId, Miss};
use pinhole::rtsp::{Scale, Status};
use pinhole::time::MediaTime;
use std::ops::Range;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// A picture of 32 x 16 pixels, all `0xff8000`.
pub(crate) const ORANGE: &[u8] = include_bytes!("../../testdata/orange-32x16.jpg");

/// The names of the calls of a source, in order.
pub(crate) type Asked = Arc<Mutex<Vec<&'static str>>>;

/// A source whose frames arrive as a test wants.
pub(crate) struct Fake {
    /// The frames of the medium.
    frames: Vec<Vec<u8>>,
    interval: Duration,
    /// How long the medium is said to be; `None` if it is as long as its frames.
    announced: Option<Duration>,
    live: bool,
    scale: Scale,
    /// For each frame that arrived, its index in the medium.
    arrived: Vec<usize>,
    /// How many of these are evicted again.
    evicted: usize,
    /// The index of the frame that arrives next.
    at: usize,
    /// When it arrives; `None` if frames arrive by hand.
    next_at: Option<Instant>,
    every: Duration,
    capacity: usize,
    full: bool,
    events: Vec<Event>,
    ended: bool,
    lost_after: Option<usize>,
    stalls_after: Option<usize>,
    /// From which place on there is nothing.
    refuses_from: Option<MediaTime>,
    /// How many frames are said to be missing.
    missing: u64,
    /// How many further attempts to reconnect fail.
    refusals: u32,
    connected: bool,
    connecting: bool,
    asked: Asked,
    bell: Arc<(Mutex<bool>, Condvar)>,
}

impl Fake {
    /// Makes a recorded medium whose frames arrive by hand: see [`Self::arrive`].
    pub(crate) fn new(frames: Vec<Vec<u8>>, interval: Duration) -> Self {
        Self {
            frames,
            interval,
            announced: None,
            live: false,
            scale: Scale::NORMAL,
            arrived: Vec::new(),
            evicted: 0,
            at: 0,
            next_at: None,
            every: interval,
            capacity: 1 << 30,
            full: false,
            events: vec![Event::Playing(LowerTransport::Interleaved)],
            ended: false,
            lost_after: None,
            stalls_after: None,
            refuses_from: None,
            missing: 0,
            refusals: 0,
            connected: true,
            connecting: false,
            asked: Asked::default(),
            bell: Arc::default(),
        }
    }

    /// Has frames arrive in real time, `speed` times as fast as they are shown.
    pub(crate) fn at_speed(mut self, speed: u32) -> Self {
        self.every = self.interval / speed;
        self.next_at = Some(Instant::now());
        self
    }

    /// Sets the capacity of the cache in bytes.
    pub(crate) fn with_capacity(mut self, bytes: usize) -> Self {
        self.capacity = bytes;
        self
    }

    /// Sets whether the cache has no room for more frames.
    pub(crate) fn set_full(&mut self, full: bool) {
        self.full = full;
    }

    /// Says that one more frame is missing.
    pub(crate) fn lose_frame(&mut self) {
        self.missing += 1;
    }

    /// Announces another length of the medium than that of its frames.
    pub(crate) fn announcing(mut self, duration: Duration) -> Self {
        self.announced = Some(duration);
        self
    }

    /// Says that the medium is played at this scale.
    pub(crate) fn at_scale(mut self, scale: Scale) -> Self {
        self.scale = scale;
        self
    }

    /// Makes the medium live.
    pub(crate) fn live(mut self) -> Self {
        self.live = true;
        self
    }

    /// Loses the connection after `frames` frames, and then refuses `refusals` attempts to reconnect.
    pub(crate) fn lost_after(mut self, frames: usize, refusals: u32) -> Self {
        (self.lost_after, self.refusals) = (Some(frames), refusals);
        self
    }

    /// Sends nothing after `frames` frames, and stays connected.
    pub(crate) fn stalls_after(mut self, frames: usize) -> Self {
        self.stalls_after = Some(frames);
        self
    }

    /// Refuses to play from `place` or a later one.
    pub(crate) fn refuses_from(mut self, place: MediaTime) -> Self {
        self.refuses_from = Some(place);
        self
    }

    /// Returns the calls so far.
    pub(crate) fn asked(&self) -> Asked {
        Arc::clone(&self.asked)
    }

    /// Has `frames` frames arrive, or as many as there are.
    pub(crate) fn arrive(&mut self, frames: usize) {
        let until = self.at.saturating_add(frames).min(self.frames.len());
        self.arrived.extend(self.at..until);
        self.at = until;
    }

    /// Returns whether all frames from the place that was asked for have arrived.
    pub(crate) fn is_at_end(&self) -> bool {
        self.at == self.frames.len()
    }

    /// Has the server go on at the frame with this index.
    pub(crate) fn go_to(&mut self, index: usize) {
        self.at = index;
    }

    /// Has the server go on this many frames earlier.
    pub(crate) fn go_back(&mut self, frames: usize) {
        self.at = self.at.saturating_sub(frames);
    }

    /// Evicts the oldest `frames` frames from the cache.
    pub(crate) fn evict(&mut self, frames: usize) {
        self.evicted += frames;
    }

    fn note(&self, what: &'static str) {
        self.asked.lock().unwrap().push(what);
    }

    fn time(&self, index: usize) -> MediaTime {
        MediaTime::from_micros(self.interval.as_micros() as u64 * index as u64)
    }

    fn deliver(&mut self, at: Instant) -> Result<(), Failure> {
        if self.lost_after == Some(self.arrived.len()) {
            (self.lost_after, self.connected) = (None, false);
            return Err(Failure::Lost("the connection was lost".into()));
        }
        if self.stalls_after == Some(self.arrived.len()) {
            self.next_at = None;
        } else if self.at == self.frames.len() {
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
            self.events.push(Event::Playing(LowerTransport::Interleaved));
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

    fn codec(&self, _track: u8) -> Option<Codec> {
        Some(TRACK.codec)
    }

    fn frame(&self, _track: u8, id: FrameId) -> Result<Frame<'_>, Miss> {
        let number = id.0 as usize;
        if number < self.evicted {
            return Err(Miss::Overrun { newest: FrameId(self.arrived.len() as u64 - 1) });
        }
        let index = *self.arrived.get(number).ok_or(Miss::NotYet)?;
        let interval = pinhole::time::Duration::from(self.interval).to_ticks(TRACK.clock_rate);
        Ok(Frame::intra(&self.frames[index], self.time(index).to_ticks(TRACK.clock_rate), interval as u32))
    }

    fn frame_time(&self, track: u8, id: FrameId) -> Result<Range<MediaTime>, Miss> {
        self.frame(track, id).map(|frame| {
            let start = frame.media_time(TRACK.clock_rate);
            start..start + self.interval.into()
        })
    }

    fn cached(&self, _track: u8) -> Range<FrameId> {
        FrameId(self.evicted as u64)..FrameId(self.arrived.len() as u64)
    }

    fn find(&self, _track: u8, at: MediaTime) -> Option<FrameId> {
        let shown = |&index: &usize| self.time(index) <= at && at < self.time(index + 1);
        let number = self.arrived.iter().rposition(shown)?;
        (number >= self.evicted).then_some(FrameId(number as u64))
    }

    fn cached_ranges(&self, _track: u8) -> Vec<CachedRange> {
        let mut ranges: Vec<CachedRange> = Vec::new();
        for (number, &index) in self.arrived.iter().enumerate().skip(self.evicted) {
            let (id, from, to) = (FrameId(number as u64), self.time(index), self.time(index + 1));
            match ranges.last_mut() {
                Some(range) if range.time.end == from => (range.frames.end, range.time.end) = (id.next(), to),
                _ => ranges.push(CachedRange { frames: id..id.next(), time: from..to }),
            }
        }
        ranges.reverse();
        ranges
    }

    fn usage(&self, _track: u8) -> CacheUsage {
        let frames = self.arrived.len() - self.evicted;
        let bytes = self.arrived[self.evicted..].iter().map(|&index| self.frames[index].len()).sum();
        let span = self.interval * frames as u32;
        CacheUsage { frames: frames as u64, bytes, capacity: self.capacity, span }
    }

    fn duration(&self) -> Option<Duration> {
        (!self.live).then(|| self.announced.unwrap_or(self.interval * self.frames.len() as u32))
    }

    fn is_live(&self) -> bool {
        self.live
    }

    fn awaits_viewer(&self, _track: u8) -> bool {
        self.full
    }

    fn watch_from(&mut self, _track: u8, _id: FrameId) {}

    fn seek(&mut self, _track: u8, to: MediaTime) -> FrameId {
        self.note("seek");
        if self.refuses_from.is_some_and(|place| to >= place) {
            self.events.push(Event::Refused(Status::INVALID_RANGE));
            return FrameId(self.arrived.len() as u64);
        }
        self.at = (0..self.frames.len()).find(|&index| self.time(index) >= to).unwrap_or(self.frames.len());
        self.ended = false;
        self.next_at = self.next_at.map(|_| Instant::now());
        FrameId(self.arrived.len() as u64)
    }

    fn reconnect(&mut self) {
        self.note("reconnect");
        self.connecting = true;
    }

    fn teardown(&mut self) {
        self.note("teardown");
        self.events.push(Event::Closed);
    }

    fn waker(&self) -> Waker {
        let bell = Arc::clone(&self.bell);
        Waker(Arc::new(move || {
            *bell.0.lock().unwrap() = true;
            bell.1.notify_all();
        }))
    }

    fn refusal(&self, _: u8) -> Option<&str> {
        None
    }

    fn figures(&self, _track: u8) -> SessionFigures {
        SessionFigures {
            transport: Some(LowerTransport::Interleaved),
            scale: self.scale,
            frames_complete: self.arrived.len() as u64,
            frames_missing: self.missing,
            packets: self.arrived.len() as u64,
            ..SessionFigures::default()
        }
    }
}
