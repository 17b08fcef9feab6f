//! RTSP spoken by hand: requests as a test writes them, good or bad, and replies told apart from
//! the media between them.
use socket2::{Domain, SockRef, Socket, Type};
use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

/// How long a reply may take.
const REPLY: Duration = Duration::from_secs(10);

/// One RTSP connection, seen from the client.
#[derive(Debug)]
pub struct Dialogue {
    stream: TcpStream,
    received: Vec<u8>,
    ended: bool,
    replies: VecDeque<Reply>,
    interleaved: VecDeque<(u8, Vec<u8>)>,
    cseq: u32,
    /// The session that `request` names, once a reply has told it.
    pub session: Option<String>,
}

/// What a server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Such as 200.
    pub status: u16,
    /// The header lines, in order, names as they were sent.
    pub headers: Vec<(String, String)>,
    /// As long as Content-Length says.
    pub body: String,
}

impl Reply {
    /// The value of a header, its name in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| &**value)
    }

    /// Asserts that the request was granted.
    ///
    /// # Panics
    /// If it was not.
    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!(self.status, 200, "{self:?}");
        self
    }

    /// A parameter such as `seq` of the first entry in RTP-Info.
    ///
    /// # Panics
    /// If it is not there or no number.
    #[track_caller]
    pub fn rtp_info(&self, name: &str) -> u32 {
        let info = self.header("RTP-Info").unwrap_or_else(|| panic!("no RTP-Info: {self:?}"));
        let values = info.split([';', ',']).filter_map(|part| part.trim().split_once('='));
        let value = values.into_iter().find(|(n, _)| *n == name).and_then(|(_, value)| value.parse().ok());
        value.unwrap_or_else(|| panic!("no {name} in {info}"))
    }
}

impl Dialogue {
    /// Connects.
    ///
    /// # Panics
    /// If nobody listens.
    pub fn connect(to: SocketAddr) -> Self {
        Self::over(TcpStream::connect_timeout(&to, REPLY).expect("the server listens"))
    }

    /// Speaks over a connection.
    ///
    /// # Panics
    /// If it is none.
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

    /// Connects from this address of this machine.
    ///
    /// # Panics
    /// If it is not one, or nobody listens.
    pub fn connect_from(from: IpAddr, to: SocketAddr) -> Self {
        let socket = Socket::new(Domain::for_address(to), Type::STREAM, None).expect("a TCP socket");
        socket.bind(&SocketAddr::new(from, 0).into()).expect("an address of this machine");
        socket.connect_timeout(&to.into(), REPLY).expect("the server listens");
        Self::over(socket.into())
    }

    /// Gives it a receive buffer of about so many bytes.
    ///
    /// # Panics
    /// If there can be none.
    pub fn with_buffer(self, bytes: usize) -> Self {
        SockRef::from(&self.stream).set_recv_buffer_size(bytes).expect("a TCP socket");
        self
    }

    /// The connection, to be read by other means; what was received and not asked for is dropped.
    pub fn into_stream(self) -> TcpStream {
        self.stream
    }

    /// Sends these very bytes. A server that has closed already is no failure here.
    pub fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    /// Sends a request with its CSeq, the session where there is one, and `headers`; returns the
    /// reply.
    ///
    /// # Panics
    /// If none comes, or its CSeq is another.
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

    /// Describes and sets up the first track; the reply is that to SETUP.
    ///
    /// # Panics
    /// If either is refused.
    #[track_caller]
    pub fn set_up(&mut self, url: &str, transport: &str) -> Reply {
        self.try_set_up(url, transport).ok()
    }

    /// As [`Self::set_up`], where SETUP may be refused.
    ///
    /// # Panics
    /// If DESCRIBE is refused.
    #[track_caller]
    pub fn try_set_up(&mut self, url: &str, transport: &str) -> Reply {
        let described = self.request("DESCRIBE", url, &[("Accept", "application/sdp")]).ok();
        let base = described.header("Content-Base").unwrap_or(url);
        let control = control(&described.body).expect("a track has a control URL");
        let track = match control.starts_with("rtsp://") {
            true => control.to_owned(),
            false => format!("{}/{control}", base.trim_end_matches('/')),
        };
        self.request("SETUP", &track, &[("Transport", transport)])
    }

    /// Sets up the first track on interleaved channels 0 and 1.
    ///
    /// # Panics
    /// If it is refused.
    #[track_caller]
    pub fn set_up_tcp(&mut self, url: &str) -> Reply {
        self.set_up(url, "RTP/AVP/TCP;unicast;interleaved=0-1")
    }

    /// The next reply.
    ///
    /// # Panics
    /// If none comes in time, or the server closes.
    #[track_caller]
    pub fn reply(&mut self) -> Reply {
        self.try_reply(REPLY).unwrap_or_else(|| panic!("no reply; closed: {}", self.ended))
    }

    /// The next reply, if one comes within `limit`.
    pub fn try_reply(&mut self, limit: Duration) -> Option<Reply> {
        self.read_until(limit, |dialogue| !dialogue.replies.is_empty());
        self.replies.pop_front()
    }

    /// The next interleaved packet and its channel, if one comes within `limit`.
    pub fn interleaved(&mut self, limit: Duration) -> Option<(u8, Vec<u8>)> {
        self.read_until(limit, |dialogue| !dialogue.interleaved.is_empty());
        self.interleaved.pop_front()
    }

    /// Whether the server closes the connection within `limit`.
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

    /// Moves one whole message from what was received to its queue.
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

/// The control URL of the first track in a session description (RFC 2326, C.1.1).
fn control(sdp: &str) -> Option<&str> {
    let (_, track) = sdp.split_once("m=video")?;
    track.lines().find_map(|line| line.strip_prefix("a=control:"))
}

/// An even port for RTP and the odd one above it for RTCP (RFC 3550, 11).
#[derive(Debug)]
pub struct UdpPair {
    /// For RTP.
    pub rtp: UdpSocket,
    /// For RTCP.
    pub rtcp: UdpSocket,
}

impl UdpPair {
    /// Binds a free pair on the loopback interface.
    ///
    /// # Panics
    /// If there is none.
    pub fn bind() -> Self {
        let pair = (0..100).find_map(|_| {
            let rtp = UdpSocket::bind("127.0.0.1:0").ok()?;
            let port = rtp.local_addr().ok()?.port();
            let rtcp = (port % 2 == 0).then(|| UdpSocket::bind(("127.0.0.1", port + 1)).ok())??;
            Some(Self { rtp, rtcp })
        });
        pair.expect("a free pair of ports")
    }

    /// The Transport header that asks for it.
    ///
    /// # Panics
    /// If the socket has no address.
    pub fn transport(&self) -> String {
        let port = self.rtp.local_addr().expect("a bound socket").port();
        format!("RTP/AVP;unicast;client_port={port}-{}", port + 1)
    }
}

/// The next datagram and its sender, if one comes within `limit`.
///
/// # Panics
/// If the socket fails.
pub fn datagram(socket: &UdpSocket, limit: Duration) -> Option<(SocketAddr, Vec<u8>)> {
    socket.set_read_timeout(Some(limit)).expect("a UDP socket");
    let mut packet = vec![0; 65_536];
    let (len, from) = socket.recv_from(&mut packet).ok()?;
    packet.truncate(len);
    Some((from, packet))
}
