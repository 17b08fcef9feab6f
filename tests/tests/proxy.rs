//! The server behind HAProxy, which says whose a connection is.
use pinhole_tests::clip::{Clip, TempDir};
use pinhole_tests::dialogue::Dialogue;
use pinhole_tests::peer::{Peer, available};
use pinhole_tests::process::{Running, binary, poll, run};
use pinhole_tests::server::Server;
use pinhole_tests::{Transport, fake, undisturbed, viewer};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::process::Command;
use std::thread;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(30);

/// Starts HAProxy in front of a server, as docs/operations.md has it.
fn haproxy(directory: &TempDir, front: SocketAddr, server: SocketAddr) -> Running {
    let file = directory.path().join("haproxy.cfg");
    let config = format!(
        "defaults\n mode tcp\n timeout connect 5s\n timeout client 1m\n timeout server 1m\n\
         frontend rtsp\n bind {front}\n default_backend pinhole\n\
         backend pinhole\n option tcp-check\n tcp-check send \"OPTIONS * RTSP/1.0\\r\\nCSeq: 1\\r\\n\\r\\n\"\n \
         tcp-check expect string \"RTSP/1.0 200\"\n \
         server a {server} send-proxy-v2 check check-send-proxy inter 100ms fall 1 rise 1\n"
    );
    std::fs::write(&file, config).unwrap();
    let haproxy = Running::start(Command::new("haproxy").arg("-db").arg("-f").arg(&file));
    poll(LIMIT, || TcpStream::connect(front).ok()).unwrap_or_else(|| panic!("{haproxy}"));
    haproxy
}

#[test]
fn clients_of_a_proxy_are_known_by_their_own_addresses() {
    if !available(&[Peer::Haproxy]) {
        return;
    }
    let _turn = undisturbed();
    let (directory, clip, front) = (TempDir::new(), Clip::sample(), fake::nobody());
    // One client of each address.
    let options = ["--trusted-proxy", "127.0.0.1,10.0.0.0/8", "--max-connections-per-ip", "1"];
    let server = Server::with(&options, &[&clip.path]);
    let _proxy = haproxy(&directory, front, server.address());
    // HAProxy takes a server that fails its check out of service after the first time.
    thread::sleep(Duration::from_secs(1));
    let url = format!("rtsp://{front}/{}", clip.mount());
    let clients = [5, 6].map(|host| {
        let mut client = Dialogue::connect_from(IpAddr::V4(Ipv4Addr::new(127, 0, 0, host)), front);
        assert_eq!(client.try_set_up(&url, "RTP/AVP;unicast;client_port=5000-5001").status, 461);
        client.set_up_tcp(&url).ok();
        client
    });
    let opened = server.wait_events("opened", 2, LIMIT);
    for (event, host) in opened.iter().zip([5, 6]) {
        assert!(event["peer"].as_str().unwrap().starts_with(&format!("127.0.0.{host}:")), "{event}");
    }
    drop(clients);
    viewer::watch(&url, Transport::Tcp, &[]).assert_whole(clip.frames);
    // Whoever comes from the proxy's address has to say whose it is.
    let mut direct = Dialogue::connect(server.address());
    direct.send(b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n");
    assert!(direct.closes(LIMIT));
    let done = server.stop("TERM");
    assert_eq!(done.stderr.matches("is not understood").count(), 1, "{done:?}");
}

#[test]
fn a_proxy_that_is_none_is_wrong_usage() {
    for (network, word) in [
        ("10.0.0.0/33", "10.0.0.0/33"),
        ("proxy.example", "an address such as 10.0.0.7, or a network such as 10.0.0.0/8"),
        ("0.0.0.0/0", "every address"),
    ] {
        let mut command = Command::new(binary("pinhole-server"));
        let done = run(command.args(["--trusted-proxy", network]), LIMIT).expect("the server runs");
        assert_eq!(done.status.code(), Some(2), "{done:?}");
        assert!(done.stderr.contains(word), "{done:?}");
    }
}
