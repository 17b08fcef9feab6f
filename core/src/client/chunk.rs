//! Bytes for the RTSP connection: requests, responses, and interleaved reports.
use crate::storage::{Fifo, put};

/// Bytes that a client has to write to its RTSP connection: requests, responses and interleaved reports.
///
/// Write as many of [`Self::bytes`] to the connection as the connection takes. Then call [`Self::advance`]
/// with the number of bytes that the connection took. The client keeps the other bytes: the next
/// [`ClientConn::poll_stream`](super::ClientConn::poll_stream) returns them. If the chunk is dropped
/// without [`Self::advance`], the client keeps all bytes of the chunk.
#[derive(Debug)]
#[must_use = "nothing is sent until `advance` says how much was written"]
pub struct Chunk<'a> {
    pub(super) outgoing: &'a mut Fifo,
    pub(super) tx: &'a [u8],
}

impl Chunk<'_> {
    /// Returns all bytes that wait to be written, at least one.
    pub fn bytes(&self) -> &[u8] {
        self.outgoing.bytes(self.tx)
    }

    /// Copies bytes from the front of the chunk to `out`, as many as `out` has room for. Returns how many
    /// bytes were copied. The copied bytes stay queued until [`Self::advance`] is called.
    pub fn fill(&self, out: &mut [u8]) -> usize {
        let bytes = self.bytes();
        let len = bytes.len().min(out.len());
        put(out, 0, bytes.get(..len).unwrap_or(&[]));
        len
    }

    /// Removes the first `n` bytes of the chunk from the queue. Call this when the RTSP connection has
    /// taken these bytes. If `n` is larger than the length of [`Self::bytes`], all bytes are removed. The
    /// next call of [`ClientConn::poll_stream`](super::ClientConn::poll_stream) returns the bytes that
    /// remain.
    pub fn advance(self, n: usize) {
        self.outgoing.pop(n);
    }
}
