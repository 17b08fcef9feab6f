//! A connection of whatever protocol, as an event loop knows it.
use super::Event;
use super::arrival::{Arrival, Role};
#[cfg(feature = "http")]
use super::http::HttpConnection;
#[cfg(feature = "metrics")]
use super::logins::Logins;
#[cfg(feature = "metrics")]
use super::observe::{Kind, Row};
use super::peer::{Next, Peer};
use super::proxied::Proxied;
use super::shared::Shared;
#[cfg(feature = "tls")]
use super::tls::Handshake;
#[cfg(feature = "http")]
use super::tunnel::{Place, Post};
use mio::{Registry, Token};
use pinhole::frame::TrackId;
use pinhole::rtp::Want;
use pinhole::server::{Config, Login, Port, SessionId, UdpRoute};
use pinhole::time::Now;
use std::io;
use std::net::SocketAddr;

/// A client, and the connection with it.
#[expect(clippy::large_enum_variant, reason = "most are of RTSP, and each packet would cost another access")]
pub(super) enum Connection {
    Rtsp(Peer),
    #[cfg(feature = "http")]
    Http(HttpConnection),
    #[cfg(feature = "tls")]
    Handshake(Handshake),
    Proxied(Proxied),
}

impl Connection {
    /// # Errors
    /// The connection is lost, or the system refuses to watch it; [`io::ErrorKind::NotConnected`] for a POST, which is
    /// attached to the connection of its GET instead.
    pub(super) fn new(
        now: Now,
        arrival: Arrival,
        config: Config,
        registry: &Registry,
        token: Token,
    ) -> io::Result<Self> {
        let Arrival { role, stream, address, seat } = arrival;
        let client = (address, seat);
        Ok(match role {
            Role::Rtsp => Self::Rtsp(Peer::new(now, stream, client, config, registry, token)?),
            Role::Proxied(protocol) => {
                let timeout = config.request_timeout;
                Self::Proxied(Proxied::new(now, stream.socket, client, protocol, timeout, registry, token)?)
            }
            #[cfg(feature = "http")]
            Role::Http { has_pages } => {
                Self::Http(HttpConnection::new(now, stream, client, has_pages, registry, token)?)
            }
            #[cfg(feature = "http")]
            Role::Get(input) => {
                Self::Rtsp(Peer::new(now, stream, client, config, registry, token)?.tunnelled(input))
            }
            #[cfg(feature = "http")]
            Role::Post(..) => return Err(io::ErrorKind::NotConnected.into()),
            #[cfg(feature = "tls")]
            Role::Handshake => {
                let timeout = config.request_timeout;
                Self::Handshake(Handshake::new(now, stream.socket, client, timeout, registry, token)?)
            }
        })
    }

    /// Returns the connection as what it has turned out to be, after [`Next::Readmit`]; `None` if it is nothing else.
    pub(super) fn into_arrival(self) -> Option<Arrival> {
        match self {
            #[cfg(feature = "http")]
            Self::Rtsp(peer) => Some(peer.into_arrival()),
            #[cfg(not(feature = "http"))]
            Self::Rtsp(_) => None,
            #[cfg(feature = "http")]
            Self::Http(http) => Some(http.into_arrival()),
            #[cfg(feature = "tls")]
            Self::Handshake(handshake) => handshake.into_arrival(),
            Self::Proxied(proxied) => proxied.into_arrival(),
        }
    }

    /// Returns whether the connection is the GET of the tunnel at `place`.
    #[cfg(feature = "http")]
    pub(super) fn is_at(&self, place: Place) -> bool {
        match self {
            Self::Rtsp(peer) => peer.is_at(place),
            _ => false,
        }
    }

    /// Attaches a POST to the GET of its tunnel.
    #[cfg(feature = "http")]
    pub(super) fn attach(&mut self, post: Post) {
        if let Self::Rtsp(peer) = self {
            peer.attach(post);
        }
    }

    pub(super) fn deregister(&mut self, registry: &Registry) {
        match self {
            Self::Rtsp(peer) => peer.deregister(registry),
            #[cfg(feature = "http")]
            Self::Http(http) => http.deregister(registry),
            #[cfg(feature = "tls")]
            Self::Handshake(handshake) => handshake.deregister(registry),
            Self::Proxied(proxied) => proxied.deregister(registry),
        }
    }

    pub(super) const fn ready(&mut self, readable: bool, writable: bool) {
        match self {
            Self::Rtsp(peer) => peer.ready(readable, writable),
            #[cfg(feature = "http")]
            Self::Http(http) => http.ready(readable, writable),
            #[cfg(feature = "tls")]
            Self::Handshake(handshake) => handshake.ready(readable, writable),
            Self::Proxied(proxied) => proxied.ready(readable),
        }
    }

    /// Takes note of whether it reads live media.
    pub(super) const fn set_live(&mut self, live: bool) {
        if let Self::Rtsp(peer) = self {
            peer.set_live(live);
        }
    }

    pub(super) fn reads(&self, of: impl Fn(TrackId) -> bool) -> bool {
        self.wanted().any(|want| of(want.track))
    }

    /// Returns whether a request waits for the source of a medium.
    pub(super) fn awaits(&self, of: impl Fn(u16) -> bool) -> bool {
        match self {
            Self::Rtsp(peer) => peer.awaits(of),
            _ => false,
        }
    }

    /// Returns the frame that each of the streams in play sends next.
    pub(super) fn wanted(&self) -> impl Iterator<Item = Want> {
        let (rtsp, http) = match self {
            Self::Rtsp(peer) => (Some(peer.wanted()), None),
            #[cfg(feature = "http")]
            Self::Http(http) => (None, http.wanted()),
            #[cfg(feature = "tls")]
            Self::Handshake(_) => (None, None),
            Self::Proxied(_) => (None, None),
        };
        rtsp.into_iter().flatten().chain(http)
    }

    /// Takes the tracks that travel by UDP, if they may have changed since the last call.
    pub(super) fn take_routes(&mut self) -> Option<impl Iterator<Item = UdpRoute>> {
        match self {
            Self::Rtsp(peer) => peer.take_routes(),
            _ => None,
        }
    }

    pub(super) fn handle_datagram(
        &mut self,
        now: Now,
        from: SocketAddr,
        socket: u8,
        port: Port,
        datagram: &[u8],
    ) {
        if let Self::Rtsp(peer) = self {
            peer.handle_datagram(now, from, socket, port, datagram);
        }
    }

    /// Calls `add` with each stream that is set up. Returns the kind of the connection.
    #[cfg(feature = "metrics")]
    pub(super) fn observe(&self, now: Now, logins: Option<&Logins>, add: &mut dyn FnMut(Row)) -> Kind {
        match self {
            Self::Rtsp(peer) => peer.observe(now, logins, add),
            Self::Http(http) => http.observe(now, logins, add),
            #[cfg(feature = "tls")]
            Self::Handshake(_) => Kind::Beginning,
            Self::Proxied(_) => Kind::Beginning,
        }
    }

    pub(super) fn close(&mut self) {
        match self {
            Self::Rtsp(peer) => peer.close(),
            #[cfg(feature = "http")]
            Self::Http(http) => http.close(),
            #[cfg(feature = "tls")]
            Self::Handshake(handshake) => handshake.close(),
            Self::Proxied(proxied) => proxied.close(),
        }
    }

    /// Returns who is logged in, as far as somebody can be.
    pub(super) fn login(&self) -> Login {
        match self {
            Self::Rtsp(peer) => *peer.login(),
            #[cfg(feature = "http")]
            Self::Http(http) => *http.login(),
            _ => Login::default(),
        }
    }

    pub(super) const fn set_login(&mut self, login: Login) {
        match self {
            Self::Rtsp(peer) => peer.set_login(login),
            #[cfg(feature = "http")]
            Self::Http(http) => http.set_login(login),
            _ => {}
        }
    }

    /// Returns whether one of the media that were set up, or are sent, is such a one.
    pub(super) fn has_media(&self, now: Now, of: impl Fn(u16) -> bool) -> bool {
        self.find_media(now, of).is_some()
    }

    /// Returns the first such medium, with its session, if it has one.
    pub(super) fn find_media(&self, now: Now, of: impl Fn(u16) -> bool) -> Option<(Option<SessionId>, u16)> {
        match self {
            Self::Rtsp(peer) => peer.find_media(now, of).map(|(session, media)| (Some(session), media)),
            #[cfg(feature = "http")]
            Self::Http(http) => {
                http.wanted().map(|want| (None, want.track.media)).filter(|(_, media)| of(*media))
            }
            _ => None,
        }
    }

    pub(super) const fn address(&self) -> SocketAddr {
        match self {
            Self::Rtsp(peer) => peer.address(),
            #[cfg(feature = "http")]
            Self::Http(http) => http.address(),
            #[cfg(feature = "tls")]
            Self::Handshake(handshake) => handshake.address(),
            Self::Proxied(proxied) => proxied.address(),
        }
    }

    /// Returns whether it is not known yet whose it is: it is a proxy's.
    pub(super) const fn is_proxy(&self) -> bool {
        matches!(self, Self::Proxied(_))
    }

    /// Returns whether frames are sent to this client, or will be.
    pub(super) fn is_sending(&self) -> bool {
        match self {
            Self::Rtsp(peer) => peer.is_sending(),
            #[cfg(feature = "http")]
            Self::Http(http) => http.is_sending(),
            #[cfg(feature = "tls")]
            Self::Handshake(_) => false,
            Self::Proxied(_) => false,
        }
    }

    /// Does what can be done now, up to a quantum.
    pub(super) fn turn(&mut self, now: Now, shared: &mut Shared, tell: &mut impl FnMut(&Event)) -> Next {
        match self {
            Self::Rtsp(peer) => peer.turn(now, shared, tell),
            #[cfg(feature = "http")]
            Self::Http(http) => http.turn(now, shared, tell),
            #[cfg(feature = "tls")]
            Self::Handshake(handshake) => handshake.turn(now, shared, tell),
            Self::Proxied(proxied) => proxied.turn(now, &mut shared.scratch),
        }
    }
}
