//! RTSP inside TLS: who is trusted, certificates that are replaced, and handshakes that are none.
use super::common::{LIMIT, Serving, library, until};
use pinhole::client::LowerTransport;
use pinhole::time::Duration as CoreDuration;
use pinhole_std::client::{Client, Error, Event, Options};
use pinhole_std::server::{self, HandshakeError, Server};
use pinhole_std::tls::{Distrust, Fingerprint, Identity};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// Makes a certificate and its key.
fn identity(directory: &Path, name: &str) -> Identity {
    Identity::self_signed(&directory.join(name), []).expect("a certificate is made")
}

/// Serves a clip, also inside TLS. A handshake has a second. Returns the URL and the address inside TLS, too.
fn serve(identity: Identity) -> (Serving, String, SocketAddr) {
    let listen: SocketAddr = (Ipv4Addr::LOCALHOST, 0).into();
    let mut options = server::Options::new(listen);
    options.config.request_timeout = CoreDuration::from_secs(1);
    let mut server = Server::bind(&options, library()).expect("a port is free");
    let address = server.listen_tls(listen, identity.clone()).expect("another one is");
    assert_eq!(server.tls_addr(), Some(address));
    assert!(server.listen_tls(listen, identity).is_err(), "it listens already");
    (Serving::run(server), format!("rtsps://{address}/bunny288"), address)
}

fn trusting(fingerprint: Fingerprint) -> Options {
    Options { tls_fingerprint: Some(fingerprint), ..Options::default() }
}

/// Plays to the end. Returns how many frames came.
fn play(url: &str, options: &Options) -> Result<u64, Error> {
    let mut client = Client::connect(url, options)?;
    let end = Instant::now() + LIMIT;
    loop {
        assert!(Instant::now() < end, "not in time");
        client.turn(Duration::from_millis(50))?;
        while let Some(event) = client.poll_event() {
            if event == Event::Ended {
                assert_eq!(client.statistics().transport, Some(LowerTransport::Interleaved));
                return Ok(client.track_statistics(0).frames_complete);
            }
        }
    }
}

fn failed(serving: &Serving) -> HandshakeError {
    serving.wait(|event| match event {
        server::Event::HandshakeFailed { reason, .. } => Some(reason),
        _ => None,
    })
}

/// Returns the ClientHello of a client.
fn client_hello() -> Vec<u8> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("rtsps://{}/x", listener.local_addr().unwrap());
    let fingerprint = Fingerprint::of(b"");
    let client = thread::spawn(move || {
        let mut client = Client::connect(&url, &trusting(fingerprint)).unwrap();
        while client.turn(Duration::from_millis(50)).is_ok() && client.is_connected() {}
    });
    let (mut stream, _) = listener.accept().unwrap();
    let mut head = [0; 5];
    stream.read_exact(&mut head).unwrap();
    let mut hello = vec![0; usize::from(u16::from_be_bytes([head[3], head[4]]))];
    stream.read_exact(&mut hello).unwrap();
    drop(stream);
    client.join().unwrap();
    [&head[..], &hello].concat()
}

#[test]
fn a_certificate_is_trusted_by_its_fingerprint_alone() {
    let directory = tempfile::tempdir().unwrap();
    let (own, other) = (identity(directory.path(), "own"), identity(directory.path(), "other"));
    let (serving, url, _) = serve(own.clone());
    assert_eq!(play(&url, &trusting(own.fingerprint())).unwrap(), 60);
    // The port for RTSP is there as before.
    assert_eq!(
        play(
            &serving.url(),
            &Options { transport: pinhole::client::TransportChoice::Tcp, ..Options::default() }
        )
        .unwrap(),
        60
    );
    let error = play(&url, &trusting(other.fingerprint())).unwrap_err();
    let (trusted, offered) = (other.fingerprint(), own.fingerprint());
    assert!(matches!(&error, Error::Tls(Distrust::Other { .. })), "{error}");
    assert!(matches!(failed(&serving), HandshakeError::Tls { .. }));
    let told = error.to_string();
    assert!(told.contains(&trusted.to_string()) && told.contains(&offered.to_string()), "{told}");
    let error = play(&url, &Options::default()).unwrap_err();
    assert!(
        matches!(&error, Error::Tls(Distrust::Unknown { offered, .. }) if *offered == own.fingerprint()),
        "{error}"
    );
    assert!(error.to_string().contains(&offered.to_string()), "{error}");
}

#[test]
fn a_certificate_is_replaced_while_sessions_go_on() {
    let directory = tempfile::tempdir().unwrap();
    let (former, new) = (identity(directory.path(), "former"), identity(directory.path(), "new"));
    let (serving, url, _) = serve(former.clone());
    let mut watching = Client::connect(&url, &trusting(former.fingerprint())).unwrap();
    until(&mut watching, |event| matches!(event, Event::Playing { .. }));
    let watched = thread::spawn(move || {
        until(&mut watching, |event| *event == Event::Ended);
        watching.track_statistics(0).frames_complete
    });
    serving.handle.replace_identity(new.clone());
    assert_eq!(play(&url, &trusting(new.fingerprint())).unwrap(), 60);
    assert!(matches!(play(&url, &trusting(former.fingerprint())).unwrap_err(), Error::Tls(_)));
    assert_eq!(watched.join().unwrap(), 60);
}

#[test]
fn what_is_no_handshake_ends_its_connection() {
    let directory = tempfile::tempdir().unwrap();
    let (serving, _, address) = serve(identity(directory.path(), "own"));
    let plain = |protocol| HandshakeError::Plain { protocol };
    let hello = client_hello();
    let broken = {
        let mut broken = hello.clone();
        broken[5] = 99;
        broken
    };
    for (sent, expected) in [
        (&b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n"[..], Some(plain("RTSP"))),
        (b"GET / HTTP/1.1\r\n\r\n", Some(plain("HTTP"))),
        (b"\x80\x2e\x01\x00\x02", Some(HandshakeError::NotTls)),
        (b"\0", Some(HandshakeError::NotTls)),
        (&broken, None),
        (b"\x16\x03\x01\xff\xff", None),
        // Half of one, and nothing at all.
        (&hello[..hello.len() / 2], Some(HandshakeError::TooSlow)),
        (b"", Some(HandshakeError::TooSlow)),
        // A client that is answered, and says no more.
        (&hello, Some(HandshakeError::TooSlow)),
    ] {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(sent).unwrap();
        let reason = failed(&serving);
        match expected {
            Some(ref expected) => assert_eq!(reason, *expected, "{sent:?}"),
            None => assert!(matches!(reason, HandshakeError::Tls { .. }), "{reason:?}"),
        }
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        let mut told = Vec::new();
        let ended = stream.read_to_end(&mut told);
        if let HandshakeError::Plain { protocol } = reason {
            ended.expect("nothing resets the connection");
            let told = String::from_utf8(told).unwrap();
            assert!(told.starts_with(protocol) && told.contains("This port speaks TLS"), "{told}");
        }
    }
    // Who only looks whether somebody listens is not told of.
    drop(TcpStream::connect(address).unwrap());
    let mut endless = TcpStream::connect(address).unwrap();
    // Records of a handshake message that is still longer.
    let record = [&[22, 3, 1, 0x40, 0][..], &[1, 0, 0xff, 0xf0], &[0; 0x4000 - 4]].concat();
    for _ in 0..100 {
        if endless.write_all(&record).is_err() {
            break;
        }
    }
    assert!(matches!(failed(&serving), HandshakeError::TooLong | HandshakeError::Tls { .. }));
}

#[test]
fn handshakes_of_one_address_have_a_bound() {
    let directory = tempfile::tempdir().unwrap();
    let own = identity(directory.path(), "own");
    let (serving, url, address) = serve(own.clone());
    let hello = client_hello();
    let begun = Instant::now();
    let mut flood: Vec<_> = (0..250).map(|_| TcpStream::connect(address).unwrap()).collect();
    for stream in &mut flood {
        stream.write_all(&hello).unwrap();
    }
    // 128 at once and 50 a second: the last ones would be answered after their second.
    let mut busy = 0;
    let mut rest = flood.len();
    while rest > 0 {
        busy += usize::from(failed(&serving) == HandshakeError::Busy);
        rest -= 1;
    }
    assert!(busy > 0 || begun.elapsed() > Duration::from_secs(2), "all were answered at once");
    drop(flood);
    let end = Instant::now() + LIMIT;
    while play(&url, &trusting(own.fingerprint())).is_err() {
        assert!(Instant::now() < end, "nobody is let in any more");
    }
}
