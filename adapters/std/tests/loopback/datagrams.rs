//! Datagrams and the sessions that they belong to.
use super::common::{LIMIT, Serving, ask, library, session_of};
use pinhole::server::CloseReason;
use pinhole_std::server::{self, Event};
use std::net::{Ipv4Addr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

/// An empty receiver report (RFC 3550, 6.4.2).
const REPORT: [u8; 8] = [0x80, 201, 0, 1, 1, 2, 3, 4];
const TIMEOUT: Duration = Duration::from_secs(1);

/// Binds two sockets on neighbouring ports.
fn pair() -> [UdpSocket; 2] {
    loop {
        let first = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = first.local_addr().unwrap().port();
        if port.is_multiple_of(2)
            && let Ok(second) = UdpSocket::bind((Ipv4Addr::LOCALHOST, port + 1))
        {
            return [first, second];
        }
    }
}

/// Sets up a session without playing it. Returns its connection, and the server's RTCP port.
fn set_up(serving: &Serving, rtp: u16) -> (TcpStream, u16) {
    let mut stream = TcpStream::connect(serving.address).unwrap();
    let transport = format!("RTP/AVP;unicast;client_port={rtp}-{}", rtp + 1);
    let url = serving.url();
    let request = format!("SETUP {url}/track0 RTSP/1.0\r\nCSeq: 1\r\nTransport: {transport}\r\n\r\n");
    let reply = ask(&mut stream, request);
    assert!(!session_of(&reply).is_empty(), "{reply}");
    let ports = reply.split("server_port=").nth(1).and_then(|rest| rest.get(..11)).expect("two ports");
    let rtcp = ports.split('-').nth(1).expect("the second");
    let digits: String = rtcp.chars().take_while(char::is_ascii_digit).collect();
    (stream, digits.parse().unwrap())
}

#[test]
fn reused_client_ports_are_accepted() {
    let mut options = server::Options::new((Ipv4Addr::LOCALHOST, 0).into());
    options.config.session_timeout = TIMEOUT.into();
    let serving = Serving::with(&options, library());
    let [rtp, rtcp] = pair();
    let port = rtp.local_addr().unwrap().port();
    let keep_alive = |to: u16, time: Duration| {
        let end = Instant::now() + time;
        while Instant::now() < end {
            rtcp.send_to(&REPORT, (Ipv4Addr::LOCALHOST, to)).unwrap();
            std::thread::sleep(TIMEOUT / 10);
        }
    };
    let (first, to) = set_up(&serving, port);
    keep_alive(to, TIMEOUT / 2);
    let (second, to_second) = set_up(&serving, port);
    // While the first one is there, either may be meant.
    drop(first);
    assert_eq!(serving.closed().0, CloseReason::Closed);
    keep_alive(to_second, 3 * TIMEOUT);
    let quiet = Instant::now();
    serving.wait(|event| matches!(event, Event::Closed { .. }).then_some(()));
    let lived = quiet.elapsed();
    assert!(lived > TIMEOUT / 3 && lived < LIMIT, "it ended {lived:?} after the last report");
    drop(second);
}
