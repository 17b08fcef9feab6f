//! RTSP, RTP and RTCP for servers and clients, without I/O, without an allocator and without an operating
//! system.
//!
//! A server or client connection is a state machine. The caller hands in the bytes and datagrams that arrived
//! and the current time, and takes out the bytes and datagrams to send, events, and the time of the next call.
//! Sockets, threads and clocks are the caller's, and so is all memory. The crates `pinhole-std` and
//! `pinhole-smoltcp` connect the state machines to the sockets of an operating system and to those of smoltcp.
//!
//! No input makes this crate panic: `bins/firmware/check.sh` links a program that calls all of it, and fails
//! if a panic is left in it.
//!
//! # Modules
//!
//! Each module knows only those above it in this list.
//!
//! - [`time`] and [`text`]: clocks, durations, and writers of text.
//! - [`frame`]: a frame of a medium; where a sender gets frames ([`frame::FrameStore`]), where a receiver
//!   puts them ([`frame::FrameSink`]), and a ring in memory that is both ([`frame::FrameRing`]).
//! - [`codec`]: what the bytes of a frame are.
//! - [`rtp`] and [`payload`]: a stream of packets without RTSP ([`rtp::Sender`], [`rtp::Receiver`]), and how
//!   packets carry the frames of each codec.
//! - [`auth`]: logins, as challenges and answers of Digest and Basic.
//! - [`sdp`] and [`rtsp`]: session descriptions, messages and header fields.
//! - [`server`] and [`client`]: the two ends of an RTSP connection.
//! - [`media`]: frames in files and byte streams.
//!
//! # Features
//!
//! `client`, `jpeg` and `server` are on by default.
//!
//! - `client` and `server`: the two ends of an RTSP connection. Without them there are still messages,
//!   session descriptions, senders and receivers.
//! - `jpeg`: Motion-JPEG, and files that hold it. Without it, enable another codec.
//! - `auth`: what servers and clients need for logins: [`auth`].
//! - `pcm`: PCM audio, L16 and PCMU ([`codec::Codec`]).
//! - `log`: logs what happens through the crate `log`.
//! - `defmt`: logs through the crate `defmt`, also where `log` is on, and implements `defmt::Format`.
//!
//! # A server
//!
//! It serves one live camera. The loop around it reads from a socket, and sleeps until the time that
//! [`ServerConn::poll_at`](server::ServerConn::poll_at) returns.
//!
//! ```
//! use pinhole::codec::jpeg::TRACK;
//! use pinhole::frame::{FrameRing, Slot};
//! use pinhole::random::Random;
//! use pinhole::rtsp::Url;
//! use pinhole::sdp::{AddressType, Presentation, Track};
//! use pinhole::server::{Catalog, CatalogApp, Config, ServerConn};
//! use pinhole::time::Now;
//!
//! struct Camera {
//!     generator: fn() -> u64,
//! }
//!
//! impl Random for Camera {
//!     fn random(&mut self) -> u64 {
//!         (self.generator)() // of the system or the chip: hard to guess
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
//!             tracks: &[Track { info: TRACK, dimensions: Some((640, 480)), frame_rate: None }],
//!         }
//!     }
//! }
//!
//! // The newest frames, to which the camera pushes its pictures. All clients share them.
//! let frames = FrameRing::new(TRACK, [Slot::EMPTY; 4], [0; 40_000]);
//! // A client has connected.
//! let (now, peer) = (Now::default(), "192.168.69.7:40000".parse().unwrap());
//! let mut conn = ServerConn::new(Config::DEFAULT, now, peer);
//! let mut storage = [0; Config::DEFAULT.storage_len(1024)];
//!
//! // Its first request has arrived.
//! let request = b"DESCRIBE rtsp://192.168.69.2/camera RTSP/1.0\r\nCSeq: 1\r\n\r\n";
//! let mut turn = conn.turn(now, &mut storage);
//! assert_eq!(turn.handle_stream(request), Ok(request.len()));
//! # let generator = || 4;
//! let mut camera = Camera { generator };
//! turn.serve(&mut CatalogApp { catalog: &mut camera, store: &frames });
//!
//! let mut out = [0; 1500];
//! while let Some(chunk) = turn.poll_stream(&frames) {
//!     let len = chunk.write(&mut out);
//!     // Write `out[..len]` to the socket.
//!     assert!(out[..len].starts_with(b"RTSP/1.0 200 OK\r\nCSeq: 1\r\n"));
//! }
//! let wake = conn.poll_at(&frames).earliest(true, true);
//! assert!(wake > Some(now.at));
//! ```
//!
//! # A client
//!
//! It sends requests by itself until the medium plays, and writes frames to a ring.
//!
//! ```
//! use pinhole::client::{ClientConn, Config, Event, TransportChoice};
//! use pinhole::codec::jpeg::TRACK;
//! use pinhole::frame::{FrameRing, Slot};
//! use pinhole::time::Now;
//!
//! let mut frames = FrameRing::new(TRACK, [Slot::EMPTY; 4], [0; 40_000]);
//! let mut config = Config::DEFAULT;
//! // The packets come in the RTSP connection.
//! config.transport = TransportChoice::Tcp;
//! let mut storage = vec![0; config.storage_len(32 * 1500)];
//! let (now, url) = (Now::default(), "rtsp://192.168.69.2/camera");
//! let mut conn = ClientConn::new(config, now, url, 0x5EED, &mut storage[..]).unwrap();
//! conn.play(None);
//!
//! # let sdp = "v=0\r\ns=camera\r\nt=0 0\r\nm=video 0 RTP/AVP 26\r\na=control:track0\r\n";
//! # let kind = "Content-Type: application/sdp\r\nContent-Length";
//! # let described = format!("RTSP/1.0 200 OK\r\nCSeq: 2\r\n{kind}: {}\r\n\r\n{sdp}", sdp.len());
//! # let options = "RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n";
//! # let mut replies = [String::new(), options.into(), described, String::new()].into_iter();
//! # let mut sent = vec![];
//! let mut out = [0; 1500];
//! // Each round does what the time and the server's replies ask for.
//! while let Some(received) = replies.next() {
//!     conn.handle_timeout(now, &mut frames);
//!     conn.handle_stream(now, received.as_bytes(), &mut frames).unwrap();
//!     while let Some(event) = conn.poll_event(now) {
//!         match event {
//!             Event::Described { tracks, .. } => assert_eq!(tracks, 1),
//!             Event::Failed(error) => panic!("{error}"),
//!             _ => {}
//!         }
//!     }
//!     while let Some(chunk) = conn.poll_stream(now) {
//!         let len = chunk.fill(&mut out);
//!         // Write `out[..len]` to the socket, which takes all of it here.
//!         chunk.advance(len);
//!         # sent.push(String::from_utf8_lossy(&out[..len]).split(' ').next().unwrap().to_owned());
//!     }
//! }
//! # assert_eq!(sent, ["OPTIONS", "DESCRIBE", "SETUP"]);
//! ```
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)
)]

#[cfg(test)]
extern crate std;

#[cfg(not(any(feature = "jpeg", feature = "pcm")))]
compile_error!("pinhole carries no codec: enable the feature `jpeg` or `pcm`");

#[cfg(feature = "auth")]
pub mod auth;
#[cfg(feature = "client")]
pub mod client;
pub mod codec;
mod emit;
mod fmt;
pub mod frame;
#[cfg(feature = "jpeg")]
pub mod media;
mod num;
pub mod payload;
pub mod random;
pub mod rtp;
pub mod rtsp;
pub mod sdp;
#[cfg(feature = "server")]
pub mod server;
mod storage;
pub mod text;
pub mod time;
