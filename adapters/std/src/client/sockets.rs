//! A client's sockets: the RTSP connection, and a UDP pair for each track.
use super::byte_stream::ByteStream;
use super::error::Error;
use super::refusal::Refusal;
use super::tunnel::{Tunnel, rtsp_url};
#[cfg(feature = "tls")]
use crate::tls::{Distrust, Fingerprint};
use crate::udp::{UdpPair, UdpSocket, at_port, same_host};
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use pinhole::client::{Login, Port, Unusable};
use pinhole::rtsp::{Pair, Url};
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::time::Duration;

/// The most receive calls on a socket before other events have their turn.
const RECEIVES: usize = 64;

/// The RTSP connection.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: ByteStream,
    local: SocketAddr,
    server: SocketAddr,
    readable: bool,
    writable: bool,
    /// Carries requests to the server, if RTSP is spoken over HTTP.
    tunnel: Option<Box<Tunnel>>,
}

/// Returns whether a URL asks for RTSP inside TLS, perhaps over HTTP.
pub(crate) fn is_secure(url: &str) -> bool {
    Url::parse(rtsp_url(url).0.as_bytes()).is_ok_and(|url| url.is_secure())
}

/// Connects to the first of the host's addresses that answers. Blocks.
///
/// # Errors
/// The URL is invalid, the host is not found, or no address answers within `timeout`.
pub(crate) fn connect(url: &str, timeout: Duration) -> Result<std::net::TcpStream, Error> {
    let parsed = Url::parse(url.as_bytes()).map_err(|error| Error::Unusable(Unusable::Url(error)))?;
    // The URL is a `str`, so that nothing is lost.
    let (host, port) = (String::from_utf8_lossy(parsed.host()), parsed.port());
    // In a URL, the percent sign before the interface of a link-local address is encoded (RFC 6874, 2).
    let host = host.replacen("%25", "%", 1);
    let resolve = |source| Error::Resolve { host: host.clone(), source };
    let addresses = (&*host, port).to_socket_addrs().map_err(resolve)?;
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in addresses {
        match std::net::TcpStream::connect_timeout(&address, timeout) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    let address = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
    Err(Error::Connect { address, source: last })
}

impl Connection {
    pub(crate) fn new(stream: std::net::TcpStream, registry: &Registry, token: Token) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        let mut stream = TcpStream::from_std(stream);
        registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        Self::registered(stream)
    }

    /// Takes a connection that is made, and whose socket is registered already.
    pub(crate) fn registered(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        let (local, server) = (stream.local_addr()?, stream.peer_addr()?);
        Ok(Self { stream: stream.into(), local, server, readable: true, writable: true, tunnel: None })
    }

    /// Puts RTSP inside TLS if `url` asks for that. The server is known by `fingerprint`, or without one by the system's
    /// store of certificates.
    ///
    /// # Errors
    /// The host can be the name of no server.
    #[cfg(feature = "tls")]
    pub(crate) fn secured(mut self, url: &str, fingerprint: Option<Fingerprint>) -> Result<Self, Distrust> {
        if is_secure(url) {
            self.stream.secure(url, fingerprint)?;
        }
        Ok(self)
    }

    /// Takes the reason why the server is not trusted, if it is not.
    #[cfg(feature = "tls")]
    pub(crate) fn take_distrust(&mut self) -> Option<Distrust> {
        let of_post = self.tunnel.as_mut().and_then(|tunnel| tunnel.take_distrust());
        self.stream.take_distrust().or(of_post)
    }

    /// Makes this the GET of a tunnel to the server of `url`, which logs in by `login` if the server asks for that. Its
    /// POST is registered as `token`, too.
    ///
    /// # Errors
    /// The system has no random numbers or descriptors, or the URL is invalid.
    pub(crate) fn tunnelled(
        mut self,
        url: &str,
        login: Option<Login>,
        registry: &Registry,
        token: Token,
    ) -> io::Result<Self> {
        self.tunnel = Some(Box::new(Tunnel::new(url, login, registry, token)?));
        Ok(self)
    }

    /// Takes the reason why the server opens no tunnel, if it has said one.
    pub(crate) fn take_refusal(&mut self) -> Option<Refusal> {
        self.tunnel.as_mut()?.take_refusal()
    }

    pub(crate) const fn ready(&mut self, readable: bool, writable: bool) {
        self.readable |= readable;
        self.writable |= writable;
    }

    pub(crate) const fn is_readable(&self) -> bool {
        self.readable
    }

    pub(crate) fn is_writable(&self) -> bool {
        self.writable && self.tunnel.as_ref().is_none_or(|tunnel| tunnel.takes_more())
    }

    /// Returns this end of the connection.
    pub(crate) const fn local(&self) -> SocketAddr {
        self.local
    }

    /// Returns the server's end of the connection.
    pub(crate) const fn server(&self) -> SocketAddr {
        self.server
    }

    /// Reads what is there, and returns how many bytes; 0 if there is nothing now.
    ///
    /// # Errors
    /// The connection is lost, or the server has closed it.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.readable {
            let read = self.read_once(buffer);
            match read {
                Ok(0) => {
                    self.readable = false;
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.readable = false,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.readable = false;
                    return Err(error);
                }
                read => return read,
            }
        }
        Ok(0)
    }

    fn read_once(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.tunnel {
            None => self.stream.read(buffer),
            Some(tunnel) => tunnel.read(&mut self.stream, self.server, buffer),
        }
    }

    fn write_once(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.tunnel {
            None => self.stream.write(bytes),
            Some(tunnel) => tunnel.write(&mut self.stream, self.server, bytes),
        }
    }

    /// Writes what [`Self::write`] has taken and the socket has not.
    ///
    /// # Errors
    /// The connection is lost.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()?;
        match self.tunnel.as_mut().map(|tunnel| tunnel.flush()) {
            Some(Err(error)) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            _ => Ok(()),
        }
    }

    /// Writes as many bytes as the socket takes, and returns how many; 0 if it takes none now.
    ///
    /// # Errors
    /// The connection is lost.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        while self.writable {
            match self.write_once(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.writable = false,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                written => return written,
            }
        }
        Ok(0)
    }
}

/// One track's UDP sockets.
#[derive(Debug)]
pub(crate) struct TrackSockets {
    pair: UdpPair,
    local: IpAddr,
    /// The server's address, by its interface if it is link-local.
    server: SocketAddr,
    /// A further address that packets may come from.
    source: Option<IpAddr>,
    readable: [bool; 2],
}

impl TrackSockets {
    /// Binds sockets for a track on the address of `local`, and registers them with tokens from `first` on. Receive
    /// buffers of `receive_buffer` bytes are requested of the system.
    ///
    /// # Errors
    /// No pair of ports was found, or the system refuses a socket.
    pub(crate) fn bind(
        (local, server): (SocketAddr, SocketAddr),
        receive_buffer: usize,
        registry: &Registry,
        first: usize,
    ) -> io::Result<Self> {
        let mut pair = UdpPair::bind(local, receive_buffer)?;
        pair.rtp.register(registry, Token(first))?;
        pair.rtcp.register(registry, Token(first + 1))?;
        Ok(Self { pair, local: local.ip(), server, source: None, readable: [true; 2] })
    }

    pub(crate) fn ports(&self) -> Pair<u16> {
        Pair { rtp: self.pair.rtp.port(), rtcp: self.pair.rtcp.port() }
    }

    pub(crate) fn ready(&mut self, number: usize) {
        if let Some(readable) = self.readable.get_mut(number) {
            *readable = true;
        }
    }

    /// Returns the most bytes that wait in the kernel, as the kernel counts them.
    pub(crate) const fn receive_buffer(&self) -> usize {
        self.pair.rtp.receive_buffer()
    }

    /// Returns how many bytes of RTP packets are sure to fit what waits in the kernel.
    pub(crate) fn packet_room(&self) -> u32 {
        self.pair.rtp.packet_room()
    }

    /// Sets the address that the server's packets come from; `None` means its own.
    pub(crate) fn comes_from(&mut self, source: Option<IpAddr>) {
        self.source = source;
    }

    /// Receives the waiting datagrams of the server, and hands each to `take`. Returns whether there may
    /// be more. Datagrams from elsewhere are ignored.
    pub(crate) fn receive(&mut self, port: Port, buffer: &mut [u8], mut take: impl FnMut(&[u8])) -> bool {
        let [rtp, rtcp] = &mut self.readable;
        let (socket, readable) = match port {
            Port::Rtp => (&self.pair.rtp, rtp),
            Port::Rtcp => (&self.pair.rtcp, rtcp),
        };
        if *readable {
            let (server, source) = (self.server, self.source);
            let more = socket.receive(buffer, RECEIVES, |from, datagram| {
                // Anybody can send to a port.
                if same_host(from, server) || Some(from.ip()) == source {
                    take(datagram);
                }
            });
            *readable = more.unwrap_or_else(|error| {
                tracing::warn!(%error, "a UDP socket failed");
                false
            });
        }
        *readable
    }

    pub(crate) fn send(&self, port: Port, to: u16, datagram: &[u8]) {
        let socket: &UdpSocket = match port {
            Port::Rtp => &self.pair.rtp,
            Port::Rtcp => &self.pair.rtcp,
        };
        socket.send(at_port(self.server, to), Some(self.local), datagram, datagram.len());
    }
}
