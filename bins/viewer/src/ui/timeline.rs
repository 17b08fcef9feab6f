//! The timeline: which time is where, and which parts of it were played and are cached.
use super::layout::unit;
use super::paint::Ink;
use super::scene::Item;
use super::shape::Shape;
use crate::model::Model;
use embedded_graphics::geometry::{Point, Size};
use embedded_graphics::primitives::Rectangle;
use pinhole::time::MediaTime;
use std::time::Duration;

/// Played, and still there to be played again.
pub(super) const PLAYED: Ink = Ink(0xffff_8c1e);
/// Played, and gone from the cache.
pub(super) const PLAYED_GONE: Ink = Ink(0xff96_5a24);
/// Still to come, and there already.
pub(super) const CACHED: Ink = Ink(0xffa9_a9b2);
/// Still to come.
pub(super) const REST: Ink = Ink(0xff48_484e);
/// The knob.
pub(super) const KNOB: Ink = Ink(0xfff8_f4f0);
/// The knob's diameter.
const KNOB_SIDE: u32 = 16;

/// The time that the whole of the timeline stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    start: MediaTime,
    length: u64,
}

impl Span {
    /// All of a recorded medium; of a live one, what is cached and up to the live edge. `None` if
    /// that is no time at all.
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

    /// Where a time is on a track: a pixel's left edge, from the track's to its right end.
    pub(crate) fn x(self, track: Rectangle, time: MediaTime) -> i32 {
        let width = u64::from(track.size.width);
        let way = time.since(self.start).as_micros().min(self.length);
        let right = u128::from(way) * u128::from(width) / u128::from(self.length);
        track.top_left.x + i32::try_from(right).unwrap_or(0)
    }

    /// The time at a place of a track, or at its end if it is beside it.
    pub(crate) fn time(self, track: Rectangle, x: i32) -> MediaTime {
        let width = track.size.width.max(1);
        let right = u32::try_from(x.saturating_sub(track.top_left.x)).unwrap_or(0).min(width);
        let way = u128::from(self.length) * u128::from(right) / u128::from(width);
        self.start + pinhole::time::Duration::from_micros(u64::try_from(way).unwrap_or(u64::MAX))
    }

    /// A time of the medium as it is written: from its start, or that of what is cached.
    pub(crate) fn since_start(self, time: MediaTime) -> Duration {
        time.since(self.start).into()
    }
}

/// The track with its parts, and the knob at `position`.
pub(crate) fn draw(model: &Model, track: Rectangle, position: MediaTime, scale: u32) -> Vec<Item> {
    let Some(span) = Span::of(model) else {
        return vec![Item::plate(track, track.size.height / 2, REST)];
    };
    let knob = span.x(track, position);
    let parts = parts(model, span, track, knob);
    let last = parts.len().saturating_sub(1);
    let mut items: Vec<_> = (0..)
        .zip(parts)
        .map(|(number, (from, to, ink))| {
            let area = Rectangle::new(
                Point::new(from, track.top_left.y),
                Size::new((to - from).unsigned_abs(), track.size.height),
            );
            Item::Plate { area, radius: track.size.height / 2, ends: (number == 0, number == last), ink }
        })
        .collect();
    let side = unit(KNOB_SIDE, scale);
    let centre = Point::new(knob, track.center().y + 1);
    let area = Rectangle::new(centre - Size::new_equal(side / 2), Size::new_equal(side));
    items.push(Item::Icon { shape: Shape::Disc, area, ink: KNOB });
    items
}

/// From where to where the track has which colour, from left to right, without gaps.
fn parts(model: &Model, span: Span, track: Rectangle, knob: i32) -> Vec<(i32, i32, Ink)> {
    let (mut at, right) = (track.top_left.x, track.top_left.x + track.size.width as i32);
    let mut parts = Vec::new();
    let mut until = |to: i32, cached: bool| {
        let (played, rest) = if cached { (PLAYED, CACHED) } else { (PLAYED_GONE, REST) };
        for (end, ink) in [(to.min(knob), played), (to, rest)] {
            if end > at {
                parts.push((at, end, ink));
                at = end;
            }
        }
    };
    for cached in &model.cached {
        let from = span.x(track, cached.start);
        until(from, false);
        // What is cached shows, be it less than a pixel.
        until(span.x(track, cached.end).max(from + 1).min(right), true);
    }
    until(right, false);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::tests::at;
    use proptest::prelude::*;

    const TRACK: Rectangle = Rectangle::new(Point::new(100, 50), Size::new(1000, 6));

    fn recorded() -> Model {
        Model {
            duration: Some(Duration::from_secs(10)),
            cached: vec![at(1.0)..at(4.0), at(6.0)..at(8.0)],
            position: at(3.0),
            ..Model::default()
        }
    }

    fn parts_of(model: &Model) -> Vec<(i32, i32, Ink)> {
        let span = Span::of(model).unwrap();
        parts(model, span, TRACK, span.x(TRACK, model.position))
    }

    #[test]
    fn a_recorded_medium_has_its_gaps_before_and_after_the_knob() {
        assert_eq!(
            parts_of(&recorded()),
            [
                (100, 200, PLAYED_GONE),
                (200, 400, PLAYED),
                (400, 500, CACHED),
                (500, 700, REST),
                (700, 900, CACHED),
                (900, 1100, REST),
            ]
        );
    }

    #[test]
    fn the_knob_is_centred_where_the_played_part_ends() {
        let items = draw(&recorded(), TRACK, at(3.0), 2);
        let Some(Item::Icon { shape: Shape::Disc, area, ink: KNOB }) = items.last() else {
            panic!("no knob in {items:?}");
        };
        assert_eq!((area.size, area.top_left), (Size::new_equal(32), Point::new(384, 37)));
    }

    #[test]
    fn live_is_from_the_oldest_that_is_cached_to_the_edge() {
        let live = Model {
            position: at(30.0),
            cached: vec![at(20.0)..at(39.0)],
            behind_live: Some(Duration::from_secs(10)),
            ..Model::default()
        };
        assert_eq!(parts_of(&live), [(100, 600, PLAYED), (600, 1050, CACHED), (1050, 1100, REST)]);
        let span = Span::of(&live).unwrap();
        assert_eq!(span.time(TRACK, 600), at(30.0));
        assert_eq!(span.since_start(at(30.0)), Duration::from_secs(10));
    }

    #[test]
    fn who_drags_beyond_an_end_is_at_that_end() {
        let span = Span::of(&recorded()).unwrap();
        assert_eq!(span.time(TRACK, -5000), at(0.0));
        assert_eq!(span.time(TRACK, 5000), at(10.0));
        assert_eq!(span.time(TRACK, 350), at(2.5));
    }

    #[test]
    fn before_anything_is_known_there_is_a_track_without_a_knob() {
        assert_eq!(draw(&Model::default(), TRACK, at(0.0), 1), [Item::plate(TRACK, 3, REST)]);
    }

    proptest! {
        #[test]
        fn the_parts_fill_the_track_whatever_is_cached(
            ends in proptest::collection::vec(any::<(u64, u64)>(), 0..6),
            position: u64, duration in proptest::option::of(any::<u64>()), behind: u64,
            width in 0..3000u32,
        ) {
            let time = MediaTime::from_micros;
            let model = Model {
                position: time(position),
                duration: duration.map(Duration::from_micros),
                behind_live: duration.is_none().then_some(Duration::from_micros(behind)),
                cached: ends.iter().map(|(start, end)| time(*start)..time(*end)).collect(),
                ..Model::default()
            };
            let track = Rectangle::new(TRACK.top_left, Size::new(width, 6));
            if let Some(span) = Span::of(&model) {
                let parts = parts(&model, span, track, span.x(track, model.position));
                let mut at = track.top_left.x;
                for (from, to, _) in parts {
                    prop_assert!(from == at && to > from);
                    at = to;
                }
                prop_assert_eq!(at, track.top_left.x + width as i32);
            }
            draw(&model, track, model.position, 1);
        }

        #[test]
        fn a_place_on_the_track_is_the_place_of_its_time(length in 1..10_000_000_000u64, x in 100..1100i32) {
            let span = Span { start: at(5.0), length };
            let back = span.x(TRACK, span.time(TRACK, x));
            prop_assert!((x - back).abs() <= 1 + 1000 / i32::try_from(length.min(1000)).unwrap());
        }
    }
}
