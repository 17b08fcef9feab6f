//! Panels of text over the picture, placed so that none covers another one or the controls.
use super::design::{PLATE, Scale, WHITE, unit};
use super::ink::Ink;
use super::layout::Layout;
use super::scene::Item;
use super::text::{self, Face};
use embedded_graphics::geometry::{AnchorPoint, Size};
use embedded_graphics::primitives::Rectangle;

/// Free space around panels, and around the text in them. There is less in a small window.
const MARGIN: u32 = 16;
const PADDING: u32 = 12;
const SMALL_MARGIN: u32 = 4;
const SMALL_PADDING: u32 = 6;
const SMALL: Size = Size::new(400, 240);
/// Free space between lines, and between columns.
const LEADING: u32 = 3;
const GUTTER: u32 = 18;
const RADIUS: u32 = 6;
/// The narrowest text that is of use.
const LEAST_WIDTH: u32 = 48;

/// A line of a panel.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Line {
    text: String,
    /// What is in the second column.
    second: Option<String>,
    face: Face,
    ink: Ink,
}

impl Line {
    /// Makes a line of plain text.
    pub(super) fn plain(text: impl Into<String>) -> Self {
        Self::new(text, Face::Small, WHITE)
    }

    /// Makes a line.
    pub(super) fn new(text: impl Into<String>, face: Face, ink: Ink) -> Self {
        Self { text: text.into(), second: None, face, ink }
    }

    /// Makes a line of two columns.
    pub(super) fn columns(first: &str, second: &str) -> Self {
        Self { second: Some(second.to_owned()), ..Self::plain(first) }
    }

    fn height(&self, scale: Scale) -> u32 {
        text::height(self.face, scale) + unit(LEADING, scale)
    }

    fn width(&self, scale: Scale) -> u32 {
        text::size(&self.text, self.face, scale).width
    }
}

/// How lines are set on their plate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Align {
    Left,
    Centre,
}

/// The panels that are placed so far.
pub(super) struct Panels {
    scale: Scale,
    padding: Size,
    /// Where panels may be.
    room: Rectangle,
    taken: Vec<Rectangle>,
    pub(super) items: Vec<Item>,
}

impl Panels {
    /// Makes an empty set of panels for a window whose controls, if they are shown, cover `bar`.
    pub(super) fn new(layout: &Layout, bar: Option<Rectangle>) -> Self {
        let Layout { scale, window, .. } = *layout;
        let is_small =
            window.size.width < unit(SMALL.width, scale) || window.size.height < unit(SMALL.height, scale);
        let (margin, padding) = if is_small { (SMALL_MARGIN, SMALL_PADDING) } else { (MARGIN, PADDING) };
        let covered = bar.map_or(0, |bar| bar.size.height);
        let inset = unit(margin, scale);
        let free = window.size.saturating_sub(Size::new(0, covered));
        let room = Rectangle::new(
            window.top_left + Size::new_equal(inset),
            free.saturating_sub(Size::new_equal(2 * inset)),
        );
        let padding = Size::new_equal(unit(padding, scale));
        Self { scale, padding, room, taken: Vec::new(), items: Vec::new() }
    }

    /// Makes an empty set of panels for a part of the window, which cover none of these.
    pub(super) fn within(&self, part: &Layout) -> Self {
        Self { taken: self.taken.clone(), ..Self::new(part, None) }
    }

    /// Returns whether all of the lines have room, if no other panel does.
    pub(super) fn fits(&self, lines: &[Line], scale: Scale) -> bool {
        let size = natural(lines, scale) + self.padding * 2;
        size.width <= self.room.size.width && size.height <= self.room.size.height
    }

    /// Returns whether all of the lines have room if they are shortened.
    pub(super) fn has_height(&self, lines: &[Line]) -> bool {
        natural(lines, self.scale).height + 2 * self.padding.height <= self.room.size.height
    }

    /// Returns the scale of the window.
    pub(super) const fn scale(&self) -> Scale {
        self.scale
    }

    /// Returns the largest scale at which all of the lines have room.
    pub(super) fn scale_of(&self, lines: &[Line]) -> Option<Scale> {
        self.scale.down().find(|scale| self.fits(lines, *scale))
    }

    /// Draws lines on a plate at the first place where they cover no other panel. Lines that are too long are
    /// shortened, and the last are left out if there is no room for all. Returns whether there is a place.
    pub(super) fn put(&mut self, lines: &[Line], align: Align, places: &[AnchorPoint]) -> bool {
        self.put_scaled(lines, align, places, self.scale)
    }

    /// As [`Self::put`], in another scale.
    pub(super) fn put_scaled(
        &mut self,
        lines: &[Line],
        align: Align,
        places: &[AnchorPoint],
        scale: Scale,
    ) -> bool {
        let inner = self.room.size.saturating_sub(self.padding * 2);
        let mut height = 0;
        let fitting = lines.iter().take_while(|line| {
            height += line.height(scale);
            height <= inner.height + unit(LEADING, scale)
        });
        // Fewer lines may find a place between other panels.
        for count in (1..=fitting.count()).rev() {
            let lines = lines.get(..count).unwrap_or_default();
            let width = natural(lines, scale).width.min(inner.width);
            if width < unit(LEAST_WIDTH, scale).min(natural(lines, scale).width) {
                return false;
            }
            let size = Size::new(width, natural(lines, scale).height) + self.padding * 2;
            let free = places
                .iter()
                .map(|place| self.room.resized(size, *place))
                .find(|area| self.taken.iter().all(|taken| taken.intersection(area).is_zero_sized()));
            if let Some(area) = free {
                self.taken.push(area);
                self.draw(area, lines, align, scale);
                return true;
            }
        }
        false
    }

    fn draw(&mut self, area: Rectangle, lines: &[Line], align: Align, scale: Scale) {
        self.items.push(Item::plate(area, unit(RADIUS, self.scale), PLATE));
        let width = area.size.saturating_sub(self.padding * 2).width;
        let second_at = first_column(lines, scale);
        let mut at = area.top_left + self.padding;
        for Line { text, second, face, ink } in lines {
            let first = if second.is_some() { width.min(second_at) } else { width };
            let rest = second.as_ref().map(|second| (second_at, second, width.saturating_sub(second_at)));
            for (from, text, room) in [(0, text, first)].into_iter().chain(rest) {
                let text = text::shortened(text, *face, scale, room);
                if text.is_empty() {
                    continue;
                }
                let free = room.saturating_sub(text::size(&text, *face, scale).width);
                let indent = from + if align == Align::Centre { free / 2 } else { 0 };
                let at = at + Size::new(indent, 0);
                self.items.push(Item::Text { at, text, face: *face, scale, ink: *ink });
            }
            at += Size::new(0, text::height(*face, scale) + unit(LEADING, scale));
        }
    }
}

/// Returns the size of lines of which nothing is left out.
fn natural(lines: &[Line], scale: Scale) -> Size {
    let height: u32 = lines.iter().map(|line| line.height(scale)).sum();
    let second_at = first_column(lines, scale);
    let width = |line: &Line| match &line.second {
        Some(second) => second_at + text::size(second, line.face, scale).width,
        None => line.width(scale),
    };
    let width = lines.iter().map(width).max().unwrap_or(0);
    Size::new(width, height.saturating_sub(unit(LEADING, scale)))
}

/// Returns where the second column begins.
fn first_column(lines: &[Line], scale: Scale) -> u32 {
    let first = lines.iter().filter(|line| line.second.is_some()).map(|line| line.width(scale)).max();
    first.map_or(0, |width| width + unit(GUTTER, scale))
}
