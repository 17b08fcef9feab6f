//! Which media time is where on the timeline.
use crate::model::Model;
use embedded_graphics::primitives::Rectangle;
use pinhole::time::MediaTime;
use std::time::Duration;

/// The media time from the left to the right end of the timeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimeAxis {
    start: MediaTime,
    /// In microseconds; not zero.
    length: u64,
}

impl TimeAxis {
    /// Returns the axis of a medium: all of a recorded one; of a live one, from the oldest cached frame
    /// to the live edge. `None` if that is no time at all.
    pub(crate) fn of(model: &Model) -> Option<Self> {
        let (start, end) = match model.duration {
            Some(duration) => (MediaTime::ZERO, MediaTime::ZERO + duration.into()),
            None => {
                let behind = model.behind_live.unwrap_or_default();
                let start = model.cached.first().map_or(model.position, |first| first.start);
                let end = model.cached.last().map_or(model.position, |last| last.end);
                (start.min(model.position), end.max(model.position + behind.into()))
            }
        };
        let length = end.since(start).as_micros();
        (length > 0).then_some(Self { start, length })
    }

    /// Returns where a media time is on a track, as the left edge of a pixel. Earlier and later times
    /// are at the track's ends.
    pub(crate) fn x(self, track: Rectangle, time: MediaTime) -> i32 {
        let width = u64::from(track.size.width);
        let distance = time.since(self.start).as_micros().min(self.length);
        let right = u128::from(distance) * u128::from(width) / u128::from(self.length);
        track.top_left.x + i32::try_from(right).unwrap_or(0)
    }

    /// Returns the media time at a place of a track. Places beside the track count as its ends.
    pub(crate) fn time(self, track: Rectangle, x: i32) -> MediaTime {
        let width = track.size.width.max(1);
        let right = u32::try_from(x.saturating_sub(track.top_left.x)).unwrap_or(0).min(width);
        let distance = u128::from(self.length) * u128::from(right) / u128::from(width);
        self.start + pinhole::time::Duration::from_micros(u64::try_from(distance).unwrap_or(u64::MAX))
    }

    /// Returns the time since the start of the axis, as it is shown to the user.
    pub(crate) fn since_start(self, time: MediaTime) -> Duration {
        time.since(self.start).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::tests::{at, recorded};
    use embedded_graphics::geometry::{Point, Size};
    use proptest::prelude::*;

    const TRACK: Rectangle = Rectangle::new(Point::new(100, 50), Size::new(1000, 6));

    #[test]
    fn places_beside_the_track_are_its_ends() {
        let axis = TimeAxis::of(&recorded()).unwrap();
        assert_eq!(axis.time(TRACK, -5000), at(0.0));
        assert_eq!(axis.time(TRACK, 5000), at(10.0));
        assert_eq!(axis.time(TRACK, 350), at(2.5));
    }

    #[test]
    fn a_live_axis_ends_at_the_live_edge() {
        let live = Model {
            position: at(30.0),
            cached: vec![at(20.0)..at(39.0)],
            behind_live: Some(Duration::from_secs(10)),
            ..Model::default()
        };
        let axis = TimeAxis::of(&live).unwrap();
        assert_eq!(axis.time(TRACK, 600), at(30.0));
        assert_eq!(axis.since_start(at(30.0)), Duration::from_secs(10));
    }

    proptest! {
        #[test]
        fn places_and_times_correspond(length in 1..10_000_000_000u64, x in 100..1100i32) {
            let axis = TimeAxis { start: at(5.0), length };
            let back = axis.x(TRACK, axis.time(TRACK, x));
            prop_assert!((x - back).abs() <= 1 + 1000 / i32::try_from(length.min(1000)).unwrap());
        }
    }
}
