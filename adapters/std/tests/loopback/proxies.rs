//! Clients behind a proxy that says whose a connection is (PROXY protocol, version 2).
use crate::common::{LIMIT, Serving, ask, library};
use pinhole_std::server::{Event, Options, Server};
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

const ANYWHERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// A server behind a proxy at this machine, for one connection of each address.
fn serve() -> Serving {
    let mut options = Options { http: Some(ANYWHERE), max_connections_per_ip: 1, ..Options::new(ANYWHERE) };
    options.config.request_timeout = pinhole::time::Duration::from_secs(1);
    let mut server = Server::bind(&options, library()).expect("a port is free");
    server.trust_proxies(["127.0.0.0/8".parse().unwrap()]);
    Serving::run(server)
}

/// The header of a client at this address.
fn header([a, b, c, d]: [u8; 4], port: u16) -> Vec<u8> {
    let mut header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c".to_vec();
    header.extend([a, b, c, d, 127, 0, 0, 1]);
    header.extend(port.to_be_bytes());
    header.extend(554_u16.to_be_bytes());
    header
}

fn dial(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream
}

fn dial_as(address: SocketAddr, host: u8) -> TcpStream {
    let mut stream = dial(address);
    stream.write_all(&header([192, 0, 2, host], 40_000)).unwrap();
    stream
}

fn options() -> String {
    "OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n".to_owned()
}

fn setup(serving: &Serving, transport: &str) -> String {
    format!("SETUP {}/track0 RTSP/1.0\r\nCSeq: 2\r\nTransport: {transport}\r\n\r\n", serving.url())
}

/// Returns whether the server has closed a connection without an answer.
fn is_closed(mut stream: TcpStream) -> bool {
    match stream.read(&mut [0]) {
        Ok(read) => read == 0,
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    }
}

#[test]
fn limits_and_events_have_the_address_of_the_client() {
    let serving = serve();
    let mut clients = [1, 2].map(|host| dial_as(serving.address, host));
    for client in &mut clients {
        assert!(ask(client, options()).starts_with("RTSP/1.0 200 "));
    }
    let refused = ask(&mut dial_as(serving.address, 2), options());
    assert!(refused.starts_with("RTSP/1.0 503 "), "{refused}");
    let tcp = "RTP/AVP/TCP;unicast;interleaved=0-1";
    assert!(ask(&mut clients[1], setup(&serving, tcp)).starts_with("RTSP/1.0 200 "));
    let peer = serving.wait(|event| match event {
        Event::Opened { peer, .. } => Some(peer),
        _ => None,
    });
    assert_eq!(peer, SocketAddr::from(([192, 0, 2, 2], 40_000)));
    // The same at the port for browsers.
    let page = ask(&mut dial_as(serving.http.unwrap(), 3), "GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_owned());
    assert!(page.starts_with("HTTP/1.1 200 "), "{page}");
}

#[test]
fn datagrams_do_not_pass_a_proxy() {
    let serving = serve();
    let mut client = dial_as(serving.address, 1);
    let refused = ask(&mut client, setup(&serving, "RTP/AVP;unicast;client_port=5000-5001"));
    assert!(refused.starts_with("RTSP/1.0 461 "), "{refused}");
}

#[test]
fn a_header_may_come_byte_by_byte() {
    let serving = serve();
    let mut client = dial(serving.address);
    let bytes = [header([192, 0, 2, 1], 40_000), options().into_bytes()].concat();
    client.set_nodelay(true).unwrap();
    for byte in &bytes[..bytes.len() - 1] {
        client.write_all(&[*byte]).unwrap();
        thread::sleep(Duration::from_micros(500));
    }
    let last = String::from_utf8(vec![bytes[bytes.len() - 1]]).unwrap();
    assert!(ask(&mut client, last).starts_with("RTSP/1.0 200 "));
}

#[test]
fn the_connections_of_the_proxy_itself_are_served() {
    let serving = serve();
    for _ in 0..3 {
        // As a health check has it: LOCAL, without addresses.
        let mut check = dial(serving.address);
        check.write_all(b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0").unwrap();
        assert!(ask(&mut check, options()).starts_with("RTSP/1.0 200 "));
    }
}

#[test]
fn who_says_nothing_of_a_client_is_closed() {
    let serving = serve();
    let mut plain = dial(serving.address);
    plain.write_all(options().as_bytes()).unwrap();
    assert!(is_closed(plain));
    let silent = [(); 8].map(|()| dial(serving.address));
    let mut half = dial(serving.address);
    half.write_all(&header([192, 0, 2, 1], 1)[..20]).unwrap();
    // They have their time, and nobody waits for them.
    assert!(ask(&mut dial_as(serving.address, 9), options()).starts_with("RTSP/1.0 200 "));
    assert!(silent.into_iter().all(is_closed) && is_closed(half));
}

#[test]
fn only_a_proxy_may_name_another_address() {
    let serving = Serving::start(ANYWHERE, library());
    let mut client = dial_as(serving.address, 1);
    let refused = ask(&mut client, options());
    assert!(!refused.starts_with("RTSP/1.0 200 "), "{refused}");
}
