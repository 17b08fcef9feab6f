//! Text: fonts, sizes, and how times are written.
use super::ink::Ink;
use super::surface::Surface;
use embedded_graphics::draw_target::DrawTarget;
use embedded_graphics::geometry::{OriginDimensions, Point, Size};
use embedded_graphics::mono_font::{MonoFont, MonoTextStyle, ascii};
use embedded_graphics::primitives::Rectangle;
use embedded_graphics::text::{Baseline, Text};
use embedded_graphics::{Drawable, Pixel};
use std::convert::Infallible;
use std::time::Duration;

/// The shadow below each line, which makes it readable on any picture.
const SHADOW: Ink = Ink(0xc000_0000);

/// A font. All of its letters have the same width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Face {
    Small,
    Bold,
    Large,
}

impl Face {
    const fn font(self) -> &'static MonoFont<'static> {
        match self {
            Self::Small => &ascii::FONT_9X15,
            Self::Bold => &ascii::FONT_9X15_BOLD,
            Self::Large => &ascii::FONT_10X20,
        }
    }

    /// Returns width and height of a letter in pixels.
    pub(crate) const fn cell(self) -> Size {
        self.font().character_size
    }
}

/// Returns width and height of a line in pixels, without its shadow.
pub(crate) fn size(text: &str, face: Face, zoom: u32) -> Size {
    let columns = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
    let Size { width, height } = face.cell();
    Size::new(columns.saturating_mul(width).saturating_mul(zoom), height * zoom)
}

/// Returns a text as one line of at most `width` pixels. If the end has to be left out, the line ends in
/// dots.
pub(crate) fn shortened(text: &str, face: Face, zoom: u32, width: u32) -> String {
    let columns = (width / (face.cell().width * zoom)) as usize;
    let line = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter });
    if text.chars().count() <= columns {
        return line.collect();
    }
    line.take(columns.saturating_sub(3)).chain(std::iter::repeat_n('.', columns.min(3))).collect()
}

/// Writes a time as `MM:SS.mmm`, or as `H:MM:SS.mmm` from one hour on.
pub(crate) fn clock(time: Duration) -> String {
    let (seconds, millis) = (time.as_secs(), time.subsec_millis());
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match hours {
        0 => format!("{minutes:02}:{seconds:02}.{millis:03}"),
        _ => format!("{hours}:{minutes:02}:{seconds:02}.{millis:03}"),
    }
}

/// Draws a line and its shadow. `at` is the upper left corner.
pub(crate) fn draw(surface: &mut Surface<'_>, at: Point, text: &str, face: Face, zoom: u32, ink: Ink) {
    for (origin, ink) in [(at + Size::new_equal(zoom), SHADOW), (at, ink)] {
        let style = MonoTextStyle::new(face.font(), ink);
        let line = Text::with_baseline(text, Point::zero(), style, Baseline::Top);
        let Ok(_) = line.draw(&mut Zoomed { surface, origin, zoom });
    }
}

/// A part of a surface with pixels `zoom` times as large: each font has only one size.
struct Zoomed<'a, 'b> {
    surface: &'a mut Surface<'b>,
    origin: Point,
    zoom: u32,
}

impl OriginDimensions for Zoomed<'_, '_> {
    fn size(&self) -> Size {
        self.surface.size() / self.zoom
    }
}

impl DrawTarget for Zoomed<'_, '_> {
    type Color = Ink;
    type Error = Infallible;

    fn draw_iter<I>(&mut self, pixels: I) -> Result<(), Infallible>
    where
        I: IntoIterator<Item = Pixel<Ink>>,
    {
        for Pixel(at, ink) in pixels {
            let corner = self.origin + at * self.zoom as i32;
            self.surface.fill_solid(&Rectangle::new(corner, Size::new_equal(self.zoom)), ink)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_to_the_millisecond() {
        let clock = |millis| clock(Duration::from_millis(millis));
        assert_eq!(clock(0), "00:00.000");
        assert_eq!(clock(41_266), "00:41.266");
        assert_eq!(clock(3_599_999), "59:59.999");
        assert_eq!(clock(36_000_001), "10:00:00.001");
    }

    #[test]
    fn a_shortened_line_ends_in_dots() {
        let shortened = |columns: u32| shortened("rtsp://camera/1", Face::Small, 2, columns * 18 + 17);
        assert_eq!(shortened(15), "rtsp://camera/1");
        assert_eq!(shortened(14), "rtsp://came...");
        assert_eq!(shortened(2), "..");
        assert_eq!(shortened(0), "");
    }

    #[test]
    fn line_breaks_become_spaces() {
        assert_eq!(shortened("refused:\nno\tsuch", Face::Small, 1, 900), "refused: no such");
    }
}
