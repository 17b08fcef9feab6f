//! A TCP socket of a server, from listening to closing.
use super::context::Context;
use super::established::{Established, Next};
use crate::udp::SOCKET;
use crate::{OPENING_TIMEOUT, TCP_TIMEOUT};
use core::net::SocketAddr;
use pinhole::server::{Application, MAX_TRACKS, Port, ServerConn};
use pinhole::time::{Instant, Now};
use smoltcp::iface::{SocketHandle, SocketSet};
use smoltcp::socket::tcp;
use smoltcp::wire::{IpAddress, IpEndpoint};

/// The place of one client in a [`Server`](super::Server): a TCP socket of the caller's set, and the RTSP
/// connection of the client on it.
///
/// Make one `Connection` for each client that may be connected at once, and pass all of them to
/// [`Server::new`](super::Server::new). From then on, the server controls the socket: the server listens on
/// the socket, accepts a client, closes the socket, and listens again. The server also moves its sockets within
/// their set, so do not use the handle of the socket any more. `TRACKS` is the number of tracks
/// that the client can have set up at once, from 1 to [`MAX_TRACKS`].
#[derive(Debug)]
pub struct Connection<const TRACKS: usize = MAX_TRACKS> {
    socket: SocketHandle,
    state: ConnectionState<TRACKS>,
}

#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "the caller provides memory for the largest variant anyway")]
enum ConnectionState<const TRACKS: usize> {
    /// The socket listens, or is about to. `opening` is when a client began to connect.
    Idle {
        opening: Option<Instant>,
    },
    Established(Established<TRACKS>),
    /// TCP's closing handshake is under way, and is aborted at this time.
    Closing(Instant),
}

/// The state of a socket that listens.
enum Accept {
    /// No client has connected yet.
    Pending,
    Client {
        peer: IpEndpoint,
        local: IpAddress,
    },
}

impl<const TRACKS: usize> Connection<TRACKS> {
    /// Creates the place of one client on `socket`, a TCP socket that is closed, as a new socket is. The
    /// server opens the socket: do not open it yourself. Each connection needs a socket of its own.
    /// [`Arena::connection`](crate::memory::Arena::connection) makes the socket and the connection.
    ///
    /// The socket's receive buffer holds a request until the request is complete. The buffer must have at
    /// least 256 bytes, or [`Server::new`](super::Server::new) returns
    /// [`SetupError::ReceiveBufferTooSmall`](super::SetupError::ReceiveBufferTooSmall). A request that is
    /// longer than the buffer is answered with 413.
    ///
    /// The transmit buffer holds replies and interleaved packets. The buffer must have at least
    /// [`Config::message_len`](pinhole::server::Config::message_len) bytes, or
    /// [`Server::new`](super::Server::new) returns
    /// [`SetupError::TransmitBufferTooSmall`](super::SetupError::TransmitBufferTooSmall).
    ///
    /// Data in the transmit buffer takes room until the client has acknowledged the data: for one round
    /// trip, or longer if the client delays acknowledgements. So at most one buffer of interleaved media is
    /// sent in each round trip, and a buffer that is shorter than a frame may lower the frame rate.
    /// Interleaved packets enter the buffer whole. So the buffer wastes no room if its length is a multiple
    /// of the length of a packet, with the 4 bytes of interleaved header.
    pub const fn new(socket: SocketHandle) -> Self {
        Self { socket, state: ConnectionState::Idle { opening: None } }
    }

    pub(super) const fn socket(&self) -> SocketHandle {
        self.socket
    }

    pub(super) const fn socket_mut(&mut self) -> &mut SocketHandle {
        &mut self.socket
    }

    pub(super) const fn is_idle(&self) -> bool {
        matches!(self.state, ConnectionState::Idle { .. })
    }

    /// Returns the RTSP connection, if a client is connected.
    pub(super) const fn conn(&self) -> Option<&ServerConn<TRACKS>> {
        match &self.state {
            ConnectionState::Established(established) => Some(&established.conn),
            _ => None,
        }
    }

    pub(super) fn handle_datagram(&mut self, now: Now, from: SocketAddr, port: Port, datagram: &[u8]) {
        if let Some(established) = self.established_mut() {
            established.link.on_reached();
            established.conn.handle_datagram(now, from, SOCKET, port, datagram);
        }
    }

    /// Records that datagrams do not reach `peer` at present.
    pub(super) fn on_unreachable(&mut self, now: Instant, peer: IpAddress) {
        if let Some(established) = self.established_mut().filter(|it| it.link.peer.addr == peer) {
            established.link.on_unreachable(now);
        }
    }

    /// Ends the sessions of the client, and then the connection.
    pub(super) fn close(&mut self) {
        if let Some(established) = self.established_mut() {
            established.conn.close();
        }
    }

    /// Does everything that can be done now. Returns when there is more to do.
    pub(super) fn poll<A: Application + ?Sized>(
        &mut self,
        context: &mut Context<'_, '_>,
        sockets: &mut SocketSet<'_>,
        app: &mut A,
    ) -> Option<Instant> {
        let now = context.now;
        if let ConnectionState::Closing(until) = self.state {
            let socket = sockets.get_mut::<tcp::Socket<'_>>(self.socket);
            // An aborted socket keeps its peer until it has sent the reset.
            let closed = socket.state() == tcp::State::Closed && socket.remote_endpoint().is_none();
            if !closed && now.at < until {
                return Some(until);
            }
            socket.abort();
            self.state = ConnectionState::Idle { opening: None };
        }
        if let ConnectionState::Idle { opening } = &mut self.state {
            let socket = sockets.get_mut::<tcp::Socket<'_>>(self.socket);
            match accept(opening, context, socket) {
                Accept::Pending => return opening.map(|since| since + OPENING_TIMEOUT),
                Accept::Client { peer, local } => {
                    self.state = ConnectionState::Established(Established::new(context, peer, local));
                }
            }
        }
        let ConnectionState::Established(established) = &mut self.state else { return None };
        match established.poll(self.socket, context, sockets, app) {
            Next::Wait(at) => at,
            Next::Close => {
                sockets.get_mut::<tcp::Socket<'_>>(self.socket).close();
                let until = now.at + TCP_TIMEOUT;
                self.state = ConnectionState::Closing(until);
                Some(until)
            }
        }
    }

    const fn established_mut(&mut self) -> Option<&mut Established<TRACKS>> {
        match &mut self.state {
            ConnectionState::Established(established) => Some(established),
            _ => None,
        }
    }
}

/// Has `socket` listen, and returns whether a client has connected.
fn accept(opening: &mut Option<Instant>, context: &Context<'_, '_>, socket: &mut tcp::Socket<'_>) -> Accept {
    if context.closing {
        socket.abort();
        return Accept::Pending;
    }
    if !socket.is_open() {
        // Replies are written as a whole: to delay the last segment of one gains nothing.
        socket.set_nagle_enabled(false);
        // Fails for port 0 only, which `Server::new` refuses.
        let _ = socket.listen(context.listen);
    }
    match (socket.state(), socket.remote_endpoint(), socket.local_endpoint()) {
        (tcp::State::Listen, ..) => *opening = None,
        (tcp::State::SynReceived, ..) => {
            let since = *opening.get_or_insert(context.now.at);
            if since + OPENING_TIMEOUT <= context.now.at {
                // smoltcp has no timeout here: a flood of SYNs would occupy every socket for ever. It listens
                // again in the next poll, which is due at once.
                socket.abort();
            }
        }
        (_, Some(peer), Some(local)) => return Accept::Client { peer, local: local.addr },
        _ => {}
    }
    Accept::Pending
}
