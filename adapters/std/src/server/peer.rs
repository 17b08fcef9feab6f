//! One connection's turn.
use super::{Event, Shared};
use crate::udp::{self, Sent, UdpSocket};
use crate::warm::warm;
use mio::event::Source as _;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use pinhole::frame::{Seek, TrackId};
use pinhole::rtsp::{Range, Status, Url};
use pinhole::sdp::AddressType;
use pinhole::server::{self, Answer, Ask, Claim, Config, Port, PortPair, RequestId, ServerConn, Transmit};
use pinhole::text::Emit;
use pinhole::time::{Duration, Instant, Now};
use std::io::{self, IoSlice, Read, Write};
use std::net::{IpAddr, SocketAddr};

/// Requests of up to this length are understood.
const REQUEST: usize = 2048;
/// How many reads or writes a connection gets before the others have their turn.
const STEPS: usize = 64;
/// How many pieces one write gathers: what Linux takes.
const MAX_PIECES: usize = 1024;
/// How long a client that does not read is waited for when there is nothing more to say to it.
const FAREWELL: Duration = Duration::from_secs(5);
/// Bytes that may wait in the kernel for the client's window: a large frame's at most.
#[cfg(any(target_os = "linux", target_os = "android"))]
const UNSENT: u32 = 128 * 1024;
/// When to try again where a UDP socket took no more.
const UDP_AGAIN: Duration = Duration::from_millis(1);

pub(super) struct Peer {
    stream: TcpStream,
    address: SocketAddr,
    /// Where the client reached this server: its datagrams come from there.
    local: IpAddr,
    conn: ServerConn<Vec<u8>>,
    readable: bool,
    writable: bool,
    /// What is left to say is said, by this time, and then the connection is closed.
    leaving: Option<Instant>,
    /// The connection is lost.
    lost: bool,
    /// A session that waits for UDP ports.
    awaiting: Option<(RequestId, u16)>,
}

/// What is next for a connection.
pub(super) enum Turn {
    /// To come back at this time, or when something comes in.
    Wait(Option<Instant>),
    /// To be forgotten.
    Gone,
}

impl Peer {
    pub(super) fn new(
        now: Now,
        mut stream: TcpStream,
        address: SocketAddr,
        config: Config,
        registry: &Registry,
        token: Token,
    ) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        bound_queue(&stream);
        let local = stream.local_addr()?.ip();
        stream.register(registry, token, Interest::READABLE | Interest::WRITABLE)?;
        let random = getrandom::u64().map_err(|error| io::Error::other(error.to_string()))?;
        let storage = vec![0; config.storage_len(REQUEST)];
        let conn = ServerConn::new(config, now, address.ip(), random, storage).map_err(io::Error::other)?;
        Ok(Self {
            stream,
            address,
            local,
            conn,
            readable: true,
            writable: true,
            leaving: None,
            lost: false,
            awaiting: None,
        })
    }

    pub(super) fn deregister(&mut self, registry: &Registry) {
        // It is closed in any case.
        let _ = self.stream.deregister(registry);
    }

    pub(super) const fn ready(&mut self, readable: bool, writable: bool) {
        self.readable |= readable;
        self.writable |= writable;
    }

    pub(super) fn reads(&self, of: impl Fn(TrackId) -> bool) -> bool {
        self.conn.wanted().any(|(track, _)| of(track))
    }

    pub(super) fn claim(&self, from: SocketAddr, socket: u8, port: Port, datagram: &[u8]) -> Claim {
        self.conn.claim(from, socket, port, datagram)
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
    }

    pub(super) fn close(&mut self) {
        self.conn.close();
    }

    /// Whether a session from `address` could be mistaken for one of this connection on that pair
    /// of sockets.
    pub(super) fn may_latch(&self, address: IpAddr, socket: u8) -> bool {
        self.address.ip() == address && self.conn.may_latch(socket)
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// A session waits for a pair of UDP ports, which [`Self::set_up`] gives it: which pair will do
    /// depends on the other connections.
    pub(super) const fn awaits_ports(&self) -> bool {
        self.awaiting.is_some()
    }

    /// Answers the SETUP that waits.
    pub(super) fn set_up(&mut self, now: Now, shared: &Shared, ports: Option<PortPair>) {
        if let Some((id, media)) = self.awaiting.take() {
            let _ = self.conn.reply(now, id, Answer::Setup { media, ports }, &shared.library);
        }
    }

    /// Frames are on their way to this client, or will be.
    pub(super) fn is_sending(&self) -> bool {
        self.conn.wanted().next().is_some()
    }

    /// Everything that can be done now.
    pub(super) fn turn(&mut self, now: Now, shared: &mut Shared, tell: &mut impl FnMut(&Event)) -> Turn {
        self.conn.handle_timeout(now);
        let mut steps = 0;
        // Requests are answered while there are any: each answer makes room for the next one.
        while self.read(now, &mut shared.scratch) && steps < STEPS {
            self.answer(now, shared, tell);
            self.write(now, shared);
            steps += 1;
        }
        self.answer(now, shared, tell);
        let stream_open = self.write(now, shared);
        let datagram_at = self.transmit(now, shared);
        self.answer(now, shared, tell);
        let said = stream_open && datagram_at.is_none();
        if self.lost || self.leaving.is_some_and(|until| said || until <= now.at) {
            return Turn::Gone;
        }
        let wake = self.conn.poll_at(&shared.library);
        // After each connection: what all of them make ready in one round has no bound.
        shared.library.trim();
        let mut at = wake.earliest(stream_open, datagram_at.is_none());
        if steps == STEPS {
            at = Some(now.at);
        }
        Turn::Wait([at, datagram_at, self.leaving].into_iter().flatten().min())
    }

    /// One read; returns whether there may be more.
    fn read(&mut self, now: Now, scratch: &mut [u8]) -> bool {
        let room = self.conn.stream_room().min(scratch.len());
        if !self.readable || room == 0 || self.leaving.is_some() {
            return false;
        }
        let buffer = scratch.get_mut(..room).unwrap_or_default();
        match self.stream.read(buffer) {
            Ok(0) => self.lose(),
            Ok(read) => {
                // An error is told as an event.
                let _ = self.conn.handle_stream(now, buffer.get(..read).unwrap_or_default());
                return true;
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.readable = false,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return true,
            Err(_) => self.lose(),
        }
        false
    }

    fn lose(&mut self) {
        self.lost = true;
        self.conn.disconnected();
    }

    fn answer(&mut self, now: Now, shared: &Shared, tell: &mut impl FnMut(&Event)) {
        let peer = self.address;
        loop {
            let mount = |track: TrackId, shared: &Shared| shared.library.mount_of(track.media).to_owned();
            let event = match self.conn.poll_event(now) {
                None => return,
                Some(server::Event::Request { id, ask }) => {
                    // The request lies in the connection's own storage: what the answer needs of
                    // it is taken out first.
                    let plan = Plan::of(&ask, shared);
                    self.reply(now, id, plan, shared, tell);
                    continue;
                }
                Some(server::Event::Opened { session, track, lower }) => {
                    Event::Opened { peer, session, mount: mount(track, shared), transport: lower }
                }
                Some(server::Event::Skipped { session, frames, .. }) => {
                    Event::Skipped { peer, session, frames }
                }
                Some(server::Event::Adapted { session, one_in, .. }) => {
                    Event::Adapted { peer, session, one_in }
                }
                Some(server::Event::Ended { session, .. }) => Event::Ended { peer, session },
                Some(server::Event::Closed { session, track, why, summary }) => {
                    Event::Closed { peer, session, mount: mount(track, shared), why, summary }
                }
                Some(server::Event::Disconnect(why)) => {
                    self.leaving = Some(now.at + FAREWELL);
                    if self.lost {
                        continue;
                    }
                    Event::Disconnected { peer, why }
                }
                Some(_) => continue,
            };
            tell(&event);
        }
    }

    fn reply(&mut self, now: Now, id: RequestId, plan: Plan, shared: &Shared, tell: &mut impl FnMut(&Event)) {
        let refusal = match plan {
            Plan::NotFound { url } => Some((url, Status::NOT_FOUND)),
            Plan::Describe { media } => {
                let family = if self.local.is_ipv4() { AddressType::Ip4 } else { AddressType::Ip6 };
                let library = &shared.library;
                let conn = &mut self.conn;
                library.present(media, family, |presentation| {
                    let _ = conn.reply(now, id, Answer::Describe(presentation), library);
                });
                None
            }
            Plan::Setup { media, udp: true } => {
                self.awaiting = Some((id, media));
                None
            }
            Plan::Setup { media, udp: false } => {
                let _ = self.conn.reply(now, id, Answer::Setup { media, ports: None }, &shared.library);
                None
            }
            Plan::Play { media, range } => {
                let live = shared.library.is_live(media);
                let from = (live && range.is_none_or(|range| range.start.is_none())).then_some(Seek::Live);
                let answer = Answer::Play { from, end: shared.library.end(media) };
                let _ = self.conn.reply(now, id, answer, &shared.library);
                None
            }
        };
        if let Some((url, status)) = refusal {
            let _ = self.conn.reply(now, id, Answer::Refuse(status), &shared.library);
            tell(&Event::Refused { peer: self.address, url, status: status.0 });
        }
    }

    /// Writes what the connection has to say; returns whether it takes more.
    fn write(&mut self, now: Now, shared: &mut Shared) -> bool {
        let Shared { library, scratch, .. } = shared;
        for _ in 0..STEPS {
            if !self.writable || self.lost {
                return false;
            }
            let Some(chunk) = self.conn.poll_stream(now, &*library) else { return true };
            let written = {
                let mut pieces = heapless::Vec::<IoSlice<'_>, MAX_PIECES>::new();
                chunk.pieces(MAX_PIECES, scratch, |piece| {
                    let _ = pieces.push(IoSlice::new(piece));
                });
                warm(&pieces);
                self.stream.write_vectored(&pieces)
            };
            match written {
                Ok(written) => chunk.advance(written),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.writable = false,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => self.lose(),
            }
        }
        true
    }

    /// Sends the datagrams that are due; returns when to come back, where a socket took no more.
    fn transmit(&mut self, now: Now, shared: &mut Shared) -> Option<Instant> {
        let Shared { library, scratch, pairs, .. } = shared;
        while let Some(mut pending) = self.conn.poll_transmit(now, &*library) {
            let Some(pair) = pairs.get(pending.socket()) else { break };
            let socket = match pending.port() {
                Port::Rtp => &pair.rtp,
                Port::Rtcp => &pair.rtcp,
            };
            let Some((count, sent)) = send(socket, &mut pending, self.local, scratch) else { break };
            match sent {
                Sent::Taken => pending.commit(count),
                Sent::Blocked => return Some(now.at + UDP_AGAIN),
                Sent::TooBig => {
                    pending.too_big();
                }
            }
        }
        None
    }
}

/// Sends what is pending as one batch; returns how many packets that has.
fn send(
    socket: &UdpSocket,
    pending: &mut Transmit<'_>,
    from: IpAddr,
    scratch: &mut [u8],
) -> Option<(usize, Sent)> {
    let (to, segments) = (pending.to(), socket.max_segments());
    if segments > 1 && pending.port() == Port::Rtp {
        let mut pieces = heapless::Vec::<IoSlice<'_>, { udp::PIECES }>::new();
        let batch = pending.pieces(segments, udp::PIECES, scratch, |piece| {
            let _ = pieces.push(IoSlice::new(piece));
        });
        warm(&pieces);
        if let Some(batch) = batch
            && let Some(sent) = socket.gather(to, from, &pieces, batch.segment)
        {
            return Some((batch.count, sent));
        }
    }
    pending.rewind();
    let batch = pending.emit(segments, scratch)?;
    let contents = scratch.get(..batch.len).unwrap_or_default();
    Some((batch.count, socket.send(to, Some(from), contents, batch.segment)))
}

/// Bounds what waits in the kernel for a client that does not read: otherwise megabytes, seconds of
/// which have to be read before the newest frame.
fn bound_queue(stream: &TcpStream) {
    // A system that cannot do it still serves.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let _ = socket2::SockRef::from(stream).set_tcp_notsent_lowat(UNSENT);
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let _ = stream;
}

/// What is to be answered, free of the request's bytes.
enum Plan {
    NotFound { url: String },
    Describe { media: u16 },
    Setup { media: u16, udp: bool },
    Play { media: u16, range: Option<Range> },
}

impl Plan {
    fn of(ask: &Ask<'_>, shared: &Shared) -> Self {
        let missing = |url: &Url<'_>| Self::NotFound { url: text(url) };
        match ask {
            Ask::Describe { url } => {
                shared.library.find(url).map_or_else(|| missing(url), |media| Self::Describe { media })
            }
            Ask::Setup { url, track, lower } => match shared.library.find(url) {
                Some(media) if *track == 0 => {
                    Self::Setup { media, udp: *lower == server::LowerTransport::Udp }
                }
                _ => missing(url),
            },
            Ask::Play { media, range, .. } => Self::Play { media: *media, range: *range },
        }
    }
}

/// A URL as text, for people.
fn text(url: &Url<'_>) -> String {
    let mut out = pinhole::text::TextWriter::new(Vec::new());
    url.emit(&mut out);
    let Ok(bytes) = out.finish();
    String::from_utf8_lossy(&bytes).into_owned()
}
