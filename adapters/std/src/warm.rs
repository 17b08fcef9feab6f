//! Fetches memory into the processor's cache ahead of a system call that copies it.
use std::hint::black_box;
use std::io::IoSlice;

/// What a processor fetches at once, or a part of that.
const LINE: usize = 64;

/// Reads a byte of each cache line.
///
/// Each watcher of a recorded medium is at its own place, so that a frame comes from main memory.
/// The kernel copies piece by piece, and each of its copies starts with waiting for the first
/// lines; loads that do not depend on each other wait all at once.
pub(crate) fn warm(pieces: &[IoSlice<'_>]) {
    let lines = pieces.iter().flat_map(|piece| piece.iter().step_by(LINE));
    black_box(lines.fold(0, |sum, byte| sum ^ byte));
}
