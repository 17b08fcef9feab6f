//! The admin port of a server, where the server does not turn.
use crate::common::{LIMIT, library};
use pinhole_std::server::{Admin, Options, Server};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

const ANYWHERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Returns what is at a path of an admin port.
fn get(admin: &Admin, path: &str) -> String {
    let mut stream = TcpStream::connect(admin.local_addr()).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\n\r\n").unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    response
}

fn wait_for(admin: &Admin, path: &str, wanted: impl Fn(&str) -> bool) -> String {
    let deadline = Instant::now() + LIMIT;
    loop {
        let response = get(admin, path);
        if wanted(&response) {
            return response;
        }
        assert!(Instant::now() < deadline, "{path}: {response}");
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_loop_that_stalls_is_told_of_by_a_port_that_does_not() {
    let admin = Admin::bind(ANYWHERE).unwrap();
    assert!(get(&admin, "/readyz").starts_with("HTTP/1.1 503 "));
    let mut server =
        Server::bind(&Options { threads: 2.try_into().unwrap(), ..Options::new(ANYWHERE) }, library())
            .unwrap();
    server.observe(&admin);
    let (address, handle) = (server.local_addr(), server.handle());
    let (resume, stall) = mpsc::channel::<()>();
    // Whoever is told of an event holds the loop up that has it.
    let running = thread::spawn(move || {
        let mut stall = Some(stall);
        server.run(move |_| {
            if let Some(stall) = stall.take() {
                let _ = stall.recv();
            }
        })
    });
    wait_for(&admin, "/readyz", |response| response.ends_with("\r\n\r\nready\n"));
    // Loops that have nothing to do are well.
    thread::sleep(Duration::from_secs(6));
    assert!(get(&admin, "/healthz").ends_with("\r\n\r\nok\n"));
    let mut client = TcpStream::connect(address).unwrap();
    client.write_all(b"DESCRIBE rtsp://h/nothing RTSP/1.0\r\nCSeq: 1\r\n\r\n").unwrap();
    let told = wait_for(&admin, "/healthz", |response| response.starts_with("HTTP/1.1 503 "));
    assert_eq!(told.matches(" has not turned for ").count(), 1, "one of two: {told}");
    for path in ["/metrics", "/sessions"] {
        assert!(get(&admin, path).starts_with("HTTP/1.1 200 "), "{path}");
    }
    resume.send(()).unwrap();
    wait_for(&admin, "/healthz", |response| response.ends_with("\r\n\r\nok\n"));
    handle.stop();
    running.join().unwrap().unwrap();
}
