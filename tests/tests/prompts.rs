//! Questions that programs ask on a terminal: what is typed, and what is shown of it.
use pinhole_tests::clip::{Clip, TempDir};
use pinhole_tests::peer::{PYTHON, Peer, available};
use pinhole_tests::process::{binary, repository, run};
use pinhole_tests::server::{Server, passwd};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(90);
/// What a terminal sends for Ctrl-C and Ctrl-D, the end of input at the begin of a line.
const CTRL_C: &str = "\u{3}";
const CTRL_D: &str = "\u{4}";

/// What was on a terminal, and how its program has ended.
#[derive(Debug)]
struct Seen {
    shown: String,
    /// The exit code, negative if a signal has ended the program.
    code: i64,
    /// Whether the terminal shows in the end what is typed.
    echoes: bool,
}

/// Runs a program on a terminal. Each step has what is waited for, the keys that are typed then, and whether the terminal has
/// to hide them.
fn on_terminal(program: &str, arguments: &[&str], steps: &[(&str, &str, bool)]) -> Seen {
    let script = repository().join("tests/peers/terminal.py");
    let steps = serde_json::to_string(steps).expect("texts");
    let mut command = Command::new(PYTHON);
    command.arg(script).arg(steps).arg(binary(program)).args(arguments);
    let done = run(command.env("NO_COLOR", "1"), LIMIT).expect("Python runs");
    assert!(done.status.success(), "{done:?}");
    let seen: serde_json::Value = serde_json::from_str(&done.stdout).expect("what the script prints");
    Seen {
        shown: seen["shown"].as_str().unwrap().to_owned(),
        code: seen["code"].as_i64().unwrap(),
        echoes: seen["echoes"].as_bool().unwrap(),
    }
}

/// Runs `pinhole-server passwd` for the user `anna`.
fn set_password(file: &Path, steps: &[(&str, &str, bool)]) -> Seen {
    on_terminal("pinhole-server", &["passwd", "--file", file.to_str().unwrap(), "anna"], steps)
}

#[test]
fn a_password_is_asked_for_twice_and_not_shown() {
    if !available(&[Peer::Python]) {
        return;
    }
    let directory = TempDir::new();
    let file = directory.path().join("users");
    let seen = set_password(
        &file,
        &[("Password of \"anna\": ", "secret\n", true), ("Once more: ", "secret\n", true)],
    );
    assert_eq!((seen.code, seen.echoes), (0, true), "{seen:?}");
    assert!(seen.shown.contains("the user is new") && !seen.shown.contains("secret"), "{seen:?}");
    let clip = Clip::sample();
    let server = Server::with(&["--users", file.to_str().unwrap()], &[&clip.path]);
    let url = server.url(clip.mount());
    let mut login = pinhole_tests::dialogue::Dialogue::connect(server.address());
    assert_eq!(login.request("DESCRIBE", &url, &[]).status, 401);
    pinhole_tests::viewer::watch(
        &url.replace("rtsp://", "rtsp://anna:secret@"),
        pinhole_tests::Transport::Tcp,
        &[],
    )
    .assert_whole(clip.frames);
}

#[test]
fn a_password_that_is_not_entered_changes_nothing() {
    if !available(&[Peer::Python]) {
        return;
    }
    let directory = TempDir::new();
    let file = directory.path().join("users");
    assert!(passwd(&file, ("anna", "secret"), &[]).status.success());
    let before = fs::read(&file).unwrap();
    let first = ("Password of \"anna\": ", "another\n", true);
    for (steps, code, told) in [
        // The two differ.
        (vec![first, ("Once more: ", "anothre\n", true)], 1, "the two passwords are not the same"),
        // The input ends, at either question.
        (vec![("Password of \"anna\": ", CTRL_D, true)], 1, "pinhole-server: "),
        (vec![first, ("Once more: ", CTRL_D, true)], 1, "pinhole-server: "),
        // Nothing is entered.
        (vec![("Password of \"anna\": ", "\n", true), ("Once more: ", "\n", true)], 1, "1 to 256 bytes"),
        // Ctrl-C, at either question: SIGINT ends the program.
        (vec![("Password of \"anna\": ", CTRL_C, true)], -2, ""),
        (vec![first, ("Once more: ", CTRL_C, true)], -2, ""),
    ] {
        let seen = set_password(&file, &steps);
        assert!(seen.code == code && seen.shown.contains(told), "{steps:?}: {seen:?}");
        assert!(!seen.shown.contains("anoth"), "{seen:?}");
        assert_eq!(fs::read(&file).unwrap(), before, "{steps:?}");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "nothing is left over");
    }
}

#[test]
fn the_viewer_asks_on_a_terminal_and_does_not_show_the_password() {
    if !available(&[Peer::Python]) {
        return;
    }
    let directory = TempDir::new();
    let file = directory.path().join("users");
    assert!(passwd(&file, ("anna", "secret"), &[]).status.success());
    let clip = Clip::sample();
    let server = Server::with(&["--users", file.to_str().unwrap()], &[&clip.path]);
    let url = server.url(clip.mount());
    let watch = |steps: &[(&str, &str, bool)]| on_terminal("pinhole-viewer", &["--headless", &url], steps);
    let user = ("User name", "anna\n", false);
    let seen = watch(&[user, ("Password: ", "secret\n", true)]);
    assert!(seen.code == 0 && !seen.shown.contains("secret"), "{seen:?}");
    assert!(server.wait_events("opened", 1, LIMIT)[0]["user"] == "anna");
    // A wrong one is asked for again, with the user name proposed.
    let seen = watch(&[
        user,
        ("Password: ", "wrong\n", true),
        ("User name [anna]", "\n", false),
        ("Password: ", "secret\n", true),
    ]);
    assert!(seen.code == 0 && !seen.shown.contains("secret") && !seen.shown.contains("wrong\r"), "{seen:?}");
    // Without a login it fails; Ctrl-C stops it, as it does while a stream is played. The terminal is as it was before.
    for (steps, code) in [
        (vec![("User name", CTRL_D, false)], 1),
        (vec![user, ("Password: ", CTRL_D, true)], 1),
        (vec![("User name", CTRL_C, false)], 0),
        (vec![user, ("Password: ", CTRL_C, true)], 0),
    ] {
        let seen = watch(&steps);
        assert_eq!((seen.code, seen.echoes), (code, true), "{steps:?}: {seen:?}");
    }
    assert_eq!(server.wait_events("opened", 2, LIMIT).len(), 2, "nobody else was let in");
}
