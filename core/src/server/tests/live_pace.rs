//! How soon live frames leave, and what a receiver that reads late finds in its buffer.
use super::*;
use proptest::prelude::*;

/// The receive buffer that Linux gives a socket, in bytes (`net.core.rmem_default`).
const BUFFER: usize = 212_992;
/// What a datagram of 1400 bytes takes of it.
const TAKEN: usize = 2_304;

/// A socket with the default buffer, or another one. Its program reads all that has come, but only some time after it
/// was woken.
struct LateReader {
    late: Duration,
    buffer: usize,
    waiting: usize,
    reads_at: Option<Duration>,
    lost: usize,
}

impl LateReader {
    const fn new(late: Duration, buffer: usize) -> Self {
        Self { late, buffer, waiting: 0, reads_at: None, lost: 0 }
    }

    fn take(&mut self, at: Duration) {
        if self.reads_at.is_some_and(|reads_at| reads_at < at) {
            (self.waiting, self.reads_at) = (0, None);
        }
        self.reads_at.get_or_insert(at + self.late);
        if (self.waiting + 1) * TAKEN > self.buffer {
            self.lost += 1;
        } else {
            self.waiting += 1;
        }
    }

    /// How many of the packets are lost that leave a server at these times.
    fn lost(late: Duration, packets: &[(Duration, Rtp)]) -> usize {
        Self::lost_with(BUFFER, late, packets)
    }

    /// The same with a buffer of so many bytes.
    fn lost_with(buffer: usize, late: Duration, packets: &[(Duration, Rtp)]) -> usize {
        let mut reader = Self::new(late, buffer);
        packets.iter().for_each(|(at, _)| reader.take(*at));
        reader.lost
    }
}

/// Plays a source with frames of `len` bytes that come at these times, in microseconds. Returns when the
/// packets left.
fn sent(len: usize, times: impl IntoIterator<Item = u64>) -> Vec<(Duration, Rtp)> {
    sent_to(UDP, len, times)
}

/// The same to a client that asks for this transport.
fn sent_to(transport: &str, len: usize, times: impl IntoIterator<Item = u64>) -> Vec<(Duration, Rtp)> {
    let mut bench = Bench::of(Clip::live());
    bench.start(transport, "");
    for time in times {
        bench.run(Duration::from_micros(time) - bench.elapsed());
        bench.store.push(len, MediaTime::from_micros(time));
        bench.turn();
    }
    bench.run(seconds(1));
    bench.rtp()
}

/// The transport of a client that says that its buffer holds so many bytes of packets.
fn announced(bytes: usize) -> String {
    format!("{UDP}X-Receive-Buffer: {bytes}\r\n")
}

/// When 60 frames come, 30 in each second.
fn steady() -> impl Iterator<Item = u64> {
    (30..90).map(|n| n * 1_000_000 / 30)
}

/// How long each frame took to leave.
fn took(packets: &[(Duration, Rtp)], times: impl IntoIterator<Item = u64>) -> Vec<Duration> {
    let ends = packets.iter().filter(|(_, packet)| packet.marker);
    ends.zip(times).map(|((at, _), came)| *at - Duration::from_micros(came)).collect()
}

#[test]
fn a_live_frame_of_1080p_leaves_within_5_ms() {
    for len in [150_000, 162_000, 175_000] {
        let packets = sent(len, steady());
        let took = took(&packets, steady());
        assert_eq!(took.len(), 60);
        assert!(took.iter().all(|took| *took <= millis(5)), "{len}: {took:?}");
        assert!(took.iter().all(|took| *took >= millis(3)), "{len}: a buffer does not hold it: {took:?}");
        assert_eq!(LateReader::lost(millis(2), &packets), 0, "{len}");
    }
}

#[test]
fn a_live_frame_that_a_buffer_holds_leaves_at_once() {
    for len in [1_000, 57_000, 110_000] {
        assert_eq!(took(&sent(len, steady()), steady()), [Duration::ZERO; 60], "{len}");
    }
}

#[test]
fn a_live_frame_that_an_announced_buffer_holds_leaves_at_once() {
    for len in [1_000, 230_000, 480_000] {
        let packets = sent_to(&announced(512 << 10), len, steady());
        assert_eq!(took(&packets, steady()), [Duration::ZERO; 60], "{len}");
    }
    // What it does not hold follows as for everybody.
    let took_500 = took(&sent_to(&announced(300_000), 500_000, steady()), steady());
    assert!(took_500.iter().all(|took| (millis(4)..=millis(5)).contains(took)), "{took_500:?}");
    // Packets of 8 KiB are fewer, not more bytes.
    let mut bench = Bench::with(Clip::live(), Config { max_packet: 8_192, ..Config::DEFAULT }, None);
    bench.start(&announced(300_000), "");
    bench.store.push(350_000, MediaTime::ZERO);
    bench.turn();
    assert_eq!(bench.rtp().len(), 300_000 / 8_192);
}

#[test]
fn a_buffer_that_is_announced_over_tcp_or_for_recorded_media_changes_nothing() {
    let sent = |transport: &str, clip: Clip| {
        let mut bench = Bench::of(clip);
        bench.start(transport, "");
        bench.store.push(230_000, MediaTime::ZERO);
        bench.run(seconds(1));
        (bench.channel(0), bench.rtp())
    };
    let tcp = format!("{TCP}X-Receive-Buffer: 524288\r\n");
    assert_eq!(sent(&tcp, Clip::live()), sent(TCP, Clip::live()));
    assert_eq!(sent(&announced(524_288), Clip::of(1, 230_000)), sent(UDP, Clip::of(1, 230_000)));
}

#[test]
fn a_receiver_that_has_lost_packets_is_sent_no_more_at_once_than_others() {
    let mut bench = Bench::of(Clip::live());
    bench.start(&announced(512 << 10), "");
    bench.store.push(230_000, MediaTime::ZERO);
    bench.turn();
    let whole = bench.rtp();
    assert!(whole.last().is_some_and(|(_, packet)| packet.marker));
    let (_, last) = whole[whole.len() - 1];
    for (n, (lost, at_once)) in [(0, whole.len()), (1, 86), (0, 86)].into_iter().enumerate() {
        let report = receiver_report(last.ssrc, lost);
        let from = SocketAddr::new(PEER, 5001);
        bench.conn.handle_datagram(bench.now(), from, PORTS.socket, Port::Rtcp, &report);
        bench.run(seconds(1));
        bench.rtp();
        bench.store.push(230_000, MediaTime::from_micros(1_000_000 * (n as u64 + 1)));
        bench.turn();
        assert_eq!(bench.rtp().len(), at_once, "{n}");
    }
}

#[test]
fn a_reader_that_would_lose_packets_of_a_whole_frame_loses_none_of_a_larger_one() {
    // The model loses what does not fit: all at once, more than 92 packets.
    let at_once: Vec<_> = sent(250_000, [0]).iter().map(|(_, packet)| (Duration::ZERO, *packet)).collect();
    assert_eq!((at_once.len(), LateReader::lost(millis(2), &at_once)), (182, 90));
    for len in [250_000, 500_000] {
        assert_eq!(LateReader::lost(millis(2), &sent(len, steady())), 0, "{len}");
    }
}

#[test]
fn a_large_live_frame_leaves_no_later_than_a_recorded_one() {
    for len in [300_000, 500_000, 1_000_000, 2_000_000] {
        let live = took(&sent(len, [0]), [0])[0];
        let mut bench = Bench::of(Clip::of(1, len));
        bench.start(UDP, "");
        bench.run(seconds(1));
        let recorded = took(&bench.rtp(), [0])[0];
        assert!(live <= recorded, "{len}: {live:?}, recorded {recorded:?}");
        assert!(recorded < millis(20), "{len}: {recorded:?}");
    }
}

#[test]
fn frames_that_follow_each_other_closely_do_not_wait_for_half_an_interval() {
    let times = [0, 40_000, 43_000, 46_000, 120_000];
    assert_eq!(took(&sent(10_000, times), times), [Duration::ZERO; 5]);
    // A buffer holds one of these frames, and the second waits.
    let times = [0, 40_000, 40_100];
    let packets = sent(88_000, times);
    let waits = took(&packets, times);
    assert_eq!((waits[1], waits[2]), (Duration::ZERO, millis(2)));
    assert_eq!(LateReader::lost(millis(2), &packets), 0);
}

/// When frames come that follow each other after these times.
fn at(steps: &[u64]) -> Vec<u64> {
    steps
        .iter()
        .scan(0, |time, step| {
            *time += step;
            Some(*time)
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// The source may be late, or stand still and then bring frames in one piece.
    #[test]
    fn nothing_is_lost_by_a_reader_that_is_2_ms_late(
        len in 1_000usize..500_000,
        steps in prop::collection::vec(prop_oneof![
            3 => Just(33_333u64), 2 => 20_000u64..50_000, 1 => 0u64..5_000, 1 => Just(200_000u64),
        ], 1..20),
    ) {
        prop_assert_eq!(LateReader::lost(millis(2), &sent(len, at(&steps))), 0);
    }

    /// Half of what the kernel counts is announced.
    #[test]
    fn nothing_is_lost_of_what_is_sent_by_an_announced_buffer(
        buffer in BUFFER * 5 / 4..1 << 20,
        len in 1_000usize..1_000_000,
        steps in prop::collection::vec(prop_oneof![
            3 => Just(33_333u64), 2 => 20_000u64..50_000, 1 => 0u64..5_000, 1 => Just(200_000u64),
        ], 1..20),
    ) {
        let packets = sent_to(&announced(buffer / 2), len, at(&steps));
        prop_assert_eq!(LateReader::lost_with(buffer, millis(2), &packets), 0);
    }
}
