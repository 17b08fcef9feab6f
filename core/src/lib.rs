//! RTSP/RTP video streaming without I/O: the protocol work of a server and of a client, on
//! borrowed bytes, with the time passed in.
//!
//! The way through it: [`time`] and [`frame`] are what everything speaks of; [`wire`] has a view
//! and a representation for each message on the network; [`jpeg`] knows what RFC 2435 can carry;
//! [`media`] finds frames in files and streams; [`server`] and [`client`] are the two ends of a
//! connection.
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)
)]

#[cfg(test)]
extern crate std;

pub mod client;
pub mod codec;
mod emit;
mod fmt;
pub mod frame;
pub mod media;
mod num;
pub mod payload;
mod random;
pub mod rtp;
pub mod rtsp;
pub mod sdp;
pub mod server;
mod storage;
pub mod text;
pub mod time;
