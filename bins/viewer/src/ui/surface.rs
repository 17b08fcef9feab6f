//! The window's pixels, with rectangles and smooth shapes to draw on them.
use super::ink::Ink;
use super::shape::{Mask, Masks, Shape};
use embedded_graphics::geometry::{Dimensions, OriginDimensions, Point, Size};
use embedded_graphics::primitives::Rectangle;

/// Borrowed pixels of the window, to draw on. Drawing outside of them has no effect.
pub(crate) struct Surface<'a> {
    pixels: &'a mut [u32],
    size: Size,
}

impl<'a> Surface<'a> {
    /// Makes a surface of rows of `width` pixels `0x00RRGGBB`.
    pub(crate) fn new(pixels: &'a mut [u32], (width, height): (u32, u32)) -> Self {
        Self { pixels, size: Size::new(width, height) }
    }

    /// Returns the rows of an area, without what is outside of the surface.
    pub(super) fn rows(&mut self, area: Rectangle) -> impl Iterator<Item = &mut [u32]> {
        let area = area.intersection(&self.bounding_box());
        let [left, top] = [area.top_left.x, area.top_left.y].map(|at| usize::try_from(at).unwrap_or(0));
        let (width, height) = (area.size.width as usize, area.size.height as usize);
        let rows = self.pixels.chunks_exact_mut(self.size.width.max(1) as usize).skip(top).take(height);
        rows.filter_map(move |row| row.get_mut(left..)?.get_mut(..width))
    }

    /// Fills a rectangle.
    pub(super) fn fill(&mut self, area: Rectangle, ink: Ink) {
        for pixel in self.rows(area).flatten() {
            *pixel = ink.over(*pixel);
        }
    }

    /// Fills a rectangle with an ink that fades towards the top, over `fade` rows.
    pub(super) fn shade(&mut self, area: Rectangle, fade: u32, ink: Ink) {
        for row in 0..area.size.height {
            let ink = ink.thinned((row + 1).min(fade), fade);
            self.fill(Rectangle::new(area.top_left + Size::new(0, row), Size::new(area.size.width, 1)), ink);
        }
    }

    /// Fills `area` with the part of a shape that begins at `from`.
    pub(super) fn stamp(&mut self, mask: &Mask, from: Point, area: Rectangle, ink: Ink) {
        let inside = area.intersection(&self.bounding_box());
        let [left, top] = {
            let from = from + (inside.top_left - area.top_left);
            [from.x, from.y].map(|at| usize::try_from(at).unwrap_or(0))
        };
        for (row, coverage) in self.rows(inside).zip(mask.rows().skip(top)) {
            for (pixel, covered) in row.iter_mut().zip(coverage.iter().skip(left)) {
                *pixel = ink.thinned((*covered).into(), Mask::FULL).over(*pixel);
            }
        }
    }

    /// Fills a rectangle whose corners are rounded at the left end, the right end, or both.
    pub(super) fn plate(
        &mut self,
        masks: &mut Masks,
        area: Rectangle,
        radius: u32,
        (left, right): (bool, bool),
        ink: Ink,
    ) {
        let Size { width, height } = area.size;
        let radius = radius.min(height / 2).min(width / (u32::from(left) + u32::from(right)).max(1));
        let (inset_left, inset_right) = (radius * u32::from(left), radius * u32::from(right));
        let part =
            |x, y, width, height| Rectangle::new(area.top_left + Size::new(x, y), Size::new(width, height));
        self.fill(part(inset_left, 0, width - inset_left - inset_right, height), ink);
        let disc = masks.get(Shape::Disc, radius * 2);
        let far = radius as i32;
        for (x, inset, from) in [(0, inset_left, 0), (width - inset_right, inset_right, far)] {
            self.fill(part(x, radius, inset, height - 2 * radius), ink);
            self.stamp(disc, Point::new(from, 0), part(x, 0, inset, radius), ink);
            self.stamp(disc, Point::new(from, far), part(x, height - radius, inset, radius), ink);
        }
    }
}

impl OriginDimensions for Surface<'_> {
    fn size(&self) -> Size {
        self.size
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHITE: Ink = Ink(0xffff_ffff);

    fn rectangle(x: i32, y: i32, width: u32, height: u32) -> Rectangle {
        Rectangle::new(Point::new(x, y), Size::new(width, height))
    }

    #[test]
    fn plates_have_round_soft_corners() {
        let mut pixels = vec![0; 40 * 20];
        let mut surface = Surface::new(&mut pixels, (40, 20));
        surface.plate(&mut Masks::default(), rectangle(0, 0, 40, 20), 8, (true, false), WHITE);
        assert_eq!(pixels[0], 0, "the corner is round");
        assert_eq!(pixels[39], 0x00ff_ffff, "this one is not");
        assert_eq!(pixels[10 * 40], 0x00ff_ffff);
        let soft = pixels.iter().filter(|pixel| !matches!(**pixel, 0 | 0x00ff_ffff)).count();
        assert!((8..60).contains(&soft), "{soft} pixels of the edges are between");
        assert!(pixels.iter().all(|pixel| *pixel & 0xff == *pixel >> 16));
    }

    #[test]
    fn a_shade_darkens_downwards() {
        let mut pixels = vec![0x00c8_c8c8; 3 * 64];
        Surface::new(&mut pixels, (3, 64)).shade(rectangle(0, 0, 3, 64), 48, Ink(0xc000_0000));
        let column: Vec<_> = pixels.iter().step_by(3).collect();
        assert!(column.is_sorted_by(|a, b| a >= b));
        assert!(*column[0] > 0x00c0_0000 && *column[63] < 0x0040_0000);
        assert_eq!((column[47], *column[46] > *column[47]), (column[63], true));
    }
}
