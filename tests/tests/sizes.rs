//! Pictures whose size the RTP/JPEG header cannot say: the true one comes as a header extension,
//! which no client may stumble over.
use pinhole_tests::capture::Capture;
use pinhole_tests::network::in_own_network;
use pinhole_tests::peer::{Peer, available};
use pinhole_tests::server::Server;
use pinhole_tests::{Transport, undisturbed, viewer, watch};

const NO_MEDIA: [&str; 0] = [];
/// No multiples of 8, and what clients make of it that only read the RTP/JPEG header.
const ODD: &str = "331x187@25";
const ROUNDED: (u32, u32) = (336, 192);

fn serve(pattern: &str) -> Server {
    Server::with(&["--pattern", pattern], &NO_MEDIA)
}

#[test]
fn ffmpeg_and_gstreamer_show_odd_sizes_rounded_up() {
    if !available(&[Peer::Ffmpeg, Peer::Gstreamer]) {
        return;
    }
    let _turn = undisturbed();
    let server = serve(ODD);
    for transport in Transport::ALL {
        let (size, frames) = watch::ffmpeg_start(&server.url("pattern"), transport, 25);
        assert_eq!((size, frames.len()), (ROUNDED, 25), "{transport}");
        let frames = watch::gstreamer_start(&server.url("pattern"), transport, 25, ROUNDED);
        assert_eq!(frames.len(), 25, "{transport}");
    }
}

#[test]
fn only_first_packets_have_the_extension() {
    if !available(&[Peer::Tshark]) {
        return;
    }
    let name = "only_first_packets_have_the_extension";
    in_own_network(name, || {
        for (pattern, extended) in [("320x184@25", false), (ODD, true), ("2048x64@25", true)] {
            let server = serve(pattern);
            let capture = Capture::start(server.address().port());
            viewer::watch(&server.url("pattern"), Transport::Udp, &["--duration", "2"]);
            let recording = capture.finish();
            let first = recording
                .rows("rtp && jpeg.main_hdr.offset == 0", &["rtp.ext", "rtp.ext.profile", "rtp.ext.len"]);
            assert!(first.len() > 10, "{pattern}: {} frames", first.len());
            // 20 bytes: the frame header of 19, filled up.
            let expected =
                if extended { ["1\t0xffd8\t5", "True\t0xffd8\t5"] } else { ["0\t\t", "False\t\t"] };
            assert!(first.iter().all(|row| expected.contains(&row.as_str())), "{pattern}: {:?}", first[0]);
            assert_eq!(recording.count("rtp.ext == 1 && jpeg.main_hdr.offset > 0"), 0, "{pattern}");
            let bad = "(rtsp || rtp || rtcp || jpeg) && (_ws.malformed || _ws.expert.severity == error)";
            assert_eq!(recording.rows(bad, &["frame.number", "_ws.col.Info"]), [""; 0], "{pattern}");
        }
    });
}

#[test]
fn the_viewer_learns_sizes_from_packets() {
    let _turn = undisturbed();
    for (pattern, size) in [(ODD, [331, 187]), ("2561x33@25", [2561, 33]), ("17x4097@10", [17, 4097])] {
        let server = serve(pattern);
        for transport in Transport::ALL {
            let report = viewer::watch(&server.url("pattern"), transport, &["--duration", "1"]);
            assert_eq!([report.number("width"), report.number("height")], size, "{pattern} over {transport}");
            assert_eq!(report.number("frames_damaged"), 0);
        }
    }
}
