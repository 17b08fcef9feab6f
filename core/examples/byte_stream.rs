//! A server on any stream of bytes: the core with `embedded_io`, and no network of its own.
//!
//!     cargo run -p pinhole --example byte_stream -- CLIP.mjpeg [ADDRESS:PORT]
//!
//! [`serve`] is what firmware takes over: it knows a stream that can be read and written, as of a modem
//! or of a TCP/IP stack with `embedded_io`, a clock, and how to wait. Media travel interleaved with RTSP
//! (RFC 2326, 10.12). The rest makes such a stream of a host's TCP connection, and frames of a file.
use embedded_io::{ErrorType, Read, ReadReady, Write, WriteReady};
use pinhole::codec::jpeg::Splitter;
use pinhole::codec::jpeg::{self, JpegInfo, RecodeOptions, TRACK};
use pinhole::frame::{Frame, FrameId, FrameStore, Miss, Seek, TrackId, TrackInfo};
use pinhole::random::Random;
use pinhole::rtsp::Url;
use pinhole::sdp::{AddressType, FrameRate, Presentation, Track};
use pinhole::server::{Application, Catalog, CatalogApp, Config, Notice, ServerConn};
use pinhole::time::{Duration, Instant, MediaTime, Now, NtpTime};
use std::error::Error;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::{env, fs, thread};

/// The path of the URL.
const PATH: &str = "clip";

/// Serves one client until it or the connection is gone. `storage` has [`Config::storage_len`] bytes.
///
/// `clock` returns the time. `wait` waits until the time that it is given, or until there is input or room for
/// output.
///
/// # Errors
/// Those of the stream.
pub fn serve<T: Read + ReadReady + Write + WriteReady>(
    stream: &mut T,
    mut conn: ServerConn,
    storage: &mut [u8],
    app: &mut (impl Application + ?Sized),
    mut clock: impl FnMut() -> Now,
    mut wait: impl FnMut(Option<Instant>),
) -> Result<(), T::Error> {
    let (mut input, mut output) = ([0; 256], [0; 512]);
    loop {
        let mut turn = conn.turn(clock(), storage);
        while turn.error().is_none() && turn.stream_room() > 0 && stream.read_ready()? {
            let room = turn.stream_room().min(input.len());
            let len = stream.read(&mut input[..room])?;
            if len == 0 {
                turn.disconnected();
            }
            // Fails after the end only, which the loop looks at.
            let _ = turn.handle_stream(&input[..len]);
            turn.serve(app);
        }
        turn.serve(app);

        let mut open = stream.write_ready()?;
        while open && let Some(chunk) = turn.poll_stream(app.store()) {
            let len = chunk.fill(&mut output);
            // What the stream did not take comes again.
            chunk.advance(stream.write(&output[..len])?);
            open = stream.write_ready()?;
        }
        turn.serve(app);
        if turn.error().is_some() {
            return stream.flush();
        }
        wait(conn.poll_at(app.store()).earliest(open, true));
    }
}

/// A TCP connection, read and written without waiting.
struct Connection {
    socket: TcpStream,
    /// What was written and is not sent.
    unsent: Vec<u8>,
}

impl ErrorType for Connection {
    type Error = io::Error;
}

impl Read for Connection {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        io::Read::read(&mut self.socket, buffer)
    }
}

impl ReadReady for Connection {
    fn read_ready(&mut self) -> io::Result<bool> {
        match self.socket.peek(&mut [0]) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
            peeked => peeked.map(|_| true),
        }
    }
}

impl Write for Connection {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.unsent.extend(bytes);
        self.flush()?;
        Ok(bytes.len())
    }

    /// Sends what there is room for.
    fn flush(&mut self) -> io::Result<()> {
        while !self.unsent.is_empty() {
            match io::Write::write(&mut self.socket, &self.unsent) {
                Ok(sent) => drop(self.unsent.drain(..sent)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl WriteReady for Connection {
    fn write_ready(&mut self) -> io::Result<bool> {
        self.flush()?;
        Ok(self.unsent.is_empty())
    }
}

/// What is served: one clip.
struct Media<'a> {
    /// The system's random key, and how many numbers were drawn with it.
    random: (&'a RandomState, u64),
    session_id: u64,
    duration: Duration,
    tracks: &'a [Track<'a>],
}

impl Random for Media<'_> {
    fn random(&mut self) -> u64 {
        let (key, drawn) = &mut self.random;
        *drawn += 1;
        key.hash_one((self.session_id, *drawn))
    }
}

impl Catalog for Media<'_> {
    fn find(&self, url: &Url<'_>) -> Option<u16> {
        url.path_is(PATH).then_some(0)
    }

    fn describe(&self, _: u16) -> Presentation<'_> {
        Presentation {
            name: PATH,
            session_id: self.session_id,
            version: 1,
            address_type: AddressType::Ip4,
            duration: Some(self.duration),
            tracks: self.tracks,
        }
    }

    fn notice(&mut self, peer: SocketAddr, notice: Notice) {
        println!("{peer}: {notice:?}");
    }
}

/// A clip in memory, at 30 frames a second.
struct Clip(Vec<(Vec<u8>, JpegInfo)>);

impl Clip {
    const RATE: u64 = 30;

    fn open(path: &str) -> Result<Self, Box<dyn Error>> {
        let file = fs::read(path)?;
        let (mut splitter, mut rest, mut frames) = (Splitter::new(1 << 24), &file[..], vec![]);
        loop {
            let (taken, found) = splitter.push(rest);
            rest = &rest[taken..];
            let Some(found) = found.or_else(|| splitter.finish()) else { break };
            let picture = &file[found.start as usize..found.end() as usize];
            // As RTP/JPEG can carry it.
            let mut out = vec![0; jpeg::recode_max_len(picture.len())];
            let recoded = jpeg::recode(picture, &mut out, RecodeOptions::default())?;
            out.truncate(recoded.len);
            frames.push((out, recoded.info));
        }
        if frames.is_empty() { Err("there is no JPEG picture in it".into()) } else { Ok(Self(frames)) }
    }

    fn time_of(id: u64) -> Duration {
        Duration::from_secs(1).scaled(id, Self::RATE)
    }
}

impl FrameStore for Clip {
    fn info(&self, _: TrackId) -> Option<TrackInfo<'_>> {
        Some(TRACK)
    }

    fn frame(&self, _: TrackId, id: FrameId) -> Result<Frame<'_>, Miss> {
        let (data, _) = self.0.get(id.0 as usize).ok_or(Miss::End)?;
        let interval = u64::from(TRACK.clock_rate) / Self::RATE;
        Ok(Frame::intra(data, id.0 * interval, interval as u32))
    }

    fn seek(&self, _: TrackId, to: Seek) -> Result<FrameId, Miss> {
        let Seek::To(time) = to else { return Ok(FrameId(0)) };
        let found = (0..self.0.len() as u64).find(|id| MediaTime::ZERO + Self::time_of(*id) >= time);
        Ok(FrameId(found.unwrap_or(self.0.len() as u64)))
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let path = arguments.next().ok_or("usage: byte_stream CLIP.mjpeg [ADDRESS:PORT]")?;
    let clip = Clip::open(&path).map_err(|error| format!("{path}: {error}"))?;
    let listener = TcpListener::bind(arguments.next().as_deref().unwrap_or("127.0.0.1:8554"))?;
    println!("rtsp://{}/{PATH}", listener.local_addr()?);

    let first = clip.0[0].1;
    let tracks = [Track {
        info: TRACK,
        dimensions: Some((first.width, first.height)),
        frame_rate: Some(FrameRate(Clip::RATE as u32 * 1_000)),
    }];
    let start = std::time::Instant::now();
    let clock = move || {
        let since = Duration::from_micros(start.elapsed().as_micros() as u64);
        Now { at: Instant::ZERO + since, ntp: NtpTime::from_unix(since) }
    };
    let key = RandomState::new();
    loop {
        let (socket, peer) = listener.accept()?;
        socket.set_nonblocking(true)?;
        socket.set_nodelay(true)?;
        let duration = Clip::time_of(clip.0.len() as u64);
        let mut media =
            Media { random: (&key, 0), session_id: clock().at.as_micros(), duration, tracks: &tracks };
        let mut app = CatalogApp { catalog: &mut media, store: &clip };
        let mut storage = [0; Config::DEFAULT.storage_len(1024)];
        let conn = ServerConn::new(Config::DEFAULT, clock(), peer);
        let mut stream = Connection { socket, unsent: vec![] };
        // A board sleeps until its modem has something; here a millisecond will do.
        let wait = |_| thread::sleep(std::time::Duration::from_millis(1));
        if let Err(error) = serve(&mut stream, conn, &mut storage, &mut app, clock, wait) {
            eprintln!("{peer}: {error}");
        }
    }
}
