//! Reads a file at any place, for containers.
use super::super::super::memory;
use super::super::files::ReadAt;
use super::super::scan::Meter;
use std::io;

/// Bytes of the file that are read at once: the headers of a frame are less, and frames lie between them.
const BLOCK: usize = 4 << 10;

/// A file, of which the block that was read last is kept.
pub(super) struct Bytes<'a, 'w> {
    file: &'a dyn ReadAt,
    len: u64,
    meter: &'a Meter<'w>,
    block: Vec<u8>,
    /// The offset of the block.
    at: u64,
}

impl<'a, 'w> Bytes<'a, 'w> {
    pub(super) const fn new(file: &'a dyn ReadAt, len: u64, meter: &'a Meter<'w>) -> Self {
        Self { file, len, meter, block: Vec::new(), at: 0 }
    }

    /// Returns the length of the file when it was opened.
    pub(super) const fn len(&self) -> u64 {
        self.len
    }

    pub(super) const fn meter(&self) -> &'a Meter<'w> {
        self.meter
    }

    /// Returns the bytes from `at` on that were read at once: none at the end of the file. Blocks.
    ///
    /// # Errors
    /// What the system says, or that too much was read for so few frames.
    fn block(&mut self, at: u64) -> io::Result<&[u8]> {
        let within = |block: &Vec<u8>, from: u64| {
            at.checked_sub(from).and_then(|n| usize::try_from(n).ok()).filter(|n| *n < block.len())
        };
        if within(&self.block, self.at).is_none() && at < self.len {
            self.block.resize(BLOCK, 0);
            let read = self.file.read(&mut self.block, at);
            self.block.truncate(*read.as_ref().unwrap_or(&0));
            self.at = at;
            self.meter.count(read?, at)?;
        }
        let from = within(&self.block, self.at).unwrap_or(self.block.len());
        Ok(self.block.get(from..).unwrap_or_default())
    }

    /// Fills `to` from `at` on. Returns how many bytes there are: fewer only at the end of the file.
    pub(super) fn fill(&mut self, to: &mut [u8], at: u64) -> io::Result<usize> {
        let mut filled = 0;
        while let Some(rest) = to.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            let block = self.block(at.saturating_add(filled as u64))?;
            if block.is_empty() {
                break;
            }
            let taken = block.len().min(rest.len());
            rest.iter_mut().zip(block).for_each(|(to, from)| *to = *from);
            filled += taken;
        }
        Ok(filled)
    }

    /// Returns the byte at `at`; `None` at the end of the file.
    pub(super) fn byte(&mut self, at: u64) -> io::Result<Option<u8>> {
        Ok(self.block(at)?.first().copied())
    }

    /// Returns the bytes at `at`; `None` if the file ends before.
    pub(super) fn array<const N: usize>(&mut self, at: u64) -> io::Result<Option<[u8; N]>> {
        let mut array = [0; N];
        Ok((self.fill(&mut array, at)? == N).then_some(array))
    }

    /// Returns the `len` bytes at `at`, or those that there are. The caller bounds `len`.
    pub(super) fn vec(&mut self, at: u64, len: usize) -> io::Result<Vec<u8>> {
        let rest = usize::try_from(self.len.saturating_sub(at)).unwrap_or(usize::MAX);
        let mut all = Vec::new();
        memory::resize(&mut all, len.min(rest))?;
        let filled = self.fill(&mut all, at)?;
        all.truncate(filled);
        Ok(all)
    }

    /// Returns the offset of the first `pattern` from `from` on; `None` if there is none.
    pub(super) fn search(&mut self, pattern: [u8; 4], from: u64) -> io::Result<Option<u64>> {
        let (mut at, mut recent) = (from, 0_u32);
        loop {
            let block = self.block(at)?;
            if block.is_empty() {
                return Ok(None);
            }
            let (len, whole) = (block.len(), at.saturating_sub(from) >= 3);
            let found = block.iter().enumerate().position(|(n, byte)| {
                recent = recent << 8 | u32::from(*byte);
                (whole || at.saturating_sub(from) + n as u64 >= 3) && recent.to_be_bytes() == pattern
            });
            if let Some(n) = found {
                return Ok(Some(at.saturating_add(n as u64).saturating_sub(3)));
            }
            at = at.saturating_add(len as u64);
        }
    }
}
