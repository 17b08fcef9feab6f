//! A server and its clients on hosts of their own, under virtual time that jumps to whatever
//! anybody asked to be woken for, and never further.
#![allow(dead_code, unreachable_pub, reason = "several tests have it as a module, each for a part of it")]
pub mod clip;
pub mod link;

use clip::Clip;
use link::{Faults, Network, Port};
use pinhole::client;
use pinhole::frame::{FrameId, FrameStore, TrackId};
use pinhole::ring::{FrameRing, Slot};
use pinhole::server;
use pinhole::time::Duration;
use pinhole::wire::rtsp::Url;
use pinhole::wire::sdp::{AddressType, FrameRate, Presentation, Track, TrackFormat};
use pinhole_smoltcp::client::{Client, TrackSockets};
use pinhole_smoltcp::server::{Application, Connection, Server};
use pinhole_smoltcp::{UdpPair, time};
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::Medium;
use smoltcp::socket::{tcp, udp};
use smoltcp::time::Instant;
use smoltcp::wire::{EthernetAddress, HardwareAddress, IpAddress, IpCidr};
use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;

pub const RTSP: u16 = 8554;
/// More turns than this without time passing are no progress.
const SPIN: u32 = 20_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    V4,
    V6,
}

/// One machine of the network.
pub struct Host {
    iface: Interface,
    port: Port,
    pub sockets: SocketSet<'static>,
    pub address: IpAddress,
}

impl Host {
    fn new(network: &Rc<RefCell<Network>>, medium: Medium, family: Family, number: u8) -> Self {
        let mut port = Network::plug_in(network);
        let hardware = match medium {
            Medium::Ip => HardwareAddress::Ip,
            _ => HardwareAddress::Ethernet(EthernetAddress([2, 0, 0, 0, 0, number])),
        };
        let mut config = Config::new(hardware);
        config.random_seed = u64::from(number);
        let mut iface = Interface::new(config, &mut port, Instant::ZERO);
        let address = match family {
            Family::V4 => IpAddress::v4(10, 0, 0, number),
            Family::V6 => IpAddress::v6(0xfd00, 0, 0, 0, 0, 0, 0, u16::from(number)),
        };
        let prefix = if family == Family::V4 { 24 } else { 64 };
        iface.update_ip_addrs(|all| all.push(IpCidr::new(address, prefix)).unwrap());
        Self { iface, port, sockets: SocketSet::new(vec![]), address }
    }

    pub fn unplug(&mut self) {
        self.port.unplug();
    }

    pub fn tcp(&mut self, receive: usize, transmit: usize) -> SocketHandle {
        let buffer = |len| tcp::SocketBuffer::new(vec![0; len]);
        self.sockets.add(tcp::Socket::new(buffer(receive), buffer(transmit)))
    }

    pub fn udp_pair(&mut self, port: u16, receive: usize, transmit: usize) -> UdpPair {
        let mut bind = |port: u16| {
            let buffer = |n| udp::PacketBuffer::new(vec![udp::PacketMetadata::EMPTY; n], vec![0; n * 1500]);
            let mut socket = udp::Socket::new(buffer(receive), buffer(transmit));
            socket.bind(port).unwrap();
            self.sockets.add(socket)
        };
        UdpPair { rtp: bind(port), rtcp: bind(port + 1) }
    }

    /// Connects a socket of its own to `to`.
    pub fn connect(&mut self, socket: SocketHandle, to: IpAddress, from_port: u16) {
        let context = self.iface.context();
        self.sockets.get_mut::<tcp::Socket>(socket).connect(context, (to, RTSP), from_port).unwrap();
    }

    pub fn socket(&mut self, socket: SocketHandle) -> &mut tcp::Socket<'static> {
        self.sockets.get_mut(socket)
    }

    fn poll(&mut self, at: Instant) {
        self.iface.poll(at, &mut self.port, &mut self.sockets);
    }
}

/// The program around the server.
pub struct App {
    duration: Option<Duration>,
    tracks: [Track; 1],
    random: u64,
    pub log: Vec<String>,
    /// Frames that were left out, of all sessions.
    pub skipped: u64,
}

impl Application for App {
    fn random(&mut self) -> u64 {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        self.random
    }

    fn find(&self, url: &Url<'_>) -> Option<u16> {
        url.path_is("clip").then_some(0)
    }

    fn describe(&self, _: u16) -> Presentation<'_> {
        Presentation {
            name: "clip",
            session_id: 1,
            version: 1,
            address_type: AddressType::Ip4,
            duration: self.duration,
            tracks: &self.tracks,
        }
    }

    fn on_event(&mut self, peer: SocketAddr, event: &server::Event<'_>) {
        if let server::Event::Skipped { frames, .. } = event {
            self.skipped += frames;
        }
        self.log.push(format!("{peer} {event:?}"));
    }
}

/// What a server is lent.
#[derive(Clone, Copy, Debug)]
pub struct Means {
    pub connections: usize,
    pub tcp: (usize, usize),
    /// Packets that the UDP sockets hold; none: it has no UDP.
    pub udp: usize,
    pub config: server::Config,
}

impl Means {
    pub const SMALL: Self = Self { connections: 2, tcp: (512, 701), udp: 3, config: server::Config::DEFAULT };
}

pub struct Served {
    pub host: Host,
    pub server: Server<'static>,
    pub clip: Clip,
    pub app: App,
    wake: Option<Instant>,
    /// Not before this time is there another turn.
    free: Instant,
}

pub type Ring = FrameRing<Vec<Slot>, Vec<u8>>;

pub struct Watcher {
    pub host: Host,
    pub client: Client<'static, String>,
    pub ring: Ring,
    pub log: Vec<String>,
    wake: Option<Instant>,
}

impl Watcher {
    pub fn told(&self, what: &str) -> bool {
        self.log.iter().any(|event| event.starts_with(what))
    }

    /// Checks every frame that came against the clip: one that is complete is right. Returns how
    /// many were complete, and how many not.
    pub fn check(&self, clip: &Clip) -> (u64, u64) {
        let (mut complete, mut damaged) = (0, 0);
        let mut last = None;
        for id in self.ring.span().start.0..self.ring.span().end.0 {
            let frame = self.ring.frame(TrackId::default(), FrameId(id)).unwrap();
            let index = Clip::at(frame.pts);
            assert!(last < Some(index), "frame {index} after {last:?}");
            last = Some(index);
            if frame.integrity.is_complete() {
                assert!(clip.matches(index, &frame), "frame {index} is complete, but not right");
                complete += 1;
            } else {
                damaged += 1;
            }
        }
        (complete, damaged)
    }
}

pub struct Sim {
    pub network: Rc<RefCell<Network>>,
    medium: Medium,
    family: Family,
    pub at: Instant,
    /// Of the clients: what a small transmit buffer waits for, each time it is full.
    pub ack_delay: Option<smoltcp::time::Duration>,
    /// How long the server's main loop is busy with other things between two turns.
    pub busy: smoltcp::time::Duration,
    pub served: Served,
    pub watchers: Vec<Watcher>,
    /// Hosts that the test drives itself.
    pub others: Vec<Host>,
}

impl Sim {
    pub fn new(medium: Medium, family: Family, faults: Faults, means: Means, clip: Clip) -> Self {
        let network = Network::new(medium, faults);
        let mut host = Host::new(&network, medium, family, 1);
        let connections = (0..means.connections)
            .map(|_| {
                let socket = host.tcp(means.tcp.0, means.tcp.1);
                Connection::new(socket, vec![0; means.config.storage_len(512)].leak())
            })
            .collect::<Vec<_>>();
        let udp = (means.udp > 0).then(|| host.udp_pair(6970, means.udp, means.udp));
        let server = Server::new(RTSP, udp, means.config, connections.leak()).unwrap();
        let (width, height) = clip.size();
        let tracks =
            [Track { format: TrackFormat::Jpeg { width, height }, frame_rate: Some(FrameRate(30_000)) }];
        let app = App { duration: clip.duration(), tracks, random: 7, log: vec![], skipped: 0 };
        let served = Served { host, server, clip, app, wake: None, free: Instant::ZERO };
        let busy = smoltcp::time::Duration::ZERO;
        let (watchers, others) = (vec![], vec![]);
        Self { network, medium, family, at: Instant::ZERO, ack_delay: None, busy, served, watchers, others }
    }

    pub fn host(&mut self) -> Host {
        let number = 2 + self.watchers.len() + self.others.len();
        Host::new(&self.network, self.medium, self.family, number as u8)
    }

    /// Has one more client connect, and play.
    pub fn watch(&mut self, config: client::Config) {
        let mut host = self.host();
        let socket = host.tcp(4096, 512);
        host.socket(socket).set_ack_delay(self.ack_delay);
        let tracks = vec![TrackSockets::new(host.udp_pair(5000, 64, 2))].leak();
        let url = format!("rtsp://server:{RTSP}/clip");
        let storage = vec![0; config.storage_len(32 * 1600)].leak();
        let seed = self.watchers.len() as u64 + 99;
        let mut client = Client::new(config, time::now(self.at), url, seed, storage, socket, tracks).unwrap();
        let server = (self.served.host.address, RTSP);
        client.connect(host.iface.context(), &mut host.sockets, server, 49_999).unwrap();
        client.conn_mut().play(None);
        let ring = FrameRing::new(vec![Slot::default(); 200], vec![0; 4 << 20]);
        self.watchers.push(Watcher { host, client, ring, log: vec![], wake: None });
    }

    /// Goes on until `done`, or until `seconds` have passed; returns which.
    pub fn run(&mut self, seconds: u64, done: impl FnMut(&mut Self) -> bool) -> bool {
        self.run_until(self.at + smoltcp::time::Duration::from_secs(seconds), done)
    }

    /// Goes on for so long.
    pub fn pass(&mut self, millis: u64) {
        self.run_until(self.at + smoltcp::time::Duration::from_millis(millis), |_| false);
    }

    fn run_until(&mut self, until: Instant, mut done: impl FnMut(&mut Self) -> bool) -> bool {
        let mut turns = 0;
        loop {
            let wake = self.turn();
            if done(self) {
                return true;
            }
            let Some(wake) = wake.filter(|wake| *wake < until) else {
                self.at = until;
                return false;
            };
            turns = if wake > self.at { 0 } else { turns + 1 };
            assert!(turns < SPIN, "no progress at {}: {:?}", self.at, self.served.app.log);
            self.at = self.at.max(wake);
        }
    }

    /// A turn for everyone; returns when the next one is due.
    fn turn(&mut self) -> Option<Instant> {
        let at = self.at;
        let now = time::now(at);
        let served = &mut self.served;
        if served.free <= at {
            served.host.poll(at);
            let sockets = &mut served.host.sockets;
            served.wake = served.server.poll(now, sockets, &served.clip, &mut served.app);
            served.free = at + self.busy;
        }
        for watcher in &mut self.watchers {
            watcher.host.poll(at);
            let log = &mut watcher.log;
            watcher.wake = watcher.client.poll(now, &mut watcher.host.sockets, &mut watcher.ring, |event| {
                log.push(format!("{event:?}"));
            });
        }
        self.others.iter_mut().for_each(|host| host.poll(at));
        let network = self.network.borrow();
        let arrived = network.has_arrived(&served.host.port, at).then_some(at);
        let iface_at = served.host.iface.poll_at(at, &served.host.sockets);
        let served_at = [arrived, iface_at, served.wake].into_iter().flatten().min();
        let mut wakes = vec![served_at.map(|wake| wake.max(served.free)), network.next(at)];
        wakes.extend(self.watchers.iter().map(|watcher| watcher.wake));
        let hosts = self.watchers.iter_mut().map(|watcher| &mut watcher.host).chain(&mut self.others);
        wakes.extend(hosts.map(|host| host.iface.poll_at(at, &host.sockets)));
        wakes.into_iter().flatten().min()
    }
}
