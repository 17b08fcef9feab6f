//! Servers that a viewer has to bear with: they answer wrongly, or not at all, or send what is no
//! video.
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// A server that says `greeting` when a client connects, and `answer` to each request. `CSEQ` in
/// the answer stands for the request's own. It lasts as long as the test's process.
///
/// # Panics
/// If there is no free port.
pub fn server(greeting: &'static str, answer: &'static str) -> SocketAddr {
    listen(move |mut client| {
        client.write_all(greeting.as_bytes()).ok()?;
        let mut requests = Requests::default();
        loop {
            let request = requests.next(&mut client)?;
            client.write_all(answer.replace("CSEQ", request.header("cseq")).as_bytes()).ok()?;
        }
    })
}

/// An address at which nobody listens.
///
/// # Panics
/// If there is no free port.
pub fn nobody() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("a bound socket")
}

/// A server that follows a script: what it says, and what it sends once it plays. What a test does
/// not change is as it should be.
#[derive(Clone, Debug)]
pub struct Script {
    /// The session description.
    pub description: String,
    /// The Content-Length of the description; `None`: as long as it is.
    pub content_length: Option<String>,
    /// Header lines in the reply to PLAY.
    pub play: String,
    /// What follows it.
    pub steps: Vec<Step>,
}

/// What a [`Script`] does.
#[derive(Clone, Debug)]
pub enum Step {
    /// Sends a packet: RTP on channel 0, RTCP on channel 1, by whatever transport was asked for;
    /// on other channels interleaved.
    Packet(u8, Vec<u8>),
    /// Writes these bytes to the connection.
    Raw(Vec<u8>),
    /// Sends nothing for so long.
    Silence(Duration),
}

impl Default for Script {
    /// A live JPEG stream without a packet.
    fn default() -> Self {
        Self {
            description: "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n\
                          m=video 0 RTP/AVP 26\r\na=control:track0\r\n"
                .to_owned(),
            content_length: None,
            play: String::new(),
            steps: Vec::new(),
        }
    }
}

impl Script {
    /// Plays to whoever connects, as long as the test's process lasts; returns the URL.
    ///
    /// # Panics
    /// If there is no free port.
    pub fn serve(self) -> String {
        let script = Arc::new(self);
        format!("rtsp://{}/lies", listen(move |client| script.play_to(client)))
    }

    fn play_to(&self, mut client: TcpStream) -> Option<()> {
        let mut requests = Requests::default();
        let mut datagrams = None;
        loop {
            let request = requests.next(&mut client)?;
            let (mut headers, mut body) = (String::new(), "");
            match request.method() {
                "options" => headers += "Public: OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, TEARDOWN\r\n",
                "describe" => {
                    body = &self.description;
                    let len = self.content_length.clone().unwrap_or_else(|| body.len().to_string());
                    headers += &format!("Content-Type: application/sdp\r\nContent-Length: {len}\r\n");
                }
                "setup" => {
                    let transport = request.header("transport");
                    headers += &format!("Session: 1\r\nTransport: {transport}");
                    if let Some(ports) = Datagrams::to(&client, transport) {
                        headers += &format!(";server_port={}", ports.local()?);
                        datagrams = Some(ports);
                    }
                    headers += "\r\n";
                }
                "play" => headers = format!("Session: 1\r\n{}", self.play),
                _ => headers += "Session: 1\r\n",
            }
            let reply = format!("RTSP/1.0 200 OK\r\nCSeq: {}\r\n{headers}\r\n{body}", request.header("cseq"));
            client.write_all(reply.as_bytes()).ok()?;
            if request.method() == "play" {
                self.steps.iter().try_for_each(|step| step.take(&mut client, datagrams.as_ref()))?;
            }
        }
    }
}

impl Step {
    fn take(&self, client: &mut TcpStream, datagrams: Option<&Datagrams>) -> Option<()> {
        match (self, datagrams) {
            (Self::Silence(duration), _) => thread::sleep(*duration),
            (Self::Raw(bytes), _) => client.write_all(bytes).ok()?,
            (Self::Packet(channel @ 0..=1, packet), Some(datagrams)) => datagrams.send(*channel, packet)?,
            (Self::Packet(channel, packet), _) => {
                let [high, low] = u16::try_from(packet.len()).expect("a packet").to_be_bytes();
                client.write_all(&[&[b'$', *channel, high, low][..], packet].concat()).ok()?;
            }
        }
        Some(())
    }
}

/// Two sockets, RTP's and RTCP's, and the client's port for the first.
struct Datagrams([UdpSocket; 2], SocketAddr);

impl Datagrams {
    /// `None` where the client asks for no datagrams.
    fn to(client: &TcpStream, transport: &str) -> Option<Self> {
        let (_, ports) = transport.split_once("client_port=")?;
        let port = ports.split(['-', ';', ',']).next()?.parse().ok()?;
        let socket = || UdpSocket::bind("127.0.0.1:0").ok();
        Some(Self([socket()?, socket()?], SocketAddr::new(client.peer_addr().ok()?.ip(), port)))
    }

    fn local(&self) -> Option<String> {
        let [rtp, rtcp] = self.0.each_ref().map(|socket| socket.local_addr().ok());
        Some(format!("{}-{}", rtp?.port(), rtcp?.port()))
    }

    fn send(&self, channel: u8, packet: &[u8]) -> Option<()> {
        let to = SocketAddr::new(self.1.ip(), self.1.port() + u16::from(channel));
        // A client that is gone is seen on the connection.
        let _ = self.0[usize::from(channel)].send_to(packet, to);
        Some(())
    }
}

/// Has `serve` deal with each client on a thread of its own.
fn listen(serve: impl Fn(TcpStream) -> Option<()> + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("a bound socket");
    let serve = Arc::new(serve);
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let serve = Arc::clone(&serve);
            thread::spawn(move || serve(client));
        }
    });
    address
}

/// What has come of requests.
#[derive(Default)]
struct Requests(Vec<u8>);

/// A request's head, in lower case.
struct Request(String);

impl Requests {
    /// The next one; `None` where the client is gone. Interleaved packets are passed over.
    fn next(&mut self, client: &mut TcpStream) -> Option<Request> {
        let mut chunk = [0; 4096];
        loop {
            while let [b'$', _, high, low, ..] = *self.0 {
                let len = 4 + usize::from(u16::from_be_bytes([high, low]));
                if self.0.len() < len {
                    break;
                }
                self.0.drain(..len);
            }
            let whole = self.0.first().is_some_and(|first| *first != b'$');
            if let Some(end) = self.0.windows(4).position(|w| w == b"\r\n\r\n").filter(|_| whole) {
                let head = String::from_utf8_lossy(&self.0[..end]).to_ascii_lowercase();
                self.0.drain(..end + 4);
                return Some(Request(head));
            }
            let n = client.read(&mut chunk).ok().filter(|n| *n > 0)?;
            self.0.extend_from_slice(&chunk[..n]);
        }
    }
}

impl Request {
    fn method(&self) -> &str {
        self.0.split(' ').next().unwrap_or_default()
    }

    fn header(&self, name: &str) -> &str {
        let mut lines = self.0.lines().filter_map(|line| line.split_once(':'));
        lines.find(|(found, _)| *found == name).map_or("0", |(_, value)| value.trim())
    }
}
