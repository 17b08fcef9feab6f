//! Fetches memory into the processor's cache ahead of a system call that copies it.
use std::hint::black_box;
use std::io::IoSlice;

/// The bytes that a processor fetches at once, or a part of them.
const LINE: usize = 64;

/// Reads a byte of each cache line of `pieces`.
///
/// Each viewer of a recorded medium is at a place of its own, so that frames come from main memory. The
/// kernel copies piece by piece, and waits for the first lines of each. Loads that do not depend on
/// each other wait for all lines at the same time.
pub(crate) fn warm(pieces: &[IoSlice<'_>]) {
    let lines = pieces.iter().flat_map(|piece| piece.iter().step_by(LINE));
    black_box(lines.fold(0, |sum, byte| sum ^ byte));
}
