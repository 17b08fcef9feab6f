//! HTTP inside TLS: tunnels, pages, and how a connection is told from one of RTSP.
use super::common::{LIMIT, Serving, library, until};
use pinhole::client::LowerTransport;
use pinhole_std::client::{Client, Event, Options};
use pinhole_std::server::{self, Server};
use pinhole_std::tls::Identity;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::num::NonZero;
use std::sync::Arc;

/// A server with a certificate of its own.
struct Test {
    serving: Serving,
    /// Where it speaks TLS.
    tls: SocketAddr,
    identity: Identity,
    trusting: Arc<ClientConfig>,
}

/// Starts a server with several event loops.
fn serve(has_pages: bool) -> Test {
    let (directory, listen) = (tempfile::tempdir().unwrap(), (Ipv4Addr::LOCALHOST, 0).into());
    let file = directory.path().join("own");
    let identity = Identity::self_signed(&file, []).expect("a certificate is made");
    let mut options = server::Options::new(listen);
    options.http = has_pages.then_some(listen);
    options.threads = NonZero::new(3).unwrap();
    let mut server = Server::bind(&options, library()).expect("a port is free");
    let tls = server.listen_tls(listen, identity.clone()).expect("another one is");
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(&file).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let trusting = Arc::new(config.with_root_certificates(roots).with_no_client_auth());
    Test { serving: Serving::run(server), tls, identity, trusting }
}

type Inside = StreamOwned<ClientConnection, TcpStream>;

impl Test {
    fn connect(&self) -> Inside {
        let stream = TcpStream::connect(self.tls).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        stream.set_nodelay(true).unwrap();
        let name = Ipv4Addr::LOCALHOST.to_string().try_into().unwrap();
        StreamOwned::new(ClientConnection::new(self.trusting.clone(), name).unwrap(), stream)
    }

    /// Makes a request inside TLS, and returns all that comes before the end of the connection.
    fn ask(&self, request: &str) -> String {
        let mut stream = self.connect();
        stream.write_all(request.as_bytes()).unwrap();
        rest(stream)
    }
}

fn rest(mut stream: Inside) -> String {
    let mut all = Vec::new();
    stream.read_to_end(&mut all).expect("the end is told");
    String::from_utf8_lossy(&all).into_owned()
}

/// Reads up to the end of a head.
fn head(stream: &mut impl Read) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap_or_else(|error| panic!("{error} after {head:?}"));
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: camera.example\r\nConnection: close\r\n\r\n")
}

#[test]
fn a_clip_arrives_by_a_tunnel_inside_tls() {
    let test = serve(false);
    let trusting = Options { tls_fingerprint: Some(test.identity.fingerprint()), ..Options::default() };
    // The loops take connections in turn, so that the two of a tunnel mostly come to different ones.
    for url in [format!("rtspsh://{}/bunny288", test.tls), format!("rtsps://{}/bunny288", test.tls)] {
        let options = Options { tunnel: url.starts_with("rtsps:"), ..trusting.clone() };
        let mut client = Client::connect(&url, &options).expect("the server is there");
        until(&mut client, |event| *event == Event::Ended);
        let statistics = client.track_statistics(0);
        assert_eq!((statistics.frames_complete, statistics.lost), (60, 0), "{url}");
        assert_eq!(client.statistics().transport, Some(LowerTransport::Interleaved));
        client.teardown();
        until(&mut client, |event| *event == Event::Closed);
        assert_eq!(test.serving.closed().1, 60);
    }
}

#[test]
fn a_tunnel_is_opened_to_a_trusted_server_alone() {
    let test = serve(false);
    let mut client = Client::connect(&format!("rtspsh://{}/bunny288", test.tls), &Options::default())
        .expect("there is a connection");
    let end = std::time::Instant::now() + LIMIT;
    let error = loop {
        assert!(std::time::Instant::now() < end, "not in time");
        if let Err(error) = client.turn(std::time::Duration::from_millis(50)) {
            break error;
        }
    };
    assert!(matches!(error, pinhole_std::client::Error::Tls(_)), "{error}");
}

#[test]
fn what_is_spoken_inside_tls_is_seen_however_it_is_split() {
    let test = serve(true);
    let options = "OPTIONS * RTSP/1.0\r\nCSeq: 7\r\n\r\n";
    for (request, first) in [(options, "RTSP/1.0 200 "), (&get("/api/media"), "HTTP/1.1 200 ")] {
        for len in [1, 2, 4, 5, 6, 1000] {
            let mut stream = test.connect();
            for piece in request.as_bytes().chunks(len) {
                // Each is a record of its own.
                stream.write_all(piece).unwrap();
                stream.flush().unwrap();
            }
            let head = head(&mut stream);
            assert!(head.starts_with(first), "{len}: {head}");
        }
    }
    // "G" begins a word of RTSP, too.
    let parameter = "GET_PARAMETER * RTSP/1.0\r\nCSeq: 7\r\n\r\n";
    let mut stream = test.connect();
    for byte in parameter.as_bytes() {
        stream.write_all(&[*byte]).unwrap();
    }
    assert!(head(&mut stream).starts_with("RTSP/1.0 "));
}

#[test]
fn pages_are_there_inside_tls_if_they_are_outside() {
    let test = serve(true);
    let media = test.ask(&get("/api/media"));
    let port = test.tls.port();
    assert!(media.starts_with("HTTP/1.1 200 "), "{media}");
    // What they lead to is inside TLS as well.
    for url in
        [r#""https://camera.example/bunny288.jpg""#, &format!(r#""rtsps://camera.example:{port}/bunny288""#)]
    {
        assert!(media.contains(url), "{url}: {media}");
    }
    assert!(!media.contains("http://") && !media.contains("rtsp://"), "{media}");
    let mut stream = test.connect();
    stream.write_all(get("/bunny288.mjpeg").as_bytes()).unwrap();
    let mut all = Vec::new();
    stream.read_to_end(&mut all).expect("the end is told");
    let (sent, skipped, bytes) = test.serving.wait(|event| match event {
        server::Event::BrowserClosed { frames, frames_skipped, bytes, .. } => {
            Some((frames, frames_skipped, bytes))
        }
        _ => None,
    });
    assert!(sent + skipped == 60 && sent > 0 && all.len() as u64 > bytes, "{sent}, {skipped}, {bytes}");
    let test = serve(false);
    assert!(test.ask(&get("/")).starts_with("HTTP/1.1 400 "), "nobody has asked for pages");
}

#[test]
fn a_post_without_tls_belongs_to_no_tunnel_inside_it() {
    let test = serve(false);
    let get = "GET /any HTTP/1.0\r\nx-sessioncookie: abc\r\n\r\n";
    let post = "POST /any HTTP/1.0\r\nx-sessioncookie: abc\r\nContent-Length: 32767\r\n\r\n";
    let mut inside = test.connect();
    inside.write_all(get.as_bytes()).unwrap();
    assert!(head(&mut inside).contains(" 200 OK\r\n"));
    let mut outside = TcpStream::connect(test.serving.address).unwrap();
    outside.set_read_timeout(Some(LIMIT)).unwrap();
    outside.write_all(post.as_bytes()).unwrap();
    assert!(head(&mut outside).contains(" 404 "));
    let mut posted = test.connect();
    // OPTIONS * RTSP/1.0, CSeq: 7, split so that a part of it comes with the head.
    posted.write_all(format!("{post}T1BUSU9OUyAqIFJU").as_bytes()).unwrap();
    posted.write_all(b"U1AvMS4wDQpDU2VxOiA3DQoNCg==").unwrap();
    let answer = head(&mut inside);
    assert!(answer.starts_with("RTSP/1.0 200 ") && answer.contains("CSeq: 7"), "{answer}");
}
