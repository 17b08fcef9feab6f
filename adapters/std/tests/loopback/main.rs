//! A server and a client of this crate, on real sockets of this machine.
#[cfg(feature = "metrics")]
mod admin;
mod announced;
mod cache;
mod changing;
mod closing;
mod common;
mod datagrams;
mod draining;
mod failures;
#[cfg(feature = "tls")]
mod inside_tls;
mod limits;
mod login;
mod proxies;
mod threads;
#[cfg(feature = "tls")]
mod tls;
mod tunnel;

use common::{LIMIT, Serving, ask, connect, library, session_of, until};
use pinhole::client::{LowerTransport, PlayOptions, TransportChoice};
use pinhole::codec::jpeg::JpegInfo;
use pinhole::frame::{FrameId, TrackId};
use pinhole::rtsp::Speed;
use pinhole::server::CloseReason;
use pinhole_std::client::{Client, Event, Options};
use pinhole_std::media::{Library, Playback};
use pinhole_std::server;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

fn watch(listen: SocketAddr, transport: TransportChoice, lower: LowerTransport) {
    let serving = Serving::start(listen, library());
    let mut client = connect(&serving.url(), transport);
    until(&mut client, |event| *event == Event::Ended);
    let store = library();
    for n in 0..60 {
        let sent = store.load(TrackId::default(), FrameId(n)).unwrap();
        let came = client.frame(0, FrameId(n)).unwrap();
        let [from, to] = [sent, came].map(|frame| JpegInfo::locate(frame.data).expect("a JPEG file"));
        let scan = |data: &[u8], at: u32, len: u32| data[at as usize..][..len as usize].to_vec();
        assert_eq!(
            (from.width, from.height, came.flags.integrity.is_complete()),
            (to.width, to.height, true)
        );
        assert!(came.time.abs_diff(sent.time) <= 1, "frame {n} at {}", came.time);
        assert!(
            scan(sent.data, from.scan, from.scan_len) == scan(came.data, to.scan, to.scan_len),
            "frame {n}"
        );
    }
    let statistics = client.statistics();
    assert_eq!(statistics.transport, Some(lower));
    assert_eq!((client.track_statistics(0).frames_complete, client.track_statistics(0).lost), (60, 0));
    client.teardown();
    until(&mut client, |event| *event == Event::Closed);
    assert_eq!(serving.closed().1, 60);
}

#[test]
fn a_clip_arrives_in_packets_of_any_length() {
    for max_packet in [548, 9_000, 65_507] {
        let mut options = server::Options::new((Ipv4Addr::LOCALHOST, 0).into());
        options.config.max_packet = max_packet;
        for transport in [TransportChoice::Udp, TransportChoice::Tcp] {
            let serving = Serving::with(&options, library());
            let mut play = PlayOptions::default();
            play.speed = Speed::from_thousandths(4_000).unwrap();
            let options = Options { transport, play, ..Options::default() };
            let mut client = Client::connect(&serving.url(), &options).expect("the server is there");
            until(&mut client, |event| *event == Event::Ended);
            assert_eq!(client.statistics().speed, play.speed);
            let track = client.track_statistics(0);
            let seen = (track.frames_complete, track.frames_damaged, track.lost);
            assert_eq!(seen, (60, 0, 0), "{max_packet} by {transport:?}");
        }
    }
}

#[test]
fn a_clip_arrives_whole_over_udp() {
    watch((Ipv4Addr::LOCALHOST, 0).into(), TransportChoice::Udp, LowerTransport::Udp);
}

#[test]
fn a_clip_arrives_whole_over_tcp() {
    watch((Ipv4Addr::LOCALHOST, 0).into(), TransportChoice::Tcp, LowerTransport::Interleaved);
}

#[test]
fn a_clip_arrives_whole_over_udp_and_ipv6() {
    if std::net::UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).is_err() {
        eprintln!("left out: this machine has no IPv6");
        return;
    }
    watch((Ipv6Addr::LOCALHOST, 0).into(), TransportChoice::Udp, LowerTransport::Udp);
}

#[test]
fn a_server_that_stops_says_bye() {
    let serving = Serving::start((Ipv4Addr::LOCALHOST, 0).into(), library());
    let mut client = connect(&serving.url(), TransportChoice::Udp);
    until(&mut client, |event| matches!(event, Event::Playing { .. }));
    // Who has sent nothing says no BYE (RFC 3550, 6.3.7).
    while client.cached(0).is_empty() {
        client.turn(Duration::from_millis(50)).expect("the session holds");
    }
    serving.handle.stop();
    // Without the BYE it would be the loss of the connection, an error.
    until(&mut client, |event| *event == Event::Ended);
}

#[test]
fn missing_media_are_refused() {
    let serving = Serving::start((Ipv4Addr::LOCALHOST, 0).into(), library());
    let mut client = connect(&format!("rtsp://{}/nothing", serving.address), TransportChoice::Auto);
    let deadline = Instant::now() + LIMIT;
    let error = loop {
        assert!(Instant::now() < deadline, "not in time");
        if let Err(error) = client.turn(Duration::from_millis(50)) {
            break error.to_string();
        }
    };
    assert!(error.contains("404 Not Found"), "{error}");
    let url = serving.wait(|event| match event {
        server::Event::Refused { url, status: 404, .. } => Some(url),
        _ => None,
    });
    assert!(url.ends_with("/nothing"), "{url}");
}

#[test]
fn the_end_of_live_input_ends_the_server() {
    let clip =
        std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../video/bunny288.mjpeg")).unwrap();
    let (mut writer, reader) = std::io::pipe().map(|(reader, writer)| (writer, reader)).unwrap();
    let mut live = Library::new(Playback::default());
    live.add_live("live", reader);
    let serving = Serving::start((Ipv4Addr::LOCALHOST, 0).into(), live);
    let mut client = connect(&format!("rtsp://{}/live", serving.address), TransportChoice::Tcp);
    until(&mut client, |event| matches!(event, Event::Playing { .. }));
    let feeder = thread::spawn(move || {
        use std::io::Write;
        // In pieces that know nothing of frames.
        for piece in clip.chunks(20_000) {
            writer.write_all(piece).expect("the server reads");
            thread::sleep(Duration::from_millis(20));
        }
    });
    until(&mut client, |event| *event == Event::Ended);
    feeder.join().unwrap();
    assert_eq!(client.track_statistics(0).frames_complete, 60);
    client.teardown();
    until(&mut client, |event| *event == Event::Closed);
}

#[test]
fn a_client_that_never_reads_is_disconnected() {
    let mut options = server::Options::new((Ipv4Addr::LOCALHOST, 0).into());
    options.config.session_timeout = pinhole::time::Duration::from_secs(1);
    let mut library = Library::new(Playback { repeat: true, ..Playback::default() });
    library.add_path(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../video/bunny288.mjpeg"));
    let serving = Serving::with(&options, library);

    let mut stream = std::net::TcpStream::connect(serving.address).unwrap();
    let url = serving.url();
    let transport = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1";
    let reply = ask(&mut stream, format!("SETUP {url}/track0 RTSP/1.0\r\nCSeq: 1\r\n{transport}\r\n\r\n"));
    let session = session_of(&reply);
    ask(&mut stream, format!("PLAY {url} RTSP/1.0\r\nCSeq: 2\r\nSession: {session}\r\n\r\n"));
    // The kernel's buffers fill; the clip takes some seconds for that, and the timeout is one more.
    assert_eq!(serving.closed().0, CloseReason::Timeout);
    serving.wait(|event| matches!(event, server::Event::Disconnected { .. }).then_some(()));
}
