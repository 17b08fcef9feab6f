//! Receivers that vanish, that do not read, or to whom the path is narrow: each costs only its own
//! session.
use pinhole_tests::clip::Clip;
use pinhole_tests::dialogue::Dialogue;
use pinhole_tests::hostile::{narrow, vanished};
use pinhole_tests::network::in_own_network;
use pinhole_tests::peer::{Peer, available};
use pinhole_tests::process::run;
use pinhole_tests::server::Server;
use pinhole_tests::{Transport, undisturbed, viewer};
use std::io::Read;
use std::process::Command;
use std::thread;
use std::time::Duration;

#[test]
fn bad_receivers_disturb_nobody() {
    let _turn = undisturbed();
    let clip = Clip::sample();
    let server = Server::with(&["--loop"], &[&clip.path]);
    let url = server.url(clip.mount());
    let connect = || Dialogue::connect(server.address());
    let gone: Vec<_> = (0..8).map(|_| vanished(connect(), &url)).collect();
    let stopped: Vec<_> = (0..8).map(|_| narrow(connect(), &url)).collect();
    for _ in 0..8 {
        let mut crawling = narrow(connect(), &url).into_stream();
        thread::spawn(move || {
            let mut byte = [0];
            while matches!(crawling.read(&mut byte), Ok(1..)) {
                thread::sleep(Duration::from_millis(1));
            }
        });
    }
    server.wait_events("opened", 24, Duration::from_secs(10));
    for transport in Transport::ALL {
        let report = viewer::watch(&url, transport, &["--duration", "4"]);
        let figures = ["packets_lost", "frames_damaged", "frames_missing"];
        assert_eq!(figures.map(|name| report.number(name)), [0; 3], "{transport}: {report:?}");
        assert!((100..130).contains(&report.number("frames_complete")), "{transport}: {report:?}");
    }
    // The clip, whose frames are held in full, and a connection's storage.
    let memory = server.peak_memory().unwrap_or_default();
    assert!(memory < 64 << 20, "{memory} bytes");
    drop((gone, stopped));
}

#[test]
fn a_narrow_path_is_found_out() {
    if !available(&[Peer::Tshark]) {
        return;
    }
    in_own_network("a_narrow_path_is_found_out", || {
        let clip = Clip::sample();
        for (path, mtu) in [("1000", "1400"), ("1500", "9000"), ("650", "1400")] {
            let mut narrow = Command::new("ip");
            narrow.args(["link", "set", "dev", "lo", "mtu", path]);
            assert!(run(&mut narrow, Duration::from_secs(5)).unwrap().status.success());
            let server = Server::with(&["--mtu", mtu], &[&clip.path]);
            let url = server.url(clip.mount());
            for transport in Transport::ALL {
                viewer::watch(&url, transport, &[]).assert_whole(clip.frames);
            }
        }
    });
}
