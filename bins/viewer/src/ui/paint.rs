//! Pixels: colours that let through what is below them, and shapes with smooth edges.
use super::scene::{Item, Scene};
use super::shape::{Mask, Masks, Shape};
use super::text;
use embedded_graphics::Pixel;
use embedded_graphics::draw_target::DrawTarget;
use embedded_graphics::geometry::{Dimensions, OriginDimensions, Point, Size};
use embedded_graphics::pixelcolor::PixelColor;
use embedded_graphics::pixelcolor::raw::RawU32;
use embedded_graphics::primitives::Rectangle;
use std::convert::Infallible;

/// A colour and its opacity, `0xAARRGGBB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ink(pub(crate) u32);

impl Ink {
    /// How much of what is below it goes: 0 to 256.
    const fn alpha(self) -> u32 {
        let alpha = self.0 >> 24;
        alpha + (alpha >> 7)
    }

    /// The same colour, of `part` / `whole` its opacity.
    const fn thinned(self, part: u32, whole: u32) -> Self {
        let alpha = (self.0 >> 24) * part / whole;
        Self(alpha << 24 | self.0 & 0x00ff_ffff)
    }

    /// What a pixel becomes below it.
    const fn over(self, under: u32) -> u32 {
        let (alpha, rest) = (self.alpha(), 256 - self.alpha());
        // Red and blue in one multiplication: each has eight bits of room above it.
        let red_blue = (under & 0x00ff_00ff) * rest + (self.0 & 0x00ff_00ff) * alpha;
        let green = (under & 0x0000_ff00) * rest + (self.0 & 0x0000_ff00) * alpha;
        (red_blue >> 8 & 0x00ff_00ff) | (green >> 8 & 0x0000_ff00)
    }
}

impl PixelColor for Ink {
    type Raw = RawU32;
}

/// The window's pixels, to be drawn on. What would be outside is left out.
pub(crate) struct Surface<'a> {
    pixels: &'a mut [u32],
    size: Size,
}

impl<'a> Surface<'a> {
    /// Rows of `0x00RRGGBB`, as many as are in `pixels`.
    pub(crate) fn new(pixels: &'a mut [u32], (width, height): (u32, u32)) -> Self {
        Self { pixels, size: Size::new(width, height) }
    }

    /// The rows of an area, as far as they are there.
    fn rows(&mut self, area: Rectangle) -> impl Iterator<Item = &mut [u32]> {
        let area = area.intersection(&self.bounding_box());
        let [left, top] = [area.top_left.x, area.top_left.y].map(|at| usize::try_from(at).unwrap_or(0));
        let (width, height) = (area.size.width as usize, area.size.height as usize);
        let rows = self.pixels.chunks_exact_mut(self.size.width.max(1) as usize).skip(top).take(height);
        rows.filter_map(move |row| row.get_mut(left..)?.get_mut(..width))
    }

    fn fill(&mut self, area: Rectangle, ink: Ink) {
        for pixel in self.rows(area).flatten() {
            *pixel = ink.over(*pixel);
        }
    }

    /// From nothing at the top to all of the ink at the bottom.
    fn shade(&mut self, area: Rectangle, ink: Ink) {
        for row in 0..area.size.height {
            let ink = ink.thinned(row + 1, area.size.height);
            self.fill(Rectangle::new(area.top_left + Size::new(0, row), Size::new(area.size.width, 1)), ink);
        }
    }

    /// The part of a shape from `from` on, put at `area`.
    fn stamp(&mut self, mask: &Mask, from: Point, area: Rectangle, ink: Ink) {
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

    /// A rectangle whose corners are rounded, on the left, on the right, or all.
    fn plate(
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

impl DrawTarget for Surface<'_> {
    type Color = Ink;
    type Error = Infallible;

    fn draw_iter<I>(&mut self, pixels: I) -> Result<(), Infallible>
    where
        I: IntoIterator<Item = Pixel<Ink>>,
    {
        for Pixel(at, ink) in pixels {
            self.fill(Rectangle::new(at, Size::new_equal(1)), ink);
        }
        Ok(())
    }

    fn fill_solid(&mut self, area: &Rectangle, ink: Ink) -> Result<(), Infallible> {
        self.fill(*area, ink);
        Ok(())
    }
}

/// Draws scenes, and takes them away again: what is below them is kept, so that a scene changes
/// without the picture being scaled anew.
#[derive(Default)]
pub(crate) struct Painter {
    masks: Masks,
    scene: Scene,
    under: Vec<(Rectangle, Vec<u32>)>,
}

impl Painter {
    /// What is drawn now.
    pub(crate) fn scene(&self) -> &Scene {
        &self.scene
    }

    /// Draws a scene, where none is.
    pub(crate) fn paint(&mut self, surface: &mut Surface<'_>, scene: Scene) {
        for item in &scene.0 {
            let area = item.area();
            if !self.under.iter().any(|(kept, _)| area.intersection(kept) == area) {
                let mut pixels = Vec::with_capacity(area.size.width as usize * area.size.height as usize);
                surface.rows(area).for_each(|row| pixels.extend_from_slice(row));
                self.under.push((area, pixels));
            }
            self.draw(surface, item);
        }
        self.scene = scene;
    }

    /// Takes the scene away: the surface is as it was before.
    pub(crate) fn unpaint(&mut self, surface: &mut Surface<'_>) {
        // Areas may overlap: the last that was kept has some of the scene in it.
        for (area, pixels) in self.under.drain(..).rev() {
            let width = area.intersection(&surface.bounding_box()).size.width.max(1) as usize;
            for (row, kept) in surface.rows(area).zip(pixels.chunks_exact(width)) {
                row.copy_from_slice(kept);
            }
        }
        self.scene = Scene::default();
    }

    fn draw(&mut self, surface: &mut Surface<'_>, item: &Item) {
        match *item {
            Item::Fill { area, ink } => surface.fill(area, ink),
            Item::Shade { area, ink } => surface.shade(area, ink),
            Item::Plate { area, radius, ends, ink } => {
                surface.plate(&mut self.masks, area, radius, ends, ink);
            }
            Item::Icon { shape, area, ink } => {
                surface.stamp(self.masks.get(shape, area.size.width), Point::zero(), area, ink);
            }
            Item::Text { at, ref text, face, zoom, ink } => text::draw(surface, at, text, face, zoom, ink),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::text::Face;
    use proptest::prelude::*;

    const WHITE: Ink = Ink(0xffff_ffff);
    const HALF_BLACK: Ink = Ink(0x8000_0000);

    fn rectangle(x: i32, y: i32, width: u32, height: u32) -> Rectangle {
        Rectangle::new(Point::new(x, y), Size::new(width, height))
    }

    #[test]
    fn an_ink_covers_as_much_as_it_says_and_colours_do_not_mix() {
        assert_eq!(Ink(0xff12_3456).over(0x00ff_ffff), 0x0012_3456);
        assert_eq!(Ink(0x0012_3456).over(0x00ab_cdef), 0x00ab_cdef);
        assert_eq!(HALF_BLACK.over(0x00ff_ff00), 0x007e_7e00);
        assert_eq!(Ink(0x8000_00ff).over(0x00ff_0000), 0x007e_0080);
    }

    #[test]
    fn a_plate_has_round_corners_with_soft_edges() {
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
        Surface::new(&mut pixels, (3, 64)).shade(rectangle(0, 0, 3, 64), Ink(0xc000_0000));
        let column: Vec<_> = pixels.iter().step_by(3).collect();
        assert!(column.is_sorted_by(|a, b| a >= b));
        assert!(*column[0] > 0x00c0_0000 && *column[63] < 0x0040_0000);
    }

    #[test]
    fn text_of_twice_the_size_has_four_pixels_for_each() {
        let [one, two] = [1, 2].map(|zoom| {
            let mut pixels = vec![0; 60 * 60];
            let mut surface = Surface::new(&mut pixels, (60, 60));
            text::draw(&mut surface, Point::zero(), "R8", Face::Large, zoom, WHITE);
            pixels.iter().filter(|pixel| **pixel == 0x00ff_ffff).count()
        });
        assert!(one > 30);
        assert_eq!(two, 4 * one);
    }

    fn items() -> impl Strategy<Value = Item> {
        let area =
            (-60..60i32, -60..60i32, 0..90u32, 0..90u32).prop_map(|(x, y, w, h)| rectangle(x, y, w, h));
        (area, 0..5u8, 0..30u32, any::<(bool, bool)>()).prop_map(|(area, kind, radius, ends)| {
            let ink = HALF_BLACK;
            match kind {
                0 => Item::Fill { area, ink },
                1 => Item::Shade { area, ink },
                2 => Item::Plate { area, radius, ends, ink },
                3 => {
                    let area = Rectangle::new(area.top_left, Size::new_equal(area.size.width));
                    Item::Icon { shape: Shape::Play, area, ink: WHITE }
                }
                _ => Item::Text {
                    at: area.top_left,
                    text: "a line\u{20ac}".to_owned(),
                    face: Face::Small,
                    zoom: 1 + radius % 2,
                    ink: WHITE,
                },
            }
        })
    }

    proptest! {
        #[test]
        fn a_scene_anywhere_stays_in_its_areas_and_can_be_taken_away(
            items in proptest::collection::vec(items(), 0..8), size in (1..64u32, 1..64u32),
        ) {
            let blank: Vec<u32> = (0..size.0 * size.1).map(|n| (n * 0x0001_0307) & 0x00ff_ffff).collect();
            let mut pixels = blank.clone();
            let mut painter = Painter::default();
            painter.paint(&mut Surface::new(&mut pixels, size), Scene(items.clone()));
            for (index, (before, after)) in (0..).zip(blank.iter().zip(&pixels)) {
                let at = Point::new(index % size.0 as i32, index / size.0 as i32);
                let inside = items.iter().any(|item| item.area().contains(at));
                prop_assert!(before == after || inside, "{at:?} is outside");
            }
            painter.unpaint(&mut Surface::new(&mut pixels, size));
            prop_assert_eq!(pixels, blank);
        }
    }
}
