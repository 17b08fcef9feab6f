//! Puts a scene on the window's pixels.
use super::scene::{Item, Scene};
use super::shape::Masks;
use super::surface::Surface;
use super::text::Glyphs;
use embedded_graphics::geometry::{Dimensions, Point};
use embedded_graphics::primitives::Rectangle;

/// Draws scenes, and removes them again. Keeps the pixels below a scene, so that it can change
/// without scaling the picture again.
#[derive(Default)]
pub(crate) struct Painter {
    masks: Masks,
    glyphs: Glyphs,
    scene: Scene,
    /// The areas that are covered, and their pixels below the scene.
    under: Vec<(Rectangle, Vec<u32>)>,
}

impl Painter {
    /// Returns the scene that is drawn now.
    pub(crate) fn scene(&self) -> &Scene {
        &self.scene
    }

    /// Draws a scene. The one before must have been removed.
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

    /// Removes the scene: the surface is as before [`Self::paint`].
    pub(crate) fn unpaint(&mut self, surface: &mut Surface<'_>) {
        // Areas may overlap: of those, the first was kept before any of them was drawn.
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
            Item::Shade { area, fade, ink } => surface.shade(area, fade, ink),
            Item::Plate { area, radius, ends, ink } => {
                surface.plate(&mut self.masks, area, radius, ends, ink);
            }
            Item::Icon { shape, area, ink } => {
                surface.stamp(self.masks.get(shape, area.size.width), Point::zero(), area, ink);
            }
            Item::Text { at, ref text, face, scale, ink } => {
                self.glyphs.draw(surface, at, text, face, scale, ink);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::design::Scale;
    use crate::ui::ink::Ink;
    use crate::ui::shape::Shape;
    use crate::ui::text::Face;
    use embedded_graphics::geometry::Size;
    use proptest::prelude::*;

    const WHITE: Ink = Ink(0xffff_ffff);
    const HALF_BLACK: Ink = Ink(0x8000_0000);

    fn rectangle(x: i32, y: i32, width: u32, height: u32) -> Rectangle {
        Rectangle::new(Point::new(x, y), Size::new(width, height))
    }

    fn items() -> impl Strategy<Value = Item> {
        let area =
            (-60..60i32, -60..60i32, 0..90u32, 0..90u32).prop_map(|(x, y, w, h)| rectangle(x, y, w, h));
        (area, 0..5u8, 0..30u32, any::<(bool, bool)>()).prop_map(|(area, kind, radius, ends)| {
            let ink = HALF_BLACK;
            match kind {
                0 => Item::Fill { area, ink },
                1 => Item::Shade { area, fade: 1 + radius, ink },
                2 => Item::Plate { area, radius, ends, ink },
                3 => {
                    let area = Rectangle::new(area.top_left, Size::new_equal(area.size.width));
                    Item::Icon { shape: Shape::Play, area, ink: WHITE }
                }
                _ => Item::Text {
                    at: area.top_left,
                    text: "a line\u{20ac}".to_owned(),
                    face: Face::Small,
                    scale: Scale::of((radius * 160, radius * 160)),
                    ink: WHITE,
                },
            }
        })
    }

    proptest! {
        #[test]
        fn a_scene_can_be_removed(
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
