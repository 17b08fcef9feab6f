//! An RTSP server on smoltcp sockets: [`Server`], with a [`Connection`] for each client at once.
//!
//! The program answers requests and provides frames by an [`Application`], or by a [`Catalog`] in a
//! [`CatalogApp`]. It is also the source of random numbers ([`Random`]), which must be hard to guess: on a
//! board, use the generator of the chip, or a cryptographic generator that is seeded from such a generator.
mod application;
mod check;
mod connection;
mod context;
mod error;
mod established;
mod mtu;
mod rotation;
mod storage;
mod tcp_socket;
mod transmit_queue;

pub use connection::Connection;
pub use error::SetupError;
pub use pinhole::random::Random;
pub use pinhole::server::{Application, Catalog, CatalogApp};
#[cfg(feature = "auth")]
pub use pinhole::server::{LoginApp, Logins, Users};

use crate::time::to_smoltcp;
use crate::udp::{SOCKET, UdpPair};
use context::Context;
use core::net::SocketAddr;
use pinhole::frame::TrackId;
use pinhole::server::{Claim, Config, MAX_TRACKS, Port, Summary, Want};
use pinhole::time::{Duration, Now};
use rotation::Rotation;
use smoltcp::iface::SocketSet;
use smoltcp::socket::udp;
use smoltcp::wire::IpListenEndpoint;
use storage::SharedStorage;
use transmit_queue::TransmitQueue;

/// [`Config::DEFAULT`] with a session timeout of 50 s, for servers on Ethernet, and 5 s for the first request.
///
/// A server has few connections, and those that ask for nothing keep others out.
///
/// smoltcp remembers the hardware address of a neighbour for 60 s after the neighbour's last packet. A
/// neighbour that has vanished is forgotten after that, and does not answer when smoltcp asks for its
/// address. If the next packet of a UDP socket is for such a neighbour, the socket sends nothing for a
/// second, and the other clients lose frames. With a session timeout below 60 s, the session of a client that
/// has vanished ends earlier.
pub const CONFIG: Config = {
    let mut config = Config::DEFAULT;
    config.session_timeout = Duration::from_secs(50);
    config.request_timeout = Duration::from_secs(5);
    config
};

/// An RTSP server on smoltcp sockets, for as many clients at once as it has [`Connection`]s. If all
/// connections are in use, the TCP connection of another client is refused.
///
/// Call [`Self::poll`] in each turn of the main loop, after
/// [`Interface::poll`](smoltcp::iface::Interface::poll). `TRACKS` is the number of tracks that each client
/// can have set up at once, from 1 to [`MAX_TRACKS`]; a SETUP of another track is refused with 453.
#[derive(Debug)]
pub struct Server<'a, const TRACKS: usize = MAX_TRACKS> {
    listen: IpListenEndpoint,
    udp: Option<UdpPair>,
    config: Config,
    ip_mtu: usize,
    /// The transmit buffers of `udp`: RTP's and RTCP's.
    queues: [TransmitQueue; 2],
    connections: &'a mut [Connection<TRACKS>],
    storage: SharedStorage<'a>,
    /// Index of the connection that is polled first: shared buffers are shared fairly.
    first: usize,
    rotation: Rotation,
    closing: bool,
}

impl<'a, const TRACKS: usize> Server<'a, TRACKS> {
    /// Creates a server that listens on `listen`, which is a TCP port with or without an address of the
    /// interface. The server sends datagrams through `udp`. If `udp` is `None`, the server sends only
    /// interleaved in the RTSP connection. All sockets of the server must be in `sockets`. No other socket
    /// in `sockets` may have a port of the server.
    ///
    /// `connections` are the places of clients: their number is the greatest number of clients at once.
    ///
    /// `storage` holds requests and replies, for one connection after another. Give `storage` the length
    /// that [`Config::storage_len`] returns for the length of the longest request that is to be accepted. A
    /// longer request is answered with 413. A request that is longer than the receive buffer of its
    /// connection is also answered with 413.
    ///
    /// `ip_mtu` is the interface's MTU, [`DeviceCapabilities::ip_mtu`]. With `udp`, a packet of
    /// [`Config::max_packet`] bytes and the headers of IPv4 and UDP, 28 bytes, must fit in `ip_mtu`. Packets
    /// to clients on IPv6, whose header is 20 bytes longer, are shortened if need be.
    ///
    /// [`DeviceCapabilities::ip_mtu`]: smoltcp::phy::DeviceCapabilities::ip_mtu
    ///
    /// # Errors
    /// Returns a [`SetupError`] if an argument cannot be used. The error says which argument, and if its size
    /// is wrong, the size that it must have.
    ///
    /// # Panics
    /// If a handle does not belong to `sockets`, as [`SocketSet::get`] does.
    pub fn new(
        listen: impl Into<IpListenEndpoint>,
        udp: Option<UdpPair>,
        config: Config,
        connections: &'a mut [Connection<TRACKS>],
        storage: &'a mut [u8],
        sockets: &SocketSet<'_>,
        ip_mtu: usize,
    ) -> Result<Self, SetupError> {
        let listen = listen.into();
        check::listener(listen.port, connections, storage.len(), config, sockets)?;
        if let Some(udp) = udp {
            check::udp(udp, config, sockets, ip_mtu)?;
        }
        let queues = [TransmitQueue::default(); 2];
        let storage = SharedStorage::new(storage);
        let rotation = Rotation::default();
        Ok(Self {
            listen,
            udp,
            config,
            ip_mtu,
            queues,
            connections,
            storage,
            first: 0,
            rotation,
            closing: false,
        })
    }

    /// Does everything that can be done now: accepts clients, reads requests, has `app` answer them, and
    /// sends the frames of its store that are due. This method does not wait.
    ///
    /// Returns when to call this next if nothing arrives before; `None` if nothing is due until something
    /// arrives. If the time is already past, call this at once. The main loop waits until this time or until
    /// the time of [`Interface::poll_at`](smoltcp::iface::Interface::poll_at), whichever is earlier. Call
    /// this also in these cases:
    /// - [`Interface::poll`](smoltcp::iface::Interface::poll) has changed a socket.
    /// - The store has a new frame.
    /// - A request was put off by [`Request::later`](pinhole::server::Request::later), and can be answered
    ///   now.
    ///
    /// `app` gets all notices, with one exception. If the client has closed or reset its connection,
    /// [`Notice::Disconnect`](pinhole::server::Notice::Disconnect) is not reported, but only
    /// [`Notice::Closed`](pinhole::server::Notice::Closed) for each of its tracks.
    ///
    /// # Panics
    /// If a handle of the server does not belong to `sockets`, as [`SocketSet::get_mut`] does.
    pub fn poll<A: Application + ?Sized>(
        &mut self,
        now: Now,
        sockets: &mut SocketSet<'_>,
        app: &mut A,
    ) -> Option<smoltcp::time::Instant> {
        self.rotation.turn(sockets, self.connections, &mut self.udp);
        self.receive(now, sockets);
        let ports = self.udp.and_then(|udp| udp.ports(sockets, self.config.max_packet));
        let mut context = Context {
            now,
            config: self.config,
            ip_mtu: self.ip_mtu,
            listen: self.listen,
            udp: self.udp,
            ports,
            queues: &mut self.queues,
            storage: &mut self.storage,
            closing: self.closing,
        };
        let count = self.connections.len();
        let (last, first) = self.connections.split_at_mut_checked(self.first).unwrap_or_default();
        // Whoever has filled the buffer for media is the last to do so again.
        let mut passed = 1;
        let turns = (1..).zip(first.iter_mut().chain(last)).filter_map(|(number, connection)| {
            let wake = connection.poll(&mut context, sockets, app);
            if context.queues[0].take_entered() {
                passed = number;
            }
            wake
        });
        let wake = turns.min();
        let wake = wake.into_iter().chain(self.queues.iter().filter_map(TransmitQueue::check_at)).min();
        self.first = self.first.wrapping_add(passed).checked_rem(count).unwrap_or(0);
        wake.map(to_smoltcp)
    }

    /// Begins to end all sessions and connections, and returns at once. No more clients are accepted. Then
    /// call [`Self::poll`] at least once, and go on until [`Self::connected`] returns 0, which takes some
    /// seconds at most. A second call changes nothing. Closing cannot be undone: to serve again, create
    /// another server.
    pub fn close(&mut self) {
        self.closing = true;
        self.connections.iter_mut().for_each(Connection::close);
    }

    /// Returns the number of connections in use. A connection is in use while a client is connected, and
    /// while the connection is being closed. Connections that wait for a client do not count.
    pub fn connected(&self) -> usize {
        self.connections.iter().filter(|connection| !connection.is_idle()).count()
    }

    /// Returns the frame that each playing track of each client reads next, in no particular order. Tracks
    /// that do not play are left out. If the store has to fetch or prepare frames, have the store prepare
    /// these frames. Have the store keep these frames, and the frames that come after them in the direction
    /// of play.
    pub fn wanted(&self) -> impl Iterator<Item = Want> {
        self.connections.iter().filter_map(Connection::conn).flat_map(|conn| conn.wanted())
    }

    /// Returns the figures of each track that any client has set up. The figures count from the SETUP of
    /// the track to the time `now`. The final figures of a track come with
    /// [`Notice::Closed`](pinhole::server::Notice::Closed).
    pub fn summaries(&self, now: Now) -> impl Iterator<Item = (TrackId, Summary)> {
        self.connections.iter().filter_map(Connection::conn).flat_map(move |conn| conn.summaries(now))
    }

    /// Hands each received datagram to the connection with the strongest claim to it, and checks the
    /// progress of sent ones.
    fn receive(&mut self, now: Now, sockets: &mut SocketSet<'_>) {
        let Some(udp) = &mut self.udp else { return };
        for (port, queue) in [Port::Rtp, Port::Rtcp].into_iter().zip(&mut self.queues) {
            let handle = udp.handle_mut(port);
            let socket = sockets.get_mut::<udp::Socket<'_>>(*handle);
            while let Ok((datagram, metadata)) = socket.recv() {
                let from = SocketAddr::from(metadata.endpoint);
                let claims = self.connections.iter_mut().map(|connection| {
                    let claim =
                        connection.conn().map_or(Claim::No, |conn| conn.claim(from, SOCKET, port, datagram));
                    (connection, claim)
                });
                // `None` if two claims are equal: both sessions keep the ports that their clients
                // announced.
                if let Some((connection, _)) = Claim::strongest(claims) {
                    connection.handle_datagram(now, from, port, datagram);
                }
            }
            if let Some(peer) = queue.check_progress(now.at, socket) {
                self.connections.iter_mut().for_each(|connection| connection.on_unreachable(now.at, peer));
                rotation::add_again(sockets, handle);
            }
        }
    }
}
