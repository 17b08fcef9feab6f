//! What the server writes: it waits for no reader, and no peer or file can flood or forge it.
use pinhole_tests::clip::{Clip, TempDir};
use pinhole_tests::dialogue::Dialogue;
use pinhole_tests::fake;
use pinhole_tests::process::{Running, binary, poll, run};
use pinhole_tests::rtp::{rtcp_packets, rtcp_type};
use pinhole_tests::server::Server;
use serde_json::Value;
use std::ffi::OsStr;
use std::io::{PipeReader, Write, pipe};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_secs(20);

/// A pipe that is full, and from which nobody reads. Keep the reader: without one, writing fails.
fn full_pipe() -> (PipeReader, Stdio) {
    let (reader, mut writer) = pipe().unwrap();
    let stdio = writer.try_clone().unwrap().into();
    // Waits for room in the pipe until the reader is dropped.
    thread::spawn(move || while writer.write_all(&[b'x'; 4096]).is_ok() {});
    (reader, stdio)
}

/// A server that is killed when this is dropped.
struct Undrained(Child);

impl Undrained {
    fn start(arguments: &[&OsStr], stdout: Stdio, stderr: Stdio) -> (Self, SocketAddr) {
        // It cannot say which port it has taken.
        let address = fake::nobody();
        let mut command = Command::new(binary("pinhole-server"));
        command.args(["--listen", &address.to_string()]).args(arguments);
        let server = Self(command.stdin(Stdio::null()).stdout(stdout).stderr(stderr).spawn().unwrap());
        let listens = poll(SOON, || TcpStream::connect(address).ok());
        assert!(listens.is_some(), "the server does not listen");
        (server, address)
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.0.id().to_string()]).status();
        assert!(sent.unwrap().success());
    }

    fn wait(&mut self, limit: Duration) -> Option<ExitStatus> {
        poll(limit, || self.0.try_wait().unwrap())
    }
}

impl Drop for Undrained {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Plays a looped clip while others cause lines, and then ends the server.
fn plays_without_a_reader(stdout: Stdio, stderr: Stdio, options: &[&str]) {
    let clip = Clip::sample();
    let options: Vec<&OsStr> = options.iter().map(OsStr::new).chain([clip.path.as_os_str()]).collect();
    let (mut server, address) = Undrained::start(&options, stdout, stderr);
    let url = format!("rtsp://{address}/{}", clip.mount());
    let mut viewer = Dialogue::connect(address);
    viewer.set_up_tcp(&url);
    viewer.request("PLAY", &url, &[]).ok();
    viewer.interleaved(SOON).expect("the stream begins");
    for _ in 0..20 {
        let mut other = Dialogue::connect(address);
        for n in 0..20 {
            assert_eq!(other.request("DESCRIBE", &format!("{url}-{n}"), &[]).status, 404);
        }
        viewer.interleaved(SOON).expect("the stream goes on");
    }
    // A new client is served, and signals that do nothing but say so do not hold it up either.
    for name in ["HUP", "USR1"] {
        server.signal(name);
    }
    Dialogue::connect(address).request("DESCRIBE", &url, &[]).ok();
    let begun = Instant::now();
    server.signal("TERM");
    let status = server.wait(SOON).expect("SIGTERM ends the server");
    assert_eq!(status.code(), Some(0), "after {:?}", begun.elapsed());
    eprintln!("ended after {:?}", begun.elapsed());
}

#[test]
fn nobody_has_to_read_standard_output() {
    for options in [&["--loop", "--threads", "1", "--json"][..], &["--loop", "--threads", "2", "-vvv"]] {
        let (_reader, stdout) = full_pipe();
        plays_without_a_reader(stdout, Stdio::null(), options);
    }
}

#[test]
fn nobody_has_to_read_standard_error() {
    let (_reader, stderr) = full_pipe();
    plays_without_a_reader(Stdio::null(), stderr, &["--loop", "--threads", "1", "-vvv"]);
}

#[test]
fn nobody_has_to_read_anything() {
    let ((_out, stdout), (_err, stderr)) = (full_pipe(), full_pipe());
    plays_without_a_reader(stdout, stderr, &["--loop", "--threads", "2", "--json", "-vvv"]);
}

#[test]
fn a_failure_ends_without_a_reader_too() {
    let ((_out, stdout), (_err, stderr)) = (full_pipe(), full_pipe());
    let mut command = Command::new(binary("pinhole-server"));
    // Many faults are told before the end.
    let missing = (0..2_000).map(|n| format!("missing-{n}.mjpeg"));
    let child = command.args(missing).stdin(Stdio::null()).stdout(stdout).stderr(stderr).spawn();
    let mut server = Undrained(child.unwrap());
    let status = server.wait(SOON).expect("it ends");
    assert_eq!(status.code(), Some(1));
}

#[test]
fn a_peer_cannot_flood_the_log() {
    let clip = Clip::sample();
    let mut command = Command::new(binary("pinhole-server"));
    let server = Running::start(command.args(["--listen", "127.0.0.1:0"]).arg(&clip.path));
    let said = server.wait_stdout(SOON, |lines| lines.first().cloned());
    let address = said.split('/').nth(2).unwrap().parse().unwrap();
    let mut peer = Dialogue::connect(address);
    let url = format!("rtsp://{address}/{}", "x".repeat(1_500));
    for _ in 0..3_000 {
        assert_eq!(peer.request("DESCRIBE", &url, &[]).status, 404);
    }
    server.signal("TERM");
    let done = server.finish(SOON);
    // 4.7 MB of URLs were refused. The limit is 20 lines in ten seconds; it may have taken a minute.
    let refused = done.stdout.lines().filter(|line| line.contains(" was refused ")).count();
    assert!((20..=140).contains(&refused), "{refused}");
    assert!(done.stdout.lines().all(|line| line.len() < 700), "{}", done.stdout);
    let mores = done.stdout.lines().filter_map(|line| {
        line.split_once(" 127.0.0.1: and ")?.1.strip_suffix(" more: refused")?.parse::<usize>().ok()
    });
    assert_eq!(mores.sum::<usize>() + refused, 3_000, "{}", done.stdout);
}

/// Asserts that a text has no character that does something to a terminal, besides the ends of its lines.
#[track_caller]
fn assert_harmless(text: &str) {
    let is_evil = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    assert!(!text.contains(is_evil), "{text:?}");
}

#[test]
fn names_and_urls_cannot_forge_lines() {
    let evil = "a\n127.0.0.1:1 was refused FAKE\u{1b}[31m\u{9b}2J\u{202e}gepjm";
    let directory = TempDir::new();
    let good = directory.file(&format!("{evil}.mjpeg"), &std::fs::read(Clip::sample().path).unwrap());
    let bad = directory.file(&format!("{evil}-bad.mjpeg"), b"no video");
    for options in [&["-vvv"][..], &["-vvv", "--json"]] {
        let mut command = Command::new(binary("pinhole-server"));
        command.args(["--listen", "127.0.0.1:0"]).args(options).args([&good, &bad]);
        let server = Running::start(&mut command);
        let url = server.wait_stdout(SOON, |lines| {
            lines.iter().find_map(|line| {
                let (_, rest) = line.split_once("rtsp://")?;
                Some(format!("rtsp://{}", rest.split([' ', '"']).next()?))
            })
        });
        let address = url.split('/').nth(2).unwrap().parse().unwrap();
        let mut peer = Dialogue::connect(address);
        peer.set_up_tcp(&url);
        peer.request("PLAY", &url, &[]).ok();
        // Each on a connection of its own: where a request is malformed, the connection is closed.
        for (name, status) in
            [("\u{1b}[2J", 400), ("\u{7f}\u{8}", 400), ("\u{9b}31m", 404), ("\u{202e}gpj\u{2028}", 404)]
        {
            let mut peer = Dialogue::connect(address);
            let url = format!("rtsp://{address}/{name}");
            peer.send(format!("DESCRIBE {url} RTSP/1.0\r\nCSeq: 1\r\nUser-Agent: {name}\r\n\r\n").as_bytes());
            assert_eq!(peer.reply().status, status, "{url:?}");
        }
        server.signal("TERM");
        let done = server.finish(SOON);
        assert_harmless(&done.stdout);
        assert_harmless(&done.stderr);
        assert!(
            done.stderr.contains(r"a\u000a127.0.0.1:1 was refused FAKE\u001b[31m\u009b2J\u202egepjm-bad")
        );
        for refused in ["/%C2%9B31m", "/%E2%80%AEgpj%E2%80%A8"] {
            assert!(done.stdout.contains(refused), "{}", done.stdout);
        }
        let forged = |line: &str| line.starts_with("127.0.0.1:1 was");
        assert!(!done.stdout.lines().chain(done.stderr.lines()).any(forged), "{done:?}");
        if options.contains(&"--json") {
            let events = || done.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
            assert_eq!(events().find(|event| event["event"] == "opened").unwrap()["mount"], evil);
        }
    }
}

/// Returns whether a text is a time in UTC as RFC 3339 writes it, to the millisecond.
fn is_time(text: &str) -> bool {
    let form: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    form == "0000-00-00T00:00:00.000Z"
}

#[test]
fn lines_have_times_and_no_colours() {
    let clip = Clip::sample();
    for options in [&["-v"][..], &["-v", "--json"]] {
        let mut command = Command::new(binary("pinhole-server"));
        command.args(["--listen", "127.0.0.1:0"]).args(options).arg(&clip.path);
        let server = Running::start(&mut command);
        let said = server.wait_stdout(SOON, |lines| lines.first().cloned());
        let address = said.split('/').nth(2).unwrap().parse().unwrap();
        let url = format!("rtsp://{address}/{}", clip.mount());
        let mut peer = Dialogue::connect(address);
        peer.set_up_tcp(&url);
        peer.request("DESCRIBE", &format!("{url}-none"), &[]);
        server.signal("HUP");
        server.wait_stderr(SOON, |lines| {
            lines.iter().any(|line| line.ends_with("pinhole-server: SIGHUP is ignored")).then_some(())
        });
        server.signal("TERM");
        let done = server.finish(SOON);
        assert!(!done.stderr.contains('\u{1b}') && !done.stdout.contains('\u{1b}'), "{done:?}");
        let time = |line: &str| line.split(' ').next().unwrap_or_default().to_owned();
        assert!(done.stderr.lines().all(|line| is_time(&time(line))), "{}", done.stderr);
        let lines: Vec<_> = done.stdout.lines().collect();
        assert!(lines.len() > 2, "{}", done.stdout);
        if options.contains(&"--json") {
            for line in lines {
                let event: Value = serde_json::from_str(line).unwrap();
                assert!(is_time(event["time"].as_str().unwrap()), "{line}");
            }
        } else {
            // What is said at the start is no event; a URL is to be copied.
            assert!(lines[0].starts_with("rtsp://") && lines[1].starts_with("up to "), "{}", done.stdout);
            assert!(lines[2..].iter().all(|line| is_time(&time(line))), "{}", done.stdout);
        }
    }
}

/// `script` makes a terminal.
#[test]
fn a_terminal_has_colours_unless_they_are_unwanted() {
    const WARNING: &str = "the input cannot be read any more";
    let input = TempDir::new();
    for (no_color, term, colour) in
        [("", "xterm", true), ("1", "xterm", false), ("", "dumb", false), ("1", "dumb", false)]
    {
        // To read from a directory fails, which is a warning; without input, the server ends.
        let server = format!("exec '{}' --listen 127.0.0.1:0 -", binary("pinhole-server").display());
        let mut command = Command::new("script");
        command.args(["-qec", &format!("{server} <'{}'", input.path().display()), "/dev/null"]);
        let Ok(done) = run(command.env("NO_COLOR", no_color).env("TERM", term), SOON) else {
            return eprintln!("left out: script is missing");
        };
        let level = if colour { "\u{1b}[33mWARN\u{1b}[0m" } else { "WARN" };
        assert!(done.stdout.contains(&format!("Z {level} {WARNING}")), "{no_color} {term}: {}", done.stdout);
        assert_eq!(done.stdout.contains('\u{1b}'), colour, "{no_color} {term}: {:?}", done.stdout);
    }
}

/// Returns whether a packet says BYE.
fn is_bye((channel, packet): (u8, Vec<u8>)) -> bool {
    channel == 1 && rtcp_packets(&packet).iter().any(|(kind, _)| *kind == rtcp_type::BYE)
}

#[test]
fn signals_say_bye_to_all() {
    let clip = Clip::sample();
    for signal in ["INT", "TERM", "QUIT"] {
        let server = Server::with(&["--loop"], &[&clip.path]);
        let mut dialogue = Dialogue::connect(server.address());
        let url = server.url(clip.mount());
        dialogue.set_up_tcp(&url);
        dialogue.request("PLAY", &url, &[]).ok();
        dialogue.interleaved(SOON).expect("the stream begins");
        let (stopped, said_bye) = thread::scope(|scope| {
            // The server does not wait long for a client that does not read.
            let said_bye = scope.spawn(|| std::iter::from_fn(|| dialogue.interleaved(SOON)).any(is_bye));
            (server.stop(signal), said_bye.join().unwrap())
        });
        assert_eq!(stopped.status.code(), Some(0), "{signal}");
        assert!(said_bye, "{signal}: no BYE");
    }
}

/// To make so large a pattern takes much longer than the test.
#[test]
fn a_signal_ends_the_start_too() {
    for signal in ["INT", "TERM", "QUIT"] {
        let mut command = Command::new(binary("pinhole-server"));
        command.args(["--listen", "127.0.0.1:0", "--json", "--pattern", "4096x4096@60"]);
        let server = Running::start(&mut command);
        server.wait_stdout(SOON, |lines| lines.iter().any(|line| line.contains("preparing")).then_some(()));
        server.signal(signal);
        let done = server.finish(SOON);
        assert_eq!(done.status.code(), Some(0), "{signal}: {done:?}");
        assert!(done.stdout.contains("stopped") && !done.stdout.contains("serving"), "{signal}: {done:?}");
    }
}

/// A server that ends waits half a second for a client that does not read, and then a second for whoever
/// reads its output. A second signal in that time ends it with another code.
#[test]
fn a_second_signal_ends_at_once() {
    let clip = Clip::sample();
    for (first, second, number) in [("INT", "TERM", 15), ("TERM", "INT", 2), ("INT", "QUIT", 3)] {
        let ends = || {
            let ((_out, stdout), (_err, stderr)) = (full_pipe(), full_pipe());
            let options = ["--loop".as_ref(), "-vvv".as_ref(), clip.path.as_os_str()];
            let (mut server, address) = Undrained::start(&options, stdout, stderr);
            let url = format!("rtsp://{address}/{}", clip.mount());
            let mut viewer = Dialogue::connect(address);
            viewer.set_up_tcp(&url);
            viewer.request("PLAY", &url, &[]).ok();
            viewer.interleaved(SOON).expect("the stream begins");
            server.signal(first);
            assert!(std::iter::from_fn(|| viewer.interleaved(SOON)).any(is_bye), "{first}: no BYE");
            server.signal(second);
            server.wait(SOON).expect("it ends").code()
        };
        // On a busy machine, the second signal may come when the server has ended.
        let code = (0..20).map(|_| ends()).find(|code| *code != Some(0));
        assert_eq!(code, Some(Some(128 + number)), "{first}, {second}");
    }
}

/// A viewer that ends waits a second for whoever reads its pictures.
#[test]
fn a_second_signal_ends_the_viewer_at_once() {
    let clip = Clip::sample();
    let server = Server::with(&["--loop"], &[&clip.path]);
    for (attempt, (first, second)) in [("INT", "TERM"), ("HUP", "TERM")].repeat(3).into_iter().enumerate() {
        let ((_out, stdout), (_err, stderr)) = (full_pipe(), full_pipe());
        let mut command = Command::new(binary("pinhole-viewer"));
        command.args(["--headless", "--pictures", "-", &server.url(clip.mount())]);
        let viewer = command.stdin(Stdio::null()).stdout(stdout).stderr(stderr).spawn();
        let mut viewer = Undrained(viewer.unwrap());
        server.wait_events("opened", attempt + 1, SOON);
        viewer.signal(first);
        viewer.signal(second);
        let status = viewer.wait(SOON).expect("it ends");
        // On a busy machine, the second signal may come when the viewer has ended.
        if status.code() == Some(128 + 15) {
            return;
        }
    }
    panic!("a second signal does nothing");
}

#[test]
fn other_signals_are_ignored_with_a_word() {
    let clip = Clip::sample();
    let mut command = Command::new(binary("pinhole-server"));
    let server = Running::start(command.args(["--listen", "127.0.0.1:0"]).arg(&clip.path));
    server.wait_stdout(SOON, |lines| lines.first().cloned());
    for name in ["HUP", "USR1", "USR2"] {
        server.signal(name);
        let word = format!("SIG{name} is ignored");
        server.wait_stderr(SOON, |lines| lines.iter().any(|line| line.contains(&word)).then_some(()));
    }
    server.signal("TERM");
    assert_eq!(server.finish(SOON).status.code(), Some(0));
}
