//! The storage for requests and replies.
use core::fmt;

/// The storage in which connections read requests and write replies, one connection after another.
pub(super) struct SharedStorage<'a>(&'a mut [u8]);

impl<'a> SharedStorage<'a> {
    pub(super) const fn new(bytes: &'a mut [u8]) -> Self {
        Self(bytes)
    }

    /// Returns the first `len` bytes, or all if there are fewer.
    pub(super) fn first(&mut self, len: usize) -> &mut [u8] {
        let len = len.min(self.0.len());
        self.0.get_mut(..len).unwrap_or_default()
    }
}

/// Shows the length only: the contents have no meaning between two turns.
impl fmt::Debug for SharedStorage<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}
