//! Writes the header of a JPEG file (all bytes before the scan) from what RTP/JPEG packets carry.
use super::segments::marker;
use super::{JpegInfo, Sampling, tables};
use crate::storage::put;

/// Describes a picture by what RTP/JPEG packets carry, to write the header of its JPEG file (RFC 2435,
/// 3.1 and Appendix B).
///
/// To make a JPEG file, write the header with [`Header::emit`], then the scan as it came in packets, and
/// then the EOI marker (FF D9). [`Header::emit`] does not write EOI. The header has the standard Huffman
/// tables.
#[derive(Clone, Copy, Debug)]
pub struct Header<'a> {
    /// The width of the picture in pixels, 1 or more. The value is not checked.
    pub width: u16,
    /// The height of the picture in pixels, 1 or more. The value is not checked.
    pub height: u16,
    /// How many pixels share a chroma sample.
    pub sampling: Sampling,
    /// The number of MCUs (minimum coded units: 16x8 pixels in 4:2:2, 16x16 in 4:2:0) in each restart
    /// interval, from the restart marker header of the packets. If the packets have no such header, pass
    /// 0: the scan then has no restart markers, and no DRI segment is written.
    pub restart_interval: u16,
    /// The luma quantisation table: 64 values of 8 bits in zigzag order.
    pub luma: &'a [u8; 64],
    /// The quantisation table of both chroma components: 64 values of 8 bits in zigzag order. Pass the
    /// luma table here, too, if the picture has only one.
    pub chroma: &'a [u8; 64],
}

/// The offset of the DQT segment. The offsets of the other parts follow.
const DQT: usize = 2;
const LUMA: usize = DQT + 5;
const CHROMA: usize = LUMA + 65;
const SOF: usize = CHROMA + 64;
const DHT: usize = SOF + FRAME_HEADER_LEN;
/// Bytes of the four standard Huffman tables: each has a byte that names it, 16 counts and its
/// symbols.
const DHT_CONTENT: usize = 4 * 17 + 2 * 12 + 2 * 162;
const AFTER_DHT: usize = DHT + 4 + DHT_CONTENT;
const DRI_LEN: usize = 6;
const SOS_LEN: usize = 14;

/// The length of a [`frame_header`] in bytes.
pub(crate) const FRAME_HEADER_LEN: usize = 19;

/// Returns the SOF0 segment, with its marker, of a picture with these values. Sizes are pixels.
pub(crate) const fn frame_header(width: u16, height: u16, sampling: Sampling) -> [u8; FRAME_HEADER_LEN] {
    let [h1, h0] = height.to_be_bytes();
    let [w1, w0] = width.to_be_bytes();
    let luma = match sampling {
        Sampling::Yuv422 => 0x21,
        Sampling::Yuv420 => 0x22,
    };
    [0xFF, marker::SOF0, 0, 17, 8, h1, h0, w1, w0, 3, 1, luma, 0, 2, 0x11, 1, 3, 0x11, 1]
}

impl Header<'_> {
    /// The length in bytes of the longest header. A buffer of this length is enough for [`Self::emit`] in
    /// each case.
    pub const MAX_LEN: usize = Self::len(1);

    /// Returns the length of a header in bytes, from the SOI marker to the end of the SOS segment. In the
    /// written file, the scan starts at this offset. `restart_interval` is that of the picture, in MCUs
    /// (minimum coded units). If `restart_interval` is 0, the header has no DRI segment and is shorter. All
    /// other values give the same length.
    pub const fn len(restart_interval: u16) -> usize {
        let dri = if restart_interval == 0 { 0 } else { DRI_LEN };
        AFTER_DHT + dri + SOS_LEN
    }

    /// Writes the header, from the SOI marker to the end of the SOS segment, to the start of `out`.
    /// Returns where the parts of the file are. Append the scan and EOI after the header. In the result,
    /// `scan_len` is 0: set it when the length of the scan is known. If `out` is shorter than
    /// [`Header::len`], returns `None` and writes nothing.
    pub fn emit(&self, out: &mut [u8]) -> Option<JpegInfo> {
        let scan = Self::len(self.restart_interval);
        let out = out.get_mut(..scan)?;
        put(out, 0, &[0xFF, marker::SOI]);

        put(out, DQT, &[0xFF, marker::DQT, 0, 2 + 2 * 65, 0]);
        put(out, LUMA, self.luma);
        put(out, CHROMA - 1, &[1]);
        put(out, CHROMA, self.chroma);

        put(out, SOF, &frame_header(self.width, self.height, self.sampling));

        let [l1, l0] = (2 + DHT_CONTENT as u16).to_be_bytes();
        put(out, DHT, &[0xFF, marker::DHT, l1, l0]);
        let specs = [
            (0x00, tables::DC_LUMA),
            (0x10, tables::AC_LUMA),
            (0x01, tables::DC_CHROMA),
            (0x11, tables::AC_CHROMA),
        ];
        let mut at = DHT + 4;
        for (name, spec) in specs {
            put(out, at, &[name]);
            put(out, at + 1, spec.counts);
            put(out, at + 17, spec.values);
            at += 17 + spec.values.len();
        }

        if self.restart_interval != 0 {
            let [i1, i0] = self.restart_interval.to_be_bytes();
            put(out, AFTER_DHT, &[0xFF, marker::DRI, 0, 4, i1, i0]);
        }
        let sos = scan - SOS_LEN;
        put(out, sos, &[0xFF, marker::SOS, 0, 12, 3, 1, 0x00, 2, 0x11, 3, 0x11, 0, 63, 0]);
        Some(JpegInfo {
            width: self.width,
            height: self.height,
            sampling: self.sampling,
            restart_interval: self.restart_interval,
            luma_table: LUMA as u32,
            chroma_table: CHROMA as u32,
            scan: scan as u32,
            scan_len: 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::jpeg::{Huffman, Inspected, McuShape, inspect};
    use proptest::prelude::*;
    use std::vec::Vec;

    proptest! {
        #[test]
        fn written_headers_are_read_back(
            width in 1u16..,
            height in 1u16..,
            tall in any::<bool>(),
            restart_interval in prop_oneof![Just(0), 4096u16..],
            table in any::<u8>(),
            scan in prop::collection::vec(0u8..0xFF, 0..100),
        ) {
            let sampling = if tall { Sampling::Yuv420 } else { Sampling::Yuv422 };
            let (luma, chroma) = ([table; 64], [table.wrapping_add(1); 64]);
            let header =
                Header { width, height, sampling, restart_interval, luma: &luma, chroma: &chroma };
            let mut file = Vec::from([0; Header::MAX_LEN]);
            let mut info = header.emit(&mut file).unwrap();
            file.truncate(info.scan as usize);
            prop_assert_eq!(file.len(), Header::len(restart_interval));
            prop_assert_eq!(&file[info.luma_table as usize..][..64], &luma);
            prop_assert_eq!(&file[info.chroma_table as usize..][..64], &chroma);
            file.extend(&scan);
            file.extend([0xFF, 0xD9]);
            info.scan_len = scan.len() as u32;
            let read = Inspected {
                info,
                huffman: Huffman::Standard,
                mcu: McuShape::Standard,
                eoi: true,
                len: file.len(),
            };
            prop_assert_eq!(inspect(&file), Ok(read));
        }
    }

    #[test]
    fn a_short_buffer_is_left_alone() {
        let table = [1; 64];
        let header = Header {
            width: 16,
            height: 16,
            sampling: Sampling::Yuv420,
            restart_interval: 0,
            luma: &table,
            chroma: &table,
        };
        let mut out = [0; Header::len(0) - 1];
        assert_eq!(header.emit(&mut out), None);
        assert!(out.iter().all(|b| *b == 0));
    }
}
