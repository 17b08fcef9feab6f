//! What all connections of an event loop share.
use super::datagrams::Datagrams;
use crate::clock::Clock;
use crate::media::Library;
use pinhole::server::Config;
#[cfg(feature = "http")]
use std::net::SocketAddr;

/// What all connections of a loop share.
pub(super) struct Shared {
    pub(super) clock: Clock,
    pub(super) library: Library,
    pub(super) datagrams: Datagrams,
    pub(super) scratch: Box<[u8]>,
    pub(super) config: Config,
    /// The address on which the server listens for RTSP.
    #[cfg(feature = "http")]
    pub(super) rtsp: SocketAddr,
}
