//! Bytes for the RTSP connection: requests, responses, and interleaved reports.
use crate::storage::{Fifo, put};

/// Bytes that a client has to write to its RTSP connection. [`Self::advance`] says how many of them
/// were written; if the chunk is dropped without it, nothing has happened, and the bytes are returned
/// again.
#[derive(Debug)]
#[must_use = "nothing is sent until `advance` says how much was written"]
pub struct Chunk<'a> {
    pub(super) outgoing: &'a mut Fifo,
    pub(super) tx: &'a [u8],
}

impl Chunk<'_> {
    /// Returns all bytes that are to be written.
    pub fn bytes(&self) -> &[u8] {
        self.outgoing.bytes(self.tx)
    }

    /// Copies as many of the bytes as fit into `out`. Returns how many these are.
    pub fn fill(&self, out: &mut [u8]) -> usize {
        let bytes = self.bytes();
        let len = bytes.len().min(out.len());
        put(out, 0, bytes.get(..len).unwrap_or(&[]));
        len
    }

    /// Takes note that the first `n` bytes were written, up to the length of [`Self::bytes`]. The rest
    /// is returned by the next poll.
    pub fn advance(self, n: usize) {
        self.outgoing.pop(n);
    }
}
