//! What all connections of an event loop share.
use super::access::Access;
#[cfg(feature = "tls")]
use super::bucket::Bucket;
use super::datagrams::Datagrams;
use super::logins::Logins;
#[cfg(feature = "tls")]
use super::tls::Certificate;
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
    /// From where media may be watched.
    pub(super) access: Arc<Access>,
    /// What clients of TLS are shown.
    #[cfg(feature = "tls")]
    pub(super) certificate: Arc<Certificate>,
    /// What this loop may spend on handshakes.
    #[cfg(feature = "tls")]
    pub(super) handshakes: Bucket,
    /// The address on which the server listens for RTSP.
    #[cfg(feature = "http")]
    pub(super) rtsp: SocketAddr,
    /// Whether the pages are to be had inside TLS.
    #[cfg(feature = "http")]
    pub(super) has_pages: bool,
    #[cfg(feature = "http")]
    pub(super) tunnels: Arc<Tunnels>,
}

#[cfg(feature = "tls")]
impl Shared {
    /// How many handshakes a loop answers at once, and how many a second. One takes 0.2 ms with a key of ECDSA and 1 ms with
    /// one of RSA, in which nobody else is served: so they take a fifth of the loop at most.
    pub(super) const HANDSHAKES: Bucket = Bucket::new(2, 200);
}
