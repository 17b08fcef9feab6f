//! Drives a server on sockets that has users and TLS, by clients that know no password. Nobody may be told or sent
//! anything, and the server must go on.
#![no_main]
use libfuzzer_sys::fuzz_target;
use pinhole::auth::{Algorithm, Ha1};
use pinhole_std::client::{Client, Options};
use pinhole_std::media::{Library, Playback};
use pinhole_std::server::{self, AddressList, Server, User, Users};
use pinhole_std::tls::{Fingerprint, Identity};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

/// How many inputs come between two looks at whether the server still answers.
const LOOK_EVERY: u32 = 200;
/// How long a client waits for more of an answer.
const PATIENCE: Duration = Duration::from_millis(2);
/// How long the server may take to answer one that only asks whether it is there.
const LIMIT: Duration = Duration::from_secs(20);

struct Target {
    rtsp: SocketAddr,
    tls: SocketAddr,
    hello: Vec<u8>,
    inputs: AtomicU32,
}

/// The server, which runs until the process ends.
fn target() -> &'static Target {
    static TARGET: OnceLock<Target> = OnceLock::new();
    TARGET.get_or_init(|| {
        let mut library = Library::new(Playback::default());
        library.add_path(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../video/bunny288.mjpeg"));
        let listen: SocketAddr = (Ipv4Addr::LOCALHOST, 0).into();
        let mut server = Server::bind(&server::Options::new(listen), library).expect("a port is free");
        let directory = tempfile::tempdir().expect("a directory can be made");
        let identity =
            Identity::self_signed(&directory.path().join("key"), []).expect("a certificate is made");
        let tls = server.listen_tls(listen, identity).expect("another port is free");
        let mut users = Users::new("cameras").expect("a realm").with_basic();
        let ha1 =
            |algorithm| Some(Ha1::new(algorithm, b"anna", "cameras", b"a password that is not guessed"));
        users
            .add(User {
                name: "anna".into(),
                sha256: ha1(Algorithm::Sha256),
                md5: ha1(Algorithm::Md5),
                read: vec!["*".into()],
                addresses: AddressList::default(),
            })
            .expect("there is room for one");
        server.require_login(users).expect("there is randomness");
        let rtsp = server.local_addr();
        thread::spawn(move || server.run(|_| {}));
        Target { rtsp, tls, hello: client_hello(), inputs: AtomicU32::new(0) }
    })
}

fuzz_target!(|input: (bool, Vec<(u8, Vec<u8>)>)| {
    let target = target();
    let (inside_tls, pieces) = input;
    let number = target.inputs.fetch_add(1, Ordering::Relaxed);
    if number.is_multiple_of(LOOK_EVERY) {
        look(target);
    }
    let Some(mut client) = connect(number, if inside_tls { target.tls } else { target.rtsp }) else { return };
    let mut answer = Vec::new();
    for (cseq, (kind, bytes)) in pieces.iter().take(8).enumerate() {
        if client.write_all(&piece(target, cseq, *kind, bytes)).is_err() {
            break;
        }
        let mut buffer = [0; 4096];
        while let Ok(len @ 1..) = client.read(&mut buffer) {
            answer.extend_from_slice(&buffer[..len]);
        }
    }
    let answer = String::from_utf8_lossy(&answer);
    for secret in ["application/sdp", "\nSession:", "image/jpeg"] {
        assert!(!answer.contains(secret), "{secret:?} in {answer}");
    }
});

/// Returns what a client sends.
fn piece(target: &Target, cseq: usize, kind: u8, bytes: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(bytes);
    let request = |method: &str, fields: &str| {
        let url = format!("rtsp://{}/bunny288", target.rtsp);
        format!("{method} {url} RTSP/1.0\r\nCSeq: {cseq}\r\n{fields}\r\n").into_bytes()
    };
    match kind % 8 {
        0 => bytes.to_vec(),
        1 => request("DESCRIBE", ""),
        2 => request("SETUP", "Transport: RTP/AVP/TCP;interleaved=0-1\r\n"),
        3 => request("DESCRIBE", &format!("Authorization: Digest {text}\r\n")),
        4 => request(
            "DESCRIBE",
            &format!(
                "Authorization: Digest username=\"anna\", realm=\"cameras\", nonce=\"{text}\", \
                 uri=\"rtsp://{}/bunny288\", response=\"{text}\", algorithm=SHA-256, qop=auth, nc=00000001, \
                 cnonce=\"{text}\"\r\n",
                target.rtsp
            ),
        ),
        5 => request("PLAY", &format!("Authorization: Basic {text}\r\nSession: {text}\r\n")),
        6 => format!("GET /{text} HTTP/1.1\r\nHost: h\r\nx-sessioncookie: {text}\r\n\r\n").into_bytes(),
        _ => {
            let mut hello = target.hello.clone();
            for pair in bytes.chunks_exact(2) {
                let at = usize::from(pair[0]) % hello.len();
                hello[at] = pair[1];
            }
            hello
        }
    }
}

/// Connects from another address each time: who has guessed is made to wait, by its address.
fn connect(number: u32, to: SocketAddr) -> Option<TcpStream> {
    let [_, a, b, c] = (number % 0xFF_FFFE + 1).to_be_bytes();
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).ok()?;
    socket.bind(&SocketAddr::from((Ipv4Addr::new(127, a, b, c), 0)).into()).ok()?;
    // Closed by a reset, so that no port waits.
    socket.set_linger(Some(Duration::ZERO)).ok()?;
    socket.connect(&to.into()).ok()?;
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    Some(stream)
}

/// Checks that the server answers.
fn look(target: &Target) {
    let mut client = TcpStream::connect(target.rtsp).expect("it listens");
    client.set_read_timeout(Some(LIMIT)).expect("it is not zero");
    client.write_all(b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n").expect("it takes a request");
    let mut answer = [0; 12];
    client.read_exact(&mut answer).expect("it answers");
    assert_eq!(&answer, b"RTSP/1.0 200");
}

/// Returns the ClientHello of a client.
fn client_hello() -> Vec<u8> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    let url = format!("rtsps://{}/x", listener.local_addr().expect("it is bound"));
    let options = Options { tls_fingerprint: Some(Fingerprint::of(b"")), ..Options::default() };
    let client = thread::spawn(move || {
        let mut client = Client::connect(&url, &options).expect("it is listened to");
        while client.turn(Duration::from_millis(50)).is_ok() && client.is_connected() {}
    });
    let (mut stream, _) = listener.accept().expect("it connects");
    let mut hello = vec![0; 5];
    stream.read_exact(&mut hello).expect("the head of a record");
    let len = usize::from(u16::from_be_bytes([hello[3], hello[4]]));
    hello.resize(5 + len, 0);
    stream.read_exact(&mut hello[5..]).expect("a record");
    drop(stream);
    client.join().expect("it gives up");
    hello
}
