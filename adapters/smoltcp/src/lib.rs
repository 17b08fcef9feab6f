//! Pinhole on smoltcp sockets.
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)
)]

pub mod client;
pub mod server;
pub mod time;
mod udp;

pub use udp::UdpPair;

/// How long a peer may take to complete the opening or the closing of a TCP connection, and to take
/// the last of what is said to it. A socket waits no longer: there may be few.
const PATIENCE: pinhole::time::Duration = pinhole::time::Duration::from_secs(3);
