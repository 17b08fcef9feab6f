//! Packets lost between server and viewer.
use pinhole_tests::clip::Clip;
use pinhole_tests::relay::Relay;
use pinhole_tests::server::Server;
use pinhole_tests::{Transport, undisturbed, viewer};

#[test]
fn a_lost_packet_costs_one_area() {
    let _turn = undisturbed();
    let clip = Clip::sample();
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
