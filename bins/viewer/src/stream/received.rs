//! Figures of a track's frames in the order in which they were received.
use super::Source;
use crate::model::ReceivedFigures;
use pinhole::codec::Codec;
use pinhole::codec::jpeg::JpegInfo;
use pinhole::frame::{Frame, FrameId};
use pinhole::time::{Duration as MediaDuration, MediaTime};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// A longer step between two frames is a gap, from which no frame rate follows.
const MAX_INTERVAL: Duration = Duration::from_secs(5);

/// Media time over which the bit rate is averaged.
const BITRATE_WINDOW: MediaDuration = MediaDuration::from_secs(3);

/// The number of frames whose arrival times are kept.
const ARRIVALS: usize = 64;

/// Follows the frames that are received, whether they are shown or not.
#[derive(Debug)]
pub(crate) struct Received {
    track: u8,
    /// The next frame to look at.
    next: FrameId,
    figures: ReceivedFigures,
    rate: FrameRate,
    /// Media time and length of the last frames.
    lengths: VecDeque<(MediaTime, usize)>,
    /// The last frames, and when they arrived.
    arrivals: VecDeque<(FrameId, Instant)>,
}

impl Received {
    /// Starts before the first frame of a track.
    pub(crate) fn new(track: u8) -> Self {
        Self {
            track,
            next: FrameId(0),
            figures: ReceivedFigures::default(),
            rate: FrameRate::default(),
            lengths: VecDeque::new(),
            arrivals: VecDeque::new(),
        }
    }

    /// Looks at the frames that have arrived since the last call. Returns whether there were any.
    pub(crate) fn update(&mut self, source: &dyn Source, now: Instant) -> bool {
        let before = self.next;
        let cached = source.cached(self.track);
        self.next = self.next.max(cached.start);
        while self.next < cached.end {
            let id = self.next;
            self.next = id.next();
            if let (Ok(frame), Ok(time)) = (source.frame(self.track, id), source.frame_time(self.track, id)) {
                self.add(id, &frame, time.start, now);
                self.describe(&frame, source.codec(self.track));
            }
        }
        self.next > before
    }

    /// Returns whether no frame has arrived yet.
    pub(crate) fn is_empty(&self) -> bool {
        self.next == FrameId(0)
    }

    /// Returns the figures of all frames so far.
    pub(crate) fn figures(&self) -> ReceivedFigures {
        ReceivedFigures { fps: self.rate.per_second(), bitrate: self.bitrate(), ..self.figures }
    }

    /// Returns when a frame arrived; `None` if that is too long ago or has not happened.
    pub(crate) fn arrival(&self, id: FrameId) -> Option<Instant> {
        let index = self.arrivals.binary_search_by_key(&id, |(id, _)| *id).ok()?;
        self.arrivals.get(index).map(|(_, at)| *at)
    }

    fn add(&mut self, id: FrameId, frame: &Frame<'_>, time: MediaTime, now: Instant) {
        if !frame.missing.is_empty() {
            let figures = &mut self.figures;
            figures.concealed_frames = figures.concealed_frames.saturating_add(1);
            let ranges = frame.missing.len() as u64;
            figures.concealed_ranges = figures.concealed_ranges.saturating_add(ranges);
        }
        if self.arrivals.len() == ARRIVALS {
            self.arrivals.pop_front();
        }
        self.arrivals.push_back((id, now));
        self.rate.add(time);
        self.add_length(time, frame.data.len());
    }

    /// Takes the codec's name and the size of the picture. Keeps the size before if the frame has none.
    fn describe(&mut self, frame: &Frame<'_>, codec: Option<Codec>) {
        self.figures.codec = match codec {
            Some(Codec::Jpeg) => {
                if let Some(JpegInfo { width, height, .. }) = JpegInfo::locate(frame.data) {
                    self.figures.size = (width, height);
                }
                Some("JPEG")
            }
            _ => None,
        };
    }

    fn add_length(&mut self, time: MediaTime, len: usize) {
        let last = self.lengths.back().map(|(time, _)| *time);
        if last.is_some_and(|last| time <= last || Duration::from(time.since(last)) > MAX_INTERVAL) {
            self.lengths.clear();
        }
        self.lengths.push_back((time, len));
        while self.lengths.front().is_some_and(|(first, _)| time.since(*first) > BITRATE_WINDOW) {
            self.lengths.pop_front();
        }
    }

    fn bitrate(&self) -> f64 {
        let (Some(first), Some(last)) = (self.lengths.front(), self.lengths.back()) else { return 0.0 };
        // The last frame's time has only begun.
        let bytes: usize = self.lengths.iter().rev().skip(1).map(|(_, len)| len).sum();
        let window = Duration::from(last.0.since(first.0)).as_secs_f64();
        if window > 0.0 { bytes as f64 * 8.0 / window } else { 0.0 }
    }
}

/// The mean frame rate over all plausible intervals.
#[derive(Debug, Default)]
struct FrameRate {
    last: Option<MediaTime>,
    intervals: u32,
    /// Media time of the intervals together.
    total: Duration,
}

impl FrameRate {
    fn add(&mut self, time: MediaTime) {
        if let Some(last) = self.last.replace(time) {
            let interval = Duration::from(time.since(last));
            if !interval.is_zero() && interval <= MAX_INTERVAL {
                self.intervals = self.intervals.saturating_add(1);
                self.total = self.total.saturating_add(interval);
            }
        }
    }

    fn per_second(&self) -> f64 {
        if self.intervals == 0 { 0.0 } else { f64::from(self.intervals) / self.total.as_secs_f64() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::VIDEO;
    use crate::stream::fake::{Fake, ORANGE};

    const FRAME: Duration = Duration::from_millis(40);

    #[test]
    fn figures_follow_what_arrives() {
        let mut source = Fake::new(vec![ORANGE.to_vec(); 200], FRAME);
        let mut received = Received::new(VIDEO);
        let start = Instant::now();
        source.arrive(100);
        assert!(received.update(&source, start));
        let figures = received.figures();
        assert_eq!((figures.codec, figures.size), (Some("JPEG"), (32, 16)));
        assert!((figures.fps - 25.0).abs() < 1e-6, "{figures:?}");
        let bitrate = (ORANGE.len() * 8 * 25) as f64;
        assert!((figures.bitrate - bitrate).abs() < 1e-3, "{figures:?}");
        assert_eq!(received.arrival(FrameId(99)), Some(start));
        assert_eq!(received.arrival(FrameId(0)), None, "that is long ago");
        assert_eq!(received.arrival(FrameId(100)), None, "that has not arrived");
    }

    #[test]
    fn a_gap_in_media_time_is_no_interval() {
        let mut source = Fake::new(vec![vec![0; 1000]; 200], FRAME);
        let mut received = Received::new(VIDEO);
        source.arrive(10);
        source.seek(VIDEO, MediaTime::from_micros(7_000_000));
        source.arrive(10);
        received.update(&source, Instant::now());
        let figures = received.figures();
        assert!((figures.fps - 25.0).abs() < 1e-6, "{figures:?}");
        assert!((figures.bitrate - 200_000.0).abs() < 1e-3, "{figures:?}");
    }
}
