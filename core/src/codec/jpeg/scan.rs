//! Re-codes a scan block by block: to the standard Huffman tables, and to other restart markers.
use super::JpegInfo;
use super::Sampling;
use super::bits::{BitReader, BitWriter, OutputFull};
use super::coder::{Coder, Half, Layout, Restarts, Source, Target};
use super::copy::Copier;
use super::huffman::{AC_CHROMA, AC_LUMA, DC_CHROMA, DC_LUMA};
use super::inspect::{McuShape, Parsed, TableSlots, mcus};
use super::recode_error::RecodeError;
use super::segments::marker;
use super::translate::{Component, Translator};
use crate::num::div_up;
use core::slice;

/// Re-codes the scan of `src` into `out`, at the offset and with the restart interval that `to`
/// gives, and appends EOI. Returns the offset after EOI.
pub(super) fn recode(
    parsed: &Parsed<'_>,
    src: &[u8],
    out: &mut [u8],
    to: &JpegInfo,
) -> Result<usize, RecodeError> {
    let scan_end = (parsed.info.scan as usize).saturating_add(parsed.info.scan_len as usize);
    let data = src.get(..scan_end).unwrap_or(src);
    if parsed.is_standard() { rows(parsed, data, out, to, &Copier) } else { translate(parsed, data, out, to) }
}

/// Re-codes a scan whose Huffman tables are not the standard ones. Apart from [`recode`], so that
/// the decoding tables are on the stack only when they are needed.
#[inline(never)]
fn translate(parsed: &Parsed<'_>, data: &[u8], out: &mut [u8], to: &JpegInfo) -> Result<usize, RecodeError> {
    let [y, cb, cr] = parsed.components.map(|component| component.tables);
    let luma = Component::new(&parsed.huffman, y, &DC_LUMA, &AC_LUMA);
    let chroma = Component::new(&parsed.huffman, cb, &DC_CHROMA, &AC_CHROMA);
    if cb == cr {
        rows(parsed, data, out, to, &Translator([&luma, &chroma, &chroma]))
    } else {
        translate_with(parsed, data, out, to, [&luma, &chroma], cr)
    }
}

/// Re-codes a scan whose second chroma component has Huffman tables of its own, which hardly any
/// encoder writes.
#[inline(never)]
fn translate_with(
    parsed: &Parsed<'_>,
    data: &[u8],
    out: &mut [u8],
    to: &JpegInfo,
    [luma, cb]: [&Component<'_>; 2],
    cr: TableSlots,
) -> Result<usize, RecodeError> {
    let cr = Component::new(&parsed.huffman, cr, &DC_CHROMA, &AC_CHROMA);
    rows(parsed, data, out, to, &Translator([luma, cb, &cr]))
}

/// How far a scan can be decoded.
pub(super) struct Reach {
    /// The number of MCUs from its start.
    pub(super) mcus: u32,
    /// Why the MCU after these cannot be decoded; `None` if there is none.
    pub(super) fault: Option<RecodeError>,
    /// The offset in the file of the restart interval of that MCU.
    pub(super) interval_at: usize,
    /// The number of bytes of the scan after these MCUs.
    pub(super) left: usize,
}

/// Counts the MCUs that can be decoded, of the `total` that the picture has.
pub(super) fn reach(parsed: &Parsed<'_>, src: &[u8], total: u32) -> Reach {
    if parsed.is_standard() {
        return count(parsed, src, total, &Copier);
    }
    let [y, cb, cr] = parsed.components.map(|component| component.tables);
    let luma = Component::new(&parsed.huffman, y, &DC_LUMA, &AC_LUMA);
    let cb = Component::new(&parsed.huffman, cb, &DC_CHROMA, &AC_CHROMA);
    let cr = Component::new(&parsed.huffman, cr, &DC_CHROMA, &AC_CHROMA);
    count(parsed, src, total, &Translator([&luma, &cb, &cr]))
}

/// Reads MCUs with `coder` up to the first that cannot be read.
fn count(parsed: &Parsed<'_>, src: &[u8], total: u32, coder: &impl Coder) -> Reach {
    let scan = parsed.info.scan as usize;
    let data = src.get(..scan.saturating_add(parsed.info.scan_len as usize)).unwrap_or(src);
    let layout = layout(parsed);
    let mut source = Source {
        bits: BitReader::new(data, scan),
        dc: [0; 3],
        restarts: Restarts::new(parsed.restart_interval),
    };
    let (mut interval_at, mut read) = (scan, 0);
    let fault = loop {
        if read == total {
            break None;
        }
        match source.mcu() {
            Ok(true) => interval_at = source.bits.at(),
            Ok(false) => {}
            Err(fault) => break Some(fault),
        }
        if let Err(fault) = coder.mcu(layout, &mut source, Half::Upper, &mut []) {
            break Some(fault);
        }
        read += 1;
    };
    let left = data.len().saturating_sub(source.bits.at());
    Reach { mcus: read, fault, interval_at, left }
}

/// The blocks of an MCU of this picture.
const fn layout(parsed: &Parsed<'_>) -> &'static Layout {
    match (parsed.info.sampling, parsed.mcu) {
        (_, McuShape::Grey) => &GREY,
        (Sampling::Yuv422, McuShape::Standard) => &YUV422,
        (Sampling::Yuv420, _) => &YUV420,
        (Sampling::Yuv422, McuShape::Tall) => &YUV422_TALL,
    }
}

/// Re-codes all rows of MCUs with `coder`, and appends EOI. Returns the offset after EOI.
fn rows(
    parsed: &Parsed<'_>,
    data: &[u8],
    out: &mut [u8],
    to: &JpegInfo,
    coder: &impl Coder,
) -> Result<usize, RecodeError> {
    let from = &parsed.info;
    let layout = layout(parsed);
    let (across, down) = mcus(from, parsed.mcu);
    let (_, down_out) = mcus(from, McuShape::Standard);
    let mcus = Mcus { coder, layout, across };
    let mut source = Source {
        bits: BitReader::new(data, from.scan as usize),
        dc: [0; 3],
        restarts: Restarts::new(parsed.restart_interval),
    };
    let mut target = Target {
        out,
        bits: BitWriter::new(to.scan as usize),
        dc: [0; 3],
        restarts: Restarts::new(to.restart_interval),
        aligned: None,
    };
    for row in 0..down {
        match parsed.mcu {
            McuShape::Grey => mcus.grey_row(&mut source, &mut target, div_up(u32::from(from.width), 8))?,
            McuShape::Tall if 2 * row + 1 < down_out => mcus.two_rows(&mut source, &mut target)?,
            McuShape::Tall | McuShape::Standard => mcus.row(&mut source, &mut target)?,
        }
    }
    target.bits.marker(target.out, marker::EOI).map_err(|full| source.full(full))?;
    Ok(target.bits.pos())
}

/// The blocks of an MCU, by sampling and shape.
const YUV422: [(usize, Half, u8); 3] = [(0, Half::Upper, 2), (1, Half::Upper, 1), (2, Half::Upper, 1)];
const YUV420: [(usize, Half, u8); 3] = [(0, Half::Upper, 4), (1, Half::Upper, 1), (2, Half::Upper, 1)];
const GREY: [(usize, Half, u8); 1] = [(0, Half::Upper, 1)];
const YUV422_TALL: [(usize, Half, u8); 6] = [
    (0, Half::Upper, 2),
    (0, Half::Lower, 2),
    (1, Half::Upper, 1),
    (1, Half::Lower, 1),
    (2, Half::Upper, 1),
    (2, Half::Lower, 1),
];

/// How the MCUs of a scan are arranged, and what re-codes them.
struct Mcus<'a, C> {
    coder: &'a C,
    layout: &'static Layout,
    across: u32,
}

impl<C: Coder> Mcus<'_, C> {
    /// Re-codes the upper halves of a row of MCUs. The upper half of a standard MCU is all of it.
    fn row(&self, source: &mut Source<'_>, target: &mut Target<'_>) -> Result<(), RecodeError> {
        for _ in 0..self.across {
            source.mcu()?;
            target.mcu().map_err(|full| source.full(full))?;
            self.coder.mcu(self.layout, source, Half::Upper, slice::from_mut(target))?;
        }
        Ok(())
    }

    /// Re-codes a row of grey MCUs, which are one block each, to standard ones of 4:2:2 with empty chroma.
    /// `blocks` is how many there are.
    fn grey_row(
        &self,
        source: &mut Source<'_>,
        target: &mut Target<'_>,
        blocks: u32,
    ) -> Result<(), RecodeError> {
        for mcu in 0..self.across {
            target.mcu().map_err(|full| source.full(full))?;
            for block in [2 * mcu, 2 * mcu + 1] {
                if block < blocks {
                    source.mcu()?;
                    self.coder.mcu(self.layout, source, Half::Upper, slice::from_mut(target))?;
                } else {
                    target.empty_block(&DC_LUMA, &AC_LUMA).map_err(|full| source.full(full))?;
                }
            }
            for _ in 0..2 {
                target.empty_block(&DC_CHROMA, &AC_CHROMA).map_err(|full| source.full(full))?;
            }
        }
        Ok(())
    }

    /// Re-codes a row of tall MCUs to two rows of standard ones. The lower row is written elsewhere
    /// until the upper row is complete, and is then moved.
    ///
    /// The first MCU of the lower row is coded last, from a second reading of the source: its DC
    /// differences depend on the last MCU of the upper row.
    fn two_rows(&self, source: &mut Source<'_>, target: &mut Target<'_>) -> Result<(), RecodeError> {
        let mut targets = target.split(self.across).ok_or(OutputFull).map_err(|full| source.full(full))?;
        let mut first = *source;
        for mcu in 0..self.across {
            source.mcu()?;
            let [upper, lower] = &mut targets;
            upper.mcu().map_err(|full| source.full(full))?;
            if mcu == 0 {
                lower.restarts.mcu();
                self.coder.mcu(self.layout, source, Half::Upper, slice::from_mut(upper))?;
                lower.dc = source.dc;
            } else {
                lower.mcu().map_err(|full| source.full(full))?;
                self.coder.mcu(self.layout, source, Half::Upper, &mut targets)?;
            }
        }

        let [upper, lower] = &mut targets;
        first.mcu()?;
        upper.mcu().map_err(|full| source.full(full))?;
        self.coder.mcu(self.layout, &mut first, Half::Lower, slice::from_mut(upper))?;
        let appended = upper.bits.append(upper.out, &lower.bits, lower.out, lower.aligned);
        appended.map_err(|full| source.full(full))?;
        let (bits, dc, restarts) = (upper.bits, lower.dc, lower.restarts);
        (target.bits, target.dc, target.restarts) = (bits, dc, restarts);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec;

    static STANDARD: [&[u8]; 4] = [
        include_bytes!("testdata/ffmpeg-420-default.jpg"),
        include_bytes!("testdata/ffmpeg-422-default.jpg"),
        include_bytes!("testdata/cjpeg-422-restart-row.jpg"),
        include_bytes!("testdata/cjpeg-420-q75.jpg"),
    ];

    proptest! {
        /// Of whole and of damaged scans, [`Copier`] writes the bytes that [`Translator`] writes.
        #[test]
        fn copying_equals_translating(
            file in prop::sample::select(&STANDARD[..]),
            damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
            restart_interval in 0u16..30,
        ) {
            let mut file = file.to_vec();
            let scan = Parsed::new(&file).unwrap().info.scan as usize;
            for (at, byte) in damage {
                let at = scan + at.index(file.len() - scan);
                file[at] = byte;
            }
            let Ok(parsed) = Parsed::new(&file) else { return Ok(()) };
            prop_assert!(parsed.is_standard());
            let to = JpegInfo { restart_interval, scan: 0, ..parsed.info };
            let (mut copied, mut translated) = (vec![0; 3 * file.len()], vec![0; 3 * file.len()]);
            let ends = [
                recode(&parsed, &file, &mut copied, &to),
                translate(&parsed, &file, &mut translated, &to),
            ];
            prop_assert_eq!(ends[0].is_ok(), ends[1].is_ok());
            if let [Ok(copied_end), Ok(translated_end)] = ends {
                prop_assert_eq!(&copied[..copied_end], &translated[..translated_end]);
            }
        }
    }
}
