//! Huffman tables for decoding and for encoding (ITU-T T.81, Annex C).
use super::huffman_spec::HuffmanSpec;
use super::tables;

/// Says how to re-code one symbol with the value after it, or several of them at once.
///
/// The fields are, from the lowest bit: 8 bits for the number of bits to read, 8 for
/// [`Token::step`], 8 for the number of bits to write, 32 for the number to add to the bits, and 8
/// for the number of bits of the last value. The first field needs no shift, because the next
/// look-up waits for it.
///
/// The bits of the last value stay as they are, at the end. The addition turns the bits before them
/// into the new code. In a token of several symbols all these bits are known beforehand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token(u64);

impl Token {
    /// Stands for bits that the look-up does not know. Its step is greater than any real one.
    const NONE: Self = Self(0xFF00);
    /// The most bits that a token of several symbols may write.
    const MAX_WRITE: u32 = 28;

    /// Makes a token that turns the code `from` into the code `to`, and leaves a value of `size` bits
    /// after it. Each code comes with its length in bits.
    const fn new(step: u32, size: u32, (from, from_len): (u32, u32), (to, to_len): (u32, u32)) -> Self {
        let change = to.wrapping_sub(from) << size;
        let (read, write) = ((from_len + size) as u64, (to_len + size) as u64);
        Self((size as u64) << 56 | (change as u64) << 24 | write << 16 | (step as u64) << 8 | read)
    }

    /// Returns one token for this one and `next` after it. `bits` are all bits of this token, and
    /// the code of `next` after them. `None` if one token cannot hold both.
    fn join(self, next: Self, bits: u32) -> Option<Self> {
        let step = self.step() + next.step();
        let size = next.size();
        let code_len = next.read_len() - size;
        let write = self.write_len() + next.write_len();
        if self.step() >= 64 || step & 63 < self.step() || step >= 128 || write > Self::MAX_WRITE {
            return None;
        }
        let first = self.recode(bits >> code_len);
        let second = next.recode((bits & ((1 << code_len) - 1)) << size) >> size;
        let to = first << (next.write_len() - size) | second;
        Some(Self::new(step, size, (bits, self.read_len() + code_len), (to, write - size)))
    }

    /// Returns how many bits the last value has.
    const fn size(self) -> u32 {
        (self.0 >> 56) as u32
    }

    /// Returns, for an AC token, how many coefficients it spans, plus 64 if it ends the block; for a
    /// DC token, how many bits the value has.
    #[inline(always)]
    pub(super) const fn step(self) -> u32 {
        (self.0 >> 8) as u32 & 0xFF
    }

    /// Whether a block has room for all coefficients of the token from coefficient `k` on.
    pub(super) const fn fits(self, k: u32) -> bool {
        self.step() < 128 && k + (self.step() & 63) + (self.step() >> 6) <= 64
    }

    /// Returns how many bits to read: at most 27 for DC, and at most 26 for AC.
    #[inline(always)]
    pub(super) const fn read_len(self) -> u32 {
        self.0 as u32 & 63
    }

    /// Returns how many bits to write: at most 28.
    #[inline(always)]
    pub(super) const fn write_len(self) -> u32 {
        (self.0 >> 16) as u32 & 63
    }

    /// Returns the bits to write for the `bits` that were read.
    #[inline(always)]
    pub(super) const fn recode(self, bits: u32) -> u32 {
        bits.wrapping_add((self.0 >> 24) as u32)
    }
}

/// The reason why bits have no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoToken {
    /// The bits are no code of the source's table.
    Code,
    /// The bits are the code of this symbol, which the target's table cannot encode.
    Symbol(u8),
}

/// The kind of coefficients that a table codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Dc,
    Ac,
}

impl Class {
    /// Makes the token of one symbol, from its code in the source to its code in the target. Each
    /// code comes with its length in bits.
    const fn token(self, symbol: u8, from: (u32, u32), to: (u32, u32)) -> Token {
        let size = (symbol & 15) as u32;
        let step = match (self, symbol) {
            (Self::Dc, _) => size,
            (Self::Ac, 0) => 64,
            (Self::Ac, _) => (symbol >> 4) as u32 + 1,
        };
        Token::new(step, size, from, to)
    }
}

/// A table to decode with, joined to a table to encode with. A look-up takes log2(`SLOTS`) bits;
/// `SLOTS` is a power of two.
pub(super) struct Decoder<'a, const SLOTS: usize> {
    /// For each value of a look-up's bits, the token that they start with, if its code is not longer.
    lookup: [Token; SLOTS],
    spec: HuffmanSpec<'a>,
    class: Class,
    encoder: &'static Encoder,
}

impl<'a, const SLOTS: usize> Decoder<'a, SLOTS> {
    const LOOKUP_BITS: u32 = SLOTS.ilog2();

    /// Makes the table that re-codes from `spec` to `encoder`.
    pub(super) fn new(class: Class, spec: HuffmanSpec<'a>, encoder: &'static Encoder) -> Self {
        let mut decoder = Self { lookup: [Token::NONE; SLOTS], spec, class, encoder };
        let (mut code, mut place) = (0u32, 0usize);
        for (length, count) in (1..=Self::LOOKUP_BITS).zip(spec.counts) {
            let shift = Self::LOOKUP_BITS - length;
            for _ in 0..*count {
                let symbol = spec.values.get(place).copied().unwrap_or(0);
                let first = (code << shift) as usize;
                let slots = decoder.lookup.get_mut(first..first + (1 << shift));
                if let (Some(slots), Some(to)) = (slots, encoder.code(symbol)) {
                    slots.fill(class.token(symbol, (code, length), to));
                }
                code += 1;
                place += 1;
            }
            code <<= 1;
        }
        if class == Class::Ac {
            decoder.join();
        }
        decoder
    }

    /// Makes one token for each slot of as many symbols as the slot's bits contain: their whole
    /// codes, and the whole value of each but the last.
    fn join(&mut self) {
        let singles = self.lookup;
        for (index, slot) in (0u32..).zip(&mut self.lookup) {
            // The loop is bounded, as each symbol has at least one bit.
            while slot.step() < 64 && slot.read_len() < Self::LOOKUP_BITS {
                let rest = (index << slot.read_len()) as usize & (SLOTS - 1);
                let next = singles.get(rest).copied().unwrap_or(Token::NONE);
                let known = slot.read_len() + next.read_len() - next.size();
                if next.step() >= 128 || known > Self::LOOKUP_BITS {
                    break;
                }
                let Some(joined) = slot.join(next, index >> (Self::LOOKUP_BITS - known)) else { break };
                *slot = joined;
            }
        }
    }

    /// Returns the token for the symbols that `bits` start with, or [`Token::NONE`].
    #[inline(always)]
    pub(super) fn lookup(&self, bits: u16) -> Token {
        self.lookup.get(usize::from(bits >> (16 - Self::LOOKUP_BITS))).copied().unwrap_or(Token::NONE)
    }

    /// Returns the token of the first symbol in `bits`, whatever the length of its code.
    #[cold]
    pub(super) fn single(&self, bits: u16) -> Result<Token, NoToken> {
        let (symbol, len) = self.spec.symbol(bits).ok_or(NoToken::Code)?;
        let to = self.encoder.code(symbol).ok_or(NoToken::Symbol(symbol))?;
        Ok(self.class.token(symbol, (u32::from(bits) >> (16 - len), len), to))
    }
}

/// A table to encode with. The entry of a symbol is its code, with the length of the code in the
/// lowest byte; 0 if the symbol has no code.
pub(super) struct Encoder([u32; 256]);

impl Encoder {
    /// Returns the code of a symbol, and its length in bits. `None` if the symbol has no code.
    #[inline(always)]
    pub(super) fn code(&self, symbol: u8) -> Option<(u32, u32)> {
        let entry = self.0.get(usize::from(symbol)).copied().unwrap_or(0);
        if entry != 0 { Some((entry >> 8, entry & 0xFF)) } else { None }
    }

    /// Returns the bits that code a difference between DC coefficients (T.81, F.1.2.1), and their
    /// number. `None` if the difference is too large.
    pub(super) fn difference(&self, difference: i32) -> Option<(u32, u32)> {
        let size = 32 - difference.unsigned_abs().leading_zeros();
        let (code, len) = self.code(size as u8)?;
        // A negative difference is coded as itself minus one.
        let bits = difference.wrapping_add(difference >> 31) as u32 & ((1 << size) - 1);
        Some((code << size | bits, len + size))
    }

    /// Makes the table, at compile time.
    #[allow(clippy::indexing_slicing, reason = "evaluated by the compiler, for the tables below only")]
    const fn new(spec: &HuffmanSpec<'_>) -> Self {
        let mut codes = [0; 256];
        let (mut code, mut place, mut length) = (0u32, 0, 1);
        while length <= 16 {
            let end = place + spec.counts[length - 1] as usize;
            while place < end {
                codes[spec.values[place] as usize] = code << 8 | length as u32;
                code += 1;
                place += 1;
            }
            code <<= 1;
            length += 1;
        }
        Self(codes)
    }
}

/// Returns the signed value that `size` bits stand for (T.81, F.2.2.1).
#[inline(always)]
pub(super) const fn extend(bits: u32, size: u32) -> i32 {
    let negative = (bits << 1) >> size == 0;
    if negative { bits as i32 - ((1 << size) - 1) } else { bits as i32 }
}

/// The standard table for DC coefficients of luma.
pub(super) static DC_LUMA: Encoder = Encoder::new(&tables::DC_LUMA);
/// The standard table for DC coefficients of chroma.
pub(super) static DC_CHROMA: Encoder = Encoder::new(&tables::DC_CHROMA);
/// The standard table for AC coefficients of luma.
pub(super) static AC_LUMA: Encoder = Encoder::new(&tables::AC_LUMA);
/// The standard table for AC coefficients of chroma.
pub(super) static AC_CHROMA: Encoder = Encoder::new(&tables::AC_CHROMA);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Returns the token of the look-up if it fits into a block, and of the first symbol otherwise.
    fn token<const SLOTS: usize>(decoder: &Decoder<'_, SLOTS>, bits: u16) -> Result<Token, NoToken> {
        let token = decoder.lookup(bits);
        if token.fits(0) { Ok(token) } else { decoder.single(bits) }
    }

    #[test]
    fn all_standard_symbols_recode() {
        let tables = [
            (Class::Dc, tables::DC_LUMA, &DC_LUMA, &DC_CHROMA, 12),
            (Class::Dc, tables::DC_CHROMA, &DC_CHROMA, &DC_LUMA, 12),
            (Class::Ac, tables::AC_LUMA, &AC_LUMA, &AC_CHROMA, 162),
            (Class::Ac, tables::AC_CHROMA, &AC_CHROMA, &AC_LUMA, 162),
        ];
        for (class, spec, from, to, symbols) in tables {
            let decoder = Decoder::<256>::new(class, spec, to);
            let mut seen = 0;
            for symbol in 0..=255 {
                let (Some((code, len)), Some((to, to_len))) = (from.code(symbol), to.code(symbol)) else {
                    continue;
                };
                let (run, size) = (u32::from(symbol >> 4), u32::from(symbol & 15));
                let step = match class {
                    Class::Dc => size,
                    Class::Ac if symbol == 0 => 64,
                    Class::Ac => run + 1,
                };
                // The bits after the code must not matter.
                for tail in [0, (1u32 << (16 - len)) as u16 - 1] {
                    let token = decoder.single((code << (16 - len)) as u16 | tail).unwrap();
                    assert_eq!(token.step(), step);
                    assert_eq!((token.read_len(), token.write_len()), (len + size, to_len + size));
                    let value = (1 << size) / 3;
                    assert_eq!(token.recode(code << size | value), to << size | value);
                }
                seen += 1;
            }
            assert_eq!(seen, symbols);
            assert_eq!(token(&decoder, 0xFFFF), Err(NoToken::Code));
        }
    }

    /// Reads `bits` with one look-up, and symbol by symbol. Returns for each way the bits that it
    /// writes, how many it reads, and its step.
    fn both_ways(decoder: &Decoder<'_, 1024>, bits: u16) -> [(u64, u32, u32); 2] {
        let joined = decoder.lookup(bits);
        let at_once = joined.recode(u32::from(bits) >> (16 - joined.read_len()));
        let (mut written, mut read, mut step) = (0u64, 0, 0);
        while read < joined.read_len() {
            let token = decoder.single(bits << read).unwrap();
            let taken = u32::from(bits << read) >> (16 - token.read_len());
            written = written << token.write_len() | u64::from(token.recode(taken));
            (read, step) = (read + token.read_len(), step + token.step());
        }
        [(u64::from(at_once), joined.read_len(), joined.step()), (written, read, step)]
    }

    #[test]
    fn joined_tokens_equal_single_ones() {
        for (spec, to) in [(tables::AC_LUMA, &AC_CHROMA), (tables::AC_CHROMA, &AC_LUMA)] {
            let decoder = Decoder::<1024>::new(Class::Ac, spec, to);
            let whole = |bits: &u16| (1..=10).contains(&decoder.lookup(*bits).read_len());
            let mut joined = 0;
            for bits in (0..1024u16).map(|index| index << 6).filter(whole) {
                let [at_once, one_by_one] = both_ways(&decoder, bits);
                assert_eq!(at_once, one_by_one, "{bits:016b}");
                assert!(decoder.lookup(bits).write_len() <= 28);
                joined += usize::from(decoder.single(bits).unwrap().read_len() < at_once.1);
            }
            assert!(joined > 256, "{joined}");
        }
    }

    #[test]
    fn tokens_stop_at_the_end_of_a_block() {
        let decoder = Decoder::<1024>::new(Class::Ac, tables::AC_LUMA, &AC_LUMA);
        // End of block (1010), and then the shortest code there is, with its value: 00 1.
        let token = decoder.lookup(0b1010_0010_0100_0000);
        assert_eq!((token.read_len(), token.step()), (4, 64));
        // In the other order they make one token.
        let token = decoder.lookup(0b0011_0100_0000_0000);
        assert_eq!((token.read_len(), token.step()), (7, 65));
        assert!(token.fits(62) && !token.fits(63));
    }

    #[test]
    fn unknown_symbols_have_no_token() {
        let mut counts = [0; 16];
        counts[0] = 1;
        counts[15] = 1;
        let spec = HuffmanSpec { counts: &counts, values: &[12, 13] };
        let decoder = Decoder::<128>::new(Class::Dc, spec, &DC_LUMA);
        assert_eq!(token(&decoder, 0x0000), Err(NoToken::Symbol(12)));
        assert_eq!(token(&decoder, 0x8000), Err(NoToken::Symbol(13)));
        assert_eq!(token(&decoder, 0x8001), Err(NoToken::Code));
    }

    #[test]
    fn a_table_may_be_full_but_not_overfull() {
        let mut counts = [0; 16];
        counts[0] = 2;
        assert!(HuffmanSpec { counts: &counts, values: &[0, 1] }.is_valid());
        counts[15] = 1;
        assert!(!HuffmanSpec { counts: &counts, values: &[0, 1, 2] }.is_valid());
        assert!(!HuffmanSpec { counts: &[255; 16], values: &[0; 4080] }.is_valid());
    }

    proptest! {
        #[test]
        fn any_table_decodes_without_a_panic(
            counts in any::<[u8; 16]>(),
            values in prop::collection::vec(any::<u8>(), 0..300),
            bits in any::<u16>(),
        ) {
            let spec = HuffmanSpec { counts: &counts, values: &values };
            let _ = spec.is_valid();
            let _ = token(&Decoder::<1024>::new(Class::Ac, spec, &AC_LUMA), bits);
            let _ = token(&Decoder::<128>::new(Class::Dc, spec, &DC_LUMA), bits);
        }
    }
}
