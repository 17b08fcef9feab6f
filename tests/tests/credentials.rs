//! User names and passwords of URLs: they are in nothing that a program prints, logs or shows.
use pinhole_tests::clip::Clip;
use pinhole_tests::dialogue::Dialogue;
use pinhole_tests::display::{Display, LIMIT};
use pinhole_tests::peer::{Peer, available};
use pinhole_tests::process::{Finished, Running, binary, run};
use pinhole_tests::server::Server;
use pinhole_tests::stage::quit;
use pinhole_tests::{fake, viewer};
use std::net::SocketAddr;
use std::process::Command;

/// What is nowhere: a password, it and the user name in Base64, and the user name.
const SECRETS: [&str; 3] = ["s3cret", "cXV1eDpzM2NyZXQ", "quux"];

#[track_caller]
fn assert_silent(done: &Finished) {
    for text in [&done.stdout, &done.stderr] {
        assert!(!SECRETS.iter().any(|secret| text.contains(secret)), "{text}");
    }
}

#[test]
fn the_viewer_tells_no_password() {
    let clip = Clip::sample();
    let server = Server::of(&[&clip]);
    let moved = "RTSP/1.0 302 Found\r\nCSeq: CSEQ\r\nLocation: rtsp://quux:s3cret@127.0.0.1:1/b\r\n\r\n";
    let unauthorized =
        "RTSP/1.0 401 Unauthorized\r\nCSeq: CSEQ\r\nWWW-Authenticate: Basic realm=\"cam\"\r\n\r\n";
    let mount = clip.mount();
    for (host, path, code) in [
        (server.address(), mount, 0),
        (server.address(), "none?user=a&password=s3cret", 1),
        (fake::nobody(), mount, 1),
        (fake::server("", moved), mount, 1),
        (fake::server("", unauthorized), mount, 1),
    ] {
        for user in ["quux:s3cret", "quux:s3cret@s3cret", "s3cret"] {
            let url = format!("rtsp://{user}@{host}/{path}");
            for options in [&["--json", "-vvv"][..], &["-vvv"], &[]] {
                let done = viewer::run_viewer(&[options, &[&url]].concat());
                assert_eq!(done.status.code(), Some(code), "{done:?}");
                assert_silent(&done);
            }
        }
    }
    let shown = viewer::run_viewer(&["--json", &format!("rtsp://quux:s3cret@{}/{mount}", server.address())]);
    assert!(shown.stdout.contains(&format!("rtsp://***@{}/{mount}", server.address())), "{}", shown.stdout);
}

#[test]
fn wrong_usage_tells_no_password() {
    let both = ["pinhole-viewer", "pinhole-server"];
    for (programs, arguments) in [
        (&both[..], &["rtsp://quux:s3cret@/a"][..]),
        (&both, &["rtsp://quux:s3c/s3cret@cam/a"]),
        (&both, &["rtsp://quux:a s3cret@cam/a"]),
        (&both, &["rtsp://quux:s3cret@cam:port/a"]),
        (&both, &["rtsps://quux:s3cret@cam:port/a"]),
        (&both, &["rtspu://quux:s3cret@cam/a"]),
        (&both, &["rtsp:/quux:s3cret@cam/a"]),
        (&both[..1], &["quux:s3cret@cam/a"]),
        (&both, &["--json", "rtsp://quux:s3cret@/a"]),
        (&both, &["--cache", "rtsp://quux:s3cret@cam/a"]),
        (&both, &["--colour=rtsp://quux:s3cret@cam/a"]),
        (&both, &["rtsp://quux:s3cret@cam/a"; 10]),
    ] {
        for program in programs {
            let done = run(Command::new(binary(program)).args(arguments), LIMIT).unwrap();
            assert_eq!(done.status.code(), Some(2), "{arguments:?}: {done:?}");
            assert!(!done.stderr.is_empty(), "{arguments:?}");
            assert_silent(&done);
        }
    }
}

#[test]
fn the_server_logs_no_password() {
    let clip = Clip::sample();
    for form in [&["--json"][..], &[]] {
        let mut command = Command::new(binary("pinhole-server"));
        let server =
            Running::start(command.args(["--listen", "127.0.0.1:0", "-vvv"]).args(form).arg(&clip.path));
        let address: SocketAddr = server.wait_stdout(LIMIT, |lines| {
            let url = lines.iter().find_map(|line| line.split("rtsp://").nth(1))?;
            url.split('/').next()?.parse().ok()
        });
        let mut client = Dialogue::connect(address);
        let authority = format!("rtsp://quux:s3cret@{address}");
        let header = [("Authorization", "Basic cXV1eDpzM2NyZXQ=")];
        for path in ["none", "none?user=a&password=s3cret", "rtsp://quux:s3cret@cam/", "none\"?pwd=s3cret"] {
            assert_eq!(client.request("DESCRIBE", &format!("{authority}/{path}"), &header).status, 404);
        }
        client.request("DESCRIBE", &format!("{authority}/{}", clip.mount()), &header).ok();
        client.send(
            b"DESCRIBE rtsp://quux:s3cret@cam RTSP/1.0\r\nAuthorization Basic cXV1eDpzM2NyZXQ=\r\n\r\n",
        );
        client.try_reply(LIMIT);
        server.signal("TERM");
        let done = server.finish(LIMIT);
        assert!(done.stdout.contains("404"), "{}", done.stdout);
        assert_silent(&done);
    }
}

#[test]
fn the_window_shows_no_password() {
    if !available(&[Peer::Display]) {
        return;
    }
    let clip = Clip::sample();
    let server = Server::with(&["--loop"], &[&clip.path]);
    let display = Display::start();
    let url = format!("rtsp://quux:s3cret@{}/{}", server.address(), clip.mount());
    let viewer = viewer::start_on(display.name(), &[&url]);
    let window = display.window();
    let title = window.wait_title(|title| title.contains(" fps - "));
    assert!(title.starts_with("rtsp://***@127.0.0.1:"), "{title}");
    quit(viewer, &window, "q");
}
