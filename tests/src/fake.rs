//! Servers that a viewer has to cope with: they answer wrongly or not at all, or send no valid video. All of
//! them listen on a port of 127.0.0.1 until the test's process ends.
use socket2::{Domain, Socket, Type};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// Starts a server that sends `greeting` to each client that connects, and then `answer` to each request,
/// whatever the request is. In `answer`, the word `CSEQ` is replaced by the CSeq of the request. Both texts
/// are sent as they are, so write line ends as `\r\n`. Either may be empty. The server runs until the test's
/// process ends. Returns the address and the TCP port at which the server listens.
///
/// # Panics
/// Panics if there is no free port.
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

/// Returns an address and a TCP port of this machine at which nobody listens, so that connections to that
/// port are refused. Until the test's process ends, the system gives the port to nobody who asks for any. A
/// server of this repository that is told to listen there can.
///
/// # Panics
/// Panics if there is no free port.
pub fn nobody() -> SocketAddr {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    // Who sets this, too, can have the port, as long as this socket does not listen.
    socket.set_reuse_address(true).expect("an option of sockets");
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).expect("a free port");
    let address = socket.local_addr().expect("a bound socket").as_socket().expect("an address of IP");
    // Other tests run at the same time, and take ports.
    std::mem::forget(socket);
    address
}

/// What a server answers to the requests of a client, and what it sends after PLAY. [`Self::serve`] starts
/// such a server. The default answers as a correct server of a live JPEG stream, and sends no packet. A
/// test changes the fields that it needs.
#[derive(Clone, Debug)]
pub struct Script {
    /// The session description (SDP) with which the server answers DESCRIBE, right or wrong.
    pub description: String,
    /// The value of the Content-Length header of the answer to DESCRIBE, right or wrong; `None` for the
    /// real length of [`Self::description`].
    pub content_length: Option<String>,
    /// Header lines to add to the reply to PLAY, each with its line end. If this is empty, no line is added.
    pub play: String,
    /// What the server does after the reply to PLAY, in order. During these steps, the server reads no
    /// request. After the last step, it answers requests again.
    pub steps: Vec<Step>,
}

/// One thing that the server of a [`Script`] does after PLAY.
#[derive(Clone, Debug)]
pub enum Step {
    /// Sends a packet, given by its channel and its bytes. Channel 0 is RTP, and channel 1 is RTCP. The
    /// packet goes over the transport that the client asked for in SETUP. A packet on any other channel is
    /// always sent interleaved.
    Packet(u8, Vec<u8>),
    /// Writes exactly these bytes to the RTSP connection, without the four bytes of interleaved framing.
    Raw(Vec<u8>),
    /// Sends nothing and answers nothing for this long.
    Silence(Duration),
}

impl Default for Script {
    /// Returns the script of a live JPEG stream that sends no packet.
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
    /// Starts a server that plays this script to each client that connects, until the test's process ends.
    /// The server listens on a free port of 127.0.0.1, and answers requests for any URL. Returns a URL of
    /// this server, for a client to watch.
    ///
    /// # Panics
    /// Panics if there is no free port.
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

/// The sockets for RTP and RTCP, and the address of the client's RTP port.
struct Datagrams([UdpSocket; 2], SocketAddr);

impl Datagrams {
    /// Binds sockets for a client that asks for datagrams. Returns `None` if it does not.
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

/// Listens, and has `serve` handle each client on a thread of its own. Returns the address.
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

/// The bytes of requests that have come so far.
#[derive(Default)]
struct Requests(Vec<u8>);

/// The head of a request, in lower case.
struct Request(String);

impl Requests {
    /// Reads the next request, and skips interleaved packets. Returns `None` if the client is gone.
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
