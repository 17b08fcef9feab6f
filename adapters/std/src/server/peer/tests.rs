//! One client, and turns of its connection.
use super::super::Options;
use super::super::datagrams::Datagrams;
use super::super::limits::Limits;
use super::super::udp_pairs::UdpPairs;
use super::*;
use crate::media::{Library, Playback};
use mio::Poll;
use pinhole::frame::{FrameId, TrackId};
use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::thread;

/// What all connections share, with all frames of a clip of 1.6 MB loaded. The poll has to outlive it.
fn shared() -> (Shared, Poll) {
    let mut library = Library::new(Playback::default());
    library.add_path(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../video/bunny288.mjpeg"));
    for n in 0..60 {
        assert!(library.load(TrackId::default(), FrameId(n)).is_ok());
    }
    let poll = Poll::new().unwrap();
    let registry = poll.registry().try_clone().unwrap();
    let datagrams = Datagrams::new(UdpPairs::new((Ipv4Addr::LOCALHOST, 0).into(), 2, registry, 1));
    let scratch = vec![0; crate::udp::RECEIVE_LEN].into_boxed_slice();
    let shared = Shared {
        clock: library.clock(),
        library,
        datagrams,
        scratch,
        config: Config::DEFAULT,
        logins: None,
        access: Arc::default(),
        #[cfg(feature = "tls")]
        certificate: Arc::default(),
        #[cfg(feature = "tls")]
        handshakes: Shared::HANDSHAKES,
        #[cfg(feature = "http")]
        rtsp: (Ipv4Addr::LOCALHOST, 8554).into(),
        #[cfg(feature = "http")]
        has_pages: false,
        #[cfg(feature = "http")]
        tunnels: Arc::default(),
    };
    (shared, poll)
}

/// A client, and the server's side of its connection.
fn connected(shared: &Shared, poll: &Poll) -> (std::net::TcpStream, Peer) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (stream, address) = listener.accept().unwrap();
    stream.set_nonblocking(true).unwrap();
    let seat = Arc::new(Limits::new(&Options::new(address))).admit(address).unwrap();
    let (stream, now) = (TcpStream::from_std(stream).into(), shared.clock.now());
    let peer = Peer::new(now, stream, (address, seat), shared.config, poll.registry(), Token(0)).unwrap();
    (client, peer)
}

/// What has not come cannot be read as RTSP, as it may be HTTP when it comes.
#[test]
#[cfg(feature = "http")]
fn nothing_is_neither_rtsp_nor_http() {
    let (shared, poll) = shared();
    for (request, spoken) in [("GET / HTTP/1.1\r\n", Spoken::Http), ("OPTIONS * RTSP/1.0\r\n", Spoken::Rtsp)]
    {
        let (mut client, mut peer) = connected(&shared, &poll);
        peer.ready(true, true);
        assert!(!peer.link.listen());
        assert_eq!((peer.link.spoken, peer.link.readable), (Spoken::Unknown, false));
        client.write_all(request.as_bytes()).unwrap();
        peer.ready(true, true);
        assert_eq!(peer.link.listen(), spoken == Spoken::Rtsp);
        assert_eq!(peer.link.spoken, spoken);
    }
}

/// A client that takes all that it is sent, however much that is, leaves the others their turns.
#[test]
fn a_turn_sends_no_more_than_a_quantum() {
    let (mut shared, poll) = shared();
    let (mut client, mut peer) = connected(&shared, &poll);
    let now = shared.clock.now();
    let mut turn = |peer: &mut Peer, now| {
        peer.ready(true, true);
        peer.turn(now, &mut shared, &mut |_| {})
    };
    let mut ask = |peer: &mut Peer, request: String| {
        client.write_all(request.as_bytes()).unwrap();
        client.set_read_timeout(Some(std::time::Duration::from_millis(10))).unwrap();
        let mut reply = [0; 1000];
        loop {
            turn(peer, now);
            if let Ok(len) = client.read(&mut reply) {
                return String::from_utf8_lossy(&reply[..len]).into_owned();
            }
        }
    };
    let transport = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1";
    let reply = ask(&mut peer, format!("SETUP rtsp://h/bunny288 RTSP/1.0\r\nCSeq: 1\r\n{transport}\r\n\r\n"));
    let session = reply.split("Session: ").nth(1).and_then(|rest| rest.get(..16)).expect("a session");
    let play =
        format!("PLAY rtsp://h/bunny288 RTSP/1.0\r\nCSeq: 2\r\nSession: {session}\r\nSpeed: 16\r\n\r\n");
    assert!(ask(&mut peer, play).contains(" 200 OK"));
    client.set_read_timeout(None).unwrap();
    thread::spawn(move || {
        let mut buffer = vec![0; 1 << 20];
        while client.read(&mut buffer).is_ok_and(|len| len > 0) {}
    });
    // All of the clip is due.
    let later = Now { at: now.at + Duration::from_secs(10), ..now };
    let sent = |peer: &Peer| peer.conn.summaries(later).map(|(_, summary)| summary.octets).sum::<u64>();
    let mut before = sent(&peer);
    let whole = loop {
        let next = turn(&mut peer, later);
        let now_sent = sent(&peer);
        // The last write may begin within the quantum.
        assert!(now_sent - before <= 2 * QUANTUM as u64, "{} at once", now_sent - before);
        before = now_sent;
        if now_sent > 1_500_000 || matches!(next, Next::Close) {
            break now_sent;
        }
    };
    assert!(whole > 1_500_000, "only {whole} bytes were sent");
}
