//! Servers that let in only those who have a password: the viewer and a relay log in to them.
use pinhole_tests::clip::{Clip, TempDir};
use pinhole_tests::dialogue::Dialogue;
use pinhole_tests::display::{Display, Picture, Window};
use pinhole_tests::fake;
use pinhole_tests::peer::{Peer, available};
use pinhole_tests::process::Finished;
use pinhole_tests::server::{GstServer, Server};
use pinhole_tests::stage::{quit, wait};
use pinhole_tests::{Transport, viewer};
use std::time::Duration;

/// The colour of what the form says of a wrong password.
const ORANGE: u32 = 0x00ff8c1e;
const LIMIT: Duration = Duration::from_secs(60);
/// A user name and a password with all that a URL has to encode, and how a URL has them.
const CREDENTIALS: (&str, &str) = ("us:er @/%?#\u{fc}", "p:a@s/s%?# \u{e4}");
const ENCODED: &str = "us%3Aer%20%40%2F%25%3F%23%C3%BC:p%3Aa%40s%2fs%25%3f%23%20%C3%A4";
/// The same for Basic, whose user names have no colon.
const BASIC: (&str, &str) = ("us er@/%?#\u{fc}", CREDENTIALS.1);
const BASIC_ENCODED: &str = "us%20er%40%2F%25%3F%23%C3%BC:p%3Aa%40s%2fs%25%3f%23%20%C3%A4";

fn with_credentials(url: &str, credentials: &str) -> String {
    url.replacen("rtsp://", &format!("rtsp://{credentials}@"), 1)
}

/// Starts both kinds of servers. Returns them with the URLs by which their users watch, and the users.
fn servers(clip: &Clip) -> [(GstServer, String, (&'static str, &'static str)); 2] {
    [("digest", CREDENTIALS, ENCODED), ("basic", BASIC, BASIC_ENCODED)].map(|(method, user, encoded)| {
        let server = GstServer::with_login(clip, method, user, "the cam");
        let url = with_credentials(&server.url, encoded);
        (server, url, user)
    })
}

#[track_caller]
fn assert_fails(done: &Finished, words: &[&str]) {
    assert_eq!(done.status.code(), Some(1), "{done:?}");
    for word in words {
        assert!(done.stderr.contains(word), "{word}: {done:?}");
    }
    assert!(!done.stderr.contains("p:a@s") && !done.stdout.contains("p:a@s"), "{done:?}");
}

#[test]
fn the_viewer_logs_in_to_gst_rtsp_server() {
    if !available(&[Peer::Ffmpeg, Peer::GstServer]) {
        return;
    }
    let directory = TempDir::new();
    let clip = Clip::avi(&directory);
    let file = directory.path().join("password");
    for (server, url, (user, password)) in servers(&clip) {
        for transport in Transport::ALL {
            viewer::watch(&url, transport, &[]).assert_whole(clip.frames);
        }
        // By options, and by a file.
        std::fs::write(&file, format!("{password}\n")).unwrap();
        let options = ["--user", user, "--password-file", file.to_str().unwrap()];
        viewer::watch(&server.url, Transport::Tcp, &options).assert_whole(clip.frames);
    }
}

#[test]
fn a_wrong_password_or_none_is_told() {
    if !available(&[Peer::Ffmpeg, Peer::GstServer]) {
        return;
    }
    let directory = TempDir::new();
    let clip = Clip::avi(&directory);
    for (server, url, _) in servers(&clip) {
        let none = viewer::run_viewer(&[&server.url]);
        assert_fails(&none, &["asks for a user name and a password for \"the cam\""]);
        for wrong in [url.replacen("@127", "x@127", 1), with_credentials(&server.url, "me:no")] {
            let done = viewer::run_viewer(&[&wrong]);
            assert_fails(&done, &["wrong user name or password for \"the cam\" (401 Unauthorized)"]);
        }
        let missing = viewer::run_viewer(&["--user", "me", "--password-file", "/nonexistent/p", &server.url]);
        assert_fails(&missing, &["the password cannot be read from /nonexistent/p"]);
    }
}

#[test]
fn gst_rtsp_server_with_a_password_is_a_source() {
    if !available(&[Peer::Ffmpeg, Peer::GstServer]) {
        return;
    }
    let directory = TempDir::new();
    let clip = Clip::avi(&directory);
    for (_server, url, _) in servers(&clip) {
        let relay = Server::with(&[], &[format!("cam={url}")]);
        // The clip is two seconds long, and comes anew.
        let report = viewer::watch(&relay.url("cam"), Transport::Tcp, &["--duration", "2"]);
        assert!(report.number("frames_complete") > 20, "{report:?}");
        let done = relay.stop("TERM");
        assert!(!done.stdout.contains("p:a@s") && !done.stdout.contains("p%3Aa"), "{}", done.stdout);
    }
}

/// Cameras lock out those who try a wrong password again and again.
#[test]
fn a_source_that_does_not_let_in_is_left_alone() {
    let digest = "RTSP/1.0 401 Unauthorized\r\nCSeq: CSEQ\r\n\
                  WWW-Authenticate: Digest realm=\"the \\\"cam\\\\\", nonce=\"1\"\r\n\r\n";
    let basic =
        "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nWWW-Authenticate: Basic realm=\"x\"\r\n\r\n";
    for (source, reason) in [
        (
            format!("rtsp://quux:s3cret@{}/x", fake::server("", digest)),
            "wrong user name or password for \"the \"cam\\\"",
        ),
        (format!("rtsp://{}/x", fake::server("", digest)), "asks for a user name and a password"),
        (
            format!("http://quux:s3cret@{}/x", fake::server("", basic)),
            "wrong user name or password for \"x\"",
        ),
        (format!("http://{}/x", fake::server("", basic)), "asks for a user name and a password"),
        (
            format!("rtsph://quux:s3cret@{}/x", fake::server("", basic)),
            "wrong user name or password for \"x\"",
        ),
    ] {
        let server = Server::with(&[], &[format!("cam={source}")]);
        for _ in 0..3 {
            let reply = Dialogue::connect(server.address()).request("DESCRIBE", &server.url("cam"), &[]);
            assert_eq!(reply.status, 503, "{source}: {reply:?}");
        }
        let lost = server.wait_events("source_lost", 1, LIMIT);
        assert!(lost[0]["reason"].as_str().unwrap().contains(reason), "{source}: {lost:?}");
        let done = server.stop("TERM");
        assert_eq!(done.stdout.matches("source_lost").count(), 1, "{source}: {}", done.stdout);
        assert!(!done.stdout.contains("s3cret") && !done.stderr.contains("s3cret"), "{done:?}");
    }
}

/// The window asks for what the server wants, as often as it is wrong, and shows no password.
#[test]
fn the_window_asks_for_a_password() {
    if !available(&[Peer::Ffmpeg, Peer::GstServer, Peer::Display]) {
        return;
    }
    let directory = TempDir::new();
    let clip = Clip::avi(&directory);
    let server = GstServer::with_login(&clip, "digest", ("me", "s3"), "the cam");
    let display = Display::start();
    let viewer = viewer::start_on(display.name(), &[&server.url]);
    let window = display.early_window();
    let asks = |window: &Window<'_>| window.wait_title(|title| title.starts_with("password needed - "));
    asks(&window);
    let typed = |keys: &[&str]| keys.iter().for_each(|key| window.press(key));
    // The display takes a picture in pieces: one that is the same twice is whole.
    let whole = || Some(window.picture()).filter(|seen| *seen == window.picture());
    let changes =
        |before: &Picture| wait(&viewer, "the form changes", || whole().filter(|now| now != before));
    // A form is there, on a black window.
    let is_bright = |seen: &Picture| seen.rgb.iter().any(|value| *value > 200);
    let empty = wait(&viewer, "the form", || whole().filter(is_bright));
    typed(&["m"]);
    let with_m = changes(&empty);
    typed(&["e"]);
    let with_me = changes(&with_m);
    typed(&["Return"]);
    let at_password = changes(&with_me);
    // A narrow letter and a wide one are the same dot.
    typed(&["i"]);
    let narrow = changes(&at_password);
    typed(&["BackSpace"]);
    wait(&viewer, "the letter is gone", || (window.picture() == at_password).then_some(()));
    typed(&["m"]);
    wait(&viewer, "a wide letter is the same dot", || (window.picture() == narrow).then_some(()));
    let oranges = |seen: &Picture| seen.count((0, 0, seen.size.0, seen.size.1), ORANGE);
    assert_eq!(oranges(&narrow), 0);
    typed(&["Return"]);
    // It says that this was wrong, and proposes the name.
    let wrong = wait(&viewer, "the form asks again", || whole().filter(|seen| oranges(seen) > 20));
    asks(&window);
    typed(&["s"]);
    let with_s = changes(&wrong);
    typed(&["3"]);
    changes(&with_s);
    typed(&["Return"]);
    let window = display.window();
    let title = window.wait_title(|title| title.contains(" fps - "));
    assert!(title.starts_with("rtsp://127.0.0.1:"), "{title}");
    quit(viewer, &window, "q");
}

#[test]
fn whoever_gives_up_is_told_why_nothing_is_played() {
    if !available(&[Peer::Display]) {
        return;
    }
    let digest = "RTSP/1.0 401 Unauthorized\r\nCSeq: CSEQ\r\nWWW-Authenticate: Digest realm=\"x\", nonce=\"1\"\r\n\r\n";
    let url = format!("rtsp://me@{}/x", fake::server("", digest));
    let display = Display::start();
    let viewer = viewer::start_on(display.name(), &[&url]);
    let window = display.early_window();
    window.wait_title(|title| title.starts_with("password needed - rtsp://***@127.0.0.1"));
    window.press("Escape");
    let done = viewer.finish(LIMIT);
    assert_fails(&done, &["asks for a user name and a password for \"x\""]);
}
