//! Memory of a server and of a client: exactly what their resources say, and no allocation in an hour.
use allocation_counter::{measure, opt_out};
use pinhole::client;
use pinhole::codec::jpeg::TRACK;
use pinhole::frame::{FrameRing, Slot};
use pinhole::frame::{FrameStore, TrackId};
use pinhole::rtsp::Url;
use pinhole::sdp::FrameRate;
use pinhole::sdp::{AddressType, Presentation, Track};
use pinhole_sim::clip::Clip;
use pinhole_sim::device::{Device, Link};
use pinhole_sim::faults::Faults;
use pinhole_sim::network::{Network, Port};
use pinhole_sim::wire::Medium;
use pinhole_sim::world::SMALL;
use pinhole_smoltcp::client::{Client, TrackSockets};
use pinhole_smoltcp::memory::{Arena, ClientResources, RingSize, ServerResources, TcpBuffers, UdpBuffers};
use pinhole_smoltcp::server::{Catalog, CatalogApp, Random, Server};
use pinhole_smoltcp::time;
use pinhole_std::media::{NormaliseOptions, PatternFormat};
use smoltcp::iface::{Config, Interface, SocketSet, SocketStorage};
use smoltcp::phy::{Device as _, RxToken, TxToken};
use smoltcp::socket::udp::PacketMetadata;
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{EthernetAddress, IpAddress, IpCidr};

const RTSP: u16 = 554;
const URL: &str = "rtsp://10.0.0.1:554/clip";
/// Few and small pictures: an hour of them is soon over.
const RATE: FrameRate = FrameRate(5_000);
const HOUR: Duration = Duration::from_secs(3600);

/// A port of the network whose own allocations are not counted.
struct Plug(Port);

impl Link for Plug {
    fn receive(&mut self, now: Instant, room: &mut [u8]) -> Option<usize> {
        let mut len = None;
        opt_out(|| {
            let received = self.0.receive(now);
            len = received.map(|(frame, _)| {
                frame.consume(|frame| {
                    room[..frame.len()].copy_from_slice(frame);
                    frame.len()
                })
            });
        });
        len
    }

    fn send(&mut self, now: Instant, frame: &[u8]) {
        opt_out(|| {
            if let Some(token) = self.0.transmit(now) {
                token.consume(frame.len(), |room| room.copy_from_slice(frame));
            }
        });
    }
}

/// The application: it serves a clip from flash.
struct Camera {
    tracks: [Track<'static>; 1],
}

impl Random for Camera {
    fn random(&mut self) -> u64 {
        7
    }
}

impl Catalog for Camera {
    fn find(&self, url: &Url<'_>) -> Option<u16> {
        url.path_is("clip").then_some(0)
    }

    fn describe(&self, _: u16) -> Presentation<'_> {
        let address_type = AddressType::Ip4;
        Presentation {
            name: "clip",
            session_id: 1,
            version: 1,
            address_type,
            duration: None,
            tracks: &self.tracks,
        }
    }
}

/// Returns a slice of `len` elements that is never freed, as a static.
fn static_slice<T>(len: usize, make: impl Fn() -> T) -> &'static mut [T] {
    let mut all = Vec::with_capacity(len);
    all.extend((0..len).map(|_| make()));
    Box::leak(all.into_boxed_slice())
}

fn interface(device: &mut Device<Plug>, number: u8) -> Box<Interface> {
    let config = Config::new(EthernetAddress([2, 0, 0, 0, 0, number]).into());
    let mut iface = Box::new(Interface::new(config, device, Instant::ZERO));
    iface.update_ip_addrs(|all| all.push(IpCidr::new(IpAddress::v4(10, 0, 0, number), 24)).unwrap());
    iface
}

fn ring(size: RingSize) -> Box<FrameRing<&'static mut [Slot], &'static mut [u8]>> {
    Box::new(FrameRing::new(TRACK, static_slice(size.slots, || Slot::EMPTY), static_slice(size.bytes, || 0)))
}

/// A server in exactly the memory that its resources describe.
struct Served {
    iface: Box<Interface>,
    sockets: Box<SocketSet<'static>>,
    server: Box<Server<'static>>,
    ring: Option<Box<FrameRing<&'static mut [Slot], &'static mut [u8]>>>,
}

impl Served {
    fn new(resources: &ServerResources, device: &mut Device<Plug>) -> Self {
        let iface = interface(device, 1);
        let mut sockets =
            Box::new(SocketSet::new(static_slice(resources.sockets(), || SocketStorage::EMPTY)));
        let mut arena = Arena::new(
            static_slice(resources.bytes(), || 0),
            static_slice(resources.packets(), || PacketMetadata::EMPTY),
        );
        let udp = resources.udp.map(|buffers| arena.udp_pair(&buffers, 6970, &mut sockets));
        let mut connections = Vec::with_capacity(resources.connections);
        connections.extend((0..resources.connections).map(|_| arena.connection(resources, &mut sockets)));
        let connections = Box::leak(connections.into_boxed_slice());
        let server =
            Server::new(RTSP, udp, resources.config, connections, arena.storage(resources), &sockets, 1500)
                .unwrap();
        Self { iface, sockets, server: Box::new(server), ring: resources.ring.map(ring) }
    }
}

/// A client in exactly the memory that its resources describe.
struct Watcher {
    iface: Box<Interface>,
    sockets: Box<SocketSet<'static>>,
    client: Box<Client<'static, &'static str>>,
    ring: Box<FrameRing<&'static mut [Slot], &'static mut [u8]>>,
}

impl Watcher {
    fn new(resources: &ClientResources, device: &mut Device<Plug>) -> Self {
        let iface = interface(device, 2);
        let mut sockets =
            Box::new(SocketSet::new(static_slice(resources.sockets(), || SocketStorage::EMPTY)));
        let mut arena = Arena::new(
            static_slice(resources.bytes(), || 0),
            static_slice(resources.packets(), || PacketMetadata::EMPTY),
        );
        let socket = arena.tcp_socket(resources.tcp, &mut sockets);
        let mut tracks = Vec::with_capacity(resources.pairs());
        if let Some(udp) = resources.udp {
            let pairs = (0..resources.tracks).map(|_| arena.udp_pair(&udp, 5000, &mut sockets));
            tracks.extend(pairs.map(TrackSockets::new));
        }
        let tracks = Box::leak(tracks.into_boxed_slice());
        let now = time::now(Instant::ZERO);
        let storage = arena.bytes(resources.config.storage_len(resources.window));
        let client = Client::new(resources.config, now, URL, 99, storage, socket, tracks).unwrap();
        Self { iface, sockets, client: Box::new(client), ring: ring(resources.ring) }
    }
}

/// Has a client watch a server for an hour of virtual time. Neither allocates memory.
fn run_an_hour(resources: &ServerResources, watching: &ClientResources, clip: &Clip) {
    let network = Network::new(Medium::Ethernet, 1);
    let [mut near, mut far] = [(); 2].map(|()| {
        let port = Network::plug_in(&network, Faults::NONE);
        let capabilities = port.capabilities();
        Device::new(Plug(port), capabilities)
    });

    let mut served = None;
    let taken = measure(|| served = Some(Served::new(resources, &mut near)));
    assert_eq!(taken.bytes_current, resources.ram().total() as i64, "{:?}", resources.ram());
    let mut watcher = None;
    let taken = measure(|| watcher = Some(Watcher::new(watching, &mut far)));
    let ram = watching.ram::<&str>();
    assert_eq!(taken.bytes_current, ram.total() as i64, "{ram:?}");

    let (mut served, mut watcher) = (served.unwrap(), watcher.unwrap());
    let mut camera = Camera { tracks: [clip.track()] };
    let to = (IpAddress::v4(10, 0, 0, 1), RTSP);
    watcher.client.connect(watcher.iface.context(), &mut watcher.sockets, to, 49_999).unwrap();
    watcher.client.conn_mut().play(None);

    let mut at = Instant::ZERO;
    let mut shot = None;
    while at < Instant::ZERO + HOUR {
        let mut wake = None;
        network.borrow_mut().forward(time::from_smoltcp(at));
        let used = measure(|| {
            let live = clip.live(time::from_smoltcp(at));
            if let Some(ring) = served.ring.as_mut().filter(|_| shot < Some(live.newest())) {
                let frame = live.frame(TrackId::default(), live.newest()).unwrap();
                ring.push(&frame).unwrap();
            }
            shot = Some(live.newest());
            served.iface.poll(at, &mut near, &mut served.sockets);
            let store: &dyn FrameStore = match &served.ring {
                Some(ring) => &**ring,
                None => &live,
            };
            let server_at = served.server.poll(
                time::now(at),
                &mut served.sockets,
                &mut CatalogApp { catalog: &mut camera, store },
            );
            watcher.iface.poll(at, &mut far, &mut watcher.sockets);
            let client_at =
                watcher.client.poll(time::now(at), &mut watcher.sockets, &mut *watcher.ring, |_| {});
            let ifaces =
                [served.iface.poll_at(at, &served.sockets), watcher.iface.poll_at(at, &watcher.sockets)];
            let next = time::to_smoltcp(live.next_at());
            wake = [server_at, client_at, Some(next)].into_iter().chain(ifaces).flatten().min();
        });
        assert_eq!(used.count_total, 0, "allocations at {at}");
        let coming = network.borrow().poll_at().map(time::to_smoltcp);
        at = wake.into_iter().chain(coming).min().unwrap().max(at);
    }
    let figures = watcher.client.conn().statistics(0).unwrap();
    let due = HOUR.secs() * u64::from(RATE.0) / 1000;
    assert!(figures.frames_complete.abs_diff(due) < 10, "{due} {figures:?}");
    assert_eq!((figures.frames_damaged, figures.frames_missing), (0, 0));
}

const WATCHING: ClientResources = ClientResources {
    tracks: 1,
    window: 8 * 1600,
    tcp: TcpBuffers { receive: 4096, transmit: 1024 },
    udp: Some(UdpBuffers::to_receive(8, 1472)),
    ring: RingSize { slots: 10, bytes: 60_000 },
    config: client::Config::DEFAULT,
};

fn pattern() -> Clip {
    Clip::pattern(PatternFormat::new(64, 48, RATE).unwrap(), NormaliseOptions::default()).unwrap()
}

#[test]
fn frames_in_flash_and_by_udp() {
    run_an_hour(&SMALL, &WATCHING, &pattern());
}

#[test]
fn frames_in_a_ring_and_interleaved() {
    let ring = Some(RingSize { slots: 4, bytes: 20_000 });
    let resources = ServerResources { connections: 1, udp: None, ring, ..SMALL };
    let watching = ClientResources { udp: None, ..WATCHING };
    run_an_hour(&resources, &watching, &pattern());
}

#[test]
fn many_clients_with_large_buffers() {
    let tcp = TcpBuffers { receive: 777, transmit: 50_001 };
    let ring = Some(RingSize { slots: 3, bytes: 99_999 });
    let udp = Some(UdpBuffers::to_send(33, 1400));
    run_an_hour(&ServerResources { connections: 9, tcp, udp, ring, ..SMALL }, &WATCHING, &pattern());
}
