//! Pinhole on a desktop: an RTSP server and a client on ordinary sockets, and the media that a
//! server finds on disk or is fed live.
//!
//! [`media::Library`] holds what is served, [`server::Server`] serves it from one event loop or several.
//! [`client::Client`] plays what a server has, and [`record::Recorder`] writes that to a file.
mod avi;
pub mod client;
mod clock;
pub mod media;
pub mod record;
pub mod server;
mod udp;
mod warm;

pub use clock::Clock;
