//! How frames are put together in a file, and how to tell.
use crate::codec::FRAME_START;

/// The format of a file that holds the frames of a video.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Container {
    /// Frames, one after another, with nothing before the first one.
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

/// The number of bytes from the start of a file that [`detect`] needs to tell every format. If the file
/// is shorter, pass the whole file.
pub const DETECT_LEN: usize = 16;

/// Returns the format of a file. Pass at least the first [`DETECT_LEN`] bytes of the file in `first_bytes`,
/// or the whole file if the file is shorter. If you pass fewer bytes of a longer file, its format may not
/// be recognised.
///
/// Returns `None` if the format is unknown. [`FrameReader`](super::FrameReader) cannot read such a file.
pub fn detect(first_bytes: &[u8]) -> Option<Container> {
    let mut prefix = LengthPrefix::default();
    let digits = first_bytes.iter().take_while(|byte| prefix.push(**byte)).count();
    match first_bytes.get(digits..)? {
        [b'R', b'I', b'F', b'F', _, _, _, _, b'A', b'V', b'I', b' ', ..] if digits == 0 => {
            Some(Container::Avi)
        }
        [b'-', b'-', b'!'..=b'~', ..] | [b'\r', b'\n', b'-', b'-', b'!'..=b'~', ..] if digits == 0 => {
            Some(Container::Multipart)
        }
        [first, second, ..] if [*first, *second] != FRAME_START => None,
        [_, _, ..] if digits == 0 => Some(Container::Concatenated),
        [_, _, ..] if prefix.is_complete() => Some(Container::LengthPrefixed),
        _ => None,
    }
}

/// A length in ASCII digits, parsed byte by byte.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LengthPrefix {
    digits: u8,
    pub(super) value: u32,
}

impl LengthPrefix {
    const MIN_DIGITS: u8 = 5;
    const MAX_DIGITS: u8 = 10;

    /// Parses one more byte. Returns `false`, and ignores the byte, if it is not part of the length.
    pub(super) fn push(&mut self, byte: u8) -> bool {
        let value = self.value.checked_mul(10);
        match value.and_then(|value| value.checked_add(u32::from(byte.wrapping_sub(b'0')))) {
            Some(value) if byte.is_ascii_digit() && self.digits < Self::MAX_DIGITS => {
                *self = Self { digits: self.digits + 1, value };
                true
            }
            _ => false,
        }
    }

    /// Whether there are enough digits for a length.
    pub(super) const fn is_complete(self) -> bool {
        self.digits >= Self::MIN_DIGITS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containers_are_detected() {
        assert_eq!(detect(b"\xFF\xD8\xFF\xE0"), Some(Container::Concatenated));
        assert_eq!(detect(b"28473\xFF\xD8\xFF"), Some(Container::LengthPrefixed));
        assert_eq!(detect(b"1234567\xFF\xD8"), Some(Container::LengthPrefixed));
        assert_eq!(detect(b"4294967295\xFF\xD8"), Some(Container::LengthPrefixed));
        assert_eq!(detect(b"RIFF\x24\x10\x00\x00AVI LIST"), Some(Container::Avi));
        assert_eq!(detect(b"--myboundary\r\nCo"), Some(Container::Multipart));
        assert_eq!(detect(b"\r\n--ffmpeg\r\nCon"), Some(Container::Multipart));
    }

    #[test]
    fn other_files_are_not_detected() {
        let others: [&[u8]; 10] = [
            b"",
            b"\xFF",
            b"12345",
            b"1234\xFF\xD8\xFF",
            b"4294967296\xFF\xD8",
            b"12345678901\xFF\xD8",
            b"RIFF\x24\x10\x00\x00WAVEfmt ",
            b"-- a rule --",
            b"12345--frame\r\n",
            b"\x89PNG\r\n",
        ];
        for other in others {
            assert_eq!(detect(other), None, "{other:?}");
        }
    }
}
