//! Pinhole on a desktop: an RTSP server and a client on ordinary sockets, and the media that a
//! server finds on disk or is fed live.
//!
//! [`media::Library`] holds what is served, [`server::Server`] serves it from one event loop or several.
//! [`client::Client`] plays what a server has, and [`record::Recorder`] writes that to a file.
#[cfg(any(feature = "library", feature = "record"))]
// Each of the two needs a part of it.
#[cfg_attr(not(all(feature = "library", feature = "record")), allow(dead_code))]
mod avi;
#[cfg(feature = "client")]
pub mod client;
mod clock;
#[cfg(feature = "library")]
// Live inputs and lookups are the server's.
#[cfg_attr(not(feature = "server"), allow(dead_code))]
pub mod media;
#[cfg(feature = "record")]
pub mod record;
#[cfg(feature = "server")]
pub mod server;
#[cfg(feature = "sockets")]
#[cfg_attr(not(all(feature = "server", feature = "client")), allow(dead_code))]
mod udp;
#[cfg(feature = "server")]
mod warm;

pub use clock::Clock;
