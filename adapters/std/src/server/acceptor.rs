//! The listening socket.
use mio::event::Source as _;
use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry, Token};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How many connections are accepted before the others get their turn.
const ACCEPTS: usize = 64;
/// After what time a refused accept (no file descriptors left) is tried again.
const AGAIN: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub(super) struct Acceptor {
    listener: TcpListener,
    again: Option<Instant>,
}

impl Acceptor {
    pub(super) fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        // A server that is started again at once finds its own closed connections on the port.
        #[cfg(unix)]
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&SockAddr::from(address))?;
        socket.listen(1024)?;
        Ok(Self { listener: TcpListener::from_std(socket.into()), again: None })
    }

    pub(super) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    pub(super) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        self.listener.register(registry, token, Interest::READABLE)
    }

    /// When to call [`Self::accept`] though the listener does not say so.
    pub(super) const fn again(&self) -> Option<Instant> {
        self.again
    }

    /// Hands the connections that wait to `take`.
    pub(super) fn accept(&mut self, mut take: impl FnMut(TcpStream, SocketAddr)) {
        self.again = None;
        for _ in 0..ACCEPTS {
            match self.listener.accept() {
                Ok((stream, address)) => take(stream, address),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) => {
                    tracing::warn!(%error, "no connection could be accepted");
                    break;
                }
            }
        }
        // There may be more, and the listener will not say so again.
        self.again = Some(Instant::now() + AGAIN);
    }
}
