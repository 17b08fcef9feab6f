//! Memory of a server or a client: its size, known at compile time, and the sockets made in it.
//!
//! 1. Describe what a server or a client has (buffers, tracks, connections) by [`ServerResources`] or
//!    [`ClientResources`], in a constant.
//! 2. Provide storage of the lengths that the methods `bytes()`, `packets()` and `sockets()` return, for
//!    example in statics.
//! 3. Make the sockets and their buffers by an [`Arena`] over that storage.
//!
//! The method `ram()` returns a [`ServerRam`] or a [`ClientRam`], which lists the bytes of each part. All
//! sizes are those of the compilation target.
mod arena;
mod buffers;
mod client;
mod server;

pub use crate::udp::REPORT;
pub use arena::Arena;
pub use buffers::{PacketBuffer, PoolSize, RingSize, TcpBuffers, UdpBuffers};
pub use client::{ClientRam, ClientResources};
pub use server::{ServerRam, ServerResources};

use smoltcp::iface::{SocketSet, SocketStorage};

/// Bytes of a socket set with room for `sockets` sockets.
const fn sockets_ram(sockets: usize) -> usize {
    size_of::<SocketSet<'_>>() + sockets * size_of::<SocketStorage<'_>>()
}
