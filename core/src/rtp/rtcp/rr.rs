//! Receiver reports (RFC 3550, 6.4.2).
use super::report::{BLOCK_LEN, emit_blocks, sendable};
use super::{RECEIVER_REPORT, ReportBlock, ReportBlocks, header};
use crate::emit;

/// Where in the body the blocks begin.
pub(super) const BLOCKS_AT: usize = 4;

/// A receiver report, as it was received.
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

    /// Who sent it.
    pub const fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// How it receives others.
    pub const fn reports(&self) -> ReportBlocks<'a> {
        self.reports
    }
}

/// A receiver report to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Repr<'a> {
    /// Who sends it.
    pub ssrc: u32,
    /// How it receives others; those after the 31st are not sent.
    pub reports: &'a [ReportBlock],
}

impl Repr<'_> {
    /// Bytes that [`Self::emit`] writes.
    pub fn buffer_len(&self) -> usize {
        4 + BLOCKS_AT + BLOCK_LEN * sendable(self.reports).len()
    }

    /// Writes the packet to the front of `out`, and says how long it is; `None` if it is longer
    /// than `out`.
    pub fn emit(&self, mut out: &mut [u8]) -> Option<usize> {
        let (reports, len) = (sendable(self.reports), self.buffer_len());
        emit::field(&mut out, header(reports.len(), RECEIVER_REPORT, len.saturating_sub(4)))?;
        emit::field(&mut out, self.ssrc.to_be_bytes())?;
        emit_blocks(reports, &mut out)?;
        Some(len)
    }
}
