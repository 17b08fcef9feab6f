//! One message for the network, not yet in one piece.
use crate::storage::put;

/// The most that is written for one session alone: `$` framing, and the longest RTCP compound
/// (SR, SDES with a CNAME of 16 bytes, BYE) or the headers of a packet of RTP.
pub(crate) const HEAD_MAX: usize = 80;
/// A packet as slices: a head of this session's own, and what all watchers of a frame share.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packet<'a> {
    head: [u8; HEAD_MAX],
    head_len: usize,
    parts: [&'a [u8]; 3],
}

impl<'a> Packet<'a> {
    /// A packet whose head `emit` writes, which says how long it is; one that does not fit is left
    /// out, which `HEAD_MAX` rules out.
    pub(crate) fn new(parts: [&'a [u8]; 3], emit: impl FnOnce(&mut [u8; HEAD_MAX]) -> Option<usize>) -> Self {
        let mut head = [0; HEAD_MAX];
        let head_len = emit(&mut head).unwrap_or(0);
        Self { head, head_len, parts }
    }

    pub(crate) fn len(&self) -> usize {
        self.parts.iter().fold(self.head_len, |len, part| len.saturating_add(part.len()))
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
