//! Reads the marker segments of a JPEG file (ITU-T T.81, B.1), and finds the end of a scan.
use super::error::{JpegError, JpegErrorKind as Kind};

/// Marker codes (T.81, table B.1): the byte after the FF.
pub(crate) mod marker {
    pub(crate) const TEM: u8 = 0x01;
    pub(crate) const SOF0: u8 = 0xC0;
    pub(crate) const SOF1: u8 = 0xC1;
    pub(crate) const SOF2: u8 = 0xC2;
    pub(crate) const SOF3: u8 = 0xC3;
    pub(crate) const DHT: u8 = 0xC4;
    pub(crate) const SOF5: u8 = 0xC5;
    pub(crate) const SOF7: u8 = 0xC7;
    pub(crate) const JPG: u8 = 0xC8;
    pub(crate) const SOF9: u8 = 0xC9;
    pub(crate) const DAC: u8 = 0xCC;
    pub(crate) const SOF15: u8 = 0xCF;
    pub(crate) const RST0: u8 = 0xD0;
    pub(crate) const RST7: u8 = 0xD7;
    pub(crate) const SOI: u8 = 0xD8;
    pub(crate) const EOI: u8 = 0xD9;
    pub(crate) const SOS: u8 = 0xDA;
    pub(crate) const DQT: u8 = 0xDB;
    pub(crate) const DNL: u8 = 0xDC;
    pub(crate) const DRI: u8 = 0xDD;
    pub(crate) const DHP: u8 = 0xDE;
    pub(crate) const EXP: u8 = 0xDF;
    pub(crate) const APP0: u8 = 0xE0;
    pub(crate) const APP15: u8 = 0xEF;
    /// JPEG-LS (ITU-T T.87).
    pub(crate) const SOF55: u8 = 0xF7;
    pub(crate) const COM: u8 = 0xFE;

    /// Whether no length follows the marker.
    pub(crate) const fn stands_alone(code: u8) -> bool {
        matches!(code, TEM | RST0..=EOI)
    }
}

/// One marker segment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Segment<'a> {
    /// The code of the marker: the byte after FF.
    pub(crate) code: u8,
    /// The offset of the segment's marker.
    pub(super) at: usize,
    /// The content after the length field. Empty for a marker that stands alone.
    pub(crate) body: &'a [u8],
    /// The offset of `body`.
    pub(super) body_at: usize,
}

/// Reads marker segments one after another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Segments<'a> {
    data: &'a [u8],
    pos: usize,
}

impl<'a> Segments<'a> {
    /// Starts at byte `pos` of `data`, where a marker should be.
    pub(crate) const fn new(data: &'a [u8], pos: usize) -> Self {
        Self { data, pos }
    }

    /// Returns the offset at which the next marker should be.
    pub(super) const fn pos(&self) -> usize {
        self.pos
    }

    /// Reads the next segment. Fails if there is no marker, or if the segment is cut off.
    pub(crate) fn next(&mut self) -> Result<Segment<'a>, JpegError> {
        let end = self.data.len();
        let byte = |at: usize| self.data.get(at).copied().ok_or(Kind::Truncated.at(end));
        let at = self.pos;
        if byte(at)? != 0xFF {
            return Err(Kind::NotMarker.at(at));
        }
        // Any number of FF may come before the code (T.81, B.1.1.2).
        let mut code_at = at + 1;
        while byte(code_at)? == 0xFF {
            code_at += 1;
        }
        let code = byte(code_at)?;
        if code == 0 {
            return Err(Kind::NotMarker.at(at));
        }
        let length_at = code_at + 1;
        if marker::stands_alone(code) {
            self.pos = length_at;
            return Ok(Segment { code, at, body: &[], body_at: length_at });
        }
        let length = usize::from(u16::from_be_bytes([byte(length_at)?, byte(length_at + 1)?]));
        let (body_at, next) = (length_at + 2, length_at.saturating_add(length));
        if length < 2 {
            return Err(Kind::SegmentLength.at(length_at));
        }
        let body = self.data.get(body_at..next).ok_or(Kind::Truncated.at(end))?;
        self.pos = next;
        Ok(Segment { code, at, body, body_at })
    }
}

/// Returns the offset at which the scan that starts at `from` ends: that of the first marker which
/// is not a restart marker, or the end of the data.
pub(super) fn scan_end(data: &[u8], from: usize) -> usize {
    let mut at = from;
    while let Some(ff) = data.get(at..).and_then(find_ff) {
        at += ff;
        let mut code_at = at + 1;
        while data.get(code_at) == Some(&0xFF) {
            code_at += 1;
        }
        match data.get(code_at) {
            Some(0 | marker::RST0..=marker::RST7) => at = code_at + 1,
            Some(_) => return at,
            None => break,
        }
    }
    data.len()
}

/// Returns the marker that ends a restart interval, whose number counts from 0 (ITU-T T.81, B.2.1).
pub(crate) const fn restart_marker(interval: u16) -> [u8; 2] {
    [0xFF, marker::RST0 | (interval & 7) as u8]
}

/// Returns the length of the data up to the end of its first marker, and the code of that marker; the
/// length of all data and `None` if there is no marker.
pub(super) fn next_marker(data: &[u8]) -> (usize, Option<u8>) {
    let mut at = 0usize;
    while let Some(ff) = data.get(at..).and_then(find_ff) {
        at = at.saturating_add(ff).saturating_add(1);
        match data.get(at) {
            Some(0) => at = at.saturating_add(1),
            // A fill byte.
            Some(0xFF) => {}
            Some(code) => return (at.saturating_add(1), Some(*code)),
            None => break,
        }
    }
    (data.len(), None)
}

/// Returns how many markers a part of a scan has.
pub(super) fn count_markers(mut data: &[u8]) -> u16 {
    let mut count = 0u16;
    while let (len, Some(_)) = next_marker(data) {
        count = count.saturating_add(1);
        data = data.get(len..).unwrap_or_default();
    }
    count
}

/// Returns the index of the first FF byte.
pub(crate) fn find_ff(data: &[u8]) -> Option<usize> {
    let (words, rest) = data.as_chunks::<8>();
    for (nth, word) in words.iter().enumerate() {
        let found = ff_bits(u64::from_le_bytes(*word));
        if found != 0 {
            return Some(nth * 8 + (found.trailing_zeros() / 8) as usize);
        }
    }
    rest.iter().position(|b| *b == 0xFF).map(|n| words.len() * 8 + n)
}

/// Returns the index of the first restart marker: of an FF that one of D0 to D7 follows.
pub(crate) fn find_restart(data: &[u8]) -> Option<usize> {
    const BLOCK: usize = 32;
    let is_restart = |first: u8, second: u8| (first == 0xFF) & (second & !7 == marker::RST0);
    let mut at = 0usize;
    // Most of a scan has none. A block is looked at as a whole, which compilers make vectors of.
    while let Some(block) = data.get(at..).and_then(<[u8]>::first_chunk::<{ BLOCK + 1 }>) {
        let pairs = block.iter().zip(block.iter().skip(1));
        if pairs.fold(false, |any, (first, second)| any | is_restart(*first, *second)) {
            break;
        }
        at = at.saturating_add(BLOCK);
    }
    let rest = data.get(at..)?;
    let mut pairs = rest.iter().zip(rest.iter().skip(1));
    let found = pairs.position(|(first, second)| is_restart(*first, *second))?;
    Some(at.saturating_add(found))
}

/// Whether any of the eight bytes is FF.
pub(super) const fn has_ff(word: u64) -> bool {
    ff_bits(word) != 0
}

/// Returns how many bytes come before the first FF.
pub(super) const fn before_ff(bytes: [u8; 8]) -> u32 {
    ff_bits(u64::from_le_bytes(bytes)).trailing_zeros() / 8
}

/// Returns a word in which the highest bit of each FF byte is set. Only the lowest set bit can be
/// relied on.
const fn ff_bits(word: u64) -> u64 {
    const LOW: u64 = u64::from_ne_bytes([0x01; 8]);
    const HIGH: u64 = u64::from_ne_bytes([0x80; 8]);
    // A byte whose complement is zero borrows into its highest bit, and from the byte above.
    (!word).wrapping_sub(LOW) & word & HIGH
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn find_ff_finds_the_first(data in prop::collection::vec(0xFCu8..=0xFF, 0..40)) {
            prop_assert_eq!(find_ff(&data), data.iter().position(|b| *b == 0xFF));
        }

        #[test]
        fn find_restart_finds_the_first(
            mut data in prop::collection::vec(prop::sample::select(&[0, 0xCF, 0xD8, 0xFF][..]), 0..100),
            marker in 0xD0u8..=0xD7,
            at in 0usize..100,
        ) {
            for marked in [false, true] {
                if marked && let Some(place) = data.get_mut(at) {
                    *place = marker;
                }
                let is_restart = |pair: &[u8]| pair[0] == 0xFF && (0xD0..=0xD7).contains(&pair[1]);
                prop_assert_eq!(find_restart(&data), data.windows(2).position(is_restart));
            }
        }
    }

    #[test]
    fn only_real_markers_end_a_scan() {
        let scan = [0x12, 0xFF, 0x00, 0x34, 0xFF, 0xFF, 0xD3, 0x56, 0xFF, 0xFF, 0xD9];
        assert_eq!(scan_end(&scan, 0), 8);
        assert_eq!(scan_end(&scan[..8], 0), 8);
        assert_eq!(scan_end(&scan[..9], 0), 9);
    }

    #[test]
    fn fill_bytes_may_come_before_a_marker() {
        let mut segments = Segments::new(&[0xFF, 0xFF, 0xFF, 0xFE, 0x00, 0x03, 0x41, 0xFF, 0xD9], 0);
        let comment = segments.next().unwrap();
        assert_eq!((comment.code, comment.at, comment.body, comment.body_at), (0xFE, 0, &[0x41][..], 6));
        assert_eq!(segments.next().unwrap().code, marker::EOI);
        assert_eq!(segments.next().unwrap_err(), Kind::Truncated.at(9));
    }
}
