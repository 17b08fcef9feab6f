//! [`SavedTexts`]: texts that requests repeat, which are URLs and the session's identifier.
use crate::text::{Emit, SliceSink, TextWriter};

/// The place of one text in the storage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct TextRange {
    start: usize,
    end: usize,
}

/// Texts, one after the other, in caller-provided storage.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SavedTexts {
    len: usize,
}

impl SavedTexts {
    /// Appends the text form of `text`. Returns its place, or `None`, and nothing is appended, if it does
    /// not fit.
    pub(super) fn write(&mut self, storage: &mut [u8], text: &(impl Emit + ?Sized)) -> Option<TextRange> {
        let mut out = TextWriter::new(SliceSink::new(storage.get_mut(self.len..)?));
        text.emit(&mut out);
        let written = out.finish().ok()?.len();
        let range = TextRange { start: self.len, end: self.len.saturating_add(written) };
        self.len = range.end;
        Some(range)
    }

    /// Forgets a text and all texts after it.
    pub(super) fn forget(&mut self, from: TextRange) {
        self.len = self.len.min(from.start);
    }
}

impl TextRange {
    /// Returns the text.
    pub(super) fn of(self, storage: &[u8]) -> &[u8] {
        storage.get(self.start..self.end).unwrap_or(&[])
    }
}
