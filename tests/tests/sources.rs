//! Sources of the network: a server that takes its pictures from another server.
use pinhole_tests::clip::{Clip, TempDir};
use pinhole_tests::dialogue::Dialogue;
use pinhole_tests::process::{Running, binary, run};
use pinhole_tests::relay::Relay;
use pinhole_tests::server::{Server, camera_at};
use pinhole_tests::{Transport, fake, undisturbed, viewer};
use std::collections::HashSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(60);

/// Starts a server of one source, which is served as `cam`.
fn server_of(source: &str, options: &[&str]) -> Server {
    Server::with(options, &[format!("cam={source}")])
}

/// Returns the pictures that a viewer records at `url`, without their headers.
fn recorded(url: &str, transport: Transport, to: &Path) -> Vec<Vec<u8>> {
    let file = to.to_str().unwrap();
    let report = viewer::watch(url, transport, &["--duration", "3", "--record", file]);
    assert_eq!(report.number("packets_lost"), 0, "{report:?}");
    scans(&std::fs::read(to).unwrap())
}

/// Returns what follows the header of each picture of a file. There is no FF DA within a scan.
fn scans(file: &[u8]) -> Vec<Vec<u8>> {
    let starts: Vec<_> = (0..file.len()).filter(|at| file[*at..].starts_with(&[0xFF, 0xDA])).collect();
    let ends = |from: usize| file[from..].windows(2).position(|pair| pair == [0xFF, 0xD9]).unwrap();
    starts.into_iter().map(|from| file[from..from + ends(from)].to_vec()).collect()
}

#[test]
fn pictures_pass_through_as_they_are() {
    let _turn = undisturbed();
    let (clip, directory) = (Clip::sample(), TempDir::new());
    let camera = Server::with(&["--loop"], &[&clip.path]);
    let url = camera.url(clip.mount());
    let sent: HashSet<_> =
        recorded(&url, Transport::Tcp, &directory.path().join("camera.mjpeg")).into_iter().collect();
    for (source, watcher) in [(Transport::Tcp, Transport::Udp), (Transport::Udp, Transport::Tcp)] {
        let server = server_of(&url, &["--source-transport", &source.to_string()]);
        let file = directory.path().join(format!("{source}.mjpeg"));
        let seen = recorded(&server.url("cam"), watcher, &file);
        assert!(seen.len() > 60, "{} pictures by {source}", seen.len());
        assert!(seen.iter().all(|scan| sent.contains(scan)), "by {source}");
        let connected = server.wait_events("source_connected", 1, LIMIT);
        assert_eq!(connected[0]["transport"], source.to_string());
    }
}

#[test]
fn a_source_is_described_by_its_first_picture() {
    let clip = Clip::sample();
    let camera = Server::with(&["--loop"], &[&clip.path]);
    let server = server_of(&camera.url(clip.mount()), &[]);
    let reply = Dialogue::connect(server.address()).request("DESCRIBE", &server.url("cam"), &[]).ok();
    assert!(reply.body.contains("a=x-dimensions:512,288"), "{}", reply.body);
    assert!(reply.body.contains("a=framerate:30"), "{}", reply.body);
}

#[test]
fn a_source_is_pulled_once_and_only_while_somebody_watches() {
    let clip = Clip::sample();
    let camera = Server::with(&["--loop"], &[&clip.path]);
    let server = server_of(&camera.url(clip.mount()), &["--linger", "1"]);
    let mut viewers: Vec<_> = (0..3)
        .map(|n| viewer::start_with(&server.url("cam"), Transport::ALL[n % 2], &["--duration", "3"]))
        .collect();
    for viewer in viewers.drain(..) {
        let report = viewer::report(&viewer.finish(LIMIT));
        assert!(report.number("frames_complete") > 60, "{report:?}");
        assert_eq!(report.number("frames_missing"), 0, "{report:?}");
    }
    server.wait_events("source_released", 1, LIMIT);
    let closed = camera.wait_events("closed", 1, LIMIT);
    assert_eq!(closed[0]["why"], "the client tore it down");
    assert_eq!(camera.wait_events("opened", 1, LIMIT).len(), 1);
    // And again.
    viewer::watch(&server.url("cam"), Transport::Udp, &["--duration", "1"]);
    assert_eq!(camera.wait_events("opened", 2, LIMIT).len(), 2);
}

#[test]
fn a_source_may_be_pulled_always() {
    let clip = Clip::sample();
    let camera = Server::with(&["--loop"], &[&clip.path]);
    let server = server_of(&camera.url(clip.mount()), &["--always", "--linger", "0"]);
    camera.wait_events("opened", 1, LIMIT);
    server.wait_events("source_connected", 1, LIMIT);
    let done = server.stop("TERM");
    assert!(!done.stdout.contains("source_released"), "{}", done.stdout);
    let closed = camera.wait_events("closed", 1, LIMIT);
    assert_eq!(closed[0]["why"], "the client tore it down", "the server takes leave at its end");
}

/// Returns whether an RTP packet comes within `limit`.
fn receives(watcher: &mut Dialogue, limit: Duration) -> bool {
    let end = Instant::now() + limit;
    while Instant::now() < end {
        if matches!(watcher.interleaved(Duration::from_millis(100)), Some((0, _))) {
            return true;
        }
    }
    false
}

#[test]
fn watchers_stay_while_a_source_is_away() {
    let _turn = undisturbed();
    let (clip, address) = (Clip::sample(), fake::nobody());
    let camera = camera_at(address, &clip);
    let server = server_of(&format!("rtsp://{address}/{}", clip.mount()), &[]);
    let url = server.url("cam");
    let mut watcher = Dialogue::connect(server.address());
    watcher.set_up_tcp(&url).ok();
    watcher.request("PLAY", &url, &[]).ok();
    let viewer = viewer::start_with(&url, Transport::Udp, &["--no-reconnect"]);
    assert!(receives(&mut watcher, LIMIT));
    server.wait_events("opened", 2, LIMIT);
    camera.signal("KILL");
    let lost = server.wait_events("source_lost", 1, LIMIT);
    assert!(lost[0]["reason"].as_str().unwrap().contains("closed the connection"), "{lost:?}");
    // What was sent before has come.
    while receives(&mut watcher, Duration::from_secs(1)) {}
    let camera = camera_at(address, &clip);
    assert!(receives(&mut watcher, LIMIT), "the watcher goes on");
    server.wait_events("source_connected", 2, LIMIT);
    viewer.signal("TERM");
    let report = viewer::report(&viewer.finish(LIMIT));
    assert_eq!(report.number("reconnects"), 0, "{report:?}");
    drop(camera);
}

#[test]
fn who_asks_for_a_source_that_is_away_is_told_so() {
    let clip = Clip::sample();
    let camera = Server::of(&[&clip]);
    let html = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
    let moved = "RTSP/1.0 302 Found\r\nCSeq: CSEQ\r\nLocation: rtsp://u:s3cret@127.0.0.1:1/b\r\n\r\n";
    for (source, status, reason) in [
        (format!("rtsp://u:s3cret@{}/x", fake::nobody()), 503, "refused"),
        (format!("rtsp://u:s3cret@{}/none", camera.address()), 503, "404"),
        (format!("rtsp://u:s3cret@{}/x", fake::server("SSH-2.0-OpenSSH_9.2\r\n", "")), 503, "RTSP"),
        (format!("rtsp://u:s3cret@{}/x", fake::server("", html)), 503, "HTTP"),
        (format!("rtsp://u:s3cret@{}/x", fake::server("", moved)), 503, "refused"),
        (format!("rtsp://u:s3cret@{}/x", fake::server("", "")), 504, ""),
    ] {
        for form in [&["-vvv"][..], &["--json", "-vvv"]] {
            let mut command = Command::new(binary("pinhole-server"));
            command.args(["--listen", "127.0.0.1:0"]).args(form).arg(format!("cam={source}"));
            let server = Running::start(&mut command);
            let address: SocketAddr = server.wait_stdout(LIMIT, |lines| {
                lines.iter().find_map(|line| line.split("rtsp://").nth(1)?.split('/').next()?.parse().ok())
            });
            let asked = Instant::now();
            let url = format!("rtsp://{address}/cam");
            let reply = Dialogue::connect(address).request("DESCRIBE", &url, &[]);
            assert_eq!(reply.status, status, "{source}: {reply:?}");
            assert_eq!(reply.header("Retry-After").is_some(), status == 503, "{reply:?}");
            assert!(asked.elapsed() >= Duration::from_secs(if status == 504 { 8 } else { 0 }));
            server.signal("TERM");
            let done = server.finish(LIMIT);
            assert_eq!(done.status.code(), Some(0));
            assert!(done.stdout.contains(reason), "{source}: {}", done.stdout);
            assert!(!done.stdout.contains("s3cret") && !done.stderr.contains("s3cret"), "{done:?}");
        }
    }
}

/// Starts a server that takes a request, and then sends `bytes` over and over.
fn flood(bytes: &'static [u8]) -> SocketAddr {
    pouring(b"", bytes)
}

/// Starts a server that takes a request, and then sends `first` and `bytes` over and over.
fn pouring(first: &'static [u8], bytes: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            thread::spawn(move || pour(client, first, bytes));
        }
    });
    address
}

fn pour(mut client: TcpStream, first: &[u8], bytes: &[u8]) -> std::io::Result<()> {
    let many = bytes.repeat(10_000);
    // The request.
    client.read_exact(&mut [0; 16])?;
    client.write_all(first)?;
    loop {
        client.write_all(&many)?;
    }
}

#[test]
fn sources_with_faults_disturb_nobody() {
    let _turn = undisturbed();
    let clip = Clip::sample();
    let camera = Server::with(&["--loop"], &[&clip.path]);
    let sources = [
        ("packets", flood(b"$\0\0\x04abcd")),
        ("lines", flood(b"Server: x\r\n")),
        ("responses", flood(b"RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n")),
        ("noise", flood(b"\x80\xFF\x00")),
        ("mute", fake::server("", "")),
        ("nobody", fake::nobody()),
    ];
    let mut media: Vec<_> = sources.map(|(name, address)| format!("{name}=rtsp://{address}/x")).into();
    // A body of nothing but noise, of lines of a header, and of more pictures than there is time for.
    let http = [
        ("http-noise", pouring(b"HTTP/1.1 200 OK\r\n\r\n", b"\x80\xFF\x00")),
        ("http-lines", pouring(b"HTTP/1.1 200 OK\r\n", b"Server: x\r\n")),
        ("http-pictures", pouring(b"HTTP/1.1 200 OK\r\n\r\n", b"\xFF\xD8\xFF\xDA\x00\x02scan\xFF\xD9")),
        ("http-mute", fake::server("", "")),
    ];
    media.extend(http.map(|(name, address)| format!("{name}=http://{address}/x")));
    media.push(format!("cam={}", camera.url(clip.mount())));
    let mut server = Server::with(&["--always", "--source-transport", "tcp"], &media);
    server.wait_events("source_lost", 2, LIMIT);
    let report = viewer::watch(&server.url("cam"), Transport::Tcp, &["--duration", "8"]);
    assert!(report.number("frames_complete") > 60, "{report:?}");
    assert_eq!(report.number("frames_missing"), 0, "{report:?}");
    assert!(server.is_alive());
    assert!(server.peak_memory().is_none_or(|peak| peak < 200 << 20), "{:?}", server.peak_memory());
}

#[test]
fn idle_sources_cost_little() {
    let media = |sources: usize| -> Vec<_> {
        (0..sources).map(|n| format!("cam{n}=rtsp://u:p@192.0.2.1/stream{n}")).collect()
    };
    let peak = |sources| Server::start(&media(sources)).peak_memory();
    let threads =
        |server: &Server| std::fs::read_dir(format!("/proc/{}/task", server.id())).map_or(0, Iterator::count);
    let (few, many) = (Server::start(&media(10)), Server::start(&media(1000)));
    // Of those that read the media, one may not have ended yet.
    assert!(threads(&many) <= threads(&few) + 1, "{} and {}", threads(&few), threads(&many));
    drop((few, many));
    let (Some(few), Some(many)) = (peak(10), peak(1000)) else { return };
    let each = many.saturating_sub(few) / 990;
    assert!(each < 8 << 10, "{each} bytes for each");
}

#[test]
fn two_sources_of_one_name_are_refused() {
    let clip = Clip::sample();
    let start = |media: &[&str]| run(Command::new(binary("pinhole-server")).args(media), LIMIT).unwrap();
    let done = start(&["rtsp://u:s3cret@a/live", "rtsp://b/live"]);
    assert_eq!(done.status.code(), Some(2));
    assert!(done.stderr.contains("/live") && done.stderr.contains("NAME="), "{}", done.stderr);
    assert!(!done.stderr.contains("s3cret"), "{}", done.stderr);
    // A file that has the name is there first.
    let source = format!("{}=rtsp://a/live", clip.mount());
    let server = Server::with(&[], &[clip.path.as_os_str(), source.as_ref()]);
    viewer::watch(&server.url(clip.mount()), Transport::Tcp, &[]).assert_whole(clip.frames);
    let done = server.stop("TERM");
    assert!(done.stderr.contains("is served already"), "{}", done.stderr);
}

/// What a server tells of the frames of its source.
fn troubles(server: &Server, figure: &str) -> u64 {
    let events = server.wait_events("input_trouble", 0, LIMIT);
    events.iter().filter_map(|event| event[figure].as_u64()).sum()
}

#[test]
fn a_chain_costs_strips_and_no_frames() {
    let _turn = undisturbed();
    let clip = Clip::sample();
    let camera = Server::with(&["--loop"], &[&clip.path]);
    // Each hop by UDP loses one packet in a hundred.
    let hop = |from: &Server, mount: &str| {
        let link = Relay::start(from.address(), 10_000);
        let url = link.url(&from.url(mount));
        (link, url)
    };
    for transport in Transport::ALL {
        let options = ["--source-transport", &transport.to_string()];
        let (first_link, url) = hop(&camera, clip.mount());
        let first = server_of(&url, &options);
        let (second_link, url) = hop(&first, "cam");
        let second = server_of(&url, &options);
        let (last_link, url) = hop(&second, "cam");
        let report = viewer::watch(&url, transport, &["--duration", "10"]);
        let [complete, damaged, mended, missing] =
            ["frames_complete", "frames_damaged", "frames_mended", "frames_missing"]
                .map(|name| report.number(name));
        let frames = complete + damaged + missing;
        let left_out: u64 = [&first, &second].map(|server| troubles(server, "frames_left_out")).iter().sum();
        let strips: Vec<_> = [&first, &second].map(|server| troubles(server, "frames_damaged")).into();
        let lost = [&first_link, &second_link, &last_link].map(Relay::lost);
        let said = format!("{lost:?} lost, {strips:?} frames with strips, {left_out} left out, {report:?}");
        assert!(frames > 250, "{said}");
        // The frames that are lost whole at any hop are one in a hundred at most.
        assert!((missing + left_out + damaged - mended) * 100 <= frames, "{said}");
        match transport {
            Transport::Udp => {
                assert!(lost.iter().all(|lost| *lost > 20), "{said}");
                assert!(strips.iter().all(|strips| *strips > 20) && mended > 20, "{said}");
            }
            Transport::Tcp => assert_eq!((complete, left_out), (frames, 0), "{said}"),
        }
    }
}

/// How a camera answers HTTP requests.
#[derive(Clone, Copy)]
struct Habit {
    name: &'static str,
    /// The fields of the header, with their line ends.
    fields: &'static str,
    /// What is before and after each picture. `LEN` is the length of the picture.
    around: [&'static str; 2],
    /// The body comes in chunks of this length.
    chunks: Option<usize>,
    /// The answer is one picture.
    single: bool,
}

const HABITS: [Habit; 7] = [
    Habit {
        name: "lengths",
        fields: "Content-Type: multipart/x-mixed-replace; boundary=frame\r\n",
        around: ["--frame\r\nContent-Type: image/jpeg\r\nContent-Length: LEN\r\n\r\n", "\r\n"],
        chunks: None,
        single: false,
    },
    Habit {
        name: "no lengths, and dashes in the boundary's name",
        fields: "Content-Type: multipart/x-mixed-replace;boundary=\"--myboundary\"\r\nServer: x\r\n",
        around: ["\r\n--myboundary\r\nContent-type: image/jpg\r\n\r\n", ""],
        chunks: None,
        single: false,
    },
    Habit {
        name: "another boundary than was said, and times",
        fields: "content-type: multipart/x-mixed-replace; boundary=a\r\n",
        around: ["--b\nX-Timestamp: 1.5\nContent-Type: image/jpeg\n\n", "\n"],
        chunks: None,
        single: false,
    },
    Habit {
        name: "small chunks",
        fields: "Transfer-Encoding: chunked\r\nContent-Type: multipart/x-mixed-replace; boundary=f\r\n",
        around: ["--f\r\nContent-Type: image/jpeg\r\nContent-Length: LEN\r\n\r\n", "\r\n"],
        chunks: Some(700),
        single: false,
    },
    Habit {
        name: "pictures one after the other",
        fields: "Content-Type: video/x-motion-jpeg\r\n",
        around: ["", ""],
        chunks: None,
        single: false,
    },
    Habit { name: "no type", fields: "", around: ["", ""], chunks: None, single: false },
    Habit {
        name: "one picture",
        fields: "Content-Type: image/jpeg\r\nContent-Length: LEN\r\n",
        around: ["", ""],
        chunks: None,
        single: true,
    },
];

/// The pictures of a file.
fn pictures(file: &[u8]) -> Vec<Vec<u8>> {
    let is_start = |at: &usize| file[*at..].starts_with(&[0xFF, 0xD8, 0xFF]);
    let mut starts: Vec<_> = (0..file.len()).filter(is_start).collect();
    starts.push(file.len());
    starts.windows(2).map(|pair| file[pair[0]..pair[1]].to_vec()).collect()
}

/// Starts a camera of this habit, which shows `clip` over and over. It wants the user `user` with the password
/// `s3cret`, and says that its pictures are at `/moved`.
fn http_camera(habit: Habit, clip: &Clip) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let pictures = Arc::new(pictures(&std::fs::read(&clip.path).unwrap()));
    let shown = Arc::new(AtomicUsize::new(0));
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let (pictures, shown) = (Arc::clone(&pictures), Arc::clone(&shown));
            // Whoever is gone is shown no more.
            thread::spawn(move || show(habit, client, &pictures, &shown));
        }
    });
    address
}

fn show(habit: Habit, client: TcpStream, pictures: &[Vec<u8>], shown: &AtomicUsize) -> std::io::Result<()> {
    let mut request = String::new();
    let mut reader = BufReader::new(client.try_clone()?);
    while !request.ends_with("\r\n\r\n") && reader.read_line(&mut request)? > 0 {}
    let mut client = client;
    if !request.contains("\r\nAuthorization: Basic dXNlcjpzM2NyZXQ=\r\n")
        && !request.starts_with("GET /moved")
    {
        return write!(client, "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=x\r\n\r\n");
    }
    if request.starts_with("GET /old") {
        return write!(client, "HTTP/1.0 302 Found\r\nLocation: moved?x=y\r\nContent-Length: 0\r\n\r\n");
    }
    let mut begun = false;
    loop {
        let picture = &pictures[shown.fetch_add(1, Ordering::SeqCst) % pictures.len()];
        let len = picture.len().to_string();
        if !std::mem::replace(&mut begun, true) {
            write!(client, "HTTP/1.1 200 OK\r\n{}\r\n", habit.fields.replace("LEN", &len))?;
        }
        let [before, after] = habit.around.map(|text| text.replace("LEN", &len).into_bytes());
        let body = [&before[..], picture, &after].concat();
        match habit.chunks {
            None => client.write_all(&body)?,
            Some(most) => {
                for chunk in body.chunks(most) {
                    let size = format!("{:X}\r\n", chunk.len());
                    client.write_all(&[size.as_bytes(), chunk, b"\r\n"].concat())?;
                }
            }
        }
        if habit.single {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(30));
    }
}

#[test]
fn http_cameras_of_any_habit_are_sources() {
    let _turn = undisturbed();
    let (clip, directory) = (Clip::sample(), TempDir::new());
    let sent: HashSet<_> = scans(&std::fs::read(&clip.path).unwrap()).into_iter().collect();
    for habit in HABITS {
        let camera = http_camera(habit, &clip);
        let server = server_of(&format!("http://user:s3cret@{camera}/video"), &["--no-strips"]);
        let seen = recorded(&server.url("cam"), Transport::Tcp, &directory.path().join("seen.mjpeg"));
        assert!(seen.len() > 20, "{}: {} pictures", habit.name, seen.len());
        assert!(seen.iter().all(|scan| sent.contains(scan)), "{}", habit.name);
        let done = server.stop("TERM");
        assert!(done.stdout.contains("source_connected"), "{}: {}", habit.name, done.stdout);
        assert!(!done.stdout.contains("source_lost"), "{}: {}", habit.name, done.stdout);
        assert!(!done.stdout.contains("input_trouble"), "{}: {}", habit.name, done.stdout);
        assert!(!done.stdout.contains("s3cret") && !done.stderr.contains("s3cret"), "{done:?}");
        std::fs::remove_file(directory.path().join("seen.mjpeg")).unwrap();
    }
}

#[test]
fn http_redirections_are_followed() {
    let clip = Clip::sample();
    let camera = http_camera(HABITS[0], &clip);
    let server = server_of(&format!("http://user:s3cret@{camera}/old"), &[]);
    let report = viewer::watch(&server.url("cam"), Transport::Tcp, &["--duration", "2"]);
    assert!(report.number("frames_complete") > 20, "{report:?}");
}

#[test]
fn what_is_no_http_camera_is_told() {
    let clip = Clip::sample();
    let camera = http_camera(HABITS[0], &clip);
    let page = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\n<p";
    let lost = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
    let round = "HTTP/1.1 301 Moved Permanently\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n";
    let movie = "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n\r\n\x1A\x45\u{7f}";
    for (address, reason) in [
        (camera, "user name"),
        (answering(page), "web page"),
        (answering(lost), "404 Not Found"),
        (answering(round), "again and again"),
        (answering(movie), "application/octet-stream"),
        (answering("RTSP/1.0 200 OK\r\n\r\n"), "HTTP"),
        (fake::nobody(), "refused"),
    ] {
        let server = server_of(&format!("http://{address}/x"), &[]);
        let url = server.url("cam");
        let reply = Dialogue::connect(server.address()).request("DESCRIBE", &url, &[]);
        assert_eq!(reply.status, 503, "{reason}: {reply:?}");
        let lost = server.wait_events("source_lost", 1, LIMIT);
        assert!(lost[0]["reason"].as_str().unwrap().contains(reason), "{reason}: {lost:?}");
    }
}

/// Starts a server that sends `answer` to whoever asks it anything, and closes the connection.
fn answering(answer: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            // Whoever is gone needs no answer.
            let _ = client.read(&mut [0; 4096]).and_then(|_| client.write_all(answer.as_bytes()));
        }
    });
    address
}
