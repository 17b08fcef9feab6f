//! An RTSP client on smoltcp sockets.
use crate::PATIENCE;
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

/// The UDP sockets that one track can come to.
#[derive(Clone, Copy, Debug)]
pub struct TrackSockets {
    pair: UdpPair,
    /// Where its packets come from, if not from the server's own address.
    source: Option<IpAddr>,
}

impl TrackSockets {
    /// A track on `pair`.
    pub const fn new(pair: UdpPair) -> Self {
        Self { pair, source: None }
    }
}

/// An RTSP client: one session with one server.
///
/// In each turn of the caller's loop, after [`Interface::poll`](smoltcp::iface::Interface::poll):
/// [`Client::poll`].
#[derive(Debug)]
pub struct Client<'a, U> {
    conn: ClientConn<&'a mut [u8], U>,
    socket: SocketHandle,
    tracks: &'a mut [TrackSockets],
    server: Option<IpAddress>,
    /// How long TCP's opening may take.
    patience: Duration,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// TCP's opening is under way; given up at this time, once it is known.
    Connecting(Option<Instant>),
    Connected,
    /// The session is over, and TCP's farewell under way; cut short at this time.
    Closing(Instant),
    Closed,
}

impl<'a, U: AsRef<[u8]>> Client<'a, U> {
    /// A session with the server of `url`, on a TCP socket, and by UDP for as many tracks as there
    /// are `tracks`; the others come interleaved in the RTSP connection, if `config` allows it. For
    /// `storage`, see [`Config::storage_len`]; for `random`, [`ClientConn::new`].
    ///
    /// # Errors
    /// [`Unusable`]: the URL, or the storage.
    pub fn new(
        config: Config,
        now: Now,
        url: U,
        random: u64,
        storage: &'a mut [u8],
        socket: SocketHandle,
        tracks: &'a mut [TrackSockets],
    ) -> Result<Self, Unusable> {
        let patience = config.response_wait;
        let conn = ClientConn::new(config, now, url, random, storage)?;
        let phase = Phase::Connecting(None);
        Ok(Self { conn, socket, tracks, server: None, patience, phase })
    }

    /// Connects to the server, from a local port that is not in use. Its address is the caller's to
    /// find, from the host in the URL.
    ///
    /// # Errors
    /// As [`tcp::Socket::connect`].
    ///
    /// # Panics
    /// As [`SocketSet::get_mut`] does, if the handle is not of `sockets`.
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

    /// The connection: to play, to pause, to end the session, and for its figures.
    pub const fn conn(&self) -> &ClientConn<&'a mut [u8], U> {
        &self.conn
    }

    /// The connection: to play, to pause, to end the session, and for its figures. Bytes and time
    /// are told to it by [`Self::poll`] alone.
    pub const fn conn_mut(&mut self) -> &mut ClientConn<&'a mut [u8], U> {
        &mut self.conn
    }

    /// The session is over, and the sockets are free to be used again.
    pub fn is_closed(&self) -> bool {
        self.phase == Phase::Closed
    }

    /// Does all that can be done now, and tells what happened: any event but [`Event::Setup`].
    /// Frames go to `sink`. Returns when to come back, if nothing comes in before: with
    /// [`Interface::poll_at`](smoltcp::iface::Interface::poll_at), the earlier of the two, and
    /// after each [`Interface::poll`](smoltcp::iface::Interface::poll) that changed a socket.
    ///
    /// # Panics
    /// As [`SocketSet::get_mut`] does, if a handle of the client's is not of `sockets`.
    pub fn poll<K: FrameSink + ?Sized>(
        &mut self,
        now: Now,
        sockets: &mut SocketSet<'_>,
        sink: &mut K,
        mut on_event: impl FnMut(&Event<'_>),
    ) -> Option<smoltcp::time::Instant> {
        self.turn(now, sockets, sink, &mut on_event).map(to_smoltcp)
    }

    fn turn<K: FrameSink + ?Sized>(
        &mut self,
        now: Now,
        sockets: &mut SocketSet<'_>,
        sink: &mut K,
        on_event: &mut impl FnMut(&Event<'_>),
    ) -> Option<Instant> {
        self.receive(now, sockets, sink);
        let socket = sockets.get_mut::<tcp::Socket<'_>>(self.socket);
        match self.phase {
            Phase::Connecting(since) => {
                let until = since.unwrap_or(now.at + self.patience);
                self.phase = Phase::Connecting(Some(until));
                match socket.state() {
                    tcp::State::SynSent | tcp::State::SynReceived if now.at < until => return Some(until),
                    tcp::State::SynSent | tcp::State::SynReceived => socket.abort(),
                    _ => {}
                }
                self.phase = Phase::Connected;
            }
            Phase::Connected => {}
            Phase::Closing(until) => {
                let over = socket.state() == tcp::State::Closed && socket.remote_endpoint().is_none();
                if !over && now.at < until {
                    return Some(until);
                }
                socket.abort();
                self.phase = Phase::Closed;
                return None;
            }
            Phase::Closed => return None,
        }
        // Ends with what is in the socket's buffer: each round takes some of it.
        while self.read(now, sockets, sink) {
            self.tell(now, sockets, on_event);
            self.write(now, sockets);
        }
        // After a pause of the caller's, what has come is not overdue.
        self.conn.handle_timeout(now, sink);
        if !sockets.get_mut::<tcp::Socket<'_>>(self.socket).may_recv() {
            self.conn.disconnected(now, sink);
        }
        self.tell(now, sockets, on_event);
        let stream_open = self.write(now, sockets);
        let datagram_open = self.transmit(now, sockets);
        self.tell(now, sockets, on_event);
        if let Phase::Closing(until) = self.phase {
            // FIN follows what was written.
            sockets.get_mut::<tcp::Socket<'_>>(self.socket).close();
            return Some(until);
        }
        self.conn.poll_at().earliest(stream_open, datagram_open)
    }

    /// Takes the datagrams that have come from the server.
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

    /// Takes what is in the TCP socket's buffer, up to its end; returns whether that was anything.
    fn read<K: FrameSink + ?Sized>(&mut self, now: Now, sockets: &mut SocketSet<'_>, sink: &mut K) -> bool {
        let socket = sockets.get_mut::<tcp::Socket<'_>>(self.socket);
        if !socket.can_recv() {
            return false;
        }
        let read = socket.recv(|bytes| {
            // An error is told as an event, and what comes after it is dropped.
            let taken = self.conn.handle_stream(now, bytes, sink).unwrap_or(bytes.len());
            (taken, taken)
        });
        read.is_ok_and(|taken| taken > 0)
    }

    fn tell(&mut self, now: Now, sockets: &SocketSet<'_>, on_event: &mut impl FnMut(&Event<'_>)) {
        while let Some(event) = self.conn.poll_event(now) {
            match event {
                Event::Setup { track } => {
                    let sockets_of = self.tracks.get(usize::from(track));
                    let ports = sockets_of.and_then(|track| track.pair.bound(sockets));
                    let ports = ports.map(|(rtp, rtcp)| Pair { rtp, rtcp });
                    // It was asked for just now.
                    let _ = self.conn.setup(track, ports);
                    continue;
                }
                Event::ServerPorts { track, source, .. } => {
                    if let Some(track) = self.tracks.get_mut(usize::from(track)) {
                        track.source = source;
                    }
                }
                Event::Closed | Event::Failed(_) => self.phase = Phase::Closing(now.at + PATIENCE),
                _ => {}
            }
            on_event(&event);
        }
    }

    /// Writes what is to be said into the TCP socket's buffer; returns whether all of it went in.
    fn write(&mut self, now: Now, sockets: &mut SocketSet<'_>) -> bool {
        let socket = sockets.get_mut::<tcp::Socket<'_>>(self.socket);
        while let Some(chunk) = self.conn.poll_stream(now) {
            if !socket.can_send() {
                return false;
            }
            // The buffer is a ring: what it offers may end before its room does.
            let _ = socket.send(|room| {
                let filled = chunk.fill(room);
                chunk.advance(filled);
                (filled, ())
            });
        }
        true
    }

    /// Writes the datagrams that are due into the sockets' buffers; returns whether all of them
    /// went in.
    fn transmit(&mut self, now: Now, sockets: &mut SocketSet<'_>) -> bool {
        let Some(server) = self.server else { return true };
        while let Some(pending) = self.conn.poll_transmit(now) {
            if let Some(track) = self.tracks.get(usize::from(pending.track())) {
                let handle = track.pair.handle(pending.port());
                let socket = sockets.get_mut::<smoltcp_udp::Socket<'_>>(handle);
                let to = IpEndpoint::new(server, pending.to_port());
                let sent = udp::send(socket, pending.bytes().len(), to, None, |room| {
                    // It has the length of the datagram.
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
