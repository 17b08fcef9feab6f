//! [`Statistics`]: what a receiver reports of one source.
use super::rtcp::ReportBlock;
use super::sequence::{Arrival, Sequence};
use crate::time::{Instant, NtpTime};

/// Reception statistics of one source (RFC 3550, A.1, A.3 and A.8). It tells from the sequence number of each
/// packet what to do with the packet, counts packets, measures jitter, and makes the block of a receiver
/// report.
///
/// Pass each packet with the SSRC of the source to [`Self::on_packet`], and no other packets; make another
/// `Statistics` for another source. [`Receiver`](super::Receiver) does this itself.
#[derive(Clone, Copy, Debug)]
pub struct Statistics {
    ssrc: u32,
    clock_rate: u32,
    sequence: Option<Sequence>,
    /// Packets of this sequence, with duplicates and late ones.
    received: u64,
    /// Duplicates of this sequence.
    repeated: u64,
    /// Packets that were lost of earlier sequences.
    lost_before: u64,
    counters: StatisticsCounters,
    /// What was expected and received at the last report.
    reported: (u64, u64),
    /// When the last packet came, and its timestamp.
    last: Option<(Instant, u32)>,
    /// 16 times the jitter, so that the division in its mean loses nothing.
    jitter_16: u64,
    /// When the newest sender report came, and the wall clock in it.
    sender_report: Option<(Instant, NtpTime)>,
}

/// Counts of the packets that have come from one source since [`Statistics::new`]. [`Statistics::counters`]
/// returns them. If the source starts another sequence of numbers, the counts go on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct StatisticsCounters {
    /// Packets that came and are to be used. Late packets count. [`Arrival::Duplicate`] and
    /// [`Arrival::Suspect`] do not count.
    pub received: u64,
    /// Packets that have not come, although their sequence numbers are between the lowest and the highest
    /// number that came. If such a packet comes after all, this count falls by 1. Duplicates do not change
    /// this count.
    pub lost: u64,
    /// Packets that had come before and came again ([`Arrival::Duplicate`]).
    pub duplicate: u64,
    /// Packets that came for the first time, but after a packet with a higher sequence number
    /// ([`Arrival::Late`]). [`Self::received`] includes them. Duplicates do not count here, but only in
    /// [`Self::duplicate`].
    pub late: u64,
    /// How often the source has started another sequence of numbers ([`Arrival::Restart`]).
    pub restarts: u32,
}

impl Statistics {
    /// Creates the statistics of the source `ssrc`, whose RTP timestamps count `clock_rate` ticks per second.
    /// If `clock_rate` is wrong, the jitter is wrong, and all else is right.
    pub const fn new(ssrc: u32, clock_rate: u32) -> Self {
        Self {
            ssrc,
            clock_rate,
            sequence: None,
            received: 0,
            repeated: 0,
            lost_before: 0,
            counters: StatisticsCounters { received: 0, lost: 0, duplicate: 0, late: 0, restarts: 0 },
            reported: (0, 0),
            last: None,
            jitter_16: 0,
            sender_report: None,
        }
    }

    /// Returns the synchronisation source (SSRC) that was passed to [`Self::new`].
    pub const fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// Counts a packet of the source. `now` is the time at which the packet came; `sequence_number` and
    /// `timestamp` are the fields of the packet's RTP header. Returns where the packet stands in the
    /// sequence. If [`Arrival::sequence`] of the result is `None`, drop the packet.
    ///
    /// Call this as soon as the packet has come, before any reordering, because the time of arrival is needed
    /// for the jitter.
    pub fn on_packet(&mut self, now: Instant, sequence_number: u16, timestamp: u32) -> Arrival {
        let lost_before = self.lost();
        let arrival = match &mut self.sequence {
            Some(sequence) => sequence.on_packet(sequence_number),
            none => {
                let first = Sequence::starting_at(sequence_number);
                Arrival::InOrder { sequence: none.insert(first).highest() }
            }
        };
        match arrival {
            Arrival::Suspect => return arrival,
            Arrival::Duplicate => {
                self.counters.duplicate = self.counters.duplicate.wrapping_add(1);
                self.repeated = self.repeated.wrapping_add(1);
            }
            Arrival::Late { .. } => self.counters.late = self.counters.late.wrapping_add(1),
            Arrival::Restart { .. } => {
                self.counters.restarts = self.counters.restarts.wrapping_add(1);
                self.lost_before = lost_before;
                (self.received, self.repeated, self.reported, self.last) = (0, 0, (0, 0), None);
            }
            Arrival::InOrder { .. } | Arrival::Ahead { .. } => {}
        }
        self.received = self.received.wrapping_add(1);
        if arrival.sequence().is_some() {
            self.counters.received = self.counters.received.wrapping_add(1);
        }
        self.update_jitter(now, timestamp);
        arrival
    }

    /// Takes note of a sender report of the source. `now` is the time at which the report came, and `ntp` is
    /// the wall clock time in the report. Call this for each sender report of the source. Later report blocks
    /// have the middle of the newest `ntp`, and the time since that report came, so that the source can
    /// measure the round trip (RFC 3550, 6.4.1, `LSR` and `DLSR`).
    pub fn on_sender_report(&mut self, now: Instant, ntp: NtpTime) {
        self.sender_report = Some((now, ntp));
    }

    /// Returns the interarrival jitter in ticks of the source's RTP clock (RFC 3550, 6.4.1). Before the
    /// second packet, it is 0.
    pub fn jitter(&self) -> u32 {
        u32::try_from(self.jitter_16 >> 4).unwrap_or(u32::MAX)
    }

    /// Returns the counts of packets since [`Self::new`].
    pub fn counters(&self) -> StatisticsCounters {
        StatisticsCounters { lost: self.lost(), ..self.counters }
    }

    /// Returns the block for a receiver report that is sent at `now`. Before the first packet of the source,
    /// the counts in the block are 0.
    ///
    /// [`ReportBlock::fraction_lost`] covers the time since the previous call of this method. So call this
    /// method once for each report that is sent. If it is not certain that the report will be sent, call this
    /// method on a copy of the statistics. Once the report is sent, replace the statistics by the copy; if
    /// the report is not sent, drop the copy.
    pub fn report_block(&mut self, now: Instant) -> ReportBlock {
        let expected = self.expected();
        let expected_now = expected.wrapping_sub(self.reported.0);
        let received_now = self.received.wrapping_sub(self.reported.1);
        self.reported = (expected, self.received);
        // Negative when duplicates outnumber the losses: then nothing counts as lost.
        let lost_now = expected_now.saturating_sub(received_now);
        let fraction = lost_now.saturating_mul(256).checked_div(expected_now).unwrap_or(0);
        let lost = expected.wrapping_sub(self.received) as i64;
        let (last_sr, delay_since_last_sr) = self.sender_report.map_or((0, 0), |(at, ntp)| {
            let delay = now.since(at).scaled(65_536, 1_000_000).as_micros();
            (ntp.middle(), u32::try_from(delay).unwrap_or(u32::MAX))
        });
        ReportBlock {
            ssrc: self.ssrc,
            fraction_lost: fraction.min(255) as u8,
            cumulative_lost: lost.clamp(-0x80_0000, 0x7F_FFFF) as i32,
            highest_sequence: self.sequence.map_or(0, |sequence| sequence.highest()),
            jitter: self.jitter(),
            last_sr,
            delay_since_last_sr,
        }
    }

    fn expected(&self) -> u64 {
        self.sequence.map_or(0, |sequence| sequence.expected())
    }

    /// Packets that have not come. Duplicates do not make up for them here, as they do in reports
    /// (RFC 3550, 6.4.1).
    fn lost(&self) -> u64 {
        let came = self.received.wrapping_sub(self.repeated);
        self.lost_before.saturating_add(self.expected().saturating_sub(came))
    }

    /// RFC 3550, 6.4.1 and A.8.
    fn update_jitter(&mut self, now: Instant, timestamp: u32) {
        let Some((at, before)) = self.last.replace((now, timestamp)) else { return };
        let arrived = now.since(at).scaled(u64::from(self.clock_rate), 1_000_000).as_micros();
        // Timestamps wrap, and run backwards where packets or pictures are out of order.
        let sent = timestamp.wrapping_sub(before) as i32;
        let difference = i64::try_from(arrived).unwrap_or(i64::MAX).saturating_sub(i64::from(sent));
        let mean = self.jitter_16.saturating_add(8) >> 4;
        self.jitter_16 = self.jitter_16.saturating_sub(mean).saturating_add(difference.unsigned_abs());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Duration;
    use proptest::prelude::*;
    use std::vec::Vec;

    fn at(millis: u64) -> Instant {
        Instant::ZERO + Duration::from_millis(millis)
    }

    fn after(numbers: &[u16]) -> Statistics {
        let mut statistics = Statistics::new(7, 90_000);
        for &number in numbers {
            statistics.on_packet(at(0), number, 0);
        }
        statistics
    }

    #[test]
    fn loss_is_reported_by_interval() {
        let mut statistics = after(&[65_533, 65_535, 0, 2]);
        let block = statistics.report_block(at(0));
        assert_eq!((block.ssrc, block.highest_sequence), (7, 65_538));
        assert_eq!((block.cumulative_lost, block.fraction_lost), (2, (2 * 256 / 6) as u8));
        statistics.on_packet(at(0), 3, 0);
        let block = statistics.report_block(at(0));
        assert_eq!((block.cumulative_lost, block.fraction_lost), (2, 0));
    }

    #[test]
    fn duplicates_do_not_hide_losses() {
        let mut statistics = after(&[1, 2, 2, 2, 4]);
        let block = statistics.report_block(at(0));
        assert_eq!((block.cumulative_lost, block.fraction_lost), (-1, 0));
        let counters = statistics.counters();
        assert_eq!((counters.received, counters.lost, counters.duplicate), (3, 1, 2));
    }

    #[test]
    fn a_late_packet_is_no_longer_lost() {
        let statistics = after(&[1, 3, 2]);
        assert_eq!((statistics.counters().lost, statistics.counters().late), (0, 1));
    }

    #[test]
    fn a_packet_before_the_first_hides_no_loss() {
        let mut statistics = after(&[5, 3, 7]);
        assert_eq!((statistics.counters().lost, statistics.counters().late), (2, 1));
        assert_eq!(statistics.report_block(at(0)).cumulative_lost, 2);
    }

    /// Three packets are lost, and then 2^32 packets wrap every 32-bit number at its own place.
    #[test]
    fn loss_stays_right_over_2_to_the_32() {
        let mut statistics = after(&[10, 14]);
        let in_order = (1 << 32) - 10;
        statistics.received += in_order;
        statistics.sequence.as_mut().unwrap().advance(in_order);
        let mut number = 4;
        assert_eq!(statistics.report_block(at(0)).highest_sequence, 4);
        for lost in [3, 3, 4, 4, 4, 4, 4, 4, 4, 5, 5, 5, 5, 5] {
            let (gap, before) = (lost as u16 - statistics.counters().lost as u16, number);
            number += 1 + gap;
            statistics.on_packet(at(0), number, 0);
            assert_eq!(statistics.counters().lost, lost);
            let block = statistics.report_block(at(0));
            assert_eq!((block.cumulative_lost, block.highest_sequence), (lost as i32, u32::from(number)));
            let fraction = u32::from(gap) * 256 / u32::from(number - before);
            assert_eq!(u32::from(block.fraction_lost), fraction);
        }
    }

    #[test]
    fn a_restart_keeps_losses_and_renews_reports() {
        let mut statistics = after(&[1, 3, 40_000, 40_001, 40_003]);
        let counters = statistics.counters();
        assert_eq!((counters.received, counters.lost, counters.restarts), (4, 2, 1));
        let block = statistics.report_block(at(0));
        assert_eq!((block.highest_sequence, block.cumulative_lost), (40_003, 1));
    }

    #[test]
    fn losing_everything_is_the_largest_fraction() {
        let mut statistics = after(&[1]);
        statistics.report_block(at(0));
        statistics.on_packet(at(0), 2_001, 0);
        assert_eq!(statistics.report_block(at(0)).fraction_lost, 255);
    }

    #[test]
    fn a_report_before_any_packet_is_empty() {
        let block = Statistics::new(7, 90_000).report_block(at(5));
        assert_eq!(block, ReportBlock { ssrc: 7, ..ReportBlock::default() });
    }

    #[test]
    fn a_report_quotes_the_last_sender_report() {
        let mut statistics = after(&[1]);
        statistics.on_sender_report(at(1_000), NtpTime(0x1111_2222_3333_4444));
        let block = statistics.report_block(at(2_500));
        assert_eq!((block.last_sr, block.delay_since_last_sr), (0x2222_3333, 65_536 * 3 / 2));
    }

    #[test]
    fn jitter_is_a_sixteenth_of_one_delay() {
        let mut statistics = Statistics::new(7, 90_000);
        statistics.on_packet(at(0), 1, u32::MAX - 1_000);
        statistics.on_packet(at(40), 2, (u32::MAX - 1_000).wrapping_add(3_600));
        assert_eq!(statistics.jitter(), 0);
        statistics.on_packet(at(96), 3, (u32::MAX - 1_000).wrapping_add(7_200));
        assert_eq!(statistics.jitter(), 16 * 90 / 16);
    }

    proptest! {
        #[test]
        fn any_packets_can_be_reported(packets: Vec<(u64, u16, u32)>, rate: u32, end: u64) {
            let mut statistics = Statistics::new(7, rate);
            statistics.on_sender_report(Instant::from_micros(end / 2), NtpTime(end));
            for (time, number, timestamp) in packets {
                statistics.on_packet(Instant::from_micros(time), number, timestamp);
                let block = statistics.report_block(Instant::from_micros(end));
                prop_assert!((-0x80_0000..0x80_0000).contains(&block.cumulative_lost));
            }
        }
    }
}
