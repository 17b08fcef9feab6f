//! The server's host, its application, and the events of its sessions.
use super::address::{SERVER, host, number};
use super::scenario::{Extent, Scenario};
use super::source::{Source, SourceKind, Store};
use super::trace::Trace;
use super::violation::{Violation, without_allocation};
use crate::network::Port;
use crate::pooled::PooledClip;
use crate::world::{Answers, Host, RTSP};
use bumpalo::Bump;
use pinhole::frame::{FrameStore, Want};
use pinhole::rtsp::Url;
use pinhole::sdp::Presentation;
use pinhole::server::{CloseReason, ConnError, LowerTransport, Notice, SessionId, Summary};
use pinhole::time::{Instant, MediaTime};
use pinhole_smoltcp::server::{Catalog, CatalogApp, Connection, Random, Server};
use pinhole_smoltcp::time;
use smoltcp::phy::Device;
use std::cell::Cell;
use std::collections::BTreeSet;
use std::net::SocketAddr;

/// The server's port for RTP.
const UDP: u16 = 6970;

/// The server and its host.
pub(super) struct Camera<'a> {
    pub(super) host: Host,
    pub(super) server: Server<'a>,
    pub(super) program: Program,
    wake: Option<Instant>,
    /// When the main loop is free for its next turn.
    free: Instant,
    /// A session asked for a frame that was gone.
    pub(super) overrun: Cell<bool>,
    pooled: Option<PooledClip>,
    starts: u64,
}

/// The application of the server.
pub(super) struct Program {
    answers: Answers,
    /// All sessions since the start.
    pub(super) sessions: Vec<SessionRecord>,
    /// A client whose bytes were not understood, and the error.
    not_understood: Option<(SocketAddr, ConnError)>,
    /// The events of this turn, for the trace.
    events: Vec<String>,
    traced: bool,
}

/// The events of one session.
#[derive(Clone, Debug)]
pub(super) struct SessionRecord {
    pub(super) peer: SocketAddr,
    session: SessionId,
    pub(super) transport: LowerTransport,
    skipped: u64,
    /// Frames were left out because of reported loss.
    adapted: bool,
    pub(super) closed: Option<(CloseReason, Summary)>,
}

impl Random for Program {
    fn random(&mut self) -> u64 {
        self.answers.random()
    }
}

impl Catalog for Program {
    fn find(&self, url: &Url<'_>) -> Option<u16> {
        self.answers.find(url)
    }

    fn describe(&self, _: u16) -> Presentation<'_> {
        self.answers.describe()
    }

    fn notice(&mut self, peer: SocketAddr, notice: Notice) {
        allocation_counter::opt_out(|| self.record(peer, notice));
    }
}

impl Program {
    /// Whether the newest session of the client's connection from `port` is closed.
    pub(super) fn closed(&self, client: usize, port: u16) -> bool {
        self.session(client, port).is_some_and(|record| record.closed.is_some())
    }

    /// Returns the number of frames that were left out of the newest session of the client's connection from
    /// `port`: any number, if the session has adapted to loss.
    pub(super) fn left_out(&self, client: usize, port: u16) -> u64 {
        self.session(client, port).map_or(0, |record| if record.adapted { u64::MAX } else { record.skipped })
    }

    fn session(&self, client: usize, port: u16) -> Option<&SessionRecord> {
        let of =
            |record: &&SessionRecord| record.peer.port() == port && host(record.peer.ip().into()) == client;
        self.sessions.iter().rev().find(of)
    }

    fn record(&mut self, peer: SocketAddr, notice: Notice) {
        if self.traced {
            self.events.push(format!("{peer} {notice:?}"));
        }
        match notice {
            Notice::Opened { session, transport, .. } => {
                self.sessions.push(SessionRecord {
                    peer,
                    session,
                    transport,
                    skipped: 0,
                    adapted: false,
                    closed: None,
                });
            }
            Notice::Skipped { session, frames, .. } => {
                self.of(session).for_each(|told| told.skipped += frames);
            }
            Notice::Adapted { session, .. } => self.of(session).for_each(|told| told.adapted = true),
            Notice::Closed { session, reason, summary, .. } => {
                self.of(session).for_each(|told| told.closed = Some((reason, summary)));
            }
            Notice::Disconnect(error @ (ConnError::NotRtsp { .. } | ConnError::TooLong { .. })) => {
                self.not_understood = Some((peer, error));
            }
            _ => {}
        }
    }

    /// Returns the time after `thousandths` of the medium.
    pub(super) fn place(&self, thousandths: u64) -> MediaTime {
        MediaTime::ZERO + self.answers.duration.unwrap_or_default().scaled(thousandths, 1_000)
    }

    fn of(&mut self, session: SessionId) -> impl Iterator<Item = &mut SessionRecord> {
        self.sessions.iter_mut().rev().filter(move |told| told.session == session).take(1)
    }
}

impl SessionRecord {
    /// Checks that the events agree with the final statistics.
    pub(super) fn check(&self) -> Result<(), Violation> {
        match &self.closed {
            Some((_, summary)) if summary.frames_skipped != self.skipped => {
                let what = format!("{} frames were said to be left out of {summary:?}", self.skipped);
                Err(Violation::of("what is left out is told", what))
            }
            _ => Ok(()),
        }
    }
}

impl<'a> Camera<'a> {
    pub(super) fn new(arena: &'a Bump, scenario: &Scenario, source: &Source, port: Port, seed: u64) -> Self {
        let shown = scenario.server_clock.shows(Instant::ZERO);
        let mut host = Host::boot(port, scenario.medium, scenario.family, number(SERVER), shown, 0);
        let duration = match scenario.kind {
            SourceKind::Recorded { rounds } => Some(source.clip.duration().scaled(rounds, 1)),
            SourceKind::Live { .. } => None,
        };
        let server = start(arena, scenario, &mut host);
        let program = Program {
            answers: Answers::new(&source.clip, duration, seed),
            sessions: vec![],
            not_understood: None,
            events: vec![],
            traced: false,
        };
        let (wake, free) = (Some(Instant::ZERO), Instant::ZERO);
        let pooled = scenario.pool.map(|buffers| PooledClip::new(source.clip.longest(), buffers));
        Self { host, server, program, wake, free, overrun: Cell::new(false), pooled, starts: 0 }
    }

    /// Stops the server or its host without warning, and starts it again.
    pub(super) fn restart(&mut self, arena: &'a Bump, scenario: &Scenario, at: Instant, extent: Extent) {
        self.starts += 1;
        let shown = scenario.server_clock.shows(at);
        self.host.port.at = Some(at);
        match extent {
            Extent::Host => {
                self.host.reboot(scenario.medium, scenario.family, number(SERVER), shown, self.starts);
            }
            Extent::Program => {
                self.host.abort_all();
                // The resets leave before the sockets do.
                self.host.poll(shown);
                self.host.sockets = smoltcp::iface::SocketSet::new(vec![]);
            }
        }
        self.server = start(arena, scenario, &mut self.host);
        self.program.sessions.clear();
        (self.wake, self.free) = (Some(at), at);
    }

    /// Returns when the host is to have a turn: when it asked for one, or now if a frame has arrived, but
    /// not before the main loop is free.
    pub(super) fn due(&self, at: Instant) -> Option<Instant> {
        let come = self.host.port.has_frame(at).then_some(at);
        // While its device takes nothing, it hands nothing over either.
        come.or(self.wake).map(|due| due.max(self.free).max(self.host.port.ready_at()))
    }

    /// A turn of the host.
    pub(super) fn turn(
        &mut self,
        scenario: &Scenario,
        source: &Source,
        at: Instant,
        trace: Trace<'_>,
    ) -> Result<(), Violation> {
        let clock = scenario.server_clock;
        let shown = clock.shows(at);
        self.host.port.at = Some(at);
        self.host.poll(shown);
        let now = time::now(shown);
        let store = Store::at(&source.clip, scenario.kind, now.at, &self.overrun);
        let Self { host, server, program, pooled, .. } = self;
        program.events.clear();
        program.traced = trace.verbose;
        let wake = match pooled {
            None => {
                let mut app = CatalogApp { catalog: program, store: &store };
                without_allocation(|| server.poll(now, &mut host.sockets, &mut app))?
            }
            Some(pooled) => {
                if !pooled.update(now.at, &source.clip, server.wanted()) {
                    check_buffers(scenario.pool, server.wanted().filter(|want| is_held(want, now.at)))?;
                }
                let begun = server.wanted().filter(|want| want.held_until.is_some());
                for want in begun.filter(|want| pooled.pool.frame(want.track, want.frame).is_err()) {
                    if is_held(&want, now.at) {
                        let what = format!("{want:?} is gone");
                        return Err(Violation::of("a frame that was begun stays until it is sent", what));
                    }
                    self.overrun.set(true);
                }
                let mut app = CatalogApp { catalog: program, store: &pooled.pool };
                without_allocation(|| server.poll(now, &mut host.sockets, &mut app))?
            }
        };
        for event in &program.events {
            trace.tell(at, "server", || event.clone());
        }
        if let Some((peer, error)) = program.not_understood.take().filter(|_| !scenario.wild) {
            return Err(Violation::of("what clients ask is understood", format!("{peer}: {error}")));
        }
        // A waiting session is also to be polled when the next picture is there.
        let waits = self.server.wanted().next().is_some();
        let next = store.next_at().filter(|_| waits).map(time::to_smoltcp);
        let wakes = [wake, next, self.host.iface_at(shown)];
        self.free = at + scenario.busy;
        let wake = wakes.into_iter().flatten().min().map(|wake| clock.reaches(wake));
        self.wake = wake.map(|wake| wake.max(at));
        Ok(())
    }
}

fn is_held(want: &Want, now: Instant) -> bool {
    want.held_until.is_some_and(|until| now < until)
}

/// Checks that all buffers are taken by frames that sessions have begun, where there was none for a picture.
fn check_buffers(buffers: Option<usize>, held: impl Iterator<Item = Want>) -> Result<(), Violation> {
    let frames: BTreeSet<_> = held.map(|want| want.frame).collect();
    if buffers.is_some_and(|buffers| frames.len() < buffers) {
        let what = format!("only {frames:?} are being sent from {buffers:?} buffers");
        return Err(Violation::of("a picture has a buffer that nobody is in the middle of", what));
    }
    Ok(())
}

/// Starts a server on sockets of the host.
fn start<'a>(arena: &'a Bump, scenario: &Scenario, host: &mut Host) -> Server<'a> {
    let resources = scenario.resources;
    let connection = |_| Connection::new(host.tcp(resources.tcp.receive, resources.tcp.transmit));
    let connections: Vec<_> = (0..resources.connections).map(connection).collect();
    let connections = arena.alloc_slice_fill_iter(connections);
    let storage = arena.alloc_slice_fill_copy(resources.config.storage_len(resources.tcp.receive), 0);
    let udp = (scenario.udp > 0).then(|| host.udp_pair(UDP, scenario.udp, scenario.udp));
    let ip_mtu = host.port.capabilities().ip_mtu();
    Server::new(RTSP, udp, resources.config, connections, storage, &host.sockets, ip_mtu)
        .expect("it has what it needs")
}
