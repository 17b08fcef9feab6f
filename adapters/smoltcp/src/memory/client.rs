//! Memory of a client.
use super::sockets_ram;
use super::{RingSize, TcpBuffers, UdpBuffers};
use crate::client::{Client, TrackSockets};
use pinhole::client::Config;
use smoltcp::iface::Interface;

/// Describes a client: its tracks, the sizes of its buffers, and its configuration. Its methods return the
/// lengths of the storage that you have to provide, also in constants. An [`Arena`](super::Arena) over that
/// storage makes the sockets and buffers.
#[derive(Clone, Copy, Debug)]
pub struct ClientResources {
    /// The number of tracks for which memory is provided. Each track takes a frame ring, and a pair of UDP
    /// sockets if [`Self::udp`] is not `None`.
    pub tracks: usize,
    /// The number of bytes in which received packets wait to be put in order, for all tracks together: the
    /// window of [`Config::storage_len`], which says how much is useful.
    pub window: usize,
    /// The sizes of the two buffers of the TCP socket.
    pub tcp: TcpBuffers,
    /// The sizes of the buffers of the UDP sockets of each track. With `None`, the client has no UDP
    /// sockets, and receives media only interleaved in the RTSP connection.
    pub udp: Option<UdpBuffers>,
    /// The size of the frame ring of each track, which counts in [`Self::ram`]. An [`Arena`](super::Arena)
    /// does not make the rings: make them yourself.
    pub ring: RingSize,
    /// The configuration of the client's connection.
    pub config: Config,
}

/// The memory of a client in bytes, part by part; [`ClientResources::ram`] returns it.
///
/// This memory covers everything but the buffers of the network device, the memory of the application, and
/// the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientRam {
    /// The bytes of the [`Client`] itself, without what it borrows, and of all of its [`TrackSockets`].
    pub client: usize,
    /// The bytes of the storage for requests, responses, and packets that wait to be put in order.
    pub messages: usize,
    /// The bytes of the two buffers of the TCP socket.
    pub tcp: usize,
    /// The bytes of the buffers of the UDP sockets of all tracks, with the metadata of their packets.
    pub udp: usize,
    /// The bytes of the sockets themselves, without their buffers, and of the set that they are in.
    pub sockets: usize,
    /// The bytes of the frame rings of all tracks.
    pub ring: usize,
    /// The bytes of the [`Interface`] itself. If the client shares the interface with other sockets of the
    /// application, count the interface only once.
    pub interface: usize,
}

impl ClientResources {
    /// Returns the number of sockets that the client needs. Give the storage of the
    /// [`SocketSet`](smoltcp::iface::SocketSet) at least this length. If it is shorter, the methods of
    /// [`Arena`](super::Arena) that add sockets panic.
    pub const fn sockets(&self) -> usize {
        1 + 2 * self.pairs()
    }

    /// Returns how many bytes an [`Arena`](super::Arena) needs for the storage of the client and for the
    /// buffers of its sockets. If the arena has fewer, the storage or some buffers are shorter than
    /// requested.
    pub const fn bytes(&self) -> usize {
        let udp = if let Some(udp) = &self.udp { self.tracks * udp.bytes() } else { 0 };
        self.storage_len() + self.tcp.ram() + udp
    }

    /// Returns the number of [`PacketMetadata`](smoltcp::socket::udp::PacketMetadata) that an
    /// [`Arena`](super::Arena) needs for the UDP sockets; 0 without UDP. If the arena has fewer, some buffers
    /// hold fewer packets, or none.
    pub const fn packets(&self) -> usize {
        if let Some(udp) = &self.udp { self.tracks * udp.packets() } else { 0 }
    }

    /// Returns the number of [`TrackSockets`] to make and to pass to [`Client::new`]: one for each track,
    /// each with a pair of UDP sockets. The number is 0 if [`Self::udp`] is `None`. If you pass more
    /// [`TrackSockets`] than the server has tracks, the client leaves the last ones unused. If you pass
    /// fewer than the server has tracks, the client cannot receive by UDP.
    pub const fn pairs(&self) -> usize {
        if self.udp.is_some() { self.tracks } else { 0 }
    }

    /// Returns the length in bytes of the storage to pass to [`Client::new`].
    /// [`Arena::client_storage`](super::Arena::client_storage) allocates it.
    pub const fn storage_len(&self) -> usize {
        self.config.storage_len(self.window)
    }

    /// Returns the bytes of each part of the client, for the compilation target. `U` is the type of the
    /// URL, as in [`Client`]; memory that the URL points to is not counted.
    pub const fn ram<U>(&self) -> ClientRam {
        ClientRam {
            client: size_of::<Client<'_, U>>() + self.pairs() * size_of::<TrackSockets>(),
            messages: self.storage_len(),
            tcp: self.tcp.ram(),
            udp: if let Some(udp) = &self.udp { self.tracks * udp.ram() } else { 0 },
            sockets: sockets_ram(self.sockets()),
            ring: self.tracks * self.ring.ram(),
            interface: size_of::<Interface>(),
        }
    }
}

impl ClientRam {
    /// Returns the sum of all parts in bytes.
    pub const fn total(&self) -> usize {
        self.client + self.messages + self.tcp + self.udp + self.sockets + self.ring + self.interface
    }
}
