//! Media that fail while they are played.
use crate::common::{LIMIT, Serving, connect, until};
use pinhole::client::TransportChoice;
use pinhole_std::client::{self, Client};
use pinhole_std::media::{Library, NormaliseOptions, Playback, Problem};
use pinhole_std::server::Event;
use std::fs::OpenOptions;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Serves a copy of the sample, `lost`, beside the sample.
fn serve(lost: &Path) -> Serving {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../video/bunny288.mjpeg");
    std::fs::copy(&sample, lost).unwrap();
    // Next to no frame is kept.
    let mut library = Library::with(Playback::default(), NormaliseOptions::default(), 0);
    library.add_path(lost);
    library.add_path(&sample);
    Serving::start((Ipv4Addr::LOCALHOST, 0).into(), library)
}

/// Receives until the server says that a session has ended, and returns of which medium and why.
fn ended(serving: &Serving, mut client: Client) -> (String, Option<Problem>) {
    let (over, deadline) = (AtomicBool::new(false), Instant::now() + LIMIT);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) && Instant::now() < deadline {
                // To a client, a medium that fails is one whose server was lost.
                let _ = client.turn(Duration::from_millis(5));
            }
        });
        let ended = serving.wait(|event| match event {
            Event::Ended { mount, problem, .. } => Some((mount, problem)),
            _ => None,
        });
        over.store(true, Ordering::Relaxed);
        ended
    })
}

#[test]
fn the_end_of_a_session_says_why_its_medium_failed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("lost.mjpeg");
    for transport in [TransportChoice::Udp, TransportChoice::Tcp] {
        let serving = serve(&path);
        let mut client = connect(&format!("rtsp://{}/lost", serving.address), transport);
        until(&mut client, |event| matches!(event, client::Event::Playing { .. }));
        OpenOptions::new().write(true).open(&path).unwrap().set_len(0).unwrap();
        let (mount, problem) = ended(&serving, client);
        let problem = problem.expect("the reason");
        assert_eq!((&*mount, &*problem.path), ("lost", &*path));
        assert!(problem.frame.is_some() && problem.reason.contains("ends"), "{problem}");
        // What is played to its end has no reason to.
        let client = connect(&serving.url(), transport);
        assert_eq!(ended(&serving, client), ("bunny288".to_owned(), None));
    }
}
