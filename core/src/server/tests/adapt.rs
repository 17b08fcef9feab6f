//! Fewer frames for a client that reports loss.
use super::*;

const CONTROL: SocketAddr = SocketAddr::new(PEER, 5001);

/// Plays for `span`, and has the client report a loss of `percent` each second.
fn play_lossy(bench: &mut Bench, span: u64, percent: u64) {
    let first = rtp(&bench.datagrams.iter().find(|d| d.port == Port::Rtp).unwrap().bytes);
    let (ssrc, begin) = (first.ssrc, first.sequence);
    for _ in 0..span {
        bench.run(seconds(1));
        let newest = bench.datagrams.iter().rfind(|d| d.port == Port::Rtp).unwrap();
        let highest = rtp(&newest.bytes).sequence;
        let block = rtcp::ReportBlock {
            ssrc,
            fraction_lost: (percent * 256 / 100) as u8,
            cumulative_lost: (u64::from(highest.wrapping_sub(begin)) * percent / 100) as i32,
            highest_sequence: u32::from(highest),
            ..rtcp::ReportBlock::default()
        };
        let compound =
            rtcp::CompoundRepr { ssrc: 9, sender: None, reports: &[block], cname: b"client", bye: false };
        let mut report = vec![0; compound.buffer_len()];
        compound.emit(&mut report).unwrap();
        bench.conn.handle_datagram(bench.now(), CONTROL, PORTS.socket, Port::Rtcp, &report);
        bench.turn();
    }
}

/// A clip of 40 seconds, large enough frames for a second of them to mean something.
fn bench(adapt: bool) -> Bench {
    let config = Config { adapt, ..Config::DEFAULT };
    Bench::with(Clip::of(1_000, 3_000), config, Some(pts(1_000)))
}

fn told(bench: &Bench) -> Vec<u8> {
    bench.told.iter().filter_map(|t| if let Told::Adapted(n) = t { Some(*n) } else { None }).collect()
}

/// When each frame began to be sent, and its RTP time from the first one's.
fn frames(bench: &Bench) -> Vec<(u64, u32)> {
    let packets = bench.datagrams.iter().filter(|d| d.port == Port::Rtp).map(|d| (d.at, rtp(&d.bytes)));
    let first = packets.clone().next().unwrap().1;
    for ((_, packet), n) in packets.clone().zip(0u16..) {
        assert_eq!(packet.sequence, first.sequence.wrapping_add(n), "no gap");
    }
    let starts = packets.filter(|(_, packet)| packet.offset == 0);
    starts.map(|(at, packet)| (at.as_millis(), packet.timestamp.wrapping_sub(first.timestamp))).collect()
}

#[test]
fn a_client_that_reports_loss_is_sent_fewer_frames_and_all_again_when_it_ends() {
    let mut bench = bench(true);
    bench.start(UDP, "");
    play_lossy(&mut bench, 10, 20);
    play_lossy(&mut bench, 20, 0);
    assert_eq!(told(&bench), [2, 4, 8, 4, 2, 1]);
    let sent = frames(&bench);
    let between = |from: u64, to: u64| sent.iter().filter(|(at, _)| (from..to).contains(at)).count();
    assert_eq!((between(0, 1_000), between(22_000, 30_000)), (25, 200));
    assert!((12..14).contains(&between(6_000, 10_000)), "one of eight: {sent:?}");
    // Each is sent when it is shown.
    assert!(sent.iter().all(|(at, ticks)| at * 90 == u64::from(*ticks)), "{sent:?}");

    bench.run(seconds(11));
    bench.ok("TEARDOWN", URL, "");
    bench.turn();
    let Some(Told::Closed(_, _, summary)) = bench.told.last() else { panic!("{:?}", bench.told) };
    assert_eq!(summary.frames + summary.frames_thinned, 1_000);
    assert_eq!((summary.frames, summary.frames_skipped), (frames(&bench).len() as u64, 0));
}

#[test]
fn frames_that_a_scale_leaves_are_thinned_in_both_directions() {
    for headers in ["Scale: 2\r\n", "Scale: -2\r\nRange: npt=39-\r\n"] {
        let mut bench = bench(true);
        bench.start(UDP, headers);
        play_lossy(&mut bench, 10, 20);
        bench.datagrams.clear();
        bench.run(seconds(5));
        let sent = frames(&bench);
        let steps = sent.windows(2).map(|pair| (pair[1].0 - pair[0].0, pair[1].1 - pair[0].1));
        assert!(sent.len() > 10 && steps.clone().all(|step| step == (320, 28_800)), "{headers}: {sent:?}");
    }
}

#[test]
fn a_clip_that_is_thinned_ends_when_it_should() {
    let mut bench = bench(true);
    bench.start(UDP, "Range: npt=0-20\r\n");
    play_lossy(&mut bench, 15, 20);
    bench.run(seconds(10));
    assert_eq!(bench.told.last(), Some(&Told::Ended), "{:?}", bench.told);
    let last = frames(&bench).last().copied().unwrap();
    assert!((19_000..20_000).contains(&last.0), "{last:?}");
    let bye = bench.datagrams.last().unwrap();
    assert!((19_600..=20_300).contains(&bye.at.as_millis()), "{bye:?}");
}

#[test]
fn nothing_is_thinned_where_that_is_not_wanted() {
    let mut bench = bench(false);
    bench.start(UDP, "");
    play_lossy(&mut bench, 10, 50);
    assert_eq!((told(&bench), frames(&bench).len()), (vec![], 251));
}
