//! Text that is needed again and again: URLs, and the session's identifier.
use crate::text::{Emit, SliceSink, TextWriter};

/// Where a text stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Span {
    start: usize,
    end: usize,
}

/// Texts one behind the other in lent storage.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Notes {
    len: usize,
}

impl Notes {
    /// Appends the text form of something; `None`, and nothing appended, if it does not fit.
    pub(super) fn write(&mut self, storage: &mut [u8], text: &(impl Emit + ?Sized)) -> Option<Span> {
        let mut out = TextWriter::new(SliceSink::new(storage.get_mut(self.len..)?));
        text.emit(&mut out);
        let written = out.finish().ok()?.len();
        let span = Span { start: self.len, end: self.len.saturating_add(written) };
        self.len = span.end;
        Some(span)
    }

    /// Forgets everything behind a text, and the text as well.
    pub(super) fn forget(&mut self, from: Span) {
        self.len = self.len.min(from.start);
    }
}

impl Span {
    pub(super) fn of(self, storage: &[u8]) -> &[u8] {
        storage.get(self.start..self.end).unwrap_or(&[])
    }
}
