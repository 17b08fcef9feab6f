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
}

/// How to re-code one symbol with the value behind it: from the lowest bit, 8 bits of the length
/// that is read, 8 of symbol, 8 of the length that is written, and 32 of what to add.
///
/// The next look-up waits for the length that is read: hence its place, which needs no shift.
///
/// The value's bits stay where they are, at the end; what is added turns the one code before
/// them into the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Token(u64);

impl Token {
    const fn new(symbol: u8, (from, from_len): (u32, u32), (to, to_len): (u32, u32)) -> Self {
        let size = (symbol & 15) as u32;
        let change = to.wrapping_sub(from) << size;
        let lengths = (to_len + size) << 16 | (from_len + size);
        Self((change as u64) << 24 | (symbol as u64) << 8 | lengths as u64)
    }

    /// No code has no bits.
    const fn is_none(self) -> bool {
        self.0 == 0
    }

    pub(super) const fn symbol(self) -> u8 {
        (self.0 >> 8) as u8
    }

    /// How many zero coefficients come before the value.
    pub(super) const fn run(self) -> u32 {
        (self.0 >> 12) as u32 & 15
    }

    /// How many bits are read: 31 at most.
    pub(super) const fn read_len(self) -> u32 {
        self.0 as u32 & 63
    }

    /// How many bits are written: 31 at most.
    pub(super) const fn write_len(self) -> u32 {
        (self.0 >> 16) as u32 & 63
    }

    /// The bits to write for those that were read.
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

/// How many bits the first lookup takes: most codes of most pictures are not longer.
const LOOKUP_BITS: u32 = 8;

/// A table to decode with, joined to one to encode with.
pub(super) struct Decoder<'a> {
    /// For each value of the first bits: what they are the code of, if it is not longer.
    lookup: [Token; 1 << LOOKUP_BITS],
    /// For each length: the first 16-bit value that belongs to a longer code.
    limits: [u32; 16],
    /// For each length: what to add to a code to get the place of its symbol.
    offsets: [i32; 16],
    values: &'a [u8],
    encoder: &'static Encoder,
}

impl<'a> Decoder<'a> {
    pub(super) fn new(spec: HuffmanSpec<'a>, encoder: &'static Encoder) -> Self {
        let mut decoder = Self {
            lookup: [Token::default(); 1 << LOOKUP_BITS],
            limits: [0; 16],
            offsets: [0; 16],
            values: spec.values,
            encoder,
        };
        let (mut code, mut place) = (0u32, 0u32);
        let lengths = (1u32..).zip(spec.counts).zip(decoder.limits.iter_mut().zip(&mut decoder.offsets));
        for ((length, count), (limit, offset)) in lengths {
            *offset = place.wrapping_sub(code) as i32;
            for _ in 0..*count {
                let symbol = spec.values.get(place as usize).copied().unwrap_or(0);
                if let (Some(shift), Some(to)) = (LOOKUP_BITS.checked_sub(length), encoder.code(symbol)) {
                    let first = (code << shift) as usize;
                    if let Some(slots) = decoder.lookup.get_mut(first..first + (1 << shift)) {
                        slots.fill(Token::new(symbol, (code, length), to));
                    }
                }
                code = code.wrapping_add(1);
                place = place.wrapping_add(1);
            }
            *limit = code << (16 - length);
            code <<= 1;
        }
        decoder
    }

    /// What the bits start with the code of.
    #[inline(always)]
    pub(super) fn token(&self, bits: u16) -> Result<Token, NoToken> {
        let token = self.lookup.get(usize::from(bits >> (16 - LOOKUP_BITS))).copied().unwrap_or_default();
        if token.is_none() { self.long(bits) } else { Ok(token) }
    }

    /// The same for codes of any length, and for what is no code.
    #[cold]
    fn long(&self, bits: u16) -> Result<Token, NoToken> {
        for (length, (limit, offset)) in (1u32..).zip(self.limits.iter().zip(&self.offsets)) {
            if u32::from(bits) < *limit {
                let code = bits >> (16 - length);
                let place = i32::from(code).wrapping_add(*offset);
                let symbol = usize::try_from(place).ok().and_then(|place| self.values.get(place));
                let symbol = *symbol.ok_or(NoToken::Code)?;
                let to = self.encoder.code(symbol).ok_or(NoToken::Symbol(symbol))?;
                return Ok(Token::new(symbol, (u32::from(code), length), to));
            }
        }
        Err(NoToken::Code)
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

/// The standard tables to encode with.
pub(super) static DC_LUMA: Encoder = Encoder::new(&tables::DC_LUMA);
pub(super) static DC_CHROMA: Encoder = Encoder::new(&tables::DC_CHROMA);
pub(super) static AC_LUMA: Encoder = Encoder::new(&tables::AC_LUMA);
pub(super) static AC_CHROMA: Encoder = Encoder::new(&tables::AC_CHROMA);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_standard_symbol_is_read_and_written() {
        let pairs = [
            (tables::DC_LUMA, &DC_LUMA, &DC_CHROMA, 12),
            (tables::DC_CHROMA, &DC_CHROMA, &DC_LUMA, 12),
            (tables::AC_LUMA, &AC_LUMA, &AC_CHROMA, 162),
            (tables::AC_CHROMA, &AC_CHROMA, &AC_LUMA, 162),
        ];
        for (spec, from, to, symbols) in pairs {
            let decoder = Decoder::new(spec, to);
            let mut seen = 0;
            for symbol in 0..=255 {
                let (Some((code, len)), Some((to, to_len))) = (from.code(symbol), to.code(symbol)) else {
                    continue;
                };
                let size = u32::from(symbol & 15);
                // Whatever follows the code must not matter.
                for tail in [0, (1u32 << (16 - len)) as u16 - 1] {
                    let token = decoder.token((code << (16 - len)) as u16 | tail).unwrap();
                    assert_eq!((token.symbol(), token.run()), (symbol, u32::from(symbol >> 4)));
                    assert_eq!((token.read_len(), token.write_len()), (len + size, to_len + size));
                    let value = (1 << size) / 3;
                    assert_eq!(token.recode(code << size | value), to << size | value);
                }
                seen += 1;
            }
            assert_eq!(seen, symbols);
            assert_eq!(decoder.token(0xFFFF), Err(NoToken::Code));
        }
    }

    #[test]
    fn a_symbol_that_cannot_be_encoded_is_told() {
        let mut counts = [0; 16];
        counts[0] = 1;
        counts[15] = 1;
        let decoder = Decoder::new(HuffmanSpec { counts: &counts, values: &[12, 13] }, &DC_LUMA);
        assert_eq!(decoder.token(0x0000), Err(NoToken::Symbol(12)));
        assert_eq!(decoder.token(0x8000), Err(NoToken::Symbol(13)));
        assert_eq!(decoder.token(0x8001), Err(NoToken::Code));
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
            let _ = Decoder::new(spec, &AC_LUMA).token(bits);
        }
    }
}
