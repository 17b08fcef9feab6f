//! One message for the network, not yet in one piece.
use crate::storage::put;
use crate::time::Instant;

/// The most that is written for one session alone: `$` framing, and the longest RTCP compound
/// (SR, SDES with a CNAME of 16 bytes, BYE) or the headers of a packet of RTP.
pub(crate) const HEAD_MAX: usize = 80;

/// A packet as slices: a head of this session's own, and what all watchers of a frame share.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packet<'a> {
    head: [u8; HEAD_MAX],
    head_len: usize,
    parts: [&'a [u8]; 3],
    pub(crate) rtcp: bool,
    /// When it was to leave.
    pub(crate) due: Instant,
}

impl<'a> Packet<'a> {
    pub(crate) const fn new(rtcp: bool, due: Instant, parts: [&'a [u8]; 3]) -> Self {
        Self { head: [0; HEAD_MAX], head_len: 0, parts, rtcp, due }
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
