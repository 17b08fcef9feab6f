//! Memory of a client.
use super::sockets_ram;
use super::{RingSize, TcpBuffers, UdpBuffers};
use crate::client::{Client, TrackSockets};
use pinhole::client::Config;
use smoltcp::iface::Interface;

/// What a client has: its tracks, the sizes of its buffers, and its configuration.
#[derive(Clone, Copy, Debug)]
pub struct ClientResources {
    /// The number of tracks that the client receives at once.
    pub tracks: usize,
    /// Bytes in which received packets wait to be put in order: the argument of [`Config::storage_len`].
    pub window: usize,
    /// The sizes of the TCP socket's buffers.
    pub tcp: TcpBuffers,
    /// Buffers of each track's UDP sockets. `None`: the client receives interleaved only.
    pub udp: Option<UdpBuffers>,
    /// The size of the frame ring of each track.
    pub ring: RingSize,
    /// The configuration of the client's connection.
    pub config: Config,
}

/// Bytes of each part of a client's memory.
///
/// It covers everything but the buffers of the network device, the application, and the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientRam {
    /// Bytes of the [`Client`] and of its [`TrackSockets`].
    pub client: usize,
    /// The storage for requests, responses, and packets that wait to be put in order.
    pub messages: usize,
    /// Bytes of the TCP socket's buffers.
    pub tcp: usize,
    /// Bytes of the UDP sockets' buffers.
    pub udp: usize,
    /// Bytes of the sockets and of the set that they are in.
    pub sockets: usize,
    /// Bytes of the frame rings of all tracks.
    pub ring: usize,
    /// The [`Interface`], which the client may share with other sockets of the application.
    pub interface: usize,
}

impl ClientResources {
    /// Returns the number of sockets that the set must have room for.
    pub const fn sockets(&self) -> usize {
        1 + 2 * self.pairs()
    }

    /// Returns the bytes that an [`Arena`](super::Arena) takes for messages and for the buffers of the
    /// sockets.
    pub const fn bytes(&self) -> usize {
        let udp = if let Some(udp) = &self.udp { self.tracks * udp.bytes() } else { 0 };
        self.storage_len() + self.tcp.ram() + udp
    }

    /// Returns the number of packet metadata that an [`Arena`](super::Arena) takes.
    pub const fn packets(&self) -> usize {
        if let Some(udp) = &self.udp { self.tracks * udp.packets() } else { 0 }
    }

    /// Returns the number of [`TrackSockets`] that [`Client::new`] takes.
    pub const fn pairs(&self) -> usize {
        if self.udp.is_some() { self.tracks } else { 0 }
    }

    /// Returns the length of the storage that [`Client::new`] takes, in bytes.
    pub const fn storage_len(&self) -> usize {
        self.config.storage_len(self.window)
    }

    /// Returns the bytes of each part. `U` is the type of the URL; memory that it points to is not
    /// counted.
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
