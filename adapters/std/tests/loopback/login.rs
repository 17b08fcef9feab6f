//! Logins by RTSP, over HTTP and in tunnels: who is let in, what is there for whom, and how often one may try.
use super::common::{LIMIT, Serving, session_of};
use pinhole::auth::{Algorithm, Challenge, DigestResponse, Ha1};
use pinhole::text::{Emit, TextWriter};
use pinhole_std::media::{Library, Playback};
use pinhole_std::server::{AddressList, Event, Options, Server, User, Users};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

const ANNA: (&str, &str) = ("anna", "se:c@r/e%t \u{fc}");
const BOB: (&str, &str) = ("bob b", "pw");

fn users() -> Users {
    let mut users = Users::new("Pinhole").unwrap();
    for ((name, password), read) in [(ANNA, "*"), (BOB, "b*")] {
        let hash = |algorithm| Some(Ha1::new(algorithm, name.as_bytes(), "Pinhole", password.as_bytes()));
        let (sha256, md5) = (hash(Algorithm::Sha256), hash(Algorithm::Md5));
        let addresses = AddressList::default();
        users.add(User { name: name.into(), sha256, md5, read: vec![read.into()], addresses }).unwrap();
    }
    users
}

/// Serves two media: `bunny288`, which both users may watch, and `other`, which only Anna may.
fn serve(users: Users) -> Serving {
    let mut library = Library::new(Playback::default());
    library.add_path(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../video/bunny288.mjpeg"));
    library.add_live("other", std::io::empty());
    let mut options = Options::new((Ipv4Addr::LOCALHOST, 0).into());
    options.http = Some((Ipv4Addr::LOCALHOST, 0).into());
    let mut server = Server::bind(&options, library).unwrap();
    server.require_login(users).unwrap();
    Serving::run(server)
}

/// A connection of RTSP or HTTP, whose client answers challenges.
struct Client {
    stream: BufReader<TcpStream>,
    version: &'static str,
    /// The fields of the last challenge.
    challenges: Vec<String>,
    count: u32,
    /// Whether the reply that comes next has a head only.
    is_head: bool,
}

#[derive(Debug)]
struct Reply {
    status: u16,
    head: String,
    body: String,
}

impl Client {
    fn rtsp(serving: &Serving) -> Self {
        Self::over(TcpStream::connect(serving.address).unwrap(), "RTSP/1.0")
    }

    fn http(serving: &Serving) -> Self {
        Self::over(TcpStream::connect(serving.http.unwrap()).unwrap(), "HTTP/1.1")
    }

    /// Connects to the port of RTSP from another address of the loopback interface.
    fn from_host(host: u8, serving: &Serving) -> Self {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::new(IpAddr::from([127, 0, 0, host]), 0).into()).unwrap();
        socket.connect(&serving.address.into()).unwrap();
        Self::over(socket.into(), "RTSP/1.0")
    }

    fn over(stream: TcpStream, version: &'static str) -> Self {
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        Self { stream: BufReader::new(stream), version, challenges: Vec::new(), count: 0, is_head: false }
    }

    fn send(&mut self, method: &str, url: &str, fields: &str) {
        let request = format!("{method} {url} {}\r\nCSeq: 1\r\nHost: h\r\n{fields}\r\n", self.version);
        self.is_head = method == "HEAD";
        self.stream.get_mut().write_all(request.as_bytes()).unwrap();
    }

    fn reply(&mut self) -> Reply {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(self.stream.read_line(&mut head).unwrap() > 0, "closed after {head:?}");
        }
        let fields: Vec<_> = head.lines().filter_map(|line| line.split_once(": ")).collect();
        let field = |name| fields.iter().filter(move |(n, _)| *n == name).map(|(_, value)| *value);
        let len = field("Content-Length").next().map_or(0, |len| len.parse().unwrap());
        let challenges: Vec<_> = field("WWW-Authenticate").map(str::to_owned).collect();
        // A count belongs to a nonce.
        if !challenges.is_empty() && challenges != self.challenges {
            (self.challenges, self.count) = (challenges, 0);
        }
        let mut body = vec![0; if self.is_head { 0 } else { len }];
        self.stream.read_exact(&mut body).unwrap();
        let status = head[9..12].parse().unwrap();
        Reply { status, head, body: String::from_utf8_lossy(&body).into_owned() }
    }

    fn ask(&mut self, method: &str, url: &str, fields: &str) -> Reply {
        self.send(method, url, fields);
        self.reply()
    }

    /// Returns the header field that answers the last challenge.
    fn credentials(&mut self, method: &str, url: &str, (user, password): (&str, &str)) -> String {
        self.count += 1;
        let Some(Challenge::Digest(challenge)) =
            Challenge::best(self.challenges.iter().map(String::as_bytes))
        else {
            panic!("no challenge")
        };
        let mut out = TextWriter::new(b"Authorization: ".to_vec());
        let response = DigestResponse {
            challenge,
            user: user.as_bytes(),
            password: password.as_bytes(),
            method,
            uri: url.as_bytes(),
            cnonce: 5,
            count: self.count,
        };
        response.emit(&mut out);
        out.text("\r\n");
        String::from_utf8(out.finish().unwrap()).unwrap()
    }

    fn ask_as(&mut self, method: &str, url: &str, fields: &str, user: (&str, &str)) -> Reply {
        if self.challenges.is_empty() {
            assert_eq!(self.ask(method, url, fields).status, 401);
        }
        let fields = self.credentials(method, url, user) + fields;
        self.ask(method, url, &fields)
    }
}

/// Returns the user who is told with the next event that has one.
fn next_user(serving: &Serving) -> (&'static str, Option<String>) {
    serving.wait(|event| {
        Some(match event {
            Event::Opened { user, .. } => ("opened", user.map(|user| user.to_string())),
            Event::Closed { user, .. } => ("closed", user.map(|user| user.to_string())),
            Event::BrowserOpened { user, .. } => ("browser", user.map(|user| user.to_string())),
            Event::LoginRefused { user, .. } => ("refused", user.map(|user| user.to_string())),
            _ => return None,
        })
    })
}

const TCP: &str = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n";

#[test]
fn only_users_are_told_and_sent_anything() {
    let serving = serve(users());
    let (url, track) = (serving.url(), format!("{}/trackID=0", serving.url()));
    let mut client = Client::rtsp(&serving);
    assert_eq!(client.ask("OPTIONS", "*", "").status, 200);
    for (method, url) in
        [("DESCRIBE", &*url), ("DESCRIBE", "rtsp://h/none"), ("SETUP", &track), ("GET_PARAMETER", "*")]
    {
        let reply = client.ask(method, url, TCP);
        assert_eq!((reply.status, &*reply.body), (401, ""), "{method} {url}");
    }
    assert_eq!(client.ask_as("DESCRIBE", &url, "", (ANNA.0, "wrong")).status, 401);
    assert_eq!(next_user(&serving), ("refused", Some("anna".to_owned())));
    assert_eq!(client.ask_as("DESCRIBE", &url, "", ("nobody", "wrong")).status, 401);
    assert_eq!(next_user(&serving), ("refused", None));
    let described = client.ask_as("DESCRIBE", &url, "", ANNA);
    assert!(described.status == 200 && described.body.starts_with("v=0"), "{described:?}");
    let set_up = client.ask_as("SETUP", &track, TCP, ANNA);
    let session = format!("Session: {}\r\n", session_of(&set_up.head));
    assert_eq!(next_user(&serving), ("opened", Some("anna".to_owned())));
    // Another user cannot do anything to the session.
    for method in ["PLAY", "PAUSE", "TEARDOWN", "GET_PARAMETER"] {
        assert_eq!(client.ask_as(method, &url, &session, BOB).status, 403, "{method}");
    }
    assert_eq!(client.ask("PLAY", &url, &session).status, 401, "not without credentials either");
    assert_eq!(client.ask_as("TEARDOWN", &url, &session, ANNA).status, 200);
    assert_eq!(next_user(&serving), ("closed", Some("anna".to_owned())));
}

#[test]
fn what_a_user_may_not_watch_is_not_there() {
    let serving = serve(users());
    let other = format!("rtsp://{}/other", serving.address);
    let mut bob = Client::rtsp(&serving);
    assert_eq!(bob.ask_as("DESCRIBE", &serving.url(), "", BOB).status, 200);
    for (method, url) in [("DESCRIBE", &*other), ("DESCRIBE", "rtsp://h/none"), ("SETUP", &other)] {
        let reply = bob.ask_as(method, url, TCP, BOB);
        assert_eq!(reply.status, 404, "{method} {url}");
        assert!(reply.body.contains("/bunny288") && !reply.body.contains("other"), "{reply:?}");
    }
    let mut bob = Client::http(&serving);
    for path in ["/other", "/other.jpg", "/other.mjpeg", "/none"] {
        let reply = bob.ask_as("GET", path, "", BOB);
        assert_eq!(reply.status, 404, "{path}");
        assert!(
            reply.body.contains("bunny288") && (path != "/none" || !reply.body.contains("other")),
            "{reply:?}"
        );
    }
    for path in ["/", "/api/media"] {
        let reply = bob.ask_as("GET", path, "", BOB);
        assert!(reply.status == 200 && reply.body.contains("bunny288"), "{reply:?}");
        assert!(!reply.body.contains("other") && !reply.body.contains("\"total\":2"), "{reply:?}");
        let mut anna = Client::http(&serving);
        assert!(anna.ask_as("GET", path, "", ANNA).body.contains("other"));
    }
}

#[test]
fn browsers_log_in_for_each_page_and_picture() {
    let serving = serve(users());
    let mut client = Client::http(&serving);
    for path in ["/", "/style.css", "/bunny288", "/bunny288.jpg", "/bunny288.mjpeg", "/api/media", "/none"] {
        let reply = client.ask("GET", path, "");
        let challenges = reply.head.matches("WWW-Authenticate: Digest realm=\"Pinhole\", nonce=").count();
        assert_eq!((reply.status, challenges), (401, 2), "{path}");
    }
    assert_eq!(client.ask_as("GET", "/", "", (ANNA.0, "wrong")).status, 401);
    assert_eq!(next_user(&serving), ("refused", Some("anna".to_owned())));
    assert_eq!(client.ask_as("GET", "/", "", ANNA).status, 200);
    // One nonce is for all connections of a browser, and for one target at a time.
    let mut other = Client::http(&serving);
    (other.challenges, other.count) = (client.challenges.clone(), client.count);
    assert_eq!(other.ask_as("GET", "/bunny288.jpg", "", ANNA).status, 200);
    let credentials = client.credentials("GET", "/api/media", ANNA);
    assert_eq!(client.ask("GET", "/bunny288", &credentials).status, 400);
    let mut client = Client::http(&serving);
    assert_eq!(client.ask_as("HEAD", "/bunny288", "", ANNA).status, 200);
    let mut client = Client::http(&serving);
    assert_eq!(client.ask("GET", "/bunny288.mjpeg", "").status, 401);
    let fields = client.credentials("GET", "/bunny288.mjpeg", ANNA);
    client.send("GET", "/bunny288.mjpeg", &fields);
    assert_eq!(next_user(&serving), ("browser", Some("anna".to_owned())));
}

#[test]
fn a_response_that_was_overheard_opens_no_other_connection() {
    let serving = serve(users());
    let url = serving.url();
    let mut client = Client::rtsp(&serving);
    assert_eq!(client.ask("DESCRIBE", &url, "").status, 401);
    let overheard = client.credentials("DESCRIBE", &url, ANNA);
    assert_eq!(client.ask("DESCRIBE", &url, &overheard).status, 200);
    assert_eq!(client.ask("DESCRIBE", &url, &overheard).status, 401, "its count does not grow");
    let mut other = Client::rtsp(&serving);
    let reply = other.ask("DESCRIBE", &url, &overheard);
    assert!(reply.status == 401 && reply.head.contains("stale=true"), "{reply:?}");
    assert_eq!(other.ask("DESCRIBE", "rtsp://h/other", &overheard).status, 400);
}

#[test]
fn basic_is_off_by_default() {
    let basic = "Authorization: Basic Ym9iIGI6cHc=\r\n";
    let serving = serve(users());
    for mut client in [Client::rtsp(&serving), Client::http(&serving)] {
        let (method, url) =
            if client.version.starts_with("HTTP") { ("GET", "/") } else { ("DESCRIBE", &*serving.url()) };
        let reply = client.ask(method, url, basic);
        assert!(reply.status == 401 && !reply.head.contains("Basic"), "{reply:?}");
    }
    let serving = serve(users().with_basic());
    for mut client in [Client::rtsp(&serving), Client::http(&serving)] {
        let (method, url) =
            if client.version.starts_with("HTTP") { ("GET", "/") } else { ("DESCRIBE", &*serving.url()) };
        assert!(client.ask(method, url, "").head.contains("WWW-Authenticate: Basic realm=\"Pinhole\""));
        assert_eq!(client.ask(method, url, basic).status, 200);
        assert_eq!(client.ask(method, url, "Authorization: Basic Ym9iIGI6cHg=\r\n").status, 401);
    }
}

#[test]
fn who_guesses_passwords_waits_longer_and_longer_and_nobody_else_does() {
    let serving = serve(users());
    let url = serving.url();
    let mut viewer = Client::rtsp(&serving);
    assert_eq!(viewer.ask_as("DESCRIBE", &url, "", ANNA).status, 200);
    let begin = Instant::now();
    let mut guesser = Client::rtsp(&serving);
    for _ in 0..5 {
        assert_eq!(guesser.ask_as("DESCRIBE", &url, "", (ANNA.0, "guess")).status, 401);
    }
    // What waits is each guess, on whatever connection, and not who is in or comes from elsewhere.
    let mut guessers: Vec<_> = (0..12).map(|_| Client::rtsp(&serving)).collect();
    for guesser in &mut guessers {
        assert_eq!(guesser.ask("DESCRIBE", &url, "").status, 401);
        let credentials = guesser.credentials("DESCRIBE", &url, (ANNA.0, "guess"));
        guesser.send("DESCRIBE", &url, &credentials);
    }
    assert_eq!(viewer.ask_as("DESCRIBE", &url, "", ANNA).status, 200);
    assert_eq!(Client::from_host(2, &serving).ask_as("DESCRIBE", &url, "", ANNA).status, 200);
    let statuses: Vec<_> = guessers.iter_mut().map(|guesser| guesser.reply().status).collect();
    assert!(statuses.iter().all(|status| [401, 503].contains(status)), "{statuses:?}");
    let heard = statuses.iter().filter(|status| **status == 401).count() as u32;
    // The first one waits for a quarter of a second after those that failed, and so does each of the others.
    assert!(
        heard > 0 && begin.elapsed() >= heard * Duration::from_millis(250),
        "{statuses:?} in {:?}",
        begin.elapsed()
    );
    let mut late = Client::rtsp(&serving);
    assert_eq!(late.ask("DESCRIBE", &url, "").status, 401);
    let credentials = late.credentials("DESCRIBE", &url, (ANNA.0, "guess"));
    let asked = Instant::now();
    let status = late.ask("DESCRIBE", &url, &credentials).status;
    assert!(status == 503 || asked.elapsed() >= Duration::from_secs(1), "{status} in {:?}", asked.elapsed());
}
