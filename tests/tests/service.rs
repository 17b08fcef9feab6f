//! The server as a service of the system: readiness, sockets that the system opens, draining, and the unit.
use pinhole_tests::Transport;
use pinhole_tests::clip::{Clip, TempDir};
use pinhole_tests::dialogue::Dialogue;
use pinhole_tests::fake;
use pinhole_tests::http::get;
use pinhole_tests::peer::{Peer, available};
use pinhole_tests::process::{Running, binary, poll, repository, run};
use pinhole_tests::server::Server;
use pinhole_tests::viewer::watch;
use std::net::TcpStream;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(30);

#[test]
fn the_manager_is_told_when_clients_can_connect_and_when_it_ends() {
    let directory = TempDir::new();
    let path = directory.path().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(SOON)).unwrap();
    let told = || {
        let mut text = [0; 200];
        let len = manager.recv(&mut text).expect("it is told");
        String::from_utf8_lossy(&text[..len]).into_owned()
    };
    let address = fake::nobody();
    let mut command = Command::new(binary("pinhole-server"));
    command.env("NOTIFY_SOCKET", &path).args(["--listen", &address.to_string()]).arg(&Clip::sample().path);
    let server = Running::start(&mut command);
    assert_eq!(told().trim_end(), "READY=1");
    // It is the truth.
    assert_eq!(Dialogue::connect(address).request("OPTIONS", "*", &[]).status, 200);
    server.signal("TERM");
    assert_eq!(told().trim_end(), "STOPPING=1");
    assert_eq!(server.finish(SOON).status.code(), Some(0));
}

#[test]
fn sockets_of_the_manager_are_taken() {
    if !available(&[Peer::Systemd]) {
        return;
    }
    let [rtsp, http, unused] = [(); 3].map(|()| fake::nobody());
    let mut command = Command::new("systemd-socket-activate");
    command.args(["--listen", &rtsp.to_string(), "--listen", &http.to_string()]);
    // What is said of addresses here does not count.
    command.arg(binary("pinhole-server")).args(["--listen", &unused.to_string()]).arg(&Clip::sample().path);
    let server = Running::start(&mut command);
    // The first connection starts the server.
    poll(SOON, || TcpStream::connect(rtsp).ok()).expect("the manager listens");
    let clip = Clip::sample();
    watch(&format!("rtsp://{rtsp}/{}", clip.mount()), Transport::Tcp, &[]).assert_whole(clip.frames);
    assert_eq!(get(http, "/").status, 200);
    assert!(TcpStream::connect(unused).is_err(), "nothing listens there");
    server.signal("TERM");
    assert_eq!(server.finish(SOON).status.code(), Some(0));
}

#[test]
fn a_socket_for_tls_is_known_by_its_name() {
    if !available(&[Peer::Systemd]) {
        return;
    }
    let [tls, rtsp, unused] = [(); 3].map(|()| fake::nobody());
    let (directory, clip) = (TempDir::new(), Clip::sample());
    let own = directory.path().join("own.pem").display().to_string();
    let start = |names: &str, options: &[&str]| {
        let mut command = Command::new("systemd-socket-activate");
        command.args(["--listen", &tls.to_string(), "--listen", &rtsp.to_string(), "--fdname", names]);
        command.arg(binary("pinhole-server")).args(["--json"]).args(options).arg(&clip.path);
        let server = Running::start(&mut command);
        poll(SOON, || TcpStream::connect(rtsp).ok()).expect("the manager listens");
        server
    };
    let elsewhere = unused.to_string();
    let server = start("tls:rtsp", &["--tls-self-signed", &own, "--tls-listen", &elsewhere]);
    let fingerprint = server.wait_stdout(SOON, |lines| {
        let events = lines.iter().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        events.filter_map(|event| event["fingerprint"].as_str().map(str::to_owned)).next()
    });
    let trusting = ["--tls-fingerprint", &fingerprint];
    watch(&format!("rtsps://{tls}/{}", clip.mount()), Transport::Tcp, &trusting).assert_whole(clip.frames);
    watch(&format!("rtsp://{rtsp}/{}", clip.mount()), Transport::Tcp, &[]).assert_whole(clip.frames);
    assert!(TcpStream::connect(unused).is_err(), "nothing listens there");
    server.signal("TERM");
    assert_eq!(server.finish(SOON).status.code(), Some(0));
    start("tls:rtsp", &[]).finish(SOON).assert_says(1, &["socket for TLS", "--tls-cert"]);
    start("tls:tsl", &["--tls-self-signed", &own])
        .finish(SOON)
        .assert_says(1, &["\"tsl\"", "rtsp, http and tls"]);
}

/// A server that lets nobody else in, and whoever watches it.
fn draining() -> (Server, Dialogue) {
    let server = Server::with(&["--drain", "10m", "--pattern", "160x120"], &[] as &[&str]);
    let url = server.url("pattern");
    let mut viewer = Dialogue::connect(server.address());
    viewer.set_up_tcp(&url);
    viewer.request("PLAY", &url, &[]).ok();
    viewer.interleaved(SOON).expect("the stream begins");
    server.signal("TERM");
    // The signal takes its time.
    let refused = poll(SOON, || {
        let reply = Dialogue::connect(server.address()).request("OPTIONS", "*", &[]);
        (reply.status == 503).then_some(reply)
    });
    assert_eq!(refused.expect("nobody else is let in").header("Retry-After"), Some("10"));
    (server, viewer)
}

#[test]
fn who_watches_may_go_on_while_the_server_drains() {
    let (server, mut viewer) = draining();
    for _ in 0..20 {
        viewer.interleaved(SOON).expect("the stream goes on");
    }
    // The last who watches has left.
    drop(viewer);
    assert_eq!(server.finish().status.code(), Some(0));
}

#[test]
fn a_second_signal_ends_what_drains() {
    let (server, _viewer) = draining();
    assert_eq!(server.stop("TERM").status.code(), Some(128 + 15));
}

/// What the unit permits is little: systemd rates it from 0 (safe) to 10.
#[test]
fn the_unit_is_rated_at_most_2_of_10() {
    if !available(&[Peer::Systemd]) {
        return;
    }
    let unit = repository().join("bins/server/systemd/pinhole-server.service");
    let mut command = Command::new("systemd-analyze");
    command.args(["security", "--offline=true", "--threshold=20", "--no-pager"]).arg(&unit);
    let done = run(&mut command, SOON).unwrap();
    assert!(done.status.success(), "{}", done.stdout);
    assert!(done.stdout.contains("Overall exposure level for pinhole-server.service"), "{}", done.stdout);
    // A directive that is misspelt is passed over with a word.
    let directory = TempDir::new();
    let text = std::fs::read_to_string(&unit).unwrap();
    assert!(text.contains("ExecStart=/usr/bin/pinhole-server "));
    let copy = directory.path().join("pinhole-server.service");
    let built = binary("pinhole-server").display().to_string();
    std::fs::write(&copy, text.replace("/usr/bin/pinhole-server", &built)).unwrap();
    let mut command = Command::new("systemd-analyze");
    command.args(["verify", "--man=no", "--recursive-errors=no"]).arg(&copy);
    let done = run(&mut command, SOON).unwrap();
    let faults: Vec<_> = done.stderr.lines().filter(|line| line.contains("pinhole-server.service")).collect();
    assert!(done.status.success() && faults.is_empty(), "{faults:?}");
}

/// What the image of a container has is enough for the server: its root has nothing else.
#[test]
fn the_image_has_all_that_the_server_needs() {
    if !available(&[Peer::Namespaces]) {
        return;
    }
    let directory = TempDir::new();
    let root = directory.path().join("image");
    let image = |root: &Path| {
        let mut script = Command::new(repository().join("bins/image.sh"));
        run(script.arg(root).arg(binary("pinhole-server")), SOON).unwrap()
    };
    let made = image(&root);
    assert!(made.status.success(), "{made:?}");
    image(&root).assert_says(1, &["exists already", "name a new directory"]);

    let file = std::fs::read_to_string(repository().join("bins/server/Containerfile")).unwrap();
    for line in ["bins/image.sh /image", "COPY --from=build /image /", "CMD [\"/media\"]"] {
        assert!(file.contains(line), "{line}");
    }
    let copies =
        file.lines().filter_map(|line| line.strip_prefix("COPY ")).filter(|copy| !copy.starts_with("--"));
    let sources: Vec<_> = copies.flat_map(|copy| copy.split(' ').rev().skip(1)).collect();
    let missing: Vec<_> = sources.iter().filter(|source| !repository().join(source).exists()).collect();
    assert!(sources.len() > 5 && missing.is_empty(), "{missing:?}");
    let program = "/usr/bin/pinhole-server";
    assert!(file.contains(&format!("ENTRYPOINT [\"{program}\"]")) && root.join(&program[1..]).is_file());

    let clip = Clip::sample();
    std::fs::copy(&clip.path, root.join("media/clip.mjpeg")).unwrap();
    let address = fake::nobody();
    let mut command = Command::new("unshare");
    command.arg("--map-root-user").arg(format!("--root={}", root.display())).args([program, "/media"]);
    let server = Running::start(command.env("PINHOLE_LISTEN", address.to_string()));
    poll(SOON, || TcpStream::connect(address).ok()).expect("it listens");
    watch(&format!("rtsp://{address}/clip"), Transport::Tcp, &[]).assert_whole(clip.frames);
    server.signal("TERM");
    assert_eq!(server.finish(SOON).status.code(), Some(0));
}
