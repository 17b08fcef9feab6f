//! A client's host, and the user on it, who reconnects when a session is lost and plays again when the
//! medium ends.
use super::address::{FIRST_TCP, FIRST_UDP, name, number};
use super::flow::Flow;
use super::frames::Ring;
use super::prefetching::Prefetching;
use super::scenario::{ClientScenario, Extent, Line, Scenario};
use super::session::{PAUSE, Session, UDP_PACKETS};
use super::setting::Setting;
use super::source::SourceKind;
use super::totals::ClientTotals;
use super::violation::Violation;
use crate::network::Port;
use crate::world::{Host, RTSP};
use pinhole::client::{ReceiverStatistics, TransportChoice};
use pinhole::codec::jpeg::TRACK;
use pinhole::frame::{FrameId, Seek};
use pinhole::frame::{FrameRing, Slot};
use pinhole::server::LowerTransport;
use pinhole::time::{Duration, Instant, MediaTime};
use pinhole_smoltcp::client::{Client, TrackSockets};
use pinhole_smoltcp::time;

/// Slots and bytes of a client's ring: at least the frames of one turn, which are at most as many as the
/// packets that waited in the socket and in the client.
const RING: (usize, usize) = (128, 512 << 10);

/// One of the clients.
pub(super) struct Watcher<'a> {
    pub(super) name: String,
    index: usize,
    scenario: ClientScenario,
    pub(super) host: Host,
    program: Program<'a>,
    ring: Ring,
    /// Connections so far.
    pub(super) connections: u16,
    /// The program does nothing until this time.
    hangs_until: Instant,
    /// The user wants to watch.
    watches: bool,
    /// The host is disconnected for good.
    vanished: bool,
    /// When the host is to have its next turn, on the network's clock.
    wake: Option<Instant>,
    /// When the last complete frame arrived.
    pub(super) pictured: Option<Instant>,
    pub(super) totals: ClientTotals,
    /// The connections that ended with the server's response to TEARDOWN: the port of each, and its
    /// statistics.
    pub(super) torn_down: Vec<(u16, ReceiverStatistics)>,
}

/// The program on a client's host.
enum Program<'a> {
    /// It does not run. It starts at this time, or never.
    Stopped(Option<Instant>),
    Running(Box<Session<'a>>),
}

impl<'a> Watcher<'a> {
    pub(super) fn new(index: usize, scenario: &Scenario, port: Port) -> Self {
        let client = scenario.clients[index].clone();
        let shown = client.clock.shows(Instant::ZERO);
        let host = Host::boot(port, scenario.medium, scenario.family, number(index), shown, seed(index, 0));
        Self {
            name: name(index),
            index,
            host,
            program: Program::Stopped(Some(client.joins)),
            ring: FrameRing::new(
                TRACK,
                vec![Slot::EMPTY; client.prefetch.map_or(RING.0, |prefetch| prefetch.slots)],
                vec![0; RING.1],
            ),
            connections: 0,
            hangs_until: Instant::ZERO,
            watches: true,
            vanished: false,
            wake: Some(client.joins),
            pictured: None,
            totals: ClientTotals::default(),
            torn_down: vec![],
            scenario: client,
        }
    }

    /// Whether there is a user who wants to watch.
    pub(super) const fn watches(&self) -> bool {
        self.watches && !matches!(self.program, Program::Stopped(None))
    }

    /// Returns the port from which the client is connected, and the port on which it receives RTP.
    pub(super) fn ports(&self) -> Option<(u16, u16)> {
        match &self.program {
            Program::Running(session) => Some((FIRST_TCP + self.connections, session.rtp)),
            Program::Stopped(_) => None,
        }
    }

    pub(super) fn set_lines(&self, lines: [Line; 2]) {
        if self.vanished {
            return;
        }
        self.host.port.set_faults_each(lines.map(|line| line.faults));
        self.host.port.cut_each(lines.map(|line| line.cut));
    }

    /// Stops the program or the whole host without warning. If `back`, it starts again after a pause;
    /// otherwise the host is disconnected for good.
    pub(super) fn restart(&mut self, setting: Setting<'a, '_>, extent: Extent, back: bool) {
        if self.vanished {
            return;
        }
        let (scenario, at) = (setting.scenario, setting.at);
        if extent == Extent::Program {
            self.stop();
        } else {
            let (shown, seed) = (self.scenario.clock.shows(at), seed(self.index, self.connections));
            self.host.reboot(scenario.medium, scenario.family, number(self.index), shown, seed);
        }
        self.program = Program::Stopped(back.then(|| at + PAUSE));
        self.wake = Some(at);
        if !back {
            self.set_lines([Line { cut: true, ..Line::GOOD }; 2]);
            self.vanished = true;
        }
    }

    pub(super) fn hang(&mut self, at: Instant, span: Duration) {
        self.hangs_until = at + span;
    }

    /// Ends the session by TEARDOWN. The user comes back after `back`, or never.
    pub(super) fn leave(&mut self, at: Instant, back: Option<Duration>) {
        self.wake = Some(at);
        self.watches &= back.is_some();
        match (&mut self.program, back) {
            (Program::Running(session), _) => session.leave(at, back.unwrap_or(Duration::ZERO)),
            (program, None) => *program = Program::Stopped(None),
            _ => {}
        }
    }

    pub(super) fn pause(&mut self, at: Instant) {
        if let Program::Running(session) = &mut self.program {
            session.pause();
            self.wake = Some(at);
        }
    }

    /// Plays from a position, or on from where it paused.
    pub(super) fn play(&mut self, at: Instant, from: Option<MediaTime>) {
        if let Program::Running(session) = &mut self.program
            && session.play(at, from, &self.ring)
        {
            self.wake = Some(at);
        }
    }

    /// Ends all trouble: the link is good, the program does not hang, and plays.
    pub(super) fn calm(&mut self, at: Instant) {
        self.set_lines([Line::GOOD; 2]);
        self.hangs_until = Instant::ZERO;
        self.play(at, None);
        self.wake = Some(at);
    }

    /// Returns when the host is to have a turn: when it asked for one, or now if a frame has arrived.
    pub(super) fn due(&self, at: Instant) -> Option<Instant> {
        let come = self.host.port.has_frame(at).then_some(at);
        come.or(self.wake)
    }

    /// The host's part of a turn.
    pub(super) fn poll_host(&mut self, at: Instant) {
        self.host.port.at = Some(at);
        self.host.poll(self.scenario.clock.shows(at));
    }

    /// The program's part of a turn, after the host's.
    pub(super) fn turn(
        &mut self,
        setting: Setting<'a, '_>,
        flow: Option<&mut Flow>,
    ) -> Result<(), Violation> {
        let at = setting.at;
        let shown = self.scenario.clock.shows(at);
        let mut wakes = [None; 3];
        match &mut self.program {
            Program::Stopped(Some(until)) if *until <= at => {
                self.start(setting);
                wakes[0] = Some(at);
            }
            Program::Stopped(until) => wakes[0] = *until,
            Program::Running(_) if self.hangs_until > at => wakes[0] = Some(self.hangs_until),
            Program::Running(session) => {
                let clock = self.scenario.clock;
                let wake = session.turn(&self.name, setting, clock, &mut self.host, &mut self.ring, flow)?;
                let [complete, damaged] = session.take_counts();
                let figures = session.figures();
                self.totals.complete += complete;
                self.totals.damaged += damaged;
                self.totals.interleaved += complete * u64::from(session.is_interleaved());
                if session.pictured {
                    self.pictured = Some(at);
                }
                wakes = [wake.map(|wake| clock.reaches(wake)), session.again_at, session.show_at];
                if session.is_closed() {
                    let leaving = session.leaving;
                    self.totals.missing += figures.frames_missing;
                    self.totals.skipped += figures.frames_skipped;
                    self.totals.lost_sessions += u64::from(leaving.is_none());
                    if session.answered {
                        self.torn_down.push((FIRST_TCP + self.connections, figures));
                    }
                    let back = at + leaving.unwrap_or(PAUSE);
                    self.stop();
                    self.program = Program::Stopped(self.watches.then_some(back));
                    wakes = [Some(back), None, None];
                }
            }
        }
        let iface = self.host.iface_at(shown).map(|wake| self.scenario.clock.reaches(wake));
        self.wake = wakes.into_iter().chain([iface]).flatten().min().map(|wake| wake.max(at));
        Ok(())
    }

    /// Starts the program: connects and asks to play.
    fn start(&mut self, setting: Setting<'a, '_>) {
        self.connections += 1;
        let shown = self.scenario.clock.shows(setting.at);
        let (host, arena) = (&mut self.host, setting.arena);
        let socket = host.tcp(self.scenario.tcp.0, self.scenario.tcp.1);
        let rtp = FIRST_UDP + 2 * self.connections;
        let pair = host.udp_pair(rtp, UDP_PACKETS, 2);
        let tracks = arena.alloc_slice_copy(&[TrackSockets::new(pair)]);
        let config = self.scenario.config;
        let window = self.scenario.window * (usize::from(config.max_packet) + 10);
        // An interleaved packet must fit in, too.
        let storage = arena.alloc_slice_fill_copy(config.storage_len(window.max(2_048)), 0);
        let url = format!("rtsp://server:{RTSP}/clip");
        let seed = seed(self.index, self.connections);
        let client = Client::new(config, time::now(shown), url, seed, storage, socket, tracks);
        let mut client = client.expect("the URL is right, and the storage large enough");
        let (context, sockets) = host.context();
        let local = FIRST_TCP + self.connections;
        client.connect(context, sockets, (setting.server, RTSP), local).expect("the socket is new");
        let elsewhere = (self.connections + self.index as u16).is_multiple_of(2);
        let from = match setting.scenario.kind {
            SourceKind::Recorded { .. } => Seek::To(setting.source.middle()),
            SourceKind::Live { .. } => Seek::Live,
        };
        self.ring.restart(FrameId(0));
        let lower = (config.transport == TransportChoice::Tcp).then_some(LowerTransport::Interleaved);
        let sockets = [socket, pair.rtp, pair.rtcp];
        let prefetching = self.scenario.prefetch.map(|prefetch| Prefetching::new(prefetch.options));
        let mut session = Session::new(client, sockets, rtp, setting.scenario.kind, lower, prefetching);
        session.ask_to_play(elsewhere.then_some(from), &self.ring);
        self.program = Program::Running(Box::new(session));
    }

    /// Stops the program. Its sockets are closed, as an operating system closes them.
    fn stop(&mut self) {
        if let Program::Running(session) = std::mem::replace(&mut self.program, Program::Stopped(None)) {
            let [tcp, rtp, rtcp] = session.sockets;
            self.host.socket(tcp).abort();
            // The reset leaves before the socket does.
            let shown = self.scenario.clock.shows(self.host.port.at.unwrap_or_default());
            self.host.poll(shown);
            for socket in [tcp, rtp, rtcp] {
                self.host.sockets.remove(socket);
            }
        }
    }
}

/// Returns the seed of what is random on a client's host, different for each connection.
fn seed(index: usize, connections: u16) -> u64 {
    u64::from(connections) << 8 | index as u64
}
