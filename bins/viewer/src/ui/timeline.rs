//! The timeline: which parts of the medium were played and are cached, and the knob.
use super::design::{ORANGE, Scale, unit};
use super::ink::Ink;
use super::scene::Item;
use super::shape::Shape;
use super::time_axis::TimeAxis;
use crate::model::Model;
use embedded_graphics::geometry::{Point, Size};
use embedded_graphics::primitives::Rectangle;
use pinhole::time::MediaTime;

/// Before the knob, and cached.
pub(super) const PLAYED: Ink = ORANGE;
/// Before the knob, and not cached.
pub(super) const PLAYED_GONE: Ink = Ink(0xff96_5a24);
/// After the knob, and cached.
pub(super) const CACHED: Ink = Ink(0xffa9_a9b2);
/// After the knob, and not cached.
pub(super) const REST: Ink = Ink(0xff48_484e);
/// The knob.
pub(super) const KNOB: Ink = Ink(0xfff8_f4f0);
/// The knob's diameter.
const KNOB_SIDE: u32 = 16;

/// Draws the track with its parts, and the knob at `position`.
pub(crate) fn draw(model: &Model, track: Rectangle, position: MediaTime, scale: Scale) -> Vec<Item> {
    let Some(axis) = TimeAxis::of(model) else {
        return vec![Item::plate(track, track.size.height / 2, REST)];
    };
    let knob = axis.x(track, position);
    let parts = parts(model, axis, track, knob);
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

/// Returns the parts of the track and their colours, from left to right and without gaps.
fn parts(model: &Model, axis: TimeAxis, track: Rectangle, knob: i32) -> Vec<(i32, i32, Ink)> {
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
        let from = axis.x(track, cached.start);
        until(from, false);
        // A cached part is visible even if it is shorter than a pixel.
        until(axis.x(track, cached.end).max(from + 1).min(right), true);
    }
    until(right, false);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::tests::at;
    use proptest::prelude::*;
    use std::time::Duration;

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
        let axis = TimeAxis::of(model).unwrap();
        parts(model, axis, TRACK, axis.x(TRACK, model.position))
    }

    #[test]
    fn uncached_parts_are_dark() {
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
    fn the_knob_ends_the_played_part() {
        let items = draw(&recorded(), TRACK, at(3.0), Scale::of((2560, 1440)));
        let Some(Item::Icon { shape: Shape::Disc, area, ink: KNOB }) = items.last() else {
            panic!("no knob in {items:?}");
        };
        assert_eq!((area.size, area.top_left), (Size::new_equal(32), Point::new(384, 37)));
    }

    #[test]
    fn live_begins_with_the_oldest_cached() {
        let live = Model {
            position: at(30.0),
            cached: vec![at(20.0)..at(39.0)],
            behind_live: Some(Duration::from_secs(10)),
            ..Model::default()
        };
        assert_eq!(parts_of(&live), [(100, 600, PLAYED), (600, 1050, CACHED), (1050, 1100, REST)]);
    }

    #[test]
    fn an_unknown_medium_has_no_knob() {
        assert_eq!(draw(&Model::default(), TRACK, at(0.0), Scale::ONE), [Item::plate(TRACK, 3, REST)]);
    }

    proptest! {
        #[test]
        fn the_parts_fill_the_track(
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
            if let Some(axis) = TimeAxis::of(&model) {
                let parts = parts(&model, axis, track, axis.x(track, model.position));
                let mut at = track.top_left.x;
                for (from, to, _) in parts {
                    prop_assert!(from == at && to > from);
                    at = to;
                }
                prop_assert_eq!(at, track.top_left.x + width as i32);
            }
            draw(&model, track, model.position, Scale::ONE);
        }
    }
}
