//! Allocation of sockets from the caller's storage.
use super::{ClientResources, PacketBuffer, ServerResources, TcpBuffers, UdpBuffers};
use crate::UdpPair;
use crate::server::Connection;
use core::mem::take;
use smoltcp::iface::{SocketHandle, SocketSet};
use smoltcp::socket::{tcp, udp};

/// Allocates sockets and their buffers from storage that the caller provides. Call the methods in any
/// order.
///
/// Nothing can be given back to the arena. If too little storage is left, a buffer is shorter than requested,
/// or empty, and no error is returned. [`Server::new`](crate::server::Server::new) later refuses buffers and
/// storage that are too short to work with. [`Client::new`](crate::client::Client::new) refuses storage that
/// is too short, but not buffers: if its buffers are too short, a client receives less or nothing.
#[derive(Debug)]
pub struct Arena<'a> {
    bytes: &'a mut [u8],
    packets: &'a mut [udp::PacketMetadata],
}

impl<'a> Arena<'a> {
    /// Creates an arena over `bytes` and `packets`. Buffers and messages are put in `bytes`; the metadata
    /// of packets in UDP sockets are put in `packets`. Give the two slices the lengths that
    /// [`ServerResources::bytes`] and [`ServerResources::packets`] return, or [`ClientResources::bytes`]
    /// and [`ClientResources::packets`]. For several servers or clients, add the lengths up.
    pub const fn new(bytes: &'a mut [u8], packets: &'a mut [udp::PacketMetadata]) -> Self {
        Self { bytes, packets }
    }

    /// Allocates the buffers of one connection of a server, and adds its TCP socket, which is closed, to
    /// `sockets`. Call this [`ServerResources::connections`] times, and pass all the connections to
    /// [`Server::new`](crate::server::Server::new). If too little was left in the arena, the buffers are
    /// shorter, and [`Server::new`](crate::server::Server::new) refuses them.
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

    /// Allocates the storage for requests and replies that the connections of a server share. Call this
    /// once for each server, and pass the storage to [`Server::new`](crate::server::Server::new). If too
    /// little was left in the arena, the storage is shorter. Then long requests are answered with 413, or
    /// [`Server::new`](crate::server::Server::new) refuses the storage.
    pub fn storage<const TRACKS: usize>(&mut self, resources: &ServerResources<TRACKS>) -> &'a mut [u8] {
        self.bytes(resources.storage_len())
    }

    /// Allocates the storage that a client needs for requests, responses and waiting packets. Call this
    /// once for each client, and pass the storage to [`Client::new`](crate::client::Client::new). If too
    /// little was left in the arena, the storage is shorter. Then fewer packets can wait, or
    /// [`Client::new`](crate::client::Client::new) refuses the storage.
    pub fn client_storage(&mut self, resources: &ClientResources) -> &'a mut [u8] {
        self.bytes(resources.storage_len())
    }

    /// Allocates the buffers of a TCP socket, and adds the socket, which is closed, to `sockets`. Returns the
    /// handle that [`Client::new`](crate::client::Client::new) takes. For a server, call [`Self::connection`]
    /// instead. If too little is left in the arena, the buffers are shorter.
    ///
    /// # Panics
    /// If `sockets` is full, as [`SocketSet::add`] does.
    pub fn tcp_socket(&mut self, buffers: TcpBuffers, sockets: &mut SocketSet<'a>) -> SocketHandle {
        let receive = tcp::SocketBuffer::new(self.bytes(buffers.receive));
        let transmit = tcp::SocketBuffer::new(self.bytes(buffers.transmit));
        sockets.add(tcp::Socket::new(receive, transmit))
    }

    /// Allocates the buffers of two UDP sockets, adds the sockets to `sockets`, and binds the RTP socket to
    /// `port` and the RTCP socket to the next port. If too little is left in the arena, the buffers are
    /// shorter.
    ///
    /// `port` must be even and not 0. With an odd port or 0, the pair is made all the same, but
    /// [`Server::new`](crate::server::Server::new) refuses it. With 0 or 65,535, one of the two sockets is
    /// not bound, so that a client cannot use the pair either.
    ///
    /// # Panics
    /// If `sockets` is full, as [`SocketSet::add`] does.
    pub fn udp_pair(&mut self, buffers: &UdpBuffers, port: u16, sockets: &mut SocketSet<'a>) -> UdpPair {
        let rtp = self.udp_socket(buffers.rtp_receive, buffers.rtp_transmit, port, sockets);
        let above = port.wrapping_add(1);
        let rtcp = self.udp_socket(buffers.rtcp_receive, buffers.rtcp_transmit, above, sockets);
        UdpPair { rtp, rtcp }
    }

    /// Allocates `len` bytes for the application's own use. If fewer than `len` bytes are left in the
    /// arena, all bytes that are left are returned. [`ServerResources::bytes`] and
    /// [`ClientResources::bytes`] do not count bytes for the application's own use: make the storage of the
    /// arena longer by `len`.
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
