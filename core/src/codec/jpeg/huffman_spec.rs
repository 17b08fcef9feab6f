//! Huffman tables as a file defines them (ITU-T T.81, Annex C and F.2.2.3).

/// A Huffman table as a DHT segment defines it: the number of codes of each length (1 to 16 bits),
/// and the symbols in the order of their codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HuffmanSpec<'a> {
    pub(super) counts: &'a [u8; 16],
    pub(super) values: &'a [u8],
}

impl<'a> HuffmanSpec<'a> {
    /// Splits one table from the start of `content`, which starts after the byte that names the
    /// table. Returns the table and the rest; `None` if the table is cut off.
    pub(super) fn split(content: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (counts, rest) = content.split_first_chunk::<16>()?;
        let total = counts.iter().map(|n| usize::from(*n)).sum();
        let (values, rest) = rest.split_at_checked(total)?;
        Some((Self { counts, values }, rest))
    }

    /// Whether the code lengths leave a code for every symbol.
    pub(super) fn is_valid(&self) -> bool {
        let mut free = 1u32;
        self.values.len() <= 256
            && self.counts.iter().all(|n| {
                free = (free << 1).wrapping_sub(u32::from(*n));
                // The number of free codes doubles with each length. More than 2^16 of them means
                // that the subtraction wrapped: there were too few.
                free <= 1 << 16
            })
    }

    /// Returns the symbol whose code `bits` start with, and the length of the code in bits
    /// (T.81, F.2.2.3). `None` if they start with no code.
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
