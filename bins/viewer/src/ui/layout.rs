//! Where things are: rectangles from the window's size and what is to be written, and what is
//! under a point.
use super::text::{self, Face};
use super::timeline::Span;
use crate::model::Model;
use embedded_graphics::geometry::{AnchorPoint, Point, Size};
use embedded_graphics::primitives::Rectangle;
use pinhole::time::MediaTime;
use std::time::Duration;

/// From this height on, given [`LARGE_WIDTH`], everything is twice as large.
const LARGE_HEIGHT: u32 = 901;
/// Less is too narrow for things of twice the size.
const LARGE_WIDTH: u32 = 1200;

/// The part at the bottom that is darkened.
const BAR: u32 = 104;
/// From the bottom to the middle of the track, and to that of the row of buttons.
const TRACK_UP: u32 = 60;
const ROW_UP: u32 = 30;
const TRACK_HEIGHT: u32 = 6;
/// How far beside the track the pointer still takes hold of it.
const GRIP: u32 = 10;
/// The place of a button, and the icon in its middle.
const BUTTON: u32 = 40;
const ICON: u32 = 24;
/// Beside the track and the row; a narrow window has less.
const MARGIN: u32 = 24;
const NARROW_MARGIN: u32 = 6;
const NARROW: u32 = 400;
/// Between things of the row.
const SPACE: u32 = 16;
/// In a badge, beside its text.
const PADDING: u32 = 10;
const BADGE_HEIGHT: u32 = 24;
/// A stream is not behind that is so by less than this: frames come in fits and starts.
const AT_THE_EDGE: Duration = Duration::from_millis(500);

/// So many pixels of a window at a scale.
pub(crate) const fn unit(pixels: u32, scale: u32) -> u32 {
    pixels * scale
}

/// What is under the pointer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Picture,
    /// The bar, beside all that is on it.
    Bar,
    Timeline,
    StepBack,
    Toggle,
    StepForward,
    Live,
}

/// Where everything is in a window.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Layout {
    /// How many pixels are one of the design's.
    pub(crate) scale: u32,
    pub(crate) window: Rectangle,
    /// The controls; `None` where there is no room for them.
    pub(crate) bar: Option<Bar>,
}

/// Where the controls are. What has no room is left out.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Bar {
    pub(crate) area: Rectangle,
    pub(crate) track: Option<Rectangle>,
    /// Places of buttons: one frame back, play and pause, one frame forward.
    pub(crate) toggle: Rectangle,
    pub(crate) steps: Option<[Rectangle; 2]>,
    pub(crate) time: Option<Label>,
    pub(crate) live: Option<Label>,
    pub(crate) recording: Option<Label>,
    pub(crate) rate: Option<Label>,
}

/// A text, and the area that it has for itself.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Label {
    pub(crate) area: Rectangle,
    pub(crate) text: String,
}

impl Layout {
    /// Where everything is in a window of this size. `position` is the time to be told.
    pub(crate) fn of(size: (u32, u32), model: &Model, position: MediaTime) -> Self {
        let scale = if size.1 >= LARGE_HEIGHT && size.0 >= LARGE_WIDTH { 2 } else { 1 };
        let window = Rectangle::new(Point::zero(), Size::new(size.0, size.1));
        Self { scale, window, bar: Bar::of(window, scale, model, position) }
    }

    /// What is under a point; of the bar only if it is there to be seen.
    pub(crate) fn hit(&self, point: Point, bar_is_shown: bool) -> Option<Target> {
        if !self.window.contains(point) {
            return None;
        }
        let bar = self.bar.as_ref().filter(|bar| bar_is_shown && bar.area.contains(point));
        let Some(bar) = bar else { return Some(Target::Picture) };
        let grip = bar.track.map(|track| {
            let grip = Size::new_equal(2 * unit(GRIP, self.scale));
            track.resized(track.size + grip, AnchorPoint::Center)
        });
        let targets = [
            (Some(bar.toggle), Target::Toggle),
            (bar.steps.map(|[back, _]| back), Target::StepBack),
            (bar.steps.map(|[_, forward]| forward), Target::StepForward),
            (bar.live.as_ref().map(|live| live.area), Target::Live),
            (grip, Target::Timeline),
        ];
        let hit = targets.into_iter().find(|(area, _)| area.is_some_and(|area| area.contains(point)));
        Some(hit.map_or(Target::Bar, |(_, target)| target))
    }
}

impl Bar {
    fn of(window: Rectangle, scale: u32, model: &Model, position: MediaTime) -> Option<Self> {
        let px = |pixels| unit(pixels, scale);
        let Size { width, height } = window.size;
        let margin = px(if width < px(NARROW) { NARROW_MARGIN } else { MARGIN });
        let inner = width.checked_sub(2 * margin).filter(|inner| *inner >= px(BUTTON))?;
        let row_up = px(ROW_UP);
        let middle = height.checked_sub(row_up).filter(|middle| *middle >= px(BUTTON) / 2)?;

        let area = bottom(window, px(BAR));
        let track = (height >= px(TRACK_UP + BUTTON / 2)).then(|| {
            let top_left = Point::zero() + Size::new(margin, height - px(TRACK_UP) - px(TRACK_HEIGHT) / 2);
            Rectangle::new(top_left, Size::new(inner, px(TRACK_HEIGHT)))
        });
        // An icon is narrower than its button: it is the icon that is flush with the track.
        let flush = margin.saturating_sub(px(BUTTON - ICON) / 2);
        let mut row = Row { middle, left: flush, right: width - margin, space: px(SPACE) };
        let button = |row: &mut Row| row.left(Size::new(px(BUTTON), px(BUTTON)), 0);
        let (toggle, steps) = if inner >= px(3 * BUTTON) {
            let (back, toggle, forward) = (button(&mut row)?, button(&mut row)?, button(&mut row)?);
            (toggle, Some([back, forward]))
        } else {
            (button(&mut row)?, None)
        };
        let badge = |row: &mut Row, text: String| {
            let width = text::size(&text, Face::Bold, scale).width + 2 * px(PADDING);
            Some(Label { area: row.right(Size::new(width, px(BADGE_HEIGHT)))?, text })
        };
        let live = model.behind_live.and_then(|behind| badge(&mut row, live_text(behind)));
        // The mark's dot is as wide as two letters.
        let recording = model.recording.as_ref().and_then(|_| badge(&mut row, "  REC".to_owned()));
        let time = time_texts(model, position).into_iter().find_map(|text| {
            let area = row.left(text::size(&text, Face::Large, scale), px(SPACE))?;
            Some(Label { area, text })
        });
        let rate = rate_text(model.rate);
        let rate = row.right(text::size(&rate, Face::Small, scale)).map(|area| Label { area, text: rate });
        Some(Self { area, track, toggle, steps, time, live, recording, rate })
    }
}

/// A row that is filled from both ends.
struct Row {
    middle: u32,
    left: u32,
    right: u32,
    space: u32,
}

impl Row {
    /// Room at the left end, after a space; `None` if there is not so much.
    fn left(&mut self, size: Size, space: u32) -> Option<Rectangle> {
        let left = self.left + space;
        let end = left + size.width;
        (end <= self.right).then(|| {
            self.left = end;
            self.at(left, size)
        })
    }

    /// Room at the right end, and a space before it.
    fn right(&mut self, size: Size) -> Option<Rectangle> {
        let left = self.right.checked_sub(size.width)?;
        (left >= self.left + self.space).then(|| {
            self.right = left - self.space;
            self.at(left, size)
        })
    }

    fn at(&self, left: u32, size: Size) -> Rectangle {
        let top = self.middle as i32 - size.height as i32 / 2;
        Rectangle::new(Point::new(left as i32, top), size)
    }
}

/// The last rows of an area, as many as there are.
fn bottom(area: Rectangle, rows: u32) -> Rectangle {
    let rows = rows.min(area.size.height);
    area.resized_height(rows, embedded_graphics::geometry::AnchorY::Bottom)
}

/// The stream is at its live edge, as far as one can see.
pub(crate) fn is_at_edge(model: &Model) -> bool {
    !model.held && model.behind_live.is_some_and(|behind| behind < AT_THE_EDGE)
}

fn live_text(behind: Duration) -> String {
    if behind < AT_THE_EDGE { "LIVE".to_owned() } else { format!("LIVE -{:.1} s", behind.as_secs_f64()) }
}

/// The position with and without the duration: the first that has room is shown.
fn time_texts(model: &Model, position: MediaTime) -> Vec<String> {
    let span = Span::of(model);
    let now = span.map_or(Duration::ZERO, |span| span.since_start(position));
    let now = text::clock(now);
    let both = model.duration.map(|duration| format!("{now} / {}", text::clock(duration)));
    both.into_iter().chain([now]).collect()
}

/// `1.0x`, `0.25x`
fn rate_text(rate: f64) -> String {
    let tenths = rate * 10.0;
    if (tenths - tenths.round()).abs() < 1e-6 { format!("{rate:.1}x") } else { format!("{rate:.2}x") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::tests::{at, recorded};
    use proptest::prelude::*;
    use std::path::PathBuf;

    fn layout(size: (u32, u32), model: &Model) -> Layout {
        Layout::of(size, model, model.position)
    }

    fn full() -> Model {
        Model {
            behind_live: Some(Duration::from_millis(1200)),
            recording: Some(PathBuf::from("a.avi")),
            ..recorded()
        }
    }

    /// All that takes room in the row, from left to right.
    fn row(bar: &Bar) -> Vec<Rectangle> {
        let labels = [&bar.time, &bar.rate, &bar.recording, &bar.live];
        let labels = labels.into_iter().flatten().map(|label| label.area);
        let back = bar.steps.map(|[back, _]| back);
        let forward = bar.steps.map(|[_, forward]| forward);
        back.into_iter().chain([bar.toggle]).chain(forward).chain(labels).collect()
    }

    #[test]
    fn the_pointer_finds_what_it_points_at() {
        let layout = layout((1280, 720), &full());
        let bar = layout.bar.clone().unwrap();
        let hit = |point| layout.hit(point, true);
        let [back, forward] = bar.steps.unwrap();
        let track = bar.track.unwrap();
        assert_eq!(hit(bar.toggle.center()), Some(Target::Toggle));
        assert_eq!(hit(back.center()), Some(Target::StepBack));
        assert_eq!(hit(forward.center()), Some(Target::StepForward));
        assert_eq!(hit(bar.live.unwrap().area.center()), Some(Target::Live));
        assert_eq!(hit(track.center()), Some(Target::Timeline));
        assert_eq!(hit(track.center() - Point::new(0, 12)), Some(Target::Timeline));
        assert_eq!(hit(track.center() - Point::new(0, 30)), Some(Target::Bar));
        assert_eq!(hit(Point::new(640, 300)), Some(Target::Picture));
        assert_eq!(hit(Point::new(-1, 300)), None);
        assert_eq!(hit(Point::new(640, 720)), None);
        assert_eq!(layout.hit(bar.toggle.center(), false), Some(Target::Picture), "it is not shown");
    }

    #[test]
    fn a_large_window_has_everything_twice_as_large() {
        let [small, large] = [(1280, 800), (2560, 1600)].map(|size| layout(size, &full()));
        assert_eq!((small.scale, large.scale), (1, 2));
        let (small, large) = (small.bar.unwrap(), large.bar.unwrap());
        let areas = |bar: &Bar| row(bar).into_iter().chain(bar.track).chain([bar.area]).collect::<Vec<_>>();
        let (small, large) = (areas(&small), areas(&large));
        assert_eq!(small.len(), large.len());
        for (small, large) in small.into_iter().zip(large) {
            assert_eq!((small.top_left.x * 2, small.size * 2), (large.top_left.x, large.size));
            // The middle of an odd number of pixels is no whole one.
            assert!((small.top_left.y * 2 - large.top_left.y).abs() <= 1, "{small:?} {large:?}");
        }
        assert_eq!(layout((600, 1600), &full()).scale, 1, "too narrow");
    }

    #[test]
    fn what_has_no_room_is_left_out_the_least_needed_first() {
        let bar = |width| layout((width, 300), &full()).bar;
        let left = |width| {
            let bar = bar(width).unwrap();
            let there = [bar.steps.is_some(), bar.live.is_some(), bar.time.is_some(), bar.rate.is_some()];
            (there, bar.time.map_or(0, |time| time.text.len()))
        };
        assert_eq!(left(800), ([true; 4], "00:03.000 / 00:10.000".len()));
        assert_eq!(left(520), ([true, true, true, false], "00:03.000".len()));
        assert_eq!(left(300), ([true, true, false, false], 0));
        assert_eq!(left(60), ([false; 4], 0));
        assert_eq!(bar(50), None);
        assert_ne!(layout((1280, 90), &full()).bar.unwrap().track, None);
        assert_eq!(layout((1280, 70), &full()).bar.unwrap().track, None);
        assert_eq!(layout((1280, 40), &full()).bar, None);
        assert_eq!(layout((1, 1), &full()).bar, None);
    }

    #[test]
    fn the_badge_tells_how_far_behind_it_is() {
        assert_eq!(live_text(Duration::from_millis(499)), "LIVE");
        assert_eq!(live_text(Duration::from_millis(1234)), "LIVE -1.2 s");
        let behind = |held| Model { held, behind_live: Some(Duration::ZERO), ..Model::default() };
        assert!(is_at_edge(&behind(false)) && !is_at_edge(&behind(true)) && !is_at_edge(&recorded()));
    }

    #[test]
    fn rates_are_written_as_short_as_they_are() {
        assert_eq!([0.25, 0.5, 1.0, 4.0].map(rate_text), ["0.25x", "0.5x", "1.0x", "4.0x"]);
    }

    #[test]
    fn a_live_stream_tells_the_time_since_the_oldest_that_is_cached() {
        let live = Model { duration: None, cached: vec![at(2.0)..at(5.0)], ..recorded() };
        assert_eq!(time_texts(&live, at(3.0)), ["00:01.000"]);
    }

    proptest! {
        #[test]
        fn nothing_overlaps_and_all_is_inside_the_window(width in 1..4000u32, height in 1..3000u32) {
            let Layout { window, bar, .. } = layout((width, height), &full());
            if let Some(bar) = bar {
                let row = row(&bar);
                for area in row.iter().chain(&bar.track).chain([&bar.area]) {
                    prop_assert_eq!(area.intersection(&window), *area, "{:?}", area);
                }
                for (left, right) in row.iter().zip(row.iter().skip(1)) {
                    prop_assert!(left.intersection(right).is_zero_sized());
                }
            }
        }
    }
}
