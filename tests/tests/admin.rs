//! The admin port of the server: its metrics, its health and its sessions.
use pinhole_tests::Transport;
use pinhole_tests::clip::{Clip, TempDir};
use pinhole_tests::dialogue::Dialogue;
use pinhole_tests::http::{Connection, get};
use pinhole_tests::metrics::{Metrics, sessions, wait_for};
use pinhole_tests::peer::{Peer, available, python_environment};
use pinhole_tests::process::{Running, binary, poll, repository, run};
use pinhole_tests::server::{self, Server};
use pinhole_tests::viewer::watch;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::net::SocketAddr;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_secs(30);
const ADMIN: [&str; 2] = ["--admin", "127.0.0.1:0"];

fn serve(options: &[&str], clips: &[&Clip]) -> (Server, SocketAddr) {
    let paths: Vec<_> = clips.iter().map(|clip| &clip.path).collect();
    let server = Server::with(&[&ADMIN, options].concat(), &paths);
    let admin = server.admin();
    (server, admin)
}

/// Returns the status and the text of what is at a path.
fn ask(admin: SocketAddr, path: &str) -> (u16, String) {
    let response = get(admin, path);
    (response.status, response.text().to_owned())
}

/// A client that plays a medium without end by TCP.
fn player(server: &Server, mount: &str) -> Dialogue {
    let url = server.url(mount);
    let mut player = Dialogue::connect(server.address());
    player.set_up_tcp(&url);
    player.request("PLAY", &url, &[]).ok();
    player.interleaved(SOON).expect("the stream begins");
    player
}

/// By the parser of Prometheus' own client, which refuses what the format forbids.
#[test]
fn metrics_are_what_prometheus_reads() {
    if !available(&[Peer::PyPi]) {
        return;
    }
    let directory = TempDir::new();
    let odd = directory.file("quote\"back\\slash\u{fc}.mjpeg", &std::fs::read(Clip::sample().path).unwrap());
    let server = Server::with(&[&ADMIN[..], &["--loop"]].concat(), &[odd]);
    let admin = server.admin();
    let _player = player(&server, "quote%22back%5Cslash%C3%BC");
    wait_for(admin, |metrics| (metrics.sum("pinhole_frames_sent_total", &[]) > 0.0).then_some(()));
    let file = directory.file("metrics", &get(admin, "/metrics").body);
    let script = repository().join("tests/peers/openmetrics.py");
    let mut command = Command::new("sh");
    command.args(["-c", "exec \"$1\" \"$2\" < \"$3\"", "sh"]);
    let done = run(command.arg(python_environment()).arg(script).arg(file), SOON).unwrap();
    assert!(done.status.success(), "{}", done.stderr);
    let families: Vec<Value> = serde_json::from_str(&done.stdout).unwrap();
    let mut mediums = BTreeSet::new();
    for family in &families {
        let text = |field: &str| family[field].as_str().unwrap().to_owned();
        let (name, unit) = (text("name"), text("unit"));
        assert!(name.starts_with("pinhole_") && text("help").len() > 10, "{family}");
        assert!(unit.is_empty() || name.ends_with(&format!("_{unit}")), "{family}");
        for sample in family["samples"].as_array().unwrap() {
            mediums.extend(sample[1]["medium"].as_str().map(str::to_owned));
        }
    }
    assert!(families.len() > 20, "{families:?}");
    assert_eq!(mediums, BTreeSet::from(["quote\"back\\slash\u{fc}".to_owned()]));
}

#[test]
fn figures_are_those_that_clients_count() {
    let clip = Clip::sample();
    let (server, admin) = serve(&["--http", "127.0.0.1:0"], &[&clip]);
    let (url, medium) = (server.url(clip.mount()), ("medium", clip.mount()));
    let mut packets = BTreeMap::new();
    for transport in Transport::ALL {
        let report = watch(&url, transport, &[]);
        report.assert_whole(clip.frames);
        packets.insert(transport.to_string(), report.number("packets"));
    }
    let mut browser = Connection::open(server.http());
    browser.send(format!("GET /{}.mjpeg HTTP/1.1\r\n\r\n", clip.mount()));
    browser.head();
    let mut of_browser = (0, 0);
    while let Some(picture) = browser.part() {
        of_browser = (of_browser.0 + 1, of_browser.1 + picture.len() as u64);
    }
    let metrics = wait_for(admin, |metrics| {
        (metrics.sum("pinhole_sessions_closed_total", &[]) == 3.0
            && metrics.sum("pinhole_sessions", &[]) == 0.0
            && metrics.sum("pinhole_frames_sent_total", &[]) == 3.0 * clip.frames as f64)
            .then(|| metrics.clone())
    });
    let of = |name: &str, transport: &str| metrics.sum(name, &[medium, ("transport", transport)]) as u64;
    for (transport, packets) in &packets {
        assert_eq!(of("pinhole_frames_sent_total", transport), clip.frames as u64);
        assert_eq!(of("pinhole_packets_sent_total", transport), *packets, "{transport}");
        assert_eq!(metrics.sum("pinhole_sessions_opened_total", &[("transport", transport)]), 1.0);
    }
    let browsed = (of("pinhole_frames_sent_total", "http"), of("pinhole_sent_bytes_total", "http"));
    assert_eq!(browsed, of_browser);
    let closed = server.wait_events("closed", 2, SOON);
    for closed in &closed {
        let transport = closed["transport"].as_str().unwrap();
        assert_eq!(of("pinhole_sent_bytes_total", transport), closed["bytes"].as_u64().unwrap());
    }
    for skipped in ["late", "loss"] {
        assert_eq!(metrics.sum("pinhole_frames_skipped_total", &[medium, ("reason", skipped)]), 0.0);
    }
    assert!(metrics.sum("pinhole_cache_hits_total", &[]) > 0.0);
    assert!(metrics.sum("pinhole_cache_bytes", &[]) > 0.0);
    assert!(metrics.sum("pinhole_loop_turn_seconds_count", &[]) > 10.0);
    assert_eq!(metrics.sum("pinhole_ready", &[]), 1.0);
}

#[test]
fn sessions_are_listed_while_they_are_open() {
    let clip = Clip::sample();
    let (server, admin) = serve(&["--loop"], &[&clip]);
    assert!(sessions(admin).is_empty());
    let player = player(&server, clip.mount());
    let session = poll(SOON, || {
        let listed = sessions(admin).into_iter().next()?;
        (listed["bytes_per_second"].as_u64() > Some(0)).then_some(listed)
    });
    let session = session.expect("it is listed, with its rate");
    let opened = server.wait_events("opened", 1, SOON).swap_remove(0);
    for field in ["session", "peer", "transport"] {
        assert_eq!(session[field], opened[field], "{field}");
    }
    assert_eq!((&session["medium"], &session["user"]), (&clip.mount().into(), &Value::Null));
    assert!(session["frames"].as_u64() > Some(0) && session["seconds"].as_f64() > Some(0.0), "{session}");
    let gauges = |metrics: &Metrics| {
        let connections = metrics.sum("pinhole_connections", &[("protocol", "rtsp")]);
        (metrics.sum("pinhole_sessions", &[("medium", clip.mount()), ("transport", "tcp")]), connections)
    };
    wait_for(admin, |metrics| (gauges(metrics) == (1.0, 1.0)).then_some(()));
    drop(player);
    wait_for(admin, |metrics| (gauges(metrics) == (0.0, 0.0)).then_some(()));
    assert!(sessions(admin).is_empty());
}

#[test]
fn a_server_is_ready_once_it_serves_and_until_it_drains() {
    let mut command = Command::new(binary("pinhole-server"));
    // Many large pictures, which take a while to be made.
    command.args(["--listen", "127.0.0.1:0", "--json", "--pattern", "1920x1080@60", "--drain", "10m"]);
    let mut process = Running::start(command.args(ADMIN));
    let admin = process.wait_stdout(SOON, server::admin);
    let (status, why) = ask(admin, "/readyz");
    assert_eq!((status, &*why), (503, "starting: the media are being read\n"));
    assert_eq!(ask(admin, "/healthz"), (200, "ok\n".to_owned()));
    assert_eq!(Metrics::get(admin).sum("pinhole_ready", &[]), 0.0);
    assert!(process.is_alive());
    process.signal("KILL");

    let (server, admin) = serve(&["--drain", "10m", "--loop"], &[&Clip::sample()]);
    poll(SOON, || (ask(admin, "/readyz") == (200, "ready\n".to_owned())).then_some(())).expect("it is ready");
    let player = player(&server, Clip::sample().mount());
    server.signal("TERM");
    let drains = (503, "draining: nobody else is let in\n".to_owned());
    poll(SOON, || (ask(admin, "/readyz") == drains).then_some(())).expect("it drains");
    assert_eq!(ask(admin, "/healthz"), (200, "ok\n".to_owned()));
    assert_eq!(Metrics::get(admin).sum("pinhole_ready", &[]), 0.0);
    drop(player);
    assert_eq!(server.finish().status.code(), Some(0));
}

#[test]
fn what_is_refused_is_counted() {
    let clip = Clip::sample();
    let (server, admin) = serve(&["--max-connections", "2", "--max-bitrate", "1000"], &[&clip]);
    let url = server.url(clip.mount());
    let mut first = Dialogue::connect(server.address());
    assert_eq!(first.request("DESCRIBE", &server.url("nothing"), &[]).status, 404);
    first.set_up_tcp(&url);
    assert_eq!(first.request("PLAY", &url, &[]).status, 453);
    let mut second = Dialogue::connect(server.address());
    second.request("OPTIONS", "*", &[]).ok();
    assert_eq!(Dialogue::connect(server.address()).request("OPTIONS", "*", &[]).status, 503);
    let metrics = Metrics::get(admin);
    assert_eq!(metrics.sum("pinhole_refusals_total", &[("limit", "connections")]), 1.0);
    assert_eq!(metrics.sum("pinhole_refusals_total", &[("limit", "bitrate")]), 1.0);
    assert_eq!(metrics.sum("pinhole_refusals_total", &[]), 2.0);
    assert_eq!(metrics.sum("pinhole_requests_refused_total", &[("status", "404")]), 1.0);
    assert_eq!(metrics.sum("pinhole_connections_limit", &[]), 2.0);
}

#[test]
fn logins_are_counted() {
    let directory = TempDir::new();
    let users = directory.path().join("users");
    let mut command = Command::new(binary("pinhole-server"));
    let mut passwd = Running::start(command.args(["passwd", "anna", "--file"]).arg(&users));
    passwd.take_stdin().write_all(b"secret\n").unwrap();
    assert!(passwd.finish(SOON).status.success());
    let users = users.to_str().expect("a name in UTF-8");
    let clip = Clip::sample();
    let (server, admin) = serve(&["--http", "127.0.0.1:0", "--users", users, "--allow-basic"], &[&clip]);
    let log_in = |credentials: &str| {
        let mut browser = Connection::open(server.http());
        let request = || format!("GET / HTTP/1.1\r\nAuthorization: Basic {credentials}\r\n\r\n");
        browser.send(request());
        let status = browser.response().status;
        browser.send(request());
        (status, browser.response().status)
    };
    // anna:secret, twice on one connection, and anna:guess, which is wrong each time.
    assert_eq!(log_in("YW5uYTpzZWNyZXQ="), (200, 200));
    assert_eq!(log_in("YW5uYTpndWVzcw=="), (401, 401));
    let metrics = Metrics::get(admin);
    let logins = |result: &str| metrics.sum("pinhole_logins_total", &[("result", result)]);
    assert_eq!((logins("granted"), logins("refused")), (1.0, 2.0));
}

#[test]
fn the_state_of_a_live_input_is_told() {
    let (server, mut pipe) = Server::of_pipe(&ADMIN);
    let admin = server.admin();
    let is = |state: &'static str| {
        wait_for(admin, move |metrics| {
            let of = |state| metrics.sum("pinhole_source_state", &[("medium", "live"), ("state", state)]);
            let others = ["waiting", "up", "failed", "ended"].map(of).iter().sum::<f64>();
            (of(state) == 1.0 && others == 1.0).then_some(())
        });
    };
    is("waiting");
    let pictures = std::fs::read(Clip::sample().path).unwrap();
    pipe.write_all(&pictures[..pictures.len() / 2]).unwrap();
    pipe.flush().unwrap();
    is("up");
    // With its end, the server ends, too.
    drop(pipe);
    assert_eq!(server.finish().status.code(), Some(0));
}

/// A source that comes, goes and is tried again.
#[test]
fn the_state_of_a_source_is_told() {
    let clip = Clip::sample();
    let at = pinhole_tests::fake::nobody();
    let source = format!("cam=rtsp://{at}/{}", clip.mount());
    let server = Server::with(&[&ADMIN[..], &["--always"]].concat(), &[source]);
    let admin = server.admin();
    let of = |metrics: &Metrics, state| {
        metrics.sum("pinhole_source_state", &[("medium", "cam"), ("state", state)])
    };
    wait_for(admin, |metrics| (of(metrics, "failed") == 1.0).then_some(()));
    let camera = server::camera_at(at, &clip);
    wait_for(admin, |metrics| (of(metrics, "up") == 1.0).then_some(()));
    let before = Metrics::get(admin).sum("pinhole_source_restarts_total", &[("medium", "cam")]);
    assert!(before >= 1.0);
    drop(camera);
    wait_for(admin, |metrics| {
        let restarts = metrics.sum("pinhole_source_restarts_total", &[("medium", "cam")]);
        (of(metrics, "failed") == 1.0 && restarts > before).then_some(())
    });
}

/// Whatever comes to the admin port, it answers others, and no viewer loses a frame.
#[test]
fn who_abuses_the_admin_port_disturbs_nobody() {
    let clip = Clip::sample();
    let (server, admin) = serve(&[], &[&clip]);
    let url = server.url(clip.mount());
    let viewer = thread::spawn(move || watch(&url, Transport::Tcp, &[]));
    let healthy = || assert_eq!(ask(admin, "/healthz"), (200, "ok\n".to_owned()));

    // Of 100 that say nothing, or a part of a request, the oldest have to leave for the newest.
    let mut idle: Vec<_> = (0..100).map(|_| Connection::open(admin)).collect();
    for connection in &mut idle {
        let _ = connection.try_send("GET /metrics HTT");
    }
    healthy();
    let begun = Instant::now();
    for connection in &mut idle {
        // Each is closed in the end.
        let _ = connection.try_rest();
    }
    assert!(begun.elapsed() < SOON);
    for (sent, status) in [
        ("\0\0\0\0 garbage \r\n\r\n".to_owned(), Some(400)),
        (format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(9000)), Some(431)),
        ("DESCRIBE rtsp://h/x RTSP/1.0\r\n\r\n".to_owned(), Some(505)),
        ("POST /metrics HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n".to_owned(), Some(405)),
        ("GET /metrics HTTP/1.1\r\nHost: evil.example\r\n\r\n".to_owned(), Some(421)),
        ("GET /nothing HTTP/1.0\r\n\r\n".to_owned(), Some(404)),
        ("HEAD /metrics HTTP/1.1\r\n\r\n".to_owned(), Some(200)),
        ("GET /metrics HTTP/1.1\r\n\r\nGET /sessions HTTP/1.1\r\n\r\n".to_owned(), Some(200)),
        (String::new(), None),
    ] {
        let mut connection = Connection::open(admin);
        connection.send(&sent);
        if let Some(status) = status {
            let response = connection.head();
            assert_eq!(response.status, status, "{sent:?}");
            let len = response.field("Content-Length").and_then(|len| len.parse().ok()).expect("a length");
            let body = connection.rest();
            assert_eq!(body.len(), if sent.starts_with("HEAD") { 0 } else { len }, "{sent:?}");
        }
        healthy();
    }
    // One byte a second is no request in time.
    let mut slow = Connection::open(admin);
    let begun = Instant::now();
    while slow.try_send("G").is_ok() {
        thread::sleep(Duration::from_millis(200));
        assert!(begun.elapsed() < SOON, "it is closed");
    }
    // A hundred one after the other, and at once.
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..25).for_each(|_| healthy()));
        }
    });
    viewer.join().unwrap().assert_whole(clip.frames);
    assert_eq!(server.stop("TERM").status.code(), Some(0));
}

#[test]
fn an_admin_port_for_other_machines_is_told_of() {
    let start = |admin: &str| {
        let clip = Clip::sample();
        let mut command = Command::new(binary("pinhole-server"));
        command.args(["--listen", "127.0.0.1:0", "--json", "--admin", admin]).arg(&clip.path);
        let server = Running::start(&mut command);
        server.wait_stdout(SOON, |lines| lines.iter().any(|line| line.contains("limits")).then_some(()));
        server.signal("TERM");
        let done = server.finish(SOON);
        let event = done.stdout.lines().find(|line| line.contains("\"admin\"")).expect("an event").to_owned();
        (
            event.contains("\"reachable\":true"),
            done.stderr.contains("other machines can reach the admin port"),
        )
    };
    assert_eq!(start("0.0.0.0:0"), (true, true));
    // A port alone is one of this machine.
    assert_eq!(start("0"), (false, false));
}

/// The table itself is tested where it is drawn.
#[test]
fn top_says_what_it_needs() {
    let mut command = Command::new(binary("pinhole-server"));
    let done = run(command.args(["top", "127.0.0.1:9"]), SOON).unwrap();
    done.assert_says(1, &["terminal", "http://127.0.0.1:9/sessions"]);
    let mut command = Command::new(binary("pinhole-server"));
    let done = run(command.args(["top", "nowhere at all"]), SOON).unwrap();
    done.assert_says(2, &["127.0.0.1:9554"]);
}

/// Returns the words in a text that are names of metrics.
fn metrics_in(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("pinhole_") && word.len() > 8).map(str::to_owned).collect()
}

#[test]
fn the_dashboard_and_the_documentation_have_the_metrics_that_there_are() {
    let (_server, admin) = serve(&[], &[&Clip::sample()]);
    let there_are =
        wait_for(admin, |metrics| (metrics.sum("pinhole_ready", &[]) == 1.0).then(|| metrics.names()));
    let text = std::fs::read_to_string(repository().join("docs/grafana.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&text).unwrap();
    let mut expressions = Vec::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().into_iter().flatten() {
            expressions.push(target["expr"].as_str().expect("an expression").to_owned());
            assert_eq!(panel["datasource"]["uid"], "${datasource}", "{panel}");
        }
    }
    let shown = metrics_in(&expressions.join(" "));
    assert!(shown.len() > 15, "{shown:?}");
    let missing: Vec<_> = shown.difference(&there_are).collect();
    assert!(missing.is_empty(), "{missing:?}");
    let text = std::fs::read_to_string(repository().join("docs/operations.md")).unwrap();
    let told = metrics_in(&text);
    // A histogram is told of by its name, and its sum in an alert.
    let is_histogram = |name: &str| name.starts_with("pinhole_loop_turn_seconds");
    let missing: Vec<_> = told.difference(&there_are).filter(|name| !is_histogram(name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    let untold: Vec<_> = there_are.difference(&told).filter(|name| !is_histogram(name)).collect();
    assert!(untold.is_empty() && told.contains("pinhole_loop_turn_seconds"), "{untold:?}");
}
