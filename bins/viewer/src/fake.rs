//! A source without a network: frames that come in real time, and what was asked of it.
use crate::source::{Error, Event, Source, Statistics, Transport, Waker};
use pinhole::frame::{Frame, FrameId, Miss};
use pinhole::jpeg::{JpegInfo, Sampling};
use pinhole::time::{Duration as Span, MediaTime};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// A picture of 32 x 16 pixels, all `0xff8000`.
pub(crate) const ORANGE: &[u8] = include_bytes!("../testdata/orange-32x16.jpg");

/// What was asked of a source, in its order.
pub(crate) type Asked = Arc<Mutex<Vec<&'static str>>>;

pub(crate) struct Fake {
    frames: Vec<Vec<u8>>,
    size: (u16, u16),
    interval: Duration,
    /// When frame `arrived` comes; `None` while the server holds.
    next_at: Option<Instant>,
    arrived: usize,
    events: Vec<Event>,
    ended: bool,
    fails_after: Option<usize>,
    asked: Asked,
    bell: Arc<(Mutex<bool>, Condvar)>,
}

impl Fake {
    pub(crate) fn new(frames: Vec<Vec<u8>>, size: (u16, u16), interval: Duration) -> Self {
        Self {
            frames,
            size,
            interval,
            next_at: Some(Instant::now()),
            arrived: 0,
            events: vec![Event::Playing(Transport::Tcp)],
            ended: false,
            fails_after: None,
            asked: Asked::default(),
            bell: Arc::default(),
        }
    }

    /// The connection is lost after so many frames.
    pub(crate) fn failing_after(mut self, frames: usize) -> Self {
        self.fails_after = Some(frames);
        self
    }

    pub(crate) fn asked(&self) -> Asked {
        Arc::clone(&self.asked)
    }

    fn ask(&self, what: &'static str) {
        self.asked.lock().unwrap().push(what);
    }

    fn pts(&self, index: usize) -> MediaTime {
        MediaTime::from_micros(self.interval.as_micros() as u64 * index as u64)
    }
}

impl Source for Fake {
    fn turn(&mut self, at_most: Duration) -> Result<(), Error> {
        let next = self.next_at.filter(|_| !self.ended);
        let wait = next.map_or(at_most, |at| at_most.min(at.saturating_duration_since(Instant::now())));
        let (rung, changed) = &*self.bell;
        let mut rung = changed.wait_timeout_while(rung.lock().unwrap(), wait, |rung| !*rung).unwrap().0;
        *rung = false;
        while let Some(at) = self.next_at.filter(|at| !self.ended && *at <= Instant::now()) {
            if self.fails_after == Some(self.arrived) {
                return Err("the connection was lost".into());
            }
            if self.arrived == self.frames.len() {
                self.ended = true;
                self.events.push(Event::Ended);
            } else {
                self.arrived += 1;
                self.next_at = Some(at + self.interval);
            }
        }
        Ok(())
    }

    fn poll_event(&mut self) -> Option<Event> {
        if self.events.is_empty() { None } else { Some(self.events.remove(0)) }
    }

    fn frame(&self, id: FrameId) -> Result<Frame<'_>, Miss> {
        let index = id.0 as usize;
        let data = self.frames[..self.arrived].get(index).ok_or(Miss::NotYet)?;
        let info = JpegInfo::of_size(self.size.0, self.size.1, Sampling::Yuv420);
        let duration = Span::from(self.interval);
        Ok(Frame::jpeg(data, info, self.pts(index), duration))
    }

    fn pause(&mut self) {
        self.ask("pause");
        self.next_at = None;
    }

    fn play(&mut self) {
        self.ask("play");
        self.next_at = Some(Instant::now());
        // Its frames are all there: played again, it comes to its end again.
        self.ended = false;
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
            frames_complete: self.arrived as u64,
            packets: self.arrived as u64,
            ..Statistics::default()
        }
    }
}
