//! Text: fonts, sizes, and how times are written.
//!
//! Letters are drawn once for each size, and kept in [`Glyphs`].
use super::design::Scale;
use super::ink::Ink;
use super::shape::Mask;
use super::surface::Surface;
use ab_glyph::{Font, FontRef, Glyph, GlyphId, PxScale, point};
use embedded_graphics::geometry::{AnchorPoint, Dimensions, Point, Size};
use embedded_graphics::primitives::Rectangle;
use std::collections::HashMap;
use std::sync::LazyLock;
use std::time::Duration;

static BOOK: LazyLock<Option<FontRef<'static>>> =
    LazyLock::new(|| FontRef::try_from_slice(include_bytes!("../../fonts/DejaVuSans.ttf")).ok());
static BOLD: LazyLock<Option<FontRef<'static>>> =
    LazyLock::new(|| FontRef::try_from_slice(include_bytes!("../../fonts/DejaVuSans-Bold.ttf")).ok());

/// Stands for a letter that the font does not have.
const REPLACEMENT: char = '\u{fffd}';
/// Ends a line that was shortened.
const DOTS: char = '\u{2026}';
/// Places within a pixel at which a letter may begin.
const PLACES: u8 = 4;
/// Letters that are kept: all of a font in one size, many times over.
const KEPT: usize = 4096;

/// A font and its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Face {
    Small,
    Bold,
    Large,
    Title,
}

impl Face {
    /// Returns the font; `None` never, as a test checks.
    fn font(self) -> Option<&'static FontRef<'static>> {
        match self {
            Self::Small | Self::Large | Self::Title => BOOK.as_ref(),
            Self::Bold => BOLD.as_ref(),
        }
    }

    /// Returns the size in pixels of the design: of an em, which is somewhat less than a line's height.
    const fn em(self) -> f32 {
        match self {
            Self::Small => 14.0,
            Self::Bold => 13.0,
            Self::Large => 16.0,
            Self::Title => 26.0,
        }
    }
}

/// A font in its size on the screen.
#[derive(Clone, Copy)]
struct SizedFont {
    font: &'static FontRef<'static>,
    /// Pixels of an em, and of a unit of the font.
    em: f32,
    unit: f32,
}

impl SizedFont {
    fn of(face: Face, scale: Scale) -> Option<Self> {
        let (font, em) = (face.font()?, scale.length(face.em()));
        Some(Self { font, em, unit: em / font.units_per_em()? })
    }

    /// Returns the glyph of a letter, or of the sign that stands for what the font does not have.
    fn glyph(self, letter: char) -> GlyphId {
        match self.font.glyph_id(letter) {
            GlyphId(0) => self.font.glyph_id(REPLACEMENT),
            glyph => glyph,
        }
    }

    fn advance(self, letter: char) -> f32 {
        self.font.h_advance_unscaled(self.glyph(letter)) * self.unit
    }

    /// Returns how far the baseline is below the top of a line.
    fn ascent(self) -> i32 {
        (self.font.ascent_unscaled() * self.unit).round() as i32
    }

    /// Returns the height of a line.
    fn height(self) -> u32 {
        (self.ascent() - (self.font.descent_unscaled() * self.unit).floor() as i32).unsigned_abs()
    }
}

/// Returns width and height of a line in pixels.
pub(crate) fn size(text: &str, face: Face, scale: Scale) -> Size {
    let Some(sized) = SizedFont::of(face, scale) else { return Size::zero() };
    let width: f32 = text.chars().map(|letter| sized.advance(letter)).sum();
    Size::new(width.ceil() as u32, sized.height())
}

/// Returns the height of a line in pixels.
pub(crate) fn height(face: Face, scale: Scale) -> u32 {
    size("", face, scale).height
}

/// Returns the area outside of which a line draws nothing: letters may extend somewhat beyond its size.
pub(crate) fn area(at: Point, text: &str, face: Face, scale: Scale) -> Rectangle {
    let line = Rectangle::new(at, size(text, face, scale));
    let more = scale.length(face.em() / 3.0).ceil() as u32;
    line.resized(line.size + Size::new_equal(2 * (more / 2)), AnchorPoint::Center)
}

/// Returns a text as one line of at most `width` pixels. If the end has to be left out, the line ends in
/// dots.
pub(crate) fn shortened(text: &str, face: Face, scale: Scale, width: u32) -> String {
    let mut line: String =
        text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    let Some(sized) = SizedFont::of(face, scale) else { return line };
    if size(&line, face, scale).width <= width {
        return line;
    }
    let room = width as f32 - sized.advance(DOTS);
    let (mut end, mut used) = (0, 0.0);
    for (at, letter) in line.char_indices() {
        used += sized.advance(letter);
        if used > room {
            break;
        }
        end = at + letter.len_utf8();
    }
    line.truncate(end);
    if room >= 0.0 {
        line.push(DOTS);
    }
    line
}

/// Writes a time as `MM:SS.mmm`, or as `H:MM:SS.mmm` from one hour on.
pub(crate) fn clock(time: Duration) -> String {
    format!("{}.{:03}", short_clock(time), time.subsec_millis())
}

/// Writes a time as `MM:SS`, or as `H:MM:SS` from one hour on.
pub(crate) fn short_clock(time: Duration) -> String {
    let seconds = time.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match hours {
        0 => format!("{minutes:02}:{seconds:02}"),
        _ => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

/// The letters that were drawn so far.
#[derive(Default)]
pub(crate) struct Glyphs(HashMap<Key, Option<Drawn>>);

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    face: Face,
    scale: Scale,
    glyph: GlyphId,
    /// Where in its first pixel the letter begins, of [`PLACES`].
    place: u8,
}

/// A letter in its size.
struct Drawn {
    mask: Mask,
    /// From the letter's beginning on the baseline to the upper left corner of the mask.
    corner: Point,
}

impl Glyphs {
    /// Draws a line. `at` is its upper left corner.
    pub(crate) fn draw(
        &mut self,
        surface: &mut Surface<'_>,
        at: Point,
        text: &str,
        face: Face,
        scale: Scale,
        ink: Ink,
    ) {
        let Some(sized) = SizedFont::of(face, scale) else { return };
        let within = area(at, text, face, scale).intersection(&surface.bounding_box());
        let mut x = 0.0;
        for letter in text.chars() {
            let place = (x * f32::from(PLACES)).round() as u32;
            let [pixel, place] = [place / u32::from(PLACES), place % u32::from(PLACES)];
            let key = Key { face, scale, glyph: sized.glyph(letter), place: place as u8 };
            x += sized.advance(letter);
            if let Some(drawn) = self.get(key, sized) {
                let begin = at + Size::new(pixel, 0) + Point::new(0, sized.ascent());
                let whole = Rectangle::new(begin + drawn.corner, drawn.mask.size());
                let visible = whole.intersection(&within);
                surface.stamp(&drawn.mask, visible.top_left - whole.top_left, visible, ink);
            }
        }
    }

    /// Returns a letter; `None` if it is blank.
    fn get(&mut self, key: Key, sized: SizedFont) -> Option<&Drawn> {
        if self.0.len() >= KEPT && !self.0.contains_key(&key) {
            self.0.clear();
        }
        self.0.entry(key).or_insert_with(|| drawn(key, sized)).as_ref()
    }
}

fn drawn(key: Key, sized: SizedFont) -> Option<Drawn> {
    let units = sized.font.units_per_em()?;
    let scale = PxScale::from(sized.em * sized.font.height_unscaled() / units);
    let position = point(f32::from(key.place) / f32::from(PLACES), 0.0);
    let outline = sized.font.outline_glyph(Glyph { id: key.glyph, scale, position })?;
    let bounds = outline.px_bounds();
    let corner = Point::new(bounds.min.x as i32, bounds.min.y as i32);
    let mut mask = Mask::empty(Size::new(bounds.width() as u32, bounds.height() as u32));
    outline.draw(|x, y, covered| mask.set(x, y, (covered * Mask::FULL as f32).round() as u8));
    Some(Drawn { mask, corner })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const WHITE: Ink = Ink(0xffff_ffff);
    const FACES: [Face; 4] = [Face::Small, Face::Bold, Face::Large, Face::Title];

    /// Draws a line in white on black, 8 pixels from the left and the top.
    fn line(text: &str, face: Face, scale: Scale) -> Vec<u32> {
        let mut pixels = vec![0; 400 * 80];
        let mut surface = Surface::new(&mut pixels, (400, 80));
        Glyphs::default().draw(&mut surface, Point::new(8, 8), text, face, scale, WHITE);
        pixels
    }

    /// Returns how many pixels the ink of a line would fill.
    fn weight(pixels: &[u32]) -> f64 {
        pixels.iter().map(|pixel| f64::from(pixel & 0xff) / 255.0).sum()
    }

    #[test]
    fn times_are_written_to_the_millisecond() {
        let clock = |millis| clock(Duration::from_millis(millis));
        assert_eq!(clock(0), "00:00.000");
        assert_eq!(clock(41_266), "00:41.266");
        assert_eq!(clock(3_599_999), "59:59.999");
        assert_eq!(clock(36_000_001), "10:00:00.001");
        assert_eq!(short_clock(Duration::from_secs(3_599)), "59:59");
    }

    #[test]
    fn a_shortened_line_ends_in_dots_and_fits() {
        let text = "rtsp://camera/1";
        let whole = size(text, Face::Small, Scale::ONE).width;
        let fitted = |width| shortened(text, Face::Small, Scale::ONE, width);
        assert_eq!(fitted(whole), text);
        assert_eq!(fitted(whole - 1), "rtsp://camer\u{2026}");
        for width in 0..whole {
            let line = fitted(width);
            assert!(size(&line, Face::Small, Scale::ONE).width <= width, "{line} in {width}");
            assert!(line.is_empty() || line.ends_with(DOTS) && text.starts_with(&line[..line.len() - 3]));
        }
        assert_eq!(fitted(0), "");
    }

    #[test]
    fn line_breaks_become_spaces() {
        assert_eq!(shortened("refused:\nno\tsuch", Face::Small, Scale::ONE, 900), "refused: no such");
    }

    #[test]
    fn letters_have_smooth_edges_at_any_size() {
        for face in FACES {
            let pixels = line("R8 sample", face, Scale::ONE);
            let full = pixels.iter().filter(|pixel| **pixel == 0x00ff_ffff).count();
            let between = pixels.iter().filter(|pixel| !matches!(**pixel, 0 | 0x00ff_ffff)).count();
            assert!(full > 20 && between > 100, "{face:?}: {full} full, {between} between");
        }
        let [one, two] = [(1280, 720), (2560, 1440)].map(|window| {
            let scale = Scale::of(window);
            (size("R8", Face::Large, scale), weight(&line("R8", Face::Large, scale)))
        });
        assert!(two.0.width.abs_diff(2 * one.0.width) <= 2, "{one:?} {two:?}");
        assert!((two.1 / one.1 - 4.0).abs() < 0.2, "{one:?} {two:?}");
    }

    #[test]
    fn names_of_many_languages_have_letters() {
        for name in ["Größe", "café", "naïve", "Ελλάδα", "Привет", "Łódź", "Việt", "İzmir", "10 €", "→ ≥ ½"]
        {
            let sized = SizedFont::of(Face::Small, Scale::ONE).unwrap();
            let missing: String = name.chars().filter(|c| sized.font.glyph_id(*c) == GlyphId(0)).collect();
            assert_eq!(missing, "", "{name}");
            let pixels = weight(&line(name, Face::Small, Scale::ONE));
            assert!(pixels > 40.0, "{name}: {pixels}");
        }
    }

    #[test]
    fn what_the_font_lacks_is_shown_as_a_replacement() {
        for face in FACES {
            let expected = line("\u{fffd}", face, Scale::ONE);
            assert!(weight(&expected) > 20.0, "{face:?}");
            for letter in ["\u{732b}", "\u{1f408}", "\u{10ffff}"] {
                assert!(line(letter, face, Scale::ONE) == expected, "{letter} in {face:?}");
            }
        }
    }

    #[test]
    fn digits_have_one_width_so_that_times_stand_still() {
        for face in FACES {
            let widths = ('0'..='9').map(|digit| SizedFont::of(face, Scale::ONE).unwrap().advance(digit));
            assert!(widths.clone().all(|width| width == widths.clone().next().unwrap()), "{face:?}");
        }
    }

    #[test]
    fn the_letters_that_are_kept_are_bounded() {
        let mut pixels = vec![0; 64 * 64];
        let mut glyphs = Glyphs::default();
        let letters: String = ('\u{20}'..'\u{450}').collect();
        for width in 8..=32 {
            let mut surface = Surface::new(&mut pixels, (64, 64));
            let scale = Scale::of((width * 160, 10_000));
            glyphs.draw(&mut surface, Point::zero(), &letters, Face::Small, scale, WHITE);
            assert!(glyphs.0.len() <= KEPT);
        }
    }

    #[test]
    fn each_letter_is_drawn_once() {
        let (mut pixels, mut glyphs) = (vec![0; 400 * 80], Glyphs::default());
        let mut drawn = || {
            let mut surface = Surface::new(&mut pixels, (400, 80));
            let at = Point::new(3, 3);
            glyphs.draw(&mut surface, at, "00:41.266 Grüße", Face::Large, Scale::ONE, WHITE);
            glyphs.0.len()
        };
        let letters = drawn();
        assert_eq!((letters > 0, drawn()), (true, letters));
    }

    proptest! {
        #[test]
        fn nothing_is_drawn_outside_of_the_area(text in ".{0,12}", face in 0..4usize, width in 0..5000u32) {
            let (face, scale, at) = (FACES[face], Scale::of((width, width)), Point::new(8, 8));
            let pixels = line(&text, face, scale);
            let area = area(at, &text, face, scale);
            for (index, pixel) in (0..).zip(pixels) {
                prop_assert!(pixel == 0 || area.contains(Point::new(index % 400, index / 400)));
            }
        }
    }
}
