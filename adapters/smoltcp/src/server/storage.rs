//! The storage for requests and replies.
use core::fmt;

/// The storage in which connections read requests and write replies, one connection after another.
///
/// It shows as much of the caller's bytes as the connection that has its turn uses.
#[derive(Default)]
pub(super) struct SharedStorage<'a> {
    bytes: &'a mut [u8],
    len: usize,
}

impl<'a> SharedStorage<'a> {
    pub(super) const fn new(bytes: &'a mut [u8]) -> Self {
        Self { bytes, len: 0 }
    }

    /// Shows `len` bytes from now on, or all if there are fewer.
    pub(super) const fn set_len(&mut self, len: usize) {
        self.len = len;
    }
}

/// Shows the length only: the contents have no meaning between two turns.
impl fmt::Debug for SharedStorage<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.bytes.len())
    }
}

impl AsRef<[u8]> for SharedStorage<'_> {
    fn as_ref(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or(self.bytes)
    }
}

impl AsMut<[u8]> for SharedStorage<'_> {
    fn as_mut(&mut self) -> &mut [u8] {
        let len = self.len.min(self.bytes.len());
        self.bytes.get_mut(..len).unwrap_or_default()
    }
}
