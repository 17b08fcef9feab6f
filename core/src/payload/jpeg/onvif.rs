//! JPEG segments in the RTP header extension of a frame's first packet. They say what the payload
//! header cannot express (ONVIF Streaming Specification, "JPEG over RTP").
use crate::codec::jpeg::segments::{Segments, marker};

/// The profiles of the header extension: that of the first packet of a frame, and that of the others.
const PROFILES: [u16; 2] = [0xFFD8, 0xFFFF];

/// The quantisation tables of luma and of chroma.
pub(super) type Quantisers<'a> = (&'a [u8; 64], &'a [u8; 64]);

/// What the segments of an extension say. Each field is `None` if its segment is missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Extension<'a> {
    /// The width and the height in pixels (SOF0).
    pub(super) dimensions: Option<(u16, u16)>,
    /// The tables of 8-bit values (DQT).
    pub(super) quantisers: Option<Quantisers<'a>>,
    /// The number of MCUs in each restart interval (DRI).
    pub(super) restart_interval: Option<u16>,
}

impl<'a> Extension<'a> {
    /// Reads a header extension: its profile and its data. Returns nothing for another profile, and as
    /// much as can be read of malformed data. DHT and SOS are skipped, because RFC 2435 leaves no
    /// choice there.
    pub(super) fn parse((profile, data): (u16, &'a [u8])) -> Self {
        let mut extension = Self::default();
        if !PROFILES.contains(&profile) {
            return extension;
        }
        let mut tables = [None; 4];
        // The numbers of the luma and the chroma table, if no frame header says otherwise.
        let mut slots = (0, 1);
        let mut segments = Segments::new(data, 0);
        while let Ok(segment) = segments.next() {
            match segment.code {
                marker::SOF0 => {
                    if let Some(&[_, h1, h0, w1, w0, _]) = segment.body.first_chunk() {
                        let [width, height] = [[w1, w0], [h1, h0]].map(u16::from_be_bytes);
                        extension.dimensions = Some((width, height));
                    }
                    if let Some(&[_, _, _, _, _, 3, _, _, y, _, _, cb, _, _, _]) = segment.body.first_chunk()
                    {
                        slots = (y, cb);
                    }
                }
                marker::DQT => define(&mut tables, segment.body),
                marker::DRI => {
                    let interval = segment.body.first_chunk().map(|bytes| u16::from_be_bytes(*bytes));
                    extension.restart_interval = interval.or(extension.restart_interval);
                }
                _ => {}
            }
        }
        let table = |slot: u8| tables.get(usize::from(slot)).copied().flatten();
        extension.quantisers = table(slots.0).map(|luma| (luma, table(slots.1).unwrap_or(luma)));
        extension
    }
}

/// Reads a DQT segment (ITU-T T.81, B.2.4.1): its tables of 8-bit values, up to the first that cannot be read.
fn define<'a>(tables: &mut [Option<&'a [u8; 64]>; 4], mut content: &'a [u8]) {
    while let Some((name, rest)) = content.split_first() {
        let Some((table, rest)) = rest.split_first_chunk() else { return };
        let Some(slot) = tables.get_mut(usize::from(*name)) else { return };
        (*slot, content) = (Some(table), rest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    const SOF: [u8; 19] = [0xFF, 0xC0, 0, 17, 8, 0x05, 0xA0, 0x0A, 0, 3, 1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1];

    fn dqt(name: u8, value: u8) -> Vec<u8> {
        [&[0xFF, 0xDB, 0, 67, name][..], &[value; 64]].concat()
    }

    #[test]
    fn size_tables_and_restart_interval_are_read_in_any_order() {
        let (dri, dht, sos) = (
            [0xFF, 0xDD, 0, 4, 0, 9],
            [0xFF, 0xC4, 0, 2],
            [0xFF, 0xDA, 0, 12, 3, 1, 0, 2, 17, 3, 17, 0, 63, 0],
        );
        let data = [&dqt(1, 7)[..], &dri, &SOF, &dht, &dqt(0, 5), &sos, &[0xFF; 3]].concat();
        let expected = Extension {
            dimensions: Some((2_560, 1_440)),
            quantisers: Some((&[5; 64], &[7; 64])),
            restart_interval: Some(9),
        };
        assert_eq!(Extension::parse((0xFFD8, &data)), expected);
        assert_eq!(Extension::parse((0xABAC, &data)), Extension::default());
    }

    #[test]
    fn the_frame_header_says_which_table_is_whose() {
        let mut sof = SOF;
        (sof[12], sof[15], sof[18]) = (2, 0, 0);
        let data = [&dqt(0, 5)[..], &dqt(2, 6), &sof].concat();
        assert_eq!(Extension::parse((0xFFFF, &data)).quantisers, Some((&[6; 64], &[5; 64])));
        let one = dqt(0, 5);
        assert_eq!(Extension::parse((0xFFFF, &one)).quantisers, Some((&[5; 64], &[5; 64])));
    }

    #[test]
    fn tables_of_16_bits_are_none() {
        assert_eq!(Extension::parse((0xFFD8, &dqt(0x10, 5))).quantisers, None);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(mut data: Vec<u8>, code in prop::sample::select(&[0xC0u8, 0xDB, 0xDD][..])) {
            data.splice(0..0, [0xFF, code, 0, data.len() as u8]);
            let _ = Extension::parse((0xFFD8, &data));
        }
    }
}
