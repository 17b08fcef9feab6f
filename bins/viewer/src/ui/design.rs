//! The design of the controls: its unit, and the colours that several of them share.
use super::ink::Ink;

/// Text and icons.
pub(super) const WHITE: Ink = Ink(0xfff2_f2f2);
/// What stands out: titles, and the played part of the timeline.
pub(super) const ORANGE: Ink = Ink(0xffff_8c1e);
/// Below a panel of text: dark enough for text on any picture, and clear enough to see that there is one.
pub(super) const PLATE: Ink = Ink(0xd80c_0c10);

/// How large the controls are drawn, in eighths of the design.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Scale(u32);

impl Scale {
    /// The size of the design.
    pub(crate) const ONE: Self = Self(8);
    /// Letters are too small to be read below this.
    const LEAST: Self = Self(5);
    const LARGEST: u32 = 32;

    /// Returns the scale for a window of this size. It is 1 in a window of 1280 x 720, 2 in one of 2560 x 1440,
    /// and not less than 1 in a smaller one, because letters must be legible and buttons large enough to
    /// point at.
    pub(crate) fn of((width, height): (u32, u32)) -> Self {
        let eighths = (width / (1280 / 8)).min(height / (720 / 8));
        Self(eighths.clamp(Self::ONE.0, Self::LARGEST))
    }

    /// Returns this scale and all smaller ones at which text can be read, the largest first.
    pub(super) fn down(self) -> impl Iterator<Item = Self> {
        (Self::LEAST.0..=self.0).rev().map(Self)
    }

    /// Returns a length of the design in pixels of the window.
    pub(super) fn length(self, pixels: f32) -> f32 {
        pixels * self.0 as f32 / 8.0
    }
}

/// Returns a length of the design in whole pixels of the window.
pub(super) const fn unit(pixels: u32, scale: Scale) -> u32 {
    (pixels * scale.0 + 4) / 8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_grow_with_the_window_and_stay_legible() {
        let scaled = |size| unit(40, Scale::of(size));
        assert_eq!([(1, 1), (320, 240), (1280, 720)].map(scaled), [40; 3]);
        assert_eq!([(1920, 1080), (2560, 1440), (3840, 2160)].map(scaled), [60, 80, 120]);
        assert_eq!([(1080, 1920), (3000, 720)].map(scaled), [40; 2], "they grow with the smaller side");
        assert_eq!(scaled((u32::MAX, u32::MAX)), 160);
    }
}
