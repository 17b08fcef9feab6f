//! Reception report blocks, which are part of sender and receiver reports (RFC 3550, 6.4.1).
use crate::emit;

/// The length of a block in bytes.
pub(super) const BLOCK_LEN: usize = 24;

/// The most blocks of a report, as their count has 5 bits.
const MAX_BLOCKS: usize = 31;

/// A reception report block: how the participant that sends a report receives one source.
/// [`Statistics::report_block`](crate::rtp::Statistics::report_block) makes one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ReportBlock {
    /// The SSRC of the source that the block is about.
    pub ssrc: u32,
    /// The share of packets that were lost since the previous report about this source, in 256ths, rounded
    /// down: 64 means 25 % of the packets that were expected in that time. If more duplicates came than
    /// packets were lost, this is 0.
    pub fraction_lost: u8,
    /// The number of packets lost since the beginning of reception. Duplicates count as received, so the
    /// number is negative if more duplicates came than packets were lost. Use values from -8,388,608 to
    /// 8,388,607: only the lower 24 bits are sent, so other values arrive wrong.
    pub cumulative_lost: i32,
    /// The extended highest sequence number received: the highest sequence number in the lower 16 bits,
    /// and how often it has wrapped in the upper 16 bits.
    pub highest_sequence: u32,
    /// The interarrival jitter (RFC 3550, 6.4.1), in ticks of the source's RTP clock. It is the mean
    /// difference between the spacing of packets when they arrive and their spacing when they were sent.
    pub jitter: u32,
    /// The middle 32 bits of the NTP time in the last sender report of the source
    /// ([`NtpTime::middle`](crate::time::NtpTime::middle)); 0 if no sender report has come.
    pub last_sr: u32,
    /// The time from the arrival of the last sender report of the source to the sending of this block,
    /// in 65,536ths of a second; 0 if no sender report has come.
    pub delay_since_last_sr: u32,
}

impl ReportBlock {
    fn parse(bytes: &[u8; BLOCK_LEN]) -> Self {
        let [
            s0,
            s1,
            s2,
            s3,
            fraction_lost,
            l0,
            l1,
            l2,
            h0,
            h1,
            h2,
            h3, //
            j0,
            j1,
            j2,
            j3,
            r0,
            r1,
            r2,
            r3,
            d0,
            d1,
            d2,
            d3,
        ] = *bytes;
        Self {
            ssrc: u32::from_be_bytes([s0, s1, s2, s3]),
            fraction_lost,
            // The shift down from the top keeps the sign.
            cumulative_lost: i32::from_be_bytes([l0, l1, l2, 0]) >> 8,
            highest_sequence: u32::from_be_bytes([h0, h1, h2, h3]),
            jitter: u32::from_be_bytes([j0, j1, j2, j3]),
            last_sr: u32::from_be_bytes([r0, r1, r2, r3]),
            delay_since_last_sr: u32::from_be_bytes([d0, d1, d2, d3]),
        }
    }

    fn emit(&self, out: &mut &mut [u8]) -> Option<()> {
        let [_, l0, l1, l2] = self.cumulative_lost.to_be_bytes();
        emit::field(out, self.ssrc.to_be_bytes())?;
        emit::field(out, [self.fraction_lost, l0, l1, l2])?;
        emit::field(out, self.highest_sequence.to_be_bytes())?;
        emit::field(out, self.jitter.to_be_bytes())?;
        emit::field(out, self.last_sr.to_be_bytes())?;
        emit::field(out, self.delay_since_last_sr.to_be_bytes())
    }
}

/// Iterates over the reception report blocks of one received report. If the report announces more blocks than
/// it contains, the iterator ends after the blocks that the report contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ReportBlocks<'a> {
    left: usize,
    rest: &'a [u8],
}

impl<'a> ReportBlocks<'a> {
    pub(super) const fn new(count: usize, bytes: &'a [u8]) -> Self {
        Self { left: count, rest: bytes }
    }
}

impl Iterator for ReportBlocks<'_> {
    type Item = ReportBlock;

    fn next(&mut self) -> Option<ReportBlock> {
        self.left = self.left.checked_sub(1)?;
        let (block, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(ReportBlock::parse(block))
    }
}

/// Returns as many of `blocks` as one report can hold.
pub(super) fn sendable(blocks: &[ReportBlock]) -> &[ReportBlock] {
    blocks.get(..MAX_BLOCKS).unwrap_or(blocks)
}

pub(super) fn emit_blocks(blocks: &[ReportBlock], out: &mut &mut [u8]) -> Option<()> {
    blocks.iter().try_for_each(|block| block.emit(out))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtp::rtcp::tests::block;
    use proptest::prelude::*;

    #[test]
    fn loss_is_negative_when_more_came_than_was_sent() {
        let mut bytes = [0; BLOCK_LEN];
        bytes[5..8].copy_from_slice(&[0xFF, 0xFF, 0xFE]);
        assert_eq!(ReportBlock::parse(&bytes).cumulative_lost, -2);
    }

    #[test]
    fn a_count_beyond_the_bytes_is_not_believed() {
        assert_eq!(ReportBlocks::new(31, &[0; 2 * BLOCK_LEN + 3]).count(), 2);
        assert_eq!(ReportBlocks::new(1, &[0; 2 * BLOCK_LEN]).count(), 1);
    }

    proptest! {
        #[test]
        fn a_block_reads_as_it_was_written(block in block()) {
            let mut bytes = [0; BLOCK_LEN];
            block.emit(&mut &mut bytes[..]).unwrap();
            prop_assert_eq!(ReportBlock::parse(&bytes), block);
        }
    }
}
