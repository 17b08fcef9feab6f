//! A connection that was accepted, on its way to an event loop.
use super::byte_stream::ByteStream;
use super::limits::Seat;
#[cfg(feature = "http")]
use super::tunnel::{Place, TunnelInput};
use std::net::SocketAddr;

/// A connection that was accepted, or that has turned out to be of another role than it was admitted in.
#[derive(Debug)]
pub(super) struct Arrival {
    pub(super) role: Role,
    pub(super) stream: ByteStream,
    pub(super) address: SocketAddr,
    pub(super) seat: Seat,
}

impl Arrival {
    /// Returns whether it is not known yet whose it is: it is a proxy's.
    pub(super) const fn is_proxy(&self) -> bool {
        matches!(self.role, Role::Proxied(_))
    }
}

/// What is spoken at a listening socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Rtsp,
    #[cfg(feature = "http")]
    Http,
    /// TLS, with either of them inside.
    #[cfg(feature = "tls")]
    Tls,
}

impl Protocol {
    /// How many there are at most.
    pub(super) const COUNT: usize = 3;
}

/// What a connection is for, as far as that is known when it is admitted.
#[derive(Debug)]
pub(super) enum Role {
    /// Its client speaks RTSP. It is admitted anew if it speaks HTTP.
    Rtsp,
    /// It comes from a proxy, which says whose it is. It is admitted anew, as one of this protocol, when it has.
    Proxied(Protocol),
    /// Its client speaks HTTP, and may see the pages only if it has come to their port, or inside TLS. It is admitted anew
    /// if it is one of the two of a tunnel.
    #[cfg(feature = "http")]
    Http { has_pages: bool },
    /// It is the GET of a tunnel, whose client sends what it has to say elsewhere.
    #[cfg(feature = "http")]
    Get(Box<TunnelInput>),
    /// It is a POST for the tunnel at this place, of whose body this has come.
    #[cfg(feature = "http")]
    Post(Place, Vec<u8>),
    /// Its client begins with a handshake of TLS. It is admitted anew when that is finished.
    #[cfg(feature = "tls")]
    Handshake,
}

impl From<Protocol> for Role {
    fn from(protocol: Protocol) -> Self {
        match protocol {
            Protocol::Rtsp => Self::Rtsp,
            #[cfg(feature = "http")]
            Protocol::Http => Self::Http { has_pages: true },
            #[cfg(feature = "tls")]
            Protocol::Tls => Self::Handshake,
        }
    }
}
