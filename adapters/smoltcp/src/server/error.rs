//! Errors of a server's set-up.
use core::fmt;

/// An error in what a caller provides to [`Server::new`](super::Server::new).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum SetupError {
    /// The port to listen on is 0.
    Port,
    /// The storage is shorter than [`Config::storage_len`](pinhole::server::Config::storage_len).
    StorageTooSmall {
        /// The smallest length of the storage that would do, in bytes.
        need: usize,
        /// The length of the storage that was provided, in bytes.
        has: usize,
    },
    /// The receive buffer of a connection's TCP socket has no room for a request.
    ReceiveBufferTooSmall {
        /// The index of the connection whose buffer it is.
        connection: usize,
        /// The smallest length of the buffer that would do, in bytes.
        need: usize,
        /// The length of the buffer that was provided, in bytes.
        has: usize,
    },
    /// The transmit buffer of a connection's TCP socket is shorter than
    /// [`Config::message_len`](pinhole::server::Config::message_len).
    TransmitBufferTooSmall {
        /// The index of the connection whose buffer it is.
        connection: usize,
        /// The smallest length of the buffer that would do, in bytes.
        need: usize,
        /// The length of the buffer that was provided, in bytes.
        has: usize,
    },
    /// A connection has the same socket as an earlier connection.
    SocketTaken {
        /// The index of the later of the two connections with this socket.
        connection: usize,
    },
    /// The UDP sockets are not bound to an even port for RTP and the next one for RTCP (RFC 3550, 11).
    UdpPorts {
        /// RTP's port, or 0 if its socket is not bound.
        rtp: u16,
        /// RTCP's port, or 0 if its socket is not bound.
        rtcp: u16,
    },
    /// Another socket of the set is bound to a port of the server.
    PortTaken {
        /// The UDP port that was to be used twice.
        port: u16,
    },
    /// [`Config::max_packet`](pinhole::server::Config::max_packet) and the headers of IP and UDP together
    /// exceed the interface's MTU.
    PacketTooLong {
        /// [`Config::max_packet`](pinhole::server::Config::max_packet).
        packet: usize,
        /// The length of the longest RTP packet that the MTU has room for, in bytes.
        room: usize,
    },
    /// The transmit buffer of a UDP socket, that of RTP or that of RTCP, has no room for one packet.
    UdpBufferTooSmall {
        /// The UDP port of the socket with that buffer.
        port: u16,
        /// The smallest length of the buffer that would do, in bytes.
        need: usize,
        /// The length of the buffer that was provided, in bytes, or 0 if it has no packet metadata.
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
