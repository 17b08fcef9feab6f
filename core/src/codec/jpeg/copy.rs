//! Re-codes blocks that use the standard Huffman tables already. Their bits are copied; only a DC
//! coefficient that follows another coefficient than before is coded anew.
use super::bits::{BitReader, OutputFull};
use super::coder::{Coder, Half, Layout, Source, Target};
use super::huffman::{DC_CHROMA, DC_LUMA, Encoder, extend};
use super::huffman_spec::HuffmanSpec;
use super::recode_error::{RecodeError, RecodeErrorKind};
use super::tables;

/// Re-codes MCUs by copying runs of bits.
pub(super) struct Copier;

impl Coder for Copier {
    fn mcu(
        &self,
        layout: &Layout,
        source: &mut Source<'_>,
        from: Half,
        targets: &mut [Target<'_>],
    ) -> Result<(), RecodeError> {
        // A copy of the reader stays in registers.
        let mut reader = source.bits;
        let copied = copy(layout, &mut reader, &mut source.dc, from, targets);
        source.bits = reader;
        copied.map_err(|reason| source.error(reason))
    }
}

/// Re-codes an MCU as [`Coder::mcu`] does.
fn copy(
    layout: &Layout,
    reader: &mut BitReader<'_>,
    source_dc: &mut [i32; 3],
    from: Half,
    targets: &mut [Target<'_>],
) -> Result<(), RecodeErrorKind> {
    let mut run = Run { head: (0, 0), start: *reader, len: 0, target: None };
    for (index, half, count) in layout {
        let (Some(component), Some(last_in)) = (COMPONENTS.get(*index), source_dc.get_mut(*index)) else {
            continue;
        };
        let target = (*half as usize).checked_sub(from as usize);
        let (len, difference) = component.take_dc(reader)?;
        let mut dc = last_in.wrapping_add(difference);

        let last_out = target.and_then(|nth| targets.get_mut(nth)).and_then(|to| to.dc.get_mut(*index));
        let last_out = last_out.map_or(*last_in, |last_out| *last_out);
        if target == run.target && *last_in == last_out {
            run.len += len;
        } else {
            run.end(targets)?;
            let head = component.dc_out.difference(dc.wrapping_sub(last_out));
            let head = head.ok_or(RecodeErrorKind::DcRange)?;
            run = Run { head, start: *reader, len: 0, target };
        }
        run.len += component.pass_ac(reader)?;
        // The component's other blocks here follow the same block as before.
        for _ in 1..*count {
            let (len, difference) = component.take_dc(reader)?;
            dc = dc.wrapping_add(difference);
            run.len += len + component.pass_ac(reader)?;
        }
        *last_in = dc;
        if let Some(last_out) =
            target.and_then(|nth| targets.get_mut(nth)).and_then(|to| to.dc.get_mut(*index))
        {
            *last_out = dc;
        }
    }
    if reader.is_past_end() {
        return Err(RecodeErrorKind::EndsEarly);
    }
    run.end(targets)?;
    Ok(())
}

/// A run of bits that is copied to one target.
struct Run<'a> {
    /// The code of the DC coefficient that the run begins with, and its length in bits.
    head: (u32, u32),
    /// Where the bits after that coefficient start.
    start: BitReader<'a>,
    /// How many bits to copy from there.
    len: u32,
    /// The index of the target. `None`: the bits are dropped.
    target: Option<usize>,
}

impl Run<'_> {
    /// Writes the run to its target.
    #[inline(always)]
    fn end(&self, targets: &mut [Target<'_>]) -> Result<(), OutputFull> {
        if let Some(Target { out, bits, .. }) = self.target.and_then(|nth| targets.get_mut(nth)) {
            *bits = bits.with_copy(out, self.head, self.start, self.len)?;
        }
        Ok(())
    }
}

/// The tables of one colour component.
struct Component {
    dc: Lengths<512>,
    ac: Lengths<8192>,
    dc_out: &'static Encoder,
}

impl Component {
    /// Reads the DC coefficient of a block. Returns how many bits it takes, and its difference from
    /// the coefficient before.
    #[inline(always)]
    fn take_dc(&self, reader: &mut BitReader<'_>) -> Result<(u32, i32), RecodeErrorKind> {
        // One refill is enough for two tokens: 23 bits at most are read for each.
        reader.refill();
        let mut token = self.dc.lookup(reader.peek());
        if token == Length::NONE {
            token = self.dc.single(reader.peek()).ok_or(RecodeErrorKind::BadCode)?;
        }
        let bits = reader.take(token.len()) as u32;
        let size = token.step();
        Ok((token.len(), extend(bits & ((1 << size) - 1), size)))
    }

    /// Skips the AC coefficients of a block. Returns how many bits they take.
    #[inline(always)]
    fn pass_ac(&self, reader: &mut BitReader<'_>) -> Result<u32, RecodeErrorKind> {
        let (mut k, mut len) = (1, 0);
        loop {
            let mut token = self.ac.lookup(reader.peek());
            if k + token.step() < 64 {
                (k, len) = (k + token.step(), len + token.len());
                reader.skip(token.len());
                reader.refill();
                token = self.ac.lookup(reader.peek());
                if k + token.step() < 64 {
                    (k, len) = (k + token.step(), len + token.len());
                    reader.skip(token.len());
                    continue;
                }
            }
            // The block ends here, or the code is longer than the look-up, or the symbols that were
            // looked up together reach into the next block.
            if !token.ends(k) {
                token = self.ac.single(reader.peek()).ok_or(RecodeErrorKind::BadCode)?;
                if k + token.step() >= 64 && !token.ends(k) {
                    return Err(RecodeErrorKind::RunPastEnd);
                }
            }
            (k, len) = (k + token.step(), len + token.len());
            reader.skip(token.len());
            if k >= 64 {
                return Ok(len);
            }
            reader.refill();
        }
    }
}

static LUMA: Component = Component {
    dc: Lengths::new(&tables::DC_LUMA, false),
    ac: Lengths::new(&tables::AC_LUMA, true),
    dc_out: &DC_LUMA,
};
static CHROMA: Component = Component {
    dc: Lengths::new(&tables::DC_CHROMA, false),
    ac: Lengths::new(&tables::AC_CHROMA, true),
    dc_out: &DC_CHROMA,
};
static COMPONENTS: [&Component; 3] = [&LUMA, &CHROMA, &CHROMA];

/// The length of one symbol with its value, or of several in a row. The lower byte is the number of
/// bits, and the upper byte is the step (see [`Length::step`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Length(u16);

impl Length {
    /// Stands for bits that the look-up does not know. Its step is greater than any real one.
    const NONE: Self = Self(0xFF00);
    /// Is added to the step of a symbol that ends its block. It is greater than the number of
    /// coefficients that joined symbols can span.
    const END_OF_BLOCK: u32 = 128;

    /// Joins a number of bits and a step.
    const fn new(len: u32, step: u32) -> Self {
        Self((step << 8 | len) as u16)
    }

    /// Returns the length of a single symbol, whose code has `code_len` bits.
    const fn of(symbol: u8, code_len: u32, ac: bool) -> Self {
        let (run, size) = ((symbol >> 4) as u32, (symbol & 15) as u32);
        let step = match (ac, symbol) {
            (false, _) => size,
            (true, 0) => Self::END_OF_BLOCK,
            (true, _) => run + 1,
        };
        Self::new(code_len + size, step)
    }

    /// Returns the number of bits.
    #[inline(always)]
    const fn len(self) -> u32 {
        (self.0 & 0xFF) as u32
    }

    /// Returns, for AC symbols, how many coefficients they span, plus 128 if they end the block; for
    /// a DC symbol, how many bits its value has.
    #[inline(always)]
    const fn step(self) -> u32 {
        (self.0 >> 8) as u32
    }

    /// Whether these symbols, read at coefficient `k` (1 to 63), end the block: either by a symbol
    /// for the end of the block or by coefficient 63.
    #[inline(always)]
    const fn ends(self, k: u32) -> bool {
        let next = k + self.step();
        next == 64 || next > Self::END_OF_BLOCK && next < Self::END_OF_BLOCK + 64
    }
}

/// A standard Huffman table for skipping symbols. A look-up takes log2(`SLOTS`) bits; `SLOTS` is a
/// power of two.
struct Lengths<const SLOTS: usize> {
    lookup: [Length; SLOTS],
    spec: &'static HuffmanSpec<'static>,
    ac: bool,
}

impl<const SLOTS: usize> Lengths<SLOTS> {
    const LOOKUP_BITS: u32 = SLOTS.ilog2();

    /// Makes the look-up table, at compile time.
    #[allow(clippy::indexing_slicing, reason = "evaluated by the compiler, for the tables below only")]
    const fn new(spec: &'static HuffmanSpec<'static>, ac: bool) -> Self {
        let symbols = Self::symbols(spec);
        let mut lookup = [Length::NONE; SLOTS];
        let mut slot = 0;
        while slot < SLOTS {
            let (mut len, mut step) = (0, 0);
            // Takes symbols as long as the slot's bits contain the whole code, and the whole value of
            // each symbol before.
            while len < Self::LOOKUP_BITS {
                // Bits that the slot does not know are 0 here. A code with such bits is not taken.
                let (symbol, code_len) = symbols[slot << len & (SLOTS - 1)];
                if code_len == 0 || len + code_len > Self::LOOKUP_BITS {
                    break;
                }
                let next = Length::of(symbol, code_len, ac);
                (len, step) = (len + next.len(), step + next.step());
                lookup[slot] = Length::new(len, step);
                if !ac || step >= Length::END_OF_BLOCK {
                    break;
                }
            }
            slot += 1;
        }
        Self { lookup, spec, ac }
    }

    /// Returns, for each value of a look-up's bits, the symbol that it starts with and the length of
    /// its code; a length of 0 if the code is longer than the look-up.
    #[allow(clippy::indexing_slicing, reason = "evaluated by the compiler, for the tables below only")]
    const fn symbols(spec: &HuffmanSpec<'_>) -> [(u8, u32); SLOTS] {
        let mut symbols = [(0, 0); SLOTS];
        let (mut slot, mut place, mut code_len) = (0, 0, 1);
        while code_len <= Self::LOOKUP_BITS {
            let end = place + spec.counts[code_len as usize - 1] as usize;
            while place < end {
                let next = slot + (1 << (Self::LOOKUP_BITS - code_len));
                while slot < next {
                    symbols[slot] = (spec.values[place], code_len);
                    slot += 1;
                }
                place += 1;
            }
            code_len += 1;
        }
        symbols
    }

    /// Returns the length of the symbols that `bits` start with, or [`Length::NONE`].
    #[inline(always)]
    fn lookup(&self, bits: u16) -> Length {
        self.lookup.get(usize::from(bits >> (16 - Self::LOOKUP_BITS))).copied().unwrap_or(Length::NONE)
    }

    /// Returns the length of the first symbol in `bits`, whatever the length of its code. `None` if
    /// the bits are no code.
    #[cold]
    fn single(&self, bits: u16) -> Option<Length> {
        self.spec.symbol(bits).map(|(symbol, code_len)| Length::of(symbol, code_len, self.ac))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Compares the look-up with reading symbol by symbol, for all values of 16 bits.
    fn check<const SLOTS: usize>(lengths: &Lengths<SLOTS>) {
        let (mut joined, mut unknown) = (0, 0);
        for bits in 0..=u16::MAX {
            let found = lengths.lookup(bits);
            if found == Length::NONE {
                assert!(
                    lengths.single(bits).is_none_or(|single| single.len() > Lengths::<SLOTS>::LOOKUP_BITS)
                );
                unknown += 1;
                continue;
            }
            let (mut len, mut step, mut symbols) = (0, 0, 0);
            while len < found.len() {
                let single = lengths.single(bits << len).unwrap();
                (len, step, symbols) = (len + single.len(), step + single.step(), symbols + 1);
            }
            assert_eq!((found.len(), found.step()), (len, step), "{bits:016b}");
            assert!(len <= 23);
            joined += usize::from(symbols > 1);
        }
        assert_eq!(joined > 1 << 15, lengths.ac, "{joined}");
        assert!(unknown < 1 << 10, "{unknown}");
    }

    #[test]
    fn joined_lengths_equal_single_ones() {
        for component in [&LUMA, &CHROMA] {
            check(&component.dc);
            check(&component.ac);
        }
    }

    #[test]
    fn two_ways_end_a_block() {
        let end = LUMA.ac.lookup(0b1010_0000_0000_0000);
        assert_eq!((end.len(), end.step()), (4, 128));
        assert!(end.ends(1) && end.ends(63));
        // One coefficient, and then the end of the block.
        let both = LUMA.ac.lookup(0b0011_0100_0000_0000);
        assert_eq!((both.len(), both.step()), (7, 129));
        assert!(both.ends(62) && !both.ends(63));
        let one = LUMA.ac.single(0b0011_0100_0000_0000).unwrap();
        assert!(one.ends(63) && !one.ends(62) && !Length::NONE.ends(1) && !Length::NONE.ends(63));
    }
}
