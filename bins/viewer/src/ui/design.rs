//! The design of the controls: its unit, and the colours that several of them share.
use super::ink::Ink;

/// Text and icons.
pub(super) const WHITE: Ink = Ink(0xfff2_f2f2);
/// What stands out: titles, and the played part of the timeline.
pub(super) const ORANGE: Ink = Ink(0xffff_8c1e);

/// Returns the number of the window's pixels for a length of the design: each of its pixels is drawn as
/// `scale` x `scale` pixels.
pub(super) const fn unit(pixels: u32, scale: u32) -> u32 {
    pixels * scale
}
