//! The bar of controls at the bottom.
use super::design::{Scale, WHITE, unit};
use super::ink::Ink;
use super::layout::{Bar, Button, FADE, ICON, Label, Layout, Target, is_at_edge};
use super::scene::Item;
use super::shape::Shape;
use super::text::{self, Face};
use super::time_axis::TimeAxis;
use super::timeline;
use crate::model::{Activity, Model};
use embedded_graphics::geometry::{AnchorPoint, Point, Size};
use embedded_graphics::primitives::Rectangle;
use pinhole::time::MediaTime;

const GREY: Ink = Ink(0xffb4_b4ba);
/// The bar itself.
const DARK: Ink = Ink(0xd800_0000);
/// Below the button that is pointed at.
const GLOW: Ink = Ink(0x38ff_ffff);
/// Badges.
const RED: Ink = Ink(0xffcc_2a2e);
const DULL: Ink = Ink(0xff5a_5a62);
const MARK: Ink = Ink(0xe020_2024);

const DOT: u32 = 10;
/// From the track up to the bottom of the tip with the pointer's time.
const TIP_UP: u32 = 11;

/// What the buttons show that depends on more than the model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shows {
    /// Whether the window fills the screen.
    pub(crate) whole_screen: bool,
}

/// Draws the bar. `pointer` is the pointer's place and what is under it.
pub(crate) fn draw(
    model: &Model,
    layout: &Layout,
    bar: &Bar,
    position: MediaTime,
    pointer: Option<(Point, Target)>,
    shows: Shows,
) -> Vec<Item> {
    let scale = layout.scale;
    let mut items = vec![Item::Shade { area: bar.area, fade: unit(FADE, scale), ink: DARK }];
    if let Some(track) = bar.track {
        items.extend(timeline::draw(model, track.line, position, scale));
        if let Some((at, Target::Timeline)) = pointer {
            items.extend(tip(model, track.line, bar.area, at, scale).into_iter().flatten());
        }
    }
    for (button, place) in bar.buttons() {
        let square = |side| place.resized(Size::new_equal(side), AnchorPoint::Center);
        if pointer.is_some_and(|(_, pointed)| pointed == Target::Button(button)) {
            items.push(Item::Icon { shape: Shape::Disc, area: place, ink: GLOW });
        }
        let recording = model.recording.is_some();
        let (shape, ink) = match button {
            Button::Toggle if rests(model) => (Shape::Play, WHITE),
            Button::Toggle => (Shape::Pause, WHITE),
            Button::StepBack => (Shape::StepBack, WHITE),
            Button::StepForward => (Shape::StepForward, WHITE),
            Button::Record if recording => (Shape::StopRecording, RED),
            Button::Record => (Shape::Record, WHITE),
            Button::Snapshot => (Shape::Camera, WHITE),
            Button::WholeScreen if shows.whole_screen => (Shape::Shrink, WHITE),
            Button::WholeScreen => (Shape::Grow, WHITE),
            Button::Help => {
                let mark = Label { area: place, text: "?".to_owned() };
                items.push(label(&mark, Face::Title, WHITE, scale));
                continue;
            }
        };
        items.push(Item::Icon { shape, area: square(unit(ICON, scale)), ink });
    }
    items.extend(bar.time.iter().map(|time| label(time, Face::Large, WHITE, scale)));
    items.extend(bar.rate.iter().map(|rate| label(rate, Face::Small, GREY, scale)));
    if let Some(recording) = &bar.recording {
        let Rectangle { top_left, size } = recording.area;
        items.push(Item::plate(recording.area, size.height / 2, MARK));
        let room = Rectangle::new(top_left + Size::new(unit(4, scale), 0), Size::new_equal(size.height));
        let area = room.resized(Size::new_equal(unit(DOT, scale)), AnchorPoint::Center);
        items.push(Item::Icon { shape: Shape::Disc, area, ink: RED });
        let beside = Size::new(room.size.width, 0);
        let rest = Rectangle::new(top_left + beside, size.saturating_sub(beside));
        let text = Label { area: rest, text: recording.text.clone() };
        items.push(label(&text, Face::Bold, WHITE, scale));
    }
    if let Some(live) = &bar.live {
        let ink = if is_at_edge(model) { RED } else { DULL };
        items.push(Item::plate(live.area, live.area.size.height / 2, ink));
        items.push(label(live, Face::Bold, WHITE, scale));
    }
    items
}

/// Returns whether the picture stands because the user holds it or the medium has ended.
pub(crate) fn rests(model: &Model) -> bool {
    model.held || matches!(model.activity, Activity::Paused | Activity::Ended)
}

fn label(of: &Label, face: Face, ink: Ink, scale: Scale) -> Item {
    let at = of.area.resized(text::size(&of.text, face, scale), AnchorPoint::Center).top_left;
    Item::Text { at, text: of.text.clone(), face, scale, ink }
}

/// Draws the time that is under the pointer, above the track and between its ends; `None` if the bar has no
/// room for it.
fn tip(model: &Model, track: Rectangle, bar: Rectangle, at: Point, scale: Scale) -> Option<[Item; 2]> {
    let axis = TimeAxis::of(model)?;
    let text = text::clock(axis.since_start(axis.time(track, at.x)));
    let size = text::size(&text, Face::Small, scale) + Size::new(unit(12, scale), unit(4, scale));
    let room = track.size.width.checked_sub(size.width)?;
    let left = (at.x - size.width as i32 / 2).clamp(track.top_left.x, track.top_left.x + room as i32);
    let top = track.top_left.y - unit(TIP_UP, scale) as i32 - size.height as i32;
    let area = Rectangle::new(Point::new(left, top), size);
    (top >= bar.top_left.y).then(|| {
        let label = Label { area, text };
        [Item::plate(area, unit(4, scale), MARK), self::label(&label, Face::Small, WHITE, scale)]
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::scene::Scene;
    use crate::ui::tests::recorded;
    use std::path::Path;
    use std::time::Duration;

    fn items(model: &Model, pointer: Option<(Point, Target)>) -> Vec<Item> {
        let layout = Layout::of((1280, 720), model, model.position);
        draw(model, &layout, layout.bar.as_ref().unwrap(), model.position, pointer, Shows::default())
    }

    fn has(items: &[Item], wanted: Shape) -> bool {
        items.iter().any(|item| matches!(item, Item::Icon { shape, .. } if *shape == wanted))
    }

    #[test]
    fn the_button_shows_what_a_click_does() {
        let playing = Model { activity: Activity::Playing, ..recorded() };
        assert!(has(&items(&playing, None), Shape::Pause));
        for model in [
            Model { held: true, ..playing.clone() },
            Model { activity: Activity::Paused, ..playing.clone() },
            Model { activity: Activity::Ended, ..playing },
        ] {
            assert!(has(&items(&model, None), Shape::Play) && !has(&items(&model, None), Shape::Pause));
        }
    }

    #[test]
    fn the_badge_is_red_when_live() {
        let inks = |behind| {
            let model = Model { behind_live: Some(Duration::from_millis(behind)), ..recorded() };
            let is = |ink: Ink| {
                let wanted = |item: &Item| matches!(item, Item::Plate { ink: of, .. } if *of == ink);
                items(&model, None).iter().any(wanted)
            };
            (is(RED), is(DULL))
        };
        assert_eq!(inks(40), (true, false));
        assert_eq!(inks(1200), (false, true));
    }

    #[test]
    fn recording_has_a_mark() {
        let model = Model { recording: Some(Path::new("a.avi").into()), ..recorded() };
        assert_eq!(Scene(items(&model, None)).texts(), ["?", "00:03.000 / 00:10.000", "1.0x", "REC"]);
        assert!(has(&items(&model, None), Shape::StopRecording));
        assert!(has(&items(&recorded(), None), Shape::Record));
        assert_eq!(Scene(items(&recorded(), None)).texts(), ["?", "00:03.000 / 00:10.000", "1.0x"]);
    }

    #[test]
    fn the_tip_stays_in_the_window() {
        let told = |x| {
            let items = items(&recorded(), Some((Point::new(x, 660), Target::Timeline)));
            let wanted = |item: &&Item| matches!(item, Item::Text { face: Face::Small, .. });
            let tip = items.iter().find(wanted).unwrap();
            (Scene(vec![tip.clone()]).texts()[0].to_owned(), tip.area())
        };
        assert_eq!(told(640).0, "00:05.000");
        for x in [0, 24, 1256, 1279] {
            let (text, area) = told(x);
            assert!(text == "00:00.000" || text == "00:10.000", "{text}");
            assert!(area.top_left.x >= 20 && area.top_left.x + area.size.width as i32 <= 1260, "{area:?}");
        }
    }
}
