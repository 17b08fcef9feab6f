//! Pinhole on smoltcp sockets.
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)
)]

pub mod server;
pub mod time;
mod udp;

pub use udp::UdpPair;
