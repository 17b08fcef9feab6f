//! The hosts of a scenario, and the time. It jumps from one requested wake-up or arriving frame to the
//! next. A host has a turn only when it asked for one or received a frame: a missing wake-up shows.
use super::address::{SERVER, flow_of, name};
use super::camera::{Camera, SessionRecord};
use super::scenario::{Extent, Line, MINUTE, Scenario, Step};
use super::setting::Setting;
use super::source::{Source, SourceKind};
use super::totals::Totals;
use super::trace::Trace;
use super::traffic::{PortObserver, Traffic};
use super::violation::{Failure, Violation, seconds};
use super::watcher::Watcher;
use crate::network::{Network, Port};
use crate::wire::Medium;
use crate::world::Host;
use bumpalo::Bump;
use pinhole::server::CloseReason;
use pinhole::server::LowerTransport;
use pinhole::time::{Duration, Instant, MediaTime};
use pinhole_smoltcp::time::from_smoltcp;
use smoltcp::socket::tcp;
use std::cell::RefCell;
use std::io;
use std::rc::Rc;

/// Number of turns without passing time after which a run is stuck.
const SPIN: u32 = 2_000;
/// Without trouble, a picture comes at least this often: after the end of a recorded medium, the user
/// waits before playing it again.
const PICTURE_EVERY: Duration = Duration::from_secs(5);
/// Time of TCP's closing handshake after the session's timeout.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(8);

pub(super) struct Simulation<'a, 's> {
    arena: &'a Bump,
    scenario: &'s Scenario,
    source: &'s Source,
    trace: Trace<'s>,
    network: Rc<RefCell<Network>>,
    traffic: Rc<RefCell<Traffic>>,
    camera: Camera<'a>,
    watchers: Vec<Watcher<'a>>,
    at: Instant,
    /// Turns since time last passed.
    turns: u32,
    /// Since when there is no trouble.
    calm: Option<Instant>,
    totals: Totals,
}

impl<'a, 's> Simulation<'a, 's> {
    pub(super) fn new(
        arena: &'a Bump,
        scenario: &'s Scenario,
        source: &'s Source,
        seed: u64,
        trace: Trace<'s>,
    ) -> io::Result<Self> {
        let network = Network::new(scenario.medium, seed);
        // A packet that waits for a neighbour's address leaves after others; without checksums, anything
        // may be in it.
        let exact = scenario.medium == Medium::Ip && !scenario.wild;
        // A report waits for a slow device, while packets that are not counted in it leave.
        let waiting = scenario.udp + if scenario.slow.is_some() { 100 } else { 0 };
        let traffic = Rc::new(RefCell::new(Traffic::new(exact, waiting)));
        let port = |host, name: &str| -> io::Result<Port> {
            let mut port = Network::plug_in(&network, Line::GOOD.faults);
            scenario.set_up(&mut port);
            let capture = trace.capture(name, scenario.medium)?;
            let watch = PortObserver { medium: scenario.medium, host, traffic: traffic.clone(), capture };
            port.observer = Some(Box::new(watch));
            Ok(port)
        };
        let mut server_port = port(SERVER, "server")?;
        server_port.rate = scenario.slow;
        let camera = Camera::new(arena, scenario, source, server_port, seed);
        let watcher = |index| Ok(Watcher::new(index, scenario, port(index, &name(index))?));
        let watchers = (0..scenario.clients.len()).map(watcher).collect::<io::Result<_>>()?;
        let at = Instant::ZERO;
        let (turns, calm, totals) = (0, None, Totals::default());
        Ok(Self {
            arena,
            scenario,
            source,
            trace,
            network,
            traffic,
            camera,
            watchers,
            at,
            turns,
            calm,
            totals,
        })
    }

    /// Runs the scenario, and ends all sessions.
    pub(super) fn run(mut self, minutes: u32) -> Result<Totals, Failure> {
        let end = Instant::ZERO + MINUTE.scaled(minutes.into(), 1);
        for (at, step) in &self.scenario.steps {
            self.run_until(*at)?;
            self.step(*step)?;
        }
        self.run_until(end)?;
        self.end_sessions()?;
        self.totals.time = self.at.since(Instant::ZERO);
        self.count();
        Ok(self.totals)
    }

    fn run_until(&mut self, until: Instant) -> Result<(), Failure> {
        loop {
            let coming = self.network.borrow().poll_at().filter(|coming| *coming > self.at);
            let wakes = self.watchers.iter().filter_map(|watcher| watcher.due(self.at));
            let next = wakes.chain(self.camera.due(self.at)).chain(coming).min();
            let Some(next) = next.filter(|next| *next < until) else {
                self.at = until;
                return Ok(());
            };
            self.turns = if next > self.at { 0 } else { self.turns + 1 };
            if self.turns >= SPIN {
                let what = format!("{SPIN} turns, and no time has passed");
                return Err(self.fail("all", Violation::of("nobody wakes for nothing", what)));
            }
            self.at = self.at.max(next);
            self.turn()?;
        }
    }

    /// Gives a turn to every host that asked for one or received a frame.
    fn turn(&mut self) -> Result<(), Failure> {
        let at = self.at;
        self.network.borrow_mut().forward(at);
        if self.camera.due(at).is_some_and(|due| due <= at) {
            let turn = self.camera.turn(self.scenario, self.source, at, self.trace);
            turn.map_err(|broken| self.fail("server", broken))?;
        }
        for index in 0..self.watchers.len() {
            if self.watchers[index].due(at).is_none_or(|due| due > at) {
                continue;
            }
            let mut setting = self.setting();
            let watcher = &mut self.watchers[index];
            setting.closed = watcher.ports().is_some_and(|(tcp, _)| self.camera.program.closed(index, tcp));
            let left_out = watcher.ports().map(|(tcp, _)| self.camera.program.left_out(index, tcp));
            setting.left_out = left_out.unwrap_or(0);
            // The host's packets change the traffic, which is borrowed after this.
            watcher.poll_host(at);
            let mut traffic = self.traffic.borrow_mut();
            let key = watcher.ports().map(|(_, rtp)| (index, rtp));
            let flow = key.and_then(|key| traffic.flows.get_mut(&key));
            let turn = watcher.turn(setting, flow);
            drop(traffic);
            turn.map_err(|broken| self.fail(&name(index), broken))?;
        }
        if let Some((client, what)) = self.traffic.borrow_mut().wrong.take().filter(|_| !self.scenario.wild) {
            let broken = Violation::of("reports tell what passed", what);
            return Err(self.fail(&name(client), broken));
        }
        self.watch_pictures()
    }

    /// Checks that every user sees new pictures when there is no trouble.
    fn watch_pictures(&self) -> Result<(), Failure> {
        let Some(calm) = self.calm else { return Ok(()) };
        let recovered = calm + self.scenario.recovery();
        for watcher in self.watchers.iter().filter(|watcher| watcher.watches()) {
            let last = watcher.pictured.filter(|at| *at >= calm);
            let until = last.map_or(recovered, |last| recovered.max(last + PICTURE_EVERY));
            if self.at > until {
                let what = match last {
                    Some(last) => format!("no picture since {}", seconds(last)),
                    None => format!("all has been well since {}, and no picture came", seconds(calm)),
                };
                return Err(self.fail(&watcher.name, Violation::of("pictures come again", what)));
            }
        }
        Ok(())
    }

    fn setting(&self) -> Setting<'a, 's> {
        let shown = from_smoltcp(self.scenario.server_clock.shows(self.at));
        Setting {
            arena: self.arena,
            scenario: self.scenario,
            source: self.source,
            server: self.camera.host.address,
            newest: match self.scenario.kind {
                SourceKind::Live { .. } => self.source.clip.at(MediaTime::from_micros(shown.as_micros())),
                SourceKind::Recorded { .. } => pinhole::frame::FrameId(u64::MAX),
            },
            overrun: self.camera.overrun.get(),
            closed: false,
            left_out: 0,
            at: self.at,
            trace: self.trace,
        }
    }

    fn step(&mut self, step: Step) -> Result<(), Failure> {
        self.trace.tell(self.at, "script", || format!("{step:?}"));
        let (at, setting) = (self.at, self.setting());
        match step {
            Step::Link(client, lines) => self.watchers[client].set_lines(lines),
            Step::Restart(client, extent) => {
                self.totals.client_restarts += 1;
                self.watchers[client].restart(setting, extent, true);
            }
            Step::Vanish(client) => {
                self.totals.vanished += 1;
                self.watchers[client].restart(setting, Extent::Host, false);
            }
            Step::Hang(client, span) => {
                self.totals.hangs += 1;
                self.watchers[client].hang(at, span);
            }
            Step::Leave(client, back) => self.watchers[client].leave(at, Some(back)),
            Step::Pause(client) => self.watchers[client].pause(at),
            Step::Play(client) => self.watchers[client].play(at, None),
            Step::Seek(client, thousandths) => {
                self.totals.seeks += 1;
                let place = self.camera.program.place(thousandths);
                self.watchers[client].play(at, Some(place));
            }
            Step::ServerRestart(extent) => {
                self.totals.server_restarts += 1;
                self.check_sessions()?;
                self.camera.restart(self.arena, self.scenario, at, extent);
            }
            Step::Calm => {
                if self.scenario.wild {
                    let hosts = self.watchers.iter_mut().map(|watcher| &mut watcher.host);
                    hosts.chain([&mut self.camera.host]).for_each(Host::forget_neighbours);
                }
                self.watchers.iter_mut().for_each(|watcher| watcher.calm(at));
            }
        }
        self.calm = (step == Step::Calm).then_some(at);
        Ok(())
    }

    /// One client after the other leaves, with a word or without; then nothing is left of anybody.
    fn end_sessions(&mut self) -> Result<(), Failure> {
        self.calm = None;
        for index in 0..self.watchers.len() {
            match index % 2 {
                0 => self.watchers[index].leave(self.at, None),
                _ => {
                    let setting = self.setting();
                    self.watchers[index].restart(setting, Extent::Host, false);
                }
            }
        }
        self.run_until(self.at + self.scenario.resources.config.session_timeout + CLOSE_TIMEOUT)?;
        let connected = self.camera.server.connected();
        if connected > 0 {
            let what = format!("{connected} connections are still in use: {:?}", self.camera.server);
            return Err(self.fail("server", Violation::of("sessions end with their timeout", what)));
        }
        let sockets = self.camera.host.sockets.iter().filter_map(|(_, socket)| tcp_of(socket));
        if let Some(deaf) = sockets.map(tcp::Socket::state).find(|state| *state != tcp::State::Listen) {
            let what = format!("a socket is {deaf}");
            return Err(self.fail("server", Violation::of("sockets listen again", what)));
        }
        self.check_sessions()
    }

    /// Checks the server's statistics of its sessions against the packets that left it.
    fn check_sessions(&mut self) -> Result<(), Failure> {
        let traffic = self.traffic.borrow();
        for told in &self.camera.program.sessions {
            told.check().map_err(|broken| self.fail("server", broken))?;
            self.check_interleaved(told)?;
            let Some((reason, summary)) = told.closed.filter(|_| told.transport == LowerTransport::Udp)
            else {
                continue;
            };
            let key = flow_of(told.peer);
            let Some(flow) = key.and_then(|key| traffic.flows.get(&key)) else { continue };
            // Packets to a vanished client may not have left, nor those that waited for a neighbour.
            let exact = traffic.exact && reason != CloseReason::Timeout;
            let left = (flow.sent, flow.octets);
            let said = (summary.packets, summary.octets);
            if if exact { left != said } else { flow.sent > summary.packets } {
                let what = format!("(packets, octets) are {left:?} on its link, and it says {said:?}");
                return Err(self.fail("server", Violation::of("a session's figures are its link's", what)));
            }
        }
        Ok(())
    }

    /// Checks that all interleaved packets have arrived when TEARDOWN is answered.
    fn check_interleaved(&self, told: &SessionRecord) -> Result<(), Failure> {
        let Some((CloseReason::Teardown, summary)) =
            told.closed.filter(|_| told.transport == LowerTransport::Interleaved)
        else {
            return Ok(());
        };
        let Some((client, rtp)) = flow_of(told.peer) else { return Ok(()) };
        let watcher = self.watchers.get(client);
        let mut parted = watcher.into_iter().flat_map(|watcher| &watcher.torn_down);
        let Some((_, figures)) = parted.find(|(port, _)| *port == told.peer.port()) else { return Ok(()) };
        let by_udp = self.traffic.borrow().flows.contains_key(&(client, rtp));
        let said = (summary.packets, summary.octets);
        let came = (figures.packets, figures.octets);
        if said != came && !by_udp && !self.scenario.wild {
            let what = format!("(packets, octets) are {came:?} at the client, and it says {said:?}");
            return Err(self.fail("server", Violation::of("a session's figures are its client's", what)));
        }
        Ok(())
    }

    fn count(&mut self) {
        let totals = &mut self.totals;
        for watcher in &self.watchers {
            totals.add_watcher(&watcher.totals, watcher.connections);
            totals.add_link(watcher.host.port.counters());
        }
        let traffic = self.traffic.borrow();
        totals.rtp_by_udp = traffic.flows.values().map(|flow| flow.sent).sum();
    }

    fn fail(&self, host: &str, broken: Violation) -> Failure {
        Failure { at: self.at, host: host.to_owned(), ..Failure::from(broken) }
    }
}

fn tcp_of<'s, 'a>(socket: &'s smoltcp::socket::Socket<'a>) -> Option<&'s tcp::Socket<'a>> {
    match socket {
        smoltcp::socket::Socket::Tcp(socket) => Some(socket),
        _ => None,
    }
}
