//! Speaks RTSP by hand: sends requests as a test writes them, good or bad, and separates the replies from the
//! interleaved media packets between them.
use socket2::{Domain, SockRef, Socket, Type};
use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

/// How long a reply may take.
const REPLY: Duration = Duration::from_secs(10);

/// One RTSP connection to a server, with the test as the client. [`Self::connect`] makes it. When this is
/// dropped, the connection is closed without TEARDOWN.
#[derive(Debug)]
pub struct Dialogue {
    stream: TcpStream,
    received: Vec<u8>,
    ended: bool,
    replies: VecDeque<Reply>,
    interleaved: VecDeque<(u8, Vec<u8>)>,
    cseq: u32,
    /// The session identifier that [`Self::request`] sends as the Session header. If this is `None`, no
    /// Session header is sent. It is `None` at first.
    ///
    /// [`Self::request`] sets this to the identifier in each reply that has a Session header, without
    /// parameters such as `timeout`. A test may set this field to send another identifier, or none.
    pub session: Option<String>,
}

/// A reply of the server, of any status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The status code, such as 200. A code other than 200 does not make the test fail: if it should, call
    /// [`Self::ok`].
    pub status: u16,
    /// The names and values of the header lines, in the order in which they came. Names are as the
    /// server spelled them; values are without white space around them. Lines without a colon are left
    /// out.
    pub headers: Vec<(String, String)>,
    /// The body, of as many bytes as the Content-Length header says. If there is no such header, the body is
    /// empty. Bytes that are not UTF-8 are replaced.
    pub body: String,
}

impl Reply {
    /// Returns the value of the first header with this name, whatever the case of the name; `None` if
    /// there is no such header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| &**value)
    }

    /// Returns the reply itself if its status is 200.
    ///
    /// # Panics
    /// Panics if the status is another one. The message has the reply.
    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!(self.status, 200, "{self:?}");
        self
    }

    /// Returns a number from the RTP-Info header. `name` is the name of the parameter: `seq` or `rtptime`.
    /// If the header has entries for several streams, the first value of that name is returned.
    ///
    /// # Panics
    /// Panics if there is no such header or no such parameter, or if the value is no number of up to 32
    /// bits.
    #[track_caller]
    pub fn rtp_info(&self, name: &str) -> u32 {
        let info = self.header("RTP-Info").unwrap_or_else(|| panic!("no RTP-Info: {self:?}"));
        let values = info.split([';', ',']).filter_map(|part| part.trim().split_once('='));
        let value = values.into_iter().find(|(n, _)| *n == name).and_then(|(_, value)| value.parse().ok());
        value.unwrap_or_else(|| panic!("no {name} in {info}"))
    }
}

impl Dialogue {
    /// Connects to a server. Sends no request.
    ///
    /// # Panics
    /// Panics if the server does not accept the connection within ten seconds.
    pub fn connect(to: SocketAddr) -> Self {
        Self::over(TcpStream::connect_timeout(&to, REPLY).expect("the server listens"))
    }

    /// Makes a [`Dialogue`] of a TCP connection to a server that the caller has made.
    ///
    /// # Panics
    /// Panics if the system refuses to set options of the socket.
    pub fn over(stream: TcpStream) -> Self {
        stream.set_nodelay(true).expect("a TCP socket");
        stream.set_write_timeout(Some(REPLY)).expect("a TCP socket");
        Self {
            stream,
            received: Vec::new(),
            ended: false,
            replies: VecDeque::new(),
            interleaved: VecDeque::new(),
            cseq: 0,
            session: None,
        }
    }

    /// Connects to the server at `to` from the IP address `from` of this machine, with a port that the
    /// system chooses.
    ///
    /// # Panics
    /// Panics if the machine has no such address, or if the server does not accept the connection within
    /// ten seconds.
    pub fn connect_from(from: IpAddr, to: SocketAddr) -> Self {
        let socket = Socket::new(Domain::for_address(to), Type::STREAM, None).expect("a TCP socket");
        socket.bind(&SocketAddr::new(from, 0).into()).expect("an address of this machine");
        socket.connect_timeout(&to.into(), REPLY).expect("the server listens");
        Self::over(socket.into())
    }

    /// Asks the system for a receive buffer of `bytes` bytes for the TCP socket. Linux takes twice this
    /// number, because its own data structures take room, too. If the number is smaller or larger than the
    /// system allows, the system takes the nearest size that it allows, without an error. Call this before
    /// the first request.
    ///
    /// # Panics
    /// Panics if the system refuses to set the size.
    pub fn with_buffer(self, bytes: usize) -> Self {
        SockRef::from(&self.stream).set_recv_buffer_size(bytes).expect("a TCP socket");
        self
    }

    /// Returns the connection, to ask for its addresses or to set options. Do not read from the connection:
    /// the other methods of this type would miss the bytes.
    pub const fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Returns the connection, for a test that reads from it without [`Dialogue`]. Replies and packets that
    /// this value has received, but no method has returned yet, are dropped.
    pub fn into_stream(self) -> TcpStream {
        self.stream
    }

    /// Sends exactly these bytes, and does not wait for a reply: to wait, call [`Self::reply`]. If the bytes
    /// cannot be sent, for example because the server has closed the connection, nothing is reported.
    pub fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    /// Sends a request without a body, and waits for its reply. Returns the reply, of any status. The request
    /// has the next CSeq, the Session header if [`Self::session`] is set, and `headers`, which are pairs of a
    /// name and a value. If you have sent requests with [`Self::send`], take all replies to them with
    /// [`Self::reply`] before this call.
    ///
    /// # Panics
    /// Panics if no reply comes within ten seconds, or if the next reply has another CSeq.
    #[track_caller]
    pub fn request(&mut self, method: &str, url: &str, headers: &[(&str, &str)]) -> Reply {
        self.cseq += 1;
        let mut text = format!("{method} {url} RTSP/1.0\r\nCSeq: {}\r\n", self.cseq);
        let session = self.session.clone();
        let session = session.as_deref().map(|session| ("Session", session));
        for (name, value) in session.iter().chain(headers) {
            text += &format!("{name}: {value}\r\n");
        }
        self.send(format!("{text}\r\n").as_bytes());
        let reply = self.reply();
        assert_eq!(reply.header("CSeq"), Some(&*self.cseq.to_string()), "{method}: {reply:?}");
        if let Some(session) = reply.header("Session") {
            self.session = session.split(';').next().map(|id| id.trim().to_owned());
        }
        reply
    }

    /// Sends DESCRIBE for `url`, and SETUP for the first video track of the description. `transport` is
    /// the value of the Transport header. Returns the reply to SETUP, and sets [`Self::session`].
    ///
    /// # Panics
    /// Panics if DESCRIBE or SETUP gets another status than 200, or if there is no video track.
    #[track_caller]
    pub fn set_up(&mut self, url: &str, transport: &str) -> Reply {
        self.try_set_up(url, transport).ok()
    }

    /// Sends DESCRIBE for `url`, and SETUP for the first video track of the description. `transport` is
    /// the value of the Transport header. Returns the reply to SETUP, of any status. If the reply names
    /// a session, sets [`Self::session`].
    ///
    /// # Panics
    /// Panics if DESCRIBE gets another status than 200, or if there is no video track.
    #[track_caller]
    pub fn try_set_up(&mut self, url: &str, transport: &str) -> Reply {
        let track = self.track(url);
        self.request("SETUP", &track, &[("Transport", transport)])
    }

    /// Sends DESCRIBE for `url`. Returns the URL of the first video track of the description, for SETUP.
    ///
    /// # Panics
    /// Panics if DESCRIBE gets another status than 200, or if there is no video track.
    #[track_caller]
    pub fn track(&mut self, url: &str) -> String {
        let described = self.request("DESCRIBE", url, &[("Accept", "application/sdp")]).ok();
        let base = described.header("Content-Base").unwrap_or(url);
        let control = control(&described.body).expect("a track has a control URL");
        match control.starts_with("rtsp://") {
            true => control.to_owned(),
            false => format!("{}/{control}", base.trim_end_matches('/')),
        }
    }

    /// Sends DESCRIBE for `url`, and SETUP for the first video track, with RTP on the interleaved
    /// channel 0 and RTCP on channel 1. Returns the reply to SETUP, and sets [`Self::session`].
    ///
    /// # Panics
    /// Panics if DESCRIBE or SETUP gets another status than 200, or if there is no video track.
    #[track_caller]
    pub fn set_up_tcp(&mut self, url: &str) -> Reply {
        self.set_up(url, "RTP/AVP/TCP;unicast;interleaved=0-1")
    }

    /// Waits up to ten seconds for the next reply, and returns it. Interleaved packets that come before the
    /// reply are kept for [`Self::interleaved`].
    ///
    /// # Panics
    /// Panics if no reply comes in that time, if the server closes the connection, or if the server sends
    /// something that is neither a reply nor an interleaved packet.
    #[track_caller]
    pub fn reply(&mut self) -> Reply {
        self.try_reply(REPLY).unwrap_or_else(|| panic!("no reply; closed: {}", self.ended))
    }

    /// Waits for the next reply, and returns it. Returns `None` if no reply comes within `limit`, or as soon
    /// as the connection is closed. Interleaved packets that come before the reply are kept for
    /// [`Self::interleaved`].
    ///
    /// # Panics
    /// Panics if the server sends something that is neither a reply nor an interleaved packet.
    pub fn try_reply(&mut self, limit: Duration) -> Option<Reply> {
        self.read_until(limit, |dialogue| !dialogue.replies.is_empty());
        self.replies.pop_front()
    }

    /// Waits for the next interleaved packet. Returns its channel, and its bytes without the four bytes of
    /// framing. Returns `None` if no interleaved packet comes within `limit`, or as soon as the connection is
    /// closed. Replies that come before the packet are kept for [`Self::reply`].
    ///
    /// # Panics
    /// Panics if the server sends something that is neither a reply nor an interleaved packet.
    pub fn interleaved(&mut self, limit: Duration) -> Option<(u8, Vec<u8>)> {
        self.read_until(limit, |dialogue| !dialogue.interleaved.is_empty());
        self.interleaved.pop_front()
    }

    /// Waits until the server closes the connection or the connection fails, and returns true then.
    /// Returns false if the connection is still open after `limit`. Replies and packets that come
    /// meanwhile are kept for [`Self::reply`] and [`Self::interleaved`].
    ///
    /// # Panics
    /// Panics if the server sends something that is neither a reply nor an interleaved packet.
    pub fn closes(&mut self, limit: Duration) -> bool {
        self.read_until(limit, |_| false);
        self.ended
    }

    fn read_until(&mut self, limit: Duration, done: impl Fn(&Self) -> bool) {
        let end = Instant::now() + limit;
        let mut chunk = [0; 65_536];
        while !done(self) && !self.ended {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            self.stream.set_read_timeout(Some(left)).expect("a TCP socket");
            match self.stream.read(&mut chunk) {
                Ok(0) => self.ended = true,
                Ok(n) => self.received.extend_from_slice(&chunk[..n]),
                Err(e)
                    if matches!(
                        e.kind(),
                        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
                    ) => {}
                Err(_) => self.ended = true,
            }
            while self.take_message() {}
        }
    }

    /// Moves one whole message from the received bytes to its queue. Returns false if there is no whole
    /// one.
    fn take_message(&mut self) -> bool {
        if let [b'$', channel, high, low, rest @ ..] = &*self.received {
            let len = usize::from(u16::from_be_bytes([*high, *low]));
            let Some(packet) = rest.get(..len) else { return false };
            self.interleaved.push_back((*channel, packet.to_vec()));
            self.received.drain(..4 + len);
            return true;
        }
        let Some(head_len) = self.received.windows(4).position(|w| w == b"\r\n\r\n") else { return false };
        let head = String::from_utf8_lossy(&self.received[..head_len]).into_owned();
        let mut lines = head.split("\r\n");
        let start = lines.next().unwrap_or_default();
        let status = start.strip_prefix("RTSP/1.0 ").and_then(|rest| rest.get(..3)?.parse().ok());
        let status = status.unwrap_or_else(|| panic!("neither a reply nor interleaved data: {start:?}"));
        let headers = lines.filter_map(|line| line.split_once(':'));
        let headers = headers.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect();
        let mut reply = Reply { status, headers, body: String::new() };
        let body_len =
            reply.header("Content-Length").map_or(0, |len| len.parse().expect("a length in digits"));
        let Some(body) = self.received.get(head_len + 4..head_len + 4 + body_len) else { return false };
        reply.body = String::from_utf8_lossy(body).into_owned();
        self.received.drain(..head_len + 4 + body_len);
        self.replies.push_back(reply);
        true
    }
}

/// Returns the control URL of the first track in a session description (RFC 2326, C.1.1).
fn control(sdp: &str) -> Option<&str> {
    let (_, track) = sdp.split_once("m=video")?;
    track.lines().find_map(|line| line.strip_prefix("a=control:"))
}

/// Two UDP sockets on the loopback interface: an even port for RTP, and the odd port above it for RTCP
/// (RFC 3550, 11).
#[derive(Debug)]
pub struct UdpPair {
    /// The socket for RTP packets, on an even port.
    pub rtp: UdpSocket,
    /// The socket for RTCP, on the port after that of [`Self::rtp`].
    pub rtcp: UdpSocket,
}

impl UdpPair {
    /// Binds two free ports on 127.0.0.1: an even one, and the one after it.
    ///
    /// # Panics
    /// Panics if no such pair is found in a hundred attempts.
    pub fn bind() -> Self {
        let pair = (0..100).find_map(|_| {
            let rtp = UdpSocket::bind("127.0.0.1:0").ok()?;
            let port = rtp.local_addr().ok()?.port();
            let rtcp = (port % 2 == 0).then(|| UdpSocket::bind(("127.0.0.1", port + 1)).ok())??;
            Some(Self { rtp, rtcp })
        });
        pair.expect("a free pair of ports")
    }

    /// Returns the value of a Transport header that asks the server to send RTP and RTCP to these two
    /// ports. Pass it to [`Dialogue::set_up`].
    ///
    /// # Panics
    /// Panics if the system does not tell the port of the RTP socket.
    pub fn transport(&self) -> String {
        let port = self.rtp.local_addr().expect("a bound socket").port();
        format!("RTP/AVP;unicast;client_port={port}-{}", port + 1)
    }
}

/// Waits for the next datagram that comes to `socket`, from whatever address. Returns the address and UDP
/// port of its sender, and its bytes. Returns `None` if no datagram comes within `limit`, or if the socket
/// reports an error.
///
/// This sets the read timeout of `socket` to `limit`. The timeout stays set after the call.
///
/// # Panics
/// Panics if `limit` is zero.
pub fn datagram(socket: &UdpSocket, limit: Duration) -> Option<(SocketAddr, Vec<u8>)> {
    socket.set_read_timeout(Some(limit)).expect("a UDP socket");
    let mut packet = vec![0; 65_536];
    let (len, from) = socket.recv_from(&mut packet).ok()?;
    packet.truncate(len);
    Some((from, packet))
}
