//! How connections end: by the header `Connection: close`, and by clients that give up.
use crate::common::{LIMIT, Serving, ask, connect, library, session_of, until};
use pinhole::client::TransportChoice;
use pinhole::server::CloseReason;
use pinhole_std::client;
use pinhole_std::server::Event;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

/// A connection to a server of the sample.
fn dialled(serving: &Serving) -> TcpStream {
    let stream = TcpStream::connect(serving.address).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream
}

/// All that comes until the server closes the connection.
fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut rest = Vec::new();
    // What was sent and not read makes a reset of the end.
    let _ = stream.read_to_end(&mut rest);
    rest
}

/// Sets a session up and plays it; returns its identifier.
fn play(stream: &mut TcpStream, url: &str, transport: &str, close: &str) -> String {
    let setup = format!("SETUP {url}/track0 RTSP/1.0\r\nCSeq: 1\r\nTransport: {transport}\r\n\r\n");
    let session = session_of(&ask(stream, setup)).to_owned();
    let played = ask(stream, format!("PLAY {url} RTSP/1.0\r\nCSeq: 2\r\nSession: {session}\r\n{close}\r\n"));
    assert!(played.starts_with("RTSP/1.0 200 "), "{played}");
    session
}

/// Two UDP sockets, and the `Transport` that names them.
fn sockets() -> ([UdpSocket; 2], String) {
    let sockets = [(); 2].map(|()| UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
    sockets.iter().for_each(|socket| socket.set_read_timeout(Some(LIMIT)).unwrap());
    let [rtp, rtcp] = [0, 1].map(|n: usize| sockets[n].local_addr().unwrap().port());
    (sockets, format!("RTP/AVP;unicast;client_port={rtp}-{rtcp}"))
}

/// Waits for a BYE.
fn bye(rtcp: &UdpSocket) {
    let mut compound = [0; 1500];
    loop {
        let len = rtcp.recv(&mut compound).expect("a BYE in time");
        // SR and SDES of 28 bytes each, and BYE.
        if compound[..len].get(57) == Some(&203) {
            return;
        }
    }
}

/// Asserts that a request with `Connection: close` is answered, and that the session ends with BYE and for this reason.
fn assert_closes(
    serving: &Serving,
    stream: &mut TcpStream,
    method: &str,
    session: &str,
    rtcp: &UdpSocket,
    reason: CloseReason,
) {
    let request = format!(
        "{method} {} RTSP/1.0\r\nCSeq: 3\r\nSession: {session}\r\nConnection: close\r\n\r\n",
        serving.url()
    );
    let reply = ask(stream, request);
    assert!(reply.starts_with("RTSP/1.0 200 OK\r\nCSeq: 3\r\n"), "{reply}");
    bye(rtcp);
    assert_eq!(rest(stream), b"");
    assert_eq!(serving.closed().0, reason);
}

#[test]
fn the_request_with_connection_close_is_the_last_that_is_answered() {
    let serving = Serving::start((Ipv4Addr::LOCALHOST, 0).into(), library());
    for header in ["Connection: close", "connection: keep-alive, Close"] {
        let mut stream = dialled(&serving);
        let url = serving.url();
        let request = |method: &str, cseq: u32, header: &str| {
            format!("{method} {url} RTSP/1.0\r\nCSeq: {cseq}\r\n{header}\r\n")
        };
        let asked = request("OPTIONS", 1, "")
            + &request("DESCRIBE", 2, &format!("{header}\r\n"))
            + &request("OPTIONS", 3, "")
            + &request("DESCRIBE", 4, "");
        stream.write_all(asked.as_bytes()).unwrap();
        let said = String::from_utf8_lossy(&rest(&mut stream)).into_owned();
        let answered: Vec<_> = said.lines().filter_map(|line| line.strip_prefix("CSeq: ")).collect();
        assert_eq!(answered, ["1", "2"], "{said}");
        assert!(said.ends_with("\r\n") && said.contains("\r\nm=video "), "the whole description: {said}");
    }
}

/// No other connection could control what goes on (RFC 2326, 12.10 leaves that open).
#[test]
fn sessions_end_with_bye_when_their_connection_is_closed_by_its_header() {
    let serving = Serving::start((Ipv4Addr::LOCALHOST, 0).into(), library());
    let mut stream = dialled(&serving);
    let ([rtp, rtcp], transport) = sockets();
    let session = play(&mut stream, &serving.url(), &transport, "");
    // Who has sent nothing says no BYE.
    rtp.recv(&mut [0; 2000]).expect("a picture");
    assert_closes(&serving, &mut stream, "GET_PARAMETER", &session, &rtcp, CloseReason::Closed);
}

/// What a client wants to see needs the connection: it would end before its first picture.
#[test]
fn play_with_connection_close_is_played_and_a_teardown_with_it_closes() {
    let serving = Serving::start((Ipv4Addr::LOCALHOST, 0).into(), library());
    let mut stream = dialled(&serving);
    let ([rtp, rtcp], transport) = sockets();
    let session = play(&mut stream, &serving.url(), &transport, "Connection: close\r\n");
    let mut packet = [0; 2000];
    for _ in 0..100 {
        rtp.recv(&mut packet).expect("pictures");
    }
    assert_closes(&serving, &mut stream, "TEARDOWN", &session, &rtcp, CloseReason::Teardown);
}

/// A client that leaves at any step of a new connection.
#[test]
fn who_leaves_while_it_connects_anew_leaves_no_session() {
    let serving = Serving::start((Ipv4Addr::LOCALHOST, 0).into(), library());
    let (mut opened, mut closed) = (0, 0);
    let mut count = |event: Event| {
        opened += u32::from(matches!(event, Event::Opened { .. }));
        closed += u32::from(matches!(event, Event::Closed { .. }));
        (opened, closed)
    };
    for turns in 0..24 {
        let transport = if turns % 2 == 0 { TransportChoice::Tcp } else { TransportChoice::Udp };
        let mut client = connect(&serving.url(), transport);
        until(&mut client, |event| matches!(event, client::Event::Playing { .. }));
        client.reconnect();
        for _ in 0..turns / 2 {
            client.turn(Duration::from_millis(1)).expect("the server is there");
        }
        client.teardown();
        until(&mut client, |event| *event == client::Event::Closed);
        assert!(client.turn(Duration::ZERO).is_ok() && client.poll_event().is_none());
    }
    // A session that nobody ended would time out after a minute.
    let patience = Instant::now() + LIMIT;
    serving.wait(|event| {
        let (opened, closed) = count(event);
        assert!(Instant::now() < patience, "{opened} sessions, of which {closed} were closed");
        (opened >= 24 && opened == closed).then_some(())
    });
}

/// One server is gone, and one takes connections and says nothing.
#[test]
fn who_leaves_while_no_server_answers_is_not_kept() {
    for mute in [false, true] {
        let serving = Serving::start((Ipv4Addr::LOCALHOST, 0).into(), library());
        let mut client = connect(&serving.url(), TransportChoice::Tcp);
        until(&mut client, |event| matches!(event, client::Event::Playing { .. }));
        let address = serving.address;
        drop(serving);
        let listener = mute.then(|| TcpListener::bind(address).unwrap());
        client.reconnect();
        if let Some(listener) = listener {
            let _connection = listener.accept().unwrap();
            while !client.is_connected() {
                client.turn(Duration::from_millis(5)).expect("a connection");
            }
            client.turn(Duration::from_millis(5)).expect("no answer yet");
            client.teardown();
            until(&mut client, |event| *event == client::Event::Closed);
        } else {
            while client.turn(Duration::from_millis(5)).is_ok() {}
            client.teardown();
            assert!(client.turn(Duration::ZERO).is_ok(), "nothing is left to fail");
            assert_eq!(client.poll_event(), None);
        }
        assert!(!client.is_connected());
    }
}
