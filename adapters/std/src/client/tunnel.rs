//! The client's end of RTSP over HTTP, as QuickTime has introduced it and the ONVIF Streaming Specification has it
//! (5.1.1.4): what the server sends is the answer to a GET, and what the client sends is the body of a POST, in base64,
//! on a second connection. A header field, `x-sessioncookie`, says which two belong together.
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use pinhole::rtsp::Url;
use std::borrow::Cow;
use std::io::{self, Read, Write};
use std::mem;
use std::net::SocketAddr;

/// The scheme of URLs of tunnels, as GStreamer has it. Their default port is that of RTSP.
const SCHEME: &str = "rtsph";
/// The longest head of the answer to the GET in bytes, and the most header fields in it.
const MAX_HEAD: usize = 8 << 10;
const MAX_FIELDS: usize = 64;
/// The header fields of the POST, as QuickTime and GStreamer send them. `Content-Length` says nothing of the body, which
/// goes on for as long as the session.
const POST_FIELDS: &str = "Content-Type: application/x-rtsp-tunnelled\r\n\
                           Content-Length: 32767\r\n\
                           Expires: Sun, 9 Jan 1972 00:00:00 GMT\r\n";

/// Returns the URL that requests name in place of `url`, and whether it is reached over HTTP: true for `rtsph://`, which
/// otherwise means what `rtsp://` does. Any other `url` is returned as it is.
pub fn rtsp_url(url: &str) -> (Cow<'_, str>, bool) {
    match url.split_once("://") {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case(SCHEME) => {
            (Cow::Owned(format!("rtsp://{rest}")), true)
        }
        _ => (Cow::Borrowed(url), false),
    }
}

/// A tunnel to a server, beside the connection of its GET.
#[derive(Debug)]
pub(crate) struct Tunnel {
    registry: Registry,
    token: Token,
    /// What both heads have after the method.
    common: String,
    state: State,
    /// What is to be written next, to the GET until that is answered, and to the POST after it.
    out: Vec<u8>,
    refusal: Option<Refusal>,
}

#[derive(Debug)]
enum State {
    /// This has come of the head of the answer to the GET.
    Asking(Vec<u8>),
    /// The connection of the POST is being made. What came after the head is kept.
    Connecting(TcpStream, Vec<u8>),
    Open {
        post: TcpStream,
        early: Vec<u8>,
    },
    /// It cannot be opened, or is lost.
    Failed,
}

/// Why a server opens no tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The server has answered with this status, which is not 200.
    #[error("the server refuses RTSP over HTTP with status {status}{}", hint(*status))]
    Status {
        /// The status code, such as 404.
        status: u16,
    },
    /// What the server has sent is not HTTP.
    #[error("the server does not speak HTTP at this port; RTSP may work there, by --transport tcp")]
    NotHttp,
}

const fn hint(status: u16) -> &'static str {
    match status {
        401 => ", it asks for a user name and password, which is not supported",
        _ => "",
    }
}

impl Tunnel {
    /// Prepares a tunnel to the server of `url`. Further sockets are registered as `token`.
    ///
    /// # Errors
    /// The URL is invalid, or the system has no random numbers or descriptors.
    pub(super) fn new(url: &str, registry: &Registry, token: Token) -> io::Result<Self> {
        let url = Url::parse(url.as_bytes()).map_err(|_| io::ErrorKind::InvalidInput)?;
        let (host, port) = (String::from_utf8_lossy(url.host()), url.port());
        // The interface of a link-local address means something on this machine only (RFC 6874, 4).
        let host = host.split('%').next().unwrap_or_default();
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        let mut path = format!("/{}", String::from_utf8_lossy(url.path()).trim_start_matches('/'));
        if let Some(query) = url.query() {
            path.push('?');
            path.push_str(&String::from_utf8_lossy(query));
        }
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|error| io::Error::other(error.to_string()))?;
        let common = format!(
            "{path} HTTP/1.0\r\nHost: {host}:{port}\r\nUser-Agent: pinhole/{}\r\nx-sessioncookie: {}\r\n\
             Pragma: no-cache\r\nCache-Control: no-cache\r\n",
            env!("CARGO_PKG_VERSION"),
            URL_SAFE_NO_PAD.encode(random),
        );
        let out = format!("GET {common}Accept: application/x-rtsp-tunnelled\r\n\r\n").into_bytes();
        let (registry, state) = (registry.try_clone()?, State::Asking(Vec::new()));
        Ok(Self { registry, token, common, state, out, refusal: None })
    }

    /// Returns whether requests can be written now, as far as that is known.
    pub(super) fn takes_more(&self) -> bool {
        matches!(self.state, State::Open { .. }) && self.out.is_empty()
    }

    /// Takes the reason why the server opens no tunnel, if it has said one.
    pub(super) const fn take_refusal(&mut self) -> Option<Refusal> {
        self.refusal.take()
    }

    /// Reads what comes on the GET `get` of the server at `server`, and goes on with the opening of the tunnel. The
    /// result is that of `get`'s own `read`.
    pub(super) fn read(
        &mut self,
        get: &mut TcpStream,
        server: SocketAddr,
        buffer: &mut [u8],
    ) -> io::Result<usize> {
        self.advance(get, server)?;
        let State::Open { early, .. } = &mut self.state else { return Err(io::ErrorKind::WouldBlock.into()) };
        if !early.is_empty() {
            let len = early.len().min(buffer.len());
            buffer.iter_mut().zip(early.drain(..len)).for_each(|(to, from)| *to = from);
            return Ok(len);
        }
        match get.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.check_post().and(Err(error)),
            read => read,
        }
    }

    /// Writes requests, all or none: what the socket does not take waits here.
    ///
    /// # Errors
    /// As for [`TcpStream::write`]; [`io::ErrorKind::WouldBlock`] if nothing was taken.
    pub(super) fn write(
        &mut self,
        get: &mut TcpStream,
        server: SocketAddr,
        bytes: &[u8],
    ) -> io::Result<usize> {
        self.advance(get, server)?;
        self.flush()?;
        // Each piece is padded, as the pieces of other clients are.
        self.out = STANDARD.encode(bytes).into_bytes();
        match self.flush() {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            _ => Ok(bytes.len()),
        }
    }

    /// Writes what has waited to the POST.
    ///
    /// # Errors
    /// As for [`TcpStream::write`]; [`io::ErrorKind::WouldBlock`] if something still waits.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        let State::Open { post, .. } = &mut self.state else { return Err(io::ErrorKind::WouldBlock.into()) };
        write_all(post, &mut self.out)
    }

    /// Goes on with the opening of the tunnel, as far as that is possible now.
    fn advance(&mut self, get: &mut TcpStream, server: SocketAddr) -> io::Result<()> {
        if let State::Asking(head) = &mut self.state {
            write_all(get, &mut self.out)?;
            let early = match read_head(get, head) {
                Ok(early) => early,
                Err(Trouble::Lost(error)) => return Err(error),
                Err(Trouble::Refused(refusal)) => {
                    (self.state, self.refusal) = (State::Failed, Some(refusal));
                    return Err(io::ErrorKind::InvalidData.into());
                }
            };
            let mut post = TcpStream::connect(server)?;
            self.registry.register(&mut post, self.token, Interest::READABLE | Interest::WRITABLE)?;
            self.out = format!("POST {}{POST_FIELDS}\r\n", self.common).into_bytes();
            self.state = State::Connecting(post, early);
        }
        if let State::Connecting(post, _) = &self.state
            && is_connected(post)?
        {
            post.set_nodelay(true)?;
            if let State::Connecting(post, early) = mem::replace(&mut self.state, State::Failed) {
                self.state = State::Open { post, early };
            }
        }
        match (&self.state, self.out.is_empty()) {
            (State::Open { .. }, true) => Ok(()),
            (State::Open { .. }, false) => match self.flush() {
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
                _ => Ok(()),
            },
            (State::Failed, _) => Err(io::ErrorKind::NotConnected.into()),
            _ => Ok(()),
        }
    }

    /// Looks whether the POST is still there. It is not answered, unless it is refused.
    fn check_post(&mut self) -> io::Result<()> {
        let State::Open { post, .. } = &mut self.state else { return Ok(()) };
        let mut answer = [0; 256];
        loop {
            let read = match post.read(&mut answer) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let status = status(answer.get(..read).unwrap_or_default()).filter(|status| *status >= 300);
            if let Some(status) = status {
                (self.state, self.refusal) = (State::Failed, Some(Refusal::Status { status }));
                return Err(io::ErrorKind::InvalidData.into());
            }
        }
    }
}

/// Why the GET is not answered as it has to be.
enum Trouble {
    Lost(io::Error),
    Refused(Refusal),
}

/// Reads the head of the answer to the GET. Returns what came after it.
fn read_head(get: &mut TcpStream, head: &mut Vec<u8>) -> Result<Vec<u8>, Trouble> {
    loop {
        let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
        let mut response = httparse::Response::new(&mut fields);
        match response.parse(head) {
            Ok(httparse::Status::Complete(len)) => {
                return match response.code {
                    Some(200) => Ok(head.get(len..).unwrap_or_default().to_vec()),
                    code => Err(Trouble::Refused(Refusal::Status { status: code.unwrap_or_default() })),
                };
            }
            Ok(httparse::Status::Partial) if head.len() < MAX_HEAD => {}
            Ok(httparse::Status::Partial) | Err(_) => return Err(Trouble::Refused(Refusal::NotHttp)),
        }
        let mut buffer = [0; 1024];
        match get.read(&mut buffer) {
            // A server of RTSP alone may close the connection without a word.
            Ok(0) => return Err(Trouble::Refused(Refusal::NotHttp)),
            Ok(read) => head.extend_from_slice(buffer.get(..read).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Trouble::Lost(error)),
        }
    }
}

/// Returns the status of a response that begins with `bytes`.
fn status(bytes: &[u8]) -> Option<u16> {
    let line = bytes.strip_prefix(b"HTTP/1.")?.get(2..5)?;
    std::str::from_utf8(line).ok()?.parse().ok()
}

/// Writes all of `out`, and removes what was written.
fn write_all(stream: &mut TcpStream, out: &mut Vec<u8>) -> io::Result<()> {
    while !out.is_empty() {
        match stream.write(out) {
            Ok(written) => drop(out.drain(..written)),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Returns whether a connection attempt has succeeded. False if it is still under way.
///
/// # Errors
/// The attempt has failed.
pub(crate) fn is_connected(stream: &TcpStream) -> io::Result<bool> {
    if let Some(error) = stream.take_error()? {
        return Err(error);
    }
    match stream.peer_addr() {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mio::Poll;
    use std::net::TcpListener;
    use std::time::{Duration, Instant};

    #[test]
    fn urls_of_tunnels_stand_for_rtsp() {
        for (url, stands_for) in [
            ("rtsph://u:p@h:80/a?b", ("rtsp://u:p@h:80/a?b", true)),
            ("RTSPH://h", ("rtsp://h", true)),
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
        get: TcpStream,
        server: TcpListener,
        address: SocketAddr,
        _poll: Poll,
    }

    fn test(path: &str) -> Test {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = server.local_addr().unwrap();
        let poll = Poll::new().unwrap();
        let tunnel = Tunnel::new(&format!("rtsp://me:secret@{address}{path}"), poll.registry(), Token(1));
        let get = std::net::TcpStream::connect(address).unwrap();
        get.set_nonblocking(true).unwrap();
        Test { tunnel: tunnel.unwrap(), get: TcpStream::from_std(get), server, address, _poll: poll }
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
        assert!(!asked.contains("secret") && cookie(&asked).len() == 22, "{asked}");
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
                Refusal::Status { status: 401 },
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
}
