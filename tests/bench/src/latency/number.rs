//! Numbers in pictures: squares that are black or white, large enough to outlive any JPEG.
//!
//! Each bit is a square in the first row, the lowest at the left, and the opposite of it in the second row.
use std::fmt::Write as _;

/// How many numbers there are; after the last one comes 0.
pub(super) const NUMBERS: usize = 1 << BITS;
const BITS: usize = 8;
/// The side of a square in pixels.
const SIDE: usize = 64;
/// How many rows of pixels have a part of the number.
pub(super) const ROWS: usize = 2 * SIDE;

/// Returns the filters of ffmpeg that draw its frame number into each picture.
pub(super) fn filters() -> String {
    let mut filters = format!("drawbox=x=0:y=0:w={}:h={ROWS}:c=black:t=fill", BITS * SIDE);
    for bit in 0..BITS {
        let (x, value) = (bit * SIDE, 1 << bit);
        for (y, expected) in [(0, 1), (SIDE, 0)] {
            let _ = write!(
                filters,
                ",drawbox=x={x}:y={y}:w={SIDE}:h={SIDE}:c=white:t=fill:enable='eq(mod(floor(n/{value}),2),{expected})'"
            );
        }
    }
    filters
}

/// Returns the number in a picture, of which `luma` has the first [`ROWS`] rows of `width` bytes. `None` if
/// there is none, or if it is damaged.
pub(super) fn read(luma: &[u8], width: usize) -> Option<u8> {
    let at = |bit: usize, row: usize| {
        let (x, y) = (bit * SIDE + SIDE / 2, row * SIDE + SIDE / 2);
        luma.get(y * width + x).map(|luma| *luma > 127)
    };
    (0..BITS).try_fold(0, |number, bit| {
        let (one, zero) = (at(bit, 0)?, at(bit, 1)?);
        (one != zero).then_some(number | u8::from(one) << bit)
    })
}

/// Returns whether `next` is the number after `number`.
pub(super) const fn follows(number: u8, next: u8) -> bool {
    number.wrapping_add(1) == next
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Draws a number as ffmpeg does.
    fn draw(number: u8, width: usize) -> Vec<u8> {
        let mut luma = vec![90; ROWS * width];
        for (y, row) in luma.chunks_mut(width).enumerate() {
            for (x, luma) in row.iter_mut().enumerate().take(BITS * SIDE) {
                let bit = number >> (x / SIDE) & 1;
                *luma = if (bit == 1) == (y < SIDE) { 235 } else { 16 };
            }
        }
        luma
    }

    #[test]
    fn a_number_is_read_and_damage_is_not() {
        for number in 0..=u8::MAX {
            assert_eq!(read(&draw(number, 640), 640), Some(number));
        }
        let mut damaged = draw(0b101, 640);
        damaged[..SIDE * 640].fill(128);
        assert_eq!(read(&damaged, 640), None);
        assert_eq!(read(&[0; 100], 640), None);
    }

    #[test]
    fn after_the_last_number_comes_the_first() {
        assert!(follows(7, 8) && follows(255, 0) && !follows(7, 7) && !follows(7, 9));
        assert_eq!(NUMBERS, 256);
    }
}
