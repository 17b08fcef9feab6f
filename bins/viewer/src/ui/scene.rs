//! What there is to draw over the picture, as a list: whether two differ, and which part of the
//! window they take, is known before a pixel is touched.
use super::paint::Ink;
use super::shape::Shape;
use super::text::{self, Face};
use embedded_graphics::geometry::{Point, Size};
use embedded_graphics::primitives::Rectangle;

/// Things to draw, the lowest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Scene(pub(crate) Vec<Item>);

/// A thing to draw.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Item {
    /// A rectangle.
    Fill { area: Rectangle, ink: Ink },
    /// A rectangle that fades towards its top.
    Shade { area: Rectangle, ink: Ink },
    /// A rectangle with round corners, at the left end, the right end, or both.
    Plate { area: Rectangle, radius: u32, ends: (bool, bool), ink: Ink },
    /// A shape, in a square.
    Icon { shape: Shape, area: Rectangle, ink: Ink },
    /// A line of text with a shadow, in pixels of `zoom` x `zoom`.
    Text { at: Point, text: String, face: Face, zoom: u32, ink: Ink },
}

impl Item {
    /// A rectangle with four round corners.
    pub(crate) const fn plate(area: Rectangle, radius: u32, ink: Ink) -> Self {
        Self::Plate { area, radius, ends: (true, true), ink }
    }

    /// Where it is drawn: nothing of it is elsewhere.
    pub(crate) fn area(&self) -> Rectangle {
        match self {
            Self::Fill { area, .. }
            | Self::Shade { area, .. }
            | Self::Plate { area, .. }
            | Self::Icon { area, .. } => *area,
            Self::Text { at, text, face, zoom, .. } => {
                Rectangle::new(*at, text::size(text, *face, *zoom) + Size::new_equal(*zoom))
            }
        }
    }
}

/// The text, from the top down.
#[cfg(test)]
impl Scene {
    pub(crate) fn texts(&self) -> Vec<&str> {
        let texts = self.0.iter().filter_map(|item| match item {
            Item::Text { text, .. } => Some(text.as_str()),
            _ => None,
        });
        texts.collect()
    }
}
