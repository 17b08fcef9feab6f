//! Where the controls are in the window, and what is under a point.
//!
//! What has no room is left out, the least important first: the order is that of [`Bar::of`].
use super::design::{Scale, unit};
use super::text::{self, Face};
use super::time_axis::TimeAxis;
use crate::model::Model;
use embedded_graphics::geometry::{Point, Size};
use embedded_graphics::primitives::Rectangle;
use pinhole::time::MediaTime;
use std::time::Duration;

/// Height of the dark area at the bottom, and how many rows of it fade.
const BAR: u32 = 104;
pub(super) const FADE: u32 = 36;
/// From this height on, the bar has all of its height. Otherwise there is none above what can be pointed at.
const TALL: u32 = 240;
/// From the bottom of the window to that of the row of buttons.
const ROW_UP: u32 = 12;
/// Side of a button, and of the icon in its middle.
const BUTTON: u32 = 36;
pub(super) const ICON: u32 = 24;
const TRACK_HEIGHT: u32 = 6;
/// The height at which the pointer can take the knob, and how far beside the track.
const GRIP: u32 = 24;
const GRIP_BESIDE: u32 = 12;
/// Free space beside the track and the row; there is less in a narrow window.
const MARGIN: u32 = 24;
const NARROW_MARGIN: u32 = 6;
const NARROW: u32 = 400;
/// Free space between things in the row that are no buttons.
const SPACE: u32 = 14;
/// Free space in a badge beside its text, and before it for a dot.
const PADDING: u32 = 10;
const DOT: u32 = 16;
const BADGE_HEIGHT: u32 = 24;
/// A stream that is less behind counts as live, because frames arrive irregularly.
const AT_THE_EDGE: Duration = Duration::from_millis(500);

/// What can be under the pointer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// The picture of the only stream that is shown.
    Picture,
    /// The cell of one of several streams.
    Stream(usize),
    /// The bar where nothing is on it.
    Bar,
    Timeline,
    Live,
    Button(Button),
}

/// A button of the bar, in the order in which they are important.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Button {
    Toggle,
    StepBack,
    StepForward,
    Record,
    Snapshot,
    Help,
    WholeScreen,
}

/// The buttons at the left end, and those at the right end, each from the left.
const LEFT: [Button; 3] = [Button::StepBack, Button::Toggle, Button::StepForward];
const RIGHT: [Button; 4] = [Button::Record, Button::Snapshot, Button::Help, Button::WholeScreen];
/// The number of buttons.
const BUTTONS: usize = LEFT.len() + RIGHT.len();

/// Where everything is in a window.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Layout {
    pub(crate) scale: Scale,
    pub(crate) window: Rectangle,
    /// The controls; `None` if the window is too small for them.
    pub(crate) bar: Option<Bar>,
}

/// Where the controls are. Those for which there is no room are left out.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Bar {
    pub(crate) area: Rectangle,
    pub(crate) track: Option<Track>,
    /// By the numbers of [`Button`].
    buttons: [Option<Rectangle>; BUTTONS],
    pub(crate) time: Option<Label>,
    pub(crate) live: Option<Label>,
    pub(crate) recording: Option<Label>,
    pub(crate) rate: Option<Label>,
}

/// The line that stands for the medium's time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Track {
    pub(crate) line: Rectangle,
    /// Where the pointer can take the knob.
    pub(crate) grip: Rectangle,
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
        let scale = Scale::of(size);
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
        let hit = bar.targets().find(|(_, area)| area.contains(point));
        Some(hit.map_or(Target::Bar, |(target, _)| target))
    }
}

impl Bar {
    /// Returns where a button is; `None` if there is no room for it.
    pub(crate) fn button(&self, button: Button) -> Option<Rectangle> {
        self.buttons.get(button as usize).copied().flatten()
    }

    /// Returns the buttons that have room, and where they are.
    pub(crate) fn buttons(&self) -> impl Iterator<Item = (Button, Rectangle)> {
        LEFT.into_iter().chain(RIGHT).filter_map(|button| Some((button, self.button(button)?)))
    }

    /// Returns what can be clicked or dragged, and where. None of them overlap.
    fn targets(&self) -> impl Iterator<Item = (Target, Rectangle)> {
        let buttons = self.buttons().map(|(button, area)| (Target::Button(button), area));
        let live = self.live.iter().map(|live| (Target::Live, live.area));
        let timeline = self.track.iter().map(|track| (Target::Timeline, track.grip));
        buttons.chain(live).chain(timeline)
    }

    fn of(window: Rectangle, scale: Scale, model: &Model, position: MediaTime) -> Option<Self> {
        let px = |pixels| unit(pixels, scale);
        let Size { width, height } = window.size;
        let margin = px(if width < px(NARROW) { NARROW_MARGIN } else { MARGIN });
        // The icon, which is narrower than its button, is flush with the track.
        let flush = margin.saturating_sub(px(BUTTON - ICON) / 2);
        let (row_height, row_end) = (px(BUTTON), height.checked_sub(px(ROW_UP))?);
        let row_top = row_end.checked_sub(row_height)?;
        let mut room = Room(width.checked_sub(2 * flush)?);

        let space = px(SPACE);
        let small = |text: &str| text::size(text, Face::Small, scale).width;
        let badge = |text: &str| text::size(text, Face::Bold, scale).width + 2 * px(PADDING);
        let mut has = [false; BUTTONS];
        let mut button = |room: &mut Room, button: Button| {
            let fits = room.take(row_height);
            if let Some(has) = has.get_mut(button as usize) {
                *has = fits;
            }
            fits
        };
        if !button(&mut room, Button::Toggle) {
            return None;
        }
        // Short texts leave room for the buttons, and longer ones take what these leave.
        let [far, near] = live_texts(model.behind_live);
        let live = near.and_then(|near| room.first([near].into_iter(), badge, space));
        let recording = model.recording.as_ref().map(|_| ["REC".to_owned()].into_iter());
        let recording = recording.and_then(|text| room.first(text, |text| badge(text) + px(DOT), space));
        let (whole, exact, short) = time_texts(model, position);
        let large = |text: &str| text::size(text, Face::Large, scale).width;
        let mut time = room.first([short].into_iter(), large, space);
        if room.0 >= 2 * row_height {
            let less_important = [Button::StepBack, Button::StepForward].into_iter().chain(RIGHT);
            less_important.take_while(|next| button(&mut room, *next)).for_each(drop);
        }
        let live = live.map(|(near, taken)| {
            room.0 += taken + space;
            room.first(far.into_iter().chain([near.clone()]), badge, space).unwrap_or((near, taken))
        });
        if let Some((text, taken)) = time.take() {
            room.0 += taken + space;
            let longer = [whole, Some(exact), Some(text)].into_iter().flatten();
            time = room.first(longer, large, space);
        }
        let rate = room.first([rate_text(model.rate)].into_iter(), small, space);

        let at = |left: u32, size: Size| {
            let top = row_top + (row_height.saturating_sub(size.height)) / 2;
            Rectangle::new(Point::zero() + Size::new(left, top), size)
        };
        let mut buttons = [None; BUTTONS];
        let mut place = |button: Button, left: u32| {
            if let Some(place) = buttons.get_mut(button as usize) {
                *place = Some(at(left, Size::new_equal(row_height)));
            }
        };
        let is_there = |button: &Button| has.get(*button as usize).is_some_and(|has| *has);
        let mut left = flush;
        for button in LEFT.into_iter().filter(is_there) {
            place(button, left);
            left += row_height;
        }
        let mut next = |(text, width): (String, u32), face| {
            let size = Size::new(width, text::height(face, scale));
            let label = Label { area: at(left + space, size), text };
            left += space + width;
            label
        };
        let time = time.map(|time| next(time, Face::Large));
        let rate = rate.map(|rate| next(rate, Face::Small));
        let mut right = width - flush;
        for button in RIGHT.into_iter().rev().filter(is_there) {
            right -= row_height;
            place(button, right);
        }
        let mut before = |(text, width): (String, u32)| {
            right -= space + width;
            Label { area: at(right, Size::new(width, px(BADGE_HEIGHT))), text }
        };
        let live = live.map(&mut before);
        let recording = recording.map(&mut before);

        let grip_top = row_top.checked_sub(px(GRIP));
        let track = grip_top.zip(width.checked_sub(2 * margin).filter(|inner| *inner >= px(GRIP)));
        let track = track.map(|(top, inner)| {
            let line_top = top + (px(GRIP) - px(TRACK_HEIGHT)) / 2;
            let line = Rectangle::new(
                Point::zero() + Size::new(margin, line_top),
                Size::new(inner, px(TRACK_HEIGHT)),
            );
            let beside = margin.min(px(GRIP_BESIDE));
            let grip = Rectangle::new(
                Point::zero() + Size::new(margin - beside, top),
                Size::new(inner + 2 * beside, px(GRIP)),
            );
            Track { line, grip }
        });
        let bar_height = match track {
            Some(_) if height >= px(TALL) => px(BAR),
            Some(_) => height - row_top + px(GRIP),
            None => height - row_top,
        };
        let area = Rectangle::new(
            Point::zero() + Size::new(0, height.saturating_sub(bar_height)),
            Size::new(width, bar_height.min(height)),
        );
        Some(Self { area, track, buttons, time, live, recording, rate })
    }
}

/// The width that is left in the row.
struct Room(u32);

impl Room {
    /// Takes so much if it is there, and returns whether it was.
    fn take(&mut self, width: u32) -> bool {
        let left = self.0.checked_sub(width);
        self.0 = left.unwrap_or(self.0);
        left.is_some()
    }

    /// Takes the width of the first text that has room, with a space, and returns the text and its width.
    fn first(
        &mut self,
        texts: impl Iterator<Item = String>,
        width: impl Fn(&str) -> u32,
        space: u32,
    ) -> Option<(String, u32)> {
        texts
            .map(|text| (width(&text), text))
            .find_map(|(width, text)| self.take(width + space).then_some((text, width)))
    }
}

/// Returns whether a live stream is shown at its live edge.
pub(crate) fn is_at_edge(model: &Model) -> bool {
    !model.held && model.behind_live.is_some_and(|behind| behind < AT_THE_EDGE)
}

/// Returns a text that tells how far the picture is behind the live edge, if it is, and a shorter one.
fn live_texts(behind: Option<Duration>) -> [Option<String>; 2] {
    let far = behind.filter(|behind| *behind >= AT_THE_EDGE);
    let far = far.map(|behind| format!("LIVE \u{2212}{:.1} s", behind.as_secs_f64()));
    [far, behind.map(|_| "LIVE".to_owned())]
}

/// Returns the position with the duration, if there is one, without it, and without milliseconds.
fn time_texts(model: &Model, position: MediaTime) -> (Option<String>, String, String) {
    let now = TimeAxis::of(model).map_or(Duration::ZERO, |axis| axis.since_start(position));
    let exact = text::clock(now);
    let whole = model.duration.map(|duration| format!("{exact} / {}", text::clock(duration)));
    (whole, exact, text::short_clock(now))
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
    use std::path::Path;

    /// The least side of something that can be clicked (WCAG 2.2, 2.5.8).
    const CLICKABLE: u32 = 24;

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

    /// Returns all that takes room in the bar.
    fn parts(bar: &Bar) -> Vec<Rectangle> {
        let labels = [&bar.time, &bar.rate, &bar.recording].into_iter().flatten().map(|label| label.area);
        bar.targets().map(|(_, area)| area).chain(labels).collect()
    }

    #[test]
    fn a_point_hits_its_target() {
        let layout = layout((1280, 720), &full());
        let bar = layout.bar.clone().unwrap();
        let hit = |point| layout.hit(point, true);
        for button in LEFT.into_iter().chain(RIGHT) {
            let area = bar.button(button).unwrap();
            assert_eq!(hit(area.center()), Some(Target::Button(button)));
        }
        let track = bar.track.unwrap().line;
        assert_eq!(hit(bar.live.as_ref().unwrap().area.center()), Some(Target::Live));
        assert_eq!(hit(track.center()), Some(Target::Timeline));
        assert_eq!(hit(track.center() - Point::new(0, 11)), Some(Target::Timeline));
        assert_eq!(hit(track.center() - Point::new(0, 30)), Some(Target::Bar));
        assert_eq!(hit(Point::new(640, 300)), Some(Target::Picture));
        assert_eq!(hit(Point::new(-1, 300)), None);
        assert_eq!(hit(Point::new(640, 720)), None);
        let toggle = bar.button(Button::Toggle).unwrap().center();
        assert_eq!(layout.hit(toggle, false), Some(Target::Picture), "it is not shown");
    }

    #[test]
    fn a_large_window_has_large_controls() {
        let [small, large] = [(1280, 720), (2560, 1440)].map(|size| layout(size, &full()));
        let (small, large) = (parts(&small.bar.unwrap()), parts(&large.bar.unwrap()));
        assert_eq!(small.len(), large.len());
        for (small, large) in small.into_iter().zip(large) {
            let differ = |a: u32, b: u32| (2 * a).abs_diff(b);
            assert!(differ(small.size.width, large.size.width) <= 2, "{small:?} {large:?}");
            assert!(differ(small.size.height, large.size.height) <= 2, "{small:?} {large:?}");
        }
    }

    #[test]
    fn nothing_overlaps_and_all_can_be_clicked_in_any_window() {
        let models = [full(), recorded(), Model { behind_live: Some(Duration::ZERO), ..Model::default() }];
        let sizes = (1..2000).step_by(7).chain([2000, 200, 320, 640, 1920]);
        for width in sizes {
            for height in (1..1200).step_by(11).chain([1200, 120, 240, 360, 1080]) {
                for model in &models {
                    check((width, height), model);
                }
            }
        }
    }

    fn check(size: (u32, u32), model: &Model) {
        let Layout { window, bar, .. } = layout(size, model);
        let Some(bar) = bar else { return };
        assert_eq!(bar.area.intersection(&window), bar.area, "{size:?}");
        let parts = parts(&bar);
        for (number, part) in parts.iter().enumerate() {
            assert_eq!(part.intersection(&bar.area), *part, "{part:?} is not in the bar of {size:?}");
            for other in &parts[number + 1..] {
                assert!(part.intersection(other).is_zero_sized(), "{part:?} and {other:?} in {size:?}");
            }
        }
        for (target, area) in bar.targets() {
            let clickable = area.size.width >= CLICKABLE && area.size.height >= CLICKABLE;
            assert!(clickable, "{target:?} is of {:?} in {size:?}", area.size);
            assert_eq!(layout(size, model).hit(area.center(), true), Some(target), "{size:?}");
        }
    }

    #[test]
    fn the_least_needed_is_left_out_first() {
        let bar = |width| layout((width, 300), &full()).bar;
        let there = |width| {
            let bar = bar(width).unwrap();
            let buttons: Vec<_> = bar.buttons().map(|(button, _)| button).collect();
            let text = |label: &Option<Label>| label.as_ref().map_or("", |label| &label.text).to_owned();
            (buttons.len(), text(&bar.time), text(&bar.live), text(&bar.recording), text(&bar.rate))
        };
        let texts = |buttons, time: &str, live: &str, recording: &str, rate: &str| {
            (buttons, time.to_owned(), live.to_owned(), recording.to_owned(), rate.to_owned())
        };
        let behind = "LIVE \u{2212}1.2 s";
        assert_eq!(there(1000), texts(7, "00:03.000 / 00:10.000", behind, "REC", "1.0x"));
        assert_eq!(there(600), texts(7, "00:03.000", behind, "REC", ""));
        assert_eq!(there(320), texts(3, "00:03", "LIVE", "REC", ""));
        assert_eq!(there(200), texts(1, "", "LIVE", "REC", ""));
        assert_eq!(there(36), texts(1, "", "", "", ""));
        assert_eq!(bar(35), None);
        assert_ne!(layout((1280, 72), &full()).bar.unwrap().track, None);
        assert_eq!(layout((1280, 71), &full()).bar.unwrap().track, None);
        assert_eq!(layout((1280, 47), &full()).bar, None);
        assert_eq!(layout((1, 1), &full()).bar, None);
    }

    #[test]
    fn a_small_window_has_a_timeline_and_the_button_to_play() {
        for size in [(200, 120), (320, 240), (640, 360), (1920, 1080)] {
            let bar = layout(size, &recorded()).bar.unwrap();
            assert!(bar.button(Button::Toggle).is_some() && bar.track.is_some() && bar.time.is_some());
            assert!(bar.area.size.height * 5 < size.1 * 4, "it leaves room in {size:?}");
        }
        let all = layout((640, 360), &recorded()).bar.unwrap();
        assert_eq!(all.buttons().count(), BUTTONS);
    }

    #[test]
    fn the_badge_tells_the_distance_to_live() {
        let told = |millis| live_texts(Some(Duration::from_millis(millis)));
        let near = Some("LIVE".to_owned());
        assert_eq!(told(499), [None, near.clone()]);
        assert_eq!(told(1234), [Some("LIVE \u{2212}1.2 s".to_owned()), near]);
        assert_eq!(live_texts(None), [None, None]);
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
        let (whole, exact, short) = time_texts(&live, at(3.0));
        assert_eq!((whole, &*exact, &*short), (None, "00:01.000", "00:01"));
    }
}
