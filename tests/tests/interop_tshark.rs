//! tshark dissects what the server and the viewer say to each other and to others.
use pinhole_tests::capture::{Capture, Recording};
use pinhole_tests::clip::Clip;
use pinhole_tests::network::in_own_network;
use pinhole_tests::peer::{Peer, available};
use pinhole_tests::server::Server;
use pinhole_tests::{Transport, viewer, watch};

#[test]
fn nothing_said_to_ffmpeg_is_malformed() {
    if !available(&[Peer::Ffmpeg, Peer::Tshark]) {
        return;
    }
    in_own_network("nothing_said_to_ffmpeg_is_malformed", || {
        let clip = Clip::sample();
        let server = Server::of(&[&clip]);
        for transport in Transport::ALL {
            let capture = Capture::start(server.address().port());
            let seen = watch::ffmpeg_stream(&server.url(clip.mount()), transport);
            assert_eq!(seen.len(), clip.frames, "{transport}");
            assert_clean(&capture.finish(), &clip, transport);
        }
    });
}

#[test]
fn the_viewers_traffic_is_well_formed() {
    if !available(&[Peer::Tshark]) {
        return;
    }
    in_own_network("the_viewers_traffic_is_well_formed", || {
        let clip = Clip::sample();
        let server = Server::of(&[&clip]);
        for transport in Transport::ALL {
            let capture = Capture::start(server.address().port());
            viewer::watch(&server.url(clip.mount()), transport, &[]).assert_whole(clip.frames);
            assert_clean(&capture.finish(), &clip, transport);
        }
    });
}

#[test]
fn the_viewer_reports_what_it_receives() {
    if !available(&[Peer::Tshark]) {
        return;
    }
    in_own_network("the_viewer_reports_what_it_receives", || {
        let clip = Clip::sample();
        let server = Server::with(&["--loop"], &[&clip.path]);
        let capture = Capture::start(server.address().port());
        // The first report may take three seconds, the next seven and a half (RFC 3550, 6.2).
        viewer::watch(&server.url(clip.mount()), Transport::Udp, &["--duration", "5"]);
        let recording = capture.finish();
        // The very first, which opens the way for the server's packets, has nothing to report yet.
        let reports =
            recording.rows("rtcp.pt == 201 && rtcp.rc > 0", &["rtcp.ssrc.cum_nr", "rtcp.sdes.type"]);
        assert!(!reports.is_empty(), "no receiver report");
        for report in reports {
            // Nothing lost, and the CNAME that each compound has (RFC 3550, 6.1); 0 ends the items.
            assert_eq!(report, "0\t1,0", "cumulative loss and SDES items");
        }
    });
}

#[test]
fn a_session_that_is_torn_down_ends_with_bye() {
    if !available(&[Peer::Tshark]) {
        return;
    }
    in_own_network("a_session_that_is_torn_down_ends_with_bye", || {
        let clip = Clip::sample();
        let server = Server::with(&["--loop"], &[&clip.path]);
        for transport in Transport::ALL {
            let capture = Capture::start(server.address().port());
            viewer::watch(&server.url(clip.mount()), transport, &["--duration", "1"]);
            let recording = capture.finish();
            assert!(recording.count("rtsp.method == \"TEARDOWN\"") > 0, "{transport}");
            // The sender's: a report, its name and BYE in one.
            assert!(recording.count("rtcp.pt == 200 && rtcp.pt == 203") > 0, "{transport}: no BYE");
            assert_eq!(recording.malformed(), [""; 0], "{transport}: malformed");
        }
    });
}

/// Asserts that the whole session is there and each of its packets dissects.
#[track_caller]
fn assert_clean(recording: &Recording, clip: &Clip, transport: Transport) {
    for method in ["DESCRIBE", "SETUP", "PLAY"] {
        assert!(recording.count(&format!("rtsp.method == \"{method}\"")) > 0, "{transport}: no {method}");
    }
    assert_eq!(recording.rows("rtsp.status >= 300", &["rtsp.response"]), [""; 0], "{transport}");
    assert_eq!(recording.markers(), clip.frames, "{transport}");
    assert!(recording.count("rtcp.pt == 200") > 0, "{transport}: no sender report");
    assert!(recording.count("rtcp.pt == 203") > 0, "{transport}: no BYE");
    assert_eq!(recording.malformed(), [""; 0], "{transport}: malformed");
}
