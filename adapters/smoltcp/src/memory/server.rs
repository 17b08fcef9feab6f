//! Memory of a server.
use super::sockets_ram;
use super::{PoolSize, RingSize, TcpBuffers, UdpBuffers};
use crate::server::{Connection, Server};
use pinhole::server::{Config, MAX_TRACKS};
use smoltcp::iface::Interface;

/// Describes a server: its connections, the sizes of its buffers, and its configuration. Its methods return
/// the lengths of the storage that you have to provide, also in constants. An [`Arena`](super::Arena) over
/// that storage makes the sockets and buffers.
///
/// `TRACKS` is the number of tracks that each client can have set up at once, from 1 to [`MAX_TRACKS`]. A
/// server whose media have one track each takes less memory with 1.
///
/// ```
/// use pinhole::server::Config;
/// use pinhole_smoltcp::memory::{ServerResources, TcpBuffers, UdpBuffers};
///
/// const RESOURCES: ServerResources = ServerResources {
///     connections: 2,
///     tcp: TcpBuffers { receive: 512, transmit: 6 * 1024 },
///     udp: Some(UdpBuffers::to_send(8, 1400)),
///     ring: None,
///     pool: None,
///     config: Config::DEFAULT,
/// };
/// const { assert!(RESOURCES.ram().total() < 40 * 1024) };
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ServerResources<const TRACKS: usize = MAX_TRACKS> {
    /// The number of clients that can be connected at once. Each client takes a [`Connection`] and a TCP
    /// socket.
    pub connections: usize,
    /// The sizes of the two buffers of each connection's TCP socket.
    pub tcp: TcpBuffers,
    /// The sizes of the buffers of the two UDP sockets, which all clients share. With `None`, the server
    /// has no UDP sockets, and sends media only interleaved in the RTSP connection.
    pub udp: Option<UdpBuffers>,
    /// The size of the ring of live frames, which all clients share. Use `None` if there is no ring,
    /// because the frames are read in place, from flash or a sensor's buffer. With `None`, the memory of
    /// frames is not counted. An [`Arena`](super::Arena) does not make the ring: make it yourself.
    pub ring: Option<RingSize>,
    /// The size of the pool of live frames, which all clients share; `None` if there is no pool. An
    /// [`Arena`](super::Arena) does not make the pool: make it yourself.
    pub pool: Option<PoolSize>,
    /// The configuration of each connection.
    pub config: Config,
}

/// The memory of a server in bytes, part by part; [`ServerResources::ram`] returns it.
///
/// This memory covers everything but the buffers of the network device, the memory of the application, and
/// the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerRam {
    /// The bytes of all [`Connection`]s themselves, without their sockets and buffers.
    pub connections: usize,
    /// The bytes of the storage for requests and replies, which all connections share.
    pub messages: usize,
    /// The bytes of the two buffers of the TCP sockets of all connections.
    pub tcp: usize,
    /// The bytes of the buffers of the two UDP sockets, with the metadata of their packets; 0 without UDP.
    pub udp: usize,
    /// The bytes of the sockets themselves, without their buffers, and of the set that they are in.
    pub sockets: usize,
    /// The bytes of the frame ring and of the frame pool, with their frames; 0 without both.
    pub frames: usize,
    /// The bytes of the [`Server`] itself (its `size_of`), without the connections, storage and sockets that
    /// it borrows.
    pub server: usize,
    /// The bytes of the [`Interface`] itself. If the server shares the interface with other sockets of the
    /// application, count the interface only once.
    pub interface: usize,
}

impl<const TRACKS: usize> ServerResources<TRACKS> {
    /// Returns the number of sockets that the server needs. Give the storage of the
    /// [`SocketSet`](smoltcp::iface::SocketSet) at least this length. If it is shorter, the methods of
    /// [`Arena`](super::Arena) that add sockets panic.
    pub const fn sockets(&self) -> usize {
        self.connections + if self.udp.is_some() { 2 } else { 0 }
    }

    /// Returns how many bytes an [`Arena`](super::Arena) needs for the storage of the server and for the
    /// buffers of its sockets. If the arena has fewer, the storage or some buffers are shorter than
    /// requested. [`Server::new`](crate::server::Server::new) refuses storage and buffers that are too
    /// short to work with.
    pub const fn bytes(&self) -> usize {
        let udp = if let Some(udp) = &self.udp { udp.bytes() } else { 0 };
        self.storage_len() + self.connections * self.tcp.ram() + udp
    }

    /// Returns the number of [`PacketMetadata`](smoltcp::socket::udp::PacketMetadata) that an
    /// [`Arena`](super::Arena) needs for the UDP sockets; 0 without UDP. If the arena has fewer, some buffers
    /// hold fewer packets, or none.
    pub const fn packets(&self) -> usize {
        if let Some(udp) = &self.udp { udp.packets() } else { 0 }
    }

    /// Returns the bytes of each part of the server, for the compilation target.
    pub const fn ram(&self) -> ServerRam {
        ServerRam {
            connections: self.connections * size_of::<Connection<TRACKS>>(),
            messages: self.storage_len(),
            tcp: self.connections * self.tcp.ram(),
            udp: if let Some(udp) = &self.udp { udp.ram() } else { 0 },
            sockets: sockets_ram(self.sockets()),
            frames: if let Some(ring) = self.ring { ring.ram() } else { 0 }
                + if let Some(pool) = self.pool { pool.ram() } else { 0 },
            server: size_of::<Server<'_, TRACKS>>(),
            interface: size_of::<Interface>(),
        }
    }

    /// Bytes of the storage for requests and replies.
    pub(super) const fn storage_len(&self) -> usize {
        self.config.storage_len(self.tcp.receive)
    }
}

impl ServerRam {
    /// Returns the sum of all parts in bytes.
    pub const fn total(&self) -> usize {
        self.connections
            + self.messages
            + self.tcp
            + self.udp
            + self.sockets
            + self.frames
            + self.server
            + self.interface
    }

    /// Returns each part's name and bytes, in the order of the fields. The names are English, for people to
    /// read.
    pub const fn parts(&self) -> [(&'static str, usize); 8] {
        [
            ("connections", self.connections),
            ("requests and replies", self.messages),
            ("TCP buffers", self.tcp),
            ("UDP buffers", self.udp),
            ("sockets", self.sockets),
            ("frames", self.frames),
            ("server", self.server),
            ("interface", self.interface),
        ]
    }
}
