//! The listening socket.
use mio::event::Source as _;
use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry, Token};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// The most connections that are accepted before other events have their turn.
const ACCEPTS: usize = 64;
/// The time after which accepting is tried again if it failed, for want of file descriptors.
const AGAIN: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub(super) struct Acceptor {
    listener: TcpListener,
    again: Option<Instant>,
}

impl Acceptor {
    pub(super) fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        // Else a server could not be restarted at once: its closed connections still hold the port.
        #[cfg(unix)]
        socket.set_reuse_address(true)?;
        socket.bind(&SockAddr::from(address))?;
        socket.listen(1024)?;
        Self::of(socket.into())
    }

    /// Accepts connections of a socket that listens already.
    pub(super) fn of(listener: std::net::TcpListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        Ok(Self { listener: TcpListener::from_std(listener), again: None })
    }

    pub(super) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    pub(super) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        self.listener.register(registry, token, Interest::READABLE)
    }

    /// Returns when to call [`Self::accept`] even without an event of the listener; `None` if there is
    /// no need.
    pub(super) const fn again(&self) -> Option<Instant> {
        self.again
    }

    /// Accepts waiting connections, and hands each to `take` with the address of its client.
    pub(super) fn accept(&mut self, mut take: impl FnMut(TcpStream, SocketAddr)) {
        // If there are more, the listener causes no further event for them.
        self.again = Some(Instant::now());
        for _ in 0..ACCEPTS {
            match self.listener.accept() {
                Ok((stream, address)) => take(stream, address),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.again = None;
                    return;
                }
                Err(error) => {
                    tracing::warn!(%error, "no connection could be accepted");
                    self.again = Some(Instant::now() + AGAIN);
                    return;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn a_burst_is_accepted_without_a_pause() {
        let mut acceptor = Acceptor::bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let address = acceptor.local_addr().unwrap();
        let clients: Vec<_> =
            (0..3 * ACCEPTS / 2).map(|_| std::net::TcpStream::connect(address).unwrap()).collect();
        let (mut accepted, mut calls) = (0, 0);
        loop {
            acceptor.accept(|_, _| accepted += 1);
            calls += 1;
            match acceptor.again() {
                Some(at) => assert!(at <= Instant::now(), "there are more"),
                None => break,
            }
        }
        assert_eq!((accepted, calls), (clients.len(), 2));
    }
}
