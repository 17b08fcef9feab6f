//! Writing fields one after the other into a lent slice.
use crate::storage;
use core::mem;

/// Writes a fixed field to the front of `out` and moves past it; `None` if it does not fit.
pub(crate) fn field<const N: usize>(out: &mut &mut [u8], bytes: [u8; N]) -> Option<()> {
    let (head, rest) = mem::take(out).split_first_chunk_mut()?;
    *head = bytes;
    *out = rest;
    Some(())
}

/// Writes `bytes` to the front of `out` and moves past them; `None` if they do not fit.
pub(crate) fn bytes(out: &mut &mut [u8], bytes: &[u8]) -> Option<()> {
    let (head, rest) = mem::take(out).split_at_mut_checked(bytes.len())?;
    *out = rest;
    storage::put(head, 0, bytes).then_some(())
}
