//! Connections with a server that serves files from a disk with faults.
use super::disk::Disk;
use super::input::{Input, PICTURES, contained};
use super::jobs::Jobs;
use crate::media::{Library, Playback};
use pinhole::rtsp::{Message, Parsed, Status, parse};
use pinhole::sdp::FrameRate;
use pinhole::server::{Action, Answered, Application, Config, Port, PortPair, Request, ServerConn};
use pinhole::time::{Duration, Instant, Now, NtpTime};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::task::Waker;

const CLIENTS: usize = 2;
const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 7));
const METHODS: [&str; 9] =
    ["DESCRIBE", "SETUP", "PLAY", "PLAY", "PAUSE", "TEARDOWN", "GET_PARAMETER", "OPTIONS", "SET_PARAMETER"];
const FIELDS: [&str; 11] = [
    "",
    "Transport: RTP/AVP/TCP;interleaved=0-1\r\n",
    "Transport: RTP/AVP;unicast;client_port=5000-5001\r\n",
    "Range: npt=0.1-\r\n",
    "Range: npt=0-0.1\r\n",
    "Range: npt=now-\r\n",
    "Scale: -1\r\n",
    "Scale: 4\r\nRange: npt=0-\r\n",
    "Speed: 8\r\n",
    "Content-Length: 200\r\n",
    "Require: play.basic\r\n",
];
const MOUNTS: [&str; 4] = ["clip", "film", "stills", "nothing"];
/// The virtual time at the start.
const START: Instant = Instant::from_micros(1 << 40);
/// How many rounds a server gets at most to send all that is due within [`AFTER`].
const ROUNDS: usize = 4000;
/// How long a server goes on after an input: longer than its clips and its patience.
const AFTER: Duration = Duration::from_millis(100_000);

/// Two clients of a library over a disk: their requests, bytes and datagrams, in any order and pieces; loaders
/// whose reads fail, and whose jobs end in any order; files that are cut off or replaced. What the server sends
/// must be whole replies and `$` messages, and it must come to rest.
///
/// # Panics
/// If that does not hold.
pub fn server(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let mut test = Test::new(&mut input);
    while !input.is_over() {
        test.step(&mut input);
    }
    test.rest();
}

struct Test {
    disk: Disk,
    library: Library,
    clients: Vec<Client>,
    jobs: Jobs,
    now: Now,
    cseq: u32,
}

struct Client {
    conn: ServerConn,
    storage: Vec<u8>,
    /// What the client has sent, and the server has not taken.
    unread: Vec<u8>,
    received: Vec<u8>,
    session: String,
    is_open: bool,
}

impl Test {
    fn new(input: &mut Input<'_>) -> Self {
        let how = super::normalising(1400);
        let disk = Disk::default();
        let pictures =
            |from: usize| PICTURES[from..].iter().map(|picture| picture.to_vec()).collect::<Vec<_>>();
        disk.add("clip.mjpeg", contained(0, &pictures(0)));
        disk.add("film.avi", contained(1, &pictures(3)));
        disk.add("a.jpg", PICTURES[0].to_vec());
        disk.add("b.jpg", PICTURES[1].to_vec());
        let playback = Playback { frame_rate: FrameRate(25_000), repeat: input.is_set() };
        let mut library = Library::over(Arc::new(disk.clone()), playback, how, 8000 * input.below(4));
        library.add_path("clip.mjpeg".as_ref());
        library.add_path("film.avi".as_ref());
        let pictures = vec!["a.jpg".into(), "b.jpg".into()];
        let _ = library.add_pictures("stills".as_ref(), None, pictures, None, &mut |_| ());
        assert_eq!(library.mounted().count(), 3);
        library.wake_by(Waker::noop().clone());
        let now = Now { at: START, ntp: NtpTime(1) };
        let mut config = Config::DEFAULT;
        config.max_packet = 200 + input.word() % 2000;
        let client = |port| Client {
            conn: ServerConn::new(config, now, SocketAddr::new(PEER, port)),
            storage: vec![0; config.storage_len(600)],
            unread: Vec::new(),
            received: Vec::new(),
            session: String::new(),
            is_open: true,
        };
        Self {
            disk,
            library,
            clients: (0..CLIENTS as u16).map(|n| client(40_000 + n)).collect(),
            jobs: Jobs::new(how),
            now,
            cseq: 0,
        }
    }

    fn step(&mut self, input: &mut Input<'_>) {
        let n = input.below(CLIENTS);
        match input.byte() % 16 {
            0..4 => {
                let request = self.request(n, input);
                self.say(n, &request, input);
            }
            4 => {
                let len = input.below(64);
                self.say(n, input.bytes(len), input);
            }
            5 => {
                let (channel, len) = (input.byte() % 4, input.below(64));
                let payload = input.bytes(len);
                let header = pinhole::rtsp::interleaved::Header { channel, len: payload.len() as u16 };
                let message = [&header.emit()[..], payload].concat();
                self.say(n, &message, input);
            }
            6 => {
                let port = if input.is_set() { Port::Rtp } else { Port::Rtcp };
                let from = SocketAddr::new(PEER, 4998 + u16::from(input.byte() % 8));
                let len = input.below(64);
                self.clients[n].conn.handle_datagram(self.now, from, 0, port, input.bytes(len));
            }
            7 => self.wait(Duration::from_millis(u64::from(input.byte()) << input.below(8))),
            8 => self.clients[n].write(self.now, &self.library, input.word().into()),
            9 => {
                let (segments, sent, is_too_big) = (input.byte(), input.byte(), input.byte() > 240);
                self.clients[n].transmit(self.now, &self.library, segments.into(), sent.into(), is_too_big);
            }
            10 => _ = self.begin(),
            11 => self.jobs.finish(self.library.loaded().pool(), input),
            12 => {
                let len = input.below(24);
                self.disk.fail(input.bytes(len));
            }
            13 => {
                let (file, len) = (input.below(4), input.word());
                self.disk.cut(file, len.into());
            }
            14 => {
                let (file, other) = (input.below(4), input.below(4));
                self.disk.replace(file, other);
            }
            _ => match input.byte() {
                0 => self.clients[n].conn.close(),
                1 => self.clients[n].conn.disconnected(),
                _ => self.disk.repair(),
            },
        }
        self.turn(n);
        for served in self.library.take_served() {
            self.turn(served);
        }
    }

    fn request(&mut self, n: usize, input: &mut Input<'_>) -> Vec<u8> {
        self.cseq += 1;
        let method = METHODS[input.below(METHODS.len())];
        let mount = MOUNTS[input.below(MOUNTS.len())];
        let track = if method == "DESCRIBE" { "" } else { "/track0" };
        let id = match input.is_set() {
            true => format!("Session: {}\r\n", self.clients[n].session),
            false => String::new(),
        };
        let fields = FIELDS[input.below(FIELDS.len())];
        let (cseq, more) = (self.cseq, FIELDS[input.below(FIELDS.len())]);
        format!("{method} rtsp://h/{mount}{track} RTSP/1.0\r\nCSeq: {cseq}\r\n{id}{fields}{more}\r\n").into()
    }

    /// Has a client send something in pieces.
    fn say(&mut self, n: usize, bytes: &[u8], input: &mut Input<'_>) {
        let piece = usize::from(input.byte()) + 1;
        for piece in bytes.chunks(piece) {
            self.clients[n].unread.extend(piece);
            self.turn(n);
        }
    }

    /// One turn of a connection, as an event loop has it.
    fn turn(&mut self, n: usize) {
        let client = &mut self.clients[n];
        client.read(self.now, &self.library);
        client.take_apart();
        self.library.end_turn(self.now.at, n, client.conn.wanted());
    }

    fn wait(&mut self, time: Duration) {
        self.now.at = self.now.at + time;
        (0..CLIENTS).for_each(|n| self.turn(n));
    }

    fn begin(&mut self) -> bool {
        self.jobs.begin(self.library.loaded().pool(), self.now.at.since(START))
    }

    /// From now on all is well with the disk, and everything that is due is sent at once.
    fn rest(&mut self) {
        self.disk.repair();
        let end = self.now.at + AFTER;
        for _ in 0..ROUNDS {
            self.jobs.run(self.library.loaded().pool(), self.now.at.since(START));
            self.library.take_served();
            for n in 0..CLIENTS {
                self.clients[n].write(self.now, &self.library, usize::MAX);
                self.clients[n].transmit(self.now, &self.library, 64, usize::MAX, false);
                self.turn(n);
            }
            let wakes = self.clients.iter().filter(|client| client.is_open);
            let wakes = wakes.map(|client| client.conn.poll_at(&self.library).earliest(true, true));
            match wakes.flatten().min() {
                None if self.begin() => {}
                None => return,
                Some(at) if at > end => return,
                Some(at) => self.now.at = self.now.at.max(at),
            }
        }
        panic!("the server does not come to rest");
    }
}

impl Client {
    fn read(&mut self, now: Now, library: &Library) {
        loop {
            let mut turn = self.conn.turn(now, &mut self.storage);
            turn.set_ports(Some(PortPair { socket: 0, rtp: 6000, rtcp: 6001 }));
            let taken = turn.handle_stream(&self.unread).unwrap_or(0);
            turn.serve(&mut Program { library, is_open: &mut self.is_open });
            self.unread.drain(..taken);
            if taken == 0 {
                return;
            }
        }
    }

    /// Writes up to `most` bytes.
    fn write(&mut self, now: Now, library: &Library, most: usize) {
        let mut buffer = vec![0; most.min(1 << 16)];
        let mut turn = self.conn.turn(now, &mut self.storage);
        while let Some(chunk) = turn.poll_stream(library) {
            let filled = chunk.fill(&mut buffer);
            chunk.advance(filled);
            self.received.extend(&buffer[..filled]);
            if most < usize::MAX || filled == 0 {
                return;
            }
        }
    }

    /// Sends one batch of datagrams, or all that are due.
    fn transmit(&mut self, now: Now, library: &Library, segments: usize, sent: usize, is_too_big: bool) {
        let mut buffer = vec![0; 1 << 16];
        while let Some(mut pending) = self.conn.poll_transmit(now, library) {
            assert_eq!(pending.to().ip(), PEER);
            let batch = pending.emit(segments, &mut buffer).expect("there is room");
            assert_eq!(batch.count, batch.len.div_ceil(batch.segment));
            if is_too_big {
                pending.too_big();
            } else {
                pending.commit(sent.min(batch.count));
            }
            if sent < usize::MAX {
                return;
            }
        }
    }

    /// Takes apart what was received.
    fn take_apart(&mut self) {
        loop {
            let len = match parse(&self.received).expect("what a server says can be read") {
                Parsed::Partial => return,
                Parsed::Skip(_) => panic!("an empty line between messages"),
                Parsed::Complete(Message::Request(_), _) => panic!("a server asks nothing"),
                Parsed::Complete(Message::Data(_), len) => len,
                Parsed::Complete(Message::Response(response), len) => {
                    if let Some(id) = response.headers.get("Session") {
                        let id = id.split(|byte| *byte == b';').next().unwrap_or_default();
                        self.session = String::from_utf8_lossy(id).into();
                    }
                    len
                }
            };
            self.received.drain(..len);
        }
    }
}

struct Program<'a> {
    library: &'a Library,
    is_open: &'a mut bool,
}

impl Application for Program<'_> {
    type Store = Library;

    fn store(&self) -> &Library {
        self.library
    }

    fn request(&mut self, request: Request<'_>) -> Answered {
        let library = self.library;
        match request.action() {
            Action::Describe(describe) => match library.find(&describe.url()) {
                None => describe.into_request().refuse(Status::NOT_FOUND, &[]),
                Some(media) => library.present(media, |presentation| match presentation {
                    Some(presentation) => describe.accept(&presentation),
                    None => describe.into_request().proceed(),
                }),
            },
            Action::Setup(setup) => match library.find(&setup.url()) {
                Some(media) if library.has_track(media, setup.track()) => setup.accept(media, &mut || 7),
                _ => setup.into_request().refuse(Status::NOT_FOUND, &[]),
            },
            Action::Play(play) => {
                let end = library.end(play.media());
                play.accept(library, end)
            }
            other => other.into_request().proceed(),
        }
    }

    fn notice(&mut self, _: SocketAddr, notice: pinhole::server::Notice) {
        if matches!(notice, pinhole::server::Notice::Disconnect(_)) {
            *self.is_open = false;
        }
    }
}
