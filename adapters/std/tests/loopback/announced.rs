//! What a client and a server that pulls a source tell of their receive buffers.
use super::common::{LIMIT, Serving, ask, connect, library};
use pinhole::client::TransportChoice;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

const SDP: &str =
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=video 0 RTP/AVP 26\r\na=control:track1\r\n";

/// Waits for one client as a camera, and returns its URL. Each SETUP of the client is passed on, and gets no answer.
fn camera() -> (String, Receiver<String>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("rtsp://{}/live", listener.local_addr().unwrap());
    let (sender, setups) = mpsc::channel();
    thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let (mut requests, mut stream) = (BufReader::new(stream.try_clone().unwrap()), stream);
        loop {
            let mut request = String::new();
            while !request.ends_with("\r\n\r\n") {
                if requests.read_line(&mut request).unwrap_or(0) == 0 {
                    return;
                }
            }
            if request.starts_with("SETUP") {
                let _ = sender.send(request);
                continue;
            }
            let cseq = request.lines().find(|line| line.starts_with("CSeq:")).expect("a number");
            let body = if request.starts_with("DESCRIBE") { SDP } else { "" };
            let kind = "Content-Type: application/sdp";
            let reply =
                format!("RTSP/1.0 200 OK\r\n{cseq}\r\n{kind}\r\nContent-Length: {}\r\n\r\n", body.len());
            stream.write_all(format!("{reply}{body}").as_bytes()).unwrap();
        }
    });
    (url, setups)
}

/// How many bytes the system grants who asks for a receive buffer of so many, as it counts.
fn granted(bytes: usize) -> usize {
    let socket = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let socket = socket2::SockRef::from(&socket);
    socket.set_recv_buffer_size(bytes).unwrap();
    socket.recv_buffer_size().unwrap()
}

fn announced(setup: &str) -> Option<usize> {
    let value = setup.lines().find_map(|line| line.strip_prefix("x-receive-buffer: "))?;
    Some(value.parse().expect("a number"))
}

/// Returns the SETUP of a client.
fn setup(transport: TransportChoice) -> String {
    let (url, setups) = camera();
    let mut client = connect(&url, transport);
    let deadline = Instant::now() + LIMIT;
    loop {
        assert!(Instant::now() < deadline, "not in time");
        client.turn(Duration::from_millis(20)).expect("the session holds");
        if let Ok(setup) = setups.try_recv() {
            return setup;
        }
    }
}

#[test]
fn a_client_announces_half_of_the_buffer_that_it_was_granted() {
    assert_eq!(announced(&setup(TransportChoice::Udp)), Some(granted(4 << 20) / 2));
    assert_eq!(announced(&setup(TransportChoice::Tcp)), None);
}

#[test]
fn what_is_no_number_of_bytes_is_ignored() {
    let serving = Serving::start((Ipv4Addr::LOCALHOST, 0).into(), library());
    for value in ["", "lots", "-5", "1e6", "0x100000", "99999999999999999999999999"] {
        let mut stream = TcpStream::connect(serving.address).unwrap();
        let transport = "Transport: RTP/AVP;unicast;client_port=50000-50001";
        let url = serving.url();
        let setup = format!(
            "SETUP {url}/track0 RTSP/1.0\r\nCSeq: 1\r\n{transport}\r\nx-receive-buffer: {value}\r\n\r\n"
        );
        let reply = ask(&mut stream, setup);
        assert!(reply.starts_with("RTSP/1.0 200 OK"), "{value}: {reply}");
    }
}

#[cfg(feature = "pull")]
#[test]
fn a_server_announces_the_buffer_of_each_source_that_it_pulls() {
    use pinhole_std::media::{Library, Playback, SourceOptions, SourceUrl};

    let (url, setups) = camera();
    let mut library = Library::new(Playback::default());
    let mut options = SourceOptions::default();
    (options.transport, options.always) = (TransportChoice::Udp, true);
    library.add_source("live", &SourceUrl::parse(&url).unwrap(), options);
    let _serving = Serving::start((Ipv4Addr::LOCALHOST, 0).into(), library);
    let setup = setups.recv_timeout(LIMIT).expect("it pulls the source");
    assert_eq!(announced(&setup), Some(granted(1 << 20) / 2), "{setup}");
}
