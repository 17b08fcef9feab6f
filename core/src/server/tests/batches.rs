//! Datagrams in batches, as segmentation offload wants them, and their pace.
use super::*;

/// A bench whose first sender report is out of the way, and whose next frame has `scan_len` bytes.
fn due(scan_len: usize) -> Bench {
    let mut bench = Bench::of(Clip::of(50, scan_len));
    bench.set_up(0, UDP);
    bench.at = bench.at + millis(5);
    bench.slow = true;
    bench.receive(format!("PLAY {URL} RTSP/1.0\r\nCSeq: 2\r\nSession: {}\r\n\r\n", bench.session));
    bench.answer();
    let report = bench.conn.poll_transmit(bench.now(), &bench.store).unwrap();
    assert_eq!(report.port(), Port::Rtcp);
    report.commit(1);
    bench
}

/// The segments of the next batch, none of which is committed.
fn look(bench: &mut Bench, max_segments: usize) -> (Batch, Vec<Vec<u8>>) {
    let mut buffer = vec![0; 65_536];
    let now = bench.now();
    let mut pending = bench.conn.poll_transmit(now, &bench.store).unwrap();
    let batch = pending.emit(max_segments, &mut buffer).unwrap();
    let segments = buffer[..batch.len].chunks(batch.segment).map(Vec::from).collect();
    (batch, segments)
}

/// Looks, and sends the first `sent` segments.
fn commit(bench: &mut Bench, max_segments: usize, sent: usize) {
    let now = bench.now();
    let mut pending = bench.conn.poll_transmit(now, &bench.store).unwrap();
    pending.emit(max_segments, &mut [0; 65_536]).unwrap();
    pending.commit(sent);
}

#[test]
fn segments_are_equal_but_for_the_last() {
    let mut bench = due(5000);
    let (batch, segments) = look(&mut bench, 64);
    assert_eq!((batch.segment, batch.count), (1400, 4));
    assert_eq!(segments.iter().map(Vec::len).collect::<Vec<_>>(), [1400, 1400, 1400, 1012]);
    // The last may be as long as the others: 1248 bytes beside the tables, 1380 each behind.
    let (batch, segments) = look(&mut due(1248 + 2 * 1380), 64);
    assert_eq!((batch.count, segments[2].len()), (3, 1400));
    assert!(rtp(&segments[2]).marker);
}

#[test]
fn what_is_not_committed_did_not_happen() {
    let mut bench = due(5000);
    let (_, all) = look(&mut bench, 64);
    assert_eq!(look(&mut bench, 64).1, all);
    assert_eq!(look(&mut bench, 3).1, all[..3]);
    commit(&mut bench, 64, 0);
    assert_eq!(look(&mut bench, 64).1, all);
    commit(&mut bench, 64, 2);
    assert_eq!(look(&mut bench, 64).1, all[2..]);
    commit(&mut bench, 1, 1);
    assert_eq!(look(&mut bench, 64).1, all[3..]);
    commit(&mut bench, 64, 1);
    assert!(bench.conn.poll_transmit(bench.now(), &bench.store).is_none());
}

#[test]
fn one_by_one_the_packets_are_those_of_a_batch() {
    let mut bench = due(5000);
    let (_, all) = look(&mut bench, 64);
    let now = bench.now();
    let mut pending = bench.conn.poll_transmit(now, &bench.store).unwrap();
    let mut sent = Vec::new();
    loop {
        let mut packet = vec![0; pending.next_len()];
        // What did not go out comes again.
        assert!(pending.advance(0));
        pending.emit(1, &mut packet).unwrap();
        sent.push(packet);
        if !pending.advance(1) {
            break;
        }
    }
    assert_eq!(sent, all);
    assert!(bench.conn.poll_transmit(now, &bench.store).is_none());
}

#[test]
fn what_went_out_stays_so_when_the_rest_is_dropped() {
    let mut bench = due(5000);
    let (_, all) = look(&mut bench, 64);
    let now = bench.now();
    let mut pending = bench.conn.poll_transmit(now, &bench.store).unwrap();
    pending.emit(3, &mut [0; 65_536]).unwrap();
    assert!(pending.advance(2));
    // Not written, and taken as sent all the same: the first one.
    assert!(pending.advance(9));
    drop(pending);
    assert_eq!(look(&mut bench, 64).1, all[3..]);
}

#[test]
fn pieces_are_what_would_be_copied() {
    let mut bench = due(5000);
    let (batch, segments) = look(&mut bench, 64);
    // The first packet has its tables as pieces of their own; the least room is four.
    for (max_segments, most, expected) in [(64, 100, 4), (64, 10, 3), (64, 9, 2), (2, 100, 2), (64, 4, 1)] {
        let (mut heads, mut bytes, mut count) = ([0; 200], Vec::<u8>::new(), 0);
        let now = bench.now();
        let mut pending = bench.conn.poll_transmit(now, &bench.store).unwrap();
        let pieces = pending.pieces(max_segments, most, &mut heads, |piece| {
            bytes.extend_from_slice(piece);
            count += 1;
        });
        let pieces = pieces.unwrap();
        assert_eq!((pieces.count, pieces.segment, pieces.len), (expected, batch.segment, bytes.len()));
        assert_eq!(bytes, segments[..expected].concat());
        assert!(count <= most);
    }
    let now = bench.now();
    let mut pending = bench.conn.poll_transmit(now, &bench.store).unwrap();
    assert_eq!(pending.pieces(64, 3, &mut [0; 200], |_| panic!("no room")), None);
    assert_eq!(pending.pieces(64, 100, &mut [0; 10], |_| panic!("no room")), None);
}

#[test]
fn a_buffer_holds_whole_packets_or_nothing() {
    let mut bench = due(5000);
    let now = bench.now();
    let mut pending = bench.conn.poll_transmit(now, &bench.store).unwrap();
    assert_eq!(pending.next_len(), 1400);
    assert_eq!(pending.emit(64, &mut [0; 1399]), None);
    assert_eq!(pending.emit(64, &mut [0; 1400]), Some(Batch { len: 1400, segment: 1400, count: 1 }));
    let mut again = bench.conn.poll_transmit(now, &bench.store).unwrap();
    assert_eq!(again.emit(64, &mut [0; 4199]), Some(Batch { len: 2800, segment: 1400, count: 2 }));
}

#[test]
fn a_report_travels_alone_and_to_its_own_port() {
    let mut bench = Bench::new();
    bench.start(UDP, "");
    bench.turn();
    let [report, ..] = &bench.datagrams[..] else { panic!("nothing sent") };
    assert_eq!((report.port, report.to), (Port::Rtcp, SocketAddr::new(PEER, 5001)));
    assert_eq!(bench.datagrams[1].to, SocketAddr::new(PEER, 5000));
}

#[test]
fn packets_shrink_until_the_path_takes_them() {
    let mut bench = due(5000);
    let mut lengths = Vec::new();
    let refused = loop {
        let now = bench.now();
        let mut pending = bench.conn.poll_transmit(now, &bench.store).unwrap();
        lengths.push(pending.next_len());
        pending.emit(64, &mut [0; 65_536]).unwrap();
        if !pending.too_big() {
            break look(&mut bench, 64).1;
        }
    };
    assert_eq!(lengths, [1400, 1050, 786, 588, 548]);
    // The first packet is left out, and nothing else.
    let first = 548 - 12 - 8 - 132;
    assert_eq!(rtp(&refused[0]).offset, first);
    let carried: usize = refused.iter().map(|packet| packet.len() - 12 - 8).sum();
    assert_eq!(carried, 5000 - first as usize);
    assert!(refused.iter().all(|packet| packet.len() <= 548));
}

#[test]
fn a_frame_is_cut_smaller_from_the_middle_on_without_a_gap() {
    let mut bench = due(5000);
    commit(&mut bench, 64, 2);
    let now = bench.now();
    assert!(bench.conn.poll_transmit(now, &bench.store).unwrap().too_big());
    let (_, rest) = look(&mut bench, 64);
    assert_eq!(rtp(&rest[0]).offset, 1248 + 1380);
    assert_eq!(rest.iter().map(|packet| packet.len() - 20).sum::<usize>(), 5000 - 1248 - 1380);
}

#[test]
fn a_connection_never_asks_for_less_than_every_path_takes() {
    let config = Config { max_packet: 1, ..Config::DEFAULT };
    let mut bench = Bench::with(Clip::of(2, 5000), config, Some(pts(2)));
    bench.start(UDP, "");
    bench.run(seconds(1));
    assert_eq!(bench.datagrams.iter().map(|datagram| datagram.bytes.len()).max(), Some(548));
}

#[test]
fn a_client_may_have_smaller_packets_and_not_larger_ones() {
    // Blocksize counts no RTP header (RFC 2326, 12.7).
    for (asked, longest) in [("1000", 1012), ("1", 548), ("99999999999", 1400), ("1388", 1400)] {
        let mut bench = Bench::of(Clip::of(2, 5000));
        bench.start(&format!("{UDP}Blocksize: {asked}\r\n"), "");
        bench.run(seconds(1));
        assert_eq!(bench.datagrams.iter().map(|datagram| datagram.bytes.len()).max(), Some(longest));
    }
    for bad in ["", "0", "-1", "many"] {
        let setup = format!("{UDP}Blocksize: {bad}\r\n");
        assert_eq!(Bench::new().request("SETUP", &format!("{URL}/track0"), &setup).status, 400, "{bad}");
    }
}

/// The lengths of the packets of one frame of 200,000 bytes, and how many leave at once.
fn of_packets_of(max_packet: u16) -> (Vec<usize>, usize) {
    let config = Config { max_packet, ..Config::DEFAULT };
    let mut bench = Bench::with(Clip::of(1, 200_000), config, Some(pts(1)));
    bench.start(UDP, "");
    bench.run(seconds(1));
    let packets: Vec<_> = bench.datagrams.iter().filter(|datagram| datagram.port == Port::Rtp).collect();
    let at_once = packets.iter().filter(|packet| packet.at == packets[0].at).count();
    (packets.iter().map(|packet| packet.bytes.len()).collect(), at_once)
}

#[test]
fn jumbo_packets_leave_in_smaller_numbers_up_to_the_longest_that_udp_takes() {
    let (lengths, at_once) = of_packets_of(9_000);
    assert_eq!((lengths[0], lengths.len(), at_once), (9_000, 23, 6));
    let (lengths, at_once) = of_packets_of(u16::MAX);
    assert_eq!((&lengths[..3], lengths.len(), at_once), (&[65_507; 3][..], 4, 1));
}

#[test]
fn interleaved_packets_may_be_as_long() {
    let config = Config { max_packet: u16::MAX, ..Config::DEFAULT };
    let mut bench = Bench::with(Clip::of(2, 200_000), config, Some(pts(2)));
    bench.write = 1_000;
    bench.start(TCP, "");
    bench.run(seconds(1));
    let lengths: Vec<_> = bench.channel(0).iter().map(Vec::len).collect();
    assert_eq!((lengths.len(), lengths[0], lengths[2]), (8, 65_507, 65_507));
}

/// 100 packets: three quanta of up to 43.
const HUNDRED: usize = 1248 + 99 * 1380;

#[test]
fn a_large_frame_is_spread_over_half_its_interval() {
    let mut bench = Bench::of(Clip::of(3, HUNDRED));
    bench.start(UDP, "");
    bench.run(seconds(1));
    let packets = bench.rtp();
    assert_eq!(packets.len(), 300);
    for (n, (at, _)) in packets.iter().enumerate() {
        let (frame, quantum) = (n as u64 / 100, n as u64 % 100 / 43);
        assert_eq!(at.as_micros(), 40_000 * frame + 6_666 * quantum, "packet {n}");
    }
}

#[test]
fn it_catches_up_at_four_times_the_speed_at_most() {
    let mut bench = Bench::of(Clip::of(40, HUNDRED));
    bench.start(UDP, "");
    bench.run(millis(30));
    bench.rtp();
    // The loop was busy elsewhere.
    bench.at = bench.at + millis(770);
    bench.run(seconds(3));
    let packets = bench.rtp();
    assert_eq!(packets.len(), 39 * 100, "nothing is left out yet");
    for (n, window) in packets.windows(101).enumerate() {
        let took = window[100].0 - window[0].0;
        assert!(took >= Duration::from_micros(9_999), "{took:?} for a frame's packets, from {n}");
    }
    let frame = |n: usize| packets[(n - 1) * 100].0;
    assert_eq!((frame(5) - frame(4)).as_micros(), 9_999, "behind");
    assert_eq!(frame(39), millis(39 * 40), "in time again");
}
