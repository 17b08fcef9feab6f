//! Conversion between the times of a medium and those by which it is shown.
use pinhole::rtsp::Scale;
use pinhole::time::{Duration, MediaTime};

/// How the times by which frames are shown correspond to those of the medium. They are the same unless the
/// medium is played at a scale.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct MediaAxis {
    scale: Scale,
    /// Where the medium ends.
    end: MediaTime,
}

impl MediaAxis {
    /// The axis of a medium that is played as it is.
    pub(crate) const NORMAL: Self = Self { scale: Scale::NORMAL, end: MediaTime::ZERO };

    /// Makes the axis of a medium that ends at `end` and is played at `scale`.
    pub(crate) const fn new(scale: Scale, end: MediaTime) -> Self {
        Self { scale, end }
    }

    /// Returns whether both times are the same.
    pub(crate) fn is_normal(self) -> bool {
        self.scale == Scale::NORMAL
    }

    /// Returns whether the medium is played backwards.
    pub(crate) fn is_reverse(self) -> bool {
        self.scale.is_reverse()
    }

    /// Returns the media time that is shown first.
    pub(crate) fn beginning(self) -> MediaTime {
        if self.is_reverse() { self.end } else { MediaTime::ZERO }
    }

    /// Returns the media time that is shown at `shown`.
    pub(crate) fn media(self, shown: MediaTime) -> MediaTime {
        let span = self.span_media(shown.since(MediaTime::ZERO));
        if self.is_reverse() { self.end - span } else { MediaTime::ZERO + span }
    }

    /// Returns when a media time is shown.
    pub(crate) fn shown(self, media: MediaTime) -> MediaTime {
        let span = if self.is_reverse() { self.end.since(media) } else { media.since(MediaTime::ZERO) };
        MediaTime::ZERO + self.span_shown(span)
    }

    /// Returns how much media time is shown in `span`.
    pub(crate) fn span_media(self, span: Duration) -> Duration {
        span.scaled(u64::from(self.scale.magnitude()), 1000)
    }

    /// Returns for how long so much media time is shown.
    pub(crate) fn span_shown(self, span: Duration) -> Duration {
        span.scaled(1000, u64::from(self.scale.magnitude()))
    }

    /// Returns how much media time passes in a second of playing, negative if it is played backwards.
    pub(crate) fn rate(self) -> f64 {
        f64::from(self.scale.thousandths()) / 1000.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_correspond_at_any_scale() {
        let at = |millis: u64| MediaTime::from_micros(millis * 1000);
        for (scale, media, shown) in [
            ("1", 3_000, 3_000),
            ("2", 3_000, 1_500),
            ("0.25", 3_000, 12_000),
            ("-1", 3_000, 7_000),
            ("-4", 2_000, 2_000),
        ] {
            let axis = MediaAxis::new(Scale::parse(scale.as_bytes()).unwrap(), at(10_000));
            assert_eq!((axis.media(at(shown)), axis.shown(at(media))), (at(media), at(shown)), "{scale}");
        }
        let back = MediaAxis::new(Scale::parse(b"-0.5").unwrap(), at(10_000));
        assert_eq!((back.rate(), back.beginning(), back.is_normal()), (-0.5, at(10_000), false));
        assert_eq!(back.media(at(99_000)), at(0), "there is nothing before the start");
    }
}
