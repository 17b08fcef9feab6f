//! The core's example of a server on any stream of bytes, without an adapter, as a real client sees it.
use pinhole_tests::clip::Clip;
use pinhole_tests::peer::{Peer, available};
use pinhole_tests::process::{Running, example};
use pinhole_tests::{Transport, watch};
use std::process::Command;
use std::time::Duration;

#[test]
fn any_byte_stream_carries_every_frame() {
    if !available(&[Peer::Ffmpeg]) {
        return;
    }
    let clip = Clip::sample();
    let mut command = Command::new(example("byte_stream"));
    let server = Running::start(command.arg(&clip.plain).arg("127.0.0.1:0"));
    let url = server.wait_stdout(Duration::from_secs(20), |lines| lines.first().cloned());
    let file = watch::ffmpeg_file(&clip.plain);
    // One client after the other.
    for round in 0..2 {
        let seen = watch::ffmpeg_stream(&url, Transport::Tcp);
        watch::assert_same(&seen, &file, &format!("ffmpeg, round {round}"));
    }
}
