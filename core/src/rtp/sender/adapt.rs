//! Fewer frames for a receiver that reports loss. Whole frames are left out, so that those that are
//! sent keep their time, and sequence numbers have no gaps: no receiver counts what is left out as
//! lost.
//!
//! The bounds are those of loss-based congestion control as browsers do it
//! (draft-ietf-rmcat-gcc-02, 6): above 10 % the rate falls, below 2 % it rises, and between them it
//! stays. It falls by one half and rises by as much, from each frame to each eighth.
//!
//! Loss is the change of the cumulative count of packets lost, and at most what was sent meanwhile. The
//! fraction lost of a report is not believed by itself: that of live555's first report is 249 of 256 where
//! nothing is lost.
use crate::rtp::rtcp::ReportBlock;
use crate::time::{Duration, Instant};

/// Whether any sender adapts. The compiler leaves out what adapts, where it knows that none does.
pub(super) const ADAPTS: bool = cfg!(feature = "adapt");

/// In 256ths, as reports have it (RFC 3550, 6.4.1).
const LOSSY: u32 = 26;
const CLEAN: u32 = 5;
/// One frame in `1 << STEPS`, at the least.
const STEPS: u8 = 3;
/// Frames come no rarer than this on account of loss: fewer is a slide show.
const RAREST: Duration = Duration::from_millis(500);
/// Loss is looked at over so much time, for FFmpeg reports on every few packets.
const WINDOW: Duration = Duration::from_secs(1);
/// It says something once it is about so many packets, or nothing better comes for so long.
const ENOUGH: u32 = 32;
const LONG_WINDOW: Duration = Duration::from_secs(4);
/// Loss for less than this is a mishap: players stop reading for a moment when they start to decode.
const LASTING: Duration = Duration::from_secs(2);
/// From one rise to the next; twice that after one that brought the loss back.
const RISE_AFTER: Duration = Duration::from_secs(2);
/// The most packets that one report can be about: all sequence numbers.
const MOST: u32 = 1 << 16;
/// The greatest cumulative number of packets lost, which has 24 bits and a sign.
const MAX_CUMULATIVE: i32 = (1 << 23) - 1;
/// So long a clean report counts: the longest time between two (RFC 3550, 6.3.1).
const CLEAN_FOR: Duration = Duration::from_millis(7_500);

/// What one stream's receiver reports, and the frame rate that follows from it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Adaptation {
    /// One frame in `1 << step` is sent.
    step: u8,
    /// The last change was a rise.
    rose: bool,
    /// A rise brought the loss back.
    burnt: bool,
    /// The window before was lossy.
    lossy: bool,
    /// The extended sequence number and the cumulative number of packets lost of the last report.
    highest: u32,
    cumulative: i32,
    /// How many packets had been sent by the last report, without the upper bits.
    sent: u32,
    /// Of this window: packets that were to come, and packets lost, which are fewer again when packets
    /// that were counted as lost come after all.
    expected: u32,
    lost: i32,
    /// When the window began.
    since: Instant,
    changed: Instant,
    /// The newest window was clean, which counts until then.
    clean_until: Instant,
}

impl Adaptation {
    /// Every frame is sent, from packet `sequence_number` on.
    pub(super) fn new(now: Instant, sequence_number: u16) -> Self {
        Self {
            step: 0,
            rose: false,
            burnt: false,
            lossy: false,
            highest: u32::from(sequence_number),
            cumulative: 0,
            sent: 0,
            expected: 0,
            lost: 0,
            since: now,
            changed: now,
            clean_until: Instant::ZERO,
        }
    }

    /// Takes a report, when `sent` packets have been sent so far, of which the lower bits will do. Returns
    /// whether the rate changes.
    pub(super) fn on_report(&mut self, now: Instant, block: &ReportBlock, sent: u32) -> bool {
        let (expected, lost) = self.losses(block, sent);
        self.expected = self.expected.saturating_add(expected);
        self.lost = self.lost.saturating_add(lost);
        let span = now.since(self.since);
        if span < WINDOW || (self.expected < ENOUGH && span < LONG_WINDOW) {
            return false;
        }
        let lost = u32::try_from(self.lost).unwrap_or(0).saturating_mul(256);
        let loss = lost.checked_div(self.expected).unwrap_or(0);
        self.begin_window(now);
        let lasts = core::mem::replace(&mut self.lossy, loss >= LOSSY) || span >= LASTING;
        if loss < CLEAN {
            self.clean_until = now + CLEAN_FOR;
            return self.rise(now);
        }
        self.clean_until = Instant::ZERO;
        if loss < LOSSY || !lasts || self.step >= STEPS {
            return false;
        }
        self.burnt = self.rose;
        (self.step, self.rose, self.changed) = (self.step.saturating_add(1), false, now);
        true
    }

    /// Sends more again, if the receiver has been well for long enough; says whether it is so.
    pub(super) fn rise(&mut self, now: Instant) -> bool {
        let wait = RISE_AFTER.times(1 + u32::from(self.burnt), 1);
        if self.step == 0 || now > self.clean_until || now.since(self.changed) < wait {
            return false;
        }
        // A rise that lasted is no warning to the next.
        self.burnt &= !self.rose;
        (self.step, self.rose, self.changed) = (self.step.saturating_sub(1), true, now);
        self.begin_window(now);
        true
    }

    /// One frame in so many is sent, where they are not rare already.
    pub(super) const fn one_in(&self) -> u8 {
        1 << self.step
    }

    /// From one frame that is sent to the next, where each is shown for `shown`.
    pub(super) fn steps(&self, shown: Duration) -> u64 {
        let most = RAREST.as_micros().checked_div(shown.as_micros()).unwrap_or(1);
        u64::from(self.one_in()).min(most.max(1))
    }

    /// Returns how many packets a report expects and how many it reports lost, since the one before.
    fn losses(&mut self, block: &ReportBlock, sent: u32) -> (u32, i32) {
        // No more can be missing than was sent: live555's first report has a cycle of sequence numbers too
        // many.
        let most = sent.wrapping_sub(self.sent).min(MOST);
        let expected = block.highest_sequence.wrapping_sub(self.highest).min(most);
        let limit = expected.cast_signed();
        let lost = match block.cumulative_lost {
            // It counts no further (RFC 3550, A.3).
            MAX_CUMULATIVE => (expected.saturating_mul(u32::from(block.fraction_lost)) >> 8).cast_signed(),
            cumulative => cumulative.saturating_sub(self.cumulative).clamp(-limit, limit),
        };
        (self.highest, self.cumulative) = (block.highest_sequence, block.cumulative_lost);
        self.sent = sent;
        (expected, lost)
    }

    fn begin_window(&mut self, now: Instant) {
        (self.since, self.expected, self.lost) = (now, 0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    fn at(millis: u64) -> Instant {
        Instant::ZERO + Duration::from_millis(100_000 + millis)
    }

    /// A receiver that gets 1000 packets a second and loses `percent` of them.
    struct Receiver {
        adaptation: Adaptation,
        millis: u64,
        sequence: u32,
        /// Hundredths of packets lost.
        lost: u64,
    }

    impl Receiver {
        fn new() -> Self {
            Self { adaptation: Adaptation::new(at(0), 7), millis: 0, sequence: 7, lost: 0 }
        }

        /// Reports each `every` milliseconds, for `seconds`; returns the rate at the end.
        fn report(&mut self, every: u64, seconds: u64, percent: u64) -> u8 {
            for _ in 0..seconds * 1_000 / every {
                self.millis += every;
                self.sequence += every as u32;
                self.lost += every * percent;
                let block = ReportBlock {
                    fraction_lost: (percent * 256 / 100) as u8,
                    cumulative_lost: (self.lost / 100) as i32,
                    highest_sequence: self.sequence,
                    ..ReportBlock::default()
                };
                self.adaptation.on_report(at(self.millis), &block, self.millis as u32);
                // As often as there are frames.
                self.adaptation.rise(at(self.millis));
            }
            self.adaptation.one_in()
        }
    }

    #[test]
    fn loss_halves_the_rate_and_three_times_at_most() {
        let mut receiver = Receiver::new();
        let rates: Vec<_> = (0..5).map(|_| receiver.report(1_000, 1, 20)).collect();
        assert_eq!(rates, [1, 2, 4, 8, 8]);
    }

    #[test]
    fn the_rate_rises_step_by_step_when_the_loss_ends_and_on_one_clean_report_too() {
        let mut receiver = Receiver::new();
        receiver.report(1_000, 5, 20);
        let rates: Vec<_> = (0..7).map(|_| receiver.report(1_000, 1, 0)).collect();
        assert_eq!(rates, [4, 4, 2, 2, 1, 1, 1]);

        let mut receiver = Receiver::new();
        assert_eq!(receiver.report(5_000, 25, 20), 8);
        assert_eq!(receiver.report(5_000, 5, 0), 4);
        let rose: Vec<_> = (1..9).filter(|s| receiver.adaptation.rise(at(30_000 + s * 1_000))).collect();
        assert_eq!(rose, [2, 4]);
    }

    #[test]
    fn some_loss_changes_nothing() {
        let mut receiver = Receiver::new();
        assert_eq!(receiver.report(1_000, 20, 9), 1);
        receiver.report(1_000, 2, 20);
        assert_eq!(receiver.report(1_000, 20, 3), 2);
    }

    #[test]
    fn a_player_that_stops_reading_when_it_starts_to_decode_is_sent_every_frame() {
        let mut receiver = Receiver::new();
        assert_eq!([receiver.report(1_000, 1, 40), receiver.report(1_000, 5, 0)], [1, 1]);
    }

    #[test]
    fn a_rise_that_brings_the_loss_back_makes_the_next_one_wait() {
        let mut receiver = Receiver::new();
        receiver.report(1_000, 2, 20);
        let mut rises = Vec::new();
        for second in 0..30 {
            let loss = if receiver.adaptation.step == 0 { 20 } else { 0 };
            let before = receiver.adaptation.step;
            receiver.report(1_000, 1, loss);
            if receiver.adaptation.step < before {
                rises.push(second);
            }
        }
        assert_eq!(rises, [1, 7, 13, 19, 25]);
    }

    #[test]
    fn a_receiver_that_falls_silent_is_not_sent_more() {
        let mut receiver = Receiver::new();
        receiver.report(1_000, 5, 20);
        assert!(!receiver.adaptation.rise(at(60_000)));
        receiver.report(1_000, 1, 0);
        assert!(!receiver.adaptation.rise(at(60_000)));
    }

    #[test]
    fn ffmpegs_reports_on_every_few_packets_are_taken_together() {
        // One packet of four is lost now and then: 25 % in one report, 1 % of all.
        let mut adaptation = Adaptation::new(at(0), 0);
        for n in 0..10_000u32 {
            let fraction_lost = if n.is_multiple_of(25) { 64 } else { 0 };
            let block = ReportBlock {
                fraction_lost,
                cumulative_lost: (1 + n / 25) as i32,
                highest_sequence: 4 * (n + 1),
                ..ReportBlock::default()
            };
            assert!(!adaptation.on_report(at(u64::from(n)), &block, 4 * (n + 1)), "report {n}");
        }
    }

    /// The report block of a captured RTCP packet, which begins with a receiver report.
    fn captured(packet: &[u8]) -> ReportBlock {
        crate::rtp::rtcp::reports(packet).next().unwrap()
    }

    /// live555's first report of a stream of which nothing is lost: fraction 250, cumulative -1, and a highest
    /// sequence number of 65536 + 42471.
    const LIVE555: [u8; 32] = [
        0x81, 0xC9, 0x00, 0x07, 0x3C, 0x5E, 0x21, 0x90, 0x5A, 0x81, 0x93, 0x7A, 0xFA, 0xFF, 0xFF, 0xFF, 0x00,
        0x01, 0xA5, 0xE7, 0x00, 0x00, 0x00, 0x0B, 0xF7, 0x8E, 0x00, 0x00, 0x00, 0x00, 0x4D, 0x0B,
    ];
    /// GStreamer 1.22, nothing lost: cumulative -1.
    const GSTREAMER: [u8; 32] = [
        0x81, 0xC9, 0x00, 0x07, 0xE1, 0xF6, 0x64, 0x57, 0x10, 0x16, 0xA0, 0x5A, 0x00, 0xFF, 0xFF, 0xFF, 0x00,
        0x00, 0x43, 0xA0, 0x00, 0x00, 0x00, 0x01, 0x1F, 0xD9, 0xCE, 0x9D, 0x00, 0x02, 0x2F, 0xBE,
    ];
    /// FFmpeg 5.1, nothing lost.
    const FFMPEG: [u8; 32] = [
        0x81, 0xC9, 0x00, 0x07, 0x5A, 0x81, 0x93, 0x7B, 0x5A, 0x81, 0x93, 0x7A, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0xA6, 0xB8, 0x00, 0x00, 0x00, 0x01, 0x1F, 0xAA, 0xF7, 0x8E, 0x00, 0x00, 0xA2, 0x6D,
    ];

    #[test]
    fn the_first_reports_of_players_that_lost_nothing_change_nothing() {
        for packet in [LIVE555, GSTREAMER, FFMPEG] {
            let first = captured(&packet);
            let sequence = first.highest_sequence as u16;
            let mut adaptation = Adaptation::new(at(0), sequence.wrapping_sub(900));
            // So late that one such report would be enough.
            assert!(!adaptation.on_report(at(2_500), &first, 910));
            for second in 4..12u32 {
                let next = ReportBlock {
                    fraction_lost: 0,
                    highest_sequence: first.highest_sequence + 300 * second,
                    ..first
                };
                let sent = 910 + 300 * second;
                assert!(!adaptation.on_report(at(1_000 * u64::from(second)), &next, sent));
                assert_eq!(adaptation.one_in(), 1);
            }
        }
    }

    #[test]
    fn a_report_cannot_claim_more_lost_than_was_sent() {
        let mut adaptation = Adaptation::new(at(0), 0);
        // 100 of 10,000 packets, which is 1 %, and a claim of a million.
        for second in 1..10u32 {
            let block = ReportBlock {
                fraction_lost: 255,
                cumulative_lost: if second == 1 { 1_000_000 } else { 1_000_000 + second as i32 },
                highest_sequence: 100_000 * second,
                ..ReportBlock::default()
            };
            let changed = adaptation.on_report(at(1_000 * u64::from(second)), &block, 100 + second * 1_000);
            assert!(!changed, "{second}");
        }
    }

    #[test]
    fn a_burst_of_claims_counts_for_no_more_than_its_report() {
        let mut adaptation = Adaptation::new(at(0), 0);
        for report in 1..400u32 {
            // One report in twenty says that a million more is lost: 5 % of packets at the most.
            let block = ReportBlock {
                cumulative_lost: 1_000_000 * (report as i32 / 20 % 8),
                highest_sequence: 50 * report,
                ..ReportBlock::default()
            };
            assert!(!adaptation.on_report(at(50 * u64::from(report)), &block, 50 * report), "{report}");
        }
    }

    #[test]
    fn a_cycle_of_sequence_numbers_too_many_hides_no_loss() {
        let mut adaptation = Adaptation::new(at(0), 0);
        let changed = [1u32, 2].map(|second| {
            let block = ReportBlock {
                cumulative_lost: 300 * second as i32,
                highest_sequence: (1 << 16) + 1_000 * second,
                ..ReportBlock::default()
            };
            adaptation.on_report(at(1_000 * u64::from(second)), &block, 1_000 * second)
        });
        assert_eq!(changed, [false, true]);
    }

    #[test]
    fn packets_that_come_after_they_were_counted_as_lost_are_not_lost() {
        let mut adaptation = Adaptation::new(at(0), 0);
        for report in 1..60u32 {
            // Half of the packets of each report come only just after it.
            let block = ReportBlock {
                fraction_lost: 128,
                cumulative_lost: if report.is_multiple_of(2) { 0 } else { 50 },
                highest_sequence: 100 * report,
                ..ReportBlock::default()
            };
            assert!(!adaptation.on_report(at(500 * u64::from(report)), &block, 100 * report));
        }
    }

    #[test]
    fn a_count_that_has_reached_its_end_leaves_the_fraction() {
        let mut adaptation = Adaptation::new(at(0), 0);
        let changed = (1..6u32).any(|second| {
            let block = ReportBlock {
                fraction_lost: 64,
                cumulative_lost: MAX_CUMULATIVE,
                highest_sequence: 1_000 * second,
                ..ReportBlock::default()
            };
            adaptation.on_report(at(1_000 * u64::from(second)), &block, 1_000 * second)
        });
        assert!(changed);
    }

    #[test]
    fn a_slow_camera_is_not_slowed_down_to_a_slide_show() {
        let mut receiver = Receiver::new();
        receiver.report(1_000, 5, 50);
        for (fps, one_in) in [(240, 8), (30, 8), (10, 5), (4, 2), (2, 1), (1, 1)] {
            let shown = Duration::from_micros(1_000_000 / fps);
            assert_eq!(receiver.adaptation.steps(shown), one_in, "{fps}");
        }
        assert_eq!(receiver.adaptation.steps(Duration::ZERO), 1);
    }

    proptest! {
        #[test]
        fn any_reports_leave_a_rate_between_one_and_eight(reports: Vec<(u64, u8, i32, u32, u32)>, shown: u64) {
            let mut adaptation = Adaptation::new(at(0), 0);
            for (time, fraction_lost, cumulative_lost, highest_sequence, sent) in reports {
                let block =
                    ReportBlock { fraction_lost, cumulative_lost, highest_sequence, ..ReportBlock::default() };
                adaptation.on_report(Instant::from_micros(time), &block, sent);
                adaptation.rise(Instant::from_micros(time / 2));
                prop_assert!((1..=8).contains(&adaptation.steps(Duration::from_micros(shown))));
            }
        }
    }
}
