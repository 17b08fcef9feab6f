//! RTSP servers and clients for desktop systems: [`pinhole`]'s protocol core, bound to sockets, files and
//! threads.
//!
//! # A server
//! A [`Library`](media::Library) holds the media: files, directories, live inputs and test patterns. A
//! [`Server`](server::Server) serves it from one or several event loops.
//! ```no_run
//! # #[cfg(feature = "server")]
//! # fn serve() -> Result<(), Box<dyn std::error::Error>> {
//! use pinhole_std::media::{Library, Playback};
//! use pinhole_std::server::{Options, Server};
//!
//! let mut library = Library::new(Playback::default());
//! library.add_path("video".as_ref());
//! for problem in library.problems() {
//!     eprintln!("{problem}");
//! }
//! let server = Server::bind(&Options::new(([127, 0, 0, 1], 8554).into()), library)?;
//! for medium in server.library().mounted() {
//!     println!("rtsp://{}/{}", server.local_addr(), medium.mount);
//! }
//! server.run(|event| println!("{event:?}"))?;
//! # Ok(())
//! # }
//! ```
//!
//! # A client
//! A [`Client`](client::Client) plays what a server has, and stores the frames in caches, from which the
//! caller reads them. The caller has to call [`Client::turn`](client::Client::turn) in a loop. With the
//! feature `record`, a [`Recorder`](record::Recorder) writes frames to a file.
//! ```no_run
//! # #[cfg(feature = "client")]
//! # fn play() -> Result<(), Box<dyn std::error::Error>> {
//! use pinhole::frame::FrameId;
//! use pinhole_std::client::{Client, Event, Options};
//! use std::time::Duration;
//!
//! let mut client = Client::connect("rtsp://127.0.0.1:8554/bunny288", &Options::default())?;
//! let mut next = FrameId(0);
//! loop {
//!     client.turn(Duration::from_millis(100))?;
//!     while let Ok(frame) = client.frame(0, next) {
//!         println!("frame {}: {} bytes", next.0, frame.data.len());
//!         next = next.next();
//!     }
//!     // Frames that were evicted before they were read are passed over.
//!     next = next.max(client.cached(0).start);
//!     if client.poll_event() == Some(Event::Ended) {
//!         break;
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Features
//! All features but `simulation` are on by default, and none changes what another one does. Leave out those that are not
//! needed with `default-features = false`.
//!
//! | Feature | What it adds |
//! |-|-|
//! | `server` | [`server`]: an RTSP server on sockets; with `library` |
//! | `http` | pages and pictures for browsers from a server, over HTTP, and RTSP over HTTP; with `server` |
//! | `metrics` | an admin port of a server, with its metrics, its health and its sessions; with `http` |
//! | `client` | [`client`]: an RTSP client on sockets, also over HTTP |
//! | `library` | [`media`]: files, directories and live inputs, and files that are prepared ahead of time |
//! | `record` | [`record`]: received frames are written to a file; [`new_file`], as with `library` |
//! | `pattern` | a library's test pattern; with `library` |
//! | `pull` | sources of the network, such as RTSP cameras, as live inputs of a library; with `server` and `client` |
//! | `tls` | [`tls`]: RTSP inside TLS (`rtsps://`), by a server and by a client |
//! | `transcode` | pictures that RTP cannot carry are decoded and encoded anew; with `library` |
//! | `simulation` | `media::simulation`: loaders and servers over a simulated disk with faults, for tests of this repository; with `server` and `transcode` |
#[cfg(feature = "library")]
mod authority;
#[cfg(any(feature = "library", feature = "record"))]
// Each of the two needs a part of it.
#[cfg_attr(not(all(feature = "library", feature = "record")), allow(dead_code))]
mod avi;
#[cfg(feature = "client")]
pub mod client;
mod clock;
#[cfg(feature = "client")]
mod credentials;
#[cfg(feature = "library")]
// Live inputs and lookups are the server's.
#[cfg_attr(not(feature = "server"), allow(dead_code))]
pub mod media;
#[cfg(any(feature = "library", feature = "record"))]
pub mod new_file;
#[cfg(feature = "record")]
pub mod record;
#[cfg(any(feature = "server", feature = "tls"))]
pub mod secret_file;
#[cfg(feature = "server")]
pub mod server;
#[cfg(feature = "tls")]
pub mod tls;
#[cfg(feature = "sockets")]
#[cfg_attr(not(all(feature = "server", feature = "client")), allow(dead_code))]
mod udp;
#[cfg(feature = "server")]
mod wakes;
#[cfg(feature = "library")]
mod warm;

#[cfg(feature = "library")]
pub use authority::Authority;
pub use clock::Clock;
