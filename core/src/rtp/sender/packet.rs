//! One packet, as a head and slices of the frame that it carries.
use crate::storage::put;

/// The longest head in bytes: the framing and the longest RTCP compound (SR, SDES with a CNAME of 16
/// bytes, BYE), or the framing and the headers of an RTP packet.
const HEAD_MAX: usize = 80;

/// A packet: a head of its own, and then slices of the frame, which all receivers of it share.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packet<'a> {
    head: [u8; HEAD_MAX],
    head_len: usize,
    parts: [&'a [u8]; 3],
}

impl<'a> Packet<'a> {
    /// Makes a packet whose head `emit` writes. `emit` returns the head's length; `None`, where it does
    /// not fit, makes an empty head, which `HEAD_MAX` rules out.
    pub(super) fn new(parts: [&'a [u8]; 3], emit: impl FnOnce(&mut [u8; HEAD_MAX]) -> Option<usize>) -> Self {
        let mut head = [0; HEAD_MAX];
        let head_len = emit(&mut head).unwrap_or(0);
        Self { head, head_len, parts }
    }

    /// Returns the packet's length in bytes.
    pub(crate) fn len(&self) -> usize {
        self.parts.iter().fold(self.head_len, |len, part| len.saturating_add(part.len()))
    }

    /// Copies the packet's bytes from `skip` on to the front of `out`, as many as fit; returns how many.
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
