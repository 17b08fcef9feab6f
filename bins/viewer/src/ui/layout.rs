//! Where things are in the window, and what is under a point.
use super::design::unit;
use super::text::{self, Face};
use super::time_axis::TimeAxis;
use crate::model::Model;
use embedded_graphics::geometry::{AnchorPoint, Point, Size};
use embedded_graphics::primitives::Rectangle;
use pinhole::time::MediaTime;
use std::time::Duration;

/// From this height and [`LARGE_WIDTH`] on, everything is twice as large.
const LARGE_HEIGHT: u32 = 901;
const LARGE_WIDTH: u32 = 1200;

/// Height of the dark area at the bottom.
const BAR: u32 = 104;
/// From the bottom to the middle of the track, and to the middle of the row of buttons.
const TRACK_UP: u32 = 60;
const ROW_UP: u32 = 30;
const TRACK_HEIGHT: u32 = 6;
/// How far beside the track the pointer can still drag the knob.
const GRIP: u32 = 10;
/// Side of a button, and of the icon in its middle.
const BUTTON: u32 = 40;
const ICON: u32 = 24;
/// Free space beside the track and the row; there is less in a narrow window.
const MARGIN: u32 = 24;
const NARROW_MARGIN: u32 = 6;
const NARROW: u32 = 400;
/// Free space between things in the row.
const SPACE: u32 = 16;
/// Free space in a badge beside its text.
const PADDING: u32 = 10;
const BADGE_HEIGHT: u32 = 24;
/// A stream that is less behind counts as live, because frames arrive irregularly.
const AT_THE_EDGE: Duration = Duration::from_millis(500);

/// What can be under the pointer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Picture,
    /// The bar where nothing is on it.
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
    /// The window's pixels for each pixel of the design, across and down.
    pub(crate) scale: u32,
    pub(crate) window: Rectangle,
    /// The controls; `None` if the window is too small for them.
    pub(crate) bar: Option<Bar>,
}

/// Where the controls are. Those for which there is no room are left out.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Bar {
    pub(crate) area: Rectangle,
    pub(crate) track: Option<Rectangle>,
    /// The button for play and pause.
    pub(crate) toggle: Rectangle,
    /// The buttons for one frame back and forward.
    pub(crate) steps: Option<[Rectangle; 2]>,
    pub(crate) time: Option<Label>,
    pub(crate) live: Option<Label>,
    pub(crate) recording: Option<Label>,
    pub(crate) rate: Option<Label>,
}

/// A text, and the area that it fills.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Label {
    pub(crate) area: Rectangle,
    pub(crate) text: String,
}

impl Layout {
    /// Computes the layout of a window of this size. `position` is the media time to write.
    pub(crate) fn of(size: (u32, u32), model: &Model, position: MediaTime) -> Self {
        let scale = if size.1 >= LARGE_HEIGHT && size.0 >= LARGE_WIDTH { 2 } else { 1 };
        let window = Rectangle::new(Point::zero(), Size::new(size.0, size.1));
        Self { scale, window, bar: Bar::of(window, scale, model, position) }
    }

    /// Returns what is under a point; `None` outside of the window. Parts of the bar count only if it is
    /// shown.
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
        // The icon, which is narrower than its button, is flush with the track.
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
        // The dot is as wide as two letters.
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
    /// Takes room at the left end, after `space`; `None` if there is not enough.
    fn left(&mut self, size: Size, space: u32) -> Option<Rectangle> {
        let left = self.left + space;
        let end = left + size.width;
        (end <= self.right).then(|| {
            self.left = end;
            self.at(left, size)
        })
    }

    /// Takes room at the right end, and a space before it; `None` if there is not enough.
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

/// Returns the last rows of an area, at most all of them.
fn bottom(area: Rectangle, rows: u32) -> Rectangle {
    let rows = rows.min(area.size.height);
    area.resized_height(rows, embedded_graphics::geometry::AnchorY::Bottom)
}

/// Returns whether a live stream is shown at its live edge.
pub(crate) fn is_at_edge(model: &Model) -> bool {
    !model.held && model.behind_live.is_some_and(|behind| behind < AT_THE_EDGE)
}

fn live_text(behind: Duration) -> String {
    if behind < AT_THE_EDGE { "LIVE".to_owned() } else { format!("LIVE -{:.1} s", behind.as_secs_f64()) }
}

/// Returns the position with and without the duration: the first that has room is shown.
fn time_texts(model: &Model, position: MediaTime) -> Vec<String> {
    let axis = TimeAxis::of(model);
    let now = axis.map_or(Duration::ZERO, |axis| axis.since_start(position));
    let now = text::clock(now);
    let both = model.duration.map(|duration| format!("{now} / {}", text::clock(duration)));
    both.into_iter().chain([now]).collect()
}

/// Writes a rate as `1.0x` or `0.25x`.
fn rate_text(rate: f64) -> String {
    let tenths = rate * 10.0;
    if (tenths - tenths.round()).abs() < 1e-6 { format!("{rate:.1}x") } else { format!("{rate:.2}x") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::tests::{at, recorded};
    use proptest::prelude::*;
    use std::path::Path;

    fn layout(size: (u32, u32), model: &Model) -> Layout {
        Layout::of(size, model, model.position)
    }

    fn full() -> Model {
        Model {
            behind_live: Some(Duration::from_millis(1200)),
            recording: Some(Path::new("a.avi").into()),
            ..recorded()
        }
    }

    /// Returns what takes room in the row, from left to right.
    fn row(bar: &Bar) -> Vec<Rectangle> {
        let labels = [&bar.time, &bar.rate, &bar.recording, &bar.live];
        let labels = labels.into_iter().flatten().map(|label| label.area);
        let back = bar.steps.map(|[back, _]| back);
        let forward = bar.steps.map(|[_, forward]| forward);
        back.into_iter().chain([bar.toggle]).chain(forward).chain(labels).collect()
    }

    #[test]
    fn a_point_hits_its_target() {
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
    fn a_large_window_doubles_all_sizes() {
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
    fn the_least_needed_is_left_out_first() {
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
    fn the_badge_tells_the_distance_to_live() {
        assert_eq!(live_text(Duration::from_millis(499)), "LIVE");
        assert_eq!(live_text(Duration::from_millis(1234)), "LIVE -1.2 s");
        let behind = |held| Model { held, behind_live: Some(Duration::ZERO), ..Model::default() };
        assert!(is_at_edge(&behind(false)) && !is_at_edge(&behind(true)) && !is_at_edge(&recorded()));
    }

    #[test]
    fn rates_are_written_without_zeros() {
        assert_eq!([0.25, 0.5, 1.0, 4.0, -1.0].map(rate_text), ["0.25x", "0.5x", "1.0x", "4.0x", "-1.0x"]);
    }

    #[test]
    fn live_time_counts_from_the_oldest_cached() {
        let live = Model { duration: None, cached: vec![at(2.0)..at(5.0)], ..recorded() };
        assert_eq!(time_texts(&live, at(3.0)), ["00:01.000"]);
    }

    proptest! {
        #[test]
        fn nothing_overlaps(width in 1..4000u32, height in 1..3000u32) {
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
