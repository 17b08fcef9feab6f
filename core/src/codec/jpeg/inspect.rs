//! Reads the marker segments of a JPEG file, and says whether RTP can carry the picture.
#[cfg(test)]
mod tests;

use super::error::{JpegError, JpegErrorKind as Kind};
use super::huffman_spec::HuffmanSpec;
use super::segments::{Segment, Segments, marker, scan_end};
use super::{JpegInfo, Sampling, tables};
use crate::num::div_up;

/// The result of [`inspect`]: where the parts of a JPEG file are, and how it is coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Inspected {
    /// The picture's size and the offsets of its parts. RTP can carry the picture as it is only if
    /// [`Self::needs_recode`] returns false.
    pub info: JpegInfo,
    /// The Huffman tables that the scan is coded with.
    pub huffman: Huffman,
    /// The shape of the picture's MCUs (minimum coded units).
    pub mcu: McuShape,
    /// Whether the picture ends with an EOI marker. If this is false, the scan may have been cut short. The
    /// picture can be carried all the same, because RTP/JPEG does not carry EOI.
    pub eoi: bool,
    /// The length of the picture in bytes, from its SOI marker to its end, with the EOI marker if there is
    /// one. If the inspected data is longer than this, its other bytes are not part of the picture: do not
    /// send them.
    pub len: usize,
}

impl Inspected {
    /// Returns whether the picture has to be re-coded. If this returns true, RTP cannot carry the picture
    /// as it is: call [`recode`](super::recode()), and send what it writes. If this returns false, send
    /// the picture as it is.
    pub fn needs_recode(&self) -> bool {
        self.huffman == Huffman::Custom || self.mcu != McuShape::Standard
    }
}

/// Which Huffman tables a scan is coded with. [`Inspected::needs_recode`] says whether the picture has to
/// be re-coded because of that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Huffman {
    /// The scan uses the standard tables (ITU-T T.81, Annex K), which RTP/JPEG receivers use for every
    /// picture. The file contains these tables. RTP can carry the picture as it is.
    Standard,
    /// The scan uses other tables. RTP/JPEG cannot carry tables, so the picture has to be
    /// [re-coded](super::recode()).
    Custom,
    /// The file lacks some or all of its Huffman tables, and the standard tables are meant. Such pictures
    /// come from webcams and are in AVI files. RTP can carry the picture as it is, but a decoder may
    /// refuse the file; [`recode`](super::recode()) adds the tables.
    Missing,
}

/// The shape of a picture's MCUs (minimum coded units): how blocks of 8x8 samples are grouped (ITU-T
/// T.81, A.2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum McuShape {
    /// An MCU (minimum coded unit) has one block of each chroma component, as RFC 2435 requires (4.1): it
    /// is 16x8 pixels in 4:2:2, and 16x16 in 4:2:0.
    Standard,
    /// An MCU (minimum coded unit) is 16x16 pixels although the picture is 4:2:2, twice as high as in
    /// [`Self::Standard`]. The sampling factors are 2x2, 1x2, 1x2 instead of 2x1, 1x1, 1x1. FFmpeg writes
    /// 4:2:2 this way. The blocks come in another order than RTP/JPEG requires, so the picture has to be
    /// [re-coded](super::recode()).
    Tall,
    /// The picture is grey: it has one component, and an MCU is one block of 8x8 pixels. RTP/JPEG has no
    /// grey pictures, so the picture has to be [re-coded](super::recode()): it becomes 4:2:2 with chroma
    /// that is empty. [`Inspected::info`] describes it as that.
    Grey,
}

impl Inspected {
    /// Describes a picture.
    ///
    /// # Errors
    /// As [`check_intervals`].
    pub(super) fn of(parsed: &Parsed<'_>) -> Result<Self, JpegError> {
        let info = parsed.info;
        check_intervals(&info, parsed.mcu).map_err(|reason| reason.at(parsed.restart_at))?;
        let huffman = match parsed.is_standard() {
            false => Huffman::Custom,
            true if parsed.components.iter().all(|used| parsed.huffman.defines(used.tables)) => {
                Huffman::Standard
            }
            true => Huffman::Missing,
        };
        Ok(Self { info, huffman, mcu: parsed.mcu, eoi: parsed.eoi, len: parsed.len })
    }
}

impl McuShape {
    /// Returns the number of components.
    const fn components(self) -> usize {
        match self {
            Self::Standard | Self::Tall => 3,
            Self::Grey => 1,
        }
    }
}

/// Returns the restart interval in standard MCUs of two blocks that is as long as `blocks` blocks of a grey
/// picture; 0 if there is none, because markers would be within MCUs.
fn standard_interval(blocks: u16, width: u16) -> u16 {
    let row = width.div_ceil(8);
    match (blocks % 2, row % 2) {
        (0, 0) => blocks / 2,
        _ if row > 0 && blocks.is_multiple_of(row) => (blocks / row).saturating_mul(row.div_ceil(2)),
        _ => 0,
    }
}

/// Reads the marker segments of the JPEG picture at the start of `data`, and finds the picture's end.
/// Bytes after that end are ignored.
///
/// The scan (the entropy-coded data) is not decoded. Damage in the scan is therefore not found, and neither
/// is a scan that is too short. If a picture with such damage does not [need
/// re-coding](Inspected::needs_recode), you may send it, because receivers conceal the damage. If the
/// picture needs re-coding, [`recode`](super::recode()) returns an error for it.
///
/// # Errors
/// Returns the first reason for which RFC 2435 cannot carry the picture, and the offset of the part that
/// causes it. If the data ends before the scan, the reason is
/// [`JpegErrorKind::Truncated`](super::JpegErrorKind::Truncated). Re-coding helps only with
/// [`JpegErrorKind::TooManyIntervals`](super::JpegErrorKind::TooManyIntervals).
pub fn inspect(data: &[u8]) -> Result<Inspected, JpegError> {
    Inspected::of(&Parsed::new(data)?)
}

/// Checks that a picture has at most 16,383 restart intervals. RTP/JPEG numbers them with 14 bits,
/// and 0x3FFF stands for no number (RFC 2435, 3.1.7).
pub(super) fn check_intervals(info: &JpegInfo, mcu: McuShape) -> Result<(), Kind> {
    let (across, down) = mcus(info, mcu);
    match div_up(across * down, u32::from(info.restart_interval.max(1))) {
        n if n > 0x3FFF && info.restart_interval != 0 => Err(Kind::TooManyIntervals(n)),
        _ => Ok(()),
    }
}

/// Returns how many MCUs a row has, and how many rows there are. For a grey picture, these are the MCUs that it
/// gets.
pub(super) fn mcus(info: &JpegInfo, mcu: McuShape) -> (u32, u32) {
    let height = match (info.sampling, mcu) {
        (Sampling::Yuv422, McuShape::Standard | McuShape::Grey) => 8,
        (Sampling::Yuv420, _) | (_, McuShape::Tall) => 16,
    };
    (div_up(u32::from(info.width), 16), div_up(u32::from(info.height), height))
}

/// The numbers of a component's DC and AC Huffman tables: 0 or 1 each.
pub(super) type TableSlots = (u8, u8);

/// A colour component: its identifier, and which tables it uses.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Component {
    id: u8,
    quantiser: u8,
    pub(super) tables: TableSlots,
}

/// The Huffman tables that DHT segments have defined so far, by their numbers.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct HuffmanSpecs<'a> {
    dc: [Option<HuffmanSpec<'a>>; 2],
    ac: [Option<HuffmanSpec<'a>>; 2],
}

impl<'a> HuffmanSpecs<'a> {
    /// Returns the DC and the AC table of these numbers. For a table that was not defined, it
    /// returns the standard one, as decoders do for Motion-JPEG in AVI files.
    pub(super) fn tables(&self, (dc, ac): TableSlots) -> (HuffmanSpec<'a>, HuffmanSpec<'a>) {
        (
            table(&self.dc, dc, [&tables::DC_LUMA, &tables::DC_CHROMA]),
            table(&self.ac, ac, [&tables::AC_LUMA, &tables::AC_CHROMA]),
        )
    }

    /// Whether the file has defined both tables.
    fn defines(&self, (dc, ac): TableSlots) -> bool {
        let defined = |all: &[Option<_>; 2], slot| all.get(usize::from(slot)).is_some_and(Option::is_some);
        defined(&self.dc, dc) && defined(&self.ac, ac)
    }

    /// Reads a DHT segment (T.81, B.2.4.2) and keeps the tables in it.
    fn define(&mut self, segment: &Segment<'a>) -> Result<(), JpegError> {
        let mut content = segment.body;
        while let Some((name, rest)) = content.split_first() {
            let at = segment.body_at + (segment.body.len() - content.len());
            let (spec, rest) = HuffmanSpec::split(rest).ok_or(Kind::SegmentLength.at(at))?;
            let tables = if name >> 4 == 0 { &mut self.dc } else { &mut self.ac };
            let slot = tables.get_mut(usize::from(name & 0xF));
            match slot {
                Some(slot) if name >> 4 <= 1 && spec.is_valid() => *slot = Some(spec),
                _ => return Err(Kind::HuffmanTable.at(at)),
            }
            content = rest;
        }
        Ok(())
    }
}

fn table<'a>(
    defined: &[Option<HuffmanSpec<'a>>; 2],
    slot: u8,
    [luma, chroma]: [&HuffmanSpec<'static>; 2],
) -> HuffmanSpec<'a> {
    let standard = if slot == 0 { luma } else { chroma };
    defined.get(usize::from(slot)).copied().flatten().unwrap_or(*standard)
}

/// A parsed JPEG file that can be carried, if need be after re-coding.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parsed<'a> {
    pub(super) info: JpegInfo,
    pub(super) mcu: McuShape,
    pub(super) components: [Component; 3],
    pub(super) huffman: HuffmanSpecs<'a>,
    pub(super) eoi: bool,
    pub(super) len: usize,
    /// The restart interval in MCUs of the scan as it is. That of `info` counts standard MCUs if the picture is
    /// grey.
    pub(super) restart_interval: u16,
    /// The offset of the DRI segment, which defines the restart interval.
    restart_at: usize,
}

impl<'a> Parsed<'a> {
    pub(super) fn new(data: &'a [u8]) -> Result<Self, JpegError> {
        // Offsets have 32 bits, so no picture is larger than that.
        let data = data.get(..u32::MAX as usize).unwrap_or(data);
        if !data.starts_with(&[0xFF, marker::SOI]) {
            return Err(Kind::NotJpeg.at(0));
        }
        let mut segments = Segments::new(data, 2);
        let mut header = Tables::default();
        let (mut frame, sos) = header.read(&mut segments)?;
        frame.choose_tables(&sos)?;
        let quantiser = |component: &Component| {
            header.quantiser(component.quantiser).ok_or(Kind::MissingTable.at(sos.at))
        };
        let [y, cb, cr] = &frame.components;
        let (y, cb, cr) = (quantiser(y)?, quantiser(cb)?, quantiser(cr)?);
        let table = |at: usize| data.get(at..at.saturating_add(64));
        if table(cb) != table(cr) {
            return Err(Kind::UnequalChromaTables.at(cr));
        }

        let scan = segments.pos();
        let scan_end = scan_end(data, scan);
        let tail = Tail::read(Segments::new(data, scan_end))?;
        // Where the header says a height of zero, DNL gives it after the scan (T.81, B.2.5).
        if frame.height == 0 {
            frame.height = tail.lines.unwrap_or(0);
        }
        if frame.width == 0 || frame.height == 0 {
            return Err(Kind::ZeroSize.at(frame.at));
        }
        let info = JpegInfo {
            width: frame.width,
            height: frame.height,
            sampling: frame.sampling,
            restart_interval: match frame.mcu {
                McuShape::Grey => standard_interval(header.restart_interval, frame.width),
                McuShape::Standard | McuShape::Tall => header.restart_interval,
            },
            luma_table: y as u32,
            chroma_table: cb as u32,
            scan: scan as u32,
            scan_len: (scan_end - scan) as u32,
        };
        Ok(Self {
            info,
            mcu: frame.mcu,
            components: frame.components,
            huffman: header.huffman,
            eoi: tail.eoi,
            len: tail.end,
            restart_interval: header.restart_interval,
            restart_at: header.restart_at,
        })
    }

    /// Whether all Huffman tables that the scan uses are the standard ones.
    pub(super) fn is_standard(&self) -> bool {
        let standard = HuffmanSpecs::default();
        self.components
            .iter()
            .zip([0, 1, 1])
            .take(self.mcu.components())
            .all(|(component, slot)| self.huffman.tables(component.tables) == standard.tables((slot, slot)))
    }
}

/// The tables and the restart interval that segments before the scan have defined.
#[derive(Clone, Copy, Debug, Default)]
struct Tables<'a> {
    huffman: HuffmanSpecs<'a>,
    quantisers: [Option<usize>; 4],
    restart_interval: u16,
    restart_at: usize,
}

impl<'a> Tables<'a> {
    /// Reads all segments up to the first SOS, which is included. Returns the frame header and the
    /// SOS segment.
    fn read(&mut self, segments: &mut Segments<'a>) -> Result<(FrameHeader, Segment<'a>), JpegError> {
        let mut frame = None;
        loop {
            let segment = segments.next()?;
            match segment.code {
                marker::DHT => self.huffman.define(&segment)?,
                marker::DQT => self.define_quantisers(&segment)?,
                marker::DRI => {
                    let interval = segment.body.first_chunk().ok_or(Kind::SegmentLength.at(segment.at))?;
                    self.restart_interval = u16::from_be_bytes(*interval);
                    self.restart_at = segment.at;
                }
                marker::SOF0 | marker::SOF1 if frame.is_none() => frame = Some(FrameHeader::read(&segment)?),
                marker::SOS => {
                    let frame = frame.ok_or(Kind::Misplaced(marker::SOS).at(segment.at))?;
                    return Ok((frame, segment));
                }
                // APPn, which may contain thumbnails; COM; reserved codes.
                code => skippable(code).map_err(|reason| reason.at(segment.at))?,
            }
        }
    }

    /// Reads a DQT segment (T.81, B.2.4.1) and keeps the offsets of the tables in it.
    fn define_quantisers(&mut self, segment: &Segment<'_>) -> Result<(), JpegError> {
        let mut content = segment.body;
        while let Some((name, rest)) = content.split_first() {
            let at = segment.body_at + (segment.body.len() - content.len());
            if name >> 4 != 0 {
                return Err(Kind::QuantPrecision16.at(at));
            }
            let (_, rest) = rest.split_at_checked(64).ok_or(Kind::SegmentLength.at(at))?;
            *self.quantisers.get_mut(usize::from(*name)).ok_or(Kind::MissingTable.at(at))? = Some(at + 1);
            content = rest;
        }
        Ok(())
    }

    /// Returns the offset of a quantisation table.
    fn quantiser(&self, slot: u8) -> Option<usize> {
        self.quantisers.get(usize::from(slot)).copied().flatten()
    }
}

/// Checks that a segment before the scan may be skipped.
fn skippable(code: u8) -> Result<(), Kind> {
    match code {
        marker::SOF2 => Err(Kind::Progressive),
        marker::SOF3 | marker::SOF55 => Err(Kind::Lossless),
        marker::SOF5..=marker::SOF7 | marker::DHP | marker::EXP => Err(Kind::Hierarchical),
        // SOF9 to SOF15 and DAC all mean arithmetic coding.
        marker::SOF9..=marker::SOF15 => Err(Kind::Arithmetic),
        marker::SOF0 | marker::SOF1 | marker::JPG | marker::RST0..=marker::EOI | marker::DNL => {
            Err(Kind::Misplaced(code))
        }
        _ => Ok(()),
    }
}

/// A frame header: SOF0 or SOF1. The extended process of 8 bits (SOF1) differs from baseline only in
/// how many tables it may have.
#[derive(Clone, Copy, Debug)]
struct FrameHeader {
    at: usize,
    width: u16,
    height: u16,
    sampling: Sampling,
    mcu: McuShape,
    components: [Component; 3],
}

impl FrameHeader {
    /// Reads a frame header (T.81, B.2.2).
    fn read(segment: &Segment<'_>) -> Result<Self, JpegError> {
        let at = segment.body_at;
        let too_short = Kind::SegmentLength.at(segment.at);
        let (&[precision, h1, h0, w1, w0, count], list) =
            segment.body.split_first_chunk::<6>().ok_or(too_short)?;
        if precision != 8 {
            return Err(Kind::Precision(precision).at(at));
        }
        let component = |id, quantiser| Component { id, quantiser, tables: (0, 0) };
        let (sampling, mcu, components) = match count {
            1 => {
                let &[id, _, quantiser] = list.first_chunk().ok_or(too_short)?;
                (Sampling::Yuv422, McuShape::Grey, [component(id, quantiser); 3])
            }
            3 => {
                let &[y_id, y, y_q, cb_id, cb, cb_q, cr_id, cr, cr_q] =
                    list.first_chunk().ok_or(too_short)?;
                let (sampling, mcu) = match (y, cb, cr) {
                    (0x21, 0x11, 0x11) => (Sampling::Yuv422, McuShape::Standard),
                    (0x22, 0x11, 0x11) => (Sampling::Yuv420, McuShape::Standard),
                    (0x22, 0x12, 0x12) => (Sampling::Yuv422, McuShape::Tall),
                    _ => return Err(Kind::Sampling { y, cb, cr }.at(at + 7)),
                };
                (sampling, mcu, [component(y_id, y_q), component(cb_id, cb_q), component(cr_id, cr_q)])
            }
            _ => return Err(Kind::Components(count).at(at + 5)),
        };
        Ok(Self {
            at: segment.at,
            width: u16::from_be_bytes([w1, w0]),
            height: u16::from_be_bytes([h1, h0]),
            sampling,
            mcu,
            components,
        })
    }

    /// Notes for each component which Huffman tables SOS names (T.81, B.2.3).
    fn choose_tables(&mut self, sos: &Segment<'_>) -> Result<(), JpegError> {
        let (count, list) = sos.body.split_first().ok_or(Kind::SegmentLength.at(sos.at))?;
        let components = self.mcu.components();
        if usize::from(*count) != components {
            return Err(Kind::SeveralScans.at(sos.body_at));
        }
        let selectors = list.get(..2 * components).ok_or(Kind::SegmentLength.at(sos.at))?;
        for (component, selector) in self.components.iter_mut().zip(selectors.as_chunks::<2>().0) {
            let &[id, slots] = selector;
            component.tables = (slots >> 4, slots & 0xF);
            if id != component.id || component.tables.0 > 1 || component.tables.1 > 1 {
                return Err(Kind::MissingTable.at(sos.body_at));
            }
        }
        if self.mcu == McuShape::Grey {
            let [grey, ..] = self.components;
            self.components = [grey; 3];
        }
        Ok(())
    }
}

/// The segments after the scan: whether EOI is there, the offset after the last of them, and the
/// height that DNL gives.
#[derive(Clone, Copy, Debug)]
struct Tail {
    eoi: bool,
    end: usize,
    lines: Option<u16>,
}

impl Tail {
    fn read(mut segments: Segments<'_>) -> Result<Self, JpegError> {
        let mut tail = Self { eoi: false, end: segments.pos(), lines: None };
        // Nothing here is needed to decode, so a segment that cannot be read just ends the picture.
        while let Ok(segment) = segments.next() {
            match segment.code {
                marker::SOI => break,
                marker::SOS => return Err(Kind::SeveralScans.at(segment.at)),
                marker::DNL => {
                    tail.lines = segment.body.first_chunk().map(|lines| u16::from_be_bytes(*lines))
                }
                _ => {}
            }
            tail.end = segments.pos();
            if segment.code == marker::EOI {
                tail.eoi = true;
                break;
            }
        }
        Ok(tail)
    }
}
