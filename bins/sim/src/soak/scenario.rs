//! What is drawn from a seed: who is there, with what resources, and what befalls them.
use super::clock::Clock;
use super::source::SourceKind;
use crate::faults::Faults;
use crate::network::Port;
use crate::wire::Medium;
use crate::world::{self, Family};
use fastrand::Rng;
use pinhole::client::{self, TransportChoice};
use pinhole::server;
use pinhole::time::{Duration, Instant};
use pinhole_smoltcp::memory::{ServerResources, TcpBuffers};
use smoltcp::phy::ChecksumCapabilities;

/// Of each minute, the part in which anything may happen; in the rest everybody is left alone, and
/// must recover.
const TROUBLE: Duration = Duration::from_secs(25);
pub(super) const MINUTE: Duration = Duration::from_secs(60);
/// The shortest and the longest time for which a link stays as it is.
const PHASE: std::ops::Range<u64> = 500..6_000;
/// The headers of UDP and IP.
const HEADERS: [u16; 2] = [28, 48];

/// All that a seed says, from beginning to end.
#[derive(Clone, Debug)]
pub(super) struct Scenario {
    pub(super) medium: Medium,
    pub(super) family: Family,
    /// Which of the clips.
    pub(super) clip: usize,
    pub(super) kind: SourceKind,
    pub(super) resources: ServerResources,
    /// Packets that the UDP sockets hold; none: there is no UDP.
    pub(super) udp: usize,
    /// The length of an IP packet.
    pub(super) mtu: u16,
    /// LinkTotals change bytes, and nobody looks at checksums: wrong bytes are to be expected.
    pub(super) wild: bool,
    pub(super) server_clock: Clock,
    /// How long the server's main loop is busy with other things between two turns.
    pub(super) busy: Duration,
    pub(super) clients: Vec<ClientScenario>,
    /// What happens, in its order.
    pub(super) steps: Vec<(Instant, Step)>,
}

/// One client.
#[derive(Clone, Debug)]
pub(super) struct ClientScenario {
    pub(super) config: client::Config,
    /// Bytes of its TCP socket's buffers, to receive and to transmit.
    pub(super) tcp: (usize, usize),
    /// Packets that can wait for others.
    pub(super) window: usize,
    pub(super) clock: Clock,
    pub(super) joins: Instant,
}

/// Something that happens, to the client of this number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Step {
    /// The client's link becomes this, from it and to it.
    Link(usize, [Line; 2]),
    /// Its program starts anew, with or without the whole host.
    Restart(usize, Extent),
    /// Its cable is pulled for good.
    Vanish(usize),
    /// Its program does nothing for so long, while its host goes on.
    Hang(usize, Duration),
    /// It leaves, and comes back after so long.
    Leave(usize, Duration),
    Pause(usize),
    Play(usize),
    /// It goes to so many thousandths of the medium.
    Seek(usize, u64),
    ServerRestart(Extent),
    /// From here on, nothing happens: all are well, and play.
    Calm,
}

/// How much of a machine starts anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// Its sockets are closed by whoever closes those of a program that has gone.
    Program,
    /// Nothing is said to anybody.
    Host,
}

/// One direction of a link.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Line {
    pub(super) faults: Faults,
    pub(super) cut: bool,
}

impl Scenario {
    pub(super) fn draw(seed: u64, minutes: u32, clips: usize) -> Self {
        // Seeds in a row are to have nothing in common.
        let mut rng = Rng::with_seed(seed.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let rng = &mut rng;
        let medium = if rng.bool() { Medium::Ethernet } else { Medium::Ip };
        let family = if one_in(rng, 3) { Family::V6 } else { Family::V4 };
        let headers = HEADERS[usize::from(family == Family::V6)];
        let count = rng.usize(1..=3);
        let max_packet = if rng.bool() { 1_400 } else { rng.u16(548..=1_400) };
        let udp = pick(rng, &[0, 1, 2, 3, 8, 60]);
        // Without UDP, there is no packet that must fit.
        let mtu = match udp {
            0 if family == Family::V4 => rng.u16(120..=1_500),
            _ => rng.u16(max_packet + headers..=1_500),
        };
        let mut config = server::Config::DEFAULT;
        config.max_packet = max_packet;
        config.late = Duration::from_millis(rng.u64(200..=1_000));
        config.session_timeout = Duration::from_secs(rng.u64(4..=8));
        config.adapt = rng.bool();
        let kind = match rng.u8(..5) {
            0..3 => SourceKind::Live { kept: pick(rng, &[4, 30, 300]) },
            _ => SourceKind::Recorded { rounds: rng.u64(1..=5) },
        };
        // What is kept of a live source must outlast the sending of a frame, or none is sent whole.
        let fewest = if matches!(kind, SourceKind::Live { kept: 4 }) { 3 } else { 0 };
        let transmit = pick(rng, &[config.message_len(), 1_700, 2_900, 4_000, 16_000][fewest..]);
        let resources = ServerResources {
            connections: count + rng.usize(0..=3),
            tcp: TcpBuffers { receive: pick(rng, &[256, 512, 2_048]), transmit },
            udp: world::udp(udp),
            ring: None,
            config,
        };
        let clients = (0..count).map(|_| client(rng, udp > 0)).collect();
        let busy = if one_in(rng, 5) { Duration::from_micros(rng.u64(200..=5_000)) } else { Duration::ZERO };
        let wild = one_in(rng, 20);
        let server_clock = clock(rng);
        let mut scenario = Self {
            medium,
            family,
            clip: rng.usize(..clips),
            kind,
            resources,
            udp,
            mtu,
            wild,
            server_clock,
            busy,
            clients,
            steps: vec![],
        };
        for minute in 0..minutes {
            scenario.trouble(rng, Instant::ZERO + MINUTE.scaled(minute.into(), 1));
        }
        scenario
    }

    /// How long it takes at most, when all is well again, until every client has a new picture:
    /// until a client has given up a session that is lost, and the server one whose place it needs.
    pub(super) fn recovery(&self) -> Duration {
        let timeout = self.resources.config.session_timeout;
        let waits = self.clients.iter().map(|client| client.config.response_wait).max().unwrap_or_default();
        timeout.scaled(3, 2) + waits + Duration::from_secs(8)
    }

    /// Makes a port what the hosts' devices are.
    pub(super) fn set_up(&self, port: &mut Port) {
        let header = if self.medium == Medium::Ethernet { 14 } else { 0 };
        port.mtu = usize::from(self.mtu) + header;
        if self.wild {
            port.checksums = ChecksumCapabilities::ignored();
        }
    }

    fn trouble(&mut self, rng: &mut Rng, from: Instant) {
        let until = from + TROUBLE;
        for number in 0..self.clients.len() {
            let mut at = from + Duration::from_millis(rng.u64(..PHASE.end));
            while at < until {
                let lines = [line(rng, self.wild), line(rng, self.wild)];
                let lines = if rng.bool() { [lines[0]; 2] } else { lines };
                self.steps.push((at, Step::Link(number, lines)));
                at = at + Duration::from_millis(rng.u64(PHASE));
            }
            self.actions(rng, from, number);
        }
        let extents = [Extent::Program, Extent::Host];
        if one_in(rng, 5) {
            self.steps.push((moment(rng, from), Step::ServerRestart(pick(rng, &extents))));
        }
        self.steps.push((until, Step::Calm));
        // Those of one time stay in their order.
        self.steps.sort_by_key(|(at, _)| *at);
    }

    fn actions(&mut self, rng: &mut Rng, from: Instant, number: usize) {
        let mut add = |rng: &mut Rng, step| self.steps.push((moment(rng, from), step));
        if one_in(rng, 6) {
            let extent = pick(rng, &[Extent::Program, Extent::Host]);
            add(rng, Step::Restart(number, extent));
        }
        if one_in(rng, 8) {
            let span = Duration::from_millis(rng.u64(500..8_000));
            add(rng, Step::Hang(number, span));
        }
        if one_in(rng, 6) {
            let span = Duration::from_millis(rng.u64(..3_000));
            add(rng, Step::Leave(number, span));
        }
        if one_in(rng, 4) {
            for _ in 0..rng.usize(1..4) {
                add(rng, Step::Pause(number));
                add(rng, Step::Play(number));
            }
        }
        if matches!(self.kind, SourceKind::Recorded { .. }) && rng.bool() {
            for _ in 0..rng.usize(1..5) {
                let place = rng.u64(..1_000);
                self.steps.push((moment(rng, from), Step::Seek(number, place)));
            }
        }
        if one_in(rng, 12) {
            self.steps.push((moment(rng, from), Step::Vanish(number)));
        }
    }
}

impl Line {
    /// What a link does when all is well.
    pub(super) const GOOD: Self = {
        let mut faults = Faults::NONE;
        faults.delay = Duration::from_micros(150);
        Self { faults, cut: false }
    };
}

fn client(rng: &mut Rng, udp: bool) -> ClientScenario {
    let mut config = client::Config::DEFAULT;
    let choices = [TransportChoice::Tcp, TransportChoice::Auto, TransportChoice::Udp];
    config.transport = pick(rng, if udp { &choices } else { &choices[..2] });
    config.udp_wait = Duration::from_millis(rng.u64(500..=2_000));
    config.reorder_wait = Duration::from_millis(rng.u64(5..=100));
    config.max_response = 2_048;
    config.response_wait = Duration::from_millis(rng.u64(2_500..=5_000));
    config.stalled_after = Duration::from_secs(rng.u64(3..=10));
    ClientScenario {
        config,
        tcp: (pick(rng, &[400, 1_000, 4_096, 8_192]), pick(rng, &[200, 512, 2_048])),
        window: rng.usize(1..=16),
        clock: clock(rng),
        joins: Instant::ZERO + Duration::from_millis(rng.u64(..3_000)),
    }
}

fn clock(rng: &mut Rng) -> Clock {
    let offset = Duration::from_micros(if rng.bool() { 0 } else { rng.u64(..100_000_000_000) });
    Clock { offset, ppm: rng.i32(-500..=500) }
}

/// One direction of a link, for a while.
fn line(rng: &mut Rng, wild: bool) -> Line {
    let mut line = Line::GOOD;
    let faults = &mut line.faults;
    if rng.bool() {
        faults.delay = Duration::from_micros(rng.u64(..80_000));
        faults.jitter = if rng.bool() { Duration::from_micros(rng.u64(..40_000)) } else { Duration::ZERO };
    }
    for _ in 0..rng.u8(..3) {
        match rng.u8(..9) {
            0 | 1 => faults.loss = share(rng, 0.2),
            2 => (faults.loss, faults.burst) = (share(rng, 0.2), 1.0 + 7.0 * rng.f64()),
            3 => faults.reorder = share(rng, 0.3),
            4 => faults.duplicate = share(rng, 0.3),
            5 => faults.corrupt = share(rng, 0.1),
            6 => faults.rate = Some(rng.u64(64_000..2_000_000)),
            _ => line.cut = one_in(rng, 2),
        }
    }
    if wild && rng.bool() {
        line.faults.corrupt = share(rng, 0.1);
    }
    line
}

/// Up to `most`, and small more often than large.
fn share(rng: &mut Rng, most: f64) -> f64 {
    most * rng.f64() * rng.f64()
}

fn moment(rng: &mut Rng, from: Instant) -> Instant {
    from + Duration::from_micros(rng.u64(500_000..TROUBLE.as_micros()))
}

fn one_in(rng: &mut Rng, many: u8) -> bool {
    rng.u8(..many) == 0
}

fn pick<T: Copy>(rng: &mut Rng, of: &[T]) -> T {
    of[rng.usize(..of.len())]
}
