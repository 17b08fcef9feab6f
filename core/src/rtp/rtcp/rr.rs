//! Receiver reports (RFC 3550, 6.4.2).
use super::report::{BLOCK_LEN, emit_blocks, sendable};
use super::{RECEIVER_REPORT, ReportBlock, ReportBlocks, header};
use crate::emit;

/// The offset of the blocks in the body, in bytes.
pub(super) const BLOCKS_AT: usize = 4;

/// A received RTCP receiver report (RR): how the source that sent the report receives other sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ReceiverReport<'a> {
    ssrc: u32,
    reports: ReportBlocks<'a>,
}

impl<'a> ReceiverReport<'a> {
    pub(super) fn parse(count: usize, body: &'a [u8]) -> Option<Self> {
        let (ssrc, body) = body.split_first_chunk()?;
        Some(Self { ssrc: u32::from_be_bytes(*ssrc), reports: ReportBlocks::new(count, body) })
    }

    /// Returns the SSRC of the source that sent the report.
    pub const fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// Returns an iterator over the report blocks: how the source of the report receives other sources. If
    /// that source has received nothing yet, the iterator has no items.
    pub const fn reports(&self) -> ReportBlocks<'a> {
        self.reports
    }
}

/// An RTCP receiver report (RR) to be sent. After the report, write an SDES packet with the canonical name;
/// [`CompoundRepr`](super::CompoundRepr) writes both packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Repr<'a> {
    /// The SSRC of the source that sends the report.
    pub ssrc: u32,
    /// How the source receives other sources, one block for each of those. The slice may be empty. Only its
    /// first 31 blocks are sent.
    pub reports: &'a [ReportBlock],
}

impl Repr<'_> {
    /// Returns the length of the packet in bytes. The slice `out` that you pass to [`Self::emit`] must have
    /// at least this length.
    pub fn buffer_len(&self) -> usize {
        4 + BLOCKS_AT + BLOCK_LEN * sendable(self.reports).len()
    }

    /// Writes the RR packet to the front of `out`. Returns its length in bytes. Returns `None` if `out` is
    /// shorter than [`Self::buffer_len`]. Part of the packet may have been written to `out` then: do not send
    /// the bytes in `out`.
    pub fn emit(&self, mut out: &mut [u8]) -> Option<usize> {
        let (reports, len) = (sendable(self.reports), self.buffer_len());
        emit::field(&mut out, header(reports.len(), RECEIVER_REPORT, len.saturating_sub(4)))?;
        emit::field(&mut out, self.ssrc.to_be_bytes())?;
        emit_blocks(reports, &mut out)?;
        Some(len)
    }
}
