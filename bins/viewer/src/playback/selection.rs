//! Hands frames from the cache to the decoder.
use crate::decode::Job;
use crate::decode::conceal::Gaps;
use crate::player::Shared;
use crate::stream::Source;
use crate::stream::received::Intake;
use pinhole::frame::{Format, Frame, FrameId, Integrity};
use pinhole::time::{Duration as Span, MediaTime};
use std::time::Duration;

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

/// When and how a frame is to be shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Showing {
    pub(crate) id: FrameId,
    pub(crate) pts: MediaTime,
    /// For how long it is shown; zero where that is not known.
    pub(crate) interval: Span,
    /// In the player's time.
    pub(crate) due: Duration,
    /// It is late when it is shown so much after it was due; `None`: that is not counted.
    pub(crate) late_after: Option<Duration>,
    /// See [`crate::playback::playhead::Playhead::generation`].
    pub(crate) generation: u64,
}

/// Chooses which frames are decoded.
#[derive(Debug, Default)]
pub(crate) struct Feed {
    decode: Decode,
    /// When the last frame that was decoded was due.
    decoded: Option<Duration>,
    /// The last frame, where it was passed over for the pace.
    passed_over: Option<Showing>,
}

impl Feed {
    /// Nothing was handed over yet.
    pub(crate) fn new(decode: Decode) -> Self {
        Self { decode, ..Self::default() }
    }

    /// Hands a frame over, if it is one to decode.
    pub(crate) fn give(&mut self, showing: Showing, source: &dyn Source, intake: &Intake, to: &Shared) {
        match (self.decode, self.decoded) {
            (Decode::Nothing, _) => {}
            (Decode::Every(pace), Some(last)) if showing.due < last + pace => {
                self.passed_over = Some(showing);
            }
            _ => {
                (self.decoded, self.passed_over) = (Some(showing.due), None);
                hand_over(showing, source, intake, to);
            }
        }
    }

    /// Hands over the last frame, if it was passed over.
    pub(crate) fn flush(&mut self, source: &dyn Source, intake: &Intake, to: &Shared) {
        if let Some(showing) = self.passed_over.take() {
            hand_over(showing, source, intake, to);
        }
    }
}

/// A full queue loses its oldest frame, which counts as late: the network waits for nobody.
fn hand_over(showing: Showing, source: &dyn Source, intake: &Intake, to: &Shared) {
    let Ok(frame) = source.frame(showing.id) else { return };
    let mut data = to.jobs.spare().map_or_else(Vec::new, |job| job.data);
    data.clear();
    data.extend_from_slice(frame.data);
    let arrived = intake.arrival(showing.id);
    let job = Job { showing, arrived, data, gaps: gaps(&frame) };
    to.jobs.push_newest(job, |lost| to.tally.dropped(&lost.showing));
}

fn gaps(frame: &Frame<'_>) -> Option<Gaps> {
    match (frame.format, frame.integrity) {
        (Format::Jpeg(info), Integrity::Strips(missing)) => Some(Gaps { info, missing }),
        _ => None,
    }
}
