//! One connection's turn.
#[cfg(feature = "tls")]
mod secure;
#[cfg(test)]
mod tests;
#[cfg(feature = "http")]
mod tunnelled;

use super::allowance::Allowance;
use super::byte_stream::ByteStream;
use super::failures::Failures;
use super::limits::Seat;
use super::logins::Reserved;
#[cfg(feature = "metrics")]
use super::logins::{Logins, name_of};
#[cfg(feature = "metrics")]
use super::observe::{Kind, Row};
use super::program::{Awaited, Program};
#[cfg(feature = "http")]
use super::tunnel::TunnelInput;
use super::{Event, Shared};
#[cfg(target_os = "linux")]
use crate::udp;
use crate::udp::{Sent, UdpSocket};
use crate::warm::warm;
use mio::event::Source as _;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use pinhole::rtp::Want;
#[cfg(feature = "metrics")]
use pinhole::server::TrackStatus;
use pinhole::server::{Batch, Config, Login, Port, ServerConn, SessionId, Transmit, Turn, UdpRoute};
use pinhole::time::{Duration, Instant, Now};
use socket2::SockRef;
use std::io::{self, IoSlice, Read};
use std::mem;
use std::net::{IpAddr, SocketAddr};
#[cfg(feature = "http")]
use tunnelled::Spoken;

/// Requests of up to this length are understood.
const REQUEST: usize = 2048;
/// How many reads and writes a connection gets before the others have their turn.
pub(super) const STEPS: usize = 16;
/// About how many bytes a connection is sent before the others have their turn: a large frame. A client that
/// takes all that it is sent, at 16 times the speed, does not keep another one's frame waiting for longer
/// than it takes the kernel to copy this.
pub(super) const QUANTUM: usize = 256 << 10;
/// How long a connection that is one too many has to send a request, which is answered so.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many pieces one write gathers at most: what Linux takes.
const MAX_PIECES: usize = 1024;
/// How many bytes a piece has at least, on average: a packet of 1400 bytes has three, two of them headers.
const PIECE: usize = 512;
/// Bytes that may wait in the kernel for the client's window: a large frame's at most.
#[cfg(any(target_os = "linux", target_os = "android"))]
const UNSENT: u32 = 128 * 1024;
/// When to try again where a UDP socket took no more.
const UDP_AGAIN: Duration = Duration::from_millis(1);

/// A client, and the RTSP connection with it.
pub(super) struct Peer {
    conn: ServerConn,
    storage: Vec<u8>,
    link: Link,
    /// Whether its routes may have changed since they were taken.
    rerouted: bool,
}

/// The TCP connection of a client.
struct Link {
    stream: ByteStream,
    address: SocketAddr,
    /// The address at which the client reached this server, and from which datagrams are sent.
    local: IpAddr,
    readable: bool,
    writable: bool,
    /// The connection is closed when everything is written, at this time at the latest.
    leaving: Option<Instant>,
    /// The TCP connection is lost.
    lost: bool,
    /// How many packets one call sends to this client; `None`: as many as the kernel takes. It is 1 if the
    /// way to the client takes no batches.
    segments: Option<usize>,
    /// Whether it is sent live media, whose newest frame other clients are sent as well, or which came just now.
    live: bool,
    /// How much it may still be sent in this turn.
    quantum: usize,
    allowance: Allowance,
    failures: Failures,
    awaited: Option<Awaited>,
    login: Login,
    /// When the credentials of a request may be tried that waits for that.
    trial: Reserved,
    /// When to give up a connection that is one too many.
    patience: Option<Instant>,
    #[cfg(feature = "http")]
    spoken: Spoken,
    /// What is read in place of `stream`, if the connection is a tunnel.
    #[cfg(feature = "http")]
    tunnel: Option<Box<TunnelInput>>,
}

/// What comes next for a connection.
pub(super) enum Next {
    /// To be polled at this time, or when something arrives.
    Wait(Option<Instant>),
    /// To be removed.
    Close,
    /// To be admitted anew as what it has turned out to be; see [`super::connection::Connection::into_arrival`].
    Readmit,
}

impl Peer {
    pub(super) fn new(
        now: Now,
        mut stream: ByteStream,
        (address, seat): (SocketAddr, Seat),
        config: Config,
        registry: &Registry,
        token: Token,
    ) -> io::Result<Self> {
        let socket = &mut stream.socket;
        socket.set_nodelay(true)?;
        bound_queue(socket);
        let local = socket.local_addr()?.ip();
        socket.register(registry, token, Interest::READABLE | Interest::WRITABLE)?;
        let storage = vec![0; config.storage_len(REQUEST)];
        let conn = ServerConn::new(config, now, address);
        let link = Link {
            stream,
            address,
            local,
            readable: true,
            writable: true,
            leaving: None,
            lost: false,
            segments: None,
            live: false,
            quantum: 0,
            patience: seat.too_many().map(|_| now.at + PATIENCE),
            allowance: Allowance::new(seat),
            failures: Failures::default(),
            awaited: None,
            login: Login::default(),
            trial: None,
            #[cfg(feature = "http")]
            spoken: Spoken::Unknown,
            #[cfg(feature = "http")]
            tunnel: None,
        };
        Ok(Self { conn, storage, link, rerouted: false })
    }

    pub(super) fn deregister(&mut self, registry: &Registry) {
        // It is closed in any case.
        let _ = self.link.stream.socket.deregister(registry);
    }

    pub(super) const fn ready(&mut self, readable: bool, writable: bool) {
        self.link.readable |= readable;
        self.link.writable |= writable;
    }

    /// Takes note of whether it reads live media.
    pub(super) const fn set_live(&mut self, live: bool) {
        self.link.live = live;
    }

    /// Returns whether a request waits for the source of a medium.
    pub(super) fn awaits(&self, of: impl Fn(u16) -> bool) -> bool {
        self.link.awaited.is_some_and(|awaited| of(awaited.media))
    }

    /// Returns the frame that each of the streams in play sends next.
    pub(super) fn wanted(&self) -> impl Iterator<Item = Want> {
        self.conn.wanted()
    }

    /// Takes the tracks that travel by UDP, if they may have changed since the last call.
    pub(super) fn take_routes(&mut self) -> Option<impl Iterator<Item = UdpRoute>> {
        mem::take(&mut self.rerouted).then(|| self.conn.routes())
    }

    pub(super) fn handle_datagram(
        &mut self,
        now: Now,
        from: SocketAddr,
        socket: u8,
        port: Port,
        datagram: &[u8],
    ) {
        self.conn.handle_datagram(now, from, socket, port, datagram);
        self.rerouted = true;
    }

    /// Calls `add` with each track that is set up. Returns the kind of the connection.
    #[cfg(feature = "metrics")]
    pub(super) fn observe(&self, now: Now, logins: Option<&Logins>, add: &mut dyn FnMut(Row)) -> Kind {
        for status in self.conn.statuses(now) {
            let TrackStatus { session, track, transport, summary } = status;
            add(Row {
                session: Some(session),
                track,
                peer: self.link.address,
                user: name_of(logins, &self.link.login),
                carrier: transport.into(),
                summary,
            });
        }
        match self.link.tunnel {
            Some(_) => Kind::Tunnel,
            None if self.link.stream.is_secure() => Kind::Rtsps,
            None => Kind::Rtsp,
        }
    }

    pub(super) fn close(&mut self) {
        self.conn.close();
    }

    pub(super) const fn login(&self) -> &Login {
        &self.link.login
    }

    pub(super) const fn set_login(&mut self, login: Login) {
        self.link.login = login;
    }

    /// Returns the first such medium of those that were set up, with its session.
    pub(super) fn find_media(&self, now: Now, of: impl Fn(u16) -> bool) -> Option<(SessionId, u16)> {
        let mut all = self.conn.statuses(now).map(|status| (status.session, status.track.media));
        all.find(|(_, media)| of(*media))
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.link.address
    }

    /// Returns whether frames are sent to this client, or will be.
    pub(super) fn is_sending(&self) -> bool {
        self.conn.wanted().next().is_some()
    }

    /// Does what can be done now, up to a quantum.
    pub(super) fn turn(&mut self, now: Now, shared: &mut Shared, tell: &mut impl FnMut(&Event)) -> Next {
        let Self { conn, storage, link, rerouted } = self;
        let mut turn = conn.turn(now, storage);
        link.quantum = QUANTUM;
        link.allowance.begin_turn();
        let mut steps = 0;
        // Requests are answered while there are any: each answer makes room for the next one.
        while link.read(now, &mut turn, &mut shared.scratch) && steps < STEPS {
            link.serve(now, &mut turn, shared, rerouted, tell);
            link.write(&mut turn, shared);
            steps += 1;
        }
        #[cfg(feature = "http")]
        if link.spoken == Spoken::Http {
            return Next::Readmit;
        }
        link.serve(now, &mut turn, shared, rerouted, tell);
        let stream_open = link.write(&mut turn, shared);
        let datagram_at = link.transmit(now, &mut turn, shared);
        link.serve(now, &mut turn, shared, rerouted, tell);
        let used_up = link.quantum == 0;
        let done = stream_open && datagram_at.is_none() && !used_up;
        if link.lost || link.until(now).is_some() {
            return Next::Close;
        }
        if link.leaving.is_some() && done {
            if conn.summaries(now).next().is_none() {
                link.stream.farewell();
                return Next::Close;
            }
            // What was set up on the connection ends with it, and with BYE.
            conn.close();
            return Next::Wait(Some(now.at));
        }
        link.allowance.count_bitrate(conn, &shared.library);
        let wake = conn.poll_at(&shared.library);
        let mut at = wake.earliest(stream_open, datagram_at.is_none());
        if steps == STEPS {
            at = Some(now.at);
        }
        let awaited = link.awaited.map(|awaited| awaited.until);
        Next::Wait(
            [at, datagram_at, link.leaving, link.patience, link.allowance.resume(), awaited]
                .into_iter()
                .flatten()
                .min(),
        )
    }
}

impl Link {
    /// Returns the time at which the connection is given up, if it has come.
    fn until(&self, now: Now) -> Option<Instant> {
        [self.leaving, self.patience].into_iter().flatten().find(|until| *until <= now.at)
    }

    /// Reads once. Returns whether there may be more.
    fn read(&mut self, now: Now, turn: &mut Turn<'_>, scratch: &mut [u8]) -> bool {
        #[cfg(feature = "http")]
        if self.tunnel.is_some() {
            return self.read_tunnel(now, turn, scratch);
        }
        #[cfg(feature = "tls")]
        if self.stream.is_secure() {
            return self.read_secure(now, turn, scratch);
        }
        let room = turn.stream_room().min(scratch.len());
        if !self.readable || room == 0 || self.leaving.is_some() {
            return false;
        }
        if !self.allowance.may_read(now) {
            return false;
        }
        #[cfg(feature = "http")]
        if self.spoken != Spoken::Rtsp && !self.listen() {
            return false;
        }
        let buffer = scratch.get_mut(..room).unwrap_or_default();
        match self.stream.socket.read(buffer) {
            Ok(0) => self.lose(turn),
            Ok(read) => {
                self.allowance.has_read(now, read);
                // An error also comes as a notice.
                let _ = turn.handle_stream(buffer.get(..read).unwrap_or_default());
                return true;
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.readable = false,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return true,
            Err(_) => self.lose(turn),
        }
        false
    }

    fn lose(&mut self, turn: &mut Turn<'_>) {
        self.lost = true;
        turn.disconnected();
    }

    /// Answers requests, and tells what happened.
    fn serve(
        &mut self,
        now: Now,
        turn: &mut Turn<'_>,
        shared: &mut Shared,
        rerouted: &mut bool,
        tell: &mut impl FnMut(&Event),
    ) {
        let Shared { library, datagrams, config, logins, access, .. } = shared;
        let is_secure = self.stream.is_secure();
        let Self { address, allowance, failures, awaited, login, trial, leaving, lost, .. } = self;
        let (address, lost) = (*address, *lost);
        failures.note(library.take_failed());
        let mut program = Program {
            library,
            datagrams,
            config,
            tell,
            now,
            address,
            allowance,
            failures,
            leaving,
            awaited,
            logins: logins.as_deref(),
            access,
            login,
            trial,
            rerouted,
            #[cfg(feature = "http")]
            is_tunnelled: self.tunnel.is_some(),
            #[cfg(not(feature = "http"))]
            is_tunnelled: false,
            is_secure,
            lost,
        };
        turn.serve(&mut program);
    }

    /// Writes what is due on the connection. Returns whether it takes more.
    fn write(&mut self, turn: &mut Turn<'_>, shared: &mut Shared) -> bool {
        #[cfg(feature = "http")]
        if self.tunnel.is_some() && !self.write_head(turn) {
            return false;
        }
        #[cfg(feature = "tls")]
        if self.stream.is_secure() {
            return self.write_secure(turn, shared);
        }
        let Shared { library, scratch, .. } = shared;
        while self.quantum > 0 {
            if !self.writable || self.lost {
                return false;
            }
            let Some(chunk) = turn.poll_stream(&*library) else { return true };
            let mut slices = heapless::Vec::<IoSlice<'_>, MAX_PIECES>::new();
            let most = (self.quantum / PIECE).clamp(16, MAX_PIECES);
            let pieces = chunk.pieces(most, scratch, |piece| {
                let _ = slices.push(IoSlice::new(piece));
            });
            if !self.live {
                warm(&slices);
            }
            // Takes the kernel less than `write_vectored`, which treats the socket as a file.
            let written =
                self.stream.socket.try_io(|| SockRef::from(&self.stream.socket).send_vectored(&slices));
            drop(slices);
            match written {
                Ok(written) => {
                    self.quantum = self.quantum.saturating_sub(written.max(1));
                    chunk.advance_pieces(pieces, written);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.writable = false,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => self.lose(turn),
            }
        }
        true
    }

    /// Sends the datagrams that are due. Returns when to try again, if a socket took no more.
    fn transmit(&mut self, now: Now, turn: &mut Turn<'_>, shared: &mut Shared) -> Option<Instant> {
        let Shared { library, scratch, datagrams, .. } = shared;
        while self.quantum > 0
            && let Some(mut pending) = turn.poll_transmit(&*library)
        {
            let Some(pair) = datagrams.pairs().get(pending.socket()) else { break };
            let socket = match pending.port() {
                Port::Rtp => &pair.rtp,
                Port::Rtcp => &pair.rtcp,
            };
            let segments = self.segments.unwrap_or(socket.max_segments());
            let Some((batch, sent)) = self.send(socket, &mut pending, segments, scratch) else {
                break;
            };
            match sent {
                Sent::Taken => {
                    self.quantum = self.quantum.saturating_sub(batch.len);
                    pending.commit(batch.count);
                }
                Sent::Blocked => return Some(now.at + UDP_AGAIN),
                Sent::TooBig => {
                    pending.too_big();
                }
                // The others' packets are no worse for it.
                Sent::Unsegmented => self.segments = Some(1),
            }
        }
        None
    }

    /// Sends what is pending as one batch of up to `segments` packets, and returns the batch.
    fn send(
        &self,
        socket: &UdpSocket,
        pending: &mut Transmit<'_>,
        segments: usize,
        scratch: &mut [u8],
    ) -> Option<(Batch, Sent)> {
        let (to, from) = (pending.to(), Some(self.local));
        #[cfg(target_os = "linux")]
        if pending.port() == Port::Rtp {
            let mut pieces = heapless::Vec::<IoSlice<'_>, { udp::PIECES }>::new();
            let batch = pending.pieces(segments, udp::PIECES, scratch, |piece| {
                let _ = pieces.push(IoSlice::new(piece));
            })?;
            if !self.live {
                warm(&pieces);
            }
            let sent = socket.gather(to, from, &pieces, batch.segment, batch.len);
            return Some((batch, sent));
        }
        let batch = pending.emit(segments, scratch)?;
        let contents = scratch.get(..batch.len).unwrap_or_default();
        Some((batch, socket.send(to, from, contents, batch.segment)))
    }
}

/// Bounds what waits in the kernel for a client that does not read: otherwise megabytes, seconds of
/// which have to be read before the newest frame.
pub(super) fn bound_queue(stream: &TcpStream) {
    // A system that cannot do it still serves.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let _ = SockRef::from(stream).set_tcp_notsent_lowat(UNSENT);
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let _ = stream;
}
