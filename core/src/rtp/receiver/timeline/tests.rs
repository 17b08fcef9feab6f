use super::*;
use proptest::prelude::*;
use std::vec::Vec;

const SECOND: u32 = 90_000;

/// Ticks of so many milliseconds.
fn at(millis: u64) -> u64 {
    millis * 90
}

fn timeline(fps: Option<u32>) -> Timeline {
    Timeline::new(SECOND, fps.map(|fps| SECOND / fps))
}

fn start(millis: u64) -> Start {
    Start { time: MediaTime::from_micros(millis * 1_000), ..Start::default() }
}

#[test]
fn time_goes_on_over_a_timestamp_wrap() {
    let mut timeline = timeline(None);
    timeline.expect(start(500));
    assert_eq!(timeline.on_packet(u32::MAX - 899, 1, 0), at(500));
    assert_eq!(timeline.on_packet(u32::MAX - 899, 2, 0), at(500));
    assert_eq!(timeline.on_packet(900, 3, 0), at(520));
    let mut timestamp = 900u32;
    for n in 1..100_000u64 {
        timestamp = timestamp.wrapping_add(SECOND);
        assert_eq!(timeline.on_packet(timestamp, 4, 0), at(520 + n * 1_000));
    }
}

#[test]
fn a_plausible_rtp_time_places_the_first_frame() {
    let mut timeline = timeline(Some(25));
    timeline.expect(Start { rtp_time: Some(1_000), ..start(2_000) });
    assert_eq!(timeline.on_packet(1_000 + 3 * 3_600, 1, 40), at(2_120));
    assert_eq!((timeline.missing(), timeline.skipped()), (3, 0));
}

#[test]
fn a_wrong_rtp_time_is_ignored() {
    for rtp_time in [None, Some(0), Some(2_000_000_000), Some(u32::MAX)] {
        let mut timeline = timeline(Some(25));
        timeline.expect(Start { rtp_time, ..start(2_000) });
        assert_eq!(timeline.on_packet(1_500_000_000, 1, 0), at(2_000));
    }
}

#[test]
fn a_confirmation_places_later_frames() {
    let mut timeline = timeline(Some(25));
    timeline.expect(start(0));
    assert_eq!(timeline.on_packet(10_000, 1, 0), at(0));
    timeline.confirm(Start { rtp_time: Some(10_000), ..start(1_000) });
    assert_eq!(timeline.on_packet(13_600, 2, 0), at(1_040));
}

/// The response to PLAY comes after 20 seconds of frames, the first ten of which were lost.
#[test]
fn what_comes_late_of_a_start_is_believed_for_as_many_frames_as_came() {
    let begun = Start { rtp_time: Some(90_000), first_sequence: Some(65_500), ..start(2_000) };
    let packet = |timeline: &mut Timeline, frame: u16| {
        timeline.on_packet(90_000 + u32::from(frame) * 3_600, 65_500_u16.wrapping_add(2 * frame), 0)
    };
    let mut confirmed = timeline(Some(25));
    confirmed.expect(start(0));
    for frame in 10..510 {
        packet(&mut confirmed, frame);
    }
    confirmed.confirm(begun);
    assert_eq!(packet(&mut confirmed, 510), at(2_000 + 510 * 40));
    let mut jumped = timeline(Some(25));
    jumped.on_packet(86_400, 65_499, 0);
    for frame in 10..510 {
        packet(&mut jumped, frame);
    }
    jumped.jump(begun);
    assert_eq!(packet(&mut jumped, 510), at(2_000 + 510 * 40));
    // So many frames do not fit so few packets.
    jumped.jump(begun);
    assert_eq!(jumped.on_packet(90_000 + 2_000 * 3_600, 66, 0), at(2_000));
}

#[test]
fn frames_from_before_a_start_keep_their_time() {
    let mut timeline = timeline(Some(25));
    timeline.expect(start(0));
    assert_eq!(timeline.on_packet(10_000, 7, 0), at(0));
    timeline.confirm(Start { first_sequence: Some(9), rtp_time: Some(17_200), ..start(60_000) });
    assert_eq!(timeline.on_packet(13_600, 8, 0), at(40));
    assert_eq!(timeline.on_packet(17_200, 9, 0), at(60_000));
}

#[test]
fn a_later_resumption_is_believed() {
    let resumed = |millis| Start { resumed: true, ..start(millis) };
    let mut timeline = timeline(Some(25));
    timeline.expect(start(0));
    timeline.on_packet(0, 1, 0);
    // It leaves out four of five: the distance is no bound to the next one.
    assert_eq!(timeline.on_packet(5 * 3_600, 2, 0), at(200));
    timeline.expect(resumed(280));
    assert_eq!(timeline.on_packet(7 * 3_600, 3, 0), at(280));
    // The same, where the packet overtakes the reply.
    timeline.expect(resumed(0));
    assert_eq!(timeline.on_packet(12 * 3_600, 4, 0), at(480));
    timeline.confirm(Start { first_sequence: Some(4), rtp_time: Some(12 * 3_600), ..resumed(600) });
    assert_eq!(timeline.on_packet(13 * 3_600, 5, 0), at(640));
    timeline.confirm(Start { first_sequence: Some(5), rtp_time: Some(13 * 3_600), ..resumed(500) });
    assert_eq!(timeline.on_packet(14 * 3_600, 6, 0), at(680));
}

#[test]
fn the_rest_of_a_paused_frame_starts_nothing() {
    let mut timeline = timeline(Some(25));
    timeline.expect(start(0));
    timeline.on_packet(0, 1, 0);
    let resumed = |millis| Start { resumed: true, ..start(millis) };
    timeline.expect(resumed(0));
    timeline.confirm(Start { first_sequence: Some(4), rtp_time: Some(7_200), ..resumed(80) });
    // Its first packet is lost.
    assert_eq!(timeline.on_packet(3_600, 3, 1), at(40));
    assert_eq!(timeline.on_packet(7_200, 4, 0), at(80));
}

#[test]
fn a_pause_right_after_a_seek_keeps_the_place() {
    let mut timeline = timeline(Some(25));
    timeline.expect(start(0));
    timeline.on_packet(0, 1, 0);
    assert_eq!(timeline.on_packet(90_000, 2, 0), at(1_000));
    timeline.expect(Start { first_sequence: Some(3), ..start(400) });
    timeline.expect(Start { resumed: true, ..start(0) });
    timeline.confirm(Start { first_sequence: Some(3), resumed: true, rtp_time: Some(93_600), ..start(440) });
    assert_eq!(timeline.on_packet(93_600, 3, 0), at(440));
    // The same, where the packet overtakes the reply.
    timeline.expect(Start { first_sequence: Some(4), ..start(200) });
    timeline.expect(Start { resumed: true, ..start(0) });
    assert_eq!(timeline.on_packet(97_200, 4, 0), at(200));
}

#[test]
fn a_seek_takes_effect_at_its_first_packet() {
    let mut timeline = timeline(Some(25));
    timeline.expect(start(0));
    timeline.on_packet(10_000, 7, 0);
    timeline.expect(Start { first_sequence: Some(10), ..start(60_000) });
    assert_eq!(timeline.on_packet(13_600, 9, 0), at(40));
    assert_eq!(timeline.on_packet(17_200, 10, 0), at(60_000));
    assert_eq!(timeline.on_packet(20_800, 11, 0), at(60_040));
}

#[test]
fn a_jump_leaves_the_start_before_it() {
    // The first PLAY of all, and one after another.
    for played in [false, true] {
        let mut timeline = timeline(Some(25));
        if played {
            timeline.on_packet(10_000, 1, 0);
        }
        timeline.expect(Start { rtp_time: Some(90_000), first_sequence: Some(3), ..start(2_000) });
        timeline.jump(Start { rtp_time: Some(93_600), first_sequence: Some(6), ..start(9_000) });
        // Its first packet is lost, which those after it waited for.
        assert_eq!(timeline.on_packet(90_000, 4, 1), at(2_000));
        assert_eq!(timeline.on_packet(90_000, 5, 0), at(2_000));
        assert_eq!(timeline.on_packet(93_600, 6, 0), at(9_000));
        assert_eq!(timeline.on_packet(97_200, 7, 0), at(9_040));
    }
}

#[test]
fn a_jump_stands_alone() {
    for interrupted in [false, true] {
        let mut timeline = timeline(Some(25));
        timeline.expect(start(2_000));
        timeline.jump(Start { first_sequence: Some(6), ..start(9_000) });
        if interrupted {
            timeline.interrupt();
        }
        assert_eq!(timeline.on_packet(93_600, if interrupted { 900 } else { 6 }, 0), at(9_000));
    }
}

#[test]
fn time_does_not_run_back() {
    let mut timeline = timeline(Some(25));
    timeline.expect(start(0));
    timeline.on_packet(0, 1, 0);
    assert_eq!(timeline.on_packet(3_600, 2, 0), at(40));
    timeline.expect(Start { resumed: true, ..start(10) });
    assert_eq!(timeline.on_packet(7_200, 3, 0), at(80));
    assert_eq!(timeline.on_packet(5, 4, 0), at(120));
    timeline.interrupt();
    assert_eq!(timeline.on_packet(1_000_000_000, 900, 0), at(160));
}

#[test]
fn frames_are_missing_only_with_packets() {
    let mut timeline = timeline(None);
    timeline.on_packet(0, 1, 0);
    timeline.on_packet(3_600, 2, 0);
    timeline.on_packet(4 * 3_600, 20, 17);
    assert_eq!((timeline.missing(), timeline.skipped()), (2, 0));
    timeline.on_packet(7 * 3_600, 21, 0);
    assert_eq!((timeline.missing(), timeline.skipped()), (2, 2));
    timeline.on_packet(8 * 3_600 + 100, 25, 3);
    assert_eq!((timeline.missing(), timeline.skipped()), (2, 2));
    assert_eq!(timeline.duration(), 3_700);
}

#[test]
fn frames_left_out_are_not_missing() {
    let mut timeline = timeline(Some(25));
    let mut timestamp = 0;
    let mut send = |steps: u32, gap| {
        timestamp += steps * 3_600;
        timeline.on_packet(timestamp, 0, gap);
        (timeline.missing(), timeline.skipped())
    };
    send(1, 0);
    send(1, 0);
    // Every second frame from here on: three later, that is known.
    assert_eq!([send(2, 1), send(2, 1), send(2, 1)], [(1, 0), (2, 0), (3, 0)]);
    assert_eq!([send(2, 3), send(2, 3)], [(3, 1), (3, 2)]);
    // One of those that were sent is lost as a whole.
    assert_eq!(send(4, 9), (4, 4));
    // Every frame again, of which one is lost.
    assert_eq!([send(1, 1), send(2, 4)], [(4, 4), (5, 4)]);
}

#[test]
fn announcing_too_many_frames_loses_none() {
    let mut timeline = timeline(Some(30));
    for n in 0..10 {
        timeline.on_packet(n * 6_000, n as u16 * 2, 0);
    }
    timeline.on_packet(10 * 6_000, 25, 6);
    assert_eq!((timeline.missing(), timeline.skipped()), (0, 0));
    assert_eq!(timeline.duration(), 6_000);
}

/// Audio frames of 1,024 samples, for a day at 44.1 kHz: more than 2^31 ticks.
#[test]
fn a_day_of_audio_does_not_drift() {
    let mut timeline = Timeline::new(44_100, None);
    timeline.expect(start(0));
    let first = u32::MAX - 100;
    let frames = 24 * 3_600 * 44_100 / 1_024u64;
    for frame in 0..=frames {
        let ticks = frame * 1_024;
        assert_eq!(timeline.on_packet(first.wrapping_add(ticks as u32), frame as u16, 0), ticks);
    }
    let exact = u128::from(frames) * 1_024 * 1_000_000 / 44_100;
    let newest = timeline.newest().unwrap().as_micros();
    assert!(newest.abs_diff(exact as u64) <= 1, "{newest} is not {exact}");
}

#[test]
fn places_survive_the_way_to_ticks_and_back() {
    for rate in [8_000, 44_100, 48_000, 90_000] {
        for frame in [0, 1, 2, 977, 3_000_000_001u64] {
            let mut timeline = Timeline::new(rate, None);
            let place = timeline.media_time(frame);
            timeline.expect(Start { time: place, ..Start::default() });
            assert_eq!((timeline.on_packet(7, 0, 0), timeline.newest()), (frame, Some(place)));
        }
    }
}

const NTP: NtpTime = NtpTime(0xE000_0000_0000_0000);

#[test]
fn a_sender_report_gives_the_clock() {
    let mut timeline = timeline(None);
    timeline.expect(start(10_000));
    assert_eq!(timeline.clock(), None);
    timeline.on_packet(u32::MAX - 89_999, 1, 0);
    assert_eq!(timeline.clock(), None);
    timeline.on_sender_report(NTP, 90_000);
    assert_eq!(timeline.clock(), Some(ClockReference { ntp: NTP, time: at(12_000) }));
    // The reference stays while timestamps wrap and time goes on.
    timeline.on_packet(180_000, 2, 0);
    assert_eq!(timeline.clock(), Some(ClockReference { ntp: NTP, time: at(12_000) }));
}

#[test]
fn a_report_before_the_first_packet_counts() {
    let mut timeline = timeline(None);
    timeline.on_sender_report(NTP, 1_000);
    timeline.on_packet(46_000, 1, 0);
    // Half a second before time 0.
    let ntp = NtpTime(NTP.0 + (1 << 31));
    assert_eq!(timeline.clock(), Some(ClockReference { ntp, time: 0 }));
}

#[test]
fn a_sender_without_a_wall_clock_has_no_clock() {
    let mut timeline = timeline(None);
    timeline.on_packet(46_000, 1, 0);
    timeline.on_sender_report(NtpTime(0), 46_000);
    assert_eq!(timeline.clock(), None);
}

#[test]
fn a_seek_moves_the_clock_and_another_source_ends_it() {
    let mut timeline = timeline(None);
    timeline.on_packet(1_000, 1, 0);
    timeline.on_sender_report(NTP, 1_000);
    timeline.expect(Start { first_sequence: Some(2), ..start(60_000) });
    timeline.on_packet(91_000, 2, 0);
    assert_eq!(timeline.clock(), Some(ClockReference { ntp: NTP, time: at(59_000) }));
    timeline.interrupt();
    timeline.on_packet(91_000, 2, 0);
    assert_eq!(timeline.clock(), None);
}

proptest! {
    #[test]
    fn any_packets_are_taken(rate: u32, interval: Option<u32>, packets: Vec<(u32, u16, u16, u8, u64)>) {
        let mut timeline = Timeline::new(rate, interval);
        for (timestamp, seq, gap, op, time) in packets {
            let start = Start {
                time: MediaTime::from_micros(time),
                rtp_time: (op & 1 > 0).then_some(timestamp),
                first_sequence: (op & 2 > 0).then_some(seq),
                resumed: op & 4 > 0,
                scale: Scale::from_thousandths(i32::from(op) * 100),
            };
            match op % 7 {
                0 => timeline.expect(start),
                1 => timeline.confirm(Start { first_sequence: (op & 8 > 0).then_some(seq), ..start }),
                2 => timeline.interrupt(),
                3 => timeline.jump(start),
                _ => {}
            }
            if op & 16 > 0 {
                timeline.on_sender_report(NtpTime(time), timestamp.wrapping_mul(3));
            }
            let placed = timeline.on_packet(timestamp, seq, gap);
            prop_assert_eq!(timeline.newest(), Some(timeline.media_time(placed)));
            let _ = (timeline.duration(), timeline.clock());
        }
    }
}
