//! What one client, or many of them, cannot take from the others.
use super::common::{LIMIT, Serving, library, session_of};
use pinhole_std::media::{Library, Playback};
use pinhole_std::server::Options;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

const CLOSED: &str = "";

fn options() -> Options {
    Options::new((Ipv4Addr::LOCALHOST, 0).into())
}

/// An RTSP connection without media: all that comes is replies without a body.
struct Asking(TcpStream);

impl Asking {
    fn connect(serving: &Serving) -> Self {
        Self::over(TcpStream::connect(serving.address).unwrap())
    }

    /// Connects from another address of the loopback interface.
    fn connect_from(host: u8, to: SocketAddr) -> Self {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        let from = SocketAddr::new(IpAddr::from([127, 0, 0, host]), 0);
        socket.bind(&from.into()).unwrap();
        socket.connect(&to.into()).unwrap();
        Self::over(socket.into())
    }

    fn over(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self(stream)
    }

    fn send(&mut self, text: &str) {
        // The server may have closed it.
        let _ = self.0.write_all(text.as_bytes());
    }

    /// Returns the next reply; an empty one if the connection is closed.
    fn reply(&mut self) -> String {
        let mut reply = Vec::new();
        while !reply.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            match self.0.read(&mut byte) {
                Ok(1) => reply.push(byte[0]),
                Ok(_) => break,
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => break,
                Err(error) => panic!("{error} after {:?}", String::from_utf8_lossy(&reply)),
            }
        }
        String::from_utf8(reply).unwrap()
    }

    fn ask(&mut self, method: &str, url: &str, headers: &str) -> String {
        self.send(&format!("{method} {url} RTSP/1.0\r\nCSeq: 7\r\n{headers}\r\n"));
        self.reply()
    }

    fn is_served(&mut self) -> bool {
        self.ask("OPTIONS", "*", "").starts_with("RTSP/1.0 200 ")
    }

    /// Returns the status of a PLAY of a session that is set up anew, over TCP.
    fn play(&mut self, url: &str, headers: &str) -> (u16, String) {
        let transport = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n";
        let reply = self.ask("SETUP", &format!("{url}/track0"), transport);
        let session = session_of(&reply).to_owned();
        let reply = self.ask("PLAY", url, &format!("Session: {session}\r\n{headers}"));
        (reply.get(9..12).unwrap_or_default().parse().unwrap_or(0), session)
    }
}

/// Waits until `done`, or panics after a while.
fn wait_for(mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + LIMIT;
    while !done() {
        assert!(Instant::now() < deadline, "not in time");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn pipelined_setups_are_answered_at_any_split() {
    let serving = Serving::with(&options(), library());
    let url = serving.url();
    let setup = |cseq: u32| {
        let transport =
            format!("Transport: RTP/AVP;unicast;client_port={}-{}", 5000 + 2 * cseq, 5001 + 2 * cseq);
        format!("SETUP {url}/track0 RTSP/1.0\r\nCSeq: {cseq}\r\n{transport}\r\n\r\n")
    };
    let asked: String = (1..=8).map(setup).collect::<String>() + "OPTIONS * RTSP/1.0\r\nCSeq: 9\r\n\r\n";
    for split in [1, 3, 50, 130, 131, 400, asked.len()] {
        let mut client = Asking::connect(&serving);
        for piece in asked.as_bytes().chunks(split) {
            client.0.write_all(piece).unwrap();
            if split > 3 {
                // Else the kernel sends it together with the next piece.
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        for cseq in 1..=9 {
            let reply = client.reply();
            assert!(reply.starts_with("RTSP/1.0 200 "), "pieces of {split}: {reply}");
            assert!(reply.contains(&format!("\r\nCSeq: {cseq}\r\n")), "pieces of {split}: {reply}");
        }
    }
}

#[test]
fn a_connection_too_many_is_told_to_come_again() {
    let mut options = options();
    options.set_max_connections(2);
    let serving = Serving::with(&options, library());
    let mut served = [(); 2].map(|()| Asking::connect(&serving));
    assert!(served.iter_mut().all(Asking::is_served));
    let mut silent = Asking::connect(&serving);
    let mut refused = Asking::connect(&serving);
    let reply = refused.ask("DESCRIBE", &serving.url(), "");
    assert!(reply.starts_with("RTSP/1.0 503 Service Unavailable\r\nCSeq: 7\r\n"), "{reply}");
    assert!(reply.contains("\r\nRetry-After: 10\r\n"), "{reply}");
    assert_eq!(refused.reply(), CLOSED);
    // Nor does who says nothing keep such a place.
    assert_eq!(silent.reply(), CLOSED);
    // However many come, there is an end of what they take.
    let mut crowd: Vec<_> = (0..40).map(|_| Asking::connect(&serving)).collect();
    assert!(served.iter_mut().all(Asking::is_served));
    assert!(!crowd.iter_mut().any(Asking::is_served));
    drop((served, crowd));
    wait_for(|| Asking::connect(&serving).is_served());
}

/// Only Linux has more than one address on the loopback interface without being told to.
#[cfg(target_os = "linux")]
#[test]
fn one_address_leaves_room_for_others() {
    let mut options = options();
    (options.max_connections, options.max_connections_per_ip) = (10, 4);
    let serving = Serving::with(&options, library());
    let mut greedy: Vec<_> = (0..30).map(|_| Asking::connect_from(2, serving.address)).collect();
    let served = greedy.iter_mut().map(Asking::is_served).filter(|served| *served).count();
    assert_eq!(served, 4);
    let mut others = [1, 1, 3, 4].map(|host| Asking::connect_from(host, serving.address));
    assert!(others.iter_mut().all(Asking::is_served));
}

#[test]
fn plays_beyond_the_bit_rate_are_refused() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../video/bunny288.mjpeg");
    let bytes = std::fs::metadata(&path).unwrap().len();
    // The clip has 60 frames, 30 of them a second; headers come on top.
    let rate = bytes * 8 / 2 * 21 / 20;
    for per_ip in [false, true] {
        let mut options = options();
        let limit = Some(rate * 5 / 2);
        match per_ip {
            true => options.max_bitrate_per_ip = limit,
            false => options.max_bitrate = limit,
        }
        let mut library = Library::new(Playback { repeat: true, ..Playback::default() });
        library.add_path(&path);
        let serving = Serving::with(&options, library);
        let url = serving.url();
        let [mut first, mut second, mut third] = [(); 3].map(|()| Asking::connect(&serving));
        assert_eq!(second.play(&url, "Speed: 3\r\n").0, 453);
        let (status, _) = first.play(&url, "Speed: 2\r\n");
        assert_eq!(status, 200);
        assert_eq!((second.play(&url, "").0, third.play(&url, "").0), (453, 453));
        // What a client takes is given back with it.
        drop(first);
        let session = |client: &mut Asking| client.play(&url, "").0 == 200;
        wait_for(|| session(&mut second));
        assert!(session(&mut third));
    }
}

/// A client that asks without end is answered all the same, in time.
#[test]
fn requests_without_end_wait_for_their_turn() {
    const REQUESTS: u32 = 400;
    let serving = Serving::with(&options(), library());
    let mut greedy = Asking::connect(&serving);
    let start = Instant::now();
    for cseq in 1..=REQUESTS {
        greedy.send(&format!("OPTIONS * RTSP/1.0\r\nCSeq: {cseq}\r\n\r\n"));
    }
    assert!(Asking::connect(&serving).is_served());
    for cseq in 1..=REQUESTS {
        let reply = greedy.reply();
        assert!(reply.contains(&format!("\r\nCSeq: {cseq}\r\n")), "{cseq}: {reply}");
    }
    // 64 at once, and 200 a second.
    assert!(start.elapsed() > Duration::from_secs(1), "they took {:?}", start.elapsed());
}

/// So are bytes that make no request: here, packets on a channel that nobody has set up.
#[test]
fn bytes_without_end_wait_for_their_turn() {
    const PACKETS: usize = 1024;
    let serving = Serving::with(&options(), library());
    let mut greedy = Asking::connect(&serving);
    let start = Instant::now();
    let mut packet = vec![0; 1024];
    packet[..4].copy_from_slice(&[b'$', 9, 3, 252]);
    greedy.0.write_all(&packet.repeat(PACKETS)).unwrap();
    assert!(Asking::connect(&serving).is_served());
    assert!(greedy.is_served());
    // 64 KiB at once, and 256 KiB a second.
    assert!(start.elapsed() > Duration::from_secs(3), "they took {:?}", start.elapsed());
}
