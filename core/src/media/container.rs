//! How frames are put together in a file.
use core::ops::RangeInclusive;

/// The format of a file that holds the frames of a video.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Container {
    /// Frames, one after another, with nothing between them.
    Concatenated,
    /// Frames, each after its length in bytes as five to ten ASCII digits.
    LengthPrefixed,
    /// The parts of a multipart message, as IP cameras send them over HTTP (RFC 2046, 5.1). Each frame
    /// stands after a boundary line and a few header fields. The fields are not read: frames are found by
    /// their markers.
    Multipart,
    /// An AVI file, with the extensions of OpenDML.
    Avi,
}

/// A length in ASCII digits, parsed byte by byte.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LengthPrefix {
    digits: u8,
    pub(super) value: u32,
}

impl LengthPrefix {
    /// How many digits a length has.
    pub(super) const DIGITS: RangeInclusive<u8> = 5..=10;

    /// Parses one more byte. Returns `false`, and ignores the byte, if it is not part of the length.
    pub(super) fn push(&mut self, byte: u8) -> bool {
        let value = self.value.checked_mul(10);
        match value.and_then(|value| value.checked_add(u32::from(byte.wrapping_sub(b'0')))) {
            Some(value) if byte.is_ascii_digit() && self.digits < *Self::DIGITS.end() => {
                *self = Self { digits: self.digits + 1, value };
                true
            }
            _ => false,
        }
    }

    /// Whether there are enough digits for a length.
    pub(super) fn is_complete(self) -> bool {
        Self::DIGITS.contains(&self.digits)
    }
}
