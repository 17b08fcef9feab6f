//! RTSP over HTTP: two connections that are one.
use super::common::{LIMIT, Serving, library, session_of, until};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pinhole::client::LowerTransport;
use pinhole_std::client::{Client, Error, Event, Options, Refusal};
use pinhole_std::server::{self, Options as ServerOptions};
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::num::NonZero;
use std::thread;
use std::time::{Duration, Instant};

/// Starts a server with several event loops, and with pages.
fn serve(change: impl FnOnce(&mut ServerOptions)) -> Serving {
    let mut options = ServerOptions::new((Ipv4Addr::LOCALHOST, 0).into());
    options.http = Some((Ipv4Addr::LOCALHOST, 0).into());
    options.threads = NonZero::new(3).unwrap();
    change(&mut options);
    Serving::with(&options, library())
}

/// One of the two connections of a tunnel.
struct Half(TcpStream);

impl Half {
    /// Connects from the address of the loopback interface that ends in `host`, and sends a head.
    fn open(to: SocketAddr, host: u8, head: &str) -> Self {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from(([127, 0, 0, host], 0)).into()).unwrap();
        socket.connect(&to.into()).unwrap();
        let stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        stream.set_nodelay(true).unwrap();
        let mut half = Self(stream);
        half.send(head.as_bytes());
        half
    }

    fn get(to: SocketAddr, cookie: &str) -> Self {
        Self::open(to, 1, &get(cookie))
    }

    fn post(to: SocketAddr, cookie: &str) -> Self {
        Self::open(to, 1, &post(cookie))
    }

    fn send(&mut self, bytes: &[u8]) {
        // The server may have closed it.
        let _ = self.0.write_all(bytes);
    }

    /// Returns the next head, of HTTP or RTSP; what came of it if the connection is closed.
    fn head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            match self.0.read(&mut byte) {
                Ok(1) => head.push(byte[0]),
                Ok(_) => break,
                Err(error) if error.kind() == ErrorKind::ConnectionReset => break,
                Err(error) => panic!("{error} after {:?}", String::from_utf8_lossy(&head)),
            }
        }
        String::from_utf8(head).unwrap()
    }

    /// Reads to the end of the connection.
    fn ends(mut self) {
        let mut rest = Vec::new();
        match self.0.read_to_end(&mut rest) {
            Ok(_) => {}
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}"),
        }
    }
}

fn get(cookie: &str) -> String {
    format!(
        "GET /any HTTP/1.0\r\nx-sessioncookie: {cookie}\r\nAccept: application/x-rtsp-tunnelled\r\n\
         Pragma: no-cache\r\nCache-Control: no-cache\r\n\r\n"
    )
}

fn post(cookie: &str) -> String {
    format!(
        "POST /any HTTP/1.0\r\nx-sessioncookie: {cookie}\r\nContent-Type: application/x-rtsp-tunnelled\r\n\
         Content-Length: 32767\r\nExpires: Sun, 9 Jan 1972 00:00:00 GMT\r\n\r\n"
    )
}

fn request(method: &str, url: &str, fields: &str) -> String {
    format!("{method} {url} RTSP/1.0\r\nCSeq: 7\r\n{fields}\r\n")
}

fn encoded(request: &str) -> Vec<u8> {
    STANDARD.encode(request).into_bytes()
}

fn status(head: &str) -> &str {
    head.get(9..12).unwrap_or_default()
}

const OK: &str = "200";

#[test]
fn a_clip_arrives_by_both_ports_at_any_event_loop() {
    let serving = serve(|_| ());
    for port in [serving.address, serving.http.unwrap()] {
        // The loops take connections in turn, so that the two of a tunnel mostly come to different ones.
        for url in [format!("rtsph://{port}/bunny288"), format!("rtsp://{port}/bunny288")] {
            let options = Options { tunnel: url.starts_with("rtsp:"), ..Options::default() };
            let mut client = Client::connect(&url, &options).expect("the server is there");
            until(&mut client, |event| *event == Event::Ended);
            let statistics = client.track_statistics(0);
            assert_eq!((statistics.frames_complete, statistics.lost), (60, 0), "{url}");
            assert_eq!(client.statistics().transport, Some(LowerTransport::Interleaved));
            client.teardown();
            until(&mut client, |event| *event == Event::Closed);
            assert_eq!(serving.closed().1, 60);
        }
    }
}

#[test]
fn a_dialogue_is_understood_wherever_its_base64_is_split() {
    let serving = serve(|_| ());
    let ask = |fields: &str| request("OPTIONS", "*", fields);
    // Requests that are padded each, two in one text, and lines that are broken.
    let two = encoded(&(ask("X: y\r\n") + &ask("")));
    let mut text = [encoded(&ask("")), encoded(&ask("A: b\r\n"))].concat();
    for line in two.chunks(64) {
        text.extend_from_slice(line);
        text.extend_from_slice(b"\r\n");
    }
    let (head, port) = (post("x"), serving.address);
    let whole = [head.as_bytes(), &text].concat();
    for at in (0..6).chain((6..head.len()).step_by(13)).chain(head.len() - 1..whole.len()) {
        let mut down = Half::get(port, "x");
        assert_eq!(status(&down.head()), OK);
        let mut up = Half::open(port, 1, "");
        up.send(&whole[..at]);
        // The first piece is mostly read by itself.
        thread::yield_now();
        up.send(&whole[at..]);
        for _ in 0..4 {
            let reply = down.head();
            assert!(reply.starts_with("RTSP/1.0 200 OK\r\n"), "split at {at}: {reply}");
        }
        // The cookie is free once the server has seen the end of the GET.
        down.0.shutdown(std::net::Shutdown::Write).unwrap();
        down.ends();
    }
}

#[test]
fn the_way_down_is_http_without_an_end() {
    let serving = serve(|_| ());
    for port in [serving.address, serving.http.unwrap()] {
        let head = Half::get(port, "c").head();
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        assert!(head.contains("\r\nContent-Type: application/x-rtsp-tunnelled\r\n"), "{head}");
        assert!(head.contains("\r\nCache-Control: no-store\r\n"), "{head}");
        assert!(!head.contains("Content-Length") && !head.contains("Transfer-Encoding"), "{head}");
    }
}

#[test]
fn a_post_may_be_closed_and_another_one_opened() {
    let serving = serve(|_| ());
    let (url, port) = (serving.url(), serving.address);
    let mut down = Half::get(port, "c");
    assert_eq!(status(&down.head()), OK);
    let transport = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n";
    let mut first = Half::post(port, "c");
    first.send(&encoded(&request("SETUP", &format!("{url}/trackID=0"), transport)));
    let reply = down.head();
    assert_eq!(status(&reply), OK, "{reply}");
    // The next one comes by another port, with a group of four characters that was cut before it.
    first.send(b"T1B");
    drop(first);
    let session = format!("Session: {}\r\n", session_of(&reply));
    let mut second = Half::post(serving.http.unwrap(), "c");
    second.send(&encoded(&request("GET_PARAMETER", &url, &session)));
    assert_eq!(status(&down.head()), OK);
    // The end of one that was left may be lost on the way.
    let mut third = Half::post(port, "c");
    third.send(&encoded(&request("PLAY", &url, &session)));
    assert_eq!(status(&down.head()), OK);
    let mut magic = [0; 1];
    down.0.read_exact(&mut magic).unwrap();
    assert_eq!(magic, *b"$", "packets come as they are");
    second.ends();
    drop(down);
    serving.wait(|event| matches!(event, server::Event::Closed { .. }).then_some(()));
    third.ends();
}

#[test]
fn a_tunnel_is_interleaved() {
    let serving = serve(|_| ());
    let mut down = Half::get(serving.address, "c");
    assert_eq!(status(&down.head()), OK);
    let mut up = Half::post(serving.address, "c");
    let track = format!("{}/trackID=0", serving.url());
    up.send(&encoded(&request("SETUP", &track, "Transport: RTP/AVP;unicast;client_port=5000-5001\r\n")));
    assert_eq!(status(&down.head()), "461");
    up.send(&encoded(&request("SETUP", &track, "Transport: RTP/AVP/TCP;unicast;interleaved=4-5\r\n")));
    assert!(down.head().contains("interleaved=4-5"));
}

#[test]
fn only_the_client_of_a_get_may_post() {
    let serving = serve(|_| ());
    let port = serving.address;
    let mut down = Half::get(port, "secret");
    assert_eq!(status(&down.head()), OK);
    let answer = |host, head: &str| Half::open(port, host, head).head();
    assert_eq!(status(&answer(1, &post("other"))), "404", "there is no such GET");
    assert_eq!(status(&answer(2, &post("secret"))), "404", "it came from another address");
    assert_eq!(status(&answer(1, &get("secret"))), "409", "it is in use");
    assert_eq!(status(&answer(2, &get("secret"))), OK, "it is another one at another address");
    assert_eq!(status(&answer(1, &get(""))), "409");
    assert_eq!(status(&answer(1, &get(&"x".repeat(200)))), "409");
    assert_eq!(status(&answer(1, "POST / HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc")), "400");
    assert_eq!(status(&answer(1, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")), "400", "there are no pages here");
    let mut up = Half::post(port, "secret");
    up.send(&encoded(&request("OPTIONS", "*", "")));
    assert_eq!(status(&down.head()), OK);
    // Once it has gone, its cookie is free.
    drop((down, up));
    let end = Instant::now() + LIMIT;
    while status(&answer(1, &get("secret"))) != OK {
        assert!(Instant::now() < end, "the cookie stays in use");
    }
}

#[test]
fn a_get_without_a_post_has_so_much_time() {
    let second = pinhole::time::Duration::from_secs(1);
    let serving = serve(|options| options.config.request_timeout = second);
    let mut lonely = Half::get(serving.address, "c");
    assert_eq!(status(&lonely.head()), OK);
    // Nor does a POST without a request keep it, or the begin of a head.
    let mut mute = Half::get(serving.http.unwrap(), "d");
    assert_eq!(status(&mute.head()), OK);
    let post = Half::post(serving.address, "d");
    let slow = ["G", "GET", "GET ", "POST", "P"].map(|begin| Half::open(serving.address, 1, begin));
    lonely.ends();
    mute.ends();
    post.ends();
    slow.into_iter().for_each(Half::ends);
    assert_eq!(status(&Half::get(serving.address, "c").head()), OK, "its cookie is free");
}

#[test]
fn one_address_has_so_many_tunnels() {
    let serving = serve(|options| options.max_connections_per_ip = 6);
    let mut held: Vec<_> = (0..6).map(|n| Half::get(serving.address, &format!("c{n}"))).collect();
    assert!(held.iter_mut().all(|half| status(&half.head()) == OK));
    let one_too_many = || Half::get(serving.address, "c6").head();
    assert_eq!(status(&one_too_many()), "503");
    assert_eq!(status(&Half::post(serving.address, "c0").head()), "503", "a POST is a connection, too");
    assert_eq!(status(&Half::open(serving.address, 2, &get("c0")).head()), OK, "others are served");
    held.truncate(4);
    let end = Instant::now() + LIMIT;
    while status(&one_too_many()) != OK {
        assert!(Instant::now() < end, "those that have gone still count");
    }
}

#[test]
fn what_is_no_base64_ends_its_tunnel_and_no_other() {
    let serving = serve(|_| ());
    let port = serving.address;
    let open = |cookie: &str| {
        let mut down = Half::get(port, cookie);
        assert_eq!(status(&down.head()), OK);
        (down, Half::post(port, cookie))
    };
    let (mut steady, mut asking) = open("steady");
    for garbage in
        [&b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n"[..], &[0; 4096], b"$\0\0\x04abcd", b"T1B=T1BU====="]
    {
        let (down, mut up) = open("garbage");
        up.send(garbage);
        down.ends();
        up.ends();
    }
    // Base64 of what is no RTSP is answered as such.
    let (mut down, mut up) = open("noise");
    up.send(&encoded("HELLO\r\n\r\n"));
    assert_eq!(status(&down.head()), "400");
    asking.send(&encoded(&request("OPTIONS", "*", "")));
    assert_eq!(status(&steady.head()), OK);
}

#[test]
fn a_post_without_end_has_the_rates_of_any_client() {
    let serving = serve(|_| ());
    let mut down = Half::get(serving.address, "c");
    assert_eq!(status(&down.head()), OK);
    let mut up = Half::post(serving.address, "c");
    // White space is no request, and is read at the rate of those.
    up.0.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    let (mut sent, began) = (0_u64, Instant::now());
    while began.elapsed() < Duration::from_secs(2) {
        sent += up.0.write(&[b'\n'; 8192]).unwrap_or(0) as u64;
    }
    // What waits in the kernel's buffers is not read.
    assert!(sent < 16 << 20, "{sent} bytes in two seconds");
    let mut other =
        Client::connect(&format!("rtsph://{}/bunny288", serving.address), &Options::default()).unwrap();
    until(&mut other, |event| *event == Event::Ended);
    assert_eq!(other.track_statistics(0).frames_complete, 60);
}

#[test]
fn a_client_says_why_there_is_no_tunnel() {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("rtsph://{}/a", listener.local_addr().unwrap());
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut begin = [0; 16];
        stream.read_exact(&mut begin).unwrap();
        stream.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n").unwrap();
        let _ = stream.read(&mut [0; 4096]);
        thread::sleep(LIMIT);
    });
    let mut client = Client::connect(&url, &Options::default()).unwrap();
    let end = Instant::now() + LIMIT;
    let error = loop {
        assert!(Instant::now() < end, "no error in time");
        if let Err(error) = client.turn(Duration::from_millis(50)) {
            break error;
        }
    };
    assert!(matches!(error, Error::Tunnel(Refusal::Status { status: 403, .. })), "{error}");
}
