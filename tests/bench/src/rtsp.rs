//! As much of an RTSP client as it takes to have a stream sent.
use crate::Result;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// A server that is pressed for time may take this long.
const REPLY: Duration = Duration::from_secs(20);

/// An RTSP session that was set up and is not yet played: send [`Self::play`] on [`Self::stream`].
#[derive(Debug)]
pub(crate) struct SetUp<S = TcpStream> {
    /// The RTSP connection. No byte of the server's replies is left unread on it.
    pub(crate) stream: S,
    /// The address and the port from which the server's RTP comes over UDP; RTCP comes from the next
    /// port. `None` if the server names no port, as over TCP.
    pub(crate) rtp: Option<SocketAddr>,
    url: String,
    session: String,
}

impl SetUp<TcpStream> {
    /// Sends DESCRIBE for `url`, and SETUP for its first video track. `transport` is the value of the
    /// Transport header. The URL must name an IP address and a port.
    ///
    /// # Errors
    /// Returns an error if the connection fails, if the server takes longer than 20 seconds for a reply
    /// or refuses, or if there is no video track.
    pub(crate) fn new(url: &str, transport: &str) -> Result<Self> {
        let set_up = Self::over(connect(url)?, url, transport)?;
        set_up.stream.set_read_timeout(None)?;
        Ok(set_up)
    }
}

impl<S: Read + Write> SetUp<S> {
    /// Sends DESCRIBE and SETUP, as [`Self::new`] does, over a connection that is made.
    ///
    /// # Errors
    /// Returns the errors of [`Self::new`].
    pub(crate) fn over(mut stream: S, url: &str, transport: &str) -> Result<Self> {
        let address = address(url)?;
        let described = request(&mut stream, "DESCRIBE", url, 1, "Accept: application/sdp")?;
        let track = described.body.split("m=video").nth(1).ok_or("no video is described")?;
        let control = track.lines().find_map(|line| line.strip_prefix("a=control:"));
        let control = control.ok_or("the video has no control URL")?.trim();
        let track = if control.contains("://") {
            control.to_owned()
        } else {
            let base = described.header("Content-Base").unwrap_or(url);
            format!("{}/{control}", base.trim_end_matches('/'))
        };
        let reply = request(&mut stream, "SETUP", &track, 2, &format!("Transport: {transport}"))?;
        let session = reply.header("Session").ok_or("SETUP gave no session")?;
        let session = session.split(';').next().unwrap_or_default().trim().to_owned();
        let ports = reply.header("Transport").and_then(|transport| transport.split("server_port=").nth(1));
        let port = ports.and_then(|ports| ports.split(['-', ';', ',']).next()?.parse().ok());
        let rtp = port.map(|port| SocketAddr::new(address.ip(), port));
        Ok(Self { stream, rtp, url: url.to_owned(), session })
    }

    /// Returns the PLAY request that starts the session, `from` seconds after the start of the medium,
    /// or at its start if `from` is `None`. The reply comes on the connection, between interleaved
    /// packets.
    pub(crate) fn play(&self, from: Option<f64>) -> String {
        let range = from.map(|from| format!("Range: npt={from:.3}-\r\n")).unwrap_or_default();
        format!("PLAY {} RTSP/1.0\r\nCSeq: 3\r\nSession: {}\r\n{range}\r\n", self.url, self.session)
    }
}

/// Connects to the server of a URL, which names an IP address and a port. Reads have a time limit.
///
/// # Errors
/// Returns an error if the connection fails.
pub(crate) fn connect(url: &str) -> Result<TcpStream> {
    let stream = TcpStream::connect(address(url)?)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(REPLY))?;
    Ok(stream)
}

fn address(url: &str) -> Result<SocketAddr> {
    let address = url.split_once("://").and_then(|(_, rest)| rest.split('/').next());
    Ok(address.ok_or("the URL names no host")?.parse()?)
}

struct Reply {
    headers: Vec<(String, String)>,
    body: String,
}

impl Reply {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| &**value)
    }
}

fn request<S: Read + Write>(
    stream: &mut S,
    method: &str,
    url: &str,
    cseq: u32,
    header: &str,
) -> Result<Reply> {
    stream.write_all(format!("{method} {url} RTSP/1.0\r\nCSeq: {cseq}\r\n{header}\r\n\r\n").as_bytes())?;
    // What the reader holds beyond the reply would be lost with it: there is nothing, since nothing
    // plays yet.
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    if !line.starts_with("RTSP/1.0 200") {
        return Err(format!("{method} {url}: {}", line.trim()).into());
    }
    let mut reply = Reply { headers: Vec::new(), body: String::new() };
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.split_once(':') else { break };
        reply.headers.push((name.to_owned(), value.trim().to_owned()));
    }
    let len = reply.header("Content-Length").map_or(Ok(0), str::parse)?;
    reader.take(len).read_to_string(&mut reply.body)?;
    Ok(reply)
}
