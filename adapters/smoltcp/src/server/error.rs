//! Errors of a server's set-up.
use core::fmt;

/// What is wrong with the arguments of [`Server::new`](super::Server::new). Such an error is a mistake in
/// the application: the same call would fail again, so correct the argument. The message of
/// [`Display`](fmt::Display) says by how much a length is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum SetupError {
    /// The TCP port to listen on is 0. Pass another port, such as 554.
    Port,
    /// The storage for requests and replies is shorter than
    /// [`Config::storage_len`](pinhole::server::Config::storage_len)`(0)`, which is what requests of 256
    /// bytes need. Pass longer storage.
    StorageTooSmall {
        /// The least length of the storage that would do, in bytes.
        need: usize,
        /// The length of the storage that was passed, in bytes.
        has: usize,
    },
    /// The receive buffer of a connection's TCP socket is shorter than
    /// [`MIN_REQUEST`](pinhole::server::MIN_REQUEST), so that it may have no room for a request. Give the
    /// socket a longer buffer.
    ReceiveBufferTooSmall {
        /// The index of the connection in the slice that was passed, counted from 0.
        connection: usize,
        /// The least length of the buffer that would do, in bytes.
        need: usize,
        /// The length of the buffer, in bytes.
        has: usize,
    },
    /// The transmit buffer of a connection's TCP socket is shorter than
    /// [`Config::message_len`](pinhole::server::Config::message_len), so that some replies or packets could
    /// never enter it. Give the socket a longer buffer.
    TransmitBufferTooSmall {
        /// The index of the connection in the slice that was passed, counted from 0.
        connection: usize,
        /// The least length of the buffer that would do, in bytes.
        need: usize,
        /// The length of the buffer, in bytes.
        has: usize,
    },
    /// A connection has the same TCP socket as an earlier connection. Each connection needs a socket of its
    /// own.
    SocketTaken {
        /// The index of the later of the two connections in the slice that was passed, counted from 0.
        connection: usize,
    },
    /// The UDP sockets are not bound to an even port for RTP and the next port for RTCP (RFC 3550, 11).
    /// Bind the sockets to such ports.
    UdpPorts {
        /// The port of the RTP socket, or 0 if it is not bound.
        rtp: u16,
        /// The port of the RTCP socket, or 0 if it is not bound.
        rtcp: u16,
    },
    /// The socket set has a socket that is not the server's but has a port of the server. That socket
    /// listens on the server's TCP port, or is bound to one of the server's UDP ports. Close that socket,
    /// or use another port for that socket or for the server.
    PortTaken {
        /// The TCP or UDP port that two sockets have.
        port: u16,
    },
    /// A packet of [`Config::max_packet`](pinhole::server::Config::max_packet) bytes, with the headers of IP
    /// and UDP, is longer than the interface's MTU. Lower `max_packet` to `room`. If `room` is below 548, the
    /// server cannot send by UDP on this interface: pass no UDP sockets.
    PacketTooLong {
        /// The length of the packet in bytes, with the RTP header but without the headers of UDP and IP.
        /// This is [`Config::max_packet`](pinhole::server::Config::max_packet), or 548 if `max_packet` is
        /// less than 548.
        packet: usize,
        /// The length in bytes of the longest RTP packet that the MTU has room for, with the RTP header but
        /// without the headers of UDP and IP.
        room: usize,
    },
    /// The transmit buffer of a UDP socket has no room for one packet. The buffer for RTP must have room for
    /// [`Config::max_packet`](pinhole::server::Config::max_packet) bytes, but at least 548. The buffer for
    /// RTCP must have room for [`REPORT`](crate::memory::REPORT) bytes.
    UdpBufferTooSmall {
        /// The UDP port of the socket with that buffer. If the number is even, the socket is the one for RTP.
        port: u16,
        /// The least length of the buffer that would do, in bytes.
        need: usize,
        /// The length of the buffer in bytes, or 0 if it has no room for the metadata of a packet.
        has: usize,
    },
}

impl fmt::Display for SetupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Port => f.write_str("a server cannot listen on port 0"),
            Self::StorageTooSmall { need, has } => write!(
                f,
                "the storage for requests and replies has {has} bytes, {} too few: it takes {need}",
                need.saturating_sub(has)
            ),
            Self::ReceiveBufferTooSmall { connection, need, has } => write!(
                f,
                "the receive buffer of the TCP socket of connection {connection} has {has} bytes, {} too few: \
                 a request takes {need}",
                need.saturating_sub(has)
            ),
            Self::TransmitBufferTooSmall { connection, need, has } => write!(
                f,
                "the transmit buffer of the TCP socket of connection {connection} has {has} bytes, {} too \
                 few: a reply or a packet takes {need}",
                need.saturating_sub(has)
            ),
            Self::SocketTaken { connection } => {
                write!(f, "connection {connection} has the socket of one before it")
            }
            Self::UdpPorts { rtp, rtcp } => write!(
                f,
                "the UDP sockets are bound to the ports {rtp} and {rtcp}: they take an even one, not 0, and the one above"
            ),
            Self::PortTaken { port } => write!(f, "another socket has port {port}"),
            Self::PacketTooLong { packet, room } => write!(
                f,
                "packets of {packet} bytes are {} too long: with IP's and UDP's headers, the interface takes {room}",
                packet.saturating_sub(room)
            ),
            Self::UdpBufferTooSmall { port, need, has } => write!(
                f,
                "the transmit buffer of UDP port {port} has {has} bytes, {} too few: a packet takes {need}",
                need.saturating_sub(has)
            ),
        }
    }
}

impl core::error::Error for SetupError {}
