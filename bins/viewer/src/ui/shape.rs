//! Masks with smooth edges: of shapes, which are drawn at four times their size and averaged, and of letters.
use embedded_graphics::draw_target::DrawTarget;
use embedded_graphics::geometry::{OriginDimensions, Point, Size};
use embedded_graphics::pixelcolor::BinaryColor;
use embedded_graphics::primitives::{Circle, Primitive, PrimitiveStyle, Rectangle};
use embedded_graphics::{Drawable, Pixel};
use std::collections::HashMap;
use std::convert::Infallible;

/// Samples across and down in each pixel.
const FINE: u32 = 4;
/// The grid that the icons are designed on.
const GRID: u32 = 24;

/// A shape that fills a square.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Shape {
    Disc,
    Play,
    Pause,
    StepBack,
    StepForward,
    /// A disc in a ring: records.
    Record,
    /// A square in a ring: stops recording.
    StopRecording,
    /// A camera: saves the picture.
    Camera,
    /// Four corners that point outwards: fills the screen.
    Grow,
    /// Four corners that point inwards: leaves the whole screen.
    Shrink,
}

/// How much something covers of each pixel of a rectangle.
#[derive(Debug)]
pub(crate) struct Mask {
    size: Size,
    coverage: Vec<u8>,
}

impl Mask {
    /// The coverage of a pixel that is completely inside.
    pub(crate) const FULL: u32 = 255;

    /// Makes a mask that covers nothing.
    pub(crate) fn empty(size: Size) -> Self {
        Self { size, coverage: vec![0; size.width as usize * size.height as usize] }
    }

    /// Sets how much of a pixel is covered, up to [`Self::FULL`]. Has no effect outside of the mask.
    pub(crate) fn set(&mut self, x: u32, y: u32, covered: u8) {
        let at = y as usize * self.size.width as usize + x as usize;
        if x < self.size.width
            && let Some(coverage) = self.coverage.get_mut(at)
        {
            *coverage = covered;
        }
    }

    /// Returns width and height in pixels.
    pub(crate) const fn size(&self) -> Size {
        self.size
    }

    fn of(shape: Shape, side: u32) -> Self {
        let mut samples = Samples { side: side * FINE, set: vec![false; (side * FINE).pow(2) as usize] };
        let Ok(()) = draw(shape, &mut samples);
        let (fine, row) = (FINE as usize, samples.side.max(1) as usize);
        let mut coverage = Vec::with_capacity((side * side) as usize);
        for rows in samples.set.chunks_exact(row * fine) {
            coverage.extend((0..side as usize).map(|x| {
                let samples = rows.chunks_exact(row).flat_map(|row| row.iter().skip(x * fine).take(fine));
                let inside = samples.filter(|set| **set).count() as u32;
                (inside * Self::FULL / (FINE * FINE)) as u8
            }));
        }
        Self { size: Size::new_equal(side), coverage }
    }

    /// Returns the rows: for each pixel, 0 to [`Self::FULL`].
    pub(crate) fn rows(&self) -> impl Iterator<Item = &[u8]> {
        self.coverage.chunks_exact(self.size.width.max(1) as usize)
    }
}

/// The masks that were needed so far: a few shapes, each in a few sizes.
#[derive(Debug, Default)]
pub(crate) struct Masks(HashMap<(Shape, u32), Mask>);

impl Masks {
    /// Returns the mask of a shape, `side` pixels across and down.
    pub(crate) fn get(&mut self, shape: Shape, side: u32) -> &Mask {
        self.0.entry((shape, side)).or_insert_with(|| Mask::of(shape, side))
    }
}

fn draw(shape: Shape, on: &mut Samples) -> Result<(), Infallible> {
    match shape {
        Shape::Disc => {
            let style = PrimitiveStyle::with_fill(BinaryColor::On);
            Circle::new(Point::zero(), on.side).into_styled(style).draw(on)
        }
        Shape::Play => arrow(on, 6, 21, 3),
        Shape::Pause => {
            bar(on, 5, 10)?;
            bar(on, 14, 19)
        }
        Shape::StepBack => {
            bar(on, 17, 20)?;
            arrow(on, 15, 3, 4)
        }
        Shape::StepForward => {
            bar(on, 4, 7)?;
            arrow(on, 9, 21, 4)
        }
        Shape::Record => {
            ring(on)?;
            disc(on, 6, BinaryColor::On)
        }
        Shape::StopRecording => {
            ring(on)?;
            block(on, (8, 8), (16, 16), BinaryColor::On)
        }
        Shape::Camera => {
            block(on, (2, 7), (22, 20), BinaryColor::On)?;
            block(on, (8, 4), (16, 7), BinaryColor::On)?;
            disc(on, 7, BinaryColor::Off)?;
            disc(on, 9, BinaryColor::On)
        }
        Shape::Grow => corners(on, (3, 9), (3, 5)),
        Shape::Shrink => corners(on, (3, 9), (7, 9)),
    }
}

/// Draws a ring that fills most of the grid.
fn ring(on: &mut Samples) -> Result<(), Infallible> {
    disc(on, 2, BinaryColor::On)?;
    disc(on, 4, BinaryColor::Off)
}

/// Draws a disc in the middle, `inset` lines of the grid from its edges. In a camera, it is somewhat lower.
fn disc(on: &mut Samples, inset: u32, colour: BinaryColor) -> Result<(), Infallible> {
    let inset = inset * on.side / GRID;
    let top_left = Point::zero() + Size::new_equal(inset);
    Circle::new(top_left, on.side - 2 * inset).into_styled(PrimitiveStyle::with_fill(colour)).draw(on)
}

/// Draws a corner in each quarter of the grid. Its legs are `arm`, from the edge of the grid; `stem` is how
/// far from that edge both legs meet.
fn corners(on: &mut Samples, arm: (u32, u32), stem: (u32, u32)) -> Result<(), Infallible> {
    let far = |(from, to): (u32, u32)| (GRID - to, GRID - from);
    for across in [false, true] {
        for down in [false, true] {
            let x = |span| if across { far(span) } else { span };
            let y = |span| if down { far(span) } else { span };
            for (x, y) in [(x(arm), y(stem)), (x(stem), y(arm))] {
                block(on, (x.0, y.0), (x.1, y.1), BinaryColor::On)?;
            }
        }
    }
    Ok(())
}

/// Fills a rectangle between lines of the grid: its upper left and lower right corners.
fn block(on: &mut Samples, from: (u32, u32), to: (u32, u32), colour: BinaryColor) -> Result<(), Infallible> {
    let [left, top, right, bottom] = [from.0, from.1, to.0, to.1].map(|line| line * on.side / GRID);
    let area = Rectangle::new(Point::zero() + Size::new(left, top), Size::new(right - left, bottom - top));
    on.fill_solid(&area, colour)
}

/// Draws an upright bar between two lines of the grid.
fn bar(on: &mut Samples, left: u32, right: u32) -> Result<(), Infallible> {
    block(on, (left, 4), (right, 20), BinaryColor::On)
}

/// Draws a triangle from an upright base to a tip at half of the height. It keeps `top` lines of the grid
/// above and below it free. Drawn row by row, because the library's triangle overflows in large sizes.
fn arrow(on: &mut Samples, base: u32, tip: u32, top: u32) -> Result<(), Infallible> {
    let [base, tip, top] = [base, tip, top].map(|line| line * on.side / GRID);
    let (length, height) = (base.abs_diff(tip), on.side - 2 * top);
    for row in 0..height {
        // The middle of the row is as far from that of the triangle as from its edge.
        let way = height - (2 * row + 1).abs_diff(height);
        let width = length * way / height;
        let left = if tip > base { base } else { base - width };
        let area = Rectangle::new(Point::zero() + Size::new(left, top + row), Size::new(width, 1));
        on.fill_solid(&area, BinaryColor::On)?;
    }
    Ok(())
}

/// A square of samples that are inside a shape or not.
struct Samples {
    side: u32,
    set: Vec<bool>,
}

impl OriginDimensions for Samples {
    fn size(&self) -> Size {
        Size::new_equal(self.side)
    }
}

impl DrawTarget for Samples {
    type Color = BinaryColor;
    type Error = Infallible;

    fn draw_iter<I>(&mut self, pixels: I) -> Result<(), Infallible>
    where
        I: IntoIterator<Item = Pixel<BinaryColor>>,
    {
        let side = self.side as usize;
        for Pixel(at, colour) in pixels {
            let (Ok(x), Ok(y)) = (usize::try_from(at.x), usize::try_from(at.y)) else { continue };
            if x < side
                && let Some(sample) = self.set.get_mut(y * side + x)
            {
                *sample = colour.is_on();
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPES: [Shape; 10] = [
        Shape::Disc,
        Shape::Play,
        Shape::Pause,
        Shape::StepBack,
        Shape::StepForward,
        Shape::Record,
        Shape::StopRecording,
        Shape::Camera,
        Shape::Grow,
        Shape::Shrink,
    ];

    fn covered(mask: &Mask) -> f64 {
        mask.coverage.iter().map(|covered| f64::from(*covered)).sum::<f64>() / f64::from(Mask::FULL)
    }

    #[test]
    fn a_disc_has_its_area() {
        for side in [6, 16, 48] {
            let expected = f64::from(side * side) * std::f64::consts::FRAC_PI_4;
            let covered = covered(&Mask::of(Shape::Disc, side));
            assert!((covered / expected - 1.0).abs() < 0.03, "{side}: {covered} for {expected}");
        }
    }

    #[test]
    fn only_slanted_edges_are_soft() {
        let between = |shape| {
            let mask = Mask::of(shape, 24);
            mask.coverage.iter().filter(|covered| !matches!(**covered, 0 | 255)).count()
        };
        assert!(between(Shape::Play) > 20 && between(Shape::Disc) > 20);
        assert_eq!(between(Shape::Pause), 0);
    }

    #[test]
    fn back_mirrors_forward() {
        let [back, forward] = [Shape::StepBack, Shape::StepForward].map(|shape| Mask::of(shape, 48));
        let mirrored: Vec<u8> = forward.rows().flat_map(|row| row.iter().rev()).copied().collect();
        assert_eq!(back.coverage, mirrored);
    }

    #[test]
    fn tiny_shapes_can_be_drawn() {
        let mut masks = Masks::default();
        for shape in SHAPES {
            assert_eq!(masks.get(shape, 0).rows().count(), 0);
            assert_eq!(masks.get(shape, 1).rows().count(), 1);
            assert!(covered(masks.get(shape, 24)) > 60.0, "{shape:?}");
        }
    }

    #[test]
    fn no_two_shapes_are_alike() {
        for (number, shape) in SHAPES.into_iter().enumerate() {
            for other in SHAPES.into_iter().skip(number + 1) {
                let [one, two] = [shape, other].map(|shape| Mask::of(shape, 24).coverage);
                let differing = one.iter().zip(&two).filter(|(one, two)| one.abs_diff(**two) > 128).count();
                assert!(differing > 30, "{shape:?} and {other:?} differ in {differing} pixels");
            }
        }
    }
}
