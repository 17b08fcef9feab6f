//! Twenty viewers at once, one of which dies.
//!
//! Alone in its file: Cargo runs the files one after the other, `tests/streams.py` this one while no other test runs,
//! and it needs the machine.
use pinhole_tests::clip::{Clip, TempDir};
use pinhole_tests::peer::{Peer, available};
use pinhole_tests::process::Running;
use pinhole_tests::server::Server;
use pinhole_tests::{Transport, viewer};
use std::thread;
use std::time::Duration;

const VIEWERS: usize = 20;

/// The default session timeout of a server (RFC 2326, 12.37), and as much again as a loaded
/// machine may take.
const SESSION_GONE: Duration = Duration::from_secs(90);

#[test]
fn a_killed_viewer_disturbs_nobody() {
    if !available(&[Peer::Ffmpeg]) {
        return;
    }
    let directory = TempDir::new();
    let clip = Clip::large(&directory);
    let server = Server::of(&[&clip]);
    let url = server.url(clip.mount());
    let start = |i: usize| viewer::start(&url, Transport::ALL[i % 2]);

    let victim = start(0);
    let viewers: Vec<Running> = (0..VIEWERS).map(start).collect();
    server.wait_events("opened", VIEWERS + 1, Duration::from_secs(30));
    thread::sleep(Duration::from_millis(300));
    victim.signal("KILL");

    for viewer in viewers {
        viewer::report(&viewer.finish(Duration::from_secs(60))).assert_whole(clip.frames);
    }
    server.wait_events("closed", VIEWERS + 1, SESSION_GONE);
    assert_eq!(server.stop("TERM").status.code(), Some(0));
}
