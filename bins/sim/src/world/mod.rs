//! A server and its clients on hosts of a network in memory, in virtual time. The time jumps from one
//! requested wake-up or arriving frame to the next.
//!
//! [`Sim::new`] creates the network and the server, [`Sim::watch`] adds a client, and [`Sim::run`] lets
//! time pass.
mod answers;
mod host;

use crate::clip::Clip;
use crate::faults::Faults;
use crate::network::Network;
use crate::pooled::PooledClip;
use crate::wire::Medium;
use pinhole::client;
use pinhole::codec::jpeg::TRACK;
use pinhole::frame::{FrameId, FrameStore, TrackId};
use pinhole::frame::{FrameRing, Slot};
use pinhole::rtsp::Url;
use pinhole::sdp::Presentation;
use pinhole::server;
use pinhole::time::Duration;
use pinhole_smoltcp::client::{Client, TrackSockets};
use pinhole_smoltcp::memory::{Arena, PacketBuffer, ServerResources, TcpBuffers, UdpBuffers};
use pinhole_smoltcp::server::{Catalog, CatalogApp, Random, Server};
use pinhole_smoltcp::time;
use smoltcp::phy::Device;
use smoltcp::socket::udp::PacketMetadata;
use smoltcp::time::Instant;
use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;

pub use answers::Answers;
pub use host::{Family, Host, KEPT};

/// The TCP port on which simulated servers listen, and to which simulated clients connect.
pub const RTSP: u16 = 8554;
/// Number of turns without passing time after which a run is stuck.
const SPIN: u32 = 20_000;

/// The application of the simulated server: it serves one clip at `/clip`, and keeps a log.
pub struct App {
    answers: Answers,
    /// The server's notices in their order, each as the client's address and port, a space, and the
    /// [`Notice`](server::Notice) in its debug format.
    pub log: Vec<String>,
    /// The number of frames that the server left out because they were late or no longer in the store. The
    /// frames of all sessions since the start count together.
    pub skipped: u64,
}

impl Random for App {
    fn random(&mut self) -> u64 {
        self.answers.random()
    }
}

impl Catalog for App {
    fn find(&self, url: &Url<'_>) -> Option<u16> {
        self.answers.find(url)
    }

    fn describe(&self, _: u16) -> Presentation<'_> {
        self.answers.describe()
    }

    fn notice(&mut self, peer: SocketAddr, notice: server::Notice) {
        if let server::Notice::Skipped { frames, .. } = notice {
            self.skipped += frames;
        }
        self.log.push(format!("{peer} {notice:?}"));
    }
}

/// The medium that a simulated server serves, at `/clip`, and how.
#[derive(Clone, Debug)]
pub enum Media {
    /// The clip as a recorded medium, from its first frame to its last.
    Recorded(Clip),
    /// The clip as a live source, which repeats it for ever and keeps all frames.
    Live(Clip),
    /// The clip as a camera, which repeats it for ever and has so many buffers of the longest frame's length.
    Camera(Clip, usize),
}

/// Resources for a server of at most two clients with little memory. Each TCP socket has 512 bytes to
/// receive requests, and room for only one reply or one packet to send. Each buffer of the UDP sockets has
/// room for three packets of 1500 bytes. There is no frame ring, because a simulated server reads the
/// frames of its clip in place.
pub const SMALL: ServerResources = ServerResources {
    connections: 2,
    tcp: TcpBuffers { receive: 512, transmit: server::Config::DEFAULT.message_len() },
    udp: udp(3),
    ring: None,
    pool: None,
    config: server::Config::DEFAULT,
};

/// Returns the four buffers of a UDP pair: for RTP and for RTCP, to receive and to transmit. Each has room
/// for `packets` packets of up to 1500 bytes. Returns `None` if `packets` is 0; a server with `None` has no
/// UDP.
pub const fn udp(packets: usize) -> Option<UdpBuffers> {
    let buffer = PacketBuffer::of(packets, 1500);
    let [rtp_receive, rtp_transmit, rtcp_receive, rtcp_transmit] = [buffer; 4];
    if packets == 0 {
        return None;
    }
    Some(UdpBuffers { rtp_receive, rtp_transmit, rtcp_receive, rtcp_transmit })
}

/// The simulated server of a [`Sim`], and what it serves.
pub struct Served {
    /// The host that the server runs on.
    pub host: Host,
    /// The server, which the [`Sim`] polls.
    pub server: Server<'static>,
    /// The clip that the server serves.
    pub clip: Clip,
    /// The application of the server, with its log.
    pub app: App,
    pooled: Option<PooledClip>,
    wake: Option<Instant>,
    /// When the main loop is free for its next turn.
    free: Instant,
}

/// The frame ring of a simulated client, in which the client stores the frames that it receives.
pub type Ring = FrameRing<Vec<Slot>, Vec<u8>>;

/// A simulated client that connects and plays, and the frames and events that it received. [`Sim::watch`]
/// adds one.
pub struct Watcher {
    /// The host that the client runs on.
    pub host: Host,
    /// The client's RTSP connection and sockets. The [`Sim`] polls the client. To pause or seek, use
    /// [`conn_mut`](Client::conn_mut).
    pub client: Client<'static, String>,
    /// The newest frames that the client received: at most 200 frames, of at most 4 MiB together.
    pub ring: Ring,
    /// The events of the client so far, in their order, each in its debug format.
    pub log: Vec<String>,
    wake: Option<Instant>,
}

impl Watcher {
    /// Returns whether [`Self::log`] has an event whose debug format starts with `what`, such as the name
    /// `Playing`.
    pub fn told(&self, what: &str) -> bool {
        self.log.iter().any(|event| event.starts_with(what))
    }

    /// Checks the frames of a recorded clip that are in [`Self::ring`]: the order of all frames, and the
    /// bytes of complete frames. Returns the number of complete frames, and then the number of damaged
    /// ones.
    ///
    /// # Panics
    /// If a complete frame differs from the clip's, or if a frame is out of order.
    pub fn check(&self, clip: &Clip) -> (u64, u64) {
        let (mut complete, mut damaged) = (0, 0);
        let mut last = None;
        for id in self.ring.frames().start.0..self.ring.frames().end.0 {
            let frame = self.ring.frame(TrackId::default(), FrameId(id)).expect("it is in the span");
            // Times went through RTP's clock, which is coarser.
            let index = clip.at(frame.media_time(TRACK.clock_rate) + Duration::from_millis(1));
            assert!(last < Some(index), "{index:?} after {last:?}");
            last = Some(index);
            if frame.flags.integrity.is_complete() {
                assert!(clip.matches(index, &frame), "{index:?} is complete, but not right");
                complete += 1;
            } else {
                damaged += 1;
            }
        }
        (complete, damaged)
    }
}

/// A simulation: a server, its clients, their network, and the virtual time. Each host gets a turn whenever
/// the host has asked for a turn or a frame has arrived at the host. Then the time jumps to the next such
/// moment.
pub struct Sim {
    /// The network that connects all hosts. Use it to inject frames; the [`Sim`] forwards the frames on it.
    pub network: Rc<RefCell<Network>>,
    medium: Medium,
    family: Family,
    faults: Faults,
    /// The current virtual time, which starts at 0. Only [`Self::run`] and [`Self::pass`] change the time.
    pub at: Instant,
    /// How long a client delays its TCP acknowledgements. A server whose transmit buffer is full waits for
    /// these acknowledgements. The value applies to clients that [`Self::watch`] adds from now on. With
    /// `None`, which is the default, there is no delay.
    pub ack_delay: Option<smoltcp::time::Duration>,
    /// For how long the server's main loop is busy with other things after each turn, and does not poll the
    /// server. The default is 0.
    pub busy: smoltcp::time::Duration,
    /// The server, its host and its application.
    pub served: Served,
    /// The clients and their hosts, in the order in which [`Self::watch`] added them.
    pub watchers: Vec<Watcher>,
    /// Hosts whose sockets the test itself drives. Push a host that [`Self::host`] has created here, so
    /// that the [`Sim`] polls its interface. The [`Sim`] does nothing else with the host.
    pub others: Vec<Host>,
}

impl Sim {
    /// Creates a network, and a server of `media` on host 1. The server's own link has no faults.
    ///
    /// `faults` has two parts: the faults of the links to clients, and the seed of all randomness.
    /// `resources` are those of the server, such as [`SMALL`].
    ///
    /// # Panics
    /// If no server can be made with these resources, for example because a buffer is too small.
    pub fn new(
        medium: Medium,
        family: Family,
        faults: (Faults, u64),
        resources: ServerResources,
        media: Media,
    ) -> Self {
        let (faults, seed) = faults;
        let network = Network::new(medium, seed);
        let mut host = Host::new(&network, medium, family, Faults::NONE, 1);
        let bytes = vec![0; resources.bytes()].leak();
        let mut arena = Arena::new(bytes, vec![PacketMetadata::EMPTY; resources.packets()].leak());
        let sockets = &mut host.sockets;
        let udp = resources.udp.map(|buffers| arena.udp_pair(&buffers, 6970, sockets));
        let connections = (0..resources.connections).map(|_| arena.connection(&resources, sockets));
        let connections = connections.collect::<Vec<_>>().leak();
        let storage = arena.storage(&resources);
        let ip_mtu = host.port.capabilities().ip_mtu();
        let server = Server::new(RTSP, udp, resources.config, connections, storage, &host.sockets, ip_mtu);
        let server = server.expect("it has what it needs");
        let (clip, duration, pooled) = match media {
            Media::Recorded(clip) => (clip.clone(), Some(clip.duration()), None),
            Media::Live(clip) => (clip, None, None),
            Media::Camera(clip, buffers) => {
                let pooled = PooledClip::new(clip.longest(), buffers);
                (clip, None, Some(pooled))
            }
        };
        let app = App { answers: Answers::new(&clip, duration, seed), log: vec![], skipped: 0 };
        let served = Served { host, server, clip, app, pooled, wake: None, free: Instant::ZERO };
        let busy = smoltcp::time::Duration::ZERO;
        let (watchers, others) = (vec![], vec![]);
        let at = Instant::ZERO;
        Self { network, medium, family, faults, at, ack_delay: None, busy, served, watchers, others }
    }

    /// Creates one more host on the network. Push the host to [`Self::others`] before the next host or
    /// client is added. The host's address is the next one after the addresses of [`Self::watchers`] and
    /// [`Self::others`]. If the host is not in [`Self::others`], the next host gets the same address.
    pub fn host(&mut self) -> Host {
        let number = 2 + self.watchers.len() + self.others.len();
        Host::new(&self.network, self.medium, self.family, self.faults, number as u8)
    }

    /// Adds a client on a host of its own. The client connects to `/clip` on the server, and plays from the
    /// start. Nothing happens until [`Self::run`] or [`Self::pass`] is called. The new client is the last
    /// of [`Self::watchers`].
    ///
    /// # Panics
    /// If no client can be made with this configuration.
    pub fn watch(&mut self, config: client::Config) {
        let mut host = self.host();
        let socket = host.tcp(4096, 512);
        host.socket(socket).set_ack_delay(self.ack_delay);
        let tracks = vec![TrackSockets::new(host.udp_pair(5000, 64, 2))].leak();
        let url = format!("rtsp://server:{RTSP}/clip");
        let storage = vec![0; config.storage_len(32 * 1600)].leak();
        let seed = self.watchers.len() as u64 + 99;
        let client = Client::new(config, time::now(self.at), url, seed, storage, socket, tracks);
        let mut client = client.expect("the URL is right, and the storage large enough");
        let server = (self.served.host.address, RTSP);
        let (context, sockets) = host.context();
        client.connect(context, sockets, server, 49_999).expect("the socket is new");
        client.conn_mut().play(None);
        let ring = FrameRing::new(TRACK, vec![Slot::EMPTY; 200], vec![0; 4 << 20]);
        self.watchers.push(Watcher { host, client, ring, log: vec![], wake: None });
    }

    /// Runs all hosts until `done` returns true, for at most `seconds` seconds of virtual time. `done` is
    /// called after each turn. Returns true as soon as `done` returns true. Returns false if `seconds`
    /// seconds have passed before that.
    ///
    /// # Panics
    /// If there are 20,000 turns while no time passes, because a host asks to be polled again and again.
    pub fn run(&mut self, seconds: u64, done: impl FnMut(&mut Self) -> bool) -> bool {
        self.run_until(self.at + smoltcp::time::Duration::from_secs(seconds), done)
    }

    /// Runs all hosts for `millis` milliseconds of virtual time.
    ///
    /// # Panics
    /// If there are 20,000 turns while no time passes, because a host asks to be polled again and again.
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

    /// Gives every host a turn. Returns when the next turn is due.
    fn turn(&mut self) -> Option<Instant> {
        let at = self.at;
        let now = time::now(at);
        self.network.borrow_mut().forward(now.at);
        let served = &mut self.served;
        if served.free <= at {
            served.host.poll(at);
            let (server, sockets) = (&mut served.server, &mut served.host.sockets);
            served.wake = if served.app.answers.duration.is_some() {
                server.poll(now, sockets, &mut CatalogApp { catalog: &mut served.app, store: &served.clip })
            } else if let Some(pooled) = &mut served.pooled {
                pooled.update(now.at, &served.clip, server.wanted());
                let next = time::to_smoltcp(served.clip.live(now.at).next_at());
                let app = &mut CatalogApp { catalog: &mut served.app, store: &pooled.pool };
                server.poll(now, sockets, app).into_iter().chain([next]).min()
            } else {
                let live = served.clip.live(now.at);
                let wake =
                    server.poll(now, sockets, &mut CatalogApp { catalog: &mut served.app, store: &live });
                // The next picture is something to wake for, too.
                let next = server.wanted().next().map(|_| time::to_smoltcp(live.next_at()));
                wake.into_iter().chain(next).min()
            };
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
        let served_at = served.host.poll_at(at).into_iter().chain(served.wake).min();
        let coming = self.network.borrow().poll_at().map(time::to_smoltcp).filter(|coming| *coming > at);
        let mut wakes = vec![served_at.map(|wake| wake.max(served.free)), coming];
        wakes.extend(self.watchers.iter().map(|watcher| watcher.wake));
        let hosts = self.watchers.iter_mut().map(|watcher| &mut watcher.host).chain(&mut self.others);
        wakes.extend(hosts.map(|host| host.poll_at(at)));
        wakes.into_iter().flatten().min()
    }
}
