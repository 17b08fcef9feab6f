//! Drives a server connection with requests, bytes, datagrams and time in any order. What it sends
//! must always be a sequence of whole replies and `$` messages.
#![no_main]
use libfuzzer_sys::{arbitrary, fuzz_target};
use pinhole::codec::jpeg::{Header, Sampling, TRACK};
use pinhole::frame::{Frame, FrameSink};
use pinhole::frame::{FrameRing, Slot};
use pinhole::rtsp::{Message, Parsed, Status, parse};
use pinhole::sdp::{AddressType, Presentation, Track};
use pinhole::server::{Action, Answered, Application, Config, Port, PortPair, Request, ServerConn};
use pinhole::time::{Duration, Instant, MediaTime, Now, NtpTime};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 7));
const METHODS: [&str; 7] = ["OPTIONS", "DESCRIBE", "SETUP", "PLAY", "PAUSE", "TEARDOWN", "GET_PARAMETER"];
const FIELDS: [&str; 9] = [
    "",
    "Transport: RTP/AVP;client_port=5000-5001\r\n",
    "Transport: RTP/AVP/TCP;interleaved=0-1\r\n",
    "Transport: RTP/AVP/TCP;interleaved=1-0\r\n",
    "Range: npt=0.1-\r\n",
    "Range: npt=0-0.1\r\n",
    "Range: npt=now-\r\n",
    "Scale: -2\r\nSpeed: 3\r\n",
    "Content-Length: 2000\r\n",
];

#[derive(arbitrary::Arbitrary, Debug)]
enum Step<'a> {
    Request { method: u8, fields: u8, track: u8, named: bool, extra: &'a [u8] },
    Bytes(&'a [u8]),
    Data { channel: u8, payload: &'a [u8] },
    Datagram { port: u16, socket: u8, rtp: bool, bytes: &'a [u8] },
    Wait { millis: u16 },
    Write { len: u16 },
    Transmit { segments: u8, sent: u8, too_big: bool },
    Frame { scan_len: u16, pts: u16 },
    End,
    Answer(Answer),
    Close,
    Lost,
}

fuzz_target!(|input: (bool, u16, Vec<Step<'_>>)| {
    let (keep, max_packet, steps) = input;
    let mut now = Now { at: Instant::from_micros(1 << 40), ntp: NtpTime(1) };
    let mut config = Config::DEFAULT;
    config.max_packet = max_packet.min(9000);
    let mut storage = vec![0; config.storage_len(600)];
    let mut conn = ServerConn::new(config, now, SocketAddr::new(PEER, 40_000));
    let mut store = [(); 2].map(|()| FrameRing::new(TRACK, [Slot::EMPTY; 8], vec![0; 50_000]));
    let mut out = Vec::new();
    let mut session = String::new();
    let mut answer = Answer::Later;
    for (cseq, step) in steps.iter().enumerate() {
        let mut said = Vec::new();
        match *step {
            Step::Request { method, fields, track, named, extra } => {
                let method = METHODS[usize::from(method) % METHODS.len()];
                let fields = FIELDS[usize::from(fields) % FIELDS.len()];
                let id = if named { format!("Session: {session}\r\n") } else { String::new() };
                let head = format!(
                    "{method} rtsp://h/clip/track{} RTSP/1.0\r\nCSeq: {cseq}\r\n{id}{fields}",
                    track % 3
                );
                said = [head.as_bytes(), extra, b"\r\n\r\n"].concat();
            }
            Step::Bytes(bytes) => said = bytes.to_vec(),
            Step::Data { channel, payload } => {
                let len = payload.len().min(u16::MAX.into());
                let header = pinhole::rtsp::interleaved::Header { channel, len: len as u16 };
                said = [&header.emit()[..], &payload[..len]].concat();
            }
            Step::Datagram { port, socket, rtp, bytes } => {
                let port_of = if rtp { Port::Rtp } else { Port::Rtcp };
                conn.handle_datagram(now, SocketAddr::new(PEER, port), socket % 2, port_of, bytes);
            }
            Step::Wait { millis } => now.at = now.at + Duration::from_millis(u64::from(millis)),
            Step::Write { len } => {
                let mut turn = conn.turn(now, &mut storage);
                if let Some(chunk) = turn.poll_stream(&store[..]) {
                    let mut buffer = vec![0; usize::from(len)];
                    let filled = chunk.fill(&mut buffer);
                    assert!(filled > 0 || len == 0);
                    chunk.advance(filled);
                    out.extend(&buffer[..filled]);
                }
            }
            Step::Transmit { segments, sent, too_big } => {
                if let Some(mut pending) = conn.poll_transmit(now, &store[..]) {
                    assert_eq!(pending.to().ip(), PEER);
                    let mut buffer = [0; 65_536];
                    let batch = pending.emit(usize::from(segments), &mut buffer).unwrap();
                    assert!(batch.len <= 65_507 && batch.count == batch.len.div_ceil(batch.segment));
                    if too_big {
                        pending.too_big();
                    } else {
                        pending.commit(usize::from(sent));
                    }
                }
            }
            Step::Frame { scan_len, pts } => {
                let pts = MediaTime::from_micros(u64::from(pts) * 1000);
                store.iter_mut().for_each(|ring| push(ring, scan_len, pts, keep));
            }
            Step::End => store[0].end(),
            Step::Answer(next) => answer = next,
            Step::Close => conn.close(),
            Step::Lost => conn.disconnected(),
        }
        let mut rest = &said[..];
        loop {
            let mut turn = conn.turn(now, &mut storage);
            turn.set_ports(Some(PortPair { socket: 0, rtp: 6000, rtcp: 6001 }));
            let taken = turn.handle_stream(rest).unwrap_or(0);
            rest = &rest[taken..];
            turn.serve(&mut Program { store: &store, answer });
            if taken == 0 {
                break;
            }
        }
        let _ = conn.poll_at(&store[..]);
        take_apart(&mut out, &mut session);
    }
});

/// What the application answers from a step on.
#[derive(arbitrary::Arbitrary, Clone, Copy, Debug)]
enum Answer {
    Accept,
    AcceptLive,
    Refuse,
    Proceed,
    Later,
    Respond { status: u16, body: u8 },
}

type Ring = FrameRing<[Slot; 8], Vec<u8>>;

struct Program<'a> {
    store: &'a [Ring; 2],
    answer: Answer,
}

impl Application for Program<'_> {
    type Store = [Ring];

    fn store(&self) -> &[Ring] {
        self.store
    }

    fn request(&mut self, request: Request<'_>) -> Answered {
        let live = match self.answer {
            Answer::Accept => false,
            Answer::AcceptLive => true,
            Answer::Refuse => return request.refuse(Status::NOT_FOUND, &[("X-Why", "none"); 2]),
            Answer::Proceed => return request.proceed(),
            Answer::Later => return request.later(),
            Answer::Respond { status, body } => {
                let status = Status(100 + status % 900);
                return request.respond(status, &[], "text/plain", &vec![b'a'; usize::from(body) * 8]);
            }
        };
        match request.action() {
            Action::Describe(describe) => describe.accept(&Presentation {
                name: "clip",
                session_id: 1,
                version: 1,
                address_type: AddressType::Ip4,
                duration: None,
                tracks: &[Track { info: TRACK, dimensions: Some((64, 48)), frame_rate: None }; 2],
            }),
            Action::Setup(setup) => setup.accept(0, &mut || 7),
            Action::Play(play) if live => play.accept_live(self.store()),
            Action::Play(play) => play.accept(self.store(), Some(MediaTime::from_micros(1_000_000))),
            other => other.into_request().proceed(),
        }
    }
}

/// A frame, whose header may be damaged.
fn push(ring: &mut Ring, scan_len: u16, pts: MediaTime, lie: bool) {
    let tables = [1; 64];
    let header = Header {
        width: 64,
        height: 48,
        sampling: Sampling::Yuv420,
        restart_interval: scan_len % 3,
        luma: &tables,
        chroma: &tables,
    };
    let mut file = vec![0; Header::MAX_LEN];
    let info = header.emit(&mut file).unwrap();
    file.truncate(info.scan as usize);
    file.resize(file.len() + usize::from(scan_len), 0);
    if lie && scan_len.is_multiple_of(5) {
        file[usize::from(scan_len) % info.scan as usize] ^= 0x55;
    }
    if ring.push(&Frame::intra(&file, pts.to_ticks(TRACK.clock_rate), 3_600)).is_err() {
        ring.abandon(0);
    }
}

fn take_apart(out: &mut Vec<u8>, session: &mut String) {
    loop {
        let len = match parse(out).expect("what a server says can be read") {
            Parsed::Partial => return,
            Parsed::Skip(_) => panic!("an empty line between messages"),
            Parsed::Complete(Message::Request(_), _) => panic!("a server asks nothing"),
            Parsed::Complete(Message::Data(_), len) => len,
            Parsed::Complete(Message::Response(response), len) => {
                if let Some(id) = response.headers.get("Session") {
                    *session = String::from_utf8_lossy(id.split(|b| *b == b';').next().unwrap()).into();
                }
                len
            }
        };
        out.drain(..len);
    }
}
