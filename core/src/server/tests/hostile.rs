//! Nothing that comes in, in whatever order, makes the connection panic, hang, or say anything but
//! whole replies and `$` messages.
use super::*;
use proptest::prelude::*;

/// Files that are no JPEG which RFC 2435 can carry.
fn unusable() -> Vec<Vec<u8>> {
    let file = picture(3000);
    let with = |at: usize, byte: u8| {
        let mut file = file.clone();
        file[at] = byte;
        file
    };
    let sof = file.windows(2).position(|bytes| bytes == [0xFF, 0xC0]).unwrap();
    vec![
        Vec::new(),
        picture(0),
        file[..300].to_vec(),
        // Not SOI, progressive, a table that is not there, a table of 16 bits.
        with(1, 0xD9),
        with(sof + 1, 0xC2),
        with(sof + 12, 2),
        with(6, 0x10),
    ]
}

#[test]
fn a_frame_that_cannot_be_carried_is_left_out() {
    for transport in [UDP, TCP] {
        let mut clip = Clip::of(9, 3000);
        for (frame, file) in clip.frames.iter_mut().skip(1).zip(unusable()) {
            frame.0 = file;
        }
        let mut bench = Bench::of(clip);
        bench.start(transport, "");
        bench.run(seconds(1));
        let sent: Vec<_> = match transport {
            UDP => bench.rtp().into_iter().map(|(_, packet)| packet).collect(),
            _ => bench.channel(0).iter().map(|bytes| rtp(bytes)).collect(),
        };
        assert_eq!(sent.len(), 2 * 3, "the first and the last");
        let skipped = bench.told.iter().map(|told| if let Told::Skipped(n) = told { *n } else { 0 });
        assert_eq!(skipped.sum::<u64>(), 7);
        assert_eq!(bench.told.last(), Some(&Told::Ended));
    }
}

#[derive(Clone, Debug)]
enum Step {
    Request(&'static str, &'static str, bool),
    Bytes(Vec<u8>),
    Datagram(u16, u8, bool, Vec<u8>),
    Wait(u64),
    Window(usize),
    Overrun(u64),
    Frame(usize),
    Answer,
    Close,
    Lost,
}

const METHODS: [&str; 9] =
    ["OPTIONS", "DESCRIBE", "SETUP", "PLAY", "PAUSE", "TEARDOWN", "GET_PARAMETER", "PLAY", "SETUP"];
const FIELDS: [&str; 13] = [
    UDP,
    TCP,
    "Transport: RTP/AVP/TCP;interleaved=1-0\r\n",
    "Range: npt=0.2-\r\n",
    "Range: npt=0.1-0.2\r\n",
    "Range: npt=now-\r\n",
    "Scale: -2\r\n",
    "Scale: 4\r\nSpeed: 3\r\n",
    "Scale: 0\r\n",
    "Content-Length: 3\r\n\r\nabc",
    "Content-Length: 4000\r\n",
    "Require: x\r\n",
    "",
];

fn steps() -> impl Strategy<Value = Step> {
    let request = (prop::sample::select(&METHODS[..]), prop::sample::select(&FIELDS[..]), any::<bool>());
    let bytes = prop::collection::vec(any::<u8>(), 0..40);
    prop_oneof![
        12 => request.prop_map(|(method, field, named)| Step::Request(method, field, named)),
        2 => bytes.clone().prop_map(Step::Bytes),
        1 => bytes.clone().prop_map(|payload| {
            let header = crate::rtsp::interleaved::Header { channel: 1, len: payload.len() as u16 };
            Step::Bytes([&header.emit()[..], &payload].concat())
        }),
        2 => (4999u16..5003, 2u8..5, any::<bool>(), bytes)
            .prop_map(|(port, socket, rtp, bytes)| Step::Datagram(port, socket, rtp, bytes)),
        6 => prop_oneof![0u64..100, 900u64..3000, Just(61_000)].prop_map(Step::Wait),
        3 => prop_oneof![Just(0usize), 1..2000usize, Just(usize::MAX)].prop_map(Step::Window),
        1 => (0u64..10).prop_map(Step::Overrun),
        1 => prop_oneof![0usize..50_000].prop_map(Step::Frame),
        2 => Just(Step::Answer),
        1 => Just(Step::Close),
        1 => Just(Step::Lost),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn whatever_comes_in_what_goes_out_is_well_formed(
        steps in prop::collection::vec(steps(), 1..40),
        ended: bool,
        slow: bool,
    ) {
        let mut clip = Clip::of(10, 3000);
        clip.ended = ended;
        clip.frames[4].0 = unusable().remove(3);
        let mut bench = Bench::of(clip);
        bench.slow = slow;
        let mut id = String::new();
        for step in steps {
            match step {
                Step::Request(method, fields, named) => {
                    bench.cseq += 1;
                    let session = if named { format!("Session: {id}\r\n") } else { String::new() };
                    let cseq = bench.cseq;
                    bench.receive(format!("{method} {URL}/track{} RTSP/1.0\r\nCSeq: {cseq}\r\n{session}{fields}\r\n", cseq % 3));
                }
                Step::Bytes(bytes) => bench.receive(bytes),
                Step::Datagram(port, socket, rtp, bytes) => {
                    let port_of = if rtp { Port::Rtp } else { Port::Rtcp };
                    let (now, from) = (bench.now(), SocketAddr::new(PEER, port));
                    bench.conn.handle_datagram(now, from, socket, port_of, &bytes);
                }
                Step::Wait(span) => bench.run(millis(span)),
                Step::Window(window) => bench.window = window,
                Step::Overrun(first) => bench.store.first = bench.store.first.max(first),
                Step::Frame(scan_len) => {
                    let n = bench.store.frames.len() as u64;
                    bench.store.push(scan_len, pts(n));
                }
                Step::Answer => {
                    bench.answer();
                    bench.slow = slow;
                }
                Step::Close => bench.conn.close(),
                Step::Lost => bench.conn.disconnected(),
            }
            let (sent, _) = take_apart(&bench.out);
            for sent in &sent {
                match sent {
                    Sent::Reply(reply) if !reply.get("Session").is_empty() => {
                        id = reply.get("Session").split(';').next().unwrap().into();
                    }
                    Sent::Reply(reply) => prop_assert!(reply.status >= 200),
                    // Channels are the client's or free ones: which of a pair it is, its bytes tell.
                    Sent::Data(_, bytes) => prop_assert!(
                        rtcp::Compound::new(bytes).all(|packet| packet.is_ok())
                            || jpeg::Payload::parse(rtp::Packet::new_checked(&bytes[..]).unwrap().payload()).is_ok()
                    ),
                }
            }
            for datagram in core::mem::take(&mut bench.datagrams) {
                prop_assert_eq!(datagram.to.ip(), PEER);
                match datagram.port {
                    Port::Rtp => { rtp(&datagram.bytes); }
                    Port::Rtcp => { sender_report(&datagram.bytes); }
                }
            }
        }
        // In the end everything is let go.
        bench.answer();
        bench.window = 0;
        bench.store.ended = true;
        bench.run(seconds(200));
        prop_assert!(matches!(bench.told.last(), Some(Told::Disconnect(_) | Told::Closed(..))), "{:?}", bench.told.last());
        prop_assert_eq!(bench.next(), None);
    }
}
