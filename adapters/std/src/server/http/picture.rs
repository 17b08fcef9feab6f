//! A picture as a file that any program shows.
use crate::media::{HeldFrame, standard_header};
use pinhole::codec::jpeg::JpegInfo;

const SOI: u8 = 0xD8;
const DHT: u8 = 0xC4;
const SOS: u8 = 0xDA;
/// The most segments before the scan that are searched for Huffman tables.
const MAX_SEGMENTS: usize = 64;

/// A frame of a store, as a complete JPEG file. Frames of cameras may lack the standard Huffman tables, without which
/// most programs show nothing. A header with the tables is then in place of their own.
#[derive(Debug)]
pub(super) struct Picture {
    frame: HeldFrame,
    /// The header that is sent in place of the first [`Self::skipped`] bytes of the frame; empty if none is.
    header: Vec<u8>,
    skipped: usize,
}

impl Picture {
    pub(super) fn new(frame: HeldFrame) -> Self {
        let (header, skipped) = replacement(frame.data()).unwrap_or_default();
        Self { frame, header, skipped }
    }

    /// Returns the pieces of the file, in order.
    pub(super) fn pieces(&self) -> [&[u8]; 2] {
        [&self.header, self.frame.data().get(self.skipped..).unwrap_or_default()]
    }

    /// Returns the length of the file in bytes.
    pub(super) fn len(&self) -> usize {
        self.pieces().iter().map(|piece| piece.len()).sum()
    }
}

/// Returns a header with Huffman tables for a frame that lacks some, and the length of the frame's own header.
fn replacement(frame: &[u8]) -> Option<(Vec<u8>, usize)> {
    if has_huffman_tables(frame) {
        return None;
    }
    let info = JpegInfo::locate(frame)?;
    Some((standard_header(frame, &info)?, usize::try_from(info.scan).ok()?))
}

/// Whether a frame has all Huffman tables that its scan uses.
fn has_huffman_tables(frame: &[u8]) -> bool {
    let mut defined = [false; 256];
    let Some(mut rest) = frame.strip_prefix(&[0xFF, SOI]) else { return true };
    for _ in 0..MAX_SEGMENTS {
        let Some((&[0xFF, code, l1, l0], after)) = rest.split_first_chunk() else { return true };
        let len = usize::from(u16::from_be_bytes([l1, l0])).saturating_sub(2);
        let Some((body, next)) = after.split_at_checked(len) else { return true };
        match code {
            DHT => note_tables(body, &mut defined),
            SOS => return scan_tables(body).all(|table| defined.get(usize::from(table)) == Some(&true)),
            _ => {}
        }
        rest = next;
    }
    true
}

/// Notes the tables of a DHT segment (ITU-T T.81, B.2.4.2) by the bytes that name them: class and number.
fn note_tables(mut body: &[u8], defined: &mut [bool; 256]) {
    while let Some((&name, rest)) = body.split_first()
        && let Some((counts, rest)) = rest.split_first_chunk::<16>()
    {
        let values = counts.iter().map(|count| usize::from(*count)).sum();
        if let Some(defined) = defined.get_mut(usize::from(name)) {
            *defined = true;
        }
        body = rest.get(values..).unwrap_or_default();
    }
}

/// Returns the names of the tables that the components of a scan use (ITU-T T.81, B.2.3).
fn scan_tables(body: &[u8]) -> impl Iterator<Item = u8> {
    let components = body.first().map_or(0, |count| usize::from(*count));
    let components = body.get(1..).unwrap_or_default().chunks_exact(2).take(components);
    components.filter_map(|component| component.get(1)).flat_map(|used| [used >> 4, 0x10 | (used & 0x0F)])
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: &[u8] = include_bytes!("../../../../../core/src/codec/jpeg/testdata/cjpeg-420-q75.jpg");

    /// Returns a frame without its Huffman tables, or without those after the first segment.
    fn without_tables(frame: &[u8], keep: usize) -> Vec<u8> {
        let (mut out, mut at, mut kept) = (frame[..2].to_vec(), 2, 0);
        loop {
            let len = 2 + usize::from(u16::from_be_bytes([frame[at + 2], frame[at + 3]]));
            let segment = &frame[at..at + len];
            if segment[1] != DHT || kept < keep {
                out.extend(segment);
                kept += usize::from(segment[1] == DHT);
            }
            at += len;
            if segment[1] == SOS {
                out.extend(&frame[at..]);
                return out;
            }
        }
    }

    fn decoded(file: &[u8]) -> Vec<u8> {
        zune_jpeg::JpegDecoder::new(std::io::Cursor::new(file)).decode().unwrap()
    }

    #[test]
    fn a_frame_with_its_tables_stays_as_it_is() {
        assert_eq!(replacement(FRAME), None);
    }

    #[test]
    fn missing_tables_are_put_in() {
        for keep in [0, 1, 3] {
            let bare = without_tables(FRAME, keep);
            assert!(!has_huffman_tables(&bare), "{keep}");
            let (header, skipped) = replacement(&bare).expect("another header");
            let file = [&header, &bare[skipped..]].concat();
            assert!(has_huffman_tables(&file));
            assert!(decoded(&file) == decoded(FRAME), "{keep}");
        }
    }

    #[test]
    fn what_is_no_jpeg_stays_as_it_is() {
        for end in 0..FRAME.len().min(700) {
            assert_eq!(replacement(&FRAME[..end]).map(|(header, _)| header.len()), None, "{end}");
        }
        assert_eq!(replacement(b"text"), None);
    }
}
