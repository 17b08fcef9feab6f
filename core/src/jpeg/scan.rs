//! Re-codes a scan, block by block, from one set of Huffman tables and restart markers to another.
use super::JpegInfo;
use super::Sampling;
use super::bits::{BitReader, BitWriter, OutputFull};
use super::huffman::{AC_CHROMA, AC_LUMA, Class, DC_CHROMA, DC_LUMA, Decoder, Encoder, Token};
use super::inspect::{HuffmanSpecs, McuShape, Parsed, TableSlots, mcus};
use super::recode::{RecodeError, RecodeErrorKind};
use super::segments::marker;
use core::slice;

/// Re-codes the scan to where `to` has it, appends EOI, and says where that ends.
pub(super) fn recode(
    parsed: &Parsed<'_>,
    src: &[u8],
    out: &mut [u8],
    to: &JpegInfo,
) -> Result<usize, RecodeError> {
    let scan_end = (parsed.info.scan as usize).saturating_add(parsed.info.scan_len as usize);
    let data = src.get(..scan_end).unwrap_or(src);
    let [y, cb, cr] = parsed.components.map(|component| component.tables);
    let luma = Component::new(&parsed.huffman, y, &DC_LUMA, &AC_LUMA);
    let chroma = Component::new(&parsed.huffman, cb, &DC_CHROMA, &AC_CHROMA);
    let pair = [&luma, &chroma];
    if cb == cr {
        rows(parsed, data, out, to, pair, &chroma)
    } else {
        rows_with(parsed, data, out, to, pair, cr)
    }
}

/// The same with tables of its own for the second chroma component, which next to nobody writes:
/// only then are they on the stack.
#[inline(never)]
fn rows_with(
    parsed: &Parsed<'_>,
    data: &[u8],
    out: &mut [u8],
    to: &JpegInfo,
    pair: [&Component<'_>; 2],
    cr: TableSlots,
) -> Result<usize, RecodeError> {
    rows(parsed, data, out, to, pair, &Component::new(&parsed.huffman, cr, &DC_CHROMA, &AC_CHROMA))
}

fn rows(
    parsed: &Parsed<'_>,
    data: &[u8],
    out: &mut [u8],
    to: &JpegInfo,
    [luma, cb]: [&Component<'_>; 2],
    cr: &Component<'_>,
) -> Result<usize, RecodeError> {
    let from = &parsed.info;
    let blocks = match (from.sampling, parsed.mcu) {
        (Sampling::Yuv422, McuShape::Standard) => &YUV422[..],
        (Sampling::Yuv420, _) => &YUV420[..],
        (Sampling::Yuv422, McuShape::Tall) => &YUV422_TALL[..],
    };
    let (across, down) = mcus(from, parsed.mcu);
    let (_, down_out) = mcus(from, McuShape::Standard);
    let mcus = Mcus { components: [luma, cb, cr], blocks, across };
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
        aligned: None,
    };
    for row in 0..down {
        if parsed.mcu == McuShape::Tall && 2 * row + 1 < down_out {
            mcus.two_rows(&mut source, &mut target)?;
        } else {
            mcus.row(&mut source, &mut target)?;
        }
    }
    target.bits.marker(target.out, marker::EOI).map_err(|full| source.full(full))?;
    Ok(target.bits.pos())
}

/// Which half of a tall MCU a block is in; other MCUs are all upper half.
#[derive(Clone, Copy)]
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

/// How many slots the look-ups have. More for AC would gain little, and take more stack.
const DC_SLOTS: usize = 1 << 7;
const AC_SLOTS: usize = 1 << 10;

/// The tables of one colour component.
struct Component<'a> {
    dc: Decoder<'a, DC_SLOTS>,
    ac: Decoder<'a, AC_SLOTS>,
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
        Self { dc: Decoder::new(Class::Dc, dc, dc_out), ac: Decoder::new(Class::Ac, ac, ac_out), dc_out }
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

    #[cold]
    fn full(&self, full: OutputFull) -> RecodeError {
        self.error(full.into())
    }

    /// Starts an MCU.
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
    /// Where the first restart marker is, and how many bits were filled in before it.
    aligned: Option<(usize, u32)>,
}

impl Target<'_> {
    /// Starts an MCU.
    #[inline]
    fn mcu(&mut self) -> Result<(), OutputFull> {
        let Some(code) = self.restarts.mcu() else { return Ok(()) };
        self.dc = [0; 3];
        let padding = self.bits.padding();
        self.bits.marker(self.out, code)?;
        self.aligned.get_or_insert((self.bits.pos().saturating_sub(2), padding));
        Ok(())
    }

    /// The target as it is now, and one that `ahead` MCUs later goes on in the last third of the
    /// room.
    fn split(&mut self, ahead: u32) -> Option<[Target<'_>; 2]> {
        let pos = self.bits.pos();
        let room = self.out.len().checked_sub(pos)?;
        let (out, kept) = self.out.split_at_mut_checked(pos + room - room / 3)?;
        let (dc, restarts, aligned) = (self.dc, self.restarts, None);
        let mut later = Target { out: kept, bits: BitWriter::new(0), dc, restarts, aligned };
        for _ in 0..ahead {
            later.restarts.mcu();
        }
        Some([Target { out, bits: self.bits, dc, restarts, aligned }, later])
    }
}

/// How the blocks of a scan lie.
struct Mcus<'a> {
    components: [&'a Component<'a>; 3],
    blocks: &'static Blocks,
    across: u32,
}

impl Mcus<'_> {
    /// Re-codes the upper halves of a row of MCUs, which is all of MCUs that are not tall.
    fn row(&self, source: &mut Source<'_>, target: &mut Target<'_>) -> Result<(), RecodeError> {
        for _ in 0..self.across {
            source.mcu()?;
            target.mcu().map_err(|full| source.full(full))?;
            self.blocks(source, Half::Upper, slice::from_mut(target))?;
        }
        Ok(())
    }

    /// Re-codes a row of tall MCUs to two rows. The lower one is kept apart until the upper one is
    /// complete; then its bits are moved.
    ///
    /// What it begins with depends on how the upper one ends: its first MCU is read again.
    fn two_rows(&self, source: &mut Source<'_>, target: &mut Target<'_>) -> Result<(), RecodeError> {
        let mut targets = target.split(self.across).ok_or(OutputFull).map_err(|full| source.full(full))?;
        let mut first = *source;
        for mcu in 0..self.across {
            source.mcu()?;
            let [upper, lower] = &mut targets;
            upper.mcu().map_err(|full| source.full(full))?;
            if mcu == 0 {
                lower.restarts.mcu();
                self.blocks(source, Half::Upper, slice::from_mut(upper))?;
                lower.dc = source.dc;
            } else {
                lower.mcu().map_err(|full| source.full(full))?;
                self.blocks(source, Half::Upper, &mut targets)?;
            }
        }

        let [upper, lower] = &mut targets;
        first.mcu()?;
        upper.mcu().map_err(|full| source.full(full))?;
        self.blocks(&mut first, Half::Lower, slice::from_mut(upper))?;
        let appended = upper.bits.append(upper.out, &lower.bits, lower.out, lower.aligned);
        appended.map_err(|full| source.full(full))?;
        let (bits, dc, restarts) = (upper.bits, lower.dc, lower.restarts);
        (target.bits, target.dc, target.restarts) = (bits, dc, restarts);
        Ok(())
    }

    /// Re-codes the blocks of one MCU: those of the half `from` to the first target, those below to
    /// the next. What has no target is only read.
    fn blocks(
        &self,
        source: &mut Source<'_>,
        from: Half,
        targets: &mut [Target<'_>],
    ) -> Result<(), RecodeError> {
        for (index, half) in self.blocks {
            let (Some(component), Some(dc)) = (self.components.get(*index), source.dc.get_mut(*index)) else {
                continue;
            };
            let target = (*half as usize).checked_sub(from as usize);
            // On copies, which stay in registers.
            let mut reader = source.bits;
            let recoded = match target.and_then(|nth| targets.get_mut(nth)) {
                Some(Target { out, bits, dc: last, .. }) => {
                    let Some(last) = last.get_mut(*index) else { continue };
                    let mut writer = *bits;
                    let recoded = block::<true>(component, &mut reader, &mut writer, out, (dc, last));
                    *bits = writer;
                    recoded
                }
                None => block::<false>(component, &mut reader, &mut BitWriter::new(0), &mut [], (dc, &mut 0)),
            };
            source.bits = reader;
            recoded.map_err(|reason| source.error(reason))?;
        }
        Ok(())
    }
}

/// Re-codes a block, or only reads it.
///
/// `last_dc` are the component's last DC coefficients in the source and in the target: they
/// differ where only one of the two had a restart marker.
#[inline(always)]
fn block<const WRITE: bool>(
    component: &Component<'_>,
    from: &mut BitReader<'_>,
    to: &mut BitWriter,
    out: &mut [u8],
    last_dc: (&mut i32, &mut i32),
) -> Result<(), RecodeErrorKind> {
    // One refill is enough for two tokens, and so is one flush: 27 bits at most are read for a DC
    // coefficient, 26 for AC coefficients.
    from.refill();
    let mut token = component.dc.lookup(from.peek());
    if !token.fits(0) {
        token = component.dc.single(from.peek())?;
    }
    let (last_in, last_out) = last_dc;
    let bits = from.take(token.read_len());
    let size = token.step();
    let dc = last_in.wrapping_add(extend(bits & ((1 << size) - 1), size));
    if WRITE {
        if *last_in == *last_out {
            to.put(token.recode(bits), token.write_len());
        } else {
            let (bits, len) = difference(component, dc.wrapping_sub(*last_out))?;
            to.put(bits, len);
        }
        *last_out = dc;
    }
    *last_in = dc;

    let mut k = 1;
    loop {
        let mut token = component.ac.lookup(from.peek());
        if k + token.step() < 64 {
            k += transfer::<WRITE>(token, from, to);
            if WRITE {
                to.flush(out)?;
            }
            from.refill();
            token = component.ac.lookup(from.peek());
            if k + token.step() < 64 {
                k += transfer::<WRITE>(token, from, to);
                continue;
            }
        }
        // The block's end; or a long code, or symbols of which the last are the next block's.
        if !token.fits(k) {
            token = component.ac.single(from.peek())?;
        }
        let fits = token.fits(k);
        k += transfer::<WRITE>(token, from, to);
        if WRITE {
            to.flush(out)?;
        }
        if from.is_past_end() {
            return Err(RecodeErrorKind::EndsEarly);
        }
        if !fits {
            return Err(RecodeErrorKind::RunPastEnd);
        }
        if k >= 64 {
            return Ok(());
        }
        from.refill();
    }
}

/// Re-codes a token, or only reads it; gives its step.
#[inline(always)]
fn transfer<const WRITE: bool>(token: Token, from: &mut BitReader<'_>, to: &mut BitWriter) -> u32 {
    let bits = from.take(token.read_len());
    if WRITE {
        to.put(token.recode(bits), token.write_len());
    }
    token.step()
}

/// The bits for a difference between DC coefficients, and how many they are.
fn difference(component: &Component<'_>, difference: i32) -> Result<(u32, u32), RecodeErrorKind> {
    let size = 32 - difference.unsigned_abs().leading_zeros();
    let (code, len) = component.dc_out.code(size as u8).ok_or(RecodeErrorKind::DcRange)?;
    // A negative difference is coded as itself minus one (T.81, F.1.2.1).
    let bits = (difference + (difference >> 31)) as u32 & ((1 << size) - 1);
    Ok((code << size | bits, len + size))
}

/// The value that `size` bits stand for (T.81, F.2.2.1).
#[inline(always)]
const fn extend(bits: u32, size: u32) -> i32 {
    let negative = (bits << 1) >> size == 0;
    if negative { bits as i32 - ((1 << size) - 1) } else { bits as i32 }
}
