//! Memory of a server or a client: its size, known at compile time, and the sockets made in it.
//!
//! [`ServerResources`] and [`ClientResources`] describe what a server or a client has: buffers, tracks,
//! connections. Their `bytes()`, `packets()` and `sockets()` are the lengths of the storage that the
//! caller provides, as constants for statics. Their `ram()` is a [`ServerRam`] or a [`ClientRam`], which
//! lists the bytes of each part. All sizes are those of the compilation target.
//!
//! An [`Arena`] allocates the sockets and their buffers from that storage.
mod arena;
mod buffers;
mod client;
mod server;

pub use crate::udp::REPORT;
pub use arena::Arena;
pub use buffers::{PacketBuffer, RingSize, TcpBuffers, UdpBuffers};
pub use client::{ClientRam, ClientResources};
pub use server::{ServerRam, ServerResources};

use smoltcp::iface::{SocketSet, SocketStorage};

/// Bytes of a socket set with room for `sockets` sockets.
const fn sockets_ram(sockets: usize) -> usize {
    size_of::<SocketSet<'_>>() + sockets * size_of::<SocketStorage<'_>>()
}
