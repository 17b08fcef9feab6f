//! Sender reports (RFC 3550, 6.4.1).
use super::report::{BLOCK_LEN, emit_blocks, sendable};
use super::{ReportBlock, ReportBlocks, SENDER_REPORT, header};
use crate::emit;
use crate::time::NtpTime;

/// The offset of the blocks in the body, in bytes.
pub(super) const BLOCKS_AT: usize = 24;

/// The counts and clocks in a sender report: what a source has sent so far, and the moment of the
/// report on its wall clock and its RTP clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SenderInfo {
    /// The wall clock of the sender at the moment of the report.
    pub ntp: NtpTime,
    /// The moment of the report in ticks of the RTP clock, as timestamps of packets have it.
    pub rtp_timestamp: u32,
    /// The number of RTP packets sent so far. It wraps at 2^32.
    pub packets: u32,
    /// The number of payload bytes sent so far, without headers and padding. It wraps at 2^32.
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

    /// Returns what the source has sent.
    pub const fn info(&self) -> SenderInfo {
        self.info
    }

    /// Returns how the source receives others.
    pub const fn reports(&self) -> ReportBlocks<'a> {
        self.reports
    }
}

/// An RTCP sender report (SR) to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Repr<'a> {
    /// The SSRC of the source that sends the report.
    pub ssrc: u32,
    /// The counts and clocks of the report.
    pub info: SenderInfo,
    /// How the source receives others. Only the first 31 reports are sent.
    pub reports: &'a [ReportBlock],
}

impl Repr<'_> {
    /// Returns how many bytes [`Self::emit`] writes.
    pub fn buffer_len(&self) -> usize {
        4 + BLOCKS_AT + BLOCK_LEN * sendable(self.reports).len()
    }

    /// Writes the packet to the front of `out`. Returns its length in bytes; `None` if `out` is
    /// shorter.
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
