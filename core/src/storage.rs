//! Uses caller-provided bytes without a panic.
use zerocopy::IntoBytes;

/// A queue of bytes in caller-provided storage. Its content is always contiguous. It holds incomplete
/// messages that came, and replies that are to leave.
#[cfg(any(feature = "client", feature = "server"))]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Fifo {
    start: usize,
    end: usize,
}

#[cfg(any(feature = "client", feature = "server"))]
impl Fifo {
    pub(crate) const fn len(&self) -> usize {
        self.end.saturating_sub(self.start)
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns how many more bytes `push` takes.
    pub(crate) const fn room(&self, storage: &[u8]) -> usize {
        storage.len().saturating_sub(self.len())
    }

    pub(crate) fn bytes<'b>(&self, storage: &'b [u8]) -> &'b [u8] {
        storage.get(self.start..self.end).unwrap_or(&[])
    }

    /// Removes `n` bytes from the front.
    pub(crate) fn pop(&mut self, n: usize) {
        self.start = self.start.saturating_add(n).min(self.end);
        if self.start == self.end {
            *self = Self::default();
        }
    }

    /// Appends `bytes`. Returns false, and appends nothing, if they do not fit.
    #[cfg(feature = "client")]
    pub(crate) fn push(&mut self, storage: &mut [u8], bytes: &[u8]) -> bool {
        let fits = put(self.tail(storage, bytes.len()), 0, bytes);
        if fits {
            self.grow(storage, bytes.len());
        }
        fits
    }

    /// Returns the free bytes after the content. If fewer than `want` are contiguous, the content is
    /// first moved to the front. Bytes that are written there count after [`Self::grow`].
    pub(crate) fn tail<'b>(&mut self, storage: &'b mut [u8], want: usize) -> &'b mut [u8] {
        if storage.len().saturating_sub(self.end) < want && self.start > 0 {
            let len = self.len();
            move_to_front(storage, self.start, len);
            *self = Self { start: 0, end: len };
        }
        storage.get_mut(self.end..).unwrap_or_default()
    }

    /// Appends `n` bytes that were already written to [`Self::tail`].
    pub(crate) fn grow(&mut self, storage: &[u8], n: usize) {
        self.end = self.end.saturating_add(n).min(storage.len());
    }
}

/// Moves `len` bytes from offset `from` to the front.
///
/// It moves them in steps of `from` bytes, because `copy_within` keeps a panic that the optimiser
/// cannot prove away on small targets.
pub(crate) fn move_to_front(storage: &mut [u8], from: usize, len: usize) {
    let mut done = 0;
    while from > 0 && done < len {
        let n = from.min(len - done);
        let Some((to, src)) = storage.get_mut(done..).and_then(|s| s.split_at_mut_checked(from)) else {
            return;
        };
        if !src.get(..n).is_some_and(|src| put(to, 0, src)) {
            return;
        }
        done += n;
    }
}

/// Copies `bytes` to offset `at`. Returns false, and copies nothing, if they do not fit.
pub(crate) fn put(storage: &mut [u8], at: usize, bytes: &[u8]) -> bool {
    // `copy_from_slice` has a panic for lengths that differ, which stays where the compiler optimises
    // for size and does not inline it.
    storage.get_mut(at..).is_some_and(|to| bytes.write_to_prefix(to).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;
    use std::vec::Vec;

    proptest! {
        #[test]
        fn a_fifo_is_a_queue(ops in prop::collection::vec((any::<bool>(), 0usize..12), 0..200)) {
            let mut storage = [0u8; 16];
            let (mut fifo, mut model, mut next) = (Fifo::default(), VecDeque::new(), 0u8);
            for (push, n) in ops {
                if push {
                    let bytes: Vec<u8> = (0..n).map(|i| next.wrapping_add(i as u8)).collect();
                    let fits = model.len() + n <= storage.len();
                    prop_assert_eq!(fifo.push(&mut storage, &bytes), fits);
                    if fits {
                        model.extend(&bytes);
                        next = next.wrapping_add(n as u8);
                    }
                } else {
                    fifo.pop(n);
                    model.drain(..n.min(model.len()));
                }
                prop_assert_eq!(fifo.bytes(&storage), model.make_contiguous() as &[u8]);
                prop_assert_eq!(fifo.room(&storage), storage.len() - model.len());
            }
        }
    }
}
