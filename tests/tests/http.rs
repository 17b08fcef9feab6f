//! Browsers, and other programs that speak HTTP, see the media of the server.
use pinhole_tests::browser;
use pinhole_tests::clip::{Clip, TempDir};
use pinhole_tests::dialogue::Dialogue;
use pinhole_tests::http::{Connection, Response, get, is_served};
use pinhole_tests::peer::{Peer, available};
use pinhole_tests::process::{poll, run};
use pinhole_tests::server::Server;
use pinhole_tests::{undisturbed, watch};
use serde_json::Value;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(60);

/// Starts a server with pages on a free port. Returns the address of the pages, too.
fn serve(options: &[&str], clips: &[&Clip]) -> (Server, SocketAddr) {
    let paths: Vec<_> = clips.iter().map(|clip| &clip.path).collect();
    let server = Server::with(&[&["--http", "127.0.0.1:0"], options].concat(), &paths);
    let http = server.http();
    (server, http)
}

/// Returns the values of an attribute in a page, with `&` as it is in URLs.
fn attributes(page: &str, name: &str) -> Vec<String> {
    let start = format!(" {name}=\"");
    let values = page.split(&start).skip(1);
    values.map(|rest| rest.split('"').next().unwrap().replace("&#38;", "&")).collect()
}

fn assert_is_jpeg(response: &Response) {
    assert_eq!((response.status, response.field("Content-Type")), (200, Some("image/jpeg")));
    assert!(response.body.starts_with(&[0xff, 0xd8]) && response.body.ends_with(&[0xff, 0xd9]));
}

/// Returns what the server tells at the end of the streams of browsers, of which there were `count`.
fn closed(server: &Server, count: usize) -> Vec<Value> {
    server.wait_events("browser_closed", count, LIMIT)
}

#[test]
fn pages_lead_to_all_media_whatever_their_names() {
    let directory = TempDir::new();
    let content = std::fs::read(Clip::sample().path).unwrap();
    let names =
        ["plain", "a b", "<script>alert(1)<", "quote\"'&amp;", "per%cent", "grün", "a.jpg", "style.css"];
    let paths = names.map(|name| directory.file(&format!("{name}.mjpeg"), &content));
    let server = Server::with(&["--http", "127.0.0.1:0"], &paths);
    let mut connection = Connection::open(server.http());
    let index = connection.get("/");
    assert_eq!((index.status, index.field("Content-Type")), (200, Some("text/html; charset=utf-8")));
    assert!(!index.text().contains("<script>") && !index.text().contains("quote\"'"), "{}", index.text());
    assert_eq!(index.text().matches("512 × 288 · 30 frames per second · 2.0 s").count(), names.len());
    let stills = attributes(index.text(), "src");
    assert_eq!(stills.len(), names.len());
    stills.iter().for_each(|still| assert_is_jpeg(&connection.get(still)));
    let mut pages = attributes(index.text(), "href");
    pages.retain(|page| !page.starts_with("data:") && page != "/style.css");
    pages.dedup();
    assert_eq!(pages.len(), names.len(), "{pages:?}");
    for page in &pages {
        let page = connection.get(page);
        let streams = attributes(page.text(), "src");
        assert_eq!(streams.len(), 1, "{}", page.text());
        let mut stream = Connection::open(server.http());
        stream.send(format!("GET {} HTTP/1.1\r\n\r\n", streams[0]));
        assert_eq!(stream.head().status, 200);
        assert!(stream.part().is_some());
    }
    let style = connection.get("/style.css");
    assert_eq!((style.status, style.field("Content-Type")), (200, Some("text/css; charset=utf-8")));
    assert!(style.text().contains("prefers-color-scheme: dark"));
    let media = connection.get("/api/media");
    assert_eq!(media.field("Content-Type"), Some("application/json"));
    let media: Value = serde_json::from_slice(&media.body).expect("JSON");
    let listed = media["media"].as_array().unwrap();
    assert_eq!(listed.iter().map(|medium| medium["name"].as_str().unwrap()).collect::<Vec<_>>(), names);
    for medium in listed {
        let figures = ["width", "height", "fps", "frames", "seconds"].map(|key| medium[key].as_f64());
        assert_eq!(figures, [512.0, 288.0, 30.0, 60.0, 2.0].map(Some));
        let still = medium["still"].as_str().unwrap().replace(&format!("http://{}", server.http()), "");
        assert_is_jpeg(&connection.get(&still));
        let rtsp = medium["rtsp"].as_str().unwrap();
        Dialogue::connect(server.address()).request("DESCRIBE", rtsp, &[]).ok();
    }
}

#[test]
fn many_media_are_on_several_pages() {
    let directory = TempDir::new();
    let content = std::fs::read(Clip::sample().path).unwrap();
    let frame = content.windows(2).position(|bytes| bytes == [0xff, 0xd9]).unwrap() + 2;
    for n in 0..250 {
        directory.file(&format!("{n:03}.mjpeg"), &content[..frame]);
    }
    let server = Server::with(&["--http", "127.0.0.1:0"], &[directory.path()]);
    let mut connection = Connection::open(server.http());
    let mut next = Some("/api/media".to_owned());
    let mut names = Vec::new();
    while let Some(path) = next {
        let page: Value = serde_json::from_slice(&connection.get(&path).body).unwrap();
        assert_eq!(page["total"], 250);
        names
            .extend(page["media"].as_array().unwrap().iter().map(|m| m["name"].as_str().unwrap().to_owned()));
        next = page["next"].as_str().map(|url| url.replace(&format!("http://{}", server.http()), ""));
    }
    assert_eq!(names, (0..250).map(|n| format!("{n:03}")).collect::<Vec<_>>());
    let pages = ["/", "/?from=100", "/?from=200"].map(|path| connection.get(path).text().to_owned());
    assert_eq!(pages.each_ref().map(|page| page.matches("<li>").count()), [100, 100, 50]);
    assert!(
        pages[0].contains("/?from=100") && pages[1].contains("/?from=200") && pages[2].contains("/?from=100")
    );
    let not_found = connection.get("/nothing");
    assert!(not_found.status == 404 && not_found.text().contains("150 more"), "{}", not_found.text());
}

#[test]
fn what_is_not_there_is_told_with_what_is() {
    let (server, http) = serve(&[], &[&Clip::sample()]);
    let mut connection = Connection::open(http);
    for path in
        ["/nothing", "/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/video/bunny288.mjpeg", "/<b>.jpg"]
    {
        let path = path.replace('<', "%3Cb%3E");
        let response = connection.get(&path);
        assert_eq!(response.status, 404, "{path}");
        assert!(response.text().contains("href=\"/bunny288\"") && !response.text().contains("root:"));
    }
    let refused = server.wait_events("refused", 5, LIMIT);
    assert_eq!((refused[0]["url"].as_str(), refused[0]["status"].as_u64()), (Some("/nothing"), Some(404)));
}

#[test]
fn requests_are_answered_as_http_says() {
    let (_server, http) = serve(&[], &[&Clip::sample()]);
    // Kept, and one after the other.
    let mut connection = Connection::open(http);
    connection
        .send("GET /bunny288.jpg HTTP/1.1\r\n\r\nHEAD /bunny288.jpg HTTP/1.1\r\n\r\nGET / HTTP/1.0\r\n\r\n");
    let still = connection.response();
    assert_is_jpeg(&still);
    let head = connection.head();
    assert_eq!(head.field("Content-Length"), still.field("Content-Length"));
    for field in ["X-Content-Type-Options", "Content-Security-Policy", "Date", "Cache-Control"] {
        assert!(still.field(field).is_some(), "{field}");
    }
    assert_eq!(still.field("Cache-Control"), Some("no-store"));
    let last = connection.response();
    assert_eq!((last.status, last.field("Connection")), (200, Some("close")));
    assert!(connection.rest().is_empty());
    // Byte by byte.
    let mut connection = Connection::open(http);
    for byte in b"\r\nGET http://any/bunny288.jpg?x=1 HTTP/1.1\r\nHost: any\r\n\r\n" {
        connection.send([*byte]);
    }
    assert_is_jpeg(&connection.response());
    // A client that has said all still gets all.
    let mut connection = Connection::open(http);
    connection.send("HEAD /bunny288.mjpeg HTTP/1.1\r\n\r\n");
    let head = connection.head();
    assert!(
        head.field("Content-Type").is_some_and(|content| content.starts_with("multipart/x-mixed-replace;"))
    );
    assert!(connection.rest().is_empty());
    let fields = "A: b\r\n".repeat(100);
    let long = "x".repeat(9000);
    for (request, status) in [
        ("POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc".to_owned(), 405),
        ("OPTIONS * HTTP/1.1\r\n\r\n".to_owned(), 405),
        ("CONNECT h:1 HTTP/1.1\r\n\r\n".to_owned(), 405),
        ("GET x HTTP/1.1\r\n\r\n".to_owned(), 400),
        ("\u{16}\u{3}\u{1}".to_owned(), 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n".to_owned(), 400),
        (format!("GET / HTTP/1.1\r\n{fields}\r\n"), 431),
        (format!("GET /{long} HTTP/1.1\r\n"), 431),
        ("DESCRIBE rtsp://h/x RTSP/1.0\r\nCSeq: 1\r\n\r\n".to_owned(), 505),
    ] {
        let mut connection = Connection::open(http);
        connection.send(&request);
        let response = connection.response();
        assert_eq!((response.status, response.field("Connection")), (status, Some("close")), "{request}");
        assert_eq!(response.field("Allow"), (status == 405).then_some("GET, HEAD"));
        assert!(connection.rest().is_empty(), "{request}");
    }
}

#[test]
fn a_request_has_so_much_time() {
    let (_server, http) = serve(&["--request-timeout", "1s"], &[&Clip::sample()]);
    let mut slow = Connection::open(http);
    slow.send("GET / HTTP/1.1\r\nHost: ");
    assert_eq!(slow.response().status, 408);
    assert!(slow.rest().is_empty());
    // One that says nothing is no request.
    assert!(Connection::open(http).rest().is_empty());
}

#[test]
fn curl_ffmpeg_pyav_and_opencv_see_the_frames_of_a_clip() {
    if !available(&[Peer::Curl, Peer::Ffmpeg, Peer::PyPi]) {
        return;
    }
    let _turn = undisturbed();
    let directory = TempDir::new();
    let clip = Clip::large(&directory);
    let (server, http) = serve(&[], &[&clip]);
    let url = format!("http://{http}/{}.mjpeg", clip.mount());
    let file = watch::ffmpeg_file(&clip.plain);
    let still = directory.path().join("still.jpg");
    let curl = |arguments: &[&str]| {
        let done =
            run(Command::new("curl").args(["--silent", "--fail", "--show-error"]).args(arguments), LIMIT);
        let done = done.expect("curl runs");
        assert!(done.status.success(), "{}", done.stderr);
        done.stdout
    };
    curl(&["--output", still.to_str().unwrap(), &format!("http://{http}/{}.jpg", clip.mount())]);
    assert_eq!(watch::ffmpeg_file(&still), file[..1]);
    let head = curl(&["--head", &url]);
    assert!(head.contains("multipart/x-mixed-replace"), "{head}");

    let seen = watch::ffmpeg_any(Path::new(&url));
    assert_are_frames_of(&seen, &file, &closed(&server, 1)[0]);

    for (n, client) in (2..).zip([watch::pyav, watch::opencv]) {
        let file = client(clip.plain.to_str().unwrap());
        assert_are_frames_of(&client(&url), &file, &closed(&server, n)[n - 1]);
    }
}

/// Asserts that a program has seen frames of a file in order, all but those that the server has left out.
fn assert_are_frames_of(seen: &[String], file: &[String], closed: &Value) {
    let mut rest = file.iter();
    assert!(seen.iter().all(|frame| rest.any(|other| other == frame)), "in the order of the file");
    assert!(rest.next().is_none(), "the last frame always comes");
    let skipped = closed["frames_skipped"].as_u64().unwrap();
    assert_eq!(seen.len() as u64 + skipped, file.len() as u64, "{closed}");
}

#[test]
fn a_browser_sees_the_picture_move() {
    if !available(&[Peer::Chromium, Peer::Ffmpeg, Peer::PyPi]) {
        return;
    }
    let _turn = undisturbed();
    let directory = TempDir::new();
    let clip = Clip::large(&directory);
    let (_server, http) = serve(&["--loop", "--pattern", "640x360@10"], &[&clip]);
    let shown = browser::screenshots(&format!("http://{http}/{}", clip.mount()), &clip.plain);
    assert!(shown.iter().all(|shown| shown.psnr > 38.0), "{shown:?}");
    assert_ne!(shown[0].frame, shown[1].frame, "{shown:?}");

    // Another stream, which began before, has all frames that Chromium can have shown.
    let frames = directory.path().join("frames");
    let mut file = std::fs::File::create(&frames).unwrap();
    let mut stream = Connection::open(http);
    stream.send("GET /pattern.mjpeg HTTP/1.1\r\n\r\n");
    stream.head();
    file.write_all(&stream.part().unwrap()).unwrap();
    let done = AtomicBool::new(false);
    let shown = thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                file.write_all(&stream.part().unwrap()).unwrap();
            }
        });
        let shown = browser::screenshots(&format!("http://{http}/pattern"), &frames);
        done.store(true, Ordering::Relaxed);
        shown
    });
    assert!(shown.iter().all(|shown| shown.psnr > 38.0), "{shown:?}");
    assert!(shown[1].frame > shown[0].frame, "{shown:?}");
}

/// What a stream for WebKit and Blink is: each frame is followed by the head of the next part.
#[test]
fn a_browser_that_shows_a_frame_at_the_next_head_is_not_late() {
    let clip = Clip::sample();
    let (_server, http) = serve(&[], &[&clip]);
    let mut stream = Connection::open(http);
    stream.send("GET /bunny288.mjpeg HTTP/1.1\r\nUser-Agent: A AppleWebKit/1\r\n\r\n");
    let boundary = stream.head().field("Content-Type").unwrap().split_once("boundary=").unwrap().1.to_owned();
    let body = stream.rest();
    let head = format!("\r\n--{boundary}\r\nContent-Type: image/jpeg\r\n\r\n");
    assert!(body.starts_with(head.trim_start().as_bytes()));
    assert!(body.ends_with(format!("\r\n--{boundary}--\r\n").as_bytes()));
    let heads = body.windows(head.len()).filter(|part| *part == head.as_bytes()).count();
    let pictures = body.windows(2).filter(|bytes| *bytes == [0xff, 0xd9]).count();
    // The first head has no line end before it. The last picture is there twice, as its part was begun.
    assert_eq!((heads, pictures), (pictures - 1, clip.frames + 1));
}

#[test]
fn a_live_input_is_shown_as_it_comes_and_then_ends() {
    let (server, mut pipe) = Server::of_pipe(&["--http", "127.0.0.1:0"]);
    let http = server.http();
    let content = std::fs::read(Clip::sample().path).unwrap();
    let ends = content.windows(2).enumerate().filter(|(_, bytes)| *bytes == [0xff, 0xd9]);
    let ends: Vec<_> = ends.map(|(at, _)| at + 2).collect();
    // Nothing is there yet: both wait.
    let mut stream = Connection::open(http);
    stream.send("GET /live.mjpeg HTTP/1.1\r\n\r\n");
    assert_eq!(stream.head().status, 200);
    let mut still = Connection::open(http);
    still.send("GET /live.jpg HTTP/1.1\r\n\r\n");
    server.wait_events("browser_opened", 1, LIMIT);
    let mut from = 0;
    let mut parts = Vec::new();
    for end in &ends[..10] {
        pipe.write_all(&content[from..*end]).unwrap();
        parts.push(stream.part().expect("a frame"));
        from = *end;
    }
    assert_is_jpeg(&still.response());
    // Two frames of the clip are the same.
    parts.dedup();
    assert_eq!(parts.len(), 9, "each frame came once");
    let media: Value = serde_json::from_slice(&get(http, "/api/media").body).unwrap();
    assert_eq!((&media["media"][0]["live"], &media["media"][0]["width"]), (&true.into(), &512.into()));
    drop(pipe);
    assert!(stream.part().is_none(), "the end");
}

#[test]
fn many_browsers_and_one_that_does_not_read_disturb_nobody() {
    let _turn = undisturbed();
    let directory = TempDir::new();
    let clip = Clip::sample().times(4, &directory);
    let (server, http) = serve(&["--loop"], &[&clip]);
    let request = format!("GET /{}.mjpeg HTTP/1.1\r\n\r\n", clip.mount());
    let mut silent = Connection::open(http);
    silent.send(&request);
    let memory = server.peak_memory();
    let timestamps = |viewer: &mut Dialogue, frames: usize| {
        let mut timestamps = Vec::new();
        while timestamps.len() < frames {
            let (channel, packet) = viewer.interleaved(LIMIT).expect("another packet");
            if channel == 0 && packet[1] & 0x80 != 0 {
                timestamps.push(u32::from_be_bytes(*packet[4..].first_chunk().unwrap()));
            }
        }
        timestamps
    };
    let counts: Vec<usize> = thread::scope(|scope| {
        let browsers: Vec<_> = (0..20)
            .map(|_| {
                scope.spawn(|| {
                    let mut browser = Connection::open(http);
                    browser.send(&request);
                    browser.head();
                    let until = Instant::now() + Duration::from_secs(5);
                    let mut count = 0;
                    while Instant::now() < until {
                        assert!(browser.part().is_some());
                        count += 1;
                    }
                    count
                })
            })
            .collect();
        let viewers: Vec<_> = (0..50)
            .map(|_| {
                scope.spawn(|| {
                    let mut viewer = Dialogue::connect(server.address());
                    viewer.set_up_tcp(&server.url(clip.mount()));
                    viewer.request("PLAY", &server.url(clip.mount()), &[]).ok();
                    timestamps(&mut viewer, 150)
                })
            })
            .collect();
        for viewer in viewers {
            let timestamps = viewer.join().unwrap();
            assert!(
                timestamps.windows(2).all(|pair| pair[1] == pair[0].wrapping_add(3000)),
                "{timestamps:?}"
            );
        }
        browsers.into_iter().map(|browser| browser.join().unwrap()).collect()
    });
    let closed = closed(&server, 20);
    // Frames that this machine was too slow to take are told, and are no fault of the server.
    let skipped: u64 = closed.iter().map(|closed| closed["frames_skipped"].as_u64().unwrap()).sum();
    let sent = counts.iter().sum::<usize>() as u64;
    assert!(sent + skipped > 20 * 100, "{counts:?}, and {skipped} were left out");
    if let (Some(before), Some(after)) = (memory, server.peak_memory()) {
        assert!(after < before + (64 << 20), "{before} and then {after} bytes");
    }
    // The one that does not read is sent what its socket takes, and nothing later.
    drop(silent);
    let silent = server.wait_events("browser_closed", 21, LIMIT).pop().unwrap();
    assert!(silent["bytes"].as_u64().unwrap() < 16 << 20, "{silent}");
}

#[test]
fn a_slow_browser_is_sent_fewer_frames_and_is_not_late() {
    let _turn = undisturbed();
    let directory = TempDir::new();
    let clip = Clip::large(&directory);
    let (server, http) = serve(&["--loop"], &[&clip]);
    let mut stream = Connection::open(http);
    stream.send(format!("GET /{}.mjpeg HTTP/1.1\r\n\r\n", clip.mount()));
    stream.head();
    // What the kernel holds for it is less than what is sent in this time.
    thread::sleep(Duration::from_secs(8));
    let frames =
        std::fs::read(&clip.plain).unwrap().windows(2).filter(|bytes| *bytes == [0xff, 0xd9]).count();
    assert_eq!(frames, clip.frames);
    for _ in 0..200 {
        stream.part().expect("it goes on");
    }
    drop(stream);
    let closed = closed(&server, 1).pop().unwrap();
    assert!(closed["frames_skipped"].as_u64().unwrap() > 30, "{closed}");
}

#[test]
fn a_browser_that_takes_nothing_is_closed() {
    let clip = Clip::sample();
    let (server, http) = serve(&["--loop", "--session-timeout", "1s"], &[&clip]);
    let mut silent = Connection::open(http);
    silent.send("GET /bunny288.mjpeg HTTP/1.1\r\n\r\n");
    assert!(closed(&server, 1)[0]["frames"].as_u64().unwrap() > 0);
    drop(silent);
}

#[test]
fn browsers_have_the_limits_of_all_clients() {
    let clip = Clip::sample();
    let (server, http) = serve(&["--max-connections", "3"], &[&clip]);
    let mut served: Vec<_> = (0..2).map(|_| Connection::open(http)).collect();
    assert!(served.iter_mut().all(|connection| connection.get("/").status == 200));
    let mut viewer = Dialogue::connect(server.address());
    viewer.request("OPTIONS", &server.url(clip.mount()), &[]).ok();
    let mut refused = Connection::open(http);
    let response = refused.get("/");
    assert_eq!((response.status, response.field("Retry-After")), (503, Some("10")));
    assert!(refused.rest().is_empty());
    drop(served);
    poll(LIMIT, || is_served(http, "/").then_some(())).expect("there is room again");
}

#[test]
fn pictures_beyond_the_bit_rate_are_refused() {
    let clip = Clip::sample();
    let bytes = std::fs::metadata(&clip.path).unwrap().len();
    // One of them at 30 frames a second, and not two.
    let rate = (bytes * 8 * 30 / clip.frames as u64 * 3 / 2).to_string();
    let (_server, http) = serve(&["--loop", "--max-bitrate", &rate], &[&clip]);
    let watch = || {
        let mut stream = Connection::open(http);
        stream.send("GET /bunny288.mjpeg HTTP/1.1\r\n\r\n");
        (stream.head().status, stream)
    };
    let (first, second) = (watch(), watch());
    assert_eq!((first.0, second.0), (200, 503));
    assert_eq!(get(http, "/bunny288.jpg").status, 503);
    assert_eq!(get(http, "/").status, 200);
    drop(first);
    poll(LIMIT, || (watch().0 == 200).then_some(())).expect("what was sent is given back");
    // Stills one after the other take no more than a stream.
    let mut connection = Connection::open(http);
    poll(LIMIT, || (connection.get("/bunny288.jpg").status == 200).then_some(())).expect("there is room");
    let start = Instant::now();
    for _ in 0..30 {
        assert_is_jpeg(&connection.get("/bunny288.jpg"));
    }
    assert!(start.elapsed() > Duration::from_millis(900), "{:?}", start.elapsed());
}

#[test]
fn a_flood_of_requests_costs_others_nothing() {
    let clip = Clip::sample();
    let (server, http) = serve(&["--loop"], &[&clip]);
    let mut steady = Connection::open(http);
    steady.send("GET /bunny288.mjpeg HTTP/1.1\r\n\r\n");
    steady.head();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for flood in 0..4 {
            let done = &done;
            scope.spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    let mut connection = Connection::open(http);
                    // Pages that nobody reads, fields without end, bytes that are nothing.
                    let piece = match flood {
                        0 => "GET / HTTP/1.1\r\n\r\n".repeat(500),
                        1 => "GET / HTTP/1.1\r\n".to_owned() + &"A: b\r\n".repeat(1000),
                        2 => "\0".repeat(10_000),
                        _ => "HEAD /bunny288.jpg HTTP/1.1\r\n\r\n".repeat(500),
                    };
                    for _ in 0..20 {
                        if done.load(Ordering::Relaxed) || connection.try_send(&piece).is_err() {
                            break;
                        }
                    }
                }
            });
        }
        let start = Instant::now();
        for _ in 0..150 {
            steady.part().expect("a frame");
        }
        done.store(true, Ordering::Relaxed);
        assert!(start.elapsed() < LIMIT, "150 frames took {:?}", start.elapsed());
    });
    drop(steady);
    assert!(closed(&server, 1)[0]["frames"].as_u64().unwrap() >= 150);
    // The flood has taken all connections that an address may have.
    poll(LIMIT, || is_served(http, "/").then_some(())).expect("there is room again");
}
