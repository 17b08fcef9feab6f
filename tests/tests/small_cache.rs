//! A viewer whose cache has room for a few frames only plays them all the same.
use pinhole_tests::clip::Clip;
use pinhole_tests::server::Server;
use pinhole_tests::{Transport, undisturbed, viewer};
use std::thread;

/// From two frames of the sample clip to nine.
const CACHES: [&str; 5] = ["48KiB", "64KiB", "96KiB", "128KiB", "256KiB"];

/// The prebuffer of a second that is the default, and none.
const PREBUFFERS: [&str; 2] = ["1", "0"];

#[test]
fn a_cache_smaller_than_the_prebuffer_plays_to_the_end() {
    let _turn = undisturbed();
    let clip = Clip::sample();
    let server = Server::with(&["--fps", "30"], &[&clip.path]);
    let url = server.url(clip.mount());
    for cache in CACHES {
        // They wait for the clip's time most of the time, so they do that at once.
        thread::scope(|scope| {
            for (prebuffer, transport) in
                PREBUFFERS.into_iter().flat_map(|wait| Transport::ALL.map(|by| (wait, by)))
            {
                let (url, frames) = (&url, clip.frames as u64);
                scope.spawn(move || {
                    let options = ["--cache", cache, "--prebuffer", prebuffer, "--no-decode"];
                    let report = viewer::watch(url, transport, &options);
                    let complete = report.number("frames_complete");
                    // On a busy machine, a packet may be lost.
                    assert!(complete + 2 >= frames, "{cache}, {prebuffer} s, {transport}: {report:?}");
                });
            }
        });
    }
}
