//! The built-in test pattern, as each client shows it.
use pinhole_tests::peer::{Peer, available};
use pinhole_tests::server::Server;
use pinhole_tests::watch::Hashes;
use pinhole_tests::{Transport, undisturbed, viewer, watch};
use std::collections::HashSet;

const NO_MEDIA: [&str; 0] = [];

fn serve(pattern: &str) -> Server {
    Server::with(&["--pattern", pattern], &NO_MEDIA)
}

/// Asserts that no two frames look the same: none was repeated.
#[track_caller]
fn assert_distinct(seen: &[String]) {
    assert_eq!(seen.iter().collect::<HashSet<_>>().len(), seen.len());
}

#[test]
fn ffmpeg_sees_each_frame_of_the_pattern() {
    if !available(&[Peer::Ffmpeg]) {
        return;
    }
    let server = serve("640x360@25");
    let url = server.url("pattern");
    let watched = Transport::ALL.map(|transport| watch::ffmpeg_start(&url, transport, 50));
    let [(udp_size, udp), (tcp_size, tcp)] = &watched;
    assert_eq!([udp_size, tcp_size], [&(640, 360); 2]);
    assert_distinct(udp);
    watch::assert_same(tcp, udp, "tcp against udp");
}

#[test]
fn gstreamer_shows_a_large_pattern() {
    if !available(&[Peer::Gstreamer]) {
        return;
    }
    let _turn = undisturbed();
    let server = serve("2560x1440@30");
    let round = 60;
    for transport in Transport::ALL {
        let seen = watch::gstreamer_start(&server.url("pattern"), transport, 80, (2560, 1440));
        let (first, second): (Hashes, Hashes) = (seen[..round].to_vec(), seen[round..].to_vec());
        assert_distinct(&first);
        watch::assert_same(&second, &first[..20].to_vec(), &format!("the second round over {transport}"));
    }
}

#[test]
fn the_viewer_shows_the_pattern() {
    let _turn = undisturbed();
    for (pattern, size, rate) in [("2560x1440@30", [2560, 1440], 30), ("97x33@50", [97, 33], 50)] {
        let server = serve(pattern);
        for transport in Transport::ALL {
            let report = viewer::watch(&server.url("pattern"), transport, &["--duration", "3"]);
            assert_eq!([report.number("width"), report.number("height")], size, "{pattern} over {transport}");
            let (frames, damaged) = (report.number("frames_complete"), report.number("frames_damaged"));
            let expected = 2 * rate..=3 * rate + 15;
            assert!(expected.contains(&frames), "{frames} frames of {pattern} in 3 s over {transport}");
            assert_eq!(damaged, 0, "{pattern} over {transport}");
        }
    }
}
