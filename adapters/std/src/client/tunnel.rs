//! The client's end of RTSP over HTTP, as QuickTime has introduced it and the ONVIF Streaming Specification has it
//! (5.1.1.4): what the server sends is the answer to a GET, and what the client sends is the body of a POST, in base64,
//! on a second connection. A header field, `x-sessioncookie`, says which two belong together.
//!
//! A server may ask for a login in HTTP, as well as in the RTSP that is in the tunnel. A request that it does not let in is
//! made anew on another connection.
#[cfg(test)]
mod tests;

use super::byte_stream::ByteStream;
use super::http_login::{authorization, challenges, on_challenge};
use super::refusal::Refusal;
#[cfg(feature = "tls")]
use crate::tls::Distrust;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use pinhole::client::Login;
use pinhole::rtsp::Url;
use std::borrow::Cow;
use std::io::{self, Read, Write};
use std::mem;
use std::net::SocketAddr;

/// The schemes of URLs of tunnels, as GStreamer has them, with those of RTSP that have the same default ports.
const SCHEMES: [(&str, &str); 2] = [("rtsph", "rtsp"), ("rtspsh", "rtsps")];
/// The longest head of an answer in bytes, and the most header fields in it.
const MAX_HEAD: usize = 8 << 10;
const MAX_FIELDS: usize = 64;
/// The header fields of the POST, as QuickTime and GStreamer send them. `Content-Length` says nothing of the body, which
/// goes on for as long as the session.
const POST_FIELDS: &str = "Content-Type: application/x-rtsp-tunnelled\r\n\
                           Content-Length: 32767\r\n\
                           Expires: Sun, 9 Jan 1972 00:00:00 GMT\r\n";

/// Returns the URL that requests name in place of `url`, and whether it is reached over HTTP: true for `rtsph://`, which
/// otherwise means what `rtsp://` does, and for `rtspsh://`, which is inside TLS as `rtsps://` is. Any other `url` is returned
/// as it is.
pub fn rtsp_url(url: &str) -> (Cow<'_, str>, bool) {
    let found = url.split_once("://").and_then(|(scheme, rest)| {
        let (_, inner) = SCHEMES.iter().find(|(outer, _)| scheme.eq_ignore_ascii_case(outer))?;
        Some(format!("{inner}://{rest}"))
    });
    match found {
        Some(url) => (Cow::Owned(url), true),
        None => (Cow::Borrowed(url), false),
    }
}

/// The most bytes of requests that are kept until the server is known to have taken the POST.
const MAX_KEPT: usize = 4 << 10;

/// A tunnel to a server, beside the connection of its GET.
#[derive(Debug)]
pub(crate) struct Tunnel {
    registry: Registry,
    token: Token,
    /// The path and the query.
    path: String,
    /// The header fields that both heads have.
    common: String,
    login: Option<Login>,
    state: State,
    /// What is to be written next, to the GET until that is answered, and to the POST after it.
    out: Vec<u8>,
    /// What was written to the POST, which may still be refused. `None` once it is not, or if this is too much.
    kept: Option<Vec<u8>>,
    refusal: Option<Refusal>,
}

#[derive(Debug)]
enum State {
    /// The connection of the GET is made anew.
    Returning,
    /// This has come of the head of the answer to the GET.
    Asking(Vec<u8>),
    /// The connection of the POST is being made. What came after the head is kept.
    Connecting(ByteStream, Vec<u8>),
    Open {
        post: ByteStream,
        early: Vec<u8>,
        /// This has come of the head of an answer to the POST.
        answer: Vec<u8>,
    },
    /// It cannot be opened, or is lost.
    Failed,
}

impl Tunnel {
    /// Prepares a tunnel to the server of `url`, which logs in by `login` if the server asks for that. Further sockets are
    /// registered as `token`.
    ///
    /// # Errors
    /// The URL is invalid, or the system has no random numbers or descriptors.
    pub(super) fn new(
        url: &str,
        login: Option<Login>,
        registry: &Registry,
        token: Token,
    ) -> io::Result<Self> {
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
            "Host: {host}:{port}\r\nUser-Agent: pinhole/{}\r\nx-sessioncookie: {}\r\n\
             Pragma: no-cache\r\nCache-Control: no-cache\r\n",
            env!("CARGO_PKG_VERSION"),
            URL_SAFE_NO_PAD.encode(random),
        );
        let (registry, state, out) = (registry.try_clone()?, State::Asking(Vec::new()), Vec::new());
        let kept = Some(Vec::new());
        let mut tunnel = Self { registry, token, path, common, login, state, out, kept, refusal: None };
        tunnel.out = tunnel.head("GET");
        Ok(tunnel)
    }

    /// Returns the head of the GET or of the POST.
    fn head(&mut self, method: &str) -> Vec<u8> {
        let authorization = authorization(self.login.as_mut(), method, &self.path);
        let fields = if method == "GET" { "Accept: application/x-rtsp-tunnelled\r\n" } else { POST_FIELDS };
        let Self { path, common, .. } = self;
        let head = format!("{method} {path} HTTP/1.0\r\n{common}{fields}");
        [head.as_bytes(), &authorization, b"\r\n"].concat()
    }

    /// Begins to connect to the server once more, inside TLS if `get` is.
    fn connect(&self, get: &ByteStream, server: SocketAddr) -> io::Result<ByteStream> {
        let mut socket = TcpStream::connect(server)?;
        self.registry.register(&mut socket, self.token, Interest::READABLE | Interest::WRITABLE)?;
        get.again(socket)
    }

    /// Takes in a challenge. Succeeds if the request is to be made anew.
    fn on_challenge(&mut self, challenges: &[Vec<u8>]) -> io::Result<()> {
        match on_challenge(self.login.as_mut(), challenges)? {
            Ok(()) => Ok(()),
            Err((reason, realm)) => Err(self.refuse(Refusal::Login { reason, realm })),
        }
    }

    /// Takes note that the server opens no tunnel.
    fn refuse(&mut self, refusal: Refusal) -> io::Error {
        (self.state, self.refusal) = (State::Failed, Some(refusal));
        io::ErrorKind::InvalidData.into()
    }

    /// Returns whether requests can be written now, as far as that is known.
    pub(super) fn takes_more(&self) -> bool {
        matches!(self.state, State::Open { .. }) && self.out.is_empty()
    }

    /// Takes the reason why the server opens no tunnel, if it has said one.
    pub(super) const fn take_refusal(&mut self) -> Option<Refusal> {
        self.refusal.take()
    }

    /// Takes the reason why the server of the POST is not trusted, if it is not.
    #[cfg(feature = "tls")]
    pub(super) fn take_distrust(&mut self) -> Option<Distrust> {
        match &mut self.state {
            State::Open { post, .. } => post.take_distrust(),
            _ => None,
        }
    }

    /// Reads what comes on the GET `get` of the server at `server`, and goes on with the opening of the tunnel. The
    /// result is that of `get`'s own `read`.
    pub(super) fn read(
        &mut self,
        get: &mut ByteStream,
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
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.check_post(get, server).and(Err(error))
            }
            read => {
                // It has answered a request, or has closed the connection.
                self.kept = None;
                read
            }
        }
    }

    /// Writes requests, all or none: what the socket does not take waits here.
    ///
    /// # Errors
    /// As for [`TcpStream::write`]; [`io::ErrorKind::WouldBlock`] if nothing was taken.
    pub(super) fn write(
        &mut self,
        get: &mut ByteStream,
        server: SocketAddr,
        bytes: &[u8],
    ) -> io::Result<usize> {
        self.advance(get, server)?;
        self.flush()?;
        // Each piece is padded, as the pieces of other clients are.
        self.out = STANDARD.encode(bytes).into_bytes();
        if let Some(kept) = &mut self.kept {
            kept.extend_from_slice(&self.out);
        }
        self.kept.take_if(|kept| kept.len() > MAX_KEPT);
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
    fn advance(&mut self, get: &mut ByteStream, server: SocketAddr) -> io::Result<()> {
        if matches!(self.state, State::Returning) && is_connected(&get.socket)? {
            get.socket.set_nodelay(true)?;
            (self.state, self.out) = (State::Asking(Vec::new()), self.head("GET"));
        }
        if let State::Asking(head) = &mut self.state {
            write_all(get, &mut self.out)?;
            match read_head(get, head) {
                Ok(answer @ Answer { status: 401, .. }) => {
                    self.on_challenge(&answer.challenges)?;
                    *get = self.connect(get, server)?;
                    self.state = State::Returning;
                }
                Ok(Answer { status: 200, len, .. }) => {
                    let early = head.get(len..).unwrap_or_default().to_vec();
                    if let Some(login) = &mut self.login {
                        login.on_accepted();
                    }
                    self.post(get, server, early)?;
                }
                Ok(Answer { status, .. }) => return Err(self.refuse(Refusal::Status { status })),
                Err(Trouble::Lost(error)) => return Err(error),
                Err(Trouble::NotHttp) => return Err(self.refuse(Refusal::NotHttp)),
            }
        }
        if let State::Connecting(post, _) = &self.state
            && is_connected(&post.socket)?
        {
            post.socket.set_nodelay(true)?;
            if let State::Connecting(post, early) = mem::replace(&mut self.state, State::Failed) {
                self.state = State::Open { post, early, answer: Vec::new() };
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

    /// Begins to connect for the POST.
    fn post(&mut self, get: &ByteStream, server: SocketAddr, early: Vec<u8>) -> io::Result<()> {
        self.state = State::Connecting(self.connect(get, server)?, early);
        self.out = self.head("POST");
        Ok(())
    }

    /// Looks whether the POST is still there. It is not answered, unless it is refused.
    fn check_post(&mut self, get: &ByteStream, server: SocketAddr) -> io::Result<()> {
        let State::Open { post, early, answer } = &mut self.state else { return Ok(()) };
        let mut buffer = [0; 1024];
        loop {
            let read = match post.read(&mut buffer) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            answer.extend_from_slice(buffer.get(..read).unwrap_or_default());
            match Answer::parse(answer) {
                Some(Ok(refused @ Answer { status: 401, .. })) if self.kept.is_some() => {
                    let early = mem::take(early);
                    self.on_challenge(&refused.challenges)?;
                    self.post(get, server, early)?;
                    self.out.extend(self.kept.iter().flatten());
                    return Ok(());
                }
                Some(Ok(Answer { status, .. })) if status >= 300 => {
                    return Err(self.refuse(Refusal::Status { status }));
                }
                None if answer.len() < MAX_HEAD => {}
                // What a server says beside its answer is nothing to us.
                _ => answer.clear(),
            }
        }
    }
}

/// Why there is no answer to the GET.
enum Trouble {
    Lost(io::Error),
    NotHttp,
}

/// The head of an answer.
struct Answer {
    len: usize,
    status: u16,
    challenges: Vec<Vec<u8>>,
}

impl Answer {
    /// Reads the head at the start of `bytes`; `None` if it has not come to its end.
    ///
    /// # Errors
    /// It is none.
    fn parse(bytes: &[u8]) -> Option<Result<Self, Trouble>> {
        let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
        let mut response = httparse::Response::new(&mut fields);
        match response.parse(bytes) {
            Ok(httparse::Status::Complete(len)) => {
                let status = response.code.unwrap_or_default();
                Some(Ok(Self { len, status, challenges: challenges(response.headers) }))
            }
            Ok(httparse::Status::Partial) => None,
            Err(_) => Some(Err(Trouble::NotHttp)),
        }
    }
}

/// Reads the head of the answer to the GET.
fn read_head(get: &mut ByteStream, head: &mut Vec<u8>) -> Result<Answer, Trouble> {
    loop {
        match Answer::parse(head) {
            Some(answer) => return answer,
            None if head.len() >= MAX_HEAD => return Err(Trouble::NotHttp),
            None => {}
        }
        let mut buffer = [0; 1024];
        match get.read(&mut buffer) {
            // A server of RTSP alone may close the connection without a word.
            Ok(0) => return Err(Trouble::NotHttp),
            Ok(read) => head.extend_from_slice(buffer.get(..read).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Trouble::Lost(error)),
        }
    }
}

/// Writes all of `out`, and removes what was written.
fn write_all(stream: &mut ByteStream, out: &mut Vec<u8>) -> io::Result<()> {
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
