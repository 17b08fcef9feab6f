//! Scales pictures to their cells of the window: as large as they fit, centred between black bars, or so large
//! that they fill them.
use super::surface::Surface;
use crate::model::Picture;
use embedded_graphics::primitives::Rectangle;
use fast_image_resize::images::{TypedCroppedImageMut, TypedImage, TypedImageRef};
use fast_image_resize::pixels::U8x4;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};

/// Width and height of a window that opens before the first picture.
pub(crate) const FIRST_SIZE: (u32, u32) = (1024, 576);
/// Width and height of the largest window that is opened.
const LARGEST: (u32, u32) = (1280, 720);

/// A rectangle of the window, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rect {
    x: u32,
    y: u32,
    width: u32,
    height: u32,
}

/// Returns where a picture goes in a window; at least one pixel. Neither of them may be empty.
fn fit(picture: (u32, u32), window: (u32, u32)) -> Rect {
    let [pw, ph, ww, wh] = [picture.0, picture.1, window.0, window.1].map(u64::from);
    let rounded = |a: u64, b: u64, by: u64| (((a * b + by / 2) / by).max(1)) as u32;
    let (width, height) =
        if ww * ph <= wh * pw { (window.0, rounded(ww, ph, pw)) } else { (rounded(wh, pw, ph), window.1) };
    let (width, height) = (width.min(window.0), height.min(window.1));
    Rect { x: (window.0 - width) / 2, y: (window.1 - height) / 2, width, height }
}

/// Returns the size of a new window for a picture: its own, doubled while that is not too large, or less
/// if it would not fit on a desktop.
pub(crate) fn window_size(picture: (u32, u32)) -> (u32, u32) {
    let mut size = picture;
    while size.0 * 2 <= LARGEST.0 && size.1 * 2 <= LARGEST.1 {
        size = (size.0 * 2, size.1 * 2);
    }
    if size.0 > LARGEST.0 || size.1 > LARGEST.1 {
        let fitted = fit(picture, LARGEST);
        size = (fitted.width, fitted.height);
    }
    size
}

/// The window's pixels.
pub(crate) struct Canvas {
    pixels: Vec<u32>,
    size: (u32, u32),
    /// Where the last picture of each cell is. The rest is black.
    drawn: Vec<Option<Rect>>,
    resizer: Resizer,
    options: ResizeOptions,
}

impl Canvas {
    /// Makes an empty canvas.
    pub(crate) fn new() -> Self {
        let options = ResizeOptions::new()
            .resize_alg(ResizeAlg::Convolution(FilterType::Bilinear))
            // The fourth byte is unused.
            .use_alpha(false);
        Self { pixels: Vec::new(), size: (0, 0), drawn: Vec::new(), resizer: Resizer::new(), options }
    }

    /// Returns width and height in pixels.
    pub(crate) fn size(&self) -> (u32, u32) {
        self.size
    }

    /// Returns the rows of pixels, `0x00RRGGBB`.
    pub(crate) fn pixels(&self) -> &[u32] {
        &self.pixels
    }

    /// Returns a surface to draw over the picture.
    pub(crate) fn surface(&mut self) -> Surface<'_> {
        Surface::new(&mut self.pixels, self.size)
    }

    /// Makes all pixels of a window of this size black.
    pub(crate) fn clear(&mut self, size: (u32, u32)) {
        self.pixels.clear();
        self.pixels.resize(size.0 as usize * size.1 as usize, 0);
        self.size = size;
        self.drawn.clear();
    }

    /// Draws a picture in a cell of the window, which was cleared since the cells have changed. If `filled`, the
    /// picture fills its cell, and its edges may be cut off.
    pub(crate) fn draw(&mut self, number: usize, cell: Rectangle, picture: &Picture, filled: bool) {
        let size = (cell.size.width, cell.size.height);
        let [left, top] = [cell.top_left.x, cell.top_left.y].map(|at| u32::try_from(at).unwrap_or(0));
        let inside = left.checked_add(size.0).is_some_and(|right| right <= self.size.0)
            && top.checked_add(size.1).is_some_and(|bottom| bottom <= self.size.1);
        if size.0 == 0 || size.1 == 0 || !inside {
            return;
        }
        let (mut to, options) = if filled {
            let all = Rect { x: 0, y: 0, width: size.0, height: size.1 };
            (all, self.options.fit_into_destination(None))
        } else {
            (fit((picture.width, picture.height), size), self.options)
        };
        (to.x, to.y) = (to.x + left, to.y + top);
        if self.drawn.len() <= number {
            self.drawn.resize(number + 1, None);
        }
        if let Some(drawn) = self.drawn.get_mut(number)
            && drawn.replace(to).is_some_and(|before| before != to)
        {
            self.surface().rows(cell).for_each(|row| row.fill(0));
        }
        if self.resize(picture, to, &options).is_none() {
            tracing::error!(?size, ?to, "the picture does not fit its own description");
        }
    }

    /// Returns whether a cell has a picture.
    pub(crate) fn has_picture(&self, number: usize) -> bool {
        matches!(self.drawn.get(number), Some(Some(_)))
    }

    fn resize(&mut self, picture: &Picture, to: Rect, options: &ResizeOptions) -> Option<()> {
        let from = bytemuck::cast_slice(&picture.pixels);
        let from = TypedImageRef::<U8x4>::from_buffer(picture.width, picture.height, from).ok()?;
        let window = bytemuck::cast_slice_mut(&mut self.pixels);
        let window = TypedImage::<U8x4>::from_buffer(self.size.0, self.size.1, window).ok()?;
        let mut part = TypedCroppedImageMut::new(window, to.x, to.y, to.width, to.height).ok()?;
        self.resizer.resize_typed(&from, &mut part, options).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use embedded_graphics::geometry::{Point, Size};
    use proptest::prelude::*;

    fn rect(x: u32, y: u32, width: u32, height: u32) -> Rect {
        Rect { x, y, width, height }
    }

    /// Draws a picture in a window of this size, which it has alone.
    fn draw(canvas: &mut Canvas, picture: &Picture, size: (u32, u32), filled: bool) {
        if canvas.size() != size {
            canvas.clear(size);
        }
        canvas.draw(0, Rectangle::new(Point::zero(), Size::new(size.0, size.1)), picture, filled);
    }

    fn plain(width: u32, height: u32, colour: u32) -> Picture {
        let pixels = vec![colour; (width * height) as usize];
        Picture { width, height, pixels: pixels.into(), ..Picture::default() }
    }

    #[test]
    fn a_picture_fits_between_bars() {
        assert_eq!(fit((1280, 720), (1280, 720)), rect(0, 0, 1280, 720));
        assert_eq!(fit((2560, 1440), (1280, 800)), rect(0, 40, 1280, 720));
        assert_eq!(fit((512, 288), (1000, 288)), rect(244, 0, 512, 288));
        assert_eq!(fit((10_000, 10), (1, 1)), rect(0, 0, 1, 1));
        assert_eq!(fit((1, 65_535), (640, 480)), rect(319, 0, 1, 480));
    }

    #[test]
    fn new_windows_fit_the_desktop() {
        assert_eq!(window_size((512, 288)), (1024, 576));
        assert_eq!(window_size((1280, 720)), (1280, 720));
        assert_eq!(window_size((2560, 1440)), (1280, 720));
        assert_eq!(window_size((1080, 1920)), (405, 720));
        assert_eq!(window_size((65_535, 1)), (1280, 1));
    }

    #[test]
    fn bars_are_black_when_they_move() {
        let mut canvas = Canvas::new();
        draw(&mut canvas, &plain(4, 4, 0x00ff_8000), (8, 4), false);
        let bar_and_picture = [0, 0, 0x00ff_8000, 0x00ff_8000, 0x00ff_8000, 0x00ff_8000, 0, 0];
        assert!(canvas.pixels().chunks(8).all(|row| row == bar_and_picture));
        draw(&mut canvas, &plain(8, 2, 0x0000_00ff), (8, 4), false);
        assert_eq!(canvas.pixels()[..8], [0; 8]);
        assert_eq!(canvas.pixels()[8..24], [0xff; 16]);
    }

    #[test]
    fn a_filled_window_cuts_edges_off() {
        let mut pixels = vec![0x0000_ff00; 32];
        for row in pixels.chunks_mut(8) {
            row[..2].fill(0x00ff_0000);
            row[6..].fill(0x0000_00ff);
        }
        let picture = Picture { pixels: pixels.into(), ..plain(8, 4, 0) };
        let mut canvas = Canvas::new();
        draw(&mut canvas, &picture, (4, 4), true);
        assert_eq!(canvas.pixels(), [0x0000_ff00; 16]);
        draw(&mut canvas, &picture, (4, 4), false);
        assert_eq!(canvas.pixels()[..4], [0; 4], "the bars are back");
    }

    #[test]
    fn a_picture_stays_in_its_cell() {
        let mut canvas = Canvas::new();
        canvas.clear((8, 4));
        let cell = |x| Rectangle::new(Point::new(x, 0), Size::new(4, 4));
        canvas.draw(0, cell(0), &plain(4, 4, 0x00ff_0000), false);
        assert_eq!([0, 1].map(|number| canvas.has_picture(number)), [true, false]);
        canvas.draw(1, cell(4), &plain(4, 4, 0x0000_00ff), false);
        canvas.draw(1, cell(4), &plain(4, 2, 0x0000_ff00), false);
        let (red, green) = (0x00ff_0000, 0x0000_ff00);
        assert_eq!(canvas.pixels()[..8], [red, red, red, red, 0, 0, 0, 0]);
        assert_eq!(canvas.pixels()[8..16], [red, red, red, red, green, green, green, green]);
        canvas.draw(2, cell(6), &plain(4, 4, red), false);
        assert_eq!(canvas.pixels()[..8], [red, red, red, red, 0, 0, 0, 0], "that is no cell");
        canvas.clear((8, 4));
        assert!(canvas.pixels() == [0; 32] && !canvas.has_picture(0));
    }

    #[test]
    fn one_pixel_shows_the_picture() {
        let mut canvas = Canvas::new();
        draw(&mut canvas, &plain(640, 480, 0x0012_3456), (1, 1), false);
        assert_eq!(canvas.pixels(), [0x0012_3456]);
    }

    proptest! {
        #[test]
        fn a_fitted_picture_is_centred(
            picture in (1u32..70_000, 1u32..70_000), window in (1u32..10_000, 1u32..10_000),
        ) {
            let to = fit(picture, window);
            prop_assert!(to.width >= 1 && to.height >= 1);
            prop_assert!(to.x + to.width <= window.0 && to.y + to.height <= window.1);
            prop_assert!(to.width == window.0 || to.height == window.1);
            prop_assert!((window.0 - to.width) / 2 == to.x && (window.1 - to.height) / 2 == to.y);
            // Rounding to pixels may change the shape of a small picture.
            if to.width > 100 && to.height > 100 {
                let shape = f64::from(picture.0) / f64::from(picture.1);
                let error = f64::from(to.width) / f64::from(to.height) / shape - 1.0;
                prop_assert!(error.abs() < 0.01, "{error}");
            }
        }
    }
}
