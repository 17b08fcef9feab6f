//! The end of what is played, for a client that takes nothing for a while shortly before.
use super::*;

/// What a client got: the numbers of the frames, what the last report says, and when it came, in milliseconds.
struct Got {
    numbers: Vec<usize>,
    last: (Vec<u8>, u64),
    skipped: u64,
}

/// A clip of 10 seconds, whose frames are told apart by their length.
fn clip() -> Clip {
    let mut clip = Clip::of(0, 0);
    (0..250).for_each(|n| clip.push(100 + n, pts(n as u64)));
    clip
}

/// Plays with these headers. From `from` on, in milliseconds, the client takes nothing for so many seconds: its
/// window is closed, or the socket takes no datagrams.
fn got(transport: &str, headers: &str, from: u64, stall: u64) -> Got {
    let mut bench = Bench::of(clip());
    bench.set_up(0, transport);
    bench.ok("PLAY", URL, headers);
    bench.run(millis(from));
    for _ in 0..stall * 10 {
        bench.at = bench.at + millis(100);
        let mut turn = bench.conn.turn(bench.now(), &mut bench.storage);
        let _ = turn.poll_stream(&bench.store);
        let _ = turn.poll_transmit(&bench.store);
    }
    bench.turn();
    let mut packets: Vec<_> =
        bench.datagrams.iter().map(|d| (d.port, d.bytes.clone(), d.at.as_millis())).collect();
    let told_at = bench.elapsed().as_millis();
    bench.run(seconds(20));
    packets.extend(bench.datagrams.drain(packets.len()..).map(|d| (d.port, d.bytes, d.at.as_millis())));
    for sent in bench.sent() {
        if let Sent::Data(channel, bytes) = sent {
            packets.push((if channel == 0 { Port::Rtp } else { Port::Rtcp }, bytes, told_at));
        }
    }
    assert_eq!(bench.told.iter().filter(|told| **told == Told::Ended).count(), 1, "{:?}", bench.told);
    let frames = packets.iter().filter(|(port, ..)| *port == Port::Rtp);
    let numbers = frames.map(|(_, bytes, _)| bytes.len() - 12 - 8 - 132 - 100).collect();
    let (port, bytes, at) = packets.pop().unwrap();
    assert_eq!(port, Port::Rtcp, "the last frame comes before BYE");
    let skipped = bench.told.iter().map(|told| if let Told::Skipped(n) = told { *n } else { 0 }).sum();
    Got { numbers, last: (bytes, at), skipped }
}

#[test]
fn the_last_frame_and_bye_come_however_late_a_client_takes_them() {
    for headers in [
        "",
        "Range: npt=1-2\r\n",
        "Range: npt=1-2.02\r\n",
        "Scale: 2\r\n",
        "Scale: 4\r\nRange: npt=2.04-6\r\n",
        "Scale: -1\r\n",
        "Scale: -1\r\nRange: npt=3-1\r\n",
        "Scale: -1\r\nRange: npt=3-1.02\r\n",
        "Scale: -4\r\n",
        "Scale: 0.5\r\nRange: npt=1-2\r\n",
    ] {
        for transport in [UDP, TCP] {
            let whole = got(transport, headers, 0, 0);
            let shown = whole.numbers.len() as u64 * if headers.contains("0.5") { 80 } else { 40 };
            for stall in 1..=10 {
                for before in [900, 300, 41, 39, 1] {
                    let got = got(transport, headers, shown - before, stall);
                    let case = format!("{headers:?}, {transport}: {stall} s, {before} ms before the end");
                    assert_eq!(got.numbers.last(), whole.numbers.last(), "{case}: {:?}", got.numbers);
                    assert!(sender_report(&got.last.0).2, "{case}");
                    assert_eq!(got.numbers.len() as u64 + got.skipped, whole.numbers.len() as u64, "{case}");
                    // Frames that are not a second late follow each other at four times the speed.
                    let due = shown.max(shown - before + stall * 1_000);
                    assert!(got.last.1 <= due + 300, "{case}: {}", got.last.1);
                }
            }
        }
    }
}

/// The second to last frame is due at 9.92 s.
#[test]
fn all_that_is_late_but_the_last_frame_is_left_out() {
    for transport in [UDP, TCP] {
        let got = got(transport, "", 9_000, 3);
        assert_eq!(got.numbers[225..], [225, 249], "{transport}");
        assert_eq!(got.skipped, 23);
    }
}

#[test]
fn frames_longer_than_a_second_are_no_exception() {
    let mut clip = Clip::of(0, 0);
    (0..3).for_each(|n| clip.push(3_000, MediaTime::from_micros(n * 5_000_000)));
    for transport in [UDP, TCP] {
        let mut bench = Bench::of(clip.clone());
        bench.end = Some(MediaTime::from_micros(15_000_000));
        bench.start(transport, "");
        bench.run(seconds(1));
        bench.at = bench.at + seconds(30);
        bench.run(seconds(1));
        let Some(Told::Ended) = bench.told.last() else { panic!("{:?}", bench.told) };
        let frames: Vec<_> = bench.conn.summaries(bench.now()).map(|(_, summary)| summary.frames).collect();
        assert_eq!(frames, [2], "the first and the last");
    }
}
