//! How pictures are to be turned before they are shown, which RTP cannot tell.
use std::fmt;

/// The tag of the orientation (Exif 2.32, 4.6.4).
const TAG: u16 = 0x0112;
/// The most fields of a directory that are looked at. There are about a hundred in all.
const MAX_FIELDS: usize = 256;

/// What has to be done to a picture before it is shown. [`fmt::Display`] writes it as a clause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Orientation {
    /// Whether left and right are exchanged, before it is turned.
    mirrored: bool,
    /// By how many quarters of a turn it is turned clockwise; up to 3.
    quarters: u8,
}

impl Orientation {
    /// Finds the orientation in the Exif data at the start of a JPEG file; `None` if there is none, or if there is
    /// nothing to do.
    pub(super) fn of_jpeg(mut file: &[u8]) -> Option<Self> {
        file = file.strip_prefix(&[0xFF, 0xD8])?;
        loop {
            let (&[0xFF, marker, high, low], _) = file.split_first_chunk()? else { return None };
            let segment = file.get(2..).unwrap_or_default();
            let len = usize::from(u16::from_be_bytes([high, low]));
            if !(0xE0..=0xEF).contains(&marker) && marker != 0xFE {
                return None;
            }
            let body = segment.get(2..).unwrap_or_default();
            let body = body.get(..len.checked_sub(2)?).unwrap_or(body);
            if let Some(tiff) = body.strip_prefix(b"Exif\0\0").filter(|_| marker == 0xE1) {
                return Self::of_tiff(tiff);
            }
            file = segment.get(len..)?;
        }
    }

    /// Finds it in the first directory of a TIFF file (TIFF 6.0, 2).
    fn of_tiff(tiff: &[u8]) -> Option<Self> {
        let is_little = tiff.starts_with(b"II");
        let u16_at = |at: usize| {
            let bytes = *tiff.get(at..)?.first_chunk()?;
            Some(if is_little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
        };
        let start = *tiff.get(4..)?.first_chunk()?;
        let start = if is_little { u32::from_le_bytes(start) } else { u32::from_be_bytes(start) } as usize;
        let fields = usize::from(u16_at(start)?).min(MAX_FIELDS);
        let mut places = (0..fields).map(|field| start.saturating_add(2 + 12 * field));
        let place = places.find(|place| u16_at(*place) == Some(TAG))?;
        let (mirrored, quarters) = match u16_at(place.saturating_add(8))? {
            2 => (true, 0),
            3 => (false, 2),
            4 => (true, 2),
            5 => (true, 3),
            6 => (false, 1),
            7 => (true, 1),
            8 => (false, 3),
            _ => return None,
        };
        Some(Self { mirrored, quarters })
    }

    /// Returns what the matrix of a track of MP4 means (ISO/IEC 14496-12, 6.2.2), of which these are the first two
    /// columns; `None` if there is nothing to do, or if it is none of the eight orientations.
    pub(super) fn of_matrix([a, b, c, d]: [i32; 4]) -> Option<Self> {
        let (mirrored, quarters) = match [a, b, c, d].map(i32::signum) {
            [0, 1, -1, 0] => (false, 1),
            [-1, 0, 0, -1] => (false, 2),
            [0, -1, 1, 0] => (false, 3),
            [-1, 0, 0, 1] => (true, 0),
            [0, -1, -1, 0] => (true, 1),
            [1, 0, 0, -1] => (true, 2),
            [0, 1, 1, 0] => (true, 3),
            _ => return None,
        };
        Some(Self { mirrored, quarters })
    }
}

impl fmt::Display for Orientation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match (self.mirrored, self.quarters) {
            (false, _) => "turned",
            (true, 0) => "mirrored",
            (true, _) => "mirrored, and then turned",
        };
        f.write_str("its pictures are to be ")?;
        f.write_str(what)?;
        if self.quarters > 0 {
            write!(f, " by {} degrees clockwise", 90 * u16::from(self.quarters))?;
        }
        f.write_str(", which RTP cannot tell: they are served as they are stored")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JPEG: &[u8] = include_bytes!("../../../../core/src/codec/jpeg/testdata/ffmpeg-420-default.jpg");

    /// A picture with this orientation, in either order of bytes.
    fn with_exif(orientation: u16, is_little: bool) -> Vec<u8> {
        let (start, mut tiff) = if is_little { (b"II", vec![42, 0]) } else { (b"MM", vec![0, 42]) };
        let mut word =
            |word: u16| tiff.extend(if is_little { word.to_le_bytes() } else { word.to_be_bytes() });
        let offset = if is_little { [8, 0] } else { [0, 8] };
        // Two fields: another one, and the orientation.
        for value in [offset[0], offset[1], 2, 0x0100, 3, 0, 1, 99, 0, TAG, 3, 0, 1, orientation, 0, 0, 0] {
            word(value);
        }
        let exif = [&b"Exif\0\0"[..], start, &tiff].concat();
        let len = (exif.len() as u16 + 2).to_be_bytes();
        let comment = [0xFF, 0xFE, 0, 3, b'a'];
        [&JPEG[..2], &comment, &[0xFF, 0xE1], &len, &exif, &JPEG[2..]].concat()
    }

    /// What a picture of 2x1 pixels becomes, where the first one is at (1, 0) and the second one at (-1, 0).
    fn moved(orientation: Orientation) -> (i32, i32) {
        let mut at = if orientation.mirrored { (-1, 0) } else { (1, 0) };
        for _ in 0..orientation.quarters {
            // Down is positive.
            at = (-at.1, at.0);
        }
        at
    }

    #[test]
    fn pictures_of_either_order_of_bytes_tell_how_they_are_to_be_turned() {
        for is_little in [false, true] {
            let told = |number| {
                Orientation::of_jpeg(&with_exif(number, is_little))
                    .map(|found| (found.mirrored, found.quarters))
            };
            assert_eq!([0, 1, 9].map(told), [None; 3], "nothing to do");
            assert_eq!([3, 6, 8].map(told), [2, 1, 3].map(|quarters| Some((false, quarters))));
            assert_eq!([2, 7, 4, 5].map(told), [0, 1, 2, 3].map(|quarters| Some((true, quarters))));
        }
        assert_eq!(Orientation::of_jpeg(JPEG), None);
        let told = Orientation::of_jpeg(&with_exif(6, true)).unwrap().to_string();
        assert!(told.starts_with("its pictures are to be turned by 90 degrees clockwise, "), "{told}");
    }

    #[test]
    fn a_matrix_tells_where_the_right_edge_goes() {
        const ONE: i32 = 1 << 16;
        assert_eq!(Orientation::of_matrix([ONE, 0, 0, ONE]), None);
        assert_eq!(Orientation::of_matrix([0; 4]), None);
        for matrix in [
            [0, 1, -1, 0],
            [-1, 0, 0, -1],
            [0, -1, 1, 0],
            [-1, 0, 0, 1],
            [0, -1, -1, 0],
            [1, 0, 0, -1],
            [0, 1, 1, 0],
        ] {
            let found = Orientation::of_matrix(matrix.map(|one| one * ONE)).expect("an orientation");
            // A point (x, y) goes to (ax + cy, bx + dy).
            assert_eq!(moved(found), (matrix[0], matrix[1]), "{matrix:?}");
            // Only a mirror changes the sign of the determinant.
            assert_eq!(found.mirrored, matrix[0] * matrix[3] - matrix[1] * matrix[2] < 0, "{matrix:?}");
        }
    }

    #[test]
    fn no_bytes_are_read_that_are_not_there() {
        let whole = with_exif(6, true);
        for end in 0..whole.len().min(120) {
            let _ = Orientation::of_jpeg(&whole[..end]);
            let mut damaged = whole.clone();
            damaged[end] = 0xFF;
            let _ = Orientation::of_jpeg(&damaged);
        }
    }
}
