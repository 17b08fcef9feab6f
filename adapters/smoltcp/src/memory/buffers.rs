//! Sizes of the buffers of sockets, and of a frame ring.
use crate::udp::REPORT;
use pinhole::frame::{FrameRing, Slot};
use smoltcp::socket::udp;

/// Sizes of the two buffers of a TCP socket, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpBuffers {
    /// Bytes of the receive buffer.
    ///
    /// On a server it bounds the length of a request, and must be at least 256. 512 bytes are enough for
    /// common clients; each interleaved session also receives its reports through it.
    pub receive: usize,
    /// Bytes of the transmit buffer, which holds data until the peer acknowledges it.
    ///
    /// On a server it must be at least [`Config::message_len`](pinhole::server::Config::message_len).
    /// Interleaved packets enter it whole, each with a header of 4 bytes.
    pub transmit: usize,
}

/// Size of the buffer of a UDP socket in one direction.
///
/// The buffer is full when it holds `packets` packets or `bytes` bytes. A packet is stored contiguously:
/// where the storage wraps, up to one packet's length stays unused, and counts as one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketBuffer {
    /// The largest number of packets that the buffer holds.
    pub packets: usize,
    /// The bytes of the buffer for the payloads of all its packets together.
    pub bytes: usize,
}

/// Sizes of the four buffers of a [`UdpPair`](crate::UdpPair).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UdpBuffers {
    /// Received RTP packets. A server receives only the packets with which clients open their NATs.
    pub rtp_receive: PacketBuffer,
    /// The buffer for RTP packets that wait to be sent.
    pub rtp_transmit: PacketBuffer,
    /// The buffer for RTCP packets that have arrived.
    pub rtcp_receive: PacketBuffer,
    /// RTCP packets to be sent, each of up to [`REPORT`] bytes.
    pub rtcp_transmit: PacketBuffer,
}

/// The size of a [`FrameRing`]: its slots and its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RingSize {
    /// The largest number of frames that the ring holds.
    pub slots: usize,
    /// The bytes of the ring for the data of all its frames together.
    pub bytes: usize,
}

impl TcpBuffers {
    /// Bytes of both buffers.
    pub(super) const fn ram(self) -> usize {
        self.receive + self.transmit
    }
}

impl PacketBuffer {
    /// Returns a buffer for `packets` packets of `len` bytes.
    pub const fn of(packets: usize, len: usize) -> Self {
        Self { packets, bytes: packets * len }
    }

    /// Bytes of the payloads and of the metadata.
    const fn ram(self) -> usize {
        self.packets * size_of::<udp::PacketMetadata>() + self.bytes
    }
}

impl UdpBuffers {
    /// Returns the buffers of a server that queues `packets` RTP packets of `len` bytes.
    pub const fn to_send(packets: usize, len: usize) -> Self {
        Self {
            rtp_receive: PacketBuffer::of(2, 16),
            rtp_transmit: PacketBuffer::of(packets, len),
            rtcp_receive: PacketBuffer::of(4, 128),
            rtcp_transmit: PacketBuffer::of(2, REPORT),
        }
    }

    /// Returns the buffers of a client that receives up to `packets` RTP packets of `len` bytes between
    /// two polls.
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
