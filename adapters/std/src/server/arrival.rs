//! A connection that was accepted, on its way to an event loop.
use super::limits::Seat;
use mio::net::TcpStream;
use std::net::SocketAddr;

/// A connection that was accepted.
#[derive(Debug)]
pub(super) struct Arrival {
    pub(super) protocol: Protocol,
    pub(super) stream: TcpStream,
    pub(super) address: SocketAddr,
    pub(super) seat: Seat,
}

/// What is spoken on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Rtsp,
    #[cfg(feature = "http")]
    Http,
}

impl Protocol {
    /// How many there are.
    pub(super) const COUNT: usize = if cfg!(feature = "http") { 2 } else { 1 };
}
