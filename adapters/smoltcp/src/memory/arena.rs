//! Allocation of sockets from the caller's storage.
use super::{ClientResources, PacketBuffer, ServerResources, TcpBuffers, UdpBuffers};
use crate::UdpPair;
use crate::server::Connection;
use core::mem::take;
use smoltcp::iface::{SocketHandle, SocketSet};
use smoltcp::socket::{tcp, udp};

/// Allocates sockets and their buffers from caller-provided storage, one after another.
///
/// Nothing is returned to the arena. When it is exhausted, a buffer is shorter than requested, down to
/// empty. [`Server::new`](crate::server::Server::new) refuses any buffer that is too short;
/// [`Client::new`](crate::client::Client::new) refuses a storage that is too short.
#[derive(Debug)]
pub struct Arena<'a> {
    bytes: &'a mut [u8],
    packets: &'a mut [udp::PacketMetadata],
}

impl<'a> Arena<'a> {
    /// Creates an arena over `bytes` and `packets`, whose lengths [`ServerResources::bytes`] and
    /// [`ServerResources::packets`] return, or those of [`ClientResources`].
    pub const fn new(bytes: &'a mut [u8], packets: &'a mut [udp::PacketMetadata]) -> Self {
        Self { bytes, packets }
    }

    /// Allocates the buffers of one connection of a server, and adds its socket to `sockets`.
    ///
    /// # Panics
    /// If `sockets` is full, as [`SocketSet::add`] does.
    pub fn connection<const TRACKS: usize>(
        &mut self,
        resources: &ServerResources<TRACKS>,
        sockets: &mut SocketSet<'a>,
    ) -> Connection<TRACKS> {
        Connection::new(self.tcp_socket(resources.tcp, sockets))
    }

    /// Allocates the storage for requests and replies that the connections of a server share.
    pub fn storage<const TRACKS: usize>(&mut self, resources: &ServerResources<TRACKS>) -> &'a mut [u8] {
        self.bytes(resources.storage_len())
    }

    /// Allocates the storage that a client needs for requests, responses and waiting packets.
    pub fn client_storage(&mut self, resources: &ClientResources) -> &'a mut [u8] {
        self.bytes(resources.storage_len())
    }

    /// Allocates the buffers of a TCP socket, and adds the socket to `sockets`.
    ///
    /// # Panics
    /// If `sockets` is full, as [`SocketSet::add`] does.
    pub fn tcp_socket(&mut self, buffers: TcpBuffers, sockets: &mut SocketSet<'a>) -> SocketHandle {
        let receive = tcp::SocketBuffer::new(self.bytes(buffers.receive));
        let transmit = tcp::SocketBuffer::new(self.bytes(buffers.transmit));
        sockets.add(tcp::Socket::new(receive, transmit))
    }

    /// Allocates the buffers of two UDP sockets, and adds the sockets to `sockets`. RTP's is bound to
    /// `port`, which must be even and not 0, and RTCP's to `port + 1`.
    ///
    /// # Panics
    /// If `sockets` is full, as [`SocketSet::add`] does.
    pub fn udp_pair(&mut self, buffers: &UdpBuffers, port: u16, sockets: &mut SocketSet<'a>) -> UdpPair {
        let rtp = self.udp_socket(buffers.rtp_receive, buffers.rtp_transmit, port, sockets);
        let above = port.wrapping_add(1);
        let rtcp = self.udp_socket(buffers.rtcp_receive, buffers.rtcp_transmit, above, sockets);
        UdpPair { rtp, rtcp }
    }

    /// Allocates `len` bytes, or all that are left if those are fewer.
    pub fn bytes(&mut self, len: usize) -> &'a mut [u8] {
        take_front(&mut self.bytes, len)
    }

    fn udp_socket(
        &mut self,
        receive: PacketBuffer,
        transmit: PacketBuffer,
        port: u16,
        sockets: &mut SocketSet<'a>,
    ) -> SocketHandle {
        let [receive, transmit] = [receive, transmit].map(|buffer| {
            udp::PacketBuffer::new(take_front(&mut self.packets, buffer.packets), self.bytes(buffer.bytes))
        });
        let mut socket = udp::Socket::new(receive, transmit);
        // Fails for port 0 only: `Server::new` refuses a socket that is not bound.
        let _ = socket.bind(port);
        sockets.add(socket)
    }
}

/// Splits the first `len` elements off a slice, or all of them if there are fewer.
fn take_front<'a, T>(from: &mut &'a mut [T], len: usize) -> &'a mut [T] {
    let len = len.min(from.len());
    let (front, rest) = take(from).split_at_mut(len);
    *from = rest;
    front
}
