//! RTSP and HTTP inside TLS: stock clients and servers, certificates and fingerprints, logins, and clients that do harm.
use pinhole_tests::clip::{Clip, TempDir};
use pinhole_tests::hostile;
use pinhole_tests::peer::{Peer, available};
use pinhole_tests::process::{Finished, Running, binary, poll, run};
use pinhole_tests::server::{GstServer, Server, passwd};
use pinhole_tests::{Transport, undisturbed, viewer, watch};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(60);

/// Returns the options of a server that listens for TLS on a free port, with a certificate of its own.
fn self_signed(directory: &TempDir) -> [String; 4] {
    let file = directory.path().join("own.pem").to_str().expect("a name in UTF-8").to_owned();
    ["--tls-listen".to_owned(), "127.0.0.1:0".to_owned(), "--tls-self-signed".to_owned(), file]
}

fn serve(directory: &TempDir, clip: &Clip, options: &[&str]) -> Server {
    let tls = self_signed(directory);
    let tls: Vec<_> = tls.iter().map(String::as_str).collect();
    Server::with(&[&tls, options].concat(), &[&clip.path])
}

/// Has openssl make a key and a certificate for 127.0.0.1, and put both into one file.
fn certificate(directory: &TempDir, name: &str, key: &[&str]) -> PathBuf {
    let [key_file, cert_file] = ["key", "cert"].map(|part| directory.path().join(format!("{name}.{part}")));
    let mut command = Command::new("openssl");
    command.args(["req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=camera", "-newkey"]).args(key);
    command.args(["-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"]);
    let made = run(command.arg("-keyout").arg(&key_file).arg("-out").arg(&cert_file), LIMIT);
    assert!(made.as_ref().is_ok_and(|made| made.status.success()), "{made:?}");
    let read = |file| std::fs::read_to_string(file).expect("it is written");
    directory.file(name, format!("{}{}", read(&cert_file), read(&key_file)).as_bytes())
}

/// Says something by openssl, and returns the lines of the head of the answer.
fn openssl(to: SocketAddr, options: &[&str], text: &str) -> Vec<String> {
    let mut command = Command::new("openssl");
    command.args(["s_client", "-quiet", "-connect", &to.to_string()]).args(options);
    let mut client = Running::start(&mut command);
    let mut stdin = client.take_stdin();
    stdin.write_all(text.as_bytes()).expect("openssl reads");
    client.wait_stdout(LIMIT, |lines| {
        let end = lines.iter().position(String::is_empty)?;
        Some(lines[..end].to_vec())
    })
}

#[test]
fn stock_clients_watch_inside_tls() {
    if !available(&[Peer::Ffmpeg, Peer::Gstreamer, Peer::GioTls]) {
        return;
    }
    let _turn = undisturbed();
    let (directory, clip) = (TempDir::new(), Clip::sample());
    let server = serve(&directory, &clip, &[]);
    let url = server.tls_url(clip.mount());
    let file = watch::ffmpeg_file(&clip.plain);
    // FFmpeg asks for TCP inside TLS, whatever it is told.
    for transport in Transport::ALL {
        let seen = watch::ffmpeg_stream(&url, transport);
        watch::assert_same(&seen, &file, &format!("ffmpeg over {transport}"));
    }
    let file = watch::gstreamer_file(&clip.plain);
    for asks_for_udp in [false, true] {
        watch::assert_same(&watch::gstreamer_tls(&url, asks_for_udp), &file, "GStreamer");
    }
    // Both ports serve at the same time.
    viewer::watch(&server.url(clip.mount()), Transport::Udp, &[]).assert_whole(clip.frames);
}

#[test]
fn openssl_speaks_rtsp_by_both_versions_of_tls() {
    if !available(&[Peer::Openssl]) {
        return;
    }
    let (directory, clip) = (TempDir::new(), Clip::sample());
    let server = serve(&directory, &clip, &[]);
    let at = server.tls_address();
    let set_up = |scheme: &str, transport: &str| {
        let url = format!("{scheme}://{at}/{}/trackID=0", clip.mount());
        format!("SETUP {url} RTSP/1.0\r\nCSeq: 7\r\nTransport: {transport}\r\n\r\n")
    };
    for version in ["-tls1_2", "-tls1_3"] {
        for scheme in ["rtsp", "rtsps"] {
            let udp = set_up(scheme, "RTP/AVP;unicast;client_port=5000-5001");
            let said = openssl(at, &[version], &udp);
            assert_eq!(said[0], "RTSP/1.0 461 Unsupported transport", "{version}: {said:?}");
            let said = openssl(at, &[version], &set_up(scheme, "RTP/AVP/TCP;unicast;interleaved=0-1"));
            assert_eq!(said[0], "RTSP/1.0 200 OK", "{version}: {said:?}");
            assert!(said.iter().any(|line| line.contains("interleaved=0-1")), "{said:?}");
        }
    }
    let old = run(
        Command::new("openssl").args([
            "s_client",
            "-tls1_1",
            "-cipher",
            "ALL@SECLEVEL=0",
            "-connect",
            &at.to_string(),
        ]),
        LIMIT,
    );
    assert!(!old.expect("openssl runs").status.success(), "TLS 1.1 is spoken");
}

#[test]
fn users_log_in_inside_tls_by_digest_and_by_basic() {
    if !available(&[Peer::Ffmpeg, Peer::Openssl]) {
        return;
    }
    let _turn = undisturbed();
    let (directory, clip) = (TempDir::new(), Clip::sample());
    let users = directory.path().join("users");
    let mut passwd = Command::new("sh");
    let program = binary("pinhole-server");
    passwd.args(["-c", "echo secret | \"$@\"", "sh"]).arg(program).args(["passwd", "--file"]);
    assert!(run(passwd.arg(&users).arg("anna"), LIMIT).expect("the server runs").status.success());
    let server = serve(&directory, &clip, &["--users", users.to_str().expect("a name in UTF-8")]);
    let url = server.tls_url(clip.mount());
    let as_user = |password: &str| url.replacen("rtsps://", &format!("rtsps://anna:{password}@"), 1);
    let file = watch::ffmpeg_file(&clip.plain);
    watch::assert_same(&watch::ffmpeg_stream(&as_user("secret"), Transport::Tcp), &file, "ffmpeg");
    let trusting = ["--tls-fingerprint", &server.fingerprint()];
    viewer::watch(&as_user("secret"), Transport::Tcp, &trusting).assert_whole(clip.frames);
    let wrong = run(Command::new("ffmpeg").args(["-v", "error", "-i", &as_user("wrong")]), LIMIT);
    assert!(wrong.expect("ffmpeg runs").stderr.contains("401"));
    let describe = |credentials: &str| {
        format!("DESCRIBE {url} RTSP/1.0\r\nCSeq: 7\r\nAuthorization: Basic {credentials}\r\n\r\n")
    };
    // anna:secret and anna:wrong.
    for (credentials, expected) in [("YW5uYTpzZWNyZXQ=", "200 OK"), ("YW5uYTp3cm9uZw==", "401 Unauthorized")]
    {
        let said = openssl(server.tls_address(), &[], &describe(credentials));
        assert_eq!(said[0], format!("RTSP/1.0 {expected}"), "{said:?}");
        let offered = said.iter().any(|line| line.starts_with("WWW-Authenticate: Basic"));
        assert_eq!(offered, expected.starts_with("401"), "{said:?}");
    }
    // Without TLS, Basic is no login.
    let mut plain = TcpStream::connect(server.address()).expect("the server listens");
    plain.write_all(describe("YW5uYTpzZWNyZXQ=").as_bytes()).expect("it reads");
    plain.set_read_timeout(Some(LIMIT)).expect("a timeout");
    let mut reply = [0; 1000];
    let read = plain.read(&mut reply).expect("a reply");
    assert!(reply[..read].starts_with(b"RTSP/1.0 401 "), "{:?}", String::from_utf8_lossy(&reply[..read]));
}

#[test]
fn stock_clients_watch_by_tunnels_inside_tls() {
    if !available(&[Peer::Ffmpeg, Peer::Gstreamer, Peer::GioTls]) {
        return;
    }
    let _turn = undisturbed();
    let (directory, clip) = (TempDir::new(), Clip::sample());
    let server = serve(&directory, &clip, &[]);
    let address = format!("{}/{}", server.tls_address(), clip.mount());
    let seen = watch::ffmpeg_tunnel_tls(&format!("rtsp://{address}"));
    watch::assert_same(&seen, &watch::ffmpeg_file(&clip.plain), "ffmpeg");
    let seen = watch::gstreamer_tunnel(&format!("rtspsh://{address}"));
    watch::assert_same(&seen, &watch::gstreamer_file(&clip.plain), "GStreamer");
}

#[test]
fn the_viewer_watches_by_a_tunnel_inside_tls() {
    let (directory, clip) = (TempDir::new(), Clip::sample());
    let server = serve(&directory, &clip, &[]);
    let (url, fingerprint) = (server.tls_url(clip.mount()), server.fingerprint());
    let by_scheme = url.replacen("rtsps:", "rtspsh:", 1);
    for arguments in [&["--transport", "http", &url][..], &[&by_scheme]] {
        let trusting = ["--json", "--tls-fingerprint", &fingerprint];
        let done = viewer::run_viewer(&[&trusting, arguments].concat());
        viewer::report(&done).assert_whole(clip.frames);
        viewer::run_viewer(arguments).assert_says(1, &["is not trusted", &fingerprint]);
    }
}

#[test]
fn curl_gets_pages_inside_tls() {
    if !available(&[Peer::Curl]) {
        return;
    }
    let (directory, clip) = (TempDir::new(), Clip::sample());
    let users = directory.path().join("users");
    assert!(passwd(&users, ("anna", "secret"), &[]).status.success());
    let users = users.to_str().expect("a name in UTF-8");
    let server = serve(&directory, &clip, &["--http", "127.0.0.1:0", "--users", users]);
    // What is trusted is what the server has written.
    let certificate = directory.path().join("own.pem").display().to_string();
    let curl = |path: &str, options: &[&str]| {
        let mut command = Command::new("curl");
        command.args(["-sS", "--max-time", "60", "-w", "%{http_code}", "--cacert", &certificate]);
        run(command.args(options).arg(path), LIMIT).expect("curl runs")
    };
    let [inside, outside] = [("https", server.tls_address()), ("http", server.http())]
        .map(|(scheme, address)| format!("{scheme}://{address}/{}", clip.mount()));
    let as_anna = ["-u", "anna:secret"];
    let page = curl(&inside, &[&as_anna[..], &["--digest"]].concat()).stdout;
    assert!(page.ends_with("200") && page.contains("rtsps://127.0.0.1:"), "{page}");
    // Inside TLS, a password may come as it is.
    let basic = [&as_anna[..], &["--basic"]].concat();
    assert!(curl(&inside, &basic).stdout.ends_with("200"));
    assert!(curl(&outside, &basic).stdout.ends_with("401"));
    assert!(curl(&inside, &[]).stdout.ends_with("401"));
    let files = ["inside", "outside"].map(|name| directory.path().join(name).display().to_string());
    for (url, file) in [&inside, &outside].into_iter().zip(&files) {
        let options = [&as_anna[..], &["--digest", "-o", file]].concat();
        assert_eq!(curl(&format!("{url}.jpg"), &options).stdout, "200");
    }
    let [inside, outside] = files.map(|file| std::fs::read(file).expect("a picture"));
    assert!(inside == outside && inside.starts_with(&[0xff, 0xd8]), "{} bytes", inside.len());
    // A port that only speaks TLS says so.
    let plain = curl(&format!("http://{}/", server.tls_address()), &[]).stdout;
    assert!(plain.contains("This port speaks TLS") && plain.ends_with("400"), "{plain}");
}

/// Has a viewer watch a URL inside TLS, with the certificates of a file as the system's.
fn watch_with_store(url: &str, store: &str, options: &[&str]) -> Finished {
    let mut command = Command::new(binary("pinhole-viewer"));
    command.args(["--headless", "--json", url]).args(options);
    run(command.env("SSL_CERT_FILE", store).env("SSL_CERT_DIR", "/nowhere"), LIMIT).expect("the viewer runs")
}

#[test]
fn the_viewer_trusts_a_fingerprint_or_the_systems_store() {
    if !available(&[Peer::Openssl]) {
        return;
    }
    let (directory, clip) = (TempDir::new(), Clip::sample());
    let file = certificate(&directory, "rsa.pem", &["rsa:2048"]);
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("a mode");
    let file = file.to_str().expect("a name in UTF-8");
    let server =
        Server::with(&["--tls-listen", "127.0.0.1:0", "--tls-cert", file, "--tls-key", file], &[&clip.path]);
    let (url, fingerprint) = (server.tls_url(clip.mount()), server.fingerprint());
    // The same as openssl says.
    let told =
        run(Command::new("openssl").args(["x509", "-noout", "-fingerprint", "-sha256", "-in", file]), LIMIT);
    let told = told.expect("openssl runs").stdout;
    assert!(told.trim().ends_with(&fingerprint), "{told} {fingerprint}");
    let without_colons = fingerprint.replace(':', "").to_lowercase();
    for trusted in [&fingerprint, &without_colons] {
        // UDP is not asked for.
        let report = viewer::watch(&url, Transport::Udp, &["--tls-fingerprint", trusted]);
        report.assert_whole(clip.frames);
        assert_eq!(report.text("transport"), "tcp");
    }
    let other = "00:".repeat(31) + "00";
    let done = viewer::run_viewer(&["--tls-fingerprint", &other, &url]);
    done.assert_says(1, &[&fingerprint, &other, "another certificate"]);
    let done = viewer::run_viewer(&[&url]);
    done.assert_says(1, &["is not trusted", &format!("--tls-fingerprint {fingerprint}")]);
    viewer::report(&watch_with_store(&url, file, &[])).assert_whole(clip.frames);
    // It is for 127.0.0.1 only.
    let elsewhere = url.replacen("127.0.0.1", "localhost", 1);
    watch_with_store(&elsewhere, file, &[]).assert_says(1, &["that of another host"]);
    viewer::run_viewer(&["--tls-fingerprint", "AB:CD", &url]).assert_says(2, &["64 hexadecimal digits"]);
    // A server that knows nothing of TLS.
    let plain = format!("rtsps://{}/x", server.address());
    viewer::run_viewer(&[&plain]).assert_says(1, &["does not speak TLS"]);
    // And one that knows nothing else.
    let inside = format!("rtsp://{}/x", server.tls_address());
    viewer::run_viewer(&[&inside]).assert_says(1, &["begins with rtsps://"]);
}

#[test]
fn the_viewer_watches_gst_rtsp_server_inside_tls() {
    if !available(&[Peer::Ffmpeg, Peer::GstServer, Peer::GioTls, Peer::Openssl]) {
        return;
    }
    let _turn = undisturbed();
    let directory = TempDir::new();
    let clip = Clip::avi(&directory);
    let file = certificate(&directory, "camera.pem", &["rsa:2048"]);
    let server = GstServer::with_tls(&clip, &file);
    assert!(server.url.starts_with("rtsps://"), "{}", server.url);
    let file = file.to_str().expect("a name in UTF-8");
    viewer::report(&watch_with_store(&server.url, file, &[])).assert_whole(clip.frames);
    viewer::run_viewer(&[&server.url]).assert_says(1, &["--tls-fingerprint"]);
}

#[test]
fn sources_are_pulled_inside_tls() {
    let (directory, clip) = (TempDir::new(), Clip::sample());
    let camera = serve(&directory, &clip, &["--loop"]);
    let source = format!("camera={}", camera.tls_url(clip.mount()));
    let relay = Server::with(&["--source-fingerprint", &camera.fingerprint()], &[&source]);
    let report = viewer::watch(&relay.url("camera"), Transport::Tcp, &["--duration", "3"]);
    assert!(report.number("frames_complete") > 30 && report.number("frames_damaged") == 0, "{report:?}");
    let tunnel = source.replacen("rtsps:", "rtspsh:", 1);
    let relay = Server::with(&["--source-fingerprint", &camera.fingerprint()], &[&tunnel]);
    let report = viewer::watch(&relay.url("camera"), Transport::Tcp, &["--duration", "3"]);
    assert!(report.number("frames_complete") > 30 && report.number("frames_damaged") == 0, "{report:?}");
    // The certificate is told of a source that is not trusted.
    let relay = Server::with(&["--always"], &[&source]);
    let lost = &relay.wait_events("source_lost", 1, LIMIT)[0];
    let reason = lost["reason"].as_str().expect("a reason");
    assert!(reason.contains(&format!("--source-fingerprint {}", camera.fingerprint())), "{reason}");
}

#[test]
fn the_viewer_comes_back_inside_tls() {
    let (directory, clip) = (TempDir::new(), Clip::sample());
    let first = serve(&directory, &clip, &["--loop"]);
    let (at, fingerprint) = (first.tls_address().to_string(), first.fingerprint());
    let url = first.tls_url(clip.mount());
    let seen = directory.path().join("seen.mjpeg");
    let record = seen.to_str().expect("a name in UTF-8");
    let options = ["--tls-fingerprint", &fingerprint, "--record", record];
    let viewer = viewer::start_with(&url, Transport::Tcp, &options);
    first.wait_events("opened", 1, LIMIT);
    thread::sleep(Duration::from_secs(1));
    drop(first);
    let file = self_signed(&directory)[3].clone();
    let again = ["--tls-listen", &at, "--tls-self-signed", &file, "--loop"];
    let second = Server::with(&again, &[&clip.path]);
    assert_eq!(second.fingerprint(), fingerprint, "the key is kept");
    second.wait_events("opened", 1, LIMIT);
    let len = || seen.metadata().map_or(0, |file| file.len());
    let before = len();
    poll(LIMIT, || (len() > before).then_some(())).unwrap_or_else(|| panic!("{viewer}\nsees nothing more"));
    viewer.signal("TERM");
    let report = viewer::report(&viewer.finish(LIMIT));
    assert!(report.number("reconnects") >= 1, "{report:?}");
}

#[test]
fn a_key_that_others_may_read_is_refused() {
    let (directory, clip) = (TempDir::new(), Clip::sample());
    drop(serve(&directory, &clip, &[]));
    let file = directory.path().join("own.pem");
    let mode = |mode| {
        std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(mode)).expect("a mode");
    };
    let path = file.to_str().expect("a name in UTF-8");
    let start = |options: &[&str]| {
        let mut command = Command::new(binary("pinhole-server"));
        command.args(["--listen", "127.0.0.1:0"]).args(options).arg(&clip.path);
        run(&mut command, LIMIT).expect("the server runs")
    };
    mode(0o640);
    start(&["--tls-self-signed", path]).assert_says(1, &["own.pem", "chmod 600"]);
    start(&["--tls-cert", path, "--tls-key", path]).assert_says(1, &["own.pem", "chmod 600"]);
    mode(0o600);
    let missing = directory.path().join("none.pem").display().to_string();
    start(&["--tls-cert", &missing, "--tls-key", path]).assert_says(1, &["none.pem", "No such file"]);
    start(&["--tls-cert", path]).assert_says(2, &["--tls-key"]);
    start(&["--tls-listen", "8322"]).assert_says(2, &["--tls-self-signed"]);
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let taken = taken.local_addr().expect("an address").to_string();
    start(&["--tls-listen", &taken, "--tls-self-signed", path]).assert_says(1, &[&taken, "--tls-listen"]);
}

/// Returns the ClientHello of the viewer.
fn client_hello() -> Vec<u8> {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let url = format!("rtsps://{}/x", listener.local_addr().expect("an address"));
    let _viewer = viewer::start(&url, Transport::Tcp);
    let (mut stream, _) = listener.accept().expect("the viewer comes");
    let mut hello = vec![0; 5];
    stream.read_exact(&mut hello).expect("a record");
    hello.resize(5 + usize::from(u16::from_be_bytes([hello[3], hello[4]])), 0);
    stream.read_exact(&mut hello[5..]).expect("a record");
    hello
}

/// Viewers by TLS and without it lose nothing beside all that can be done to the port for TLS.
#[test]
fn attacks_on_the_port_for_tls_cost_no_viewer_a_frame() {
    let _turn = undisturbed();
    let (directory, clip) = (TempDir::new(), Clip::sample());
    let clip = clip.times(4, &directory);
    let server = serve(&directory, &clip, &["--request-timeout", "2s", "--threads", "1"]);
    let (url, fingerprint) = (server.tls_url(clip.mount()), server.fingerprint());
    let (at, hello) = (server.tls_address(), client_hello());
    let trusting = ["--tls-fingerprint", &fingerprint];
    let inside: Vec<_> = (0..3).map(|_| viewer::start_with(&url, Transport::Tcp, &trusting)).collect();
    let outside = viewer::start_with(&server.url(clip.mount()), Transport::Tcp, &[]);
    server.wait_events("opened", 4, LIMIT);
    let (over, begun) = (AtomicBool::new(false), Instant::now());
    let (plain, noise) = (format!("OPTIONS {url} RTSP/1.0\r\nCSeq: 1\r\n\r\n"), hostile::noise());
    let goes_on = || !over.load(Ordering::Relaxed) && begun.elapsed() < Duration::from_secs(5);
    let connect = || TcpStream::connect(at).expect("the server listens");
    thread::scope(|scope| {
        // Whole beginnings of handshakes, each of which costs a signature.
        scope.spawn(|| {
            while goes_on() {
                let mut stream = connect();
                let _ = stream.write_all(&hello);
                thread::sleep(Duration::from_millis(2));
            }
        });
        // Plain text, noise and halves.
        scope.spawn(|| {
            let others = [plain.as_bytes(), b"GET / HTTP/1.1\r\n\r\n", &hello[..hello.len() / 2]];
            let mut kept = Vec::new();
            for sent in others.into_iter().chain(noise.iter().map(Vec::as_slice)).cycle() {
                if !goes_on() {
                    break;
                }
                let mut stream = connect();
                let _ = stream.write_all(sent);
                kept.push(stream);
                if kept.len() > 100 {
                    kept.remove(0);
                }
                thread::sleep(Duration::from_millis(5));
            }
        });
        // A byte now and then.
        scope.spawn(|| {
            let mut streams: Vec<_> = (0..20).map(|_| connect()).collect();
            for byte in &hello {
                if !goes_on() {
                    break;
                }
                for stream in &mut streams {
                    let _ = stream.write_all(&[*byte]);
                }
                thread::sleep(Duration::from_millis(100));
            }
        });
        for viewer in inside.into_iter().chain([outside]) {
            viewer::report(&viewer.finish(LIMIT)).assert_whole(clip.frames);
        }
        over.store(true, Ordering::Relaxed);
    });
    let failed = server.wait_events("handshake_failed", 10, LIMIT);
    let reasons: Vec<_> = failed.iter().map(|event| event["reason"].to_string()).collect();
    for expected in ["RTSP without TLS", "HTTP without TLS", "is not TLS"] {
        assert!(reasons.iter().any(|reason| reason.contains(expected)), "{expected}: {reasons:?}");
    }
    // It is as it was.
    viewer::watch(&url, Transport::Tcp, &trusting).assert_whole(clip.frames);
}
