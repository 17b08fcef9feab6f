//! Several event loops in one server.
use super::common::{LIMIT, Serving, connect, library};
use pinhole::client::{PlayOptions, TransportChoice};
use pinhole::rtsp::Speed;
use pinhole_std::client::{Client, Event, Options};
use pinhole_std::media::{InputEvent, Library, Playback};
use pinhole_std::server;
use std::collections::HashMap;
use std::io::Write;
use std::net::Ipv4Addr;
use std::num::NonZero;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

const THREADS: usize = 3;
const TRANSPORTS: [TransportChoice; 6] = [
    TransportChoice::Udp,
    TransportChoice::Udp,
    TransportChoice::Udp,
    TransportChoice::Tcp,
    TransportChoice::Tcp,
    TransportChoice::Tcp,
];

fn options() -> server::Options {
    let mut options = server::Options::new((Ipv4Addr::LOCALHOST, 0).into());
    options.threads = NonZero::new(THREADS).unwrap();
    options
}

/// Turns the clients one after the other, until each had an event that is `wanted`.
fn until_all(clients: &mut [Client], wanted: impl Fn(&Event) -> bool) {
    let deadline = Instant::now() + LIMIT;
    let mut left: Vec<&mut Client> = clients.iter_mut().collect();
    while !left.is_empty() {
        assert!(Instant::now() < deadline, "not in time");
        left.retain_mut(|client| {
            client.turn(Duration::from_millis(1)).expect("the session holds");
            !std::iter::from_fn(|| client.poll_event()).any(|event| wanted(&event))
        });
    }
}

fn live(reader: impl std::io::Read + Send + 'static) -> Library {
    let mut library = Library::new(Playback::default());
    library.add_live("live", reader);
    library
}

#[test]
fn sessions_are_spread_evenly() {
    let serving = Serving::with(&options(), library());
    let mut play = PlayOptions::default();
    play.speed = Speed::from_thousandths(2_000).unwrap();
    let watch = |transport| {
        let options = Options { transport, play, ..Options::default() };
        Client::connect(&serving.url(), &options).expect("the server is there")
    };
    let mut clients = TRANSPORTS.map(watch);
    until_all(&mut clients, |event| *event == Event::Ended);
    for client in &clients {
        let track = client.track_statistics(0);
        assert_eq!((track.frames_complete, track.frames_damaged, track.lost), (60, 0, 0));
    }
    let mut opened: HashMap<_, usize> = HashMap::new();
    serving.wait_on(|thread, event| {
        if let server::Event::Opened { .. } = event {
            *opened.entry(thread).or_default() += 1;
        }
        (opened.values().sum::<usize>() == TRANSPORTS.len()).then_some(())
    });
    assert_eq!(opened.into_values().collect::<Vec<_>>(), [2; THREADS]);
}

#[test]
fn all_threads_say_bye() {
    let serving = Serving::with(&options(), library());
    let mut clients = TRANSPORTS.map(|transport| connect(&serving.url(), transport));
    until_all(&mut clients, |event| matches!(event, Event::Playing { .. }));
    // Who has sent nothing says no BYE (RFC 3550, 6.3.7).
    for client in &mut clients {
        while client.cached(0).is_empty() {
            client.turn(Duration::from_millis(50)).expect("the session holds");
        }
    }
    serving.handle.stop();
    // Without the BYE it would be the loss of the connection, an error.
    until_all(&mut clients, |event| *event == Event::Ended);
}

#[test]
fn live_input_reaches_all_threads() {
    let clip = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../video/bunny288.mjpeg"));
    let clip = clip.expect("the sample is there");
    let (reader, mut writer) = std::io::pipe().unwrap();
    let serving = Serving::with(&options(), live(reader));
    let url = format!("rtsp://{}/live", serving.address);
    let mut clients = TRANSPORTS.map(|transport| connect(&url, transport));
    until_all(&mut clients, |event| matches!(event, Event::Playing { .. }));
    let feeder = thread::spawn(move || {
        for piece in clip.chunks(20_000) {
            writer.write_all(piece).expect("the server reads");
            thread::sleep(Duration::from_millis(10));
        }
    });
    until_all(&mut clients, |event| *event == Event::Ended);
    feeder.join().unwrap();
    for client in &mut clients {
        let figures = client.track_statistics(0);
        // On a busy machine, a socket's buffer may overflow.
        assert!(figures.frames_complete == 60 || figures.lost > 0, "{figures:?}");
        client.teardown();
    }
    until_all(&mut clients, |event| *event == Event::Closed);
    let mut events = Vec::new();
    let mut closed = 0;
    serving.wait(|event| {
        match event {
            server::Event::Input { event, .. } => events.push(event),
            server::Event::Closed { .. } => closed += 1,
            _ => {}
        }
        (closed == TRANSPORTS.len()).then_some(())
    });
    assert!(matches!(events[..], [InputEvent::Format { .. }, InputEvent::Ended]), "{events:?}");
}

#[test]
fn the_end_of_input_ends_an_idle_server() {
    let serving = Serving::with(&options(), live(std::io::empty()));
    let next = || {
        serving.wait(|event| match event {
            server::Event::Input { event, .. } => Some(event),
            _ => None,
        })
    };
    let event = next();
    assert!(matches!(event, InputEvent::Nothing(_)), "{event:?}");
    assert_eq!(next(), InputEvent::Ended);
    serving.ended();
}

#[test]
fn the_connection_limit_is_shared() {
    let mut options = options();
    options.max_connections = 2;
    let serving = Serving::with(&options, library());
    let connect = |by| connect(&serving.url(), by);
    let mut clients = [TransportChoice::Udp, TransportChoice::Tcp].map(connect);
    until_all(&mut clients, |event| matches!(event, Event::Playing { .. }));
    assert!(!plays(connect(TransportChoice::Tcp)), "there are two already");
    drop(clients);
    // The server sees it a moment later.
    let deadline = Instant::now() + LIMIT;
    while !plays(connect(TransportChoice::Tcp)) {
        assert!(Instant::now() < deadline, "there is room again");
    }
}

/// Returns whether a client plays before it loses its connection.
fn plays(mut client: Client) -> bool {
    let deadline = Instant::now() + LIMIT;
    while client.turn(Duration::from_millis(20)).is_ok() {
        if std::iter::from_fn(|| client.poll_event()).any(|event| matches!(event, Event::Playing { .. })) {
            return true;
        }
        assert!(Instant::now() < deadline, "not in time");
    }
    false
}
