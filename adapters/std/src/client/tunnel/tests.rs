//! Tunnels to a server that says what a test wants.
use super::*;
use mio::Poll;
use pinhole::client::LoginError;
use std::net::TcpListener;
use std::time::{Duration, Instant};

#[test]
fn urls_of_tunnels_stand_for_rtsp() {
    for (url, stands_for) in [
        ("rtsph://u:p@h:80/a?b", ("rtsp://u:p@h:80/a?b", true)),
        ("RTSPH://h", ("rtsp://h", true)),
        ("rtspsh://u:p@h/a?b", ("rtsps://u:p@h/a?b", true)),
        ("rtsphs://h", ("rtsphs://h", false)),
        ("rtsp://h/rtsph://x", ("rtsp://h/rtsph://x", false)),
        ("rtsph:/h", ("rtsph:/h", false)),
        ("http://h", ("http://h", false)),
    ] {
        let (rtsp, is_tunnel) = rtsp_url(url);
        assert_eq!((&*rtsp, is_tunnel), stands_for, "{url}");
    }
}

/// A client's end, and a listener that is its server.
struct Test {
    tunnel: Tunnel,
    get: ByteStream,
    server: TcpListener,
    address: SocketAddr,
    _poll: Poll,
}

fn test(path: &str) -> Test {
    with_login(path, None)
}

fn with_login(path: &str, login: Option<Login>) -> Test {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap();
    let poll = Poll::new().unwrap();
    let tunnel = Tunnel::new(&format!("rtsp://{address}{path}"), login, poll.registry(), Token(1));
    let get = std::net::TcpStream::connect(address).unwrap();
    get.set_nonblocking(true).unwrap();
    Test { tunnel: tunnel.unwrap(), get: TcpStream::from_std(get).into(), server, address, _poll: poll }
}

impl Test {
    /// Reads again and again until something other than [`io::ErrorKind::WouldBlock`] comes of it.
    fn read(&mut self) -> io::Result<Vec<u8>> {
        let (mut buffer, end) = ([0; 64], Instant::now() + Duration::from_secs(30));
        loop {
            match self.tunnel.read(&mut self.get, self.address, &mut buffer) {
                Ok(read) => return Ok(buffer[..read].to_vec()),
                Err(error) if error.kind() != io::ErrorKind::WouldBlock || Instant::now() > end => {
                    return Err(error);
                }
                Err(_) => std::thread::yield_now(),
            }
        }
    }

    fn write(&mut self, bytes: &[u8]) {
        let end = Instant::now() + Duration::from_secs(30);
        while self.tunnel.write(&mut self.get, self.address, bytes).is_err() {
            assert!(Instant::now() < end);
            std::thread::yield_now();
        }
    }
}

/// Reads up to the end of a head.
fn head(stream: &mut std::net::TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

fn cookie(head: &str) -> &str {
    head.lines().find_map(|line| line.strip_prefix("x-sessioncookie: ")).expect("a cookie")
}

#[test]
fn a_tunnel_is_a_get_and_a_post_with_one_cookie() {
    let mut test = test("/a%20b?c=d");
    assert!(!test.tunnel.takes_more());
    let error = test.tunnel.write(&mut test.get, test.address, b"OPTIONS").unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    let (mut get, _) = test.server.accept().unwrap();
    let asked = head(&mut get);
    assert!(asked.starts_with("GET /a%20b?c=d HTTP/1.0\r\n"), "{asked}");
    assert!(asked.contains(&format!("\r\nHost: {}\r\n", test.address)), "{asked}");
    assert!(asked.contains("\r\nAccept: application/x-rtsp-tunnelled\r\n"), "{asked}");
    assert!(!asked.contains("Authorization") && cookie(&asked).len() == 22, "{asked}");
    // What follows the head at once belongs to the tunnel.
    get.write_all(b"HTTP/1.0 200 OK\r\nContent-Type: application/x-rtsp-tunnelled\r\n\r\n$abc").unwrap();
    assert_eq!(test.read().unwrap(), b"$abc");
    test.write(b"OPTIONS *");
    test.write(b"x");
    let (mut post, _) = test.server.accept().unwrap();
    let posted = head(&mut post);
    assert!(posted.starts_with("POST /a%20b?c=d HTTP/1.0\r\n"), "{posted}");
    assert!(posted.contains("\r\nContent-Type: application/x-rtsp-tunnelled\r\n"), "{posted}");
    assert!(posted.contains("\r\nContent-Length: 32767\r\n"), "{posted}");
    assert_eq!(cookie(&posted), cookie(&asked));
    let mut body = [0; 16];
    post.read_exact(&mut body).unwrap();
    assert_eq!(std::str::from_utf8(&body).unwrap(), format!("{}eA==", STANDARD.encode("OPTIONS *")));
    get.write_all(b"RTSP/1.0").unwrap();
    assert_eq!(test.read().unwrap(), b"RTSP/1.0");
    drop(post);
    assert_eq!(test.read().unwrap_err().kind(), io::ErrorKind::UnexpectedEof, "it cannot ask any more");
}

#[test]
fn a_server_that_refuses_says_why() {
    for (answer, refusal) in [
        ("HTTP/1.1 404 Not Found\r\n\r\n", Refusal::Status { status: 404 }),
        (
            "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=x\r\n\r\n",
            Refusal::Login { reason: LoginError::Needed, realm: "x".to_owned() },
        ),
        ("RTSP/1.0 505 RTSP Version not supported\r\n\r\n", Refusal::NotHttp),
        ("", Refusal::NotHttp),
        (&*"HTTP/1.1 200 OK\r\n".repeat(MAX_HEAD), Refusal::NotHttp),
    ] {
        let mut test = test("");
        assert!(test.tunnel.write(&mut test.get, test.address, b"x").is_err());
        let (mut get, _) = test.server.accept().unwrap();
        assert!(head(&mut get).starts_with("GET / HTTP/1.0\r\n"));
        // It may not be read to its end.
        let _ = get.write_all(answer.as_bytes());
        drop(get);
        assert!(test.read().is_err());
        assert_eq!(test.tunnel.take_refusal(), Some(refusal), "{answer:.40}");
    }
}

#[test]
fn a_post_may_be_refused_too() {
    let mut test = test("/a");
    assert!(test.tunnel.write(&mut test.get, test.address, b"x").is_err());
    let (mut get, _) = test.server.accept().unwrap();
    head(&mut get);
    get.write_all(b"HTTP/1.0 200 OK\r\n\r\n").unwrap();
    test.write(b"x");
    let (mut post, _) = test.server.accept().unwrap();
    head(&mut post);
    post.write_all(b"HTTP/1.1 404 Not Found\r\n\r\n").unwrap();
    assert!(test.read().is_err());
    assert_eq!(test.tunnel.take_refusal(), Some(Refusal::Status { status: 404 }));
    assert!(test.tunnel.write(&mut test.get, test.address, b"x").is_err());
}

/// Accepts a connection with a request, answers it, and returns its head.
fn answer(server: &TcpListener, answer: &str) -> (std::net::TcpStream, String) {
    let (mut stream, _) = server.accept().unwrap();
    let head = head(&mut stream);
    stream.write_all(answer.as_bytes()).unwrap();
    (stream, head)
}

fn unauthorized(challenge: &str) -> String {
    format!("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nWWW-Authenticate: {challenge}\r\n\r\n")
}

fn given(head: &str) -> Option<&str> {
    head.lines().find_map(|line| line.strip_prefix("Authorization: "))
}

#[test]
fn both_requests_log_in() {
    for (challenge, starts) in [
        ("Basic realm=\"x\"", "Basic dXNlcjpzM2NyZXQ="),
        (
            "Digest realm=\"x\", nonce=\"n\", qop=\"auth\"",
            "Digest username=\"user\", realm=\"x\", nonce=\"n\"",
        ),
    ] {
        let mut test = with_login("/a?b", Some(Login::new(b"user", b"s3cret", true).unwrap()));
        assert!(test.tunnel.write(&mut test.get, test.address, b"x").is_err());
        let (_first, asked) = answer(&test.server, &unauthorized(challenge));
        assert_eq!(given(&asked), None);
        // It is read and answered until the tunnel is open.
        let server = test.server.try_clone().unwrap();
        let opened = std::thread::spawn(move || {
            let (get, asked) = answer(&server, "HTTP/1.0 200 OK\r\n\r\n");
            let (post, posted) = answer(&server, "");
            (get, post, [asked, posted])
        });
        test.write(b"OPTIONS");
        let (mut get, mut post, heads) = opened.join().unwrap();
        let [asked, posted] = heads.each_ref().map(|head| given(head).expect("credentials"));
        assert!(asked.starts_with(starts) && posted.starts_with(starts), "{heads:?}");
        if starts.starts_with("Digest") {
            assert!(asked.contains("uri=\"/a?b\"") && posted.contains("uri=\"/a?b\""), "{heads:?}");
            assert!(asked.contains("nc=00000001") && posted.contains("nc=00000002"), "{heads:?}");
        }
        let mut body = [0; 12];
        post.read_exact(&mut body).unwrap();
        assert_eq!(body, *b"T1BUSU9OUw==");
        get.write_all(b"RTSP/1.0").unwrap();
        assert_eq!(test.read().unwrap(), b"RTSP/1.0");
    }
}

#[test]
fn a_post_that_is_asked_anew_has_what_was_sent() {
    let mut test = with_login("", Some(Login::new(b"user", b"s3cret", false).unwrap()));
    let digest = |nonce: &str| unauthorized(&format!("Digest realm=\"x\", nonce=\"{nonce}\""));
    let server = test.server.try_clone().unwrap();
    let opened = std::thread::spawn(move || {
        let _first = answer(&server, &digest("1"));
        let (get, _) = answer(&server, "HTTP/1.0 200 OK\r\n\r\n");
        let (mut post, _) = answer(&server, "");
        let mut body = [0; 12];
        post.read_exact(&mut body).unwrap();
        post.write_all(digest("2").as_bytes()).unwrap();
        let (mut again, head) = answer(&server, "");
        again.read_exact(&mut body).unwrap();
        (get, again, head, body)
    });
    test.write(b"OPTIONS");
    let end = Instant::now() + Duration::from_secs(30);
    while !opened.is_finished() {
        assert!(Instant::now() < end);
        let _ = test.tunnel.read(&mut test.get, test.address, &mut [0; 64]);
        let _ = test.tunnel.advance(&mut test.get, test.address);
    }
    let (_get, _again, head, body) = opened.join().unwrap();
    assert!(given(&head).expect("credentials").contains("nonce=\"2\""), "{head}");
    assert_eq!(body, *b"T1BUSU9OUw==");
}

#[test]
fn a_wrong_password_is_sent_once() {
    let mut test = with_login("", Some(Login::new(b"user", b"s3cret", true).unwrap()));
    let server = test.server.try_clone().unwrap();
    let asked = std::thread::spawn(move || {
        [(); 2].map(|()| answer(&server, &unauthorized("Basic realm=\"the cam\"")))
    });
    let end = Instant::now() + Duration::from_secs(30);
    let refusal = loop {
        let _ = test.tunnel.write(&mut test.get, test.address, b"x");
        if let Some(refusal) = test.tunnel.take_refusal() {
            break refusal;
        }
        assert!(Instant::now() < end);
    };
    let told = "wrong user name or password for \"the cam\" (401 Unauthorized)";
    assert_eq!(refusal.to_string(), told);
    let [(_, first), (_, second)] = asked.join().unwrap();
    assert!(given(&first).is_none() && given(&second).is_some());
    test.server.set_nonblocking(true).unwrap();
    assert!(test.server.accept().is_err(), "it does not come again");
}
