//! One message for the network, not yet in one piece.
use crate::storage::put;

/// The most that is written for one session alone: `$` framing, and the longest RTCP compound
/// (SR, SDES with a CNAME of 16 bytes, BYE) or the headers of a packet of RTP.
pub(crate) const HEAD_MAX: usize = 80;
/// The most pieces that [`Packet::pieces`] hands on.
pub(crate) const PIECES: usize = 4;

/// A packet as slices: a head of this session's own, and what all watchers of a frame share.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packet<'a> {
    head: [u8; HEAD_MAX],
    head_len: usize,
    parts: [&'a [u8]; 3],
}

impl<'a> Packet<'a> {
    pub(crate) const fn new(parts: [&'a [u8]; 3]) -> Self {
        Self { head: [0; HEAD_MAX], head_len: 0, parts }
    }

    pub(crate) fn len(&self) -> usize {
        self.parts.iter().fold(self.head_len, |len, part| len.saturating_add(part.len()))
    }

    /// Appends to the head; what does not fit is left out, which `HEAD_MAX` rules out.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        if put(&mut self.head, self.head_len, bytes) {
            self.head_len += bytes.len();
        }
    }

    /// Room behind the head for `len` bytes, counted at once as written.
    pub(crate) fn reserve(&mut self, len: usize) -> &mut [u8] {
        let at = self.head_len;
        let room = self.head.get_mut(at..).and_then(|rest| rest.get_mut(..len)).unwrap_or_default();
        self.head_len += room.len();
        room
    }

    /// Hands the packet on in pieces, with the head copied to the front of `heads`; returns what is
    /// left of that. `None`, and nothing handed on: the head does not fit.
    pub(crate) fn pieces<'h>(
        &self,
        heads: &'h mut [u8],
        mut push: impl FnMut(&'h [u8]),
    ) -> Option<&'h mut [u8]>
    where
        'a: 'h,
    {
        let (head, rest) = heads.split_at_mut_checked(self.head_len)?;
        head.copy_from_slice(self.head.get(..self.head_len)?);
        push(head);
        self.parts.into_iter().filter(|part| !part.is_empty()).for_each(push);
        Some(rest)
    }

    /// Copies the packet from its byte `skip` on, as much of it as fits; returns how much that is.
    pub(crate) fn copy_from(&self, mut skip: usize, out: &mut [u8]) -> usize {
        let head = self.head.get(..self.head_len).unwrap_or(&[]);
        let mut done = 0;
        for part in core::iter::once(head).chain(self.parts) {
            let Some(rest) = part.get(skip..).filter(|rest| !rest.is_empty()) else {
                skip = skip.saturating_sub(part.len());
                continue;
            };
            skip = 0;
            let room = out.len().saturating_sub(done);
            let take = rest.get(..rest.len().min(room)).unwrap_or(&[]);
            if put(out, done, take) {
                done += take.len();
            }
        }
        done
    }
}
