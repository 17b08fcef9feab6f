//! Huffman tables (ITU-T T.81, Annex C).
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_overfull_table_is_invalid_and_a_full_one_is_not() {
        let mut counts = [0; 16];
        counts[0] = 2;
        assert!(HuffmanSpec { counts: &counts, values: &[0, 1] }.is_valid());
        counts[15] = 1;
        assert!(!HuffmanSpec { counts: &counts, values: &[0, 1, 2] }.is_valid());
        assert!(!HuffmanSpec { counts: &[255; 16], values: &[0; 4080] }.is_valid());
    }
}
