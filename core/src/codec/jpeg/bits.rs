//! Reads and writes bits of entropy-coded data, in which a 00 is stuffed after each FF byte
//! (ITU-T T.81, F.1.2.3 and F.2.2.5).
use super::segments::{before_ff, has_ff};

/// Reads bits up to the next marker. After that, or after the end of the data, it returns zeros
/// without end; [`BitReader::is_past_end`] says whether any were taken.
#[derive(Clone, Copy, Debug)]
pub(super) struct BitReader<'a> {
    data: &'a [u8],
    /// The offset of the next byte to load.
    pos: usize,
    /// The next bits, from the highest down. All bits after them are 0.
    window: u64,
    /// How many bits are in the window.
    count: u32,
    /// How many bits at the end of the window are not from the data.
    made_up: u32,
}

impl<'a> BitReader<'a> {
    /// Starts at byte `pos` of `data`.
    pub(super) const fn new(data: &'a [u8], pos: usize) -> Self {
        Self { data, pos, window: 0, count: 0, made_up: 0 }
    }

    /// Loads bits until there are at least 56: enough for two codes of 16 bits and a value of 12 bits
    /// after each.
    #[inline(always)]
    pub(super) fn refill(&mut self) {
        match self.data.get(self.pos..).and_then(<[u8]>::first_chunk::<8>) {
            // Only the bytes that fit at least in part may have no FF.
            Some(bytes) if !has_ff(u64::from_be_bytes(*bytes) >> (self.count & 56)) => {
                // There is no branch on `count`, which nothing could predict. A byte that fits only
                // in part is loaded again the next time.
                self.window |= u64::from_be_bytes(*bytes) >> self.count;
                self.pos += ((63 - self.count) / 8) as usize;
                self.count |= 56;
            }
            _ => *self = self.with_bytes(),
        }
    }

    /// Returns the reader with as many bits loaded as fit, byte by byte. It takes and returns the
    /// reader by value, as a reader whose address is never taken stays in registers.
    #[cold]
    fn with_bytes(mut self) -> Self {
        while self.count <= 56 {
            if let Some(bytes) = self.data.get(self.pos..).and_then(<[u8]>::first_chunk::<8>) {
                // All bytes before the first FF are loaded at once, as far as they fit.
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

    /// Returns the next 16 bits without taking them.
    #[inline(always)]
    pub(super) const fn peek(&self) -> u16 {
        (self.window >> 48) as u16
    }

    /// Takes and returns `len` bits: at most 56, and at most 56 from one [`Self::refill`] to the
    /// next.
    #[inline(always)]
    pub(super) const fn take(&mut self, len: u32) -> u64 {
        // The shift has two steps, as a shift by 64 would do nothing. It is masked as the processor
        // masks it.
        let bits = self.window >> 1 >> (63u32.wrapping_sub(len) & 63);
        self.skip(len);
        bits
    }

    /// Skips `len` bits. The limits are those of [`Self::take`].
    #[inline(always)]
    pub(super) const fn skip(&mut self, len: u32) {
        self.window <<= len & 63;
        self.count = self.count.wrapping_sub(len);
    }

    /// Whether bits were taken that are not from the data.
    pub(super) const fn is_past_end(&self) -> bool {
        self.count < self.made_up
    }

    /// Returns how many bits of the data are in the window, without the last `padding` bits of the
    /// data.
    const fn left(&self, padding: u32) -> u32 {
        let padding = if self.made_up > 0 { self.made_up + padding } else { 0 };
        self.count.saturating_sub(padding)
    }

    /// Returns about where the next bit is, in bytes: it may be a few bytes late, because stuffed
    /// bytes are not counted back.
    pub(super) const fn at(&self) -> usize {
        self.pos.saturating_sub(((self.count.saturating_sub(self.made_up)) / 8) as usize)
    }

    /// Skips all bits before the next marker, and takes the marker. Returns its offset and its code;
    /// `None` if there is no further marker.
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

/// The error that the output buffer has no room left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OutputFull;

/// Writes bits to a buffer that each call borrows, and stuffs a 00 after each FF.
#[derive(Clone, Copy, Debug)]
pub(super) struct BitWriter {
    pos: usize,
    /// The bits that are not written yet, in the lowest `count` places.
    window: u64,
    /// How many bits are not written yet. After `flush` they are fewer than 8.
    count: u32,
}

impl BitWriter {
    /// Starts at byte `pos` of the buffer.
    pub(super) const fn new(pos: usize) -> Self {
        Self { pos, window: 0, count: 0 }
    }

    /// Returns the offset of the next byte to write.
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
        // The whole bytes come first, and zeros after the last bit. The shift has two steps, as a
        // shift by 64 would do nothing.
        let aligned = (self.window << 1) << (63 - self.count);
        match out.get_mut(self.pos..).and_then(<[u8]>::first_chunk_mut::<8>) {
            Some(to) if !has_ff(aligned) => {
                // All eight bytes are written, however many count, to avoid a branch on `count`.
                *to = aligned.to_be_bytes();
                self.pos += (self.count / 8) as usize;
            }
            _ => self.pos = stuff(out, self.pos, aligned, self.count / 8)?,
        }
        self.count %= 8;
        Ok(())
    }

    /// Returns how many bits the last byte lacks.
    pub(super) const fn padding(&self) -> u32 {
        (8 - self.count) % 8
    }

    /// Fills the last byte with ones. Must be called after `flush`.
    fn align(&mut self, out: &mut [u8]) -> Result<(), OutputFull> {
        let padding = self.padding();
        self.put((1 << padding) - 1, padding);
        self.flush(out)
    }

    /// Fills the last byte with ones, and writes a marker. Must be called after `flush`.
    pub(super) fn marker(&mut self, out: &mut [u8], code: u8) -> Result<(), OutputFull> {
        self.align(out)?;
        self.pos = raw(out, self.pos, &[0xFF, code])?;
        Ok(())
    }

    /// Returns the writer after `head` (at most 22 bits) and the next `len` bits of `from`. Must be
    /// called after `flush`. The writer goes by value, to stay in registers.
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

    /// Appends all that `other` has written to `data`, which it started at offset 0. `aligned` is the
    /// offset of the first marker in `data` and the number of padding bits before that; `None`
    /// without markers. Must be called after `flush`.
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
            // From the first marker on, the bytes stay as they are.
            self.align(out)?;
            self.pos = raw(out, self.pos, rest)?;
        }
        self.put(other.window & ((1 << other.count) - 1), other.count);
        self.flush(out)
    }
}

/// Writes the first `count` bytes of `word` at offset `at`, with a 00 after each FF. Returns the
/// offset after them.
#[cold]
fn stuff(out: &mut [u8], at: usize, word: u64, count: u32) -> Result<usize, OutputFull> {
    word.to_be_bytes().iter().take(count as usize).try_fold(at, |at, byte| match byte {
        0xFF => raw(out, at, &[0xFF, 0x00]),
        byte => raw(out, at, &[*byte]),
    })
}

/// Writes `bytes` at offset `at`. Returns the offset after them.
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
        fn written_bits_are_read_back(fields in fields()) {
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
            // Only padding is left: fewer than eight ones.
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
    fn bits_after_a_marker_are_zeros() {
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
    fn a_full_output_fails() {
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
