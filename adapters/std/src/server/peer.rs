//! One connection's turn.
use super::{Event, Shared};
use crate::media::Library;
use crate::udp::{self, Sent, UdpSocket};
use crate::warm::warm;
use mio::event::Source as _;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use pinhole::frame::TrackId;
use pinhole::rtp::Want;
use pinhole::rtsp::{LowerTransport, Status, Url};
use pinhole::server::{
    Action, Answered, Application, Claim, Config, Notice, Port, PortPair, Request, ServerConn, Setup,
    Transmit, Turn,
};
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

/// A client, and the RTSP connection with it.
pub(super) struct Peer {
    conn: ServerConn,
    storage: Vec<u8>,
    ports: Ports,
    link: Link,
}

/// The TCP connection of a client.
struct Link {
    stream: TcpStream,
    address: SocketAddr,
    /// The address at which the client reached this server, and from which datagrams are sent.
    local: IpAddr,
    readable: bool,
    writable: bool,
    /// The connection is closed when everything is written, at this time at the latest.
    leaving: Option<Instant>,
    /// The TCP connection is lost.
    lost: bool,
}

/// The pair of UDP ports for the next SETUP.
#[derive(Clone, Copy)]
enum Ports {
    /// No SETUP waits for one.
    Unasked,
    /// A SETUP by UDP was put off, as the choice depends on the other connections.
    Wanted,
    /// Chosen; `None`: there is none.
    Chosen(Option<PortPair>),
}

/// What comes next for a connection.
pub(super) enum Next {
    /// To be polled at this time, or when something arrives.
    Wait(Option<Instant>),
    /// To be removed.
    Close,
}

impl Next {
    /// Returns this, with a wait that ends at `at` at the latest.
    pub(super) fn or_at(self, at: Instant) -> Self {
        match self {
            Self::Wait(wait) => Self::Wait(Some(wait.map_or(at, |wait| wait.min(at)))),
            Self::Close => Self::Close,
        }
    }
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
        let storage = vec![0; config.storage_len(REQUEST)];
        let conn = ServerConn::new(config, now, address);
        let link =
            Link { stream, address, local, readable: true, writable: true, leaving: None, lost: false };
        Ok(Self { conn, storage, ports: Ports::Unasked, link })
    }

    pub(super) fn deregister(&mut self, registry: &Registry) {
        // It is closed in any case.
        let _ = self.link.stream.deregister(registry);
    }

    pub(super) const fn ready(&mut self, readable: bool, writable: bool) {
        self.link.readable |= readable;
        self.link.writable |= writable;
    }

    pub(super) fn reads(&self, of: impl Fn(TrackId) -> bool) -> bool {
        self.conn.wanted().any(|want| of(want.track))
    }

    /// Returns the frame that each of the streams in play sends next.
    pub(super) fn wanted(&self) -> impl Iterator<Item = Want> {
        self.conn.wanted()
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
        self.link.address.ip() == address && self.conn.may_latch(socket)
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.link.address
    }

    /// Returns whether a SETUP waits for a pair of UDP ports, which [`Self::set_ports`] provides.
    pub(super) const fn awaits_ports(&self) -> bool {
        matches!(self.ports, Ports::Wanted)
    }

    /// Provides the pair of UDP ports that a SETUP waits for, which is answered in the next turn. With
    /// `None` it is refused.
    pub(super) const fn set_ports(&mut self, ports: Option<PortPair>) {
        self.ports = Ports::Chosen(ports);
    }

    /// Returns whether frames are sent to this client, or will be.
    pub(super) fn is_sending(&self) -> bool {
        self.conn.wanted().next().is_some()
    }

    /// Does everything that can be done now.
    pub(super) fn turn(&mut self, now: Now, shared: &mut Shared, tell: &mut impl FnMut(&Event)) -> Next {
        let Self { conn, storage, ports, link } = self;
        let mut turn = conn.turn(now, storage);
        if let Ports::Chosen(ports) = *ports {
            turn.set_ports(ports);
        }
        let mut steps = 0;
        // Requests are answered while there are any: each answer makes room for the next one.
        while link.read(&mut turn, &mut shared.scratch) && steps < STEPS {
            link.serve(now, &mut turn, ports, &shared.library, tell);
            link.write(&mut turn, shared);
            steps += 1;
        }
        link.serve(now, &mut turn, ports, &shared.library, tell);
        let stream_open = link.write(&mut turn, shared);
        let datagram_at = link.transmit(now, &mut turn, shared);
        link.serve(now, &mut turn, ports, &shared.library, tell);
        if let Ports::Chosen(_) = ports {
            // Nobody waits for it any more.
            *ports = Ports::Unasked;
        }
        let done = stream_open && datagram_at.is_none();
        if link.lost || link.leaving.is_some_and(|until| done || until <= now.at) {
            return Next::Close;
        }
        let wake = conn.poll_at(&shared.library);
        let mut at = wake.earliest(stream_open, datagram_at.is_none());
        if steps == STEPS {
            at = Some(now.at);
        }
        Next::Wait([at, datagram_at, link.leaving].into_iter().flatten().min())
    }
}

impl Link {
    /// Reads once. Returns whether there may be more.
    fn read(&mut self, turn: &mut Turn<'_>, scratch: &mut [u8]) -> bool {
        let room = turn.stream_room().min(scratch.len());
        if !self.readable || room == 0 || self.leaving.is_some() {
            return false;
        }
        let buffer = scratch.get_mut(..room).unwrap_or_default();
        match self.stream.read(buffer) {
            Ok(0) => self.lose(turn),
            Ok(read) => {
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
        ports: &mut Ports,
        library: &Library,
        tell: &mut impl FnMut(&Event),
    ) {
        turn.serve(&mut Program { library, tell, now, ports, link: self });
    }

    /// Writes what is due on the connection. Returns whether it takes more.
    fn write(&mut self, turn: &mut Turn<'_>, shared: &mut Shared) -> bool {
        let Shared { library, scratch, .. } = shared;
        for _ in 0..STEPS {
            if !self.writable || self.lost {
                return false;
            }
            let Some(chunk) = turn.poll_stream(&*library) else { return true };
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
                Err(_) => self.lose(turn),
            }
        }
        true
    }

    /// Sends the datagrams that are due. Returns when to try again, if a socket took no more.
    fn transmit(&self, now: Now, turn: &mut Turn<'_>, shared: &mut Shared) -> Option<Instant> {
        let Shared { library, scratch, pairs, .. } = shared;
        while let Some(mut pending) = turn.poll_transmit(&*library) {
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

/// The application as one connection calls it.
struct Program<'p, T> {
    library: &'p Library,
    tell: &'p mut T,
    now: Now,
    ports: &'p mut Ports,
    link: &'p mut Link,
}

impl<T: FnMut(&Event)> Program<'_, T> {
    fn not_found(&mut self, request: Request<'_>, url: &Url<'_>) -> Answered {
        let status = Status::NOT_FOUND;
        let answered = request.refuse(status, &[]);
        (self.tell)(&Event::Refused { peer: self.link.address, url: text(url), status: status.0 });
        answered
    }
}

impl<T: FnMut(&Event)> Application for Program<'_, T> {
    type Store = Library;

    fn store(&self) -> &Library {
        self.library
    }

    fn request(&mut self, request: Request<'_>) -> Answered {
        let library = self.library;
        match request.action() {
            Action::Describe(describe) => {
                let url = describe.url();
                let Some(media) = library.find(&url) else {
                    return self.not_found(describe.into_request(), &url);
                };
                library.present(media, |presentation| match presentation {
                    Some(presentation) => describe.accept(&presentation),
                    None => describe.into_request().proceed(),
                })
            }
            Action::Setup(setup) => {
                let url = setup.url();
                match (library.find(&url), &*self.ports) {
                    (Some(media), ports) if library.has_track(media, setup.track()) => {
                        if setup.transport() == LowerTransport::Interleaved {
                            return accept(setup, media);
                        }
                        if let Ports::Chosen(_) = ports {
                            *self.ports = Ports::Unasked;
                            return accept(setup, media);
                        }
                        *self.ports = Ports::Wanted;
                        setup.into_request().later()
                    }
                    _ => self.not_found(setup.into_request(), &url),
                }
            }
            Action::Play(play) if library.is_live(play.media()) => play.accept_live(library),
            Action::Play(play) => {
                let end = library.end(play.media());
                play.accept(library, end)
            }
            other => other.into_request().proceed(),
        }
    }

    fn notice(&mut self, peer: SocketAddr, notice: Notice) {
        let mount = |track: TrackId| self.library.mount_of(track.media).to_owned();
        let event = match notice {
            Notice::Opened { session, track, transport } => {
                Event::Opened { peer, session, mount: mount(track), transport }
            }
            Notice::Skipped { session, frames, .. } => Event::Skipped { peer, session, frames },
            Notice::Adapted { session, one_in, .. } => Event::Adapted { peer, session, one_in },
            Notice::Ended { session, .. } => Event::Ended { peer, session },
            Notice::Closed { session, track, reason, summary } => {
                Event::Closed { peer, session, mount: mount(track), reason, summary }
            }
            Notice::Disconnect(error) => {
                self.link.leaving = Some(self.now.at + FAREWELL);
                if self.link.lost {
                    return;
                }
                Event::Disconnected { peer, error }
            }
            _ => return,
        };
        (self.tell)(&event);
    }
}

/// Sets a track up with numbers that the system has drawn.
fn accept(setup: Setup<'_>, media: u16) -> Answered {
    // In one call, which can fail.
    let mut numbers = [[0; 8]; Setup::DRAWS];
    if getrandom::fill(numbers.as_flattened_mut()).is_err() {
        return setup.into_request().refuse(Status::INTERNAL_SERVER_ERROR, &[]);
    }
    let mut numbers = numbers.into_iter().map(u64::from_ne_bytes);
    setup.accept(media, &mut || numbers.next().unwrap_or_default())
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

/// A URL as text, for people.
fn text(url: &Url<'_>) -> String {
    let mut out = pinhole::text::TextWriter::new(Vec::new());
    url.emit(&mut out);
    let Ok(bytes) = out.finish();
    String::from_utf8_lossy(&bytes).into_owned()
}
