//! A scenario, drawn from a seed: the hosts, their resources, and what happens to them.
use super::clock::Clock;
use super::source::SourceKind;
use crate::faults::Faults;
use crate::network::Port;
use crate::wire::Medium;
use crate::world::{self, Family};
use fastrand::Rng;
use pinhole::client::{self, PrefetchOptions, TransportChoice};
use pinhole::rtsp::Speed;
use pinhole::server;
use pinhole::time::{Duration, Instant};
use pinhole_smoltcp::memory::{ServerResources, TcpBuffers};
use smoltcp::phy::ChecksumCapabilities;

/// The part of each minute in which anything may happen. In the rest, all hosts must recover.
const TROUBLE: Duration = Duration::from_secs(25);
pub(super) const MINUTE: Duration = Duration::from_secs(60);
/// The range of the time for which a link keeps its faults, in milliseconds.
const LINK_MILLIS: std::ops::Range<u64> = 500..6_000;
/// Bytes of the headers of UDP and of IPv4 or IPv6.
const HEADERS: [u16; 2] = [28, 48];

/// A scenario.
#[derive(Clone, Debug)]
pub(super) struct Scenario {
    pub(super) medium: Medium,
    pub(super) family: Family,
    /// Index of the clip.
    pub(super) clip: usize,
    pub(super) kind: SourceKind,
    /// Frame buffers of a live source, if it has no ring.
    pub(super) pool: Option<usize>,
    /// The bit rate at which the server's device takes frames. `None`: it takes all at once.
    pub(super) slow: Option<u64>,
    pub(super) resources: ServerResources,
    /// Packets that the server's UDP sockets hold. 0: there is no UDP.
    pub(super) udp: usize,
    /// The longest IP packet in bytes.
    pub(super) mtu: u16,
    /// Links change bytes, and nobody checks checksums, so wrong bytes are to be expected.
    pub(super) wild: bool,
    pub(super) server_clock: Clock,
    /// The time for which the server's main loop is busy with other things after a turn.
    pub(super) busy: Duration,
    pub(super) clients: Vec<ClientScenario>,
    /// What happens, in order.
    pub(super) steps: Vec<(Instant, Step)>,
}

/// One client.
#[derive(Clone, Debug)]
pub(super) struct ClientScenario {
    pub(super) config: client::Config,
    /// Bytes of its TCP socket's receive and transmit buffers.
    pub(super) tcp: (usize, usize),
    /// Packets that can wait to be put in order.
    pub(super) window: usize,
    pub(super) clock: Clock,
    pub(super) joins: Instant,
    /// How it fetches ahead. `None`: it does not.
    pub(super) prefetch: Option<PrefetchScenario>,
}

/// A client that fetches a recorded medium ahead.
#[derive(Clone, Copy, Debug)]
pub(super) struct PrefetchScenario {
    /// Frames that its ring has room for.
    pub(super) slots: usize,
    pub(super) options: PrefetchOptions,
}

/// Something that happens, in most cases to the client of this index.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Step {
    /// The client's link changes: the direction from it, and to it.
    Link(usize, [Line; 2]),
    /// The client's program or its whole host restarts.
    Restart(usize, Extent),
    /// The client is disconnected for good.
    Vanish(usize),
    /// The client's program does nothing for this time, while its host goes on.
    Hang(usize, Duration),
    /// The client ends its session, and comes back after this time.
    Leave(usize, Duration),
    Pause(usize),
    Play(usize),
    /// The client plays from this many thousandths of the medium.
    Seek(usize, u64),
    ServerRestart(Extent),
    /// The trouble is over: all hosts run, and play.
    Calm,
}

/// What of a host restarts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// The program. Its sockets are closed, as an operating system closes them.
    Program,
    /// The host. Its peers receive nothing.
    Host,
}

/// The state of one direction of a link.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Line {
    pub(super) faults: Faults,
    pub(super) cut: bool,
}

impl Scenario {
    pub(super) fn draw(seed: u64, minutes: u32, clips: usize) -> Self {
        // Consecutive seeds have nothing in common.
        let mut rng = Rng::with_seed(seed.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let rng = &mut rng;
        let medium = if rng.bool() { Medium::Ethernet } else { Medium::Ip };
        let family = if one_in(rng, 3) { Family::V6 } else { Family::V4 };
        let headers = HEADERS[usize::from(family == Family::V6)];
        let count = rng.usize(1..=3);
        let max_packet = if rng.bool() { 1_400 } else { rng.u16(548..=1_400) };
        let udp = pick(rng, &[0, 1, 2, 3, 8, 60]);
        // Without UDP, no datagram must fit in.
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
        // Frames of a live source must be kept for as long as sending one takes, or none is complete.
        let fewest = if matches!(kind, SourceKind::Live { kept: 4 }) { 3 } else { 0 };
        let transmit = pick(rng, &[config.message_len(), 1_700, 2_900, 4_000, 16_000][fewest..]);
        let resources = ServerResources {
            connections: count + rng.usize(0..=3),
            tcp: TcpBuffers { receive: pick(rng, &[256, 512, 2_048]), transmit },
            udp: world::udp(udp),
            ring: None,
            pool: None,
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
            pool: None,
            slow: None,
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
        if matches!(kind, SourceKind::Recorded { .. }) && !wild {
            // With numbers of its own, so that everything else of a seed stays as it is.
            let rng = &mut Rng::with_seed(seed.wrapping_mul(0xD134_2543_DE82_EF95).wrapping_add(1));
            scenario.clients.iter_mut().for_each(|client| client.prefetch = prefetch(rng));
        }
        scenario.slow_down(&mut Rng::with_seed(seed.wrapping_mul(0xA076_1D64_78BD_642F).wrapping_add(1)));
        scenario
    }

    /// Draws whether the server's device is slower than its video, and whether it has few frame buffers.
    fn slow_down(&mut self, rng: &mut Rng) {
        // All may be in the middle of frames, one is the newest, and one is written.
        let buffers = self.clients.len() + 2;
        let is_live = matches!(self.kind, SourceKind::Live { .. });
        if is_live && one_in(rng, 3) {
            self.pool = Some(rng.usize(buffers..=buffers + 2));
        }
        // Frames of a ring may be gone in the middle: with a slow device, none might be complete.
        if self.pool.is_some() && rng.bool() {
            self.slow = Some(rng.u64(1_000_000..8_000_000));
        }
    }

    /// Returns the longest time from the end of the trouble until every client has a new picture: a client
    /// gives up a lost session, and the server one whose connection it needs.
    pub(super) fn recovery(&self) -> Duration {
        let timeout = self.resources.config.session_timeout;
        let waits = self.clients.iter().map(|client| client.config.response_wait).max().unwrap_or_default();
        // After a seek to the medium's end, a client that fetches ahead asks once more whether it is the end,
        // and is told so by silence only.
        let asks_again = |client: &ClientScenario| client.prefetch.map(|_| client.config.stalled_after);
        let asked_again = self.clients.iter().filter_map(asks_again).max().unwrap_or_default();
        timeout.scaled(3, 2) + waits + asked_again + Duration::from_secs(8)
    }

    /// Applies the MTU and the checksums to a port.
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
            let mut at = from + Duration::from_millis(rng.u64(..LINK_MILLIS.end));
            while at < until {
                let lines = [line(rng, self.wild), line(rng, self.wild)];
                let lines = if rng.bool() { [lines[0]; 2] } else { lines };
                self.steps.push((at, Step::Link(number, lines)));
                at = at + Duration::from_millis(rng.u64(LINK_MILLIS));
            }
            self.actions(rng, from, number);
        }
        let extents = [Extent::Program, Extent::Host];
        if one_in(rng, 5) {
            self.steps.push((moment(rng, from), Step::ServerRestart(pick(rng, &extents))));
        }
        self.steps.push((until, Step::Calm));
        // Stable: steps of one time stay in order.
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
    /// A direction without trouble.
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
        prefetch: None,
    }
}

/// Draws whether and how a client fetches ahead.
fn prefetch(rng: &mut Rng) -> Option<PrefetchScenario> {
    let high = rng.u8(40..=95);
    let low = rng.u8(10..high - 10);
    let speed = Speed::from_thousandths(pick(rng, &[1_000, 2_000])).unwrap_or_default();
    let slots = rng.usize(32..=80);
    one_in(rng, 3).then_some(PrefetchScenario { slots, options: PrefetchOptions { high, low, speed } })
}

fn clock(rng: &mut Rng) -> Clock {
    let offset = Duration::from_micros(if rng.bool() { 0 } else { rng.u64(..100_000_000_000) });
    Clock { offset, ppm: rng.i32(-500..=500) }
}

/// Draws the state of one direction of a link.
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

/// Draws a share up to `most`, small ones more often than large ones.
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
