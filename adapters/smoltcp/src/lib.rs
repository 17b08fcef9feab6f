//! Pinhole on smoltcp sockets: an RTSP server and a client without an operating system, without an
//! allocator and without a thread.
//!
//! [`server::Server`] and [`client::Client`] work on sockets of the caller's
//! [`SocketSet`](smoltcp::iface::SocketSet), by their handles. Everything that takes memory is lent:
//! the sockets' buffers, a [`server::Connection`] for each client at once, the storage for requests and
//! replies, the frames. Bytes go from the frame store straight into the sockets' buffers, and from there straight
//! into the frame sink. What the devices, the addresses and the clock are is the caller's business.
//!
//! # The main loop of a camera
//!
//! It serves two clients at once, live, by UDP or interleaved.
//!
//! ```
//! use pinhole::frame::FrameEnd;
//! use pinhole::frame::{FrameRing, Slot};
//! use pinhole::time::MediaTime;
//! use pinhole::rtsp::Url;
//! use pinhole::sdp::{AddressType, Presentation, Track, TrackFormat};
//! use pinhole_smoltcp::memory::{Lender, RingSize, ServerMeans, TcpBuffers, UdpBuffers};
//! use pinhole_smoltcp::server::{Application, CONFIG, Server, Unusable};
//! use pinhole_smoltcp::time;
//! use smoltcp::iface::{Interface, SocketSet, SocketStorage};
//! use smoltcp::phy::Device;
//! use smoltcp::socket::udp::PacketMetadata;
//! use smoltcp::time::Instant;
//!
//! const CLIENTS: usize = 2;
//! const RING: RingSize = RingSize { slots: 4, bytes: 40_000 };
//! const MEANS: ServerMeans = ServerMeans {
//!     connections: CLIENTS,
//!     tcp: TcpBuffers { receive: 1024, transmit: 4096 },
//!     udp: Some(UdpBuffers::to_send(8, 1400)),
//!     ring: Some(RING),
//!     config: CONFIG,
//! };
//! // All that the server and smoltcp take of the board's memory.
//! const { assert!(MEANS.ram().total() <= 96 * 1024) };
//!
//! const TRACKS: [Track; 1] =
//!     [Track { format: TrackFormat::Jpeg { width: 640, height: 480 }, frame_rate: None }];
//!
//! struct Camera {
//!     entropy: fn() -> u64,
//! }
//!
//! impl Application for Camera {
//!     fn random(&mut self) -> u64 {
//!         (self.entropy)()
//!     }
//!
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
//! /// `shot` returns a picture when the sensor has one; `sleep` returns at the time it is given, or
//! /// as soon as the device has a frame or the sensor a picture.
//! fn serve<D: Device>(
//!     device: &mut D,
//!     iface: &mut Interface,
//!     mut camera: Camera,
//!     clock: impl Fn() -> Instant,
//!     mut shot: impl FnMut() -> Option<(&'static [u8], FrameEnd)>,
//!     mut sleep: impl FnMut(Option<Instant>) -> bool,
//! ) -> Result<(), Unusable> {
//!     // On a board these are statics.
//!     let mut bytes = [0; MEANS.bytes()];
//!     let mut packets = [PacketMetadata::EMPTY; MEANS.packets()];
//!     let mut slots = [SocketStorage::EMPTY; MEANS.sockets()];
//!
//!     let mut sockets = SocketSet::new(&mut slots[..]);
//!     let mut lender = Lender::new(&mut bytes, &mut packets);
//!     let pair = MEANS.udp.map(|buffers| lender.udp_pair(&buffers, 6970, &mut sockets));
//!     let mut connections = [(); CLIENTS].map(|()| lender.connection(&MEANS, &mut sockets));
//!     let storage = lender.storage(&MEANS);
//!     let ip_mtu = device.capabilities().ip_mtu();
//!     let mut server =
//!         Server::new(554, pair, MEANS.config, &mut connections, storage, &sockets, ip_mtu)?;
//!
//!     // The newest frames, for all clients.
//!     let mut frames = FrameRing::new([Slot::default(); RING.slots], [0u8; RING.bytes]);
//!     loop {
//!         let at = clock();
//!         if let Some((jpeg, end)) = shot() {
//!             let pts = MediaTime::from_micros(time::from_smoltcp(at).as_micros());
//!             // Refused if it is larger than the ring: it is left out.
//!             let _ = frames.push(pts, jpeg, end);
//!         }
//!         iface.poll(at, device, &mut sockets);
//!         let server_at = server.poll(time::now(at), &mut sockets, &frames, &mut camera);
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
//! # How much memory it takes
//!
//! [`memory::ServerMeans::ram`] says it to the byte, for the target that it is compiled for: for each
//! client at once, a [`server::Connection`] and a TCP socket with its buffers; once, the storage for
//! requests and replies, [`Config::storage_len`] bytes, a pair of UDP sockets with their buffers, and
//! the frames. There is nothing besides, and none of it grows.
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
pub mod server;
pub mod time;
mod udp;

pub use udp::UdpPair;

/// How long a peer may take to complete the opening or the closing of a TCP connection, and to take
/// the last of what is said to it. A socket waits no longer: there may be few.
const PATIENCE: pinhole::time::Duration = pinhole::time::Duration::from_secs(3);
