//! RTSP inside TLS (`rtsps://`): the certificate of a server, by which certificates a client knows a server, and TLS over
//! sockets that never wait.
//!
//! TLS 1.2 and 1.3 are spoken, by [rustls].
mod fingerprint;
#[cfg(feature = "server")]
mod identity;
#[cfg(feature = "server")]
mod problem;
#[cfg(any(feature = "server", feature = "client"))]
mod provider;
#[cfg(feature = "server")]
mod self_signed;
#[cfg(any(feature = "server", feature = "client"))]
mod session;
#[cfg(feature = "client")]
mod verifier;

pub use fingerprint::{Fingerprint, NotAFingerprint};
#[cfg(feature = "server")]
pub use identity::Identity;
#[cfg(feature = "server")]
pub use problem::{IdentityError, IdentityProblem};
#[cfg(any(feature = "server", feature = "client"))]
pub(crate) use session::Session;
#[cfg(feature = "client")]
pub use verifier::Distrust;
#[cfg(feature = "client")]
pub(crate) use verifier::Trust;
#[cfg(feature = "pull")]
pub(crate) use verifier::load_store;
