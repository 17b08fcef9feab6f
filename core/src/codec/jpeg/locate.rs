//! Finds the parts of a JPEG file that is known to fit RFC 2435, for a packetizer.
use super::segments::marker;
use super::{JpegInfo, Sampling};

/// The most segments before the scan. Cameras write at most ten, and a packetizer reads them again for
/// each group of packets.
const MAX_SEGMENTS: usize = 64;

impl JpegInfo {
    /// Finds the tables and the scan of a JPEG file that is known to be fit for RTP:
    /// [`inspect`](super::inspect()) has checked it, or [`recode`](super::recode()) or a depacketizer has
    /// written it. The marker segments are read and the scan is not, so this is fast.
    ///
    /// Returns `None` if the file is not baseline with 8-bit tables and three components, sampled as RFC
    /// 2435 says. Returns `None` also if the scan does not begin within the first 64 segments, or if
    /// there are other bytes between the segments. Huffman tables are not checked;
    /// [`inspect`](super::inspect()) checks them.
    ///
    /// The scan is taken to reach to the EOI marker at the end of `file`, or to the end of `file` if EOI
    /// is missing. This is not checked: pass no bytes after the picture.
    ///
    /// If [`inspect`](super::inspect()) accepts a file and
    /// [`Inspected::needs_recode`](super::Inspected::needs_recode) is false, both functions usually return
    /// equal descriptions. The descriptions differ only if the file has other bytes between the segments or
    /// between the scan and EOI, or more than 64 segments before the scan. [Re-code](super::recode()) such
    /// a file first, and locate the parts of the written file.
    pub fn locate(file: &[u8]) -> Option<Self> {
        let mut info = Self::of_size(0, 0, Sampling::Yuv420);
        // The offset of each table; 0 if it is not defined.
        let mut tables = [0u32; 4];
        let mut chosen = (0u8, 0u8);
        if !file.starts_with(&[0xFF, marker::SOI]) {
            return None;
        }
        let mut at = 2usize;
        for _ in 0..MAX_SEGMENTS {
            let &[0xFF, code, l1, l0] = file.get(at..)?.first_chunk()? else { return None };
            let len = usize::from(u16::from_be_bytes([l1, l0])).checked_sub(2)?;
            let body_at = at.checked_add(4)?;
            let body = file.get(body_at..)?.get(..len)?;
            at = body_at.checked_add(len)?;
            match code {
                marker::DQT => define(&mut tables, body, body_at as u32)?,
                marker::SOF0 | marker::SOF1 => {
                    let &[8, h1, h0, w1, w0, 3, _, y, luma, _, 0x11, chroma, _, 0x11, _] =
                        body.first_chunk()?
                    else {
                        return None;
                    };
                    info.width = u16::from_be_bytes([w1, w0]);
                    info.height = u16::from_be_bytes([h1, h0]);
                    info.sampling = match y {
                        0x21 => Sampling::Yuv422,
                        0x22 => Sampling::Yuv420,
                        _ => return None,
                    };
                    chosen = (luma, chroma);
                }
                marker::DRI => info.restart_interval = u16::from_be_bytes(*body.first_chunk()?),
                marker::SOS => {
                    let table = |slot: u8| tables.get(usize::from(slot)).copied().filter(|&at| at > 0);
                    let scan = file.get(at..)?;
                    let scan = scan.strip_suffix(&[0xFF, marker::EOI]).unwrap_or(scan);
                    (info.luma_table, info.chroma_table) = (table(chosen.0)?, table(chosen.1)?);
                    (info.scan, info.scan_len) = (u32::try_from(at).ok()?, u32::try_from(scan.len()).ok()?);
                    return Some(info).filter(|info| info.width > 0 && info.height > 0);
                }
                marker::DHT | marker::APP0..=marker::APP15 | marker::COM => {}
                _ => return None,
            }
        }
        None
    }
}

/// Reads a DQT segment (ITU-T T.81, B.2.4.1), whose `body` is at offset `at` of the file.
fn define(tables: &mut [u32; 4], mut body: &[u8], mut at: u32) -> Option<()> {
    while let Some((name, rest)) = body.split_first() {
        let (_, rest) = rest.split_at_checked(64)?;
        *tables.get_mut(usize::from(*name))? = at.checked_add(1)?;
        (body, at) = (rest, at.checked_add(65)?);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::jpeg::{McuShape, inspect};
    use proptest::prelude::*;
    use std::vec::Vec;

    const FILES: [&[u8]; 4] = [
        include_bytes!("testdata/ffmpeg-420-default.jpg"),
        include_bytes!("testdata/cjpeg-420-q75.jpg"),
        include_bytes!("testdata/cjpeg-422-restart-row.jpg"),
        include_bytes!("testdata/ffmpeg-422-default.jpg"),
    ];

    #[test]
    fn locating_agrees_with_inspecting() {
        for file in FILES {
            let found = inspect(file).unwrap();
            let located = JpegInfo::locate(file);
            assert_eq!(located, (found.mcu == McuShape::Standard).then_some(found.info));
            // Without EOI as well.
            let scan_end = (found.info.scan + found.info.scan_len) as usize;
            assert_eq!(JpegInfo::locate(&file[..scan_end]), located);
        }
    }

    #[test]
    fn bytes_between_the_segments_are_refused() {
        let filled = [&FILES[1][..2], &[0xFF], &FILES[1][2..]].concat();
        assert!(inspect(&filled).is_ok());
        assert_eq!(JpegInfo::locate(&filled), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken(mut data: Vec<u8>, file in 0usize..4, cut in 0usize..2_000, at in 0usize..700, value: u8) {
            let _ = JpegInfo::locate(&data);
            data = FILES[file].to_vec();
            data.truncate(cut);
            if let Some(byte) = data.get_mut(at) {
                *byte = value;
            }
            if let Some(info) = JpegInfo::locate(&data) {
                prop_assert!((info.scan + info.scan_len) as usize <= data.len());
            }
        }
    }
}
