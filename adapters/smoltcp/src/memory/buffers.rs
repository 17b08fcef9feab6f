//! Sizes of the buffers of sockets, and of a frame ring.
use crate::udp::REPORT;
use pinhole::frame::{FramePool, FrameRing, PoolSlot, Slot};
use smoltcp::socket::udp;

/// The lengths of the two buffers of a TCP socket, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpBuffers {
    /// The length of the receive buffer in bytes.
    ///
    /// On a server, a request must fit in this buffer, header and body together; otherwise the request is
    /// answered with 413. The buffer must have at least 256 bytes, or
    /// [`Server::new`](crate::server::Server::new) refuses it. 512 bytes are enough for common clients.
    ///
    /// On a client, all responses and all interleaved media come through this buffer: in each round trip,
    /// no more bytes than the length of the buffer can arrive. No length is refused, but a short buffer
    /// makes the client slow.
    pub receive: usize,
    /// The length of the transmit buffer in bytes. The buffer holds data until the peer has acknowledged
    /// the data.
    ///
    /// On a server, the length must be at least
    /// [`Config::message_len`](pinhole::server::Config::message_len), or
    /// [`Server::new`](crate::server::Server::new) refuses the buffer. Interleaved packets enter the buffer
    /// whole, each with a header of 4 bytes. In each round trip, no more bytes than the length of the
    /// buffer are sent.
    ///
    /// A client sends only reports and requests of up to 1024 bytes through this buffer. If the buffer is
    /// shorter than a request, sending the request only takes more round trips.
    pub transmit: usize,
}

/// The size of the buffer of one UDP socket in one direction.
///
/// The buffer is full when it holds `packets` packets or `bytes` bytes. If a receive buffer is full, an
/// arriving packet is dropped. If a transmit buffer is full, the server or client keeps the packet and
/// tries again at its next poll. Each packet is stored in one piece. If a packet does not fit before the
/// end of the storage, the bytes before that end stay unused until later, and count as one more packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketBuffer {
    /// The greatest number of packets that the buffer holds, whatever their length. If this is 0, the
    /// buffer holds no packet.
    pub packets: usize,
    /// The length in bytes of the storage for the payloads of all packets in the buffer together, without the
    /// headers of UDP and IP. A packet that is longer than this never enters the buffer.
    pub bytes: usize,
}

/// The sizes of the four buffers of a [`UdpPair`](crate::UdpPair). A server has one such pair, which all of
/// its clients share. A client has one such pair for each track. [`Self::to_send`] returns usual sizes for
/// a server, and [`Self::to_receive`] returns usual sizes for a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UdpBuffers {
    /// The buffer for received RTP packets.
    ///
    /// On a client, the buffer must hold the packets that arrive between two calls of
    /// [`Client::poll`](crate::client::Client::poll). Packets that do not fit are lost.
    ///
    /// On a server, only the small packets arrive with which clients open their NATs: room for two packets
    /// of 16 bytes is enough. No size is refused.
    pub rtp_receive: PacketBuffer,
    /// The buffer for RTP packets that wait to be sent.
    ///
    /// On a server, all clients share this buffer. The buffer must hold one packet of
    /// [`Config::max_packet`](pinhole::server::Config::max_packet) bytes, or
    /// [`Server::new`](crate::server::Server::new) refuses it. When the buffer is full, the other packets
    /// of a frame wait for the next [`Server::poll`](crate::server::Server::poll).
    ///
    /// A client sends only packets without a payload, which open its NAT: room for one packet of 12 bytes
    /// is enough. With less room, the client does not send these packets, and packets of the server may not
    /// pass the NAT. If [`PacketBuffer::packets`] is 0, the client sends no reports either.
    pub rtp_transmit: PacketBuffer,
    /// The buffer for received RTCP packets. A packet that does not fit is lost; this is allowed, because
    /// any report may be lost on its way. Room for two packets of 128 bytes is enough on a client, and for
    /// four on a server. No size is refused.
    pub rtcp_receive: PacketBuffer,
    /// The buffer for RTCP packets that wait to be sent. Each packet has up to [`REPORT`] bytes. When the
    /// buffer is full, a report waits until the server or the client is polled again.
    ///
    /// On a server, the buffer must have room for one packet of [`REPORT`] bytes, or
    /// [`Server::new`](crate::server::Server::new) refuses it. On a client, the same room is enough. With
    /// less room, a client does not send reports that are too long for it.
    pub rtcp_transmit: PacketBuffer,
}

/// The size of a [`FrameRing`]: the number of its slots and the length of its storage. This size is used
/// only to compute memory. Create the ring yourself, with the same values; otherwise the computed memory is
/// wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RingSize {
    /// The greatest number of frames that the ring holds: the number of [`Slot`]s of which it is made.
    pub slots: usize,
    /// The length in bytes of the storage for the data of all frames together. A frame that is longer than
    /// this is never stored.
    pub bytes: usize,
}

/// The size of a [`FramePool`]: the number of its buffers and the length of each. This size is used only to compute
/// memory. Create the pool yourself, with the same values; otherwise the computed memory is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolSize {
    /// The number of buffers: that of the [`PoolSlot`]s of which the pool is made.
    pub buffers: usize,
    /// The length of each buffer in bytes. A frame that is longer than this is not stored whole.
    pub len: usize,
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
    /// clients together. `len` counts the RTP header, but not the headers of UDP and IP. Pass
    /// [`Config::max_packet`](pinhole::server::Config::max_packet) as `len`. The buffers for RTCP and for
    /// received packets get small fixed sizes.
    pub const fn to_send(packets: usize, len: usize) -> Self {
        Self {
            rtp_receive: PacketBuffer::of(2, 16),
            rtp_transmit: PacketBuffer::of(packets, len),
            rtcp_receive: PacketBuffer::of(4, 128),
            rtcp_transmit: PacketBuffer::of(2, REPORT),
        }
    }

    /// Returns the buffers of one track of a client. They hold up to `packets` RTP packets of `len` bytes
    /// that arrive between two calls of [`Client::poll`](crate::client::Client::poll); further packets are
    /// lost. `len` counts the RTP header, but not the headers of UDP and IP. The buffers for RTCP and for
    /// packets to be sent get small fixed sizes.
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

impl PoolSize {
    /// Returns the length in bytes of the storage of all buffers together.
    pub const fn bytes(self) -> usize {
        self.buffers * self.len
    }

    /// Bytes of the pool, its slots and its buffers.
    pub(super) const fn ram(self) -> usize {
        let pool = size_of::<FramePool<&mut [PoolSlot], &mut [u8]>>();
        pool + self.buffers * size_of::<PoolSlot>() + self.bytes()
    }
}

impl RingSize {
    /// Bytes of the ring, its slots and its data.
    pub(super) const fn ram(self) -> usize {
        size_of::<FrameRing<&mut [Slot], &mut [u8]>>() + self.slots * size_of::<Slot>() + self.bytes
    }
}
