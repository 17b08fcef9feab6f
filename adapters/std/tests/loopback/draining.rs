//! A server that is about to end, and one that listens on sockets that somebody else has opened.
use crate::common::{LIMIT, Serving, ask, connect, library, until};
use pinhole::client::TransportChoice;
use pinhole_std::client::Event;
use pinhole_std::media::{Library, PatternFormat, Playback};
use pinhole_std::server::{Listeners, Options, Server};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

const ANYWHERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

fn dial(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream
}

fn options(url: &str) -> String {
    format!("OPTIONS {url} RTSP/1.0\r\nCSeq: 1\r\n\r\n")
}

#[test]
fn who_watches_sees_the_end_while_others_are_refused() {
    let serving = Serving::with(
        &Options { http: Some(ANYWHERE), threads: 2.try_into().unwrap(), ..Options::new(ANYWHERE) },
        library(),
    );
    let url = serving.url();
    let mut known = dial(serving.address);
    assert!(ask(&mut known, options(&url)).starts_with("RTSP/1.0 200 "));
    let mut client = connect(&url, TransportChoice::Tcp);
    until(&mut client, |event| matches!(event, Event::Playing { .. }));
    serving.handle.drain();

    let setup =
        format!("SETUP {url}/track0 RTSP/1.0\r\nCSeq: 2\r\nTransport: RTP/AVP/TCP;interleaved=0-1\r\n\r\n");
    let refused = ask(&mut known, setup);
    assert!(refused.starts_with("RTSP/1.0 503 ") && refused.contains("\r\nRetry-After: "), "{refused}");
    let refused = ask(&mut dial(serving.address), options(&url));
    assert!(refused.starts_with("RTSP/1.0 503 ") && refused.contains("\r\nRetry-After: "), "{refused}");
    let mut browser = dial(serving.http.expect("it has pages"));
    let refused = ask(&mut browser, "GET / HTTP/1.1\r\nHost: x\r\n\r\n".into());
    assert!(refused.starts_with("HTTP/1.1 503 "), "{refused}");

    until(&mut client, |event| *event == Event::Ended);
    let track = client.track_statistics(0);
    assert_eq!((track.frames_complete, track.frames_missing), (60, 0));
    drop(client);
    // Nobody has to stop it.
    serving.ended();
}

#[test]
fn who_watches_what_has_no_end_is_waited_for_until_the_stop() {
    let mut library = Library::new(Playback::default());
    library.add_pattern("pattern", PatternFormat::new(160, 120, Playback::default().frame_rate).unwrap());
    let serving = Serving::start(ANYWHERE, library);
    let mut client = connect(&format!("rtsp://{}/pattern", serving.address), TransportChoice::Udp);
    until(&mut client, |event| matches!(event, Event::Playing { .. }));
    serving.handle.drain();
    let before = client.track_statistics(0).frames_complete;
    let deadline = Instant::now() + LIMIT;
    while client.track_statistics(0).frames_complete < before + 5 {
        assert!(Instant::now() < deadline, "the pattern goes on");
        client.turn(Duration::from_millis(20)).expect("the session holds");
    }
    serving.handle.stop();
    until(&mut client, |event| *event == Event::Closed);
    serving.ended();
}

#[test]
fn sockets_that_listen_already_are_served() {
    let [rtsp, http] = [(); 2].map(|()| TcpListener::bind(ANYWHERE).unwrap());
    let [rtsp_address, http_address] = [&rtsp, &http].map(|socket| socket.local_addr().unwrap());
    // A client that connects before there is a server is served once there is one.
    let mut early = dial(rtsp_address);
    early.write_all(options("*").as_bytes()).unwrap();
    let listeners = Listeners { rtsp: Some(rtsp), http: Some(http) };
    let taken = Options::new(rtsp_address);
    let server = Server::with_listeners(listeners, &taken, library()).expect("nothing is bound anew");
    assert_eq!((server.local_addr(), server.http_addr()), (rtsp_address, Some(http_address)));
    let handle = server.handle();
    let running = thread::spawn(move || server.run(|_| {}));
    let mut reply = [0; 12];
    early.read_exact(&mut reply).unwrap();
    assert_eq!(&reply, b"RTSP/1.0 200");
    let page = ask(&mut dial(http_address), "GET / HTTP/1.1\r\nHost: x\r\n\r\n".into());
    assert!(page.starts_with("HTTP/1.1 200 "), "{page}");
    handle.stop();
    running.join().unwrap().unwrap();
}
