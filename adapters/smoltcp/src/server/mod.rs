//! An RTSP server on smoltcp sockets.
mod check;
mod connection;

pub use check::Unusable;
pub use connection::Connection;

use crate::time::to_smoltcp;
use crate::udp::{Outlet, SOCKET, UdpPair};
use connection::Storage;
use core::net::SocketAddr;
use pinhole::frame::{FrameId, FrameStore, TrackId};
use pinhole::rtsp::Url;
use pinhole::sdp::Presentation;
use pinhole::server::{Claim, Config, Event, MAX_TRACKS, Port, Summary};
use pinhole::time::{Duration, Now};
use smoltcp::iface::SocketSet;
use smoltcp::socket::udp;
use smoltcp::wire::IpListenEndpoint;

/// [`Config::DEFAULT`], with a session timeout that suits Ethernet: 50 s.
///
/// smoltcp knows a neighbour for 60 s after it was last heard. A UDP socket whose next packet is for one
/// that it does not know, and that does not answer, rests for a second, with the packets of all others
/// behind: they lose frames. A client that vanishes does this to nobody if its session ends before.
pub const CONFIG: Config = {
    let mut config = Config::DEFAULT;
    config.session_timeout = Duration::from_secs(50);
    config
};

/// What a server asks of the program that it is part of.
pub trait Application {
    /// A number that is hard to guess, and another one each time: session identifiers come from it
    /// (RFC 2326, 3.4). It is drawn once for each connection.
    fn random(&mut self) -> u64;

    /// The number of the medium that a URL names: [`TrackId::media`]. `None`: there is none.
    fn find(&self, url: &Url<'_>) -> Option<u16>;

    /// Describes a medium that [`Self::find`] found. Its duration says whether it is live: a live
    /// one is played from its newest frame on. The address type is filled in by the server.
    fn describe(&self, media: u16) -> Presentation<'_>;

    /// Takes note of what happened on the connection of `peer`: any event but
    /// [`Event::Request`].
    fn on_event(&mut self, peer: SocketAddr, event: &Event<'_>) {
        let _ = (peer, event);
    }
}

/// An RTSP server: as many clients at once as it is lent connections.
///
/// In each turn of the caller's loop, after [`Interface::poll`](smoltcp::iface::Interface::poll):
/// [`Server::poll`].
#[derive(Debug)]
pub struct Server<'a, const TRACKS: usize = MAX_TRACKS> {
    listen: IpListenEndpoint,
    udp: Option<UdpPair>,
    config: Config,
    ip_mtu: usize,
    /// The transmit buffers of `udp`: RTP's and RTCP's.
    outlets: [Outlet; 2],
    connections: &'a mut [Connection<'a, TRACKS>],
    storage: Storage<'a>,
    /// Who has the first turn: the sockets that are shared go round.
    first: usize,
    closing: bool,
}

impl<'a, const TRACKS: usize> Server<'a, TRACKS> {
    /// A server that will listen on `listen`, and send by UDP from `udp`; without that, only
    /// interleaved in the RTSP connection. All its sockets are of `sockets`, which has no others at
    /// its ports.
    ///
    /// `ip_mtu` is the interface's, [`DeviceCapabilities::ip_mtu`]: [`Config::max_packet`] must leave
    /// room in it for the headers of UDP and IP, 28 bytes. Those of IPv6 take 20 more, and clients
    /// that come by it are sent packets that are shorter if need be.
    ///
    /// `storage` is where requests are read and replies are written, for one connection after the
    /// other: [`Config::storage_len`] bytes for the longest request that is taken.
    ///
    /// [`DeviceCapabilities::ip_mtu`]: smoltcp::phy::DeviceCapabilities::ip_mtu
    ///
    /// # Errors
    /// [`Unusable`], which says what is wrong.
    ///
    /// # Panics
    /// As [`SocketSet::get`] does, if a handle is not of `sockets`.
    pub fn new(
        listen: impl Into<IpListenEndpoint>,
        udp: Option<UdpPair>,
        config: Config,
        connections: &'a mut [Connection<'a, TRACKS>],
        storage: &'a mut [u8],
        sockets: &SocketSet<'_>,
        ip_mtu: usize,
    ) -> Result<Self, Unusable> {
        let listen = listen.into();
        check::listener(listen.port, connections, storage.len(), config, sockets)?;
        if let Some(udp) = udp {
            check::udp(udp, config, sockets, ip_mtu)?;
        }
        let outlets = [Outlet::default(); 2];
        let storage = Storage::new(storage);
        Ok(Self { listen, udp, config, ip_mtu, outlets, connections, storage, first: 0, closing: false })
    }

    /// Does all that can be done now; returns when to come back, if nothing comes in before: with
    /// [`Interface::poll_at`](smoltcp::iface::Interface::poll_at), the earlier of the two, and
    /// after each [`Interface::poll`](smoltcp::iface::Interface::poll) that changed a socket. Also
    /// to be called when `store` has a new frame.
    ///
    /// # Panics
    /// As [`SocketSet::get_mut`] does, if a handle of the server's is not of `sockets`.
    pub fn poll<S, A>(
        &mut self,
        now: Now,
        sockets: &mut SocketSet<'_>,
        store: &S,
        app: &mut A,
    ) -> Option<smoltcp::time::Instant>
    where
        S: FrameStore + ?Sized,
        A: Application + ?Sized,
    {
        self.receive(now, sockets);
        let ports = self.udp.and_then(|udp| udp.ports(sockets, self.config.max_packet));
        let mut shared = connection::Shared {
            now,
            config: self.config,
            ip_mtu: self.ip_mtu,
            listen: self.listen,
            udp: self.udp,
            ports,
            outlets: &mut self.outlets,
            storage: &mut self.storage,
            closing: self.closing,
        };
        let count = self.connections.len();
        let (behind, ahead) = self.connections.split_at_mut_checked(self.first).unwrap_or_default();
        let turns = ahead.iter_mut().chain(behind);
        let wake = turns.filter_map(|connection| connection.turn(&mut shared, sockets, store, app)).min();
        let wake = wake.into_iter().chain(self.outlets.iter().filter_map(Outlet::due)).min();
        self.first = self.first.wrapping_add(1).checked_rem(count).unwrap_or(0);
        wake.map(to_smoltcp)
    }

    /// Ends all sessions and connections, and listens no more; [`Self::poll`] does the rest.
    pub fn close(&mut self) {
        self.closing = true;
        self.connections.iter_mut().for_each(Connection::close);
    }

    /// How many connections are in use: those of clients, and those that still part from one.
    pub fn connected(&self) -> usize {
        self.connections.iter().filter(|connection| !connection.is_idle()).count()
    }

    /// The frames that sessions read next: [`pinhole::server::ServerConn::wanted`].
    pub fn wanted(&self) -> impl Iterator<Item = (TrackId, FrameId)> {
        self.connections.iter().filter_map(Connection::conn).flat_map(|conn| conn.wanted())
    }

    /// The figures of each session's tracks so far: [`pinhole::server::ServerConn::summaries`].
    pub fn summaries(&self, now: Now) -> impl Iterator<Item = (TrackId, Summary)> {
        self.connections.iter().filter_map(Connection::conn).flat_map(move |conn| conn.summaries(now))
    }

    /// Gives each datagram that has come to the connection with the greatest claim to it, and sees
    /// what became of those that were sent.
    fn receive(&mut self, now: Now, sockets: &mut SocketSet<'_>) {
        let Some(udp) = self.udp else { return };
        for (port, outlet) in [Port::Rtp, Port::Rtcp].into_iter().zip(&mut self.outlets) {
            let socket = sockets.get_mut::<udp::Socket<'_>>(udp.handle(port));
            while let Ok((datagram, metadata)) = socket.recv() {
                let from = SocketAddr::from(metadata.endpoint);
                let claims = self.connections.iter_mut().map(|connection| {
                    let claim =
                        connection.conn().map_or(Claim::No, |conn| conn.claim(from, SOCKET, port, datagram));
                    (connection, claim)
                });
                // A tie is nobody's: both keep to the ports that their clients announced.
                if let Some((connection, _)) = Claim::strongest(claims) {
                    connection.handle_datagram(now, from, port, datagram);
                }
            }
            if let Some(peer) = outlet.look(now.at, socket) {
                self.connections.iter_mut().for_each(|connection| connection.miss(peer));
            }
        }
    }
}
