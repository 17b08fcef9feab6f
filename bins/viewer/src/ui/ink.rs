//! Colours that let through what is below them.
use embedded_graphics::pixelcolor::PixelColor;
use embedded_graphics::pixelcolor::raw::RawU32;

/// A colour and its opacity, `0xAARRGGBB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ink(pub(crate) u32);

impl Ink {
    /// Returns the opacity, 0 to 256.
    const fn alpha(self) -> u32 {
        let alpha = self.0 >> 24;
        alpha + (alpha >> 7)
    }

    /// Returns the colour with `part` / `whole` of its opacity.
    pub(super) const fn thinned(self, part: u32, whole: u32) -> Self {
        let alpha = (self.0 >> 24) * part / whole;
        Self(alpha << 24 | self.0 & 0x00ff_ffff)
    }

    /// Returns the colour of a pixel `0x00RRGGBB` that this ink is drawn over.
    pub(super) const fn over(self, under: u32) -> u32 {
        let (alpha, rest) = (self.alpha(), 256 - self.alpha());
        // One multiplication for red and blue: each has eight free bits above it.
        let red_blue = (under & 0x00ff_00ff) * rest + (self.0 & 0x00ff_00ff) * alpha;
        let green = (under & 0x0000_ff00) * rest + (self.0 & 0x0000_ff00) * alpha;
        (red_blue >> 8 & 0x00ff_00ff) | (green >> 8 & 0x0000_ff00)
    }
}

impl PixelColor for Ink {
    type Raw = RawU32;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_blend_by_opacity() {
        assert_eq!(Ink(0xff12_3456).over(0x00ff_ffff), 0x0012_3456);
        assert_eq!(Ink(0x0012_3456).over(0x00ab_cdef), 0x00ab_cdef);
        assert_eq!(Ink(0x8000_0000).over(0x00ff_ff00), 0x007e_7e00);
        assert_eq!(Ink(0x8000_00ff).over(0x00ff_0000), 0x007e_0080);
    }
}
