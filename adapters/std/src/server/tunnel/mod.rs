//! RTSP over HTTP, as QuickTime has introduced it and the ONVIF Streaming Specification has it (5.1.1.4): what a server
//! sends is the answer to a GET, and what its client sends is the body of a POST, in base64, on another connection. A
//! header field, `x-sessioncookie`, says which two belong together.
//!
//! [`Tunnels`] knows the cookies of all GETs. The GET becomes an ordinary RTSP connection, whose bytes come from a
//! [`TunnelInput`] instead of its own socket. The POST goes to the event loop of the GET, which attaches it there.
mod decoder;
mod input;

use super::byte_stream::ByteStream;
use super::limits::Seat;
use mio::{Interest, Registry, Token};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

#[cfg(feature = "simulation")]
pub(super) use decoder::Decoder;
pub(super) use input::TunnelInput;

/// The media type of both ways.
pub(super) const MEDIA_TYPE: &str = "application/x-rtsp-tunnelled";
/// The longest cookie in bytes. QuickTime's have 22.
const MAX_COOKIE: usize = 128;

/// What names a tunnel: its client's address, whether it is inside TLS, and the value of `x-sessioncookie`. So a POST from
/// another address or without TLS finds nothing, whatever it has overheard, and no client can take the cookie of one at
/// another address.
type Key = (IpAddr, bool, Box<[u8]>);

/// The tunnels of a server, which all event loops share.
#[derive(Debug, Default)]
pub(super) struct Tunnels {
    all: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    places: HashMap<Key, Place>,
    /// How many there have been.
    count: u64,
}

/// Where a tunnel is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The number of the tunnel, which no other one has or had.
    id: u64,
    /// The worker that has the GET.
    pub(super) worker: usize,
    /// The number of the connection at that worker.
    pub(super) index: usize,
}

/// The right of a GET to its cookie, which ends when this is dropped.
#[derive(Debug)]
pub(super) struct Registration {
    tunnels: Arc<Tunnels>,
    key: Key,
    id: u64,
}

/// A connection whose client sends requests by POST.
#[derive(Debug)]
pub(super) struct Post {
    stream: ByteStream,
    /// What came of the body already.
    text: Vec<u8>,
    /// It counts among the connections for as long as it is there.
    _seat: Seat,
}

impl Tunnels {
    /// Registers the cookie of a GET that came from `address`, inside TLS if it `is_secure`. Returns `None` if the cookie is in use, or is none. POSTs
    /// are found once [`Registration::place`] was called.
    pub(super) fn register(
        self: &Arc<Self>,
        address: SocketAddr,
        is_secure: bool,
        cookie: &[u8],
    ) -> Option<Registration> {
        let key = key(address, is_secure, cookie)?;
        let mut known = self.known();
        let id = known.count;
        let Entry::Vacant(entry) = known.places.entry(key.clone()) else { return None };
        entry.insert(Place { id, worker: usize::MAX, index: usize::MAX });
        known.count += 1;
        drop(known);
        Some(Registration { tunnels: Arc::clone(self), key, id })
    }

    /// Returns where the tunnel is whose GET came from the address of `address` with this cookie, inside TLS if this
    /// `is_secure`; `None` if there is none.
    pub(super) fn find(&self, address: SocketAddr, is_secure: bool, cookie: &[u8]) -> Option<Place> {
        let key = key(address, is_secure, cookie)?;
        self.known().places.get(&key).copied()
    }

    /// Held for a few steps only.
    fn known(&self) -> MutexGuard<'_, Known> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Registration {
    /// Notes which worker has the GET, and as which of its connections.
    pub(super) fn place(&self, worker: usize, index: usize) {
        if let Some(place) = self.tunnels.known().places.get_mut(&self.key) {
            (place.worker, place.index) = (worker, index);
        }
    }

    /// Returns whether `place` is that of this tunnel.
    pub(super) const fn is_at(&self, place: Place) -> bool {
        self.id == place.id
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.tunnels.known().places.remove(&self.key);
    }
}

impl Post {
    /// Takes a connection on which a head has come, and `text` after it. It is watched together with that of the GET, as
    /// `token`.
    ///
    /// # Errors
    /// The system refuses to watch it.
    pub(super) fn new(
        mut stream: ByteStream,
        seat: Seat,
        text: Vec<u8>,
        registry: &Registry,
        token: Token,
    ) -> io::Result<Self> {
        registry.register(&mut stream.socket, token, Interest::READABLE)?;
        Ok(Self { stream, text, _seat: seat })
    }
}

/// Returns what names the tunnel of a client; `None` if the cookie is none.
fn key(address: SocketAddr, is_secure: bool, cookie: &[u8]) -> Option<Key> {
    let is_cookie = (1..=MAX_COOKIE).contains(&cookie.len()) && cookie.iter().all(u8::is_ascii_graphic);
    is_cookie.then(|| (address.ip().to_canonical(), is_secure, cookie.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn from(host: u8, port: u16) -> SocketAddr {
        (Ipv4Addr::new(10, 0, 0, host), port).into()
    }

    #[test]
    fn a_cookie_leads_to_one_get_of_the_same_address() {
        let tunnels = Arc::new(Tunnels::default());
        let first = tunnels.register(from(1, 1000), false, b"abc").unwrap();
        first.place(2, 7);
        let place = tunnels.find(from(1, 1001), false, b"abc").expect("the port does not matter");
        assert!(first.is_at(place) && (place.worker, place.index) == (2, 7));
        let mapped = SocketAddr::new(Ipv4Addr::new(10, 0, 0, 1).to_ipv6_mapped().into(), 9);
        assert_eq!(tunnels.find(mapped, false, b"abc"), Some(place));
        assert_eq!(
            (tunnels.find(from(2, 1), false, b"abc"), tunnels.find(from(1, 1), false, b"abd")),
            (None, None)
        );
        assert!(tunnels.register(from(1, 1002), false, b"abc").is_none(), "it is in use");
        assert_eq!(tunnels.find(from(1, 1001), true, b"abc"), None, "it is without TLS");
        let other =
            tunnels.register(from(2, 1000), false, b"abc").expect("another address has cookies of its own");
        drop(first);
        assert_eq!(tunnels.find(from(1, 1001), false, b"abc"), None);
        let again = tunnels.register(from(1, 1000), false, b"abc").unwrap();
        assert!(!again.is_at(place) && tunnels.find(from(2, 1), false, b"abc").is_some());
        drop((again, other));
        assert!(tunnels.known().places.is_empty());
    }

    #[test]
    fn a_cookie_has_some_visible_characters() {
        let tunnels = Arc::new(Tunnels::default());
        for bad in [&b""[..], b"a b", b"a\0", b"\xff", &[b'x'; MAX_COOKIE + 1]] {
            assert!(tunnels.register(from(1, 1), false, bad).is_none(), "{bad:?}");
        }
        assert!(tunnels.register(from(1, 1), false, &[b'x'; MAX_COOKIE]).is_some());
    }
}
