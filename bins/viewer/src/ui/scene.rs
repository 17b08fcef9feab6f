//! What to draw over the picture, as a list. Two lists can be compared, and the areas that they cover
//! are known, before a pixel is drawn.
use super::design::Scale;
use super::ink::Ink;
use super::shape::Shape;
use super::text::{self, Face};
use embedded_graphics::geometry::Point;
use embedded_graphics::primitives::Rectangle;

/// Items to draw, the lowest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Scene(pub(crate) Vec<Item>);

/// Something to draw.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Item {
    /// A rectangle.
    Fill { area: Rectangle, ink: Ink },
    /// A rectangle that fades towards its top, over the first `fade` rows; not zero.
    Shade { area: Rectangle, fade: u32, ink: Ink },
    /// A rectangle whose corners are rounded at the left end, the right end, or both (`ends`).
    Plate { area: Rectangle, radius: u32, ends: (bool, bool), ink: Ink },
    /// A shape, in a square.
    Icon { shape: Shape, area: Rectangle, ink: Ink },
    /// A line of text.
    Text { at: Point, text: String, face: Face, scale: Scale, ink: Ink },
}

impl Item {
    /// Makes a rectangle with four round corners.
    pub(crate) const fn plate(area: Rectangle, radius: u32, ink: Ink) -> Self {
        Self::Plate { area, radius, ends: (true, true), ink }
    }

    /// Returns a rectangle outside of which the item draws nothing.
    pub(crate) fn area(&self) -> Rectangle {
        match self {
            Self::Fill { area, .. }
            | Self::Shade { area, .. }
            | Self::Plate { area, .. }
            | Self::Icon { area, .. } => *area,
            Self::Text { at, text, face, scale, .. } => text::area(*at, text, *face, *scale),
        }
    }
}

#[cfg(test)]
impl Scene {
    /// Returns the lines of text in their order.
    pub(crate) fn texts(&self) -> Vec<&str> {
        let texts = self.0.iter().filter_map(|item| match item {
            Item::Text { text, .. } => Some(text.as_str()),
            _ => None,
        });
        texts.collect()
    }
}
