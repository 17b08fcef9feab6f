//! An RTSP server and client on smoltcp sockets: Pinhole without an operating system, an allocator or
//! threads.
//!
//! - [`server::Server`] serves live and recorded media to several clients at once, by UDP or interleaved
//!   in the RTSP connection.
//! - [`client::Client`] receives the media of one server.
//! - [`memory`] computes the memory of a server or a client as constants, and makes the sockets in that
//!   memory.
//! - [`neighbours`] keeps the neighbours that are in use among those that smoltcp remembers.
//! - [`time`] converts between smoltcp's clock and the core's.
//!
//! Server and client work on sockets of the caller's [`SocketSet`](smoltcp::iface::SocketSet), by their
//! handles. The caller provides all memory: the buffers of the sockets, a [`server::Connection`] for each
//! client, the storage for requests and replies, and the frames. Bytes are copied once on their way, from
//! the frame store into the buffer of a socket or from there into the frame sink. The network device,
//! its addresses and the clock are the application's.
//!
//! # Features
//!
//! - `jpeg`, `pcm`: the codecs, of which at least one has to be on.
//! - `medium-ethernet`, `medium-ip`: the media of smoltcp's network devices.
//! - `proto-ipv4`, `proto-ipv6`: the versions of IP.
//! - `log`, `defmt`: log output through the crate of that name. `defmt` is used if both are on.
//!
//! `jpeg`, `medium-ethernet`, `proto-ipv4` and `proto-ipv6` are on by default.
//!
//! # A server: the main loop of a camera
//!
//! It serves live pictures to two clients at once.
//!
//! ```
//! use pinhole::codec::jpeg;
//! use pinhole::frame::{FrameEnd, FramePool, PoolSlot};
//! use pinhole::rtsp::Url;
//! use pinhole::sdp::{AddressType, Presentation, Track};
//! use pinhole::time::Duration;
//! use pinhole_smoltcp::memory::{Arena, PoolSize, ServerResources, TcpBuffers, UdpBuffers};
//! use pinhole_smoltcp::server::{CONFIG, Catalog, CatalogApp, Random, Server, SetupError};
//! use pinhole_smoltcp::time;
//! use smoltcp::iface::{Interface, SocketSet, SocketStorage};
//! use smoltcp::phy::Device;
//! use smoltcp::socket::udp::PacketMetadata;
//! use smoltcp::time::Instant;
//!
//! const CLIENTS: usize = 2;
//! // One is written, one is the newest, and each client may be in the middle of another.
//! const POOL: PoolSize = PoolSize { buffers: 2 + CLIENTS, len: 10_000 };
//! const RESOURCES: ServerResources = ServerResources {
//!     connections: CLIENTS,
//!     tcp: TcpBuffers { receive: 1024, transmit: 4096 },
//!     udp: Some(UdpBuffers::to_send(8, 1400)),
//!     ring: None,
//!     pool: Some(POOL),
//!     config: CONFIG,
//! };
//! // The memory of the server and of smoltcp, checked when the firmware is compiled.
//! const { assert!(RESOURCES.ram().total() <= 96 * 1024) };
//!
//! const TRACKS: [Track<'static>; 1] =
//!     [Track { info: jpeg::TRACK, dimensions: Some((640, 480)), frame_rate: None }];
//!
//! struct Camera {
//!     entropy: fn() -> u64,
//! }
//!
//! impl Random for Camera {
//!     fn random(&mut self) -> u64 {
//!         (self.entropy)()
//!     }
//! }
//!
//! impl Catalog for Camera {
//!     fn find(&self, url: &Url<'_>) -> Option<u16> {
//!         url.path_is("camera").then_some(0)
//!     }
//!
//!     fn describe(&self, _: u16) -> Presentation<'_> {
//!         Presentation {
//!             name: "camera",
//!             session_id: 1,
//!             version: 1,
//!             address_type: AddressType::Ip4,
//!             duration: None,
//!             tracks: &TRACKS,
//!         }
//!     }
//! }
//!
//! /// `shot` returns the sensor's next picture, if there is one. `sleep` waits until the given time, or
//! /// until the network device has a frame or the sensor a picture; it returns whether to go on.
//! fn serve<D: Device>(
//!     device: &mut D,
//!     iface: &mut Interface,
//!     mut camera: Camera,
//!     clock: impl Fn() -> Instant,
//!     mut shot: impl FnMut() -> Option<&'static [u8]>,
//!     mut sleep: impl FnMut(Option<Instant>) -> bool,
//! ) -> Result<(), SetupError> {
//!     // On a board these are statics.
//!     let mut bytes = [0; RESOURCES.bytes()];
//!     let mut packets = [PacketMetadata::EMPTY; RESOURCES.packets()];
//!     let mut slots = [SocketStorage::EMPTY; RESOURCES.sockets()];
//!
//!     let mut sockets = SocketSet::new(&mut slots[..]);
//!     let mut arena = Arena::new(&mut bytes, &mut packets);
//!     let pair = RESOURCES.udp.map(|buffers| arena.udp_pair(&buffers, 6970, &mut sockets));
//!     let mut connections = [(); CLIENTS].map(|()| arena.connection(&RESOURCES, &mut sockets));
//!     let storage = arena.storage(&RESOURCES);
//!     let ip_mtu = device.capabilities().ip_mtu();
//!     let mut server =
//!         Server::new(554, pair, RESOURCES.config, &mut connections, storage, &sockets, ip_mtu)?;
//!
//!     // The newest frames, which all clients share.
//!     let mut frames =
//!         FramePool::new(jpeg::TRACK, [PoolSlot::EMPTY; POOL.buffers], [0u8; POOL.bytes()]);
//!     loop {
//!         let at = clock();
//!         // Here a camera leases a buffer for its sensor's DMA, and commits it when the picture is complete.
//!         if let Some(picture) = shot() {
//!             frames.hold(time::now(at).at, server.wanted());
//!             let ticks = Duration::from_micros(at.total_micros() as u64).to_ticks(jpeg::TRACK.clock_rate);
//!             if let Some(lease) = frames.lease() {
//!                 match frames.buffer_mut(&lease).get_mut(..picture.len()) {
//!                     Some(buffer) => {
//!                         buffer.copy_from_slice(picture);
//!                         frames.commit(lease, ticks, FrameEnd::intra(picture.len(), 0));
//!                     }
//!                     // It is longer than a buffer.
//!                     None => frames.release(lease),
//!                 }
//!             }
//!         }
//!         iface.poll(at, device, &mut sockets);
//!         let mut app = CatalogApp { catalog: &mut camera, store: &frames };
//!         let server_at = server.poll(time::now(at), &mut sockets, &mut app);
//!         let wake = [iface.poll_at(at, &sockets), server_at].into_iter().flatten().min();
//!         if !sleep(wake) {
//!             return Ok(());
//!         }
//!     }
//! }
//! # use smoltcp::phy::{Loopback, Medium};
//! # let mut device = Loopback::new(Medium::Ethernet);
//! # let mac = smoltcp::wire::EthernetAddress([2, 0, 0, 0, 0, 1]);
//! # let config = smoltcp::iface::Config::new(mac.into());
//! # let mut iface = Interface::new(config, &mut device, Instant::ZERO);
//! # let camera = Camera { entropy: || 4 };
//! # let mut turns = 0;
//! # serve(&mut device, &mut iface, camera, || Instant::ZERO, || None, |_| { turns += 1; turns < 3 })
//! #     .unwrap();
//! ```
//!
//! # A client
//!
//! It plays the camera's pictures into a ring, from which the application shows them.
//!
//! ```
//! use pinhole::codec::jpeg;
//! use pinhole::client::{Config, Event, Unusable};
//! use pinhole::frame::{FrameRing, Slot};
//! use pinhole_smoltcp::client::{Client, TrackSockets};
//! use pinhole_smoltcp::memory::{Arena, ClientResources, RingSize, TcpBuffers, UdpBuffers};
//! use pinhole_smoltcp::time;
//! use smoltcp::iface::{Interface, SocketSet, SocketStorage};
//! use smoltcp::phy::Device;
//! use smoltcp::socket::udp::PacketMetadata;
//! use smoltcp::time::Instant;
//! use smoltcp::wire::IpEndpoint;
//!
//! const RING: RingSize = RingSize { slots: 4, bytes: 100_000 };
//! const RESOURCES: ClientResources = ClientResources {
//!     tracks: 1,
//!     window: 8 * 1600,
//!     tcp: TcpBuffers { receive: 4096, transmit: 1024 },
//!     udp: Some(UdpBuffers::to_receive(8, 1472)),
//!     ring: RING,
//!     config: Config::DEFAULT,
//! };
//!
//! /// `show` is called after each poll with the newest frames. `sleep` waits until the given time, or
//! /// until the network device has a frame; it returns whether to go on.
//! fn watch<D: Device>(
//!     device: &mut D,
//!     iface: &mut Interface,
//!     server: IpEndpoint,
//!     random: u64,
//!     clock: impl Fn() -> Instant,
//!     mut show: impl FnMut(&FrameRing<[Slot; RING.slots], [u8; RING.bytes]>),
//!     mut sleep: impl FnMut(Option<Instant>) -> bool,
//! ) -> Result<(), Unusable> {
//!     let mut bytes = [0; RESOURCES.bytes()];
//!     let mut packets = [PacketMetadata::EMPTY; RESOURCES.packets()];
//!     let mut slots = [SocketStorage::EMPTY; RESOURCES.sockets()];
//!
//!     let mut sockets = SocketSet::new(&mut slots[..]);
//!     let mut arena = Arena::new(&mut bytes, &mut packets);
//!     let socket = arena.tcp_socket(RESOURCES.tcp, &mut sockets);
//!     let udp = UdpBuffers::to_receive(8, 1472);
//!     let mut tracks = [TrackSockets::new(arena.udp_pair(&udp, 5000, &mut sockets))];
//!     let storage = arena.client_storage(&RESOURCES);
//!     let url = "rtsp://192.168.69.2/camera";
//!     let now = time::now(clock());
//!     let mut client =
//!         Client::new(RESOURCES.config, now, url, random, storage, socket, &mut tracks)?;
//!     client.connect(iface.context(), &mut sockets, server, 49_999).expect("the socket is new");
//!     client.conn_mut().play(None);
//!
//!     let mut frames = FrameRing::new(jpeg::TRACK, [Slot::EMPTY; RING.slots], [0u8; RING.bytes]);
//!     while !client.is_closed() {
//!         let at = clock();
//!         iface.poll(at, device, &mut sockets);
//!         let client_at = client.poll(time::now(at), &mut sockets, &mut frames, |event| {
//!             if let Event::Failed(_reason) = event {
//!                 // Connect again after a while.
//!             }
//!         });
//!         show(&frames);
//!         let wake = [iface.poll_at(at, &sockets), client_at].into_iter().flatten().min();
//!         if !sleep(wake) {
//!             break;
//!         }
//!     }
//!     Ok(())
//! }
//! # use smoltcp::phy::{Loopback, Medium};
//! # let mut device = Loopback::new(Medium::Ethernet);
//! # let mac = smoltcp::wire::EthernetAddress([2, 0, 0, 0, 0, 1]);
//! # let config = smoltcp::iface::Config::new(mac.into());
//! # let mut iface = Interface::new(config, &mut device, Instant::ZERO);
//! # let own = smoltcp::wire::IpCidr::new(smoltcp::wire::IpAddress::v4(192, 168, 69, 1), 24);
//! # iface.update_ip_addrs(|all| all.push(own).unwrap());
//! # let server = (smoltcp::wire::IpAddress::v4(192, 168, 69, 2), 554).into();
//! # let mut turns = 0;
//! # let turn = |_| { turns += 1; turns < 3 };
//! # watch(&mut device, &mut iface, server, 4, || Instant::ZERO, |_| {}, turn).unwrap();
//! ```
//!
//! # Memory
//!
//! [`memory::ServerResources::ram`] and [`memory::ClientResources::ram`] are exact, for the compilation
//! target. A server has, for each client, a [`server::Connection`] and a TCP socket with its buffers; and
//! once, the storage for requests and replies ([`Config::storage_len`] bytes), two UDP sockets with their
//! buffers, and the frames. Nothing grows at run time.
//!
//! [`Config::storage_len`]: pinhole::server::Config::storage_len
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)
)]

pub mod client;
pub mod memory;
#[cfg(feature = "medium-ethernet")]
pub mod neighbours;
pub mod server;
pub mod time;
mod udp;

pub use udp::UdpPair;

/// Time that a peer has for TCP's closing handshake, and for receiving the last bytes before it. It is short,
/// as sockets may be few.
const TCP_TIMEOUT: pinhole::time::Duration = pinhole::time::Duration::from_secs(3);
/// Time that a client has for TCP's opening handshake with a server. Until then, it keeps others out. smoltcp
/// asks for the address of one neighbour a second: a client whose turn comes next is not answered before that,
/// and one second more is how long it waits before it asks again (RFC 6298, 2.1).
const OPENING_TIMEOUT: pinhole::time::Duration = pinhole::time::Duration::from_secs(2);
