//! Scale and Speed (RFC 2326, 12.34 and 12.35), and where a range ends.
use super::*;
use proptest::prelude::*;

/// A frame that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shown {
    at: u64,
    number: usize,
    /// RTP time since the first one of all.
    ticks: u32,
}

/// A clip whose frames are told apart by their length.
fn clip(count: usize) -> Clip {
    let mut clip = Clip::of(0, 0);
    (0..count).for_each(|n| clip.push(100 + n, pts(n as u64)));
    clip
}

fn bench(count: usize) -> Bench {
    Bench::of(clip(count))
}

/// The frames that were sent by UDP since the connection began, and RTP packets that do not follow
/// each other.
fn sent(bench: &Bench) -> Vec<Shown> {
    let packets: Vec<_> = bench.datagrams.iter().filter(|d| d.port == Port::Rtp).collect();
    let first = rtp(&packets[0].bytes);
    packets
        .iter()
        .zip(0u16..)
        .map(|(datagram, n)| {
            let packet = rtp(&datagram.bytes);
            assert_eq!(packet.sequence, first.sequence.wrapping_add(n));
            let number = datagram.bytes.len() - 12 - 8 - 132 - 100;
            let ticks = packet.timestamp.wrapping_sub(first.timestamp);
            Shown { at: datagram.at.as_millis(), number, ticks }
        })
        .collect()
}

fn numbers(sent: &[Shown]) -> Vec<usize> {
    sent.iter().map(|sent| sent.number).collect()
}

/// When the BYE came.
fn bye(bench: &Bench) -> Option<u64> {
    let reports = bench.datagrams.iter().filter(|datagram| datagram.port == Port::Rtcp);
    reports
        .filter(|datagram| sender_report(&datagram.bytes).2)
        .map(|datagram| datagram.at.as_millis())
        .next_back()
}

/// Plays a clip of 20 frames with these headers to its end.
fn play(headers: &str) -> (Bench, Reply, Vec<Shown>) {
    let mut bench = bench(20);
    let reply = bench.start(UDP, headers);
    bench.run(seconds(30));
    assert_eq!(bench.told.last(), Some(&Told::Ended), "{headers}: {:?}", bench.told);
    let sent = sent(&bench);
    (bench, reply, sent)
}

#[test]
fn scale_chooses_frames_and_keeps_their_distance() {
    for (asked, used, stride) in [("2", "2", 2), ("4.0", "4", 4), ("2.6", "3", 3), ("1", "1", 1)] {
        let (bench, reply, sent) = play(&format!("Scale: {asked}\r\n"));
        assert_eq!((reply.get("Scale"), reply.get("Range")), (used, "npt=0-0.8"));
        assert_eq!(numbers(&sent), (0..20).step_by(stride).collect::<Vec<_>>());
        for (n, sent) in sent.iter().enumerate() {
            assert_eq!((sent.at, sent.ticks), (40 * n as u64, 3600 * n as u32));
        }
        assert_eq!(bye(&bench), Some(40 * sent.len() as u64));
    }
}

#[test]
fn a_slow_scale_keeps_all_frames_and_spaces_them_out() {
    let (bench, reply, sent) = play("Scale: 0.5\r\n");
    assert_eq!((reply.get("Scale"), reply.get("Range")), ("0.5", "npt=0-0.8"));
    assert_eq!(numbers(&sent), (0..20).collect::<Vec<_>>());
    assert!(sent.iter().enumerate().all(|(n, sent)| sent.at == 80 * n as u64));
    assert!(sent.iter().enumerate().all(|(n, sent)| sent.ticks == 7200 * n as u32));
    assert_eq!(bye(&bench), Some(1600));
}

#[test]
fn a_negative_scale_runs_back_to_the_start_and_ends_there() {
    for (scale, range, numbers_sent) in [
        ("-1", "npt=0.76-0", (0..20).rev().collect::<Vec<_>>()),
        ("-4", "npt=0.76-0", vec![19, 15, 11, 7, 3]),
    ] {
        let (bench, reply, sent) = play(&format!("Scale: {scale}\r\n"));
        assert_eq!((reply.get("Scale"), reply.get("Range")), (scale, range));
        assert_eq!(numbers(&sent), numbers_sent);
        for (n, sent) in sent.iter().enumerate() {
            assert_eq!((sent.at, sent.ticks), (40 * n as u64, 3600 * n as u32));
        }
        assert_eq!(bye(&bench), Some(40 * sent.len() as u64));
    }
}

#[test]
fn a_range_with_a_negative_scale_ends_before_it_starts() {
    // From the frame that is shown at 0.5 s.
    let (_, reply, sent) = play("Scale: -1\r\nRange: npt=0.5-0.32\r\n");
    assert_eq!(reply.get("Range"), "npt=0.48-0.32");
    assert_eq!(numbers(&sent), [12, 11, 10, 9, 8]);
    // The end is no frame, and the last one before it is.
    assert_eq!(numbers(&play("Scale: -1\r\nRange: npt=0.8-0.7\r\n").2), [19, 18]);
    assert_eq!(numbers(&play("Scale: -2\r\nRange: npt=0.08-0\r\n").2), [2, 0]);
    let mut bench = bench(20);
    bench.set_up(0, UDP);
    for bad in ["Scale: -1\r\nRange: npt=0.3-0.5\r\n", "Scale: -1\r\nRange: npt=0.81-\r\n"] {
        assert_eq!(bench.request("PLAY", URL, bad).status, 457, "{bad}");
    }
}

#[test]
fn after_the_start_play_begins_anew_in_either_direction() {
    let (mut bench, ..) = play("Scale: -4\r\n");
    let before = sent(&bench).len();
    assert_eq!(bench.ok("PLAY", URL, "Scale: -4\r\n").get("Range"), "npt=0.76-0");
    bench.run(seconds(2));
    assert_eq!(numbers(&sent(&bench)[before..]), [19, 15, 11, 7, 3]);
    assert_eq!(bench.ok("PLAY", URL, "").get("Range"), "npt=0-0.8");
    bench.run(seconds(2));
    assert_eq!(sent(&bench).len(), 2 * before + 20);
}

#[test]
fn speed_delivers_sooner_what_has_the_same_timestamps() {
    for (asked, used, interval) in [("2", "2", 20), ("4", "4", 10), ("100", "4", 10), ("0.5", "0.5", 80)] {
        let (bench, reply, sent) = play(&format!("Speed: {asked}\r\n"));
        assert_eq!((reply.get("Speed"), reply.get("Scale")), (used, ""));
        assert_eq!(numbers(&sent), (0..20).collect::<Vec<_>>());
        for (n, sent) in sent.iter().enumerate() {
            assert_eq!((sent.at, sent.ticks), (interval * n as u64, 3600 * n as u32));
        }
        assert_eq!(bye(&bench), Some(20 * interval));
    }
}

#[test]
fn scale_and_speed_go_together() {
    let (bench, reply, sent) = play("Scale: -2\r\nSpeed: 4\r\n");
    assert_eq!((reply.get("Scale"), reply.get("Speed")), ("-2", "4"));
    assert_eq!(numbers(&sent), (0..20).rev().step_by(2).collect::<Vec<_>>());
    assert!(
        sent.iter().enumerate().all(|(n, sent)| (sent.at, sent.ticks) == (10 * n as u64, 3600 * n as u32))
    );
    assert_eq!(bye(&bench), Some(100));
}

#[test]
fn over_tcp_the_configuration_bounds_the_speed() {
    for (max_speed, used) in [(16, "16"), (1, "1"), (0, "1"), (u16::MAX, "100")] {
        let config = Config { max_speed, ..Config::DEFAULT };
        let mut bench = Bench::with(clip(160), config, Some(pts(160)));
        let reply = bench.start(TCP, "Speed: 100\r\n");
        assert_eq!(reply.get("Speed"), used);
    }
}

#[test]
fn what_is_no_number_is_refused() {
    let mut bench = bench(20);
    bench.set_up(0, UDP);
    for bad in ["Scale: fast", "Scale: 0", "Scale:", "Speed: 0", "Speed: -1", "Speed: 1e9"] {
        assert_eq!(bench.request("PLAY", URL, &format!("{bad}\r\n")).status, 400, "{bad}");
    }
    bench.run(seconds(1));
    assert_eq!(bench.datagrams, []);
}

#[test]
fn live_media_come_as_they_come() {
    let mut bench = Bench::of(Clip::live());
    let reply = bench.start(UDP, "Scale: -4\r\nSpeed: 2\r\n");
    assert_eq!((reply.get("Scale"), reply.get("Speed"), reply.get("Range")), ("1", "1", "npt=now-"));
    for n in 0..5 {
        bench.store.push(100 + n, pts(n as u64));
        bench.run(millis(40));
    }
    let sent = sent(&bench);
    assert_eq!(numbers(&sent), [0, 1, 2, 3, 4]);
    assert!(
        sent.iter().enumerate().all(|(n, sent)| (sent.at, sent.ticks) == (40 * n as u64, 3600 * n as u32))
    );
}

#[test]
fn a_new_scale_while_playing_goes_on_from_the_next_frame() {
    let mut bench = bench(60);
    bench.start(UDP, "");
    bench.run(millis(190));
    let reply = bench.ok("PLAY", URL, "Scale: 4\r\n");
    assert_eq!((reply.get("Range"), reply.get("Scale")), ("npt=0.2-2.4", "4"));
    bench.run(millis(95));
    // To ask again for what is so already changes nothing.
    assert_eq!(bench.ok("PLAY", URL, "Scale: 4\r\n").get("Range"), "");
    assert_eq!(bench.ok("PLAY", URL, "").get("Range"), "");
    let back = bench.ok("PLAY", URL, "Scale: -2\r\n");
    assert_eq!(back.get("Range"), "npt=0.68-0");
    bench.run(seconds(10));
    let sent = sent(&bench);
    assert_eq!(numbers(&sent), [0, 1, 2, 3, 4, 5, 9, 13, 17, 15, 13, 11, 9, 7, 5, 3, 1]);
    assert!(sent.iter().enumerate().all(|(n, sent)| sent.ticks == 3600 * n as u32), "{sent:?}");
}

#[test]
fn a_new_scale_waits_for_the_end_of_the_frame() {
    let mut bench = Bench::of(Clip::of(60, 3000));
    bench.set_up(0, TCP);
    bench.window = 2000;
    let session = bench.session.clone();
    let ask = |bench: &mut Bench, headers: &str| {
        bench.receive(format!("PLAY {URL} RTSP/1.0\r\nCSeq: 2\r\nSession: {session}\r\n{headers}\r\n"));
    };
    ask(&mut bench, "Range: npt=1-\r\n");
    ask(&mut bench, "Scale: -1\r\n");
    // The pace that it will have is what counts.
    ask(&mut bench, "Scale: -1\r\n");
    bench.window = usize::MAX;
    bench.run(millis(60));
    let replies: Vec<_> = bench.sent().into_iter().collect();
    let ranges: Vec<_> = replies
        .iter()
        .filter_map(|sent| match sent {
            Sent::Reply(reply) => Some(reply.get("Range").replace(' ', "")),
            Sent::Data(..) => None,
        })
        .collect();
    assert_eq!(ranges, ["npt=1-2.4", "npt=0.96-0", ""]);
    let packets: Vec<_> = replies
        .iter()
        .filter_map(|sent| match sent {
            Sent::Data(0, bytes) => Some(rtp(bytes)),
            _ => None,
        })
        .collect();
    assert!(packets[2].marker && packets[3].offset == 0);
    assert_eq!(packets[3].timestamp, packets[0].timestamp.wrapping_add(3600));
}

#[test]
fn a_pause_keeps_the_place_at_any_scale() {
    let mut bench = bench(20);
    bench.start(UDP, "Scale: -4\r\n");
    bench.run(millis(50));
    bench.ok("PAUSE", URL, "");
    bench.run(seconds(1));
    assert_eq!(bench.ok("PLAY", URL, "Scale: -4\r\n").get("Range"), "npt=0.44-0");
    bench.run(seconds(1));
    // Without a word of it, the scale is 1 again.
    assert_eq!(numbers(&sent(&bench)), [19, 15, 11, 7, 3]);
    let mut bench = self::bench(20);
    bench.start(UDP, "Scale: -4\r\n");
    bench.run(millis(50));
    bench.ok("PAUSE", URL, "");
    assert_eq!(bench.ok("PLAY", URL, "").get("Range"), "npt=0.44-0.8");
}

#[test]
fn the_end_of_a_range_is_a_goodbye_and_the_session_is_ready() {
    let mut bench = bench(20);
    bench.start(UDP, "Range: npt=0.2-0.4\r\n");
    bench.run(seconds(1));
    assert_eq!(numbers(&sent(&bench)), [5, 6, 7, 8, 9]);
    assert_eq!((bye(&bench), bench.told.last()), (Some(200), Some(&Told::Ended)));
    assert_eq!(bench.conn.wanted().count(), 0);
    assert_eq!(bench.ok("PLAY", URL, "").get("Range"), "npt=0.4-0.8");
}

#[test]
fn late_at_a_scale_leaves_out_what_was_due_and_no_more() {
    for (headers, numbers_sent, skipped) in [
        // At 2 s, frame 200 is still to be shown; at -4 it is 1000 less 200.
        ("Scale: 4\r\n", [0, 196, 200], 48),
        ("Scale: -4\r\nRange: npt=40-\r\n", [1000, 804, 800], 48),
        ("Scale: 0.5\r\n", [0, 24, 25], 23),
    ] {
        let mut bench = bench(1600);
        bench.start(UDP, headers);
        bench.run(millis(10));
        bench.at = bench.at + millis(1990);
        bench.run(millis(85));
        assert_eq!(numbers(&sent(&bench))[..3], numbers_sent, "{headers}");
        assert_eq!(bench.told[1], Told::Skipped(skipped), "{headers}");
    }
}

#[test]
fn who_asked_for_a_higher_speed_gets_every_frame_however_slowly_it_takes_them() {
    // A frame in 80 ms, half as fast as it shows them.
    let mut bench = bench(400);
    bench.start(TCP, "Speed: 16\r\n");
    for n in 0..400 {
        bench.window = 4 + 252 + n;
        bench.at = bench.at + millis(80);
        bench.turn();
    }
    bench.window = usize::MAX;
    bench.run(seconds(2));
    assert_eq!(bench.told, [Told::Opened(0, LowerTransport::Interleaved), Told::Ended]);
    assert_eq!(bench.channel(0).len(), 400);
}

#[test]
fn a_large_frame_is_spread_over_half_of_its_faster_interval() {
    // 100 packets: three quanta.
    let mut bench = Bench::of(Clip::of(3, 1248 + 99 * 1380));
    bench.start(UDP, "Speed: 2\r\n");
    bench.run(seconds(1));
    for (n, (at, _)) in bench.rtp().iter().enumerate() {
        let (frame, quantum) = (n as u64 / 100, n as u64 % 100 / 43);
        assert_eq!(at.as_micros(), 20_000 * frame + 3_333 * quantum, "packet {n}");
    }
}

#[test]
fn the_end_is_on_time_after_days() {
    let day = 24 * 3600 * 25;
    let mut clip = Clip::of(0, 0);
    [0, day, 2 * day].into_iter().for_each(|n| clip.push(100, pts(n)));
    let config = Config { session_timeout: Duration::MAX, ..Config::DEFAULT };
    let mut bench = Bench::with(clip, config, Some(pts(2 * day + 1)));
    bench.start(TCP, "");
    bench.run(seconds(50 * 3600));
    let ended = bench.told.iter().position(|told| *told == Told::Ended);
    assert!(ended.is_some(), "{:?}", bench.told);
    let reports = bench.channel(1);
    let (_, info, bye) = sender_report(reports.last().unwrap());
    let wall = (info.ntp.0 - NtpTime::from_unix(START.since(Instant::ZERO)).0) >> 32;
    assert_eq!((bye, wall), (true, 2 * 24 * 3600));
}

#[test]
fn reports_follow_what_is_delivered_and_never_go_back() {
    let mut bench = bench(3000);
    bench.start(UDP, "Speed: 2\r\n");
    bench.run(seconds(12));
    bench.at = bench.at + millis(900);
    bench.ok("PLAY", URL, "Range: npt=3-\r\n");
    bench.run(seconds(20));
    bench.ok("PLAY", URL, "Scale: -8\r\n");
    bench.run(seconds(20));
    let mut last: Option<(u64, u32)> = None;
    let mut newest = None;
    for datagram in &bench.datagrams {
        if datagram.port == Port::Rtp {
            newest = Some(rtp(&datagram.bytes).timestamp);
            continue;
        }
        let (_, info, _) = sender_report(&datagram.bytes);
        if let Some((ntp, time)) = last {
            assert!(info.ntp.0 >= ntp && info.rtp_timestamp.wrapping_sub(time) < 1 << 31);
        }
        // Within a second of what is on the wire.
        let apart = newest.map_or(0, |newest| info.rtp_timestamp.wrapping_sub(newest) as i32);
        assert!(apart.unsigned_abs() <= 2 * 90_000, "{apart} at {:?}", datagram.at);
        last = Some((info.ntp.0, info.rtp_timestamp));
    }
}

#[derive(Clone, Debug)]
enum Step {
    Play(Option<i32>, Option<u32>, Option<u64>),
    Pause,
    Wait(u64),
    Stall(u64),
}

fn steps() -> impl Strategy<Value = Step> {
    let scale = prop::option::of(-6_000i32..6_000);
    let speed = prop::option::of(1u32..20_000);
    let from = prop::option::of(0u64..3_900);
    prop_oneof![
        3 => (scale, speed, from).prop_map(|(scale, speed, from)| Step::Play(scale, speed, from)),
        1 => Just(Step::Pause),
        4 => (0u64..600).prop_map(Step::Wait),
        1 => (0u64..2_500).prop_map(Step::Stall),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn sequence_and_time_run_on_whatever_is_asked(steps in prop::collection::vec(steps(), 1..25), udp: bool) {
        let mut bench = Bench::of(Clip::of(100, 2000));
        bench.set_up(0, if udp { UDP } else { TCP });
        let (mut sequence, mut time) = (None, None);
        let mut promised = None;
        for step in steps {
            match step {
                Step::Play(scale, speed, from) => {
                    let scale = scale.map_or(String::new(), |n| format!("Scale: {}\r\n", f64::from(n) / 1000.0));
                    let speed = speed.map_or(String::new(), |n| format!("Speed: {}\r\n", f64::from(n) / 1000.0));
                    let from = from.map_or(String::new(), |ms| format!("Range: npt={}-\r\n", ms as f64 / 1000.0));
                    let reply = bench.request("PLAY", URL, &format!("{scale}{speed}{from}"));
                    let granted = reply.status == 200;
                    prop_assert!(granted || reply.status == 400, "{:?}", reply);
                    if granted {
                        promised = Some((reply.rtp_info(0, "seq") as u16, reply.rtp_info(0, "rtptime")));
                    }
                }
                Step::Pause => { bench.ok("PAUSE", URL, ""); }
                Step::Wait(span) => bench.run(millis(span)),
                Step::Stall(span) => bench.at = bench.at + millis(span),
            }
            let packets: Vec<Rtp> = match udp {
                true => bench.rtp().into_iter().map(|(_, packet)| packet).collect(),
                false => bench.channel(0).iter().map(|bytes| rtp(bytes)).collect(),
            };
            for packet in packets {
                let step = time.map_or(0, |time| packet.timestamp.wrapping_sub(time));
                prop_assert!(step < 90_000 * 3_600, "RTP time goes back by {}", step.wrapping_neg());
                prop_assert!(sequence.is_none_or(|before| packet.sequence == u16::wrapping_add(before, 1)));
                if promised.is_some_and(|(seq, _)| seq == packet.sequence) {
                    let (_, rtptime) = promised.take().unwrap();
                    prop_assert_eq!(packet.offset, 0);
                    prop_assert!(packet.timestamp.wrapping_sub(rtptime) < 90_000 * 3_600);
                }
                (sequence, time) = (Some(packet.sequence), Some(packet.timestamp));
            }
        }
    }
}
