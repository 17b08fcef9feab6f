//! A client's host, and who watches on it: somebody who comes back when the session is lost, and
//! plays again when the medium is over.
use super::clock::Clock;
use super::frames::{Frames, Ring};
use super::ledger::{Flow, host, number};
use super::plan::{ClientPlan, Extent, Line, Plan};
use super::source::{Kind, Source};
use super::trace::Trace;
use super::{Broken, measured};
use crate::network::Port;
use crate::world::{Host, RTSP};
use bumpalo::Bump;
use pinhole::client::{ClientError, Event, Figures, TransportChoice};
use pinhole::frame::{FrameId, Seek};
use pinhole::frame::{FrameRing, Slot};
use pinhole::server::LowerTransport;
use pinhole::time::{Duration, Instant, MediaTime};
use pinhole_smoltcp::client::{Client, TrackSockets};
use pinhole_smoltcp::time;
use smoltcp::iface::SocketHandle;
use smoltcp::socket::tcp;
use smoltcp::wire::IpAddress;
use std::net::SocketAddr;

/// Packets that a UDP socket holds.
pub(super) const UDP_PACKETS: usize = 64;
/// Frames of a turn: at most as many as packets waited in the socket, and for others in the client.
const RING: (usize, usize) = (128, 512 << 10);
/// How long somebody waits before trying again, or playing again.
const PAUSE_FOR_BREATH: Duration = Duration::from_millis(700);
/// A client waits for an answer to TEARDOWN for longer than this, and then for none.
const ANSWERED_BY: Duration = Duration::from_millis(1_900);
/// The first port that a client connects from, and the first that it receives RTP on: each
/// connection has its own, or packets of a former session would come to the next one.
const FIRST_TCP: u16 = 20_000;
const FIRST_UDP: u16 = 40_000;

/// One of the clients.
pub(super) struct Watcher<'a> {
    pub(super) name: String,
    index: usize,
    plan: ClientPlan,
    pub(super) host: Host,
    seat: Seat<'a>,
    ring: Ring,
    /// Connections so far.
    pub(super) connections: u16,
    /// Its program does nothing until then.
    hangs_until: Instant,
    /// Somebody wants to see something.
    plays: bool,
    /// Its cable was pulled for good.
    vanished: bool,
    /// By the network's time.
    wake: Option<Instant>,
    /// When the last whole frame came.
    pub(super) pictured: Option<Instant>,
    pub(super) totals: Totals,
    /// The connections that ended with the server's answer to TEARDOWN: from which port, and what
    /// had come.
    pub(super) parted: Vec<(u16, Figures)>,
}

/// What came to a client over all of its connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Totals {
    pub(super) complete: u64,
    pub(super) damaged: u64,
    pub(super) missing: u64,
    pub(super) skipped: u64,
    pub(super) interleaved: u64,
    pub(super) lost_sessions: u64,
}

enum Seat<'a> {
    /// Nobody is there, or will be at this time.
    Empty(Option<Instant>),
    Taken(Box<Session<'a>>),
}

struct Session<'a> {
    client: Client<'a, String>,
    sockets: [SocketHandle; 3],
    rtp: u16,
    frames: Frames,
    lower: Option<LowerTransport>,
    told: Vec<Told>,
    /// The session is over, and why if it was lost.
    over: Option<Option<ClientError>>,
    leaving: Option<Duration>,
    /// When it asked for the end, and whether that was answered.
    left: Option<Instant>,
    answered: bool,
    /// It is to play, from the start, at this time.
    again_at: Option<Instant>,
    paused: bool,
}

/// What a client tells, free of borrowed bytes.
#[derive(Clone, Copy, Debug)]
enum Told {
    Playing(LowerTransport),
    Paused,
    SwitchedToTcp,
    Stalled,
    Ended,
    Refused,
    Over(Option<ClientError>),
}

impl Told {
    const fn of(event: &Event<'_>) -> Option<Self> {
        Some(match *event {
            Event::Playing { lower, .. } => Self::Playing(lower),
            Event::Paused => Self::Paused,
            Event::SwitchedToTcp => Self::SwitchedToTcp,
            Event::Stalled => Self::Stalled,
            Event::Ended => Self::Ended,
            Event::Refused { .. } => Self::Refused,
            Event::Closed => Self::Over(None),
            Event::Failed(error) => Self::Over(Some(error)),
            _ => return None,
        })
    }
}

/// What all clients of a seed have in common, at one moment.
#[derive(Clone, Copy)]
pub(super) struct Setting<'a, 's> {
    pub(super) arena: &'a Bump,
    pub(super) plan: &'s Plan,
    pub(super) source: &'s Source,
    pub(super) server: IpAddress,
    /// The newest frame that there is.
    pub(super) newest: FrameId,
    /// A session has missed frames that were gone, perhaps in the middle of one.
    pub(super) overrun: bool,
    /// The server has closed the session of the client whose turn it is, perhaps in the middle of a frame.
    pub(super) closed: bool,
    pub(super) at: Instant,
    pub(super) trace: Trace<'s>,
}

impl<'a> Watcher<'a> {
    pub(super) fn new(index: usize, plan: &Plan, port: Port) -> Self {
        let client = plan.clients[index].clone();
        let shown = client.clock.shows(Instant::ZERO);
        let host = Host::boot(port, plan.medium, plan.family, number(index), shown, seed(index, 0));
        Self {
            name: name(index),
            index,
            host,
            seat: Seat::Empty(Some(client.joins)),
            ring: FrameRing::new(vec![Slot::default(); RING.0], vec![0; RING.1]),
            connections: 0,
            hangs_until: Instant::ZERO,
            plays: true,
            vanished: false,
            wake: Some(client.joins),
            pictured: None,
            totals: Totals::default(),
            parted: vec![],
            plan: client,
        }
    }

    /// Whether there is somebody who wants to see something.
    pub(super) const fn watches(&self) -> bool {
        self.plays && !matches!(self.seat, Seat::Empty(None))
    }

    /// The port from which it is connected, and the one on which it receives.
    pub(super) fn ports(&self) -> Option<(u16, u16)> {
        match &self.seat {
            Seat::Taken(session) => Some((FIRST_TCP + self.connections, session.rtp)),
            Seat::Empty(_) => None,
        }
    }

    pub(super) fn set_lines(&self, lines: [Line; 2]) {
        if self.vanished {
            return;
        }
        self.host.port.set_faults_each(lines.map(|line| line.faults));
        self.host.port.cut_each(lines.map(|line| line.cut));
    }

    /// Its program, or the host, is gone all of a sudden, and comes back, or does not.
    pub(super) fn restart(&mut self, setting: Setting<'a, '_>, extent: Extent, back: bool) {
        if self.vanished {
            return;
        }
        let (plan, at) = (setting.plan, setting.at);
        if extent == Extent::Program {
            self.stand_up();
        } else {
            let (shown, seed) = (self.plan.clock.shows(at), seed(self.index, self.connections));
            self.host.reboot(plan.medium, plan.family, number(self.index), shown, seed);
        }
        self.seat = Seat::Empty(back.then(|| at + PAUSE_FOR_BREATH));
        self.wake = Some(at);
        if !back {
            self.set_lines([Line { cut: true, ..Line::GOOD }; 2]);
            self.vanished = true;
        }
    }

    pub(super) fn hang(&mut self, at: Instant, span: Duration) {
        self.hangs_until = at + span;
    }

    pub(super) fn leave(&mut self, at: Instant, back: Option<Duration>) {
        self.wake = Some(at);
        self.plays &= back.is_some();
        match (&mut self.seat, back) {
            (Seat::Taken(session), _) => {
                session.leaving = Some(back.unwrap_or(Duration::ZERO));
                session.left = Some(at);
                session.client.conn_mut().teardown();
            }
            (seat, None) => *seat = Seat::Empty(None),
            _ => {}
        }
    }

    pub(super) fn pause(&mut self, at: Instant) {
        if let Seat::Taken(session) = &mut self.seat {
            session.paused = true;
            session.client.conn_mut().pause();
            self.wake = Some(at);
        }
    }

    /// Plays on, from a place or from where it was.
    pub(super) fn play(&mut self, at: Instant, from: Option<MediaTime>) {
        if let Seat::Taken(session) = &mut self.seat
            && (session.paused || from.is_some())
        {
            session.paused = false;
            // At its end it starts over.
            let ended = session.again_at.take().is_some();
            session.frames.on_play(at, from.is_some() || ended);
            session.client.conn_mut().play(from.map(Seek::To));
            self.wake = Some(at);
        }
    }

    /// Everybody is there, awake, and plays, if they have not left.
    pub(super) fn calm(&mut self, at: Instant) {
        self.set_lines([Line::GOOD; 2]);
        self.hangs_until = Instant::ZERO;
        self.play(at, None);
        self.wake = Some(at);
    }

    /// When its host is to have a turn: when it asked for it, or something has come.
    pub(super) fn due(&self, at: Instant) -> Option<Instant> {
        let come = self.host.port.has_frame(at).then_some(at);
        come.or(self.wake)
    }

    /// Its host's part of a turn.
    pub(super) fn poll_host(&mut self, at: Instant) {
        self.host.port.at = Some(at);
        self.host.poll(self.plan.clock.shows(at));
    }

    /// Its own part of a turn, after its host's.
    pub(super) fn turn(&mut self, setting: Setting<'a, '_>, flow: Option<&mut Flow>) -> Result<(), Broken> {
        let at = setting.at;
        let shown = self.plan.clock.shows(at);
        let mut wakes = [None; 2];
        match &mut self.seat {
            Seat::Empty(Some(until)) if *until <= at => {
                self.sit_down(setting);
                wakes[0] = Some(at);
            }
            Seat::Empty(until) => wakes[0] = *until,
            Seat::Taken(_) if self.hangs_until > at => wakes[0] = Some(self.hangs_until),
            Seat::Taken(session) => {
                let clock = self.plan.clock;
                let wake = session.turn(&self.name, setting, clock, &mut self.host, &mut self.ring, flow)?;
                let (complete, damaged) = (session.frames.complete, session.frames.damaged);
                let figures = session.client.conn().statistics(0).unwrap_or_default();
                self.totals.complete += std::mem::take(&mut session.frames.complete);
                self.totals.damaged += damaged;
                session.frames.damaged = 0;
                if complete > 0 {
                    self.pictured = Some(at);
                    self.totals.interleaved +=
                        complete * u64::from(session.lower == Some(LowerTransport::Interleaved));
                }
                wakes = [wake.map(|wake| self.plan.clock.reaches(wake)), session.again_at];
                if session.client.is_closed() {
                    let pause = session.leaving.unwrap_or(PAUSE_FOR_BREATH);
                    self.totals.missing += figures.frames_missing;
                    self.totals.skipped += figures.frames_skipped;
                    self.totals.lost_sessions += u64::from(session.leaving.is_none());
                    if session.answered {
                        self.parted.push((FIRST_TCP + self.connections, figures));
                    }
                    self.stand_up();
                    self.seat = Seat::Empty(self.plays.then(|| at + pause));
                    wakes = [Some(at + pause), None];
                }
            }
        }
        let iface = self.host.iface_at(shown).map(|wake| self.plan.clock.reaches(wake));
        self.wake = wakes.into_iter().chain([iface]).flatten().min().map(|wake| wake.max(at));
        Ok(())
    }

    /// Connects, and asks to play.
    fn sit_down(&mut self, setting: Setting<'a, '_>) {
        self.connections += 1;
        let shown = self.plan.clock.shows(setting.at);
        let (host, arena) = (&mut self.host, setting.arena);
        let socket = host.tcp(self.plan.tcp.0, self.plan.tcp.1);
        let rtp = FIRST_UDP + 2 * self.connections;
        let pair = host.udp_pair(rtp, UDP_PACKETS, 2);
        let tracks = arena.alloc_slice_copy(&[TrackSockets::new(pair)]);
        let config = self.plan.config;
        let window = self.plan.window * (usize::from(config.max_packet) + 10);
        // A packet that is interleaved has to fit there, too.
        let storage = arena.alloc_slice_fill_copy(config.storage_len(window.max(2_048)), 0);
        let url = format!("rtsp://server:{RTSP}/clip");
        let seed = seed(self.index, self.connections);
        let client = Client::new(config, time::now(shown), url, seed, storage, socket, tracks);
        let mut client = client.expect("the URL is right, and the storage large enough");
        let (context, sockets) = host.context();
        let local = FIRST_TCP + self.connections;
        client.connect(context, sockets, (setting.server, RTSP), local).expect("the socket is new");
        let elsewhere = (self.connections + self.index as u16).is_multiple_of(2);
        let from = match setting.plan.kind {
            Kind::Recorded { .. } => Seek::To(setting.source.middle()),
            Kind::Live { .. } => Seek::Live,
        };
        client.conn_mut().play(elsewhere.then_some(from));
        self.ring.restart(FrameId(0));
        let lower = (config.transport == TransportChoice::Tcp).then_some(LowerTransport::Interleaved);
        self.seat = Seat::Taken(Box::new(Session {
            client,
            sockets: [socket, pair.rtp, pair.rtcp],
            rtp,
            frames: Frames::new(setting.plan.kind),
            lower,
            told: Vec::with_capacity(16),
            over: None,
            leaving: None,
            left: None,
            answered: false,
            again_at: None,
            paused: false,
        }));
    }

    /// The client is gone; whoever keeps the host's sockets closes them.
    fn stand_up(&mut self) {
        if let Seat::Taken(session) = std::mem::replace(&mut self.seat, Seat::Empty(None)) {
            let [tcp, rtp, rtcp] = session.sockets;
            self.host.socket(tcp).abort();
            // What says so leaves before the socket does.
            let shown = self.plan.clock.shows(self.host.port.at.unwrap_or_default());
            self.host.poll(shown);
            for socket in [tcp, rtp, rtcp] {
                self.host.sockets.remove(socket);
            }
        }
    }
}

impl Session<'_> {
    fn turn(
        &mut self,
        name: &str,
        setting: Setting<'_, '_>,
        clock: Clock,
        host: &mut Host,
        ring: &mut Ring,
        mut flow: Option<&mut Flow>,
    ) -> Result<Option<smoltcp::time::Instant>, Broken> {
        let at = setting.at;
        if self.again_at.is_some_and(|again| again <= at) {
            self.again_at = None;
            self.frames.on_play(at, true);
            self.client.conn_mut().play(None);
        }
        let now = time::now(clock.shows(at));
        let Self { client, told, .. } = self;
        let wake = measured(|| {
            client.poll(now, &mut host.sockets, ring, |event| {
                allocation_counter::opt_out(|| told.extend(Told::of(event)));
            })
        })?;
        if let Some(flow) = &mut flow {
            flow.vague |= flow.unseen >= UDP_PACKETS;
            flow.look();
        }
        let (mut ended, mut playing) = (false, 0);
        // A server that is gone has answered nothing.
        let connected = host.socket(self.sockets[0]).state() != tcp::State::Closed;
        for told in std::mem::take(&mut self.told) {
            ended |= matches!(told, Told::Ended | Told::Over(_));
            playing += usize::from(matches!(told, Told::Playing(_)));
            setting.trace.tell(at, name, || format!("{told:?}"));
            self.hear(at, told, setting.plan.wild, connected)?;
        }
        if setting.plan.wild {
            self.frames.count(ring);
        } else if let Some(figures) = self.client.conn().statistics(0) {
            self.check(name, setting, ring, &figures, flow.map(|flow| &*flow))?;
            if ended {
                self.frames.close_account(&figures)?;
            }
        }
        // What came by UDP in this turn was looked at before the answer was.
        (0..playing).for_each(|_| self.frames.on_playing());
        Ok(wake)
    }

    fn hear(&mut self, at: Instant, told: Told, wild: bool, connected: bool) -> Result<(), Broken> {
        match told {
            Told::Playing(lower) => self.lower = Some(lower),
            Told::Ended => {
                self.frames.on_ended();
                self.again_at = Some(at + PAUSE_FOR_BREATH);
            }
            // Somebody who sees nothing, or hears no, tries again.
            Told::Stalled | Told::Refused if wild => {
                self.client.conn_mut().teardown();
                self.leaving.get_or_insert(PAUSE_FOR_BREATH);
            }
            Told::Refused => self.again_at = Some(at + PAUSE_FOR_BREATH),
            Told::Over(why) => {
                self.over = Some(why);
                let in_time = |left: Instant| at < left + ANSWERED_BY;
                self.answered = why.is_none() && connected && self.left.is_some_and(in_time);
                let out_of_step = matches!(
                    why,
                    Some(
                        ClientError::NotRtsp { .. }
                            | ClientError::Malformed { .. }
                            | ClientError::Http { .. }
                    )
                );
                if out_of_step && !wild {
                    return Err(Broken::of("the connection stays in step", format!("{why:?}")));
                }
            }
            Told::Paused | Told::SwitchedToTcp | Told::Stalled => {}
        }
        Ok(())
    }

    fn check(
        &mut self,
        name: &str,
        setting: Setting<'_, '_>,
        ring: &Ring,
        figures: &Figures,
        flow: Option<&Flow>,
    ) -> Result<(), Broken> {
        let interleaved = self.lower == Some(LowerTransport::Interleaved);
        let whole = interleaved && self.over.is_none() && !setting.overrun && !setting.closed;
        self.frames.look(name, setting, ring, figures, whole)?;
        if self.over.is_some() {
            return Ok(());
        }
        let Figures { packets, lost, late, duplicates, reordered, .. } = *figures;
        if interleaved && self.client.conn().dropped() > 0 {
            let what = "a packet that is interleaved was too long".to_owned();
            return Err(Broken::of("the connection stays in step", what));
        }
        if self.lower == Some(LowerTransport::Udp)
            && let Some(flow) = flow.filter(|flow| !flow.vague)
        {
            let came = flow.seen;
            let truth = (came.packets, came.lost(), came.duplicates, came.late);
            if (packets, lost, duplicates, reordered) != truth {
                let what = format!(
                    "(packets, lost, duplicates, reordered) are {truth:?} on its link, and it says {:?}",
                    (packets, lost, duplicates, reordered)
                );
                return Err(Broken::of("a client's figures are its link's", what));
            }
            return Ok(());
        }
        let lossless = interleaved && !setting.overrun && flow.is_none_or(|flow| flow.seen.packets == 0);
        if lossless && (lost, late, duplicates, reordered) != (0, 0, 0, 0) {
            return Err(Broken::of("nothing is lost that is interleaved", format!("{figures:?}")));
        }
        Ok(())
    }
}

/// A client's name in reports.
pub(super) fn name(index: usize) -> String {
    format!("client{}", index + 1)
}

/// What is random on a client's host, which another connection is to find different.
fn seed(index: usize, connections: u16) -> u64 {
    u64::from(connections) << 8 | index as u64
}

/// Whose connection comes from there: its number, and the port where it receives RTP.
pub(super) fn flow_of(peer: SocketAddr) -> Option<(usize, u16)> {
    let connection = peer.port().checked_sub(FIRST_TCP)?;
    Some((host(peer.ip().into()), FIRST_UDP + 2 * connection))
}
