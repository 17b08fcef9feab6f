//! Draws the test pattern: colour bars, a clock, the frame's number, the size and the rate, and a square
//! that moves across and back.
use super::{PERIOD, PatternFormat};
use embedded_graphics::Pixel;
use embedded_graphics::draw_target::DrawTarget;
use embedded_graphics::geometry::{Dimensions, OriginDimensions, Point, Size};
use embedded_graphics::mono_font::{MonoFont, MonoTextStyle, ascii};
use embedded_graphics::pixelcolor::{Rgb888, RgbColor};
use embedded_graphics::primitives::Rectangle;
use embedded_graphics::text::{Baseline, Text};
use embedded_graphics::{Drawable, geometry::AnchorPoint};
use pinhole::media::FrameClock;
use std::convert::Infallible;

const BYTES_PER_PIXEL: usize = 3;
/// The level of the bars: three quarters, as in television. It is saturated, and in every display's range.
const LEVEL: u8 = 191;
const BARS: [Rgb888; 8] = [
    Rgb888::new(LEVEL, LEVEL, LEVEL),
    Rgb888::new(LEVEL, LEVEL, 0),
    Rgb888::new(0, LEVEL, LEVEL),
    Rgb888::new(0, LEVEL, 0),
    Rgb888::new(LEVEL, 0, LEVEL),
    Rgb888::new(LEVEL, 0, 0),
    Rgb888::new(0, 0, LEVEL),
    Rgb888::BLACK,
];
/// The fonts that are tried in this order. Letters of the last one have the most detail for their height.
const FONTS: [&MonoFont<'_>; 3] = [&ascii::FONT_4X6, &ascii::FONT_6X10, &ascii::FONT_10X20];

/// A picture, which is drawn over for each frame.
#[derive(Clone, Debug)]
pub(super) struct Picture {
    format: PatternFormat,
    canvas: Canvas,
    label: String,
    layout: Layout,
}

impl Picture {
    /// Draws the parts that are the same in each frame. [`Self::draw`] adds the others.
    pub(super) fn new(format: PatternFormat) -> Self {
        let rate = f64::from(format.frame_rate().0) / 1000.0;
        let (width, height) = format.size();
        let label = format!("{width}x{height} {rate} fps");
        let size = Size::new(width.into(), height.into());
        let layout = Layout::of(size, &label);
        let mut canvas = Canvas::new(size);
        let bars = BARS.len() as u32;
        for (number, bar) in (0..).zip(BARS) {
            let [left, right] = [number, number + 1].map(|edge| size.width * edge / bars);
            canvas.fill(rectangle(left, 0, right - left, size.height), bar);
        }
        Self { format, canvas, label, layout }
    }

    pub(super) const fn format(&self) -> PatternFormat {
        self.format
    }

    /// Returns the pixels in rows, with a byte each for red, green and blue.
    pub(super) fn pixels(&self) -> &[u8] {
        &self.canvas.pixels
    }

    /// Draws frame `number`, whichever frame the picture was before.
    pub(super) fn draw(&mut self, number: u64) {
        let micros = FrameClock::from(self.format.frame_rate()).pts(number).as_micros();
        let Self { canvas, layout, label, .. } = self;
        canvas.fill(layout.panel, Rgb888::BLACK);
        for (row, line) in (0..).zip([&clock(micros), &format!("frame {number:06}"), label]) {
            layout.write(canvas, row, line);
        }
        canvas.fill(layout.track, Rgb888::BLACK);
        canvas.fill(layout.square(micros), Rgb888::WHITE);
    }
}

/// The places of the parts of the picture.
#[derive(Clone, Debug)]
struct Layout {
    font: &'static MonoFont<'static>,
    /// The width and height of a font's pixel, in pixels of the picture.
    scale: u32,
    panel: Rectangle,
    text: Point,
    track: Rectangle,
}

impl Layout {
    const LINES: u32 = 3;

    /// Chooses the largest letters with which the text takes at most 7/8 of the width and half of the
    /// height.
    fn of(size: Size, label: &str) -> Self {
        let columns = label.len().max(clock(0).len()) as u32;
        let scale = |font: &MonoFont<'_>| {
            let cell = font.character_size;
            (size.width * 7 / 8 / (cell.width * columns)).min(size.height / 2 / (cell.height * Self::LINES))
        };
        let fitting = FONTS.map(|font| (scale(font), font)).into_iter().filter(|(scale, _)| *scale > 0);
        let highest = fitting.max_by_key(|(scale, font)| scale * font.character_size.height);
        // If even the smallest letters are too wide, as much is drawn as fits.
        let (scale, font) = highest.unwrap_or((1, &ascii::FONT_4X6));
        let cell = font.character_size * scale;
        let screen = Rectangle::new(Point::zero(), size);
        let text = Size::new(cell.width * columns, cell.height * Self::LINES);
        let panel = screen.resized(text + Size::new_equal(2 * scale), AnchorPoint::Center);
        let side = (size.height / 8).min(size.width);
        let track = rectangle(0, size.height - side, size.width, side);
        Self { font, scale, panel, text: panel.top_left + Point::new_equal(scale as i32), track }
    }

    fn write(&self, canvas: &mut Canvas, row: u32, line: &str) {
        let down = row * self.font.character_size.height * self.scale;
        let mut target = Scaled { canvas, origin: self.text + Size::new(0, down), scale: self.scale };
        let style = MonoTextStyle::new(self.font, Rgb888::WHITE);
        let Ok(_) = Text::with_baseline(line, Point::zero(), style, Baseline::Top).draw(&mut target);
    }

    /// Returns the place of the square: at the left at the start of a period, at the right in its middle.
    fn square(&self, micros: u64) -> Rectangle {
        let half = PERIOD * 500_000;
        let phase = micros % (2 * half);
        let way = phase.min(2 * half - phase);
        let side = self.track.size.height;
        let room = u64::from(self.track.size.width - side);
        let left = u32::try_from(room * way / half).unwrap_or(0);
        Rectangle::new(self.track.top_left + Size::new(left, 0), Size::new_equal(side))
    }
}

/// Formats a time as `HH:MM:SS.mmm`.
fn clock(micros: u64) -> String {
    let millis = micros / 1000;
    let [hours, minutes, seconds] = [3_600_000, 60_000, 1000].map(|unit| millis / unit);
    format!("{hours:02}:{:02}:{:02}.{:03}", minutes % 60, seconds % 60, millis % 1000)
}

fn rectangle(x: u32, y: u32, width: u32, height: u32) -> Rectangle {
    Rectangle::new(Point::zero() + Size::new(x, y), Size::new(width, height))
}

/// Pixels in memory, as the encoder reads them.
#[derive(Clone, Debug)]
struct Canvas {
    size: Size,
    pixels: Vec<u8>,
}

impl Canvas {
    fn new(size: Size) -> Self {
        let pixels = size.width as usize * size.height as usize;
        Self { size, pixels: vec![0; pixels * BYTES_PER_PIXEL] }
    }

    /// Fills the part of `area` that is on the canvas.
    fn fill(&mut self, area: Rectangle, colour: Rgb888) {
        let area = area.intersection(&self.bounding_box());
        let [left, top] = [area.top_left.x, area.top_left.y].map(|at| usize::try_from(at).unwrap_or(0));
        let row_len = self.size.width as usize * BYTES_PER_PIXEL;
        let rows = self.pixels.chunks_exact_mut(row_len).skip(top).take(area.size.height as usize);
        let colour = [colour.r(), colour.g(), colour.b()];
        for row in rows {
            let (row, _) = row.as_chunks_mut::<BYTES_PER_PIXEL>();
            let part = row.get_mut(left..).and_then(|rest| rest.get_mut(..area.size.width as usize));
            part.unwrap_or_default().fill(colour);
        }
    }
}

impl OriginDimensions for Canvas {
    fn size(&self) -> Size {
        self.size
    }
}

/// A part of a canvas from `origin` on, with pixels that are `scale` times as large.
struct Scaled<'a> {
    canvas: &'a mut Canvas,
    origin: Point,
    scale: u32,
}

impl OriginDimensions for Scaled<'_> {
    fn size(&self) -> Size {
        self.canvas.size / self.scale
    }
}

impl DrawTarget for Scaled<'_> {
    type Color = Rgb888;
    type Error = Infallible;

    fn draw_iter<I>(&mut self, pixels: I) -> Result<(), Infallible>
    where
        I: IntoIterator<Item = Pixel<Rgb888>>,
    {
        for Pixel(at, colour) in pixels {
            let corner = self.origin + at * self.scale as i32;
            self.canvas.fill(Rectangle::new(corner, Size::new_equal(self.scale)), colour);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use embedded_graphics::mock_display::MockDisplay;
    use embedded_graphics::pixelcolor::BinaryColor;
    use pinhole::sdp::FrameRate;

    fn picture(width: u16, height: u16, rate: u32) -> Picture {
        Picture::new(PatternFormat::new(width, height, FrameRate(rate)).unwrap())
    }

    /// Returns the colour in the middle of a pixel of the font, from the text's corner.
    fn font_pixel(picture: &Picture, x: u32, y: u32) -> [u8; 3] {
        let Layout { text, scale, .. } = picture.layout;
        let middle = text + Size::new(x * scale + scale / 2, y * scale + scale / 2);
        pixel(picture, middle)
    }

    fn pixel(picture: &Picture, at: Point) -> [u8; 3] {
        let index = at.y as usize * picture.canvas.size.width as usize + at.x as usize;
        picture.pixels().as_chunks().0[index]
    }

    /// Asserts that a line is on the picture, by drawing each of its letters again without scaling.
    #[track_caller]
    fn assert_says(picture: &Picture, row: u32, line: &str) {
        let Size { width, height } = picture.layout.font.character_size;
        let style = MonoTextStyle::new(picture.layout.font, BinaryColor::On);
        for (column, letter) in (0..).zip(line.chars()) {
            let mut shown = MockDisplay::new();
            let letter = letter.to_string();
            Text::with_baseline(&letter, Point::zero(), style, Baseline::Top).draw(&mut shown).unwrap();
            for (x, y) in (0..width).flat_map(|x| (0..height).map(move |y| (x, y))) {
                let lit = shown.get_pixel(Point::zero() + Size::new(x, y)).is_some();
                let seen = font_pixel(picture, column * width + x, row * height + y) == [255; 3];
                assert_eq!(seen, lit, "'{letter}' at {column} of '{line}', pixel {x},{y}");
            }
        }
    }

    #[test]
    fn time_number_size_and_rate_can_be_read_at_any_size() {
        for (width, height) in [(64, 48), (160, 120), (641, 359), (2560, 1440), (300, 4000)] {
            let mut picture = picture(width, height, 25_000);
            picture.draw(94);
            assert_says(&picture, 0, "00:00:03.760");
            assert_says(&picture, 1, "frame 000094");
            assert_says(&picture, 2, &format!("{width}x{height} 25 fps"));
        }
    }

    #[test]
    fn letters_grow_with_the_picture() {
        let heights = [(160, 120), (640, 360), (2560, 1440)].map(|(width, height)| {
            let Layout { font, scale, .. } = picture(width, height, 30_000).layout;
            f64::from(font.character_size.height * scale) / f64::from(height)
        });
        assert!(heights.iter().all(|part| (0.06..0.2).contains(part)), "{heights:?}");
    }

    #[test]
    fn fractional_rates_are_shown_in_full() {
        let mut picture = picture(320, 240, 29_970);
        picture.draw(0);
        assert_says(&picture, 2, "320x240 29.97 fps");
    }

    #[test]
    fn frames_do_not_depend_on_each_other() {
        let mut one = picture(320, 240, 30_000);
        let mut other = one.clone();
        one.draw(7);
        other.draw(59);
        assert_ne!(one.pixels(), other.pixels());
        other.draw(7);
        assert_eq!(one.pixels(), other.pixels());
        other.draw(8);
        assert_ne!(one.pixels(), other.pixels());
    }

    #[test]
    fn there_is_one_bar_of_each_colour() {
        let mut picture = picture(641, 360, 30_000);
        picture.draw(0);
        let colours: Vec<_> = (0..8).map(|bar| pixel(&picture, Point::new(40 + 80 * bar, 2))).collect();
        assert_eq!(colours, BARS.map(|bar| [bar.r(), bar.g(), bar.b()]));
    }

    #[test]
    fn the_square_returns_after_one_period() {
        let picture = picture(640, 360, 25_000);
        let at = |millis: u64| picture.layout.square(millis * 1000);
        assert_eq!(at(0), rectangle(0, 315, 45, 45));
        assert_eq!(at(1000), rectangle(595, 315, 45, 45));
        assert_eq!(at(500), at(1500));
        assert_eq!(at(2000), at(0));
        let steps = (1..25).map(|n| at(n * 40).top_left.x - at(n * 40 - 40).top_left.x);
        assert!(steps.clone().all(|step| (23..=24).contains(&step)), "{:?}", steps.collect::<Vec<_>>());
    }

    #[test]
    fn the_clock_counts_to_hours() {
        assert_eq!(clock(0), "00:00:00.000");
        assert_eq!(clock(3_661_001_999), "01:01:01.001");
    }
}
