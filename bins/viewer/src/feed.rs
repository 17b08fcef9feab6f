//! Hands frames from the cache to the decoder, each shortly before it is due.
use crate::clock::PlayerClock;
use crate::decode::Job;
use crate::handoff::Handoff;
use crate::mend::{Gaps, Mended};
use crate::playout::Playout;
use crate::source::Source;
use pinhole::frame::{Format, Frame, FrameId, Integrity, Miss};
use pinhole::time::MediaTime;
use std::time::Duration;

/// How long before its picture is due a frame goes to the decoder.
const LEAD: Duration = Duration::from_millis(60);

/// The most frames that are handed over at once, so that the network gets its turn.
const BATCH: usize = 32;

/// A longer step between two frames is a gap, and says nothing of the frame rate.
const MAX_INTERVAL: Duration = Duration::from_secs(5);

/// Which frames are decoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Decode {
    /// Each.
    #[default]
    All,
    /// One in this time, and the last.
    Every(Duration),
    /// None: they are only counted.
    Nothing,
}

/// The place in the cache, and what is known of the frames up to it.
#[derive(Debug, Default)]
pub(crate) struct Feed {
    next: FrameId,
    /// When frame `next` is due, once it has come.
    next_due: Option<Duration>,
    playout: Playout,
    decode: Decode,
    /// When the last frame that was decoded was due.
    decoded: Option<Duration>,
    /// The last frame, where it was passed over for the pace.
    passed_over: Option<FrameId>,
    codec: Option<&'static str>,
    size: (u16, u16),
    rate: Rate,
    mended: Mended,
}

/// What [`Feed::run`] left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Progress {
    /// When to run again; `None`: when there is a new frame, or the clock runs again.
    pub(crate) wait: Option<Duration>,
    /// All the frames that have come were handed over.
    pub(crate) drained: bool,
}

impl Feed {
    /// From the first frame on.
    pub(crate) fn new(decode: Decode) -> Self {
        Self { decode, ..Self::default() }
    }

    /// Hands over what is due within the decoder's lead.
    pub(crate) fn run(&mut self, source: &dyn Source, clock: &PlayerClock, jobs: &Handoff<Job>) -> Progress {
        for _ in 0..BATCH {
            let frame = match source.frame(self.next) {
                Ok(frame) => frame,
                Err(Miss::Overrun { resume }) if resume > self.next => {
                    tracing::info!(from = self.next.0, to = resume.0, "the cache ran over");
                    (self.next, self.next_due) = (resume, None);
                    continue;
                }
                Err(_) => return Progress { wait: None, drained: true },
            };
            let now = clock.now();
            let due = *self.next_due.get_or_insert_with(|| self.playout.due(frame.pts, now));
            let at = due.saturating_sub(LEAD);
            if at > now {
                return Progress { wait: clock.until(at), drained: false };
            }
            self.note(&frame);
            match (self.decode, self.decoded) {
                (Decode::Nothing, _) => {}
                (Decode::Every(pace), Some(last)) if due < last + pace => self.passed_over = Some(self.next),
                _ => {
                    hand_over(self.next, due, &frame, jobs);
                    (self.decoded, self.passed_over) = (Some(due), None);
                }
            }
            (self.next, self.next_due) = (self.next.next(), None);
        }
        Progress { wait: Some(Duration::ZERO), drained: false }
    }

    /// Hands over the last frame that was seen, if it was passed over.
    pub(crate) fn flush(&mut self, source: &dyn Source, clock: &PlayerClock, jobs: &Handoff<Job>) {
        if let Some(id) = self.passed_over.take()
            && let Ok(frame) = source.frame(id)
        {
            hand_over(id, clock.now(), &frame, jobs);
        }
    }

    /// The encoding's name in SDP; `None` before the first frame.
    pub(crate) fn codec(&self) -> Option<&'static str> {
        self.codec
    }

    /// The newest frame's pixels across and down.
    pub(crate) fn size(&self) -> (u16, u16) {
        self.size
    }

    /// The newest frame's time.
    pub(crate) fn position(&self) -> MediaTime {
        self.rate.last.unwrap_or_default()
    }

    /// Frames for a second of media time; zero before there are two.
    pub(crate) fn fps(&self) -> f64 {
        self.rate.per_second()
    }

    /// The frames so far whose gaps are known, and filled where they are shown.
    pub(crate) fn mended(&self) -> Mended {
        self.mended
    }

    fn note(&mut self, frame: &Frame<'_>) {
        if let Integrity::Strips(missing) = &frame.integrity {
            self.mended.add(missing);
        }
        self.rate.add(frame.pts);
        match frame.format {
            Format::Jpeg(info) => {
                self.codec = Some("JPEG");
                self.size = (info.width, info.height);
            }
            _ => self.codec = None,
        }
    }
}

/// A full queue loses its oldest frame: the network waits for nobody.
fn hand_over(id: FrameId, due: Duration, frame: &Frame<'_>, jobs: &Handoff<Job>) {
    let mut data = jobs.spare().map_or_else(Vec::new, |job| job.data);
    data.clear();
    data.extend_from_slice(frame.data);
    let gaps = match (frame.format, frame.integrity) {
        (Format::Jpeg(info), Integrity::Strips(missing)) => Some(Gaps { info, missing }),
        _ => None,
    };
    if jobs.push_newest(Job { id, due, data, gaps }) {
        tracing::debug!(frame = id.0, "the decoder is late, the oldest frame that waits is dropped");
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
