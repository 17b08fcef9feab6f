//! Bytes for the RTSP connection: requests, replies, and interleaved reports.
use crate::storage::{Fifo, put};

/// What the connection has to say now. Dropped: nothing happened.
#[derive(Debug)]
#[must_use = "nothing is sent until `advance` says how much was written"]
pub struct Chunk<'a> {
    pub(super) outgoing: &'a mut Fifo,
    pub(super) tx: &'a [u8],
}

impl Chunk<'_> {
    /// All of it.
    pub fn bytes(&self) -> &[u8] {
        self.outgoing.bytes(self.tx)
    }

    /// Copies as much as fits into `out`; returns how much that is.
    pub fn fill(&self, out: &mut [u8]) -> usize {
        let bytes = self.bytes();
        let len = bytes.len().min(out.len());
        put(out, 0, bytes.get(..len).unwrap_or(&[]));
        len
    }

    /// Takes the first `n` bytes as written: any `n` up to the length of [`Self::bytes`].
    pub fn advance(self, n: usize) {
        self.outgoing.pop(n);
    }
}
