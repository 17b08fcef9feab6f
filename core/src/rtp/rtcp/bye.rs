//! Goodbyes: RTCP packets that say that sources leave (RFC 3550, 6.6).
use super::{BYE, header};
use crate::emit;

/// A received goodbye: an RTCP BYE packet, which says that sources leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Bye<'a> {
    sources: &'a [u8],
    rest: &'a [u8],
}

impl<'a> Bye<'a> {
    pub(super) fn new(count: usize, body: &'a [u8]) -> Self {
        let (sources, rest) = body.split_at_checked(4 * count).unwrap_or((body, &[]));
        Self { sources, rest }
    }

    /// Returns the SSRCs of the sources that leave. There may be none. If the packet announces more SSRCs
    /// than it contains, only those that it contains are returned.
    pub fn sources(&self) -> impl Iterator<Item = u32> + 'a {
        self.sources.as_chunks().0.iter().map(|ssrc| u32::from_be_bytes(*ssrc))
    }

    /// Returns the reason for leaving. It should be UTF-8; this is not checked. Returns `None` if no reason
    /// is given, or if the reason is cut short: the sources leave all the same.
    pub fn reason(&self) -> Option<&'a [u8]> {
        let (&len, text) = self.rest.split_first()?;
        text.get(..usize::from(len))
    }
}

/// A goodbye to be sent: the RTCP BYE packet of one source, without a reason. A BYE must be the last packet
/// of a compound packet. [`CompoundRepr`](super::CompoundRepr) writes a whole compound packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Repr {
    /// The SSRC of the source that leaves.
    pub ssrc: u32,
}

impl Repr {
    /// Returns the number of bytes that [`Self::emit`] writes: always 8.
    pub const fn buffer_len(&self) -> usize {
        8
    }

    /// Writes the BYE packet to the front of `out`. Returns its length in bytes, 8. Returns `None` if `out`
    /// is shorter than 8 bytes. Part of the packet may have been written to `out` then: do not send the bytes
    /// in `out`.
    pub fn emit(&self, mut out: &mut [u8]) -> Option<usize> {
        emit::field(&mut out, header(1, BYE, 4))?;
        emit::field(&mut out, self.ssrc.to_be_bytes())?;
        Some(self.buffer_len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    #[test]
    fn sources_and_reason_are_told_apart() {
        let bye = Bye::new(1, &[0, 0, 0, 7, 3, b'e', b'n', b'd']);
        assert_eq!((bye.sources().collect::<Vec<_>>(), bye.reason()), ([7].into(), Some(&b"end"[..])));
    }

    #[test]
    fn sources_that_are_not_there_are_not_read() {
        let bye = Bye::new(31, &[0, 0, 0, 7]);
        assert_eq!((bye.sources().collect::<Vec<_>>(), bye.reason()), ([7].into(), None));
        assert_eq!(Bye::new(0, &[9, b'x']).reason(), None);
    }
}
