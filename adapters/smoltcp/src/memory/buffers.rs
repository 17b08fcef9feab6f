//! Sizes of the buffers of sockets, and of a frame ring.
use crate::udp::REPORT;
use pinhole::frame::{FrameRing, Slot};
use smoltcp::socket::udp;

/// The lengths of the two buffers of a TCP socket, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpBuffers {
    /// The length of the receive buffer in bytes.
    ///
    /// On a server, a request must fit in this buffer, header and body together; otherwise the request is
    /// answered with 413. The buffer must have at least 256 bytes, or
    /// [`Server::new`](crate::server::Server::new) refuses it. 512 bytes are enough for common clients. On a
    /// client, all interleaved media come through this buffer: in each round trip, no more than its length
    /// can arrive.
    pub receive: usize,
    /// The length of the transmit buffer in bytes. The buffer holds data until the peer has acknowledged
    /// them.
    ///
    /// On a server, the length must be at least
    /// [`Config::message_len`](pinhole::server::Config::message_len), or
    /// [`Server::new`](crate::server::Server::new) refuses the buffer. Interleaved packets enter the buffer
    /// whole, each with a header of 4 bytes. In each round trip, no more than the length of the buffer is
    /// sent. A client sends only reports and requests of up to 1024 bytes through this buffer: if it is
    /// shorter than these, they only take longer.
    pub transmit: usize,
}

/// The size of the buffer of one UDP socket in one direction.
///
/// The buffer is full when it holds `packets` packets or `bytes` bytes. If a receive buffer is full, an
/// arriving packet is dropped. If a transmit buffer is full, a packet waits until there is room. Each packet
/// is stored in one piece. If a packet does not fit before the end of the storage, the bytes there stay
/// unused, and count as one packet more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketBuffer {
    /// The greatest number of packets that the buffer holds, whatever their length. If it is 0, the buffer
    /// holds no packet.
    pub packets: usize,
    /// The length in bytes of the storage for the payloads of all packets in the buffer together, without the
    /// headers of UDP and IP. A packet that is longer than this never enters the buffer.
    pub bytes: usize,
}

/// The sizes of the four buffers of a [`UdpPair`](crate::UdpPair): those of one track on a client, and those
/// that all clients share on a server. [`Self::to_send`] and [`Self::to_receive`] return usual ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UdpBuffers {
    /// The buffer for RTP packets that have arrived. On a client, the buffer must hold the packets that
    /// arrive between two calls of [`Client::poll`](crate::client::Client::poll); packets that do not fit are
    /// lost. A server receives only the small packets with which clients open their NATs.
    pub rtp_receive: PacketBuffer,
    /// The buffer for RTP packets that wait to be sent. On a server, all clients share this buffer. It must
    /// hold one packet of [`Config::max_packet`](pinhole::server::Config::max_packet) bytes, or
    /// [`Server::new`](crate::server::Server::new) refuses it. When it is full, the other packets of a frame
    /// wait for the next [`Server::poll`](crate::server::Server::poll). A client sends only the small packets
    /// that open its NAT.
    pub rtp_transmit: PacketBuffer,
    /// The buffer for RTCP packets that have arrived. A packet that does not fit is lost, as any report may
    /// be.
    pub rtcp_receive: PacketBuffer,
    /// The buffer for RTCP packets that wait to be sent, each of up to [`REPORT`] bytes. On a server, the
    /// buffer must have room for one such packet, or [`Server::new`](crate::server::Server::new) refuses it.
    /// When it is full, a report waits until the server or the client is polled again.
    pub rtcp_transmit: PacketBuffer,
}

/// The size of a [`FrameRing`]: the number of its slots and the length of its storage. This size is used only
/// to compute memory. Create the ring with the same values; otherwise the computed memory is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RingSize {
    /// The greatest number of frames that the ring holds: the number of [`Slot`]s of which it is made.
    pub slots: usize,
    /// The length in bytes of the storage for the data of all frames together. A longer frame is never
    /// stored.
    pub bytes: usize,
}

impl TcpBuffers {
    /// Bytes of both buffers.
    pub(super) const fn ram(self) -> usize {
        self.receive + self.transmit
    }
}

impl PacketBuffer {
    /// Returns a buffer for `packets` packets of `len` bytes each. `len` does not count the headers of UDP
    /// and IP.
    pub const fn of(packets: usize, len: usize) -> Self {
        Self { packets, bytes: packets * len }
    }

    /// Bytes of the payloads and of the metadata.
    const fn ram(self) -> usize {
        self.packets * size_of::<udp::PacketMetadata>() + self.bytes
    }
}

impl UdpBuffers {
    /// Returns the buffers of a server that queues up to `packets` RTP packets of `len` bytes, for all
    /// clients together. `len` counts the RTP header, and not those of UDP and IP: use
    /// [`Config::max_packet`](pinhole::server::Config::max_packet). The buffers for RTCP and for received
    /// packets get small fixed sizes.
    pub const fn to_send(packets: usize, len: usize) -> Self {
        Self {
            rtp_receive: PacketBuffer::of(2, 16),
            rtp_transmit: PacketBuffer::of(packets, len),
            rtcp_receive: PacketBuffer::of(4, 128),
            rtcp_transmit: PacketBuffer::of(2, REPORT),
        }
    }

    /// Returns the buffers of a client's track that receives up to `packets` RTP packets of `len` bytes
    /// between two calls of [`Client::poll`](crate::client::Client::poll); packets beyond that are lost.
    /// `len` counts the RTP header, and not those of UDP and IP. The buffers for RTCP and for packets to be
    /// sent get small fixed sizes.
    pub const fn to_receive(packets: usize, len: usize) -> Self {
        Self {
            rtp_receive: PacketBuffer::of(packets, len),
            rtp_transmit: PacketBuffer::of(2, 16),
            rtcp_receive: PacketBuffer::of(2, 128),
            rtcp_transmit: PacketBuffer::of(2, REPORT),
        }
    }

    /// Bytes of the payloads of all four buffers.
    pub(super) const fn bytes(&self) -> usize {
        let [a, b, c, d] = self.all();
        a.bytes + b.bytes + c.bytes + d.bytes
    }

    /// Packets of all four buffers.
    pub(super) const fn packets(&self) -> usize {
        let [a, b, c, d] = self.all();
        a.packets + b.packets + c.packets + d.packets
    }

    /// Bytes of the payloads and of the metadata of all four buffers.
    pub(super) const fn ram(&self) -> usize {
        let [a, b, c, d] = self.all();
        a.ram() + b.ram() + c.ram() + d.ram()
    }

    const fn all(&self) -> [PacketBuffer; 4] {
        [self.rtp_receive, self.rtp_transmit, self.rtcp_receive, self.rtcp_transmit]
    }
}

impl RingSize {
    /// Bytes of the ring, its slots and its data.
    pub(super) const fn ram(self) -> usize {
        size_of::<FrameRing<&mut [Slot], &mut [u8]>>() + self.slots * size_of::<Slot>() + self.bytes
    }
}
