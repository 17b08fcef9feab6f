//! Bits in entropy-coded data (ITU-T T.81, F.1.2.3 and F.2.2.5): FF is followed by a stuffed 00.
use super::segments::{before_ff, has_ff};

/// Reads bits up to the next marker. Behind it, or behind the end of the data, there are zeros
/// without end; [`BitReader::is_past_end`] says whether one was taken.
#[derive(Clone, Copy, Debug)]
pub(super) struct BitReader<'a> {
    data: &'a [u8],
    /// Of the next byte to load.
    pos: usize,
    /// The next bits, from the highest down; zeros behind them.
    window: u64,
    /// How many bits are in the window.
    count: u32,
    /// How many of them, at the end, are not in the data.
    made_up: u32,
}

impl<'a> BitReader<'a> {
    pub(super) const fn new(data: &'a [u8], pos: usize) -> Self {
        Self { data, pos, window: 0, count: 0, made_up: 0 }
    }

    /// Loads bits until there are at least 56: two codes of 16 bits, and 12 bits with each.
    #[inline(always)]
    pub(super) fn refill(&mut self) {
        match self.data.get(self.pos..).and_then(<[u8]>::first_chunk::<8>) {
            // Only of the bytes that fit, in part at least.
            Some(bytes) if !has_ff(u64::from_be_bytes(*bytes) >> (self.count & 56)) => {
                // No branch on `count`, which nothing could predict. A byte that fits only in
                // part is loaded again the next time.
                self.window |= u64::from_be_bytes(*bytes) >> self.count;
                self.pos += ((63 - self.count) / 8) as usize;
                self.count |= 56;
            }
            _ => *self = self.with_bytes(),
        }
    }

    /// The same with as many bits as fit. By value: a reader whose address is never taken stays
    /// in registers.
    #[cold]
    fn with_bytes(mut self) -> Self {
        while self.count <= 56 {
            if let Some(bytes) = self.data.get(self.pos..).and_then(<[u8]>::first_chunk::<8>) {
                // Those before the first FF at once, as far as they fit.
                let whole = before_ff(*bytes).min((64 - self.count) / 8);
                if whole > 0 {
                    let bits = u64::from_be_bytes(*bytes) >> (64 - 8 * whole);
                    self.window |= bits << (64 - self.count - 8 * whole);
                    self.count += 8 * whole;
                    self.pos += whole as usize;
                    continue;
                }
            }
            let byte = match (self.data.get(self.pos), self.data.get(self.pos.wrapping_add(1))) {
                (Some(0xFF), Some(0x00)) => {
                    self.pos += 2;
                    0xFF
                }
                // A fill byte.
                (Some(0xFF), Some(0xFF)) => {
                    self.pos += 1;
                    continue;
                }
                (Some(0xFF), _) | (None, _) => {
                    self.made_up += 8;
                    0
                }
                (Some(byte), _) => {
                    self.pos += 1;
                    *byte
                }
            };
            self.window |= u64::from(byte) << (56 - self.count);
            self.count += 8;
        }
        self
    }

    /// The next 16 bits.
    #[inline(always)]
    pub(super) const fn peek(&self) -> u16 {
        (self.window >> 48) as u16
    }

    /// Takes `len` bits: at most 56, and at most 56 from one [`Self::refill`] to the next.
    #[inline(always)]
    pub(super) const fn take(&mut self, len: u32) -> u64 {
        // In two steps, as a shift by 64 is none; masked as the processor masks them.
        let bits = self.window >> 1 >> (63u32.wrapping_sub(len) & 63);
        self.skip(len);
        bits
    }

    /// Passes over bits: as many as [`Self::take`] may take.
    #[inline(always)]
    pub(super) const fn skip(&mut self, len: u32) {
        self.window <<= len & 63;
        self.count = self.count.wrapping_sub(len);
    }

    /// Whether bits were taken that are not in the data.
    pub(super) const fn is_past_end(&self) -> bool {
        self.count < self.made_up
    }

    /// How many bits are in the window, but for the last `padding` of the data.
    const fn left(&self, padding: u32) -> u32 {
        let padding = if self.made_up > 0 { self.made_up + padding } else { 0 };
        self.count.saturating_sub(padding)
    }

    /// About where the next bit is; stuffed bytes are not counted back.
    pub(super) const fn at(&self) -> usize {
        self.pos.saturating_sub(((self.count.saturating_sub(self.made_up)) / 8) as usize)
    }

    /// Passes over what is left before the next marker, and takes the marker: where it is, and
    /// its code; `None` if there is none.
    pub(super) fn marker(&mut self) -> Option<(usize, u8)> {
        while let Some(pair) = self.data.get(self.pos..).and_then(<[u8]>::first_chunk::<2>) {
            let at = self.pos;
            match *pair {
                [0xFF, 0x00] => self.pos += 2,
                [0xFF, code] if code != 0xFF => {
                    *self = Self::new(self.data, at + 2);
                    return Some((at, code));
                }
                _ => self.pos += 1,
            }
        }
        None
    }
}

/// There is no room left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OutputFull;

/// Writes bits to a buffer that is lent at each call, and stuffs a 00 behind each FF.
#[derive(Clone, Copy, Debug)]
pub(super) struct BitWriter {
    pos: usize,
    /// The bits that are not written yet, in the lowest `count` places.
    window: u64,
    /// Fewer than 8 behind `flush`.
    count: u32,
}

impl BitWriter {
    /// Starts at `pos`.
    pub(super) const fn new(pos: usize) -> Self {
        Self { pos, window: 0, count: 0 }
    }

    /// Where the next byte goes.
    pub(super) const fn pos(&self) -> usize {
        self.pos
    }

    /// Appends the lowest `len` bits of `bits`; those above must be zero. At most 56 bits from
    /// one [`Self::flush`] to the next.
    #[inline(always)]
    pub(super) const fn put(&mut self, bits: u64, len: u32) {
        self.window = self.window << len | bits;
        self.count += len;
    }

    /// Writes all whole bytes.
    #[inline(always)]
    pub(super) fn flush(&mut self, out: &mut [u8]) -> Result<(), OutputFull> {
        // Whole bytes first; zeros behind the last bit. In two steps, as a shift by 64 is none.
        let aligned = (self.window << 1) << (63 - self.count);
        match out.get_mut(self.pos..).and_then(<[u8]>::first_chunk_mut::<8>) {
            Some(to) if !has_ff(aligned) => {
                // All eight, whatever of them counts: no branch on `count`.
                *to = aligned.to_be_bytes();
                self.pos += (self.count / 8) as usize;
            }
            _ => self.pos = stuff(out, self.pos, aligned, self.count / 8)?,
        }
        self.count %= 8;
        Ok(())
    }

    /// How many bits the last byte lacks.
    pub(super) const fn padding(&self) -> u32 {
        (8 - self.count) % 8
    }

    /// Fills the last byte with ones. To be called behind `flush`.
    fn align(&mut self, out: &mut [u8]) -> Result<(), OutputFull> {
        let padding = self.padding();
        self.put((1 << padding) - 1, padding);
        self.flush(out)
    }

    /// Fills the last byte with ones, and writes a marker. To be called behind `flush`.
    pub(super) fn marker(&mut self, out: &mut [u8], code: u8) -> Result<(), OutputFull> {
        self.align(out)?;
        self.pos = raw(out, self.pos, &[0xFF, code])?;
        Ok(())
    }

    /// Appends `head`, which is of 22 bits at most, and the next `len` bits of `from`. To be called
    /// behind `flush`. By value, as what goes through memory here has to be waited for.
    #[inline(always)]
    pub(super) fn with_copy(
        mut self,
        out: &mut [u8],
        (head, head_len): (u32, u32),
        mut from: BitReader<'_>,
        mut len: u32,
    ) -> Result<Self, OutputFull> {
        self.put(head.into(), head_len);
        let mut part = len.min(56u32.saturating_sub(head_len));
        loop {
            from.refill();
            self.put(from.take(part), part);
            self.flush(out)?;
            len -= part;
            if len == 0 {
                return Ok(self);
            }
            part = len.min(56);
        }
    }

    /// Appends what `other` has written from the start of `data`. `aligned`: where in it its first
    /// marker is, and how many bits were filled in before that. To be called behind `flush`.
    pub(super) fn append(
        &mut self,
        out: &mut [u8],
        other: &Self,
        data: &[u8],
        aligned: Option<(usize, u32)>,
    ) -> Result<(), OutputFull> {
        let data = data.get(..other.pos).unwrap_or(data);
        let (end, padding) = aligned.unwrap_or((data.len(), 0));
        let (unaligned, rest) = data.split_at_checked(end).unwrap_or((data, &[]));
        let mut reader = BitReader::new(unaligned, 0);
        loop {
            reader.refill();
            let len = reader.left(padding).min(56);
            if len == 0 {
                break;
            }
            self.put(reader.take(len), len);
            self.flush(out)?;
        }
        if !rest.is_empty() {
            // From its first marker on, the bytes stay the same.
            self.align(out)?;
            self.pos = raw(out, self.pos, rest)?;
        }
        self.put(other.window & ((1 << other.count) - 1), other.count);
        self.flush(out)
    }
}

/// Writes the first `count` bytes of `word` to `at`, and a 00 behind each FF; says where that ends.
#[cold]
fn stuff(out: &mut [u8], at: usize, word: u64, count: u32) -> Result<usize, OutputFull> {
    word.to_be_bytes().iter().take(count as usize).try_fold(at, |at, byte| match byte {
        0xFF => raw(out, at, &[0xFF, 0x00]),
        byte => raw(out, at, &[*byte]),
    })
}

fn raw(out: &mut [u8], at: usize, bytes: &[u8]) -> Result<usize, OutputFull> {
    if crate::storage::put(out, at, bytes) { Ok(at + bytes.len()) } else { Err(OutputFull) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec;
    use std::vec::Vec;

    fn fields() -> impl Strategy<Value = Vec<(u64, u32)>> {
        let field = (1u32..=56, any::<u64>(), any::<bool>())
            .prop_map(|(len, bits, ones)| (if ones { u64::MAX } else { bits } >> (64 - len), len));
        prop::collection::vec(field, 0..60)
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(fields in fields()) {
            let mut out = vec![0; 600];
            let mut writer = BitWriter::new(0);
            for (bits, len) in &fields {
                writer.put(*bits, *len);
                writer.flush(&mut out).unwrap();
            }
            writer.marker(&mut out, 0xD3).unwrap();
            let len = writer.pos();
            let mut reader = BitReader::new(&out[..len], 0);
            for (bits, len) in fields {
                reader.refill();
                prop_assert_eq!(reader.take(len), bits);
            }
            prop_assert!(!reader.is_past_end());
            // What is left is padding: ones, and fewer than eight.
            prop_assert_eq!(reader.marker(), Some((len - 2, 0xD3)));
            prop_assert_eq!(reader.marker(), None);
        }

        #[test]
        fn arbitrary_bytes_never_panic(data in prop::collection::vec(0xFEu8..=0xFF, 0..40), takes in 0usize..60) {
            let mut reader = BitReader::new(&data, 0);
            for _ in 0..takes {
                reader.refill();
                reader.take(31);
            }
            reader.marker();
        }
    }

    #[test]
    fn bits_behind_a_marker_are_made_up() {
        let mut reader = BitReader::new(&[0xAB, 0xFF, 0x00, 0xFF, 0xD0, 0x12], 0);
        reader.refill();
        assert_eq!(reader.take(16), 0xABFF);
        assert!(!reader.is_past_end());
        assert_eq!(reader.at(), 3);
        reader.refill();
        assert_eq!(reader.take(1), 0);
        assert!(reader.is_past_end());
        assert_eq!(reader.marker(), Some((3, 0xD0)));
        reader.refill();
        assert_eq!(reader.take(8), 0x12);
    }

    #[test]
    fn a_full_output_is_told() {
        let mut out = [0; 4];
        let mut writer = BitWriter::new(0);
        writer.put(0x7000, 15);
        assert_eq!(writer.flush(&mut out), Ok(()));
        assert_eq!(writer.marker(&mut out, 0xD9), Ok(()));
        assert_eq!((writer.pos(), out), (4, [0xE0, 0x01, 0xFF, 0xD9]));
        writer.put(0, 7);
        assert_eq!(writer.flush(&mut out), Ok(()));
        writer.put(0, 1);
        assert_eq!(writer.flush(&mut out), Err(OutputFull));
        assert_eq!(writer.marker(&mut out, 0xD9), Err(OutputFull));
    }
}
