//! What all connections of an event loop share.
use super::datagrams::Datagrams;
use super::logins::Logins;
#[cfg(feature = "http")]
use super::tunnel::Tunnels;
use crate::clock::Clock;
use crate::media::Library;
use pinhole::server::Config;
#[cfg(feature = "http")]
use std::net::SocketAddr;
use std::sync::Arc;

/// What all connections of a loop share.
pub(super) struct Shared {
    pub(super) clock: Clock,
    pub(super) library: Library,
    pub(super) datagrams: Datagrams,
    pub(super) scratch: Box<[u8]>,
    pub(super) config: Config,
    /// Who may log in; `None` if nobody has to.
    pub(super) logins: Option<Arc<Logins>>,
    /// The address on which the server listens for RTSP.
    #[cfg(feature = "http")]
    pub(super) rtsp: SocketAddr,
    #[cfg(feature = "http")]
    pub(super) tunnels: Arc<Tunnels>,
}
