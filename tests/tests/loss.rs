//! Packets lost between server and viewer.
use pinhole::jpeg::{RecodeOptions, inspect, recode, recode_max_len, strip_interval};
use pinhole_tests::clip::{Clip, TempDir};
use pinhole_tests::relay::Relay;
use pinhole_tests::server::Server;
use pinhole_tests::{Transport, undisturbed, viewer};
use std::fs;

/// What a packet of 1,400 bytes carries of a scan.
const PACKET_PAYLOAD: usize = 1_388;

/// The sample clip with restart markers in it.
fn with_restart_markers(directory: &TempDir) -> Clip {
    let clip = Clip::sample();
    let file = fs::read(&clip.path).unwrap();
    let (mut rest, mut marked) = (&file[..], Vec::new());
    while let Ok(found) = inspect(rest) {
        let mut frame = vec![0; recode_max_len(found.len) * 2];
        let restart_interval = Some(strip_interval(&found.info, PACKET_PAYLOAD));
        let done = recode(rest, &mut frame, RecodeOptions { restart_interval }).unwrap();
        marked.extend_from_slice(&frame[..done.len]);
        rest = &rest[found.len..];
    }
    let path = directory.path().join("marked.mjpeg");
    fs::write(&path, marked).unwrap();
    Clip { path: path.clone(), plain: path, ..clip }
}

#[test]
fn a_lost_packet_costs_a_strip_and_not_the_frame() {
    let _turn = undisturbed();
    let directory = TempDir::new();
    let clip = with_restart_markers(&directory);
    let server = Server::with(&["--loop"], &[&clip.path]);
    let relay = Relay::start(server.address(), 10_000);
    let url = relay.url(&server.url(clip.mount()));
    let report = viewer::watch(&url, Transport::Udp, &["--duration", "8"]);

    let [complete, damaged, mended, missing] =
        ["frames_complete", "frames_damaged", "frames_mended", "frames_missing"]
            .map(|name| report.number(name));
    let frames = complete + damaged + missing;
    assert!(frames > 200 && relay.lost() > 30, "{} lost, {report:?}", relay.lost());
    // Some lost datagrams are RTCP, and some share a frame.
    assert!(mended > relay.lost() / 2, "{} lost, {report:?}", relay.lost());
    assert!(report.number("strips_mended") >= mended, "{report:?}");
    assert!((complete + mended) * 100 >= frames * 99, "{report:?}");
    assert!(missing * 100 < frames, "{report:?}");
}
