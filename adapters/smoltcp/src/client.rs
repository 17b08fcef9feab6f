//! An RTSP client on smoltcp sockets: [`Client`], with [`TrackSockets`] for each track by UDP.
use crate::TCP_TIMEOUT;
use crate::time::to_smoltcp;
use crate::udp::{self, Sent, UdpPair};
use core::net::IpAddr;
use pinhole::client::{ClientConn, Config, Event, Port, Unusable};
use pinhole::frame::FrameSink;
use pinhole::rtsp::Pair;
use pinhole::time::{Duration, Instant, Now};
use smoltcp::iface::{Context, SocketHandle, SocketSet};
use smoltcp::socket::{tcp, udp as smoltcp_udp};
use smoltcp::wire::{IpAddress, IpEndpoint, IpListenEndpoint};

/// One track of a [`Client`]: the pair of UDP sockets through which the track is received, and what the
/// client learns about the sender of the track's packets. [`Client::new`] takes a slice with one entry for
/// each track.
#[derive(Clone, Copy, Debug)]
pub struct TrackSockets {
    pair: UdpPair,
    /// The source of the track's packets, if it is not the address of the RTSP server.
    source: Option<IpAddr>,
}

impl TrackSockets {
    /// Creates the entry of one track. The track is received through the two sockets of `pair`. Bind both
    /// sockets before the first [`Client::poll`]. If a socket is not bound, the client does not use UDP, as
    /// if this entry were missing.
    pub const fn new(pair: UdpPair) -> Self {
        Self { pair, source: None }
    }
}

/// An RTSP client: one session with one server, over one TCP socket and, for each track, a pair of UDP
/// sockets.
///
/// Call [`Self::connect`] once, then [`Self::poll`] in each turn of the main loop, after
/// [`Interface::poll`](smoltcp::iface::Interface::poll), until [`Self::is_closed`] returns true. For
/// another session, create another client; that client may use the same sockets and the same storage. `U`
/// is the type of the URL, such as `&str`.
#[derive(Debug)]
pub struct Client<'a, U> {
    conn: ClientConn<&'a mut [u8], U>,
    socket: SocketHandle,
    tracks: &'a mut [TrackSockets],
    server: Option<IpAddress>,
    /// Time limit of TCP's opening handshake.
    connect_timeout: Duration,
    state: ConnectionState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ConnectionState {
    /// TCP's opening handshake is under way, and is aborted at this time, which the first poll sets.
    Connecting(Option<Instant>),
    Connected,
    /// The session is over; TCP's closing handshake is under way, and is aborted at this time.
    Closing(Instant),
    Closed,
}

impl<'a, U: AsRef<[u8]>> Client<'a, U> {
    /// Creates a session with the server of `url`, over the TCP socket `socket`. The socket must be closed,
    /// as a new socket is; otherwise [`Self::connect`] fails. Nothing is sent before [`Self::connect`].
    /// `now` is the current time.
    ///
    /// `tracks` has the UDP sockets of one track in each entry, in the order in which the server describes
    /// the tracks that can be received. If there are more entries than tracks, the last ones are not used. If
    /// there are too few, the client receives all tracks interleaved in the RTSP connection. If
    /// [`Config::transport`] allows only UDP, the session then fails with
    /// [`ClientError::NoPorts`](pinhole::client::ClientError::NoPorts). If [`Config::transport`] allows only
    /// interleaving, `tracks` may be empty.
    ///
    /// Give `storage` the length that [`Config::storage_len`] returns. `random` is a random number that is
    /// different for each client and hard to guess, as for [`ClientConn::new`].
    ///
    /// # Errors
    /// Returns [`Unusable`] if `url` is not an RTSP URL, or if `storage` is shorter than
    /// [`Config::storage_len`]`(0)`.
    pub fn new(
        config: Config,
        now: Now,
        url: U,
        random: u64,
        storage: &'a mut [u8],
        socket: SocketHandle,
        tracks: &'a mut [TrackSockets],
    ) -> Result<Self, Unusable> {
        let connect_timeout = config.response_wait;
        let conn = ClientConn::new(config, now, url, random, storage)?;
        let state = ConnectionState::Connecting(None);
        Ok(Self { conn, socket, tracks, server: None, connect_timeout, state })
    }

    /// Begins to connect to the server, and returns at once. `server` is the IP address and the RTSP port of
    /// the server: resolve the host name in the URL before. `local` is a TCP port that is not in use, with or
    /// without one of the interface's addresses. `context` is
    /// [`Interface::context`](smoltcp::iface::Interface::context).
    ///
    /// Call this once, before the first [`Self::poll`]. Without this call, the first [`Self::poll`] reports
    /// [`Event::Failed`]. If the server refuses the connection, or does not answer within
    /// [`Config::response_wait`], a later [`Self::poll`] reports [`Event::Failed`].
    ///
    /// # Errors
    /// Returns the error of [`tcp::Socket::connect`] if the socket is open, if a port is 0, or if an address
    /// is unspecified or missing. No connection is begun then: correct the arguments, and call this again.
    ///
    /// # Panics
    /// If the socket does not belong to `sockets`, as [`SocketSet::get_mut`] does.
    pub fn connect(
        &mut self,
        context: &mut Context,
        sockets: &mut SocketSet<'_>,
        server: impl Into<IpEndpoint>,
        local: impl Into<IpListenEndpoint>,
    ) -> Result<(), tcp::ConnectError> {
        let server = server.into();
        let socket = sockets.get_mut::<tcp::Socket<'_>>(self.socket);
        socket.set_nagle_enabled(false);
        socket.connect(context, server, local)?;
        self.server = Some(server.addr);
        Ok(())
    }

    /// Returns the RTSP connection, for its tracks and their statistics.
    pub const fn conn(&self) -> &ClientConn<&'a mut [u8], U> {
        &self.conn
    }

    /// Returns the RTSP connection, to play, pause and end the session. A command takes effect with the
    /// next [`Self::poll`]: call [`Self::poll`] soon after. Do not call those methods of the connection
    /// whose names begin with `handle_` or `poll_`, and do not answer [`Event::Setup`]: [`Self::poll`] does
    /// both.
    pub const fn conn_mut(&mut self) -> &mut ClientConn<&'a mut [u8], U> {
        &mut self.conn
    }

    /// Returns true if the session is over and the TCP connection is closed. The sockets are then free for
    /// another client. If the result is false, go on with [`Self::poll`].
    pub fn is_closed(&self) -> bool {
        self.state == ConnectionState::Closed
    }

    /// Does everything that can be done now: receives packets, writes frames to `sink`, and sends requests
    /// and reports. `on_event` is called with each event except [`Event::Setup`], which this method answers
    /// itself. This method does not wait.
    ///
    /// Returns when to call this next if nothing arrives before; `None` if nothing is due until something
    /// arrives. If the time is already past, call this at once. The main loop waits until this time or until
    /// the time of [`Interface::poll_at`](smoltcp::iface::Interface::poll_at), whichever is earlier. Call
    /// this also after each [`Interface::poll`](smoltcp::iface::Interface::poll) that changed a socket, and
    /// after a command to [`Self::conn_mut`].
    ///
    /// After [`Event::Closed`] or [`Event::Failed`], go on until [`Self::is_closed`] returns true.
    ///
    /// # Panics
    /// If a handle of the client does not belong to `sockets`, as [`SocketSet::get_mut`] does.
    pub fn poll<K: FrameSink + ?Sized>(
        &mut self,
        now: Now,
        sockets: &mut SocketSet<'_>,
        sink: &mut K,
        mut on_event: impl FnMut(&Event<'_>),
    ) -> Option<smoltcp::time::Instant> {
        self.poll_core(now, sockets, sink, &mut on_event).map(to_smoltcp)
    }

    fn poll_core<K: FrameSink + ?Sized>(
        &mut self,
        now: Now,
        sockets: &mut SocketSet<'_>,
        sink: &mut K,
        on_event: &mut impl FnMut(&Event<'_>),
    ) -> Option<Instant> {
        self.receive(now, sockets, sink);
        let socket = sockets.get_mut::<tcp::Socket<'_>>(self.socket);
        match self.state {
            ConnectionState::Connecting(since) => {
                let until = since.unwrap_or(now.at + self.connect_timeout);
                self.state = ConnectionState::Connecting(Some(until));
                match socket.state() {
                    tcp::State::SynSent | tcp::State::SynReceived if now.at < until => return Some(until),
                    tcp::State::SynSent | tcp::State::SynReceived => socket.abort(),
                    _ => {}
                }
                self.state = ConnectionState::Connected;
            }
            ConnectionState::Connected => {}
            ConnectionState::Closing(until) => {
                let over = socket.state() == tcp::State::Closed && socket.remote_endpoint().is_none();
                if !over && now.at < until {
                    return Some(until);
                }
                socket.abort();
                self.state = ConnectionState::Closed;
                return None;
            }
            ConnectionState::Closed => return None,
        }
        // Ends: each round takes at least one byte from the receive buffer.
        while self.read(now, sockets, sink) {
            self.handle_events(now, sockets, on_event);
            self.write(now, sockets);
        }
        // Only after reading: what arrived during a pause of the main loop is not overdue.
        self.conn.handle_timeout(now, sink);
        if !sockets.get_mut::<tcp::Socket<'_>>(self.socket).may_recv() {
            self.conn.disconnected(now, sink);
        }
        self.handle_events(now, sockets, on_event);
        let stream_open = self.write(now, sockets);
        let datagram_open = self.transmit(now, sockets);
        self.handle_events(now, sockets, on_event);
        if let ConnectionState::Closing(until) = self.state {
            // FIN follows what was written.
            sockets.get_mut::<tcp::Socket<'_>>(self.socket).close();
            return Some(until);
        }
        self.conn.poll_at().earliest(stream_open, datagram_open)
    }

    /// Receives the datagrams that have arrived from the server.
    fn receive<K: FrameSink + ?Sized>(&mut self, now: Now, sockets: &mut SocketSet<'_>, sink: &mut K) {
        for (index, track) in (0u8..).zip(self.tracks.iter()) {
            let source = track.source.or(self.server.map(IpAddr::from));
            for port in [Port::Rtp, Port::Rtcp] {
                let socket = sockets.get_mut::<smoltcp_udp::Socket<'_>>(track.pair.handle(port));
                while let Ok((datagram, metadata)) = socket.recv() {
                    if Some(IpAddr::from(metadata.endpoint.addr)) == source {
                        self.conn.handle_datagram(now, index, port, datagram, sink);
                    }
                }
            }
        }
    }

    /// Reads a contiguous part of the TCP socket's receive buffer. Returns whether any byte was taken.
    fn read<K: FrameSink + ?Sized>(&mut self, now: Now, sockets: &mut SocketSet<'_>, sink: &mut K) -> bool {
        let socket = sockets.get_mut::<tcp::Socket<'_>>(self.socket);
        if !socket.can_recv() {
            return false;
        }
        let read = socket.recv(|bytes| {
            // An error also comes as an event, and the rest of the stream is dropped.
            let taken = self.conn.handle_stream(now, bytes, sink).unwrap_or(bytes.len());
            (taken, taken)
        });
        read.is_ok_and(|taken| taken > 0)
    }

    fn handle_events(&mut self, now: Now, sockets: &SocketSet<'_>, on_event: &mut impl FnMut(&Event<'_>)) {
        while let Some(event) = self.conn.poll_event(now) {
            match event {
                Event::Setup { track } => {
                    let sockets_of = self.tracks.get(usize::from(track));
                    let ports = sockets_of.and_then(|track| track.pair.bound(sockets));
                    let ports = ports.map(|(rtp, rtcp)| Pair { rtp, rtcp });
                    // Succeeds: the track is the one that the event asks about.
                    let _ = self.conn.setup(track, ports);
                    continue;
                }
                Event::ServerPorts { track, source, .. } => {
                    if let Some(track) = self.tracks.get_mut(usize::from(track)) {
                        track.source = source;
                    }
                }
                Event::Closed | Event::Failed(_) => {
                    self.state = ConnectionState::Closing(now.at + TCP_TIMEOUT);
                }
                _ => {}
            }
            on_event(&event);
        }
    }

    /// Writes requests and interleaved reports to the TCP socket's transmit buffer. Returns whether all
    /// fitted in.
    fn write(&mut self, now: Now, sockets: &mut SocketSet<'_>) -> bool {
        let socket = sockets.get_mut::<tcp::Socket<'_>>(self.socket);
        while let Some(chunk) = self.conn.poll_stream(now) {
            if !socket.can_send() {
                return false;
            }
            // The buffer is a ring: a contiguous part may be shorter than its room.
            let _ = socket.send(|room| {
                let filled = chunk.fill(room);
                chunk.advance(filled);
                (filled, ())
            });
        }
        true
    }

    /// Writes due datagrams to the transmit buffers of the UDP sockets. Returns whether all fitted in.
    fn transmit(&mut self, now: Now, sockets: &mut SocketSet<'_>) -> bool {
        let Some(server) = self.server else { return true };
        while let Some(pending) = self.conn.poll_transmit(now) {
            if let Some(track) = self.tracks.get(usize::from(pending.track())) {
                let handle = track.pair.handle(pending.port());
                let socket = sockets.get_mut::<smoltcp_udp::Socket<'_>>(handle);
                let to = IpEndpoint::new(server, pending.to_port());
                let sent = udp::send(socket, pending.bytes().len(), to, None, |room| {
                    // Succeeds: `room` has the length of the datagram.
                    let _ = pending.emit(room);
                });
                if sent == Sent::Blocked {
                    return false;
                }
            }
            pending.commit();
        }
        true
    }
}
