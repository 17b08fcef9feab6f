//! Clients that people use from Python watch the server: PyAV and OpenCV, each with an FFmpeg of its own, and aiortsp.
use pinhole_tests::clip::{Clip, TempDir};
use pinhole_tests::peer::{Peer, available};
use pinhole_tests::server::Server;
use pinhole_tests::watch::{self, Hashes};
use pinhole_tests::{Transport, undisturbed};
use std::thread;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(30);
/// Frames a second: as many as a busy machine decodes of four streams of the largest pictures.
const RATE: &str = "5";
/// The frames of each clip: as many as a system's buffers hold of the largest.
const FRAMES: usize = 12;

/// A client by its name, and how it decodes a file, and a stream.
type Client = (&'static str, fn(&str) -> Hashes, fn(&str, Transport, Option<usize>) -> Hashes);

const CLIENTS: [Client; 2] =
    [("PyAV", watch::pyav, watch::pyav_stream), ("OpenCV", watch::opencv, watch::opencv_stream)];

#[test]
fn pyav_and_opencv_see_each_frame_over_udp_and_tcp() {
    if !available(&[Peer::PyPi, Peer::Ffmpeg]) {
        return;
    }
    let _turn = undisturbed();
    let directory = TempDir::new();
    let clips = [288, 720, 1080].map(|height| Clip::scaled(&directory, height, FRAMES));
    let paths = clips.each_ref().map(|clip| &clip.path);
    let server = Server::with(&["--fps", RATE], &paths);
    // FFmpeg reads RTCP first: where it is late, a BYE costs it the packets that it has not read yet.
    let endless = Server::with(&["--fps", RATE, "--loop"], &paths);
    for clip in &clips {
        let [(udp, frames), (tcp, all)] = [(&endless, Some(FRAMES)), (&server, None)];
        let plays =
            [(Transport::Udp, udp.url(clip.mount()), frames), (Transport::Tcp, tcp.url(clip.mount()), all)];
        thread::scope(|scope| {
            for (name, file, stream) in CLIENTS {
                for (transport, url, count) in &plays {
                    scope.spawn(move || {
                        let file = file(clip.plain.to_str().expect("a plain path"));
                        assert_eq!(file.len(), FRAMES, "{name}");
                        let seen = stream(url, *transport, *count);
                        watch::assert_same(
                            &seen,
                            &file,
                            &format!("{name}: {} over {transport}", clip.mount()),
                        );
                    });
                }
            }
        });
    }
}

/// aiortsp joins the base URL and a track's control by its own rules, and asks recorded media to play from now on.
#[test]
fn aiortsp_gets_each_packet_and_the_reports_over_udp_and_tcp() {
    if !available(&[Peer::PyPi, Peer::Ffmpeg]) {
        return;
    }
    let _turn = undisturbed();
    let directory = TempDir::new();
    let clips = [288, 1440].map(|height| Clip::scaled(&directory, height, FRAMES));
    let server = Server::with(&["--fps", RATE], &clips.each_ref().map(|clip| &clip.path));
    let asked = [
        (&clips[0], Transport::Udp, ""),
        (&clips[0], Transport::Tcp, "/"),
        (&clips[1], Transport::Udp, "?user=nobody"),
        (&clips[1], Transport::Tcp, "?user=nobody"),
    ];
    for (n, (clip, transport, suffix)) in (1..).zip(asked) {
        let seen = watch::aiortsp(&(server.url(clip.mount()) + suffix), transport);
        let closed = server.wait_events("closed", n, LIMIT).swap_remove(n - 1);
        let figures =
            |of: &serde_json::Value, names: [&str; 3]| names.map(|name| of[name].as_u64().expect("a number"));
        let [frames, packets, bytes] = figures(&closed, ["frames", "packets", "bytes"]);
        assert_eq!(frames, FRAMES as u64, "{closed}");
        assert_eq!(figures(&seen, ["frames", "packets", "bytes"]), [frames, packets, bytes], "{seen}");
        assert_eq!(
            figures(&seen, ["reported_packets", "reported_bytes", "lost"]),
            [packets, bytes, 0],
            "{seen}"
        );
        assert_eq!((&closed["why"], &closed["packets_lost"]), (&"the client tore it down".into(), &0.into()));
    }
}
