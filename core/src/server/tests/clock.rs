//! When frames leave, which are left out, and what reports say of the time.
use super::*;

fn timestamps(packets: &[Rtp]) -> Vec<u32> {
    let first = packets[0].timestamp;
    let markers = packets.iter().filter(|packet| packet.marker);
    markers.map(|packet| packet.timestamp.wrapping_sub(first) / 3600).collect()
}

#[test]
fn who_comes_late_leaves_whole_frames_out_and_keeps_the_clock() {
    let mut bench = Bench::of(Clip::of(200, 3000));
    bench.start(UDP, "");
    bench.run(millis(10));
    bench.at = bench.at + millis(3990);
    bench.run(millis(100));
    let packets: Vec<_> = bench.rtp().into_iter().map(|(_, packet)| packet).collect();
    // Frame 0 was sent; at 4 s, frame 99 is the one that is still to be shown.
    assert_eq!(timestamps(&packets)[..3], [0, 99, 100]);
    assert_eq!(bench.told[1], Told::Skipped(98));
    let sequences = packets.windows(2).all(|pair| pair[1].sequence == pair[0].sequence.wrapping_add(1));
    assert!(sequences, "what is left out leaves no gap in the sequence");
}

#[test]
fn a_client_that_reads_slowly_gets_whole_frames() {
    let mut bench = Bench::of(Clip::of(200, 3000));
    bench.start(TCP, "");
    // 700 bytes a turn, a turn every 20 ms: half of what the clip takes.
    for _ in 0..600 {
        bench.window = 700;
        bench.at = bench.at + millis(20);
        bench.turn();
    }
    bench.window = usize::MAX;
    bench.run(seconds(1));
    assert!(bench.told.iter().any(|told| matches!(told, Told::Skipped(_))));
    let packets: Vec<_> = bench.channel(0).iter().map(|bytes| rtp(bytes)).collect();
    let whole = packets.chunks(3).all(|frame| {
        let offsets: Vec<_> = frame.iter().map(|packet| packet.offset).collect();
        offsets == [0, 1248, 1248 + 1380] && frame[2].marker
    });
    assert!(whole);
    assert!(packets.len() < 150 * 3, "{}", packets.len());
}

#[test]
fn a_client_that_is_always_too_slow_sees_an_even_pace_in_real_time() {
    let mut bench = Bench::of(Clip::of(1_000, 3000));
    bench.start(TCP, "");
    bench.sent();
    let mut newest = (0, 0);
    let (mut first, mut largest) = (None, 0);
    // A third of what the clip takes: three packets with `$` each time, so that each write ends in
    // the middle of a frame, where nothing can be left out.
    let frame = 1400 + 1400 + 392 + 3 * 4;
    for turn in (6..=1_500u64).step_by(6) {
        bench.window = if turn == 6 { frame / 2 } else { frame };
        bench.at = bench.at + millis(120);
        bench.turn();
        for packet in bench.channel(0) {
            let packet = rtp(&packet);
            let shown = u64::from(packet.timestamp.wrapping_sub(*first.get_or_insert(packet.timestamp)) / 90);
            if turn * 20 > 10_000 {
                largest = largest.max(shown - newest.1);
            }
            newest = (turn * 20, shown);
        }
    }
    assert!(newest.0.abs_diff(newest.1) < 300, "{newest:?}: 1 % of 30 s");
    // Three frames of which two are left out would be the very least.
    assert!(largest < 400, "a jump of {largest} ms");
}

#[test]
fn a_message_that_was_begun_is_finished_when_its_frame_is_gone() {
    let mut bench = Bench::of(Clip::of(20, 3000));
    bench.set_up(0, TCP);
    bench.sent();
    bench.window = 2000;
    bench.receive(format!("PLAY {URL} RTSP/1.0\r\nCSeq: 2\r\nSession: {}\r\n\r\n", bench.session));
    bench.store.first = 5;
    bench.store.ended = false;
    bench.window = usize::MAX;
    bench.run(seconds(1));
    let packets: Vec<_> = bench.channel(0).iter().map(|bytes| rtp(bytes)).collect();
    assert_eq!(bench.out, []);
    // The messages of the lost frame that had begun, and then the newest.
    let begun = packets.iter().position(|packet| packet.timestamp != packets[0].timestamp).unwrap();
    assert!((1..3).contains(&begun) && !packets[begun - 1].marker);
    assert_eq!(packets[begun].timestamp.wrapping_sub(packets[0].timestamp), 19 * 3600);
    assert_eq!(packets[begun].offset, 0);
    assert_eq!(bench.told[1], Told::Skipped(19));
}

#[test]
fn a_frame_that_is_gone_does_not_hold_up_a_pause_or_a_jump() {
    for request in ["PAUSE", "PLAY"] {
        let mut bench = Bench::of(Clip::of(20, 3000));
        bench.set_up(0, TCP);
        bench.window = 2000;
        let session = bench.session.clone();
        bench.receive(format!("PLAY {URL} RTSP/1.0\r\nCSeq: 2\r\nSession: {session}\r\n\r\n"));
        bench.sent();
        bench.window = 0;
        let range = if request == "PLAY" { "Range: npt=0.4-\r\n" } else { "" };
        bench.receive(format!("{request} {URL} RTSP/1.0\r\nCSeq: 3\r\nSession: {session}\r\n{range}\r\n"));
        bench.store.first = 5;
        bench.window = usize::MAX;
        bench.run(seconds(1));
        let frames = bench.channel(0).iter().filter(|bytes| rtp(bytes).marker).count();
        assert_eq!(frames, if request == "PLAY" { 10 } else { 0 });
    }
}

#[test]
fn the_end_comes_one_interval_after_the_last_frame_began() {
    let mut bench = Bench::new();
    let first = bench.start(UDP, "");
    bench.run(seconds(2));
    let bye = bench.datagrams.last().unwrap();
    assert_eq!((bye.port, bye.at, sender_report(&bye.bytes).2), (Port::Rtcp, millis(400), true));
    assert_eq!(bench.told, [Told::Opened(0, LowerTransport::Udp), Told::Ended]);
    assert!(bench.rtp().iter().all(|(at, _)| *at <= millis(380)));
    assert_eq!(bench.conn.wanted().count(), 0);

    // Again, from the start, where sequence and time had stopped.
    let again = bench.ok("PLAY", URL, "");
    assert_eq!(again.get("Range"), "npt=0-0.4");
    bench.run(seconds(2));
    assert_eq!(bench.rtp().len(), 30);
    assert_eq!(again.rtp_info(0, "seq"), (first.rtp_info(0, "seq") + 30) & 0xFFFF);
    assert_eq!(again.rtp_info(0, "rtptime"), first.rtp_info(0, "rtptime").wrapping_add(36_000));
    assert_eq!(bench.told.iter().filter(|told| **told == Told::Ended).count(), 2);
}

#[test]
fn a_pause_in_the_last_interval_keeps_the_goodbye_for_the_next_play() {
    let mut bench = Bench::new();
    bench.start(UDP, "");
    bench.run(millis(390));
    bench.ok("PAUSE", URL, "");
    bench.run(seconds(1));
    assert!(!bench.told.contains(&Told::Ended));
    bench.ok("PLAY", URL, "");
    bench.run(seconds(1));
    assert!(bench.told.contains(&Told::Ended));
}

#[test]
fn reports_map_wall_clock_to_media_time() {
    let mut bench = Bench::of(Clip::of(2000, 3000));
    let play = bench.start(UDP, "");
    bench.run(seconds(59));
    let start = NtpTime::from_unix(START.since(Instant::ZERO));
    let (mut packets, mut octets, mut times) = (0, 0, Vec::new());
    let ssrc = rtp(&bench.datagrams[1].bytes).ssrc;
    for datagram in &bench.datagrams {
        if datagram.port == Port::Rtp {
            packets += 1;
            octets += datagram.bytes.len() as u32 - 12;
            continue;
        }
        let (from, info, bye) = sender_report(&datagram.bytes);
        assert_eq!((from, bye, info.packets, info.octets), (ssrc, false, packets, octets));
        // 32.32 fixed point to ticks of 90 kHz.
        let wall = (u128::from(info.ntp.0 - start.0) * 90_000) >> 32;
        let media = info.rtp_timestamp.wrapping_sub(play.rtp_info(0, "rtptime"));
        assert!(wall.abs_diff(u128::from(media)) <= 1, "{wall} {media}");
        times.push(datagram.at);
    }
    assert_eq!(times[0], Duration::ZERO);
    assert!((8..=24).contains(&times.len()), "{}", times.len());
    for pair in times.windows(2) {
        // Half to one and a half times 5 s, and to the end of a frame.
        assert!((millis(2500)..=millis(7540)).contains(&(pair[1] - pair[0])), "{pair:?}");
    }
}

#[test]
fn reports_between_frames_hold_up_no_loop() {
    // Large frames, so that reports fall due in the middle of one; `run` fails if poll_at spins.
    let mut bench = Bench::of(Clip::of(700, 1248 + 99 * 1380));
    bench.start(UDP, "");
    bench.run(seconds(25));
    assert!(bench.datagrams.iter().filter(|datagram| datagram.port == Port::Rtcp).count() >= 4);
}

#[test]
fn nothing_is_sent_while_paused() {
    let mut bench = Bench::new();
    bench.start(UDP, "");
    bench.run(millis(100));
    bench.ok("PAUSE", URL, "");
    bench.datagrams.clear();
    bench.run(seconds(30));
    assert_eq!(bench.datagrams, []);
}

#[test]
fn a_pause_by_a_client_that_does_not_know_of_the_end_does_not_start_over() {
    let mut bench = Bench::new();
    bench.start(UDP, "");
    bench.run(seconds(2));
    assert!(bench.told.contains(&Told::Ended));
    bench.datagrams.clear();
    bench.ok("PAUSE", URL, "");
    let reply = bench.ok("PLAY", URL, "");
    assert_eq!(reply.get("Range"), "npt=0.4-0.4");
    bench.run(seconds(1));
    assert_eq!(bench.rtp(), []);
    assert_eq!(bench.told.iter().filter(|told| **told == Told::Ended).count(), 2);
    // The client knows now.
    assert_eq!(bench.ok("PLAY", URL, "").get("Range"), "npt=0-0.4");
}
