//! Re-codes blocks from any Huffman tables to the standard ones.
use super::bits::{BitReader, BitWriter};
use super::coder::{Coder, Half, Layout, Source, Target};
use super::huffman::{Class, Decoder, Encoder, Token, extend};
use super::inspect::{HuffmanSpecs, TableSlots};
use super::recode_error::{RecodeError, RecodeErrorKind};

/// Re-codes MCUs token by token, with the tables of the three components.
pub(super) struct Translator<'a>(pub(super) [&'a Component<'a>; 3]);

impl Coder for Translator<'_> {
    fn mcu(
        &self,
        layout: &Layout,
        source: &mut Source<'_>,
        from: Half,
        targets: &mut [Target<'_>],
    ) -> Result<(), RecodeError> {
        for (index, half, count) in layout {
            let (Some(component), Some(dc)) = (self.0.get(*index), source.dc.get_mut(*index)) else {
                continue;
            };
            let target = (*half as usize).checked_sub(from as usize);
            // Copies of the reader and the writer stay in registers.
            let mut reader = source.bits;
            let recoded = match target.and_then(|nth| targets.get_mut(nth)) {
                Some(Target { out, bits, dc: last, .. }) => {
                    let Some(last) = last.get_mut(*index) else { continue };
                    let mut writer = *bits;
                    let recoded = (0..*count).try_for_each(|_| {
                        block::<true>(component, &mut reader, &mut writer, out, (dc, last))
                    });
                    *bits = writer;
                    recoded
                }
                None => {
                    let mut writer = BitWriter::new(0);
                    (0..*count).try_for_each(|_| {
                        block::<false>(component, &mut reader, &mut writer, &mut [], (dc, &mut 0))
                    })
                }
            };
            source.bits = reader;
            recoded.map_err(|reason| source.error(reason))?;
        }
        Ok(())
    }
}

/// How many slots the look-up tables have. More of them for AC would gain little and take more stack.
const DC_SLOTS: usize = 1 << 7;
const AC_SLOTS: usize = 1 << 10;

/// The tables of one colour component.
pub(super) struct Component<'a> {
    dc: Decoder<'a, DC_SLOTS>,
    ac: Decoder<'a, AC_SLOTS>,
    /// Encodes a DC difference that is another one in the target than in the source.
    dc_out: &'static Encoder,
}

impl<'a> Component<'a> {
    /// Makes the tables that re-code a component from the source's tables of these numbers.
    pub(super) fn new(
        specs: &HuffmanSpecs<'a>,
        slots: TableSlots,
        dc_out: &'static Encoder,
        ac_out: &'static Encoder,
    ) -> Self {
        let (dc, ac) = specs.tables(slots);
        Self { dc: Decoder::new(Class::Dc, dc, dc_out), ac: Decoder::new(Class::Ac, ac, ac_out), dc_out }
    }
}

/// Re-codes a block, or only reads it if `WRITE` is false.
///
/// `last_dc` are the component's last DC coefficients in the source and in the target. They differ
/// where only one of the two had a restart marker.
#[inline(always)]
fn block<const WRITE: bool>(
    component: &Component<'_>,
    from: &mut BitReader<'_>,
    to: &mut BitWriter,
    out: &mut [u8],
    last_dc: (&mut i32, &mut i32),
) -> Result<(), RecodeErrorKind> {
    // One refill is enough for two tokens, and so is one flush: a DC token reads at most 27 bits, and
    // an AC token at most 26.
    from.refill();
    let mut token = component.dc.lookup(from.peek());
    if !token.fits(0) {
        token = component.dc.single(from.peek())?;
    }
    let (last_in, last_out) = last_dc;
    let bits = from.take(token.read_len()) as u32;
    let size = token.step();
    let dc = last_in.wrapping_add(extend(bits & ((1 << size) - 1), size));
    if WRITE {
        if *last_in == *last_out {
            to.put(token.recode(bits).into(), token.write_len());
        } else {
            let difference = component.dc_out.difference(dc.wrapping_sub(*last_out));
            let (bits, len) = difference.ok_or(RecodeErrorKind::DcRange)?;
            to.put(bits.into(), len);
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
        // The block ends here, or the code is longer than the look-up, or the symbols that were
        // looked up together reach into the next block.
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

/// Re-codes a token, or only reads it if `WRITE` is false. Returns its step.
#[inline(always)]
fn transfer<const WRITE: bool>(token: Token, from: &mut BitReader<'_>, to: &mut BitWriter) -> u32 {
    let bits = from.take(token.read_len()) as u32;
    if WRITE {
        to.put(token.recode(bits).into(), token.write_len());
    }
    token.step()
}
