//! Huffman tables (ITU-T T.81, Annex C and F.2.2.3): as a file has them, to decode, to encode.
use super::tables;

/// A Huffman table as DHT has it: how many codes there are of each length, 1 to 16 bits, and
/// their symbols in the order of the codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HuffmanSpec<'a> {
    pub(super) counts: &'a [u8; 16],
    pub(super) values: &'a [u8],
}

impl<'a> HuffmanSpec<'a> {
    /// Takes one table off the front of a DHT segment's content, behind the byte that names it.
    /// `None` if it is cut off.
    pub(super) fn split(content: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (counts, rest) = content.split_first_chunk::<16>()?;
        let total = counts.iter().map(|n| usize::from(*n)).sum();
        let (values, rest) = rest.split_at_checked(total)?;
        Some((Self { counts, values }, rest))
    }

    /// Whether every symbol can have a code of its own.
    pub(super) fn is_valid(&self) -> bool {
        let mut free = 1u32;
        self.values.len() <= 256
            && self.counts.iter().all(|n| {
                free = (free << 1).wrapping_sub(u32::from(*n));
                // What is left doubles at each length: more than 2^16 means it was overdrawn.
                free <= 1 << 16
            })
    }

    /// The symbol that the bits start with the code of, and how long the code is (T.81, F.2.2.3).
    pub(super) fn symbol(&self, bits: u16) -> Option<(u8, u32)> {
        let (mut code, mut place) = (0u32, 0usize);
        for (length, count) in (1u32..).zip(self.counts) {
            let nth = (u32::from(bits) >> (16 - length)).saturating_sub(code);
            if nth < u32::from(*count) {
                let symbol = self.values.get(place.saturating_add(nth as usize))?;
                return Some((*symbol, length));
            }
            place = place.saturating_add(usize::from(*count));
            code = code.wrapping_add(u32::from(*count)) << 1;
        }
        None
    }
}

/// How to re-code a symbol with the value behind it, or several of them at once. From the lowest
/// bit: 8 bits of the length that is read, 8 of [`Token::step`], 8 of the length that is written,
/// 32 of what to add, and 8 of how many bits the last value has.
///
/// The next look-up waits for the length that is read: hence its place, which needs no shift.
///
/// The last value's bits stay where they are, at the end; what is added turns the bits before them
/// into others. Where several symbols make one token, all of those bits are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token(u64);

impl Token {
    /// Stands where no token is known: its step goes further than any block reaches.
    const NONE: Self = Self(0xFF00);
    /// How many bits a joined token may write.
    const MAX_WRITE: u32 = 28;

    const fn new(step: u32, size: u32, (from, from_len): (u32, u32), (to, to_len): (u32, u32)) -> Self {
        let change = to.wrapping_sub(from) << size;
        let (read, write) = ((from_len + size) as u64, (to_len + size) as u64);
        Self((size as u64) << 56 | (change as u64) << 24 | write << 16 | (step as u64) << 8 | read)
    }

    /// Appends `next`, whose code is the last of `bits`; this token's are all before it. `None` if
    /// they cannot be one.
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

    /// How many bits the last value has.
    const fn size(self) -> u32 {
        (self.0 >> 56) as u32
    }

    /// Of an AC token, by how many coefficients it goes on, and 64 more if it ends the block; of a
    /// DC token, how many bits the value has.
    #[inline(always)]
    pub(super) const fn step(self) -> u32 {
        (self.0 >> 8) as u32 & 0xFF
    }

    /// Whether a block at coefficient `k` has room for all of it.
    pub(super) const fn fits(self, k: u32) -> bool {
        self.step() < 128 && k + (self.step() & 63) + (self.step() >> 6) <= 64
    }

    /// How many bits are read: 27 at most for DC, 26 for AC.
    #[inline(always)]
    pub(super) const fn read_len(self) -> u32 {
        self.0 as u32 & 63
    }

    /// How many bits are written: 28 at most.
    #[inline(always)]
    pub(super) const fn write_len(self) -> u32 {
        (self.0 >> 16) as u32 & 63
    }

    /// The bits to write for those that were read.
    #[inline(always)]
    pub(super) const fn recode(self, bits: u32) -> u32 {
        bits.wrapping_add((self.0 >> 24) as u32)
    }
}

/// Why bits have no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoToken {
    /// They are no code.
    Code,
    /// They are the code of a symbol that cannot be encoded.
    Symbol(u8),
}

/// What a table codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Dc,
    Ac,
}

impl Class {
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

/// A table to decode with, joined to one to encode with. `SLOTS` is a power of two: the first
/// look-up takes as many bits as number its slots.
pub(super) struct Decoder<'a, const SLOTS: usize> {
    /// For each value of the first bits: what they are the code of, if it is not longer.
    lookup: [Token; SLOTS],
    spec: HuffmanSpec<'a>,
    class: Class,
    encoder: &'static Encoder,
}

impl<'a, const SLOTS: usize> Decoder<'a, SLOTS> {
    const LOOKUP_BITS: u32 = SLOTS.ilog2();

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

    /// Makes one token of as many symbols as have their codes, and all values but the last, in the
    /// bits of a slot.
    fn join(&mut self) {
        let singles = self.lookup;
        for (index, slot) in (0u32..).zip(&mut self.lookup) {
            // Bounded: each symbol has a bit at least.
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

    /// What the bits start with, if a single look-up tells: a symbol, or as many as it shows.
    #[inline(always)]
    pub(super) fn lookup(&self, bits: u16) -> Token {
        self.lookup.get(usize::from(bits >> (16 - Self::LOOKUP_BITS))).copied().unwrap_or(Token::NONE)
    }

    /// The one symbol that the bits start with the code of, however long that is.
    #[cold]
    pub(super) fn single(&self, bits: u16) -> Result<Token, NoToken> {
        let (symbol, len) = self.spec.symbol(bits).ok_or(NoToken::Code)?;
        let to = self.encoder.code(symbol).ok_or(NoToken::Symbol(symbol))?;
        Ok(self.class.token(symbol, (u32::from(bits) >> (16 - len), len), to))
    }
}

/// A table to encode with: for each symbol its code, and in the lower byte the code's length; 0
/// where the symbol has none.
pub(super) struct Encoder([u32; 256]);

impl Encoder {
    /// The code of a symbol, and its length.
    #[inline(always)]
    pub(super) fn code(&self, symbol: u8) -> Option<(u32, u32)> {
        let entry = self.0.get(usize::from(symbol)).copied().unwrap_or(0);
        if entry != 0 { Some((entry >> 8, entry & 0xFF)) } else { None }
    }

    /// The bits for a difference between DC coefficients (T.81, F.1.2.1), and how many they are;
    /// `None` if it is too large.
    pub(super) fn difference(&self, difference: i32) -> Option<(u32, u32)> {
        let size = 32 - difference.unsigned_abs().leading_zeros();
        let (code, len) = self.code(size as u8)?;
        // A negative difference is coded as itself minus one.
        let bits = difference.wrapping_add(difference >> 31) as u32 & ((1 << size) - 1);
        Some((code << size | bits, len + size))
    }

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

/// The value that `size` bits stand for (T.81, F.2.2.1).
#[inline(always)]
pub(super) const fn extend(bits: u32, size: u32) -> i32 {
    let negative = (bits << 1) >> size == 0;
    if negative { bits as i32 - ((1 << size) - 1) } else { bits as i32 }
}

/// The standard tables to encode with.
pub(super) static DC_LUMA: Encoder = Encoder::new(&tables::DC_LUMA);
pub(super) static DC_CHROMA: Encoder = Encoder::new(&tables::DC_CHROMA);
pub(super) static AC_LUMA: Encoder = Encoder::new(&tables::AC_LUMA);
pub(super) static AC_CHROMA: Encoder = Encoder::new(&tables::AC_CHROMA);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What a decoder says of the bits: the look-up's token if they fit a block, else the single one.
    fn token<const SLOTS: usize>(decoder: &Decoder<'_, SLOTS>, bits: u16) -> Result<Token, NoToken> {
        let token = decoder.lookup(bits);
        if token.fits(0) { Ok(token) } else { decoder.single(bits) }
    }

    #[test]
    fn every_standard_symbol_is_read_and_written() {
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
                // Whatever follows the code must not matter.
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

    /// Reads `bits` with one look-up, and symbol by symbol: what each writes, after how many bits,
    /// and where in the block it then is.
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
    fn symbols_that_are_joined_are_recoded_as_one_by_one() {
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
    fn what_comes_after_the_end_of_a_block_is_not_joined() {
        let decoder = Decoder::<1024>::new(Class::Ac, tables::AC_LUMA, &AC_LUMA);
        // End of block (1010), and then the shortest code there is, with its value: 00 1.
        let token = decoder.lookup(0b1010_0010_0100_0000);
        assert_eq!((token.read_len(), token.step()), (4, 64));
        // The other way round they are one.
        let token = decoder.lookup(0b0011_0100_0000_0000);
        assert_eq!((token.read_len(), token.step()), (7, 65));
        assert!(token.fits(62) && !token.fits(63));
    }

    #[test]
    fn a_symbol_that_cannot_be_encoded_is_told() {
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
    fn an_overfull_table_is_invalid_and_a_full_one_is_not() {
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
