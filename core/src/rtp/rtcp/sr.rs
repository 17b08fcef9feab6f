//! Sender reports (RFC 3550, 6.4.1).
use super::report::{BLOCK_LEN, emit_blocks, sendable};
use super::{ReportBlock, ReportBlocks, SENDER_REPORT, header};
use crate::emit;
use crate::time::NtpTime;

/// The offset of the blocks in the body, in bytes.
pub(super) const BLOCKS_AT: usize = 24;

/// The counts and clocks in a sender report: what a source has sent so far, and one moment on both its wall
/// clock and its RTP clock. From such moments of several streams, a receiver learns how to synchronise the
/// streams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SenderInfo {
    /// The time on the wall clock of the source at the moment of the report. [`Self::rtp_timestamp`] is the
    /// same moment on the RTP clock. If the source has no wall clock, this is 0 (RFC 3550, 6.4.1).
    pub ntp: NtpTime,
    /// The moment of the report as an RTP timestamp, in ticks of the stream's clock. It counts from the same
    /// random start as the timestamps of the source's RTP packets, but is usually not equal to any of those.
    pub rtp_timestamp: u32,
    /// The number of RTP packets that the source has sent so far. It wraps at 2^32.
    pub packets: u32,
    /// The number of RTP payload bytes that the source has sent so far, without RTP headers and padding.
    /// It wraps at 2^32.
    pub octets: u32,
}

/// A received RTCP sender report (SR): what its source has sent, and how it receives other sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SenderReport<'a> {
    ssrc: u32,
    info: SenderInfo,
    reports: ReportBlocks<'a>,
}

impl<'a> SenderReport<'a> {
    pub(super) fn parse(count: usize, body: &'a [u8]) -> Option<Self> {
        let (ssrc, body) = body.split_first_chunk()?;
        let (ntp, body) = body.split_first_chunk()?;
        let (rtp_timestamp, body) = body.split_first_chunk()?;
        let (packets, body) = body.split_first_chunk()?;
        let (octets, body) = body.split_first_chunk()?;
        let info = SenderInfo {
            ntp: NtpTime(u64::from_be_bytes(*ntp)),
            rtp_timestamp: u32::from_be_bytes(*rtp_timestamp),
            packets: u32::from_be_bytes(*packets),
            octets: u32::from_be_bytes(*octets),
        };
        Some(Self { ssrc: u32::from_be_bytes(*ssrc), info, reports: ReportBlocks::new(count, body) })
    }

    /// Returns the SSRC of the source that sent the report.
    pub const fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// Returns the counts and clocks of the source: what it has sent so far.
    pub const fn info(&self) -> SenderInfo {
        self.info
    }

    /// Returns an iterator over the report blocks: how the source receives other sources. There may be
    /// none.
    pub const fn reports(&self) -> ReportBlocks<'a> {
        self.reports
    }
}

/// An RTCP sender report (SR) to be sent. After the report, write an SDES packet with the canonical name;
/// [`CompoundRepr`](super::CompoundRepr) writes both packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Repr<'a> {
    /// The SSRC of the source that sends the report.
    pub ssrc: u32,
    /// The counts and clocks of the report.
    pub info: SenderInfo,
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

    /// Writes the SR packet to the front of `out`. Returns its length in bytes. Returns `None` if `out` is
    /// shorter than [`Self::buffer_len`]. Part of the packet may have been written to `out` then: do not send
    /// the bytes in `out`.
    pub fn emit(&self, mut out: &mut [u8]) -> Option<usize> {
        let (reports, len) = (sendable(self.reports), self.buffer_len());
        emit::field(&mut out, header(reports.len(), SENDER_REPORT, len.saturating_sub(4)))?;
        emit::field(&mut out, self.ssrc.to_be_bytes())?;
        emit::field(&mut out, self.info.ntp.0.to_be_bytes())?;
        emit::field(&mut out, self.info.rtp_timestamp.to_be_bytes())?;
        emit::field(&mut out, self.info.packets.to_be_bytes())?;
        emit::field(&mut out, self.info.octets.to_be_bytes())?;
        emit_blocks(reports, &mut out)?;
        Some(len)
    }
}
