//! Source descriptions (RFC 3550, 6.5).
use super::{SOURCE_DESCRIPTION, header};
use crate::emit;

const END: u8 = 0;
const CNAME: u8 = 1;

/// A received RTCP source description (SDES): the canonical names and other descriptions of sources.
///
/// Items are read as far as they make sense: some senders leave out the terminating zero or the padding after
/// it, or announce more chunks than there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SourceDescription<'a> {
    chunks: usize,
    body: &'a [u8],
}

impl<'a> SourceDescription<'a> {
    pub(super) const fn new(chunks: usize, body: &'a [u8]) -> Self {
        Self { chunks, body }
    }

    /// Returns an iterator over all items of all sources, in the order in which they were sent.
    pub const fn items(&self) -> Items<'a> {
        Items { chunks: self.chunks, ssrc: None, rest: self.body, at: 0 }
    }

    /// Returns the canonical name (CNAME) of the source `ssrc`. It should be UTF-8; this is not checked.
    /// Sources with the same canonical name belong to one participant, and can be synchronised. Returns
    /// `None` if the packet has no canonical name of this source: if an earlier packet had one, that name is
    /// still valid.
    pub fn cname(&self, ssrc: u32) -> Option<&'a [u8]> {
        self.items().find(|item| item.ssrc == ssrc && item.kind == CNAME).map(|item| item.text)
    }
}

/// One item of a received source description: one statement about one source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Item<'a> {
    /// The SSRC of the source that the item describes.
    pub ssrc: u32,
    /// The type of the item (RFC 3550, 12.2): 1 is the canonical name, 2 the user's name, and 6 the
    /// tool. Ignore types that you do not know.
    pub kind: u8,
    /// The bytes of the item. They should be UTF-8; this is not checked. They may be empty.
    pub text: &'a [u8],
}

/// Iterates over the items of all sources in a [`SourceDescription`]. If the packet is cut short, the iterator
/// returns all items before that place that are whole, and then ends. It reports no error.
#[derive(Clone, Debug)]
pub struct Items<'a> {
    chunks: usize,
    /// The source of the chunk that is being read.
    ssrc: Option<u32>,
    rest: &'a [u8],
    /// The number of bytes of the body before `rest`. Chunks start at multiples of 4.
    at: usize,
}

impl<'a> Items<'a> {
    fn split(&mut self, len: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        self.at = self.at.saturating_add(len);
        Some(head)
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = Item<'a>;

    fn next(&mut self) -> Option<Item<'a>> {
        // Each turn takes the start or the end of a chunk off the bytes, or returns.
        loop {
            let ssrc = match self.ssrc {
                Some(ssrc) => ssrc,
                None => {
                    self.chunks = self.chunks.checked_sub(1)?;
                    let ssrc = u32::from_be_bytes(*self.split(4)?.first_chunk()?);
                    *self.ssrc.insert(ssrc)
                }
            };
            if *self.rest.first()? == END {
                self.split(4 - self.at % 4)?;
                self.ssrc = None;
                continue;
            }
            let &[kind, len] = self.split(2)?.first_chunk()?;
            return Some(Item { ssrc, kind, text: self.split(usize::from(len))? });
        }
    }
}

/// A source description to be sent: an RTCP SDES packet with the canonical name of one source. Every compound
/// packet needs such a packet (RFC 3550, 6.5.1). [`CompoundRepr`](super::CompoundRepr) writes a whole
/// compound packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Repr<'a> {
    /// The SSRC of the source that the description is about.
    pub ssrc: u32,
    /// The canonical name (CNAME) of the source. It should be UTF-8; this is not checked. Only the first
    /// 255 bytes are sent.
    pub cname: &'a [u8],
}

impl Repr<'_> {
    /// Returns the length of the packet in bytes. The slice `out` that you pass to [`Self::emit`] must have
    /// at least this length.
    pub fn buffer_len(&self) -> usize {
        // These are the header, the source, the item's header and text, and at least one zero up to the
        // next word.
        (10 + self.text().len()) / 4 * 4 + 4
    }

    /// Writes the SDES packet to the front of `out`. Returns its length in bytes. Returns `None` and writes
    /// nothing if `out` is shorter than [`Self::buffer_len`].
    pub fn emit(&self, out: &mut [u8]) -> Option<usize> {
        let (text, len) = (self.text(), self.buffer_len());
        let mut out = out.get_mut(..len)?;
        emit::field(&mut out, header(1, SOURCE_DESCRIPTION, len.saturating_sub(4)))?;
        emit::field(&mut out, self.ssrc.to_be_bytes())?;
        emit::field(&mut out, [CNAME, text.len() as u8])?;
        emit::bytes(&mut out, text)?;
        out.fill(END);
        Some(len)
    }

    fn text(&self) -> &[u8] {
        self.cname.get(..usize::from(u8::MAX)).unwrap_or(self.cname)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    fn items(chunks: usize, body: &[u8]) -> Vec<(u32, u8, &[u8])> {
        SourceDescription::new(chunks, body).items().map(|i| (i.ssrc, i.kind, i.text)).collect()
    }

    #[test]
    fn each_chunk_starts_on_a_word() {
        let body = [0, 0, 0, 1, 1, 1, b'a', 0, 0, 0, 0, 2, 6, 3, b'x', b'y', b'z', 2, 0, 0];
        assert_eq!(items(2, &body), [(1, 1, &b"a"[..]), (2, 6, b"xyz"), (2, 2, b"")]);
        assert_eq!(items(1, &body), [(1, 1, &b"a"[..])]);
    }

    #[test]
    fn a_name_without_its_terminator_is_read() {
        assert_eq!(items(1, &[0, 0, 0, 1, 1, 2, b'a', b'b']), [(1, 1, &b"ab"[..])]);
    }

    #[test]
    fn a_name_that_is_cut_short_is_none() {
        assert_eq!(items(1, &[0, 0, 0, 1, 1, 9, b'a', b'b']), []);
        assert_eq!(items(31, &[0, 0, 0]), []);
    }
}
