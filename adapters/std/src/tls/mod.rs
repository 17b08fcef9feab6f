//! RTSP inside TLS (`rtsps://`): the certificate of a server, by which certificates a client knows a server, and TLS over
//! sockets that never wait.
//!
//! TLS 1.2 and 1.3 are spoken, by [rustls](rustls).
mod fingerprint;
#[cfg(feature = "server")]
mod identity;
#[cfg(feature = "server")]
mod self_signed;
#[cfg(any(feature = "server", feature = "client"))]
mod session;
#[cfg(feature = "client")]
mod verifier;

pub use fingerprint::{Fingerprint, NotAFingerprint};
#[cfg(feature = "server")]
pub use identity::{Identity, IdentityError, IdentityProblem};
#[cfg(any(feature = "server", feature = "client"))]
pub(crate) use session::Session;
#[cfg(feature = "client")]
pub use verifier::Distrust;
#[cfg(feature = "client")]
pub(crate) use verifier::{Trust, load_store};

use rustls::crypto::CryptoProvider;
use std::sync::{Arc, OnceLock};

/// Returns what computes. It is the same for all connections.
#[cfg(any(feature = "server", feature = "client"))]
fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    Arc::clone(PROVIDER.get_or_init(|| Arc::new(rustls::crypto::ring::default_provider())))
}
