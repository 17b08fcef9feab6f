//! Sender reports (RFC 3550, 6.4.1).
use super::report::{BLOCK_LEN, emit_blocks, sendable};
use super::{ReportBlock, ReportBlocks, SENDER_REPORT, header};
use crate::emit;
use crate::time::NtpTime;

/// Where in the body the blocks begin.
pub(super) const BLOCKS_AT: usize = 24;

/// What a source has sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SenderInfo {
    /// The wall clock at the moment of the report.
    pub ntp: NtpTime,
    /// The same moment, in units of the payload's clock.
    pub rtp_timestamp: u32,
    /// RTP packets sent so far; wraps.
    pub packets: u32,
    /// Bytes of payload in them, without headers and padding; wraps.
    pub octets: u32,
}

/// A sender report, as it was received.
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

    /// Who sent it.
    pub const fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// What it has sent.
    pub const fn info(&self) -> SenderInfo {
        self.info
    }

    /// How it receives others.
    pub const fn reports(&self) -> ReportBlocks<'a> {
        self.reports
    }
}

/// A sender report to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Repr<'a> {
    /// Who sends it.
    pub ssrc: u32,
    /// What it has sent.
    pub info: SenderInfo,
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
