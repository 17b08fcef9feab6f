//! How much memory a server or a client takes, to the byte and before there is one; and their
//! sockets, made in that memory.
//!
//! [`ServerMeans`] and [`ClientMeans`] say what is lent. From them come the lengths of the storage,
//! as constants for statics, and [`ServerRam`] and [`ClientRam`], which say what takes how much.
//! Sizes are those of the target that it is compiled for.

use crate::UdpPair;
use crate::client::{Client, TrackSockets};
use crate::server::{Connection, Server};
use core::mem::{size_of, take};
use pinhole::frame::{FrameRing, Slot};
use pinhole::server::MAX_TRACKS;
use pinhole::{client, server};
use smoltcp::iface::{Interface, SocketHandle, SocketSet, SocketStorage};
use smoltcp::socket::{tcp, udp};

/// The longest RTCP packet that either end sends: a report, with its CNAME, and BYE.
pub const REPORT: usize = 80;

/// Bytes of a TCP socket's buffers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpBuffers {
    /// For what comes in. A few hundred are enough for requests, and for the reports of interleaved
    /// sessions; a server's is the length of the longest request that it takes, 256 at the least, and
    /// clients with much to say need more.
    pub receive: usize,
    /// For what goes out, until it is acknowledged. A server's holds whole packets, each with 4 bytes
    /// before it, and [`Config::message_len`](server::Config::message_len) at the least.
    pub transmit: usize,
}

/// The buffer of a UDP socket in one direction: full with so many packets, or so many bytes.
///
/// A packet lies in one piece: up to its length may stay unused at the end, and takes the place of
/// a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketBuffer {
    /// Packets.
    pub packets: usize,
    /// Bytes of their payloads together.
    pub bytes: usize,
}

/// The buffers of a [`UdpPair`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UdpBuffers {
    /// Media that come in: for a server, no more than the packets by which clients open their NATs.
    pub rtp_receive: PacketBuffer,
    /// Media that go out.
    pub rtp_transmit: PacketBuffer,
    /// Reports that come in.
    pub rtcp_receive: PacketBuffer,
    /// Reports that go out: one takes [`REPORT`] bytes at the most.
    pub rtcp_transmit: PacketBuffer,
}

/// The storage of a [`FrameRing`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RingSize {
    /// Frames.
    pub slots: usize,
    /// Bytes of all of them.
    pub bytes: usize,
}

/// What a server is lent.
///
/// ```
/// use pinhole_smoltcp::memory::{ServerMeans, TcpBuffers, UdpBuffers};
/// # use pinhole::server::Config;
///
/// const MEANS: ServerMeans = ServerMeans {
///     connections: 2,
///     tcp: TcpBuffers { receive: 512, transmit: 6 * 1024 },
///     udp: Some(UdpBuffers::to_send(8, 1400)),
///     ring: None,
///     config: Config::DEFAULT,
/// };
/// const { assert!(MEANS.ram().total() < 40 * 1024) };
/// ```
///
/// `TRACKS` is how many tracks each client can have set up at once: one, where no medium has more.
#[derive(Clone, Copy, Debug)]
pub struct ServerMeans<const TRACKS: usize = MAX_TRACKS> {
    /// Clients at once.
    pub connections: usize,
    /// The buffers of each connection's TCP socket.
    pub tcp: TcpBuffers,
    /// The buffers of the UDP sockets, which all clients share; none: it has no UDP.
    pub udp: Option<UdpBuffers>,
    /// Where live frames are kept; none: they are read in place, from flash or a sensor's buffer.
    pub ring: Option<RingSize>,
    /// Its behaviour.
    pub config: server::Config,
}

/// What a client is lent.
#[derive(Clone, Copy, Debug)]
pub struct ClientMeans {
    /// Tracks that are watched.
    pub tracks: usize,
    /// Bytes for reception: see [`Config::storage_len`](client::Config::storage_len).
    pub window: usize,
    /// The buffers of its TCP socket.
    pub tcp: TcpBuffers,
    /// The buffers of each track's UDP sockets; none: all comes interleaved.
    pub udp: Option<UdpBuffers>,
    /// The cache of frames of each track.
    pub ring: RingSize,
    /// Its behaviour.
    pub config: client::Config,
}

/// What takes how many bytes of a server's memory.
///
/// What [`Interface`] and the sockets take is in it, so that nothing is missing but the device's own
/// buffers, the program around, and its stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerRam {
    /// Each [`Connection`].
    pub connections: usize,
    /// Where they read requests and write replies, one after the other.
    pub messages: usize,
    /// The buffers of their TCP sockets.
    pub tcp: usize,
    /// The buffers of the UDP sockets.
    pub udp: usize,
    /// The sockets, and their set.
    pub sockets: usize,
    /// The frames.
    pub ring: usize,
    /// The [`Server`].
    pub server: usize,
    /// The [`Interface`], which may have more sockets to serve.
    pub interface: usize,
}

/// What takes how many bytes of a client's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientRam {
    /// The [`Client`], and the [`TrackSockets`].
    pub client: usize,
    /// What it reads responses and waiting packets into, and writes requests into.
    pub messages: usize,
    /// The buffers of its TCP socket.
    pub tcp: usize,
    /// The buffers of the UDP sockets.
    pub udp: usize,
    /// The sockets, and their set.
    pub sockets: usize,
    /// The cache of frames.
    pub ring: usize,
    /// The [`Interface`], which may have more sockets to serve.
    pub interface: usize,
}

impl PacketBuffer {
    /// Room for `packets` packets of `len` bytes.
    pub const fn of(packets: usize, len: usize) -> Self {
        Self { packets, bytes: packets * len }
    }

    const fn ram(self) -> usize {
        self.packets * size_of::<udp::PacketMetadata>() + self.bytes
    }
}

impl UdpBuffers {
    /// Of a server: for `packets` packets of `len` bytes to be sent, and for reports.
    pub const fn to_send(packets: usize, len: usize) -> Self {
        Self {
            rtp_receive: PacketBuffer::of(2, 16),
            rtp_transmit: PacketBuffer::of(packets, len),
            rtcp_receive: PacketBuffer::of(4, 128),
            rtcp_transmit: PacketBuffer::of(2, REPORT),
        }
    }

    /// Of a client: for `packets` packets of `len` bytes to come, and for reports.
    pub const fn to_receive(packets: usize, len: usize) -> Self {
        Self {
            rtp_receive: PacketBuffer::of(packets, len),
            rtp_transmit: PacketBuffer::of(2, 16),
            rtcp_receive: PacketBuffer::of(2, 128),
            rtcp_transmit: PacketBuffer::of(2, REPORT),
        }
    }

    const fn all(&self) -> [PacketBuffer; 4] {
        [self.rtp_receive, self.rtp_transmit, self.rtcp_receive, self.rtcp_transmit]
    }

    /// Bytes of all payloads.
    const fn bytes(&self) -> usize {
        let [a, b, c, d] = self.all();
        a.bytes + b.bytes + c.bytes + d.bytes
    }

    /// Packets in all buffers.
    const fn packets(&self) -> usize {
        let [a, b, c, d] = self.all();
        a.packets + b.packets + c.packets + d.packets
    }

    const fn ram(&self) -> usize {
        let [a, b, c, d] = self.all();
        a.ram() + b.ram() + c.ram() + d.ram()
    }
}

impl TcpBuffers {
    const fn ram(self) -> usize {
        self.receive + self.transmit
    }
}

impl RingSize {
    const fn ram(self) -> usize {
        size_of::<FrameRing<&mut [Slot], &mut [u8]>>() + self.slots * size_of::<Slot>() + self.bytes
    }
}

impl<const TRACKS: usize> ServerMeans<TRACKS> {
    /// Sockets of the set.
    pub const fn sockets(&self) -> usize {
        self.connections + if self.udp.is_some() { 2 } else { 0 }
    }

    /// Bytes that a [`Lender`] needs: for messages, and the sockets' buffers.
    pub const fn bytes(&self) -> usize {
        let udp = if let Some(udp) = &self.udp { udp.bytes() } else { 0 };
        self.storage_len() + self.connections * self.tcp.ram() + udp
    }

    /// Packets that a [`Lender`] needs the metadata of.
    pub const fn packets(&self) -> usize {
        if let Some(udp) = &self.udp { udp.packets() } else { 0 }
    }

    /// What it takes.
    pub const fn ram(&self) -> ServerRam {
        ServerRam {
            connections: self.connections * size_of::<Connection<'_, TRACKS>>(),
            messages: self.storage_len(),
            tcp: self.connections * self.tcp.ram(),
            udp: if let Some(udp) = &self.udp { udp.ram() } else { 0 },
            sockets: sockets_ram(self.sockets()),
            ring: if let Some(ring) = self.ring { ring.ram() } else { 0 },
            server: size_of::<Server<'_, TRACKS>>(),
            interface: size_of::<Interface>(),
        }
    }

    const fn storage_len(&self) -> usize {
        self.config.storage_len(self.tcp.receive)
    }
}

impl ClientMeans {
    /// Sockets of the set.
    pub const fn sockets(&self) -> usize {
        1 + 2 * self.pairs()
    }

    /// Bytes that a [`Lender`] needs: for messages, and the sockets' buffers.
    pub const fn bytes(&self) -> usize {
        let udp = if let Some(udp) = &self.udp { self.tracks * udp.bytes() } else { 0 };
        self.message_len() + self.tcp.ram() + udp
    }

    /// Packets that a [`Lender`] needs the metadata of.
    pub const fn packets(&self) -> usize {
        if let Some(udp) = &self.udp { self.tracks * udp.packets() } else { 0 }
    }

    /// What it takes, with the URL as a `U`; what that points to is not counted.
    pub const fn ram<U>(&self) -> ClientRam {
        ClientRam {
            client: size_of::<Client<'_, U>>() + self.pairs() * size_of::<TrackSockets>(),
            messages: self.message_len(),
            tcp: self.tcp.ram(),
            udp: if let Some(udp) = &self.udp { self.tracks * udp.ram() } else { 0 },
            sockets: sockets_ram(self.sockets()),
            ring: self.tracks * self.ring.ram(),
            interface: size_of::<Interface>(),
        }
    }

    /// The [`TrackSockets`] that [`Client::new`] takes.
    pub const fn pairs(&self) -> usize {
        if self.udp.is_some() { self.tracks } else { 0 }
    }

    const fn message_len(&self) -> usize {
        self.config.storage_len(self.window)
    }
}

const fn sockets_ram(sockets: usize) -> usize {
    size_of::<SocketSet<'_>>() + sockets * size_of::<SocketStorage<'_>>()
}

impl ServerRam {
    /// All of it.
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

    /// Each part of it, with a name for people.
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

impl ClientRam {
    /// All of it.
    pub const fn total(&self) -> usize {
        self.client + self.messages + self.tcp + self.udp + self.sockets + self.ring + self.interface
    }
}

/// Storage, from which sockets and their buffers are cut, piece after piece.
///
/// Where it is too short, a piece is shorter than it should be: [`Server::new`] refuses it.
#[derive(Debug)]
pub struct Lender<'a> {
    bytes: &'a mut [u8],
    packets: &'a mut [udp::PacketMetadata],
}

impl<'a> Lender<'a> {
    /// Lends these bytes, and the metadata of so many packets.
    pub const fn new(bytes: &'a mut [u8], packets: &'a mut [udp::PacketMetadata]) -> Self {
        Self { bytes, packets }
    }

    /// One connection of a server, with its socket.
    ///
    /// # Panics
    /// As [`SocketSet::add`], if the set is full.
    pub fn connection<const TRACKS: usize>(
        &mut self,
        means: &ServerMeans<TRACKS>,
        sockets: &mut SocketSet<'a>,
    ) -> Connection<'a, TRACKS> {
        Connection::new(self.tcp_socket(means.tcp, sockets))
    }

    /// The storage that a server's connections share.
    pub fn storage<const TRACKS: usize>(&mut self, means: &ServerMeans<TRACKS>) -> &'a mut [u8] {
        self.bytes(means.storage_len())
    }

    /// A TCP socket.
    ///
    /// # Panics
    /// As [`SocketSet::add`], if the set is full.
    pub fn tcp_socket(&mut self, buffers: TcpBuffers, sockets: &mut SocketSet<'a>) -> SocketHandle {
        let receive = tcp::SocketBuffer::new(self.bytes(buffers.receive));
        let transmit = tcp::SocketBuffer::new(self.bytes(buffers.transmit));
        sockets.add(tcp::Socket::new(receive, transmit))
    }

    /// Two UDP sockets, bound to `port`, which is even and not 0, and the one above.
    ///
    /// # Panics
    /// As [`SocketSet::add`], if the set is full.
    pub fn udp_pair(&mut self, buffers: &UdpBuffers, port: u16, sockets: &mut SocketSet<'a>) -> UdpPair {
        let rtp = self.udp_socket(buffers.rtp_receive, buffers.rtp_transmit, port, sockets);
        let above = port.wrapping_add(1);
        let rtcp = self.udp_socket(buffers.rtcp_receive, buffers.rtcp_transmit, above, sockets);
        UdpPair { rtp, rtcp }
    }

    /// The next `len` bytes.
    pub fn bytes(&mut self, len: usize) -> &'a mut [u8] {
        cut(&mut self.bytes, len)
    }

    fn udp_socket(
        &mut self,
        receive: PacketBuffer,
        transmit: PacketBuffer,
        port: u16,
        sockets: &mut SocketSet<'a>,
    ) -> SocketHandle {
        let [receive, transmit] = [receive, transmit].map(|buffer| {
            udp::PacketBuffer::new(cut(&mut self.packets, buffer.packets), self.bytes(buffer.bytes))
        });
        let mut socket = udp::Socket::new(receive, transmit);
        // Fails for port 0 alone; one that is not bound is refused where it is used.
        let _ = socket.bind(port);
        sockets.add(socket)
    }
}

/// Takes the first `len` off a slice, or all that there are.
fn cut<'a, T>(from: &mut &'a mut [T], len: usize) -> &'a mut [T] {
    let len = len.min(from.len());
    let (front, rest) = take(from).split_at_mut(len);
    *from = rest;
    front
}
