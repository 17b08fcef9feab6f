//! What has come: the figures of the frames in the order in which they were received.
use crate::decode::conceal::Mended;
use crate::stream::Source;
use pinhole::frame::{Format, Frame, FrameId, Integrity};
use pinhole::time::{Duration as Span, MediaTime};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// A longer step between two frames is a gap, and says nothing of the frame rate.
const MAX_INTERVAL: Duration = Duration::from_secs(5);

/// Of so much media time the bit rate is the mean.
const BITRATE_SPAN: Span = Span::from_secs(3);

/// Of so many frames it is known when they came.
const ARRIVALS: usize = 64;

/// The frames up to one, and what is known of them.
#[derive(Debug, Default)]
pub(crate) struct Intake {
    next: FrameId,
    codec: Option<&'static str>,
    size: (u16, u16),
    rate: Rate,
    mended: Mended,
    /// The last frames' times and lengths.
    lengths: VecDeque<(MediaTime, usize)>,
    /// The last frames, and when they came.
    arrivals: VecDeque<(FrameId, Instant)>,
}

impl Intake {
    /// Takes in what has come since the last time; returns whether there was anything.
    pub(crate) fn run(&mut self, source: &dyn Source, now: Instant) -> bool {
        let before = self.next;
        let cached = source.cached();
        self.next = self.next.max(cached.start);
        while self.next < cached.end {
            let id = self.next;
            self.next = id.next();
            if let Ok(frame) = source.frame(id) {
                self.note(id, &frame, now);
            }
        }
        self.next > before
    }

    /// Nothing has come.
    pub(crate) fn is_empty(&self) -> bool {
        self.next == FrameId(0)
    }

    /// The encoding's name in SDP; `None` before the first frame.
    pub(crate) fn codec(&self) -> Option<&'static str> {
        self.codec
    }

    /// The newest frame's pixels across and down.
    pub(crate) fn size(&self) -> (u16, u16) {
        self.size
    }

    /// Frames for a second of media time; zero before there are two.
    pub(crate) fn fps(&self) -> f64 {
        self.rate.per_second()
    }

    /// Bits for a second of media time, over the last seconds; zero before there are two frames.
    pub(crate) fn bitrate(&self) -> f64 {
        let (Some(first), Some(last)) = (self.lengths.front(), self.lengths.back()) else { return 0.0 };
        // The last frame's time has only begun.
        let bytes: usize = self.lengths.iter().rev().skip(1).map(|(_, len)| len).sum();
        let span = Duration::from(last.0.since(first.0)).as_secs_f64();
        if span > 0.0 { bytes as f64 * 8.0 / span } else { 0.0 }
    }

    /// The frames so far whose gaps are known, and filled where they are shown.
    pub(crate) fn mended(&self) -> Mended {
        self.mended
    }

    /// When a frame came, if that was lately.
    pub(crate) fn arrival(&self, id: FrameId) -> Option<Instant> {
        let index = self.arrivals.binary_search_by_key(&id, |(id, _)| *id).ok()?;
        self.arrivals.get(index).map(|(_, at)| *at)
    }

    fn note(&mut self, id: FrameId, frame: &Frame<'_>, now: Instant) {
        if let Integrity::Strips(missing) = &frame.integrity {
            self.mended.add(missing);
        }
        if self.arrivals.len() == ARRIVALS {
            self.arrivals.pop_front();
        }
        self.arrivals.push_back((id, now));
        self.rate.add(frame.pts);
        self.measure(frame);
        match frame.format {
            Format::Jpeg(info) => {
                self.codec = Some("JPEG");
                self.size = (info.width, info.height);
            }
            _ => self.codec = None,
        }
    }

    fn measure(&mut self, frame: &Frame<'_>) {
        let last = self.lengths.back().map(|(pts, _)| *pts);
        if last.is_some_and(|last| frame.pts <= last || Duration::from(frame.pts.since(last)) > MAX_INTERVAL)
        {
            self.lengths.clear();
        }
        self.lengths.push_back((frame.pts, frame.data.len()));
        while self.lengths.front().is_some_and(|(first, _)| frame.pts.since(*first) > BITRATE_SPAN) {
            self.lengths.pop_front();
        }
    }
}

/// The mean rate over the intervals that are plausible.
#[derive(Debug, Default)]
struct Rate {
    last: Option<MediaTime>,
    intervals: u32,
    span: Duration,
}

impl Rate {
    fn add(&mut self, pts: MediaTime) {
        if let Some(last) = self.last.replace(pts) {
            let interval = Duration::from(pts.since(last));
            if !interval.is_zero() && interval <= MAX_INTERVAL {
                self.intervals = self.intervals.saturating_add(1);
                self.span = self.span.saturating_add(interval);
            }
        }
    }

    fn per_second(&self) -> f64 {
        if self.intervals == 0 { 0.0 } else { f64::from(self.intervals) / self.span.as_secs_f64() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::fake::Fake;

    const FRAME: Duration = Duration::from_millis(40);

    #[test]
    fn rates_and_sizes_are_those_of_what_came_though_nothing_was_shown() {
        let mut source = Fake::new(vec![vec![0; 1000]; 200], (32, 16), FRAME);
        let mut intake = Intake::default();
        let start = Instant::now();
        source.arrive(100);
        intake.run(&source, start);
        assert_eq!((intake.codec(), intake.size()), (Some("JPEG"), (32, 16)));
        assert!((intake.fps() - 25.0).abs() < 1e-6, "{}", intake.fps());
        assert!((intake.bitrate() - 200_000.0).abs() < 1e-3, "{}", intake.bitrate());
        assert_eq!(intake.arrival(FrameId(99)), Some(start));
        assert_eq!(intake.arrival(FrameId(0)), None, "that is long ago");
        assert_eq!(intake.arrival(FrameId(100)), None, "that has not come");
    }

    #[test]
    fn a_step_in_media_time_is_no_interval() {
        let mut source = Fake::new(vec![vec![0; 1000]; 200], (32, 16), FRAME);
        let mut intake = Intake::default();
        source.arrive(10);
        source.seek(MediaTime::from_micros(7_000_000));
        source.arrive(10);
        intake.run(&source, Instant::now());
        assert!((intake.fps() - 25.0).abs() < 1e-6, "{}", intake.fps());
        assert!((intake.bitrate() - 200_000.0).abs() < 1e-3, "{}", intake.bitrate());
    }
}
