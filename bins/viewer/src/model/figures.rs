//! Figures of a stream: of the session, of received frames, of the cache, and of shown pictures.
use super::Presentation;
use pinhole::client::LowerTransport;
use pinhole::rtsp::{Scale, Speed};
use pinhole::time::MediaTime;
use std::time::Duration;

/// The figures of the RTSP session and of one of its tracks so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct SessionFigures {
    /// How RTP travels; `None` until client and server have agreed on it.
    pub(crate) transport: Option<LowerTransport>,
    /// Where in the medium the server began; `None` if the medium is live or the server does not say.
    pub(crate) start: Option<MediaTime>,
    /// Where the medium ends; `None` if it is live or the server does not say.
    pub(crate) end: Option<MediaTime>,
    /// The Scale that the server plays with (RFC 2326, 12.34).
    pub(crate) scale: Scale,
    /// The Speed that the server delivers with (RFC 2326, 12.35).
    pub(crate) speed: Speed,
    /// Frames of which every byte arrived.
    pub(crate) frames_complete: u64,
    /// Frames of which a part is missing.
    pub(crate) frames_damaged: u64,
    /// Frames of which nothing arrived.
    pub(crate) frames_missing: u64,
    /// RTP packets that arrived.
    pub(crate) packets: u64,
    /// RTP packets that never arrived.
    pub(crate) packets_lost: u64,
    /// Bytes of RTP payload that arrived.
    pub(crate) bytes: u64,
    /// The interarrival jitter (RFC 3550, 6.4.1).
    pub(crate) jitter: Duration,
    /// The time from the start of the connection to the end of the first frame.
    pub(crate) first_frame: Option<Duration>,
}

/// Figures of one track's received frames, whether they were shown or not.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct ReceivedFigures {
    /// The encoding's name in SDP; `None` before the first frame.
    pub(crate) codec: Option<&'static str>,
    /// Width and height of the newest frame in pixels.
    pub(crate) size: (u16, u16),
    /// Frames in a second of media time; zero before there are two.
    pub(crate) fps: f64,
    /// Bits in a second of media time, averaged over the last seconds; zero before there are two
    /// frames.
    pub(crate) bitrate: f64,
    /// Incomplete frames of which it is known exactly what is missing, so that it can be concealed.
    pub(crate) concealed_frames: u64,
    /// Missing ranges in these frames.
    pub(crate) concealed_ranges: u64,
}

/// How full the cache of a track is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CacheUsage {
    /// Cached frames.
    pub(crate) frames: u64,
    /// Bytes of the cached frames.
    pub(crate) bytes: usize,
    /// How many bytes the cache can hold.
    pub(crate) capacity: usize,
    /// Cached media time.
    pub(crate) span: Duration,
}

/// Figures of the frames that were decoded and shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PresentedFigures {
    /// Pictures that were shown.
    pub(crate) shown: u64,
    /// Frames that were late, or were dropped because they would have been.
    pub(crate) late: u64,
    /// Mean time that it takes to decode a frame.
    pub(crate) decode: Duration,
    /// Mean time from a frame's arrival until it is shown.
    pub(crate) latency: Duration,
}

/// How many values a mean takes to follow a change, roughly.
const INERTIA: u64 = 8;

impl PresentedFigures {
    /// Counts a picture that is shown `after` it was due. `latency` is the time since its frame
    /// arrived, if that is known.
    pub(crate) fn count_shown(
        &mut self,
        presentation: &Presentation,
        after: Duration,
        latency: Option<Duration>,
    ) {
        self.shown = self.shown.saturating_add(1);
        self.count_late(&mut { *presentation }, after);
        if let Some(latency) = latency {
            approach(&mut self.latency, latency, self.shown);
        }
    }

    /// Counts a frame as late if it is passed on, or shown, too long `after` it was due. It does not count
    /// again then.
    pub(crate) fn count_late(&mut self, presentation: &mut Presentation, after: Duration) {
        if presentation.late_after.take_if(|late_after| after > *late_after).is_some() {
            self.late = self.late.saturating_add(1);
        }
    }

    /// Counts a frame that is not shown because it would be late.
    pub(crate) fn count_dropped(&mut self, presentation: &Presentation) {
        if presentation.late_after.is_some() {
            self.late = self.late.saturating_add(1);
        }
    }

    /// Includes a frame's decoding time in the mean.
    pub(crate) fn count_decoded(&mut self, took: Duration) {
        let first = self.decode.is_zero();
        approach(&mut self.decode, took, if first { 1 } else { INERTIA });
    }
}

/// Takes `value` into a mean of `values` values, of which the last count most.
fn approach(mean: &mut Duration, value: Duration, values: u64) {
    let values = values.clamp(1, INERTIA) as u32;
    *mean = *mean - *mean / values + value / values;
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn late_means_beyond_tolerance_or_dropped() {
        let mut figures = PresentedFigures::default();
        let counted = Presentation { late_after: Some(16 * MS), ..Presentation::default() };
        figures.count_shown(&counted, 16 * MS, None);
        assert_eq!((figures.shown, figures.late), (1, 0));
        figures.count_shown(&counted, 17 * MS, None);
        figures.count_dropped(&counted);
        assert_eq!((figures.shown, figures.late), (2, 2));
        let mut twice = counted;
        figures.count_late(&mut twice, 17 * MS);
        figures.count_shown(&twice, 17 * MS, None);
        assert_eq!((figures.shown, figures.late), (3, 3), "late once");
        let uncounted = Presentation::default();
        figures.count_shown(&uncounted, 99 * MS, None);
        figures.count_dropped(&uncounted);
        assert_eq!((figures.shown, figures.late), (4, 3));
    }

    #[test]
    fn means_follow_the_measured_values() {
        let mut figures = PresentedFigures::default();
        figures.count_decoded(10 * MS);
        assert_eq!(figures.decode, 10 * MS);
        for _ in 0..100 {
            figures.count_decoded(20 * MS);
        }
        assert!(figures.decode > 19 * MS && figures.decode <= 20 * MS, "{:?}", figures.decode);
        for latency in [1, 300, 300] {
            figures.count_shown(&Presentation::default(), Duration::ZERO, Some(latency * MS));
        }
        assert_eq!(figures.latency.as_millis(), 200, "the first does not count more than others");
    }
}
