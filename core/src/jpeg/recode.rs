//! Re-codes a scan to the standard Huffman tables, which are all that RFC 2435 has. The
//! coefficients are not touched: the picture stays the same, bit for bit.
use super::bits::{BitReader, BitWriter, OutputFull};
use super::error::{JpegError, JpegErrorKind};
use super::header::Header;
use super::huffman::{AC_CHROMA, AC_LUMA, DC_CHROMA, DC_LUMA, Decoder, Encoder, NoToken};
use super::inspect::{HuffmanSpecs, McuShape, Parsed, TableSlots, check_intervals, mcus};
use super::segments::marker;
use super::{JpegInfo, Sampling};
use core::fmt;

/// What [`recode`] is to do besides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct RecodeOptions {
    /// MCUs of 16x8 (4:2:2) or 16x16 pixels (4:2:0) between restart markers; 0: no markers.
    /// `None`: a marker wherever the source has one.
    pub restart_interval: Option<u16>,
}

/// What [`recode`] has written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Recoded {
    /// The length of the file in bytes, with EOI.
    pub len: usize,
    /// Where everything is in it.
    pub info: JpegInfo,
}

/// Why a frame cannot be re-coded, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct RecodeError {
    /// Bytes from the start of the source to what is wrong; in entropy-coded data to within a few
    /// bytes.
    pub at: usize,
    /// What is wrong there.
    pub reason: RecodeErrorKind,
}

/// Why a frame cannot be re-coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum RecodeErrorKind {
    /// The source is of a kind that cannot be carried at all.
    Jpeg(JpegErrorKind),
    /// The entropy-coded data ends before the picture does.
    EndsEarly,
    /// Bits that are no code of the Huffman table.
    BadCode,
    /// A symbol that the standard tables have no code for, as no baseline picture needs it.
    BadSymbol(u8),
    /// A run of coefficients goes past the end of its block.
    RunPastEnd,
    /// Two DC coefficients differ by more than 2047.
    DcRange,
    /// There is another marker, or none, where this restart marker should be.
    RestartMarker {
        /// The code of the marker that should be there.
        expected: u8,
        /// The code of the one that is.
        found: Option<u8>,
    },
    /// The output is too short.
    OutputFull,
}

/// How long an output to give to [`recode`] for a source of this length.
///
/// It is enough without new restart markers for what encoders write: a flat picture grows most,
/// to less than three times its length; others grow by a few per cent. A restart marker costs
/// three to six bytes. A malicious source can need more, and gets
/// [`RecodeErrorKind::OutputFull`].
pub const fn recode_max_len(src_len: usize) -> usize {
    src_len.saturating_mul(3).saturating_add(Header::MAX_LEN + 2)
}

/// Re-codes the frame at the start of `src` to the standard Huffman tables and writes it to
/// `out` as a whole JPEG file, with no segments but those that are needed.
///
/// It takes whatever [`inspect`](super::inspect()) takes, and also what has too many restart
/// intervals, if `options` ask for fewer. It mends 4:2:2 in tall MCUs (see [`McuShape`]), and
/// puts restart markers in if asked. Uses about 14 KB of stack.
///
/// # Errors
/// A [`RecodeError`]; what is in `out` then is of no use.
pub fn recode(src: &[u8], out: &mut [u8], options: RecodeOptions) -> Result<Recoded, RecodeError> {
    let parsed = Parsed::new(src)?;
    let from = &parsed.info;
    let table = |at: u32| src.get(at as usize..).and_then(<[u8]>::first_chunk::<64>);
    let (Some(luma), Some(chroma)) = (table(from.luma_table), table(from.chroma_table)) else {
        return Err(JpegErrorKind::MissingTable.at(from.scan as usize).into());
    };
    let restart_interval = options.restart_interval.unwrap_or(match parsed.mcu {
        McuShape::Standard => from.restart_interval,
        // One tall MCU is two.
        McuShape::Tall => from.restart_interval.saturating_mul(2),
    });
    let header = Header {
        width: from.width,
        height: from.height,
        sampling: from.sampling,
        restart_interval,
        luma,
        chroma,
    };
    let full = RecodeErrorKind::OutputFull.at(0);
    let mut info = header.emit(out).ok_or(full)?;
    check_intervals(&info, McuShape::Standard)
        .map_err(|reason| RecodeErrorKind::Jpeg(reason).at(from.scan as usize))?;
    let scan = info.scan as usize;
    let len = scan_to(&parsed, src, out, &info)?;
    info.scan_len = u32::try_from(len - scan - 2).map_err(|_| full)?;
    Ok(Recoded { len, info })
}

/// Re-codes the scan to where `to` has it, appends EOI, and says where that ends.
fn scan_to(parsed: &Parsed<'_>, src: &[u8], out: &mut [u8], to: &JpegInfo) -> Result<usize, RecodeError> {
    let from = &parsed.info;
    let scan_end = (from.scan as usize).saturating_add(from.scan_len as usize);
    let data = src.get(..scan_end).unwrap_or(src);
    let [y, cb, cr] = parsed.components.map(|component| component.tables);
    let y = Component::new(&parsed.huffman, y, &DC_LUMA, &AC_LUMA);
    let chroma = |slots| Component::new(&parsed.huffman, slots, &DC_CHROMA, &AC_CHROMA);
    // Next to always one pair of tables for both.
    let (cb_tables, cr_tables) = (chroma(cb), (cb != cr).then(|| chroma(cr)));
    let components = [&y, &cb_tables, cr_tables.as_ref().unwrap_or(&cb_tables)];

    let blocks = match (from.sampling, parsed.mcu) {
        (Sampling::Yuv422, McuShape::Standard) => &YUV422[..],
        (Sampling::Yuv420, _) => &YUV420[..],
        (Sampling::Yuv422, McuShape::Tall) => &YUV422_TALL[..],
    };
    let (across, down) = mcus(from, parsed.mcu);
    let (_, down_out) = mcus(from, McuShape::Standard);
    let mut source = Source {
        bits: BitReader::new(data, from.scan as usize),
        dc: [0; 3],
        restarts: Restarts::new(from.restart_interval),
    };
    let mut target = Target {
        out,
        bits: BitWriter::new(to.scan as usize),
        dc: [0; 3],
        restarts: Restarts::new(to.restart_interval),
    };
    for row in 0..down {
        // A row of tall MCUs is read twice: once for its upper half, once for its lower.
        let start = source;
        target.row(&mut source, &components, blocks, Half::Upper, across)?;
        if parsed.mcu == McuShape::Tall && 2 * row + 1 < down_out {
            source = start;
            target.row(&mut source, &components, blocks, Half::Lower, across)?;
        }
    }
    target.marker(marker::EOI).map_err(|full| source.error(full))?;
    Ok(target.bits.pos())
}

/// Which half of a tall MCU a block is in; other MCUs are all upper half.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Half {
    Upper,
    Lower,
}

/// The blocks of an MCU in their order: the component, and the half.
type Blocks = [(usize, Half)];
const YUV422: [(usize, Half); 4] = [(0, Half::Upper), (0, Half::Upper), (1, Half::Upper), (2, Half::Upper)];
const YUV420: [(usize, Half); 6] = [
    (0, Half::Upper),
    (0, Half::Upper),
    (0, Half::Upper),
    (0, Half::Upper),
    (1, Half::Upper),
    (2, Half::Upper),
];
const YUV422_TALL: [(usize, Half); 8] = [
    (0, Half::Upper),
    (0, Half::Upper),
    (0, Half::Lower),
    (0, Half::Lower),
    (1, Half::Upper),
    (1, Half::Lower),
    (2, Half::Upper),
    (2, Half::Lower),
];

/// The tables of one colour component.
struct Component<'a> {
    dc: Decoder<'a>,
    ac: Decoder<'a>,
    /// A DC difference may become another on the way: it is encoded apart.
    dc_out: &'static Encoder,
}

impl<'a> Component<'a> {
    fn new(
        specs: &HuffmanSpecs<'a>,
        slots: TableSlots,
        dc_out: &'static Encoder,
        ac_out: &'static Encoder,
    ) -> Self {
        let (dc, ac) = specs.tables(slots);
        Self { dc: Decoder::new(dc, dc_out), ac: Decoder::new(ac, ac_out), dc_out }
    }
}

/// Counts MCUs from one restart marker to the next.
#[derive(Clone, Copy)]
struct Restarts {
    interval: u16,
    left: u16,
    next: u8,
}

impl Restarts {
    const fn new(interval: u16) -> Self {
        Self { interval, left: interval, next: marker::RST0 }
    }

    /// Starts an MCU; gives the marker that must come before it, if one must.
    fn mcu(&mut self) -> Option<u8> {
        if self.interval == 0 {
            return None;
        }
        let due = (self.left == 0).then_some(self.next);
        if due.is_some() {
            self.left = self.interval;
            self.next = marker::RST0 | (self.next.wrapping_add(1) & 7);
        }
        self.left -= 1;
        due
    }
}

/// The scan that is read, with the DC coefficient that each component had last.
#[derive(Clone, Copy)]
struct Source<'a> {
    bits: BitReader<'a>,
    dc: [i32; 3],
    restarts: Restarts,
}

impl Source<'_> {
    /// An error here. Bits that are not in the data are no code, but neither are they wrong.
    #[cold]
    fn error(&self, reason: RecodeErrorKind) -> RecodeError {
        let reason = match reason {
            RecodeErrorKind::OutputFull => reason,
            _ if self.bits.is_past_end() => RecodeErrorKind::EndsEarly,
            _ => reason,
        };
        reason.at(self.bits.at())
    }

    #[inline]
    fn mcu(&mut self) -> Result<(), RecodeError> {
        let Some(expected) = self.restarts.mcu() else { return Ok(()) };
        let at = self.bits.at();
        match self.bits.marker() {
            Some((_, code)) if code == expected => {
                self.dc = [0; 3];
                Ok(())
            }
            found => {
                let (at, found) = found.map_or((at, None), |(at, code)| (at, Some(code)));
                Err(RecodeErrorKind::RestartMarker { expected, found }.at(at))
            }
        }
    }
}

/// The scan that is written.
struct Target<'a> {
    out: &'a mut [u8],
    bits: BitWriter,
    dc: [i32; 3],
    restarts: Restarts,
}

impl Target<'_> {
    fn marker(&mut self, code: u8) -> Result<(), RecodeErrorKind> {
        Ok(self.bits.marker(self.out, code)?)
    }

    fn row(
        &mut self,
        source: &mut Source<'_>,
        components: &[&Component<'_>; 3],
        blocks: &Blocks,
        half: Half,
        across: u32,
    ) -> Result<(), RecodeError> {
        for _ in 0..across {
            source.mcu()?;
            if let Some(restart) = self.restarts.mcu() {
                self.dc = [0; 3];
                self.marker(restart).map_err(|full| source.error(full))?;
            }
            for (index, block_half) in blocks {
                let (Some(component), Some(dc_in), Some(dc_out)) =
                    (components.get(*index), source.dc.get_mut(*index), self.dc.get_mut(*index))
                else {
                    continue;
                };
                let last_dc = (dc_in, dc_out);
                let coded = if *block_half == half {
                    block::<true>(component, &mut source.bits, &mut self.bits, self.out, last_dc)
                } else {
                    block::<false>(component, &mut source.bits, &mut self.bits, self.out, last_dc)
                };
                coded.map_err(|reason| source.error(reason))?;
            }
        }
        Ok(())
    }
}

impl From<OutputFull> for RecodeErrorKind {
    fn from(_: OutputFull) -> Self {
        Self::OutputFull
    }
}

impl From<NoToken> for RecodeErrorKind {
    fn from(missing: NoToken) -> Self {
        match missing {
            NoToken::Code => Self::BadCode,
            NoToken::Symbol(symbol) => Self::BadSymbol(symbol),
        }
    }
}

/// Re-codes one block, or only reads it.
#[inline(always)]
fn block<const WRITE: bool>(
    component: &Component<'_>,
    from: &mut BitReader<'_>,
    to: &mut BitWriter,
    out: &mut [u8],
    last_dc: (&mut i32, &mut i32),
) -> Result<(), RecodeErrorKind> {
    // On copies, which stay in registers.
    let (mut reader, mut writer) = (*from, *to);
    let coded = coefficients::<WRITE>(component, &mut reader, &mut writer, out, last_dc);
    (*from, *to) = (reader, writer);
    coded
}

/// `last_dc` are the component's last DC coefficients in the source and in the target: they
/// differ where only one of the two had a restart marker.
#[inline(always)]
fn coefficients<const WRITE: bool>(
    component: &Component<'_>,
    from: &mut BitReader<'_>,
    to: &mut BitWriter,
    out: &mut [u8],
    last_dc: (&mut i32, &mut i32),
) -> Result<(), RecodeErrorKind> {
    // One refill is enough for two symbols, and so is one flush: 27 bits at most for a DC
    // coefficient, 26 for an AC coefficient.
    from.refill();
    let token = component.dc.token(from.peek())?;
    let (last_in, last_out) = last_dc;
    let size = u32::from(token.symbol() & 15);
    let value = from.take(token.read_len()) & ((1 << size) - 1);
    let dc = last_in.wrapping_add(extend(value, size));
    *last_in = dc;
    if WRITE {
        let difference = dc.wrapping_sub(*last_out);
        *last_out = dc;
        let size = 32 - difference.unsigned_abs().leading_zeros();
        let (code, len) = component.dc_out.code(size as u8).ok_or(RecodeErrorKind::DcRange)?;
        // A negative difference is coded as itself minus one (T.81, F.1.2.1).
        let bits = (difference + (difference >> 31)) as u32 & ((1 << size) - 1);
        to.put(code << size | bits, len + size);
    }

    let mut k = 1;
    let mut ended = ac::<WRITE>(component, from, to, &mut k)?;
    while !ended {
        if WRITE {
            to.flush(out)?;
        }
        from.refill();
        ended = ac::<WRITE>(component, from, to, &mut k)? || ac::<WRITE>(component, from, to, &mut k)?;
    }
    if WRITE {
        to.flush(out)?;
    }
    match (from.is_past_end(), k > 64) {
        (true, _) => Err(RecodeErrorKind::EndsEarly),
        (false, true) => Err(RecodeErrorKind::RunPastEnd),
        (false, false) => Ok(()),
    }
}

/// Re-codes the AC coefficient at `k`, or only reads it; `true` if it ends the block.
#[inline(always)]
fn ac<const WRITE: bool>(
    component: &Component<'_>,
    from: &mut BitReader<'_>,
    to: &mut BitWriter,
    k: &mut u32,
) -> Result<bool, RecodeErrorKind> {
    let token = component.ac.token(from.peek())?;
    let bits = from.take(token.read_len());
    if WRITE {
        to.put(token.recode(bits), token.write_len());
    }
    *k += token.run() + 1;
    Ok(token.symbol() == 0 || *k >= 64)
}

/// The value that `size` bits stand for (T.81, F.2.2.1).
#[inline(always)]
const fn extend(bits: u32, size: u32) -> i32 {
    let negative = (bits << 1) >> size == 0;
    if negative { bits as i32 - ((1 << size) - 1) } else { bits as i32 }
}

impl RecodeErrorKind {
    const fn at(self, at: usize) -> RecodeError {
        RecodeError { at, reason: self }
    }
}

impl From<JpegError> for RecodeError {
    fn from(error: JpegError) -> Self {
        RecodeErrorKind::Jpeg(error.reason).at(error.at)
    }
}

impl fmt::Display for RecodeErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Jpeg(reason) => reason.fmt(f),
            Self::EndsEarly => f.write_str("the picture's data ends before the picture does"),
            Self::BadCode => f.write_str("the picture's data has bits that are no Huffman code"),
            Self::BadSymbol(symbol) => {
                write!(f, "the picture's data has symbol {symbol:02X}, which is not baseline")
            }
            Self::RunPastEnd => f.write_str("a run of coefficients goes past the end of its block"),
            Self::DcRange => f.write_str("two DC coefficients differ by more than 2047"),
            Self::RestartMarker { expected, found: Some(found) } => {
                write!(f, "marker FF {found:02X} stands where FF {expected:02X} should be")
            }
            Self::RestartMarker { expected, found: None } => {
                write!(f, "restart marker FF {expected:02X} is missing")
            }
            Self::OutputFull => f.write_str("the re-coded picture does not fit its buffer"),
        }
    }
}

impl fmt::Display for RecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "byte {}: {}", self.at, self.reason)
    }
}

impl core::error::Error for RecodeErrorKind {}
impl core::error::Error for RecodeError {}

#[cfg(test)]
mod tests {
    use super::super::inspect;
    use super::*;
    use proptest::prelude::*;
    use std::vec;
    use std::vec::Vec;
    use zune_jpeg::JpegDecoder;

    static FFMPEG_420: &[u8] = include_bytes!("testdata/ffmpeg-420-optimal.jpg");
    static FFMPEG_422: &[u8] = include_bytes!("testdata/ffmpeg-422-optimal.jpg");
    static CJPEG_422: &[u8] = include_bytes!("testdata/cjpeg-422-optimal.jpg");
    static CJPEG_RESTART: &[u8] = include_bytes!("testdata/cjpeg-420-optimal-restart3.jpg");
    static ALL: [&[u8]; 7] = [
        FFMPEG_420,
        FFMPEG_422,
        CJPEG_422,
        CJPEG_RESTART,
        include_bytes!("testdata/ffmpeg-420-default.jpg"),
        include_bytes!("testdata/ffmpeg-422-default.jpg"),
        include_bytes!("testdata/cjpeg-422-restart-row.jpg"),
    ];

    fn pixels(file: &[u8]) -> Vec<u8> {
        JpegDecoder::new(std::io::Cursor::new(file)).decode().unwrap()
    }

    fn recoded(src: &[u8], restart_interval: Option<u16>) -> Result<Vec<u8>, RecodeError> {
        let mut out = vec![0; recode_max_len(src.len())];
        let done = recode(src, &mut out, RecodeOptions { restart_interval })?;
        out.truncate(done.len);
        let again = inspect(&out).unwrap();
        assert_eq!((again.info, again.len, again.eoi), (done.info, done.len, true));
        assert!(!again.needs_recode());
        Ok(out)
    }

    fn reason(src: &[u8]) -> RecodeErrorKind {
        recoded(src, None).unwrap_err().reason
    }

    /// The file with one byte replaced, counted from the scan's start.
    fn damaged(src: &[u8], offset: usize, byte: u8) -> Vec<u8> {
        let scan = inspect(src).unwrap().info.scan as usize;
        let mut file = src.to_vec();
        file[scan + offset] = byte;
        file
    }

    #[test]
    fn the_picture_stays_the_same_with_any_restart_interval() {
        for src in ALL {
            let before = pixels(src);
            for interval in [None, Some(0), Some(1), Some(3), Some(4), Some(1000)] {
                let out = recoded(src, interval).unwrap();
                assert_eq!(pixels(&out), before);
                if let Some(interval) = interval {
                    assert_eq!(inspect(&out).unwrap().info.restart_interval, interval);
                }
            }
        }
    }

    /// Equal bytes of the scan are equal coefficients, which equal pixels alone do not prove.
    #[test]
    fn recoding_what_is_standard_changes_no_byte_of_the_scan() {
        for src in ALL {
            let found = inspect(src).unwrap();
            let scan =
                |file: &[u8], info: &JpegInfo| file[info.scan as usize..][..info.scan_len as usize].to_vec();
            let out = recoded(src, None).unwrap();
            let info = inspect(&out).unwrap().info;
            assert_eq!(scan(src, &found.info) == scan(&out, &info), !found.needs_recode());
            // There and back: other restart markers, and then those of the source.
            let there = recoded(src, Some(2)).unwrap();
            assert_eq!(recoded(&there, Some(info.restart_interval)), Ok(out));
        }
    }

    #[test]
    fn tall_mcus_of_ffmpeg_become_standard_ones() {
        // 40 lines are two and a half rows of tall MCUs.
        let found = inspect(FFMPEG_422).unwrap();
        assert_eq!((found.mcu, found.info.height), (McuShape::Tall, 40));
        assert_eq!(pixels(&recoded(FFMPEG_422, Some(5)).unwrap()), pixels(FFMPEG_422));
    }

    #[test]
    fn a_frame_without_eoi_is_recoded_if_its_scan_is_whole() {
        let cut = &FFMPEG_420[..FFMPEG_420.len() - 2];
        assert_eq!(recoded(cut, None), recoded(FFMPEG_420, None));
    }

    #[test]
    fn a_truncated_scan_is_told() {
        let info = inspect(FFMPEG_420).unwrap().info;
        for cut in [0, 1, 100, info.scan_len as usize - 2] {
            let at = info.scan as usize + cut;
            let error = recoded(&FFMPEG_420[..at], None).unwrap_err();
            assert_eq!((error.at, error.reason), (at, RecodeErrorKind::EndsEarly));
        }
    }

    #[test]
    fn restart_markers_must_be_there_and_in_order() {
        let info = inspect(CJPEG_RESTART).unwrap().info;
        let scan = &CJPEG_RESTART[info.scan as usize..];
        let rst1 = scan.windows(2).position(|pair| pair == [0xFF, 0xD1]).unwrap();
        let error = recoded(&damaged(CJPEG_RESTART, rst1 + 1, 0xD2), None).unwrap_err();
        let expected = RecodeErrorKind::RestartMarker { expected: 0xD1, found: Some(0xD2) };
        assert_eq!((error.at, error.reason), (info.scan as usize + rst1, expected));
        // The marker's two bytes as data: the next one comes too early.
        let reason = reason(&damaged(CJPEG_RESTART, rst1, 0x00));
        assert_eq!(reason, RecodeErrorKind::RestartMarker { expected: 0xD1, found: Some(0xD2) });
    }

    /// A 16x16 picture with one-bit codes: DC category `dc`, and then only AC symbol `ac`.
    fn one_symbol(dc: u8, ac: u8, scan: &[u8]) -> Vec<u8> {
        let mut file = vec![0xFF, 0xD8, 0xFF, 0xDB, 0, 67, 0];
        file.extend([1; 64]);
        for (name, symbol) in [(0x00, dc), (0x10, ac)] {
            file.extend([0xFF, 0xC4, 0, 20, name, 1]);
            file.extend([0; 15]);
            file.push(symbol);
        }
        file.extend([0xFF, 0xC0, 0, 17, 8, 0, 16, 0, 16, 3, 1, 0x22, 0, 2, 0x11, 0, 3, 0x11, 0]);
        file.extend([0xFF, 0xDA, 0, 12, 3, 1, 0, 2, 0, 3, 0, 0, 63, 0]);
        file.extend(scan);
        file.extend([0xFF, 0xD9]);
        file
    }

    #[test]
    fn what_no_baseline_encoder_writes_is_told() {
        let zeros = [0; 64];
        assert!(recoded(&one_symbol(0, 0, &zeros), None).is_ok());
        assert_eq!(reason(&one_symbol(12, 0, &zeros)), RecodeErrorKind::BadSymbol(12));
        assert_eq!(reason(&one_symbol(0, 0x0B, &zeros)), RecodeErrorKind::BadSymbol(0x0B));
        assert_eq!(reason(&one_symbol(0, 0x10, &zeros)), RecodeErrorKind::BadSymbol(0x10));
        // 63 is no multiple of 16: the fourth run goes over.
        assert_eq!(reason(&one_symbol(0, 0xF0, &zeros)), RecodeErrorKind::RunPastEnd);
        assert_eq!(reason(&one_symbol(0, 0xE1, &zeros)), RecodeErrorKind::RunPastEnd);
        assert_eq!(reason(&one_symbol(0, 0, &[0x80])), RecodeErrorKind::BadCode);
        assert_eq!(reason(&one_symbol(0, 0, &[0x00])), RecodeErrorKind::EndsEarly);
    }

    #[test]
    fn a_dc_coefficient_out_of_range_is_told_once_it_has_to_be_coded() {
        // Two MCUs of blocks with 2047 more than the last: 0, eleven ones, 0 for end of block.
        let (mut scan, mut writer) = ([0; 64], BitWriter::new(0));
        for _ in 0..12 {
            writer.put(0x0FFE, 13);
            writer.flush(&mut scan).unwrap();
        }
        writer.marker(&mut scan, marker::EOI).unwrap();
        let mut file = one_symbol(11, 0, &scan[..writer.pos()]);
        let width = file.windows(2).position(|pair| pair == [0xFF, 0xC0]).unwrap() + 8;
        file[width] = 32;
        assert!(recoded(&file, None).is_ok());
        // A restart makes the whole coefficient the difference.
        let error = recoded(&file, Some(1)).unwrap_err();
        assert_eq!(error.reason, RecodeErrorKind::DcRange);
    }

    #[test]
    fn what_cannot_be_carried_is_not_recoded() {
        let progressive = include_bytes!("testdata/cjpeg-progressive.jpg");
        assert_eq!(reason(progressive), RecodeErrorKind::Jpeg(JpegErrorKind::Progressive));
    }

    #[test]
    fn an_output_that_is_too_short_is_told_at_every_length() {
        let whole = recoded(FFMPEG_420, Some(2)).unwrap();
        let options = RecodeOptions { restart_interval: Some(2) };
        for len in 0..whole.len() {
            let error = recode(FFMPEG_420, &mut vec![0; len], options).unwrap_err();
            assert_eq!(error.reason, RecodeErrorKind::OutputFull, "{len}");
        }
        let mut out = vec![0; whole.len()];
        assert_eq!(recode(FFMPEG_420, &mut out, options).map(|done| done.len), Ok(whole.len()));
        assert_eq!(out, whole);
    }

    proptest! {
        #[test]
        fn damage_never_panics_and_never_makes_a_file_that_cannot_be_carried(
            file in prop::sample::select(&ALL[..]),
            damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
            cut in any::<prop::sample::Index>(),
            interval in prop::option::of(0u16..20),
        ) {
            let mut file = file.to_vec();
            for (at, byte) in damage {
                let at = at.index(file.len());
                file[at] = byte;
            }
            let _ = recoded(&file, interval);
            let _ = recoded(&file[..cut.index(file.len())], interval);
        }
    }
}
