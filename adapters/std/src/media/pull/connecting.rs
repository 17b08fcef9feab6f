//! Connects to the first of a host's addresses that answers, without waiting.
use crate::client::sockets::Connection;
use crate::client::tunnel::is_connected;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use pinhole::time::{Duration, Instant};
use std::io;
use std::net::SocketAddr;
use std::vec;

/// How long one address has to accept a connection.
const TIMEOUT: Duration = Duration::from_secs(5);

/// A connection that is being made.
#[derive(Debug)]
pub(super) struct Connecting {
    /// The one under way.
    stream: Option<TcpStream>,
    until: Instant,
    /// The addresses that come after it.
    addresses: vec::IntoIter<SocketAddr>,
    last: io::Error,
}

impl Connecting {
    /// Begins to connect to the first of `addresses`. Call [`Self::poll`] next.
    pub(super) fn new(addresses: Vec<SocketAddr>) -> Self {
        let last = io::Error::from(io::ErrorKind::AddrNotAvailable);
        Self { stream: None, until: Instant::ZERO, addresses: addresses.into_iter(), last }
    }

    /// Returns when to poll this, if no event comes before.
    pub(super) const fn until(&self) -> Instant {
        self.until
    }

    /// Goes on. Call this after each event of the socket, and at [`Self::until`]. Returns the connection once there is
    /// one.
    ///
    /// # Errors
    /// None of the addresses accepts a connection; this is the error of the last one.
    pub(super) fn poll(
        &mut self,
        now: Instant,
        registry: &Registry,
        token: Token,
    ) -> io::Result<Option<Connection>> {
        loop {
            if let Some(stream) = self.stream.take() {
                match is_connected(&stream) {
                    Ok(true) => return Connection::registered(stream).map(Some),
                    Ok(false) if now < self.until => {
                        self.stream = Some(stream);
                        return Ok(None);
                    }
                    Ok(false) => self.last = io::ErrorKind::TimedOut.into(),
                    Err(error) => self.last = error,
                }
            }
            let Some(address) = self.addresses.next() else {
                return Err(std::mem::replace(&mut self.last, io::ErrorKind::NotConnected.into()));
            };
            self.until = now + TIMEOUT;
            let begun = TcpStream::connect(address).and_then(|mut stream| {
                registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
                Ok(stream)
            });
            match begun {
                Ok(stream) => self.stream = Some(stream),
                Err(error) => self.last = error,
            }
        }
    }
}
