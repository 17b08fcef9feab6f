//! Servers that lie, each between good frames: what it costs, and that it costs no more.
use pinhole_tests::clip::{Clip, TempDir};
use pinhole_tests::fake::{Script, Step};
use pinhole_tests::peer::{Peer, available};
use pinhole_tests::picture::{PAYLOAD, Picture, Sender, field};
use pinhole_tests::process::binary;
use pinhole_tests::viewer::Report;
use pinhole_tests::{Transport, viewer, watch};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Good frames before a lie, and as many after it.
const GOOD: usize = 6;
/// What the viewer may keep of frames, and what it takes in all: a program that is not optimised, the
/// cache, decoded pictures and what the kernel's buffers hold.
const CACHE: &str = "4MiB";
const MEMORY: u64 = 64 << 20;
/// How long a script of less than a second may take to watch.
const LIMIT: Duration = Duration::from_secs(30);

/// What a server sends: good frames, but for those that are spoiled.
struct Show {
    sender: Sender,
    pictures: Vec<Picture>,
    shown: usize,
    steps: Vec<Step>,
}

impl Show {
    /// Begins with good frames.
    fn new() -> Self {
        let file = std::fs::read(Clip::sample().plain).unwrap();
        // Both wrap on the way.
        let sender = Sender { sequence: 65_500, timestamp: 0u32.wrapping_sub(10_000), ssrc: 0x5EED };
        // Datagrams would overtake the reply to PLAY, and a BYE before that is of no stream.
        let steps = vec![Step::Silence(Duration::from_millis(100))];
        let mut show = Self { sender, pictures: Picture::all_of(&file), shown: 0, steps };
        show.good();
        show
    }

    fn good(&mut self) {
        for _ in 0..GOOD {
            self.lie(|_| {});
        }
    }

    /// The next frame's packets, spoiled.
    fn lie(&mut self, spoil: impl FnOnce(&mut Vec<Vec<u8>>)) {
        let mut packets = self.sender.frame(&self.pictures[self.shown]);
        self.shown += 1;
        spoil(&mut packets);
        self.steps.extend(packets.into_iter().map(|packet| Step::Packet(0, packet)));
    }

    /// Good frames, and the end.
    fn end(mut self) -> Script {
        self.good();
        self.steps.push(Step::Packet(1, self.sender.bye()));
        Script { steps: self.steps, ..Script::default() }
    }

    /// A script with one frame spoiled.
    fn with(spoil: impl FnOnce(&mut Vec<Vec<u8>>)) -> Script {
        let mut show = Self::new();
        show.lie(spoil);
        show.end()
    }
}

/// Has the viewer watch by both transports; asserts that it sees `whole` frames whole and at most one
/// otherwise, that it shows the last one as it is, and needs neither much memory nor time.
#[track_caller]
fn assert_seen(what: &str, script: &Script, last: usize, whole: std::ops::RangeInclusive<usize>) -> Report {
    let [udp, tcp] = [Transport::Udp, Transport::Tcp].map(|transport| {
        let directory = TempDir::new();
        let snapshot = directory.path().join("last.png");
        let options = ["--cache", CACHE, "--snapshot", snapshot.to_str().unwrap()];
        let url = script.clone().serve();
        let (report, peak) = viewer::watch_closely(&url, transport, &options, LIMIT);
        let [complete, damaged] =
            ["frames_complete", "frames_damaged"].map(|name| report.number(name) as usize);
        assert!(whole.contains(&complete) && damaged <= 1, "{what}, {transport}: {report:?}");
        assert!(peak.is_none_or(|peak| peak < MEMORY), "{what}, {transport}: {peak:?} bytes of memory");
        if available(&[Peer::Ffmpeg]) {
            static FRAMES: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
            let frames = FRAMES.get_or_init(|| watch::frames(&Clip::sample()));
            let shown = watch::pixels(&snapshot);
            assert_eq!(shown.len(), frames[last].len(), "{what}, {transport}: another size is shown");
            let difference = watch::mean_difference(&shown, &frames[last]);
            assert!(difference < 3.0, "{what}, {transport}: the last picture is off by {difference}");
        }
        report
    });
    assert_eq!(udp.text("transport"), "udp", "{what}");
    tcp
}

/// Asserts that a spoiled frame costs itself and nothing else.
#[track_caller]
fn assert_costs_a_frame(what: &str, spoil: impl FnOnce(&mut Vec<Vec<u8>>)) {
    assert_seen(what, &Show::with(spoil), 2 * GOOD, 2 * GOOD..=2 * GOOD);
}

fn put(packet: &mut [u8], at: usize, bytes: &[u8]) {
    packet[at..at + bytes.len()].copy_from_slice(bytes);
}

#[test]
fn an_empty_answer_is_the_end_as_soon_as_the_server_is_known_to_be_there() {
    let mut script = Script { play: "Range: npt=9.9-10\r\n".to_owned(), ..Script::default() };
    script.description += "a=range:npt=0-10\r\n";
    let url = script.serve();
    // It is built before.
    binary("pinhole-viewer");
    let begun = Instant::now();
    let done = viewer::run_viewer(&["--transport", "tcp", "--start", "9.9", "--no-reconnect", &url]);
    let took = begun.elapsed();
    assert_eq!(done.status.code(), Some(1), "{done:?}");
    assert!(done.stderr.contains("no picture came"), "{done:?}");
    // The viewer asks twice, and a stall without a BYE would be the end after ten seconds each time.
    assert!(took < Duration::from_secs(15), "{took:?}");
}

#[test]
fn the_frames_are_good_where_nobody_lies() {
    assert_seen("truth", &Show::with(|_| {}), 2 * GOOD, 2 * GOOD + 1..=2 * GOOD + 1);
}

#[test]
fn a_wrong_size_costs_its_frame() {
    assert_costs_a_frame("another width in one packet", |packets| packets[3][field::WIDTH] = 7);
    assert_costs_a_frame("no size", |packets| {
        packets.iter_mut().for_each(|packet| put(packet, field::WIDTH, &[0, 0]));
    });
    // Nothing in such a frame contradicts anything else: it comes whole, and is no picture.
    let large = Show::with(|packets| {
        packets.iter_mut().for_each(|packet| put(packet, field::WIDTH, &[255, 255]));
    });
    assert_seen("a size that the data cannot fill", &large, 2 * GOOD, 2 * GOOD..=2 * GOOD + 1);
}

#[test]
fn a_wrong_offset_costs_its_frame() {
    assert_costs_a_frame("past 16 MB", |packets| put(&mut packets[5], field::OFFSET, &[0xff; 3]));
    assert_costs_a_frame("past 16 MB at the end", |packets| {
        put(packets.last_mut().unwrap(), field::OFFSET, &[0xff; 3]);
    });
    assert_costs_a_frame("a hole", |packets| {
        for packet in &mut packets[5..] {
            packet[field::OFFSET + 2] ^= 0x10;
        }
    });
    assert_costs_a_frame("twice the same place", |packets| {
        let (before, after) = packets.split_at_mut(5);
        put(&mut after[0], field::OFFSET, &before[3][field::OFFSET..field::OFFSET + 3]);
    });
    assert_costs_a_frame("all at the start", |packets| {
        packets.iter_mut().for_each(|packet| put(packet, field::OFFSET, &[0; 3]));
    });
}

#[test]
fn wrong_table_lengths_cost_one_frame() {
    for len in [0u16, 1, 63, 127, 129, 192, u16::MAX] {
        assert_costs_a_frame(&format!("tables of {len} bytes"), |packets| {
            put(&mut packets[0], field::TABLES_LEN, &len.to_be_bytes());
        });
    }
}

#[test]
fn an_impossible_header_costs_one_frame() {
    for (field, value) in [(field::TYPE, 2), (field::TYPE, 127), (field::Q, 0), (field::Q, 100)] {
        assert_costs_a_frame(&format!("{value} in byte {}", field - PAYLOAD), |packets| {
            packets.iter_mut().for_each(|packet| packet[field] = value);
        });
    }
    // Version 1; CSRCs, an extension, and padding, longer than the packet.
    for (at, value) in [(0, 0x40), (0, 0x90), (0, 0xa0)] {
        assert_costs_a_frame(&format!("{value:#x} in RTP"), |packets| {
            packets[2][at] = value;
            packets[2][PAYLOAD + 2..].fill(0xff);
        });
    }
    assert_costs_a_frame("packets that end in their headers", |packets| {
        for (n, packet) in packets.iter_mut().enumerate() {
            packet.truncate(n);
        }
    });
}

#[test]
fn a_sequence_jump_costs_one_frame() {
    for jump in [100, 5_000, 40_000, 65_036] {
        let mut show = Show::new();
        show.sender.sequence = show.sender.sequence.wrapping_add(jump);
        show.lie(|_| {});
        let whole = 2 * GOOD + usize::from(jump == 100);
        assert_seen(&format!("a jump by {jump}"), &show.end(), 2 * GOOD, whole..=whole);
    }
}

#[test]
fn a_new_source_costs_one_frame() {
    let mut show = Show::new();
    show.sender = Sender { sequence: 7, timestamp: 77, ssrc: 777 };
    show.lie(|_| {});
    assert_seen("between frames", &show.end(), 2 * GOOD, 2 * GOOD..=2 * GOOD);

    let mut show = Show::new();
    show.sender.ssrc = 777;
    show.lie(|packets| put(&mut packets[0], 8, &0x5EED_u32.to_be_bytes()));
    assert_seen("in a frame", &show.end(), 2 * GOOD, 2 * GOOD..=2 * GOOD);
}

#[test]
fn somebody_else_s_packets_cost_nothing() {
    let script = Show::with(|packets| {
        for n in (0..packets.len()).rev() {
            let mut other = packets[n].clone();
            put(&mut other, 8, &(n as u32).to_be_bytes());
            packets.insert(n, other);
        }
    });
    assert_seen("one of another source before each", &script, 2 * GOOD, 2 * GOOD + 1..=2 * GOOD + 1);
}

#[test]
fn a_flood_costs_nothing_but_itself() {
    const PACKETS: usize = 5_000;
    for in_frames in [false, true] {
        let mut show = Show::new();
        for n in 0..PACKETS {
            if in_frames {
                show.sender.timestamp = show.sender.timestamp.wrapping_add(1);
            }
            let mut packet = show.sender.header(false);
            packet.extend((0..1_300).map(|at| (at * n) as u8));
            show.steps.push(Step::Packet(0, packet));
        }
        show.sender.timestamp = show.sender.timestamp.wrapping_add(Sender::INTERVAL);
        // What follows by UDP would find a full buffer.
        show.steps.push(Step::Silence(Duration::from_millis(700)));
        let last = 2 * GOOD - 1;
        assert_seen("a flood", &show.end(), last, 2 * GOOD..=2 * GOOD);
    }
}

#[test]
fn silence_in_a_frame_costs_nothing() {
    let mut show = Show::new();
    show.lie(|_| {});
    let middle = show.steps.len() - 5;
    show.steps.insert(middle, Step::Silence(Duration::from_millis(1_500)));
    assert_seen("silence", &show.end(), 2 * GOOD, 2 * GOOD + 1..=2 * GOOD + 1);
}

#[test]
fn a_silent_server_is_left_in_time() {
    for transport in Transport::ALL {
        let mut show = Show::new();
        show.lie(|packets| packets.truncate(4));
        let script = Script { steps: show.steps, ..Script::default() };
        let (report, _) = viewer::watch_closely(&script.serve(), transport, &["--duration", "2"], LIMIT);
        assert_eq!(report.number("frames_complete"), GOOD as u64, "{transport}: {report:?}");
    }
}

#[test]
fn wrong_channels_cost_one_frame() {
    for channel in [1, 2, 3, 255] {
        let mut show = Show::new();
        let at = show.steps.len();
        show.lie(|_| {});
        for step in &mut show.steps[at..] {
            if let Step::Packet(to, _) = step {
                *to = channel;
            }
        }
        assert_seen(&format!("channel {channel}"), &show.end(), 2 * GOOD, 2 * GOOD..=2 * GOOD);
    }
    for packet in [vec![], vec![0x80], vec![0xff; 60_000], vec![0x81, 201, 0xff, 0xff]] {
        let mut show = Show::new();
        show.steps.push(Step::Packet(0, packet.clone()));
        show.steps.push(Step::Packet(1, packet));
        assert_seen("no packets at all", &show.end(), 2 * GOOD - 1, 2 * GOOD..=2 * GOOD);
    }
}

#[test]
fn nonsense_in_play_replies_costs_nothing() {
    for header in [
        "RTP-Info: url=rtsp://elsewhere/;seq=99999999;rtptime=-1\r\n",
        "RTP-Info: url=track0;seq=12345;rtptime=4294967295\r\n",
        "RTP-Info: ;;;,,,seq=seq=;rtptime\r\n",
        "RTP-Info:\r\n",
        "Range: npt=99999999999-0\r\n",
        "Range: clock=19960213T143205Z-\r\nScale: 0\r\nSpeed: -7\r\n",
        "Scale: 1e9\r\nSpeed: 1000000\r\n",
    ] {
        let script = Script { play: header.to_owned(), ..Show::new().end() };
        assert_seen(header, &script, 2 * GOOD - 1, 2 * GOOD..=2 * GOOD);
    }
}

#[test]
fn nonsense_in_the_description_costs_nothing() {
    for line in [
        "a=x-dimensions:65535,65535",
        "a=x-dimensions:0,0",
        "a=x-dimensions:-1,99999999999",
        "a=framerate:1000000000",
        "a=framerate:0",
        "a=framerate:NaN",
        "a=framerate:0.0000001",
        "a=rtpmap:26 JPEG/4294967296",
        "a=range:npt=-",
    ] {
        let mut script = Show::new().end();
        script.description += &format!("{line}\r\n");
        assert_seen(line, &script, 2 * GOOD - 1, 2 * GOOD..=2 * GOOD);
    }
}

#[test]
fn a_short_description_is_exit_code_1() {
    let description = Script::default().description;
    for len in ["1000", "4294967295", "99999999999999999999", "-1", "ten", "20"] {
        let script = Script { content_length: Some(len.to_owned()), ..Script::default() };
        let begin = Instant::now();
        let done = viewer::run_viewer(&["--transport", "tcp", &script.serve()]);
        assert_eq!(done.status.code(), Some(1), "{len} for {}: {done:?}", description.len());
        assert_eq!(done.stderr.lines().count(), 1, "{len}: {}", done.stderr);
        // As long as a response is waited for.
        assert!(begin.elapsed() < Duration::from_secs(12), "{len}: {:?}", begin.elapsed());
    }
}
