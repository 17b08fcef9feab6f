//! Memory of a server.
use super::sockets_ram;
use super::{RingSize, TcpBuffers, UdpBuffers};
use crate::server::{Connection, Server};
use pinhole::server::{Config, MAX_TRACKS};
use smoltcp::iface::Interface;

/// What a server has: its connections, the sizes of its buffers, and its configuration.
///
/// `TRACKS` is the number of tracks that each client can have set up at once. A server whose media have
/// one track each takes less memory with 1.
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
///     config: Config::DEFAULT,
/// };
/// const { assert!(RESOURCES.ram().total() < 40 * 1024) };
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ServerResources<const TRACKS: usize = MAX_TRACKS> {
    /// The largest number of clients at once.
    pub connections: usize,
    /// The sizes of the buffers of each connection's TCP socket.
    pub tcp: TcpBuffers,
    /// Buffers of the UDP sockets, which all clients share. `None`: the server sends interleaved only.
    pub udp: Option<UdpBuffers>,
    /// The ring of live frames. `None`: the frames are read in place, from flash or a sensor's buffer,
    /// and are not counted.
    pub ring: Option<RingSize>,
    /// The configuration of each connection.
    pub config: Config,
}

/// Bytes of each part of a server's memory.
///
/// It covers everything but the buffers of the network device, the application, and the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerRam {
    /// Bytes of all [`Connection`]s.
    pub connections: usize,
    /// The storage for requests and replies, which all connections share.
    pub messages: usize,
    /// Bytes of the TCP sockets' buffers.
    pub tcp: usize,
    /// Bytes of the UDP sockets' buffers.
    pub udp: usize,
    /// Bytes of the sockets and of the set that they are in.
    pub sockets: usize,
    /// Bytes of the frame ring; 0 without one.
    pub ring: usize,
    /// Bytes of the [`Server`].
    pub server: usize,
    /// The [`Interface`], which the server may share with other sockets of the application.
    pub interface: usize,
}

impl<const TRACKS: usize> ServerResources<TRACKS> {
    /// Returns the number of sockets that the set must have room for.
    pub const fn sockets(&self) -> usize {
        self.connections + if self.udp.is_some() { 2 } else { 0 }
    }

    /// Returns the bytes that an [`Arena`](super::Arena) takes for messages and for the buffers of the
    /// sockets.
    pub const fn bytes(&self) -> usize {
        let udp = if let Some(udp) = &self.udp { udp.bytes() } else { 0 };
        self.storage_len() + self.connections * self.tcp.ram() + udp
    }

    /// Returns how many packet metadata of smoltcp's UDP sockets an [`Arena`](super::Arena) needs for
    /// these resources.
    pub const fn packets(&self) -> usize {
        if let Some(udp) = &self.udp { udp.packets() } else { 0 }
    }

    /// Returns how many bytes each part of the server takes.
    pub const fn ram(&self) -> ServerRam {
        ServerRam {
            connections: self.connections * size_of::<Connection<TRACKS>>(),
            messages: self.storage_len(),
            tcp: self.connections * self.tcp.ram(),
            udp: if let Some(udp) = &self.udp { udp.ram() } else { 0 },
            sockets: sockets_ram(self.sockets()),
            ring: if let Some(ring) = self.ring { ring.ram() } else { 0 },
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
            + self.ring
            + self.server
            + self.interface
    }

    /// Returns the name of each part, for people, and its bytes.
    pub const fn parts(&self) -> [(&'static str, usize); 8] {
        [
            ("connections", self.connections),
            ("requests and replies", self.messages),
            ("TCP buffers", self.tcp),
            ("UDP buffers", self.udp),
            ("sockets", self.sockets),
            ("frames", self.ring),
            ("server", self.server),
            ("interface", self.interface),
        ]
    }
}
