//! Media that follow what is in a directory, while others are watched.
use pinhole_tests::clip::{Clip, TempDir};
use pinhole_tests::dialogue::Dialogue;
use pinhole_tests::metrics::{self, Metrics};
use pinhole_tests::process::poll;
use pinhole_tests::server::Server;
use pinhole_tests::{Transport, undisturbed, viewer};
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);

/// A directory that is served, with a clip of 8 seconds in it.
struct Served {
    directory: TempDir,
    clip: Clip,
}

impl Served {
    fn new() -> Self {
        let directory = TempDir::new();
        let clip = Clip::sample().times(4, &directory);
        Self { directory, clip }
    }

    fn serve(&self, options: &[&str]) -> Server {
        Server::with(options, &[self.directory.path()])
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn copy(&self, name: &str) {
        fs::copy(&Clip::sample().path, self.file(name)).unwrap();
    }
}

fn status(server: &Server, mount: &str) -> u16 {
    Dialogue::connect(server.address()).request("DESCRIBE", &server.url(mount), &[]).status
}

#[track_caller]
fn turns_out(server: &Server, mount: &str, expected: u16) {
    let seen = poll(LIMIT, || (status(server, mount) == expected).then_some(()));
    assert!(seen.is_some(), "{mount} {expected}");
}

/// Begins to watch a medium, and returns the connection.
fn watching(server: &Server, mount: &str) -> Dialogue {
    let (url, mut viewer) = (server.url(mount), Dialogue::connect(server.address()));
    viewer.set_up_tcp(&url);
    viewer.request("PLAY", &url, &[]).ok();
    viewer.interleaved(LIMIT).expect("the stream begins");
    viewer
}

#[test]
fn media_come_and_go_with_their_files() {
    let _turn = undisturbed();
    let served = Served::new();
    served.copy("one.mjpeg");
    let server = served.serve(&["--threads", "2", "--loop", "--admin", "127.0.0.1:0"]);
    let stays = served.clip.mount();
    let mut viewer = watching(&server, stays);
    let mut leaves = watching(&server, "one");
    fs::remove_file(served.file("one.mjpeg")).unwrap();
    let revoked = server.wait_events("revoked", 1, LIMIT);
    assert_eq!(revoked[0]["why"], "the medium was removed");
    assert!(revoked[0]["mount"] == "one" && revoked[0]["session"].is_string(), "{revoked:?}");
    // With what was on its way, and a BYE.
    while leaves.interleaved(LIMIT).is_some() {}
    turns_out(&server, "one", 404);
    served.copy("two.mjpeg");
    turns_out(&server, "two", 200);
    let changes = server.wait_events("media_changed", 2, LIMIT);
    assert_eq!((&changes[0]["removed"][0], &changes[1]["added"][0]), (&"one".into(), &"two".into()));
    // What has come has a label of its own.
    let _new = watching(&server, "two");
    let sessions = |metrics: &Metrics, medium| metrics.sum("pinhole_sessions", &[("medium", medium)]);
    metrics::wait_for(server.admin(), |metrics| {
        ([stays, "two", "one", "/"].map(|medium| sessions(metrics, medium)) == [1.0, 1.0, 0.0, 0.0])
            .then_some(())
    });
    let listed = metrics::sessions(server.admin());
    assert!(listed.iter().any(|session| session["medium"] == "two"), "{listed:?}");
    for _ in 0..100 {
        viewer.interleaved(LIMIT).expect("the stream goes on");
    }
    assert_eq!(server.wait_events("revoked", 1, LIMIT).len(), 1, "nobody else was sent away");
}

#[test]
fn viewers_of_other_files_lose_no_frame() {
    let _turn = undisturbed();
    let served = Served::new();
    let server = served.serve(&["--threads", "2"]);
    let url = server.url(served.clip.mount());
    let viewers: Vec<_> = (0..4).map(|number| viewer::start(&url, Transport::ALL[number % 2])).collect();
    server.wait_events("opened", viewers.len(), LIMIT);
    for number in 0..3 {
        served.copy(&format!("more-{number}.mjpeg"));
        server.wait_events("media_changed", 1 + number, LIMIT);
    }
    for viewer in viewers {
        viewer::report(&viewer.finish(LIMIT)).assert_whole(served.clip.frames);
    }
}

#[test]
fn a_file_is_not_read_while_it_is_written() {
    let served = Served::new();
    let server = served.serve(&[]);
    let whole = fs::read(Clip::sample().path).unwrap();
    let mut file = fs::File::create(served.file("slow.mjpeg")).unwrap();
    // For longer than a file has to be quiet, and with pauses that are shorter than that.
    for part in whole.chunks(whole.len().div_ceil(12)) {
        file.write_all(part).unwrap();
        std::thread::sleep(Duration::from_millis(400));
    }
    drop(file);
    let changed = server.wait_events("media_changed", 1, LIMIT);
    assert_eq!(changed[0]["added"][0], "slow");
    viewer::watch(&server.url("slow"), Transport::Tcp, &[]).assert_whole(Clip::sample().frames);
    assert_eq!(server.wait_events("media_changed", 1, LIMIT).len(), 1, "it was taken once, as a whole");
}

#[test]
fn a_broken_file_changes_nothing_and_is_told_once() {
    let served = Served::new();
    served.copy("one.mjpeg");
    let server = served.serve(&["--loop"]);
    let mut viewer = watching(&server, served.clip.mount());
    fs::write(served.file("broken.avi"), "this is no video").unwrap();
    // Another file in its place, so that what is served is still there.
    fs::write(served.file("hidden"), "nor is this").unwrap();
    fs::rename(served.file("hidden"), served.file("one.mjpeg")).unwrap();
    server.wait_events("problem", 2, LIMIT);
    served.copy("two.mjpeg");
    turns_out(&server, "two", 200);
    let problems = server.wait_events("problem", 2, LIMIT);
    let about = |name: &str| {
        let is_it =
            |problem: &&serde_json::Value| problem["path"].as_str().is_some_and(|path| path.ends_with(name));
        problems.iter().filter(is_it).count()
    };
    assert_eq!([about("broken.avi"), about("one.mjpeg")], [1, 1], "{problems:?}");
    assert_eq!(["broken", "one"].map(|mount| status(&server, mount)), [404, 200]);
    for _ in 0..100 {
        viewer.interleaved(LIMIT).expect("the stream goes on");
    }
    // A file that replaces it in one step.
    served.copy("hidden");
    fs::rename(served.file("hidden"), served.file("one.mjpeg")).unwrap();
    let is_taken = |event: &serde_json::Value| event["removed"][0] == "one" && event["added"][0] == "one";
    let taken =
        poll(LIMIT, || server.wait_events("media_changed", 1, LIMIT).iter().any(is_taken).then_some(()));
    assert!(taken.is_some());
}

#[test]
fn without_a_watch_a_signal_has_directories_searched() {
    let served = Served::new();
    let server = served.serve(&["--no-watch", "--loop"]);
    let mut viewer = watching(&server, served.clip.mount());
    served.copy("one.mjpeg");
    server.signal("HUP");
    server.wait_events("reloaded", 1, LIMIT);
    turns_out(&server, "one", 200);
    fs::remove_file(served.file("one.mjpeg")).unwrap();
    // Longer than a watch would need.
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(status(&server, "one"), 200);
    server.signal("HUP");
    server.wait_events("reloaded", 2, LIMIT);
    turns_out(&server, "one", 404);
    for _ in 0..100 {
        viewer.interleaved(LIMIT).expect("the stream goes on");
    }
}
