//! Writes fields one after another into a caller-provided slice.
use crate::storage;
use core::mem;

/// Writes a field of fixed length to the front of `out`, and shortens `out` to the bytes after it.
/// Returns `None` if the field does not fit.
pub(crate) fn field<const N: usize>(out: &mut &mut [u8], bytes: [u8; N]) -> Option<()> {
    let (head, rest) = mem::take(out).split_first_chunk_mut()?;
    *head = bytes;
    *out = rest;
    Some(())
}

/// Writes `bytes` to the front of `out`, and shortens `out` to the bytes after them. Returns `None`
/// if they do not fit.
pub(crate) fn bytes(out: &mut &mut [u8], bytes: &[u8]) -> Option<()> {
    let (head, rest) = mem::take(out).split_at_mut_checked(bytes.len())?;
    *out = rest;
    storage::put(head, 0, bytes).then_some(())
}
