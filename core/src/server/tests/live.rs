//! Sources whose frames come when they are made, and stores that have them only just in time.
use super::*;

#[test]
fn the_first_frame_sets_the_clock_and_wakes() {
    let mut bench = Bench::of(Clip::live());
    let reply = bench.start(UDP, "");
    assert_eq!(reply.get("Range"), "npt=now-");
    bench.run(seconds(10));
    assert_eq!(bench.datagrams, [], "nothing is known to report");
    // A source whose time began long ago.
    bench.store.push(3000, MediaTime::from_micros(7_000_000_000));
    assert!(bench.wake().datagram.is_some_and(|at| at <= bench.at));
    bench.run(millis(1));
    let packets = bench.rtp();
    assert_eq!(packets.len(), 3);
    assert_eq!(packets[0].0, seconds(10));
    assert_eq!(u32::from(packets[0].1.sequence), reply.rtp_info(0, "seq"));
    assert_eq!(packets[0].1.timestamp, reply.rtp_info(0, "rtptime"));
}

#[test]
fn the_start_of_a_live_source_is_its_newest_frame_and_other_times_are_those_it_still_has() {
    for (range, first) in
        [("", 9), ("Range: npt=0.000-\r\n", 9), ("Range: npt=now-\r\n", 9), ("Range: npt=0.2-\r\n", 5)]
    {
        let mut bench = Bench::of(Clip { ended: false, ..Clip::of(10, 100) });
        bench.start(UDP, range);
        bench.turn();
        let next = bench.conn.wanted().next().unwrap().frame;
        assert_eq!((bench.rtp().len(), next), (1, FrameId(first + 1)), "{range}");
    }
}

/// Plays a source that delivers each frame so many milliseconds after it is due by its own clock;
/// returns when each left, in the same measure.
fn delivered(lateness: &[i64]) -> (Bench, Vec<i64>) {
    let mut bench = Bench::of(Clip::live());
    bench.start(UDP, "");
    let mut left = Vec::new();
    for (n, late) in lateness.iter().enumerate() {
        let due = 1_000 + 40 * n as i64;
        let at = millis((due + late) as u64);
        bench.run(at - bench.elapsed());
        bench.store.push(100, pts(n as u64));
        bench.turn();
        left.extend(bench.rtp().iter().map(|(at, _)| at.as_millis() as i64 - due));
    }
    (bench, left)
}

#[test]
fn a_frame_that_comes_early_is_not_held_back() {
    let lateness = [0, 0, -20, -20, -30, -10, -30];
    let (bench, left) = delivered(&lateness);
    assert_eq!(left, lateness);
    assert_eq!(bench.told.len(), 1);
}

#[test]
fn a_source_that_stood_still_goes_on() {
    // A stall, or a clock that lost as much in a day: what comes is the newest there is.
    let lateness = [0, 0, 1500, 1500, 1500, 4000, 4000];
    let (bench, left) = delivered(&lateness);
    assert_eq!(left, lateness);
    assert_eq!(bench.told.len(), 1, "nothing is left out: {:?}", bench.told);
}

#[test]
fn a_backlog_after_a_stall_is_played_at_its_pace() {
    let mut bench = Bench::of(Clip::live());
    bench.start(UDP, "");
    bench.store.push(100, pts(0));
    bench.run(seconds(3));
    bench.rtp();
    for n in 1..5 {
        bench.store.push(100, pts(n));
    }
    bench.run(seconds(1));
    let times: Vec<_> = bench.rtp().iter().map(|(at, _)| at.as_millis()).collect();
    assert_eq!(times, [3000, 3040, 3080, 3120]);
}

#[test]
fn a_late_watcher_begins_with_the_newest_frame() {
    let mut clip = Clip::of(9, 100);
    clip.ended = false;
    let mut bench = Bench::of(clip);
    let reply = bench.start(UDP, "");
    bench.run(millis(1));
    assert_eq!(bench.rtp().len(), 1);
    assert_eq!(reply.get("Range"), "npt=now-");
    bench.store.ended = true;
    bench.run(seconds(1));
    assert!(bench.told.contains(&Told::Ended));
}

#[test]
fn recorded_media_keep_their_pace_however_they_are_read() {
    // Each frame is there only when it is wanted, at once: it must not leave at once.
    let mut bench = Bench::of(Clip::of(1, 100));
    bench.end = Some(pts(20));
    bench.store.ended = false;
    bench.start(UDP, "Range: npt=0-\r\n");
    for _ in 0..800 {
        bench.run(millis(1));
        let wanted = bench.conn.wanted().next().unwrap().frame.0;
        if wanted == bench.store.frames.len() as u64 && wanted < 20 {
            bench.store.push(100, pts(wanted));
        }
    }
    let times: Vec<_> = bench.rtp().iter().map(|(at, _)| at.as_millis()).collect();
    let due: Vec<_> = (0..20).map(|n| 40 * n).collect();
    assert_eq!(times, due);
}

#[test]
fn a_frame_whose_rest_is_gone_leaves_a_gap_and_keeps_its_rtp_time() {
    let mut bench = Bench::of(Clip::live());
    bench.start(TCP, "");
    bench.sent();
    bench.store.push(3000, pts(0));
    // One packet of three.
    bench.window = 1_000;
    bench.run(millis(10));
    bench.store.push(100, pts(1));
    bench.store.first = 1;
    bench.window = usize::MAX;
    bench.run(millis(100));
    let packets: Vec<_> = bench.channel(0).iter().map(|bytes| rtp(bytes)).collect();
    let [first, next] = packets[..] else { panic!("{packets:?}") };
    assert_eq!((first.offset, first.marker, next.offset, next.marker), (0, false, 0, true));
    // A receiver would take the one for the end of the other.
    assert_eq!(next.sequence, first.sequence.wrapping_add(2));
    assert_eq!(next.timestamp, first.timestamp.wrapping_add(3_600));
}

#[test]
fn a_jump_behind_a_frame_whose_rest_is_gone_does_not_take_its_rtp_time() {
    let mut bench = Bench::of(Clip::live());
    let first = bench.start(TCP, "").rtp_info(0, "rtptime");
    bench.store.push(3000, pts(0));
    bench.window = 1_000;
    bench.run(millis(10));
    bench.store.push(100, pts(1));
    bench.store.first = 1;
    bench.window = usize::MAX;
    let reply = bench.ok("PLAY", URL, "Range: npt=now-\r\n");
    bench.run(millis(100));
    let next = rtp(bench.channel(0).last().unwrap());
    assert_eq!(u32::from(next.sequence), reply.rtp_info(0, "seq"));
    assert_eq!((next.timestamp, reply.rtp_info(0, "rtptime")), (first + 3_600, first + 3_600));
}

#[test]
fn who_was_overrun_goes_on_at_once() {
    let mut bench = Bench::of(Clip::live());
    bench.start(UDP, "");
    bench.store.push(100, pts(0));
    bench.run(seconds(3));
    // A backlog, which is played at its pace, until most of it is gone. The newest frame would be due
    // 320 ms later.
    (1..10).for_each(|n| bench.store.push(100, pts(n)));
    bench.turn();
    bench.store.first = 8;
    bench.run(millis(200));
    let times: Vec<_> = bench.rtp().iter().map(|(at, _)| at.as_millis()).collect();
    assert_eq!(times, [0, 3_000, 3_002]);
}
