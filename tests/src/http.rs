//! Speaks HTTP by hand: sends requests as a test writes them, good or bad, and takes responses and streams of
//! pictures apart.
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long a response, or the next part of a stream, may take.
const LIMIT: Duration = Duration::from_secs(60);

/// A response of the server, of any status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status code, such as 200.
    pub status: u16,
    /// The names and values of the header fields, in the order in which they came.
    pub fields: Vec<(String, String)>,
    /// The body, of as many bytes as the field Content-Length says. If there is no such field, the body is empty.
    pub body: Vec<u8>,
}

impl Response {
    /// Returns the value of the first field with this name, whatever the case of the name; `None` if there is no such
    /// field.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| &**value)
    }

    /// Returns the body as text.
    ///
    /// # Panics
    /// Panics if the body is not UTF-8.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }
}

/// One HTTP connection to a server, with the test as the client.
#[derive(Debug)]
pub struct Connection(BufReader<TcpStream>);

impl Connection {
    /// Connects to a server. Sends no request.
    ///
    /// # Panics
    /// Panics if the server does not accept the connection within a minute.
    pub fn open(to: SocketAddr) -> Self {
        let stream = TcpStream::connect_timeout(&to, LIMIT).expect("the server listens");
        stream.set_nodelay(true).expect("a TCP socket");
        stream.set_read_timeout(Some(LIMIT)).expect("a TCP socket");
        stream.set_write_timeout(Some(LIMIT)).expect("a TCP socket");
        Self(BufReader::new(stream))
    }

    /// Sends bytes, which may be a request, a part of one, several, or none.
    ///
    /// # Panics
    /// Panics if the server takes no bytes for a minute, or has closed the connection.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes).expect("the server reads");
    }

    /// Sends bytes as [`Self::send`] does.
    ///
    /// # Errors
    /// Returns an error if the server takes no bytes for a minute, or has closed the connection.
    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> std::io::Result<()> {
        self.0.get_mut().write_all(bytes.as_ref())
    }

    /// Sends a GET request for `path`, and returns the response.
    ///
    /// # Panics
    /// Panics if there is no response within a minute.
    pub fn get(&mut self, path: &str) -> Response {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.peer()));
        self.response()
    }

    /// Reads the next response, which is one to GET.
    ///
    /// # Panics
    /// Panics if there is none within a minute.
    pub fn response(&mut self) -> Response {
        let mut response = self.head();
        let len = response.field("Content-Length").map_or(0, |len| len.parse().expect("a length"));
        response.body = vec![0; len];
        self.0.read_exact(&mut response.body).expect("a body");
        response
    }

    /// Reads the head of the next response.
    ///
    /// # Panics
    /// Panics if there is none within a minute.
    pub fn head(&mut self) -> Response {
        let lines = self.lines();
        let (status, fields) = lines.split_first().expect("a status line");
        let status = status.split(' ').nth(1).and_then(|status| status.parse().ok());
        Response { status: status.expect("a status"), fields: fields_of(fields), body: Vec::new() }
    }

    /// Reads the next picture of a stream whose parts have their lengths. Returns `None` at the end of the stream.
    ///
    /// # Panics
    /// Panics if there is no other part within a minute, or if the server closes the connection in the middle of one.
    pub fn part(&mut self) -> Option<Vec<u8>> {
        let mut boundary = String::new();
        while boundary.trim().is_empty() {
            boundary.clear();
            assert!(self.0.read_line(&mut boundary).expect("another part") > 0, "no boundary at the end");
        }
        assert!(boundary.starts_with("--"), "no boundary: {boundary:?}");
        if boundary.trim_end().ends_with("--") {
            return None;
        }
        let fields = fields_of(&self.lines());
        let field = |name| fields.iter().find(|(n, _)| n == name).map(|(_, value)| &**value);
        assert_eq!(field("Content-Type"), Some("image/jpeg"));
        let mut picture =
            vec![0; field("Content-Length").and_then(|len| len.parse().ok()).expect("a length")];
        self.0.read_exact(&mut picture).expect("a picture");
        assert!(picture.starts_with(&[0xff, 0xd8]) && picture.ends_with(&[0xff, 0xd9]), "a whole JPEG");
        Some(picture)
    }

    /// Waits until the server closes the connection, and returns what comes until then.
    ///
    /// # Panics
    /// Panics if the server does not close the connection within a minute after it has sent the last byte.
    pub fn rest(&mut self) -> Vec<u8> {
        self.try_rest().expect("the server closes the connection")
    }

    /// Waits until the server closes the connection, as [`Self::rest`] does.
    ///
    /// # Errors
    /// Returns an error if the connection is reset, or is not closed within a minute after the last byte.
    pub fn try_rest(&mut self) -> std::io::Result<Vec<u8>> {
        let mut rest = Vec::new();
        self.0.read_to_end(&mut rest).map(|_| rest)
    }

    /// Returns the address of the server.
    ///
    /// # Panics
    /// Panics if the connection is lost.
    pub fn peer(&self) -> SocketAddr {
        self.0.get_ref().peer_addr().expect("a connection")
    }

    /// Reads lines up to an empty one.
    fn lines(&mut self) -> Vec<String> {
        let lines = self.0.by_ref().lines().map(|line| line.expect("a line"));
        lines.take_while(|line| !line.is_empty()).collect()
    }
}

/// Requests `path` of the server at `address` on a connection of its own, and returns the response.
///
/// # Panics
/// Panics if there is no response within a minute.
pub fn get(address: SocketAddr, path: &str) -> Response {
    Connection::open(address).get(path)
}

/// Requests `path` of the server at `address` on a connection of its own, and returns whether the answer is 200. It is
/// not if the server has no room for the connection, which it may then close without a word.
///
/// # Panics
/// Panics if the server does not accept the connection within a minute.
pub fn is_served(address: SocketAddr, path: &str) -> bool {
    let mut connection = Connection::open(address);
    let mut line = String::new();
    connection.try_send(format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n")).is_ok()
        && connection.0.read_line(&mut line).is_ok()
        && line.split(' ').nth(1) == Some("200")
}

fn fields_of(lines: &[String]) -> Vec<(String, String)> {
    let fields = lines.iter().filter_map(|line| line.split_once(':'));
    fields.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect()
}
