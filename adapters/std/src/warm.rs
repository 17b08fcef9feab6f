//! Fetches memory into the processor's cache ahead of what reads it piece by piece.
use std::hint::black_box;
#[cfg(feature = "server")]
use std::io::IoSlice;

/// The bytes that a processor fetches at once, or a part of them.
const LINE: usize = 64;
/// The bytes of a frame before its scan: tables, a header and the standard Huffman tables take 640.
const HEAD: usize = 704;

/// Reads a byte of each cache line of `pieces`.
///
/// Each viewer of a recorded medium is at a place of its own, so that frames come from main memory. The
/// kernel copies piece by piece, and waits for the first lines of each. Loads that do not depend on
/// each other wait for all lines at the same time.
#[cfg(feature = "server")]
pub(crate) fn warm(pieces: &[IoSlice<'_>]) {
    let lines = pieces.iter().flat_map(|piece| piece.iter().step_by(LINE));
    black_box(lines.fold(0, |sum, byte| sum ^ byte));
}

/// Reads a byte of each cache line of a frame's headers, and its last byte.
///
/// A packetizer goes through the headers from segment to segment, each of which says where the next one
/// is: it would wait for main memory ten times.
pub(crate) fn warm_head(frame: &[u8]) {
    let head = frame.get(..HEAD).unwrap_or(frame).iter().step_by(LINE);
    black_box(head.chain(frame.last()).fold(0, |sum, byte| sum ^ byte));
}
