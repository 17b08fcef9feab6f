//! The server's host, and what the server tells.
use super::address::{SERVER, host, number};
use super::scenario::{Extent, Scenario};
use super::source::{Source, SourceKind, Store};
use super::trace::Trace;
use super::violation::{Violation, without_allocation};
use crate::network::Port;
use crate::world::{Answers, Host, RTSP};
use bumpalo::Bump;
use pinhole::rtsp::Url;
use pinhole::sdp::Presentation;
use pinhole::server::{CloseReason, ConnError, LowerTransport, Notice, SessionId, Summary};
use pinhole::time::{Instant, MediaTime};
use pinhole_smoltcp::server::{Catalog, CatalogApp, Connection, Random, Server};
use pinhole_smoltcp::time;
use smoltcp::phy::Device;
use std::cell::Cell;
use std::net::SocketAddr;

/// The server's first port for UDP.
const UDP: u16 = 6970;

/// A camera, or a recorder: the server, and the host that it is on.
pub(super) struct Camera<'a> {
    pub(super) host: Host,
    pub(super) server: Server<'a>,
    pub(super) program: Program,
    wake: Option<Instant>,
    /// Not before this time is there another turn.
    free: Instant,
    /// A session has missed frames that were gone.
    pub(super) overrun: Cell<bool>,
    starts: u64,
}

/// The program around the server.
pub(super) struct Program {
    answers: Answers,
    /// All sessions since it was started.
    pub(super) sessions: Vec<Told>,
    /// Whose words were not understood, and why.
    misheard: Option<(SocketAddr, ConnError)>,
    /// What happened in this turn, if somebody wants to know.
    told: Vec<String>,
    tells: bool,
}

/// What was told of one session.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub(super) peer: SocketAddr,
    session: SessionId,
    pub(super) transport: LowerTransport,
    skipped: u64,
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
        allocation_counter::opt_out(|| self.note(peer, notice));
    }
}

impl Program {
    /// Whether the newest session of that client's connection was closed.
    pub(super) fn closed(&self, client: usize, port: u16) -> bool {
        let of = |told: &&Told| told.peer.port() == port && host(told.peer.ip().into()) == client;
        self.sessions.iter().rev().find(of).is_some_and(|told| told.closed.is_some())
    }

    fn note(&mut self, peer: SocketAddr, notice: Notice) {
        if self.tells {
            self.told.push(format!("{peer} {notice:?}"));
        }
        match notice {
            Notice::Opened { session, transport, .. } => {
                self.sessions.push(Told { peer, session, transport, skipped: 0, closed: None });
            }
            Notice::Skipped { session, frames, .. } => {
                self.of(session).for_each(|told| told.skipped += frames);
            }
            Notice::Closed { session, reason, summary, .. } => {
                self.of(session).for_each(|told| told.closed = Some((reason, summary)));
            }
            Notice::Disconnect(error @ (ConnError::NotRtsp { .. } | ConnError::TooLong { .. })) => {
                self.misheard = Some((peer, error));
            }
            _ => {}
        }
    }

    /// The place after so many thousandths of the medium.
    pub(super) fn place(&self, thousandths: u64) -> MediaTime {
        MediaTime::ZERO + self.answers.duration.unwrap_or_default().scaled(thousandths, 1_000)
    }

    fn of(&mut self, session: SessionId) -> impl Iterator<Item = &mut Told> {
        self.sessions.iter_mut().rev().filter(move |told| told.session == session).take(1)
    }
}

impl Told {
    /// What was told of it agrees with what it came to.
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
    pub(super) fn new(arena: &'a Bump, scenario: &Scenario, source: &Source, port: Port) -> Self {
        let shown = scenario.server_clock.shows(Instant::ZERO);
        let mut host = Host::boot(port, scenario.medium, scenario.family, number(SERVER), shown, 0);
        let duration = match scenario.kind {
            SourceKind::Recorded { rounds } => Some(source.clip.duration().scaled(rounds, 1)),
            SourceKind::Live { .. } => None,
        };
        let server = start(arena, scenario, &mut host);
        let program = Program {
            answers: Answers::new(&source.clip, duration),
            sessions: vec![],
            misheard: None,
            told: vec![],
            tells: false,
        };
        let (wake, free) = (Some(Instant::ZERO), Instant::ZERO);
        Self { host, server, program, wake, free, overrun: Cell::new(false), starts: 0 }
    }

    /// The server is gone all of a sudden, and started again.
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
                // What says so leaves before the sockets do.
                self.host.poll(shown);
                self.host.sockets = smoltcp::iface::SocketSet::new(vec![]);
            }
        }
        self.server = start(arena, scenario, &mut self.host);
        self.program.sessions.clear();
        (self.wake, self.free) = (Some(at), at);
    }

    /// When its host is to have a turn: when it asked for it, or something has come; not before it has
    /// the time.
    pub(super) fn due(&self, at: Instant) -> Option<Instant> {
        let come = self.host.port.has_frame(at).then_some(at);
        come.or(self.wake).map(|due| due.max(self.free))
    }

    /// A turn of its host.
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
        let Self { host, server, program, .. } = self;
        program.told.clear();
        program.tells = trace.verbose;
        let mut app = CatalogApp { catalog: program, store: &store };
        let wake = without_allocation(|| server.poll(now, &mut host.sockets, &mut app))?;
        for told in &program.told {
            trace.tell(at, "server", || told.clone());
        }
        if let Some((peer, error)) = program.misheard.take().filter(|_| !scenario.wild) {
            return Err(Violation::of("what clients ask is understood", format!("{peer}: {error}")));
        }
        // The next picture is something to wake for, too.
        let waits = self.server.wanted().next().is_some();
        let next = store.next_at().filter(|_| waits).map(time::to_smoltcp);
        let wakes = [wake, next, self.host.iface_at(shown)];
        self.free = at + scenario.busy;
        let wake = wakes.into_iter().flatten().min().map(|wake| clock.reaches(wake));
        self.wake = wake.map(|wake| wake.max(at));
        Ok(())
    }
}

/// A server by the scenario, on sockets of the host's.
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
