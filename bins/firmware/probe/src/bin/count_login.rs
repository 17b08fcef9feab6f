//! Counts the instructions of a login with a wrong password, by the user and by nobody. [`probe::timer`] says how they are
//! counted.
#![no_std]
#![no_main]
use core::hint::black_box;
use core::net::{Ipv4Addr, SocketAddr};
use cortex_m_rt::entry;
use pinhole::auth::{Algorithm, Challenge, DigestResponse, Ha1, NonceKey};
use pinhole::frame::{Frame, FrameId, FrameStore, Miss, Seek, TrackId, TrackInfo};
use pinhole::rtsp::Status;
use pinhole::server::{Answered, Application, Config, LoginApp, Logins, Request, ServerConn, Users};
use pinhole::text::{Emit, SliceSink, TextWriter};
use pinhole::time::Now;
use probe::timer::{self, Timer};

#[entry]
fn main() -> ! {
    timer::measure(|timer| {
        for algorithm in [Algorithm::Md5, Algorithm::Sha256] {
            let counts = [log_in(timer, algorithm, USER)?, log_in(timer, algorithm, NOBODY)?];
            timer.report(algorithm.name(), &counts)?;
        }
        Some(())
    })
}

/// A store of nothing.
struct Empty;

impl FrameStore for Empty {
    fn info(&self, _: TrackId) -> Option<TrackInfo<'_>> {
        None
    }

    fn frame(&self, _: TrackId, _: FrameId) -> Result<Frame<'_>, Miss> {
        Err(Miss::End)
    }

    fn seek(&self, _: TrackId, _: Seek) -> Result<FrameId, Miss> {
        Err(Miss::End)
    }
}

const USER: &[u8] = b"camera";
/// The name of nobody, as long as that of the user.
const NOBODY: &[u8] = b"cinema";
const PASSWORD: &[u8] = b"a password of a usual length";
const REALM: &str = "camera";
const URL: &[u8] = b"rtsp://192.168.69.2/clip";

/// One user.
struct Account;

impl Users for Account {
    fn find(&self, name: &[u8]) -> Option<u16> {
        (name == USER).then_some(0)
    }

    fn ha1(&self, _: u16, algorithm: Algorithm) -> Option<Ha1> {
        let digits: &[u8] = match algorithm {
            Algorithm::Md5 => b"00000000000000000000000000000000",
            Algorithm::Sha256 => b"0000000000000000000000000000000000000000000000000000000000000000",
        };
        Ha1::from_hex(algorithm, digits)
    }
}

/// Refuses whatever it is asked.
struct Nothing;

impl Application for Nothing {
    type Store = Empty;

    fn store(&self) -> &Empty {
        &Empty
    }

    fn request(&mut self, request: Request<'_>) -> Answered {
        request.refuse(Status::NOT_FOUND, &[])
    }
}

/// All that a turn does for a request with credentials, of which each is looked at, whether they are right or not.
fn log_in(timer: &Timer, algorithm: Algorithm, user: &[u8]) -> Option<u32> {
    let mut storage = [0; Config::DEFAULT.storage_len(512)];
    let peer = SocketAddr::from((Ipv4Addr::new(10, 0, 0, 2), 40_000));
    let mut conn = ServerConn::new(Config::DEFAULT, Now::default(), peer);
    let mut logins = Logins::<4>::new(NonceKey::new(black_box([7; 32])));
    let mut ask = |request: &[&[u8]], reply: &mut [u8]| {
        let instructions = timer.counted(|| {
            let mut turn = conn.turn(Now::default(), &mut storage);
            for part in request {
                turn.handle_stream(part).ok()?;
            }
            turn.serve(&mut LoginApp { app: Nothing, users: &Account, realm: REALM, logins: &mut logins });
            Some(())
        });
        conn.turn(Now::default(), &mut storage).poll_stream(&Empty)?.write(reply);
        instructions
    };
    let describe = [b"DESCRIBE ", URL, b" RTSP/1.0\r\nCSeq: 1\r\n"];
    let [method, url, rest] = describe;
    let mut challenged = [0; 1000];
    ask(&[method, url, rest, b"\r\n"], &mut challenged)?;
    let challenge = challenged.split(|byte| *byte == b'\n').find_map(|line| {
        let value = line.trim_ascii().strip_prefix(b"WWW-Authenticate: ")?;
        Challenge::parse(value).find_map(|challenge| match challenge {
            Challenge::Digest(digest) if digest.algorithm == algorithm => Some(digest),
            _ => None,
        })
    })?;
    let mut answer = [0; 512];
    let mut out = TextWriter::new(SliceSink::new(&mut answer));
    DigestResponse { challenge, user, password: PASSWORD, method: "DESCRIBE", uri: URL, cnonce: 7, count: 1 }
        .emit(&mut out);
    let answer = out.finish().ok()?;
    ask(&[method, url, rest, b"Authorization: ", answer.written(), b"\r\n\r\n"], &mut [0; 1000])
}
