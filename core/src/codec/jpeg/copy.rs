//! Re-codes blocks whose Huffman tables are the standard ones already: their bits stay as they
//! are, but for DC coefficients whose predecessor is another one now.
use super::bits::{BitReader, OutputFull};
use super::huffman::{DC_CHROMA, DC_LUMA, Encoder, HuffmanSpec, extend};
use super::recode::{RecodeError, RecodeErrorKind};
use super::scan::{Coder, Half, Layout, Source, Target};
use super::tables;

/// Copies blocks as runs of bits.
pub(super) struct Copier;

impl Coder for Copier {
    fn mcu(
        &self,
        layout: &Layout,
        source: &mut Source<'_>,
        from: Half,
        targets: &mut [Target<'_>],
    ) -> Result<(), RecodeError> {
        // On a copy, which stays in registers.
        let mut reader = source.bits;
        let copied = copy(layout, &mut reader, &mut source.dc, from, targets);
        source.bits = reader;
        copied.map_err(|reason| source.error(reason))
    }
}

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
        // Those that follow have the same predecessor as before.
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

/// Bits that go to the same target, one behind the other.
struct Run<'a> {
    /// The DC coefficient that it begins with: its bits, and how many they are.
    head: (u32, u32),
    /// Where the bits behind that are, and how many.
    start: BitReader<'a>,
    len: u32,
    /// Which target; `None`: they are only read.
    target: Option<usize>,
}

impl Run<'_> {
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
    /// Takes a block's DC coefficient: how many bits it has, and the difference that they
    /// stand for.
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

    /// Passes over the AC coefficients of a block; says how many bits they take.
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
            // The block's end; or a long code, or symbols of which the last are the next block's.
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

/// How far a symbol goes with the value behind it, or several of them at once: in the lower byte
/// the bits that they take, in the upper one their step (see [`Length::step`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Length(u16);

impl Length {
    /// Stands where nothing is known: its step goes further than any block reaches.
    const NONE: Self = Self(0xFF00);
    /// More than any block's coefficients and the joined symbols that go beyond.
    const END_OF_BLOCK: u32 = 128;

    const fn new(len: u32, step: u32) -> Self {
        Self((step << 8 | len) as u16)
    }

    /// Of a single symbol.
    const fn of(symbol: u8, code_len: u32, ac: bool) -> Self {
        let (run, size) = ((symbol >> 4) as u32, (symbol & 15) as u32);
        let step = match (ac, symbol) {
            (false, _) => size,
            (true, 0) => Self::END_OF_BLOCK,
            (true, _) => run + 1,
        };
        Self::new(code_len + size, step)
    }

    #[inline(always)]
    const fn len(self) -> u32 {
        (self.0 & 0xFF) as u32
    }

    /// Of AC symbols, by how many coefficients they go on, and 128 more if they end the block; of a
    /// DC symbol, how many bits the value has.
    #[inline(always)]
    const fn step(self) -> u32 {
        (self.0 >> 8) as u32
    }

    /// Whether a block at coefficient `k`, of 1 to 63, ends with it: with a symbol that says so, or
    /// with its last coefficient.
    #[inline(always)]
    const fn ends(self, k: u32) -> bool {
        let next = k + self.step();
        next == 64 || next > Self::END_OF_BLOCK && next < Self::END_OF_BLOCK + 64
    }
}

/// A standard table, to pass over what is coded with it. `SLOTS` is a power of two: the first
/// look-up takes as many bits as number its slots.
struct Lengths<const SLOTS: usize> {
    lookup: [Length; SLOTS],
    spec: &'static HuffmanSpec<'static>,
    ac: bool,
}

impl<const SLOTS: usize> Lengths<SLOTS> {
    const LOOKUP_BITS: u32 = SLOTS.ilog2();

    #[allow(clippy::indexing_slicing, reason = "evaluated by the compiler, for the tables below only")]
    const fn new(spec: &'static HuffmanSpec<'static>, ac: bool) -> Self {
        let symbols = Self::symbols(spec);
        let mut lookup = [Length::NONE; SLOTS];
        let mut slot = 0;
        while slot < SLOTS {
            let (mut len, mut step) = (0, 0);
            // As many symbols as have their codes, and all values but the last, in the slot's bits.
            while len < Self::LOOKUP_BITS {
                // Zeros stand for bits that are not known: no code is taken for one that has them.
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

    /// What each value of a slot's bits starts with: the symbol, and how long its code is; 0 if it
    /// is longer.
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

    /// What the bits start with, if the look-up tells: a symbol, or as many as it shows.
    #[inline(always)]
    fn lookup(&self, bits: u16) -> Length {
        self.lookup.get(usize::from(bits >> (16 - Self::LOOKUP_BITS))).copied().unwrap_or(Length::NONE)
    }

    /// The one symbol that the bits start with the code of, however long that is.
    #[cold]
    fn single(&self, bits: u16) -> Option<Length> {
        self.spec.symbol(bits).map(|(symbol, code_len)| Length::of(symbol, code_len, self.ac))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Both ways for all values of 16 bits: with one look-up, and symbol by symbol.
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
    fn the_look_up_goes_as_far_as_its_symbols_one_by_one() {
        for component in [&LUMA, &CHROMA] {
            check(&component.dc);
            check(&component.ac);
        }
    }

    #[test]
    fn a_block_ends_with_its_last_coefficient_or_with_a_symbol_that_says_so() {
        let end = LUMA.ac.lookup(0b1010_0000_0000_0000);
        assert_eq!((end.len(), end.step()), (4, 128));
        assert!(end.ends(1) && end.ends(63));
        // One coefficient, and then the end.
        let both = LUMA.ac.lookup(0b0011_0100_0000_0000);
        assert_eq!((both.len(), both.step()), (7, 129));
        assert!(both.ends(62) && !both.ends(63));
        let one = LUMA.ac.single(0b0011_0100_0000_0000).unwrap();
        assert!(one.ends(63) && !one.ends(62) && !Length::NONE.ends(1) && !Length::NONE.ends(63));
    }
}
